"""A desk whose drive and NVM lie in a model of the flash, so that its power can be cut in the middle of anything."""

from __future__ import annotations

import builtins
import io
from functools import cache
from pathlib import Path
from typing import Any

from device.flash import FlashFile, FlashNvm, Plug
from device.host import Host
from device.sound import prompt

from endcall.contents import mutable_files
from endcall.desk import parts
from endcall.desk.desk import Desk
from endcall_core import layout, settings
from endcall_device import prompts as prompts_module

CLOSING, OTHER = prompt(ms=600, seed=11), prompt(ms=500, seed=12)

#: What the device was set to before: no value that matters is at its default.
VALUES = settings.defaults() | {
    "device.name": "Front desk",
    "call.warn_s": 45,
    "call.min_warn_s": 2,
    "call.grace_ms": 100,
    "call.recover_s": 1,
    "button.hold_ms": 500,
    "release.flash_ms": 90,
}


class Flash:
    """All of the flash that ever changes: `files` by path on the drive, and `nvm`."""

    def __init__(self, files: dict[str, bytearray], nvm: bytearray) -> None:
        self.files = files
        self.nvm = nvm

    def copy(self) -> Flash:
        return Flash({path: bytearray(data) for path, data in self.files.items()}, bytearray(self.nvm))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flash) and (self.files, self.nvm) == (other.files, other.nvm)

    __hash__ = None  # type: ignore[assignment]


@cache
def _laid_out(extra: tuple[tuple[str, Any], ...]) -> Flash:
    files = mutable_files(VALUES | dict(extra), {"closing.wav": CLOSING, "other.wav": OTHER})
    return Flash({"/" + path.lstrip("/"): bytearray(data) for path, data in files.items()}, bytearray(b"\xff" * 4096))


def fresh(**changes: Any) -> Flash:
    """As it leaves the image, with `VALUES` and `changes` (call__warn_s = …) stored."""
    return _laid_out(tuple((key.replace("__", "."), value) for key, value in sorted(changes.items()))).copy()


class FlashDesk(Desk):
    """A desk on `flash`; `plug` counts its flash operations and cuts its power. `crashes` as of the start before."""

    def __init__(self, flash: Flash, plug: Plug | None = None, clock: parts.Clock | None = None, crashes: int = 0):
        self.flash = flash
        self.plug = plug or Plug()
        self._is_new = True
        self._crashes_before = crashes
        super().__init__(Path("/"), clock)

    def _lay_out(self, values: dict | None) -> None:
        self.crashes = self._crashes_before

    def _nvm(self) -> FlashNvm:
        prompts_module.open = self._open  # type: ignore[attr-defined]  # `Prompts` reads headers by path
        return FlashNvm(self.flash.nvm, self.plug)

    def _file(self, path: str, size: int) -> FlashFile:
        assert len(self.flash.files[path]) == size
        return FlashFile(self.flash.files[path], self.plug, path)

    def _content(self, path: str) -> bytes:
        return bytes(self.flash.files[path])

    def _open(self, path: str, mode: str) -> Any:
        return io.BytesIO(self.flash.files[path]) if path in self.flash.files else builtins.open(path, mode)

    def greet(self) -> Host:
        """A host on a new connection."""
        self.port.connected = False
        self.run(2)
        self.port.host_read()
        return Host(self)


def content_of(flash: Flash, table: dict[str, list]) -> dict[str, bytes]:
    """Every prompt in `table`, byte for byte."""
    return {name: bytes(flash.files[layout.SLOT_PATHS[slot]][:size]) for name, (slot, size, _checksum) in table.items()}
