"""Drives the state machine through a script. Runs under CPython and MicroPython."""

from endcall_core import call, settings, ticks

PROMPT_MS = 4000  # what the examples' closing prompt lasts


def rules(changes=None):
    """Every setting at its default but for `changes`."""
    values = settings.defaults()
    values.update(changes or {})
    return values


class Script:
    """A call at `begin_ms` of the tick counter; `at` takes milliseconds since then.

    The default lies 3 s before the counter wraps, so most scripts cross the wrap.
    """

    def __init__(self, changes=None, begin_ms=ticks.PERIOD - 3000):
        self.begin_ms = begin_ms
        self.rules = rules(changes)
        self.call, actions = call.start(self.rules, begin_ms)
        assert actions == [(call.CHECK, None)]
        self.now = 0
        self.record = None

    def at(self, ms, event, arg=None):
        """Let `event` happen `ms` after the begin; returns the actions, an incident as its outcome."""
        self.now = ms
        self.call, actions = call.step(self.call, event, ticks.add(self.begin_ms, ms), arg)
        said = []
        for name, what in actions:
            if name == call.RECORD:
                self.record = what
                what = what.outcome
            said.append((name, what))
        return said

    def after(self, ms, event, arg=None):
        """The same, `ms` after the last event."""
        return self.at(self.now + ms, event, arg)

    def press(self, ms=100):
        """Down, and up after `ms`, with a self-check that passes; returns all actions."""
        said = self.after(0, call.BUTTON_DOWN)
        if (call.CHECK, None) in said:
            said += self.after(0, call.CHECK_PASSED)
        return said + self.after(ms, call.BUTTON_UP)

    @property
    def state(self):
        return self.call.state

    @property
    def deadline(self):
        """When TIME is due, in ms since the begin."""
        return self.now + ticks.diff(self.call.deadline_ms, ticks.add(self.begin_ms, self.now))

    def reach(self, state):
        """Go the usual way from the start to `state`, and let go of the button."""
        steps = (self._ready, self._warn, self._enforce, self._prompt, self._release, self._confirm, self._recover)
        if state == call.FAULT:
            self.at(0, call.CHECK_FAILED, call.FAULT_SPEAKER)
        elif state == call.WATCH:
            self._ready()
            self._warn()
            self.at(self.deadline, call.TIME)
        else:
            for step in steps:
                step()
                if self.state == state:
                    break
        assert self.state == state, (self.state, state)
        return self

    def _ready(self):
        self.at(0, call.CHECK_PASSED)
        self.now = 1000

    def _warn(self):
        self.press(0)

    def _enforce(self):
        while self.state in (call.WARN, call.WATCH):
            self.now += self.rules["call.min_warn_s"] * 1000
            self.press(0)

    def _prompt(self):
        self.after(0, call.PROMPT_STARTED, PROMPT_MS)
        self.after(PROMPT_MS, call.PROMPT_DONE, call.CLOSING)

    def _release(self):
        self.at(self.deadline, call.TIME)

    def _confirm(self):
        self.at(self.deadline, call.TIME)

    def _recover(self):
        if self.state == call.CONFIRM:
            self.at(self.now, call.LINE_DROPPED)
            self.at(self.deadline, call.TIME)
