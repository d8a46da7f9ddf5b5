"""What a host lets a person see and hear: which device it is, practice, and the parts one by one."""

import pytest

from endcall_core import ring
from endcall_device.selftest import LONGEST_MS

from .conftest import CLOSING
from .host import Host

QUICK = {"call.min_warn_s": 0, "call.grace_ms": 0, "call.recover_s": 5}


def lit(desk):
    return [index for index, colour in enumerate(desk.pixels) if any(colour)]


# --- identify -----------------------------------------------------------------------------------------------


def test_the_ring_goes_round_for_as_long_as_asked(desk):
    host = Host(desk)
    host.ok("identify", seconds=4)
    desk.run(100)
    first = lit(desk)
    assert len(first) == 6
    desk.run(500)
    assert len(lit(desk)) == 6
    assert lit(desk) != first
    desk.run(s=5)
    assert lit(desk) == [0]


def test_it_ends_when_told_and_refuses_a_long_time(desk):
    host = Host(desk)
    host.ok("identify", seconds=60)
    host.ok("identify", seconds=0)
    desk.run(100)
    assert lit(desk) == [0]
    assert host.error("identify", seconds=61) == "invalid"
    assert host.error("identify", seconds=-1) == "invalid"


def test_a_call_goes_before_it(desk):
    host = Host(desk)
    host.ok("identify", seconds=60)
    desk.press()
    desk.run(300)
    assert desk.state == "WARN"
    assert desk.pixels[0][2] == 0, "amber, not cyan"
    assert host.error("identify", seconds=5) == "busy"


# --- practice -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [{"release.mode": "flash"}, {"release.mode": "hangup"}], ids=["flash", "hangup"])
@pytest.mark.parametrize("sense", ["none", "loop"])
def test_practice_goes_all_the_way_and_nothing_reaches_the_line(make_desk, mode, sense):
    desk = make_desk(QUICK | mode | {"line.sense": sense})
    host = Host(desk)
    host.ok("practice", on=1)
    desk.run(100)
    assert [index for index in lit(desk) if index % 6 == 0] == [0, 6, 12, 18]
    desk.press()
    desk.run(50)
    desk.press()
    assert desk.state == "ENFORCE"
    desk.run_until("RECOVER", within_s=20)
    desk.run(s=10)
    assert desk.line.breaks == []
    assert desk.heard == b""
    assert desk.incidents() == []
    assert host.ok("status")["practice"] is True


def test_after_practice_it_is_earnest_again(make_desk):
    desk = make_desk(QUICK)
    host = Host(desk)
    host.ok("practice", on=1)
    host.ok("practice", on=0)
    desk.press()
    desk.run(50)
    desk.press()
    desk.run_until("RECOVER", within_s=20)
    assert len(desk.line.breaks) == 1
    assert desk.heard


def test_practice_ends_by_itself_but_never_in_a_call(make_desk):
    desk = make_desk(QUICK | {"call.warn_s": 600})
    Host(desk).ok("practice", on=1)
    desk.run(s=3590)
    desk.press()
    desk.run(s=20)
    assert desk.app.is_practice
    desk.press(1100)
    desk.run(s=2)
    assert not desk.app.is_practice


def test_practice_ends_with_a_restart(make_desk):
    desk = make_desk(QUICK)
    Host(desk).ok("practice", on=1)
    desk.power_cycle()
    assert not desk.app.is_practice


def test_a_call_in_progress_is_not_made_practice(make_desk):
    desk = make_desk(QUICK)
    host = Host(desk)
    desk.press()
    assert host.error("practice", on=1) == "busy"


# --- the self-test ------------------------------------------------------------------------------------------


