"""Every row there is, what was seen of them, and the page that says it."""

from __future__ import annotations

import fcntl
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from torture.fault import CHIP, MODEL, Fault, Result

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "docs/torture.json", ROOT / "docs/torture.md"

#: The modules with rows, in the order of the page.
LAYERS: dict[str, tuple[str, ...]] = {
    MODEL: ("model_power", "model_line", "model_serial", "model_files", "model_time", "model_hands", "model_access"),
    CHIP: ("chip_power", "chip_line", "chip_serial", "chip_life"),
}


def load(layer: str | None = None) -> list[Fault]:
    """The rows of one layer, or all."""
    modules = [name for key, names in LAYERS.items() if layer in (None, key) for name in names]
    found = [fault for name in modules for fault in import_module(f"torture.{name}").FAULTS]
    assert len({fault.name for fault in found}) == len(found), "two rows have the same name"
    return found


def said(fault: Fault) -> dict[str, Any]:
    """What a row says of itself, whatever was seen."""
    return {key: getattr(fault, key) for key in ("name", "group", "layer", "fault", "how", "expected", "long")}


def row(fault: Fault, result: Result) -> dict[str, Any]:
    """A row as docs/torture.json has it."""
    return {**said(fault), **result.as_dict()}


def publish(new: dict[str, dict[str, Any]], order: list[str], path: Path = RESULTS) -> None:
    """Put the rows `new` (by name) into docs/torture.json, and write the page. Other rows of `order` stay."""
    with open(path, "a") as lock:  # another run may be ending in this moment
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = {entry["name"]: entry for entry in stored(path)} | new
        entries = [kept[name] for name in order if name in kept]
        path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
        path.with_suffix(".md").write_text(page(entries))


def stored(path: Path = RESULTS) -> list[dict[str, Any]]:
    """The rows of docs/torture.json."""
    return json.loads(path.read_text() or "[]") if path.exists() else []


_LAYER_TEXT = {
    MODEL: """The firmware's own code (store, parser, state machine, loop) on a computer: a model of the flash with its
sectors, pages and bits, and a clock that is moved by hand. Very many tries.""",
    CHIP: "CircuitPython itself on the emulated Pico: slow, so fewer tries; they show that the model is right.",
}


def page(entries: list[dict[str, Any]]) -> str:
    """docs/torture.md, from the rows of docs/torture.json."""
    lost = [entry["name"] for entry in entries if not entry["survived"]]
    verdict = f"**{len(lost)} not survived: {', '.join(lost)}.**" if lost else "All of them were survived."
    text = f"""<!-- Written by `make torture`, from docs/torture.json. -->

# Broken on purpose

What was done to the firmware, how often, and what came of it: {len(entries)} faults, \
{sum(entry["tried"] for entry in entries):,} tries. {verdict}
`make torture` does it again (hours; it may be stopped, and goes on where it was), `make torture ARGS=--short` in some
minutes; the short forms are part of `make test` and `make emulator`. A fault that is not survived stays in the
table. One try is repeated by `ARGS='--only NAME --try N --seed S'`.
"""
    for layer, about in _LAYER_TEXT.items():
        groups = dict.fromkeys(entry["group"] for entry in entries if entry["layer"] == layer)
        if groups:
            text += f"\n## On the {layer}\n\n{about}\n"
        for group in groups:
            text += f"\n### {group}\n\n" + _line("fault", "injected how", "tried", "expected", "seen", "survived")
            text += _line(*["---"] * 6)
            for entry in entries:
                if (entry["layer"], entry["group"]) == (layer, group):
                    text += _line(
                        f"**{entry['name']}**: {entry['fault']}",
                        entry["how"],
                        f"{entry['tried']:,} (seed {entry['seed']}; {_part(entry)})",
                        entry["expected"],
                        seen(entry),
                        "yes" if entry["survived"] else "**no**",
                    )
    return text


def _part(entry: dict[str, Any]) -> str:
    """Whether the long form is through."""
    return "all" if entry["done"] >= entry["long"] else f"{entry['done']:,} of {entry['long']:,} up to now"


def seen(entry: dict[str, Any]) -> str:
    """What was seen, in a sentence."""
    parts = [f"{what}: {count:,}" for what, count in sorted(entry["seen"].items(), key=lambda item: -item[1])]
    parts += [f"at most {value:,.10g} {name}" for name, value in entry["most"].items()]
    parts += entry["failures"]
    return "; ".join(parts)


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"
