"""Scripts of a call for the demo: one step per line, `#` begins a comment.

    wait 500ms | wait 5s | wait 2min
    press [200ms]           press the button and let go
    hold [1200ms]           press for longer than button.hold_ms
    button down | button up
    until CONDITION [within 60s]
    expect CONDITION        now, without waiting
    handset up | handset down
    caller calls | caller hangs up
    unplug | plug in        the device's USB plug
    break relay | mend relay | break speaker | mend speaker
    set KEY VALUE           a setting, the value as in TOML
    say TEXT                to whoever watches

A CONDITION is a state (READY, WARN, …, in small letters too), `in call`, `no call`, `ringing`, `dial tone`, `relay
open`, `relay closed`, `handset up`, `handset down`, `prompt playing`, `prompt over`, `power on`, `power off`,
`break 600ms` (the last one that the relay made), or `outcome enforced` (of the last incident record).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from endcall.errors import NotExpectedError, UsageError
from endcall_core import call as machine

from . import exchange
from .rehearsal import BREAKABLE, Rehearsal

PRESS_MS = 200
#: How much longer than `button.hold_ms` a `hold` without a length is.
HOLD_MARGIN_MS = 200
UNTIL_MS = 60_000
#: A press in the first 100 ms after power-up does not count (`endcall_core.call.DEAF_MS`): no script begins so early.
AWAKE_MS = 2 * machine.DEAF_MS

_UNITS_MS = {"ms": 1, "s": 1000, "min": 60_000}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min)")


class ScriptError(UsageError):
    """A step can't be understood. The message names file and line."""


class UnmetError(NotExpectedError):
    """What a step waits for or expects did not come, or what it sets was refused."""


@dataclass(frozen=True)
class Step:
    """One line of a script."""

    where: str  # file:line
    text: str
    verb: str
    ms: int | None = None
    condition: str = ""
    key: str = ""
    value: object = None


class Script:
    """A script that was read. `play(rehearsal)` makes the player."""

    def __init__(self, text: str, name: str = "script") -> None:
        """Read it all. Raises ScriptError for the first line that is no step."""
        self.steps = []
        for number, line in enumerate(text.splitlines(), 1):
            words = re.sub(r"(^|\s)#.*", "", line).strip()
            if words:
                self.steps.append(_read(words, f"{name}:{number}"))

    def play(self, rehearsal: Rehearsal) -> Iterator[None]:
        """An iterator that takes the steps: a millisecond must pass after each `next`. Ends with the script.

        Raises UnmetError when an `until`, `expect` or `set` fails.
        """
        while rehearsal.now_ms < AWAKE_MS:
            yield
        player = _Player(rehearsal)
        for step in self.steps:
            yield from player.take(step)


# --- reading ----------------------------------------------------------------------------------------------


def _milliseconds(text: str, where: str) -> int:
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise ScriptError(f"{where}: {text!r} is no time; write it like 500ms, 1.5s or 2min")
    return round(float(match[1]) * _UNITS_MS[match[2]])


def _condition(text: str, where: str) -> str:
    text = " ".join(text.split())
    if text.upper() in machine.STATES:
        return text.upper()
    if text in _CONDITIONS or (text.startswith("outcome ") and text[8:] in machine.OUTCOMES):
        return text
    if text.startswith("break "):
        return f"break {_milliseconds(text[6:], where)}"
    raise ScriptError(
        f"{where}: {text!r} can't be waited for; there are {', '.join(machine.STATES)}, {', '.join(_CONDITIONS)}, "
        f"break 600ms, and outcome with one of {', '.join(machine.OUTCOMES)}"
    )


def _read(text: str, where: str) -> Step:
    verb, _, rest = text.partition(" ")
    rest = rest.strip()
    if text in _DEEDS:
        return Step(where, text, text)
    if verb == "wait":
        return Step(where, text, verb, ms=_milliseconds(rest, where))
    if verb in ("press", "hold"):
        return Step(where, text, verb, ms=_milliseconds(rest, where) if rest else None)
    if verb == "until":
        what, mark, within = rest.partition(" within ")
        return Step(where, text, verb, _milliseconds(within, where) if mark else UNTIL_MS, _condition(what, where))
    if verb == "expect":
        return Step(where, text, verb, condition=_condition(rest, where))
    if verb == "set":
        return _read_set(rest, where, text)
    if verb == "say":
        return Step(where, text, verb, value=rest)
    raise ScriptError(
        f"{where}: {text!r} is no step; there are wait, press, hold, until, expect, set, say, {', '.join(_DEEDS)}"
    )


def _read_set(rest: str, where: str, text: str) -> Step:
    key, _, value = rest.partition(" ")
    try:
        return Step(where, text, "set", key=key, value=tomllib.loads(f"value = {value}")["value"])
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(
            f'{where}: {value!r} is no value; write set KEY VALUE, with a number, true, false or "a text" in quotes'
        ) from error


