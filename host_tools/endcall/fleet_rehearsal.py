"""Simulated devices to rehearse with: the firmware's own loop several times over, each with a port of its own.

Their ports are links in a folder, named by their serial numbers. `endcall` finds them there when the environment
says so (`ports.PORT_FOLDER`); a link that goes away is a device that was unplugged.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from endcall.desk.desk import Desk
from endcall.desk.pty_port import PtyPort
from endcall.errors import UsageError

STEP_S = 0.002  # between two turns of the simulation
MAKE_UP_MS = 1000  # of a pause of the whole computer; the rest is skipped


def serial(number: int) -> str:
    """The serial number of simulated device `number`, from 1."""
    return f"DE5C{number:04X}"


class Rehearsal:
    """`count` devices with drives in `folder`, kept from one time to the next, and ports in `folder`/ports.

    A context manager; the ports are gone afterwards. Raises UsageError where there can be none.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.ports = folder / "ports"
        self._folder = folder
        self._serials = [serial(number) for number in range(1, count + 1)]
        self._open = contextlib.ExitStack()
        self._desks: list[Desk] = []

    def __enter__(self) -> Rehearsal:
        try:
            self.ports.mkdir(parents=True, exist_ok=True)
            for left in self.ports.iterdir():  # by one that was killed
                if left.is_symlink():
                    left.unlink()
        except OSError as error:
            raise UsageError(f"{self.ports} can't be made: {error.strerror}.", todo="Choose another folder.") from error
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    @property
    def is_complete(self) -> bool:
        """Whether every device is plugged in."""
        return len(self._desks) == len(self._serials)

    def plug(self) -> str:
        """Plug the next device in. Returns its serial number."""
        number = self._serials[len(self._desks)]
        port = PtyPort(self.ports / number)
        self._open.callback(port.close)
        self._desks.append(Desk(self._folder / number, port=port, serial=number))
        return number

    def run(self, told: Callable[[str], None], every_s: float = 0) -> None:
        """Plug all in, `every_s` apart, and let the computer's time pass at their desks, until Ctrl-C.

        `told` is given the serial number of each that is plugged in.
        """
        began_s = last_s = time.monotonic()
        while True:
            while not self.is_complete and time.monotonic() >= began_s + every_s * len(self._desks):
                told(self.plug())
            now_s = time.monotonic()
            due_ms = int((now_s - last_s) * 1000)
            last_s = now_s if due_ms > MAKE_UP_MS else last_s + due_ms / 1000
            for desk in self._desks:
                desk.run(min(due_ms, MAKE_UP_MS))
                desk.frames.clear()  # kept for tests; this may run for days
                desk.sound.clear()
            time.sleep(STEP_S)
