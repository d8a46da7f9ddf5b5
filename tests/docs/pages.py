"""What the pages tell a reader to type, and what is wrong with that as far as it can be read without running it.

The convention: a ```console block holds commands, one per line (a backslash goes on in the next); `#` begins a
comment. A ```text block right after it is what the reader then sees: every line of it must come in the output, in
this order; `…` stands for anything, and how many spaces there are does not matter. A comment of the page before the
block says what else is needed:

    <!-- stage: NAME -->        where it runs; one of STAGES. None: a shell with a simulated device plugged in
    <!-- happens: WHAT -->      what somebody does at the device before; one of `reader.HAPPENS`
    <!-- exit code: N -->       of its last command, if not 0
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from endcall.cli import cli

ROOT = Path(__file__).resolve().parents[2]

DEVICE = ""
TERMINAL = "another terminal"
CTRL_C = "until Ctrl-C"
PICO = "emulated pico"
CHECKOUT = "checkout"
CHECKOUT_CTRL_C = "checkout, until Ctrl-C"
LONG = "checkout, long"
PERSON = "person"
EXAMPLE = "example"
STAGES = {
    DEVICE: "a shell in an empty folder, with a simulated device plugged in; run by test_pages.py",
    TERMINAL: "the same, and it goes on while the blocks after it run; ended with Ctrl-C",
    CTRL_C: "the same, and it goes on until Ctrl-C",
    PICO: "the same with an emulated Pico in its bootloader for a device; run by tests/emulator/test_pages.py",
    CHECKOUT: "a fresh clone; run by tools/newcomer.py",
    CHECKOUT_CTRL_C: "the same, and it goes on until Ctrl-C",
    LONG: "a fresh clone, and it takes hours or the whole machine: only looked at, whether there is such a command",
    PERSON: "hands, or rights on the reader's own computer: only looked at, whether there is such a command",
    EXAMPLE: "in a generated page: lines that have nothing to do with each other; only looked at likewise",
}
#: Stages whose output nobody sees, so that no page may promise any.
UNSEEN = (LONG, PERSON, EXAMPLE)
GENERATED = "<!-- Written by "
LANGUAGES = ("console", "text", "toml")

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"<!--\s*(?P<key>[a-z ]+):\s*(?P<value>.*?)\s*-->\s*\Z")
_KEYS = ("stage", "happens", "exit code")


@dataclass(frozen=True)
class Block:
    """A ```console block. `line`: where it begins; `shows`: the lines that must come, None where nothing is said."""

    page: str
    line: int
    commands: str
    stage: str = DEVICE
    happens: str = ""
    exit_code: int = 0
    shows: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    def lines(self) -> list[list[str]]:
        """Its commands as words, each of a pipe alone, comments and redirections left out."""
        found = []
        for line in self.commands.replace("\\\n", " ").splitlines():
            for part in re.split(r"\s(?:\|\||&&|\||;)\s", line):
                words = shlex.split(re.sub(r"\s[0-9]?>>?\s*\S+", "", part), comments=True)
                if words:
                    found.append(words)
        return found


class PageError(AssertionError):
    """A page does not keep to the convention, or names what does not exist."""


def names(root: Path = ROOT) -> list[str]:
    """Every page of the checkout at `root`, as paths below it."""
    found = [root / "README.md", root / "CONTRIBUTING.md", *root.glob("docs/**/*.md"), *root.glob("hardware/*.md")]
    return sorted(str(path.relative_to(root)) for path in found)


def blocks(text: str, page: str) -> list[Block]:
    """The console blocks of a page, in order. Raises PageError."""
    found: list[Block] = []
    ended, was_console = 0, False
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        language, indent = fence["language"].strip(), fence["indent"]
        inner = re.sub(rf"^{indent}", "", fence["text"], flags=re.MULTILINE)
        between = text[ended : fence.start()]
        if language not in LANGUAGES:
            raise PageError(f"{page}:{line}: a block of {language or 'no language'}; choose {', '.join(LANGUAGES)}")
        if language == "console":
            found.append(Block(page, line, inner, **_told(between, f"{page}:{line}", text.startswith(GENERATED))))
        elif language == "text" and was_console and not between.strip():
            if found[-1].stage in UNSEEN:
                raise PageError(f"{page}:{line}: nobody sees what a block of stage {found[-1].stage!r} says")
            found[-1] = Block(**(vars(found[-1]) | {"shows": tuple(inner.splitlines())}))
        ended, was_console = fence.end(), language == "console"
    return found


def _told(between: str, where: str, is_generated: bool) -> dict:
    """What the comments before a block say."""
    told: dict = {}
    while comment := _COMMENT.search(between):
        key, value = comment["key"], comment["value"]
        if key not in _KEYS:
            raise PageError(f"{where}: a comment of an unknown kind: {key}; choose {', '.join(_KEYS)}")
        if key == "stage" and (value not in STAGES or (value == EXAMPLE and not is_generated)):
            raise PageError(f"{where}: no such stage: {value}; choose {', '.join(filter(None, STAGES))}")
        told[key.replace(" ", "_")] = int(value) if key == "exit code" else value
        between = between[: comment.start()]
    return told


# --- whether what is named exists ------------------------------------------------------------------------------


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that `endcall WORDS` calls, and what is left of the words. Raises PageError."""
    command: click.Command = cli
    words = list(words)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            raise PageError(f"there is no command endcall {' '.join(words)}")
        command = inner
        words.pop(0)
    return command, words


def check_command(words: list[str]) -> None:
    """Whether `endcall WORDS` would be understood; nothing is done. Raises PageError."""
    # Options of a device may stand before the command, too.
    words = [word for at, word in enumerate(words) if not (word == "--port" or (at and words[at - 1] == "--port"))]
    command, rest = find_command(words)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # --version and --help say it at once
            command.make_context(command.name, rest, parent=click.Context(cli, info_name="endcall"))
    except click.exceptions.Exit:
        pass
    except click.ClickException as error:
        raise PageError(f"endcall {' '.join(words)}: {error.format_message()}") from error


def check_mention(words: list[str]) -> None:
    """Whether the command that a sentence names exists, and its options. Raises PageError."""
    command, rest = find_command([word for word in words if word != "…"])
    known = {flag for one in (command, cli) for option in one.params for flag in (*option.opts, *option.secondary_opts)}
    for word in rest:
        if word.startswith("-") and word not in {*known, "--help", "--version"}:
            raise PageError(f"endcall {' '.join(words)}: there is no {word}")


def mentions(text: str) -> list[list[str]]:
    """The words behind `endcall` in every command that a sentence of the page names in code."""
    found = []
    for code in re.findall(r"(?<!`)`(?:sudo )?endcall ([^`\n]*)`(?!`)", _FENCE.sub("", text)):
        words = shlex.split(code.split(" > ")[0].replace("…", " … "))
        if words and re.fullmatch(r"[a-z]+", words[0]):
            found.append(words)
    return found


def targets(makefile: Path) -> set[str]:
    """The targets of a Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", makefile.read_text(), re.MULTILINE)) if makefile.exists() else set()


def check(page: str, root: Path = ROOT) -> list[Block]:
    """The console blocks of `page`, if all that they and its sentences name exists. Raises PageError."""
    text = (root / page).read_text()
    made = targets(root / "Makefile") | targets((root / page).parent / "Makefile")
    found = blocks(text, page)
    try:
        for words in mentions(text):
            check_mention(words)
        for name in re.findall(r"`make ([a-z-]+)", _FENCE.sub("", text)):
            if name not in made:
                raise PageError(f"there is no target {name} for make")
    except PageError as error:
        raise PageError(f"{page}: {error}") from None
    for block in found:
        for words in block.lines():
            if words[0] == "sudo":
                words = words[1:]
            try:
                if words[0] == "endcall":
                    check_command(words[1:])
                if words[0] == "make" and not {word for word in words[1:] if "=" not in word} <= made:
                    raise PageError(f"there is no target for {' '.join(words)}")
            except PageError as error:
                raise PageError(f"{block.where}: {error}") from None
    return found
