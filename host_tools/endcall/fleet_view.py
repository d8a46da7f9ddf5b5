"""What people see of a fleet at work: its events as they come, and what came of them in the end.

While it works, stderr has a line per device that is done, with bars below for those in work on a terminal. The end
goes to stdout. Programs get the events themselves.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from endcall import render
from endcall.fleet import ABSENT, DONE, EARLIER, FAILED, INTERRUPTED, Event
from endcall.fleet_file import NAME, several
from endcall.settings_file import toml_value

#: Past participles for a sentence, in the order of a summary; what they look like.
WORDS = {
    DONE: ("done", "green"),
    EARLIER: ("done earlier", "dim"),
    FAILED: ("FAILED", "bold red"),
    INTERRUPTED: ("interrupted", "yellow"),
    ABSENT: ("absent", "yellow"),
}
RESERVED_ROWS = 6  # of the terminal, below and above the bars

Show = Callable[[Event], None]


def title(device: dict[str, Any]) -> str:
    """A device in a sentence."""
    name, serial = device["name"], device["serial"]
    return f"{name} ({serial})" if name and serial else name or serial or "a device without a name"


def outcome(event: Event) -> str:
    """What came of a device, in a sentence."""
    if event["result"] == FAILED:
        return " ".join(filter(None, (event["happened"], event["means"], event["todo"])))
    return str(event.get("say", ""))


def sentence(event: Event) -> str | None:
    """An event as a line, or None where it is not worth one."""
    device = title(event["device"])
    kind = event["event"]
    if kind == "result":
        return f"{WORDS[event['result']][0]:<7} {device}: {outcome(event)}"
    if kind == "adopted":
        return f"{device}: this serial number was written into the file"
    if kind == "waiting":
        return f"{device}: a call is in progress; waiting, {event['seconds']:g} s at most"
    if kind == "unknown":
        return f"{device} at {event['device']['port']}: {event['say']}; not touched"
    return None


@contextlib.contextmanager
def view(as_json: bool, total: int, has_lines: bool, has_cards: bool) -> Iterator[Show]:
    """A function to show events with. total: how many devices there are.

    has_lines: where there are no bars, a line for each result. has_cards: with the bars, a card and a beep for each.
    """
    if as_json:
        yield lambda event: print(as_line(event), flush=True)
        return
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        plain = Console(stderr=True, highlight=False, no_color=True, width=10_000)
        yield lambda event: _print(plain, event) if has_lines or event["event"] != "result" else None
        return
    with _Bars(console, total, has_cards) as bars:
        yield bars.show


def as_line(event: Event) -> str:
    """An event as a line of JSON."""
    return json.dumps({"schema": "endcall.fleet/1", **event}, default=str)


def _print(console: Console, event: Event) -> None:
    said = sentence(event)
    if said:
        style = WORDS[event["result"]][1] if event["event"] == "result" else ""
        console.print(Text(said, style=style))


class _Bars:
    """A bar for every device in work, as far as there is room; above them a line or a card for each result."""

    def __init__(self, console: Console, total: int, has_cards: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = console
        self._has_cards = has_cards
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[doing]}"), console=console
        )
        self._all = Progress(TextColumn("[bold]devices"), BarColumn(24), MofNCompleteColumn(), console=console)
        self._total = self._all.add_task("", total=total)
        self._tasks: dict[str, Any] = {}
        self._told: set[str] = set()  # devices with a result; one may have several, when it is plugged in again
        from rich.live import Live

        self._live = Live(Group(self._bars, self._all), console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> _Bars:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        key = event["device"]["serial"] or ""
        kind = event["event"]
        if kind == "result":
            if key in self._tasks:
                self._bars.remove_task(self._tasks.pop(key))
            self._told.add(title(event["device"]))
            self._all.update(self._total, completed=len(self._told))
        elif kind != "unknown":
            self._bar(key, event)
        if kind == "result" and self._has_cards:
            self._console.print(card(event))
            self._console.bell()
        elif kind != "result" or event["result"] == FAILED:
            _print(self._console, event)

    def _bar(self, key: str, event: Event) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task("", total=None, doing="")
        doing = {"sending": f"sending {event.get('prompt')}", "waiting": "a call is in progress"}
        self._bars.update(
            self._tasks[key],
            description=title(event["device"]),
            doing=doing.get(event["event"], ""),
            total=event.get("total"),
            completed=event.get("sent", 0),
            visible=len(self._tasks) <= max(1, self._console.height - RESERVED_ROWS),
        )


def card(event: Event) -> RenderableType:
    """A device that is done, or failed, to be read across a bench."""
    device = event["device"]
    word, style = WORDS[event["result"]]
    lines = Text.assemble((device["name"] or device["serial"], "bold"), "\n", f"serial {device['serial']}")
    if device["group"]:
        lines.append(f"\ngroup {device['group']}")
    lines.append(f"\n{outcome(event)}")
    return Panel(lines, title=Text(word.upper(), style=style), border_style=style, width=64)


def summary(results: list[Event], seconds: float) -> RenderableType:
    """What came of every device: a row each, and how many of which kind."""
    rows = render.bare_table("name", "serial", "group", "result", "")
    for event in results:
        device, (word, style) = event["device"], WORDS[event["result"]]
        cells = (device["name"], device["serial"] or "", device["group"] or "", word, outcome(event))
        rows.add_row(*(Text(cell, style=style if cell == word else "") for cell in cells))
    return Group(rows, Text(), Text(f"{counts(results)}; {seconds:.1f} s"))


def inventory(results: list[Event]) -> RenderableType:
    """Every device: where it is, how it is, whether it is as the file says."""
    rows = render.bare_table("name", "serial", "group", "port", "state", "firmware", "")
    for event in results:
        device = event["device"]
        state, firmware, style = event["result"], "", WORDS[event["result"]][1]
        if event["result"] == DONE:
            now = event["status"]
            state, firmware, style = now["state"], event["runs"], "bold red" if now["fault"] else ""
        cells = (device["name"], device["serial"] or "", device["group"] or "", device["port"] or "")
        rows.add_row(*map(Text, cells), Text(state, style=style), Text(firmware), Text(outcome(event)))
    return rows


def counts(results: list[Event]) -> str:
    """e.g. "48 done, 1 FAILED, 1 absent, of 50"."""
    number = Counter(event["result"] for event in results)
    parts = [f"{number[result]} {word}" for result, (word, _) in WORDS.items() if number[result]]
    return f"{', '.join(parts) or 'nothing done'}, of {len(results)}"


def closing(results: list[Event], strangers: list[str], seconds: float) -> dict[str, Any]:
    """The last line for programs: how many of which result, and who was plugged in without being in the file."""
    number = Counter(event["result"] for event in results)
    counted = {result: number[result] for result in WORDS}
    return {"event": "summary", "devices": len(results), **counted, "unknown": strangers, "seconds": round(seconds, 3)}


def plans(results: list[Event]) -> RenderableType:
    """The plan for every device, those with the same one together."""
    together: dict[str, list[Event]] = {}
    for event in results:
        same = {key: value for key, value in event.items() if key not in ("device", "seconds", "wanted")}
        changed = dict(event.get("changed", {}))
        if changed.pop(NAME, None):  # everyone has another
            same["changed"] = {NAME: "its own", **changed}
        together.setdefault(json.dumps(same, sort_keys=True, default=str), []).append(event)
    parts: list[RenderableType] = []
    for events in together.values():
        count = f"{len(events)} devices: " if len(events) > 1 else ""
        parts.append(Text(f"{count}{several([title(event['device']) for event in events])}", style="bold"))
        parts += [*_plan(events), Text()]
    return Group(*parts[:-1])


def _plan(events: list[Event]) -> Iterator[RenderableType]:
    first = events[0]
    if first["result"] != DONE:
        yield Text(f"{WORDS[first['result']][0]}: {outcome(first)}", style=WORDS[first["result"]][1])
        return
    yield Text(first["say"])
    rows = render.bare_table("", "was", "is")
    for key, (before, after) in first["changed"].items():
        is_own = key == NAME and len(events) > 1
        rows.add_row(key, *(Text("its own" if is_own else toml_value(value)) for value in (before, after)))
    for name in first["prompts"]:
        rows.add_row(name, "another or none", "as in the file")
    if first["firmware"]:
        rows.add_row("firmware", *(Text(version) for version in first["firmware"]))
    if rows.row_count:
        yield rows
