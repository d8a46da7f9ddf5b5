"""Every command explains itself: a sentence, examples that are real commands, and an entry in the reference."""

import re
import shlex

import click
import pytest

from endcall.cli import cli
from endcall.command_pages import commands, examples, page

from . import listings

ALL = dict(commands((), cli))
PAGE = page("")


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_its_help_begins_with_a_whole_sentence(path):
    sentence = ALL[path].get_short_help_str(200)
    assert sentence
    assert not sentence.endswith("...")


def named(words):
    """The path of the command that `words` call."""
    return next(path for path in ALL if tuple(words[: len(path)]) == path)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_its_examples_are_commands_that_can_be_parsed(path):
    shown = set()
    assert examples(ALL[path]), "give it its @examples"
    for line in examples(ALL[path]):
        words = shlex.split(line.split(" > ")[0])
        if words[0] == "sudo":
            words.pop(0)
        assert words.pop(0) == "endcall"
        other = named(words)
        ALL[other].make_context(other[-1], words[len(other) :], parent=click.Context(cli, info_name="endcall"))
        shown.add(other)
    assert path in shown


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_its_examples_are_in_its_help(computer, path):
    shown = computer.run(*path, "--help").out
    assert "\nExamples:\n" in shown.replace("  Examples:", "Examples:")
    for line in examples(ALL[path]):
        assert line in " ".join(shown.split())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_its_options_are_in_the_reference(path):
    (section,) = re.findall(rf"^### {re.escape(' '.join(path))}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    options = [one.opts[0] for one in ALL[path].params if isinstance(one, click.Option)]
    assert [option for option in options if f"`{option}" not in section] == []
    for line in examples(ALL[path]):
        assert f"\n{line}\n" in section


#: What they print is for another program already, or goes on until it is ended.
NO_JSON = ("fleet example", "fleet rehearse", "udev install", "udev print", "demo", "schema", "completion")


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_its_result_can_be_had_as_json(path):
    has_json = any("--json" in one.opts for one in ALL[path].params)
    assert has_json == (" ".join(path) not in NO_JSON)


def test_the_help_lists_every_command_in_a_section(computer):
    shown = computer.run("--help").out
    for path in ALL:
        assert f"\n  {path[0]} " in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(computer, shell):
    result = computer.run("completion", shell)
    assert result.code == 0
    assert "_ENDCALL_COMPLETE" in result.out
    assert f"endcall completion {shell} > " in result.err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("endcall ap", "apply"),
        ("endcall set call.w", "call.warn_s"),
        ("endcall set release.mode ha", "hangup"),
        ("endcall set release.preset gra", "grandstream_ht8xx"),
        ("endcall set ring.reduced_motion t", "true"),
        ("endcall get ring.", "ring.pixels"),
        ("endcall init x.toml --preset u", "uk"),
        ("endcall init x.toml --preset germany", "de_public"),
        ("endcall --serial e661", listings.A),
        ("endcall info --port /dev/", listings.IN_SERVICE["linux"].path),
    ],
)
def test_the_shell_is_told_how_a_word_goes_on(words, wanted, computer, monkeypatch):
    from click.testing import CliRunner

    computer.plug()
    before = words.split()[:-1]
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(before)))
    result = CliRunner().invoke(cli, [], prog_name="endcall", env={"_ENDCALL_COMPLETE": "bash_complete"})
    assert f"plain,{wanted}" in result.output.splitlines()
    assert computer.opened == []
