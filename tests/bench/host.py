"""What people at a laptop wait for, in real seconds: these depend on the computer, so nothing is asserted on them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOOLS = ("endcall", "esptool", "mpremote", "circup")


def help_times(runs: int) -> dict[str, float]:
    """Median ms from the start to the end of `TOOL --help`, after one run that fills the caches."""
    out = {}
    for tool in TOOLS:
        command = [str(Path(sys.executable).with_name(tool)), "--help"]
        subprocess.run(command, check=True, capture_output=True)
        out[tool] = round(statistics.median(_ms(command) for _ in range(runs)), 1)
    out["python -c pass"] = round(statistics.median(_ms([sys.executable, "-c", "pass"]) for _ in range(runs)), 1)
    return out


def _ms(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


def fleet(counts: tuple[int, ...]) -> dict[str, Any]:
    """Seconds to apply one file to so many simulated devices at once, which answer as slowly as real ones."""
    code = f"import json; from tests.host import fleet_bench; print(json.dumps(fleet_bench.measure({counts})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
