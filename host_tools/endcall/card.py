"""The desk card: one A5 page that shows what each light means and what to say, drawn from `endcall_core.ring`.

One page as SVG or PDF (`endcall.card_sheet`; needs the extra `card`). The rings are the pixels that the firmware would
show under the given settings, so a card can't say something else than the button does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from endcall import sentences
from endcall.errors import UsageError
from endcall_core import call as machine
from endcall_core import ring

if TYPE_CHECKING:
    from endcall.card_sheet import Sheet

WORDS = Path(__file__).with_name("card_words.toml")
EXAMPLE_FAULT = machine.FAULT_PROMPT_MISSING


@cache
def words() -> dict[str, dict[str, str]]:
    """What the card says, by language and place."""
    return tomllib.loads(WORDS.read_text(encoding="utf-8"))


class Moment(NamedTuple):
    """A state as it looks at one moment."""

    name: str
    call: machine.Call
    now_ms: int


def moments(rules: dict[str, Any]) -> Iterator[Moment]:
    """A whole call under `rules`, lived through by the real state machine; one picture per row of the card."""
    rules = rules | {"ring.brightness_pct": 100, "ring.current_limit_ma": 1500, "line.sense": "none"}
    now_ms = 0
    call, _ = machine.start(rules, now_ms)
    call, _ = machine.step(call, machine.CHECK_PASSED, now_ms)
    now_ms += 60_000
    yield Moment("ready", call, now_ms)
    fault, _ = machine.step(call, machine.BUTTON_DOWN, now_ms)
    fault, _ = machine.step(fault, machine.CHECK_FAILED, now_ms, EXAMPLE_FAULT)
    fault, _ = machine.step(fault, machine.BUTTON_UP, now_ms + 100)
    call = _press(call, now_ms)
    for _ in range(max(0, rules["call.warnings_required"] - 1)):
        now_ms += rules["call.min_warn_s"] * 1000 + 200
        call = _press(call, now_ms)
    now_ms = call.since_ms
    # When the other half has filled by about two thirds, at the brightest moment of a breath.
    look_ms = rules["call.min_warn_s"] * 2000 // 3
    if look_ms > ring.BREATHE_MS // 2:
        look_ms -= (look_ms - ring.BREATHE_MS // 2) % ring.BREATHE_MS
    if call.state == machine.WARN:
        yield Moment("warn", call, now_ms + look_ms)
        if rules["call.watch_s"]:
            now_ms += rules["call.warn_s"] * 1000
            call, _ = machine.step(call, machine.TIME, now_ms)
            yield Moment("watch", call, now_ms + rules["call.watch_s"] * 1000 // 4)
        now_ms += rules["call.min_warn_s"] * 1000 + 100
        call = _press(call, now_ms)
    call, _ = machine.step(call, machine.PROMPT_STARTED, now_ms, 5000)
    yield Moment("enforce", call, now_ms + 1500)
    now_ms += 5000
    call, _ = machine.step(call, machine.PROMPT_DONE, now_ms, machine.CLOSING)
    now_ms += rules["call.grace_ms"]
    call, _ = machine.step(call, machine.TIME, now_ms)
    yield Moment("release", call, now_ms + 10)
    for _ in range(8):  # through the break and its confirmation
        if call.state == machine.RECOVER or call.deadline_ms is None:
            break
        now_ms = call.deadline_ms
        call, _ = machine.step(call, machine.TIME, now_ms)
    yield Moment("recover", call, now_ms + 10)
    yield Moment("fault", fault, fault.since_ms + 1000)


def _press(call: machine.Call, at_ms: int) -> machine.Call:
    for event, event_ms in ((machine.BUTTON_DOWN, at_ms), (machine.BUTTON_UP, at_ms + 100)):
        call, actions = machine.step(call, event, event_ms)
        if (machine.CHECK, None) in actions:
            call, _ = machine.step(call, machine.CHECK_PASSED, event_ms)
    return call


def pixels(moment: Moment) -> list[tuple[int, int, int]]:
    """What the ring shows at `moment`, as (red, green, blue) per pixel, clockwise from 12 o'clock."""
    out = bytearray(3 * moment.call.rules["ring.pixels"])
    ring.draw(moment.call, moment.now_ms, out)
    return [(out[at], out[at + 1], out[at + 2]) for at in range(0, len(out), 3)]


def make(language: str, rules: dict[str, Any]) -> Sheet:
    """The card in `language` for a button with the settings `rules`.

    Raises UsageError for a language that has no card, and where reportlab is missing.
    """
    if language not in words():
        raise UsageError(f"There is no card in {language!r}.", "", f"Choose one of: {', '.join(words())}")
    try:
        from endcall.card_sheet import Box, Row, Sheet
    except ModuleNotFoundError as error:
        raise UsageError(
            "The card is laid out by reportlab, which is not installed.", "", "pip install 'endcall[card]'"
        ) from error
    spoken = sentences.SENTENCES[language]
    fill = {"hold_s": f"{rules['button.hold_ms'] / 1000:g}", "wait_s": str(rules["call.min_warn_s"])}
    text = {place: said if place == "quote" else said.format(**fill) for place, said in words()[language].items()}
    said = {
        "ready": f"{text['say']}: {text['quote'].format(spoken.acknowledge)}",
        "warn": f"{text['say']}: {text['quote'].format(spoken.limit)}",
        "enforce": f"{text['plays']}: {text['quote'].format(spoken.closing)}",
    }
    rows = [
        Row(pixels(moment), text[moment.name + "_look"], text[moment.name + "_do"], said.get(moment.name, ""))
        for moment in moments(rules)
    ]
    boxes = [Box(text["cancel_title"], text["cancel_text"]), Box(text["threat_title"], text["threat_text"])]
    return Sheet(language, text["title"], rows, boxes, " · ".join(row.look for row in rows))


def write_all(folder: Path) -> None:
    """Write the card in every language, for the default settings, as SVG and PDF."""
    from endcall_core import settings

    for language in words():
        sheet = make(language, settings.defaults())
        (folder / f"endcall-card-{language}.svg").write_text(sheet.svg(), encoding="utf-8")
        (folder / f"endcall-card-{language}.pdf").write_bytes(sheet.pdf())


if __name__ == "__main__":
    import sys

    write_all(Path(sys.argv[1]))
