"""The pictures, pixel by pixel, at full brightness and without a current limit unless that is what is tested."""

from call_script import PROMPT_MS, Script, rules

from endcall_core import call, ring, ticks
from endcall_core.call import (
    BUTTON_DOWN,
    BUTTON_LOST,
    BUTTON_UP,
    CHECK_FAILED,
    CONFIRM,
    ENFORCE,
    FAULT,
    HANDSET_DOWN,
    PROMPT_DONE,
    PROMPT_STARTED,
    READY,
    RECOVER,
    RELEASE,
    TIME,
    WARN,
    WATCH,
)

BLACK = (0, 0, 0)
BRIGHT = {"ring.brightness_pct": 100, "ring.current_limit_ma": 1500, "line.sense": "loop"}
SIZES = (8, 12, 16, 23, 24, 60)


def script(state, changes=None):
    values = dict(BRIGHT)
    values.update(changes or {})
    return Script(values).reach(state)


def picture(made, ms=None, pixels=24, also=0):
    """The pixels at `ms` after the begin of the script (default: its last event, with no press felt any more)."""
    out = bytearray(b"\x55" * (3 * pixels))
    now = made.now if ms is None else ms
    shown = made.call
    if not shown.is_down:
        shown = shown.copy()
        shown.down_ms = shown.up_ms  # the press is felt no more
    ring.draw(shown, ticks.add(made.begin_ms, now), out, also)
    return pixels_of(out)


def pixels_of(out):
    return [(out[at], out[at + 1], out[at + 2]) for at in range(0, len(out), 3)]


def lit(pixels):
    return [at for at in range(len(pixels)) if pixels[at] != BLACK]


def light(pixel):
    """Relative luminance, 0..255, as a greyscale camera would see it (ITU-R BT.709 weights)."""
    return (2126 * pixel[0] + 7152 * pixel[1] + 722 * pixel[2]) // 10000


# --- one state after the other -------------------------------------------------------------------------------


def test_ready_is_one_dim_white_dot_at_12_o_clock():
    for pixels in SIZES:
        shown = picture(script(READY), pixels=pixels)
        assert lit(shown) == [0]
        assert shown[0] == (90, 90, 90)
    assert picture(script(READY)) == picture(script(READY), 10**7)


def test_warn_is_a_breathing_half_and_a_half_that_fills():
    made = script(WARN)
    begin = made.now
    for pixels in SIZES:
        half = pixels // 2
        shown = picture(made, begin, pixels)
        assert lit(shown) == list(range(half))
        assert len(set(shown[:half])) == 1
        red, green, blue = shown[0]
        assert red > green > blue == 0
        filled = [len(lit(picture(made, begin + ms, pixels))) - half for ms in range(0, 5001, 250)]
        assert filled == sorted(filled)
        assert filled[0] == 0
        assert filled[-1] == pixels - half
        assert abs(filled[10] - (pixels - half) / 2) <= 1
        assert lit(picture(made, begin + 4999, pixels)) == list(range(pixels))
    # the filling half is dimmer than the other at its dimmest, or the halves could not be told apart
    shown = picture(made, begin + 6000)
    assert light(shown[23]) < light(shown[0])
    # breathing: brightest in the middle of 2 s
    lights = [light(picture(made, begin + ms)[0]) for ms in range(0, 4001, 100)]
    assert lights[0] == lights[20] == lights[40] == min(lights)
    assert lights[10] == lights[30] == max(lights) > 3 * min(lights)


def test_warn_without_a_wait_has_its_other_half_at_once():
    made = script(WARN, {"call.min_warn_s": 0})
    assert len(lit(picture(made))) == 24


def test_watch_is_a_steady_quarter_that_shrinks():
    made = script(WATCH)
    begin = made.now
    for pixels in SIZES:
        quarter = pixels // 4
        lengths = []
        for s in range(180):
            shown = picture(made, begin + s * 1000, pixels)
            lengths.append(len(lit(shown)))
            assert lit(shown) == list(range(lengths[-1]))
            assert set(shown[: lengths[-1]]) == {(255, 120, 0)}
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] == quarter
        assert lengths[-1] == 1
        assert abs(lengths[90] - quarter / 2) <= 1


