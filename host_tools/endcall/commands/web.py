"""`endcall web`: the configurator's page, which talks to a device from a browser."""

from __future__ import annotations

from pathlib import Path

import click

from endcall.commands.shared import emit, examples, note, options


@examples("endcall web", "endcall web --output endcall.html")
@click.command()
@options("--json")
@click.option("--no-browser", is_flag=True, help="Only say where the page is.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a copy, for a web space (https), a share, or a colleague; no browser is opened.",
)
def web(no_browser: bool, output: Path | None) -> None:
    """Open the configurator in the browser: settings, prompts, log and self-test without a command line.

    It needs Chrome, Edge, or Firefox 151 or later. The page is one file, works offline, and reaches no network.
    """
    import webbrowser

    from endcall.errors import UsageError

    page = Path(__file__).parents[1] / "web" / "index.html"
    if output:
        try:
            output.write_bytes(page.read_bytes())
        except OSError as error:
            raise UsageError(
                f"{output} can't be written: {error.strerror}.", "", "Give --output the name of a file in a folder."
            ) from error
        page = output
    is_opened = not (no_browser or output) and webbrowser.open(page.resolve().as_uri())
    emit("web", {"page": str(page.resolve()), "opened": is_opened}, lambda: str(page.resolve()))
    if not output and not is_opened:
        note("Open this file in Chrome, Edge, or Firefox 151 or later.")
    elif is_opened:
        note("If the browser can't read it there, write a copy: endcall web --output endcall.html")
