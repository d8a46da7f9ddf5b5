"""`endcall flash`: from a blank Pico to a working button."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from endcall.connect import Choice

from endcall.commands.shared import (
    chosen,
    chosen_device,
    device_options,
    emit,
    examples,
    note,
    progress_bar,
    timeout_option,
)


@examples("endcall flash", "endcall flash --runtime circuitpython.uf2 --settings office.toml")
@click.command()
@device_options
@timeout_option
@click.option(
    "--runtime",
    "given_runtime",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CircuitPython's UF2; else it is downloaded once and kept.",
)
@click.option("--any-runtime", is_flag=True, help="Take FILE even if it is another CircuitPython than the tested one.")
@click.option("--settings", "file", type=click.Path(path_type=Path), metavar="FILE", help="Settings (TOML).")
@click.option(
    "--prompt", "prompts_given", multiple=True, metavar="NAME=FILE", help="A prompt, besides or instead of the stock."
)
@click.option("--drive", type=click.Path(path_type=Path), metavar="PATH", help="The bootloader's drive, RPI-RP2.")
@click.option("--erase-log", is_flag=True, help="Erase the incident records that the Pico may have.")
@click.option("--yes", is_flag=True, help="Do not ask before a Pico that runs is written anew.")
def flash(
    given_runtime: Path | None,
    any_runtime: bool,
    file: Path | None,
    prompts_given: tuple[str, ...],
    drive: Path | None,
    erase_log: bool,
    yes: bool,
    wait_s: float,
) -> None:
    """Write a Raspberry Pi Pico whole: CircuitPython, firmware, settings, prompts; then see that it works.

    Hold BOOTSEL while plugging a blank Pico in. One that runs CircuitPython or endcall is sent there by itself.

    """
    from endcall import flash as work
    from endcall import image_command
    from endcall.errors import NotVerifiedError

    values, prompts = image_command.read_contents(file, prompts_given)
    runtime = work.runtime(given_runtime, any_runtime, note)
    choice = replace(chosen_device(), any_settings=True)
    target, serial = drive, None
    if target is None and not (choice.port or choice.serial or choice.name):
        target = work.find_drive(None)
    before = work.serials()
    if target is None:
        data = image_command.make(runtime, values, prompts, None, erase_log)  # what can't be made is told first
        serial = _into_bootloader(choice, yes, wait_s)
        target = work.wait_for_drive(None)
    uid = serial if serial and re.fullmatch("[0-9A-Fa-f]{16}", serial) else None
    data = image_command.make(runtime, values, prompts, uid, erase_log)
    work.check_drive(target, len(data))
    note(f"Writing {len(data) // 1024} KB to {target} …")
    with progress_bar(len(data), bool(chosen("json"))) as progress:
        work.copy(target, data, progress)
    if values["usb.access"] == "service":
        facts: dict[str, Any] = {"drive": str(target), "bytes": len(data), "proved": False}
        emit(
            "flash",
            facts,
            lambda: (
                "Written. With usb.access = service it shows no port, so it could not be asked.\n"
                "Look at its ring: one white dot. To ask it, unplug it, hold the button while plugging it in, let go "
                "after 5 s, and run: endcall info"
            ),
        )
        return
    note("Waiting for it to start …")
    with work.wait_for_service(before, serial, choice, target) as client:
        facts = {"drive": str(target), "bytes": len(data), "proved": True, **work.prove(client)}
    emit("flash", facts, lambda: _card(facts))
    if facts["check"]["fault"]:
        raise NotVerifiedError(
            f"The device was written and answers, but its self-check fails: {facts['check']['name']}.",
            f"It says: {facts['check']['say']}.",
            "Put that right, then: endcall info",
            fault=facts["check"]["fault"],
        )


def _into_bootloader(choice: Choice, yes: bool, wait_s: float) -> str | None:
    """Send the one Pico that runs into its bootloader; returns its serial number."""
    from endcall import connect, ports
    from endcall import flash as work
    from endcall.errors import NotInServiceError

    try:
        client = connect.connect(choice)
    except NotInServiceError as error:
        device = work.unmounted()
        consoles = [
            found
            for found in ports.find(ports.list_ports())
            if found.state == ports.NO_DATA_PORT and choice.serial in (None, found.serial)
        ]
        if device and not consoles:
            raise work.not_mounted(device) from error
        if len(consoles) != 1:
            raise
        _ask_first(f"The Pico at {consoles[0].path} (serial {consoles[0].serial}) runs CircuitPython", "", yes)
        work.repl_to_bootloader(consoles[0].path)
        return consoles[0].serial
    except work.NoDeviceError as error:
        device = work.unmounted()
        if device:
            raise work.not_mounted(device) from error
        raise work.NoDeviceError(
            "No Pico was found, neither in its bootloader nor running.",
            "None is plugged in, or its cable carries no data.",
            "Hold BOOTSEL while plugging the Pico in, then repeat the command.",
        ) from error
    with client:
        client.wait_s = wait_s
        client.waiting = lambda: note(f"A call is in progress; waiting, {wait_s:g} s at most.")
        serial = str(client.identity.get("serial", ""))
        records = client.status()["incidents"]
        _ask_first(
            f"The endcall device {client.identity.get('name') or serial} is in service",
            f"It has settings, prompts and {records} incident records. Keep them first: endcall backup",
            yes,
        )
        client.restart(into_bootloader=True)
    return serial


def _ask_first(what: str, has: str, yes: bool) -> None:
    """Ask before everything on a Pico is replaced. Raises UsageError where nobody can answer."""
    from endcall.errors import UsageError

    if yes:
        return
    loses = has or "Everything on its drive will be replaced."
    if not sys.stdin.isatty():
        raise UsageError(
            f"{what}, and would be written anew.", loses, "If that is meant, repeat the command with --yes."
        )
    note(f"{what}. {loses}")
    if not click.confirm("Write it anew?", err=True):
        raise UsageError("Nothing was written.", "You said no.")


def _card(facts: dict[str, Any]) -> str:
    device, check = facts["device"], facts["check"]
    rows = [
        ("serial number", device["serial"]),
        ("name", device["name"] or "(none: endcall set device.name NAME)"),
        ("port", device["port"]),
        ("firmware", f"{facts['firmware']} on {facts['runtime']}"),
        ("prompts", ", ".join(facts["prompts"])),
        ("self-check", "passed" if not check["fault"] else f"{check['name']}: {check['say']}"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = ["The button works." if not check["fault"] else "The button does not work yet."]
    return "\n".join(lines + [f"  {name:{width}}  {value}" for name, value in rows])