def test_colours_are_shown_within_the_current_limit(make_desk):
    desk = make_desk({"ring.brightness_pct": 100, "ring.current_limit_ma": 100})
    host = Host(desk)
    host.ok("test", part="ring", value=0xFFFFFF)
    desk.run(50)
    assert len(set(desk.pixels)) == 1
    assert 80 < ring.current_ma(bytes(part for colour in desk.pixels for part in colour)) <= 100
    host.ok("test", part="ring", value=0x0000FF)
    desk.run(50)
    assert all(colour[0] == colour[1] == 0 < colour[2] for colour in desk.pixels)
    host.ok("test_end")
    desk.run(50)
    assert lit(desk) == [0]


def test_presses_belong_to_the_test(desk):
    host = Host(desk)
    assert host.ok("test", part="ring", value=-1)["presses"] == 0
    desk.press(300)
    desk.button.press()
    desk.run(50)
    assert len(lit(desk)) == 24, "the ring is lit while the button is down"
    assert host.ok("test", part="look", value=0) | {"presses": 2, "down": True} == host.ok("test", part="look", value=0)
    assert desk.state == "READY"
    host.ok("test_end")
    desk.run(2000)
    desk.button.release()
    desk.run(100)
    assert desk.state == "READY", "the press that was under way counts for nothing"
    desk.press()
    assert desk.state == "WARN"


def test_the_relay_makes_one_break_and_the_line_is_seen_to_drop(desk):
    host = Host(desk)
    seen = host.ok("test", part="relay", value=200)
    assert seen["open"]
    desk.run(300)
    seen = host.ok("test", part="look", value=0)
    assert (seen["open"], seen["dropped"], seen["loop"]) == (False, True, True)
    assert [gap.length_ms for gap in desk.line.breaks] == [200]


def test_a_welded_relay_is_seen(desk):
    desk.line.is_welded = True
    host = Host(desk)
    host.ok("test", part="relay", value=200)
    desk.run(300)
    assert host.ok("test", part="look", value=0)["dropped"] is False


@pytest.mark.parametrize("value", [0, 49, 1001, -5, 10**9])
def test_no_other_break_can_be_tested(desk, value):
    host = Host(desk)
    assert host.error("test", part="relay", value=value) == "invalid"
    assert desk.line.breaks == []


@pytest.mark.parametrize(("value", "is_heard"), [(0, False), (1, True)])
def test_the_prompt_plays_into_the_line_only_when_asked(desk, value, is_heard):
    host = Host(desk)
    assert host.ok("test", part="sound", value=value)["playing"]
    assert host.error("test", part="relay", value=200) == "invalid"
    desk.run(len(CLOSING) // 32 + 500)
    assert host.ok("test", part="look", value=0)["playing"] is False
    assert bool(desk.heard) is is_heard
    assert desk.state == "READY"


def test_sound_can_be_stopped(desk):
    host = Host(desk)
    host.ok("test", part="sound", value=1)
    assert host.ok("test", part="quiet", value=0)["playing"] is False


def test_a_lost_link_ends_it(desk):
    host = Host(desk)
    host.ok("test", part="ring", value=0xFF0000)
    host.ok("test", part="sound", value=1)
    host.unplug()
    desk.run(50)
    assert lit(desk) == [0]
    assert not desk.speaker.is_playing
    desk.press()
    assert desk.state == "WARN"


def test_it_ends_by_itself(desk):
    host = Host(desk)
    host.ok("test", part="ring", value=0xFF0000)
    desk.run(LONGEST_MS // 2)
    host.ok("test", part="look", value=0)
    desk.run(LONGEST_MS - 100)
    assert len(lit(desk)) == 24, "five minutes from the last step on"
    desk.run(200)
    assert lit(desk) == [0]


def test_it_does_not_begin_in_a_call(desk):
    host = Host(desk)
    desk.press()
    assert host.error("test", part="relay", value=200) == "busy"
    assert desk.line.breaks == []
    assert desk.state == "WARN"


def test_an_unknown_part_is_refused(desk):
    assert Host(desk).error("test", part="whistle", value=1) == "invalid"
