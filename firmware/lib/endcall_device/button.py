"""The button, scanned and debounced by CircuitPython's keypad, which runs from the tick interrupt."""

import keypad
import supervisor

from endcall_core import call

from .gpio import pin

# Arcade switches bounce for under 5 ms; five equal looks 1 ms apart tell a press 4 to 5 ms after the contact closed.
SCAN_S = 0.001
LOOKS = 5


class Button:
    """`poll()` returns the next edge; then `at_ms` is when it was seen."""

    def __init__(self, number):
        self._keys = keypad.Keys(
            (pin(number),), value_when_pressed=False, pull=True, interval=SCAN_S, debounce_threshold=LOOKS
        )
        self._event = keypad.Event()
        self.at_ms = 0

    def poll(self):
        """BUTTON_DOWN, BUTTON_UP, BUTTON_LOST after an overflow of the event queue, or None. Allocates nothing."""
        events = self._keys.events
        if events.overflowed:
            events.clear()
            self._keys.reset()
            self.at_ms = supervisor.ticks_ms()
            return call.BUTTON_LOST
        if not events.get_into(self._event):
            return None
        self.at_ms = self._event.timestamp
        return call.BUTTON_DOWN if self._event.pressed else call.BUTTON_UP
