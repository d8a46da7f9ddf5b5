"""The page that is shipped is that of these sources, says what the Python side says, and opens from anywhere."""

import json
import os
import re
import subprocess
import sys
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from click.testing import CliRunner

from endcall import reference
from endcall.cli import cli

from . import golden

ROOT = Path(__file__).resolve().parents[2]


def _builder():
    spec = spec_from_file_location("web_build", ROOT / "host_tools" / "web" / "build.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _builder()
PAGE = build.PAGE


def test_the_cases_for_the_page_are_fresh():
    assert golden.GOLDEN.read_text() == golden.text(), "Stale. Run: PYTHONPATH=tests python -m web.golden"


def test_the_tables_in_the_page_are_fresh():
    contract = ROOT / "host_tools" / "web" / "src" / "contract.json"
    fresh = reference.pages()[contract.relative_to(ROOT)]
    assert contract.read_text() == fresh, "Stale. Run: python -m endcall.reference, then python host_tools/web/build.py"


def test_the_page_is_that_of_its_sources():
    assert build.built_from() == build.sources_hash(), "Stale. Run: python host_tools/web/build.py"


def test_a_changed_source_makes_the_page_stale(monkeypatch, capsys):
    assert build.main(["--check"]) == 0
    monkeypatch.setattr(build, "MORE_SOURCES", (*build.MORE_SOURCES, "README.md"))
    assert build.main(["--check"]) == 1
    assert "python host_tools/web/build.py" in capsys.readouterr().err


def test_the_page_needs_nothing_but_itself():
    page = PAGE.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert not re.findall(r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\(|@import|url\(", page)
    assert "default-src 'none'" in page
    assert "Copyright (c) Squirrel Chat" in page  # the licence of the TOML reader in it


@pytest.fixture(scope="module")
def node():
    """Where there is no node, the page is still tested in the browser, but not its parts."""
    try:
        build.node()
        build.prepare()
    except (ImportError, OSError, subprocess.CalledProcessError) as error:
        warnings.warn(f"THE CONFIGURATOR'S SOURCES ARE NOT TESTED. They need: {error}", stacklevel=1)
        pytest.skip(f"no node, or no packages for it: {error}")


def test_its_parts_say_what_the_python_side_says(node):
    tests = sorted(map(str, Path(__file__).parent.glob("*.test.ts")))
    assert len(tests) == 2
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
    done = subprocess.run(
        [build.node(), "--test", "--test-reporter=spec", *tests],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"pass (\d+)", done.stdout)
    assert passed
    assert int(passed[1]) > 25


def test_building_it_again_gives_the_same_page(node, tmp_path):
    build.build(tmp_path)
    assert (tmp_path / "index.html").read_bytes() == PAGE.read_bytes()


# --- endcall web ------------------------------------------------------------------------------------------------------


def test_endcall_web_opens_the_page(monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    result = CliRunner().invoke(cli, ["web"])
    assert (result.exit_code, result.stdout.strip()) == (0, str(PAGE))
    assert opened == [PAGE.as_uri()]


def test_endcall_web_says_where_the_page_is(monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail("opened a browser"))
    result = CliRunner().invoke(cli, ["web", "--no-browser", "--json"])
    assert json.loads(result.stdout) == {"schema": "endcall.web/1", "page": str(PAGE), "opened": False}
    assert "Open this file in Chrome" in result.stderr


def test_endcall_web_writes_a_copy(tmp_path):
    result = CliRunner().invoke(cli, ["web", "--output", str(tmp_path / "page.html")])
    assert result.exit_code == 0
    assert (tmp_path / "page.html").read_bytes() == PAGE.read_bytes()
    result = subprocess.run(
        [sys.executable, "-c", "from endcall.cli import main; main()", "web", "--output", str(tmp_path / "no" / "x")],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "can't be written" in result.stderr
