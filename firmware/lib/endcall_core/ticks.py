"""Millisecond arithmetic on a counter that wraps.

CircuitPython's `supervisor.ticks_ms()` counts modulo 2**29 ms (6.2 days) and starts 65 s before its
first wrap, so every comparison of two instants goes through here. Instants may lie at most half the
period (3.1 days) apart; the longest deadline in the settings is an hour.
"""

PERIOD = 1 << 29
_HALF = 1 << 28
_MASK = PERIOD - 1


def add(instant_ms, delta_ms):
    """The instant `delta_ms` after (or, negative, before) `instant_ms`."""
    return (instant_ms + delta_ms) & _MASK


def diff(later_ms, earlier_ms):
    """Milliseconds from `earlier_ms` to `later_ms`; negative when it is the other way round."""
    return ((later_ms - earlier_ms + _HALF) & _MASK) - _HALF
