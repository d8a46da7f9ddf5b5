"""The examples again, under MicroPython with a 160 KB heap: what CPython forgives, the Pico does not."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE / "examples").glob("test_*.py"))


def load_runner():
    spec = importlib.util.spec_from_file_location("run_examples", HERE / "run_examples.py")
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner


def test_there_are_examples():
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_example_file(path):
    status, said = load_runner().run_on_micropython(path)
    assert status == 0, said
    functions = path.read_text().count("\ndef test_")
    assert f"{functions} passed, 0 failed" in said


def test_the_runner_fails_when_an_example_does(tmp_path):
    """It looks modules up in the examples' folder, so one that is not there must not count as passed."""
    missing = tmp_path / "test_core_not_there.py"
    status, said = load_runner().run_on_micropython(missing)
    assert status != 0
    assert "ImportError" in said


def test_the_runner_counts_a_failing_example(monkeypatch, tmp_path):
    (tmp_path / "test_two.py").write_text("def test_a():\n    assert 1 == 2\n\ndef test_b():\n    pass\n")
    runner = load_runner()
    copied = tmp_path / "tests" / "core" / "run_examples.py"
    copied.parent.mkdir(parents=True)
    copied.write_text((HERE / "run_examples.py").read_text())
    (copied.parent / "examples").mkdir()
    (tmp_path / "test_two.py").rename(copied.parent / "examples" / "test_two.py")
    monkeypatch.setattr(runner, "__file__", str(copied))
    status, said = runner.run_on_micropython("test_two.py")
    assert status == 1
    assert "1 passed, 1 failed" in said
    assert "FAILED test_two.test_a" in said
