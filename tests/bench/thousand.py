"""Runs on the Pico in place of code.py: many whole calls on a clock that jumps to where the next thing happens.

The app, its memory, ring, store, log (with its compactions), prompts and port are the product's own; clock, button,
speaker and line relay are stand-ins, because a thousand prompts would play for an hour and a half. `CALLS` and the
probe's `_tell` are put in front by `subjects.thousand_calls`.
"""

import gc

import endcall_base
from endcall_core import ticks
from endcall_device import access, crash

now_ms = 0


def clock():
    return now_ms


class Button:
    at_ms = 0

    def __init__(self):
        self.edges = []

    def poll(self):
        self.at_ms = now_ms
        return self.edges.pop(0) if self.edges else None


class Speaker:
    is_ready = True
    is_playing = False
    ends_ms = 0

    def prepare(self, rate_hz):
        pass

    def start(self, path, wav, gain_db, is_coupled=True):
        with open(path, "rb"):
            self.is_playing = True
            self.ends_ms = ticks.add(now_ms, wav.duration_ms)

    def stop(self):
        self.is_playing = False

    def turn(self, at_ms):
        if self.is_playing and ticks.diff(at_ms, self.ends_ms) >= 0:
            self.is_playing = False
            return True
        return False


class Line:
    is_ready = True
    until_ms = 0

    def flash(self, ms):
        self.until_ms = ticks.add(now_ms, ms)

    def close(self):
        self.until_ms = now_ms

    def turn(self, at_ms):
        pass

    def is_open(self, at_ms):
        return ticks.diff(self.until_ms, at_ms) > 0

    def loop_current(self):
        return True

    def handset_up(self):
        return True


app, files = endcall_base.start(access.find(), True, crash)
now_ms = app.parts.clock()
button = Button()
parts = app.parts
parts.clock, parts.button, parts.speaker, parts.line = clock, button, Speaker(), Line()
parts.line.until_ms = now_ms
parts.rest = button.poll  # which takes no time


def run(ms):
    """Let `ms` pass in one jump: two turns before it (one tidies, one opens a prompt) and two after it."""
    global now_ms
    app.turn()
    app.turn()
    now_ms = ticks.add(now_ms, ms)
    app.turn()
    app.turn()


def press():
    button.edges.append("BUTTON_DOWN")
    run(150)
    button.edges.append("BUTTON_UP")
    app.turn()


def free():
    gc.collect()
    return gc.mem_free()


run(500)
before = free()
for _ in range(CALLS):  # noqa: F821 - see above
    press()
    run(1200)
    press()
    run(6000)  # the prompt
    run(900)  # the silence after it
    run(700)  # the break
    run(3100)  # RECOVER
after = free()
_tell(before)  # noqa: F821
_tell(after)  # noqa: F821
_tell(app.log.sequence)  # noqa: F821
while True:
    parts.feed()
