"""The firmware's loop at a simulated desk: whole calls, faults, and what may never happen at the same time."""

import pytest

from endcall.desk.desk import Desk
from endcall_core import call, settings, ticks
from endcall_core.layout import SLOT_BYTES
from endcall_device.app import COMPACT_RETRY_MS, Parts
from endcall_device.store import SLOTS, StoreError

from .conftest import CLOSING, WARNING

LOOP = {"line.sense": "loop"}
HANGUP = {"release.mode": "hangup", "release.hold_s": 5}
QUICK = {"call.min_warn_s": 0, "call.grace_ms": 100}
CLOSING_MS = 600


def to_enforce(desk):
    desk.press(100)
    assert desk.state == "WARN"
    desk.run(s=desk.app.call.rules["call.min_warn_s"])
    desk.press(100)
    assert desk.state == "ENFORCE"


def record(desk):
    """The only incident record, once it had a moment to be stored."""
    desk.run(100)
    (found,) = desk.incidents()
    return found


# --- whole calls ---------------------------------------------------------------------------------------------


def test_a_whole_call(desk):
    assert desk.state == "READY"
    to_enforce(desk)
    began = desk.clock.total_ms
    desk.run_until("RELEASE")
    assert desk.clock.total_ms - began == pytest.approx(CLOSING_MS + 800, abs=3)
    assert desk.heard == CLOSING[44:]
    desk.run_until("RECOVER")
    ((_, length),) = [(one.start_ms, one.length_ms) for one in desk.line.breaks]
    assert length == 600
    assert record(desk) == {
        "sequence": 1,
        "boot": 1,
        "uptime_s": 7,
        "epoch_s": None,
        "outcome": "enforced",
        "duration_s": 7,
        "warnings": 1,
        "warned_s": [0],
        "prompt_finished": True,
        "release_mode": "flash",
        "attempts": 1,
        "line_dropped": False,
    }
    desk.run_until("READY", within_s=61)
    assert len(desk.line.breaks) == 1


def test_call_after_call(make_desk):
    desk = make_desk({**QUICK, **LOOP, "call.recover_s": 1, "call.warnings_required": 2})
    for number in range(1, 8):
        desk.run(700)
        desk.press(100)
        desk.press(100)
        desk.press(100)
        desk.run_until("RECOVER")
        desk.run_until("READY")
        assert len(desk.line.breaks) == number
    assert [one["outcome"] for one in desk.incidents()] == ["enforced"] * 7
    assert all(one["line_dropped"] for one in desk.incidents())
    assert [one["sequence"] for one in desk.incidents()] == list(range(1, 8))


def test_a_warning_that_is_played(make_desk):
    desk = make_desk({"prompt.warning": "warning.wav"})
    desk.press(100)
    desk.run(s=1)
    assert desk.heard == WARNING[44:]
    assert desk.state == "WARN"


def test_a_warning_that_is_cut_short_by_the_closing_does_not_count_as_it(make_desk):
    desk = make_desk({**QUICK, "prompt.warning": "warning.wav"})
    desk.press(80)
    desk.press(80)
    assert desk.state == "ENFORCE"
    desk.run_until("RELEASE")
    assert desk.heard.endswith(CLOSING[44:])


def test_a_cancelled_call(desk):
    desk.press(100)
    desk.run(s=2)
    desk.button.press()
    desk.run(999)
    assert desk.state == "WARN"
    desk.run(2)
    assert desk.state == "READY"
    desk.run(500)
    desk.button.release()
    desk.run(500)
    assert desk.state == "READY"
    assert record(desk)["outcome"] == "cancelled"
    assert desk.heard == b""
    assert desk.line.breaks == []


def test_a_refused_press(desk):
    desk.press(100)
    desk.run(s=1)
    desk.press(100)
    assert desk.state == "WARN"
    assert desk.pixels[12][0] == desk.pixels[12][1] == desk.pixels[12][2] > 40
    desk.run(300)
    assert len(set(desk.pixels[12])) == 3, "amber, not white"


