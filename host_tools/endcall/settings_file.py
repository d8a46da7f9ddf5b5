"""Settings as TOML: reading a file, and finding everything that is wrong in it at once.

    [call]
    warn_s = 30

`call.warn_s = 30` means the same. Python's TOML reader forgets where things stand, so `key_places` finds it again.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from endcall.errors import InvalidError, UsageError
from endcall_core import presets, settings
from endcall_core.settings import BOOL, CHOICE, HELP, HIGH, INT, KEY, KIND, LOW, SETTINGS

KEYS = tuple(str(row[KEY]) for row in SETTINGS)


NESTED_MAX = 20  # tables in tables; settings have two


class Place(NamedTuple):
    """Where something stands in a file. line, column: from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. place: in the file; None where it has none. says: bound and unit included."""

    place: Place | None
    key: str
    value: Any
    says: str
    nearest: str | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        shown = "" if self.value is None else f" = {toml_value(self.value)}"
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{where}{self.key}{shown} {self.says}{hint}" if self.key else f"{where}{self.says}"

    def as_dict(self) -> dict[str, Any]:
        value = self.value if isinstance(self.value, bool | int | float | str | None) else str(self.value)
        place = {"line": self.place and self.place.line, "column": self.place and self.place.column}
        return {**place, "key": self.key, "value": value, "says": self.says, "nearest": self.nearest}


def invalid(problems: list[Problem], where: str) -> InvalidError:
    """The exception that tells all `problems` of `where` (a file's name, or the command line)."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return InvalidError(
        f"{count} in {where}:\n" + "\n".join(f"  {problem}" for problem in problems),
        "Nothing was changed.",
        "All settings and their ranges: endcall set --help",
        problems=[problem.as_dict() for problem in problems],
    )


# --- reading ------------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[dict[str, Any], dict[str, Place]]:
    """The settings in file `path` by key, unchecked, and the place of each. Raises as `load`."""
    tree, text = load(path)
    return flat(tree), key_places(text)


def load(path: Path) -> tuple[dict[str, Any], str]:
    """The TOML in file `path`, and its text.

    Raises UsageError where it can't be read, InvalidError where it is no TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "", "Check the name of the file.") from error
    except UnicodeDecodeError as error:
        raise invalid([Problem(None, "", None, "this is no UTF-8 text; save it as UTF-8")], str(path)) from error
    text = text.replace("\r\n", "\n")
    try:
        tree = tomllib.loads(text)
        _refuse_excess(tree)
    except tomllib.TOMLDecodeError as error:
        raise invalid([_syntax_problem(str(error), text)], str(path)) from error
    except RecursionError as error:
        raise invalid([Problem(None, "", None, "tables or lists are nested too deeply")], str(path)) from error
    except ValueError as error:  # Python's reader says so of a number with thousands of digits
        raise invalid([Problem(None, "", None, "a number has too many digits")], str(path)) from error
    return tree, text


def _refuse_excess(tree: dict[str, Any]) -> None:
    """Raises RecursionError and ValueError for what Python reads, and nobody can mean or handle."""
    waiting: list[tuple[Any, int]] = [(tree, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > NESTED_MAX:
            raise RecursionError
        if isinstance(value, int) and value.bit_length() > 64:  # TOML itself promises 64 bits
            raise ValueError
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(part, depth + 1) for part in parts]


def flat(tree: dict[str, Any]) -> dict[str, Any]:
    """Nested tables as settings by key, e.g. `call.warn_s`."""
    return dict(_flat(tree, ""))


def _flat(tree: dict[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif not (value == {} and _is_table(prefix + key)):
            yield prefix + key, value


def _is_table(name: str) -> bool:
    return any(key.startswith(name + ".") for key in KEYS)


_SYNTAX = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)")


def _syntax_problem(said: str, text: str) -> Problem:
    """Python's words for a TOML error ("Cannot overwrite a value (at line 4, column 12)") as a problem."""
    match = _SYNTAX.fullmatch(said)
    what = match["what"] if match else said
    last = text.rstrip("\n").rpartition("\n")[2]
    place = Place(text.rstrip("\n").count("\n") + 1, len(last) + 1)
    if match and match["line"]:
        place = Place(int(match["line"]), int(match["column"]))
    if what in ("Cannot overwrite a value", "Cannot declare") or what.startswith("Cannot declare"):
        says = "this key or table is given twice; keep one"
    else:
        says = f"this is no TOML: {what[:1].lower() + what[1:]}"
    return Problem(place, "", None, says)


