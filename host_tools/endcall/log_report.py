"""The report of `endcall log --html`: one page of plots and totals that names no caller, no person and no device.

Pure: records in, HTML out. Days and weeks are those of this computer's time zone. The plots are SVG whose widths are
percentages, so that text stays readable on a phone and on paper; what each bar shows stands in its data attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from html import escape
from statistics import median
from typing import Any, NamedTuple

from endcall.render import duration
from endcall_core import call

#: outcome: in words, and what it means
WORDS = {
    call.RESOLVED: ("Resolved", "The caller kept to the limit until its time was over."),
    call.CANCELLED: ("Taken back", "The person at the phone took the limit back."),
    call.APOLOGY: ("Apology", "An apology came while the closing sentence was spoken."),
    call.CALLER_LEFT: ("Caller left", "The caller hung up, or the handset was put down."),
    call.ENFORCED: ("Ended", "The button ended the call, after a warning."),
    call.THREAT: ("Ended at once", "The button ended the call on a threat, without a warning."),
    call.FAILED: ("Fault", "The call was to be ended, and a fault came in between."),
}
BY_BUTTON = (call.ENFORCED, call.THREAT)

#: Upper ends of the bars of the third plot, in s; the last has none.
TIMES_S = (15, 30, 60, 120, 300, 600)
_TIME_WORDS = ("under 15 s", "15 to 30 s", "30 to 60 s", "1 to 2 min", "2 to 5 min", "5 to 10 min", "over 10 min")

MOST_WEEKS = 78  # more are too thin to be told apart on a page; then it is months
_ROW_PX = 30
_PLOT_PX = 190


class Bar(NamedTuple):
    """What one bar shows: how many incidents, and how many of them the button ended."""

    key: str
    label: str
    total: int
    ended: int


# --- what is counted -----------------------------------------------------------------------------------------------


def _local(record: dict[str, Any]) -> date:
    return datetime.fromtimestamp(record["epoch_s"]).date()


def weeks(records: Iterable[dict[str, Any]]) -> list[Bar]:
    """Incidents per week that begins on a Monday, or per month where it is too many weeks; also those with none.

    What has no time is not in it.
    """
    dated = [(_local(record), record) for record in records if record["epoch_s"]]
    if not dated:
        return []
    days = [day for day, _ in dated]
    monday = min(days) - timedelta(days=min(days).weekday())
    starts = [monday + timedelta(weeks=number) for number in range((max(days) - monday).days // 7 + 1)]
    if len(starts) > MOST_WEEKS:
        months = range(min(days).year * 12 + min(days).month - 1, max(days).year * 12 + max(days).month)
        starts = [date(month // 12, month % 12 + 1, 1) for month in months]
    ends = [*starts[1:], date.max]
    return [
        _bar(start.isoformat(), f"{start:%b} {start.day}", [r for day, r in dated if start <= day < end])
        for start, end in zip(starts, ends, strict=True)
    ]


def is_by_month(bars: Sequence[Bar]) -> bool:
    """Whether `weeks` gave months."""
    return len(bars) > 1 and (date.fromisoformat(bars[1].key) - date.fromisoformat(bars[0].key)).days > 7


def outcomes(records: Sequence[dict[str, Any]]) -> list[Bar]:
    """Incidents per outcome, also those that never came."""
    return [
        _bar(name, WORDS[name][0], [record for record in records if record["outcome"] == name])
        for name in call.OUTCOMES
    ]


def times(records: Iterable[dict[str, Any]]) -> list[Bar]:
    """Incidents per time from the first warning to the end; those without a warning are not in it."""
    bins: list[list[dict[str, Any]]] = [[] for _ in _TIME_WORDS]
    for record in records:
        if record["warnings"]:
            bins[sum(record["duration_s"] >= limit for limit in TIMES_S)].append(record)
    lows = ("0", *map(str, TIMES_S))
    return [_bar(low, words, found) for low, words, found in zip(lows, _TIME_WORDS, bins, strict=True)]


def _bar(key: str, label: str, records: Sequence[dict[str, Any]]) -> Bar:
    return Bar(key, label, len(records), sum(record["outcome"] in BY_BUTTON for record in records))


# --- the plots -----------------------------------------------------------------------------------------------------


def _pct(value: float) -> str:
    return f"{100 * value:.3f}".rstrip("0").rstrip(".") + "%"


def _told(bar: Bar, label: str) -> str:
    ended = f", {bar.ended} ended by the button" if bar.ended else ""
    return escape(f"{label}: {bar.total} incident{'' if bar.total == 1 else 's'}{ended}")


def _group(bar: Bar, label: str, inside: str) -> str:
    return (
        f'<g class="bar" data-key="{bar.key}" data-count="{bar.total}" data-ended="{bar.ended}">'
        f"<title>{_told(bar, label)}</title>{inside}</g>\n"
    )


def rows_svg(kind: str, bars: Sequence[Bar], about: str) -> str:
    """Bars to the right, one row each, the number at its end."""
    most = max((bar.total for bar in bars), default=0) or 1
    out = []
    for row, bar in enumerate(bars):
        y, middle = row * _ROW_PX + 5, row * _ROW_PX + _ROW_PX / 2
        other = bar.total - bar.ended
        parts = f'<text class="name" x="-12" y="{middle}">{escape(bar.label)}</text>'
        for count, before, style in ((other, 0, "other"), (bar.ended, other, "ended")):
            if count:
                parts += (
                    f'<rect class="{style}" x="{_pct(before / most)}" y="{y}" width="{_pct(count / most)}" '
                    f'height="{_ROW_PX - 10}" rx="2"/>'
                )
        parts += f'<text class="value" x="{_pct(bar.total / most)}" dx="8" y="{middle}">{bar.total}</text>'
        out.append(_group(bar, bar.label, parts))
    return _svg(kind, "rows", len(bars) * _ROW_PX, about, '<line class="base" x1="0" x2="0" y1="0" y2="100%"/>', out)


def columns_svg(kind: str, bars: Sequence[Bar], about: str) -> str:
    """Bars upwards, one per week or month, with a scale on the left."""
    step = _step(max(bar.total for bar in bars))
    top = -(-max(bar.total for bar in bars) // step) * step
    grid = ""
    for value in range(0, top + 1, step):
        y = _PLOT_PX * (1 - value / top)
        style = "base" if value == 0 else "grid"
        grid += f'<line class="{style}" x1="0" x2="100%" y1="{y:g}" y2="{y:g}"/>'
        grid += f'<text class="scale" x="-8" y="{y:g}">{value}</text>'
    out = []
    by_month = is_by_month(bars)
    slot = 1 / max(len(bars), 6)  # one week alone is no wall
    minor = -(-len(bars) // 12)  # labels that have room on a wide page, and of those the ones on a narrow page
    major = minor * -(-len(bars) // (5 * minor))
    for place, bar in enumerate(bars):
        parts = f'<rect class="touch" x="{_pct(place * slot)}" y="0" width="{_pct(slot)}" height="{_PLOT_PX}"/>'
        other = bar.total - bar.ended
        for count, below, style in ((other, 0, "other"), (bar.ended, other, "ended")):
            if count:
                parts += (
                    f'<rect class="{style}" x="{_pct((place + 0.14) * slot)}" width="{_pct(0.72 * slot)}" '
                    f'y="{_PLOT_PX * (1 - (below + count) / top):g}" height="{_PLOT_PX * count / top:g}" rx="2"/>'
                )
        if place % minor == 0:
            style = "when" if place % major == 0 else "when minor"
            parts += f'<text class="{style}" x="{_pct((place + 0.5) * slot)}" y="{_PLOT_PX + 18}">'
            parts += f"{_day(bar.key, by_month)}</text>"
        period = date.fromisoformat(bar.key)
        out.append(_group(bar, f"{period:%B %Y}" if by_month else f"Week from {_long(period)}", parts))
    return _svg(kind, "columns", _PLOT_PX + 28, about, grid, out)


def _svg(kind: str, style: str, height: float, about: str, before: str, groups: Iterable[str]) -> str:
    return (
        f'<div class="{style}"><svg data-plot="{kind}" role="img" aria-label="{escape(about)}" '
        f'width="100%" height="{height:g}">\n{before}\n{"".join(groups)}</svg></div>'
    )


def _step(most: int) -> int:
    """The distance of lines on a scale: 1, 2 or 5 times a power of ten, so that there are five at most."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if most <= 5 * step:
                return step
        size *= 10


