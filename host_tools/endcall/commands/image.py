"""`endcall image`: the file that makes a Pico a complete device."""

from __future__ import annotations

from pathlib import Path

import click

from endcall.commands.shared import (
    emit,
    options,
)


@click.command()
@options("--json")
@click.option("--runtime", required=True, type=click.Path(path_type=Path), metavar="FILE", help="CircuitPython's UF2.")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The UF2 to write.")
@click.option(
    "--settings", "file", type=click.Path(path_type=Path), metavar="FILE", help="Settings to begin with (TOML)."
)
@click.option(
    "--prompt", "given", multiple=True, metavar="NAME=FILE", help="A prompt, besides or in place of the stock ones."
)
@click.option("--uid", metavar="NUMBER", help="The Pico's number, where it is known: saves a write at the first start.")
@click.option("--erase-log", is_flag=True, help="Erase the incident records that the Pico may have.")
def image(
    runtime: Path, output: Path, file: Path | None, given: tuple[str, ...], uid: str | None, erase_log: bool
) -> None:
    """Make the UF2 file that turns a Raspberry Pi Pico into a complete device.

    Hold BOOTSEL while plugging the Pico in, then copy the file to the drive RPI-RP2.
    """
    from endcall import image_command, prompt_file, settings_file
    from endcall_core import settings

    values = settings.defaults()
    if file:
        changes, lines = settings_file.read(file)
        full, found = settings.check_changes(values, changes)
        if not full:
            problems = settings_file.problems_alone(changes, lines) or settings_file.sort(found, changes, lines)
            raise settings_file.invalid(problems, str(file))
        values = full
    prompts = {}
    for pair in given:
        name, separator, path = pair.partition("=")
        if not separator:
            raise click.UsageError(f"--prompt {pair}: write it as NAME=FILE, e.g. closing.wav=our-closing.wav")
        name, prompts[name], _ = prompt_file.read(Path(path), name)
    data = image_command.make(runtime, values, prompts, uid, erase_log)
    image_command.write(output, data)
    facts = {"output": str(output), "bytes": len(data), "uid": uid, "settings": values, "prompts": sorted(prompts)}
    emit(
        "image",
        facts,
        lambda: (
            f"{output}: {len(data)} bytes\nHold BOOTSEL while plugging the Pico in, then copy it to the drive RPI-RP2."
        ),
    )