_TABLE = re.compile(r"\s*\[\[?\s*([^\[\]#]+?)\s*\]")
_ASSIGNMENT = re.compile(
    r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="""
)
_PART = re.compile(r'"([^"]*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')


def key_places(text: str) -> dict[str, Place]:
    """The place of every key in valid TOML `text`; a key inside an inline table has that of the table."""
    places: dict[str, Place] = {}
    table, closing = "", None
    for number, line in enumerate(text.split("\n"), 1):
        if closing:  # inside a text of several lines nothing is a key
            closing = None if closing in line else closing
            continue
        match = _TABLE.match(line)
        if match:
            table = _dotted(match[1]) + "."
            places.setdefault(table[:-1], Place(number, match.start(1) + 1))
            continue
        match = _ASSIGNMENT.match(line)
        if match:
            places.setdefault(table + _dotted(match[1]), Place(number, match.start(1) + 1))
            value = line[match.end() :].lstrip()
            for quotes in ('"""', "'''"):
                if value.startswith(quotes) and quotes not in value[3:]:
                    closing = quotes
    return places


def _dotted(text: str) -> str:
    return ".".join("".join(parts) for parts in _PART.findall(text))


def place_of(key: str, places: dict[str, Place]) -> Place | None:
    """The place of `key`, or of the nearest table around it."""
    while key:
        if key in places:
            return places[key]
        key = key.rpartition(".")[0]
    return None


# --- checking -----------------------------------------------------------------------------------------------


def problems_alone(changes: dict[str, Any], places: dict[str, Place]) -> list[Problem]:
    """Everything that is wrong with `changes` on any device, by place: single values, and rules between settings
    that they break whatever the device's other settings are."""
    found = [problem for problem in (settings.check(key, changes[key]) for key in changes) if problem]
    found += _certain_contradictions(changes, {problem[0] for problem in found})
    return sort(found, changes, places)


def _certain_contradictions(changes: dict[str, Any], bad: set[str]) -> list[tuple]:
    """Broken rules between settings that no value of an unknown setting would mend.

    Unknown is what `changes` does not give, or gives wrongly: those are tried at the ends of their ranges.
    """
    filled = settings.fill({key: changes[key] for key in changes if key not in bad})
    values = settings.defaults() | filled
    unknown = [row for row in SETTINGS if row[KEY] not in filled]
    return [
        problem
        for problem in settings.check_together(values)
        if all(_still(problem[0], values | trial) for row in unknown for trial in _trials(row))
    ]


def _still(key: str, values: dict[str, Any]) -> bool:
    return any(problem[0] == key for problem in settings.check_together(values))


def _trials(row: tuple) -> list[dict[str, Any]]:
    """The ends of a setting's range, and what lies outside of it but means "off"; every choice of a choice."""
    if row[KIND] == INT:
        return [{row[KEY]: value} for value in (row[LOW], row[HIGH], settings.OFF.get(row[KEY], row[LOW]))]
    if row[KIND] == CHOICE:
        return [{row[KEY]: value} for value in row[LOW]]
    return []


def sort(found: list[tuple], changes: dict[str, Any], places: dict[str, Place]) -> list[Problem]:
    """Problem tuples of `endcall_core.settings` as `Problem`s, by place."""
    problems = []
    brought = settings.fill(changes) if isinstance(changes.get("release.preset"), str) else changes
    for key, value, says in found:
        place = place_of(key if key in changes else "release.preset", places) if key in brought else None
        if key not in brought:
            says = f"(on the device now) {says}"
        if settings.find(key) is None:
            problems.append(Problem(place, key, value, "is not a setting", nearest(key)))
        else:
            problems.append(Problem(place, key, value, says))
    return in_order(problems)


def in_order(problems: list[Problem]) -> list[Problem]:
    """By place."""
    return sorted(problems, key=lambda problem: (problem.place or (0, 0), problem.key))


def nearest(key: str) -> str | None:
    """The setting whose name is most like `key`, with or without its table: a slip first, then a beginning."""
    key = key.lower()
    last = key.rpartition(".")[2]
    lasts = {known.rpartition(".")[2]: known for known in KEYS}
    slips = difflib.get_close_matches(key, KEYS, 1, 0.85)
    begun = [known for known in KEYS if known.startswith(key) or known.rpartition(".")[2].startswith(last)]
    like = [lasts[name] for name in difflib.get_close_matches(last, lasts, 1, 0.7)]
    for found in (slips, begun if len(begun) == 1 else [], like):
        if found:
            return found[0]
    return None


def parse_value(key: str, text: str) -> Any:
    """`text` of a command line as a value of setting `key`; what does not fit stays text, for `check` to refuse."""
    row = settings.find(key)
    if row is None:
        return text
    if row[KIND] == BOOL:
        return {"true": True, "false": False}.get(text.lower(), text)
    if row[KIND] == INT and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return text


# --- writing ------------------------------------------------------------------------------------------------


def toml_value(value: Any) -> str:
    """`value` in TOML's notation."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
    return str(value)


def to_toml(values: dict[str, Any], comments: bool = False) -> str:
    """`values` as a file that `read` takes; with `comments`, each with its meaning and range."""
    out: list[str] = []
    table = ""
    for row in SETTINGS:
        key = row[KEY]
        if key not in values:
            continue
        name, _, last = key.rpartition(".")
        if name != table:
            table = name
            out += ["", f"[{table}]"] if out else [f"[{table}]"]
        if comments:
            out += ["", f"# {row[HELP]}", f"# {settings.accepted(row)}"]
        out.append(f"{last} = {toml_value(values[key])}")
    return "\n".join(out) + "\n"


def settings_help() -> str:
    """Every setting with its range and meaning, as plain text for `--help`."""
    width = max(map(len, KEYS))
    lines = [f"  {row[KEY]:<{width}}  {settings.accepted(row)}: {row[HELP]}" for row in SETTINGS]
    names = ", ".join(str(row[presets.NAME]) for row in presets.PRESETS)
    return "Settings:\n" + "\n".join(lines) + f"\n\nPresets: {names}"
