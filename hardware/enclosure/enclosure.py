# SPDX-License-Identifier: CERN-OHL-P-2.0
# ruff: noqa: E501 - tables and geometry read better in one line
"""The enclosure, from the board file: base, lid and light guide, for a 30 mm or a 60 mm button.

Sizes of the board, its holes and its connectors are read from hardware/build/board.json, which tools/fab.py
writes from the board itself. Everything else is in `Dim`, in mm.

usage: hardware/build/venv/bin/python -m hardware.enclosure.enclosure
Writes hardware/fab/stl/*.stl (turned as they are printed), hardware/fab/enclosure.step, board.step, and the
triangles for the pictures in hardware/build/mesh/.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from build123d import (
    Align,
    Axis,
    Box,
    BuildPart,
    BuildSketch,
    Circle,
    Compound,
    Cylinder,
    GridLocations,
    Locations,
    Mode,
    Plane,
    PolarLocations,
    Pos,
    RectangleRounded,
    Rot,
    Spline,
    Vector,
    chamfer,
    export_step,
    export_stl,
    extrude,
    sweep,
)

from hardware.electronics.placement import BODY

HARDWARE = Path(__file__).resolve().parents[1]
BUILD, FAB = HARDWARE / "build", HARDWARE / "fab"
LOW = (Align.CENTER, Align.CENTER, Align.MIN)
CORNER = (Align.MIN, Align.MIN, Align.MIN)


@dataclass(frozen=True)
class Button:
    name: str
    hole: float  # in the lid
    flange: float  # what covers the lid around the hole
    ring_out: float  # the ring of light around it
    ring_in: float
    pixels: int = 24


SMALL = Button("30mm", 30.2, 34.0, 66.0, 52.0)
LARGE = Button("60mm", 24.2, 60.5, 86.0, 72.0)


@dataclass(frozen=True)
class Dim:
    wall: float = 2.4
    floor: float = 2.4
    lid: float = 4.0
    standoff: float = 6.0
    board: float = 1.6
    air: float = 2.0  # around the board
    air_jacks: float = 0.8  # on the side of the jacks: a plug must reach them through the wall
    front: float = 10.0  # room before the board: the terminals' wires and a screwdriver
    clear: float = 52.0  # from the board to the lid: 8 mm of parts, 42 mm of button and microswitch
    fit: float = 0.25
    guide: float = 2.4  # depth of the light guide in the lid
    pilot: float = 2.5  # M3 self-tapping
    corner: float = 6.0


D = Dim()


def board_data() -> dict:
    return json.loads((BUILD / "board.json").read_text())


def place(data: dict, ref: str) -> dict:
    return next(p for p in data["parts"] if p["ref"] == ref)


class Box3:
    """Inner and outer sizes. The origin is the board's upper left corner on the inside of the floor; y is down
    on the board and towards the front of the box, so the model uses -y."""

    def __init__(self, data: dict) -> None:
        self.w, self.h = data["size"]
        self.x1, self.x2 = -D.air, self.w + D.air_jacks
        self.y1, self.y2 = -(self.h + D.front), D.air
        self.inner = D.standoff + D.board + D.clear
        self.cx, self.cy = (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2
        self.sx, self.sy = self.x2 - self.x1, self.y2 - self.y1
        self.top = self.inner  # underside of the lid


def lid_posts(b: Box3) -> list[tuple[float, float]]:
    r = 4.2
    return [(x, y) for x in (b.x1 + r, b.x2 - r) for y in (b.y1 + r, b.y2 - r)]


def base(data: dict) -> BuildPart:
    b = Box3(data)
    with BuildPart() as part:
        with BuildSketch(Plane.XY.offset(-D.floor)), Locations((b.cx, b.cy)):
            RectangleRounded(b.sx + 2 * D.wall, b.sy + 2 * D.wall, D.corner)
        extrude(amount=D.floor + b.inner)
        with BuildSketch(Plane.XY), Locations((b.cx, b.cy)):
            RectangleRounded(b.sx, b.sy, D.corner - D.wall)
        extrude(amount=b.inner + 1, mode=Mode.SUBTRACT)
        # board
        for k in range(1, 5):
            h = place(data, f"H{k}")
            with Locations((h["x"], -h["y"], 0)):
                Cylinder(3.6, D.standoff, align=LOW)
            with Locations((h["x"], -h["y"], -0.6)):
                Cylinder(D.pilot / 2, D.standoff + 1, align=LOW, mode=Mode.SUBTRACT)
        # lid posts: from the wall, 14 mm tall, with a 45 degree foot so that they print without support
        for x, y in lid_posts(b):
            with BuildSketch(Plane.XY.offset(b.inner - 24)), Locations((x, y)):
                Circle(0.6)
            extrude(amount=10, taper=-20)
            with Locations((x, y, b.inner - 14.05)):
                Cylinder(4.2, 14.05, align=LOW)
            with Locations((x, y, b.inner - 13)):
                Cylinder(D.pilot / 2, 14, align=LOW, mode=Mode.SUBTRACT)
        z0 = D.standoff + D.board  # upper side of the board
        # USB of the Pico, in the back wall; room for the plug's moulding
        u = place(data, "U1")
        with Locations((u["x"] + 8.89, b.y2 + D.wall / 2, z0 + 13.4)):
            Box(13, D.wall + 2, 9, mode=Mode.SUBTRACT)
        # the two jacks, in the right wall
        for ref in ("J3", "J4"):
            j = place(data, ref)
            with Locations((b.x2 + D.wall / 2, -(j["y"] + 1.53), z0 + 5.9)):
                Box(D.wall + 2, 13.4, 12.6, mode=Mode.SUBTRACT)
        # air: slots in the floor under the Pico's side only, none under the line side
        with Locations((30, -60, -D.floor / 2)), GridLocations(6, 0, 6, 1):
            Box(2, 26, D.floor + 1, mode=Mode.SUBTRACT)
        # feet
        for x in (b.x1 + 9, b.x2 - 9):
            for y in (b.y1 + 9, b.y2 - 9):
                with Locations((x, y, -D.floor)):
                    Cylinder(5.4, 1.0, align=LOW, mode=Mode.SUBTRACT)
    return part


def lid(data: dict, button: Button) -> BuildPart:
    b = Box3(data)
    mid, width = (button.ring_out + button.ring_in) / 2, (button.ring_out - button.ring_in) / 2
    with BuildPart() as part:
        with BuildSketch(Plane.XY.offset(b.top)), Locations((b.cx, b.cy)):
            RectangleRounded(b.sx + 2 * D.wall, b.sy + 2 * D.wall, D.corner)
        extrude(amount=D.lid)
        chamfer(part.faces().sort_by(Axis.Z)[-1].edges(), 1.2)
        # lip that centres the lid
        with BuildSketch(Plane.XY.offset(b.top)), Locations((b.cx, b.cy)):
            RectangleRounded(b.sx - 2 * D.fit, b.sy - 2 * D.fit, D.corner - D.wall)
            RectangleRounded(
                b.sx - 2 * D.fit - 3.2, b.sy - 2 * D.fit - 3.2, D.corner - D.wall - 1.2, mode=Mode.SUBTRACT
            )
        extrude(amount=-2.5)
        for x, y in lid_posts(b):
            with Locations((x, y, b.top - 3)):
                Cylinder(4.9, 3, align=LOW, mode=Mode.SUBTRACT)
            with Locations((x, y, b.top - 1)):
                Cylinder(1.7, D.lid + 2, align=LOW, mode=Mode.SUBTRACT)
            with Locations((x, y, b.top + D.lid - 1.8)):
                Cylinder(3.2, 3, align=LOW, mode=Mode.SUBTRACT)
        with Locations((b.cx, b.cy, b.top - 1)):
            Cylinder(button.hole / 2, D.lid + 2, align=LOW, mode=Mode.SUBTRACT)
        # groove for the light guide, from above
        with BuildSketch(Plane.XY.offset(b.top + D.lid)), Locations((b.cx, b.cy)):
            Circle(mid / 2 + width / 2)
            Circle(mid / 2 - width / 2, mode=Mode.SUBTRACT)
        extrude(amount=-D.guide, mode=Mode.SUBTRACT)
        # one well per pixel: the webs between keep the middle and keep the pixels apart
        with Locations((b.cx, b.cy, b.top - 1)), PolarLocations(mid / 2, button.pixels):
            Cylinder(2.6, D.lid, align=LOW, mode=Mode.SUBTRACT)
        # rims that centre the ring's circuit board under the lid
        with BuildSketch(Plane.XY.offset(b.top)), Locations((b.cx, b.cy)):
            Circle(button.ring_out / 2 + D.fit + 1.6)
            Circle(button.ring_out / 2 + D.fit, mode=Mode.SUBTRACT)
        extrude(amount=-3.6)  # 1.6 of pixel, 1.6 of circuit board, and a little
        with BuildSketch(Plane.XY.offset(b.top - 4)), Locations((b.cx, b.cy + button.ring_out / 2)):
            RectangleRounded(9, 8, 1)
        extrude(amount=4, mode=Mode.SUBTRACT)  # the ring's wires leave here, beside its first pixel
    return part


def guide(data: dict, button: Button) -> BuildPart:
    b = Box3(data)
    mid, width = (button.ring_out + button.ring_in) / 2, (button.ring_out - button.ring_in) / 2
    with BuildPart() as part:
        with BuildSketch(Plane.XY.offset(b.top + D.lid - D.guide)), Locations((b.cx, b.cy)):
            Circle(mid / 2 + width / 2 - D.fit / 2)
            Circle(mid / 2 - width / 2 + D.fit / 2, mode=Mode.SUBTRACT)
        extrude(amount=D.guide)
        chamfer(part.faces().sort_by(Axis.Z)[-1].edges(), 0.4)
    return part


COLOURS = {
    "pcb": (0.05, 0.35, 0.16), "resistor": (0.80, 0.70, 0.52), "glass": (0.80, 0.35, 0.20), "black": (0.13, 0.13, 0.15),
    "ceramic": (0.85, 0.55, 0.15), "film": (0.70, 0.12, 0.12), "electrolytic": (0.12, 0.16, 0.35), "green": (0.18, 0.55, 0.25),
    "relay": (0.88, 0.88, 0.84), "ptc": (0.90, 0.75, 0.10), "pico": (0.10, 0.45, 0.25), "metal": (0.75, 0.76, 0.78),
    "base": (0.27, 0.30, 0.35), "lid": (0.90, 0.89, 0.86), "guide": (0.98, 0.97, 0.92), "button": (0.75, 0.10, 0.10),
    "ring": (0.10, 0.10, 0.12), "pixel": (0.98, 0.98, 0.95), "dac": (0.38, 0.15, 0.45),
}  # fmt: skip


def board_model(data: dict, refs: set[str] | None = None) -> list[tuple[str, object]]:
    """The board and simple bodies of its parts as (colour name, solid). `refs` limits it to some parts."""
    w, h = data["size"]
    with BuildPart() as pcb:
        with BuildSketch(Plane.XY.offset(D.standoff)), Locations((w / 2, -h / 2)):
            RectangleRounded(w, h, 3)
        extrude(amount=D.board)
        for k in range(1, 5):
            p = place(data, f"H{k}")
            with Locations((p["x"], -p["y"], D.standoff - 1)):
                Cylinder(1.6, 4, align=LOW, mode=Mode.SUBTRACT)
    out: list[tuple[str, object]] = [("pcb", pcb.part)]
    z = D.standoff + D.board
    for p in data["parts"]:
        body = BODY.get(p["footprint"])
        if body is None or (refs is not None and p["ref"] not in refs):
            continue
        x1, y1, x2, y2, height, colour = body
        where = Pos(p["x"], -p["y"], z) * Rot(0, 0, p["rot"])

        def block(ax, ay, bx, by, az, bz, where=where):
            return where * Pos(ax, -by, az) * Box(bx - ax, by - ay, bz - az, align=CORNER)

        if p["footprint"].startswith("R_Axial") or p["footprint"].startswith("D_DO"):
            long = x2 - x1
            cyl = where * Pos((x1 + x2) / 2, 0, height / 2 + 0.3) * Rot(0, 90, 0) * Cylinder(height / 2, long)
            out.append((colour, cyl))
            if p["footprint"].startswith("D_DO"):
                band = where * Pos(x1 + 0.9, 0, height / 2 + 0.3) * Rot(0, 90, 0) * Cylinder(height / 2 + 0.04, 0.7)
                out.append(("metal" if colour == "black" else "black", band))
            pitch = 10.16 if "10.16" in p["footprint"] else 7.62
            out.append(("metal", where * Pos(pitch / 2, 0, height / 2 + 0.3) * Rot(0, 90, 0) * Cylinder(0.3, pitch)))
        elif p["footprint"].startswith("CP_Radial"):
            out.append((colour, where * Pos(1.75, 0, 0.2) * Cylinder(4, height, align=LOW)))
        elif p["footprint"] == "Pico_Socket":
            for x in (0, 17.78):
                out.append(("black", block(x - 1.27, -1.27, x + 1.27, 49.5, 0, 11)))
            out.append((colour, block(x1, y1, x2, y2, 11, 12)))
            out.append(("metal", block(4.9, -2.7, 12.9, 3.0, 12, 14.7)))
            out.append(("black", block(5.4, 19, 12.4, 26, 12, 12.9)))
            out.append(("relay", block(12.6, 10.5, 15.6, 14.5, 12, 13.6)))
        elif p["footprint"].startswith("RJ14"):
            shell = block(x1, y1, x2, y2, 0, height) - block(x1 + 1.6, y1 - 1, x2 - 1.6, y1 + 9, 2.2, height - 2.2)
            out.append((colour, shell))
        elif p["footprint"].startswith("TerminalBlock"):
            solid = block(x1, y1, x2, y2, 0, height)
            n = 3 if "-3-" in p["footprint"] else 4
            for k in range(n):
                solid -= block(5.08 * k - 1.7, 2.0, 5.08 * k + 1.7, 6, 1.2, 5.2)
                solid -= where * Pos(5.08 * k, 0, height - 1.2) * Cylinder(1.9, 3, align=LOW)
            out.append((colour, solid))
            for k in range(n):
                out.append(("metal", where * Pos(5.08 * k, 0, height - 1.6) * Cylinder(1.8, 0.5, align=LOW)))
        else:
            out.append((colour, block(x1, y1, x2, y2, 0.2, height)))
    return out


def button_model(data: dict, button: Button) -> list[tuple[str, object]]:
    b = Box3(data)
    top = b.top + D.lid
    with BuildPart() as body:
        with Locations((b.cx, b.cy, top)):
            Cylinder(button.flange / 2, 3, align=LOW)
        with Locations((b.cx, b.cy, top)):
            Cylinder(button.flange / 2 - 4, 10 if button is SMALL else 16, align=LOW)
        chamfer(body.faces().sort_by(Axis.Z)[-1].edges(), 3 if button is SMALL else 8)
        with Locations((b.cx, b.cy, top - 30)):
            Cylinder(button.hole / 2 - 0.2, 30, align=LOW)
    with BuildPart() as switch, Locations((b.cx, b.cy, top - 42)):
        Box(12, 20, 12, align=LOW)
    with BuildPart() as ring:
        with BuildSketch(Plane.XY.offset(b.top - 3.2)), Locations((b.cx, b.cy)):
            Circle(button.ring_out / 2)
            Circle(button.ring_in / 2, mode=Mode.SUBTRACT)
        extrude(amount=1.6)
    pixels = []
    r = (button.ring_out + button.ring_in) / 4
    for k in range(button.pixels):
        a = 2 * math.pi * k / button.pixels
        pixels.append(
            Pos(b.cx + r * math.cos(a), b.cy + r * math.sin(a), b.top - 1.6)
            * Rot(0, 0, math.degrees(a))
            * Box(5, 5, 1.6, align=LOW)
        )
    return [("button", body.part), ("black", switch.part), ("ring", ring.part), ("pixel", Compound(pixels))]


def module_model(data: dict) -> list[tuple[str, object]]:
    """The sound module in its socket and its two wires to J6."""
    j5, j6 = place(data, "J5"), place(data, "J6")
    x, y, z = j5["x"], -j5["y"], D.standoff + D.board + 11.0
    out = [
        ("dac", Pos(x - 1.27, y - 2.54, z) * Box(17.78, 19.05, 1.6, align=CORNER)),
        ("black", Pos(x - 1.27, y - 1.27, z - 2.5) * Box(17.78, 2.54, 2.5, align=CORNER)),
        ("black", Pos(x + 6.0, y + 3.6, z + 1.6) * Box(3, 3, 0.8, align=CORNER)),
        ("green", Pos(x + 3.9, y + 9.4, z + 1.6) * Box(7.4, 7.0, 8.5, align=CORNER)),
    ]
    for k, colour in enumerate(("lid", "button")):
        start = Vector(x + 5.8 + 3.5 * k, y + 16.4, z + 4)
        end = Vector(j6["x"] + 2.54 * k, -j6["y"], D.standoff + D.board + 1)
        over = Vector(end.X - 3 + 1.5 * k, end.Y + 9, z + 3)
        path = Spline(start, over, end, tangents=[Vector(0, 1, 0.3), Vector(0, 0, -1)])
        out.append((colour, sweep(Plane(origin=path @ 0, z_dir=path % 0) * Circle(0.7), path=path)))
    return out


def save_mesh(name: str, bodies: list[tuple[str, object]]) -> None:
    """Triangles with colours, for tools/render.py."""
    out = []
    for colour, solid in bodies:
        points, faces = solid.tessellate(0.08, 0.25)
        flat = [[round(c, 3) for c in (p.X, p.Y, p.Z)] for p in points]
        out.append({"colour": COLOURS[colour], "points": flat, "faces": [list(f) for f in faces]})
        if colour == "pcb":
            out[-1]["board"] = board_data()["size"]
    (BUILD / "mesh").mkdir(parents=True, exist_ok=True)
    (BUILD / "mesh" / f"{name}.json").write_text(json.dumps(out))


STEPS = {  # build guide: what is soldered in which step
    "step1": {"R", "D"},
    "step2": {"U2", "U4", "U5", "C2", "C3", "C4", "C5", "C7"},
    "step3": {"Q", "U3", "D6", "F1", "C1"},
    "step4": {"J", "K", "T1", "C6", "PS1"},
}


def step_refs(data: dict, upto: int) -> set[str]:
    got: set[str] = set()
    for k in range(1, upto + 1):
        for p in data["parts"]:
            ref = p["ref"]
            kind = ref.rstrip("0123456789")
            wanted = STEPS[f"step{k}"]
            if ref in wanted or (kind in wanted and ref not in ("D6",)):
                got.add(ref)
    return got


def main() -> None:
    data = board_data()
    stl = FAB / "stl"
    stl.mkdir(parents=True, exist_ok=True)
    parts = {"base": base(data).part}
    for button in (SMALL, LARGE):
        parts[f"lid-{button.name}"] = lid(data, button).part
        parts[f"light-guide-{button.name}"] = guide(data, button).part
    for name, part in parts.items():
        assert len(part.solids()) == 1, f"{name}: {len(part.solids())} separate solids"
        assert part.is_valid if isinstance(part.is_valid, bool) else part.is_valid(), name
        printed = Rot(180, 0, 0) * part if name.startswith("lid") else part
        box = printed.bounding_box()
        printed = Pos(-box.center().X, -box.center().Y, -box.min.Z) * printed
        export_stl(printed, str(stl / f"{name}.stl"), tolerance=0.05, angular_tolerance=0.2)
        size = printed.bounding_box().size
        print(f"{name}: {size.X:.1f} x {size.Y:.1f} x {size.Z:.1f} mm, {part.volume / 1000:.1f} cm3")
    model = board_model(data)
    # without colours: OpenCASCADE writes those in the order of memory addresses, new on every run
    for solids, name in (
        (model, "board"),
        ([("base", parts["base"]), ("lid", parts["lid-30mm"]), ("guide", parts["light-guide-30mm"])], "enclosure"),
    ):
        shapes = []
        for k, (colour, solid) in enumerate(solids):
            solid.label = f"{colour}-{k}"
            shapes.append(solid)
        export_step(Compound(label=name, children=shapes), str(FAB / f"{name}.step"), timestamp="2026-01-01T00:00:00")
    for k in range(1, 5):
        save_mesh(f"board-step{k}", board_model(data, step_refs(data, k)))
    save_mesh("board", model)
    save_mesh("board-step5", [*model, *module_model(data)])
    inside = [("base", parts["base"]), *model, *module_model(data)]
    save_mesh("base", [("base", parts["base"])])
    save_mesh("inside", inside)
    for button in (SMALL, LARGE):
        cover = [
            ("lid", parts[f"lid-{button.name}"]),
            ("guide", parts[f"light-guide-{button.name}"]),
            *button_model(data, button),
        ]
        save_mesh(f"closed-{button.name}", [*inside, *cover])
        save_mesh(f"exploded-{button.name}", [*inside, *[(c, Pos(0, 0, 45) * s) for c, s in cover]])
        save_mesh(f"lid-{button.name}", cover)


if __name__ == "__main__":
    main()
