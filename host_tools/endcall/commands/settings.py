"""`endcall get`, `set`, `apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcall.errors import DriftError, InvalidError

if TYPE_CHECKING:
    from endcall.client import Client

from endcall.commands.shared import (
    SettingsHelp,
    about,
    chosen_device,
    complete_key,
    device_options,
    emit,
    everyone_option,
    on_devices,
    settle,
    timeout_option,
    title,
)


@click.command(cls=SettingsHelp)
@device_options
@click.argument("keys", nargs=-1, metavar="[KEY]…", shell_complete=complete_key)
def get(keys: tuple[str, ...]) -> None:
    """Show settings as TOML, all of them or those named; `endcall apply` takes it back."""
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


@click.command("set", cls=SettingsHelp)
@device_options
@everyone_option
@timeout_option
@click.argument("pairs", nargs=-1, required=True, metavar="KEY VALUE [KEY VALUE]…", shell_complete=complete_key)
def set_command(pairs: tuple[str, ...], everyone: bool, wait_s: float) -> None:
    """Change settings, all together or none."""
    from endcall import settings_file

    if len(pairs) % 2:
        raise click.UsageError(f"{pairs[-1]} has no value. Give pairs: endcall set call.warn_s 30 call.watch_s 120")
    changes = {key: settings_file.parse_value(key, text) for key, text in zip(pairs[::2], pairs[1::2], strict=True)}
    _change("set", changes, {}, "the command line", everyone, wait_s, only_check=False)


@click.command()
@device_options
@everyone_option
@timeout_option
@click.option("--check", "only_check", is_flag=True, help="Only compare: exit code 8 where a device differs.")
@click.argument("file", type=click.Path(path_type=Path))
def apply(file: Path, everyone: bool, wait_s: float, only_check: bool) -> None:
    """Put the settings of FILE (TOML) in force, all together or none, and read them back.

    What FILE does not name stays as it is. A `release.preset` in FILE fills the other release values. Doing it
    again changes nothing.
    """
    from endcall import settings_file

    changes, lines = settings_file.read(file)
    _change("apply", changes, lines, str(file), everyone, wait_s, only_check)


def _change(
    kind: str,
    changes: dict[str, Any],
    lines: dict[str, int],
    where: str,
    everyone: bool,
    wait_s: float,
    only_check: bool,
) -> None:
    from endcall import settings_file
    from endcall_core import settings

    problems = settings_file.problems_alone(changes, lines)
    if problems:
        raise settings_file.invalid(problems, where)

    def job(client: Client) -> dict[str, Any]:
        before = client.get()
        values, found = settings.check_changes(settings.defaults() | before, changes)
        if found:
            raise settings_file.invalid(settings_file.sort(found, changes, lines), where)
        if all(before.get(key) == values[key] for key in settings.fill(changes)):
            return {"changed": {}, "applied": False}
        if only_check:
            after = values
        else:
            try:
                after = client.change(settings.fill(changes))
            except InvalidError as error:
                raise _as_problems(error, changes, lines, where) from error
        changed = {key: [before.get(key), after[key]] for key in values if before.get(key) != after.get(key)}
        return {"changed": changed, "applied": not only_check}

    results = on_devices(everyone, wait_s, job)

    def human() -> Any:
        from rich.console import Group

        from endcall import render

        parts: list[Any] = []
        for result in results:
            if result["ok"]:
                verb = "would change" if only_check else "changed, read back and compared"
                count = len(result["changed"])
                said = f"{count} setting{'' if count == 1 else 's'} {verb}" if count else f"already as in {where}"
                parts.append(f"{title(result['device'])}: {said}")
                if count:
                    parts.append(render.changes(result["changed"]))
        return Group(*parts)

    emit(kind, {"devices": results}, human)
    settle(results)
    drifted = sum(1 for result in results if result["changed"])
    if only_check and drifted:
        raise DriftError(f"{drifted} of {len(results)} devices differ from {where}.", "", f"endcall apply {where}")


def _as_problems(error: InvalidError, changes: dict[str, Any], lines: dict[str, int], where: str) -> InvalidError:
    """What the device refused, with the lines of the file."""
    from endcall import settings_file

    told = error.details.get("problems")
    if isinstance(told, list) and told and all(isinstance(one, list) and len(one) == 3 for one in told):
        return settings_file.invalid(settings_file.sort([tuple(one) for one in told], changes, lines), where)
    return error
