"""The self-test with its person, identify, practice, monitor."""

import json

import pytest
from click.testing import CliRunner

from endcall.cli import cli

ALL_WELL = "y\ny\ny\ny\n"


@pytest.fixture
def guided(computer, monkeypatch):
    """Run `selftest` with answers typed; the button is pressed when the person is told to."""

    def run(desk, typed, *arguments, presses=1):
        def note(text):
            notes.append(text)
            if text.startswith("Press the button"):
                for _ in range(presses):
                    desk.press(200)
                    desk.run(50)

        notes = run.told = []
        monkeypatch.setattr("endcall.commands.selftest.note", note)
        result = CliRunner().invoke(cli, ["selftest", *arguments], input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def verdicts(result):
    return {step["name"]: step["verdict"] for step in json.loads(result.stdout)["steps"]}


def test_everything_well_with_nothing_at_the_line(computer, guided):
    desk = computer.plug()
    desk.phone.far_end_feeds = False
    result = guided(desk, ALL_WELL + "y\n", "--json")
    assert result.exit_code == 0
    found = verdicts(result)
    assert found.pop("sound") == "skipped", "nobody could hear it"
    assert set(found.values()) == {"pass"}
    assert [gap.length_ms for gap in desk.line.breaks] == [300]
    assert desk.heard == b"", "nothing goes into a line that is not there"
    assert any("opens the line once" in words and "before a line" in words for words in guided.told)
    assert desk.state == "READY"


def test_everything_well_with_a_phone(computer, guided):
    desk = computer.plug()
    result = guided(desk, ALL_WELL + "y\n", "--line", "phone")
    assert result.exit_code == 0
    assert "the loop current stopped for 300 ms and came back" in result.stdout
    assert "PASS: 8 passed, 0 failed, 0 skipped" in result.stdout
    assert any("opens the line once" in words and "cut off" in words for words in guided.told)
    assert desk.heard


def test_a_welded_relay_a_dark_ring_and_a_chattering_button_fail(computer, guided):
    desk = computer.plug()
    desk.line.is_welded = True
    result = guided(desk, "y\nn\ny\ny\nn\n", "--line", "phone", "--json", presses=3)
    assert result.exit_code == 16
    found = verdicts(result)
    assert found == {
        "self-check": "pass",
        "ring red": "pass",
        "ring green": "FAIL",
        "ring blue": "pass",
        "ring white": "pass",
        "button": "FAIL",
        "sound": "FAIL",
        "relay": "FAIL",
    }


def test_a_button_that_nobody_presses_fails_after_its_time(computer, guided):
    desk = computer.plug()
    result = guided(desk, ALL_WELL + "y\n", presses=0)
    assert result.exit_code == 16
    assert "no press was seen" in result.stdout
    assert "Do not connect this device to a line" in result.stderr


def test_alone_asks_nothing_and_says_what_was_not_tested(computer):
    desk = computer.plug()
    result = computer.run("selftest", "--alone")
    assert result.code == 0
    assert "PASS, as far as it was tested" in result.out
    assert "Not tested: ring red" in result.err
    assert "skipped  button" in result.out
    assert desk.state == "READY"


def test_a_device_with_a_fault_fails(computer):
    desk = computer.plug()
    desk.app.prompts.note_damage("closing.wav", True)
    result = computer.run("selftest", "--alone")
    assert result.code == 16
    assert "FAIL     self-check" in result.out


def test_it_waits_for_no_call_and_disturbs_none(computer):
    desk = computer.plug()
    desk.press()
    result = computer.run("selftest", "--alone")
    assert result.code == 14
    assert desk.state == "WARN"
    assert desk.line.breaks == []


def test_ctrl_c_leaves_the_device_as_it_was(computer, monkeypatch):
    desk = computer.plug()

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("click.prompt", interrupted)
    result = computer.run("selftest")
    assert result.code in (1, 130)
    desk.run(100)
    assert not desk.app.is_testing
    desk.press()
    assert desk.state == "WARN"


def test_identify(computer):
    desk = computer.plug()
    assert computer.run("identify", "--seconds", "20").code == 0
    desk.run(100)
    assert sum(any(colour) for colour in desk.pixels) == 6
    assert computer.run("identify", "--seconds", "0").code == 0
    desk.run(100)
    assert sum(any(colour) for colour in desk.pixels) == 1
    assert computer.run("identify", "--seconds", "61").code == 2


def test_practice(computer):
    desk = computer.plug()
    result = computer.run("practice", "on")
    assert result.code == 0
    assert "calls are NOT ended" in result.out
    assert desk.app.is_practice
    assert computer.run("practice", "off").code == 0
    assert not desk.app.is_practice


def test_monitor_tells_what_changes(computer, monkeypatch):
    desk = computer.plug()
    turns = iter(range(10**6))
    run = desk.run

    def live(ms=0, s=0):
        if next(turns) == 60:
            desk.button.press()
        if next(turns) == 301:
            desk.button.release()
        run(ms, s)

    monkeypatch.setattr(desk, "run", live)
    result = computer.run("monitor", "--seconds", "3", "--json")
    assert result.code == 0
    events = [json.loads(line) for line in result.out.splitlines()]
    assert events[0]["changed"]["state"] == "READY"
    states = [event["changed"]["state"] for event in events if "state" in event["changed"]]
    assert states == ["READY", "WARN"]
    assert {"button": True}.items() <= next(e for e in events if e["changed"].get("button"))["changed"].items()


def test_monitor_for_people(computer):
    computer.plug()
    result = computer.run("monitor", "--seconds", "0.2")
    assert "READY" in result.out
    assert "no limit set, button up, relay closed, silent" in result.out
