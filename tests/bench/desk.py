"""What a person at the desk would do and notice, in emulated time, from the pins alone. The same for every program."""

from __future__ import annotations

import io
import math
import random
import struct
import wave
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from emulator import button
from emulator.rig import Frame, Pico, Pixels
from emulator.sound import Recording

from .subjects import BREAKS_MS, PIN_BIT, PIN_CLOCK, PIN_COLLECT, PIN_COLLECTING, PIN_COUNT, PIN_LENGTHS, PIN_TURN

LIGHT_LIMIT_MS = 120  # a press that is not shown by then counts as not shown
NOT_SHOWN = float("inf")
SUM_FELT = 150  # a picture that is brighter by this much, summed over all channels, shows a press; no animation does
SYNC = 64  # samples that have to fit for two sounds to be at the same place


def brightness(pixels: Pixels) -> int:
    return sum(map(sum, pixels))


def press_to_light(pico: Pico, collect_ms: float | None = None) -> float:
    """Press, and return the ms from the contact to the last bit of the first picture that shows it.

    collect_ms: garbage is collected this long after the contact closes (negative: before). Use it on a copy.
    """
    if collect_ms is not None:
        pico.after(max(0.0, 20 + collect_ms), lambda: pico.ground(PIN_COLLECT))
        pico.run(20)
    before, frames, began_ns = brightness(pico.ring()), len(pico.frames), pico.now_ns
    pico.hold_button()

    def shown() -> Frame | None:
        return next((f for f in pico.frames[frames:] if brightness(f.pixels) > before + SUM_FELT), None)

    while not (frame := shown()):
        if pico.now_ns - began_ns > LIGHT_LIMIT_MS * 1e6:
            return NOT_SHOWN
        pico.run(2)
    return (frame.ns - began_ns) / 1e6


def presses(
    pico: Pico, count: int, every_ms: float, *, collecting: bool = False, seed: int = 1, again: Any = None
) -> list[float]:
    """`press_to_light` of `count` presses at random phases of what the program does, `every_ms` apart on average.

    Each press is made on a copy, so none disturbs the next. again: called before each; may replace the Pico by another.
    """
    rnd = random.Random(seed)
    out = []
    for _ in range(count):
        if again:
            pico = again(pico)
        pico.run(rnd.uniform(0.1, 1.9) * every_ms)
        collect_ms = rnd.uniform(-16, 8) if collecting else None
        out.append(pico.fork(lambda copy, when=collect_ms: press_to_light(copy, when)).result())
    return out


def warn(pico: Pico) -> None:
    """Set the limit, and wait until a second press counts."""
    pico.press(150)
    pico.run_until(lambda: button.shows_warn(pico.ring()), within_ms=2000, what="WARN")
    pico.run(1350)


def enforce(pico: Pico, within_ms: float = 2000) -> float:
    """The second press; returns when its contact closed, in ns."""
    began_ns = pico.now_ns
    pico.press(150)
    pico.run_until(lambda: button.shows_enforce(pico.ring()), within_ms=within_ms, what="ENFORCE")
    return began_ns


def break_of(pico: Pico, wanted_ms: float, rnd: random.Random) -> float:
    """The line has just opened: press and collect garbage meanwhile; returns the error of the break's length in ms."""
    for _ in range(2):
        pico.after(rnd.uniform(0, wanted_ms), lambda: pico.press(rnd.uniform(20, 90)))
    at_ms = rnd.uniform(0, wanted_ms)
    pico.after(at_ms, lambda: pico.ground(PIN_COLLECT))
    pico.after(at_ms + 40, lambda: pico.let_go(PIN_COLLECT))
    pico.run_until(lambda: pico.line.breaks()[-1].closed, within_ms=wanted_ms + 1000, what="the line closing")
    return pico.line.breaks()[-1].length_ms - wanted_ms


def choose_length(pico: Pico, index: int) -> None:
    """Tell a baseline how long its break shall be, as an index into BREAKS_MS."""
    assert 0 <= index < len(BREAKS_MS)
    for place, pin in enumerate(reversed(PIN_LENGTHS)):
        if index >> place & 1:
            pico.ground(pin)


def watch_probe(pico: Pico) -> None:
    for pin in (PIN_TURN, PIN_COLLECTING, PIN_CLOCK, PIN_BIT):
        pico.watch(pin)


def turns_ms(pico: Pico, since_ns: float) -> list[float]:
    """How long each turn of a probed program's loop took that ended after `since_ns`."""
    at = [edge.ns for edge in pico.edges(PIN_TURN)]
    return [(b - a) / 1e6 for a, b in pairwise(at) if b >= since_ns]


