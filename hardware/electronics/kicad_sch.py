# SPDX-License-Identifier: CERN-OHL-P-2.0

"""Write and read KiCad 6 schematics (.kicad_sch, format 20211123) without KiCad.

Symbols are copied from the installed KiCad libraries, or made by `box_symbol`; identifiers are derived from
names, so the same drawing gives the same bytes. `netlist()` reads any one-sheet schematic back, which is how
the drawing is compared with circuit.py on a machine that has no KiCad.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
import uuid
from collections.abc import Iterable
from pathlib import Path

KICAD_SYMBOLS = Path("/usr/share/kicad/symbols")
NAMESPACE = uuid.UUID("a9f1c5de-0e6d-4c5b-8d52-3e5d1c6c6a11")
U = 2.54  # one unit of the drawing, mm


class Quoted(str):
    """A string that KiCad writes in quotes."""


TOKEN = re.compile(r'\s*(?:([()])|"((?:[^"\\]|\\.)*)"|([^\s()"]+))')


def parse(text: str) -> list:
    """One s-expression as nested lists."""
    stack: list[list] = [[]]
    pos, end = 0, len(text.rstrip())
    while pos < end:
        m = TOKEN.match(text, pos)
        pos = m.end()
        if m[1] == "(":
            stack.append([])
        elif m[1] == ")":
            done = stack.pop()
            stack[-1].append(done)
        elif m[2] is not None:
            stack[-1].append(Quoted(m[2].replace('\\"', '"').replace("\\\\", "\\")))
        else:
            stack[-1].append(m[3])
    return stack[0][0]


def dump(node, depth: int = 0) -> str:
    """The text of an s-expression; short lists stay on one line."""
    if isinstance(node, Quoted):
        return '"' + node.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(node, float):
        return f"{node:.4f}".rstrip("0").rstrip(".")
    if not isinstance(node, list):
        return str(node)
    flat = "(" + " ".join(dump(e) for e in node) + ")"
    if len(flat) < 100 and "\n" not in flat:
        return flat
    pad = "\n" + "  " * (depth + 1)
    parts = [(pad if isinstance(e, list) else " ") + dump(e, depth + 1) for e in node]
    return "(" + "".join(parts).lstrip() + "\n" + "  " * depth + ")"


def children(node: list, key: str) -> list[list]:
    return [e for e in node if isinstance(e, list) and e and e[0] == key]


def child(node: list, key: str) -> list | None:
    return next(iter(children(node, key)), None)


# ---------------------------------------------------------------- symbols
_libraries: dict[str, dict[str, list]] = {}


def library_symbol(lib_id: str) -> list:
    """A symbol from KiCad's library, with `extends` resolved as the schematic editor does."""
    lib, name = lib_id.split(":")
    if lib not in _libraries:
        text = (KICAD_SYMBOLS / f"{lib}.kicad_sym").read_text(encoding="utf8")
        _libraries[lib] = {str(s[1]): s for s in children(parse(text), "symbol")}
    sym = copy.deepcopy(_libraries[lib][name])
    if parent := child(sym, "extends"):
        base = copy.deepcopy(_libraries[lib][str(parent[1])])
        own = {str(p[1]): p for p in children(sym, "property")}
        body = [e for e in base[2:] if not (isinstance(e, list) and e[0] == "property" and str(e[1]) in own)]
        for e in body:
            if isinstance(e, list) and e[0] == "symbol":
                e[1] = Quoted(name + e[1][len(str(parent[1])) :])
        sym = ["symbol", Quoted(name), *body, *own.values()]
    sym[1] = Quoted(lib_id)
    return sym


def effects(size: float = 1.27, justify: str = "", hide: bool = False) -> list:
    e: list = ["effects", ["font", ["size", size, size]]]
    if justify:
        e.append(["justify", *justify.split()])
    return [*e, "hide"] if hide else e


def _stroke(width: float = 0.0, kind: str = "default") -> list:
    return ["stroke", ["width", width], ["type", kind], ["color", 0, 0, 0, 0]]


