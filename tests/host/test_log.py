"""`endcall log`: which incidents it takes, and the report that it makes of them."""

import csv
import io
import itertools
import shutil
import time
import warnings
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest

from endcall import backup, log_report
from endcall.client import Client
from endcall_core import call, settings
from endcall_core.version import FIRMWARE

MADE = datetime(2026, 11, 23, 11, 0, tzinfo=timezone(timedelta(hours=1), "CET"))
DEVICES = [{"serial": "E6614103E7452D2F", "name": "Front desk", "port": "/dev/ttyACM0"}]


def utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def record(sequence, when=None, outcome=call.RESOLVED, duration_s=40, warnings=1, **more):
    """An incident as the client gives it; when: UTC, None = nobody had told the time."""
    return {
        "sequence": sequence,
        "boot": 1,
        "uptime_s": 1000 + sequence,
        "epoch_s": utc(when) if when else None,
        "outcome": outcome,
        "duration_s": duration_s,
        "warnings": warnings,
        "warned_s": [0] * warnings,
        "prompt_finished": outcome == call.ENFORCED,
        "release_mode": "flash",
        "attempts": int(outcome in log_report.BY_BUTTON),
        "line_dropped": False,
        **more,
    }


@pytest.fixture
def zone(monkeypatch):
    """`zone(name)`: this computer is in that time zone."""

    def move(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def device(computer, monkeypatch):
    """`device(records)`: a device with these incidents."""

    def have(records, lost=0):
        computer.plug(values=settings.defaults() | {"device.name": "Front desk"})
        monkeypatch.setattr(
            Client, "log", lambda client, after=0: ([r for r in records if r["sequence"] > after], lost)
        )

    return have


def sequences(result):
    assert result.code == 0, result.err
    return [row["sequence"] for row in result.json["records"]]


# --- which incidents ------------------------------------------------------------------------------------------------


def test_since_and_until_are_days_of_this_computer(computer, device, zone):
    zone("America/New_York")
    device(
        [
            record(1, "2026-09-01T03:59:59"),  # 31 August, 23:59:59 in New York
            record(2, "2026-09-01T04:00:00"),
            record(3, "2026-09-15T12:00:00"),
            record(4, "2026-10-01T03:59:59"),  # 30 September, 23:59:59
            record(5, "2026-10-01T04:00:00"),
        ]
    )
    assert sequences(computer.run("log", "--json", "--since", "2026-09-01", "--until", "2026-09-30")) == [2, 3, 4]
    assert sequences(computer.run("log", "--json", "--since", "2026-09-15")) == [3, 4, 5]
    assert sequences(computer.run("log", "--json", "--until", "2026-08-31")) == [1]
    assert sequences(computer.run("log", "--json", "--since", "2026-09-15T08:00")) == [3, 4, 5]
    assert sequences(computer.run("log", "--json", "--since", "2026-09-15T08:01")) == [4, 5]
    assert sequences(computer.run("log", "--json", "--since", "2026-09-15T12:00+00:00")) == [3, 4, 5]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)], ids=["the clocks go forward", "the clocks go back"]
)
def test_a_day_on_which_the_clocks_change_is_taken_whole(computer, device, zone, day, hours):
    zone("Europe/Berlin")
    begin = datetime.fromisoformat(day).timestamp()
    every = [record(1 + number, epoch_s=int(begin) + 3600 * number) for number in range(-1, 27)]
    for number, row in enumerate(every):
        row["sequence"] = number
    device(every[:1] + every[1:])
    assert len(sequences(computer.run("log", "--json", "--since", day, "--until", day))) == hours


def test_what_has_no_time_is_left_out_and_counted(computer, device):
    device([record(1), record(2, "2026-09-02T10:00"), record(3)])
    result = computer.run("log", "--json", "--since", "2026-09-01")
    assert sequences(result) == [2]
    assert result.json["without_time"] == 2
    assert "Left out: 2 incidents without a time" in result.err
    result = computer.run("log", "--json")
    assert sequences(result) == [1, 2, 3]
    assert result.err == ""


