"""Rules that hold in every state: gestures, the stuck button, lost edges, self-checks, records, and time itself."""

from call_script import PROMPT_MS, Script, rules
from refusal import refusal

from endcall_core import call, ticks
from endcall_core.call import (
    BUTTON_DOWN,
    BUTTON_LOST,
    BUTTON_UP,
    CHECK_FAILED,
    CHECK_PASSED,
    CONFIRM,
    ENFORCE,
    FAULT,
    HANDSET_DOWN,
    LINE_DROPPED,
    LINE_ON_HOOK,
    PROMPT_DONE,
    PROMPT_STARTED,
    READY,
    RECOVER,
    RELEASE,
    TIME,
    WARN,
    WATCH,
)

DAY = 24 * 3600 * 1000
HALF_PERIOD = ticks.PERIOD // 2


# --- what counts as a press ---------------------------------------------------------------------------------


def test_a_button_held_since_power_up_counts_only_after_it_was_released():
    script = Script()
    script.at(0, CHECK_PASSED)
    assert script.at(99, BUTTON_DOWN) == []
    assert script.call.is_down
    assert script.at(500, BUTTON_UP) == []
    assert script.at(600, BUTTON_DOWN) == [("CHECK", None)]


def test_a_press_right_after_the_start_counts():
    script = Script()
    script.at(0, CHECK_PASSED)
    assert script.at(100, BUTTON_DOWN) == [("CHECK", None)]


def test_two_edges_down_are_one_press():
    script = Script().reach(READY)
    assert script.at(1000, BUTTON_DOWN) == [("CHECK", None)]
    script.at(1005, CHECK_PASSED)
    assert script.at(1010, BUTTON_DOWN) == []
    assert script.at(7000, BUTTON_DOWN) == []
    assert script.at(7100, BUTTON_UP) == []
    assert script.at(7100, BUTTON_UP) == []
    assert script.state == WARN


def test_a_press_while_the_self_check_runs_is_not_kept_for_later():
    script = Script().reach(READY)
    assert script.at(1000, BUTTON_DOWN) == [("CHECK", None)]
    assert script.at(1100, BUTTON_UP) == []
    assert script.at(1200, BUTTON_DOWN) == []
    assert script.call.is_down  # it is felt, though
    assert script.at(1900, CHECK_PASSED) == []
    assert script.state == WARN
    assert script.at(2000, BUTTON_UP) == []
    assert script.at(2300, TIME) == []
    assert script.state == WARN


def test_a_press_from_before_the_state_began_is_felt_and_not_obeyed():
    """Time was faster than the edge: what the press meant is over."""
    for state in (WARN, WATCH, RECOVER):
        script = Script({"call.min_warn_s": 0}).reach(state)
        began = script.deadline
        script.at(began, TIME)
        after = script.state
        assert after != state
        assert script.at(began - 1, BUTTON_DOWN) == []
        assert script.call.is_down
        assert script.call.gesture is None
        assert script.at(began + 1500, TIME) == []
        assert script.at(began + 1500, BUTTON_UP) == []
        assert script.state == after
        assert script.call.refused_ms is None


def test_a_gesture_belongs_to_the_state_in_which_it_began():
    script = Script().reach(WARN)
    script.after(100, BUTTON_DOWN)
    script.after(100, LINE_ON_HOOK)
    assert script.state == READY
    assert script.after(800, TIME) == []
    assert script.after(100, BUTTON_UP) == []
    assert script.state == READY


def test_holding_on_does_not_begin_the_next_states_hold():
    script = Script().reach(WARN)
    begin = script.now
    script.at(begin, BUTTON_DOWN)
    script.at(begin + 1000, TIME)
    assert script.state == READY
    for ms in range(1100, 9000, 100):
        assert script.at(begin + ms, TIME) == []
    script.at(begin + 9000, BUTTON_UP)
    assert script.state == READY

    script = Script().reach(ENFORCE)
    begin = script.now
    script.at(begin, BUTTON_DOWN)
    assert script.at(begin + 1000, TIME) == [("STOP", None)]
    for ms in range(1100, 9000, 100):
        assert script.at(begin + ms, TIME) == []
    script.at(begin + 9000, BUTTON_UP)
    assert script.state == WATCH


def test_the_press_that_ends_recover_begins_nothing():
    script = Script({"call.threat_hold_ms": 1500}).reach(RECOVER)
    begin = script.now
    script.at(begin, BUTTON_DOWN)
    assert script.state == READY
    assert script.at(begin + 1500, TIME) == []
    assert script.at(begin + 2000, BUTTON_UP) == []
    assert script.state == READY


# --- lost edges ----------------------------------------------------------------------------------------------