def collection_ms(pico: Pico) -> float:
    """How long a collection of garbage takes a probed program."""
    pico.ground(PIN_COLLECT)
    pico.run_until(lambda: len(pico.edges(PIN_COLLECTING)) >= 2, within_ms=2000, what="a collection")
    pico.let_go(PIN_COLLECT)
    rise, fall = pico.edges(PIN_COLLECTING)[-2:]
    return (fall.ns - rise.ns) / 1e6


def memory(pico: Pico) -> tuple[int, int]:
    """Of a probed program: bytes that the counted turns took, and bytes that are free afterwards."""
    clocks = len(pico.edges(PIN_CLOCK))
    pico.ground(PIN_COUNT)
    pico.run_until(lambda: len(pico.edges(PIN_CLOCK)) >= clocks + 96, within_ms=8000, what="the counted bytes")
    pico.let_go(PIN_COUNT)
    numbers = told(pico)[-2:]
    return numbers[0], numbers[1]


def told(pico: Pico) -> list[int]:
    """The numbers that the probe told so far, 24 bits each, lowest first."""
    bits = []
    levels = pico.edges(PIN_BIT)
    at, level = 0, False
    for clock in pico.edges(PIN_CLOCK):
        while at < len(levels) and levels[at].ns < clock.ns:
            level = levels[at].level
            at += 1
        if clock.level:
            bits.append(level)
    return [sum(bit << place for place, bit in enumerate(bits[i : i + 24])) for i in range(0, len(bits) - 23, 24)]


def tone(ms: int = 1000, rate_hz: int = 16000) -> bytes:
    """A prompt in place of the closing sentence: a tone that rises from 200 Hz, so no two stretches are alike."""
    file = io.BytesIO()
    count = rate_hz * ms // 1000
    phases = (2 * math.pi * (200 + 600 * at / count) * at / rate_hz for at in range(count))
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(struct.pack(f"<{count}h", *(round(8000 * math.sin(phase)) for phase in phases)))
    return file.getvalue()


def samples_of(wav: bytes) -> list[int]:
    at = wav.index(b"data") + 8
    return list(struct.unpack(f"<{(len(wav) - at) // 2}h", wav[at:]))


def compare(heard: Recording, wanted: list[int]) -> dict[str, float]:
    """The decoded sound beside the samples of the file, from where a fade-in is over to the end.

    Returns how many samples were repeated or foreign (`extra`), left out (`missing`), the pauses of the clocks
    (`gaps`), how much of the file was compared (`compared`, 0..1), and when its first sample sounded (`began_ns`).
    """
    got = list(heard.left)
    start = first = -1
    for first in range(0, len(wanted) // 4, 16):  # a fade makes the first ones differ
        if _is_mark(wanted, first) and (start := _find(wanted[first : first + SYNC], got)) >= 0:
            break
    if start < 0:
        nothing = float("nan")
        return {"extra": nothing, "missing": nothing, "gaps": nothing, "compared": 0.0, "began_ns": nothing}
    extra = missing = 0
    i, j = start, first
    while j < len(wanted) and i < len(got):
        if got[i] == wanted[j]:
            i, j = i + 1, j + 1
            continue
        ahead, skipped = _resync(got, i, wanted, j)
        extra, missing = extra + ahead, missing + skipped
        i, j = i + ahead, j + skipped
        if not ahead and not skipped:
            break
    gaps = [gap for gap in heard.gaps() if start < gap.index < i]
    return {
        "extra": extra,
        "missing": missing + len(wanted) - j,
        "gaps": len(gaps),
        "compared": 1 - first / len(wanted),
        "began_ns": heard.times_ns[start] - first * 1e9 / heard.rate,
    }


def _find(mark: list[int], samples: list[int]) -> int:
    at = (i for i in range(len(samples) - SYNC) if samples[i] == mark[0] and samples[i : i + SYNC] == mark)
    return next(at, -1)


def _is_mark(samples: list[int], at: int) -> bool:
    return len(set(samples[at : at + SYNC])) > SYNC // 4


def _resync(got: list[int], i: int, wanted: list[int], j: int, within: int = 20_000) -> tuple[int, int]:
    """How many samples to skip in each, until they fit again; the end of both where they never do."""
    for distance in range(1, within):
        if got[i + distance : i + distance + SYNC] == wanted[j : j + SYNC]:
            return distance, 0
        if got[i : i + SYNC] == wanted[j + distance : j + distance + SYNC]:
            return 0, distance
    return 0, 0


Action = Callable[[Pico], Any]
