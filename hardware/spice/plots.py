# SPDX-License-Identifier: CERN-OHL-P-2.0
# ruff: noqa: E501 - plot descriptions
"""The four plots of the documentation, as SVG, from the same simulations that the tests assert.

usage: python -m hardware.spice.plots   (needs ngspice; writes hardware/fab/plots/*.svg)
"""

from __future__ import annotations

import math
from pathlib import Path

from hardware.spice import circuits as sim

OUT = Path(__file__).resolve().parents[1] / "fab" / "plots"
W, H, L, R, T, B = 760, 430, 70, 20, 44, 54
COLOURS = ("#1f5f99", "#2e7d32", "#8e5ea2", "#b8860b")


def plot(
    name: str, title: str, xlabel: str, ylabel: str, curves: list[tuple[str, list[tuple[float, float]]]],
    xticks: list[float], yticks: list[float], *, log: bool = False, limits: list[tuple[str, float, float, float]] = (),
) -> None:  # fmt: skip
    """One SVG. limits: (words, x1, x2, y) are drawn as red bars that the curve must stay below."""
    fx = (lambda v: math.log10(v)) if log else (lambda v: v)
    x0, x1, y0, y1 = fx(xticks[0]), fx(xticks[-1]), yticks[0], yticks[-1]

    def px(x: float) -> float:
        return L + (fx(x) - x0) / (x1 - x0) * (W - L - R)

    def py(y: float) -> float:
        return H - B - (y - y0) / (y1 - y0) * (H - T - B)

    s = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif" font-size="13">']
    s.append(f'<rect width="{W}" height="{H}" fill="#ffffff"/><text x="{L}" y="24" font-size="16">{title}</text>')
    for x in xticks:
        label = f"{x / 1000:g}k" if log and x >= 1000 else f"{x:g}"
        s.append(f'<path d="M{px(x):.1f} {T}V{H - B}" stroke="#ddd"/>')
        s.append(f'<text x="{px(x):.1f}" y="{H - B + 18}" text-anchor="middle">{label}</text>')
    for y in yticks:
        s.append(f'<path d="M{L} {py(y):.1f}H{W - R}" stroke="#ddd"/>')
        s.append(f'<text x="{L - 8}" y="{py(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for words, a, b, y in limits:
        a, b = max(a, xticks[0]), min(b, xticks[-1])
        s.append(f'<path d="M{px(a):.1f} {py(y):.1f}H{px(b):.1f}" stroke="#c0392b" stroke-width="4"/>')
        s.append(f'<text x="{px(a) + 4:.1f}" y="{py(y) - 7:.1f}" fill="#c0392b">{words}</text>')
    for k, (label, points) in enumerate(curves):
        inside = [(x, y) for x, y in points if xticks[0] <= x <= xticks[-1]]
        path = " ".join(f"{px(x):.1f},{min(max(py(y), T), H - B):.1f}" for x, y in inside)
        s.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[k % 4]}" stroke-width="2"/>')
        s.append(
            f'<text x="{W - R - 8}" y="{T + 18 + 18 * k}" text-anchor="end" fill="{COLOURS[k % 4]}">{label}</text>'
        )
    s.append(f'<text x="{(L + W - R) / 2}" y="{H - 14}" text-anchor="middle">{xlabel}</text>')
    s.append(
        f'<text x="18" y="{(T + H - B) / 2}" text-anchor="middle" transform="rotate(-90 18 {(T + H - B) / 2})">{ylabel}</text>'
    )
    s.append("</svg>")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.svg").write_text("\n".join(s) + "\n")


def main() -> None:
    corners = [sim.audio(**k) for _, k in sim.audio_corners()]
    level = [sim.dbm(sim.at(c, 1000)) for c in corners]
    loud, quiet = corners[level.index(max(level))], corners[level.index(min(level))]
    as_dbm = lambda c: [(f, sim.dbm(v)) for f, v in c]  # noqa: E731
    plot(
        "level", "A full-scale sine on a 600 ohm line", "Hz", "dBm",
        [("typical", as_dbm(sim.audio())), ("loudest corner", as_dbm(loud)), ("quietest corner", as_dbm(quiet))],
        [50, 100, 300, 1000, 3400, 10000, 100000], [-60, -50, -40, -30, -20, -10, 0, 10], log=True,
        limits=[("-9 dBm: no sine may be louder", 50, 100000, -9.0)],
    )  # fmt: skip
    sense = sim.sense()
    plot(
        "loop-sense", "Loop sense: what the Pico sees", "loop current, mA", "V",
        [("output", [(a * 1e3, o) for a, _, _, o in sense]), ("drop in the loop", [(a * 1e3, abs(d)) for a, d, _, _ in sense])],
        [-120, -100, -80, -60, -40, -18, 0, 18, 40, 60, 80, 100, 120], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5],
    )  # fmt: skip
    d = sim.relay_driver(5.0)
    low = sim.relay_driver(4.4, 1.1)
    coil = lambda d: [(t * 1e3, i * 1e3) for t, i in zip(d["time"], d["i(ll)"], strict=True)]  # noqa: E731
    plot(
        "relay", "Relay coil: on at 1 ms, off at 31 ms", "ms", "mA",
        [("5.0 V", coil(d)), ("4.4 V, coil +10 %", coil(low))], [0, 10, 20, 30, 40, 50], [0, 10, 20, 30, 40, 50],
        limits=[("must operate: 28 mA (70 %)", 5, 30, 28.0)],
    )  # fmt: skip
    o = sim.opening(60, 1.0)
    plot(
        "opening", "Line terminals when K1 opens 60 mA fed through 1 H (an old PBX)", "ms", "V",
        [("tip to ring", [(t * 1e3, v) for t, v in zip(o["time"], o["v(lt)"], strict=True)])],
        [0, 5, 10, 15, 20, 25, 30, 35, 40], [-400, -300, -200, -100, 0, 100, 200, 300, 400, 500],
        limits=[("350 V: D6 clamps", 0, 40, 350.0)],
    )  # fmt: skip


if __name__ == "__main__":
    main()
