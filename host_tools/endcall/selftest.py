"""The self-test of a device, step by step, with a person who looks and listens. `endcall selftest` does the talking.

What the device can see by itself is never asked. What nobody looked at is `skipped`, which is not a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from endcall.client import Client
from endcall.errors import EndcallError

PASS, FAIL, SKIPPED = "pass", "FAIL", "skipped"

COLOURS = (("red", 0xFF0000), ("green", 0x00FF00), ("blue", 0x0000FF), ("white", 0xFFFFFF))
PRESS_S = 20.0  # for a press to come
BREAK_MS = 300
POLL_S = 0.03
CLOSE_SLACK_S = 0.3  # more than the break's length that the line may take to be closed again
QUIET_S = 1.0  # for a prompt that is stopped to fade
SOUND_SLACK_S = 3.0  # more than the prompt's length that it may take to be silent again

#: What is at the line socket while testing.
LINES = {
    "nothing": "nothing: only power and USB",
    "phone": "a phone at the button, and the button at a PBX or an ATA, handset up, dial tone",
}


@dataclass(frozen=True)
class Step:
    """One line of the card."""

    name: str
    verdict: str
    says: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "verdict": self.verdict, "says": self.says}


@dataclass(frozen=True)
class Person:
    """Whoever sits in front of the device. `asks` gets a question and returns True, False, or None for "skip";
    `tells` gets what to do."""

    asks: Callable[[str], bool | None]
    tells: Callable[[str], None]


def run(client: Client, person: Person, line: str, alone: bool = False) -> Iterator[Step]:
    """Every step, one after the other. The device is as before when it ends, also by an exception.

    alone: nobody is there, so nothing waits for a press.
    """
    try:
        yield _check(client)
        yield from _ring(client, person)
        yield Step("button", SKIPPED, "nobody was there to press it") if alone else _button(client, person)
        yield _sound(client, person, line)
        yield _relay(client, person, line)
    finally:
        try:
            client.end_test()
        except EndcallError:
            pass  # the device ends it by itself when the link is lost


def _judged(name: str, answer: bool | None, good: str, bad: str) -> Step:
    if answer is None:
        return Step(name, SKIPPED, "nobody looked")
    return Step(name, PASS if answer else FAIL, good if answer else bad)


def _check(client: Client) -> Step:
    found = client.check()
    if found["fault"]:
        return Step("self-check", FAIL, f"fault {found['fault']} {found['name']}: {found['say']}")
    return Step("self-check", PASS, "the closing prompt is there and whole; relay and sound output answer")


def _ring(client: Client, person: Person) -> Iterator[Step]:
    for name, value in COLOURS:
        client.test("ring", value)
        answer = person.asks(f"Is every light of the ring {name}?")
        bad = "check the ring's data and supply wires, then ring.pixels"
        yield _judged(f"ring {name}", answer, "every light", bad)
    client.test("ring", -1)


def _button(client: Client, person: Person) -> Step:
    before = client.test("look")["presses"]
    person.tells(f"Press the button once and let go (within {PRESS_S:g} s). The ring lights while it is down.")
    deadline_s = client.clock() + PRESS_S * client.patience
    while client.clock() < deadline_s:
        seen = client.test("look")
        if seen["presses"] > before and not seen["down"]:
            count = seen["presses"] - before
            if count > 1:
                return Step("button", FAIL, f"{count} presses were seen for one; the contact chatters")
            return Step("button", PASS, "pressed and released")
        client.sleep(POLL_S)
    if client.test("look")["down"]:
        return Step("button", FAIL, "it stays down: it is stuck, or its wires touch")
    return Step("button", FAIL, "no press was seen; check the wires between GP15 and ground")


def _sound(client: Client, person: Person, line: str) -> Step:
    names = {row["name"]: row for row in client.prompts()}
    row = names.get(client.get()["prompt.closing"], {})
    length_s = (row.get("ms") or 0) / 1000
    began_s = client.clock()
    if not client.test("sound", int(line == "phone"))["playing"]:
        return Step("sound", FAIL, "the closing prompt does not start; see the self-check")
    while client.test("look")["playing"]:
        if client.clock() - began_s > (length_s + SOUND_SLACK_S) * client.patience:
            client.test("quiet")
            client.sleep(QUIET_S * client.patience)
            return Step("sound", FAIL, "the prompt does not end")
        client.sleep(POLL_S)
    took_s = client.clock() - began_s
    if took_s < length_s - 0.5:
        return Step("sound", FAIL, f"the prompt of {length_s:.1f} s was over after {took_s:.1f} s")
    if line == "nothing":
        return Step("sound", SKIPPED, f"played for {took_s:.1f} s, not into the line; nobody could hear it")
    answer = person.asks("Did you hear the whole closing sentence in the handset?")
    bad = "check the DAC's wires, its supply, and the coupling relay (GP17)"
    return _judged("sound", answer, "the whole sentence was heard", bad)


def _relay(client: Client, person: Person, line: str) -> Step:
    opens = f"The relay opens the line once now, for {BREAK_MS} ms."
    if line == "nothing":
        person.tells(f"{opens} This is tested before a line is ever connected.")
    else:
        person.tells(f"{opens} A call on this line would hear that, or be cut off.")
    before = client.test("look")
    client.test("relay", BREAK_MS)
    deadline_s = client.clock() + (BREAK_MS / 1000 + CLOSE_SLACK_S) * client.patience
    seen: dict[str, Any] = client.test("look")
    while seen["open"] and client.clock() < deadline_s:
        client.sleep(POLL_S)
        seen = client.test("look")
    client.sleep(POLL_S)  # the sense follows the contact within milliseconds
    seen = seen if seen["open"] else client.test("look")
    if seen["open"]:
        return Step("relay", FAIL, "the line did not close again; unplug the device")
    if before["loop"]:
        if not seen["dropped"]:
            return Step("relay", FAIL, "the loop current did not stop: the contact is welded or bypassed")
        if not seen["loop"]:
            return Step("relay", FAIL, "the loop current did not come back")
        return Step("relay", PASS, f"the loop current stopped for {BREAK_MS} ms and came back")
    if line == "nothing":
        answer = person.asks("Did the relay click twice?")
        return _judged(
            "relay", answer, "it clicked; the contact itself was not seen", "check GP14, the driver, the coil"
        )
    answer = person.asks("Did the dial tone stop for a moment?")
    return _judged("relay", answer, "the line was broken for a moment", "check GP14, the driver, and the line's wires")


def card(name: str, line: str, steps: list[Step]) -> str:
    """The result for the file: a line per step, and what it comes to."""
    width = max(len(step.name) for step in steps)
    lines = [f"  {step.verdict:<8} {step.name:<{width}}  {step.says}" for step in steps]
    count = {verdict: sum(1 for step in steps if step.verdict == verdict) for verdict in (PASS, FAIL, SKIPPED)}
    total = "FAIL" if count[FAIL] else "PASS" if not count[SKIPPED] else "PASS, as far as it was tested"
    head = f"Self-test of {name}; at the line socket: {LINES[line]}"
    return "\n".join([head, *lines, f"{total}: {count[PASS]} passed, {count[FAIL]} failed, {count[SKIPPED]} skipped"])