def test_a_call_that_resolves_itself(make_desk):
    desk = make_desk({"call.warn_s": 10, "call.watch_s": 10})
    desk.press(100)
    desk.run_until("WATCH", within_s=11)
    desk.run_until("READY", within_s=11)
    found = record(desk)
    assert (found["outcome"], found["duration_s"]) == ("resolved", 20)
    assert desk.line.breaks == []


def test_an_apology_stops_the_prompt_with_a_fade(desk):
    to_enforce(desk)
    desk.run(200)
    desk.button.press()
    desk.run(1001 - 600)  # in the middle of the hold the prompt is over already
    assert desk.state == "ENFORCE"
    desk.run(700)
    assert desk.state == "WATCH"
    assert desk.line.breaks == []
    desk.button.release()
    desk.run_until("READY", within_s=181)
    assert record(desk)["outcome"] == "apology"


def test_the_prompt_stops_when_the_apology_comes_in_it(make_desk):
    desk = make_desk({"button.hold_ms": 500})
    to_enforce(desk)
    desk.press(510)
    assert desk.state == "WATCH"
    assert len(desk.heard) < len(CLOSING) - 44
    last = memoryview(desk.heard).cast("h")[-4:]
    assert max(abs(sample) for sample in last) < 100


def test_a_hangup_lasts_until_the_handset_is_down(make_desk):
    desk = make_desk({**QUICK, **HANGUP})
    to_enforce(desk)
    desk.run_until("RELEASE")
    desk.run(s=3)
    assert desk.state == "RELEASE"
    desk.phone.handset_up = False
    desk.run(110)
    assert desk.state == "RECOVER"
    (one,) = desk.line.breaks
    assert one.length_ms == pytest.approx(3110, abs=15)
    assert record(desk)["line_dropped"]


def test_a_hangup_ends_by_itself_and_leaves_no_gap(make_desk):
    desk = make_desk({**QUICK, **HANGUP})
    to_enforce(desk)
    desk.run_until("RECOVER")
    desk.run(s=3)
    (one,) = desk.line.breaks
    assert one.length_ms == pytest.approx(5000, abs=5)


def test_a_hangup_without_a_handset_sense_lasts_its_whole_time(make_desk):
    """Where none is fitted its pin reads as if the handset were down, from the first look."""
    for changes in ({**QUICK, **HANGUP}, {**QUICK, **HANGUP, **LOOP}):
        desk = make_desk(changes)
        desk.line.handset_up = lambda: False
        desk.run(s=1)
        to_enforce(desk)
        desk.run_until("RECOVER")
        assert desk.line.breaks[0].length_ms == pytest.approx(5000, abs=5)


def test_a_handset_sense_that_bounces_is_no_handset_down(make_desk):
    desk = make_desk({**QUICK, **HANGUP})
    to_enforce(desk)
    desk.run_until("RELEASE")
    for _ in range(10):
        desk.phone.handset_up = False
        desk.run(90)
        desk.phone.handset_up = True
        desk.run(20)
    assert desk.state == "RELEASE"


def test_a_hangup_is_closed_by_a_hold(make_desk):
    desk = make_desk({**QUICK, **HANGUP})
    to_enforce(desk)
    desk.run_until("RELEASE")
    desk.press(1010)
    assert desk.state == "RECOVER"
    assert desk.line.breaks[0].length_ms == pytest.approx(1005, abs=10)


def test_a_threat(make_desk):
    desk = make_desk({"call.threat_hold_ms": 2000, "call.warnings_required": 3})
    desk.button.press()
    desk.run(1)
    assert desk.state == "WARN"
    desk.run(1995)
    assert desk.state == "WARN"
    desk.run(10)
    assert desk.state == "ENFORCE"
    desk.button.release()
    desk.run_until("RECOVER")
    found = record(desk)
    assert (found["outcome"], found["warnings"], found["prompt_finished"]) == ("threat", 1, True)


def test_without_warnings_required_one_press_ends_the_call(make_desk):
    desk = make_desk({"call.warnings_required": 0})
    desk.press(100)
    assert desk.state == "ENFORCE"
    desk.run_until("RECOVER")
    assert record(desk)["warnings"] == 0


