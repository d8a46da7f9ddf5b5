"""docs/commands.md: every command with its options and examples, as click knows them.

Written here and not with click's own help, whose layout is another in every version of click.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from endcall.cli import COMMANDS, cli
from endcall.commands.shared import COMMON


def page(note: str) -> str:
    """The page. `note`: the comment at its head."""
    out = [
        note,
        "# Commands",
        "",
        "`endcall COMMAND --help` says the same at the terminal. Results go to stdout, everything else to stderr; how "
        "a command ends is in [exit-codes.md](exit-codes.md), what a setting takes in [settings.md](settings.md).",
        "",
        "These options stand before or behind every command that says so:",
        "",
        *_options([one for one in cli.params if isinstance(one, click.Option) and one.opts[0] in COMMON]),
    ]
    for section, rows in COMMANDS:
        out += [f"## {section}", ""]
        for name, _, _ in rows:
            found = cli.get_command(click.Context(cli), name)
            assert found
            for words, command in commands((name,), found):
                out += _command(words, command)
    return "\n".join(out).rstrip() + "\n"


def commands(words: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """`command`, which `words` call, or the commands of a group."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            yield from commands((*words, name), found)
    else:
        real = getattr(command, "real", None)
        yield words, real() if real else command


def examples(command: click.Command) -> list[str]:
    """The examples in a command's help (`commands.shared.examples`)."""
    found = re.match("\b\nExamples:\n((?:  .+\n?)+)", command.epilog or "")
    return [line.strip() for line in found[1].splitlines()] if found else []


def _command(words: tuple[str, ...], command: click.Command) -> list[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    own = [one for one in options if one.opts[0] not in COMMON]
    common = [f"`{one.opts[0]}`" for one in options if one.opts[0] in COMMON]
    usage = " ".join(["endcall", *words, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)])
    return [
        f"### {' '.join(words)}",
        "",
        *_prose(command.help or ""),
        "```text",
        usage,
        "```",
        "",
        *(_options(own) if own else []),
        *([f"Also: {', '.join(common)}.", ""] if common else []),
        *(["<!-- stage: example -->", "```console", *examples(command), "```", ""] if examples(command) else []),
    ]


def _prose(text: str) -> list[str]:
    """A docstring's paragraphs, each a line and an empty line."""
    paragraphs = [" ".join(part.split()) for part in text.replace("\b", "").strip().split("\n\n")]
    return [line for paragraph in paragraphs for line in (paragraph, "")]


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or str(argument.name).upper() + ("…" if argument.nargs == -1 else "")
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _options(options: list[click.Option]) -> list[str]:
    rows = ["| option | meaning |", "| --- | --- |"]
    for option in options:
        said = [str(option.help or "")]
        if option.show_default and option.default is not None:
            said.append(f"Default: {option.default}.")
        if option.required:
            said.append("Must be given.")
        if option.multiple:
            said.append("May be given several times.")
        shown = " ".join(part for part in said if part).replace("|", "\\|")
        rows.append(f"| {_names(option)} | {shown} |")
    return [*rows, ""]


def _names(option: click.Option) -> str:
    takes = ""
    if not option.is_flag and not option.count:
        choices = isinstance(option.type, click.Choice) and "\\|".join(map(str, option.type.choices))
        takes = " " + (option.metavar or choices or option.type.name.split()[0].upper())
    return ", ".join(f"`{name}{takes}`" for name in (*option.opts, *option.secondary_opts))
