"""The parts, one by one, for a person who looks and listens: `endcall selftest`. Knows no hardware.

While it runs, the button belongs to the test: no press of it is a step of a call. The line is opened for one short
break and only when asked, and everything is as before when the test ends, by itself at the latest.
"""

from endcall_core import call, ring, ticks

LONGEST_MS = 300000  # a test is over five minutes after its last step
BREAK_MIN_MS, BREAK_MAX_MS = 50, 1000


class SelfTest:
    """One self-test, from `now_ms` on. `play(is_coupled)` starts the closing prompt."""

    def __init__(self, parts, rules, play, now_ms):
        self._parts = parts
        self._rules = rules
        self._play = play
        self._since_ms = now_ms
        self.presses = 0
        self.is_down = False
        self.dropped = False
        self._colour = None

    def felt(self, event):
        """The button moved."""
        self.is_down = event == call.BUTTON_DOWN
        if self.is_down:
            self.presses += 1

    def watch(self, now_ms):
        """Look at the line while it is open; whether the test goes on."""
        line = self._parts.line
        if line.is_open(now_ms) and not line.loop_current():
            self.dropped = True
        return ticks.diff(now_ms, self._since_ms) < LONGEST_MS

    def draw(self, out):
        """The colour that is asked for; white while the button is down, dark without either."""
        ring.plain(self._rules, ring.WHITE if self.is_down and self._colour is None else self._colour or (0, 0, 0), out)

    def do(self, part, value):
        """Do what a host asks. Returns a sentence about what is wrong with it, or None."""
        if part == "ring":
            self._colour = None if value < 0 else (value >> 16 & 255, value >> 8 & 255, value & 255)
        elif part == "sound":
            self._play(bool(value))
        elif part == "quiet":
            self._parts.speaker.stop()
        elif part == "relay":
            if not BREAK_MIN_MS <= value <= BREAK_MAX_MS:
                return f"a break of {value} ms can't be tested; {BREAK_MIN_MS}..{BREAK_MAX_MS} ms can"
            if self._parts.speaker.is_playing:
                return "the prompt is still playing"
            self.dropped = False
            self._parts.line.flash(value)
        elif part != "look":
            return f"there is no part {part[:20]}"
        return None

    def end(self):
        """Everything as it was."""
        self._parts.speaker.stop()
        self._parts.line.close()

    def seen(self, now_ms):
        """What `test` answers, after each step."""
        self._since_ms = now_ms
        line = self._parts.line
        return {
            "presses": self.presses,
            "down": self.is_down,
            "loop": line.loop_current(),
            "open": line.is_open(now_ms),
            "dropped": self.dropped,
            "playing": self._parts.speaker.is_playing,
        }
