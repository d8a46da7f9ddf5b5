"""Bytes to and from a device's data port. All that knows pyserial, and every trap of it, is here."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any, Protocol

from endcall.errors import EndcallError, NoDeviceError, NoPermissionError, PortBusyError, UnpluggedError

BAUD = 115200  # means nothing over USB, but 1200 does: CircuitPython restarts into the bootloader when that closes
READ_S = 0.05  # how long a read waits for its first byte
WRITE_S = 2.0  # a write that the device does not take for this long is given up


class Transport(Protocol):
    """What `client.Client` works over."""

    path: str

    def read(self) -> bytes:
        """What has come in, waiting up to READ_S for the first byte; b"" when nothing came.

        Raises UnpluggedError."""

    def write(self, data: bytes) -> None:
        """Send `data`. What the device does not take within WRITE_S is dropped. Raises UnpluggedError."""

    def close(self) -> None:
        """Let go of the port. Never raises, never waits for the device."""


class SerialTransport:
    """A serial port, or a pseudo-terminal of the simulated desk, held for this program alone.

    Raises NoDeviceError, PortBusyError or NoPermissionError when it can't be opened.
    """

    def __init__(self, path: str) -> None:
        import serial

        self.path = path
        self._errors: tuple[type[Exception], ...] = _errors()
        self._timeout_error = serial.SerialTimeoutException
        # on Windows every open is exclusive already
        options: dict[str, Any] = {} if sys.platform == "win32" else {"exclusive": True}
        try:
            self._port = serial.Serial(path, BAUD, timeout=READ_S, write_timeout=WRITE_S, **options)
        except self._errors + (ValueError,) as error:
            raise open_error(path, error, sys.platform) from error

    def read(self) -> bytes:
        try:
            first = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except self._errors as error:
            raise unplugged(self.path) from error

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)  # never flush(): tcdrain has no timeout
        except self._timeout_error:
            return  # the answer will be missing, and the request is sent again
        except self._errors as error:
            raise unplugged(self.path) from error

    def close(self) -> None:
        with contextlib.suppress(*self._errors):
            self._port.reset_output_buffer()  # else Linux waits up to 30 s in close() for a device that hangs
        with contextlib.suppress(*self._errors):
            self._port.close()


def _errors() -> tuple[type[Exception], ...]:
    """What pyserial lets through when a port is gone or refuses."""
    import serial

    try:
        import termios
    except ImportError:  # Windows
        return (serial.SerialException, OSError)
    return (serial.SerialException, OSError, termios.error)


def unplugged(path: str) -> UnpluggedError:
    return UnpluggedError(
        f"{path} went away.",
        "The device was unplugged or restarted. What it had not confirmed is not in force.",
        "Plug it in again, wait for the ring's dot, and repeat the command.",
        port=path,
    )


def open_error(path: str, error: Exception, platform: str) -> EndcallError:
    """What a failure to open `path` means on `platform` (a value of `sys.platform`)."""
    number = getattr(error, "errno", None)
    text = str(error)
    if platform == "win32":  # pyserial puts the Windows error into the text
        if "PermissionError" in text or "Access is denied" in text:
            number = errno.EBUSY  # Windows has no other way to say that a port is open already
        elif "FileNotFoundError" in text:
            number = errno.ENOENT
    if number in (errno.EBUSY, errno.EAGAIN):
        holder = _holder(path)
        return PortBusyError(
            f"{path} is in use by {holder or 'another program'}.",
            "Only one program at a time can talk to the device.",
            "Close it (a serial monitor, an editor, another endcall) and repeat the command.",
            port=path,
            holder=holder,
        )
    if number in (errno.EACCES, errno.EPERM):
        todo = "Ask for access to serial ports."
        if platform == "linux":
            group = _group(path)
            todo = f"Run: sudo usermod -aG {group} $USER, then log out and in again."
        return NoPermissionError(f"No permission to open {path}.", "The port belongs to other users.", todo, port=path)
    return NoDeviceError(
        f"{path} can't be opened: {text}",
        "There is no such port, or no device behind it any more.",
        "See what is there: endcall list",
        port=path,
    )


def _group(path: str) -> str:
    """The group that may open `path`, which differs between Linux systems."""
    try:
        import grp

        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (ImportError, OSError, KeyError):
        return "dialout"


def _holder(path: str) -> str | None:
    """The program that has `path` open, where Linux lets us see it."""
    try:
        wanted = os.stat(path).st_rdev
        for process in os.scandir("/proc"):
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                for entry in os.scandir(f"{process.path}/fd"):
                    if os.readlink(entry.path).startswith("/dev/") and entry.stat().st_rdev == wanted:
                        with open(f"{process.path}/comm") as file:
                            return f"{file.read().strip()} (process {process.name})"
    except OSError:
        pass
    return None
