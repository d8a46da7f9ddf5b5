"""Runs scenarios in copies of this process: boot once, try many things, on every core."""

import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any


class ScenarioFailed(AssertionError):  # noqa: N818 - it reads as what happened
    """A scenario in a copy of the process failed; the message holds its traceback."""


class Job:
    """A scenario that runs in a copy of this process."""

    def __init__(self, scenario: Callable[[], Any]) -> None:
        self._reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._reader)
            _report(scenario, writer)  # never returns
        os.close(writer)
        self._answer = b""

    def result(self, timeout_s: float = 300) -> Any:
        """Wait for the end (`timeout_s` of real time) and return what the scenario returned.

        Raises `ScenarioFailed` with the traceback if it failed, was too slow, or died.
        """
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                ready, _, _ = select.select([self._reader], [], [], max(0, deadline - time.monotonic()))
                if not ready:
                    os.kill(self._pid, signal.SIGKILL)
                    raise ScenarioFailed(f"the scenario took longer than {timeout_s:g} s of real time")
                chunk = os.read(self._reader, 1 << 16)
                if not chunk:
                    break
                self._answer += chunk
        finally:
            os.close(self._reader)
            _, status = os.waitpid(self._pid, 0)
        if not self._answer:
            raise ScenarioFailed(f"the scenario's process died with status {status}")
        good, answer = pickle.loads(self._answer)
        if not good:
            raise ScenarioFailed(answer)
        return answer


def _report(scenario: Callable[[], Any], writer: int) -> None:
    code = 1
    try:
        try:
            answer = pickle.dumps((True, scenario()))
        except BaseException as error:
            where = "".join(traceback.format_exception(error))
            answer = pickle.dumps((False, f"{error}\n\nIn the scenario's process:\n{where}"))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
        code = 0
    finally:
        os._exit(code)


def run_all(scenarios: Sequence[Callable[[], Any]], at_once: int | None = None) -> list[Any]:
    """Run every scenario in its own copy of this process, `at_once` (default: cores) at a time.

    Returns their results in order; raises `ScenarioFailed` for the first that failed, after all have ended.
    """
    at_once = at_once or os.cpu_count() or 1
    waiting = list(enumerate(scenarios))[::-1]
    running: dict[int, Job] = {}
    results: dict[int, Any] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            number, scenario = waiting.pop()
            running[number] = Job(scenario)
        ready, _, _ = select.select([job._reader for job in running.values()], [], [])
        for number, job in list(running.items()):
            if job._reader in ready:
                del running[number]
                try:
                    results[number] = job.result()
                except ScenarioFailed as failure:
                    results[number] = failure
    for number in range(len(scenarios)):
        if isinstance(results[number], ScenarioFailed):
            raise results[number]
    return [results[number] for number in range(len(scenarios))]
