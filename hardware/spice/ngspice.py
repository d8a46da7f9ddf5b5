# SPDX-License-Identifier: CERN-OHL-P-2.0
"""Run ngspice in batch mode and read what it wrote. No packages needed, only the ngspice program."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

HOW_TO_GET = "ngspice is not installed: `apt-get install ngspice` (or `hardware/setup.sh --spice`)"


def available() -> bool:
    return shutil.which("ngspice") is not None


def read_raw(data: bytes) -> dict[str, list]:
    """The last plot of an ngspice binary raw file: vector name -> floats, or complex numbers after .ac."""
    plot: dict[str, list] = {}
    while data:
        header, _, rest = data.partition(b"Binary:\n")
        lines = header.decode("latin1").splitlines()
        fields = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        count, points = int(fields["No. Variables"]), int(fields["No. Points"])
        is_complex = "complex" in fields["Flags"]
        first = lines.index("Variables:") + 1
        names = [line.split()[1].lower() for line in lines[first : first + count]]
        n = count * points * (2 if is_complex else 1)
        values: list = list(struct.unpack(f"<{n}d", rest[: 8 * n]))
        data = rest[8 * n :]
        if is_complex:
            values = [complex(re, im) for re, im in zip(values[::2], values[1::2], strict=True)]
        plot = {name: values[k::count] for k, name in enumerate(names)}
    return plot


def run(netlist: str, analysis: str) -> dict[str, list]:
    """Simulate one circuit. `analysis` holds the dot commands. Raises RuntimeError with ngspice's own words."""
    with tempfile.TemporaryDirectory() as tmp:
        cir, raw, log = (Path(tmp) / f"c.{ext}" for ext in ("cir", "raw", "log"))
        cir.write_text(f"* endcall\n{netlist.strip()}\n{analysis}\n.end\n")
        done = subprocess.run(["ngspice", "-b", cir, "-r", raw, "-o", log], capture_output=True, text=True, timeout=120)
        said = log.read_text(errors="replace") if log.exists() else done.stderr
        if done.returncode or not raw.exists() or "error" in said.lower():
            raise RuntimeError(f"ngspice failed:\n{said[-1500:]}")
        return read_raw(raw.read_bytes())
