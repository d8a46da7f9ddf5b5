# SPDX-License-Identifier: CERN-OHL-P-2.0
"""The tone for the level check of the build guide: 5 s of 1 kHz at full scale, as a prompt the device can play.

usage: python -m hardware.tools.tone   (writes hardware/fab/level-check.wav)
"""

from __future__ import annotations

import io
import math
import wave
from array import array
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "fab" / "level-check.wav"
RATE_HZ, TONE_HZ, LENGTH_S, PEAK = 16000, 1000, 5, 32767


def wav() -> bytes:
    """The file. One period is 16 samples, so it is a table repeated and the same everywhere."""
    period = [round(PEAK * math.sin(2 * math.pi * k * TONE_HZ / RATE_HZ)) for k in range(RATE_HZ // TONE_HZ)]
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE_HZ)
        w.writeframes(array("h", period * (TONE_HZ * LENGTH_S)).tobytes())
    return out.getvalue()


if __name__ == "__main__":
    FILE.write_bytes(wav())
    print(f"hardware/fab/{FILE.name}: {LENGTH_S} s of {TONE_HZ} Hz at full scale")