def test_outcomes_and_the_newest(computer, device):
    device([record(n, "2026-09-02T10:00", call.OUTCOMES[n % 7]) for n in range(1, 29)], lost=3)
    assert sequences(computer.run("log", "--json", "--outcome", "enforced")) == [4, 11, 18, 25]
    assert sequences(computer.run("log", "--json", "--outcome", "enforced", "--outcome", "threat", "--last", "3")) == [
        19,
        25,
        26,
    ]
    assert sequences(computer.run("log", "--json", "--after", "26")) == [27, 28]
    assert "3 more found no room" in computer.run("log", "--last", "1").err
    rows = list(csv.DictReader(io.StringIO(computer.run("log", "--csv", "--last", "2").out)))
    assert [row["sequence"] for row in rows] == ["27", "28"]
    assert "device" not in rows[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--since", "yesterday"), "'yesterday' is no date; write it as 2026-11-30"),
        (("--until", "2026-02-30"), "is no date"),
        (("--since", "2026-09-02", "--until", "2026-09-01"), "--since is later than --until"),
        (("--outcome", "angry"), "is not one of"),
        (("--last", "0"), "not in the range"),
        (("--csv", "--html", "x.html"), "--csv and --html exclude each other"),
        (("--csv", "--json"), "--csv and --json exclude each other"),
        (("--with-name",), "belong to --html"),
        (("--from", "a.zip", "--serial", "1"), "--from reads files"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_device_is_asked(computer, arguments, says):
    result = computer.run("log", *arguments)
    assert result.code == 2
    assert says in result.err
    assert computer.opened == []


# --- backups --------------------------------------------------------------------------------------------------------


def write_backup(path, serial, name, incidents):
    about = {"schema": backup.SCHEMA, "made": "x", "endcall": FIRMWARE, "device": {"serial": serial, "name": name}}
    backup.write(path, backup.Backup(about, settings.defaults(), {}, incidents))
    return path


def test_backups_of_several_devices_and_of_several_days(computer, tmp_path):
    first = [record(1, "2026-09-01T10:00"), record(2), record(3, "2026-09-20T10:00", call.ENFORCED)]
    august = write_backup(tmp_path / "1.zip", "AAAA", "Front desk", first[:2])
    september = write_backup(tmp_path / "2.zip", "AAAA", "Front desk", first)
    other = write_backup(tmp_path / "3.zip", "BBBB", "", [record(1, "2026-09-10T10:00", call.THREAT, warnings=0)])
    arguments = ("log", "--from", september, "--from", other, "--from", august)
    result = computer.run(*arguments, "--json")
    assert [(row["device"], row["sequence"]) for row in result.json["records"]] == [
        ("AAAA", 1),
        ("AAAA", 2),  # without a time: where the device recorded it
        ("BBBB", 1),
        ("AAAA", 3),
    ]
    assert [(row["serial"], row["name"]) for row in result.json["devices"]] == [("AAAA", "Front desk"), ("BBBB", "")]
    assert computer.opened == []
    rows = list(csv.DictReader(io.StringIO(computer.run(*arguments, "--csv").out)))
    assert [row["device"] for row in rows] == ["AAAA", "AAAA", "BBBB", "AAAA"]
    assert "BBBB" in computer.run(*arguments).out
    result = computer.run(*arguments, "--html", tmp_path / "r.html")
    assert result.out == f"{tmp_path / 'r.html'}: 4 incidents of 2 devices\n"


def test_a_log_that_was_erased_begins_again_and_both_count(computer, tmp_path):
    before = write_backup(tmp_path / "1.zip", "AAAA", "", [record(1, "2026-09-01T10:00")])
    after = write_backup(tmp_path / "2.zip", "AAAA", "", [record(1, "2026-10-01T10:00")])
    assert sequences(computer.run("log", "--from", before, "--from", after, "--json")) == [1, 1]


def test_files_that_are_no_backup(computer, tmp_path):
    result = computer.run("log", "--from", tmp_path / "none.zip")
    assert (result.code, "can't be read" in result.err) == (2, True)
    (tmp_path / "bad.zip").write_bytes(b"PK nonsense")
    assert computer.run("log", "--from", tmp_path / "bad.zip").code == 7
    for spoilt in ({"outcome": "outcome 7"}, {"duration_s": "long"}, {"epoch_s": 1.5}):
        path = write_backup(tmp_path / "new.zip", "AAAA", "", [record(1) | spoilt])
        result = computer.run("log", "--from", path, "--html", tmp_path / "r.html")
        assert result.code == 7
        assert "does not know" in result.err
        assert not (tmp_path / "r.html").exists()


# --- the report -----------------------------------------------------------------------------------------------------


class Report(HTMLParser):
    """`plots`: name to [(key, total, ended)]; `heights`: of the bars' parts; `totals`: outcome to cells; `text`."""

    def __init__(self, page):
        super().__init__()
        self.plots, self.widths, self.totals, self.words, self.tags = {}, {}, {}, [], set()
        self._plot = self._row = None
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        if "data-plot" in attrs:
            self._plot = attrs["data-plot"]
            self.plots[self._plot] = []
        elif "data-key" in attrs:
            self.plots[self._plot].append((attrs["data-key"], int(attrs["data-count"]), int(attrs["data-ended"])))
        elif tag == "rect" and attrs["class"] in ("other", "ended"):
            key = self._plot, self.plots[self._plot][-1][0]
            size = attrs["height"] if self._plot == "weeks" else attrs["width"]
            self.widths.setdefault(key, []).append((attrs["class"], float(size.rstrip("%"))))
        elif tag == "tr":
            self._row = attrs.get("data-outcome")
            self.totals.setdefault(self._row, [])
        elif tag == "td" and self._row:
            self.totals[self._row].append("")

    def handle_data(self, data):
        if self.lasttag != "style":
            self.words.append(data)
        if self.lasttag == "td" and self._row and not data.isspace():
            self.totals[self._row][-1] += data


def report(records, devices=DEVICES, with_name=False):
    return Report(log_report.page(records, devices, with_name, MADE))


def test_the_plots_show_what_was_recorded(zone):
    zone("Europe/Berlin")
    found = report(
        [
            record(1, "2026-09-07T08:00", call.RESOLVED, 14),
            record(2, "2026-09-08T08:00", call.ENFORCED, 15),
            record(3, "2026-09-13T21:59", call.RESOLVED, 59),  # Sunday, a minute before midnight in Berlin
            record(4, "2026-09-13T22:00", call.APOLOGY, 60),  # Monday there
            record(5, "2026-09-29T08:00", call.THREAT, 3, warnings=0),
            record(6, None, call.CALLER_LEFT, 4000),
        ]
    )
    assert found.plots["weeks"] == [
        ("2026-09-07", 3, 1),
        ("2026-09-14", 1, 0),
        ("2026-09-21", 0, 0),  # a week without incidents is shown, too
        ("2026-09-28", 1, 1),
    ]
    assert found.plots["outcomes"] == [
        ("resolved", 2, 0),
        ("cancelled", 0, 0),
        ("apology", 1, 0),
        ("caller_left", 1, 0),
        ("enforced", 1, 1),
        ("threat", 1, 1),
        ("fault", 0, 0),
    ]
    assert [total for _, total, _ in found.plots["times"]] == [1, 1, 1, 1, 0, 0, 1]
    assert found.widths["weeks", "2026-09-07"] == [
        ("other", pytest.approx(190 * 2 / 3, rel=1e-4)),
        ("ended", pytest.approx(190 / 3, rel=1e-4)),
    ]
    assert ("weeks", "2026-09-21") not in found.widths
    assert found.widths["outcomes", "resolved"] == [("other", 100)]
    assert found.widths["outcomes", "threat"] == [("ended", 50)]
    assert found.totals["resolved"] == ["2", "33 %", "36 s", "59 s"]
    assert found.totals["threat"] == ["1", "17 %", "", ""]
    assert found.totals["all"] == ["6", "100 %", "59 s", "1 h 6 min"]
    assert "1 incident without a date not counted" in found.text
    assert "1 incident without a warning not counted" in found.text
    assert "7 September 2026 to 29 September 2026" in found.text


def test_weeks_hold_together_over_a_change_of_the_clocks(zone):
    zone("Europe/Berlin")
    every = [record(n, epoch_s=int(datetime(2026, 10, 19, 0, 30).timestamp()) + 86400 * n) for n in range(14)]
    assert [row[:2] for row in report(every).plots["weeks"]] == [
        ("2026-10-19", 8),  # the eighth lies half an hour before midnight, on the Sunday of 25 hours
        ("2026-10-26", 6),
    ]


def test_many_weeks_become_months(zone):
    zone("UTC")
    found = report([record(1, "2025-01-31T10:00"), record(2, "2026-12-01T10:00"), record(3, "2026-12-31T23:59")])
    bars = found.plots["weeks"]
    assert (bars[0], bars[-1], len(bars)) == (("2025-01-01", 1, 0), ("2026-12-01", 2, 0), 24)
    assert "Incidents per month" in found.text


def test_one_incident(zone):
    zone("UTC")
    found = report([record(1, "2026-09-07T08:00", call.ENFORCED, 74)])
    assert found.plots["weeks"] == [("2026-09-07", 1, 1)]
    assert found.totals["all"] == ["1", "100 %", "1 min 14 s", "1 min 14 s"]
    assert "7 September 2026 · 1 device" in found.text


def test_no_incident_and_none_with_a_date():
    assert "No incidents in this time." in report([]).text
    assert report([]).plots == {}
    found = report([record(1), record(2, warnings=0, outcome=call.THREAT)])
    assert "None of the incidents has a date." in found.text
    assert "weeks" not in found.plots
    assert sum(total for _, total, _ in found.plots["times"]) == 1


def test_it_names_nobody_unless_asked_to():
    devices = [*DEVICES, {"serial": "BBBB1111", "name": "<b>Back & office</b>", "port": "/dev/ttyACM1"}]
    rows = [record(1, "2026-09-07T08:00", device=devices[0]["serial"]), record(2, device="BBBB1111")]
    page = log_report.page(rows, devices, False, MADE)
    for secret in ("E6614103E7452D2F", "Front desk", "BBBB1111", "office", "ttyACM", "08:00", "10:00"):
        assert secret not in page
    page = log_report.page(rows, devices, True, MADE)
    assert "Front desk (E6614103E7452D2F)" in page
    assert "&lt;b&gt;Back &amp; office&lt;/b&gt; (BBBB1111)" in page
    assert "<b>Back" not in page
    assert "Front desk (E6614103E7452D2F)" in log_report.page(rows[:1], devices[:1], True, MADE)


def test_it_is_one_file_that_fetches_nothing_and_runs_nothing():
    page = log_report.page([record(1, "2026-09-07T08:00")], DEVICES, False, MADE)
    assert Report(page).tags.isdisjoint({"script", "link", "img", "iframe", "object", "image", "a"})
    assert "http" not in page
    assert "url(" not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_command_writes_it(computer, device, tmp_path, zone):
    zone("UTC")
    device([record(1, "2026-09-07T08:00"), record(2, "2026-10-07T08:00", call.ENFORCED), record(3)])
    path = tmp_path / "report.html"
    result = computer.run("log", "--html", path, "--since", "2026-10-01")
    assert result.code == 0, result.err
    assert result.out == f"{path}: 1 incident of 1 device\n"
    assert "Left out: 1 incident without a time" in result.err
    assert Report(path.read_text()).plots["weeks"] == [("2026-10-05", 1, 1)]
    assert "Front desk" not in path.read_text()
    again = computer.run("log", "--html", path)
    assert (again.code, "is there already" in again.err) == (2, True)
    result = computer.run("log", "--html", path, "--force", "--with-name", "--json")
    assert result.json["output"] == str(path)
    assert result.json["incidents"] == 3
    assert "Front desk" in path.read_text()
    result = computer.run("log", "--html", tmp_path / "no" / "report.html")
    assert (result.code, "can't be written" in result.err) == (2, True)


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if not chromium or not sync_playwright:
        way = "apt-get install chromium" if sync_playwright else "pip install playwright"
        warnings.warn(f"THE REPORT IS NOT LOOKED AT IN A BROWSER. Get what it needs: {way}", stacklevel=1)
        pytest.skip(f"no browser; get it: {way}")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.mark.parametrize("width", [320, 720, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_or_collides(browser, width, scheme):
    start = utc("2026-01-05T10:00")
    rows = [
        record(n, outcome=call.OUTCOMES[n % 7], duration_s=n * 3 % 900, epoch_s=start + n * 86400) for n in range(400)
    ]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_content(log_report.page(rows, DEVICES, True, MADE))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('.when')].map(text => text.getBoundingClientRect())
             .filter(box => box.width).map(box => [box.left, box.right])"""
    )
    assert len(boxes) >= 3
    assert all(right < left for (_, right), (left, _) in itertools.pairwise(boxes)), "labels overlap"
    assert page.evaluate(
        """() => [...document.querySelectorAll('.card')].every(card => [...card.querySelectorAll('text, td, th')]
             .filter(part => part.getBoundingClientRect().width)
             .every(part => part.getBoundingClientRect().left >= card.getBoundingClientRect().left
                         && part.getBoundingClientRect().right <= card.getBoundingClientRect().right))"""
    ), "something leaves its card"
    context.close()
