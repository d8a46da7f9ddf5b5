"""The `endcall` command. Only the words of the command line are here; what they do is in the other modules.

Results go to stdout, everything else to stderr. Exit codes: `endcall.errors.EXIT_CODES`. Modules that take time to
import are imported by the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcall.errors import EXIT_CODES, DriftError, EndcallError, InvalidError, PartialError
from endcall_core.version import FIRMWARE

if TYPE_CHECKING:
    from endcall.client import Client
    from endcall.connect import Choice

WAIT_S = 300  # how long a change waits for a call to end


# --- what all commands share ----------------------------------------------------------------------------------


class Commands(click.Group):
    """Turns every failure into its message and exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EndcallError as error:
            _tell(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What the device had not confirmed is not in force.", err=True)
            ctx.exit(130)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            click.echo(f"endcall failed: {type(error).__name__}: {error}", err=True)
            click.echo(f"That is a defect of endcall. The details are in {_keep_traceback()}", err=True)
            ctx.exit(1)


def _tell(error: EndcallError) -> None:
    if _chosen("json"):
        click.echo(json.dumps(error.as_dict(), default=str), err=True)
        return
    click.echo(f"endcall: {error.happened}", err=True)
    for sentence in (error.means, error.todo):
        if sentence:
            click.echo(sentence, err=True)


def _keep_traceback() -> str:
    import traceback

    from platformdirs import user_log_path

    try:
        path = user_log_path("endcall", appauthor=False, ensure_exists=True) / "endcall.log"
        with path.open("a") as file:
            file.write(f"endcall {FIRMWARE}\n{traceback.format_exc()}\n")
        return str(path)
    except OSError:
        traceback.print_exc()
        return "the lines above"


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """An option that may stand before or after the command."""
    if value and param.name:
        ctx.find_root().meta[f"endcall.{param.name}"] = value


def _chosen(name: str) -> Any:
    return click.get_current_context().find_root().meta.get(f"endcall.{name}")


_OPTIONS: dict[str, dict[str, Any]] = {
    "--json": {"is_flag": True, "help": "The result as JSON."},
    "--port": {"metavar": "PATH", "help": "Talk to this port."},
    "--serial": {"metavar": "NUMBER", "help": "Choose a device by its serial number."},
    "--name": {"metavar": "NAME", "help": "Choose a device by its name."},
    "--answer-s": {
        "type": click.FloatRange(1.5, 600),
        "metavar": "SECONDS",
        "help": "How long to wait for an answer: 2; an emulated device needs more.",
    },
}


def _shared(*flags: str) -> Callable:
    def decorate(function: Callable) -> Callable:
        for flag in reversed(flags):
            function = click.option(flag, expose_value=False, callback=_keep, **_OPTIONS[flag])(function)
        return function

    return decorate


_device = _shared("--port", "--serial", "--name", "--answer-s", "--json")
_everyone = click.option("--all", "everyone", is_flag=True, help="All devices that are plugged in, at the same time.")
_timeout = click.option(
    "--timeout",
    "wait_s",
    default=WAIT_S,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long to wait for a call to end.",
)


def _choice() -> Choice:
    from endcall.client import ANSWER_S
    from endcall.connect import Choice

    return Choice(_chosen("port"), _chosen("serial"), _chosen("name"), _chosen("answer_s") or ANSWER_S)


def _emit(kind: str, facts: dict[str, Any], human: Callable[[], Any]) -> None:
    """The result: `facts` as JSON, or what `human` makes of them (text, or something that rich prints)."""
    if _chosen("json"):
        click.echo(json.dumps({"schema": f"endcall.{kind}/1", **facts}))
        return
    shown = human()
    if isinstance(shown, str):
        click.echo(shown, nl=not shown.endswith("\n"))
    elif shown is not None:
        from endcall.render import console

        console().print(shown)


def _note(text: str) -> None:
    click.echo(text, err=True)


def _about(client: Client) -> dict[str, Any]:
    identity = client.identity
    return {"serial": identity.get("serial", ""), "name": identity.get("name", ""), "port": client.transport.path}


def _title(device: dict[str, Any]) -> str:
    """A device in a sentence."""
    return f"{device['name']} ({device['serial']})" if device["name"] else str(device["serial"] or device["port"])


def _on_devices(everyone: bool, wait_s: float, job: Callable[[Client], dict[str, Any]]) -> list[dict[str, Any]]:
    """`job` on the chosen device, or on all at the same time: what it returned, with `device` and `ok`.

    One device: its error is raised. All: an error is a result too, and `_settle` says so at the end.
    """
    from endcall import connect

    def run(client: Client) -> dict[str, Any]:
        device = _about(client)
        client.wait_s = wait_s
        client.waiting = lambda: _note(f"A call is in progress on {_title(device)}; waiting, {wait_s:g} s at most.")
        return {"device": device, "ok": True, **job(client)}

    def run_one_of_many(seen: connect.Seen) -> dict[str, Any]:
        error = seen.error
        if seen.client:
            try:
                with seen.client as client:
                    return run(client)
            except EndcallError as failure:
                error = failure
        device = {"serial": seen.found.serial, "name": seen.name, "port": seen.found.path}
        return {"device": device, "ok": False, **(error.as_dict() if error else {})}

    choice = _choice()
    if not everyone:
        with connect.connect(choice) as client:
            return [run(client)]
    seen = [device for device in connect.survey(choice) if device.client or (device.error and not device.is_stranger)]
    if not seen:
        raise connect.nothing(choice)
    return connect.in_parallel(run_one_of_many, seen)


def _settle(results: list[dict[str, Any]]) -> None:
    """Tell what failed on which of several devices. Raises PartialError where something did."""
    failed = [result for result in results if not result["ok"]]
    for result in failed:
        _note(f"{_title(result['device'])}: {result['happened']}")
    if failed:
        raise PartialError(
            f"It failed on {len(failed)} of {len(results)} devices.",
            "The others are done.",
            "Repeat the command for those: --serial " + " or ".join(str(r["device"]["serial"]) for r in failed),
        )


def _complete_key(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from endcall.settings_file import KEYS

    return [key for key in KEYS if key.startswith(incomplete)]


class _SettingsHelp(click.Command):
    """`--help` with the table of settings below."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from endcall.settings_file import settings_help

        formatter.write("\n" + settings_help() + "\n")


class _Elsewhere(click.Command):
    """`endcall demo`: its options live with what it starts, and are looked up when it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        from endcall.desk.demo import command

        return command.make_context(info_name, args, parent=parent, **extra)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: " + ", ".join(f"{number} {name}" for number, name, _ in EXIT_CODES),
)
@click.version_option(FIRMWARE, prog_name="endcall")
@_device
def cli() -> None:
    """Configure and diagnose end-call buttons over USB.

    Results go to stdout, everything else to stderr.
    """


def main() -> None:
    """The console script."""
    cli(prog_name="endcall")


# --- looking ----------------------------------------------------------------------------------------------------


@cli.command("list")
@_device
def list_command() -> None:
    """Show every device that is plugged in, those out of service too."""
    from endcall import connect

    choice = _choice()
    seen = connect.survey(choice)
    if not seen:
        raise connect.nothing(choice)
    rows = []
    for device in seen:
        identity: dict[str, Any] = {}
        status: dict[str, Any] = {}
        error = device.error
        if device.client:
            with device.client as client:
                identity = client.identity
                try:
                    status = client.status()
                except EndcallError as failure:
                    error = failure
        rows.append(
            {
                "port": device.found.path,
                "serial": identity.get("serial") or device.found.serial,
                "name": identity.get("name"),
                "firmware": identity.get("firmware"),
                "access": identity.get("access"),
                "state": status.get("state"),
                "fault": status.get("fault", 0),
                "error": (error.name if error else None) if device.client or error else device.found.state,
            }
        )

    def human() -> Any:
        from endcall import render

        return render.devices(rows)

    _emit("list", {"devices": rows}, human)
    for device in seen:
        if device.error:
            _note(f"{device.found.path}: {device.error}")
        elif not device.client:
            _note(str(connect.not_in_service(device.found)))


@cli.command()
@_device
def info() -> None:
    """Show what a device is, its prompts, and what is wrong with it, if anything is."""
    from endcall.connect import connect

    with connect(_choice()) as client:
        facts = {
            "device": _about(client),
            "host_firmware": FIRMWARE,
            "identity": client.identity,
            "status": client.status(),
            "check": client.check(),
            "prompts": client.prompts(),
            "used": _used(client.get()),
        }

    def human() -> Any:
        from endcall import render

        return render.info(facts)

    _emit("info", facts, human)


def _used(values: dict[str, Any]) -> dict[str, list[str]]:
    """Prompt name to the settings that name it."""
    used: dict[str, list[str]] = {}
    for key in ("prompt.closing", "prompt.warning"):
        if values.get(key):
            used.setdefault(values[key], []).append(key)
    return used


@cli.command()
@_device
@click.option("--once", is_flag=True, help="One look, then end.")
@click.option(
    "--every", "every_s", default=0.25, show_default=True, type=click.FloatRange(0.05, 3600), metavar="SECONDS"
)
@click.option("--count", type=click.IntRange(1), help="End after this many looks.")
def status(once: bool, every_s: float, count: int | None) -> None:
    """Watch what a device does, until Ctrl-C. With --json: a line of JSON per look."""
    import time

    from endcall.connect import connect

    with connect(_choice()) as client:
        device = _about(client)
        looks = 1 if once else count
        done = 0
        with _live_view(device, is_still=once) as show:
            try:
                while True:
                    show(client.status())
                    done += 1
                    if done == looks:
                        return
                    time.sleep(every_s)
            except KeyboardInterrupt:
                return


def _live_view(device: dict[str, Any], is_still: bool) -> Any:
    """A context manager that gives a function to show one status after the other with."""
    import contextlib

    if _chosen("json"):
        return contextlib.nullcontext(lambda facts: _emit("status", {"device": device, "status": facts}, lambda: None))
    from rich.live import Live

    from endcall import render

    console = render.console()
    if is_still or not console.is_terminal:
        return contextlib.nullcontext(lambda facts: console.print(render.status(facts, _title(device))))

    @contextlib.contextmanager
    def view() -> Any:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda facts: live.update(render.status(facts, _title(device)), refresh=True)

    return view()


@cli.command()
@_device
@click.option("--after", default=0, type=click.IntRange(0), metavar="NUMBER", help="Only records after this one.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV with a head line, times in UTC.")
def log(after: int, as_csv: bool) -> None:
    """Show the incident records: how each call with a limit ended."""
    from endcall.connect import connect

    if as_csv and _chosen("json"):
        raise click.UsageError("--csv and --json exclude each other.")
    with connect(_choice()) as client:
        records, lost = client.log(after)
        device = _about(client)

    def human() -> Any:
        from endcall import render

        if as_csv:
            return render.log_csv(records)
        return render.log(records) if records else "No incidents."

    _emit("log", {"device": device, "records": records, "lost": lost}, human)
    if lost:
        _note(f"{lost} more found no room since the device was plugged in.")


# --- settings -----------------------------------------------------------------------------------------------------


@cli.command(cls=_SettingsHelp)
@_device
@click.argument("keys", nargs=-1, metavar="[KEY]…", shell_complete=_complete_key)
def get(keys: tuple[str, ...]) -> None:
    """Show settings as TOML, all of them or those named; `endcall apply` takes it back."""
    from endcall import settings_file
    from endcall.connect import connect

    problems = [
        settings_file.Problem(None, key, None, "is not a setting", settings_file.nearest(key))
        for key in keys
        if key not in settings_file.KEYS
    ]
    if problems:
        raise settings_file.invalid(problems, "the command line")
    with connect(_choice()) as client:
        values = client.get()
        device = _about(client)
    if keys:
        values = {key: values[key] for key in keys}
    _emit("get", {"device": device, "values": values}, lambda: settings_file.to_toml(values))


@cli.command("set", cls=_SettingsHelp)
@_device
@_everyone
@_timeout
@click.argument("pairs", nargs=-1, required=True, metavar="KEY VALUE [KEY VALUE]…", shell_complete=_complete_key)
def set_command(pairs: tuple[str, ...], everyone: bool, wait_s: float) -> None:
    """Change settings, all together or none."""
    from endcall import settings_file

    if len(pairs) % 2:
        raise click.UsageError(f"{pairs[-1]} has no value. Give pairs: endcall set call.warn_s 30 call.watch_s 120")
    changes = {key: settings_file.parse_value(key, text) for key, text in zip(pairs[::2], pairs[1::2], strict=True)}
    _change("set", changes, {}, "the command line", everyone, wait_s, only_check=False)


@cli.command()
@_device
@_everyone
@_timeout
@click.option("--check", "only_check", is_flag=True, help="Only compare: exit code 8 where a device differs.")
@click.argument("file", type=click.Path(path_type=Path))
def apply(file: Path, everyone: bool, wait_s: float, only_check: bool) -> None:
    """Put the settings of FILE (TOML) in force, all together or none, and read them back.

    What FILE does not name stays as it is. A `release.preset` in FILE fills the other release values. Doing it
    again changes nothing.
    """
    from endcall import settings_file

    changes, lines = settings_file.read(file)
    _change("apply", changes, lines, str(file), everyone, wait_s, only_check)


def _change(
    kind: str,
    changes: dict[str, Any],
    lines: dict[str, int],
    where: str,
    everyone: bool,
    wait_s: float,
    only_check: bool,
) -> None:
    from endcall import settings_file
    from endcall_core import settings

    problems = settings_file.problems_alone(changes, lines)
    if problems:
        raise settings_file.invalid(problems, where)

    def job(client: Client) -> dict[str, Any]:
        before = client.get()
        values, found = settings.check_changes(settings.defaults() | before, changes)
        if found:
            raise settings_file.invalid(settings_file.sort(found, changes, lines), where)
        if all(before.get(key) == values[key] for key in settings.fill(changes)):
            return {"changed": {}, "applied": False}
        if only_check:
            after = values
        else:
            try:
                after = client.change(settings.fill(changes))
            except InvalidError as error:
                raise _as_problems(error, changes, lines, where) from error
        changed = {key: [before.get(key), after[key]] for key in values if before.get(key) != after.get(key)}
        return {"changed": changed, "applied": not only_check}

    results = _on_devices(everyone, wait_s, job)

    def human() -> Any:
        from rich.console import Group

        from endcall import render

        parts: list[Any] = []
        for result in results:
            if result["ok"]:
                verb = "would change" if only_check else "changed, read back and compared"
                count = len(result["changed"])
                said = f"{count} setting{'' if count == 1 else 's'} {verb}" if count else f"already as in {where}"
                parts.append(f"{_title(result['device'])}: {said}")
                if count:
                    parts.append(render.changes(result["changed"]))
        return Group(*parts)

    _emit(kind, {"devices": results}, human)
    _settle(results)
    drifted = sum(1 for result in results if result["changed"])
    if only_check and drifted:
        raise DriftError(f"{drifted} of {len(results)} devices differ from {where}.", "", f"endcall apply {where}")


def _as_problems(error: InvalidError, changes: dict[str, Any], lines: dict[str, int], where: str) -> InvalidError:
    """What the device refused, with the lines of the file."""
    from endcall import settings_file

    told = error.details.get("problems")
    if isinstance(told, list) and told and all(isinstance(one, list) and len(one) == 3 for one in told):
        return settings_file.invalid(settings_file.sort([tuple(one) for one in told], changes, lines), where)
    return error


# --- prompts --------------------------------------------------------------------------------------------------------


@cli.group()
def prompt() -> None:
    """The spoken prompts: send, show, remove."""


@prompt.command("list")
@_device
def prompt_list() -> None:
    """Show the stored prompts, and what is wrong with them, if anything is."""
    from endcall.connect import connect

    with connect(_choice()) as client:
        rows = client.prompts()
        used = _used(client.get())
        device = _about(client)

    def human() -> Any:
        from endcall import render

        return render.prompts(rows, used)

    _emit("prompts", {"device": device, "prompts": rows, "used": used}, human)


@prompt.command("put")
@_device
@_everyone
@_timeout
@click.option("--as", "wanted", metavar="NAME", help="Name on the device; that of the file if not given.")
@click.argument("file", type=click.Path(path_type=Path))
def prompt_put(file: Path, wanted: str | None, everyone: bool, wait_s: float) -> None:
    """Send FILE (WAV, PCM 16 bit, mono, 8 to 22.05 kHz) and compare what arrived."""
    from endcall import prompt_file
    from endcall_core.wire import crc

    name, data, sound = prompt_file.read(file, wanted)
    _note(f"{name}: {sound.duration_ms / 1000:.1f} s at {sound.rate_hz} Hz, {len(data)} bytes")

    def job(client: Client) -> dict[str, Any]:
        there = {row["name"]: row for row in client.prompts()}.get(name)
        is_there = bool(there and there["crc"] == crc(data) and not there["problem"])
        if not is_there:
            with _progress(len(data), everyone) as progress:
                client.put_prompt(name, data, progress)
        return {
            "prompt": name,
            "bytes": len(data),
            "ms": sound.duration_ms,
            "sent": not is_there,
            "used": _used(client.get()).get(name, []),
        }

    results = _on_devices(everyone, wait_s, job)

    def human() -> str:
        lines = []
        for result in results:
            if result["ok"]:
                said = "sent, read back and compared" if result["sent"] else "was there already"
                lines.append(f"{_title(result['device'])}: {name} {said}")
        return "\n".join(lines)

    _emit("prompt_put", {"devices": results}, human)
    if any(result["ok"] and not result["used"] for result in results):
        _note(f"No setting uses {name} yet: endcall set prompt.closing {name}   (or prompt.warning)")
    _settle(results)


def _progress(total: int, is_quiet: bool) -> Any:
    """A context manager that gives a function to tell how many bytes have arrived."""
    import contextlib

    from rich.console import Console

    console = Console(stderr=True)
    if is_quiet or not console.is_terminal:
        return contextlib.nullcontext(lambda sent: None)
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    @contextlib.contextmanager
    def view() -> Any:
        with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console, transient=True) as bar:
            task = bar.add_task("sending", total=total)
            yield lambda sent: bar.update(task, completed=sent)

    return view()


