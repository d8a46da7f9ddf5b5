"""The ring of light: what a receptionist reads, as a pure function of the call and the time.

`draw(call, now_ms, out)` paints `out`, 3 bytes (red, green, blue, 0..255) per pixel, pixel 0 at 12 o'clock and
clockwise from there. Position and motion carry the meaning and colour only supports it; nothing flashes faster
than 2 Hz (WCAG 2.3.1 allows 3), and red is steady. Brightness and the current limit are applied last, so every
picture obeys them.
"""

from . import call as states
from . import ticks

# Colours at full brightness, chosen to differ in lightness too, so the pictures read in greyscale.
WHITE = (255, 255, 255)
DIM_WHITE = (90, 90, 90)
AMBER = (255, 120, 0)
DIM_AMBER = (60, 28, 0)
RED = (255, 0, 0)
BLUE = (0, 80, 255)
MAGENTA = (255, 0, 200)
CYAN = (0, 255, 255)
DARK = (0, 0, 0)

BREATHE_MS = 2000  # 0.5 Hz: "slow" is 0.4..0.8 Hz in IEC 60073
CALM_IN_MS = 4000  # breathe in for 4 s, out for 6 s
CALM_OUT_MS = 6000
FELT_MS = 100  # a press is shown for this long at least
FELT_PLUS = 60  # added to every channel while a press is felt; also lights dark pixels
REFUSED_MS = 250
CHANNEL_MA = 20  # one channel of a WS2812 at full; the usual figure of data sheets, to be measured
STEPS = 4  # reduced motion: a breathe has this many steps

TURN_MS = 2000  # "here I am": once round in this time, so that no pixel comes faster than 0.5 Hz

#: What else the picture may have to say besides the call.
SERVICE, PRACTICE, HERE = 1, 2, 4
#: A press that the call does not know of yet.
FELT = 8


# A picture is a list of arcs, each painted over the ones before: (first pixel, how many clockwise, colour). Nothing is
# done pixel by pixel: on the Pico a loop over 72 bytes takes as long as sending them all to the ring.


