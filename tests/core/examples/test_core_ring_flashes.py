"""Nothing flashes faster than 2 Hz: frames over 10 s, reversals of luminance counted per pixel and for the ring.

A flash is a pair of opposing changes (WCAG 2.3.1). So within any second at most 2 flashes may begin, and two turns in
the same direction lie at least half a second apart. What a person presses shows as often as it is pressed; that is
counted apart.
"""

from call_script import Script
from refusal import refusal

from endcall_core import call, ring, ticks
from endcall_core.call import BUTTON_DOWN, BUTTON_UP, ENFORCE, FAULT, READY, RECOVER, TIME, WARN, WATCH

STEP_MS = 20
NOISE = 2  # of 765 for one pixel: steps of rounding are no change of light
RING_NOISE_PCT = 2  # for the whole ring: one more pixel of a slow filling is none; WCAG begins to count at 10 %


class Turns:
    """Counts where a light that rose begins to fall and the other way round."""

    def __init__(self, noise=NOISE):
        self.noise = noise
        self.extreme = None
        self.direction = 0
        self.falls = []

    def see(self, ms, light):
        if self.extreme is None:
            self.extreme = light
        elif self.direction >= 0 and light < self.extreme - self.noise:
            if self.direction > 0:
                self.falls.append(ms)
            self.direction, self.extreme = -1, light
        elif self.direction <= 0 and light > self.extreme + self.noise:
            self.direction, self.extreme = 1, light
        elif (self.direction > 0 and light > self.extreme) or (self.direction < 0 and light < self.extreme):
            self.extreme = light


def watch(made, ms, react, pixels=24, also=0):
    """Draw every 20 ms for `ms`, TIME where it is due, `react` after it; returns (per pixel, whole ring)."""
    out = bytearray(3 * pixels)
    single = [Turns() for _ in range(pixels)]
    whole = Turns(pixels * 765 * RING_NOISE_PCT // 100)
    begin = made.now
    for now in range(begin, begin + ms, STEP_MS):
        while made.deadline <= now:
            made.at(made.deadline, TIME)
            react(made)
        made.now = now
        ring.draw(made.call, ticks.add(made.begin_ms, now), out, also)
        total = 0
        for at in range(pixels):
            light = out[3 * at] + out[3 * at + 1] + out[3 * at + 2]
            total += light
            single[at].see(now, light)
        whole.see(now, total)
    return single, whole


def assert_slow(turns, where):
    falls = turns.falls
    for at in range(1, len(falls)):
        assert falls[at] - falls[at - 1] >= 500, (where, falls)


def assert_all_slow(seen, where):
    single, whole = seen
    for at in range(len(single)):
        assert_slow(single[at], (where, at))
    assert_slow(whole, (where, "ring"))


def nothing(made):
    pass


def bright(changes=None):
    values = {"ring.brightness_pct": 100, "ring.current_limit_ma": 1500}
    values.update(changes or {})
    return values


def test_the_counter_counts():
    turns = Turns()
    for ms in range(0, 3000, 20):
        turns.see(ms, 100 if ms % 200 < 100 else 0)
    assert len(turns.falls) == 14
    refusal(AssertionError, assert_slow, turns, "5 Hz")


def test_every_state_for_10_s():
    for reduced in (False, True):
        for state in (READY, WARN, WATCH, RECOVER, FAULT):
            made = Script(bright({"ring.reduced_motion": reduced})).reach(state)
            assert_all_slow(watch(made, 10000, nothing), (state, reduced))


def test_the_breathe_of_warn_is_seen_by_the_counter():
    single, _ = watch(Script(bright()).reach(WARN), 10000, nothing)
    assert 4 <= len(single[0].falls) <= 5


def test_with_service_window_and_practice():
    made = Script(bright()).reach(READY)
    assert_all_slow(watch(made, 10000, nothing, also=ring.SERVICE | ring.PRACTICE), "both")
    made = Script(bright()).reach(WARN)
    assert_all_slow(watch(made, 10000, nothing, also=ring.SERVICE), "service")


def test_the_prompt_and_the_release_to_the_end():
    for reduced in (False, True):
        made = Script(bright({"call.recover_s": 3, "ring.reduced_motion": reduced})).reach(ENFORCE)
        made.after(0, call.PROMPT_STARTED, 2000)
        single, _ = watch(made, 2000, nothing)
        made.after(0, call.PROMPT_DONE, call.CLOSING)
        more, _ = watch(made, 8000, nothing)
        for at in range(len(single)):
            single[at].falls += more[at].falls
            assert_slow(single[at], reduced)
        assert made.state == READY


def test_a_short_prompt_sends_the_dot_round_once():
    """Each pixel gets the dot once, so even the shortest prompt is one flash per pixel."""
    made = Script(bright()).reach(ENFORCE)
    made.after(0, call.PROMPT_STARTED, 200)
    single, _ = watch(made, 3000, nothing)
    for turns in single:
        assert len(turns.falls) <= 1


def test_releases_that_are_tried_again_and_again():
    """The gap at 12 o'clock comes back with every try: the shortest flash, as many retries as there are."""
    for flash_ms in (50, 100, 200, 600, 1500):
        changes = {"line.sense": "loop", "release.retries": 3, "release.flash_ms": flash_ms}
        made = Script(bright(changes)).reach(call.RELEASE)
        assert_all_slow(watch(made, 10000, nothing), flash_ms)
        assert made.state == FAULT
        assert made.record.attempts == 4


def test_a_self_check_that_fails_every_minute_changes_nothing():
    made = Script(bright()).reach(FAULT)
    made.now = 55000

    def fail(made):
        if made.call.checking:
            made.after(0, call.CHECK_FAILED, call.FAULT_SPEAKER)

    _, whole = watch(made, 10000, fail)
    assert whole.falls == []


def test_one_press_is_one_change_and_back():
    """At most one flash more than without the press, in every state in which a press is only felt."""
    for state in (ENFORCE, call.RELEASE):
        made = Script(bright({"release.mode": "hangup", "release.hold_s": 60})).reach(state)
        made.after(50, BUTTON_DOWN)
        out = bytearray(72)
        totals = []
        for ms in range(0, 1000, STEP_MS):
            if ms == 300:
                made.at(made.now, BUTTON_UP)
            made.now += STEP_MS
            ring.draw(made.call, ticks.add(made.begin_ms, made.now), out)
            totals.append(sum(out))
        changes = [at for at in range(1, len(totals)) if abs(totals[at] - totals[at - 1]) > 500]
        assert len(changes) == 1, (state, changes)  # the fall; the rise was at once
