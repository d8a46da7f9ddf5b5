"""How loud a prompt is on the line. The standard library alone, so that a ready WAV file can be judged everywhere.

Two of the board's numbers (`line_level`) are used: the nominal one for how loud speech is, the loudest board for the
limit. dBm is into 600 ohm.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from endcall.line_level import NOMINAL_DBM_AT_0_DBFS, WORST_DBM_AT_0_DBFS

FULL_SCALE = 32768
SINE_DB = 10 * math.log10(2)  # the mean power of a full-scale sine is this far under that of a full-scale square

LIMIT_DBM = -9.0
"""Recorded voice stays below this in the worst case (TIA-968-B, clause 5.1, by the TR41.9 FAQ); a mean over 3 s."""
LIMIT_WINDOW_S = 3

WANTED_DBM = -16.0
"""Usual mean level of speech on a line."""

TOO_LOUD_DBM = -13.0  # louder than people speak on a line
TOO_QUIET_DBM = -27.0  # 11 dB under the usual level: hard to follow in a noisy street

LOW_HZ, HIGH_HZ = 200, 4000
OUT_OF_BAND_DB = -15.0
"""A line carries 300 to 3400 Hz. More than this below 200 or above 4000 Hz was not filtered."""

FLAT_SAMPLES = 4  # so many equal samples at the largest value are no peak, they are cut off
FLAT_TOPS = 5


class Level(NamedTuple):
    """On the line, in dBm, -inf for silence: `mean_dbm` while words are spoken (nominal board), `worst_dbm` the loudest
    3 s and `peak_dbm` a sine as high as the largest sample (both on the loudest board). `low_db`, `high_db`: energy
    below LOW_HZ and above HIGH_HZ against the whole. `is_clipped`: its peaks are cut off."""

    mean_dbm: float
    worst_dbm: float
    peak_dbm: float
    low_db: float
    high_db: float
    is_clipped: bool

    def __str__(self) -> str:
        if self.mean_dbm == -math.inf:
            return "silence"
        return (
            f"{self.mean_dbm:.1f} dBm on the line while it speaks; at most {self.worst_dbm:.1f} dBm over "
            f"{LIMIT_WINDOW_S} s and {self.peak_dbm:.1f} dBm at its peak (limit {LIMIT_DBM:g} dBm)"
        )

    def as_dict(self) -> dict[str, float | bool | None]:
        """For JSON, which has no -inf."""
        return {name: (None if value == -math.inf else value) for name, value in self._asdict().items()}


def measure(samples: Sequence[int], rate_hz: int) -> Level:
    """The `Level` of 16-bit `samples`."""
    powers = _frame_powers(samples, rate_hz, 100)
    speech = _speech_power(_frame_powers(samples, rate_hz, 50))
    window = min(len(powers), LIMIT_WINDOW_S * 100)
    sums = [0.0, *accumulate(powers)]
    worst = max((sums[at + window] - sums[at]) / window for at in range(len(powers) - window + 1))
    peak = max(max(samples, default=0), -min(samples, default=0)) / FULL_SCALE
    total = sum(powers)
    low = high = -math.inf
    if total:
        low = _db(sum(_frame_powers(_passed(samples, rate_hz, LOW_HZ, False), rate_hz, 100)) / total)
        if rate_hz > 2 * HIGH_HZ:
            high = _db(sum(_frame_powers(_passed(samples, rate_hz, HIGH_HZ, True), rate_hz, 100)) / total)
    return Level(
        mean_dbm=_db(speech) + SINE_DB + NOMINAL_DBM_AT_0_DBFS,
        worst_dbm=_db(worst) + SINE_DB + WORST_DBM_AT_0_DBFS,
        peak_dbm=_db(peak**2) + WORST_DBM_AT_0_DBFS,
        low_db=low,
        high_db=high,
        is_clipped=is_clipped(samples),
    )


def speech_dbfs(samples: Sequence[int], rate_hz: int) -> float:
    """Mean level of the 20 ms frames within 30 dB of the loudest: the words, without the pauses.

    dB against a full-scale square; a full-scale sine is -3.01.
    """
    return _db(_speech_power(_frame_powers(samples, rate_hz, 50)))


def concerns(level: Level) -> list[str]:
    """What speaks against playing it, a sentence each; none if all is well."""
    if level.mean_dbm == -math.inf:
        return ["It is silent."]
    found = []
    if level.worst_dbm > LIMIT_DBM or level.peak_dbm > LIMIT_DBM:
        found.append(f"It is too loud: the limit on a line is {LIMIT_DBM:g} dBm.")
    elif level.mean_dbm > TOO_LOUD_DBM:
        found.append(f"It is loud: speech on a line is usually at {WANTED_DBM:g} dBm.")
    if level.mean_dbm < TOO_QUIET_DBM:
        found.append(f"It is quiet: speech on a line is usually at {WANTED_DBM:g} dBm.")
    if level.is_clipped:
        found.append("Its peaks are cut off (clipped), and it will crackle.")
    if max(level.low_db, level.high_db) > OUT_OF_BAND_DB:
        where = f"below {LOW_HZ}" if level.low_db > level.high_db else f"above {HIGH_HZ}"
        found.append(f"Much of its energy lies {where} Hz, where a telephone line carries nothing.")
    return found


def samples_of(data: bytes) -> array:
    """16-bit little-endian samples, as a WAV file has them."""
    samples = array("h", data[: len(data) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _frame_powers(samples: Sequence[float], rate_hz: int, per_s: int) -> list[float]:
    """Mean power of each frame of 1 / `per_s` seconds, 1 = a full-scale square; what is left over is a frame too."""
    step = max(1, rate_hz // per_s)
    scale = FULL_SCALE**2
    return [
        sum(map(_square, frame)) / len(frame) / scale
        for frame in (samples[at : at + step] for at in range(0, len(samples), step))
    ] or [0.0]


def _square(value: float) -> float:
    return value * value


def _speech_power(powers: list[float]) -> float:
    loud = [power for power in powers if power > max(powers) / 1000]
    return sum(loud) / len(loud) if loud else 0.0


def _passed(samples: Sequence[int], rate_hz: int, edge_hz: int, is_high: bool) -> list[float]:
    """`samples` through a Butterworth filter of fourth order that passes what is above (or below) `edge_hz`."""
    out: Sequence[float] = samples
    turn = 2 * math.pi * edge_hz / rate_hz
    for q in (0.5412, 1.3066):  # the two halves of the fourth order
        alpha = math.sin(turn) / (2 * q)
        side = -1 if is_high else 1
        b1 = side * (1 - side * math.cos(turn)) / (1 + alpha)
        b0 = abs(b1) / 2
        a1, a2 = -2 * math.cos(turn) / (1 + alpha), (1 - alpha) / (1 + alpha)
        x1 = x2 = y1 = y2 = 0.0
        passed = []
        for x in out:
            y = b0 * (x + x2) + b1 * x1 - a1 * y1 - a2 * y2
            x2, x1, y2, y1 = x1, x, y1, y
            passed.append(y)
        out = passed
    return list(out)


def is_clipped(samples: Sequence[int]) -> bool:
    """Whether its largest (or smallest) value is held for FLAT_SAMPLES, FLAT_TOPS times over."""
    for edge in (max(samples, default=0), min(samples, default=0)):
        tops = run = 0
        if abs(edge) < FULL_SCALE // 8:  # a quiet file has few values anyway
            continue
        for sample in samples:
            run = run + 1 if sample == edge else 0
            tops += run == FLAT_SAMPLES
        if tops >= FLAT_TOPS:
            return True
    return False


def _db(power: float) -> float:
    return 10 * math.log10(power) if power else -math.inf
