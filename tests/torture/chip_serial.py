"""Hostile serial on the chip: what a port may bring, through TinyUSB and CircuitPython, to the firmware's reader."""

from __future__ import annotations

import contextlib
import os
import random
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING

from endcall_core import wire
from torture.chip_desk import (
    begun_with,
    flash_of,
    greeted,
    never_opened,
    on_a_copy,
    powered_on,
    serving,
)
from torture.chip_line import patched
from torture.fault import CHIP, Fault, Notes

if TYPE_CHECKING:
    from emulator.rig import Pico

TURN = 2
STALL_MS = 50
HEAP_BYTES = 64
GARBAGE = 100_000
SOME = 20_000

TOLD = f"""
import digitalio
_turn = digitalio.DigitalInOut(microcontroller.pin.GPIO{TURN})
_turn.switch_to_output(False)
_level = False
def tell():
    global _level
    _level = not _level
    _turn.value = _level
"""
REQUEST = {"id": 7, "do": "commit"}


@cache
def _desk() -> Pico:
    """In service, told at a pin whenever the loop has turned; a change is staged, so that a commit would write."""
    pico = serving(powered_on(flash_of(code=patched(TOLD, "tell()"))))
    pico.watch(TURN)
    pico.run(300)
    return pico


def _until_taken(pico: Pico, within_ms: float = 20_000) -> None:
    pico.run_until(lambda: not pico.data.unsent, within_ms, "the bytes taken by the Pico")
    pico.run(30)


def garbage(pico: Pico, noise: random.Random) -> None:
    pico.data.write(noise.randbytes(GARBAGE))
    _until_taken(pico)


def long_lines(pico: Pico, noise: random.Random) -> None:
    """Printable garbage, hardly a line feed in it."""
    pico.data.write(bytes(noise.choices(b'{}[]",:0123456789abcdef \\', k=SOME)))
    _until_taken(pico)


def flood(pico: Pico, noise: random.Random) -> None:
    """Good requests without a pause; nobody waits for their answers."""
    for number in range(100):
        pico.data.write(wire.frame({"id": number, "do": noise.choice(("status", "check", "get", "log"))}))
    pico.run(1500)


def half_frames(pico: Pico, noise: random.Random) -> None:
    whole = wire.frame({"id": 1, "do": "prompt_data", "at": 0}, bytes(600))
    for _ in range(40):
        pico.data.write(whole[: noise.randrange(1, len(whole))])
    _until_taken(pico)
    pico.run(1100)  # a payload that pauses for so long is given up


def one_bit(pico: Pico, noise: random.Random) -> None:
    """Every bit of a commit but those of its line feeds, which are no part of what it says."""
    whole = wire.frame(REQUEST)
    begin, end = 8 * 1, 8 * (len(whole) - 1)
    for bit in range(begin, end):
        wrong = bytearray(whole)
        wrong[bit // 8] ^= 1 << bit % 8
        pico.data.write(bytes(wrong))
    _until_taken(pico)


def never_reads(pico: Pico, noise: random.Random) -> None:
    """Requests, and nobody takes the answers; later somebody does."""
    pico.data.stop_reading()
    for number in range(30):
        pico.data.write(wire.frame({"id": number, "do": "get"}))
    pico.run(3000)
    pico.data.resume_reading()
    pico.run(200)


def dtr(pico: Pico, noise: random.Random) -> None:
    """The port is closed and opened again, in the middle of whatever goes on."""
    whole = wire.frame({"id": 1, "do": "hello", "protocol": 1}) + wire.frame({"id": 2, "do": "get"})
    for _ in range(12):
        pico.data.write(whole[: noise.randrange(1, len(whole))])
        pico.run(noise.uniform(0, 15))
        pico.data.set_lines(dtr=False)
        pico.run(noise.uniform(1, 15))
        pico.data.set_lines(dtr=True)
        pico.run(noise.uniform(1, 15))


def slowly(pico: Pico, noise: random.Random) -> None:
    """A byte per second."""
    for byte in wire.frame({"id": 1, "do": "hello", "protocol": 1})[:6]:
        pico.data.write(bytes([byte]))
        pico.run(1000)


def modem(pico: Pico, noise: random.Random) -> None:
    """What ModemManager sends to every port it meets, at several speeds."""
    for baud in (9600, 57600, 115200):
        pico.data.set_baud(baud)
        for probe in (b"AT\r", b"AT+GCAP\r", b"ATI\r", b"AT+CGMI\r", b"\x7e\x00\x78\xf0\x7e", b"ATE0\r\n"):
            pico.data.write(probe)
            pico.run(10)
        pico.data.set_lines(dtr=False)
        pico.run(20)
        pico.data.set_lines(dtr=True)
        pico.run(20)


def two_hosts(pico: Pico, noise: random.Random) -> None:
    """Two programs have the same port open; what they send arrives mixed, in pieces, and each reads some answers."""
    asked = ("status", "check", "get", "log", "prompts")
    left = [bytearray().join(wire.frame({"id": 99, "do": noise.choice(asked)}) for _ in range(40)) for _ in range(2)]
    with pico.data_pty() as path:
        hosts = [os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) for _ in range(2)]
        while any(left):
            one = noise.randrange(2)
            piece = noise.randrange(1, 60)
            os.write(hosts[one], left[one][:piece])
            del left[one][:piece]
            pico.run(noise.uniform(0.2, 5))
            with contextlib.suppress(BlockingIOError):
                os.read(hosts[noise.randrange(2)], noise.randrange(1, 200))
        _until_taken(pico)
        for host in hosts:
            os.close(host)
    pico.run(100)