def test_enforce_is_steady_red_with_one_white_dot_once_round():
    made = script(ENFORCE)
    made.after(0, PROMPT_STARTED, PROMPT_MS)
    begin = made.now
    for pixels in SIZES:
        dots = []
        for ms in range(0, PROMPT_MS + 1, 50):
            shown = picture(made, begin + ms, pixels)
            white = [at for at in range(pixels) if shown[at] == (255, 255, 255)]
            assert len(white) == 1
            dots += white
            assert [shown[at] for at in range(pixels) if at != white[0]] == [(255, 0, 0)] * (pixels - 1)
        assert dots == sorted(dots)
        assert dots[0] == 0
        assert dots[-1] == pixels - 1
        assert len(set(dots)) == pixels
        assert abs(dots[len(dots) // 2] - pixels // 2) <= 1


def test_enforce_before_the_sound_begins_and_in_the_grace():
    made = script(ENFORCE)
    assert picture(made, made.now + 300)[0] == (255, 255, 255)
    made.after(300, PROMPT_STARTED, PROMPT_MS)
    assert picture(made)[0] == (255, 255, 255)
    made.after(PROMPT_MS, PROMPT_DONE, call.CLOSING)
    assert picture(made, made.now + 500)[23] == (255, 255, 255)


def test_release_is_red_with_a_gap_and_confirm_without():
    for pixels in SIZES:
        shown = picture(script(RELEASE), pixels=pixels)
        assert lit(shown) == list(range(2, pixels - 1))
        assert set(shown[2:-1]) == {(255, 0, 0)}
        assert picture(script(CONFIRM), pixels=pixels) == [(255, 0, 0)] * pixels


def test_put_the_handset_down_is_two_opposite_blue_arcs():
    made = script(RECOVER)
    begin = made.now
    for pixels in (8, 12, 16, 24, 60):
        shown = picture(made, begin, pixels)
        arc = max(1, pixels // 6)
        first = [at % pixels for at in range(-(arc // 2), arc - arc // 2)]
        assert sorted(lit(shown)) == sorted(first + [(at + pixels // 2) % pixels for at in first])
        assert len({shown[at] for at in lit(shown)}) == 1
    assert picture(made, begin + 4999) == picture(made, begin)
    assert picture(made, begin + 5000) != picture(made, begin)
    made.after(1000, HANDSET_DOWN)
    assert picture(made) != picture(script(RECOVER))


def test_recover_is_a_blue_arc_that_shrinks_and_breathes():
    made = script(RECOVER)
    begin = made.now
    made.after(0, HANDSET_DOWN)
    lengths = []
    for s in range(60):
        shown = picture(made, begin + s * 1000)
        lengths.append(len(lit(shown)))
        assert lit(shown) == list(range(lengths[-1]))
        for at in lit(shown):
            red, green, blue = shown[at]
            assert red == 0
            assert blue > green
    assert lengths[0] == 24
    assert lengths[-1] == 1
    assert lengths == sorted(lengths, reverse=True)
    # in for 4 s, out for 6 s
    lights = [picture(made, begin + ms)[0][2] for ms in range(0, 10001, 200)]
    assert lights.index(max(lights)) == 20
    assert lights[:21] == sorted(lights[:21])
    assert lights[20:] == sorted(lights[20:], reverse=True)


def test_fault_is_four_fixed_dots_and_its_number_between_them():
    for fault in call.FAULTS:
        made = Script(BRIGHT)
        made.at(0, CHECK_FAILED, fault)
        assert made.state == FAULT
        for pixels in (12, 16, 24, 60):
            shown = picture(made, 500, pixels)
            corners = [pixels * eighth // 8 for eighth in (1, 3, 5, 7)]  # half past one, half past four, …
            assert [shown[at] for at in corners] == [(255, 0, 200)] * 4
            inner = [at for at in lit(shown) if at not in corners]
            assert len(inner) == fault
            assert inner == [at for at in range(pixels) if at not in corners][:fault]
            assert {shown[at] for at in inner} == {(90, 90, 90)}
            assert picture(made, 30000, pixels) == shown
        assert len(lit(picture(made, 500, 8))) == 4 + min(4, fault)


# --- what lies over the picture ------------------------------------------------------------------------------


def test_a_press_that_is_felt_brightens_every_pixel_until_release():
    for state in (READY, WARN, WATCH, ENFORCE, RELEASE, CONFIRM, RECOVER):
        made = script(state)
        made.now += 20000 if state in (WARN, WATCH) else 10
        before = picture(made)
        made.after(0, BUTTON_DOWN)
        if made.state != state:
            continue  # RECOVER: the press itself changes the picture, tested next
        shown = picture(made)
        for at in range(24):
            assert shown[at] == tuple([min(255, value + 60) for value in before[at]]), state
        assert light(shown[5]) >= light(before[5])


def test_a_press_that_ends_recover_is_felt_too():
    made = script(RECOVER)
    made.after(10, BUTTON_DOWN)
    assert picture(made)[0] == (150, 150, 150)
    assert picture(made)[12] == (60, 60, 60)


def test_a_short_press_is_felt_for_100_ms():
    made = script(WATCH)
    begin = made.now + 5000
    made.at(begin, BUTTON_DOWN)
    made.at(begin + 20, BUTTON_UP)
    made.at(begin + 20, PROMPT_STARTED, PROMPT_MS)
    assert made.state == ENFORCE
    assert ring.is_felt(made.call, ticks.add(made.begin_ms, begin + 99))
    assert not ring.is_felt(made.call, ticks.add(made.begin_ms, begin + 100))


def test_nothing_is_felt_that_was_not_pressed_even_days_later():
    for days in (0, 1, 2, 3, 3.2, 4, 5, 6, 6.2135, 6.3):
        for pressed in (False, True):
            made = script(READY)
            if pressed:
                made.press()
                made.after(0, BUTTON_DOWN)
                made.after(1000, TIME)
                made.after(0, BUTTON_UP)
                assert made.state == READY
            end = made.now + int(days * 24 * 3600000) + 100
            while made.deadline <= end:
                made.at(made.deadline, TIME)
            assert not ring.is_felt(made.call, ticks.add(made.begin_ms, end)), days


def test_lost_edges_are_felt_no_more():
    made = script(WATCH)
    made.after(5000, BUTTON_DOWN)
    made.after(2000, BUTTON_LOST)
    assert not ring.is_felt(made.call, ticks.add(made.begin_ms, made.now))


def test_a_refused_press_blinks_the_dot_opposite_once():
    made = script(WARN)
    made.after(1000, BUTTON_DOWN)
    made.after(100, BUTTON_UP)
    assert made.state == WARN
    begin = made.now
    for pixels in SIZES:
        for ms in (0, 100, 249):
            assert picture(made, begin + ms, pixels)[pixels // 2] == (255, 255, 255)
        assert picture(made, begin + 250, pixels)[pixels // 2] != (255, 255, 255)
    made.at(begin + 300, TIME)
    assert picture(made, begin + 20000)[12] != (255, 255, 255)


def test_a_press_that_is_taken_does_not_look_refused():
    made = script(WARN, {"call.warnings_required": 2})
    made.after(1000, BUTTON_DOWN)
    made.after(100, BUTTON_UP)
    made.after(4000, BUTTON_DOWN)
    made.after(100, BUTTON_UP)
    assert picture(made)[12] == BLACK


def test_the_service_window_is_a_slow_cyan_dot():
    made = script(READY)
    colours = [picture(made, ms, also=ring.SERVICE)[12] for ms in range(0, 8000, 100)]
    for red, green, blue in colours:
        assert red == 0
        assert green == blue > 0
    assert max(colours) != min(colours)
    assert lit(picture(made, 500, also=ring.SERVICE)) == [0, 12]


def test_practice_is_every_sixth_pixel_white_over_any_picture():
    for state in (READY, WARN, WATCH, ENFORCE, RELEASE, CONFIRM, RECOVER, FAULT):
        made = script(state)
        plain, shown = picture(made), picture(made, also=ring.PRACTICE)
        for at in range(24):
            assert shown[at] == ((255, 255, 255) if at % 6 == 0 else plain[at])
    both = picture(script(READY), also=ring.PRACTICE | ring.SERVICE)
    assert both[6] == (255, 255, 255)


# --- brightness and current ----------------------------------------------------------------------------------


def all_states(changes):
    for state in (READY, WARN, WATCH, ENFORCE, RELEASE, CONFIRM, RECOVER, FAULT):
        yield state, script(state, changes)


def test_brightness_scales_every_channel():
    for state, made in all_states({"ring.brightness_pct": 20}):
        full = picture(script(state))
        dim = picture(made)
        for at in range(24):
            for channel in range(3):
                value = full[at][channel]
                assert dim[at][channel] == (max(1, value * 20 // 100) if value else 0), state


def test_at_1_percent_every_lit_pixel_is_still_lit():
    for state, made in all_states({"ring.brightness_pct": 1}):
        for ms in range(0, 3000, 250):
            assert lit(picture(made, made.now + ms)) == lit(picture(script(state), made.now + ms)), state


def test_the_current_limit_is_kept_in_every_picture():
    for limit_ma in (50, 100, 300):
        for pixels in (8, 24, 60):
            for _, made in all_states({"ring.current_limit_ma": limit_ma}):
                for is_down in (False, True):
                    made.call.is_down = is_down
                    out = bytearray(3 * pixels)
                    ring.draw(made.call, ticks.add(made.begin_ms, made.now), out, ring.PRACTICE)
                    assert sum(out) * 20 / 255 < limit_ma + 1


def test_what_is_under_the_limit_is_not_dimmed():
    made = script(READY, {"ring.current_limit_ma": 50})
    assert picture(made)[0] == (90, 90, 90)
    red = picture(script(CONFIRM, {"ring.current_limit_ma": 300}))
    assert sum([pixel[0] for pixel in red]) * 20 / 255 > 280  # 480 mA at full: scaled, and not by more than needed


def test_the_estimate():
    assert ring.current_ma(bytearray(30)) == 0
    assert ring.current_ma(b"\xff" * 3) == 60
    assert ring.current_ma(b"\xff\x00\x00" * 24) == 480


# --- in greyscale, and with reduced motion -------------------------------------------------------------------


def test_the_states_differ_in_greyscale():
    """As patterns of dark, dim and bright, not as colours: at full, usual and lowest brightness."""
    for pct in (100, 20, 1):
        for also in (0, ring.PRACTICE):
            for pixels in (12, 24):
                seen = {}
                for state, made in all_states({"ring.brightness_pct": pct, "ring.current_limit_ma": 1500}):
                    if state == ENFORCE:
                        made.after(0, PROMPT_STARTED, PROMPT_MS)
                    made.now += 2500  # not in the first instant, where WARN has not begun to fill
                    if state == CONFIRM:
                        continue  # as ENFORCE without its dot, for half a second
                    shown = picture(made, pixels=pixels, also=also)
                    if pct == 1:
                        grey = "".join(["#" if sum(pixel) else "." for pixel in shown])
                        grey += "|" + "".join([str(max(pixel)) + str(sum(pixel)) for pixel in shown])
                    else:
                        most = max([light(pixel) for pixel in shown])
                        grey = "".join([".-+#"[(3 * light(pixel) + most - 1) // most] for pixel in shown])
                    assert grey not in seen, (state, seen[grey], grey)
                    seen[grey] = state


def test_reduced_motion_replaces_motion_by_steps():
    reduced = {"ring.reduced_motion": True}
    for state, most in ((WARN, 8), (RECOVER, 8)):
        made = script(state, reduced)
        begin = made.now
        if state == RECOVER:
            made.after(0, HANDSET_DOWN)
        lights = [max(picture(made, begin + ms)[0]) for ms in range(0, 10000 if state == RECOVER else 2000, 20)]
        changes = [at for at in range(1, len(lights)) if lights[at] != lights[at - 1]]
        assert 4 <= len(changes) <= most, (state, len(changes))
    made = script(ENFORCE, reduced)
    made.after(0, PROMPT_STARTED, PROMPT_MS)
    dots = set()
    for ms in range(0, PROMPT_MS, 50):
        dots.add(picture(made, made.now + ms).index((255, 255, 255)))
    assert sorted(dots) == [0, 6, 12, 18]
    # what does not move is the same
    for state in (READY, WATCH, RELEASE, CONFIRM, FAULT):
        assert picture(script(state, reduced)) == picture(script(state))


def test_the_caller_gets_the_same_buffer_painted_all_over():
    made = script(READY)
    first, second = bytearray(72), bytearray(b"\xaa" * 72)
    for out in (first, second):
        ring.draw(made.call, ticks.add(made.begin_ms, 5000), out)
    assert first == second


def test_drawing_leaves_the_call_alone():
    made = script(ENFORCE)
    before = [getattr(made.call, name) for name in call.Call.FIELDS]
    picture(made, made.now + 100)
    ring.draw(made.call, ticks.add(made.begin_ms, made.now), bytearray(72), 3)
    assert [getattr(made.call, name) for name in call.Call.FIELDS] == before
    assert rules(BRIGHT) == made.rules
