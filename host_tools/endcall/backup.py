"""Backups: the settings before every change, and everything that a device keeps, in one ZIP file.

A ZIP holds `settings.toml`, `prompts/NAME`, `incidents.json` and `backup.json` (what device, which versions, when, and
the SHA-256 of every other file). Incident records are kept to be read; a device never takes them back.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endcall import settings_file
from endcall.client import Client
from endcall.errors import InvalidError, UsageError
from endcall_core.version import FIRMWARE

SCHEMA = "endcall.backup/1"
ABOUT, SETTINGS, INCIDENTS, PROMPTS = "backup.json", "settings.toml", "incidents.json", "prompts/"
LARGEST_BYTES = 4 << 20  # of one file in a backup; the largest prompt has 192 KB
KEPT = 50  # settings from before a change, per device


@dataclass(frozen=True)
class Backup:
    """What a backup holds. about: `backup.json` without the sums."""

    about: dict[str, Any]
    settings: dict[str, Any]
    prompts: dict[str, bytes]
    incidents: list[dict[str, Any]]


def _stamp() -> str:
    return time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())


def keep_settings(identity: dict[str, Any], values: dict[str, Any]) -> Path:
    """Write the settings from before a change where `endcall apply` finds them; returns the file.

    Raises UsageError where this computer can't keep it.
    """
    from platformdirs import user_data_path

    folder = user_data_path("endcall", appauthor=False) / "before" / str(identity.get("serial") or "unknown")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_stamp()}.toml"
        number = 1
        while path.exists():
            number += 1
            path = folder / f"{_stamp()}-{number}.toml"
        path.write_text(settings_file.to_toml(values), encoding="utf-8")
        for old in sorted(folder.glob("*.toml"))[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"The settings as they are now can't be kept in {folder}: {error.strerror}.",
            "Nothing was changed on the device.",
            "Make room there, or give --no-backup.",
        ) from error
    return path


def take(client: Client, progress: Callable[[str, int, int], None] = lambda what, done, total: None) -> Backup:
    """Read everything that the device keeps. `progress` is told of each prompt how many bytes of how many came."""
    values = client.get()
    prompts: dict[str, bytes] = {}
    damaged: dict[str, str] = {}
    for row in client.prompts():
        name = str(row["name"])
        if row["problem"]:
            damaged[name] = row["problem"]
            continue

        def told(done: int, total: int, name: str = name) -> None:
            progress(name, done, total)

        prompts[name] = client.read_prompt(name, told)
    incidents, lost = client.log()
    identity = {key: client.identity.get(key) for key in ("serial", "name", "firmware", "protocol", "settings")}
    about = {
        "schema": SCHEMA,
        "made": _stamp(),
        "endcall": FIRMWARE,
        "device": identity,
        "incidents_lost": lost,
        "prompts_left_out": damaged,
    }
    return Backup(about, values, prompts, incidents)


def write(path: Path, backup: Backup) -> None:
    """Write `path` whole or not at all. Raises UsageError where it can't be written."""
    files = {
        SETTINGS: settings_file.to_toml(backup.settings, comments=True).encode(),
        INCIDENTS: json.dumps(backup.incidents, indent=1).encode(),
        **{PROMPTS + name: data for name, data in backup.prompts.items()},
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(ABOUT, json.dumps({**backup.about, "sha256": sums}, indent=1))
            for name, data in files.items():
                file.writestr(name, data)
        os.replace(fresh, path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UsageError(f"{path} can't be written: {error.strerror}.", "", "Choose another place.") from error


def read(path: Path) -> Backup:
    """The backup in `path`, its sums compared. Raises UsageError, InvalidError."""
    try:
        with zipfile.ZipFile(path) as file:
            about = _json(file, ABOUT)
            if (
                not isinstance(about, dict)
                or about.get("schema") != SCHEMA
                or not isinstance(about.get("sha256"), dict)
            ):
                raise _refused(path, "it is no backup that this version of endcall knows")
            sums = about.pop("sha256")
            found = {name: _read(file, name) for name in file.namelist() if name != ABOUT}
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "", "Check the name of the file.") from error
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refused(path, f"it is damaged, or no backup ({error})") from error
    for name, wanted in sums.items():
        if hashlib.sha256(found.get(name, b"")).hexdigest() != wanted:
            raise _refused(path, f"{name} in it is damaged")
    if set(found) != set(sums) or SETTINGS not in sums or INCIDENTS not in sums:
        raise _refused(path, "it holds other files than it says")
    import tomllib

    try:
        values = settings_file.flat(tomllib.loads(found[SETTINGS].decode()))
        incidents = json.loads(found[INCIDENTS])
    except ValueError as error:
        raise _refused(path, f"what it holds can't be read ({error})") from error
    prompts = {name[len(PROMPTS) :]: data for name, data in found.items() if name.startswith(PROMPTS)}
    return Backup(about, values, prompts, incidents)


def _json(file: zipfile.ZipFile, name: str) -> Any:
    return json.loads(_read(file, name))


def _read(file: zipfile.ZipFile, name: str) -> bytes:
    if file.getinfo(name).file_size > LARGEST_BYTES:
        raise ValueError(f"{name} is larger than anything that a device keeps")
    return file.read(name)


def _refused(path: Path, why: str) -> InvalidError:
    return InvalidError(f"{path} is not restored: {why}.", "Nothing was changed.", "Take another backup.")


@dataclass
class Restored:
    """What `restore` did, and what it could not. missing: (what, why)."""

    changed: dict[str, list[Any]]
    sent: list[str]
    there: list[str]
    missing: list[tuple[str, str]]


def restore(
    client: Client,
    backup: Backup,
    keep_name: bool,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Restored:
    """Bring back settings and prompts, each read back and compared; what can't be brought back is told, not hidden.

    keep_name: leave `device.name` as the device has it. Prompts go first, because settings may name them.
    """
    from endcall import plan
    from endcall_core import settings, wire

    missing = [(f"prompt {name}", f"it was not in the backup: {why}") for name, why in _left_out(backup).items()]
    wanted = dict(backup.settings)
    if keep_name:
        wanted.pop("device.name", None)
    for key in [key for key in wanted if settings.find(key) is None]:
        missing.append((f"{key} = {wanted.pop(key)!r}", f"version {FIRMWARE} has no such setting"))
    for key in [key for key in wanted if settings.check(key, wanted[key])]:
        problem = settings.check(key, wanted[key])
        missing.append((f"{key} = {wanted.pop(key)!r}", str(problem[2])))
    sent, there = [], []
    stored = {row["name"]: row for row in client.prompts()}
    for name, data in sorted(backup.prompts.items(), key=lambda item: item[0] not in _named(wanted)):
        row = stored.get(name)
        if row and row["crc"] == wire.crc(data) and not row["problem"]:
            there.append(name)
            continue

        def told(done: int, name: str = name, total: int = len(data)) -> None:
            progress(name, done, total)

        try:
            client.put_prompt(name, data, told)
            sent.append(name)
        except InvalidError as error:
            missing.append((f"prompt {name}", error.happened))
    lacking = [key for key in ("prompt.closing", "prompt.warning") if wanted.get(key) and _lacks(client, wanted[key])]
    for key in lacking:
        missing.append((f"{key} = {wanted.pop(key)!r}", "the device has no such prompt"))
    made = plan.make(client.get(), wanted, {}, "the backup")
    if made.changes:
        made.carry_out(client)
    return Restored(made.as_pairs(), sent, there, missing)


def _left_out(backup: Backup) -> dict[str, str]:
    left_out = backup.about.get("prompts_left_out")
    return left_out if isinstance(left_out, dict) else {}


def _named(values: dict[str, Any]) -> set[Any]:
    return {values.get("prompt.closing"), values.get("prompt.warning")}


def _lacks(client: Client, name: str) -> bool:
    return not any(row["name"] == name and not row["problem"] for row in client.prompts())
