"""A fault that is injected over and over, and what came of it."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FAILURES_KEPT = 5  # with their words; all are counted

MODEL, CHIP = "model", "chip"


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    once(number, noise, notes) injects the fault once, asserts what must hold and returns what was seen, in a few words
    that are counted. `number` counts the tries from 0; `noise` is seeded with it, so that one try can be repeated alone
    (`--try`). long, short: how many tries the two forms make (0: none). per_try: what a try counts for in the table.
    """

    name: str
    group: str
    layer: str
    fault: str
    how: str
    expected: str
    once: Callable[[int, random.Random, Notes], str]
    long: int
    short: int
    per_try: int = 1


class Notes:
    """What a try has to say besides what was seen: the largest of each figure, and how often it did more than one."""

    def __init__(self) -> None:
        self.most: dict[str, float] = {}
        self.extra = 0

    def figure(self, name: str, value: float) -> None:
        """Keep `value` if it is the largest so far. `name` says the unit."""
        self.most[name] = max(value, self.most.get(name, value))


@dataclass
class Result:
    """What was seen of a `Fault` up to now. done: tries, that is the number of the next one."""

    seed: int
    done: int = 0
    tried: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    most: dict[str, float] = field(default_factory=dict)
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def survived(self) -> bool:
        return self.tried > 0 and self.failed == 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "done": self.done,
            "tried": self.tried,
            "survived": self.survived,
            "seen": dict(sorted(self.seen.items())),
            "most": dict(sorted(self.most.items())),
            "failed": self.failed,
            "failures": self.failures,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        kept = {key: value for key, value in data.items() if key != "survived"}
        return cls(**{**kept, "seen": Counter(kept["seen"])})


def tries(fault: Fault, result: Result, count: int) -> None:
    """Make the next `count` tries and put what came of them into `result`."""
    for number in range(result.done, result.done + count):
        notes = Notes()
        try:
            seen = fault.once(number, random.Random(f"{result.seed} {fault.name} {number}"), notes)
        except Exception as error:
            result.failed += 1
            seen = "FAILED"
            if len(result.failures) < FAILURES_KEPT:
                result.failures.append(f"try {number}: {_said(error)}")
        result.done += 1
        result.tried += fault.per_try + notes.extra
        result.seen[seen] += fault.per_try + notes.extra
        for name, value in notes.most.items():
            result.most[name] = max(value, result.most.get(name, value))


def _said(error: Exception) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    said = str(error).strip()
    if len(said) > 300:  # where it happened stands at the end
        said = f"{said[:120]} … {said[-180:]}"
    return f"{type(error).__name__}: {said} ({at.name}, line {at.lineno})"
