"""docs/torture.md says what docs/torture.json says, and that has every fault that there is."""

import pytest

from torture import rows
from torture.fault import Result


def test_the_page_is_that_of_the_results() -> None:
    assert rows.PAGE.read_text() == rows.page(rows.stored()), "stale: PYTHONPATH=tests python -m torture --page"


@pytest.mark.parametrize("fault", rows.load(), ids=lambda fault: fault.name)
def test_every_fault_is_in_the_results_as_it_is_now(fault) -> None:
    entry = {one["name"]: one for one in rows.stored()}.get(fault.name)
    assert entry, f"not tried in the long form yet: make torture ARGS='--only \"{fault.name}\"'"
    assert {key: entry[key] for key in rows.said(fault)} == rows.said(fault), "tried as something else: make torture"
    assert entry["tried"] > 0


def test_no_results_without_a_fault() -> None:
    assert {one["name"] for one in rows.stored()} <= {fault.name for fault in rows.load()}


def test_what_is_not_survived_is_said_at_the_top_and_in_its_row() -> None:
    fault = rows.load()[0]
    lost = Result(3, done=2, tried=2, failed=1, failures=["try 1: AssertionError: the line was opened"])
    page = rows.page([rows.row(fault, lost)])
    assert f"**1 not survived: {fault.name}.**" in page
    assert "**no**" in page
    assert "the line was opened" in page
