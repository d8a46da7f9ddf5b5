# SPDX-License-Identifier: CERN-OHL-P-2.0

"""ERC, netlist, PDF and SVG of the schematic, by KiCad's own editor under a virtual display.

usage: hardware/build/venv/bin/python -m hardware.tools.sch_outputs   (from the repository root)
Writes hardware/build/sch/ and hardware/fab/schematic.pdf, schematic.svg. Exits 1 if the ERC finds anything or
KiCad's netlist is not the one of circuit.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hardware.electronics import circuit
from hardware.electronics.kicad_sch import child, children, parse

HARDWARE = Path(__file__).resolve().parents[1]
OUT = HARDWARE / "build" / "sch"
FAB = HARDWARE / "fab"


def editor(*args: str) -> None:
    """One run of kiauto's eeschema_do. It drives a window, so: a time limit and one retry."""
    env = os.environ | {"PYTHONPATH": "/usr/lib/python3/dist-packages", "HOME": str(OUT / "home")}
    exe = Path(sys.executable).with_name("eeschema_do")
    for attempt in (1, 2):
        try:
            done = subprocess.run([exe, *args], env=env, cwd=OUT, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            continue
        if done.returncode == 0:
            return
        if attempt == 2 or "ERC" in done.stdout + done.stderr:
            raise SystemExit(f"eeschema {' '.join(args)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    raise SystemExit(f"eeschema {' '.join(args)} did not end within 120 s, twice")


def kicad_netlist(path: Path) -> dict[str, set[str]]:
    nets = {}
    for net in children(child(parse(path.read_text(encoding="utf8")), "nets"), "net"):
        name = str(child(net, "name")[1]).lstrip("/")
        if not name.startswith("unconnected-"):
            nets[name] = {f"{child(n, 'ref')[1]}.{child(n, 'pin')[1]}" for n in children(net, "node")}
    return nets


def without_dates(pdf: bytes) -> bytes:
    """Same length, same offsets, no clock: a PDF that is the same on every run."""
    return re.sub(rb"\(D:\d{14}", b"(D:20260101000000", pdf)


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "home").mkdir(parents=True)
    for name in ("endcall.kicad_sch", "endcall.kicad_sym", "endcall.kicad_pro", "sym-lib-table", "fp-lib-table"):
        source = HARDWARE / "electronics" / name
        if source.exists():
            shutil.copy(source, OUT)
    sch = "endcall.kicad_sch"
    editor("run_erc", "-w", "-o", "erc.rpt", sch, ".")
    report = (OUT / "erc.rpt").read_text(encoding="utf8")
    print(re.search(r"\*\* ERC messages.*", report)[0].strip("* "))
    editor("netlist", sch, ".")
    got, want = kicad_netlist(OUT / "endcall.net"), circuit.nets()
    if got != want:
        raise SystemExit(
            f"KiCad's netlist differs: {sorted(k for k in got.keys() | want.keys() if got.get(k) != want.get(k))}"
        )
    print(f"netlist by KiCad: {len(got)} nets, equal to circuit.py")
    editor("export", "-f", "pdf", "-a", sch, ".")
    FAB.mkdir(exist_ok=True)
    pdf = FAB / "schematic.pdf"
    pdf.write_bytes(without_dates((OUT / "endcall.pdf").read_bytes()))
    editor("export", "-f", "svg", "-a", sch, ".")
    svg = (OUT / "endcall.svg").read_text(encoding="utf8")
    paper = '<rect width="100%" height="100%" fill="#ffffff"/>'
    svg = re.sub(r"<title>.*?</title>", f"<title>endcall schematic</title>{paper}", svg, count=1)
    (FAB / "schematic.svg").write_text(re.sub(r"<desc>.*?</desc>", "", svg, count=1, flags=re.S), encoding="utf8")
    subprocess.run(["pdftocairo", "-png", "-singlefile", "-r", "130", pdf, OUT / "schematic"], check=True)


if __name__ == "__main__":
    main()
