"""A desk with short prompts, so that a whole call takes half a second of test time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from endcall.desk.desk import Desk, lay_out
from endcall_core import settings

from .host import Host
from .sound import prompt

CLOSING, WARNING = prompt(ms=600, seed=11), prompt(ms=400, seed=12)


@pytest.fixture
def make_desk(tmp_path: Path) -> Callable[..., Desk]:
    """`make_desk({setting: value})`: a desk in READY, 200 ms after power-up."""
    made = []

    def make(changes: dict | None = None, run_ms: int = 200) -> Desk:
        values = settings.defaults()
        values.update(changes or {})
        assert settings.check_together(values) == []
        folder = tmp_path / f"desk{len(made)}"
        folder.mkdir()
        lay_out(folder, values, {"closing.wav": CLOSING, "warning.wav": WARNING})
        made.append(Desk(folder))
        made[-1].run(run_ms)
        return made[-1]

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def host(desk: Desk) -> Host:
    """A host that has said hello to `desk`."""
    return Host(desk)
