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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endcall import settings_file
from endcall.client import Client
from endcall.errors import InvalidError, NotVerifiedError, UsageError
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
    return _keep(identity, ".toml", settings_file.to_toml(values).encode())


def _keep(identity: dict[str, Any], ending: str, data: bytes) -> Path:
    from platformdirs import user_data_path

    folder = user_data_path("endcall", appauthor=False) / "before" / str(identity.get("serial") or "unknown")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stamp = _stamp()
        path = folder / f"{stamp}{ending}"
        number = 1
        while path.exists():
            number += 1
            path = folder / f"{stamp}-{number}{ending}"
        path.write_bytes(data)
        for old in sorted(folder.glob(f"*{path.suffix}"))[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"What is on the device now can't be kept in {folder}: {error.strerror}.",
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


def write(path: Path, backup: Backup, more: Mapping[str, bytes] | None = None) -> None:
    """Write `path` whole or not at all. more: further files, which nothing reads. Raises UsageError."""
    files = {
        SETTINGS: settings_file.to_toml(backup.settings, comments=True).encode(),
        INCIDENTS: json.dumps(backup.incidents, indent=1).encode(),
        **{PROMPTS + name: data for name, data in backup.prompts.items()},
        **(more or {}),
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
    """What `restore` did, and what it could not.

    removed: prompts that made room, and where they are kept. before: where the settings of before are kept.
    missing: (what, why).
    """

    changed: dict[str, list[Any]]
    sent: list[str]
    there: list[str]
    removed: dict[str, Path | None]
    before: Path | None
    missing: list[tuple[str, str]]


def restore(
    client: Client,
    backup: Backup,
    keep_name: bool,
    keep_before: bool = True,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Restored:
    """Bring back settings and prompts, each read back and compared; what can't be brought back is told, not hidden.

    keep_name: leave `device.name` as the device has it. keep_before: keep what it has now, as `apply` does, where it
    changes. Prompts go first, because settings may name them; those that the backup does not have
    stay where there is room for them. Raises UsageError where this computer can't keep something, before that changes.
    """
    from endcall import plan

    missing = [(f"prompt {name}", f"it was not in the backup: {why}") for name, why in _left_out(backup).items()]
    wanted = _acceptable(backup.settings, missing)
    if keep_name:
        wanted.pop("device.name", None)
    before = client.get()
    prompts = _Prompts(client, backup, wanted, keep_before, progress)
    for name in sorted(backup.prompts, key=lambda name: name not in _named(wanted)):
        try:
            prompts.bring_back(name)
        except (InvalidError, NotVerifiedError) as error:
            missing.append((f"prompt {name}", error.happened))
    stored = _playable(client)
    for key in [key for key in _NAMING if wanted.get(key) and wanted[key] not in stored]:
        missing.append((f"{key} = {wanted.pop(key)!r}", "the device has no such prompt"))
    made = plan.make(client.get(), wanted, {}, "the backup")
    kept = None
    if keep_before and (made.changes or client.get() != before):
        kept = keep_settings(client.identity, before)
    if made.changes:
        made.carry_out(client)
    after = client.get()
    changed = {key: [before.get(key), after[key]] for key in after if before.get(key) != after[key]}
    return Restored(changed, prompts.sent, prompts.there, prompts.removed, kept, missing)


_NAMING = ("prompt.closing", "prompt.warning")


def _acceptable(values: dict[str, Any], missing: list[tuple[str, str]]) -> dict[str, Any]:
    """The `values` that this version takes, each alone; why not goes into `missing`."""
    from endcall_core import settings

    wanted = dict(values)
    for key, value in values.items():
        problem = settings.check(key, value)
        if settings.find(key) is None:
            missing.append((f"{key} = {wanted.pop(key)!r}", f"version {FIRMWARE} has no such setting"))
        elif problem:
            missing.append((f"{key} = {wanted.pop(key)!r}", str(problem[2])))
    return wanted


class _Prompts:
    """Brings prompts back one by one, and makes room where every slot is in use."""

    def __init__(
        self,
        client: Client,
        backup: Backup,
        wanted: dict[str, Any],
        keep: bool,
        progress: Callable[[str, int, int], None],
    ) -> None:
        self._client, self._backup, self._wanted, self._keep, self._progress = client, backup, wanted, keep, progress
        self.sent: list[str] = []
        self.there: list[str] = []
        self.removed: dict[str, Path | None] = {}

    def bring_back(self, name: str) -> None:
        """Raises InvalidError where the device refuses it, or where nothing can make room; and as `put_prompt`."""
        data = self._backup.prompts[name]
        if self._is_right(name, {row["name"]: row for row in self._client.prompts()}):
            self.there.append(name)
            return
        while True:
            try:
                self._client.put_prompt(name, data, lambda done: self._progress(name, done, len(data)))
            except InvalidError as error:
                if error.details.get("code") != "full" or not self._make_room():
                    raise
            else:
                self.sent.append(name)
                return

    def _is_right(self, name: str, stored: dict[str, Any]) -> bool:
        from endcall_core import wire

        row = stored.get(name)
        return bool(row and row["crc"] == wire.crc(self._backup.prompts[name]) and not row["problem"])

    def _make_room(self) -> bool:
        """Remove a prompt that is not as the backup has it; whether there was one.

        One that a setting names is let go by bringing that setting back first.
        """
        values = self._client.get()
        stored = {row["name"]: row for row in self._client.prompts()}
        right = {name for name in self._backup.prompts if self._is_right(name, stored)}
        # First what nothing needs, then what a setting names, last what is about to be replaced.
        spare = sorted(
            set(stored) - right, key=lambda name: (name in self._backup.prompts, name in _named(values), name)
        )
        for name in spare:
            naming = {key: self._wanted.get(key) for key in _NAMING if values[key] == name}
            if all(other == "" or other in right for other in naming.values()):
                self._remove(name, naming, is_damaged=bool(stored[name]["problem"]))
                return True
        return False

    def _remove(self, name: str, naming: dict[str, Any], is_damaged: bool) -> None:
        kept = None
        if self._keep and not is_damaged:
            kept = _keep(self._client.identity, f"-{name}", self._client.read_prompt(name))
        if naming:
            self._client.change(naming)
        self._client.remove_prompt(name)
        self.removed[name] = kept


def _left_out(backup: Backup) -> dict[str, str]:
    left_out = backup.about.get("prompts_left_out")
    return left_out if isinstance(left_out, dict) else {}


def _named(values: dict[str, Any]) -> set[Any]:
    return {values.get(key) for key in _NAMING}


def _playable(client: Client) -> list[str]:
    return [row["name"] for row in client.prompts() if not row["problem"]]
