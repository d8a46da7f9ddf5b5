"""Break it: the command behind `make torture`."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from emulator.fork import run_all

from torture import rows
from torture.fault import CHIP, MODEL, Fault, Result, tries

STATE = rows.ROOT / "build/torture/reached"
CHUNK_S = 10  # how often what was reached is kept


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--short", action="store_true", help="few tries of each; writes nothing")
    parser.add_argument("--only", metavar="NAME", action="append", help="rows whose name contains NAME")
    parser.add_argument("--layer", choices=(MODEL, CHIP))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tries", type=int, metavar="N", help="instead of the long form's number; writes nothing")
    parser.add_argument("--seconds", type=float, metavar="N", help="for each row at most; the next run goes on there")
    parser.add_argument("--cores", type=int, default=1, metavar="N", help="so many rows at once")
    parser.add_argument("--again", action="store_true", help="from the first try, whatever was reached before")
    parser.add_argument("--try", type=int, metavar="N", dest="number", help="repeat try N, and let it raise")
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    parser.add_argument("--list", action="store_true", help="only list the rows")
    asked = parser.parse_args()
    every = rows.load()
    chosen = [fault for fault in rows.load(asked.layer) if not asked.only or any(n in fault.name for n in asked.only)]
    if asked.short:
        chosen = [fault for fault in chosen if fault.short]
    if not chosen:
        parser.error("no row fits; --list lists them")
    if asked.list:
        print("\n".join(f"{fault.layer:5} {fault.name}: {fault.fault}" for fault in chosen))
        return 0
    if asked.page:
        rows.publish({}, [fault.name for fault in every])
        return 0
    if asked.number is not None:
        return _repeat(chosen, asked.seed, asked.number)
    is_long = not asked.short and asked.tries is None
    state = _State(STATE if is_long else None, asked.seed)
    if asked.again:
        state.forget(fault.name for fault in chosen)
    runs = [partial(_run, fault, state, asked) for fault in chosen]
    seen = run_all(runs, asked.cores) if asked.cores > 1 else [run() for run in runs]
    results = {fault.name: result for fault, result in zip(chosen, seen, strict=True)}
    if is_long:
        new = {fault.name: rows.row(fault, results[fault.name]) for fault in chosen if results[fault.name].done}
        rows.publish(new, [fault.name for fault in every])
        state.forget(fault.name for fault in chosen if results[fault.name].done >= fault.long)
    lost = [name for name, result in results.items() if not result.survived]
    print(f"{len(results)} faults, {sum(r.tried for r in results.values()):,} tries, {len(lost)} not survived", *lost)
    return 1 if lost else 0


class _State:
    """What a stopped run had reached: a file for each row, so that rows can be run side by side.

    Begun again where the seed is another one. Without a folder nothing is kept.
    """

    def __init__(self, folder: Path | None, seed: int) -> None:
        self._folder = folder
        self._seed = seed

    def result(self, name: str) -> Result:
        file = self._file(name)
        kept = json.loads(file.read_text()) if file and file.exists() else None
        return Result.from_dict(kept) if kept and kept["seed"] == self._seed else Result(self._seed)

    def keep(self, name: str, result: Result) -> None:
        if file := self._file(name):
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps(result.as_dict()))
            fresh.replace(file)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            if file := self._file(name):
                file.unlink(missing_ok=True)

    def _file(self, name: str) -> Path | None:
        return self._folder / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.json" if self._folder else None


def _run(fault: Fault, state: _State, asked: argparse.Namespace) -> Result:
    wanted = asked.tries or (fault.short if asked.short else fault.long)
    result = state.result(fault.name)
    began, count = time.monotonic(), 1
    print(f"{fault.layer} {fault.name} (seed {result.seed}, try {result.done} of {wanted}): {fault.fault}", flush=True)
    while result.done < wanted and (asked.seconds is None or time.monotonic() - began < asked.seconds):
        chunk_began = time.monotonic()
        tries(fault, result, min(count, wanted - result.done))
        took_s = time.monotonic() - chunk_began
        count = max(1, min(2 * count, round(count * min(CHUNK_S, (asked.seconds or CHUNK_S) / 4) / max(took_s, 1e-3))))
        state.keep(fault.name, result)
    took_s = time.monotonic() - began
    print(f"    {result.tried:,} tried in {took_s:.1f} s: {rows.seen(result.as_dict())}", flush=True)
    return result


def _repeat(chosen: list[Fault], seed: int, number: int) -> int:
    import random

    from torture.fault import Notes

    for fault in chosen:
        notes = Notes()
        print(fault.name, fault.once(number, random.Random(f"{seed} {fault.name} {number}"), notes), notes.most)
    return 0


if __name__ == "__main__":
    sys.exit(main())
