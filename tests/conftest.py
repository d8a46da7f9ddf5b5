"""For every test: how hard hypothesis looks, and what the summary must say aloud.

The default profile of hypothesis is quick; `ENDCALL_HYPOTHESIS=long` looks a hundred times harder.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("default", max_examples=400, deadline=None, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("long", max_examples=20_000, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile(os.environ.get("ENDCALL_HYPOTHESIS", "default"))


# Here and not in emulator/: a parallel run loads only this file where the summary is written.
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    measured = [
        f"{name}: {value}"
        for report in terminalreporter.stats.get("passed", [])
        if report.when == "call" and "tests/emulator/" in report.nodeid
        for name, value in report.user_properties
    ]
    if measured:
        terminalreporter.section("measured on the emulated Pico", sep="-")
        for line in measured:
            terminalreporter.write_line(line)
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "tests/emulator/" in r.nodeid]
    # From the reports, because a parallel run skips in other processes.
    reasons = {report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)}
    if skipped:
        terminalreporter.section("NOT TESTED on the emulated Pico", sep="!", red=True)
        terminalreporter.write_line(f"{len(skipped)} tests were skipped:")
        for reason in sorted(reasons):
            terminalreporter.write_line(reason)