# --- the line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["WARN", "WATCH", "ENFORCE"])
@pytest.mark.parametrize("who", ["handset_up", "far_end_feeds"])
def test_the_caller_hangs_up(make_desk, state, who):
    desk = make_desk({**LOOP, "call.warn_s": 6, "call.grace_ms": 5000})
    desk.run(700)  # the line is seen to be off-hook
    desk.press(100)
    if state == "WATCH":
        desk.run_until("WATCH")
    elif state == "ENFORCE":
        desk.run(s=5)
        desk.press(100)
    assert desk.state == state
    setattr(desk.phone, who, False)
    desk.run(250)
    assert desk.state == state
    desk.run(10)
    assert desk.state == ("RECOVER" if state == "ENFORCE" else "READY")
    assert record(desk)["outcome"] == "caller_left"
    assert desk.line.breaks == []


def test_without_a_sense_nothing_is_known_of_the_line(desk):
    desk.run(700)
    desk.press(100)
    desk.phone.far_end_feeds = False
    desk.run(s=2)
    assert desk.state == "WARN"
    assert desk.app.status()["line"] == "unknown"


def test_status_tells_what_the_loop_sense_sees(make_desk):
    desk = make_desk(LOOP)
    assert desk.app.status()["line"] == "on_hook"
    desk.run(700)
    assert desk.app.status()["line"] == "off_hook"


def test_a_line_that_is_seen_to_drop(make_desk):
    desk = make_desk({**QUICK, **LOOP})
    desk.run(700)
    to_enforce(desk)
    desk.run_until("CONFIRM")
    assert desk.app.call.dropped
    desk.run_until("RECOVER")
    assert record(desk)["line_dropped"]


def welded(make_desk, retries=1, **changes):
    desk = make_desk({**QUICK, **LOOP, "release.retries": retries, **changes})
    desk.line.is_welded = True
    # as on the Pico: what is known of the relay is what it was told, and the second pole is welded too
    commanded = desk.line._is_open
    desk.line.is_open = lambda now_ms: commanded()
    desk.line.loop_current = lambda: desk.phone.handset_up
    desk.line.handset_up = lambda: False
    desk.run(700)
    to_enforce(desk)
    return desk


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_welded_relay_is_tried_again_and_then_shown(make_desk, retries):
    desk = welded(make_desk, retries)
    desk.run_until("FAULT")
    assert desk.app.call.fault == call.FAULT_NOT_RELEASED
    assert len(desk.line.breaks) == 1 + retries
    found = record(desk)
    assert (found["outcome"], found["attempts"], found["line_dropped"]) == ("fault", 1 + retries, False)
    assert "hang up by hand" in desk.app.status()["fault_say"]


def test_a_welded_relay_in_hangup_is_found_too(make_desk):
    desk = welded(make_desk, 1, **HANGUP)
    desk.run_until("FAULT")
    assert desk.app.call.fault == call.FAULT_NOT_RELEASED


def test_without_a_sense_a_welded_relay_can_not_be_noticed(make_desk):
    desk = make_desk(QUICK)
    desk.line.is_welded = True
    to_enforce(desk)
    desk.run_until("RECOVER")
    assert not record(desk)["line_dropped"]


def test_a_relay_that_can_not_be_driven_allows_no_limit(desk):
    desk.line.is_ready = False
    desk.press(100)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_LINE_RELAY)


# --- self-checks ---------------------------------------------------------------------------------------------


def path_of(desk, name="closing.wav"):
    return desk.folder / f"prompt_{desk.app.prompts.table[name][0]}" / "prompt.wav"


def test_without_the_closing_prompt_no_limit_can_be_set(desk):
    path_of(desk).unlink()
    desk.press(100)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_PROMPT_MISSING)
    for _ in range(5):
        desk.run(300)
        desk.press(100)
        assert desk.state == "FAULT"
    assert desk.incidents() == []


@pytest.mark.parametrize("damage", [0, len(CLOSING) - 1])
def test_a_damaged_closing_prompt_is_found_at_power_up(desk, damage):
    data = bytearray(path_of(desk).read_bytes())
    data[damage] ^= 1
    path_of(desk).write_bytes(data)
    desk.power_cycle()
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_PROMPT_DAMAGED)
    desk.run(200)
    desk.press(100)
    assert desk.state == "FAULT"
    data[damage] ^= 1
    path_of(desk).write_bytes(data)
    desk.power_cycle()
    assert desk.state == "READY"


