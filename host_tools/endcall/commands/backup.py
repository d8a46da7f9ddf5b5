"""`endcall backup`, `restore`: everything that a device keeps, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from endcall.commands.shared import (
    WAIT_S,
    about,
    chosen_device,
    device_options,
    emit,
    examples,
    named_progress,
    no_backup_option,
    note,
    timeout_option,
    title,
)
from endcall.errors import NotVerifiedError, UsageError


@examples("endcall backup", "endcall backup front-desk.zip --serial E6614103E7452D2F")
@click.command()
@device_options
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--force", is_flag=True, help="Overwrite OUTPUT.")
def backup(output: Path | None, force: bool) -> None:
    """Save settings, prompts and incident records of a device in one ZIP file."""
    from endcall import backup as backups
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        device = about(client)
        path = output or Path(f"endcall-{device['serial'] or 'device'}.zip")
        if path.exists() and not force:
            raise UsageError(f"{path} is there already.", "It was not touched.", "Give another name, or --force.")
        with named_progress("reading") as progress:
            taken = backups.take(client, progress)
    backups.write(path, taken)
    facts = {
        "device": device,
        "output": str(path),
        "prompts": sorted(taken.prompts),
        "incidents": len(taken.incidents),
        "left_out": taken.about["prompts_left_out"],
    }
    said = f"{path}: {len(taken.settings)} settings, {len(taken.prompts)} prompts, {len(taken.incidents)} incidents"
    emit("backup", facts, lambda: f"{said} of {title(device)}")
    for name, why in taken.about["prompts_left_out"].items():
        note(f"Left out: prompt {name}, because {why}.")


@examples("endcall restore front-desk.zip", "endcall restore front-desk.zip --keep-name --serial E6614103E7452D2F")
@click.command()
@device_options
@timeout_option
@no_backup_option
@click.option("--keep-name", is_flag=True, help="Leave the device's name: to make a second device like the first.")
@click.argument("file", type=click.Path(path_type=Path))
def restore(file: Path, keep_name: bool, no_backup: bool, wait_s: float = WAIT_S) -> None:
    """Bring settings and prompts of a backup back, read them back and compare.

    What can't be brought back is told, and ends with exit code 9. Where the device has no room, prompts that the
    backup does not have are removed, and kept on this computer. Incident records stay in the file: a device never
    takes records that it did not write.
    """
    from endcall import backup as backups
    from endcall.connect import connect

    kept = backups.read(file)
    with connect(chosen_device()) as client:
        device = about(client)
        client.wait_s = wait_s
        client.waiting = lambda: note(f"A call is in progress on {title(device)}; waiting, {wait_s:g} s at most.")
        with named_progress("sending") as progress:
            done = backups.restore(client, kept, keep_name, not no_backup, progress)
    facts: dict[str, Any] = {
        "device": device,
        "changed": done.changed,
        "sent": done.sent,
        "there": done.there,
        "removed": {name: path and str(path) for name, path in done.removed.items()},
        "before": done.before and str(done.before),
        "missing": [{"what": what, "why": why} for what, why in done.missing],
        "incidents_in_file": len(kept.incidents),
    }
    emit("restore", facts, lambda: _shown(device, done))
    for name, path in done.removed.items():
        note(f"Removed to make room: prompt {name}" + (f"; endcall prompt put {path} --as {name}" if path else "."))
    if done.before:
        note(f"The settings as they were: endcall apply {done.before}")
    if kept.incidents:
        count = (
            "1 incident record stays" if len(kept.incidents) == 1 else f"{len(kept.incidents)} incident records stay"
        )
        note(f"{count} in {file}: a device takes only what it wrote itself.")
    if done.missing:
        raise NotVerifiedError(
            f"{len(done.missing)} things could not be brought back:\n"
            + "\n".join(f"  {what}: {why}" for what, why in done.missing),
            "Everything else is restored, read back and compared.",
            "Put those in place by hand, then compare: endcall get",
        )


def _shown(device: dict[str, Any], done: Any) -> Any:
    from rich.console import Group

    from endcall import render

    parts: list[Any] = [
        f"{title(device)}: {len(done.changed)} settings changed, {len(done.sent)} prompts sent, "
        f"{len(done.there)} were there already; read back and compared"
    ]
    if done.changed:
        parts.append(render.changes(done.changed))
    return Group(*parts)
