"""Keeping the line open by renewal: the part of the line relay that needs no hardware."""

from endcall_core import line_program, ticks

RENEW_MS = 1000  # what each renewal asks for: with no further one the line closes by itself after this
RENEW_EVERY_MS = 250


class Renewal:
    """While started, writes a fresh break to the PIO program every 250 ms. `write` takes a FIFO word."""

    def __init__(self, write):
        self._write = write
        self._is_on = False
        self._written_ms = 0

    def start(self, now_ms):
        """Open the line, until `stop`."""
        self._is_on = True
        self._renew(now_ms)

    def stop(self):
        """Renew no more."""
        self._is_on = False

    def turn(self, now_ms):
        """Call it in every turn of the loop."""
        if self._is_on and ticks.diff(now_ms, self._written_ms) >= RENEW_EVERY_MS:
            self._renew(now_ms)

    def _renew(self, now_ms):
        self._written_ms = now_ms
        self._write(line_program.word(RENEW_MS))