def test_a_slow_start_does_not_lose_the_self_check(desk):
    """The self-check's answer is waited for from when READY begins, however long reading the prompt took."""
    desk._feed = lambda: desk.clock.advance(3000)
    desk.power_cycle()
    assert desk.state == "READY"
    data = bytearray(path_of(desk).read_bytes())
    data[len(CLOSING) - 1] ^= 1
    path_of(desk).write_bytes(data)
    desk.power_cycle()
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_PROMPT_DAMAGED)


def test_a_header_that_is_damaged_in_service_is_found_by_the_press(desk):
    path = path_of(desk)
    path.write_bytes(b"xxxx" + path.read_bytes()[4:])
    desk.press(100)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_PROMPT_DAMAGED)


def test_a_fault_goes_away_by_itself_when_its_cause_is_gone(desk):
    desk.speaker.is_ready = False
    desk.press(100)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_SPEAKER)
    desk.run(s=61)
    assert desk.state == "FAULT"
    desk.speaker.is_ready = True
    desk.run(s=60)
    assert desk.state == "READY"


def test_a_fault_goes_away_with_a_press_when_its_cause_is_gone(desk):
    desk.speaker.is_ready = False
    desk.press(100)
    desk.speaker.is_ready = True
    desk.run(100)
    desk.press(100)
    assert desk.state == "READY"
    desk.press(100)
    assert desk.state == "WARN"


def test_a_press_during_the_self_check_is_not_kept_for_later(desk, monkeypatch):
    fault = desk.app.prompts.fault

    def slow(name):
        desk.button.release()
        desk.clock.advance(200)
        desk.button.press()
        desk.clock.advance(100)
        desk.button.release()
        desk.clock.advance(100)
        return fault(name)

    monkeypatch.setattr(desk.app.prompts, "fault", slow)
    monkeypatch.setitem(desk.app.call.rules, "call.min_warn_s", 0)
    desk.button.press()
    desk.run(500)
    assert desk.state == "WARN"
    assert desk.app.call.warnings == 1


def test_a_prompt_that_can_not_be_started_opens_nothing(make_desk, monkeypatch):
    for error, fault in ((OSError(5, "no"), 3), (ValueError("no WAV"), 2)):
        desk = make_desk(QUICK)

        def fail(path, wav, gain_db, is_coupled, error=error):
            raise error

        monkeypatch.setattr(desk.speaker, "start", fail)
        desk.press(100)
        desk.run(10)
        desk.press(100)
        desk.run(3)  # memory is tidied up in the turn after the step, and the prompt started in the next
        assert (desk.state, desk.app.call.fault) == ("FAULT", fault)
        desk.run(s=5)
        assert desk.line.breaks == []
        assert record(desk)["outcome"] == "fault"


def test_a_prompt_that_breaks_off_opens_nothing(make_desk):
    desk = make_desk(QUICK)
    to_enforce(desk)
    desk.run(200)
    desk.speaker._samples = desk.speaker._samples[: desk.speaker._at]  # the file ends, and nobody says so
    desk.run(s=2)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_PROMPT_DAMAGED)
    assert desk.line.breaks == []


def test_a_prompt_that_never_ends_opens_nothing(make_desk, monkeypatch):
    desk = make_desk(QUICK)
    to_enforce(desk)
    monkeypatch.setattr(desk.speaker, "turn", lambda now_ms: False)
    desk.run(s=25)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_SPEAKER)
    assert desk.line.breaks == []
    assert not desk.speaker.is_playing


def test_a_missing_warning_prompt_does_not_keep_the_limit_from_being_set(make_desk):
    desk = make_desk({"prompt.warning": "warning.wav"})
    path_of(desk, "warning.wav").unlink()
    desk.press(100)
    assert desk.state == "WARN"


