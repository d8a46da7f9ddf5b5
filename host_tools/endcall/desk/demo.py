"""`endcall demo`: the firmware's own loop at a simulated desk, with a web page to press on and a port to configure.

With a page it goes on until Ctrl-C; headless it prints events as lines of JSON and ends with its script.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from endcall.errors import EndcallError, UsageError
from endcall_core import settings
from endcall_core.settings import SETTINGS as ROWS

from . import script as script_module
from .pty_port import PtyError, PtyPort
from .rehearsal import Event, Rehearsal
from .script import Script, UnmetError

if TYPE_CHECKING:
    from .page import Page

#: How often the page gets pictures and sound. A press is taken as it comes, and shown within this.
STEP_S = 0.008
#: After a pause of the whole computer the lost time is skipped, not made up for.
MAKE_UP_MS = 1000
#: How long the page may be without any message while nothing happens.
TICK_S = 0.25
#: With speed 0: how many milliseconds pass between two looks at signals and at the port.
BATCH_MS = 200

INSTALL = 'Install it: python -m pip install "endcall[demo]". Without it, --headless works.'


def run(
    headless: bool = False,
    script: str | Path | None = None,
    http_port: int = 0,
    pty_link: str | Path | None = None,
    speed: float = 1.0,
    folder: str | Path | None = None,
    open_browser: bool = True,
    out: TextIO | None = None,
) -> int:
    """Run the demo until its script or a Ctrl-C (or SIGTERM) ends it. Returns the exit code.

    headless: no page; events go to `out` (default: stdout) as lines of JSON, ring pictures and sound left out. With
    a script it ends with it. script: file with steps, see `endcall.desk.script`. http_port: of the page, on
    127.0.0.1; 0 = any free one. pty_link: becomes a symbolic link to the port. speed: how many seconds pass per
    second; 0 = as fast as the computer can, for a headless script. folder: keeps the device's drive, which is made
    if it is not there; None = a temporary one.

    Exit codes (`endcall.errors`): 0 = ended as asked; 2 = it could not begin; 15 = a step of the script was not met.
    Whatever went wrong is told on stderr.
    """
    try:
        with _keeping(folder) as drive, _port(pty_link, headless) as port:
            return asyncio.run(
                _Demo(drive, port, headless, script, http_port, speed, open_browser, out or sys.stdout).run()
            )
    except EndcallError as error:
        click.echo(f"endcall: {error}", err=True)
        return error.exit_code


@contextlib.contextmanager
def _keeping(folder: str | Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="endcall-demo-") as made:
            yield Path(made)
        return
    drive = Path(folder)
    try:
        drive.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{drive} can't be the drive's folder: {error.strerror}.", todo="Choose another --folder."
        ) from error
    if any(drive.iterdir()) and not (drive / "nvm.bin").exists():
        raise UsageError(
            f"{drive} holds other files.", "They stay as they are.", "Give --folder a new or an empty folder."
        )
    yield drive


@contextlib.contextmanager
def _port(link: str | Path | None, headless: bool) -> Iterator[PtyPort | None]:
    try:
        port = PtyPort(Path(link) if link is not None else None)
    except PtyError as error:
        # Windows has none. The page is worth having without; somebody who asks for a link wants the port.
        if link is not None or headless:
            raise
        click.echo(f"endcall: {error}", err=True)
        yield None
        return
    try:
        yield port
    finally:
        port.close()


class _Demo:
    def __init__(
        self,
        drive: Path,
        port: PtyPort | None,
        headless: bool,
        script: str | Path | None,
        http_port: int,
        speed: float,
        open_browser: bool,
        out: TextIO,
    ) -> None:
        if not 0 <= speed <= 100:
            raise UsageError(f"A speed of {speed:g} can't be had.", todo="Take 0 (at once) to 100.")
        if not speed and not (headless and script):
            raise UsageError("Speed 0 leaves no time to look or to press.", todo="Use it with --headless and --script.")
        self._steps = _read_script(script)
        self._headless = headless
        self._http_port = http_port
        self._speed = speed
        self._open_browser = open_browser
        self._out = out
        self._port_path = port.path if port else None
        self._rehearsal = Rehearsal(drive, port=port)
        self._about: dict[str, object] = {
            "port": self._port_path,
            "command": f"endcall --port {self._port_path}" if port else None,
            "folder": str(drive),
            "speed": speed,
            "settings": {row[settings.KEY]: f"{row[settings.HELP]} ({settings.accepted(row)})" for row in ROWS},
        }
        self._page: Page | None = None
        self._end = asyncio.Event()
        self._failure: UnmetError | None = None

    async def run(self) -> int:
        """Until the end: 0. Raises UnmetError where the script failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; not the main thread
                loop.add_signal_handler(number, self._end.set)
        async with contextlib.AsyncExitStack() as stack:
            if self._headless:
                self._print_events()
            else:
                await self._open_page(stack)
            player = self._steps.play(self._rehearsal) if self._steps else None
            if self._speed:
                await self._pass_time(player)
            else:
                await self._hurry(player)
        if self._failure:
            raise self._failure
        return 0

    # --- time -----------------------------------------------------------------------------------------------

    async def _pass_time(self, player: Iterator[None] | None) -> None:
        """Let the computer's time pass at the desk."""
        began_s = time.monotonic()
        began_ms = self._rehearsal.now_ms
        ticked_s = began_s
        while not self._end.is_set():
            now_s = time.monotonic()
            due = int((now_s - began_s) * 1000 * self._speed) - (self._rehearsal.now_ms - began_ms)
            if due > MAKE_UP_MS * max(1, self._speed):
                began_s, began_ms, due = now_s, self._rehearsal.now_ms, 0
            player = self._advance(due, player)
            if self._page and now_s - ticked_s >= TICK_S:
                ticked_s = now_s
                self._page.tick()
            await asyncio.sleep(STEP_S)

    async def _hurry(self, player: Iterator[None] | None) -> None:
        """As fast as possible, until the script ends."""
        while not self._end.is_set():
            player = self._advance(BATCH_MS, player)
            await asyncio.sleep(0)

    def _advance(self, ms: int, player: Iterator[None] | None) -> Iterator[None] | None:
        # What nobody watches yet need not begin.
        is_watched = self._page is None or self._page.was_opened
        for _ in range(ms):
            if player is not None and is_watched:
                player = self._next_step(player)
                if self._end.is_set():
                    break
            self._rehearsal.turn()
        picture, sound = self._rehearsal.drain()
        if self._page:
            self._page.show(picture, sound)
        return player

    def _next_step(self, player: Iterator[None]) -> Iterator[None] | None:
        try:
            next(player)
            return player
        except StopIteration:
            if self._headless:
                self._end.set()
            else:
                self._rehearsal.note("The script is over. The desk is yours.")
        except UnmetError as error:
            self._failure = error
            self._rehearsal.note(f"The script failed. {error}")
            if self._headless:
                self._end.set()
        return None

    # --- what is seen ---------------------------------------------------------------------------------------

    def _print_events(self) -> None:
        def put(event: Event) -> None:
            try:
                print(json.dumps(event), file=self._out, flush=True)
            except BrokenPipeError:  # whoever read it has enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
                self._end.set()

        put({"t": self._rehearsal.now_ms, "event": "about", **self._about})
        for event in self._rehearsal.history:
            put(event)
        self._rehearsal.listeners.append(put)

    async def _open_page(self, stack: contextlib.AsyncExitStack) -> None:
        try:
            from aiohttp import web

            from .page import Page
        except ImportError as error:
            raise UsageError("The page needs aiohttp, which is not installed.", todo=INSTALL) from error
        self._page = Page(self._rehearsal, self._about)
        runner = web.AppRunner(self._page.app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", self._http_port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(
                f"Port {self._http_port} of this computer can't be used: {error.strerror}.",
                todo="Give another --http-port, or 0 for any free one.",
            ) from error
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        print(f"The desk is at    {url}", file=self._out)
        if self._port_path:
            print(
                f"Its device is at  {self._port_path}  (try: endcall --port {self._port_path} status)", file=self._out
            )
        print("Ctrl-C ends it.", file=self._out, flush=True)
        if self._open_browser:
            # Some systems' openers block until the browser is closed.
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, url)


