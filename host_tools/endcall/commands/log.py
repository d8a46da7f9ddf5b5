"""`endcall log`: how each call with a limit ended."""

from __future__ import annotations

from typing import Any

import click

from endcall.commands.shared import (
    about,
    chosen,
    chosen_device,
    device_options,
    emit,
    note,
)


@click.command()
@device_options
@click.option("--after", default=0, type=click.IntRange(0), metavar="NUMBER", help="Only records after this one.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV with a head line, times in UTC.")
def log(after: int, as_csv: bool) -> None:
    """Show the incident records: how each call with a limit ended."""
    from endcall.connect import connect

    if as_csv and chosen("json"):
        raise click.UsageError("--csv and --json exclude each other.")
    with connect(chosen_device()) as client:
        records, lost = client.log(after)
        device = about(client)

    def human() -> Any:
        from endcall import render

        if as_csv:
            return render.log_csv(records)
        return render.log(records) if records else "No incidents."

    emit("log", {"device": device, "records": records, "lost": lost}, human)
    if lost:
        note(f"{lost} more found no room since the device was plugged in.")