# --- the button ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"call.warnings_required": 0}, {"call.threat_hold_ms": 1500}])
def test_a_stuck_button_is_a_fault_and_opens_nothing(make_desk, changes):
    desk = make_desk(changes)
    desk.button.press()
    desk.run(s=13)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_BUTTON_STUCK)
    desk.run(s=125)
    assert desk.state == "FAULT"
    assert desk.line.breaks == []
    desk.button.release()
    desk.run(5)
    assert desk.state == "READY"


def test_a_button_held_at_power_up_counts_for_nothing(desk):
    desk.power_cycle()
    desk.button.press()
    desk.run(3000)
    assert desk.state == "READY"
    desk.button.release()
    desk.run(200)
    desk.press(100)
    assert desk.state == "WARN"


def test_lost_edges_are_no_gesture(desk):
    desk.press(100)
    desk.run(s=6)
    desk.button.press()
    desk.run(50)
    desk.button.lose_edges()
    desk.run(3000)
    assert desk.state == "WARN"
    desk.button.release()
    desk.run(10)
    assert desk.state == "WARN"
    desk.press(100)
    assert desk.state == "ENFORCE"


def test_chatter_is_never_more_than_one_step_per_turn(make_desk):
    """A thousand edges in the queue at once, all of the same instant."""
    desk = make_desk({"call.warnings_required": 3})
    for _ in range(500):
        desk.button.press()
        desk.button.release()
    desk.run(1)
    assert desk.state == "WARN"
    assert desk.app.call.warnings == 1


def test_a_press_is_shown_in_the_turn_in_which_it_is_seen(make_desk):
    """In every state; nothing waits for the next frame."""
    desk = make_desk({**QUICK, **HANGUP, "call.warn_s": 5})
    for state in ("READY", "WARN", "WATCH", "ENFORCE", "RELEASE", "RECOVER"):
        desk.run_until(state)
        desk.run(150)
        assert desk.state == state
        desk.button.press()
        before = len(desk.frames)
        desk.run(1)
        assert len(desk.frames) > before
        assert desk.frames[before][0] == desk.clock.total_ms
        desk.run(80)
        desk.button.release()
        desk.run(1)
        if state == "WARN":  # that was the second press: begin again, and let time go on
            desk.run(200)
            desk.press(1010)
            desk.run(200)
            desk.press(1010)
            desk.run_until("READY")
            desk.press(80)
            desk.run_until("WATCH")


def test_days_of_silence(make_desk):
    """Ticks wrap after 6.2 days and can't be told apart over more than 3.1."""
    desk = make_desk({**QUICK, **LOOP, "call.recover_s": 1, "call.warnings_required": 1})
    days, calls = 0, 0
    for silence in (1, 2.9, 3.2, 4, 5.5, 6.2, 6.3, 9):
        desk.press(100)
        desk.run(10)
        desk.press(100)
        desk.run_until("RECOVER")
        calls += 1
        desk.run_until("READY")
        for _ in range(int(silence * 24 * 6)):
            desk.clock.advance(600_000 - 2)
            desk.run(2)
        days += silence
        assert desk.state == "READY"
        assert desk.pixels[1] == (0, 0, 0), "no press is felt"
        desk.run(700)
    assert days > 30
    assert desk.app.uptime_s > 30 * 24 * 3600
    assert [one["outcome"] for one in desk.incidents()] == ["enforced"] * calls
    # and the caller who hangs up is still seen
    desk.press(100)
    desk.phone.far_end_feeds = False
    desk.run(300)
    assert desk.state == "READY"
    desk.run(100)
    assert desk.incidents()[-1]["outcome"] == "caller_left"


# --- power ---------------------------------------------------------------------------------------------------


def test_settings_and_incidents_survive_a_power_cycle(make_desk):
    desk = make_desk({"call.warn_s": 45, "device.name": "x"})
    desk.press(100)
    desk.press(1100)
    desk.run(100)
    before = desk.incidents()
    desk.power_cycle()
    assert desk.incidents() == before
    assert desk.app.call.rules["call.warn_s"] == 45
    assert desk.app.store.repairs == []
    assert desk.app.log.boot == 2


