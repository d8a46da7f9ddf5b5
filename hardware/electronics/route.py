# SPDX-License-Identifier: CERN-OHL-P-2.0
"""A small two-layer router: A* on a grid, rip up and try again, the same copper on every run.

It knows net classes and the isolation gap, treats every pad as through-hole and prefers the bottom layer for
vertical runs. What it draws is judged by KiCad's DRC, never by itself.
"""

from __future__ import annotations

import heapq
import math
import random
import time

import pcbnew
from pcbnew import FromMM, wxPointMM

from hardware.electronics.placement import GAP_X, ORIGIN, SIZE

GRID = 0.25
W, H = round(SIZE[0] / GRID) + 1, round(SIZE[1] / GRID) + 1
EDGE = 0.55  # copper to board edge
SLACK = 0.02
MOVES = [(dx, dy, math.hypot(dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
VIA_COST = 14.0


def disk(radius: float) -> list[tuple[int, int]]:
    n = math.ceil(radius / GRID)
    return [(i, j) for i in range(-n, n + 1) for j in range(-n, n + 1) if math.hypot(i, j) * GRID < radius]


class Router:
    def __init__(self, board, circuit, classes) -> None:
        self.board, self.classes = board, classes
        self.class_of = {n: circuit.NET_CLASS.get(n, "Default") for n in circuit.nets()}
        self.line_nets = circuit.LINE_NETS
        self.pads: list[tuple[str, float, float, float, float, bool]] = []
        self.of_net: dict[str, list[int]] = {}
        # sorted: KiCad's own order follows random identifiers
        for f in sorted(board.GetFootprints(), key=lambda f: f.GetReference()):
            for p in sorted(f.Pads(), key=lambda p: (p.GetNumber(), p.GetPosition().x, p.GetPosition().y)):
                x, y = p.GetPosition().x / 1e6 - ORIGIN[0], p.GetPosition().y / 1e6 - ORIGIN[1]
                box = p.GetBoundingBox()
                hole = p.GetDrillSize().x / 2e6 + (0.3 if p.GetAttribute() == pcbnew.PAD_ATTRIB_NPTH else 0)
                hw, hh = max(box.GetWidth() / 2e6, hole), max(box.GetHeight() / 2e6, hole)
                if f.GetReference().startswith("H"):
                    hw = hh = 3.4  # the head of the screw
                round_ = p.GetShape() == pcbnew.PAD_SHAPE_CIRCLE or f.GetReference().startswith("H")
                net = p.GetNetname()
                if net:
                    self.of_net.setdefault(net, []).append(len(self.pads))
                self.pads.append((net, x, y, hw, hh, round_))
        self.nets = {n: v for n, v in sorted(self.of_net.items()) if len(v) > 1}
        self.consumers = [(c, v) for c in classes for v in (False, True)]
        # how many foreign tracks stand too close to a cell, per consumer (class, is it a via) and layer
        self.taken = {k: [[0] * (W * H), [0] * (W * H)] for k in self.consumers}
        self.history = [[0.0] * (W * H), [0.0] * (W * H)]
        self.paths: dict[str, list[list[tuple[int, int, int]]]] = {n: [] for n in self.nets}
        self.walls: dict[tuple[str, bool], bytearray] = {}
        self._disks: dict[float, list[tuple[int, int]]] = {}

    def width(self, net: str) -> float:
        return self.classes[self.class_of[net]][0]

    def radius(self, cls: str, via: bool) -> float:
        return self.classes[cls][2 if via else 0] / 2

    def near(self, r: float) -> list[tuple[int, int]]:
        key = round(r, 3)
        if key not in self._disks:
            self._disks[key] = disk(key)
        return self._disks[key]

    def wall(self, net: str, via: bool) -> bytearray:
        """Cells where the centre of this net's track (or via) may never be: foreign pads, edge, gap, other side."""
        key = (net, via)
        if key in self.walls:
            return self.walls[key]
        cls = self.class_of[net]
        r = self.radius(cls, via)
        a = bytearray(W * H)
        x1, x2 = (GAP_X[1] + r, SIZE[0] - EDGE - r) if net in self.line_nets else (EDGE + r, GAP_X[0] - r)
        for j in range(H):
            y = j * GRID
            row_bad = y < EDGE + r or y > SIZE[1] - EDGE - r
            for i in range(W):
                if row_bad or not x1 <= i * GRID <= x2:
                    a[j * W + i] = 1
        for other, px, py, hw, hh, round_ in self.pads:
            if other == net:
                continue
            gap = max(self.classes[cls][1], self.classes[self.class_of[other]][1] if other else 0.25) + r + SLACK
            reach = max(hw, hh) * 1.42 + gap
            for j in range(max(0, int((py - reach) / GRID)), min(H - 1, int((py + reach) / GRID) + 1) + 1):
                for i in range(max(0, int((px - reach) / GRID)), min(W - 1, int((px + reach) / GRID) + 1) + 1):
                    dx, dy = abs(i * GRID - px), abs(j * GRID - py)
                    d = math.hypot(dx, dy) - hw if round_ else math.hypot(max(dx - hw, 0), max(dy - hh, 0))
                    if d < gap:
                        a[j * W + i] = 1
        self.walls[key] = a
        return a

    def stamp(self, net: str, sign: int) -> None:
        cls = self.class_of[net]
        for path in self.paths[net]:
            for k, (i, j, layer) in enumerate(path):
                is_via = k > 0 and path[k - 1][2] != layer and (i, j) not in self.own_cells(net)
                for ccls, cvia in self.consumers:
                    gap = max(self.classes[cls][1], self.classes[ccls][1]) + SLACK
                    r = gap + self.radius(cls, is_via) + self.radius(ccls, cvia)
                    arrays = self.taken[ccls, cvia]
                    for a in arrays if is_via else (arrays[layer],):
                        for di, dj in self.near(r):
                            if 0 <= i + di < W and 0 <= j + dj < H:
                                a[(j + dj) * W + i + di] += sign

    def cell(self, pad: int) -> tuple[int, int]:
        return round(self.pads[pad][1] / GRID), round(self.pads[pad][2] / GRID)

    def own_cells(self, net: str) -> set[tuple[int, int]]:
        return {self.cell(k) for k in self.nets[net]}

    def connect(self, net: str, penalty: float) -> bool:
        """Join all pads of a net, the nearest first. False if a pad cannot be reached."""
        cls = self.class_of[net]
        wall, wall_via = self.wall(net, False), self.wall(net, True)
        taken, taken_via = self.taken[cls, False], self.taken[cls, True]
        own = {j * W + i for i, j in self.own_cells(net)}
        left = list(self.nets[net])
        start = self.cell(left.pop(0))
        tree = {(*start, 0), (*start, 1)}
        paths = []
        while left:
            goals = {self.cell(k): k for k in left}
            spots = list(goals)

            def guess(i: int, j: int) -> float:
                return min(
                    max(abs(i - a), abs(j - b)) + 0.414 * min(abs(i - a), abs(j - b))
                    for a, b in spots  # noqa: B023
                )

            best = dict.fromkeys(tree, 0.0)
            came: dict = {}
            queue = [(guess(c[0], c[1]), 0.0, c, None) for c in sorted(tree)]
            heapq.heapify(queue)
            done = set()
            end = None
            while queue:
                _, g, c, way = heapq.heappop(queue)
                if c in done:
                    continue
                done.add(c)
                i, j, layer = c
                if (i, j) in goals:
                    end = c
                    break
                here = j * W + i
                for di, dj, length in MOVES:
                    ii, jj = i + di, j + dj
                    if not (0 <= ii < W and 0 <= jj < H):
                        continue
                    k = jj * W + ii
                    if wall[k] and k not in own:
                        continue
                    # each layer has its easy direction: top runs sideways, bottom runs up and down
                    against = 0.25 if (layer == 0) == (di == 0) and not (di and dj) else 0.0
                    cost = g + length * (1 + against + self.history[layer][k]) + penalty * taken[layer][k]
                    if way is not None and way != (di, dj):
                        cost += 0.4
                    n = (ii, jj, layer)
                    if cost < best.get(n, 1e18):
                        best[n] = cost
                        came[n] = c
                        heapq.heappush(queue, (cost + guess(ii, jj), cost, n, (di, dj)))
                if here in own:
                    cost = g
                elif wall_via[here]:
                    continue
                else:
                    cost = g + VIA_COST + penalty * (taken_via[0][here] + taken_via[1][here])
                n = (i, j, 1 - layer)
                if cost < best.get(n, 1e18):
                    best[n] = cost
                    came[n] = c
                    heapq.heappush(queue, (cost + guess(i, j), cost, n, None))
            if end is None:
                return False
            path = [end]
            while path[-1] not in tree:
                path.append(came[path[-1]])
            paths.append(path[::-1])
            tree.update(path)
            pad = goals[end[:2]]
            left.remove(pad)
            tree.update({(*end[:2], 0), (*end[:2], 1)})
        self.paths[net] = paths
        return True

    def conflicts(self) -> list[str]:
        bad = []
        for net in self.nets:
            cls = self.class_of[net]
            own = self.own_cells(net)
            self.stamp(net, -1)
            hit = False
            for path in self.paths[net]:
                for k, (i, j, layer) in enumerate(path):
                    here = j * W + i
                    via = k > 0 and path[k - 1][2] != layer and (i, j) not in own
                    layers = (0, 1) if via else (layer,)
                    if any(self.taken[cls, via][la][here] for la in layers):
                        hit = True
                        for la in layers:
                            self.history[la][here] += 0.5
            self.stamp(net, 1)
            if hit:
                bad.append(net)
        return bad

    def run(self) -> None:
        def span(net: str) -> float:
            xs, ys = zip(*(self.pads[k][1:3] for k in self.nets[net]), strict=True)
            return max(xs) - min(xs) + max(ys) - min(ys)

        t0 = time.time()
        order = sorted(self.nets, key=lambda n: (n in ("GND",), n in ("+5V",), span(n), n))
        todo = order
        for turn in range(60):
            penalty = 1.0 * 1.4 ** min(turn, 12)
            for net in todo:
                self.stamp(net, -1)
                if not self.connect(net, penalty):
                    raise SystemExit(f"no way at all for net {net}: move its parts")
                self.stamp(net, 1)
            todo = self.conflicts()
            print(f"turn {turn}: {len(todo)} nets too close, {time.time() - t0:.0f} s", flush=True)
            if not todo:
                return
            random.Random(turn).shuffle(todo)
        raise SystemExit(f"still too close after 60 turns: {todo}")

    def draw(self) -> None:
        def point(x: float, y: float):
            return wxPointMM(round(ORIGIN[0] + x, 4), round(ORIGIN[1] + y, 4))

        for net, paths in self.paths.items():
            exact = {self.cell(k): self.pads[k][1:3] for k in self.nets[net]}
            code = self.board.FindNet(net)
            width, _, via_d, via_drill = self.classes[self.class_of[net]]

            def place(c, exact=exact):
                return exact.get(c[:2]) or (c[0] * GRID, c[1] * GRID)

            for path in paths:
                k = 0
                while k < len(path) - 1:
                    here = path[k]
                    if path[k + 1][2] != here[2]:
                        if here[:2] not in exact:
                            v = pcbnew.PCB_VIA(self.board)
                            v.SetPosition(point(*place(here)))
                            v.SetWidth(FromMM(via_d))
                            v.SetDrill(FromMM(via_drill))
                            v.SetNet(code)
                            self.board.Add(v)
                        k += 1
                        continue
                    step = (path[k + 1][0] - here[0], path[k + 1][1] - here[1])
                    e = k + 1
                    while (
                        e + 1 < len(path)
                        and path[e + 1][2] == here[2]
                        and (path[e + 1][0] - path[e][0], path[e + 1][1] - path[e][1]) == step
                        and path[e][:2] not in exact
                    ):
                        e += 1
                    t = pcbnew.PCB_TRACK(self.board)
                    t.SetStart(point(*place(here)))
                    t.SetEnd(point(*place(path[e])))
                    t.SetWidth(FromMM(width))
                    t.SetLayer((pcbnew.F_Cu, pcbnew.B_Cu)[here[2]])
                    t.SetNet(code)
                    self.board.Add(t)
                    k = e


def route(board, circuit, classes) -> None:
    """Draw all copper of the board. Raises SystemExit if it cannot."""
    r = Router(board, circuit, classes)
    r.run()
    r.draw()
