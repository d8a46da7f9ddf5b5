"""Power cuts on the chip: at every erase and program of all that writes flash, as CircuitPython really does it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from device.sound import prompt

from endcall.image import FLASH_BLOCK, NVM_OFFSET
from endcall_core import records
from endcall_core.call import Incident
from endcall_core.version import FIRMWARE
from endcall_device.store import SLOTS, SPARE_SLOTS
from torture.chip_desk import (
    TRY_S,
    VALUES,
    Found,
    begun_with,
    drive_is_whole,
    flash_of,
    greeted,
    look,
    never_opened,
    powered_on,
    serving,
)
from torture.fault import CHIP, Fault, Notes

if TYPE_CHECKING:
    from emulator.rig import FlashOp, Pico

BEFORE, BYTES, BITS, AFTER = KINDS = ("before", "torn", "bits", "after")
SPREAD = 7919  # a prime: the first tries are all over the scenario
GIVEN_UP = "given up after three starts, the version before runs"
REALLY_EVERY = 20  # tries: the Pico's power is cut there, too, and must leave what was worked out
TWICE_EVERY = 3  # tries: the second cut is in what comes after the first
NEW_CLOSING = prompt(ms=400, seed=13)
OTHER_UID = "E6616408432A1B2C"


@dataclass(frozen=True)
class Scenario:
    """Something that writes flash.

    start: the flash before it. act: does it, or goes on with it, on a Pico that has just got its power or is in
    service.
    is_in_start: whether it writes while it starts. is_trial: an application is on trial, and is given up after its
    third start.
    """

    start: Callable[[], bytes]
    act: Callable[[Pico], None]
    is_in_start: bool = False
    boot_out_may_change: bool = False
    is_trial: bool = False


# --- what is cut: each may be done again after a cut ---------------------------------------------------------------


def commit(pico: Pico) -> None:
    host = greeted(serving(pico))
    changes = {"call.warn_s": 50, "prompt.closing": "other.wav", "device.name": "Back office"}
    assert "ok" in host.ask("stage", values=changes)
    assert "ok" in host.ask("commit")


def cancel(pico: Pico) -> None:
    """An incident: a limit that is cancelled."""
    serving(pico)
    pico.run(100)  # a button that is down sooner counts as held since the start
    pico.press(80)
    pico.run(180)
    pico.press(VALUES["button.hold_ms"] + 40)
    pico.run(VALUES["button.hold_ms"] + 120)


def upload(pico: Pico) -> None:
    from endcall_core import wire

    host = greeted(serving(pico))
    size = len(NEW_CLOSING)
    assert "ok" in host.ask("prompt_begin", name="closing.wav", bytes=size, sum=wire.crc(NEW_CLOSING))
    for at in range(0, size, wire.PAYLOAD_MAX):
        assert "ok" in host.ask("prompt_data", NEW_CLOSING[at : at + wire.PAYLOAD_MAX], at=at)
    assert "ok" in host.ask("prompt_end")


@cache
def new_application() -> Any:
    """The product's own, with another version."""
    import shutil
    import tempfile
    from pathlib import Path

    from endcall import application
    from endcall.contents import firmware_folder

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "firmware"
        shutil.copytree(firmware_folder(), folder, ignore=shutil.ignore_patterns("__pycache__", "prompts"))
        path = folder / "lib/endcall_core/version.py"
        path.write_text(path.read_text().replace(f'"{FIRMWARE}"', f'"{NEW_VERSION}"'))
        return application.load(folder)


NEW_VERSION = "9.0.0"


def send(pico: Pico) -> None:
    host = greeted(serving(pico))
    made = new_application()
    if host.ask("app")["ok"]["next"] != "factory":
        return
    chunk = host.ask("app_begin", bytes=len(made.content), sum=made.sha256)["ok"]["chunk"]
    for at in range(0, len(made.content), chunk):
        assert "ok" in host.ask("app_data", made.content[at : at + chunk], at=at)
    assert "ok" in host.ask("app_end")


def first_start(pico: Pico) -> None:
    serving(pico)


def confirm(pico: Pico) -> None:
    host = greeted(serving(pico))
    assert "ok" in host.ask("app_confirm")


# --- what the flash holds before -----------------------------------------------------------------------------------


