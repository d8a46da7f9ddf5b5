# SPDX-License-Identifier: CERN-OHL-P-2.0
"""Read the committed .kicad_pcb without KiCad: its netlist against circuit.py, and the isolation gap."""

from __future__ import annotations

import math
from pathlib import Path

from hardware.electronics import circuit
from hardware.electronics.kicad_sch import child, children, parse

FILE = Path(__file__).resolve().parent / "endcall.kicad_pcb"


def net_names(text: str) -> dict[str, str]:
    return {str(n[1]): str(n[2]) for n in children(parse(text), "net")}


def compare(text: str) -> list[str]:
    """How the board differs from circuit.py; empty is good."""
    nets: dict[str, set[str]] = {}
    bad, seen = [], set()
    for f in children(parse(text), "footprint"):
        names = {str(t[1]): str(t[2]) for t in children(f, "fp_text")}
        ref = names["reference"]
        seen.add(ref)
        part = circuit.BY_REF.get(ref)
        if part is None:
            bad.append(f"{ref} is not in circuit.py")
            continue
        if (names["value"], str(f[1])) != (part.value, part.footprint):
            bad.append(f"{ref}: {names['value']} {f[1]}")
        for pad in children(f, "pad"):
            if net := child(pad, "net"):
                nets.setdefault(str(net[2]), set()).add(f"{ref}.{pad[1]}")
    want = circuit.nets()
    bad += [f"net {n}" for n in sorted(nets.keys() | want.keys()) if nets.get(n) != want.get(n)]
    bad += [f"{r} is missing" for r in sorted(circuit.BY_REF.keys() - seen)]
    return bad


def gap_mm(text: str) -> float:
    """Smallest distance from line copper to USB copper (pads, tracks, vias, filled zones), in mm.

    The sides are apart in x over the whole board, so the distance is the one of the extreme edges.
    """
    tree = parse(text)
    names = net_names(text)
    usb, line = -1e9, 1e9

    def take(net: str, left: float, right: float) -> None:
        nonlocal usb, line
        if net in circuit.LINE_NETS:
            line = min(line, left)
        elif net:
            usb = max(usb, right)

    for f in children(tree, "footprint"):
        at = [float(v) for v in child(f, "at")[1:]]
        turn = math.radians(at[2] if len(at) > 2 else 0)
        for pad in children(f, "pad"):
            x, y = (float(v) for v in child(pad, "at")[1:3])
            place = at[0] + x * math.cos(turn) + y * math.sin(turn)
            half = max(float(v) for v in child(pad, "size")[1:3]) / 2
            if net := child(pad, "net"):
                take(str(net[2]), place - half, place + half)
    for kind in ("segment", "via"):
        for item in children(tree, kind):
            xs = [float(child(item, k)[1]) for k in ("start", "end", "at") if child(item, k)]
            half = float((child(item, "width") or child(item, "size"))[1]) / 2
            take(names[str(child(item, "net")[1])], min(xs) - half, max(xs) + half)
    for zone in children(tree, "zone"):
        for fill in children(zone, "filled_polygon"):
            xs = [float(p[1]) for p in child(fill, "pts")[1:]]
            take(str(child(zone, "net_name")[1]), min(xs), max(xs))
    return line - usb
