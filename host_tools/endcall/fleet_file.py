"""A fleet file: what every device of an office is to be, in TOML, and everything that is wrong in it at once.

    [defaults]                      # for every device
    firmware = "current"            # or "any": don't look
    prompts = { "closing.wav" = "prompts/closing-en.wav" }
    call.min_warn_s = 8

    [group.berlin]                  # for the devices that say so
    prompts = { "closing.wav" = "prompts/closing-de.wav" }
    release.preset = "eu_generic"

    [[device]]                      # one device
    name = "Front desk"
    serial = "E6614864D3417A36"
    group = "berlin"
    call.watch_s = 240

Each level takes the tables of a settings file, `prompts` (name on the device = file, from the fleet file's folder) and
`firmware`. A device goes before its group, the group before the defaults; so does what a `release.preset` fills, so a
device's preset also goes before its group's `release.flash_ms`. A `[[device]]` without `serial` waits for one:
`endcall fleet apply --watch --adopt` writes it in (`adopt`).
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from endcall import prompt_file, settings_file
from endcall.errors import EndcallError, UsageError
from endcall.settings_file import Problem
from endcall_core import layout, settings
from endcall_core.version import FIRMWARE

#: What `endcall fleet example` prints.
EXAMPLE = """\
# Every device of the office. A device goes before its group, the group before the defaults.
#     endcall fleet validate      is this file right?
#     endcall fleet plan          what would change?
#     endcall fleet apply         change it, on all devices at the same time

[defaults]
call.min_warn_s = 8
call.warn_s = 30
release.preset = "us_ca"
# firmware = "current"            # refuse devices whose firmware is not that of this program
# prompts = { "closing.wav" = "closing-en.wav" }     # name on the device = file, from this file's folder

[group.berlin]
release.preset = "eu_generic"
# prompts = { "closing.wav" = "closing-de.wav" }

# One [[device]] for each. `endcall list` shows serial numbers. An entry without one waits for a new device:
#     endcall fleet apply --watch --adopt
[[device]]
name = "Front desk"

[[device]]
name = "Berlin 1"
group = "berlin"

