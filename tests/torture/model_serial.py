"""Hosts that mean harm, or do it: whatever arrives on the data port, nothing moves and the next good request works."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

from device.flash import Plug
from device.host import Host

from endcall_core import messages, version, wire
from torture.fault import MODEL, Fault, Notes
from torture.flash_desk import CLOSING, Flash, FlashDesk, fresh

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "build/torture/corpus"
RUNS = 20_000  # executions of a try

#: As ModemManager asks a port that it takes for a modem.
AT_PROBES = b"AT\r\nAT\r\nAT+GCAP\r\nATI\r\nAT+CPIN?\r\nAT+CGMM\r\n\x00\x78\xf0\x7e~\x00" * 3


@cache
def _flash() -> Flash:
    return fresh()


class _Life:
    """One desk for many tries: whatever came before must not matter."""

    now: _Life | None = None

    def __init__(self) -> None:
        self.desk = FlashDesk(_flash().copy(), Plug())
        self.desk.run(200)
        self.flash = self.desk.flash.copy()


def _life(number: int) -> FlashDesk:
    if _Life.now is None or number % 500 == 0:
        _Life.now = _Life()
    desk = _Life.now.desk
    desk.plug.operations.clear()
    desk.port.connected = True
    desk.port.tx_room = 1 << 20
    desk.run(1)
    return desk


def _unmoved(desk: FlashDesk) -> None:
    """Nothing happened, nothing grew, and a good request is answered."""
    assert _Life.now is not None
    assert desk.line.breaks == []
    assert desk.state == "READY"
    assert desk.restarts == 0
    assert desk.plug.operations == []
    assert desk.flash == _Life.now.flash
    desk.port.host_write(b"\n")
    desk.run(1200)  # a payload that was announced and never came is given up
    desk.port.host_read()
    host = Host(desk, hello=False)
    host.number = 70_000
    assert "ok" in host.ask("hello", protocol=version.PROTOCOL)
    assert host.settings() == desk.app.call.rules
    service = desk.app._service
    assert (service._staged, service._output, desk.app.prompts.upload, service._slots) == ({}, b"", None, None)
    assert desk.port._to_device == b""
    desk.frames.clear()


def _harmful(noise: random.Random) -> bytes:
    """A request that would do something if it got through."""
    chosen = noise.choice(
        (
            {"do": "stage", "values": {"call.warn_s": 99}},
            {"do": "commit"},
            {"do": "prompt_begin", "name": "x.wav", "bytes": len(CLOSING), "sum": wire.crc(CLOSING)},
            {"do": "prompt_end"},
            {"do": "prompt_remove", "name": "other.wav"},
            {"do": "app_begin", "bytes": 5000, "sum": "0" * 64},
            {"do": "app_end"},
            {"do": "restart"},
            {"do": "bootloader"},
            {"do": "test", "part": "relay", "value": 1000},
        )
    )
    return wire.frame({"id": noise.randrange(1, 1000), **chosen})


@cache
def _flips() -> tuple[tuple[bytes, int], ...]:
    """Every one-bit flip of every kind of request, the payload of those that have one included."""
    found = []
    for row in messages.REQUESTS:
        fields = {"int": 1, "text": "closing.wav", "object": {"call.warn_s": 99}}
        request = {"id": 5, "do": row[0], **{name: fields[kind] for name, kind, _ in row[1] if kind in fields}}
        data = wire.frame(request, b"payload!" if any(kind == messages.PAYLOAD for _, kind, _ in row[1]) else None)
        found += [(data, bit) for bit in range(8, 8 * len(data) - 8)]
    return tuple(found)


def flip(number: int, noise: random.Random, notes: Notes) -> str:
    """After a good hello: the changed request is not obeyed."""
    data, bit = _flips()[number * 7919 % len(_flips())]
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    desk = _life(number)
    host = Host(desk)
    host.send(bytes(changed))
    desk.run(1100)
    said = host.received()
    # Its length may be what changed: then its payload is read as lines, and dropped.
    assert all("error" in frame for frame, _ in said), said
    _unmoved(desk)
    notes.figure("kinds of flips there are", len(_flips()))
    return "answered with an error" if said else "dropped"


def garbage(number: int, noise: random.Random, notes: Notes) -> str:
    """After a good hello or without: noise, halves, floods, probes, and requests from before the hello."""
    desk = _life(number)
    if noise.random() < 0.5:
        desk.port.host_write(wire.frame({"id": 1, "do": "hello", "protocol": version.PROTOCOL}))
        desk.run(3)
    kind = noise.choice(("noise", "half frames", "flood", "AT probes", "one byte a second", "announced, never sent"))
    if kind == "noise":
        data = noise.randbytes(noise.randrange(4000))
    elif kind == "half frames":
        parts = [_harmful(noise) for _ in range(noise.randrange(1, 9))]
        data = b"".join(part[: noise.randrange(1, len(part) - 9)] for part in parts)
    elif kind == "flood":
        data = noise.choice((b"\n", b"\xff", b"{", b"\x00", b"[" * 500 + b"\n")) * noise.randrange(1, 20_000)
    elif kind == "AT probes":
        data = AT_PROBES
    elif kind == "one byte a second":
        data = _harmful(noise)[:30]
    else:
        data = b"\n" + wire.line({"id": 3, "do": "prompt_data", "at": 0, "n": noise.choice((1, 1024, 10**9, -1, True))})
    if kind == "one byte a second":
        for byte in data:
            desk.port.host_write(bytes([byte]))
            desk.clock.advance(1000)
            desk.app.turn()
    else:
        desk.port.host_write(data)
        most = 0
        while desk.port._to_device:
            before = len(desk.port._to_device)
            desk.run(1)
            most = max(most, before - len(desk.port._to_device))
        notes.figure("bytes taken in a turn", most)
        assert most <= 1024
    desk.run(5)
    _unmoved(desk)
    return kind


def dropped(number: int, noise: random.Random, notes: Notes) -> str:
    """DTR falls after any byte of an upload or a change of settings, and rises again; the host may never have read."""
    desk = _life(number)
    desk.port.tx_room = noise.choice((0, 10, 1 << 20))
    desk.port.host_write(wire.frame({"id": 1, "do": "hello", "protocol": version.PROTOCOL}))
    talk = wire.frame({"id": 2, "do": "stage", "values": {"call.warn_s": 99}})
    if noise.random() < 0.5:  # nothing of this reaches the flash: less than a sector, and no end
        talk += wire.frame({"id": 4, "do": "app_begin", "bytes": 5000, "sum": "0" * 64})
    talk += wire.frame({"id": 3, "do": "get"})
    desk.port.host_write(talk[: noise.randrange(len(talk))])
    desk.run(noise.randrange(30))
    desk.port.connected = False
    desk.run(noise.randrange(1, 4))
    desk.port._to_device.clear()
    desk.port.host_read()
    desk.port.connected = True
    desk.port.tx_room = 1 << 20
    desk.port.host_write(wire.frame({"id": 6, "do": "commit"}))
    desk.run(10)
    said = [json.loads(line[:-9]) for line in desk.port.host_read().split(b"\n") if line]
    assert [answer.get("error") for answer in said] == ["hello_first"], said
    _unmoved(desk)
    return "what was staged is gone"


def unread(number: int, noise: random.Random, notes: Notes) -> str:
    """A host that asks and never reads; a call goes its way meanwhile."""
    desk = FlashDesk(_flash().copy(), Plug())
    desk.run(200)
    desk.port.connected = True
    desk.port.tx_room = noise.choice((0, 1, 64, 300))
    desk.port.host_write(wire.frame({"id": 1, "do": "hello", "protocol": version.PROTOCOL}))
    for at in range(50):
        desk.port.host_write(
            wire.frame({"id": 2 + at, "do": noise.choice(("get", "status", "log", "prompts")), "after": 0})
        )
    desk.press(60)
    assert desk.state == "WARN"
    desk.run(2000)
    desk.press(60)
    desk.run_until("RECOVER")
    assert [one.length_ms for one in desk.line.breaks] == [90]
    assert len(desk.app._service._output) <= 4096
    notes.figure("bytes kept for a host that does not read", len(desk.app._service._output))
    return "the call goes its way"


def two_hosts(number: int, noise: random.Random, notes: Notes) -> str:
    """Two programs write to one port, pieces of their requests mixed."""
    desk = _life(number)
    streams = [
        wire.frame({"id": 1, "do": "hello", "protocol": version.PROTOCOL})
        + b"".join(wire.frame({"id": at, "do": noise.choice(("get", "status", "prompts"))}) for at in range(2, 9))
        for _ in range(2)
    ]
    mixed = b""
    while any(streams):
        chosen = noise.randrange(2)
        count = noise.randrange(1, 80)
        mixed += streams[chosen][:count]
        streams[chosen] = streams[chosen][count:]
    desk.port.host_write(mixed)
    desk.run(200)
    _unmoved(desk)
    return "nothing moved"


def fuzz(function: str, number: int, noise: random.Random, notes: Notes) -> str:
    """`RUNS` executions by atheris, guided by what they reach; the corpus is kept for the next try."""
    corpus = CORPUS / function
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for at, row in enumerate(messages.REQUESTS):
            fields = {"int": 1, "text": "closing.wav", "object": {"call.warn_s": 50}}
            request = {"id": 5, "do": row[0], **{name: fields[kind] for name, kind, _ in row[1] if kind in fields}}
            data = json.dumps(request).encode() if function == "service" else wire.frame(request, b"1234")
            (corpus / f"request{at}").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "torture.fuzz", function, str(RUNS), str(noise.randrange(1, 1 << 31)), str(corpus)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        cwd=CORPUS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-600:] or done.stdout[-600:]
    notes.figure("inputs in the corpus", len(list(corpus.iterdir())))
    return "no exception"


_GROUP = "Hostile serial"
_EXPECTED = (
    "no state change, no relay, no write, nothing kept; at most four reads of 256 bytes in a turn; the next good "
    "request is answered"
)

FAULTS = [
    Fault(
        "serial: fuzzed frames",
        _GROUP,
        MODEL,
        "any bytes reach the parser of frames",
        "atheris, guided by the code that is reached",
        "no exception, no growth",
        partial(fuzz, "reader"),
        500,
        1,
        per_try=RUNS,
    ),
    Fault(
        "serial: fuzzed requests",
        _GROUP,
        MODEL,
        "any JSON with a CRC that fits reaches the handler of requests",
        "atheris, up to six requests each with a payload, on a device that lives on",
        "no exception; each answer is a frame; the settings in force are always right; only the self-test opens "
        "the line",
        partial(fuzz, "service"),
        180,
        1,
        per_try=RUNS,
    ),
    Fault(
        "serial: one-bit flips",
        _GROUP,
        MODEL,
        "one bit of a request is wrong",
        "each bit of every kind of request, payloads included",
        _EXPECTED,
        flip,
        12_000,
        40,
    ),
    Fault(
        "serial: garbage",
        _GROUP,
        MODEL,
        "noise, half frames, floods, a byte a second, ModemManager's probes, payloads that never come",
        "up to 20,000 bytes at a time, with and without a hello before",
        _EXPECTED,
        garbage,
        20_000,
        60,
    ),
    Fault(
        "serial: lost links",
        _GROUP,
        MODEL,
        "DTR falls and rises at any byte of a conversation",
        "settings are staged and an upload is begun; the host reads all, a little, or nothing",
        "what was staged is gone; a commit on the new link is refused; " + _EXPECTED,
        dropped,
        20_000,
        60,
    ),
    Fault(
        "serial: a host that never reads",
        _GROUP,
        MODEL,
        "a host asks fifty things and reads nothing",
        "through a whole call",
        "the call goes its way, millisecond by millisecond; one answer is kept at most",
        unread,
        300,
        3,
    ),
    Fault(
        "serial: two hosts",
        _GROUP,
        MODEL,
        "two programs write to one port",
        "pieces of their requests are mixed",
        _EXPECTED,
        two_hosts,
        10_000,
        30,
    ),
]
