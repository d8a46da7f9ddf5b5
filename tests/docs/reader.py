"""Somebody who reads a page and types what it says: a shell in a terminal, a device beside it, and hands.

Every block runs in a bash of its own that begins where the one before ended: folder, variables. It runs in a
pseudo-terminal, so `endcall` sees a person and asks; the answers are in ANSWERS.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from web.desk_thread import DeskThread

from endcall.contents import stock_prompts
from endcall.desk.desk import SERIAL, Desk
from endcall.ports import PORT_FOLDER

from .pages import CHECKOUT_CTRL_C, CTRL_C, ROOT, TERMINAL, Block

WITHIN_S = 120.0  # for a block to end
SAYS_S = 20.0  # for what goes on by itself to say what the page promises
ENOUGH_S = 1.0  # for it to show that it goes on
TURN_S = 0.02

PRESS = object()
#: What a program asks at the end of its output, and what the reader does.
ANSWERS: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"\[y/n/s=skip\]: ?$"), "y\n"),
    (re.compile(r"\[y/N\]: ?$"), "y\n"),
    (re.compile(r"Press the button once[^\n]*\n$"), PRESS),
    (re.compile(r"\[[^\]\n]*\]: ?$"), "\n"),  # the answer in brackets is right
)


class NotAsTheDocsSay(AssertionError):  # noqa: N818 - it reads as what happened
    """A command failed, or did not say what the page says it would."""


def a_call_is_ended(desk: Desk) -> None:
    """The warnings are given, the caller goes on, the call is ended."""
    values = desk.app.store.values
    for _ in range(int(values["call.warnings_required"])):
        desk.press()
        desk.run(s=int(values["call.min_warn_s"]) + 1)
    desk.press()
    desk.run_until("RECOVER", 300)
    desk.press()
    desk.run_until("READY")


#: What a page may let happen at the device.
HAPPENS: dict[str, Callable[[Desk], None]] = {"a call is ended": a_call_is_ended}


_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def normal(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text).strip()


def missing(shows: tuple[str, ...], output: str) -> str | None:
    """The first line of `shows` that does not come in `output` behind those before it, or None."""
    at = 0
    for line in filter(None, map(normal, shows)):
        pattern = re.compile(
            "^ ?" + ".*".join(re.escape(normal(part)) for part in line.split("…")) + " ?$", re.MULTILINE
        )
        seen = pattern.search(_normal_lines(output), at)
        if not seen:
            return line
        at = seen.end()
    return None


def _normal_lines(output: str) -> str:
    return "\n".join(normal(line) for line in _COLOUR.sub("", output).replace("\r", "").split("\n"))


class Typing:
    """A bash that runs `commands` in a terminal of its own."""

    def __init__(self, commands: str, folder: Path, environment: dict[str, str], press: Callable[[], None]) -> None:
        self._press = press
        self._master, terminal = pty.openpty()
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", commands],
            cwd=folder,
            env=environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.output = ""
        self._answered = 0

    def turn(self) -> bool:
        """Read what came, and answer. False: it ended."""
        if select.select([self._master], [], [], TURN_S)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # Linux says so when the last program has closed the terminal
                data = b""
            if not data:
                self.process.wait(WITHIN_S)
                return False
            self.output += data.decode("utf-8", "replace").replace("\r\n", "\n")
        asked = self.output[self._answered :]
        for question, answer in ANSWERS:
            if question.search(asked):
                self._answered = len(self.output)
                if answer is PRESS:
                    self._press()
                else:
                    os.write(self._master, answer.encode())
                break
        return True

    def wait(self, within_s: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Go on until it ends (True), or until `until` is true or the time is over (False)."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            if not self.turn():
                return True
            if until():
                return False
        return False

    def end(self) -> int:
        """Ctrl-C, as a terminal sends it: to all that runs there. Returns the exit code."""
        for number in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            if self.wait(SAYS_S):
                break
        return self.process.wait(WITHIN_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.end()
        os.close(self._master)


class Reader:
    """Reads in `folder`, which should be empty. `programs`: where `endcall` is; default: beside this Python.

    environment: variables besides or instead of the usual ones; None takes one away.
    """

    def __init__(
        self,
        folder: Path,
        device: DeskThread | None = None,
        programs: Path | None = None,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        self.folder = folder
        self.device = device
        self._kept = folder.parent / f"{folder.name}.state"
        self._aside: list[tuple[Block, Typing]] = []
        programs = programs or Path(sys.executable).parent
        given: dict[str, str | None] = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder.parent / "home"),
            "XDG_DATA_HOME": str(folder.parent / "home/data"),
            "XDG_CACHE_HOME": str(folder.parent / "home/cache"),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "120",
            "BROWSER": "true",  # no browser is opened
            **(environment or {}),
        }
        self._environment = {name: value for name, value in given.items() if value is not None}
        (folder.parent / "home").mkdir(exist_ok=True)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        ended = [(block, typing, typing.process.poll()) for block, typing in self._aside]
        for _, typing in self._aside:
            typing.close()
        for block, typing, code in ended:
            if code is not None and kind is None:
                raise NotAsTheDocsSay(f"{block.where}: it ended by itself, with {code}:\n{typing.output}")

    def type(self, block: Block) -> None:
        """What the page says. Raises NotAsTheDocsSay."""
        if block.happens:
            assert self.device, "there is no device for it to happen at"
            self.device.do(HAPPENS[block.happens])
        typing = Typing(self._script(block.commands), self.folder, self._environment, self._press)
        if block.stage == TERMINAL:
            self._aside.append((block, typing))
            self._goes_on(block, typing)
        elif block.stage in (CTRL_C, CHECKOUT_CTRL_C):
            with contextlib.closing(typing):
                self._goes_on(block, typing)
                code = typing.end()
            if code not in (0, 130, -signal.SIGINT):
                raise NotAsTheDocsSay(f"{block.where}: after Ctrl-C it ended with {code}:\n{typing.output}")
        else:
            with contextlib.closing(typing):
                self.watch(block, typing)

    def watch(self, block: Block, typing: Typing) -> None:
        """Until the block's commands have ended."""
        if not typing.wait(WITHIN_S):
            raise NotAsTheDocsSay(f"{block.where}: it did not end within {WITHIN_S:g} s:\n{typing.output}")
        self.judge(block, typing)

    def judge(self, block: Block, typing: Typing) -> None:
        code = typing.process.wait(WITHIN_S)
        if code != block.exit_code:
            raise NotAsTheDocsSay(f"{block.where}: it ended with {code}, not {block.exit_code}:\n{typing.output}")
        line = missing(block.shows, typing.output)
        if line is not None:
            raise NotAsTheDocsSay(f"{block.where}: it does not say {line!r}:\n{typing.output}")

    def begin(self, block: Block) -> Typing:
        """Type the block, and let whoever asked watch it."""
        return Typing(self._script(block.commands), self.folder, self._environment, self._press)

    def _goes_on(self, block: Block, typing: Typing) -> None:
        began_s = time.monotonic()

        def seen() -> bool:
            is_there = missing(block.shows, typing.output) is None and bool(typing.output.strip())
            return is_there and time.monotonic() - began_s > ENOUGH_S

        if typing.wait(SAYS_S, seen):
            raise NotAsTheDocsSay(f"{block.where}: it ended by itself:\n{typing.output}")
        for url in re.findall(r"http://127\.0\.0\.1:\d+/", typing.output):
            with urllib.request.urlopen(url, timeout=SAYS_S) as page:
                if b"<title>" not in page.read():
                    raise NotAsTheDocsSay(f"{block.where}: there is no page at {url}")
        line = missing(block.shows, typing.output)
        if line is not None or not typing.output.strip():
            raise NotAsTheDocsSay(f"{block.where}: it does not say {line!r}:\n{typing.output}")

    def _script(self, commands: str) -> str:
        """`commands`, from where the block before left off, with its state kept for the next."""
        kept = self._kept
        keep = f'{{ export -p; printf "cd %q\\n" "$PWD"; }} > {kept}.new && mv {kept}.new {kept}'
        return f"[ ! -e {kept} ] || . {kept}\ntrap 'code=$?; {keep}; exit $code' EXIT\nset -e -o pipefail\n{commands}"

    def _press(self) -> None:
        assert self.device, "there is no button to press"
        self.device.press(150)


@contextlib.contextmanager
def at_a_device(folder: Path, programs: Path | None = None) -> Iterator[Reader]:
    """A reader with one simulated device plugged in, and the files that the pages take for granted."""
    desk, ports = folder / "desk", folder / "ports"
    work = folder / "work"
    for made in (desk, ports, work):
        made.mkdir()
    (work / "recording.wav").write_bytes(stock_prompts()["closing.wav"])
    shutil.copy(ROOT / "hardware/fab/level-check.wav", work)
    with (
        DeskThread(desk, link=ports / SERIAL) as device,
        Reader(work, device, programs, {PORT_FOLDER: str(ports)}) as reader,
    ):
        yield reader
