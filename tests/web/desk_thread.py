"""A simulated desk that lives in real time, in a thread, with its data port on a pseudo-terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from endcall.desk.desk import Desk, lay_out
from endcall.desk.pty_port import PtyPort
from endcall_core import settings

_T = TypeVar("_T")
STEP_S = 0.004


class DeskThread:
    """Use it as a context manager; it begins in READY. `path` is its port, `link` becomes a link to it."""

    def __init__(
        self,
        folder: Path,
        values: dict | None = None,
        prompts: dict[str, bytes] | None = None,
        link: Path | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        if not (folder / "nvm.bin").exists():
            lay_out(folder, settings.defaults() | (values or {}), prompts)
        self._port = PtyPort(link)
        self.path = self._port.path
        self.desk = Desk(folder, port=self._port)
        self.desk.run(200)
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._port.close()

    def _live(self) -> None:
        began_s, lived_ms = time.monotonic(), 0
        while not self._end.wait(STEP_S):
            due = int((time.monotonic() - began_s) * 1000) - lived_ms
            with self._lock:
                self.desk.run(due)
            lived_ms += due

    def do(self, what: Callable[[Desk], _T]) -> _T:
        """`what` at the desk, between two of its milliseconds."""
        with self._lock:
            return what(self.desk)

    @property
    def state(self) -> str:
        return self.do(lambda desk: desk.state)

    def press(self, ms: int = 60) -> None:
        """Press the button for `ms` of the desk's time, which pass at once."""
        self.do(lambda desk: desk.press(ms))
