# SPDX-License-Identifier: CERN-OHL-P-2.0
# ruff: noqa: E501 - tables and geometry read better in one line
"""Make the board: parts, nets, outline, ground pour, isolation gap, silkscreen; then route.py draws the copper.

Needs Debian's KiCad 6 and its Python: /usr/bin/python3 -m hardware.electronics.board (from the repository root)
Writes endcall.kicad_pcb, .kicad_pro and .kicad_dru. The committed board is checked by board_check.py, so this
runs only when the circuit or the placement changes.
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from pathlib import Path

import pcbnew
from pcbnew import FromMM, wxPointMM

from hardware.electronics import circuit
from hardware.electronics.placement import GAP_X, ORIGIN, PIN_WORDS, PLACE, SIZE

HERE = Path(__file__).resolve().parent
BOARD = HERE / "endcall.kicad_pcb"
FOOTPRINTS = Path("/usr/share/kicad/footprints")
CLASSES = {  # track, clearance, via, via drill; mm
    "Default": (0.4, 0.25, 1.0, 0.5),
    "PWR": (0.8, 0.3, 1.2, 0.6),
    "LINE": (0.8, 0.8, 1.2, 0.6),
}
RULES = f"""(version 1)
# Line side to USB side: {circuit.GAP_MM} mm of bare board, everywhere, also under the parts that bridge it.
(rule "isolation gap"
  (constraint clearance (min {circuit.GAP_MM}mm))
  (condition "A.NetClass == 'LINE' && B.NetClass != 'LINE' && B.NetName != ''"))
