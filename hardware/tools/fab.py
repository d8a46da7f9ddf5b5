# SPDX-License-Identifier: CERN-OHL-P-2.0
"""Files for a board house, from the committed board: gerbers, drill, a zip; and the interactive BOM.

usage: /usr/bin/python3 -m hardware.tools.fab   (from the repository root; needs Debian's KiCad)
Writes hardware/build/gerber/, hardware/fab/endcall-gerber.zip, hardware/fab/ibom.html, hardware/build/board.json
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pcbnew

from hardware.electronics.placement import ORIGIN

HARDWARE = Path(__file__).resolve().parents[1]
BUILD, FAB = HARDWARE / "build", HARDWARE / "fab"
BOARD = HARDWARE / "electronics" / "endcall.kicad_pcb"
LAYERS = {
    "F_Cu": pcbnew.F_Cu, "B_Cu": pcbnew.B_Cu, "F_Mask": pcbnew.F_Mask, "B_Mask": pcbnew.B_Mask,
    "F_Silkscreen": pcbnew.F_SilkS, "B_Silkscreen": pcbnew.B_SilkS, "Edge_Cuts": pcbnew.Edge_Cuts,
}  # fmt: skip
CLOCK = re.compile(r".*(CreationDate|created by KiCad|DRILL file \{KiCad|; DRILL file|ProjectId).*\n", re.I)


def gerbers(board) -> Path:
    out = BUILD / "gerber"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    plot = pcbnew.PLOT_CONTROLLER(board)
    options = plot.GetPlotOptions()
    options.SetOutputDirectory(str(out))
    options.SetPlotFrameRef(False)
    options.SetUseGerberProtelExtensions(True)
    options.SetUseGerberX2format(True)
    options.SetSubtractMaskFromSilk(True)
    options.SetCreateGerberJobFile(False)
    for name, layer in LAYERS.items():
        plot.SetLayer(layer)
        plot.OpenPlotfile(name, pcbnew.PLOT_FORMAT_GERBER, name)
        plot.PlotLayer()
    plot.ClosePlot()
    drill = pcbnew.EXCELLON_WRITER(board)
    drill.SetOptions(False, False, pcbnew.wxPoint(0, 0), False)
    drill.SetFormat(True)
    drill.CreateDrillandMapFilesSet(str(out), True, False)
    for f in out.iterdir():  # the only lines that change from run to run
        f.write_text(CLOCK.sub("", f.read_text()), newline="\n")
    return out


def pack(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        for f in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(f.name, (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            z.writestr(info, f.read_bytes())


def positions(board) -> dict:
    """What the enclosure and the 3D model need: every part with its place, from the board file itself."""
    parts = []
    for f in board.GetFootprints():
        p = f.GetPosition()
        parts.append(
            {
                "ref": f.GetReference(),
                "footprint": str(f.GetFPID().GetLibItemName()),
                "x": round(p.x / 1e6 - ORIGIN[0], 3),
                "y": round(p.y / 1e6 - ORIGIN[1], 3),
                "rot": f.GetOrientationDegrees(),
            }
        )
    box = board.GetBoardEdgesBoundingBox()
    size = [round((box.GetWidth() - 100000) / 1e6, 2), round((box.GetHeight() - 100000) / 1e6, 2)]
    return {"size": size, "parts": sorted(parts, key=lambda p: p["ref"])}


def ibom() -> None:
    env = os.environ | {
        "INTERACTIVE_HTML_BOM_NO_DISPLAY": "1",
        "PYTHONPATH": str(BUILD / "ibom"),
        "HOME": str(BUILD),
    }
    command = ["/usr/bin/python3", "-m", "InteractiveHtmlBom.generate_interactive_bom", "--no-browser"]
    command += ["--dest-dir", str(FAB), "--name-format", "ibom", "--include-tracks", "--include-nets", str(BOARD)]
    command += ["--blacklist", "H*,TP*"]
    subprocess.run(command, env=env, check=True, capture_output=True, cwd=BUILD)


def main() -> None:
    FAB.mkdir(exist_ok=True)
    board = pcbnew.LoadBoard(str(BOARD))
    pack(gerbers(board), FAB / "endcall-gerber.zip")
    (BUILD / "board.json").write_text(json.dumps(positions(board), indent=1) + "\n")
    ibom()
    BOARD.with_suffix(".kicad_prl").unlink(missing_ok=True)
    print("gerbers, drill, zip, interactive BOM, board.json")


if __name__ == "__main__":
    main()
