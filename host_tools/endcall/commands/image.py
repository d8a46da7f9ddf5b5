"""`endcall image`: the file that makes a Pico a complete device."""

from __future__ import annotations

from pathlib import Path

import click

from endcall.commands.shared import (
    emit,
    examples,
    options,
)


@examples(
    "endcall image --runtime circuitpython.uf2 --output endcall.uf2",
    "endcall image --runtime circuitpython.uf2 --settings office.toml --output endcall.uf2",
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
    from endcall import image_command

    values, prompts = image_command.read_contents(file, given)
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
