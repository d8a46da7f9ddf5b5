"""What all commands share: choosing devices, telling results and failures, options."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from endcall.errors import EndcallError, PartialError, StoppedError
from endcall_core.version import FIRMWARE

if TYPE_CHECKING:
    from endcall.client import Client
    from endcall.connect import Choice

_Command = TypeVar("_Command", bound=click.Command)

WAIT_S = 300  # how long a change waits for a call to end


class Root(click.Group):
    """Turns every failure into its message and exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EndcallError as error:
            tell(error)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):  # Abort: at a question
            click.echo("\nInterrupted. A change is in force as a whole or not at all.", err=True)
            ctx.exit(130)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            click.echo(f"endcall failed: {type(error).__name__}: {error}", err=True)
            click.echo(f"That is a defect of endcall. The details are in {_keep_traceback()}", err=True)
            ctx.exit(1)


def tell(error: EndcallError) -> None:
    if chosen("json"):
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


def chosen(name: str) -> Any:
    return click.get_current_context().find_root().meta.get(f"endcall.{name}")


def _complete_device(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Ports or serial numbers of what is plugged in; no port is opened for that."""
    from endcall import ports

    found = [one for one in ports.find(ports.list_ports()) if one.state == ports.IN_SERVICE]
    words = [one.serial if param.name == "serial" else one.path for one in found]
    return [word for word in words if word.lower().startswith(incomplete.lower())]


_OPTIONS: dict[str, dict[str, Any]] = {
    "--json": {"is_flag": True, "help": "The result as JSON."},
    "--port": {"metavar": "PATH", "help": "Talk to this port.", "shell_complete": _complete_device},
    "--serial": {
        "metavar": "NUMBER",
        "help": "Choose a device by its serial number.",
        "shell_complete": _complete_device,
    },
    "--name": {"metavar": "NAME", "help": "Choose a device by its name."},
    "--answer-s": {
        "type": click.FloatRange(1.5, 600),
        "metavar": "SECONDS",
        "help": "How long to wait for an answer: 2; an emulated device needs more.",
    },
}


#: What stands in many commands, and means the same in all of them.
COMMON = tuple(_OPTIONS)


def options(*flags: str) -> Callable:
    def decorate(function: Callable) -> Callable:
        for flag in reversed(flags):
            function = click.option(flag, expose_value=False, callback=_keep, **_OPTIONS[flag])(function)
        return function

    return decorate


device_options = options("--port", "--serial", "--name", "--answer-s", "--json")
everyone_option = click.option(
    "--all", "everyone", is_flag=True, help="All devices that are plugged in, at the same time."
)
timeout_option = click.option(
    "--timeout",
    "wait_s",
    default=WAIT_S,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long to wait for a call to end.",
)
no_backup_option = click.option(
    "--no-backup", is_flag=True, help="Do not keep what is on the device before on this computer."
)


def chosen_device() -> Choice:
    from endcall.client import ANSWER_S
    from endcall.connect import Choice

    return Choice(chosen("port"), chosen("serial"), chosen("name"), chosen("answer_s") or ANSWER_S, slow=_say_slow)


def _say_slow(path: str) -> None:
    if is_watched():
        note(f"{path} has not answered yet; waiting …")


def is_watched() -> bool:
    """Whether a person sees stderr."""
    return sys.stderr.isatty()


def emit(kind: str, facts: dict[str, Any], human: Callable[[], Any]) -> None:
    """The result: `facts` as JSON, or what `human` makes of them (text, or something that rich prints)."""
    if chosen("json"):
        click.echo(json.dumps({"schema": f"endcall.{kind}/1", **facts}))
        return
    shown = human()
    if isinstance(shown, str):
        click.echo(shown, nl=not shown.endswith("\n"))
    elif shown is not None:
        from endcall.render import console

        console().print(shown)


def note(text: str) -> None:
    click.echo(text, err=True)


def about(client: Client) -> dict[str, Any]:
    identity = client.identity
    return {"serial": identity.get("serial", ""), "name": identity.get("name", ""), "port": client.transport.path}


def title(device: dict[str, Any]) -> str:
    """A device in a sentence."""
    return f"{device['name']} ({device['serial']})" if device["name"] else str(device["serial"] or device["port"])


def on_devices(
    everyone: bool, wait_s: float, job: Callable[[Client], dict[str, Any]], choice: Choice | None = None
) -> list[dict[str, Any]]:
    """`job` on the chosen device, or on all at the same time: what it returned, with `device` and `ok`.

    One device: its error is raised. All: an error is a result too, and `settle` says so at the end.
    """
    from endcall import connect

    def run(client: Client) -> dict[str, Any]:
        device = about(client)
        client.wait_s = wait_s
        client.waiting = lambda: note(f"A call is in progress on {title(device)}; waiting, {wait_s:g} s at most.")
        return {"device": device, "ok": True, **job(client)}

    def run_one_of_many(seen: connect.Seen) -> dict[str, Any]:
        error = seen.error
        if seen.client:
            try:
                with seen.client as client:
                    return run(client)
            except StoppedError:
                raise
            except EndcallError as failure:
                error = failure
        device = {"serial": seen.found.serial, "name": seen.name, "port": seen.found.path}
        return {"device": device, "ok": False, **(error.as_dict() if error else {})}

    choice = choice or chosen_device()
    if not everyone:
        with connect.connect(choice) as client:
            return [run(client)]
    seen = [device for device in connect.survey(choice) if device.client or (device.error and not device.is_stranger)]
    if not seen:
        raise connect.nothing(choice)
    return connect.in_parallel(run_one_of_many, seen)


def settle(results: list[dict[str, Any]]) -> None:
    """Tell what failed on which of several devices. Raises PartialError where something did."""
    failed = [result for result in results if not result["ok"]]
    for result in failed:
        note(f"{title(result['device'])}: {result['happened']}")
    if failed:
        raise PartialError(
            f"It failed on {len(failed)} of {len(results)} devices.",
            "The others are done.",
            "Repeat the command for those: --serial " + " or ".join(str(r["device"]["serial"]) for r in failed),
        )


def complete_key(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """How a word of `get` or `set` goes on: a setting, or, behind one in `set`, a value of it."""
    from endcall.settings_file import KEYS
    from endcall_core import settings

    before: tuple[Any, ...] = ctx.params.get(param.name or "") or ()
    words: tuple[str, ...] = KEYS
    if param.name == "pairs" and len(before) % 2:
        row: Any = settings.find(before[-1])
        kind = row[settings.KIND] if row else None
        words = ("true", "false") if kind == settings.BOOL else row[settings.LOW] if kind == settings.CHOICE else ()
    return [word for word in words if word.startswith(incomplete)]


def examples(*lines: str) -> Callable[[_Command], _Command]:
    """Give a command its examples: stands above `@click.command()`. Each line is a whole command that works."""

    def decorate(command: _Command) -> _Command:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
        return command

    return decorate


class SettingsHelp(click.Command):
    """`--help` with the table of settings below."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from endcall.settings_file import settings_help

        super().format_epilog(ctx, formatter)

        formatter.write("\n" + settings_help() + "\n")


def prompt_uses(values: dict[str, Any]) -> dict[str, list[str]]:
    """Prompt name to the settings that name it."""
    used: dict[str, list[str]] = {}
    for key in ("prompt.closing", "prompt.warning"):
        if values.get(key):
            used.setdefault(values[key], []).append(key)
    return used


def progress_bar(total: int, is_quiet: bool) -> Any:
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


def named_progress(doing: str) -> Any:
    """A context manager that gives a function to tell of a named thing how many bytes of how many are done."""
    import contextlib

    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        return contextlib.nullcontext(lambda name, done, total: None)
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    @contextlib.contextmanager
    def view() -> Any:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            tasks: dict[str, Any] = {}

            def tell(name: str, done: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = bar.add_task(f"{doing} {name}", total=total)
                bar.update(tasks[name], completed=done)

            yield tell

    return view()