def _scaled(colour, factor, whole):
    red, green, blue = colour
    return (red * factor // whole, green * factor // whole, blue * factor // whole)


def _breathe(since_ms, in_ms, out_ms, is_reduced):
    """A brightness of 64..256 of 256 that swells for `in_ms` and falls for `out_ms`."""
    phase_ms = since_ms % (in_ms + out_ms)
    if phase_ms < in_ms:
        level = phase_ms * 192 // in_ms
    else:
        level = 192 - (phase_ms - in_ms) * 192 // out_ms
    if is_reduced:
        level -= level % (192 // STEPS)
    return 64 + level


def _part(pixels, done, whole):
    """How many of `pixels` stand for `done` of `whole`, rounded up, 0..pixels."""
    if done <= 0 or whole <= 0:
        return 0
    return min(pixels, (pixels * done + whole - 1) // whole)


def _ready(call, since_ms, pixels, is_reduced):
    return [(0, 1, DIM_WHITE)]


def _warn(call, since_ms, pixels, is_reduced):
    half = pixels // 2
    level = _breathe(since_ms, BREATHE_MS // 2, BREATHE_MS // 2, is_reduced)
    min_warn_ms = call.rules["call.min_warn_s"] * 1000
    filled = _part(pixels - half, since_ms, min_warn_ms) if since_ms < min_warn_ms else pixels - half
    return [(0, half, _scaled(AMBER, level, 256)), (half, filled, DIM_AMBER)]


def _watch(call, since_ms, pixels, is_reduced):
    whole_ms = call.rules["call.watch_s"] * 1000
    return [(0, max(1, _part(pixels // 4, whole_ms - since_ms, whole_ms)), AMBER)]


def _enforce(call, since_ms, pixels, is_reduced):
    dot = 0
    if call.finished_ms is not None:
        dot = pixels - 1
    elif call.prompt_ms:
        dot = min(pixels - 1, pixels * max(0, since_ms) // call.prompt_ms)
    if is_reduced:
        dot -= dot % max(1, pixels // STEPS)
    return [(0, pixels, RED), (dot, 1, WHITE)]


def _release(call, since_ms, pixels, is_reduced):
    return [(0, pixels, RED), (-1, 3, DARK)] if call.state == states.RELEASE else [(0, pixels, RED)]


def _recover(call, since_ms, pixels, is_reduced):
    if not call.handset_down and since_ms < states.HANDSET_HINT_MS:
        arc = max(1, pixels // 6)
        return [(-(arc // 2), arc, BLUE), (pixels // 2 - arc // 2, arc, BLUE)]
    whole_ms = call.rules["call.recover_s"] * 1000
    level = _breathe(since_ms, CALM_IN_MS, CALM_OUT_MS, is_reduced)
    return [(0, max(1, _part(pixels, whole_ms - since_ms, whole_ms)), _scaled(BLUE, level, 256))]


def _fault(call, since_ms, pixels, is_reduced):
    """An X of four; the lit dots between them, clockwise from 12 o'clock, count the fault's number.

    A ring of fewer than 12 pixels has fewer than 8 places between them; a number that does not fit fills them all.
    """
    corners = [(pixels + 2 * pixels * quarter) // 8 for quarter in range(4)]
    between = [index for index in range(pixels) if index not in corners]
    arcs = [(index, 1, DIM_WHITE) for index in between[: call.fault]]
    return arcs + [(index, 1, MAGENTA) for index in corners]


def _here(now_ms, pixels, is_reduced):
    at = now_ms % TURN_MS * pixels // TURN_MS
    if is_reduced:
        at -= at % max(1, pixels // STEPS)
    return [(at, max(1, pixels // 4), CYAN)]


#: States whose picture does not move.
STILL = (states.READY, states.RELEASE, states.CONFIRM, states.FAULT)

_PICTURES = {
    states.READY: _ready,
    states.WARN: _warn,
    states.WATCH: _watch,
    states.ENFORCE: _enforce,
    states.RELEASE: _release,
    states.CONFIRM: _release,
    states.RECOVER: _recover,
    states.FAULT: _fault,
}


def draw(call, now_ms, out, also=0):
    """Paint the picture of `call` at `now_ms` into `out` (3 bytes per pixel; its length sets the pixel count).

    `also`: SERVICE while the service window is open (a slow cyan dot at 6 o'clock), PRACTICE while nothing is
    connected to the line (every 6th pixel white), HERE while a host asks which device it talks to (a cyan arc that
    goes round, in place of all but an episode), FELT when the button just went down.
    """
    rules = call.rules
    pixels = len(out) // 3
    since_ms = max(0, ticks.diff(now_ms, call.since_ms))
    if call.state == states.ENFORCE and call.prompt_ms:
        since_ms = max(0, ticks.diff(now_ms, call.prompt_since_ms))
    is_reduced = rules["ring.reduced_motion"]
    if also & HERE and not call.in_episode:
        arcs = _here(now_ms, pixels, is_reduced)
    else:
        arcs = _PICTURES[call.state](call, since_ms, pixels, is_reduced)
    if also & SERVICE:
        level = _breathe(now_ms, BREATHE_MS, BREATHE_MS, is_reduced)
        arcs.append((pixels // 2, 1, _scaled(CYAN, level, 256)))
    if also & PRACTICE:
        for index in range(0, pixels, 6):
            arcs.append((index, 1, WHITE))
    if call.refused_ms is not None and ticks.diff(now_ms, call.refused_ms) < REFUSED_MS:
        arcs.append((pixels // 2, 1, WHITE))
    _paint(out, arcs, FELT_PLUS if also & FELT or is_felt(call, now_ms) else 0, rules)


def is_still(call, now_ms, also=0):
    """Whether the picture stays as it is until something happens, so that it need not be drawn again."""
    return call.state in STILL and not also & (SERVICE | HERE | FELT) and not is_felt(call, now_ms)


def plain(rules, colour, out):
    """Paint all of `out` in one colour, as bright as the settings allow."""
    _paint(out, [(0, len(out) // 3, colour)], 0, rules)


def _paint(out, arcs, plus, rules):
    """Paint `arcs` on a dark ring, every channel brighter by `plus`, as bright as `rules` allow.

    Brightness and current limit go by the whole frame: where the arcs together might draw too much, it is painted at
    full brightness first, to see what it would draw. A lit pixel keeps at least 1 of 255, or a dim setting would turn
    dots dark.
    """
    arcs.insert(0, (0, len(out) // 3, DARK))
    factor, whole, limit_ma = rules["ring.brightness_pct"], 100, rules["ring.current_limit_ma"]
    most = 0
    for _, count, colour in arcs:
        most += count * (sum(colour) + 3 * plus)
    if most * CHANNEL_MA * factor > 25500 * limit_ma:
        for first, count, colour in arcs:
            _fill(out, first, count, colour, plus, 1, 1)
        ma = current_ma(out) * factor // 100
        if ma > limit_ma:
            factor, whole = factor * limit_ma, 100 * ma
    for first, count, colour in arcs:
        _fill(out, first, count, colour, plus, factor, whole)


def _fill(out, first, count, colour, plus, factor, whole):
    """Paint `count` pixels clockwise from `first`, around 12 o'clock if need be.

    Little memory is taken, and no list: what a picture litters is collected in turns that somebody's press may meet.
    """
    red, green, blue = colour
    if plus:
        red, green, blue = min(255, red + plus), min(255, green + plus), min(255, blue + plus)
    red = red and max(1, red * factor // whole)
    green = green and max(1, green * factor // whole)
    blue = blue and max(1, blue * factor // whole)
    pixels = len(out) // 3
    first %= pixels
    if count == 1:
        first *= 3
        out[first] = red
        out[first + 1] = green
        out[first + 2] = blue
        return
    over = max(0, first + count - pixels)
    colour = bytes((red, green, blue))
    out[3 * first : 3 * (first + count - over)] = colour * (count - over)
    if over:
        out[: 3 * over] = colour * over


def current_ma(out):
    """What the frame `out` draws, estimated at 20 mA per full channel, in mA."""
    return sum(out) * CHANNEL_MA // 255


def is_felt(call, now_ms):
    """Whether a press is shown: while the button is down, and for 100 ms from its leading edge at least."""
    return call.is_down or (call.down_ms != call.up_ms and ticks.diff(now_ms, call.down_ms) < FELT_MS)