# --- playing ----------------------------------------------------------------------------------------------


class _Player:
    def __init__(self, rehearsal: Rehearsal) -> None:
        self._desk = rehearsal

    def _break_ms(self) -> object:
        """The length of the last break that the relay made, or None."""
        event = self._desk.last("break", cause="relay")
        return event["ms"] if event else None

    def _outcome(self) -> object:
        """The outcome of the last incident, or None."""
        event = self._desk.last("incident")
        return event["record"]["outcome"] if event else None  # type: ignore[index]

    def take(self, step: Step) -> Iterator[None]:
        desk = self._desk
        if step.verb in _DEEDS:
            _DEEDS[step.verb](desk)
        elif step.verb == "wait":
            yield from self._wait(step.ms or 0)
        elif step.verb in ("press", "hold"):
            default_ms = PRESS_MS if step.verb == "press" else desk.rules["button.hold_ms"] + HOLD_MARGIN_MS
            desk.press()
            yield from self._wait(default_ms if step.ms is None else step.ms)
            desk.release()
            yield  # the device must see it before the next step looks
        elif step.verb == "until":
            yield from self._until(step)
        elif step.verb == "expect":
            if not self._holds(step.condition):
                raise UnmetError(f"{step.where}: expected {step.condition}, but {self._instead(step.condition)}")
        elif step.verb == "set":
            problems = desk.change({step.key: step.value})
            if problems:
                raise UnmetError(f"{step.where}: {'; '.join(f'{key} {said}' for key, _, said in problems)}")
        else:
            desk.note(str(step.value))

    def _wait(self, ms: int) -> Iterator[None]:
        for _ in range(ms):
            yield

    def _until(self, step: Step) -> Iterator[None]:
        assert step.ms is not None
        for _ in range(step.ms):
            if self._holds(step.condition):
                return
            yield
        if not self._holds(step.condition):
            raise UnmetError(
                f"{step.where}: waited {step.ms / 1000:g} s for {step.condition}, but {self._instead(step.condition)}"
            )

    def _holds(self, condition: str) -> bool:
        if condition in machine.STATES:
            return self._desk.state == condition
        if condition.startswith("outcome "):
            return self._outcome() == condition[8:]
        if condition.startswith("break "):
            return self._break_ms() == int(condition[6:])
        return _CONDITIONS[condition](self._desk)

    def _instead(self, condition: str) -> str:
        desk = self._desk
        if condition.startswith("outcome "):
            return f"the last incident is {self._outcome()}" if self._outcome() else "there is no incident"
        if condition.startswith("break "):
            return (
                "the relay made no break" if self._break_ms() is None else f"the last break took {self._break_ms()} ms"
            )
        words = [f"the call is {desk.state}", f"the line {desk.exchange.phase.replace('_', ' ')}"]
        if not desk.is_powered:
            words.append("the device unplugged")
        elif desk.desk.app.call.fault:
            words.append(f"the fault {machine.FAULTS[desk.desk.app.call.fault][0]}")
        return ", ".join(words)


#: Steps of fixed words, which take no time.
_DEEDS: dict[str, Callable[[Rehearsal], None]] = {
    "button down": Rehearsal.press,
    "button up": Rehearsal.release,
    "handset up": Rehearsal.lift,
    "handset down": Rehearsal.put_down,
    "caller calls": Rehearsal.caller_calls,
    "caller hangs up": Rehearsal.caller_hangs_up,
    "unplug": Rehearsal.unplug,
    "plug in": Rehearsal.plug_in,
}
for _part in BREAKABLE:
    _DEEDS["break " + _part] = lambda desk, part=_part: desk.mend(part, False)  # type: ignore[misc]
    _DEEDS["mend " + _part] = lambda desk, part=_part: desk.mend(part, True)  # type: ignore[misc]

_CONDITIONS: dict[str, Callable[[Rehearsal], bool]] = {
    "in call": lambda desk: desk.exchange.phase == exchange.TALKING,
    "no call": lambda desk: desk.exchange.phase != exchange.TALKING,
    "ringing": lambda desk: desk.exchange.phase == exchange.RINGING,
    "dial tone": lambda desk: desk.exchange.phase == exchange.DIAL_TONE,
    "relay open": lambda desk: desk.desk.line.is_open(0),
    "relay closed": lambda desk: not desk.desk.line.is_open(0),
    "handset up": lambda desk: desk.desk.phone.handset_up,
    "handset down": lambda desk: not desk.desk.phone.handset_up,
    "prompt playing": lambda desk: desk.desk.speaker.is_playing,
    "prompt over": lambda desk: not desk.desk.speaker.is_playing,
    "power on": lambda desk: desk.is_powered,
    "power off": lambda desk: not desk.is_powered,
}
