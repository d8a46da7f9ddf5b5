"""The README and the page say what was measured."""

import json
import math

import pytest

from . import report


@pytest.fixture(scope="module")
def result():
    return json.loads(report.RESULT.read_text())


def test_the_readme_has_the_last_result(result):
    readme = (report.ROOT / "README.md").read_text()
    assert readme == report.put_into(readme, report.readme_section(result)), "run make bench ARGS=--keep"


def test_the_page_has_the_last_result(result):
    page = (report.DOCS / "bench.md").read_text()
    assert page == report.page(result)


def test_a_full_run_is_kept(result):
    assert not result["quick"]
    assert result["cases"]["light_idle:ours"]["n"] >= 200
    assert all(len(errors) >= 20 for errors in result["cases"]["breaks:ours"].values())
    assert result["cases"]["heap:ours"]["enforced"] >= 1000


def test_targets(result):
    """All but those that are listed here; the page says what stops them."""
    missed = {what for what, target, seen, more in report.targets(result) if not report.is_met(target, seen, more)}
    assert missed == {
        "contact to light while a prompt is uploaded, 99 %, ms",  # a collection of garbage
    }


def test_a_number_is_short():
    assert [report.number(value) for value in (0.0123456, 1.0, 12.34, 123.4, 61234.0, 0, math.inf, math.nan, None)] == [
        "0.0123",
        "1.00",
        "12.3",
        "123",
        "61 234",
        "0",
        "never",
        "-",
        None,
    ]


def test_markers_must_be_there():
    with pytest.raises(ValueError, match="bench:start"):
        report.put_into("no marker", "")