@pytest.mark.parametrize("state", ["WARN", "ENFORCE", "RELEASE"])
def test_a_power_cut_in_a_call_leaves_the_line_closed_and_the_device_ready(make_desk, state):
    desk = make_desk({**QUICK, **HANGUP})
    desk.press(100)
    if state != "WARN":
        desk.run(10)
        desk.press(100)
        desk.run_until(state)
    desk.power_cycle()
    assert desk.state == "READY"
    assert not desk.line.is_open(0)
    desk.run(s=2)
    assert desk.state == "READY"
    assert not desk.speaker.is_playing
    assert desk.incidents() == []


def test_a_drive_that_is_laid_out_is_left_alone(desk, tmp_path):
    assert Desk(desk.folder).app.store.sequence == 1


# --- flash ---------------------------------------------------------------------------------------------------


class Watch:
    """Notes every write to flash with what the device was doing just then."""

    def __init__(self, desk, monkeypatch):
        self.desk = desk
        self.writes = []
        app = desk.app
        files = [*app.store._files, *app.prompts._slots, app.log._journal]
        for file in files:
            monkeypatch.setattr(file, "write", self._noting(file.write))
        saved = desk.nvm.saved
        desk.nvm.saved = lambda data: (self.note(), saved(data))

    def _noting(self, write):
        def noted(at, data):
            self.note()
            write(at, data)

        return noted

    def note(self):
        desk = self.desk
        self.writes.append((desk.state, desk.speaker.is_playing, desk.line.is_open(0)))


@pytest.mark.parametrize("changes", [{}, HANGUP, {"prompt.warning": "warning.wav"}])
def test_no_flash_is_written_while_a_prompt_plays_or_the_line_is_open(make_desk, monkeypatch, changes):
    desk = make_desk({**QUICK, **changes, "call.recover_s": 1})
    watch = Watch(desk, monkeypatch)
    for number in range(60):  # so that the NVM fills up, too
        desk.press(80)
        if number % 10 == 0:
            desk.run(5)
            desk.press(80)
            desk.run_until("RECOVER")
            desk.run_until("READY")
        else:
            desk.press(1010)
        desk.run(300 if number % 7 == 0 else 120)
    assert len(watch.writes) >= 2 * 60
    for state, is_playing, is_open in watch.writes:
        assert state in ("READY", "RECOVER", "FAULT")
        assert not is_playing
        assert not is_open
    assert desk.nvm.erases == 1
    assert len(desk.incidents()) == 60


def test_an_incident_waits_until_the_fading_prompt_is_silent(make_desk, monkeypatch):
    desk = make_desk({**QUICK, **LOOP})
    desk.run(700)
    to_enforce(desk)
    monkeypatch.setattr(desk.speaker, "stop", lambda: None)  # it goes on sounding
    desk.phone.far_end_feeds = False
    desk.run(300)
    assert desk.state == "RECOVER"
    assert desk.speaker.is_playing
    assert desk.incidents() == []
    assert desk.app.status()["incidents"] == 1
    desk.run(s=1)
    assert not desk.speaker.is_playing
    assert len(desk.incidents()) == 1


def test_in_service_an_incident_costs_no_erase(desk):
    for _ in range(20):
        desk.press(80)
        desk.press(1010)
        desk.run(120)
    assert len(desk.incidents()) == 20
    assert desk.nvm.erases == 0


def test_a_compaction_that_fails_is_tried_again_later(desk, monkeypatch):
    tries = []

    def fail():
        tries.append(desk.clock.total_ms)
        raise StoreError("no")

    for number in range(SLOTS - 4):
        desk.app.log.append(call.Incident("resolved", number, (0,), False, "flash", 0, False), 1, 0)
    monkeypatch.setattr(desk.app.log, "compact", fail)
    desk.run(s=2)
    assert len(tries) == 1
    desk.clock.advance(COMPACT_RETRY_MS - 5000)
    desk.run(10)
    assert len(tries) == 1
    desk.clock.advance(5000)
    desk.run(10)
    assert len(tries) == 2
    monkeypatch.undo()
    desk.clock.advance(COMPACT_RETRY_MS)
    desk.run(10)
    assert not desk.app.log.wants_compaction
    for _ in range(24 * 6 * 4):  # days later, over half a period of the ticks, the next one is not held up
        desk.clock.advance(600_000)
        desk.run(1)
    for number in range(SLOTS - 4):
        desk.app.log.append(call.Incident("resolved", number, (0,), False, "flash", 0, False), 1, 0)
    desk.run(2)
    assert not desk.app.log.wants_compaction