def test_after_lost_edges_a_button_that_is_still_down_does_not_count():
    for state in (WARN, WATCH, ENFORCE):
        script = Script().reach(state)
        begin = script.now + 6000
        script.at(begin, BUTTON_DOWN)
        script.at(begin + 100, BUTTON_LOST)
        assert not script.call.is_down
        script.at(begin + 106, BUTTON_DOWN)  # the scanner was reset and finds it down
        assert script.at(begin + 1500, TIME) == []
        assert script.at(begin + 1600, BUTTON_UP) == []
        assert script.state == state


def test_after_lost_edges_and_a_release_the_next_press_counts():
    script = Script().reach(WATCH)
    script.after(1000, BUTTON_LOST)
    script.after(200, BUTTON_UP)
    assert script.press() == [("PLAY", "closing")]


# --- the threat gesture --------------------------------------------------------------------------------------


def threat(changes=None):
    values = {"call.threat_hold_ms": 3000}
    values.update(changes or {})
    script = Script(values).reach(READY)
    script.at(1000, BUTTON_DOWN)
    script.at(1005, CHECK_PASSED)
    return script


def finish(script):
    script.after(0, PROMPT_STARTED, PROMPT_MS)
    script.after(PROMPT_MS, PROMPT_DONE, call.CLOSING)
    script.at(script.deadline, TIME)
    assert script.state == RELEASE
    script.at(script.deadline, TIME)
    assert script.state == RECOVER


def test_a_threat_is_enforced_and_recorded_as_one():
    script = threat({"call.warnings_required": 3})
    assert script.state == WARN
    assert script.at(4000, TIME) == [("PLAY", "closing")]
    script.at(4100, BUTTON_UP)
    finish(script)
    assert script.record.outcome == "threat"
    assert script.record.warned_s == (0,)


def test_a_threat_held_through_warn_and_watch_is_still_one():
    script = threat({"call.threat_hold_ms": 10000, "call.min_warn_s": 0, "call.warn_s": 5, "call.watch_s": 0})
    assert script.at(6005, TIME) == []
    assert script.state == WARN  # it waits for the gesture
    assert script.deadline == 11000
    assert script.at(11000, TIME) == [("PLAY", "closing")]


def test_a_threat_given_up_before_its_time_lets_time_go_on():
    script = threat({"call.threat_hold_ms": 10000, "call.min_warn_s": 0, "call.warn_s": 5, "call.watch_s": 0})
    script.at(6005, TIME)
    script.at(7000, BUTTON_UP)
    assert script.state == WARN
    script.at(7000, TIME)
    assert script.state == WATCH


def test_with_no_warning_required_a_long_hold_only_changes_the_record():
    script = threat({"call.warnings_required": 0})
    assert script.state == ENFORCE
    script.at(1005, PROMPT_STARTED, PROMPT_MS)
    assert script.at(4000, TIME) == []
    assert script.state == ENFORCE
    script.at(4100, BUTTON_UP)
    script.at(1005 + PROMPT_MS, PROMPT_DONE, call.CLOSING)
    script.at(script.deadline, TIME)
    script.at(script.deadline, TIME)
    assert script.record.outcome == "threat"


def test_an_apology_takes_the_threat_back():
    script = threat({"call.warnings_required": 1})
    script.at(4000, TIME)
    script.at(4100, BUTTON_UP)
    script.at(5000, BUTTON_DOWN)
    script.at(6000, TIME)
    assert script.state == WATCH
    script.at(6100, BUTTON_UP)
    script.now = 9000
    assert script.press() == [("PLAY", "closing")]
    finish(script)
    assert script.record.outcome == "enforced"


# --- a stuck button ------------------------------------------------------------------------------------------


def test_a_button_down_for_over_10_s_is_a_fault_and_nothing_else():
    script = Script().reach(READY)
    script.at(1000, BUTTON_DOWN)
    script.at(1005, CHECK_PASSED)
    assert script.at(11000, TIME) == []
    assert script.state == WARN
    assert script.at(11001, TIME) == [("STOP", None), ("CLOSE", None), ("RECORD", "fault")]
    assert (script.state, script.call.fault) == (FAULT, call.FAULT_BUTTON_STUCK)
    # self-checks pass and the fault stays, until it is let go
    assert script.at(71001, TIME) == [("CHECK", None)]
    assert script.at(71005, CHECK_PASSED) == []
    assert (script.state, script.call.fault) == (FAULT, call.FAULT_BUTTON_STUCK)
    assert script.at(90000, BUTTON_UP) == [("CHECK", None)]
    script.at(90005, CHECK_PASSED)
    assert script.state == READY


