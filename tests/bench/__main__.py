"""python -m bench: measure everything, print the table, write build/bench/. `make bench` runs it."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from emulator.fork import run_all
from emulator.stock import VERSION

from endcall_core import version

from . import cases, report, subjects

#: What is measured, and on what; the longest first, so that both cores end together.
PLAN: list[tuple[Callable[[str, cases.Size], dict], str]] = [
    (cases.heap, "ours"),
    *[(cases.breaks, name) for name in ("asyncio", "ours", "polled")],
    (cases.light_elsewhere, "ours"),
    *[(cases.loop, name) for name in ("ours", "asyncio", "polled")],
    *[(cases.light_playing, name) for name in ("asyncio", "polled", "ours")],
    *[(cases.sound, name) for name in ("asyncio", "ours", "polled")],
    *[(cases.light_idle, name) for name in ("asyncio", "ours", "polled")],
    *[(cases.light_collecting, name) for name in ("asyncio", "ours", "polled")],
    (cases.light_uploading, "ours"),
    (cases.light_uploading_slowly, "ours"),
    (cases.mpremote, "open"),
    (cases.protocol, "ours"),
    *[(cases.start, name) for name in ("ours", "asyncio", "polled", "empty")],
    (cases.profile, "ours"),
    (cases.help_times, "host"),
    (cases.fleet, "host"),
]
#: What the quick form leaves out: that program never sleeps, so a call of it takes as long as three of the others'.
SLOW = ("breaks:asyncio", "loop:asyncio", "light_playing:asyncio", "sound:asyncio")


def measure(key: str, case: Callable[[str, cases.Size], dict], name: str, size: cases.Size, folder: Path) -> None:
    """One case; its numbers go into a file of their own, so that a run that was stopped can go on."""
    began = time.monotonic()
    answer = case(name, size)
    (folder / f"{key}.json").write_text(json.dumps(answer))
    print(f"  {key}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few samples, few of asyncio's: whether it runs")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="how many to use")
    parser.add_argument("--only", default="*", help="cases to measure again, as in light_*:ours; the others are kept")
    parser.add_argument("--missing", action="store_true", help="go on with a run that was stopped")
    parser.add_argument("--keep", action="store_true", help="write docs/bench.* and the README's table, too")
    options = parser.parse_args()
    size = cases.QUICK if options.quick else cases.FULL
    folder = subjects.BUILD / ("quick" if options.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    subjects.libraries()  # before anybody needs them at the same time
    plan = {f"{case.__name__}:{name}": (case, name) for case, name in PLAN}
    if options.quick:
        plan = {key: plan[key] for key in plan if key not in SLOW}
    wanted = [key for key in plan if fnmatch(key, options.only)]
    if options.missing:
        wanted = [key for key in wanted if not (folder / f"{key}.json").exists()]
    run_all([partial(measure, key, *plan[key], size, folder) for key in wanted], options.cores)
    missing = [key for key in plan if not (folder / f"{key}.json").exists()]
    if missing:
        print(f"Not measured yet: {', '.join(missing)}. Go on with --missing.")
        return 1
    answers: dict[str, Any] = {key: json.loads((folder / f"{key}.json").read_text()) for key in plan}
    result = {
        "version": version.FIRMWARE,
        "date": datetime.date.today().isoformat(),
        "runtime": VERSION,
        "quick": options.quick,
        "size": {"presses": size.presses, "breaks": size.breaks, "calls": size.calls},
        "cases": answers,
    }
    page = report.write(result, folder)
    print(report.table(result))
    print(f"{page} and bench.json are written. It took {(time.monotonic() - began) / 60:.1f} min.")
    if options.keep:
        report.write(result, report.DOCS)
        readme = report.ROOT / "README.md"
        readme.write_text(report.put_into(readme.read_text(), report.readme_section(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
