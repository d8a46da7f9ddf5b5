"""`endcall get`, `set`, `validate`, `plan`, `apply`, `export`, `schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcall.commands.shared import (
    SettingsHelp,
    about,
    chosen,
    chosen_device,
    complete_key,
    device_options,
    emit,
    everyone_option,
    examples,
    no_backup_option,
    note,
    on_devices,
    options,
    settle,
    timeout_option,
    title,
)
from endcall.errors import DriftError, UsageError

if TYPE_CHECKING:
    from endcall.client import Client
    from endcall.plan import Plan
    from endcall.settings_file import Place

_file = click.argument("file", type=click.Path(path_type=Path))


@examples("endcall get", "endcall get call.warn_s release.mode", "endcall get --json")
@click.command(cls=SettingsHelp)
@device_options
@click.argument("keys", nargs=-1, metavar="[KEY]…", shell_complete=complete_key)
def get(keys: tuple[str, ...]) -> None:
    """Show settings as TOML, all of them or those named."""
    from endcall import settings_file
    from endcall.connect import connect

    problems = [
        settings_file.Problem(None, key, None, "is not a setting", settings_file.nearest(key))
        for key in keys
        if key not in settings_file.KEYS
    ]
    if problems:
        raise settings_file.invalid(problems, "the command line")
    with connect(chosen_device()) as client:
        values = client.get()
        device = about(client)
    if keys:
        values = {key: values[key] for key in keys}
    emit("get", {"device": device, "values": values}, lambda: settings_file.to_toml(values))


@examples("endcall set call.min_warn_s 8", 'endcall set device.name "Front desk" ring.brightness_pct 30')
@click.command("set", cls=SettingsHelp)
@device_options
@everyone_option
@timeout_option
@no_backup_option
@click.argument("pairs", nargs=-1, required=True, metavar="KEY VALUE [KEY VALUE]…", shell_complete=complete_key)
def set_command(pairs: tuple[str, ...], everyone: bool, wait_s: float, no_backup: bool) -> None:
    """Change settings, all together or none."""
    from endcall import settings_file

    if len(pairs) % 2:
        raise click.UsageError(f"{pairs[-1]} has no value. Give pairs: endcall set call.warn_s 30 call.watch_s 120")
    changes = {key: settings_file.parse_value(key, text) for key, text in zip(pairs[::2], pairs[1::2], strict=True)}
    _change("set", changes, {}, "the command line", everyone, wait_s, no_backup)


@examples("endcall validate office.toml")
@click.command()
@options("--json")
@_file
def validate(file: Path) -> None:
    """Check FILE (TOML) without a device: every problem at once, with line and column."""
    from endcall import settings_file

    changes, places = settings_file.read(file)
    problems = settings_file.problems_alone(changes, places)
    if problems:
        raise settings_file.invalid(problems, str(file))
    count = f"{len(changes)} setting{'' if len(changes) == 1 else 's'}"
    emit("validate", {"file": str(file), "settings": changes}, lambda: f"{file}: {count}, nothing wrong")


@examples("endcall plan office.toml", "endcall plan --all --exit-code office.toml")
@click.command()
@device_options
@everyone_option
@click.option("--exit-code", "tells", is_flag=True, help="Exit code 8 where a device differs from FILE.")
@_file
def plan(file: Path, everyone: bool, tells: bool) -> None:
    """Show what `apply` would change, and change nothing."""
    changes, places = _read(file)

    def job(client: Client) -> dict[str, Any]:
        made = _plan(client, changes, places, str(file))
        return {"changed": made.as_pairs(), "why": {one.key: one.why for one in made.changes if one.why}}

    results = on_devices(everyone, 0, job)
    emit("plan", {"devices": results}, lambda: _shown(results, str(file), "would change", "would be"))
    settle(results)
    drifted = sum(1 for result in results if result["changed"])
    if tells and drifted:
        raise DriftError(f"{drifted} of {len(results)} devices differ from {file}.", "", f"endcall apply {file}")


@examples("endcall apply office.toml", "endcall apply --all office.toml")
@click.command()
@device_options
@everyone_option
@timeout_option
@no_backup_option
@_file
def apply(file: Path, everyone: bool, wait_s: float, no_backup: bool) -> None:
    """Put the settings of FILE (TOML) in force, all together or none, and read them back.

    What FILE does not name stays as it is. A `release.preset` in FILE fills the other release values. Doing it
    again changes nothing. The settings as they were are kept on this computer.
    """
    changes, places = _read(file)
    _change("apply", changes, places, str(file), everyone, wait_s, no_backup)


@examples("endcall export office.toml")
@click.command()
@device_options
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Overwrite OUTPUT.")
def export(output: Path, force: bool) -> None:
    """Write all settings of a device to a file that explains each, and that `apply` takes.

    The device's name is left out: it belongs to one device.
    """
    from endcall import settings_file
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        values = client.get()
        device = about(client)
    values.pop("device.name", None)
    write_new(output, settings_file.to_toml(values, comments=True), force)
    emit("export", {"device": device, "output": str(output)}, lambda: f"{output}: all settings of {title(device)}")


@examples("endcall schema > endcall.schema.json")
@click.command()
def schema() -> None:
    """Print the JSON Schema of a settings file, for editors that complete and check while typing."""
    from endcall.reference import schema as json_schema

    click.echo(json.dumps(json_schema(), indent=2))


def write_new(path: Path, text: str, force: bool) -> None:
    """Write `text`; without `force` only where nothing is yet."""
    if path.exists() and not force:
        raise UsageError(f"{path} is there already.", "It was not touched.", "Give another name, or --force.")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.", "", "Choose another place.") from error


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Place]]:
    """A file that is right as far as it can be told without a device: nothing is asked of one before."""
    from endcall import settings_file

    changes, places = settings_file.read(file)
    problems = settings_file.problems_alone(changes, places)
    if problems:
        raise settings_file.invalid(problems, str(file))
    return changes, places


def _plan(client: Client, changes: dict[str, Any], places: dict[str, Place], where: str) -> Plan:
    from endcall import plan as planning

    return planning.make(client.get(), changes, places, where)


def _change(
    kind: str,
    changes: dict[str, Any],
    places: dict[str, Place],
    where: str,
    everyone: bool,
    wait_s: float,
    no_backup: bool,
) -> None:
    from endcall import settings_file

    problems = settings_file.problems_alone(changes, places)
    if problems:
        raise settings_file.invalid(problems, where)

    def job(client: Client) -> dict[str, Any]:
        before = client.get()
        made = _plan(client, changes, places, where)
        kept = None
        if made.changes:
            if not no_backup:
                from endcall.backup import keep_settings

                kept = str(keep_settings(client.identity, before))
            made.carry_out(client)
        return {"changed": made.as_pairs(), "applied": bool(made.changes), "before": kept}

    results = on_devices(everyone, wait_s, job)
    emit(kind, {"devices": results}, lambda: _shown(results, where, "changed, read back and compared", "is"))
    for result in results:
        if result.get("before") and not chosen("json"):
            note(f"As it was: endcall apply {result['before']}")
    settle(results)


def _shown(results: list[dict[str, Any]], where: str, verb: str, is_now: str) -> Any:
    from rich.console import Group

    from endcall import render

    parts: list[Any] = []
    for result in results:
        if result["ok"]:
            count = len(result["changed"])
            said = f"{count} setting{'' if count == 1 else 's'} {verb}" if count else f"already as in {where}"
            parts.append(f"{title(result['device'])}: {said}")
            if count:
                why = result.get("why", {})
                rows = {key: [*pair, why.get(key, "")] for key, pair in result["changed"].items()}
                parts.append(render.changes(rows, "is" if is_now == "would be" else "was", is_now))
    return Group(*parts)
