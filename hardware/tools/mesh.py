# SPDX-License-Identifier: CERN-OHL-P-2.0
"""Check STL files for printing: closed, turned outwards, one body, flat on the bed, small enough. No packages.

usage: python -m hardware.tools.mesh FILE_OR_FOLDER...
"""

from __future__ import annotations

import struct
import sys
from collections import Counter
from pathlib import Path

BED = (200.0, 200.0, 200.0)  # mm
Point = tuple[float, float, float]


def load(path: Path) -> list[tuple[Point, Point, Point]]:
    """Triangles of a binary STL."""
    data = path.read_bytes()
    (count,) = struct.unpack_from("<I", data, 80)
    if len(data) != 84 + 50 * count:
        raise ValueError(f"{path.name} is not a binary STL")
    out = []
    for k in range(count):
        v = struct.unpack_from("<9f", data, 84 + 50 * k + 12)
        out.append(tuple(tuple(round(c, 4) for c in v[i : i + 3]) for i in (0, 3, 6)))
    return out


def faults(path: Path) -> list[str]:
    """What is wrong with a printable part; an empty list is good."""
    triangles = [t for t in load(path) if len(set(t)) == 3]
    edges: Counter = Counter()
    parent: dict[Point, Point] = {}

    def find(a: Point) -> Point:
        parent.setdefault(a, a)
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        return a

    volume = 0.0
    flat = 0.0
    for a, b, c in triangles:
        volume += (
            a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
        ) / 6
        if max(a[2], b[2], c[2]) < 1e-3:
            flat += abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2
        for p, q in ((a, b), (b, c), (c, a)):
            edges[p, q] += 1
            parent[find(p)] = find(q)
    points = list(parent)
    size = [max(p[k] for p in points) - min(p[k] for p in points) for k in range(3)]
    bad = []
    if leaks := sum(n != edges.get((q, p), 0) for (p, q), n in edges.items()):
        bad.append(f"{leaks} open edges: not watertight")
    if volume <= 0:
        bad.append("inside out")
    if (bodies := len({find(p) for p in points})) != 1:
        bad.append(f"{bodies} separate bodies")
    if abs(min(p[2] for p in points)) > 1e-3:
        bad.append("does not stand on the bed")
    if flat < 100:
        bad.append(f"touches the bed with {flat:.0f} mm2 only: wrong way up?")
    if any(s > limit for s, limit in zip(size, BED, strict=True)):
        bad.append(f"{size[0]:.0f} x {size[1]:.0f} x {size[2]:.0f} mm does not fit a 200 mm bed")
    return bad


def main(args: list[str]) -> int:
    paths = [f for a in map(Path, args) for f in (sorted(a.glob("*.stl")) if a.is_dir() else [a])]
    status = 0
    for path in paths:
        bad = faults(path)
        status |= bool(bad)
        print(f"{'FAIL' if bad else 'ok  '} {path.name} {'; '.join(bad)}")
    return status if paths else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
