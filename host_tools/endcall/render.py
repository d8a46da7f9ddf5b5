"""What `endcall` shows people: tables and lines on stdout. Programs get the same facts with `--json`."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

#: The states in the words of the house, for those who did not read the manual.
STATES = {
    "READY": "no limit set",
    "WARN": "the limit is being set",
    "WATCH": "the limit stands",
    "ENFORCE": "the closing sentence is spoken",
    "RELEASE": "the line is open",
    "CONFIRM": "did the line drop?",
    "RECOVER": "the call is over",
    "FAULT": "out of service; the phone works",
}

#: As the ring shows them, for terminals.
STATE_STYLES = {
    "WARN": "yellow",
    "WATCH": "yellow",
    "ENFORCE": "bold red",
    "RELEASE": "bold red",
    "CONFIRM": "red",
    "RECOVER": "blue",
    "FAULT": "bold magenta",
}

_LOG_COLUMNS = (
    "sequence",
    "time",
    "boot",
    "uptime_s",
    "outcome",
    "warnings",
    "warned_s",
    "duration_s",
    "prompt_finished",
    "release_mode",
    "attempts",
    "line_dropped",
)


def console() -> Console:
    """stdout. A pipe gets plain text of any width."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=200, no_color=True)


def bare_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def devices(rows: list[dict[str, Any]]) -> RenderableType:
    """The answer of `endcall list`."""
    table = bare_table("name", "serial", "port", "state", "firmware", "access")
    for row in rows:
        state = row["state"] or row["error"] or ""
        if row["fault"]:
            state += f" {row['fault']}"
        cells = (row["name"] or "", row["serial"], row["port"], state, row["firmware"] or "", row["access"] or "")
        table.add_row(*(Text(cell) for cell in cells))
    return table


def info(facts: dict[str, Any]) -> RenderableType:
    """The answer of `endcall info`."""
    identity, status, check = facts["identity"], facts["status"], facts["check"]
    about = bare_table("", "")
    about.show_header = False
    rows = [
        ("name", identity["name"] or "(none; endcall set device.name NAME)"),
        ("serial", str(identity.get("serial", ""))),
        ("port", facts["device"]["port"]),
        ("firmware", f"{identity['firmware']} (this program: {facts['host_firmware']})"),
        ("protocol, settings", f"{identity['protocol']}, {identity['settings']}"),
        ("runtime", str(identity.get("runtime", ""))),
        ("USB access", str(identity.get("access", ""))),
        ("boot", str(identity.get("boot", ""))),
        ("up for", duration(status["uptime_s"])),
        ("state", state_line(status)),
        ("self-check", "passed" if not check["fault"] else fault_line(check["fault"], check["name"], check["say"])),
        ("memory", f"{identity.get('free_bytes', '?')} bytes free when the connection began"),
        ("last crash", identity.get("crash") or "none since it was plugged in"),
        ("incidents", f"{status['incidents']} (endcall log)"),
        ("repairs", repairs(status["repairs"])),
        ("damaged frames", str(status["bad_frames"])),
    ]
    for label, words in rows:
        about.add_row(Text(label, style="dim"), Text(words, style="bold red" if "FAULT" in words else ""))
    return Group(about, Text(), prompts(facts["prompts"], facts["used"]))


def repairs(count: int) -> str:
    if not count:
        return "none"
    return f"{count}: a stored setting was damaged and is at its default; compare: endcall get"


def fault_line(number: int, name: str, say: str) -> str:
    return f"FAULT {number} {name}: {say}"


def state_line(status: dict[str, Any]) -> str:
    words = f"{status['state']} for {duration(status['state_ms'] // 1000)} ({STATES.get(status['state'], '')})"
    if status["fault"]:
        words += f"; {fault_line(status['fault'], status['fault_name'], status['fault_say'])}"
    return words


def status(facts: dict[str, Any], name: str) -> RenderableType:
    """One moment of `endcall status`."""
    table = bare_table("", "")
    table.show_header = False
    told = facts["time_s"]
    rows = (
        ("device", name),
        ("state", state_line(facts)),
        ("warnings", str(facts["warnings"])),
        ("button", "down" if facts["button"] else "up"),
        ("line", f"{facts['line'].replace('_', '-')}, relay {facts['relay']}"),
        ("prompt", "playing" if facts["playing"] else "silent"),
        ("incidents", str(facts["incidents"])),
        ("up for", duration(facts["uptime_s"])),
        ("device time", local_time(told) if told else "not told"),
    )
    for label, words in rows:
        table.add_row(Text(label, style="dim"), Text(words, style="bold red" if "FAULT" in words else ""))
    return table


