# SPDX-License-Identifier: CERN-OHL-P-2.0
# ruff: noqa: E501 - tables
"""Wiring outside the board (WireViz), and the variant without a PCB: map of the perfboard and list of its wires.

Everything comes from circuit.py and placement.py. The perfboard uses the places of the PCB, moved to the
nearest hole; the six line-side parts of the handset sense are left out and the jacks are screw terminals.

usage: hardware/build/venv/bin/python -m hardware.wiring.wiring
Writes hardware/fab/wiring/: wiring-pcb.svg/.png, perfboard.svg/.png, perfboard-wires.csv
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hardware.electronics import circuit
from hardware.electronics.bom import natural
from hardware.electronics.placement import BODY, GAP_X, PLACE

HARDWARE = Path(__file__).resolve().parents[1]
OUT = HARDWARE / "fab" / "wiring"
PITCH = 2.54
COLS = ROWS = 38  # a 100 x 100 mm board


# ---------------------------------------------------------------- outside the board
def wireviz() -> str:
    """The harness as a WireViz file (JSON is YAML too)."""
    j1, j2, j5, j6 = (circuit.BY_REF[r].pins for r in ("J1", "J2", "J5", "J6"))

    def names(pins: dict[str, str | None]) -> list[str]:
        return [n or "-" for n in pins.values()]

    module = ["LRC", "BCLK", "DIN", "GAIN", "SD", "GND", "VIN"]
    data = {
        "metadata": {"title": "endcall: wires outside the board"},
        "options": {"bgcolor": "#ffffff"},
        "connectors": {
            "J1 RING": {"type": "Screw terminal", "subtype": "3 way", "pinlabels": names(j1)},
            "J2 BUTTON": {"type": "Screw terminal", "subtype": "4 way", "pinlabels": names(j2)},
            "J5 SOUND MODULE": {"type": "Socket", "subtype": "1x7, 2.54 mm", "pinlabels": names(j5)},
            "J6 SOUND IN": {"type": "Pin strip", "subtype": "1x2, 2.54 mm", "pinlabels": names(j6)},
            "J3 LINE": {"type": "RJ11 jack", "subtype": "6P4C", "pinlabels": ["1 free", "2 ring", "3 tip", "4 free"]},
            "J4 PHONE": {"type": "RJ11 jack", "subtype": "6P4C", "pinlabels": ["1 free", "2 ring", "3 tip", "4 free"]},
            "Light ring": {"type": "WS2812B", "subtype": "24 pixels", "pinlabels": ["5V", "DI", "GND", "DO"]},
            "Arcade button": {"type": "30 or 60 mm", "subtype": "5 V lamp", "pinlabels": ["switch NO", "switch COM", "lamp +", "lamp -"]},
            "Module header": {"type": "MAX98357A module", "subtype": "plugs into J5, no wires", "pinlabels": module},
            "Module loudspeaker terminals": {"type": "MAX98357A module", "subtype": "either way round", "pinlabels": ["+", "-"]},
            "ATA or PBX": {"type": "Line socket", "subtype": "analogue extension", "pinlabels": ["1", "2", "3", "4"]},
            "Telephone": {"type": "Telephone", "subtype": "analogue", "pinlabels": ["1", "2", "3", "4"]},
        },
        "cables": {
            "W1": {"wirecount": 3, "length": 0.2, "gauge": "0.25 mm2", "colors": ["RD", "GN", "BK"]},
            "W2": {"wirecount": 4, "length": 0.2, "gauge": "0.25 mm2", "colors": ["YE", "BK", "RD", "GY"]},
            "W3": {"wirecount": 2, "length": 0.08, "gauge": "0.25 mm2", "colors": ["VT", "WH"], "notes": "twisted"},
            "W4": {"wirecount": 4, "length": 2, "category": "bundle", "notes": "straight RJ11 cord", "colors": ["BK", "RD", "GN", "YE"]},
            "W5": {"wirecount": 4, "length": 2, "category": "bundle", "notes": "straight RJ11 cord", "colors": ["BK", "RD", "GN", "YE"]},
        },
        "connections": [
            [{"J1 RING": ["1-3"]}, {"W1": ["1-3"]}, {"Light ring": ["1-3"]}],
            [{"J2 BUTTON": ["1-4"]}, {"W2": ["1-4"]}, {"Arcade button": ["1-4"]}],
            [{"J6 SOUND IN": ["1-2"]}, {"W3": ["1-2"]}, {"Module loudspeaker terminals": ["1-2"]}],
            [{"J5 SOUND MODULE": ["1-7"]}, "<=>", {"Module header": ["1-7"]}],
            [{"J3 LINE": ["1-4"]}, {"W4": ["1-4"]}, {"ATA or PBX": ["1-4"]}],
            [{"J4 PHONE": ["1-4"]}, {"W5": ["1-4"]}, {"Telephone": ["1-4"]}],
        ],
    }  # fmt: skip
    return json.dumps(data, indent=1)


# ---------------------------------------------------------------- perfboard
# pads of a footprint in holes, before turning: pad -> (column, row); y down
HOLES: dict[str, dict[str, tuple[int, int]]] = {
    "R_Axial_DIN0207_L6.3mm_D2.5mm_P10.16mm_Horizontal": {"1": (0, 0), "2": (4, 0)},
    "D_DO-35_SOD27_P7.62mm_Horizontal": {"1": (0, 0), "2": (3, 0)},
    "D_DO-41_SOD81_P10.16mm_Horizontal": {"1": (0, 0), "2": (4, 0)},
    "D_DO-15_P10.16mm_Horizontal": {"1": (0, 0), "2": (4, 0)},
    "TO-92_Inline_Wide": {"1": (0, 0), "2": (1, 0), "3": (2, 0)},
    "SIDACtor_TO-92_P5.08mm": {"1": (0, 0), "2": (2, 0)},
    "C_Disc_D5.0mm_W2.5mm_P5.00mm": {"1": (0, 0), "2": (2, 0)},
    "C_Rect_L18.0mm_W9.0mm_P15.00mm_FKS3_FKP3": {"1": (0, 0), "2": (6, 0)},
    "CP_Radial_D8.0mm_P3.50mm": {"1": (0, 0), "2": (1, 0)},
    "Fuse_BelFuse_0ZRE0016FF_L9.9mm_W3.8mm": {"1": (0, 0), "2": (2, 0)},
    "DIP-14_W7.62mm": {str(k + 1): (0, k) if k < 7 else (3, 13 - k) for k in range(14)},
    "DIP-4_W7.62mm": {"1": (0, 0), "2": (0, 1), "3": (3, 1), "4": (3, 0)},
    "Relay_SPDT_Omron_G6E": {"1": (0, 0), "6": (0, 5), "7": (3, 5), "10": (3, 2), "12": (3, 0)},
    "Transformer_NF_ETAL_1-1_P1200": {"1": (0, 0), "3": (0, 3), "4": (-5, 3), "6": (-5, 0)},
    "MAX98357A_Module": {str(k + 1): (k, 0) for k in range(7)},
    "PinHeader_1x02_P2.54mm_Vertical": {"1": (0, 0), "2": (0, 1)},
    "Pico_Socket": {str(k + 1): (0, k) if k < 20 else (7, 39 - k) for k in range(40)},
    "TerminalBlock_Phoenix_MKDS-1,5-3-5.08_1x03_P5.08mm_Horizontal": {str(k + 1): (2 * k, 0) for k in range(3)},
    "TerminalBlock_Phoenix_MKDS-1,5-4-5.08_1x04_P5.08mm_Horizontal": {str(k + 1): (2 * k, 0) for k in range(4)},
    # two screw terminals instead of a jack, whose pins do not fit the holes
    "RJ14_Connfly_DS1133-S4_Horizontal": {"2": (0, 0), "3": (2, 0)},
}
# Where the nearest hole is taken: ref -> (column, row) of pad 1, found by hand.
KIT_PLACE: dict[str, tuple[int, int]] = {"D3": (20, 35), "D4": (19, 35), "R3": (2, 24), "C6": (31, 24)}


def kit_parts() -> list[circuit.Part]:
    return [p for p in circuit.PARTS if p.kit and p.bom]


def kit_pads() -> dict[str, dict[str, tuple[int, int]]]:
    """ref -> pad -> hole (column, row), columns and rows from 1."""
    out = {}
    for p in kit_parts():
        x, y, rot = PLACE[p.ref]
        col, row = KIT_PLACE.get(p.ref, (round(x / PITCH), round(y / PITCH)))
        if p.side == "bridge" and p.ref.startswith("U"):
            col = 27  # the LED side of the opto-couplers starts right of the gap
        turn = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[rot]
        pads = {}
        for pad, (c, r) in HOLES[p.footprint.split(":")[1]].items():
            pads[pad] = (col + turn[0] * c + turn[1] * r, row + turn[2] * c + turn[3] * r)
        out[p.ref] = pads
    return out


def kit_faults() -> list[str]:
    """Two legs in one hole, a leg outside the board or in the gap, a missing pin."""
    bad, seen = [], {}
    low, high = round(GAP_X[0] / PITCH), round(GAP_X[1] / PITCH) + 1  # first and last column with copper
    for ref, pads in kit_pads().items():
        part = circuit.BY_REF[ref]
        for pad, net in part.pins.items():
            if net and pad not in pads:
                bad.append(f"{ref}.{pad} has no hole")
        for pad, hole in pads.items():
            if not (1 <= hole[0] <= COLS and 1 <= hole[1] <= ROWS):
                bad.append(f"{ref}.{pad} is off the board: {hole}")
            if low < hole[0] < high:
                bad.append(f"{ref}.{pad} stands in the gap: {hole}")
            if hole in seen:
                bad.append(f"{ref}.{pad} and {seen[hole]} share hole {hole}")
            seen[hole] = f"{ref}.{pad}"
            net = part.pins.get(pad)
            if net and (net in circuit.LINE_NETS) != (hole[0] >= high):
                bad.append(f"{ref}.{pad} ({net}) is on the wrong side of the gap")
    return bad


def wires() -> list[tuple[str, str, str, str, str]]:
    """(net, from, hole, to, hole): for each net the shortest chain of wires."""
    pads = kit_pads()
    name = lambda hole: f"{hole[0]},{hole[1]}"  # noqa: E731
    out = []
    for net, pins in sorted(circuit.nets().items()):
        ends = sorted(
            (tuple(pin.rsplit(".", 1)) for pin in pins if pin.rsplit(".", 1)[0] in pads),
            key=lambda e: (natural(e[0]), e[1]),
        )
        ends = [(r, p) for r, p in ends if p in pads[r]]
        if len(ends) < 2:
            continue
        done, left = [ends[0]], ends[1:]
        while left:
            a, b = min(
                ((a, b) for a in done for b in left),
                key=lambda ab: (
                    sum((u - v) ** 2 for u, v in zip(pads[ab[0][0]][ab[0][1]], pads[ab[1][0]][ab[1][1]], strict=True)),
                    ab,
                ),
            )
            out.append((net, ".".join(a), name(pads[a[0]][a[1]]), ".".join(b), name(pads[b[0]][b[1]])))
            done.append(b)
            left.remove(b)
    return out


NET_COLOUR = {"GND": "#222222", "+5V": "#c0392b", "+3V3": "#e67e22"}


def perfboard_svg() -> str:
    k = 20  # pixels per hole
    pads = kit_pads()
    w, h = (COLS + 1) * k, (ROWS + 1) * k + 46
    s = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="11">']
    s.append(
        f'<rect width="{w}" height="{h}" fill="#fff"/><rect x="4" y="4" width="{w - 8}" height="{(ROWS + 1) * k - 8}" rx="8" fill="#efe3c8" stroke="#8a7a55"/>'
    )
    low, high = round(GAP_X[0] / PITCH), round(GAP_X[1] / PITCH) + 1
    s.append(
        f'<rect x="{(low + 0.5) * k}" y="4" width="{(high - low - 1) * k}" height="{(ROWS + 1) * k - 8}" fill="#ffffff" opacity="0.85"/>'
    )
    x = (low + high) / 2 * k
    for y in (9.7 * k, 30.3 * k):
        for dx, words in ((-6, "GAP: peel off"), (10, "these pads")):
            s.append(
                f'<text x="{x + dx}" y="{y}" transform="rotate(-90 {x + dx} {y})" text-anchor="middle" font-size="12" fill="#c0392b">{words}</text>'
            )
    for c in range(1, COLS + 1):
        s.append(f'<text x="{c * k}" y="{(ROWS + 0.9) * k}" text-anchor="middle" font-size="8" fill="#665">{c}</text>')
        for r in range(1, ROWS + 1):
            if not low < c < high:
                s.append(f'<circle cx="{c * k}" cy="{r * k}" r="2.4" fill="#c9b78c"/>')
    for r in range(1, ROWS + 1):
        s.append(f'<text x="8" y="{r * k + 3}" font-size="8" fill="#665">{r}</text>')
    for p in kit_parts():
        holes = pads[p.ref].values()
        cs, rs = [c for c, _ in holes], [r for _, r in holes]
        body = BODY[p.footprint.split(":")[1]]
        thick = min(body[2] - body[0], body[3] - body[1]) / PITCH / 2
        grow = 0.45 if len(pads[p.ref]) > 4 else min(thick, 1.7) if len(pads[p.ref]) == 2 else 0.6
        x1, x2, y1, y2 = min(cs), max(cs), min(rs), max(rs)
        gx, gy = (0.1, grow) if x2 - x1 > y2 - y1 else (grow, 0.1)
        if len(pads[p.ref]) > 2:
            gx = gy = 0.45
        fill = {"usb": "#cfe3f5", "line": "#f8d3cd", "bridge": "#e3d3f0"}[p.side]
        s.append(
            f'<rect x="{(x1 - gx) * k:.1f}" y="{(y1 - gy) * k:.1f}" width="{(x2 - x1 + 2 * gx) * k:.1f}" height="{(y2 - y1 + 2 * gy) * k:.1f}" rx="4" fill="{fill}" stroke="#555" opacity="0.92"/>'
        )
        if p.ref == "J5":
            c, r = pads["J5"]["1"]
            s.append(
                f'<rect x="{(c - 0.5) * k}" y="{(r - 6.5) * k}" width="{7 * k}" height="{7.5 * k}" rx="4" fill="none" stroke="#1f5f99" stroke-dasharray="5 4"/>'
                f'<text x="{(c + 3) * k}" y="{(r - 3) * k}" text-anchor="middle" font-size="11" fill="#1f5f99">the module lies here</text>'
            )
        for pad, (c, r) in pads[p.ref].items():
            shape = (
                f'<rect x="{c * k - 3.5}" y="{r * k - 3.5}" width="7" height="7" fill="#444"/>'
                if pad == "1"
                else f'<circle cx="{c * k}" cy="{r * k}" r="3.5" fill="#444"/>'
            )
            s.append(shape)
        tall = y2 - y1 > x2 - x1
        cx, cy = (x1 + x2) / 2 * k, (y1 + y2) / 2 * k
        words = p.ref if p.ref in ("U1", "J1", "J2", "J3", "J4", "J5", "J6") else f"{p.ref} {p.value}"
        words = {
            "U1": "U1 Pico, USB at the top",
            "J1": "J1 RING",
            "J2": "J2 BUTTON",
            "J3": "LINE",
            "J4": "PHONE",
            "J5": "J5 SOUND MODULE",
            "J6": "J6",
        }.get(p.ref, words)
        if p.ref in ("C1", "D1", "D2", "D6", "F1"):
            words = p.ref
        size = 9 if len(words) > 9 else 11
        turn = f' transform="rotate(-90 {cx} {cy})"' if tall else ""
        if max(x2 - x1, y2 - y1) < 3 and len(pads[p.ref]) == 2:
            size = 8
        dy = 17 if p.ref == "J5" else -9 if p.ref in ("J1", "J2", "J3", "J4") or p.ref[0] == "Q" or p.ref == "U3" else 4
        s.append(f'<text x="{cx}" y="{cy + dy}" text-anchor="middle" font-size="{size}"{turn}>{words}</text>')
    s.append(
        f'<text x="12" y="{(ROWS + 1) * k + 18}">Seen from the parts\' side. Square leg: pin 1 (of a diode: the cathode). Blue: USB side, red: line side, violet: parts that bridge the gap.</text>'
    )
    s.append(
        f'<text x="12" y="{(ROWS + 1) * k + 36}">Numbers are columns and rows of holes; perfboard-wires.csv lists every wire as from hole - to hole.</text></svg>'
    )
    return "\n".join(s) + "\n"


def wires_csv() -> str:
    lines = ["Net,From,From hole,To,To hole"]
    for net, a, ha, b, hb in wires():
        lines.append(f'{net},{a},"{ha}",{b},"{hb}"')
    return "\n".join(lines) + "\n"


def main() -> int:
    bad = kit_faults()
    for sentence in bad:
        print(sentence)
    if bad:
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "perfboard.svg").write_text(perfboard_svg())
    (OUT / "perfboard-wires.csv").write_text(wires_csv())
    yml = HARDWARE / "build" / "wiring-pcb.yml"
    yml.write_text(wireviz())
    exe = Path(sys.executable).with_name("wireviz")
    subprocess.run([exe, "-f", "ps", "-o", str(OUT), yml], check=True, capture_output=True)
    for stray in OUT.glob("*.bom.tsv"):
        stray.unlink()
    print(f"wiring: {len(kit_parts())} parts on the perfboard, {len(wires())} wires")
    return 0


if __name__ == "__main__":
    sys.exit(main())
