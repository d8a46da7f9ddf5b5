"""Arithmetic on a counter that wraps after 2**29 ms."""

from endcall_core import ticks

HALF = 1 << 28


def test_near_and_across_the_wrap():
    for begin in (0, 1, 12345, ticks.PERIOD - 65000, ticks.PERIOD - 1, HALF - 1, HALF, HALF + 1):
        for delta in (0, 1, 999, 65000, 3600000, HALF - 1):
            later = ticks.add(begin, delta)
            assert 0 <= later < ticks.PERIOD
            assert ticks.diff(later, begin) == delta
            assert ticks.diff(begin, later) == -delta
            assert ticks.add(later, -delta) == begin


def test_half_the_period_is_the_limit():
    assert ticks.diff(HALF - 1, 0) == HALF - 1
    assert ticks.diff(HALF, 0) == -HALF


def test_the_period_is_circuitpythons():
    assert ticks.PERIOD == 2**29
