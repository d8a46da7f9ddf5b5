"""The hardware's pages: links lead somewhere, fault numbers are the firmware's, commands exist in the text."""

import re
from pathlib import Path

import click
import pytest

from endcall.cli import cli
from endcall_core import call
from hardware.electronics import circuit

HARDWARE = Path(__file__).resolve().parents[2] / "hardware"
PAGES = [HARDWARE / "README.md", HARDWARE / "BUILD.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_fault_table_is_the_firmwares():
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", (HARDWARE / "BUILD.md").read_text(), re.M)
    assert [(int(n), name) for n, name in rows] == [(n, words[0]) for n, words in sorted(call.FAULTS.items())]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_part_named_in_the_text_exists(page):
    words = set(re.findall(r"\b(?:[RCDQUKJTFH]\d+|TP\d+|PS1)\b", page.read_text()))
    assert words <= set(circuit.BY_REF), sorted(words - set(circuit.BY_REF))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_in_the_text_exists(page):
    context = click.Context(cli)
    named = set(re.findall(r"(?:`|^ *)endcall ([a-z]+)(?: ([a-z]+))?", page.read_text(), re.M))
    for name, sub in named:
        command = cli.get_command(context, name)
        assert command is not None, f"endcall {name}"
        if isinstance(command, click.Group):
            assert command.get_command(click.Context(command), sub), f"endcall {name} {sub}"