"""


def at(x: float, y: float):
    return wxPointMM(ORIGIN[0] + x, ORIGIN[1] + y)


def load_footprint(name: str):
    lib, fp = name.split(":")
    folder = HERE / "endcall.pretty" if lib == "endcall" else FOOTPRINTS / f"{lib}.pretty"
    f = pcbnew.FootprintLoad(str(folder), fp)
    if f is None:
        sys.exit(f"no footprint {name}: is kicad-footprints installed?")
    f.SetFPID(pcbnew.LIB_ID(lib, fp))
    return f


def text(b, words: str, x: float, y: float, size: float = 1.0, rot: float = 0, layer=pcbnew.F_SilkS, bold=0.15) -> None:
    t = pcbnew.PCB_TEXT(b)
    t.SetText(words)
    t.SetPosition(at(x, y))
    t.SetLayer(layer)
    t.SetTextSize(pcbnew.wxSizeMM(size, size))
    t.SetTextThickness(FromMM(bold))
    t.SetTextAngle(rot * 10)
    if layer == pcbnew.B_SilkS:
        t.SetMirrored(True)
    b.Add(t)


def line(b, x1: float, y1: float, x2: float, y2: float, layer, width: float = 0.15) -> None:
    s = pcbnew.PCB_SHAPE(b)
    s.SetShape(pcbnew.SHAPE_T_SEGMENT)
    s.SetLayer(layer)
    s.SetStart(at(x1, y1))
    s.SetEnd(at(x2, y2))
    s.SetWidth(FromMM(width))
    b.Add(s)


def polygon(zone, points) -> None:
    outline = zone.Outline()
    outline.NewOutline()
    for x, y in points:
        outline.Append(FromMM(ORIGIN[0] + x), FromMM(ORIGIN[1] + y))


def parts(b) -> None:
    nets = {}
    for name in sorted(circuit.nets()):
        nets[name] = pcbnew.NETINFO_ITEM(b, name)
        b.Add(nets[name])
    for p in circuit.PARTS:
        x, y, rot = PLACE[p.ref]
        f = load_footprint(p.footprint)
        f.SetReference(p.ref)
        f.SetValue(p.value)
        b.Add(f)
        f.SetPosition(at(x, y))
        f.SetOrientationDegrees(rot)
        pads = {pad.GetNumber() for pad in f.Pads()} - {""}
        if pads != set(p.pins):
            sys.exit(f"{p.ref}: pins {sorted(p.pins)} but pads {sorted(pads)}")
        for g in list(f.GraphicalItems()):
            # the K beside a diode falls on its neighbour (the band says it); a jack's outline leaves the board
            lone_k = isinstance(g, pcbnew.FP_TEXT) and g.GetText() == "K"
            outside = g.GetBoundingBox().GetRight() / 1e6 > ORIGIN[0] + SIZE[0] - 0.3
            if g.GetLayer() == pcbnew.F_SilkS and (lone_k or outside):
                g.SetLayer(pcbnew.F_Fab)
        for pad in f.Pads():
            if p.ref in ("J3", "J4"):
                pad.SetLocalClearance(FromMM(0.5))  # the jack's own pins are 0.54 mm apart; 1 and 4 are not used
            if net := p.pins.get(pad.GetNumber()):
                pad.SetNet(nets[net])


def outline_and_zones(b) -> None:
    w, h = SIZE
    r = 3.0
    for x1, y1, x2, y2 in ((r, 0, w - r, 0), (w, r, w, h - r), (w - r, h, r, h), (0, h - r, 0, r)):
        line(b, x1, y1, x2, y2, pcbnew.Edge_Cuts, 0.1)
    k = r * (1 - 0.5**0.5)
    for start, mid, end in (
        ((0, r), (k, k), (r, 0)), ((w - r, 0), (w - k, k), (w, r)),
        ((w, h - r), (w - k, h - k), (w - r, h)), ((r, h), (k, h - k), (0, h - r)),
    ):  # fmt: skip
        s = pcbnew.PCB_SHAPE(b)
        s.SetShape(pcbnew.SHAPE_T_ARC)
        s.SetLayer(pcbnew.Edge_Cuts)
        s.SetArcGeometry(at(*start), at(*mid), at(*end))
        s.SetWidth(FromMM(0.1))
        b.Add(s)
    for layer in (pcbnew.F_Cu, pcbnew.B_Cu):
        z = pcbnew.ZONE(b)
        z.SetLayer(layer)
        z.SetNet(b.FindNet("GND"))
        z.SetZoneName("GND, USB side only")
        polygon(z, ((0.6, 0.6), (GAP_X[0] - 0.1, 0.6), (GAP_X[0] - 0.1, h - 0.6), (0.6, h - 0.6)))
        z.SetLocalClearance(FromMM(0.35))
        z.SetMinThickness(FromMM(0.3))
        z.SetThermalReliefGap(FromMM(0.4))
        z.SetThermalReliefSpokeWidth(FromMM(0.6))
        z.SetIslandRemovalMode(pcbnew.ISLAND_REMOVAL_MODE_ALWAYS)
        z.SetPadConnection(pcbnew.ZONE_CONNECTION_THERMAL)
        b.Add(z)
    gap = pcbnew.ZONE(b)
    gap.SetIsRuleArea(True)
    gap.SetZoneName("isolation gap, keep free")
    copper = pcbnew.LSET()
    copper.AddLayer(pcbnew.F_Cu)
    copper.AddLayer(pcbnew.B_Cu)
    gap.SetLayerSet(copper)
    gap.SetDoNotAllowTracks(True)
    gap.SetDoNotAllowVias(True)
    gap.SetDoNotAllowCopperPour(True)
    gap.SetDoNotAllowPads(True)
    gap.SetDoNotAllowFootprints(False)
    polygon(gap, ((GAP_X[0], 0.2), (GAP_X[1], 0.2), (GAP_X[1], h - 0.2), (GAP_X[0], h - 0.2)))
    b.Add(gap)


# ---------------------------------------------------------------- silkscreen
Box = tuple[float, float, float, float]


def hits(a: Box, b: Box, room: float = 0.0) -> bool:
    return a[0] < b[2] + room and b[0] < a[2] + room and a[1] < b[3] + room and b[1] < a[3] + room


def box_of(item) -> Box:
    r = item.GetBoundingBox()
    ox, oy = ORIGIN
    return tuple(
        v / 1e6 - o
        for v, o in zip((r.GetLeft(), r.GetTop(), r.GetRight(), r.GetBottom()), (ox, oy, ox, oy), strict=True)
    )


def words_box(words: str, x: float, y: float, size: float, rot: int) -> Box:
    w, h = 0.93 * size * len(words) + 0.1, size * 1.25
    if rot:
        w, h = h, w
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def silkscreen(b) -> None:
    """Reference and value of every part where they touch nothing: candidates around the body, first fit wins."""
    texts: list[Box] = []
    pads = [box_of(p) for f in b.GetFootprints() for p in f.Pads()]
    drawn: dict[str, list[Box]] = {}
    bodies: dict[str, Box] = {}
    for f in b.GetFootprints():
        lines = [box_of(g) for g in f.GraphicalItems() if g.GetLayer() == pcbnew.F_SilkS]
        drawn[f.GetReference()] = lines
        every = [box_of(p) for p in f.Pads()] + lines
        bodies[f.GetReference()] = (
            min(r[0] for r in every), min(r[1] for r in every), max(r[2] for r in every), max(r[3] for r in every),
        )  # fmt: skip
    # words of the connectors first: they have only one good place
    for ref, pins in PIN_WORDS.items():
        f = b.FindFootprintByReference(ref)
        for pad, words in pins:
            p = f.FindPadByNumber(pad).GetPosition()
            x, y = p.x / 1e6 - ORIGIN[0], p.y / 1e6 - ORIGIN[1]
            if ref == "J5":
                place = (x, y + 3.3, 0.9, 90)
            else:
                place = (x, bodies[ref][1] - 0.85, 1.0, 0)
            text(b, words, place[0], place[1], place[2], place[3], bold=0.15)
            texts.append(words_box(words, *place))
    fixed = [
        ("endcall", 80, 36.8, 2.4, 0, 0.35), ("rev " + circuit.REVISION, 80, 40.0, 1.3, 0, 0.18),
        ("CERN-OHL-P-2.0", 80, 42.4, 1.0, 0, 0.15),
        ("LINE SIDE", 80.5, 45.6, 1.6, 0, 0.25), ("up to 200 V when it rings", 81, 48.2, 1.0, 0, 0.15),
        ("LINE", 95.4, 48.4, 1.8, 0, 0.3), ("PHONE", 93.8, 33.4, 1.8, 0, 0.3),
        ("USB SIDE", 48.5, 33.6, 1.6, 0, 0.25), ("BUTTON", 34.5, 87.3, 1.0, 0, 0.15),
        ("AUD_P", 51.0, 82.8, 0.8, 90, 0.15), ("AUD_N", 51.0, 87.6, 0.8, 90, 0.15),
    ]  # fmt: skip
    for words, x, y, size, rot, bold in fixed:
        text(b, words, x, y, size, rot, bold=bold)
        texts.append(words_box(words, x, y, size, rot))
    # the gap
    x1, x2 = GAP_X
    y = 1.0
    while y < SIZE[1] - 1:
        for x in (x1, x2):
            seg = (x - 0.1, y, x + 0.1, min(y + 2, SIZE[1] - 1))
            if not any(hits(seg, p, 0.25) for p in pads) and not any(
                hits(seg, s, 0.2) for r in ("K1", "K2", "T1", "U4", "U5", "PS1") for s in [bodies[r]]
            ):
                line(b, x, seg[1], x, seg[3], pcbnew.F_SilkS, 0.2)
        if not any(hits((x1 - 0.1, y, x1 + 0.1, y + 2), p, 0.25) for p in pads):
            line(b, x1, y, x1, min(y + 2, SIZE[1] - 1), pcbnew.B_SilkS, 0.2)
        if not any(hits((x2 - 0.1, y, x2 + 0.1, y + 2), p, 0.25) for p in pads):
            line(b, x2, y, x2, min(y + 2, SIZE[1] - 1), pcbnew.B_SilkS, 0.2)
        y += 3.5
    text(b, "6 mm", 64, 72.6, 1.2, 0, bold=0.2)
    text(b, "FREE", 64, 74.6, 1.2, 0, bold=0.2)
    texts += [words_box("6 mm", 64, 72.6, 1.2, 0), words_box("FREE", 64, 74.6, 1.2, 0)]
    text(b, "ISOLATION GAP 6 mm: KEEP FREE", 64, 50, 1.6, 90, pcbnew.B_SilkS, 0.25)
    text(b, "USB SIDE", 50, 52, 2.2, 0, pcbnew.B_SilkS, 0.3)
    text(b, "LINE SIDE", 80, 52, 2.2, 0, pcbnew.B_SilkS, 0.3)
    text(b, "endcall " + circuit.REVISION, 80, 46, 2.0, 0, pcbnew.B_SilkS, 0.3)

    walls = [r for boxes in drawn.values() for r in boxes]
    order = sorted(b.GetFootprints(), key=lambda f: (f.GetReference()[0] not in "RDC", f.GetReference()))
    missing = []
    for f in order:
        ref = f.GetReference()
        part = circuit.BY_REF[ref]
        if ref[0] == "H":
            f.Reference().SetVisible(False)
            f.Value().SetVisible(False)
            continue
        bx1, by1, bx2, by2 = bodies[ref]
        cx, cy = (bx1 + bx2) / 2, (by1 + by2) / 2
        tall = by2 - by1 > bx2 - bx1
        for is_value, words in ((False, ref), (True, part.value)):
            which = f.Value() if is_value else f.Reference()
            if is_value and ref in ("J2", "J3", "J4", "U1", "TP5", "TP6"):
                which.SetVisible(False)
                continue
            named = ["C2", "C3", "C4", "C5", "C6", "C7", "D5", "D7", "D8", "D9", "D10", "F1", "J3", "J4", "J5"]
            named += ["K1", "K2", "PS1", "T1", "U1", "U2"]
            inside_ok = ref[0] == "R" or ref in named
            spots = []
            for size in (1.0, 0.9, 0.8):
                if inside_ok and (is_value or ref[0] != "R"):
                    for dy in (0.0, 1.5, -1.5, 3.0, -3.0):
                        for dx in (0.0, 2.0, -2.0):
                            spots.append(
                                (cx + (dy if tall else dx), cy + (dx if tall else dy), size, 90 if tall else 0, True)
                            )
                for rot in (90, 0) if tall else (0, 90):
                    w, h = (words_box(words, 0, 0, size, rot)[k] * 2 for k in (2, 3))
                    for gap in (0.25, 0.5, 0.9, 1.6, 2.4):
                        for shift in (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5):
                            spots += [
                                (cx + shift, by1 - gap - h / 2, size, rot, False), (cx + shift, by2 + gap + h / 2, size, rot, False),
                                (bx1 - gap - w / 2, cy + shift, size, rot, False), (bx2 + gap + w / 2, cy + shift, size, rot, False),
                            ]  # fmt: skip
            for x, y, size, rot, inside in spots:
                r = words_box(words, x, y, size, rot)
                if r[0] < 0.6 or r[1] < 0.6 or r[2] > SIZE[0] - 0.6 or r[3] > SIZE[1] - 0.6:
                    continue
                if any(hits(r, p, 0.2) for p in pads) or any(hits(r, t, 0.15) for t in texts):
                    continue
                own = drawn[ref]
                thin = [s for s in own if min(s[2] - s[0], s[3] - s[1]) < 0.6]
                others = thin if inside else own
                if any(hits(r, s, 0.12) for s in others):
                    continue
                if any(hits(r, s, 0.12) for s in walls if s not in own):
                    continue
                if not inside and any(hits(r, o, 0.0) for k, o in bodies.items() if k != ref and k[0] not in "H"):
                    continue
                which.SetVisible(True)
                which.SetLayer(pcbnew.F_SilkS)
                which.SetKeepUpright(True)
                which.SetTextSize(pcbnew.wxSizeMM(size, size))
                which.SetTextThickness(FromMM(0.15))
                which.SetPosition(at(x, y))
                which.SetTextAngle(0)
                which.SetTextAngle((rot - f.GetOrientationDegrees()) * 10)
                texts.append(r)
                break
            else:
                which.SetVisible(False)
                missing.append(f"{ref} {'value' if is_value else 'reference'}")
    if missing:
        print("no free place on the silkscreen for:", ", ".join(missing))


def project() -> None:
    """Net classes live in .kicad_pro and the rules in .kicad_dru; without both, a DRC passes everything."""
    pro = BOARD.with_suffix(".kicad_pro")
    data = json.loads(pro.read_text())
    base = data["net_settings"]["classes"][0]
    classes = []
    for name, (track, clearance, via, drill) in CLASSES.items():
        nets = sorted(n for n, c in circuit.NET_CLASS.items() if c == name and n in circuit.nets())
        classes.append({**base, "name": name, "track_width": track, "clearance": clearance, "via_diameter": via})
        classes[-1] |= {"via_drill": drill, "nets": nets}
    data["net_settings"]["classes"] = classes
    rules = data["board"]["design_settings"]["rules"]
    rules |= {
        "min_track_width": 0.3,
        "min_clearance": 0.25,
        "min_copper_edge_clearance": 0.5,
        "min_through_hole_diameter": 0.5,
    }
    rules |= (
        {"min_via_diameter": 0.8, "min_text_height": 0.8, "min_text_thickness": 0.12}
        if "min_text_height" in rules
        else {}
    )
    data["meta"]["filename"] = pro.name
    pro.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")
    BOARD.with_suffix(".kicad_dru").write_text(RULES)


def stable_ids(path: Path) -> None:
    """KiCad gives every item a random id: number them instead, so that the same board is the same file."""
    count = 0

    def fresh(_):
        nonlocal count
        count += 1
        return f"(tstamp {uuid.uuid5(uuid.NAMESPACE_OID, f'endcall {count}')})"

    path.write_text(re.sub(r"\(tstamp [0-9a-f-]+\)", fresh, path.read_text()))


def build() -> None:
    b = pcbnew.BOARD()
    parts(b)
    outline_and_zones(b)
    silkscreen(b)
    b.GetTitleBlock().SetTitle(circuit.TITLE)
    b.GetTitleBlock().SetRevision(circuit.REVISION)
    b.GetTitleBlock().SetDate(circuit.DATE)
    b.BuildListOfNets()
    for old in (BOARD.with_suffix(".kicad_pro"), BOARD.with_suffix(".kicad_prl")):
        old.unlink(missing_ok=True)
    pcbnew.SaveBoard(str(BOARD), b)
    project()


def main() -> None:
    # Each step in a process of its own: KiCad's settings manager remembers the first project it has seen.
    for step in (build, route_and_fill):
        if os.fork() == 0:
            step()
            os._exit(0)
        if os.wait()[1]:
            sys.exit(f"{step.__name__} failed")
    stable_ids(BOARD)
    BOARD.with_suffix(".kicad_prl").unlink(missing_ok=True)
    print(f"{BOARD.name} written")


def route_and_fill() -> None:
    from hardware.electronics.route import route

    b = pcbnew.LoadBoard(str(BOARD))
    route(b, circuit, CLASSES)
    pcbnew.ZONE_FILLER(b).Fill(b.Zones())
    pcbnew.SaveBoard(str(BOARD), b)


if __name__ == "__main__":
    main()
