"""`endcall prompt …`: the spoken prompts."""

from __future__ import annotations

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
    note,
    on_devices,
    progress_bar,
    prompt_uses,
    settle,
    timeout_option,
    title,
)


@click.group()
def prompt() -> None:
    """The spoken prompts: send, show, remove."""


@prompt.command("list")
@device_options
def prompt_list() -> None:
    """Show the stored prompts, and what is wrong with them, if anything is."""
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        rows = client.prompts()
        used = prompt_uses(client.get())
        device = about(client)

    def human() -> Any:
        from endcall import render

        return render.prompts(rows, used)

    emit("prompts", {"device": device, "prompts": rows, "used": used}, human)


@prompt.command("put")
@device_options
@everyone_option
@timeout_option
@click.option("--as", "wanted", metavar="NAME", help="Name on the device; that of the file if not given.")
@click.argument("file", type=click.Path(path_type=Path))
def prompt_put(file: Path, wanted: str | None, everyone: bool, wait_s: float) -> None:
    """Send FILE (WAV, PCM 16 bit, mono, 8 to 22.05 kHz) and compare what arrived."""
    from endcall import prompt_file
    from endcall_core.wire import crc

    name, data, sound = prompt_file.read(file, wanted)
    note(f"{name}: {sound.duration_ms / 1000:.1f} s at {sound.rate_hz} Hz, {len(data)} bytes")

    def job(client: Client) -> dict[str, Any]:
        there = {row["name"]: row for row in client.prompts()}.get(name)
        is_there = bool(there and there["crc"] == crc(data) and not there["problem"])
        if not is_there:
            with progress_bar(len(data), everyone) as progress:
                client.put_prompt(name, data, progress)
        return {
            "prompt": name,
            "bytes": len(data),
            "ms": sound.duration_ms,
            "sent": not is_there,
            "used": prompt_uses(client.get()).get(name, []),
        }

    results = on_devices(everyone, wait_s, job)

    def human() -> str:
        lines = []
        for result in results:
            if result["ok"]:
                said = "sent, read back and compared" if result["sent"] else "was there already"
                lines.append(f"{title(result['device'])}: {name} {said}")
        return "\n".join(lines)

    emit("prompt_put", {"devices": results}, human)
    if any(result["ok"] and not result["used"] for result in results):
        note(f"No setting uses {name} yet: endcall set prompt.closing {name}   (or prompt.warning)")
    settle(results)


@prompt.command("remove")
@device_options
@timeout_option
@click.argument("prompt_name", metavar="NAME")
def prompt_remove(prompt_name: str, wait_s: float) -> None:
    """Free the slot of a prompt that no setting names."""

    def job(client: Client) -> dict[str, Any]:
        client.remove_prompt(prompt_name)
        return {"prompt": prompt_name}

    results = on_devices(False, wait_s, job)
    emit("prompt_remove", {"devices": results}, lambda: f"{title(results[0]['device'])}: {prompt_name} removed")
