# SPDX-License-Identifier: CERN-OHL-P-2.0

"""Check the committed board: DRC without a violation, a canary that proves the DRC bites, netlist, gap.

usage: /usr/bin/python3 -m hardware.tools.board_check   (from the repository root; needs Debian's KiCad)
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pcbnew

from hardware.electronics import circuit
from hardware.electronics.board import CLASSES, RULES
from hardware.electronics.placement import GAP_X, ORIGIN, SIZE

HARDWARE = Path(__file__).resolve().parents[1]
SOURCE = HARDWARE / "electronics"
OUT = HARDWARE / "build" / "pcb"


def drc(board, report: Path) -> dict[str, int]:
    """Kind of violation -> how many, unrouted nets included."""
    pcbnew.WriteDRCReport(board, str(report), pcbnew.EDA_UNITS_MILLIMETRES, True)
    counts: dict[str, int] = {}
    for kind in re.findall(r"^\[(\w+)\]", report.read_text(), re.M):
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def in_own_process(step) -> bool:
    if os.fork() == 0:
        bad = step()
        for sentence in bad:
            print(f"FAIL {step.__name__}: {sentence}")
        sys.stdout.flush()
        os._exit(1 if bad else 0)
    ok = os.wait()[1] == 0
    if ok:
        print(f"ok   {step.__name__}: {step.__doc__}")
    return ok


def load():
    return pcbnew.LoadBoard(str(OUT / "endcall.kicad_pcb"))


def rules_present() -> list[str]:
    """the net classes and the isolation rule are there (without them KiCad checks with defaults)"""
    bad = []
    if (OUT / "endcall.kicad_dru").read_text() != RULES:
        bad.append("endcall.kicad_dru is not what board.py writes")
    board = load()
    for name, (track, clearance, _, _) in CLASSES.items():
        net = "SN1" if name == "LINE" else "+5V" if name == "PWR" else "RING_3V"
        nc = board.FindNet(net).GetNetClassName()
        if name not in (nc, "Default"):
            bad.append(f"net {net} is in class {nc}, not {name} ({track}, {clearance})")
    return bad


def drc_clean() -> list[str]:
    """DRC: no violation, no unrouted net"""
    board = load()
    pcbnew.ZONE_FILLER(board).Fill(board.Zones())
    return [f"{n} x {kind}" for kind, n in sorted(drc(board, OUT / "drc.rpt").items())]


def canary() -> list[str]:
    """a track into the gap, a missing track and a thin track are each found"""
    bad = []
    for name, kinds in (
        ("gap", {"clearance", "items_not_allowed"}),
        ("missing", {"unconnected_items"}),
        ("thin", {"track_width"}),
    ):
        board = load()
        if name == "missing":
            for t in list(board.GetTracks()):
                if t.GetNetname() == "RING_3V":
                    board.Delete(t)
        else:
            t = pcbnew.PCB_TRACK(board)
            x = GAP_X[0] + 2.0 if name == "gap" else 0
            pad = board.FindFootprintByReference("TP9").FindPadByNumber("1").GetPosition()
            start = pcbnew.wxPointMM(ORIGIN[0] + x, ORIGIN[1] + 74) if name == "gap" else pad
            end = (
                pcbnew.wxPointMM(ORIGIN[0] + x, ORIGIN[1] + 76)
                if name == "gap"
                else pcbnew.wxPoint(pad.x, pad.y - 700000)
            )
            t.SetStart(start)
            t.SetEnd(end)
            t.SetWidth(pcbnew.FromMM(0.8 if name == "gap" else 0.1))
            t.SetLayer(pcbnew.F_Cu)
            t.SetNet(board.FindNet("LT"))
            board.Add(t)
        found = drc(board, OUT / f"canary-{name}.rpt")
        if not kinds & found.keys():
            bad.append(f"{name}: DRC saw only {found}")
        if name == "gap" and "isolation gap" not in (OUT / f"canary-{name}.rpt").read_text():
            bad.append("the rule 'isolation gap' did not fire")
    return bad


def same_netlist() -> list[str]:
    """pads, values, footprints of the board are those of circuit.py"""
    board = load()
    nets: dict[str, set[str]] = {}
    bad = []
    for f in board.GetFootprints():
        ref = f.GetReference()
        part = circuit.BY_REF.get(ref)
        if part is None:
            bad.append(f"{ref} is not in circuit.py")
            continue
        if (f.GetValue(), f.GetFPIDAsString()) != (part.value, part.footprint):
            bad.append(f"{ref}: {f.GetValue()} {f.GetFPIDAsString()}")
        for p in f.Pads():
            if p.GetNetname():
                nets.setdefault(p.GetNetname(), set()).add(f"{ref}.{p.GetNumber()}")
    if nets != circuit.nets():
        want = circuit.nets()
        bad.append(f"nets differ: {sorted(n for n in nets.keys() | want.keys() if nets.get(n) != want.get(n))}")
    bad += [f"{r} is missing" for r in circuit.BY_REF.keys() - {f.GetReference() for f in board.GetFootprints()}]
    return bad


def gap_is_free() -> list[str]:
    """no copper between the sides, measured on the shapes themselves"""
    board = load()
    low, high = (pcbnew.FromMM(ORIGIN[0] + x) for x in GAP_X)
    bad = []
    usb_max, line_min = 0, 10**12
    items = list(board.GetTracks()) + [p for f in board.GetFootprints() for p in f.Pads()] + list(board.Zones())
    for item in items:
        if item.GetLayerSet().Seq() and not any(item.IsOnLayer(la) for la in (pcbnew.F_Cu, pcbnew.B_Cu)):
            continue
        if isinstance(item, pcbnew.ZONE) and item.GetIsRuleArea():
            continue
        r = item.GetBoundingBox()
        if isinstance(item, pcbnew.PAD):
            p, half = item.GetPosition(), item.GetSize().x // 2
            left, right = p.x - half, p.x + half
        else:
            left, right = r.GetLeft(), r.GetRight()
        if left < high and right > low:
            bad.append(f"{item.GetClass()} {item.GetNetname()} reaches into the gap")
        if item.GetNetname() in circuit.LINE_NETS:
            line_min = min(line_min, left)
        elif right <= high:
            usb_max = max(usb_max, right)
    gap = (line_min - usb_max) / 1e6
    if gap < circuit.GAP_MM:
        bad.append(f"the gap is {gap:.2f} mm")
    else:
        print(f"     gap measured: {gap:.2f} mm; board {SIZE[0]:g} x {SIZE[1]:g} mm")
    return bad


def main() -> int:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for ext in ("pcb", "pro", "dru"):
        shutil.copy(SOURCE / f"endcall.kicad_{ext}", OUT)
    steps = (rules_present, drc_clean, canary, same_netlist, gap_is_free)
    results = [in_own_process(s) for s in steps]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
