"""What a rehearsal tells: the firmware's own behaviour on a line with an exchange, as events."""

import numpy as np
import pytest
from ear import ear

from endcall.desk.rehearsal import CRASH_WAIT_MS, EVENTS, KEPT_EVENTS, START_MS, Rehearsal
from endcall.desk.script import Script

from .conftest import CALLS


def play(rehearsal, text):
    for _ in Script(text).play(rehearsal):
        rehearsal.turn()


def of(told, kind, **about):
    return [event for event in told if event["event"] == kind and about.items() <= event.items()]


def test_a_break_is_told_with_its_measured_length_and_what_the_exchange_made_of_it(rehearsal, told):
    play(rehearsal, (CALLS / "enforced.txt").read_text())
    [gap] = of(told, "break", cause="relay")
    assert gap["ms"] == 600
    [taken] = of(told, "exchange", taken_as="flash")
    assert taken["t"] == gap["t"] == gap["start"] + 600
    states = [event["state"] for event in of(told, "call")]
    assert states == ["WARN", "ENFORCE", "RELEASE", "CONFIRM", "RECOVER"]
    assert len(of(told, "refused")) == 1
    [incident] = of(told, "incident")
    assert incident["record"]["outcome"] == "enforced"
    assert incident["record"]["line_dropped"] is True


@pytest.mark.parametrize("flash_ms", [300, 750])
def test_the_break_follows_its_setting(tmp_path, flash_ms):
    rehearsal = Rehearsal(tmp_path / "drive", values={"release.flash_ms": flash_ms, "call.min_warn_s": 0})
    told = []
    rehearsal.listeners.append(told.append)
    play(rehearsal, "press\nwait 1s\npress\nuntil RECOVER within 20s")
    assert [gap["ms"] for gap in of(told, "break")] == [flash_ms]


def test_a_hang_up_is_held_until_the_handset_is_down(tmp_path):
    rehearsal = Rehearsal(tmp_path / "drive", values={"release.preset": "uk", "call.min_warn_s": 0})
    told = []
    rehearsal.listeners.append(told.append)
    play(rehearsal, "press\nwait 1s\npress\nuntil relay open within 20s\nwait 4s\nexpect no call\nexpect RELEASE")
    play(rehearsal, "handset down\nuntil RECOVER within 2s\nexpect relay closed")
    assert [(gap["cause"], gap["ms"] > 4000) for gap in of(told, "break")] == [("relay", True)]
    assert len(of(told, "exchange", taken_as="hang_up")) == 1


def test_a_crash_in_the_break_leaves_the_break_whole_and_the_device_starts_again(rehearsal, told):
    play(rehearsal, "press\nwait 6s\npress\nuntil relay open")
    rehearsal.crash()
    crashed_ms = rehearsal.now_ms
    rehearsal.run(s=10)
    [gap] = of(told, "break", cause="relay")
    assert gap["ms"] == 600
    [said] = of(told, "crash")
    assert "closes by itself" in said["say"]
    back_ms = next(event["t"] for event in of(told, "call", state="READY"))
    assert CRASH_WAIT_MS + START_MS <= back_ms - crashed_ms < 6000
    assert rehearsal.desk.crashes == 1


def test_a_crash_while_the_line_is_held_open_closes_it_within_11_tenths_of_a_second(tmp_path):
    rehearsal = Rehearsal(tmp_path / "drive", values={"release.preset": "uk", "call.min_warn_s": 0})
    told = []
    rehearsal.listeners.append(told.append)
    play(rehearsal, "press\nwait 1s\npress\nuntil relay open within 20s\nwait 4s")
    rehearsal.crash()
    rehearsal.run(ms=1100)
    assert not rehearsal.desk.line.is_open(0)
    assert of(told, "break", cause="relay")[-1]["ms"] > 4000


def test_a_setting_that_is_refused_is_told_with_the_reason(rehearsal, told):
    rehearsal.change({"call.warn_s": 1})
    [kept] = of(told, "kept")
    assert kept["key"] == "call.warn_s"
    assert "5" in kept["say"]
    assert rehearsal.rules["call.warn_s"] == 30


