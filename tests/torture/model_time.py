"""The tick counter's wrap, ninety days in service, and the plug pulled again and again."""

from __future__ import annotations

import random
from functools import cache, partial

from device.flash import BITS, TEARS, Plug, PowerCutError

from endcall.desk import parts
from endcall_core import ticks
from torture.fault import MODEL, Fault, Notes
from torture.flash_desk import VALUES, Flash, FlashDesk, fresh
from torture.model_power import kept

DAY_MS = 86_400_000
CALL_EVERY_MS = 600_000
STEP_MS = 1000  # an idle loop is not turned more often here
CALL_STEP_MS = 20  # nor one in a call


@cache
def _flash() -> Flash:
    return fresh(call__warn_s=45, call__watch_s=60)


def _turn(desk: FlashDesk, most_ms: int) -> None:
    """One turn, at the next deadline or `most_ms` later."""
    left = ticks.diff(desk.app.call.deadline_ms, desk.clock())
    desk.clock.advance(max(1, min(most_ms, left)))
    desk.app.turn()


# --- the wrap ------------------------------------------------------------------------------------------------------


def script(start_ms: int) -> list[tuple[int, str]]:
    """When (ms since power-up) each state began, in two calls: one ended, one that runs out."""
    desk = FlashDesk(_flash().copy(), Plug(), parts.Clock(start_ms % ticks.PERIOD))
    went = [(0, desk.state)]
    presses = {300, 3000, 12_000}

    while desk.clock.total_ms < 135_000:
        now = desk.clock.total_ms
        if now in presses:
            desk.button.press()
        if now - 60 in presses:
            desk.button.release()
        is_quiet = now > 16_000 and desk.state in ("READY", "WARN", "WATCH", "RECOVER")
        _turn(desk, 250 if is_quiet else 1)
        if desk.state != went[-1][1]:
            went.append((desk.clock.total_ms, desk.state))
    assert len(desk.incidents()) == 2
    return went


@cache
def _expected() -> tuple[tuple[int, str], ...]:
    return tuple(script(1000))


