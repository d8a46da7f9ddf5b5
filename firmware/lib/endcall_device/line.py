"""The telephone line: the relay, driven by PIO, and what the senses see."""

from array import array

import rp2pio

from endcall_core import line_program, ticks

from . import pins
from .gpio import input_up, pin
from .line_hold import RENEW_MS, Renewal


class Line:
    """The line relay and the two senses. `clock` gives wrapping milliseconds."""

    def __init__(self, clock):
        self._clock = clock
        self._loop = input_up(pins.LOOP_SENSE)
        self._handset = input_up(pins.HANDSET_SENSE)
        self._word = array("L", [0])
        self._open_until_ms = clock()
        self._is_open = False
        self._renewal = Renewal(self._renew)
        self._machine = rp2pio.StateMachine(
            array("H", line_program.CODE),
            frequency=line_program.FREQUENCY_HZ,
            first_set_pin=pin(pins.LINE_RELAY),
            set_pin_count=1,
            initial_set_pin_state=0,
            initial_set_pin_direction=1,
            out_shift_right=True,
            auto_pull=False,
            wait_for_txstall=False,  # or a write would block for the length of the break
        )
        self.is_ready = True

    def _write(self, word, ms):
        self._word[0] = word
        self._machine.write(self._word)
        self._open_until_ms = ticks.add(self._clock(), ms + 2)
        self._is_open = True

    def _renew(self, word):
        self._write(word, RENEW_MS)

    def flash(self, ms):
        """One break of `ms` milliseconds, 1..1638, timed by the PIO. Returns at once."""
        self._renewal.stop()
        self._write(line_program.word(ms), ms)

    def hold_open(self):
        """Open the line until `close`; it closes by itself 1 s after `turn` was last called."""
        self._renewal.start(self._clock())

    def close(self):
        """Close the line within 0.14 ms, a pass and a third. Harmless when it is closed."""
        self._renewal.stop()
        self._write(0, 0)

    def turn(self, now_ms):
        """Call it in every turn of the loop: renews what `hold_open` began."""
        self._renewal.turn(now_ms)

    def is_open(self, now_ms):
        """Whether our own contact is open, by what was asked of the PIO."""
        if self._is_open and ticks.diff(now_ms, self._open_until_ms) >= 0:
            self._is_open = False
        return self._is_open

    def loop_current(self):
        """Whether loop current flows (a single look; see `endcall_core.loop_sense`)."""
        return not self._loop.value

    def handset_up(self):
        """Whether the handset is up; only meaningful while the line is open."""
        return not self._handset.value