def test_nothing_is_compacted_in_a_call(desk, monkeypatch):
    for number in range(SLOTS - 4):
        desk.app.log.append(call.Incident("resolved", number, (0,), False, "flash", 0, False), 1, 0)
    desk.button.press()
    desk.app.turn()
    assert desk.state == "WARN"
    desk.run(200)
    desk.button.release()
    desk.run(s=2)
    assert desk.app.log.wants_compaction
    desk.press(1010)
    desk.run(10)
    assert not desk.app.log.wants_compaction


def test_loading_at_power_up_writes_nothing(desk, monkeypatch):
    before = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()}
    for _ in range(3):
        desk.power_cycle()
        desk.run(s=2)
    assert {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()} == before


# --- settings and prompts ------------------------------------------------------------------------------------


def test_other_settings_take_hold_in_recover_at_once(make_desk):
    desk = make_desk(QUICK)
    to_enforce(desk)
    desk.run_until("RECOVER")
    desk.run(10)
    values = dict(desk.app.call.rules, **{"call.recover_s": 2})
    desk.app.change_settings(values)
    desk.run_until("READY", within_s=2.1)


def test_a_store_that_fails_changes_nothing(desk, monkeypatch):
    def fail(values, prompts):
        raise StoreError("no")

    monkeypatch.setattr(desk.app.store, "save", fail)
    before, table = desk.app.call.rules, desk.app.prompts.table
    with pytest.raises(StoreError):
        desk.app.change_settings(dict(before, **{"ring.pixels": 12}))
    with pytest.raises(StoreError):
        desk.app.change_prompts({})
    assert desk.app.call.rules is before
    assert desk.app.prompts.table is table
    assert len(desk.ring.buffer) == 72


def test_a_device_without_slots_plays_what_lies_in_the_folder(desk):
    assert len(path_of(desk).read_bytes()) == SLOT_BYTES
    assert desk.app.missing_prompts(desk.app.call.rules) == []
    problems = desk.app.missing_prompts(dict(desk.app.call.rules, **{"prompt.warning": "none.wav"}))
    assert [key for key, _, _ in problems] == ["prompt.warning"]


# --- the loop ------------------------------------------------------------------------------------------------


def test_the_watchdog_is_fed_once_per_turn(make_desk):
    desk = make_desk({**QUICK, **HANGUP})
    to_enforce(desk)
    for _ in range(3000):
        before = desk.feeds
        desk.run(1)
        assert desk.feeds == before + 1


def test_the_watchdog_is_fed_while_the_prompt_is_verified_at_power_up(desk):
    desk.feeds = 0
    desk.power_cycle()
    assert desk.feeds >= len(CLOSING) // 1024


@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("button", "poll"),
        ("ring", "show"),
        ("speaker", "turn"),
        ("line", "turn"),
        ("line", "is_open"),
        ("line", "handset_up"),
        ("line", "loop_current"),
        ("port", "read_into"),
        ("log", "append"),
    ],
)
def test_an_exception_in_any_part_gets_out_and_the_watchdog_is_not_fed(make_desk, monkeypatch, part, method):
    """code.py notes it and resets; nothing in between may swallow it."""
    desk = make_desk({**QUICK, **HANGUP, **LOOP})
    desk.port.connected = True
    desk.run(700)
    to_enforce(desk)

    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(getattr(desk.app.parts, part), method, fail)
    feeds = []
    monkeypatch.setattr(desk.app.parts, "feed", lambda: feeds.append(desk.clock.total_ms))
    with pytest.raises(RuntimeError, match="broken"):
        desk.run(s=20)
    assert desk.clock.total_ms not in feeds