def wrap(number: int, noise: random.Random, notes: Notes) -> str:
    """The same two calls with a counter that wraps somewhere within them, or starts anywhere."""
    near = noise.choice((ticks.PERIOD, ticks.PERIOD // 2, None))
    start_ms = noise.randrange(ticks.PERIOD) if near is None else near - noise.randrange(135_000)
    went = script(start_ms)
    assert went == list(_expected()), f"started at {start_ms}: {went}"
    assert [state for _, state in went].count("RELEASE") == 1
    return "the same states at the same milliseconds"


# --- ninety days -----------------------------------------------------------------------------------------------------


class _Soak:
    now: _Soak | None = None

    def __init__(self) -> None:
        self.desk = FlashDesk(_flash().copy(), Plug())
        self.desk.run(200)
        self.incidents = 0
        self.values = dict(self.desk.app.store.values)


def soak(number: int, noise: random.Random, notes: Notes) -> str:
    """One day of one device that is never restarted: a call every ten minutes, the next day follows."""
    if number == 0 or _Soak.now is None:
        _Soak.now = _Soak()
    life = _Soak.now
    desk = life.desk
    for _ in range(DAY_MS // CALL_EVERY_MS):
        began = desk.clock.total_ms
        _call(desk, noise, notes)
        life.incidents += 1
        while desk.clock.total_ms < began + CALL_EVERY_MS:
            _turn(desk, min(began + CALL_EVERY_MS - desk.clock.total_ms, 20_000))
            assert desk.state in ("READY", "WARN", "WATCH", "RECOVER")
        assert desk.state == "READY"
        desk.frames.clear()
        desk.sound.clear()
        desk.line.breaks.clear()
    app = desk.app
    assert app.store.values == life.values
    assert (app.log.lost, app._pending) == (0, [])
    assert app.log.sequence == life.incidents
    assert abs(app.uptime_s * 1000 - desk.clock.total_ms) < 2000
    notes.figure("days", desk.clock.total_ms // DAY_MS)
    notes.figure("wraps of the counter", (desk.clock.total_ms + ticks.PERIOD - 65_000) // ticks.PERIOD)
    notes.figure("erases of the flash", desk.plug.erases)
    notes.extra = DAY_MS // CALL_EVERY_MS - 1
    return "each call as the first"


def _call(desk: FlashDesk, noise: random.Random, notes: Notes) -> None:
    """A call that is ended, cancelled, or runs out; every step is neither early nor late."""
    kind = noise.choice(("enforced", "enforced", "cancelled", "resolved"))
    since = desk.clock.total_ms
    _press(desk, 60)
    assert desk.state == "WARN"
    if kind == "cancelled":
        _press(desk, VALUES["button.hold_ms"] + 60)
        assert desk.state == "READY"
    elif kind == "resolved":
        _until(desk, "WATCH", since + 45_000, notes)
        _until(desk, "READY", since + 105_000, notes)
    else:
        _wait(desk, VALUES["call.min_warn_s"] * 1000 + noise.randrange(30_000))
        _press(desk, 60)
        assert desk.state == "ENFORCE"
        while desk.state == "ENFORCE":
            _turn(desk, CALL_STEP_MS)
        assert desk.state == "RELEASE"
        since = desk.clock.total_ms
        _until(desk, "RECOVER", since + VALUES["release.flash_ms"] + 20, notes)
        assert [one.length_ms for one in desk.line.breaks] == [VALUES["release.flash_ms"]]
        _until(desk, "READY", desk.clock.total_ms + 1000, notes)


def _press(desk: FlashDesk, ms: int) -> None:
    desk.button.press()
    desk.app.turn()
    _wait(desk, ms)
    desk.button.release()
    desk.app.turn()


def _wait(desk: FlashDesk, ms: int) -> None:
    end = desk.clock.total_ms + ms
    while desk.clock.total_ms < end:
        _turn(desk, min(CALL_STEP_MS if ms < 1000 else STEP_MS, end - desk.clock.total_ms))


def _until(desk: FlashDesk, state: str, at_ms: int, notes: Notes) -> None:
    """Until `state`, which must begin at `at_ms`."""
    before = desk.state
    while desk.state == before:
        assert desk.clock.total_ms <= at_ms + 20, f"{state} is late"
        _turn(desk, STEP_MS)
    assert desk.state == state
    notes.figure("ms away from when a step was due", abs(desk.clock.total_ms - at_ms))
    assert abs(desk.clock.total_ms - at_ms) <= 2


# --- the plug ---------------------------------------------------------------------------------------------------------


class _Cycles:
    now: _Cycles | None = None

    def __init__(self) -> None:
        self.flash = _flash().copy()


def cycle(number: int, noise: random.Random, notes: Notes) -> str:
    """In the same device's life: it starts, does this and that, and its power is cut, often in its first second."""
    if number == 0 or _Cycles.now is None:
        _Cycles.now = _Cycles()
    flash = _Cycles.now.flash
    plug = Plug(noise.randrange(60), noise.choice((*TEARS, BITS)), noise)
    before = kept(FlashDesk(flash.copy()))
    try:
        desk = FlashDesk(flash, plug)
        for _ in range(noise.choice((0, 0, 1, 2, 4))):
            desk.run(noise.randrange(1, 400))
            kind = noise.randrange(4)
            if kind == 0:
                host = desk.greet()
                if "ok" in host.ask("stage", values={"call.warn_s": 45 + noise.randrange(5)}):
                    host.ask("commit")
            elif kind == 1:
                desk.press(60)
            elif kind == 2:
                desk.press(600)
            else:
                desk.greet().ask("status")
        cut = "at a random moment"
    except PowerCutError:
        cut = "in the middle of a flash operation"
    desk = FlashDesk(flash)
    assert not desk.line._is_open()
    desk.run(150)
    assert (desk.state, desk.app.call.fault) == ("READY", 0)
    after = kept(desk)
    changed = {key for key in after.values if after.values[key] != before.values[key]}
    assert changed <= {"call.warn_s"}
    assert 45 <= after.values["call.warn_s"] < 50
    assert after.prompts == before.prompts
    oldest = after.incidents[0] if after.incidents else 0
    assert {one for one in before.incidents if one >= oldest} <= set(after.incidents)
    assert list(after.incidents) == sorted(set(after.incidents))
    notes.figure("incidents kept", len(after.incidents))
    return cut


_GROUP = "Time and endurance"

FAULTS = [
    Fault(
        "time: wrap",
        _GROUP,
        MODEL,
        "the tick counter wraps, or is at half its range, or anywhere",
        "two whole calls, with the counter at a random place before the wrap, the half, or anywhere at the start",
        "the same states at the same milliseconds as without",
        wrap,
        2_000,
        6,
    ),
    Fault(
        "time: 90 days",
        _GROUP,
        MODEL,
        "ninety days without a restart, a call every ten minutes",
        "on a clock that is moved by hand; calls that are ended, cancelled, or run out",
        "no step early or late by more than 2 ms, every incident kept, no setting moved, uptime true to a second",
        soak,
        90,
        1,
    ),
    Fault(
        "time: power cycles",
        _GROUP,
        MODEL,
        "the power is cut again and again",
        "one device's life: it starts, is pressed, set and asked, and the plug is pulled within seconds, often at once "
        "or in a flash operation",
        "READY after each start, the line closed, settings old or new, no incident lost but the one being written",
        partial(cycle),
        100_000,
        300,
    ),
]
