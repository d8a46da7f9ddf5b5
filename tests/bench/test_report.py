"""The README and the page say what was measured."""

import json
import math

import pytest

from . import report


def test_readme_and_page_have_the_last_result():
    """And promise nothing before there is one."""
    readme, page = (report.ROOT / "README.md").read_text(), report.DOCS / "bench.md"
    if not report.RESULT.exists():
        assert report.START not in readme
        assert not page.exists()
        return
    result = json.loads(report.RESULT.read_text())
    assert readme == report.put_into(readme, report.readme_section(result)), "run make bench ARGS=--keep"
    assert page.read_text() == report.page(result)
    assert not result["quick"]
    assert result["cases"]["light_idle:ours"]["n"] >= 200
    assert all(len(errors) >= 20 for errors in result["cases"]["breaks:ours"].values())
    assert result["cases"]["heap:ours"]["enforced"] >= 1000


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
        report.put_into("neither markers nor licences", "")
