"""The bench's numbers as a table, a page with plots, and the README's section."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from .subjects import SUBJECTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RESULT = DOCS / "bench.json"  # the last full run, committed; the README's table comes from it
START, END = "<!-- bench:start -->", "<!-- bench:end -->"
LOADS = {
    "light_idle": "idle",
    "light_uploading": "while a prompt is uploaded",
    "light_playing": "while the closing prompt plays",
    "light_collecting": "garbage collected at that moment",
}
OWN_START = "power-on to READY, over an empty code.py, ms"
USB_KB_PER_S = 1216  # 19 packets of 64 bytes per frame of 1 ms (USB 2.0, 5.8.4), as the emulated host gives
FRAME_MS = 24 * 24 * 1.25e-3  # 24 pixels of 24 bits at 800 kHz

Row = tuple[str, str, str | None, str | None, str | None, str, str]  # metric, unit, ours, polled, asyncio, limit, ratio
HEAD = ("", "endcall", "polled loop", "asyncio", "limit", "ratio")


def number(value: float | None) -> str | None:
    """Three significant digits; "never" for what did not come."""
    if value is None:
        return None
    if math.isinf(value):
        return "never"
    if math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _ratio(ours: float | None, others: list[float | None], more_is_better: bool) -> str:
    """How many times better ours is than the better of the others."""
    found = [other for other in others if other is not None and math.isfinite(other)]
    if ours is None or not found:
        return ""
    best = max(found) if more_is_better else min(found)
    top, bottom = (ours, best) if more_is_better else (best, ours)
    return f"{number(top / bottom)}" if bottom else ""


def rows(result: dict[str, Any]) -> list[tuple[str, list[Row]]]:
    """The table by group of metrics."""
    cases = result["cases"]

    def of(case: str, key: str) -> list[float | None]:
        return [cases.get(f"{case}:{name}", {}).get(key) for name in SUBJECTS]

    def largest_error(name: str, length: int) -> float | None:
        errors = cases.get(f"breaks:{name}", {}).get(str(length))
        return errors and max(abs(error) for error in errors)

    def row(what: str, values: list[float | None], limit: str = "", more: bool = False) -> Row:
        shown = [number(value) for value in values]
        return (what, "", shown[0], shown[1], shown[2], limit, _ratio(values[0], values[1:], more))

    light = []
    for case, load in LOADS.items():
        for key, name in (("p50", "median"), ("p99", "99 %"), ("max", "longest")):
            values = of(case, key)
            light.append(row(f"{load}, {name}", values, number(FRAME_MS) or ""))
    slowly = cases["light_uploading_slowly:ours"]
    light.append(row("while a prompt is uploaded into a flash that takes its time, 99 %", [slowly["p99"], None, None]))
    elsewhere = cases["light_elsewhere:ours"]
    worst = max(elsewhere.values(), key=lambda one: one["max"])
    light.append(row("in any other state, longest", [worst["max"], None, None], number(FRAME_MS) or ""))

    errors = [
        row(f"{length} ms, largest error", [largest_error(name, length) for name in SUBJECTS], "0.001")
        for length in map(int, cases["breaks:ours"])
    ]

    stall = cases["loop:ours"]
    busiest = max(stall["requests_ms"], key=lambda do: stall["requests_ms"][do])
    without = _longest_request(stall)
    loop = [
        row("longest turn, idle, ms", of("loop", "idle_ms")),
        row("longest turn in a call, ms", of("loop", "call_ms")),
        row("longest turn in an upload, ms", [stall["upload_ms"], None, None]),
        row(f"longest turn for a request ({busiest}), ms", [stall["requests_ms"][busiest], None, None]),
        row("longest turn for any other request, ms", [without, None, None]),
        row("a collection of garbage, ms", of("loop", "collection_ms")),
        row("bytes taken per idle turn", of("loop", "bytes_per_turn"), "0"),
    ]
    empty = cases["start:empty"]["ms"]
    start = [
        row("power-on to READY, ms", of("start", "ms"), number(empty) or ""),
        row(OWN_START, [ms and ms - empty for ms in of("start", "ms")], "0"),
    ]
    calls = cases["heap:ours"]
    free = cases["protocol:ours"]["free_bytes"]
    heap = [
        row("free after the start, bytes", [free, None, None]),
        row(f"free after {calls['calls']} calls, bytes", [free - (calls["before"] - calls["after"]), None, None]),
        row("free after the start, with what measures it, bytes", of("loop", "free_after_start"), more=True),
        row("free after a call, with what measures it, bytes", of("loop", "free_after_call"), more=True),
    ]
    sound = [
        row("release of the button to the first sample, ms", of("sound", "first_sample_ms")),
        row("samples repeated or foreign", of("sound", "extra"), "0"),
        row("samples left out", of("sound", "missing"), "0"),
    ]
    put = cases["protocol:ours"]
    protocol = [
        row("requests per second", [put["requests_per_s"], None, None]),
        row("prompt upload, KB/s", [put["upload_kb_per_s"], None, None], f"{USB_KB_PER_S}"),
        row("the same file by mpremote fs cp, KB/s", [cases["mpremote:open"]["upload_kb_per_s"], None, None]),
    ]
    return [
        ("From contact to light, ms", light),
        ("Length of the break, ms", errors),
        ("The loop", loop),
        ("Sound", sound),
        ("The start", start),
        ("Memory", heap),
        ("The protocol", protocol),
    ]


def host_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    """What depends on the computer."""
    out = [(f"`{tool} --help`, ms", number(ms) or "") for tool, ms in result["cases"]["help_times:host"].items()]
    for workload, name in (("settings", "settings"), ("settings_and_prompt", "settings and a prompt")):
        runs = result["cases"]["fleet:host"].get(workload, {})
        for count, run in runs.items():
            times = f"{number(run['seconds'])} ({number(run['times_first'])} times one)"
            out.append((f"{name} for {count} simulated device{'s' * (count != '1')}, s", times))
    return out


def table(result: dict[str, Any]) -> str:
    """All of it in Markdown."""
    out = ""
    for title, group in rows(result):
        out += f"\n**{title}**\n\n| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}\n"
        for what, _, ours, polled, asyncio, limit, ratio in group:
            cells = [what, *(cell or "" for cell in (ours, polled, asyncio)), limit, ratio]
            out += f"| {' | '.join(cells)} |\n"
    out += "\n**On the computer**\n\n| | |\n| --- | --- |\n"
    return out + "".join(f"| {what} | {value} |\n" for what, value in host_rows(result))


def targets(result: dict[str, Any]) -> list[tuple[str, float, float, bool]]:
    """What was aimed at: what, the target, what was measured, and whether more is better."""
    cases = result["cases"]
    light = {load: cases[f"{case}:ours"] for case, load in LOADS.items()}
    light |= {f"in {state}": one for state, one in cases["light_elsewhere:ours"].items()}
    loop, put, calls = cases["loop:ours"], cases["protocol:ours"], cases["heap:ours"]
    sound = cases["sound:ours"]
    fleet = cases["fleet:host"]["settings"]
    breaks = max(abs(error) for errors in cases["breaks:ours"].values() for error in errors)
    return [
        *[  # but where each press is aimed at a collection
            (f"contact to light {load}, 99 %, ms", 15, one["p99"], False)
            for load, one in light.items()
            if load != LOADS["light_collecting"]
        ],
        *[(f"contact to light {load}, longest, ms", 25, one["max"], False) for load, one in light.items()],
        ("error of a break, ms", 0.1, breaks, False),
        ("samples repeated, foreign or left out", 0, sound["extra"] + sound["missing"], False),
        ("longest turn, idle or in a call, ms", 20, max(loop["idle_ms"], loop["call_ms"]), False),
        ("longest turn in an upload, ms", 20, loop["upload_ms"], False),
        ("longest turn for a request other than app, ms", 20, _longest_request(loop), False),
        ("bytes taken per idle turn", 0, loop["bytes_per_turn"], False),
        (
            f"bytes free after {calls['calls']} calls",
            60_000,
            put["free_bytes"] - (calls["before"] - calls["after"]),
            True,
        ),
        (OWN_START, 1500, _own_start_ms(cases), False),
        ("prompt upload without the flash's time, KB/s", 100, put["upload_kb_per_s"], True),
        ("`endcall --help`, ms", 200, cases["help_times:host"]["endcall"], False),
        ("50 devices, times as long as one", 2, fleet.get("50", fleet["1"])["times_first"], False),
    ]


def _longest_request(loop: dict[str, Any]) -> float:
    return max(ms for do, ms in loop["requests_ms"].items() if do != "app")


def _own_start_ms(cases: dict[str, Any]) -> float:
    return cases["start:ours"]["ms"] - cases["start:empty"]["ms"]


def is_met(target: float, seen: float, more_is_better: bool) -> bool:
    return seen >= target if more_is_better else seen <= target


def _target_table(result: dict[str, Any]) -> str:
    out = "| | target | measured | |\n| --- | --- | --- | --- |\n"
    for what, target, seen, more in targets(result):
        met = "met" if is_met(target, seen, more) else "**not met**"
        out += f"| {what} | {'≥' if more else '≤'} {target:g} | {number(seen)} | {met} |\n"
    return out


def profile_tables(profile: list[dict[str, Any]]) -> str:
    """The time per function of each stretch that `profiling.profile` measured."""
    out = ""
    for stretch in profile:
        out += f"\n**{stretch['what']}: {stretch['ms']:.2f} ms**\n\n"
        out += "| function | calls | its own ms |\n| --- | --- | --- |\n"
        out += "".join(f"| `{name}` | {calls:g} | {ms:.3f} |\n" for name, calls, ms in stretch["functions"])
    return out


def readme_section(result: dict[str, Any]) -> str:
    """What stands between the markers in the README: the numbers that people feel."""
    wanted = {
        "From contact to light, ms": (
            "idle, 99 %",
            "idle, longest",
            *[f"{load}, longest" for load in LOADS.values()][1:],
        ),
        "Length of the break, ms": ("600 ms, largest error",),
        "The loop": ("longest turn in a call, ms", "bytes taken per idle turn"),
        "Sound": ("samples repeated or foreign", "samples left out"),
        "The start": (OWN_START,),
        "Memory": ("free after the start, bytes", f"free after {result['size']['calls']} calls, bytes"),
        "The protocol": ("prompt upload, KB/s", "the same file by mpremote fs cp, KB/s"),
    }
    out = (
        f"endcall {result['version']}, measured on {result['date']} with CircuitPython {result['runtime']} on the "
        "emulated chip, in its own time, by\n`make bench`. Beside it are two programs as good tutorials write them "
        "([tests/bench/baselines](tests/bench/baselines)): a polled\nloop with adafruit_debouncer, and asyncio with "
        "keypad and adafruit_led_animation. An empty cell: no such function.\n"
        "[Every number, plots, and where the time goes](docs/bench.md).\n\n"
    )
    out += "| | endcall | polled loop | asyncio |\n| --- | --- | --- | --- |\n"
    for title, group in rows(result):
        for what, _, ours, polled, asyncio, _, _ in group:
            if what in wanted[title]:
                name = f"contact to light, {what}, ms" if title.startswith("From contact") else what
                name = f"break of {what}, ms" if title.startswith("Length") else name
                out += f"| {name} | {ours or ''} | {polled or ''} | {asyncio or ''} |\n"
    return out


def put_into(readme: str, section: str) -> str:
    """`readme` with `section` between its markers, which are put before the licences where they are missing."""
    if START not in readme:
        readme = readme.replace("## Licences\n", f"## How fast it is\n\n{START}\n{END}\n\n## Licences\n", 1)
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"the README has no {START} and {END}")
    return f"{before}{START}\n{section}{END}{after}"


def page(result: dict[str, Any]) -> str:
    """The page in Markdown."""
    notes = "\n".join(f"- {note}" for note in NOTES)
    return (
        f"<!-- Written by `make bench`. -->\n\n# What was measured\n\nendcall {result['version']}, {result['date']}, "
        f"CircuitPython {result['runtime']}{' (the quick form: few samples)' if result['quick'] else ''}. "
        "`make bench` measures it again (half an hour); `make bench-quick` tries in three minutes whether it runs.\n"
        f"{table(result)}\n"
        + "".join(f"![{said}]({name})\n\n" for name, said in PLOTS.items())
        + f"## Targets\n\n{_target_table(result)}\n## How to read it\n\n{notes}\n\n"
        + f"## Where the time goes\n\n{PROFILE}\n"
        + profile_tables(result["cases"]["profile:ours"])
    )


def write(result: dict[str, Any], folder: Path) -> Path:
    """Write bench.json, plots and bench.md into `folder`; returns the page."""
    (folder / "bench.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
    _plots(result, folder)
    (folder / "bench.md").write_text(page(result))
    return folder / "bench.md"


NOTES = (
    "Times are the emulated chip's own, exact and repeatable; what stands under *On the computer* depends on it.",
    "The limit is what physics or CircuitPython leave: sending 24 pixels, the PIO's tick of 1 us, an empty code.py, "
    "the bus. The ratio is how many times better endcall is than the better of the two others.",
    "An empty cell: the program has no such function. Neither of the two has settings, a protocol, a log, a self-test "
    "or a watchdog; `mpremote fs cp` stops the program that runs, so nobody can press meanwhile. "
    "It runs on the computer while emulated time goes on, so its figure depends on the computer; endcall's upload is "
    "what the device can take.",
    "Every press is made at a random moment, on a copy of the running Pico, so that none disturbs the next.",
    "A computer that uploads leaves no pause here: the next request leaves in the instant an answer arrives. The "
    "emulated flash takes no time unless the row says so. A real one takes 50 ms and more for 4 KB, in which nothing "
    "else runs; who presses in just that moment waits for its end.",
    "A thousand calls run on a clock that jumps, with stand-ins for button, speaker and relay "
    "(`tests/bench/thousand.py`); what they leave taken is subtracted from what is free after the start. All else "
    "happens in real emulated time on the whole product.",
    "A collection of garbage is the floor of a stall: it walks the whole heap, and nothing in Python can divide it. "
    "endcall collects before it is due, in turns that have nothing else to do. Who presses in just that moment waits "
    "for its end.",
    "What an upload misses: each chunk litters 1.3 KB (the request, its answer, their CRCs), so without pauses "
    "CircuitPython collects every 14 chunks, a tenth of a second, and one press in fourteen is shown later than 15 ms. "
    "For 99 % in 15 ms there could be one collection in a second; an upload lasts 1.4 s and ends with one on purpose, "
    "before the prompt is put in force. Chunks of 2 KB with half the litter for each KB were tried: as many presses "
    "were late, and the longest turn was over its 20 ms.",
    "The first sample comes later than in the other programs on purpose: the relay and the amplifier settle for 20 ms, "
    "the mixer holds 64 ms twice so that a stalled loop leaves no gap, and the level rises in 30 ms.",
)
PROFILE = (
    "Each function of the firmware says when it begins and ends; what that costs is subtracted. Its own time holds "
    "what CircuitPython does for it in C. `PYTHONPATH=tests python -m bench.profiling` prints this part alone."
)


PLOTS = {
    "bench-light.png": "How many of the presses are shown within so many milliseconds",
    "bench-break.png": "The error of each break, by its length",
}


def _plots(result: dict[str, Any], folder: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    colours = {"ours": "#0b6e4f", "polled": "#c1666b", "asyncio": "#4a5fa5"}
    names = {"ours": "endcall", "polled": "polled loop", "asyncio": "asyncio"}
    cases = result["cases"]
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), sharex=True, constrained_layout=True)
    for axis, (case, load) in zip(axes.flat, LOADS.items(), strict=True):
        for name, colour in colours.items():
            values = cases.get(f"{case}:{name}", {}).get("values")
            if values:
                shown = [min(value, 120) for value in values]
                share = [100 * (i + 1) / len(shown) for i in range(len(shown))]
                axis.step(shown, share, where="post", color=colour, label=names[name], linewidth=1.8)
        axis.axvline(15, color="grey", linestyle=":", linewidth=1)
        axis.axvline(25, color="grey", linestyle="--", linewidth=1)
        axis.set_title(load, fontsize=10)
        axis.set_ylim(0, 102)
        axis.set_xlim(0, None)
        axis.grid(alpha=0.25)
    axes[0, 0].legend(loc="lower right", fontsize=9)
    for axis in axes[1]:
        axis.set_xlabel("ms from contact to light (dotted: 15 ms, dashed: 25 ms)")
    for axis in axes[:, 0]:
        axis.set_ylabel("% of presses")
    figure.savefig(folder / "bench-light.png", dpi=100)

    figure, axis = plt.subplots(figsize=(8, 4), constrained_layout=True)
    lengths = list(cases["breaks:ours"])
    for shift, (name, colour) in enumerate(colours.items()):
        for place, length in enumerate(lengths):
            errors = [abs(error) * 1000 for error in cases.get(f"breaks:{name}", {}).get(length, [])]
            at = [place + (shift - 1) * 0.22] * len(errors)
            label = names[name] if not place else None
            axis.scatter(at, [max(error, 0.01) for error in errors], s=14, alpha=0.6, color=colour, label=label)
    axis.set_yscale("log")
    axis.axhline(100, color="grey", linestyle="--", linewidth=1)
    axis.set_xticks(range(len(lengths)), [f"{length} ms" for length in lengths])
    axis.set_ylabel("error of the break, us (dashed: 0.1 ms)")
    axis.grid(alpha=0.25)
    axis.legend(fontsize=9)
    figure.savefig(folder / "bench-break.png", dpi=100)
    plt.close("all")