def event_words(changed: dict[str, Any]) -> list[str]:
    """What changed, for `endcall monitor`, a few words each."""
    words = []
    for key, value in changed.items():
        if key == "state":
            words.append(STATES.get(value, value))
        elif key == "warnings" and value:
            words.append(f"warning {value}")
        elif key == "fault" and value:
            words.append(f"fault {value}")
        elif key == "button":
            words.append("button down" if value else "button up")
        elif key == "line" and value != "unknown":
            words.append(f"line {value.replace('_', '-')}")
        elif key == "relay":
            words.append(f"relay {value}")
        elif key == "playing":
            words.append("prompt begins" if value else "silent")
        elif key == "practice" and value:
            words.append("practice: the line is not touched")
    return words


def prompts(rows: list[dict[str, Any]], used: dict[str, list[str]]) -> RenderableType:
    """Stored prompts; `used`: the settings that name each."""
    if not rows:
        return Text("No prompts are stored. Send one: endcall prompt put FILE.wav")
    table = bare_table("prompt", "length", "rate", "bytes", "CRC-32", "used by", "problem")
    for row in rows:
        table.add_row(
            Text(row["name"]),
            "" if row["ms"] is None else f"{row['ms'] / 1000:.1f} s",
            "" if row["rate_hz"] is None else f"{row['rate_hz']} Hz",
            str(row["bytes"] or ""),
            row["crc"] or "",
            ", ".join(used.get(row["name"], [])),
            Text(row["problem"] or "", style="bold red"),
        )
    return table


def log(records: list[dict[str, Any]]) -> RenderableType:
    """Incident records, oldest first; of several devices where they have a `device`."""
    head = ("device",) if any("device" in record for record in records) else ()
    table = bare_table(*head, "#", "when", "outcome", "warnings", "lasted", "prompt", "release", "line")
    for record in records:
        released = record["attempts"] > 0
        tries = f" x{record['attempts']}" if record["attempts"] > 1 else ""
        table.add_row(
            *(record[column] for column in head),
            str(record["sequence"]),
            when(record),
            record["outcome"].replace("_", " "),
            warnings(record),
            duration(record["duration_s"]),
            "to its end" if record["prompt_finished"] else "",
            f"{record['release_mode']}{tries}" if released else "",
            ("dropped" if record["line_dropped"] else "not seen to drop") if released else "",
        )
    return table


def log_csv(records: list[dict[str, Any]], head: tuple[str, ...] = ()) -> str:
    """Incident records as CSV with a head line; times in UTC. head: columns that go before."""
    out = io.StringIO()
    columns = head + _LOG_COLUMNS
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for record in records:
        row = {key: record[key] for key in columns if key in record}
        epoch_s = record["epoch_s"]
        row["time"] = datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if epoch_s else ""
        row["warned_s"] = " ".join(map(str, record["warned_s"]))
        writer.writerow(row)
    return out.getvalue()


def when(record: dict[str, Any]) -> str:
    """Local time, or how long after which start where no host had told the time."""
    if record["epoch_s"]:
        return local_time(record["epoch_s"])
    return f"boot {record['boot']} + {duration(record['uptime_s'])}"


def warnings(record: dict[str, Any]) -> str:
    if not record["warnings"]:
        return "0"
    return f"{record['warnings']} (at {', '.join(f'{at} s' for at in record['warned_s'])})"


def changes(changed: dict[str, list[Any]], was: str = "was", is_now: str = "is") -> RenderableType:
    """What was, and what is now (or would be)."""
    from endcall.settings_file import toml_value
    from endcall_core import settings

    table = bare_table("setting", was, is_now, "")
    for key, (before, after, *why) in changed.items():
        row = settings.find(key)
        unit = str(row[settings.UNIT]) if row and row[settings.KIND] == settings.INT else ""
        shown = "unknown" if before is None else toml_value(before)
        table.add_row(key, Text(shown), Text(toml_value(after)), Text(", ".join(part for part in [unit, *why] if part)))
    return table


def local_time(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: int) -> str:
    """e.g. "3 d 4 h", "1 h 2 min", "1 min 5 s", "7 s"."""
    for big, big_s, small, small_s in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= big_s:
            rest = seconds % big_s // small_s
            return f"{seconds // big_s} {big} {rest} {small}" if rest else f"{seconds // big_s} {big}"
    return f"{seconds} s"
