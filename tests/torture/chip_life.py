"""A long life on the chip: hundreds of calls on one start, hundreds of power cycles, and a port that is not there."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from torture.chip_desk import (
    VALUES,
    begun,
    drive_is_whole,
    greeted,
    in_service,
    look,
    never_opened,
    on_a_copy,
    serving,
    set_to,
    until_ready,
)
from torture.fault import CHIP, Fault, Notes

if TYPE_CHECKING:
    from emulator.rig import Pico

CALLS = 25  # of a try
PROMPT_MS = 200
FLASH_MS = VALUES["release.flash_ms"]
SHOWN_MS = 25  # within which a press is acknowledged: design target
PRESS_MS = 80  # a shorter one counts for more
FELT_MS = 160  # until a press is no longer shown

# --- calls ---------------------------------------------------------------------------------------------------------


class _Life:
    """One Pico that is never restarted. `now` goes on from try to try."""

    now: _Life | None = None

    def __init__(self) -> None:
        self.pico = in_service(call__warn_s=5, call__watch_s=0, ring__reduced_motion=True)
        self.first = look(self.pico)
        self.calls = 0
        self.recorded = self.first.incidents[-1] if self.first.incidents else 0
        self.flash = self.pico.flash


def calls(number: int, noise: random.Random, notes: Notes) -> str:
    """Calls one after the other: most are ended, some cancelled, a few resolved by themselves."""
    life = _Life.now if number and _Life.now else None
    if life is None:
        life = _Life.now = _Life()
    ended = len(life.pico.line.breaks())
    expected = 0
    for _ in range(CALLS):
        how = noise.choices((_ended, _cancelled, _resolved), (80, 18, 2))[0]
        expected += how(life.pico, noise, notes)
        life.calls += 1
        life.recorded += 1
        life.pico.run(FELT_MS + noise.uniform(0, 40))
    found = look(life.pico)
    breaks = life.pico.line.breaks()[ended:]
    assert len(breaks) == expected, f"{expected} calls were to be ended, there were {len(breaks)} breaks"
    for one in breaks:
        notes.figure("ms error of a break", abs(one.length_ms - FLASH_MS))
        assert abs(one.length_ms - FLASH_MS) <= 0.1
    assert found.incidents[-1] == life.recorded, "an incident is missing"
    assert found.incidents == list(range(found.incidents[0], life.recorded + 1))
    assert (found.values, found.prompts) == (life.first.values, life.first.prompts)
    assert found.crash == ""
    drive_is_whole(life.flash, life.pico.flash)
    notes.figure("calls on one start", life.calls)
    notes.figure("bytes of heap less than after the start", life.first.free_bytes - found.free_bytes)
    assert found.free_bytes >= life.first.free_bytes - 1024
    return "every transition in its time, every incident kept"


def _shows_limit(pixels) -> bool:  # type: ignore[no-untyped-def]
    """WARN, also while the press is felt and all is a step brighter."""
    return bool(pixels) and all(red > green > blue for red, green, blue in pixels[:12])


def _press_shows(pico, shows, notes: Notes, ms: float = PRESS_MS, what: str = "WARN") -> None:  # type: ignore[no-untyped-def]
    """Press; the step is taken at the latest when the button is released, and shown at once."""
    pico.press(ms)
    before, at_ns = len(pico.frames), pico.now_ns
    pico.run_until(lambda: len(pico.frames) > before, SHOWN_MS, "the press acknowledged")
    notes.figure("ms from a press to its acknowledgement", (pico.frames[before].ns - at_ns) / 1e6)
    pico.run_until(lambda: shows(pico.ring()), ms + 60, what)


def _ended(pico, noise: random.Random, notes: Notes) -> int:  # type: ignore[no-untyped-def]
    _press_shows(pico, _shows_limit, notes)
    pico.run(FELT_MS + noise.uniform(0, 40))
    released_ns = pico.now_ns + PRESS_MS * 1e6
    _press_shows(pico, lambda _: pico.now_ns >= released_ns, notes, what="the button released")
    pico.run_until(lambda: pico.line.is_open, PROMPT_MS + 500, "the line opening after the prompt")
    late_ms = (pico.line.breaks()[-1].start_ns - released_ns) / 1e6 - PROMPT_MS
    notes.figure("ms from the press to the break beyond the prompt's length", late_ms)
    assert 0 <= late_ms <= 350, "the prompt was cut short, or nothing happened after it"
    pico.run_until(lambda: not pico.line.is_open, FLASH_MS + 5, "the line closing")
    until_ready(pico, 300)
    return 1


def _cancelled(pico, noise: random.Random, notes: Notes) -> int:  # type: ignore[no-untyped-def]
    _press_shows(pico, _shows_limit, notes)
    pico.run(FELT_MS + noise.uniform(0, 40))
    hold_ms = VALUES["button.hold_ms"]
    began_ns = pico.now_ns
    pico.press(hold_ms + 30)
    pico.run_until(lambda: not _shows_limit(pico.ring()), hold_ms + 60, "the limit cancelled")
    assert pico.now_ns - began_ns >= hold_ms * 1e6, "cancelled before the button was held long enough"
    until_ready(pico, 300)
    pico.run(60)
    return 0


def _resolved(pico, noise: random.Random, notes: Notes) -> int:  # type: ignore[no-untyped-def]
    _press_shows(pico, _shows_limit, notes)
    began_ns = pico.now_ns
    pico.run(PRESS_MS + 20)
    pico.run_until(lambda: not _shows_limit(pico.ring()), 5200, "WARN ending by itself")
    took_ms = (pico.now_ns - began_ns) / 1e6
    notes.figure("ms that a WARN of 5 s lasted", took_ms)
    assert 4950 <= took_ms <= 5100
    until_ready(pico, 300)
    return 0


# --- power cycles --------------------------------------------------------------------------------------------------

CYCLES = 10  # of a try
LATEST_MS = 1500  # after the power came: READY is shown after 1000


def cycles(number: int, noise: random.Random, notes: Notes) -> str:
    """On and off again and again, mostly within the first second, then on for good."""

    def scenario(pico: Pico, mine: Notes) -> str:
        flash = pico.flash
        for _ in range(CYCLES - 1):
            pico.power_cycle(quick=noise.random() < 0.8)
            pico.run(noise.uniform(0, 250) if noise.random() < 0.7 else noise.uniform(250, LATEST_MS))
        pico.power_cycle(quick=True)
        began_ms = pico.now_ms
        serving(pico)
        mine.figure("ms from the power to READY, without CircuitPython's second of waiting", pico.now_ms - began_ms)
        found = look(pico)
        assert (found.state, found.crash, found.incidents) == ("READY", "", [])
        assert found.values == set_to(())
        assert pico.flash == flash, "the flash has changed"
        assert pico.flash_ops == [], "the flash was written"
        never_opened(pico)
        return "READY; no flash operation"

    return on_a_copy(begun(), scenario, notes)


def practice(number: int, noise: random.Random, notes: Notes) -> str:
    """A whole call of which nothing is recorded."""

    def scenario(pico: Pico, mine: Notes) -> str:
        host = greeted(pico)
        host.ask("practice", on=1)
        written = len(pico.flash_ops)
        pico.run(noise.uniform(100, 200))
        pico.press(80)
        pico.run(FELT_MS)
        pico.press(80)
        pico.run(60)
        pico.run_until(lambda: host.ask("status")["ok"]["state"] == "READY", 3000, "READY again")
        pico.run(1200)  # CircuitPython writes what it holds back after a second
        assert len(pico.flash_ops) == written, "the flash was written"
        never_opened(pico)
        return "no flash operation"

    return on_a_copy(in_service(), scenario, notes)


_GROUP = "A long life"

FAULTS = [
    Fault(
        "chip: calls",
        _GROUP,
        CHIP,
        "call after call on one start",
        "the button is pressed; 80 % of the calls are ended (a prompt of 200 ms, a break of 90 ms), 18 % cancelled, "
        "2 % resolved; every picture, break and incident is looked at",
        "no transition missed, early or late; every break within 0.1 ms; every incident kept; no less free heap",
        calls,
        500 // CALLS,
        0,
        CALLS,
    ),
    Fault(
        "chip: power cycles",
        _GROUP,
        CHIP,
        "the power comes and goes",
        "it is taken away up to 1.5 s after it came, mostly within a quarter of a second; one time in five with "
        "CircuitPython's second of waiting",
        "then READY, no flash operation, settings as they were, the line never opened",
        cycles,
        200 // CYCLES,
        1,
        CYCLES,
    ),
    Fault(
        "chip wear: calls",
        _GROUP,
        CHIP,
        "calls with nothing to record",
        "a call in practice mode, flash operations are counted until a second after it",
        "none",
        practice,
        20,
        0,
    ),
]
