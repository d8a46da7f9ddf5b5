"""What a person at a terminal sees of a fleet: bars, lines, cards. Results are checked in test_fleet.py."""

import io
import re

import pytest
from rich.console import Console

from endcall import fleet_view

DEVICE = {"name": "Front desk", "serial": "E661486400000001", "group": "berlin", "port": "/dev/ttyACM1"}
BEGIN = {"event": "begin", "device": DEVICE}
SENDING = {"event": "sending", "device": DEVICE, "prompt": "closing.wav", "sent": 500, "total": 1000}
RESULT = {"event": "result", "device": DEVICE, "result": "done", "say": "3 settings changed"}
FAILURE = {
    "event": "result",
    "device": DEVICE,
    "result": "failed",
    "happened": "No answer.",
    "means": "It hangs.",
    "todo": "Unplug it.",
}


@pytest.fixture
def screen(monkeypatch):
    """A terminal that keeps what is printed on it."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, height=20, highlight=False, color_system=None)
    monkeypatch.setattr(fleet_view, "Console", lambda **options: console)

    def seen(*events, has_cards=False):
        with fleet_view.view(False, 3, True, has_cards) as show:
            for event in events:
                show(event)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())

    return seen


def test_a_bar_while_a_prompt_is_sent(screen):
    assert re.search(r"Front desk \(E661486400000001\).*sending closing\.wav", screen(BEGIN, SENDING))


def test_how_many_are_done(screen):
    assert "1/3" in screen(BEGIN, RESULT)


def test_a_failure_stays_on_the_screen(screen):
    seen = screen(BEGIN, FAILURE)
    assert "FAILED  Front desk (E661486400000001): No answer. It hangs. Unplug it." in " ".join(seen.split("\n")[:9])


def test_a_card_and_a_beep_at_the_bench(screen):
    seen = screen(BEGIN, RESULT, has_cards=True)
    for words in ("DONE", "Front desk", "serial E661486400000001", "group berlin", "3 settings changed", "\a"):
        assert words in seen


def test_a_device_that_failed_first_counts_once(screen):
    seen = screen(BEGIN, FAILURE, BEGIN, RESULT, has_cards=True)
    assert "1/3" in seen
    assert "2/3" not in seen


def test_more_devices_than_rows(screen):
    """A live view that is higher than the terminal can't be redrawn in place."""
    console = fleet_view.Console()
    with fleet_view._Bars(console, 50, False) as bars:
        for number in range(50):
            bars.show({**BEGIN, "device": {**DEVICE, "serial": f"E66{number:03d}"}})
        assert 8 <= sum(task.visible for task in bars._bars.tasks) <= console.height - 2


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (RESULT, "done    Front desk (E661486400000001): 3 settings changed"),
        ({"event": "waiting", "device": DEVICE, "seconds": 300.0}, "a call is in progress; waiting, 300 s at most"),
        ({"event": "unknown", "device": DEVICE | {"name": ""}, "say": "not in the file"}, "E661486400000001 at /dev/"),
        ({**RESULT, "device": {**DEVICE, "serial": None}, "result": "absent"}, "absent  Front desk: 3"),
    ],
)
def test_lines(event, said):
    assert said in fleet_view.sentence(event)


def test_nothing_is_said_of_small_steps():
    assert fleet_view.sentence(BEGIN) is fleet_view.sentence(SENDING) is None