def _day(key: str, by_month: bool) -> str:
    day = date.fromisoformat(key)
    return f"{day:%b} {day:%y}" if by_month else f"{day.day} {day:%b}"


def _long(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


# --- the page ------------------------------------------------------------------------------------------------------


def page(records: Sequence[dict[str, Any]], devices: Sequence[dict[str, Any]], with_name: bool, now: datetime) -> str:
    """The report. devices: where the records come from, with `serial` and `name`; told only with `with_name`.

    A record of several devices says by `device` which serial number it is of. now: when the report is made.
    """
    per_week, per_time = weeks(records), times(records)
    undated = sum(not record["epoch_s"] for record in records)
    untimed = len(records) - sum(bar.total for bar in per_time)
    parts = [_head(records, devices, with_name, now)]
    if records:
        parts += [
            _tiles(records),
            _LEGEND,
            _card("per-week", *_weeks_card(per_week, undated)),
            _card(
                "outcomes",
                "How they ended",
                rows_svg("outcomes", outcomes(records), _summary("How they ended", outcomes(records))),
                "",
            ),
            _card(
                "times",
                "From the first warning to the end",
                rows_svg("times", per_time, _summary("From the first warning to the end", per_time)),
                f"{_some(untimed)} without a warning not counted." if untimed else "",
            ),
            _card("totals", "Totals", _totals(records), ""),
        ]
        if with_name and len(devices) > 1:
            parts.append(_card("devices", "Devices", _per_device(records, devices), ""))
    else:
        parts.append('<section class="card"><p>No incidents in this time.</p></section>')
    return _PAGE.format(body="\n".join(parts), style=_STYLE)


def _some(count: int) -> str:
    return f"{count} incident{'' if count == 1 else 's'}"


def _head(records: Sequence[dict[str, Any]], devices: Sequence[dict[str, Any]], with_name: bool, now: datetime) -> str:
    days = [_local(record) for record in records if record["epoch_s"]]
    period = ""
    if days:
        first, last = _long(min(days)), _long(max(days))
        period = first if first == last else f"{first} to {last}"
    of = f"{len(devices)} device{'' if len(devices) == 1 else 's'}"
    if with_name and len(devices) == 1:
        of = escape(_title(devices[0]))
    facts = [fact for fact in (period, of) if fact]
    return (
        f"<header><h1>Calls with a limit</h1><p>{' · '.join(facts)}</p>"
        f"<p>Made on {_long(now.date())}. Dates in {escape(now.tzname() or 'local time')}.</p></header>"
    )


def _title(device: dict[str, Any]) -> str:
    return f"{device['name']} ({device['serial']})" if device["name"] else str(device["serial"])


def _tiles(records: Sequence[dict[str, Any]]) -> str:
    ended = sum(record["outcome"] in BY_BUTTON for record in records)
    took = [record["duration_s"] for record in records if record["warnings"]]
    tiles = [
        (str(len(records)), "incidents" if len(records) != 1 else "incident"),
        (f"{ended}", f"ended by the button ({_share(ended, len(records))})"),
        (duration(round(median(took))) if took else "none", "median, first warning to end"),
    ]
    return (
        '<dl class="tiles">' + "".join(f"<div><dt>{says}</dt><dd>{what}</dd></div>" for what, says in tiles) + "</dl>"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def _weeks_card(bars: Sequence[Bar], undated: int) -> tuple[str, str, str]:
    left_out = f"{_some(undated)} without a date not counted: no computer had told the device the time."
    if not bars:
        return "Per week", "<p>None of the incidents has a date.</p>", left_out
    head = "Incidents per month" if is_by_month(bars) else "Incidents per week"
    return head, columns_svg("weeks", bars, _summary(head, bars)), left_out if undated else ""


def _summary(head: str, bars: Sequence[Bar]) -> str:
    """A plot for whoever hears it."""
    return f"{head}. " + "; ".join(f"{bar.label}: {bar.total}" for bar in bars if bar.total)


def _card(name: str, head: str, inside: str, foot: str) -> str:
    below = f'<p class="foot">{foot}</p>' if foot else ""
    return f'<section class="card" id="{name}"><h2>{head}</h2>{inside}{below}</section>'


def _totals(records: Sequence[dict[str, Any]]) -> str:
    rows = ""
    for name in call.OUTCOMES:
        some = [record for record in records if record["outcome"] == name]
        words, means = WORDS[name]
        rows += (
            f'<tr data-outcome="{name}"><th scope="row">{words}<small>{means}</small></th>{_cells(some, records)}</tr>'
        )
    return (
        '<table><thead><tr><th scope="col">Outcome</th><th scope="col">Incidents</th><th scope="col">Share</th>'
        '<th scope="col">Median time</th><th scope="col">Longest</th></tr></thead>'
        f'<tbody>{rows}</tbody><tfoot><tr data-outcome="all"><th scope="row">All</th>{_cells(records, records)}</tr>'
        "</tfoot></table>"
    )


def _cells(some: Sequence[dict[str, Any]], every: Sequence[dict[str, Any]]) -> str:
    took = [record["duration_s"] for record in some if record["warnings"]]
    cells = (
        str(len(some)),
        _share(len(some), len(every)) if some else "",
        duration(round(median(took))) if took else "",
        duration(max(took)) if took else "",
    )
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _per_device(records: Sequence[dict[str, Any]], devices: Sequence[dict[str, Any]]) -> str:
    rows = ""
    for device in devices:
        own = [record for record in records if record.get("device", device["serial"]) == device["serial"]]
        ended = sum(record["outcome"] in BY_BUTTON for record in own)
        rows += f'<tr><th scope="row">{escape(_title(device))}</th><td>{len(own)}</td><td>{ended}</td></tr>'
    return (
        '<table><thead><tr><th scope="col">Device</th><th scope="col">Incidents</th>'
        f'<th scope="col">Ended by the button</th></tr></thead><tbody>{rows}</tbody></table>'
    )


_LEGEND = (
    '<p class="legend"><span><i class="ended"></i>ended by the button</span>'
    '<span><i class="other"></i>ended otherwise</span></p>'
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Calls with a limit</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE = """
:root {
  color-scheme: light dark;
  --page: #ece9e3; --panel: #fbfaf7; --ink: #1c1e22; --muted: #62666e; --hairline: #e4dfd6; --base: #a9a296;
  --other: #17624f; --ended: #cb7a16;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121417; --panel: #1b1e23; --ink: #eeebe5; --muted: #9ba1aa; --hairline: #2b3037; --base: #5a616b;
    --other: #4fb99b; --ended: #e8a33d;
  }
}
* { box-sizing: border-box; }
html { background: var(--page); }
body {
  margin: 0; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main {
  display: grid; grid-template-columns: 1fr 1fr; gap: 16px;
  max-width: 960px; margin: 0 auto; padding: 32px 24px 48px;
}
header, .tiles, .legend, #per-week, #totals, #devices, main > .card:only-of-type { grid-column: 1 / -1; }
h1, h2, p, dl, dd { margin: 0; }
h1 { font-size: 28px; line-height: 1.2; font-weight: 700; letter-spacing: -.02em; margin-bottom: 6px; }
h2 { font-size: 15px; font-weight: 650; margin-bottom: 16px; }
header p, .foot { color: var(--muted); }
.card { background: var(--panel); border-radius: 16px; padding: 20px 22px; min-width: 0; }
.foot { font-size: 13px; margin-top: 12px; }
.tiles { display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; margin-top: 8px; }
.tiles div {
  display: flex; flex-direction: column-reverse; justify-content: flex-end;
  border-top: 2px solid var(--base); padding-top: 8px;
}
.tiles dt { color: var(--muted); line-height: 1.3; }
.tiles dd { font-size: 30px; font-weight: 680; letter-spacing: -.02em; line-height: 1.25; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; color: var(--muted); font-size: 13px; margin-top: 8px; }
.legend span { display: inline-flex; align-items: center; gap: 7px; }
.legend i { width: 12px; height: 12px; border-radius: 2px; }
.legend .ended { background: var(--ended); } .legend .other { background: var(--other); }
svg { display: block; overflow: visible; }
svg text { font-size: 13px; fill: var(--ink); }
.rows { padding: 0 34px 0 128px; }
.columns { padding: 8px 4px 0 30px; }
.other { fill: var(--other); } .ended { fill: var(--ended); }
rect.other, rect.ended { stroke: var(--panel); stroke-width: 1.5; }
.touch { fill: transparent; }
.bar:hover .touch { fill: var(--hairline); }
.grid { stroke: var(--hairline); } .base { stroke: var(--base); }
.name { text-anchor: end; } .name, .value, .scale { dominant-baseline: central; }
.bar[data-count="0"] text { fill: var(--muted); }
.value { font-weight: 600; }
svg .scale, svg .when { fill: var(--muted); font-size: 12px; }
.scale { text-anchor: end; } .when { text-anchor: middle; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 8px 0 8px 16px; text-align: right; vertical-align: top; border-bottom: 1px solid var(--hairline); }
th:first-child { text-align: left; padding-left: 0; font-weight: 500; }
thead th { color: var(--muted); font-size: 13px; font-weight: 400; vertical-align: bottom; }
thead th:first-child { font-weight: 400; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 650 !important; }
tbody:last-child tr:last-child > * { border-bottom: 0; }
td { white-space: nowrap; }
th small { display: block; color: var(--muted); font-size: 13px; font-weight: 400; line-height: 1.35; }
@media (max-width: 720px) {
  main { grid-template-columns: 1fr; padding: 24px 14px 32px; gap: 12px; }
  .card { padding: 18px 16px; border-radius: 14px; }
  .rows { padding-left: 118px; }
  .minor { display: none; }
  .tiles dd { font-size: 24px; }
  th, td { padding-left: 10px; }
}
@media (max-width: 480px) {
  #totals td, #totals th { font-size: 13px; } #totals td, #totals thead th + th { padding-left: 6px; }
  .tiles { gap: 10px; } .tiles dt { font-size: 13px; } .tiles dd { font-size: 18px; white-space: nowrap; }
  #totals small, #totals tr > :nth-child(5) { display: none; }
}
@media print {
  @page { margin: 14mm; }
  :root {
    --page: #fff; --panel: #fff; --ink: #000; --muted: #444; --hairline: #ddd; --base: #888;
    --other: #17624f; --ended: #cb7a16;
  }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; grid-template-columns: 1fr 1fr; }
  .card { padding: 10px 0; break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