ATTACKS = {
    garbage: f"{GARBAGE:,} bytes of garbage",
    long_lines: f"{SOME:,} bytes that look like JSON and never end",
    flood: "a hundred good requests without a pause, no answer awaited",
    half_frames: "forty frames and payloads broken off at random",
    one_bit: f"each of the {8 * (len(wire.frame(REQUEST)) - 2)} one-bit flips of a request that writes",
    never_reads: "a host that asks and never reads",
    dtr: "DTR dropped and raised in the middle of requests",
    slowly: "a byte per second",
    modem: "what ModemManager sends to find modems, at three speeds",
    two_hosts: "two programs with the same port open, their requests mixed in pieces",
}


def attacked(attack, number: int, noise: random.Random, notes: Notes) -> str:  # type: ignore[no-untyped-def]
    def scenario(pico: Pico, mine: Notes) -> str:
        host = greeted(pico)
        values = host.ask("get")["payload"]
        free = host.hello()["free_bytes"]
        assert "ok" in host.ask("stage", values={"call.warn_s": 33})  # so that a commit would write
        written, since_ns = len(pico.flash_ops), pico.now_ns
        attack(pico, noise)
        turns = [edge.ns for edge in pico.edges(TURN) if edge.ns >= since_ns]
        stall_ms = max(b - a for a, b in pairwise(turns)) / 1e6
        mine.figure("ms of the longest turn", stall_ms)
        assert stall_ms < STALL_MS
        pico.data.read()
        after = greeted(pico)
        said = after.ask("status")["ok"]
        mine.figure("frames thrown away", said["bad_frames"])
        assert (said["state"], said["fault"], said["relay"], said["practice"]) == ("READY", 0, "closed", False)
        assert after.ask("get")["payload"] == values, "settings have changed"
        assert len(pico.flash_ops) == written, "the flash was written"
        never_opened(pico)
        lost = free - after.hello()["free_bytes"]
        mine.figure("bytes of heap less than before", lost)
        assert lost <= HEAP_BYTES
        return "nothing changed; the next request answered"

    return on_a_copy(_desk(), scenario, notes)


# --- access --------------------------------------------------------------------------------------------------------


def closed(number: int, noise: random.Random, notes: Notes) -> str:
    """`usb.access = "service"`: no port in service, until the button was held at power-up."""
    held_ms = noise.uniform(5400, 9000)
    flash = flash_of(usb__access="service")

    def in_service(pico: Pico) -> tuple[list[str], list[int], bytes]:
        from torture.chip_desk import until_ready

        until_ready(pico)
        pico.run(1500)
        never_opened(pico)
        return [port.name for port in pico.usb.ports], pico.usb.classes, pico.usb.configuration

    def held(pico: Pico) -> tuple[list[str], list[int], str, int]:
        pico.hold_button()
        pico.after(held_ms, pico.release_button)
        pico.run(held_ms)
        pico.run_until(lambda: pico.usb.ready and pico.data.present, 3000, "the data port")
        pico.run(1500)
        found = greeted(pico)
        assert found.ask("status")["ok"]["state"] == "READY"
        never_opened(pico)
        return [p.name for p in pico.usb.ports], pico.usb.classes, found.said["access"], len(pico.flash_ops)

    ports, classes, _ = begun_with(flash, in_service)
    assert (ports, classes) == ([], []), f"in service it offers ports {ports}, interfaces {classes}"
    ports, classes, access, written = begun_with(flash, held)
    assert (ports, access, written) == (["data"], "service window", 0)
    assert set(classes) == {2, 10}, "something else than a serial port: a drive or a keyboard"
    return "no interface at all; a window after the hold"


_GROUP = "Hostile serial"

FAULTS = [
    *(
        Fault(
            f"chip serial: {attack.__name__.replace('_', ' ')}",
            _GROUP,
            CHIP,
            said,
            "over emulated USB into the data port of a device in service; a pin tells every turn of the loop",
            "no state, setting or flash changed, the line closed, the heap as before, no turn over 50 ms; the next "
            "request answered",
            partial(attacked, attack),
            3,
            1 if attack in (half_frames, modem) else 0,
        )
        for attack, said in ATTACKS.items()
    ),
    Fault(
        "chip access: service",
        "Access",
        CHIP,
        "usb.access = service: what a computer finds in service, and after a hold at power-up",
        "the USB descriptors are read; the button is held for 5.4 to 9 s at power-up",
        "in service no interface at all: no port, no drive, no console; after the hold one serial port",
        closed,
        3,
        0,
    ),
]