def box_symbol(lib_id: str, left: list, right: list, width: float, extra: Iterable[list] = ()) -> list:
    """A rectangle with pins. left/right: (number, name, type) from top to bottom, None for a space. Units of U."""
    name = lib_id.split(":")[1]
    rows = max(len(left), len(right))
    top = (rows - 1) / 2
    half = width / 2
    pins = []
    for side, x, angle in ((left, -half - 1, 0), (right, half + 1, 180)):
        for k, pin in enumerate(side):
            if pin:
                number, label, kind = pin
                pins.append(
                    ["pin", kind, "line", ["at", x * U, (top - k) * U, angle], ["length", U]]
                    + [["name", Quoted(label), effects()], ["number", Quoted(number), effects()]]
                )
    body = ["rectangle", ["start", -half * U, (top + 1) * U], ["end", half * U, (-top - 1) * U]]
    body += [_stroke(0.254), ["fill", ["type", "background"]]]
    props = [
        ["property", Quoted(k), Quoted(v), ["id", i], ["at", 0.0, y * U, 0], effects(hide=i > 1)]
        for i, (k, v, y) in enumerate(
            (("Reference", "U", top + 1.8), ("Value", name, -top - 1.8), ("Footprint", "", 0), ("Datasheet", "", 0))
        )
    ]
    return [
        "symbol", Quoted(lib_id), ["pin_names", ["offset", 0.508]], ["in_bom", "yes"], ["on_board", "yes"], *props,
        ["symbol", Quoted(f"{name}_0_1"), body, *extra],
        ["symbol", Quoted(f"{name}_1_1"), *pins],
    ]  # fmt: skip


def arc(x: float, y: float, r: float, side: int) -> list:
    """Half a circle, for the windings of a transformer; side -1 bulges left, 1 right. mm."""
    node = ["arc", ["start", x, y + r], ["mid", x + side * r, y], ["end", x, y - r]]
    return [*node, _stroke(0.254), ["fill", ["type", "none"]]]


def line(*points: tuple[float, float], width: float = 0.254) -> list:
    return ["polyline", ["pts", *(["xy", *p] for p in points)], _stroke(width), ["fill", ["type", "none"]]]


def pins_of(sym: list) -> list[tuple[str, str, str, float, float, float, bool]]:
    """(number, name, type, x, y, angle, hidden) of every pin of the first unit, in symbol space (mm, y up)."""
    out = []
    for unit in children(sym, "symbol"):
        number, style = map(int, str(unit[1]).rsplit("_", 2)[1:])
        if number in (0, 1) and style in (0, 1):
            for p in children(unit, "pin"):
                at = [float(v) for v in child(p, "at")[1:4]]
                out.append((str(child(p, "number")[1]), str(child(p, "name")[1]), p[1], *at, "hide" in p))
    return out


def to_sheet(x: float, y: float, rot: float, mirror: str | None) -> tuple[float, float]:
    """Symbol space (y up) to sheet space (y down), relative to the symbol's place."""
    a = math.radians(rot)
    c, s = round(math.cos(a)), round(math.sin(a))
    x, y = x * c - y * s, -x * s - y * c
    return (x, -y) if mirror == "x" else (-x, y) if mirror == "y" else (x, y)


