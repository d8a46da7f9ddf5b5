"""Scripts: what can be written, what is said about what can't, and that `until` and `expect` do fail."""

import pytest

from endcall.desk.script import AWAKE_MS, Script, ScriptError, UnmetError

from .conftest import CALLS


def play(rehearsal, text):
    for _ in Script(text, "call.txt").play(rehearsal):
        rehearsal.turn()


@pytest.mark.parametrize("path", sorted(CALLS.glob("*.txt")), ids=lambda path: path.stem)
def test_calls(rehearsal, path):
    play(rehearsal, path.read_text())


def test_comments_and_blank_lines_are_no_steps():
    script = Script("# a call\n\n  press   # once\nwait 1.5s\nsay #1 is not a comment in the middle of a#word")
    assert [(step.verb, step.ms) for step in script.steps] == [("press", None), ("wait", 1500), ("say", None)]
    assert [step.where for step in script.steps] == ["script:3", "script:4", "script:5"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("jump", "'jump' is no step; there are wait, press"),
        ("wait", "'' is no time; write it like 500ms"),
        ("wait 5", "'5' is no time"),
        ("press 2 hours", "'2 hours' is no time"),
        ("until TOMORROW", "'TOMORROW' can't be waited for; there are READY"),
        ("until WARN within soon", "'soon' is no time"),
        ("expect outcome happy", "'outcome happy' can't be waited for"),
        ("expect break", "'break' can't be waited for"),
        ("handset sideways", "'handset sideways' is no step"),
        ("set call.warn_s = 5", "'= 5' is no value"),
        ("set call.warn_s", "'' is no value"),
    ],
)
def test_a_line_that_is_no_step_is_named_with_what_would_be(line, said):
    with pytest.raises(ScriptError) as caught:
        Script(f"press\n{line}", "call.txt")
    assert str(caught.value).startswith("call.txt:2: " + said)


def test_an_expectation_that_is_not_met_says_what_is_instead(rehearsal):
    with pytest.raises(UnmetError, match=r"call\.txt:3: expected ENFORCE, but the call is WARN, the line talking"):
        play(rehearsal, "wait 200ms\npress\nexpect enforce")


def test_waiting_in_vain_ends_at_its_time(rehearsal):
    with pytest.raises(UnmetError, match=r"call\.txt:2: waited 1\.5 s for WARN, but the call is READY"):
        play(rehearsal, "wait 1s\nuntil WARN within 1.5s")
    assert rehearsal.now_ms == AWAKE_MS + 2500


def test_until_a_state_that_comes_in_the_last_moment(rehearsal):
    play(rehearsal, "set call.warn_s 10\nbutton down\nuntil WARN within 1ms\nbutton up")
    with pytest.raises(UnmetError):
        play(rehearsal, "until WATCH within 9999ms")
    play(rehearsal, "until WATCH within 1ms")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("expect break 600ms", "the relay made no break"),
        ("expect outcome enforced", "there is no incident"),
        ("expect relay open", "the call is READY, the line talking"),
        ("set call.warn_s 4", "call.warn_s is out of range; call.warn_s takes 5..600 s"),
        ("press\nset call.warn_s 40", "call.warn_s can't be changed while a call is being limited or ended"),
        ("set call.wern_s 40", "call.wern_s there is no such setting"),
    ],
)
def test_what_is_said_instead(rehearsal, step, said):
    with pytest.raises(UnmetError) as caught:
        play(rehearsal, step)
    assert said in str(caught.value)


def test_a_break_of_another_length_is_told(rehearsal):
    play(rehearsal, "set call.min_warn_s 0\nset release.flash_ms 400\npress\nwait 1s\npress\nuntil RECOVER")
    with pytest.raises(UnmetError, match="the last break took 400 ms"):
        play(rehearsal, "expect break 600ms")


def test_the_last_break_and_the_last_incident_are_known_to_a_script_that_begins_later(rehearsal):
    play(rehearsal, "wait 1s\npress\nwait 6s\npress\nuntil RECOVER")
    play(rehearsal, "expect break 600ms\nexpect outcome enforced")


def test_say_is_told_to_whoever_watches(rehearsal, told):
    play(rehearsal, "say The caller shouts.")
    assert [event["say"] for event in told if event["event"] == "note"] == ["The caller shouts."]
