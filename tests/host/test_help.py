"""Every command explains itself: a sentence, examples that are real commands, and an entry in the reference."""

import shlex

import click
import pytest

from endcall.cli import cli


def commands(command=cli, path=()):
    """Every command below `command`: (its words, the command), groups left out."""
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


ALL = dict(commands())


def examples(command):
    epilog = command.epilog or ""
    assert epilog.startswith("\b\nExamples:\n"), "give it its @examples"
    return [line.strip() for line in epilog.split("\n")[2:] if line.strip()]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_its_help_begins_with_a_whole_sentence(path):
    sentence = ALL[path].get_short_help_str(200)
    assert sentence
    assert not sentence.endswith("...")


def named(words):
    """The path of the command that `words` call."""
    return next(path for path in ALL if tuple(words[: len(path)]) == path)


@pytest.mark.parametrize("path", [path for path in ALL if path != ("demo",)], ids=" ".join)
def test_its_examples_are_commands_that_can_be_parsed(path):
    shown = set()
    for line in examples(ALL[path]):
        words = shlex.split(line.split(" > ")[0])
        if words[0] == "sudo":
            words.pop(0)
        assert words.pop(0) == "endcall"
        other = named(words)
        ALL[other].make_context(other[-1], words[len(other) :], parent=click.Context(cli, info_name="endcall"))
        shown.add(other)
    assert path in shown


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
    ],
)
def test_the_shell_is_told_how_a_word_goes_on(words, wanted, monkeypatch):
    from click.testing import CliRunner

    before = words.split()[:-1]
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(before)))
    result = CliRunner().invoke(cli, [], prog_name="endcall", env={"_ENDCALL_COMPLETE": "bash_complete"})
    assert f"plain,{wanted}" in result.output.splitlines()
