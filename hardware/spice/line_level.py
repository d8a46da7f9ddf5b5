# SPDX-License-Identifier: CERN-OHL-P-2.0
"""How loud full scale is on the line, for the host tool: host_tools/endcall/line_level.py, from the simulation.

The host tool has no ngspice, so the numbers are a small generated file; tests/hardware/test_spice.py compares it.

usage: python -m hardware.spice.line_level   (from the repository root; needs ngspice)
"""

from __future__ import annotations

import math
from pathlib import Path

from hardware.spice import circuits as sim

FILE = Path(__file__).resolve().parents[2] / "host_tools" / "endcall" / "line_level.py"


def text() -> str:
    """The generated file: rounded to 0.1 dB, the loudest and quietest corner away from the nominal value."""
    nominal = sim.dbm(sim.at(sim.audio(), 1000))
    corners = [sim.audio(**k) for _, k in sim.audio_corners()]
    loudest = max(sim.dbm(v) for curve in corners for hz, v in curve if 300 <= hz <= 3400)
    quietest = min(sim.dbm(sim.at(curve, 1000)) for curve in corners)
    return f'''"""How loud the board makes a prompt on the line. Written by hardware/spice/line_level.py: do not edit.

dBm into 600 ohm for a sine at 0 dBFS (peak = 32767 of 16 bits), from the SPICE simulation of hardware/.
"""

NOMINAL_DBM_AT_0_DBFS = {nominal:.1f}  # every part at its nominal value, 1 kHz
WORST_DBM_AT_0_DBFS = {math.ceil(loudest * 10) / 10:.1f}  # the loudest board, at the loudest frequency of 300..3400 Hz
QUIETEST_DBM_AT_0_DBFS = {math.floor(quietest * 10) / 10:.1f}  # the quietest board, 1 kHz
'''


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf8", newline="\n")
    print(FILE.relative_to(FILE.parents[2]))
