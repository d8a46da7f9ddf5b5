# SPDX-License-Identifier: CERN-OHL-P-2.0
"""Which sources each committed output was made from: hardware/fab/MANIFEST.json.

`make -C hardware` rewrites it after building everything. The tests compare it with the files as they are, so an
output that is older than its source is found without KiCad.

usage: python -m hardware.tools.manifest          write
       python -m hardware.tools.manifest --check  name what is stale
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

HARDWARE = Path(__file__).resolve().parents[1]
FILE = HARDWARE / "fab" / "MANIFEST.json"
CIRCUIT = ["electronics/circuit.py"]
BOARD = ["electronics/endcall.kicad_pcb", "tools/fab.py", "electronics/placement.py"]
# output (or folder of outputs) -> its sources, all relative to hardware/
MADE_FROM: dict[str, list[str]] = {
    "fab/bom.csv": [*CIRCUIT, "electronics/bom.py"],
    "fab/bom-kit.csv": [*CIRCUIT, "electronics/bom.py"],
    "fab/netlist.txt": [*CIRCUIT, "electronics/bom.py"],
    "fab/level-check.wav": ["tools/tone.py"],
    "fab/schematic.pdf": ["electronics/endcall.kicad_sch", "tools/sch_outputs.py"],
    "fab/schematic.svg": ["electronics/endcall.kicad_sch", "tools/sch_outputs.py"],
    "fab/endcall-gerber.zip": BOARD,
    "fab/ibom.html": BOARD,
    "fab/board.step": [*BOARD, "enclosure/enclosure.py"],
    "fab/enclosure.step": [*BOARD, "enclosure/enclosure.py"],
    "fab/stl": [*BOARD, "enclosure/enclosure.py"],
    "fab/pictures": [*BOARD, "enclosure/enclosure.py", "tools/render.py", "tools/pictures.py"],
    "fab/plots": [*CIRCUIT, "spice/circuits.py", "spice/plots.py"],
    "fab/wiring": [*CIRCUIT, "electronics/placement.py", "wiring/wiring.py"],
}


def digest(names: list[str]) -> str:
    h = hashlib.sha256()
    for name in names:
        h.update(name.encode() + b"\0" + (HARDWARE / name).read_bytes() + b"\0")
    return h.hexdigest()


def files(output: str) -> list[str]:
    path = HARDWARE / output
    if path.is_dir():
        return sorted(str(f.relative_to(HARDWARE)) for f in path.rglob("*") if f.is_file())
    return [output] if path.exists() else []


def current() -> dict[str, dict[str, str]]:
    return {
        out: {"sources": digest(sources), "files": digest(files(out)) if files(out) else "missing"}
        for out, sources in MADE_FROM.items()
    }


def stale() -> list[str]:
    """Outputs that are missing, edited by hand, or older than their sources."""
    recorded = json.loads(FILE.read_text()) if FILE.exists() else {}
    bad = []
    for out, now in current().items():
        was = recorded.get(out, {})
        if now["files"] == "missing":
            bad.append(f"{out} is missing")
        elif was.get("sources") != now["sources"]:
            bad.append(f"{out} is older than {', '.join(MADE_FROM[out])}")
        elif was.get("files") != now["files"]:
            bad.append(f"{out} is not the file that was built")
    return bad


if __name__ == "__main__":
    if "--check" in sys.argv:
        found = stale()
        print("\n".join(found) or "all committed outputs are fresh")
        sys.exit(bool(found))
    FILE.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n")
