"""`endcall firmware …`: which application runs, a newer one, the one before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from endcall.client import Client

from endcall.commands.shared import (
    about,
    chosen_device,
    device_options,
    emit,
    everyone_option,
    examples,
    note,
    on_devices,
    progress_bar,
    settle,
    timeout_option,
    title,
)

_folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The firmware in this folder instead of endcall's own.",
)


@click.group()
def firmware() -> None:
    """The device's program: check, update, go back.

    An update is tried first: a version that does not start is given up after three starts, and the one before is
    back. Settings, prompts and incident records stay.
    """


@examples("endcall firmware check", "endcall firmware check --all --exit-code")
@firmware.command("check")
@device_options
@everyone_option
@_folder_option
@click.option("--exit-code", is_flag=True, help="End with 8 where an update is due.")
def firmware_check(everyone: bool, folder: Path | None, exit_code: bool) -> None:
    """Compare what runs on a device with what this endcall brings."""
    from endcall import application, firmware
    from endcall.errors import DriftError

    brings = application.load(folder)
    choice = replace(chosen_device(), any_settings=True)
    results = on_devices(everyone, 0, lambda client: firmware.check(client, brings), choice)

    def human() -> str:
        return "\n".join(_line(result) for result in results if result["ok"])

    emit("firmware_check", {"devices": results}, human)
    settle(results)
    due = [result for result in results if result["update"]]
    if exit_code and due:
        raise DriftError(
            f"An update to {brings.version} is due on {len(due)} of {len(results)} devices.",
            "",
            "Bring it: endcall firmware update" + (" --all" if everyone else ""),
        )


def _line(result: dict[str, Any]) -> str:
    """What `check` found, for people."""
    app, brings = result["app"], result["brings"]
    words = [f"{title(result['device'])}: {result['firmware']}"]
    words.append("as it was flashed" if app["slot"] == "factory" else f"in slot {app['slot']}")
    if result["trial"]:
        words.append(f"on trial, start {app['tries']} of 3")
    if app["failed"]:
        failed = app.get(app["failed"], [""])[0]
        words.append(f"{failed or 'the application in slot ' + app['failed']} was given up ({app['why']})")
    if not result["update"]:
        words.append("is what this endcall brings")
    elif result["fits"]:
        words.append(f"this endcall brings {brings['version']}: endcall firmware update")
    else:
        words.append(
            f"this endcall brings {brings['version']}, which needs base {brings['base']} and not {app['base']}: "
            "endcall flash"
        )
    return ", ".join(words)


@examples("endcall firmware update", "endcall firmware update --all")
@firmware.command("update")
@device_options
@everyone_option
@timeout_option
@_folder_option
@click.option("--force", is_flag=True, help="Send it even where it is there already.")
def firmware_update(everyone: bool, wait_s: float, folder: Path | None, force: bool) -> None:
    """Bring the firmware of this endcall onto a device, try it, and confirm it.

    Waits while a call is in progress. If the new version does not start or finds a fault, the one before is back.
    """
    from endcall import application, firmware

    brings = application.load(folder)
    choice = replace(chosen_device(), any_settings=True)

    def job(client: Client) -> dict[str, Any]:
        who = title(about(client))
        with progress_bar(len(brings.content), everyone) as progress:
            return firmware.update(client, choice, brings, progress, lambda text: note(f"{who}: {text}"), force)

    results = on_devices(everyone, wait_s, job, choice)

    def human() -> str:
        lines = []
        for result in results:
            if result["ok"]:
                said = f"{result['before']} -> {result['after']}, checked and confirmed"
                if not result["changed"]:
                    said = f"{result['after']} is there already"
                lines.append(f"{title(result['device'])}: {said}")
        return "\n".join(lines)

    emit("firmware_update", {"devices": results}, human)
    settle(results)


@examples("endcall firmware rollback --serial E6614103E7452D2F")
@firmware.command("rollback")
@device_options
@timeout_option
def firmware_rollback(wait_s: float) -> None:
    """Go back to the version that ran before the last update.

    Settings, prompts and incident records stay as they are. A second rollback goes forward again.
    """
    from endcall import firmware

    choice = replace(chosen_device(), any_settings=True)
    results = on_devices(False, wait_s, lambda client: firmware.roll_back(client, choice), choice)
    result = results[0]
    emit(
        "firmware_rollback",
        result,
        lambda: f"{title(result['device'])}: {result['before']} -> {result['after']}",
    )