@prompt.command("remove")
@_device
@_timeout
@click.argument("prompt_name", metavar="NAME")
def prompt_remove(prompt_name: str, wait_s: float) -> None:
    """Free the slot of a prompt that no setting names."""

    def job(client: Client) -> dict[str, Any]:
        client.remove_prompt(prompt_name)
        return {"prompt": prompt_name}

    results = _on_devices(False, wait_s, job)
    _emit("prompt_remove", {"devices": results}, lambda: f"{_title(results[0]['device'])}: {prompt_name} removed")


# --- making a device --------------------------------------------------------------------------------------------------


@cli.command()
@_shared("--json")
@click.option("--runtime", required=True, type=click.Path(path_type=Path), metavar="FILE", help="CircuitPython's UF2.")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The UF2 to write.")
@click.option(
    "--settings", "file", type=click.Path(path_type=Path), metavar="FILE", help="Settings to begin with (TOML)."
)
@click.option(
    "--prompt", "given", multiple=True, metavar="NAME=FILE", help="A prompt, besides or in place of the stock ones."
)
@click.option("--uid", metavar="NUMBER", help="The Pico's number, where it is known: saves a write at the first start.")
@click.option("--erase-log", is_flag=True, help="Erase the incident records that the Pico may have.")
def image(
    runtime: Path, output: Path, file: Path | None, given: tuple[str, ...], uid: str | None, erase_log: bool
) -> None:
    """Make the UF2 file that turns a Raspberry Pi Pico into a complete device.

    Hold BOOTSEL while plugging the Pico in, then copy the file to the drive RPI-RP2.
    """
    from endcall import image_command, prompt_file, settings_file
    from endcall_core import settings

    values = settings.defaults()
    if file:
        changes, lines = settings_file.read(file)
        full, found = settings.check_changes(values, changes)
        if not full:
            problems = settings_file.problems_alone(changes, lines) or settings_file.sort(found, changes, lines)
            raise settings_file.invalid(problems, str(file))
        values = full
    prompts = {}
    for pair in given:
        name, separator, path = pair.partition("=")
        if not separator:
            raise click.UsageError(f"--prompt {pair}: write it as NAME=FILE, e.g. closing.wav=our-closing.wav")
        name, prompts[name], _ = prompt_file.read(Path(path), name)
    data = image_command.make(runtime, values, prompts, uid, erase_log)
    image_command.write(output, data)
    facts = {"output": str(output), "bytes": len(data), "uid": uid, "settings": values, "prompts": sorted(prompts)}
    _emit(
        "image",
        facts,
        lambda: (
            f"{output}: {len(data)} bytes\nHold BOOTSEL while plugging the Pico in, then copy it to the drive RPI-RP2."
        ),
    )


cli.add_command(_Elsewhere("demo", short_help="Rehearse at a simulated desk, with a web page and a port to configure."))
