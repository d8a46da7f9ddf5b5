"""`endcall log`: how each call with a limit ended."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from endcall.commands.shared import (
    about,
    chosen,
    chosen_device,
    device_options,
    emit,
    examples,
    note,
)
from endcall.errors import InvalidError, UsageError
from endcall_core.call import OUTCOMES


class Moment(click.ParamType):
    """A date, or a date and a time, in this computer's time zone; becomes s since 1970, UTC.

    is_end: a date alone means the end of that day, which with a change of the clocks has 23 or 25 hours.
    """

    name = "date"

    def __init__(self, is_end: bool = False) -> None:
        self._is_end = is_end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            try:
                return datetime.fromisoformat(value).timestamp()
            except ValueError:
                self.fail(f"{value!r} is no date; write it as 2026-11-30 or 2026-11-30T14:00", param, ctx)
        return datetime.combine(day + timedelta(days=self._is_end), time()).timestamp()


@examples(
    "endcall log --last 20",
    "endcall log --since 2026-09-01 --until 2026-09-30 --outcome enforced --outcome threat",
    "endcall log --html report.html --since 2026-07-01",
    "endcall log --from front-desk.zip --from reception.zip --html report.html",
)
@click.command()
@device_options
@click.option("--after", default=0, type=click.IntRange(0), metavar="NUMBER", help="Only records after this one.")
@click.option("--since", type=Moment(), metavar="DATE", help="Only from this day (or 2026-11-30T14:00) on, local time.")
@click.option("--until", type=Moment(is_end=True), metavar="DATE", help="Only up to this day, all of it.")
@click.option("--outcome", "outcomes", type=click.Choice(OUTCOMES), multiple=True, help="Only these; repeat it.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the newest N of what is left.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV with a head line, times in UTC.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a report.")
@click.option("--with-name", is_flag=True, help="Name the devices in the report; else it names nobody.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option(
    "--from",
    "backups",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="BACKUP",
    help="Read this backup instead of a device; repeat it for several.",
)
def log(
    after: int,
    since: float | None,
    until: float | None,
    outcomes: tuple[str, ...],
    last: int | None,
    as_csv: bool,
    html: Path | None,
    with_name: bool,
    force: bool,
    backups: tuple[Path, ...],
) -> None:
    """Show the incident records: how each call with a limit ended.

    --html writes one page with plots for whoever has to decide something: how many a week, how they ended, how long
    they took. It holds totals, no single call, and names no device unless --with-name is given.
    """
    _refuse_contradictions(since, until, as_csv, html, with_name, force, backups)
    devices, records, lost = _from_backups(backups) if backups else _from_device(after)
    found = [
        record for record in records if record["sequence"] > after and (not outcomes or record["outcome"] in outcomes)
    ]
    kept, untold = _within(found, since, until)
    kept = kept[-last:] if last else kept
    facts: dict[str, Any] = {"devices": devices} if backups else {"device": devices[0]}
    if html:
        facts |= _write_report(html, kept, devices, with_name)
        emit("log", facts, lambda: f"{html}: {_count(len(kept))} of {_count(len(devices), 'device')}")
    else:
        facts |= {"records": kept, "lost": lost, "without_time": untold}
        emit("log", facts, lambda: _shown(kept, bool(backups), as_csv))
    if untold:
        note(f"Left out: {_count(untold)} without a time; no computer had told the device what time it was.")
    if lost:
        note(f"{lost} more found no room since the device was plugged in.")


def _refuse_contradictions(
    since: float | None,
    until: float | None,
    as_csv: bool,
    html: Path | None,
    with_name: bool,
    force: bool,
    backups: tuple[Path, ...],
) -> None:
    if as_csv and chosen("json"):
        raise click.UsageError("--csv and --json exclude each other.")
    if as_csv and html:
        raise click.UsageError("--csv and --html exclude each other.")
    if (with_name or force) and not html:
        raise click.UsageError("--with-name and --force belong to --html.")
    if backups and (chosen("port") or chosen("serial") or chosen("name")):
        raise click.UsageError("--from reads files; --port, --serial and --name choose a device.")
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since is later than --until.")
    if html and html.exists() and not force:
        raise UsageError(f"{html} is there already.", "It was not touched.", "Give another name, or --force.")


def _from_device(after: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        records, lost = client.log(after)
        return [about(client)], records, lost


def _from_backups(paths: tuple[Path, ...]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Devices, and their records with `device` added: each once, however many backups have it. Oldest first."""
    from endcall import backup

    devices: dict[str, dict[str, Any]] = {}
    once: dict[tuple, dict[str, Any]] = {}
    for path in paths:
        kept = backup.read(path)
        told = kept.about.get("device") or {}
        serial = str(told.get("serial") or path.stem)
        devices[serial] = {"serial": serial, "name": str(told.get("name") or ""), "port": ""}
        for record in _readable(path, kept.incidents):
            # A log that was erased counts from 1 again, so the number alone does not tell.
            once[serial, record["sequence"], record["boot"], record["uptime_s"], record["epoch_s"]] = record | {
                "device": serial
            }
    return list(devices.values()), _in_order(list(once.values())), 0


def _readable(path: Path, incidents: Any) -> list[dict[str, Any]]:
    """The incidents of a backup. Raises InvalidError where this version does not know what they are."""
    numbers = ("sequence", "boot", "uptime_s", "duration_s", "warnings", "attempts")
    for record in incidents if isinstance(incidents, list) else [None]:
        if (
            not isinstance(record, dict)
            or any(type(record.get(name)) is not int for name in numbers)
            or type(record.get("epoch_s", "")) not in (int, type(None))
            or not isinstance(record.get("warned_s"), list)
            or not {"prompt_finished", "release_mode", "line_dropped"} <= set(record)
            or record.get("outcome") not in OUTCOMES
        ):
            raise InvalidError(
                f"{path} holds incidents that this version of endcall does not know.",
                "A newer endcall made it, or it was changed by hand.",
                "Update this program: pip install --upgrade endcall",
            )
    return list(incidents)


def _in_order(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By time, across devices. What has no time stays right after what the same device recorded before it."""
    keys = []
    before: dict[str, int] = {}
    for record in sorted(records, key=lambda record: (record["device"], record["sequence"])):
        before[record["device"]] = record["epoch_s"] or before.get(record["device"], 0)
        keys.append((before[record["device"]], record["device"], record["sequence"], record))
    return [record for *_, record in sorted(keys, key=lambda key: key[:3])]


def _within(
    records: list[dict[str, Any]], since: float | None, until: float | None
) -> tuple[list[dict[str, Any]], int]:
    """The records in that time, and how many were left out because they have none."""
    if since is None and until is None:
        return records, 0
    dated = [record for record in records if record["epoch_s"]]
    kept = [
        record
        for record in dated
        if (since is None or record["epoch_s"] >= since) and (until is None or record["epoch_s"] < until)
    ]
    return kept, len(records) - len(dated)


def _shown(records: list[dict[str, Any]], is_of_many: bool, as_csv: bool) -> Any:
    from endcall import render

    if as_csv:
        return render.log_csv(records, ("device",) if is_of_many else ())
    return render.log(records) if records else "No incidents."


def _write_report(
    path: Path, records: list[dict[str, Any]], devices: list[dict[str, Any]], with_name: bool
) -> dict[str, Any]:
    from endcall import log_report

    page = log_report.page(records, devices, with_name, datetime.now().astimezone())
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UsageError(f"{path} can't be written: {error.strerror}.", "", "Choose another place.") from error
    return {"output": str(path), "incidents": len(records)}


def _count(number: int, what: str = "incident") -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
