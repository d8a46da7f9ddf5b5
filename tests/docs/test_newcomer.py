"""The newcomer's test itself: it sees a page that lies. (`make newcomer` is the real one, and takes long.)"""

import importlib.util
import subprocess
from pathlib import Path

import pytest

from .reader import NotAsTheDocsSay

_spec = importlib.util.spec_from_file_location("newcomer", Path(__file__).resolve().parents[2] / "tools/newcomer.py")
newcomer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(newcomer)

STAGE = "<!-- stage: checkout -->\n"
CTRL_C = "<!-- stage: checkout, until Ctrl-C -->\n"
MAKEFILE = """demo:
\t@echo The desk is at nowhere; sleep 30
test:
\t@echo fine
fails:
\t@exit 1
"""


@pytest.fixture
def person(tmp_path):
    """`person(readme)`: somebody with a clone of a repository that has this README."""

    def make(readme):
        root = tmp_path / "root"
        root.mkdir()
        (root / "README.md").write_text(readme)
        (root / "Makefile").write_text(MAKEFILE)
        commit = ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "x"]
        for command in (["init", "--quiet"], ["add", "."], commit):
            subprocess.run(["git", *command], cwd=root, check=True)
        (tmp_path / "scratch").mkdir()
        return newcomer.Newcomer(tmp_path / "scratch", root)

    return make


def test_a_readme_that_is_right(person):
    text = f"{STAGE}```console\nmake test\n```\n```text\nfine\n```\n"
    text += f"{CTRL_C}```console\nmake demo\n```\n```text\nThe desk is at …\n```\n"
    person(text).in_the_clone("README.md")


@pytest.mark.parametrize(
    "readme",
    [
        f"{STAGE}```console\nmake fails\n```\n",
        f"{STAGE}```console\nmake test\n```\n```text\nfantastic\n```\n",
        f"{STAGE}```console\ncat what-is-not-committed\n```\n",
        f"{CTRL_C}```console\nmake test\n```\n```text\nfine\n```\n",
    ],
)
def test_a_readme_that_lies(person, readme):
    with pytest.raises(NotAsTheDocsSay):
        person(readme).in_the_clone("README.md")


def test_it_reads_every_page_with_something_to_type_in_a_clone():
    pages = newcomer.pages
    stages = (*newcomer.IN_CLONE, *newcomer.AT_DEVICE)
    found = {
        page
        for page in pages.names()
        for block in pages.blocks((pages.ROOT / page).read_text(), page)
        if block.stage in stages
    }
    assert found - {*newcomer.READS} <= {"hardware/BUILD.md"}, "which is for a device with a solder iron beside it"
