"""Every command that a page tells a reader to type does what the page says."""

import pytest

from . import pages
from .pages import CTRL_C, DEVICE, LONG, PERSON, ROOT, STAGES, TERMINAL, PageError
from .reader import NotAsTheDocsSay, at_a_device, missing

RUN_HERE = (DEVICE, TERMINAL, CTRL_C)


def run_here(page):
    return [block for block in pages.blocks((ROOT / page).read_text(), page) if block.stage in RUN_HERE]


def test_the_pages_are_found():
    assert {"README.md", "CONTRIBUTING.md", "docs/guide.md", "docs/commands.md", "hardware/BUILD.md"} <= {
        *pages.names()
    }


@pytest.mark.parametrize("page", pages.names())
def test_all_that_it_names_exists(page):
    for block in pages.check(page):
        assert block.stage in STAGES


@pytest.mark.parametrize("page", [page for page in pages.names() if "```console" in (ROOT / page).read_text()])
def test_its_commands_do_what_it_says(page, tmp_path):
    with at_a_device(tmp_path) as reader:
        for block in run_here(page):
            reader.type(block)


# --- the runner itself -----------------------------------------------------------------------------------------


def parsed(text, page="x.md"):
    return pages.blocks(text, page)


@pytest.fixture
def house(tmp_path):
    """`house(text)`: the console blocks of a page in a small repository, if all is right with it."""
    (tmp_path / "Makefile").write_text("test: check\n\techo\n")

    def check(text):
        (tmp_path / "page.md").write_text(text)
        return pages.check("page.md", tmp_path)

    return check


def test_a_block_and_what_is_said_about_it():
    (block,) = parsed(
        "# x\n\n<!-- stage: until Ctrl-C -->\n<!-- happens: a call is ended -->\n\n"
        "```console\nendcall log   # all\n```\n\n```text\na …\nb\n```\n"
    )
    assert (block.where, block.stage, block.happens) == ("x.md:6", CTRL_C, "a call is ended")
    assert block.shows == ("a …", "b")
    assert block.lines() == [["endcall", "log"]]


def test_a_block_in_a_list():
    (block,) = parsed("1. Do:\n\n   <!-- exit code: 8 -->\n   ```console\n   endcall \\\n     list\n   ```\n")
    assert block.exit_code == 8
    assert block.lines() == [["endcall", "list"]]


def test_text_that_does_not_follow_at_once_is_no_promise():
    (block,) = parsed("```console\nendcall list\n```\nIn other words:\n```text\nx\n```\n")
    assert block.shows == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```\nendcall list\n```\n", "no language"),
        ("```bash\nendcall list\n```\n", "a block of bash"),
        ("<!-- stage: moon -->\n```console\nendcall list\n```\n", "no such stage: moon"),
        ("<!-- stage: example -->\n```console\nendcall list\n```\n", "no such stage: example"),
        ("<!-- exits: 1 -->\n```console\nendcall list\n```\n", "unknown kind: exits"),
        ("<!-- stage: person -->\n```console\nendcall list\n```\n```text\nx\n```\n", "nobody sees"),
        ("```console\nendcall lisst\n```\n", "no command endcall lisst"),
        ("```console\nendcall list --sorted\n```\n", "No such option"),
        ("```console\nendcall set call.warn_s 5 | endcall prompt sing\n```\n", "no command endcall prompt sing|sing"),
        ("```console\nmake tests\n```\n", "no target"),
        ("Say `endcall prommpt put`.", "no command endcall prommpt"),
        ("Say `endcall list --sorted`.", "there is no --sorted"),
        ("Say `make tests`.", "no target tests"),
    ],
)
def test_a_page_that_names_what_does_not_exist(house, text, said):
    with pytest.raises(PageError, match=said):
        house(text)


def test_a_page_that_is_right(house):
    assert (
        len(house("`endcall prompt put …`, `make test`\n```console\nmake test A=--b\nendcall --port P list > x\n```\n"))
        == 1
    )


@pytest.mark.parametrize(
    ("shows", "output", "line"),
    [
        (("a  b", "c"), "a b\r\nx\r\nc\r\n", None),
        (("a … d",), "a b c d\n", None),
        (("a",), "a b\n", "a"),
        (("c", "a"), "a\nc\n", "a"),
        (("a", "a"), "a\n", "a"),
        (("…",), "x\n", None),
        (("a",), "\x1b[0m\x1b[33ma\x1b[0m\n", None),
    ],
)
def test_what_counts_as_shown(shows, output, line):
    assert missing(shows, output) == line


def typed(tmp_path, *blocks):
    with at_a_device(tmp_path) as reader:
        for text in blocks:
            (block,) = parsed(text)
            reader.type(block)
    return reader


def console(commands, before="", shows=""):
    return f"{before}```console\n{commands}\n```\n" + (f"```text\n{shows}\n```\n" if shows else "")


def test_the_shell_goes_on_where_it_was(tmp_path):
    typed(tmp_path, console("mkdir a; cd a; export B=c"), console('echo "$PWD $B"', shows="…/work/a c"))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (console("false\ntrue"), "ended with 1, not 0"),
        (console("true", "<!-- exit code: 8 -->\n"), "ended with 0, not 8"),
        (console("echo a", shows="b"), "does not say 'b'"),
        (console("endcall list", shows="DE5C0002 …"), "does not say 'DE5C0002 …'"),
        (console("echo over", "<!-- stage: another terminal -->\n"), "ended by itself"),
        (console("trap 'exit 3' INT; echo on; sleep 30", "<!-- stage: until Ctrl-C -->\n"), "Ctrl-C it ended with 3"),
    ],
)
def test_a_block_that_does_not_do_what_it_says(tmp_path, block, said):
    with pytest.raises(NotAsTheDocsSay, match=said):
        typed(tmp_path, block)


def test_what_runs_aside_must_last_as_long_as_the_page(tmp_path):
    with pytest.raises(NotAsTheDocsSay, match="ended by itself, with 0"):
        typed(tmp_path, console("echo on; sleep 2", "<!-- stage: another terminal -->\n"), console("sleep 3"))


def test_every_stage_is_run_somewhere():
    """A stage that nobody runs would make its blocks pass unread."""
    elsewhere = {
        "PICO": "tests/emulator/test_pages.py",
        "CHECKOUT": "tools/newcomer.py",
        "CHECKOUT_CTRL_C": "tools/newcomer.py",
    }
    assert {*STAGES} == {*RUN_HERE, *(getattr(pages, name) for name in elsewhere), LONG, PERSON, pages.EXAMPLE}
    for name, file in elsewhere.items():
        assert f"pages.{name}" in (ROOT / file).read_text()