[[device]]
name = "Berlin 2"
group = "berlin"
call.watch_s = 240                # a setting of its own; all of them: endcall set --help
"""

PROMPTS_MAX = len(layout.SLOT_PATHS) - 1  # one slot stays free, or no prompt could ever be replaced
CURRENT, ANY = "current", "any"

NAME, PRESET = "device.name", "release.preset"
SHOWN = 6  # names in a message

_TOP = ("defaults", "group", "device")
_LEVEL_KEYS = ("prompts", "firmware")
_DEVICE_KEYS = ("name", "serial", "group")
_SERIAL = re.compile(r"[0-9A-Za-z]{4,32}")
_HEADER = re.compile(r"""\s*(?P<brackets>\[\[?)\s*["']?(?P<table>[A-Za-z0-9_-]+)["']?\s*[.\]]""")
_FOR = "\0"  # between what a problem says and the device it is about, until those that say the same are put together

Places = dict[str, Any]  # a key to where it stands in the file


@dataclass(frozen=True)
class Prompt:
    """A prompt as it is on this computer."""

    path: Path
    data: bytes


@dataclass(frozen=True)
class Entry:
    """A device as `file` wants it.

    number: of its `[[device]]`, from 1. changes: settings, with what presets fill; `places` says where each stands in
    the file. wanted: a hash over all of it, which changes when the file wants something else of this device.
    """

    file: Path
    number: int
    name: str
    serial: str | None
    group: str | None
    changes: dict[str, Any]
    places: dict[str, Any]
    prompts: dict[str, Prompt]
    firmware: str
    wanted: str

    @property
    def title(self) -> str:
        """The entry in a sentence."""
        return self.name or self.serial or f"device {self.number}"


@dataclass
class Fleet:
    """A fleet file that was read and found right."""

    path: Path
    entries: list[Entry]

    def select(self, group: str | None = None, serial: str | None = None, name: str | None = None) -> list[Entry]:
        """The entries that fit all that is given. Raises UsageError where none does."""
        chosen = [
            entry
            for entry in self.entries
            if (group is None or entry.group == group)
            and (serial is None or same_serial(entry.serial, serial))
            and (name is None or entry.name == name)
        ]
        if chosen:
            return chosen
        asked = {"--group": group, "--serial": serial, "--name": name}
        words = " ".join(f"{flag} {value}" for flag, value in asked.items() if value is not None)
        groups = sorted({entry.group for entry in self.entries if entry.group})
        raise UsageError(
            f"No device in {self.path} fits {words}.",
            f"Its groups: {', '.join(groups) or 'none'}. Its devices: "
            + ", ".join(entry.title for entry in self.entries)
            + ".",
            "Check what you asked for, or add the device to the file.",
        )


def same_serial(one: str | None, other: str | None) -> bool:
    """Whether two serial numbers are the same one, however they are written."""
    return one is not None and other is not None and one.upper() == other.upper()


# --- reading ------------------------------------------------------------------------------------------------


@dataclass
class _Level:
    """One table that says something about devices, and where each of its keys stands. `bad`: settings to leave out."""

    places: Places
    changes: dict[str, Any] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    prompts: dict[str, str] = field(default_factory=dict)
    firmware: str | None = None


def read(path: Path) -> Fleet:
    """The fleet in file `path`, with every prompt it names.

    Raises UsageError where it can't be read, InvalidError with all problems of all devices.
    """
    tree, text = settings_file.load(path)
    return _Reader(path, tree, text).fleet()


class _Reader:
    def __init__(self, path: Path, tree: dict[str, Any], text: str) -> None:
        self._path = path
        self._tree = tree
        self._places, self._device_places = _split(text)
        self._problems: list[Problem] = []
        self._prompts: dict[tuple[str, Path], Prompt | None] = {}

    def fleet(self) -> Fleet:
        for key in self._tree:
            if key not in _TOP:
                self._add(self._places, key, "is not defaults, group or device", nearest=_like(key, _TOP))
        defaults = self._level(self._tree.get("defaults", {}), _below(self._places, "defaults"))
        named = self._table(self._tree.get("group", {}), self._places, "group")
        groups = {name: self._level(table, _below(self._places, f"group.{name}")) for name, table in named.items()}
        devices = self._tree.get("device", [])
        if not isinstance(devices, list) or not all(isinstance(table, dict) for table in devices):
            self._add(self._places, "device", "must be written [[device]], once for each")
        elif not devices:
            self._add(self._places, "device", 'is missing; add [[device]] and below it name = "Front desk"')
        else:
            entries = [self._entry(number, table, defaults, groups) for number, table in enumerate(devices, 1)]
            self._find_doubles(entries)
        if self._problems:
            raise settings_file.invalid(settings_file.in_order(_together(self._problems)), str(self._path))
        return Fleet(self._path, entries)

    # --- parts ----------------------------------------------------------------------------------------------

    def _level(self, table: Any, places: Places) -> _Level:
        level = _Level(places)
        table = self._table(table, places, "")
        level.changes = settings_file.flat({key: value for key, value in table.items() if key not in _LEVEL_KEYS})
        if level.changes.pop(NAME, None) is not None:
            self._add(places, NAME, "belongs to one device: write name = … below its [[device]]")
        found = [problem for key in level.changes if (problem := settings.check(key, level.changes[key]))]
        level.bad = {problem[0] for problem in found}
        self._problems += settings_file.sort(found, level.changes, places)
        level.firmware = table.get("firmware")
        if level.firmware not in (None, CURRENT, ANY):
            self._add(places, "firmware", f'must be "{CURRENT}" (now: {FIRMWARE}) or "{ANY}"', level.firmware)
        for name, file in self._table(table.get("prompts", {}), places, "prompts").items():
            if self._prompt(name, file, places):
                level.prompts[name] = file
        return level

    def _prompt(self, name: str, file: Any, places: Places) -> bool:
        """Read a prompt, once; whether it can be used."""
        key = f"prompts.{name}"
        if not isinstance(file, str) or not file:
            self._add(places, key, "must be the name of a file, in quotes", file)
            return False
        path = self._path.parent / file
        if (name, path) not in self._prompts:
            self._prompts[name, path] = None
            try:
                self._prompts[name, path] = Prompt(path, prompt_file.read(path, name)[1])
            except EndcallError as error:
                self._add(places, key, f"can't be used: {error.happened}", file)
        return self._prompts[name, path] is not None

    def _entry(self, number: int, table: dict[str, Any], defaults: _Level, groups: dict[str, _Level]) -> Entry:
        places = self._places_of(number)
        level = self._level({key: value for key, value in table.items() if key not in _DEVICE_KEYS}, places)
        name, serial, group = (self._text(table.get(key, ""), places, key) for key in _DEVICE_KEYS)
        if not name and not serial:
            self._add(places, "", 'this device needs a name or a serial number, e.g. name = "Front desk"')
        problem = settings.check(NAME, name)
        if problem:
            self._add(places, "name", problem[2], name)
        if serial and not _SERIAL.fullmatch(serial):
            self._add(places, "serial", "is not a serial number, as `endcall list` shows it", serial)
        if group and group not in groups:
            self._add(places, "group", f"is no group of this file: [group.{group}]", group, _like(group, groups))
        levels = [defaults, *([groups[group]] if group in groups else []), level]
        return self._merged(number, name, serial, group, levels)

    def _merged(self, number: int, name: str, serial: str, group: str, levels: list[_Level]) -> Entry:
        title = name or serial or f"device {number}"
        own = levels[-1].places
        changes: dict[str, Any] = {}
        places: Places = {}
        files: dict[str, str] = {}
        bad: set[str] = set()  # told already
        firmware = ANY
        for level in levels:
            filled = settings.fill(level.changes)
            bad = (bad - set(filled)) | level.bad
            changes.update(filled)
            places.update({key: _at(level.places, key if key in level.changes else PRESET) for key in filled})
            files.update(level.prompts)
            firmware = level.firmware or firmware
        sound = {key: value for key, value in changes.items() if key not in bad}
        for problem in settings_file.problems_alone(sound, places):
            self._problems.append(replace(problem, says=f"{problem.says}{_FOR}{title}"))
        if len(files) > PROMPTS_MAX:
            self._add(own, "", f"{len(files)} prompts are too many: {PROMPTS_MAX} and a spare slot fit{_FOR}{title}")
        if name:
            changes[NAME], places[NAME] = name, _at(own, "name")
        prompts = {as_: self._prompts[as_, self._path.parent / file] for as_, file in sorted(files.items())}
        found = {as_: prompt for as_, prompt in prompts.items() if prompt}
        wanted = _hash(changes, found, firmware)
        return Entry(self._path, number, name, serial or None, group or None, changes, places, found, firmware, wanted)

    def _find_doubles(self, entries: list[Entry]) -> None:
        for key in ("name", "serial"):
            first: dict[str, Entry] = {}
            for entry in entries:
                value = getattr(entry, key)
                if value and (other := first.setdefault(value.upper() if key == "serial" else value, entry)) != entry:
                    says = f"is that of device {other.number} of this file, too"
                    self._add(self._places_of(entry.number), key, says, value)

    def _places_of(self, number: int) -> Places:
        """Empty for `device = [{…}, …]`, which nobody writes by hand."""
        return self._device_places[number - 1] if self._device_places else {}

    # --- problems -------------------------------------------------------------------------------------------

    def _table(self, table: Any, places: Places, key: str) -> dict[str, Any]:
        if isinstance(table, dict):
            return table
        self._add(places, key, "must be a table", table)
        return {}

    def _text(self, value: Any, places: Places, key: str) -> str:
        if isinstance(value, str):
            return value
        self._add(places, key, "must be a text, in quotes", value)
        return ""

    def _add(self, places: Places, key: str, says: str, value: Any = None, nearest: str | None = None) -> None:
        self._problems.append(Problem(_at(places, key), key, value, says, nearest))


def _split(text: str) -> tuple[Places, list[Places]]:
    """Where every key stands: those outside of `[[device]]`s, and those of each of them, by their names in it.

    Each part is read on its own with all other lines empty, because a TOML key may occur in every `[[device]]`.
    """
    parts: list[list[str]] = [[]]
    at = 0
    for number, line in enumerate(text.split("\n")):
        header = _HEADER.match(line)
        if header and header["brackets"] == "[[" and header["table"] == "device":
            parts.append([])
            at = len(parts) - 1
        elif header:
            at = len(parts) - 1 if header["table"] == "device" else 0
        parts[at] += [""] * (number - len(parts[at])) + [line]
    common, *devices = ("\n".join(lines) for lines in parts)
    return settings_file.key_places(common), [_below(settings_file.key_places(part), "device") for part in devices]


def _below(places: Places, head: str) -> Places:
    """The places of what is below table `head`, by their names in it; "" is the table itself."""
    below = {key[len(head) + 1 :]: place for key, place in places.items() if key.startswith(head + ".")}
    return below | {"": settings_file.place_of(head, places)}


def _at(places: Places, key: str) -> Any:
    """The place of `key`, or of the first one below it, or of the table around it."""
    below = (place for other, place in places.items() if other.startswith(f"{key}.")) if key else iter(())
    return settings_file.place_of(key, places) or next(below, None) or places.get("")


def _like(word: str, words: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, list(words), 1)), None)


def _together(problems: list[Problem]) -> list[Problem]:
    """`problems`, with those that several devices share told once."""
    told: dict[str, tuple[Problem, list[str]]] = {}
    for problem in problems:
        says, _, title = problem.says.partition(_FOR)
        problem = replace(problem, says=says)
        told.setdefault(repr(problem), (problem, []))[1].append(title)
    return [
        replace(problem, says=f"{problem.says} ({several(titles)})") if any(titles) else problem
        for problem, titles in told.values()
    ]


def several(titles: list[str]) -> str:
    """Names of devices in a sentence, the first few of them."""
    if len(titles) <= SHOWN:
        return ", ".join(titles)
    return f"{', '.join(titles[:SHOWN])} and {len(titles) - SHOWN} more"


def _hash(changes: dict[str, Any], prompts: dict[str, Prompt], firmware: str) -> str:
    digest = hashlib.sha256(json.dumps([changes, firmware, FIRMWARE], sort_keys=True, default=str).encode())
    for name, prompt in sorted(prompts.items()):
        digest.update(f"{name} {hashlib.sha256(prompt.data).hexdigest()}\n".encode())
    return digest.hexdigest()


# --- writing ------------------------------------------------------------------------------------------------


def adopt(path: Path, entry: Entry, serial: str) -> Entry:
    """Write `serial` into `entry`'s `[[device]]` in file `path`, leaving all else as it is, comments too.

    Returns the entry with it. Raises UsageError where the file can't be written, or is no longer the one that was
    read.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        text = path.read_bytes().decode("utf-8-sig")
        newline = "\r\n" if "\r\n" in text else "\n"
        document: Any = tomlkit.parse(text.replace("\r\n", "\n"))
        table = document["device"][entry.number - 1]
        if table.get("name", "") != entry.name or table.get("serial"):
            raise LookupError
        table["serial"] = serial
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_text(tomlkit.dumps(document), encoding="utf-8", newline=newline)
        os.replace(fresh, path)
    except (LookupError, TypeError, TOMLKitError) as error:
        raise UsageError(
            f"{path} was changed meanwhile, so {serial} was not written to it.",
            f"It belongs to {entry.title}. Nothing was changed on the device.",
            "Save the file and begin again.",
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}.",
            f"The serial number {serial} belongs to {entry.title}. Nothing was changed on the device.",
            "Make the file writable and begin again.",
        ) from error
    return replace(entry, serial=serial)
