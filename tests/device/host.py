"""A host that speaks to a desk's data port frame by frame, honestly or not. Time passes on the desk's clock."""

from __future__ import annotations

import json

from endcall.desk.desk import Desk
from endcall_core import version, wire


class Host:
    """`ask` sends a request and returns the answer; `send` and `received` do one half each."""

    def __init__(self, desk: Desk, hello: bool = True) -> None:
        self.desk = desk
        self.number = 0
        self.payload = b""
        self._reader = wire.Reader(16384)
        self._answers: list[tuple[dict, bytes]] = []
        self.plug_in()
        if hello:
            assert "ok" in self.ask("hello", protocol=version.PROTOCOL)

    def plug_in(self) -> None:
        self.desk.port.connected = True
        self.desk.run(1)

    def unplug(self) -> None:
        self.desk.port.connected = False
        self.desk.run(1)
        self.desk.port.host_read()

    def request(self, do: str, payload: bytes | None = None, **fields: object) -> bytes:
        """The bytes of a request, with the next number."""
        self.number += 1
        return wire.frame({"id": self.number, "do": do, **fields}, payload)

    def send(self, data: bytes) -> None:
        self.desk.port.host_write(data)

    def received(self) -> list[tuple[dict, bytes]]:
        """Every answer that came by now, with its payload."""
        data = self.desk.port.host_read()
        at, found = 0, []
        while at < len(data):
            at = self._reader.take(data, at, len(data))
            if self._reader.frame is not None:
                assert self._reader.size >= 0, "the device sent a damaged payload"
                found.append((self._reader.frame, bytes(self._reader.payload[: self._reader.size])))
        assert self._reader.bad == 0, "the device sent something else than frames"
        return found

    def answer(self, within_ms: int = 3000) -> dict:
        """The next answer; its payload is in `payload`. Raises TimeoutError."""
        for _ in range(within_ms):
            self._answers += self.received()
            if self._answers:
                frame, self.payload = self._answers.pop(0)
                return frame
            self.desk.run(1)
        raise TimeoutError(f"no answer within {within_ms} ms")

    def ask(self, do: str, payload: bytes | None = None, **fields: object) -> dict:
        """The whole answer to a request."""
        self.send(self.request(do, payload, **fields))
        answer = self.answer()
        assert answer["id"] == self.number
        return answer

    def ok(self, do: str, payload: bytes | None = None, **fields: object) -> dict:
        """What the request was answered with; it must not be an error."""
        answer = self.ask(do, payload, **fields)
        assert "error" not in answer, answer
        return answer["ok"]

    def error(self, do: str, payload: bytes | None = None, **fields: object) -> str:
        """The code of the error that the request must be answered with."""
        answer = self.ask(do, payload, **fields)
        assert "ok" not in answer, answer
        assert len(answer["say"]) > 12
        return answer["error"]

    def settings(self) -> dict:
        self.ok("get")
        return json.loads(self.payload)

    def put(self, name: str, data: bytes) -> dict:
        """Send a whole prompt; the answer to prompt_end."""
        chunk = self.ok("prompt_begin", name=name, bytes=len(data), sum=wire.crc(data))["chunk"]
        for at in range(0, len(data), chunk):
            self.ok("prompt_data", data[at : at + chunk], at=at)
        return self.ok("prompt_end")
