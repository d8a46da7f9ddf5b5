"""From looks at the sense pin, a millisecond apart, to what the line did."""

from endcall_core import ticks
from endcall_core.loop_sense import LoopSense


class Line:
    def __init__(self, begin_ms=ticks.PERIOD - 1000):
        self.now = begin_ms
        self.sense = LoopSense(begin_ms)

    def run(self, ms, flows, is_open=False, every=1):
        """What was found, as (ms after the begin of this run, what)."""
        found = []
        for at in range(1, ms + 1):
            self.now = ticks.add(self.now, 1)
            if at % every == 0:
                seen = self.sense.update(flows(at) if callable(flows) else flows, is_open, self.now)
                if seen:
                    found.append((at, seen))
        return found


def off_hook():
    line = Line()
    assert line.run(600, True) == []
    assert line.sense.is_off_hook
    return line


def test_off_hook_after_half_a_second_of_current():
    line = Line()
    line.run(500, True)
    assert not line.sense.is_off_hook
    line.run(1, True)
    assert line.sense.is_off_hook


def test_on_hook_after_250_ms_without():
    line = off_hook()
    assert line.run(250, False) == []
    assert line.run(1, False) == [(1, "ON_HOOK")]
    assert not line.sense.is_off_hook
    assert line.run(5000, False) == []  # told once


def test_short_gaps_are_none():
    line = off_hook()
    for ms in (1, 20, 100, 249):
        assert line.run(ms, False) == []
        assert line.run(700, True) == []
    assert line.sense.is_off_hook


def test_never_off_hook_is_never_on_hook():
    assert Line().run(10000, False) == []


def test_ringing_is_not_off_hook():
    """Current for most of each half wave, none around its zero crossing: 15, 25 and 70 Hz, in bursts."""
    for half_wave_ms, gap_ms in ((33, 6), (20, 4), (7, 2)):
        line = Line()

        def flows(at, half_wave_ms=half_wave_ms, gap_ms=gap_ms):
            return at % half_wave_ms >= gap_ms

        for _ in range(3):
            assert line.run(1000, flows) == []
            assert not line.sense.is_off_hook
            assert line.run(4000, False) == []
        # and then somebody answers
        assert line.run(600, True) == []
        assert line.sense.is_off_hook


def test_a_break_of_our_own_is_no_hang_up():
    line = off_hook()
    assert line.run(600, False, is_open=True) == [(21, "DROPPED")]
    assert line.run(200, False) == []  # the exchange feeds again
    assert line.run(1000, True) == []
    assert line.sense.is_off_hook


def test_a_relay_that_does_not_open_is_not_seen_to_drop():
    line = off_hook()
    assert line.run(600, True, is_open=True) == []


def test_a_drop_is_told_once_per_break():
    line = off_hook()
    for _ in range(3):
        assert line.run(100, False, is_open=True) == [(21, "DROPPED")]
        assert line.run(400, True) == []


def test_a_late_drop_within_a_break():
    line = off_hook()
    assert line.run(100, True, is_open=True) == []
    assert line.run(100, False, is_open=True) == [(21, "DROPPED")]


def test_the_handset_went_down_during_our_break():
    line = off_hook()
    line.run(600, False, is_open=True)
    found = line.run(1000, False)
    assert found == [(551, "ON_HOOK")]  # after the time that the exchange may take to feed again
    assert not line.sense.is_off_hook


def test_slow_looks_find_the_same():
    line = off_hook()
    assert line.run(600, False, every=7) == [(259, "ON_HOOK")]


def test_a_hang_up_is_found_long_after_the_last_break():
    """Ticks can't tell more than 3.1 days apart: the last break must not come out as one that is to come."""
    for days in (1, 3, 3.2, 4, 6, 6.3, 9):
        line = off_hook()
        line.run(600, False, is_open=True)
        line.run(1000, True)
        end = int(days * 24 * 3600)
        for _ in range(end // 3600):
            line.now = ticks.add(line.now, 3600000 - 2)
            line.run(2, True)
        assert line.sense.is_off_hook
        assert line.run(300, False) == [(251, "ON_HOOK")], days