def test_a_failed_self_check_does_not_hide_a_stuck_button():
    script = Script().reach(READY)
    script.at(1000, BUTTON_DOWN)
    script.at(1005, CHECK_PASSED)
    script.at(11001, TIME)
    script.at(71001, TIME)
    script.at(71005, CHECK_FAILED, call.FAULT_SPEAKER)
    assert script.call.fault == call.FAULT_BUTTON_STUCK
    script.at(90000, BUTTON_UP)
    script.at(90005, CHECK_FAILED, call.FAULT_SPEAKER)
    assert (script.state, script.call.fault) == (FAULT, call.FAULT_SPEAKER)


def test_a_button_that_sticks_in_ready_opens_nothing():
    for changes in ({"call.warnings_required": 0}, {"call.threat_hold_ms": 1500}, {"call.warnings_required": 1}):
        script = Script(changes).reach(READY)
        said = script.at(1000, BUTTON_DOWN) + script.at(1005, CHECK_PASSED)
        played = False
        for ms in range(1100, 40000, 100):
            now = script.at(ms, TIME)
            if ("PLAY", "closing") in said + now and not played:
                played = True
                script.at(ms, PROMPT_STARTED, 2000)
                script.at(ms + 2000, PROMPT_DONE, call.CLOSING)
            said += now
            assert script.state not in (RELEASE, CONFIRM, RECOVER)
        assert script.state == FAULT
        assert script.call.fault == call.FAULT_BUTTON_STUCK
        assert [name for name, _ in said if name in ("FLASH", "HOLD_OPEN")] == []
        assert played == ("call.warnings_required" not in changes or changes["call.warnings_required"] == 0)


def test_a_release_that_has_begun_is_finished_before_a_stuck_button_shows():
    script = Script({"release.mode": "hangup", "release.hold_s": 30}).reach(ENFORCE)
    script._prompt()
    script.at(script.deadline, TIME)
    begin = script.now
    script.at(begin + 1, BUTTON_LOST)
    script.at(begin + 2, BUTTON_DOWN)  # down, and nobody knows since when
    script.at(begin + 20000, TIME)
    assert script.state == RELEASE
    script.at(begin + 30000, TIME)
    assert script.state == RECOVER
    script.after(1, TIME)
    assert (script.state, script.call.fault) == (FAULT, call.FAULT_BUTTON_STUCK)


# --- self-checks ---------------------------------------------------------------------------------------------


def test_an_answer_to_a_self_check_that_was_given_up_counts_no_more():
    script = Script().reach(READY)
    script.at(1000, BUTTON_DOWN)
    script.at(1100, BUTTON_UP)
    assert script.at(6000, CHECK_PASSED) == []
    assert script.state == READY

    script = Script().reach(READY)
    script.at(1000, BUTTON_DOWN)
    script.at(5999, CHECK_PASSED)
    assert script.state == WARN


def test_a_press_after_a_self_check_was_given_up_asks_again():
    script = Script().reach(READY)
    script.at(1000, BUTTON_DOWN)
    script.at(1100, BUTTON_UP)
    assert script.at(5999, BUTTON_DOWN) == []
    script.at(5999, BUTTON_UP)
    assert script.at(6000, BUTTON_DOWN) == [("CHECK", None)]


def test_the_self_check_at_the_start_begins_no_call():
    script = Script()
    assert script.at(5, CHECK_PASSED) == []
    assert script.state == READY
    script = Script()
    script.at(5, CHECK_FAILED, call.FAULT_PROMPT_MISSING)
    assert (script.state, script.call.fault) == (FAULT, call.FAULT_PROMPT_MISSING)


def test_a_fault_outside_a_call_leaves_no_record_and_touches_no_line():
    script = Script()
    assert script.at(5, CHECK_FAILED, 1) == []
    script = Script().reach(RECOVER)
    begin = script.now
    script.at(begin + 10, BUTTON_LOST)
    script.at(begin + 20, BUTTON_DOWN)
    assert script.at(begin + 10021, TIME) == []
    assert script.state == FAULT


def test_every_fault_has_a_name_and_says_what_to_do():
    assert sorted(call.FAULTS) == list(range(1, 8))
    for name, said in call.FAULTS.values():
        assert name
        assert len(said) > 20


# --- records -------------------------------------------------------------------------------------------------


def test_the_record_of_an_enforced_call():
    script = Script({"call.warnings_required": 2, "line.sense": "loop", "release.retries": 3}).reach(READY)
    begin = script.now
    script.press()
    script.at(begin + 10000, BUTTON_DOWN)
    script.at(begin + 10100, BUTTON_UP)
    script.at(begin + 31000, BUTTON_DOWN)
    script.at(begin + 31100, BUTTON_UP)
    assert script.state == ENFORCE
    script._prompt()
    script.at(script.deadline, TIME)
    for _ in range(2):
        script.at(script.deadline, TIME)
        assert script.state == CONFIRM
        script.at(script.deadline, TIME)
        assert script.state == RELEASE
    script.after(100, LINE_DROPPED)
    script.at(script.deadline, TIME)
    script.at(script.deadline, TIME)
    record = script.record
    assert script.state == RECOVER
    assert record.outcome == "enforced"
    assert record.warned_s == (0, 10)
    assert record.finished
    assert record.mode == "flash"
    assert record.attempts == 3
    assert record.dropped
    assert record.duration_s == (script.now - begin) // 1000


