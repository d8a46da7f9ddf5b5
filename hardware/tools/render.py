# SPDX-License-Identifier: CERN-OHL-P-2.0
"""Draw triangles with a small software renderer: depth buffer, two lights, edges. Needs numpy and Pillow.

The board carries the picture made from its gerbers (tools/pictures.py), so its print can be read.

usage: hardware/build/venv/bin/python -m hardware.tools.render
Reads hardware/build/mesh/*.json, writes hardware/fab/pictures/*.png. These are drawings, not photographs.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HARDWARE = Path(__file__).resolve().parents[1]
MESH, OUT = HARDWARE / "build" / "mesh", HARDWARE / "fab" / "pictures"
# picture: (mesh, azimuth, elevation in degrees, flip upside down)
VIEWS = {
    "board": ("board", -62, 48, False),
    "step1": ("board-step1", -75, 60, False),
    "step2": ("board-step2", -75, 60, False),
    "step3": ("board-step3", -75, 60, False),
    "step4": ("board-step4", -75, 60, False),
    "step5": ("board-step5", -62, 42, False),
    "inside": ("inside", -60, 52, False),
    "base": ("base", -60, 45, False),
    "lid-underside": ("lid-30mm", -60, 50, True),
    "exploded": ("exploded-30mm", -58, 24, False),
    "closed-30mm": ("closed-30mm", -52, 30, False),
    "closed-60mm": ("closed-60mm", -52, 30, False),
}
SIZE, OVER = (1100, 820), 2
PRINT = HARDWARE / "build" / "pcb-print.png"  # upper side of the board, as large as the board


def png(path: Path, image: np.ndarray) -> None:
    h, w, _ = image.shape
    raw = b"".join(b"\0" + image[y].tobytes() for y in range(h))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    )


def camera(azimuth: float, elevation: float) -> np.ndarray:
    a, e = math.radians(azimuth), math.radians(elevation)
    toward = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0.0])
    return np.stack([right, np.cross(toward, right), toward])


def paint_board(bodies, owner, normal, depth, view, mid, scale):
    """Which pixels show the upper side of the board, and the colour of its print there."""
    board = next((k for k, b in enumerate(bodies) if b.get("board")), None)
    if board is None or not PRINT.exists():
        return None
    h, w = owner.shape
    up = view @ np.array([0.0, 0.0, 1.0])
    where = (owner == board) & (normal @ up > 0.9)
    ys, xs = np.nonzero(where)
    seen = np.stack([(xs + 0.5 - w / 2) / scale + mid[0], (h / 2 - ys - 0.5) / scale + mid[1], depth[ys, xs]], -1)
    model = seen @ view  # the rows of `view` are the camera's axes in the model
    picture = np.asarray(Image.open(PRINT).convert("RGB")) / 255.0
    ph, pw, _ = picture.shape
    wide, high = bodies[board]["board"]
    u = np.clip((model[:, 0] / wide * pw).astype(int), 0, pw - 1)
    v = np.clip((-model[:, 1] / high * ph).astype(int), 0, ph - 1)
    return where, picture[v, u]


def draw(bodies: list[dict], azimuth: float, elevation: float, flip: bool) -> np.ndarray:
    w, h = SIZE[0] * OVER, SIZE[1] * OVER
    view = camera(azimuth, elevation)
    if flip:
        view = view @ np.diag([1.0, -1.0, -1.0])
    clouds = [np.array(b["points"]) @ view.T for b in bodies]
    every = np.concatenate(clouds)
    low, high = every[:, :2].min(0), every[:, :2].max(0)
    scale = 0.92 * min(w / (high[0] - low[0]), h / (high[1] - low[1]))
    mid = (low + high) / 2
    depth = np.full((h, w), -1e9)
    normal = np.zeros((h, w, 3), np.float32)
    owner = np.full((h, w), -1, np.int32)
    for k, (body, cloud) in enumerate(zip(bodies, clouds, strict=True)):
        pts = np.empty_like(cloud)
        pts[:, 0] = (cloud[:, 0] - mid[0]) * scale + w / 2
        pts[:, 1] = h / 2 - (cloud[:, 1] - mid[1]) * scale
        pts[:, 2] = cloud[:, 2]
        for f in body["faces"]:
            a, b, c = pts[f[0]], pts[f[1]], pts[f[2]]
            n = np.cross(cloud[f[1]] - cloud[f[0]], cloud[f[2]] - cloud[f[0]])
            length = math.sqrt(n @ n)
            if length < 1e-12 or n[2] <= 0:
                continue
            x0, x1 = max(int(min(a[0], b[0], c[0])), 0), min(int(max(a[0], b[0], c[0])) + 2, w)
            y0, y1 = max(int(min(a[1], b[1], c[1])), 0), min(int(max(a[1], b[1], c[1])) + 2, h)
            if x0 >= x1 or y0 >= y1:
                continue
            area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            if abs(area) < 1e-9:
                continue
            xs, ys = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
            u = ((xs - a[0]) * (c[1] - a[1]) - (ys - a[1]) * (c[0] - a[0])) / area
            v = ((b[0] - a[0]) * (ys - a[1]) - (b[1] - a[1]) * (xs - a[0])) / area
            z = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
            part = depth[y0:y1, x0:x1]
            hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (z > part)
            part[hit] = z[hit]
            normal[y0:y1, x0:x1][hit] = n / length
            owner[y0:y1, x0:x1][hit] = k
    colours = np.array([b["colour"] for b in bodies] + [[1.0, 1.0, 1.0]])
    lights = (np.array([-0.45, 0.55, 0.70]), 0.75), (np.array([0.7, 0.1, 0.5]), 0.25)
    shade = np.full((h, w), 0.34)
    for way, power in lights:
        shade += power * np.clip(normal @ (way / np.linalg.norm(way)), 0, 1) * 0.8
    base = colours[owner]
    printed = paint_board(bodies, owner, normal, depth, view, mid, scale)
    if printed is not None:
        where, rgb = printed
        base[where] = rgb
    image = base * np.where(owner < 0, 1.0, shade)[..., None]
    # edges: where the depth jumps or the surface turns
    step = 0.9
    edge = np.zeros((h, w), bool)
    for axis in (0, 1):
        jump = np.abs(np.diff(depth, axis=axis)) > step
        turn = (np.diff(normal, axis=axis) ** 2).sum(-1) > 0.25
        change = np.diff(owner, axis=axis) != 0
        mark = jump | turn | change
        if axis == 0:
            edge[1:] |= mark
        else:
            edge[:, 1:] |= mark
    image[edge] *= 0.45
    image = np.clip(image, 0, 1).reshape(SIZE[1], OVER, SIZE[0], OVER, 3).mean((1, 3))
    return (image * 255 + 0.5).astype(np.uint8)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (mesh, azimuth, elevation, flip) in VIEWS.items():
        bodies = json.loads((MESH / f"{mesh}.json").read_text())
        png(OUT / f"{name}.png", draw(bodies, azimuth, elevation, flip))
        print(f"hardware/fab/pictures/{name}.png")


if __name__ == "__main__":
    main()