def test_the_loop_rests_when_there_is_nothing_to_move(desk, monkeypatch):
    rests = []
    monkeypatch.setattr(desk.app.parts, "rest", lambda: rests.append(1))
    desk.run(50)
    assert len(rests) == 50


def test_the_ring_is_sent_only_when_its_picture_changed(desk):
    before = len(desk.frames)
    desk.run(s=5)
    assert len(desk.frames) == before  # READY stands still
    desk.press(100)
    desk.run(s=2)
    assert 20 <= len(desk.frames) - before <= 60  # WARN moves, at 25 pictures a second


def test_uptime_counts_seconds_across_the_wrap_of_the_ticks(desk):
    desk.run(s=3)
    assert desk.app.uptime_s == 3
    desk.clock.advance(200_000)
    desk.run(1)
    assert desk.app.uptime_s == 203
    assert desk.clock() < ticks.PERIOD - 65_000


def test_parts_must_be_complete_and_known(desk):
    given = {name: getattr(desk.app.parts, name) for name in Parts.NAMES}
    Parts(**given)
    with pytest.raises(TypeError, match="lamp"):
        Parts(**given, lamp=1)
    del given["speaker"]
    with pytest.raises(KeyError, match="speaker"):
        Parts(**given)


def test_the_defaults_of_the_desk_are_the_defaults(make_desk):
    assert make_desk().app.call.rules == settings.defaults()


# --- a firmware that keeps crashing ---------------------------------------------------------------------------


def test_three_crashes_in_a_row_are_a_fault_until_ten_good_minutes_are_over(desk):
    desk.crashes = 3
    desk.power_cycle()
    desk.run(200)
    assert desk.app.call.fault == call.FAULT_CRASHED
    desk.press(100)
    assert desk.state == "FAULT"
    desk.run(s=599)
    assert desk.state == "FAULT"
    desk.run(s=61)
    assert desk.state == "READY"
    assert desk.crashes == 0


def test_two_crashes_are_forgiven_and_a_limit_can_be_set(desk):
    desk.crashes = 2
    desk.power_cycle()
    desk.run(200)
    desk.press(100)
    assert desk.state == "WARN"


# --- a switch that chatters ------------------------------------------------------------------------------------


def test_a_chattering_button_is_one_that_is_held_until_it_is_quiet(make_desk):
    desk = make_desk({"call.min_warn_s": 0})
    for _ in range(6):
        desk.button.press()
        desk.run(20)
        desk.button.release()
        desk.run(20)
    assert desk.app.call.is_down, "felt, and obeyed no more"
    for _ in range(300):  # twelve seconds
        desk.button.press()
        desk.run(20)
        desk.button.release()
        desk.run(20)
    assert (desk.state, desk.app.call.fault) == ("FAULT", call.FAULT_BUTTON_STUCK)
    assert desk.line.breaks == []
    assert [one["outcome"] for one in desk.incidents()] == ["fault"]
    desk.run(3100)
    assert desk.state == "READY"
    desk.run(s=1)
    desk.press(80)
    assert desk.state == "WARN", "quiet again, it is believed again"


def test_taps_that_are_too_short_for_a_finger_are_chatter_sooner(make_desk):
    desk = make_desk({"call.min_warn_s": 0})
    desk.press(40)
    desk.run(100)
    assert (desk.state, desk.app.call.is_down) == ("WARN", False), "one may be"
    desk.press(40)
    assert desk.app.call.is_down, "felt, and obeyed no more"
    desk.run(3100)
    assert desk.state == "WARN"
    assert not desk.app.call.is_down


def test_five_quick_presses_are_still_a_hands(make_desk):
    desk = make_desk({"call.min_warn_s": 5})
    for _ in range(5):
        desk.press(60)
        desk.run(60)
    assert (desk.state, desk.app.call.is_down) == ("WARN", False)
    desk.run(s=5)
    desk.press(60)
    assert desk.state == "ENFORCE"


def test_forty_presses_at_two_a_second_are_a_hands(make_desk):
    desk = make_desk({"call.min_warn_s": 30, "call.warn_s": 60})
    for _ in range(40):
        desk.press(100)
        desk.run(360)
        assert not desk.app.call.is_down
    assert desk.state == "WARN"
