"""`endcall lock`: a key that a device wants of whoever changes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from endcall.commands.shared import (
    about,
    chosen_device,
    device_options,
    emit,
    everyone_option,
    examples,
    note,
    on_devices,
    options,
    settle,
    timeout_option,
    title,
)
from endcall.errors import UsageError


@examples("endcall lock set", "endcall lock status --all")
@click.group()
def lock() -> None:
    """A key for a device: without it, the device can be looked at and not changed.

    The commands of this computer sign by themselves once it keeps the key.
    """


@examples("endcall lock status", "endcall lock status --all --json")
@lock.command("status")
@device_options
@everyone_option
def lock_status(everyone: bool) -> None:
    """Say whether a device has a key, and whether this computer keeps one for it."""
    from endcall import lock as work

    results = on_devices(everyone, 0, work.status)
    emit("lock_status", {"devices": results}, lambda: _each(results, _status_words))
    settle(results)


def _status_words(result: dict[str, Any]) -> str:
    if not result["set"]:
        return "has no key: whoever reaches its port can change it"
    known = "this computer keeps its key" if result["known"] else "this computer does not know it"
    if not result["in_force"]:
        return f"has a key, in force from its next start on; {known}"
    return f"has a key; {known}; {result['left']} wrong tries are left"


@examples("endcall lock set", "endcall lock set --all")
@lock.command("set")
@device_options
@everyone_option
@timeout_option
def lock_set(everyone: bool, wait_s: float) -> None:
    """Give a device a key, or another one in place of the one it has.

    The key is made here, kept in this computer's keyring, or else in a file that only you can read. A first key is in
    force after a restart, which is done when no call is in progress.
    """
    from endcall import lock as work

    choice = replace(chosen_device(), any_settings=True)
    results = on_devices(everyone, wait_s, lambda client: work.give(client, choice), choice)
    emit("lock_set", {"devices": results}, lambda: _each(results, _set_words))
    if any(result["ok"] for result in results):
        note("Lose the key, and only whoever can hold the button takes it away. A copy: endcall lock export FILE")
    settle(results)


def _set_words(result: dict[str, Any]) -> str:
    what = "has another key" if result["changed"] else "has a key"
    return f"{what}, tried and in force; kept in {result['kept']}"


@examples("endcall lock remove")
@lock.command("remove")
@device_options
@everyone_option
@timeout_option
def lock_remove(everyone: bool, wait_s: float) -> None:
    """Take a device's key away. Needs the key; where it is lost: endcall rescue --without-key."""
    from endcall import lock as work

    results = on_devices(everyone, wait_s, work.take_away)
    emit(
        "lock_remove",
        {"devices": results},
        lambda: _each(results, lambda result: "has no key any more" if result["removed"] else "had no key"),
    )
    settle(results)


@examples("endcall lock export keys.json", "endcall lock export --all keys.json")
@lock.command("export")
@device_options
@everyone_option
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
def lock_export(output: Path, everyone: bool) -> None:
    """Write the keys that this computer keeps to a file, for another computer.

    Whoever has the file has the keys: only you can read it, and it should not stay where it is.
    """
    from endcall import keys

    if output.exists():
        raise UsageError(f"{output} is there already.", "It was not touched.", "Give another name.")
    results = on_devices(everyone, 0, lambda client: {"kept": keys.of(about(client)["serial"])})
    found = {result["device"]["serial"]: result.pop("kept") for result in results if result["ok"]}
    found = {serial: kept for serial, kept in found.items() if kept}
    if not found:
        raise UsageError("This computer keeps no key for it.", "", "See: endcall lock status")
    keys.export(output, found)
    facts = {"output": str(output), "devices": sorted(found)}
    emit("lock_export", facts, lambda: f"{output}: the key of {', '.join(sorted(found))}")
    settle(results)


@examples("endcall lock import keys.json")
@lock.command("import")
@options("--json")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def lock_import(file: Path) -> None:
    """Keep the keys of a file that `endcall lock export` wrote. No device is asked."""
    from endcall import keys

    read = keys.read_exported(file)
    places = {serial: keys.keep(serial, found) for serial, found in sorted(read.items())}
    emit(
        "lock_import",
        {"devices": sorted(read)},
        lambda: "\n".join(f"{serial}: its key is kept in {place}" for serial, place in places.items()),
    )
    note(f"Delete {file} now.")


def _each(results: list[dict[str, Any]], words: Any) -> str:
    return "\n".join(f"{title(result['device'])}: {words(result)}" for result in results if result["ok"])
