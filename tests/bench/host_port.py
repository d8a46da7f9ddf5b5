"""A computer on the data port that loses no time: the next request leaves in the instant an answer arrives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.rig import Pico

from endcall_core import version, wire


class EagerHost:
    """Sends what `requests` yields, one after the other, without a pause; goes on while the Pico runs.

    `answers` counts them; `is_done` when there was nothing more to send.
    """

    def __init__(self, pico: Pico) -> None:
        self._pico = pico
        self._reader = wire.Reader(4096)
        self._number = 0
        self._next: Callable[[], tuple[str, bytes | None, dict] | None] = lambda: None
        self.answers = 0
        self.is_done = True
        self.began_ns = self.ended_ns = 0.0
        self.last: dict[str, Any] = {}
        pico.data.on_receive = self._received

    def go(self, following: Callable[[], tuple[str, bytes | None, dict] | None]) -> None:
        """Begin; `following()` is the next request (name, payload, fields), None at the end."""
        self._next = following
        self.answers = 0
        self.is_done = False
        self.began_ns = self._pico.now_ns
        self._send()

    def run(self, requests: list[tuple[str, bytes | None, dict]], within_ms: float = 20_000) -> float:
        """Ask all of them; returns the ms it took."""
        waiting = iter(requests)
        self.go(lambda: next(waiting, None))
        self._pico.run_until(lambda: self.is_done, within_ms, "the last answer")
        return (self.ended_ns - self.began_ns) / 1e6

    def hello(self) -> dict[str, Any]:
        """Open the conversation; returns what the device said."""
        self.run([("hello", None, {"protocol": version.PROTOCOL})])
        return self.last["ok"]

    def _send(self) -> None:
        request = self._next()
        if request is None:
            self.is_done = True
            self.ended_ns = self._pico.now_ns
            return
        do, payload, fields = request
        self._number += 1
        self._pico.data.write(wire.frame({"id": self._number, "do": do, **fields}, payload))

    def _received(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            at = self._reader.take(data, at, len(data))
            if self._reader.frame is not None and self._reader.frame["id"] == self._number:
                self.last = self._reader.frame
                self.answers += 1
                self._send()


def upload(name: str, content: bytes, chunk: int = wire.PAYLOAD_MAX) -> list[tuple[str, bytes | None, dict]]:
    """The requests that store a prompt."""
    begin = ("prompt_begin", None, {"name": name, "bytes": len(content), "sum": wire.crc(content)})
    pieces = [("prompt_data", content[at : at + chunk], {"at": at}) for at in range(0, len(content), chunk)]
    return [begin, *pieces, ("prompt_end", None, {})]