def with_incidents(count: int, flash: bytes) -> bytes:
    """The same flash with so many incidents in its NVM."""
    out = bytearray(flash)
    for number in range(count):
        incident = Incident("resolved", 60, (0,), False, "flash", 0, False)
        record = records.encode_incident(incident, 1, number + 1, 60 * number, 0)
        record[records.MARK_AT] = records.MARK
        at = NVM_OFFSET + number * records.INCIDENT_BYTES
        out[at : at + records.INCIDENT_BYTES] = record
    return bytes(out)


@cache
def nearly_full() -> bytes:
    """One incident more, and the log is moved from the NVM to the journal."""
    return with_incidents(SLOTS - SPARE_SLOTS, flash_of())


def _after(start: Callable[[], bytes], act: Callable[[Pico], None]) -> bytes:
    def scenario(pico: Pico) -> bytes:
        act(pico)
        return pico.flash

    return begun_with(start(), scenario)


@cache
def sent() -> bytes:
    return _after(flash_of, send)


@cache
def on_trial() -> bytes:
    return _after(sent, first_start)


def of_another_chip() -> bytes:
    """An image whose boot_out.txt carries another chip's number than this one's."""
    return flash_of(uid=OTHER_UID)


# --- one cut, and what must hold -------------------------------------------------------------------------------------


@dataclass
class Prepared:
    before: bytes
    operations: list[FlashOp]
    old: Found | None
    new: Found
    after: bytes


@cache
def prepared(scenario: Scenario) -> Prepared:
    """The scenario without a cut."""

    def whole(pico: Pico) -> tuple[list[FlashOp], Found, bytes]:
        scenario.act(pico)
        never_opened(pico)
        operations, after = list(pico.flash_ops), pico.flash
        pico.power_cycle()
        return operations, look(serving(pico)), after

    new_application()  # now, or every copy of this process makes it again
    before = scenario.start()
    old = None if scenario.act is first_start else begun_with(before, lambda pico: look(serving(pico)))
    operations, new, after = begun_with(before, whole)
    assert operations, "this scenario writes nothing"
    return Prepared(before, operations, old or new, new, after)


@cache
def _ready(start: Callable[[], bytes]) -> Pico:
    return serving(powered_on(start()))


def torn_bytes(kind: str, noise: random.Random) -> int:
    """How much of the operation is done; BITS says it by `noise` instead."""
    return {BEFORE: 0, BYTES: noise.randrange(1, 256), BITS: 0, AFTER: FLASH_BLOCK}[kind]


def cut_short(case: Prepared, at: int, kind: str, noise: random.Random) -> bytes:
    """The flash that a cut in operation `at` leaves: those before it as the Pico did them, and a part of it."""
    from emulator.flash import torn

    flash = bytearray(case.before)
    *whole, last = case.operations[: at + 1]
    for op in whole:
        flash[op.address : op.address + op.size] = op.after
    part = slice(last.address, last.address + last.size)
    done = torn_bytes(kind, noise)
    flash[part] = torn(bytes(flash[part]), last.after, done, noise if kind == BITS else None)
    return bytes(flash)


def run_with_cut(flash: bytes | None, scenario: Scenario, at: int, kind: str, noise: random.Random) -> bytes | None:
    """Act on a Pico with this flash (None: the one before) and cut its power at operation `at`.

    Returns the flash then, None if the scenario came to its end.
    """

    def cut(pico: Pico) -> bytes | None:
        from emulator.rig import PowerLost

        pico.power_fails_at(at, torn_bytes(kind, noise), noise if kind == BITS else None)
        try:
            scenario.act(pico)
            pico.run(60)
        except PowerLost:
            never_opened(pico)
            return pico.flash
        never_opened(pico)
        return None

    if flash is None and not scenario.is_in_start:
        return _ready(scenario.start).fork(cut).result(TRY_S)  # its start writes nothing
    return begun_with(flash or scenario.start(), cut)


