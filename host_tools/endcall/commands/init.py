"""`endcall init`: asks a few questions and writes a first settings file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcall.commands.shared import emit, examples, note, options

if TYPE_CHECKING:
    from endcall.wizard import Answers


def _presets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from endcall.wizard import presets_for

    return presets_for(incomplete) if incomplete else _preset_names()


def _preset_names() -> list[str]:
    from endcall_core.presets import NAME, PRESETS

    return [str(row[NAME]) for row in PRESETS]


@examples(
    "endcall init office.toml",
    "endcall init office.toml --preset grandstream --connection ata --warnings 2 --yes",
)
@click.command()
@options("--json")
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--preset",
    metavar="NAME",
    shell_complete=_presets,
    help="The network or PBX: a preset (docs/settings.md), country or brand.",
)
@click.option("--connection", type=click.Choice(["pbx", "ata", "public"]), help="What the line socket is connected to.")
@click.option("--mode", type=click.Choice(["flash", "hangup"]), help="How the line is released.")
@click.option("--warnings", type=click.IntRange(0, 3), help="Warnings before a call may be ended.")
@click.option("--sense/--no-sense", "has_sense", default=None, help="Whether the loop sense is fitted.")
@click.option("--language", metavar="CODE", help="Language of the sentences that stand in the file as comments.")
@click.option("--yes", is_flag=True, help="Take the usual answer to what is not given, and ask nothing.")
@click.option("--force", is_flag=True, help="Overwrite OUTPUT.")
def init(output: Path, yes: bool, force: bool, **given: Any) -> None:
    """Write a first settings file: asks what line it is for, and explains what follows.

    Nothing is sent to a device; `endcall apply` does that.
    """
    from endcall import settings_file, wizard
    from endcall.commands.settings import write_new
    from endcall.errors import UsageError

    if output.exists() and not force:  # before the questions
        raise UsageError(f"{output} is there already.", "It was not touched.", "Give another name, or --force.")
    if not yes and not _is_asked() and any(value is None for value in given.values()):
        raise UsageError(
            "There is nobody to ask: this is no terminal.", "", "Give every answer as an option, or --yes."
        )
    answers = _answers(given, yes)
    problems = wizard.problems(answers)
    if problems:
        raise settings_file.invalid(problems, "the answers")
    write_new(output, wizard.write(answers), force)
    facts = {"output": str(output), "settings": wizard.chosen(answers), "mind": wizard.warnings_about(answers)}
    emit("init", facts, lambda: f"{output} is written. Next: endcall plan {output}, then endcall apply {output}")
    for line in wizard.warnings_about(answers):
        note(f"Mind: {line}")


def _is_asked() -> bool:
    """Whether there is somebody to answer."""
    return sys.stdin.isatty()


def _answers(given: dict[str, Any], yes: bool) -> Answers:
    from endcall import sentences, wizard
    from endcall_core import settings

    preset = given["preset"] and _preset(given["preset"])
    if preset is None:
        preset = str(settings.defaults()["release.preset"])
        if not yes:
            note("Which network or PBX is it? The numbers, and where they come from:\n")
            for name, what, source in wizard.preset_rows():
                note(f"  {name:<18} {what}\n  {'':<18} {source}")
            note("\nA country or a brand will do, too.")
            preset = click.prompt("Network or PBX", default=preset, value_proc=_asked_preset, err=True)
    connection = given["connection"]
    if connection is None:
        connection = "pbx"
        if not yes:
            note("\nWhat will the button's line socket be connected to?\n")
            for name, what in wizard.CONNECTIONS.items():
                note(f"  {name:<8} {what}")
            kinds = click.Choice(list(wizard.CONNECTIONS))
            connection = click.prompt("\nConnection", default=connection, type=kinds, show_choices=False, err=True)
    mode = given["mode"]
    if mode is None:
        mode = wizard.advised_mode(preset, connection)
        if not yes:
            note("\nHow is the line to be released?\n")
            for name, meaning in wizard.explain(preset).items():
                note(f"  {name:<8} {meaning}")
            mode = click.prompt(
                "\nRelease", default=mode, type=click.Choice(["flash", "hangup"]), show_choices=False, err=True
            )
    warnings = given["warnings"]
    if warnings is None:
        warnings = 1
        if not yes:
            note("\nHow many warnings does your house give before a call is ended? One or two is the norm.")
            warnings = click.prompt("Warnings", default=warnings, type=click.IntRange(0, 3), err=True)
    has_sense = given["has_sense"]
    if has_sense is None:
        has_sense = False
        if not yes:
            note("\nIs the loop sense fitted? The printed board has it; a kit from modules may not.")
            has_sense = click.confirm("Loop sense", default=True, err=True)
    language = _known(given["language"], list(sentences.SENTENCES), "language")
    if language is None:
        language = "en"
        if not yes:
            codes = click.Choice(list(sentences.SENTENCES))
            language = click.prompt("\nLanguage of the prompts", default=language, type=codes, err=True)
    return wizard.Answers(preset, connection, mode, warnings, has_sense, language)


def _preset(words: str) -> str:
    """The one preset that `words` mean. Raises UsageError where it is none or several."""
    from endcall import wizard
    from endcall.errors import UsageError

    found = wizard.presets_for(words)
    if len(found) > 1:
        lines = [f"{name}: {what}; {source}" for name, what, source in wizard.preset_rows() if name in found]
        raise UsageError(f"There are {len(found)} presets for {words}.", "\n".join(lines), "Take one of these names.")
    if not found:
        _known(words, _preset_names(), "preset")
    return found[0]


def _asked_preset(words: str) -> str:
    from endcall.errors import UsageError

    try:
        return _preset(words)
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def _known(value: str | None, names: list[str], what: str) -> str | None:
    import difflib

    from endcall.errors import UsageError

    if value is not None and value not in names:
        like = difflib.get_close_matches(value, names, 1, 0.5)
        hint = f"Did you mean {like[0]}? " if like else ""
        raise UsageError(f"There is no {what} {value!r}.", "", f"{hint}There are: {', '.join(names)}")
    return value
