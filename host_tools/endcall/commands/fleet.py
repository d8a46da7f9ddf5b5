"""`endcall fleet …`: many devices from one file."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcall.commands.shared import chosen, emit, examples, note, options, timeout_option
from endcall.errors import DriftError, NoDeviceError, PartialError, UsageError

if TYPE_CHECKING:
    from endcall.fleet import Event, Job, Manner


@click.group()
def fleet() -> None:
    """Many devices from one file: defaults, groups, devices.

    \b
    [defaults]                       for every device
    call.min_warn_s = 8
    prompts = { "closing.wav" = "prompts/closing-en.wav" }
    [group.berlin]                   for the devices that say so
    release.preset = "eu_generic"
    [[device]]                       one device, known by its serial number
    name = "Front desk"
    serial = "E6614864D3417A36"
    group = "berlin"

    A device goes before its group, the group before the defaults. A device that is not in the file is never touched.
    """


_file = click.argument("file", type=click.Path(path_type=Path), default="fleet.toml")
_device_options = options("--serial", "--name", "--answer-s", "--json")
_no_backup = click.option(
    "--no-backup", is_flag=True, help="Do not keep the settings as they were before on this computer."
)
_group_option = click.option("--group", metavar="GROUP", help="Only the devices of this group.")
_jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=64,  # more than anybody has ports for
    show_default=True,
    metavar="N",
    help="Devices at the same time.",
)


@examples("endcall fleet validate", "endcall fleet validate berlin.toml --json")
@fleet.command()
@options("--json")
@_file
def validate(file: Path) -> None:
    """Look for everything that is wrong in FILE, its prompts included; no device is needed."""
    from endcall import fleet_file

    entries = fleet_file.read(file).entries
    groups = sorted({entry.group for entry in entries if entry.group})
    waiting = sum(1 for entry in entries if not entry.serial)
    facts = {"file": str(file), "devices": len(entries), "groups": groups, "without_serial": waiting}
    said = f"{file} is right: {_count(len(entries), 'device')}, {_count(len(groups), 'group')}"
    emit("fleet_validate", facts, lambda: said + (f"; {waiting} without a serial number yet" if waiting else ""))


@examples("endcall fleet plan", "endcall fleet plan --group berlin --exit-code")
@fleet.command()
@_device_options
@_group_option
@_jobs_option
@click.option("--exit-code", "tells_drift", is_flag=True, help="Exit code 8 where a device differs from FILE.")
@_file
def plan(file: Path, group: str | None, jobs: int, tells_drift: bool) -> None:
    """Show what `apply` would change, devices with the same changes together. Nothing is changed."""
    from endcall import fleet_jobs, fleet_view

    run = _Run(file, group)
    results = run.once(fleet_jobs.plan, jobs)
    run.end(results, lambda: fleet_view.plans(results))
    drifted = sum(1 for event in results if event.get("differs"))
    if tells_drift and drifted:
        raise DriftError(
            f"{drifted} of {_count(len(results), 'device')} differ from {file}.", "", f"endcall fleet apply {file}"
        )


@examples(
    "endcall fleet apply",
    "endcall fleet apply --resume",
    'endcall fleet apply --name "Front desk" --timeout 0',
    "endcall fleet apply --watch --adopt",
)
@fleet.command()
@_device_options
@_group_option
@_jobs_option
@timeout_option
@_no_backup
@click.option("--resume", is_flag=True, help="Leave out the devices that are done already, as FILE stands now.")
@click.option(
    "--watch", "is_watch", is_flag=True, help="Each device as it is plugged in, until all are done or Ctrl-C."
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="With --watch: end after N devices.")
@click.option("--adopt", is_flag=True, help="With --watch: a new device takes the next entry without a serial number.")
@_file
def apply(
    file: Path,
    group: str | None,
    jobs: int,
    wait_s: float,
    no_backup: bool,
    resume: bool,
    is_watch: bool,
    count: int | None,
    adopt: bool,
) -> None:
    """Make every device what FILE says: read all of it first, then change, read back and compare, many at a time.

    Doing it again changes nothing. The settings as they were are kept on this computer. Exit code 10: not every
    device is done; repeat it with --resume.
    """
    from endcall import fleet_jobs

    if not is_watch and (adopt or count):
        raise click.UsageError("--adopt and --count belong to --watch.")
    run = _Run(file, group)
    run.keep_state(resume)
    job = functools.partial(fleet_jobs.apply, keeps=not no_backup)
    if is_watch:
        results = run.watch(job, jobs, wait_s, count, adopt)
    else:
        results = run.once(job, jobs, wait_s)
    run.end(results, needs_all=not is_watch)


@examples("endcall fleet status", "endcall fleet status --group berlin --json")
@fleet.command()
@_device_options
@_group_option
@_jobs_option
@_file
def status(file: Path, group: str | None, jobs: int) -> None:
    """Show which devices of FILE are plugged in, how they are, and whether they differ from it."""
    from endcall import fleet_jobs, fleet_view

    run = _Run(file, group)
    results = run.once(fleet_jobs.status, jobs)
    run.end(results, lambda: fleet_view.inventory(results), needs_one=False)


@examples("endcall fleet example > fleet.toml")
@fleet.command()
def example() -> None:
    """Print a fleet file to begin with."""
    from endcall.fleet_file import EXAMPLE

    click.echo(EXAMPLE, nl=False)


@examples("endcall fleet rehearse", "endcall fleet rehearse --devices 50 --every 2")
@fleet.command()
@click.option("--devices", "count", type=click.IntRange(1, 100), default=5, show_default=True, metavar="N")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0),
    default=0,
    metavar="SECONDS",
    help="Plug them in one by one, so far apart.",
)
@click.argument("folder", type=click.Path(path_type=Path), default="rehearsal")
def rehearse(count: int, every_s: float, folder: Path) -> None:
    """Run simulated devices to try all this with, until Ctrl-C. Their drives stay in FOLDER."""
    import signal

    from endcall.fleet_rehearsal import Rehearsal
    from endcall.ports import PORT_FOLDER

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the ports go away then, too
    with Rehearsal(folder, count) as rehearsal:
        note(f"In another terminal, so that endcall finds them:  export {PORT_FOLDER}={rehearsal.ports}")
        note("Then: endcall list. Ctrl-C here ends it.")
        try:
            rehearsal.run(lambda serial: note(f"plugged in: {serial}"), every_s)
        except KeyboardInterrupt:
            note("")


class _Run:
    """A fleet file, the devices of it that were chosen, and what becomes of them."""

    def __init__(self, file: Path, group: str | None) -> None:
        from endcall import fleet_file

        if chosen("port"):
            raise UsageError("A fleet goes by serial numbers, not by --port.", "", "Leave --port out.")
        self._fleet = fleet_file.read(file)
        self._entries = self._fleet.select(group, chosen("serial"), chosen("name"))
        self._chosen = len(self._entries)
        self._began_s = time.monotonic()
        self._state: Any = None
        self._earlier: list[Event] = []
        self._strangers: dict[str, Event] = {}
        self._is_watch = self._was_interrupted = False

    def keep_state(self, resume: bool) -> None:
        """Remember what gets done; with `resume`, leave out what was."""
        from endcall import fleet as engine
        from endcall.fleet_state import State

        self._state = State(self._fleet.path)
        if resume:
            self._earlier = [engine.earlier(one, at) for one in self._entries if (at := self._state.done_at(one))]
            self._entries = [entry for entry in self._entries if not self._state.done_at(entry)]

    def once(self, job: Job, jobs: int, wait_s: float = 0) -> list[Event]:
        """The job on all chosen devices that are plugged in; the results of all."""
        from endcall import fleet as engine

        events = engine.once(self._entries, self._manner(job, jobs, wait_s))
        return self._follow(itertools.chain(self._earlier, events, engine.strangers(self._fleet.entries)))

    def watch(self, job: Job, jobs: int, wait_s: float, count: int | None, adopt: bool) -> list[Event]:
        """The job on each chosen device as it comes; the results of those that came."""
        from endcall import fleet as engine

        self._is_watch = True
        adopter = engine.Adopter(self._fleet.path, self._entries) if adopt else None
        manner = self._manner(job, jobs, wait_s)
        note("Plug the devices in, one after the other or many at once. Ctrl-C ends it.")
        events = engine.watch(self._fleet.entries, self._entries, manner, adopter, count)
        return self._follow(itertools.chain(self._earlier, events))

    def _manner(self, job: Job, jobs: int, wait_s: float) -> Manner:
        from endcall.client import ANSWER_S
        from endcall.fleet import Manner

        return Manner(job, chosen("answer_s") or ANSWER_S, wait_s, jobs)

    def _follow(self, events: Iterator[Event]) -> list[Event]:
        """Show `events` as they come and keep the state; the last result of each device, in the file's order.

        Ctrl-C ends it; what was in work then has a result, too, and what had not begun unless this is watching.
        """
        from endcall import fleet as engine
        from endcall import fleet_view

        results: dict[str, Event] = {}
        begun: dict[str, Event] = {}
        with fleet_view.view(bool(chosen("json")), self._chosen, bool(self._state), self._is_watch) as show:
            try:
                for event in events:
                    show(event)
                    self._remember(event)
                    (results if event["event"] == "result" else begun)[_key(event)] = event
            except KeyboardInterrupt:
                self._was_interrupted = True
                waiting = {} if self._is_watch else {entry.serial or entry.name: entry for entry in self._entries}
                left = {key: engine.about(entry) for key, entry in waiting.items()}
                left |= {key: event["device"] for key, event in begun.items() if key not in self._strangers}
                for key in left.keys() - results.keys():
                    results[key] = engine.interrupted(left[key], has_begun=key in begun)
                    show(results[key])
            finally:
                if self._state:
                    self._state.save()
        places = {entry.title: entry.number for entry in self._fleet.entries}
        return sorted(results.values(), key=lambda event: places.get(event["device"]["name"] or _key(event), 0))

    def _remember(self, event: Event) -> None:
        from endcall.fleet import DONE

        device = event["device"]
        if event["event"] == "unknown":
            self._strangers[_key(event)] = event
        elif self._state and event["event"] == "begin" and device["serial"]:
            self._state.drop(device["serial"])
        elif self._state and event.get("result") == DONE:
            self._state.add(device["serial"], device["name"], event["wanted"])

    def end(
        self,
        results: list[Event],
        human: Callable[[], Any] | None = None,
        needs_all: bool = False,
        needs_one: bool = True,
    ) -> None:
        """Tell what came of all. Raises where that is less than it should be.

        needs_all: every device must have been there; needs_one: one, at least.
        """
        from endcall import fleet_view
        from endcall.fleet import ABSENT, DONE, EARLIER

        seconds = time.monotonic() - self._began_s
        good = (DONE, EARLIER) if needs_all else (DONE, EARLIER, ABSENT)
        bad = [event for event in results if event["result"] not in good]
        if chosen("json"):
            click.echo(fleet_view.as_line(fleet_view.closing(results, list(self._strangers), seconds)))
        else:
            emit("fleet", {}, human or (lambda: fleet_view.summary(results, seconds)))
        if self._state and self._state.problem:
            note(self._state.problem)
        if self._was_interrupted and not self._is_watch:
            raise KeyboardInterrupt
        if self._chosen == len(bad) == 1 and "exit_code" in bad[0]:
            click.get_current_context().exit(bad[0]["exit_code"])
        if needs_one and results and all(event["result"] == ABSENT for event in results):
            of_all = f"Of {_count(len(results), 'device')} asked for, none"
            if any(event["device"]["serial"] for event in results):
                raise NoDeviceError(f"{of_all} is plugged in.", "", "See what is there: endcall list")
            raise NoDeviceError(f"{of_all} has a serial number yet.", "", "endcall fleet apply --watch --adopt")
        if bad:
            raise PartialError(
                f"{len(bad)} of {_count(len(results), 'device')} are not done.",
                "The others are.",
                f"When that is mended: endcall fleet apply {self._fleet.path} --resume",
            )


def _key(event: Event) -> str:
    return str(event["device"]["serial"] or event["device"]["name"])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