# ---------------------------------------------------------------- writing
class Schematic:
    """A drawing. Coordinates are in units of 2.54 mm, y down."""

    def __init__(self, title: str, paper: str, rev: str, date: str, comments: Iterable[str] = ()) -> None:
        self.head = (title, paper, rev, date, list(comments))
        self.symbols: dict[str, list] = {}
        self.items: list[list] = []
        self.instances: list[tuple[str, str, str, str]] = []
        self.places: dict[str, dict[str, tuple[float, float, float, float]]] = {}
        self._power = self._serial = 0

    def uid(self, *key: object) -> str:
        self._serial += 1
        return str(uuid.uuid5(NAMESPACE, "|".join(map(str, key)) + f"#{self._serial}"))

    def place(
        self, lib_id: str, ref: str, value: str, x: float, y: float, *, rot: int = 0, mirror: str | None = None,
        symbol: list | None = None, footprint: str = "", fields: dict[str, str] | None = None,
        text: tuple[tuple[float, float], tuple[float, float]] | None = None, hide_value: bool = False,
    ) -> None:  # fmt: skip
        """Put a part down. `text`: places of reference and value relative to the part, in units."""
        if lib_id not in self.symbols:
            self.symbols[lib_id] = symbol or library_symbol(lib_id)
        pins = pins_of(self.symbols[lib_id])
        upright = rot in (90, 270)
        where: dict[str, tuple[float, float, float, float]] = {}
        for number, _, _, px, py, angle, _ in pins:
            dx, dy = to_sheet(px, py, rot, mirror)
            ox, oy = to_sheet(math.cos(math.radians(angle)), math.sin(math.radians(angle)), rot, mirror)
            where[number] = (x + dx / U, y + dy / U, -round(ox), -round(oy))
        self.places[ref] = where
        justify = ""
        if text is None:
            ends = list(where.values())
            if len(ends) == 2 and abs(ends[0][0] - ends[1][0]) > abs(ends[0][1] - ends[1][1]):
                text = ((0, -1.4), (0, 1.4))
            elif len(ends) == 2:
                text, justify = ((1.2, -0.5), (1.2, 0.5)), "left"
            else:
                at = {str(p[1]): child(p, "at") for p in children(self.symbols[lib_id], "property")}
                spots = []
                for k in ("Reference", "Value"):
                    dx, dy = to_sheet(float(at[k][1]), float(at[k][2]), rot, mirror)
                    spots.append((dx / U, dy / U))
                text = (spots[0], spots[1])
        else:
            justify = "left"
        if justify == "left" and (rot in (90, 180)) != (mirror == "y"):
            justify = "right"  # KiCad turns the justification with the symbol
        props = []
        rows = [("Reference", ref), ("Value", value), ("Footprint", footprint), ("Datasheet", "~")]
        rows += list((fields or {}).items())
        for i, (key, val) in enumerate(rows):
            dx, dy = text[min(i, 1)]
            hidden = i > 1 or (i == 0 and ref.startswith("#")) or (i == 1 and hide_value)
            props.append(
                [
                    "property",
                    Quoted(key),
                    Quoted(val),
                    ["id", i],
                    ["at", (x + dx) * U, (y + dy) * U, 90 if upright else 0],
                ]
                + [effects(justify=justify, hide=hidden)]
            )
        uid = self.uid("symbol", ref)
        node = ["symbol", ["lib_id", Quoted(lib_id)], ["at", x * U, y * U, rot]]
        if mirror:
            node.append(["mirror", mirror])
        power = ref.startswith("#")
        node += [
            ["unit", 1],
            ["in_bom", "no" if power else "yes"],
            ["on_board", "no" if ref.startswith("#FLG") else "yes"],
        ]
        node += [["uuid", uid], *props, *(["pin", Quoted(n), ["uuid", self.uid(ref, n)]] for n in where)]
        self.items.append(node)
        self.instances.append((uid, ref, value, footprint))

    def at(self, point: str | tuple[float, float]) -> tuple[float, float]:
        """ "R1.2" is where that pin ends; a pair is itself."""
        if isinstance(point, str):
            ref, pin = point.rsplit(".", 1)
            return self.places[ref][pin][:2]
        return point

    def wire(self, *points: str | tuple[float, float] | tuple[str, float]) -> None:
        """Lines through points. ("x", 5) and ("y", 5) go straight to that coordinate."""
        here: tuple[float, float] | None = None
        for p in points:
            if here is not None and isinstance(p, tuple) and isinstance(p[0], str):
                there = (p[1], here[1]) if p[0] == "x" else (here[0], p[1])
            else:
                there = self.at(p)
            if here is not None and there != here:
                ends = [["xy", here[0] * U, here[1] * U], ["xy", there[0] * U, there[1] * U]]
                self.items.append(["wire", ["pts", *ends], _stroke(), ["uuid", self.uid("wire", here, there)]])
            here = there

    def dot(self, *points: str | tuple[float, float]) -> None:
        for p in points:
            x, y = self.at(p)
            self.items.append(
                [
                    "junction",
                    ["at", x * U, y * U],
                    ["diameter", 0],
                    ["color", 0, 0, 0, 0],
                    ["uuid", self.uid("dot", x, y)],
                ]
            )

    def label(self, net: str, point: str | tuple[float, float], way: str = "right", run: float = 0.0) -> None:
        """A net name at the end of a line of `run` units. GND and +5V become power symbols."""
        dx, dy = {"right": (1, 0), "left": (-1, 0), "up": (0, -1), "down": (0, 1)}[way]
        x, y = self.at(point)
        if run:
            self.wire((x, y), (x + dx * run, y + dy * run))
            x, y = x + dx * run, y + dy * run
        if net == "GND" or net.startswith("+"):
            base = "down" if net == "GND" else "up"
            turn = ["up", "left", "down", "right"]
            rot = (turn.index(way) - turn.index(base)) % 4 * 90
            self._power += 1
            lift = {"up": (0, -1.5), "down": (0, 1.6), "left": (-2.3, 0), "right": (2.3, 0)}[way]
            self.place(f"power:{net}", f"#PWR{self._power:03d}", net, x, y, rot=rot, text=(lift, lift))
            children(self.items[-1], "property")[1][-1] = effects()
            return
        angle = {"right": 0, "up": 90, "left": 180, "down": 270}[way]
        justify = "left bottom" if angle in (0, 90) else "right bottom"
        self.items.append(
            [
                "label",
                Quoted(net),
                ["at", x * U, y * U, angle],
                effects(justify=justify),
                ["uuid", self.uid("label", net, x, y)],
            ]
        )

    def no_connect(self, point: str | tuple[float, float]) -> None:
        x, y = self.at(point)
        self.items.append(["no_connect", ["at", x * U, y * U], ["uuid", self.uid("nc", x, y)]])

    def text(self, words: str, x: float, y: float, size: float = 1.6) -> None:
        look = effects(size, "left bottom")
        self.items.append(["text", Quoted(words), ["at", x * U, y * U, 0], look, ["uuid", self.uid("text", words)]])

    def lines(self, *points: tuple[float, float], kind: str = "dash", width: float = 0.0) -> None:
        for a, b in itertools.pairwise(points):
            pts = ["pts", ["xy", a[0] * U, a[1] * U], ["xy", b[0] * U, b[1] * U]]
            self.items.append(["polyline", pts, _stroke(width, kind), ["uuid", self.uid("poly", a, b)]])

    def block(self, title: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self.lines((x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1))
        self.text(title, x1 + 1, y1 + 2.2, 2.2)

    def dumps(self) -> str:
        title, paper, rev, date, comments = self.head
        block = ["title_block", ["title", Quoted(title)], ["date", Quoted(date)], ["rev", Quoted(rev)]]
        block += [["comment", i + 1, Quoted(c)] for i, c in enumerate(comments)]
        tree = [
            "kicad_sch",
            ["version", "20211123"],
            ["generator", "eeschema"],
            ["uuid", str(uuid.uuid5(NAMESPACE, title))],
        ]
        tree += [["paper", Quoted(paper)], block, ["lib_symbols", *self.symbols.values()], *self.items]
        tree.append(["sheet_instances", ["path", Quoted("/"), ["page", Quoted("1")]]])
        paths = []
        for uid, ref, value, footprint in self.instances:
            paths.append(
                ["path", Quoted(f"/{uid}"), ["reference", Quoted(ref)], ["unit", 1], ["value", Quoted(value)]]
                + [["footprint", Quoted(footprint)]]
            )
        tree.append(["symbol_instances", *paths])
        return dump(tree) + "\n"


# ---------------------------------------------------------------- reading
def netlist(text: str) -> tuple[dict[str, set[str]], dict[str, tuple[str, str, dict[str, str]]], list[str]]:
    """({net: {"R1.1", ...}}, {ref: (value, footprint, fields)}, [pins that hang in the air])."""
    tree = parse(text)
    symbols = {str(s[1]): s for s in children(child(tree, "lib_symbols"), "symbol")}

    def key(x, y):
        return round(float(x) * 1000), round(float(y) * 1000)

    segments = [tuple(key(*p[1:3]) for p in child(w, "pts")[1:]) for w in children(tree, "wire")]
    parent: dict = {}

    def find(a):
        parent.setdefault(a, a)
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        return a

    def on(p, s):
        (x1, y1), (x2, y2) = s
        inside = min(x1, x2) <= p[0] <= max(x1, x2) and min(y1, y2) <= p[1] <= max(y1, y2)
        return inside and (x2 - x1) * (p[1] - y1) == (y2 - y1) * (p[0] - x1)

    for a, b in segments:
        parent[find(a)] = find(b)
    ends = {p for s in segments for p in s} | {key(*child(j, "at")[1:3]) for j in children(tree, "junction")}
    pins, parts, names = [], {}, {}
    for s in children(tree, "symbol"):
        lib_id = str(child(s, "lib_id")[1])
        x, y, rot = map(float, child(s, "at")[1:4])
        mirror = child(s, "mirror")
        props = {str(p[1]): str(p[2]) for p in children(s, "property")}
        ref = props["Reference"]
        if not ref.startswith("#"):
            extra = {k: v for k, v in props.items() if k not in ("Reference", "Value", "Footprint", "Datasheet")}
            parts[ref] = (props["Value"], props["Footprint"], extra)
        for number, _, kind, px, py, _, _ in pins_of(symbols[lib_id]):
            dx, dy = to_sheet(px, py, rot, mirror[1] if mirror else None)
            p = key(x + dx, y + dy)
            ends.add(p)
            pins.append((ref, number, p))
            if lib_id.startswith("power:") and kind == "power_in":
                names.setdefault(props["Value"], []).append(p)
    for lab in children(tree, "label"):
        p = key(*child(lab, "at")[1:3])
        ends.add(p)
        names.setdefault(str(lab[1]), []).append(p)
    for p in ends:
        for s in segments:
            if on(p, s):
                parent[find(p)] = find(s[0])
    for points in names.values():
        for p in points[1:]:
            parent[find(p)] = find(points[0])
    crosses = {key(*child(n, "at")[1:3]) for n in children(tree, "no_connect")}
    root_name: dict = {}
    for name, points in names.items():
        other = root_name.setdefault(find(points[0]), name)
        if other != name:
            raise ValueError(f"nets {other} and {name} are joined in the drawing")
    groups: dict = {}
    for ref, number, p in pins:
        if not ref.startswith("#"):
            groups.setdefault(find(p), set()).add(f"{ref}.{number}")
    loose = [
        f"{ref}.{number}"
        for ref, number, p in pins
        if not ref.startswith("#") and len(groups[find(p)]) == 1 and p not in crosses and find(p) not in root_name
    ]
    nets = {root_name.get(g) or "unnamed " + min(members): members for g, members in groups.items()}
    return {n: m for n, m in nets.items() if not (len(m) == 1 and n.startswith("unnamed"))}, parts, loose
