"""Hands, switches and senses that misbehave: one action at most, then the named fault."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache, partial

from device.flash import Plug
from device.sound import prompt

from endcall.desk import parts
from endcall_core import call, settings, ticks
from torture.fault import MODEL, Fault, Notes
from torture.flash_desk import Flash, FlashDesk, fresh

SCAN_MS, LOOKS = 1, 5  # as endcall_device.button sets CircuitPython's keypad; a test compares them


class Keypad(parts.Button):
    """The contact as CircuitPython's keypad reports it: looked at every ms, counted up and down to 5."""

    def __init__(self, clock: parts.Clock) -> None:
        super().__init__(clock)
        self._count = -LOOKS
        self._reported = False

    def look(self, is_closed: bool) -> None:
        """One scan."""
        self._count = min(LOOKS, self._count + 1) if is_closed else max(-LOOKS, self._count - 1)
        if abs(self._count) == LOOKS and (self._count > 0) != self._reported:
            self._reported = not self._reported
            if self._reported:
                self.press()
            else:
                self.release()


@cache
def _flash(sense: str, warnings: int = 1) -> Flash:
    return fresh(line__sense=sense, call__min_warn_s=0, call__warnings_required=warnings)


@cache
def _as_delivered(warnings: int) -> Flash:
    """The defaults, but for the number of warnings, and a closing prompt of 3 s, which is a short one."""
    changes = {key.replace(".", "__"): value for key, value in settings.defaults().items()}
    flash = fresh(**(changes | {"call__warnings_required": warnings}))
    FlashDesk(flash).greet().put("closing.wav", prompt(ms=3000, seed=14))
    return flash


def _desk(sense: str = "none", noise: random.Random | None = None, as_delivered: bool = False) -> FlashDesk:
    warnings = noise.choice((0, 1, 2)) if noise else 1
    flash = _as_delivered(warnings) if as_delivered else _flash(sense, warnings)
    desk = FlashDesk(flash.copy(), Plug())
    desk.button = Keypad(desk.clock)
    desk.app.parts.button = desk.button
    return desk


def _actions(desk: FlashDesk) -> list[str]:
    """The states that the call went through, from when this is called."""
    went: list[str] = [desk.state]
    happen = desk.app._happen

    def watched(*args: object) -> None:
        happen(*args)
        if desk.state != went[-1]:
            went.append(desk.state)

    desk.app._happen = watched
    return went


def held_at_boot(number: int, noise: random.Random, notes: Notes) -> str:
    """Closed before the first look, for up to an hour; then released and pressed as usual."""
    desk = _desk(noise=noise)
    desk.button._reported = desk.button._count = LOOKS  # type: ignore[attr-defined]
    desk.button.press()
    went = _actions(desk)
    held_s = noise.choice((1, 9, 11, 60, 3600))
    _pass(desk, held_s * 1000, notes)
    assert set(went) <= {"READY", "FAULT"}
    assert desk.app.call.fault == (call.FAULT_BUTTON_STUCK if held_s > 10 else 0)
    desk.button.release()
    desk.run(300)
    assert desk.state == "READY"
    desk.press(80)
    assert desk.state in ("WARN", "ENFORCE")
    return "no action; over 10 s: fault button_stuck; a press after the release works"


def stuck(number: int, noise: random.Random, notes: Notes) -> str:
    """Pressed at a random moment of a call and not let go for an hour."""
    desk = _desk(noise=noise)
    desk.run(200)
    for _ in range(noise.randrange(4)):
        desk.press(80)
        desk.run(noise.randrange(1, 2500))
    is_releasing = desk.state in ("RELEASE", "CONFIRM")
    breaks = len(desk.line.breaks)
    desk.button.press()
    went = _actions(desk)
    _pass(desk, 3_600_000, notes)
    assert len(desk.line.breaks) <= breaks + (1 if is_releasing else 0), "the line was opened by a stuck button"
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_BUTTON_STUCK)
    desk.button.release()
    desk.run(100)
    assert desk.state == "READY"
    return f"{len(went) - 2 if len(went) > 2 else 0} steps, then fault button_stuck"


def chatter(hz: int, is_random: bool, number: int, noise: random.Random, notes: Notes) -> str:
    """The contact opens and closes for a minute, beginning in READY or in a call."""
    desk = _desk(noise=noise, as_delivered=True)
    desk.run(200)
    if noise.random() < 0.5:
        desk.press(80)
        desk.run(noise.randrange(700))
    breaks = len(desk.line.breaks)
    went = _actions(desk)
    phase, half_ms, share = noise.random(), 500 / hz, noise.uniform(0.4, 0.6)
    for ms in range(60_000):
        if ms % SCAN_MS == 0:
            is_closed = noise.random() < share if is_random else int(ms / half_ms + phase) % 2 == 0
            desk.button.look(is_closed)  # type: ignore[attr-defined]
        if ms % 4 == 0:
            desk.clock.advance(4)
            desk.app.turn()
    began_by_hand = went[0] == "ENFORCE"
    opened = len(desk.line.breaks) - breaks
    needs_warning = desk.app.call.rules["call.warnings_required"] > 0
    notes.figure("faults in a minute", sum(1 for state in went if state == "FAULT"))
    notes.figure("steps of a call in a minute", sum(1 for state in went[1:] if state in ("WARN", "ENFORCE")))
    notes.figure("incidents in a minute", len(desk.incidents()))
    # Without a warning one press ends a call, and contacts that close as long and as often as a finger are no other.
    assert opened == 0 or began_by_hand or (is_random and not needs_warning), "the line was opened by the switch"
    assert opened <= 2
    if not is_random:
        assert sum(1 for state in went[1:] if state in ("WARN", "ENFORCE")) <= 2, "more than the first press"
        assert len(desk.incidents()) <= 1
    desk.button.release()
    _pass(desk, 4_000, notes)
    return f"ends in {desk.state}"


