"""`endcall card`: the page that lies beside the button."""

from __future__ import annotations

from pathlib import Path

import click

from endcall.commands.shared import emit, examples, options


@examples("endcall card card.pdf", "endcall card karte.svg --language de --settings office.toml")
@click.command()
@options("--json")
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--language", default="en", show_default=True, metavar="CODE", help="en, es, fr, de, pt, it or nl.")
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The device's settings (TOML): its times are on the card, and the lights as they make them.",
)
def card(output: Path, language: str, file: Path | None) -> None:
    """Write the desk card for the receptionist: one A5 page, as PDF or SVG.

    It shows what each light means, drawn by the firmware's own code, and what to say at each step.
    """
    from endcall import card as page
    from endcall import settings_file
    from endcall.errors import UsageError
    from endcall_core import settings

    rules = settings.defaults()
    if file:
        changes, lines = settings_file.read(file)
        full, found = settings.check_changes(rules, changes)
        if not full:
            raise settings_file.invalid(settings_file.sort(found, changes, lines), str(file))
        rules = full
    if output.suffix not in (".pdf", ".svg"):
        raise UsageError(f"{output} is neither a PDF nor an SVG.", "", "Name the output card.pdf or card.svg.")
    sheet = page.make(language, rules)
    data = sheet.pdf() if output.suffix == ".pdf" else sheet.svg().encode()
    try:
        output.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{output} can't be written: {error.strerror}.", "", "Choose another place.") from error
    emit("card", {"output": str(output), "language": language, "bytes": len(data)}, lambda: f"{output}: one A5 page")