def _read_script(script: str | Path | None) -> Script | None:
    if script is None:
        return None
    path = Path(script)
    try:
        return Script(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise UsageError(f"The script {path} can't be read: {error.strerror}.", todo="Check its name.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The script {path} is no text in UTF-8.", todo="Save it as one.") from error


def _script_help() -> str:
    """What a script may say, for `--help`: the text of the module that reads it."""
    steps = str(script_module.__doc__).strip().replace("\n\n", "\n\n\b\n")
    return "\b\n" + steps


_EXAMPLES = """\b
Examples:
  endcall demo
  endcall demo --pty-link desk-port --folder my-desk
  endcall demo --headless --speed 0 --script a-call.txt"""


@click.command("demo", epilog=f"{_EXAMPLES}\n\n{_script_help()}")
@click.option("--headless", is_flag=True, help="No page: events as lines of JSON on stdout; ends with the script.")
@click.option(
    "--script", type=click.Path(dir_okay=False), help="Play the steps in this file (press, wait 5s, until WARN, …)."
)
@click.option("--http-port", default=0, type=click.IntRange(0, 65535), help="Port of the page on 127.0.0.1; 0: any.")
@click.option("--pty-link", type=click.Path(dir_okay=False), help="Make this a link to the simulated device's port.")
@click.option("--speed", default=1.0, type=click.FloatRange(0, 100), help="Seconds per second; 0: at once (headless).")
@click.option("--folder", type=click.Path(file_okay=False), help="Keep the device's drive here between runs.")
@click.option("--open-browser/--no-browser", default=True, help="Open the page in the browser.")
@click.pass_context
def command(context: click.Context, **options: object) -> None:
    """Rehearse at a simulated desk: button, ring, phone and line in a web page, and a port for `endcall --port`."""
    context.exit(run(**options))  # type: ignore[arg-type]


if __name__ == "__main__":
    command()
