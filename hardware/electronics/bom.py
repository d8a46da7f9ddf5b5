# SPDX-License-Identifier: CERN-OHL-P-2.0
# ruff: noqa: E501 - tables: one part per line is easier to compare than to wrap
"""The bill of materials and a readable netlist, from circuit.py.

usage: python -m hardware.electronics.bom   (writes hardware/fab/bom.csv, bom-kit.csv, netlist.txt)
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from hardware.electronics.circuit import LOOSE, PARTS, Part, nets

FAB = Path(__file__).resolve().parents[1] / "fab"
COLUMNS = (
    "References",
    "Quantity",
    "Value",
    "Part number",
    "Maker",
    "Mouser",
    "Digi-Key",
    "Price class (EUR each)",
    "Footprint",
    "Why it is there",
    "Substitutes",
)
PRICE = {"a": "below 0.20", "b": "0.20 to 1", "c": "1 to 5", "d": "5 to 12", "": ""}


def natural(ref: str) -> tuple[str, int]:
    """Sort key: R2 before R10."""
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", ref).groups()
    return letters, int(digits)


def bom_text(kit: bool = False) -> str:
    """The BOM as CSV. `kit=True`: only what the variant without a PCB needs."""
    groups: dict[tuple, list[Part]] = {}
    for p in PARTS:
        if p.bom and (p.kit or not kit):
            groups.setdefault((p.mpn, p.value, p.footprint), []).append(p)
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(COLUMNS)
    for parts in sorted(groups.values(), key=lambda g: natural(min((p.ref for p in g), key=natural))):
        parts.sort(key=lambda p: natural(p.ref))
        first = parts[0]
        why = first.why if len(parts) == 1 else "; ".join(f"{p.ref}: {p.why}" for p in parts)
        write.writerow(
            [
                " ".join(p.ref for p in parts),
                len(parts),
                first.value,
                first.mpn,
                first.maker,
                first.mouser,
                first.digikey,
                PRICE[first.price],
                first.footprint.split(":")[1] if not kit else "",
                why,
                first.substitutes,
            ]
        )
    for what, quantity, mpn, maker, mouser, digikey, price, why in LOOSE:
        write.writerow(["-", quantity, what, mpn, maker, mouser, digikey, PRICE[price], "", why, ""])
    if kit:
        for what, quantity, why in KIT_ONLY:
            write.writerow(["-", quantity, what, "", "any", "", "", PRICE["b"], "", why, ""])
    return out.getvalue()


KIT_ONLY = [
    ("Perfboard 100 x 100 mm, 2.54 mm, one pad per hole", 1, "pads only, no strips: strips would bridge the isolation gap"),
    ("Wire 0.5 mm, insulated, 3 colours", 1, "red 5 V, black ground, any third for signals; line side in white"),
]  # fmt: skip


def netlist_text() -> str:
    """One net per line: name, then its pins. The schematic and the board are compared with this."""
    lines = ["# net: pins (reference.pad)"]
    for net, pins in sorted(nets().items()):
        key = sorted(pins, key=lambda x: (natural(x.split(".")[0]), x))
        lines.append(f"{net}: {' '.join(key)}")
    return "\n".join(lines) + "\n"


def outputs() -> dict[str, str]:
    """File name in hardware/fab -> text."""
    return {"bom.csv": bom_text(), "bom-kit.csv": bom_text(kit=True), "netlist.txt": netlist_text()}


if __name__ == "__main__":
    FAB.mkdir(exist_ok=True)
    for name, text in outputs().items():
        (FAB / name).write_text(text, newline="\n")
        print(f"hardware/fab/{name}: {len(text.splitlines())} lines")
