from pathlib import Path

import pytest

from endcall.desk.rehearsal import Rehearsal

CALLS = Path(__file__).with_name("calls")


@pytest.fixture
def rehearsal(tmp_path):
    """A desk with an exchange, and a caller on the line."""
    return Rehearsal(tmp_path / "drive")


@pytest.fixture
def told(rehearsal):
    """Every event from now on."""
    events = []
    rehearsal.listeners.append(events.append)
    return events
