# SPDX-License-Identifier: CERN-OHL-P-2.0
"""Pictures of both sides of the bare board, from the gerbers themselves: what the board house will make.

usage: hardware/build/venv/bin/python -m hardware.tools.pictures   (after tools/fab.py)
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HARDWARE = Path(__file__).resolve().parents[1]
BUILD, OUT = HARDWARE / "build", HARDWARE / "fab" / "pictures"


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for side in ("top", "bottom"):
        svg = BUILD / f"{side}.svg"
        exe = Path(sys.executable).with_name("gerbonara")
        subprocess.run([exe, "render", BUILD / "gerber", svg, f"--{side}"], check=True, capture_output=True)
        subprocess.run(["rsvg-convert", "-b", "#06140a", "-w", "1200", svg, "-o", OUT / f"pcb-{side}.png"], check=True)
    # for the 3D pictures: the same without the margin, in a lighter green
    subprocess.run(["rsvg-convert", "-w", "2400", BUILD / "top.svg", "-o", BUILD / "pcb-print.png"], check=True)
    print("hardware/fab/pictures/pcb-top.png, pcb-bottom.png")


if __name__ == "__main__":
    main()