def overflow(number: int, noise: random.Random, notes: Notes) -> str:
    """The event queue is full and edges are lost, at a random moment of a call; the button may be up or down then."""
    desk = _desk()
    desk.run(200)
    for _ in range(noise.randrange(3)):
        desk.press(80)
        desk.run(noise.randrange(1, 1500))
    before = desk.state
    went = _actions(desk)
    desk.button.lose_edges()
    if noise.random() < 0.5:
        desk.button.is_down = False
        desk.button.press()
    desk.run(90)
    desk.button.release()
    desk.run(5)
    expected = {before}
    if before in ("RELEASE", "CONFIRM", "ENFORCE"):
        expected = {"ENFORCE", "RELEASE", "CONFIRM", "RECOVER"}
    if before == "RECOVER":
        expected.add("READY")
    assert set(went) <= expected, f"lost edges did something: {went}"
    desk.run(3000)
    return "lost edges do nothing"


def lying_sense(how: str, number: int, noise: random.Random, notes: Notes) -> str:
    """A whole call with a loop sense that says what it likes."""
    desk = _desk("loop", noise)
    rate = noise.choice((0.01, 0.1, 0.5, 0.9, 0.99))
    looks: dict[str, Callable[[], bool]] = {
        "low": lambda: True,
        "high": lambda: False,
        "flickers": lambda: noise.random() < rate,
    }
    desk.line.loop_current = looks[how]  # type: ignore[method-assign]
    desk.run(noise.randrange(200, 1500))
    for _ in range(8):
        if desk.state in ("READY", "WARN", "WATCH"):
            desk.press(80)
        desk.run(300)
        if desk.state in ("ENFORCE", "FAULT"):
            break
    if desk.state == "ENFORCE":
        for _ in range(4000):
            desk.run(1)
            if desk.state in ("READY", "RECOVER", "FAULT"):
                break
    retries = desk.app.call.rules["release.retries"]
    notes.figure("openings of the line", len(desk.line.breaks))
    assert len(desk.line.breaks) <= 1 + retries
    assert all(one.length_ms <= 91 for one in desk.line.breaks)
    if how == "low":
        assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_NOT_RELEASED)
        return "fault not_released"
    assert desk.state in ("READY", "RECOVER") or desk.app.call.fault == call.FAULT_NOT_RELEASED
    return f"ends in {desk.state}"


def _pass(desk: FlashDesk, ms: int, notes: Notes) -> None:
    """Let time pass in steps of what an idle loop would not notice."""
    end = desk.clock.total_ms + ms
    while desk.clock.total_ms < end:
        left = min(end - desk.clock.total_ms, ticks.diff(desk.app.call.deadline_ms, desk.clock()))
        desk.clock.advance(max(1, min(1000, left)))
        desk.app.turn()


_GROUP = "Hands"
_ONE = "one step at most, then fault button_stuck; the line is not opened"


def _row(name: str, what: str, how: str, expected: str, once: Callable, long: int, short: int) -> Fault:
    return Fault(f"hands: {name}", _GROUP, MODEL, what, how, expected, once, long, short)


_CHATTER = "a minute of it, through CircuitPython's debouncing (1 ms, 5 looks), from READY or from within a call"

FAULTS = [
    _row(
        "held at the start",
        "the button is held when the device starts",
        "for 1 s to an hour",
        "no step; over 10 s fault button_stuck; after its release it works",
        held_at_boot,
        200,
        5,
    ),
    _row("stuck", "the button is stuck", "for an hour, from a random moment of a call", _ONE, stuck, 200, 4),
    _row(
        "chatter",
        "the switch chatters at random",
        f"{_CHATTER}; closed 40 to 60 % of the time, by a coin every ms; 0 to 2 warnings required",
        "the line is not opened by it where a warning is required; where none is, contacts that close as long and as "
        "often as a finger are one, and end a call or two in that minute",
        partial(chatter, 1000, True),
        300,
        2,
    ),
    _row("chatter at 1 kHz", "the switch chatters at 1 kHz", _CHATTER, _ONE, partial(chatter, 1000, False), 100, 1),
    _row("20 presses a second", "twenty presses a second", _CHATTER, _ONE, partial(chatter, 20, False), 200, 2),
    _row("7 presses a second", "seven presses a second", _CHATTER, _ONE, partial(chatter, 7, False), 100, 1),
    _row(
        "queue overflow",
        "the event queue overflows",
        "at a random moment of a call",
        "nothing happens until the next seen release",
        overflow,
        2000,
        20,
    ),
    _row(
        "sense stuck low",
        "the loop sense says that current flows, always",
        "through a whole call",
        "the line is opened once and for each retry, then fault not_released",
        partial(lying_sense, "low"),
        500,
        4,
    ),
    _row(
        "sense stuck high",
        "the loop sense says that no current flows, ever",
        "through a whole call",
        "the line is opened once; no other step",
        partial(lying_sense, "high"),
        500,
        4,
    ),
    _row(
        "sense flickers",
        "the loop sense flickers",
        "at random, through a whole call",
        "the line is opened once and for each retry at most; it ends in a state that fits",
        partial(lying_sense, "flickers"),
        1000,
        6,
    ),
]