def cut_once(scenario: Scenario, number: int, noise: random.Random, notes: Notes) -> str:
    """Every operation, the kinds of cut in turn; every third time cut again in the recovery, and then done again.

    What a first cut leaves is worked out from the operations of the run without a cut, which is the same up to there.
    """
    case = prepared(scenario)
    count = len(case.operations)
    notes.figure("operations in the scenario", count)
    at = (number * SPREAD + 1) % count  # the first one, alone in the short form, tears what was just begun
    kind = KINDS[(number + number // count + 1) % len(KINDS)]
    seed = noise.random()
    flash = cut_short(case, at, kind, random.Random(seed))
    if number % REALLY_EVERY == 0:
        really = run_with_cut(None, scenario, at, kind, random.Random(seed))
        assert flash == really, "the Pico leaves something else than was worked out"
    is_twice = number % TWICE_EVERY == TWICE_EVERY - 1
    again = ""
    if is_twice:
        second = run_with_cut(flash, scenario, noise.randrange(count), noise.choice(KINDS), noise)
        if second is not None:
            again = ", cut twice"
            notes.extra = 1
        flash = second or flash

    def judged(pico: Pico) -> str:
        serving(pico)
        found = look(pico)
        seen = judge(scenario, case, found, pico.flash)
        never_opened(pico)
        if is_twice and seen != GIVEN_UP:
            scenario.act(pico)
            pico.run(60)
            done = look(pico)
            assert (done.values, done.prompts) == (case.new.values, case.new.prompts), "done again, it is not as it was"
            never_opened(pico)
        return seen

    return begun_with(flash, judged) + again


def judge(scenario: Scenario, case: Prepared, found: Found, flash: bytes) -> str:
    old = case.old
    assert old is not None
    assert (found.state, found.fault, found.crash) == ("READY", 0, "")
    drive_is_whole(case.before, flash, {"boot_out.txt"} if scenario.boot_out_may_change else None)
    sides = [
        name
        for name, side in (("old", old), ("new", case.new))
        if (found.values, found.prompts) == (side.values, side.prompts)
    ]
    assert sides, "settings and prompts are neither the old nor the new ones"
    is_given_up = scenario.is_trial and found.application == (FIRMWARE, "trusted")
    assert is_given_up or found.application[0] in (old.application[0], case.new.application[0]), found.application
    assert found.incidents == sorted(set(found.incidents)), "incidents are doubled or out of order"
    assert not set(old.incidents) - set(found.incidents), "incidents are lost"
    if is_given_up:
        return GIVEN_UP
    if len(sides) == 1:
        return f"{sides[0]} settings"
    if case.new.application[0] != old.application[0]:
        return "new application" if found.application[0] == case.new.application[0] else "old application"
    if case.new.incidents != old.incidents:
        return "with the incident" if len(found.incidents) > len(old.incidents) else "without the incident"
    return "as before"


_CUT = (
    "the plug is pulled at an erase or program: before it, with its first bytes done, with its bits torn at random, "
    "after it; every third time again, at any operation of a second try"
)
_EXPECT = (
    "settings and prompts old or new, never mixed, never defaults; no incident lost but the one being written; boot "
    "sector, table, root directory and every other file untouched; the line never opened; READY"
)
_GROUP = "Power cuts"

_FIRST_START = Scenario(of_another_chip, first_start, is_in_start=True, boot_out_may_change=True)


def _row(name: str, what: str, scenario: Scenario, long: int, short: int = 0) -> Fault:
    return Fault(f"chip power: {name}", _GROUP, CHIP, what, _CUT, _EXPECT, partial(cut_once, scenario), long, short)


FAULTS = [
    _row("settings", "settings are committed", Scenario(flash_of, commit), 51, 1),
    _row("incident", "an incident is stored", Scenario(flash_of, cancel), 16),
    _row(
        "log", "an incident is stored, and the log moved from the NVM to the journal", Scenario(nearly_full, cancel), 54
    ),
    _row("prompt", "a prompt is replaced", Scenario(flash_of, upload), 90),
    _row("update sent", "an application is sent", Scenario(flash_of, send), 340),
    _row(
        "update tried",
        "the first start of a new application is counted",
        Scenario(sent, first_start, is_in_start=True, is_trial=True),
        34,
    ),
    _row(
        "update confirmed",
        "a new application is confirmed",
        Scenario(on_trial, confirm, is_in_start=True, is_trial=True),
        68,
    ),
    _row("first start", "an image starts for the first time, and boot_out.txt is written", _FIRST_START, 51, 1),
]
