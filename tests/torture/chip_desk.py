"""A desk with the emulated Pico: one start per image, a copy of it per try, and what is found there afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from device.sound import prompt

from endcall.image import DRIVE_OFFSET, FLASH_BLOCK, read_drive
from endcall_core import layout, records, settings
from torture.fault import Notes

if TYPE_CHECKING:  # importing it compiles the emulator, and a list of rows needs none
    from emulator.button import Host
    from emulator.rig import Pico

CLOSING, OTHER = prompt(ms=200, seed=11), prompt(ms=220, seed=12)
TRY_S = 900  # of real time, at most

#: As short as they may be, so that a try is quick; no value that a power cut could lose is at its default.
VALUES = {
    "device.name": "Front desk",
    "call.min_warn_s": 0,
    "call.warn_s": 45,
    "call.grace_ms": 0,
    "call.recover_s": 0,
    "button.hold_ms": 500,
    "release.flash_ms": 90,
}
MUTABLE = {path[1:] for path in (*layout.STORE_PATHS, layout.JOURNAL_PATH, *layout.SLOT_PATHS, *layout.APP_PATHS)}
READY_MS = 9000
BEFORE_THE_DRIVE_MS = 180  # CircuitPython 10.2.1 reads nothing of NVM and drive before that; it does at 204 ms


@dataclass
class Found:
    """What a computer is told by a Pico in service, of all that has to outlive a fault."""

    values: dict[str, Any]
    prompts: dict[str, tuple[int, str]]
    incidents: list[int]
    application: tuple[str, str]
    state: str
    fault: int
    crash: str
    free_bytes: int


def set_to(changes: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    values, problems = settings.check_changes(settings.defaults(), VALUES | dict(changes))
    assert not problems, problems
    return values


@cache
def flash_of(uid: str = "", code: str = "", **changes: Any) -> bytes:
    """The flash of a new device with `VALUES` and `changes` (call__warn_s = …); `code` in place of its code.py."""
    from emulator.rig import flash_from_uf2
    from emulator.stock import stock_uf2

    from endcall.image import EMULATOR_UID
    from endcall.image_command import build

    values = set_to(tuple((key.replace("__", "."), value) for key, value in sorted(changes.items())))
    extra = {"code.py": code.encode()} if code else None
    prompts = {"closing.wav": CLOSING, "other.wav": OTHER}
    return bytes(flash_from_uf2(build(stock_uf2(), values, prompts, extra, uid=uid or EMULATOR_UID)))


def powered_on(flash: bytes, quick: bool = True) -> Pico:
    """A Pico with this flash that has just got its power, handset up."""
    from emulator.rig import Pico

    pico = Pico.boot(flash, quick=quick)
    pico.line.lift_handset()
    return pico


@cache
def begun() -> Pico:
    """A Pico that got its power a moment ago and has not looked at its drive yet."""
    pico = powered_on(flash_of())
    pico.run(BEFORE_THE_DRIVE_MS)
    return pico


def begun_with(flash: bytes, scenario: Callable[[Pico], Any]) -> Any:
    """What `scenario` returns of a Pico that gets its power with this flash; on a copy.

    CircuitPython looks at nothing but itself for a fifth of a second, so that part is run once for all
    (tests/emulator/test_torture.py compares).
    """

    def copied(pico: Pico) -> Any:
        pico._mcu.flash[: len(flash)] = flash
        return scenario(pico)

    return begun().fork(copied).result(TRY_S)


def until_ready(pico: Pico, within_ms: float = READY_MS) -> Pico:
    """Wait for the dot of READY. A fault on the ring is told at once, by its number."""
    from emulator import button

    def ready() -> bool:
        number = button.fault_number(pico.ring())
        assert not number, f"fault {number} instead of READY"
        return button.shows_ready(pico.ring())

    pico.run_until(ready, within_ms, "READY on the ring")
    return pico


def serving(pico: Pico) -> Pico:
    """Wait until it is in service and its port open, and has done its housework."""
    until_ready(pico)
    pico.run_until(lambda: pico.usb.ready and pico.data.present, READY_MS, "the data port")
    pico.run(60)
    return pico


@cache
def in_service(code: str = "", **changes: Any) -> Pico:
    return serving(powered_on(flash_of(code=code, **changes)))


def greeted(pico: Pico) -> Host:
    from emulator.button import Host

    host = Host(pico)
    host.said = host.hello()  # type: ignore[attr-defined]
    return host


def look(pico: Pico) -> Found:
    """Ask for all of it."""
    import json

    host = greeted(pico)
    values = json.loads(host.ask("get")["payload"])
    prompts = json.loads(host.ask("prompts")["payload"])
    incidents: list[int] = []
    while True:
        page = host.ask("log", after=incidents[-1] if incidents else 0)
        data = page.get("payload", b"")
        for at in range(0, len(data), records.INCIDENT_BYTES):
            record = records.decode_incident(data[at : at + records.INCIDENT_BYTES])
            assert record, "the log has a damaged record"
            incidents.append(record["sequence"])
        if not page["ok"]["more"]:
            break
    status, app = host.ask("status")["ok"], host.ask("app")["ok"]
    said = host.said  # type: ignore[attr-defined]
    assert not any(entry["problem"] for entry in prompts), prompts
    return Found(
        values,
        {entry["name"]: (entry["bytes"], entry["crc"]) for entry in prompts},
        incidents,
        (said["firmware"], app["state"]),
        status["state"],
        status["fault"],
        said["crash"],
        said["free_bytes"],
    )


def drive_is_whole(before: bytes, after: bytes, but: set[str] | None = None) -> None:
    """Boot sector, table and root directory are as before, and every file that never changes, byte for byte."""
    for block, what in enumerate(("boot sector", "file allocation table", "root directory")):
        at = DRIVE_OFFSET + block * FLASH_BLOCK
        assert but or before[at : at + FLASH_BLOCK] == after[at : at + FLASH_BLOCK], f"the {what} has changed"
    old, new = read_drive(before[DRIVE_OFFSET:]), read_drive(after[DRIVE_OFFSET:])
    assert set(old) == set(new), f"files came or went: {set(old) ^ set(new)}"
    changed = {path for path in old if old[path] != new[path]} - MUTABLE - (but or set())
    assert not changed, f"files have changed: {changed}"


def never_opened(pico: Pico) -> None:
    from emulator.rig import PIN_RELAY

    assert not any(edge.level for edge in pico.edges(PIN_RELAY)), "the line was opened"


def on_a_copy(pico: Pico, scenario: Callable[[Pico, Notes], str], notes: Notes) -> str:
    """Run `scenario` on a copy of `pico`; its figures go into `notes`."""

    def copied(copy: Pico) -> tuple[str, dict[str, float], int]:
        mine = Notes()
        seen = scenario(copy, mine)
        return seen, mine.most, mine.extra

    seen, most, extra = pico.fork(copied).result(TRY_S)
    for name, value in most.items():
        notes.figure(name, value)
    notes.extra += extra
    return seen


def warn(pico: Pico, ms: float = 80) -> None:
    """The first press; a second one counts from now on."""
    from emulator import button

    pico.press(ms)
    pico.run_until(lambda: button.shows_warn(pico.ring()), 2000, "WARN on the ring")
    pico.run(ms)


def enforce(pico: Pico, ms: float = 80) -> None:
    """The second press."""
    pico.press(ms)
    pico.run(ms)


def moment(noise: random.Random, from_ms: float, to_ms: float) -> float:
    return noise.uniform(from_ms, to_ms)