def test_the_record_of_a_call_that_could_not_be_ended():
    script = Script({"line.sense": "loop", "release.mode": "hangup", "release.retries": 0}).reach(CONFIRM)
    script.at(script.deadline, TIME)
    record = script.record
    assert (record.outcome, record.attempts, record.dropped, record.mode) == ("fault", 1, False, "hangup")
    assert record.finished
    assert script.call.fault == call.FAULT_NOT_RELEASED


def test_the_record_of_an_apology_says_that_the_prompt_was_not_finished():
    script = Script().reach(ENFORCE)
    script._prompt()
    script.after(0, BUTTON_DOWN)
    script.after(1000, TIME)
    script.after(100, BUTTON_UP)
    script.at(script.deadline, TIME)
    record = script.record
    assert (record.outcome, record.finished, record.attempts, record.dropped) == ("apology", False, 0, False)


def test_the_next_call_knows_nothing_of_the_last():
    script = Script({"line.sense": "loop"}).reach(RECOVER)
    script.after(10, BUTTON_DOWN)
    script.after(10, BUTTON_UP)
    script.now += 1000
    script.press()
    assert script.state == WARN
    now = script.call
    assert (now.warnings, now.warned_s, now.attempts, now.dropped, now.finished_ms) == (1, (0,), 0, False, None)
    assert (now.is_threat, now.apologised, now.prompt_ms) == (False, False, 0)


def test_the_handset_is_known_to_be_down_when_the_caller_left():
    script = Script().reach(ENFORCE)
    script.after(0, LINE_ON_HOOK)
    assert script.call.handset_down
    for event in (LINE_ON_HOOK, HANDSET_DOWN):
        script = Script().reach(RECOVER)
        assert not script.call.handset_down
        script.after(10, event)
        assert script.call.handset_down
    script = Script({"line.sense": "loop"}).reach(CONFIRM)
    script.after(0, LINE_DROPPED)
    script.at(script.deadline, TIME)
    assert not script.call.handset_down


# --- time ----------------------------------------------------------------------------------------------------


def test_a_button_that_is_left_alone_for_days_still_works():
    """Ticks can't tell more than 3.1 days apart, so an old instant must not come out as one that is to come."""
    for days in (0.5, 2, 3, 3.2, 4, 5, 6, 6.3, 9.5, 13, 100):
        script = Script().reach(READY)
        script.press()
        script.after(0, BUTTON_DOWN)
        script.after(1000, TIME)
        script.after(10, BUTTON_UP)
        assert script.state == READY
        end = script.now + int(days * DAY)
        while script.deadline <= end:
            script.at(script.deadline, TIME)
            assert script.state == READY
        script.now = end
        assert script.press() == [("CHECK", None)]
        assert script.state == WARN, days


def test_no_instant_gets_out_of_the_reach_of_ticks():
    script = Script().reach(READY)
    script.now += 10
    for _ in range(40):
        script.at(script.deadline, TIME)
        for name in call.Call.INSTANTS:
            at_ms = getattr(script.call, name)
            if at_ms is not None:
                now_ms = ticks.add(script.begin_ms, script.now)
                assert 0 <= ticks.diff(now_ms, at_ms) <= 2 * call.AGE_MS < HALF_PERIOD


def test_the_deadline_tells_when_time_matters():
    script = Script().reach(READY)
    assert script.deadline == call.AGE_MS
    script.press(0)
    assert script.deadline == 1000 + 30000
    script.at(2000, BUTTON_DOWN)
    assert script.deadline == 3000
    script.at(2100, BUTTON_UP)
    assert script.deadline == 1000 + 30000
    assert Script().reach(FAULT).deadline == 60000


def test_other_settings_move_the_deadline():
    script = Script().reach(RECOVER)
    began = script.now
    assert script.deadline == began + 60000
    before = script.call
    script.call = call.with_rules(script.call, rules({"call.recover_s": 10}))
    assert script.deadline == began + 10000
    assert before.rules["call.recover_s"] == 60


def test_step_leaves_its_argument_alone():
    script = Script().reach(WARN)
    before = script.call
    fields = [getattr(before, name) for name in call.Call.FIELDS]
    for event in call.EVENTS:
        call.step(before, event, ticks.add(script.begin_ms, script.now + 7000), 1)
        assert [getattr(before, name) for name in call.Call.FIELDS] == fields


def test_an_unknown_event_is_refused():
    script = Script()
    refusal(KeyError, script.at, 0, "RING_RING")