def test_what_was_heard_is_the_whole_closing_prompt(rehearsal):
    play(rehearsal, "press\nwait 6s\npress\nuntil RECOVER")
    _, pieces = rehearsal.drain()
    [(_, rate_hz, samples)] = pieces
    assert ear.is_whole("closing", ear.transcribe(np.frombuffer(samples, np.int16), rate_hz))


def test_without_power_the_phone_works_and_the_device_does_not(rehearsal, told):
    rehearsal.unplug()
    rehearsal.press()
    rehearsal.run(ms=300)
    rehearsal.release()
    picture, _ = rehearsal.drain()
    assert picture == bytes(72)
    assert of(told, "call") == []
    play(rehearsal, "handset down\nwait 3s\ncaller calls\nwait 1s\nhandset up\nwait 1s\nexpect in call")
    rehearsal.plug_in()
    rehearsal.run(ms=500)
    assert rehearsal.state == "READY"
    picture, _ = rehearsal.drain()
    assert any(picture)


def test_pulling_the_plug_closes_a_line_that_was_open(rehearsal, told):
    play(rehearsal, "press\nwait 6s\npress\nuntil relay open\nwait 250ms")
    rehearsal.unplug()
    rehearsal.run(ms=10)
    [gap] = of(told, "break")
    assert 250 <= gap["ms"] <= 252


def test_pulling_the_plug_stops_the_sound(rehearsal):
    play(rehearsal, "press\nwait 6s\npress\nuntil prompt playing\nwait 1s")
    rehearsal.unplug()
    rehearsal.drain()
    rehearsal.run(s=1)
    assert rehearsal.drain() == (None, [])


def test_a_broken_part_stays_broken_through_a_power_cycle(rehearsal):
    rehearsal.mend("speaker", works=False)
    rehearsal.unplug()
    rehearsal.plug_in()
    play(rehearsal, "wait 500ms\npress\nwait 100ms\nexpect FAULT\nmend speaker\npress\nexpect READY")
    with pytest.raises(ValueError, match="toaster"):
        rehearsal.mend("toaster", works=False)


def test_the_drive_is_kept_and_so_are_settings_and_records(tmp_path):
    first = Rehearsal(tmp_path / "drive")
    assert first.change({"call.warn_s": 45}) == []
    play(first, "press\nwait 6s\nhold\nwait 1s")
    again = Rehearsal(tmp_path / "drive")
    assert again.rules["call.warn_s"] == 45
    assert [event["record"]["outcome"] for event in of(again.history, "incident")] == ["cancelled"]


def test_a_change_that_is_refused_changes_nothing(rehearsal):
    [problem] = rehearsal.change({"call.warn_s": 4})
    assert problem[0] == "call.warn_s"
    assert rehearsal.rules["call.warn_s"] == 30
    with pytest.raises(ValueError, match=r"call\.warn_s"):
        Rehearsal(rehearsal.desk.folder.with_name("other"), values={"call.warn_s": 4})


def test_a_changed_setting_is_told(rehearsal, told):
    rehearsal.change({"release.preset": "uk"})
    rehearsal.run(ms=1)
    [event] = of(told, "settings")
    assert event["values"]["release.flash_ms"] == 100
    assert "uk" in event["line"]


def test_every_event_is_one_of_the_table_and_a_snapshot_ends_with_how_things_are(rehearsal, told):
    play(rehearsal, (CALLS / "caller_left.txt").read_text())
    assert {event["event"] for event in told} == set(EVENTS) - {"refused", "note", "crash", "kept"}
    last = {event["event"]: event for event in rehearsal.snapshot()}
    assert last["call"]["state"] == rehearsal.state == "READY"
    assert last["line"]["phase"] == "talking"
    assert len(rehearsal.snapshot()) <= KEPT_EVENTS + 10


def test_nothing_piles_up_while_nobody_looks(rehearsal):
    rehearsal.run(s=20)
    rehearsal.drain()
    assert len(rehearsal.desk.frames) == 1
    assert rehearsal.desk.sound == []
