"""One run of atheris on the parser of frames and the handler of requests, in a process of its own: it never returns.

    python -m torture.fuzz FUNCTION RUNS SEED CORPUS

FUNCTION is `reader` (any bytes) or `service` (frames whose CRC fits, around any JSON, and payloads). libFuzzer ends
with a status other than 0 where anything raises.
"""

from __future__ import annotations

import json
import sys

import atheris

with atheris.instrument_imports(include=["endcall_core", "endcall_device"]):
    from endcall_core import settings, version, wire
    from endcall_device import service as service_module

from device.flash import Plug

from torture.flash_desk import FlashDesk, fresh

_FRAME = wire.FRAME_MAX


def reader(data: bytes) -> None:
    """The frame parser holds no more than its buffers, and stops where it says."""
    found = wire.Reader()
    at, turns = 0, 0
    while at < len(data):
        now = found.take(data, at, len(data))
        assert now > at
        at, turns = now, turns + 1
        assert len(found.payload) == wire.PAYLOAD_MAX
        assert found._filled <= _FRAME
        assert found.frame is None or isinstance(found.frame, dict)


class _Device:
    """A desk that every input meets as the one before left it; now and then a new one."""

    def __init__(self) -> None:
        self.desk = FlashDesk(fresh(), Plug())
        self.desk.run(200)
        self.count = 0
        self.desk.port.connected = True
        self.hello = wire.frame({"id": 1, "do": "hello", "protocol": version.PROTOCOL})

    def take(self, data: bytes) -> None:
        desk = self.desk
        self.count += 1
        desk.port.host_write(self.hello + data)
        for _ in range(12):
            desk.run(1)
        answers = desk.port.host_read()
        if not desk.in_bootloader:
            found = wire.Reader(1 << 14)
            at = 0
            while at < len(answers):
                at = found.take(answers, at, len(answers))
            assert found.bad == 0, "an answer that is no frame"
        assert settings.check_together(desk.app.call.rules) == []
        assert all(settings.check(key, value) is None for key, value in desk.app.call.rules.items())
        assert all(one.length_ms <= 1000 for one in desk.line.breaks), "only the self-test opens the line"
        assert len(desk.app._service._staged) <= 2 * len(settings.SETTINGS)
        desk.frames.clear()
        if self.count % 500 == 0 or desk.in_bootloader or desk.restarts:
            self.__init__()  # type: ignore[misc]


def service(data: bytes) -> None:
    """Pieces of `data`, split at 0xFF, as JSON in good frames; one that JSON does not like goes as it is."""
    global _device
    if _device is None:
        _device = _Device()
    out = b""
    for piece in data.split(b"\xff")[:6]:
        head, _, payload = piece.partition(b"\xfe")
        try:
            request = json.loads(head)
        except (ValueError, RecursionError):
            out += b"\n" + head + b" " + wire.crc(head).encode() + b"\n"
            continue
        if isinstance(request, dict) and payload:
            request |= {"n": len(payload), "crc": wire.crc(payload)}
        text = json.dumps(request).encode()
        out += b"\n" + text + b" " + wire.crc(text).encode() + b"\n" + payload
    _device.take(out)


_device: _Device | None = None
assert service_module

if __name__ == "__main__":
    name, runs, seed, corpus = sys.argv[1:]
    atheris.Setup(
        [
            "fuzz",
            corpus,
            f"-atheris_runs={runs}",
            f"-seed={seed}",
            "-max_len=1600",
            "-print_final_stats=1",
            "-verbosity=0",
        ],
        {"reader": reader, "service": service}[name],
    )
    atheris.Fuzz()
