"""`endcall list`, `info`, `status`: what is plugged in, and how it is."""

from __future__ import annotations

from typing import Any

import click

from endcall.commands.shared import (
    about,
    chosen,
    chosen_device,
    device_options,
    emit,
    examples,
    note,
    prompt_uses,
    title,
)
from endcall.errors import EndcallError
from endcall_core.version import FIRMWARE


@examples("endcall list", "endcall list --json")
@click.command("list")
@device_options
def list_command() -> None:
    """Show every device that is plugged in, those out of service too."""
    from endcall import connect

    choice = chosen_device()
    seen = connect.survey(choice)
    if not seen:
        raise connect.nothing(choice)
    rows = []
    for device in seen:
        identity: dict[str, Any] = {}
        status: dict[str, Any] = {}
        error = device.error
        if device.client:
            with device.client as client:
                identity = client.identity
                try:
                    status = client.status()
                except EndcallError as failure:
                    error = failure
        rows.append(
            {
                "port": device.found.path,
                "serial": identity.get("serial") or device.found.serial,
                "name": identity.get("name"),
                "firmware": identity.get("firmware"),
                "access": identity.get("access"),
                "state": status.get("state"),
                "fault": status.get("fault", 0),
                "error": (error.name if error else None) if device.client or error else device.found.state,
            }
        )

    def human() -> Any:
        from endcall import render

        return render.devices(rows)

    emit("list", {"devices": rows}, human)
    for device in seen:
        if device.error:
            note(f"{device.found.path}: {device.error}")
        elif not device.client:
            note(str(connect.not_in_service(device.found)))


@examples("endcall info", "endcall info --serial E6614103E7452D2F")
@click.command()
@device_options
def info() -> None:
    """Show what a device is, its prompts, and what is wrong with it, if anything is."""
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        facts = {
            "device": about(client),
            "host_firmware": FIRMWARE,
            "identity": client.identity,
            "status": client.status(),
            "check": client.check(),
            "prompts": client.prompts(),
            "used": prompt_uses(client.get()),
        }

    def human() -> Any:
        from endcall import render

        return render.info(facts)

    emit("info", facts, human)


@examples("endcall status", "endcall status --once --json")
@click.command()
@device_options
@click.option("--once", is_flag=True, help="One look, then end.")
@click.option(
    "--every",
    "every_s",
    default=0.25,
    show_default=True,
    type=click.FloatRange(0.05, 3600),
    metavar="SECONDS",
    help="Time between two looks.",
)
@click.option("--count", type=click.IntRange(1), help="End after this many looks.")
def status(once: bool, every_s: float, count: int | None) -> None:
    """Watch what a device does, until Ctrl-C. With --json: a line of JSON per look."""
    import time

    from endcall.connect import connect

    with connect(chosen_device()) as client:
        device = about(client)
        looks = 1 if once else count
        done = 0
        with _live_view(device, is_still=once) as show:
            try:
                while True:
                    show(client.status())
                    done += 1
                    if done == looks:
                        return
                    time.sleep(every_s)
            except KeyboardInterrupt:
                return


def _live_view(device: dict[str, Any], is_still: bool) -> Any:
    """A context manager that gives a function to show one status after the other with."""
    import contextlib

    if chosen("json"):
        return contextlib.nullcontext(lambda facts: emit("status", {"device": device, "status": facts}, lambda: None))
    from rich.live import Live

    from endcall import render

    console = render.console()
    if is_still or not console.is_terminal:
        return contextlib.nullcontext(lambda facts: console.print(render.status(facts, title(device))))

    @contextlib.contextmanager
    def view() -> Any:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda facts: live.update(render.status(facts, title(device)), refresh=True)

    return view()
