"""The simulated device's data port as a pseudo-terminal, so that `endcall --port …` talks to it as to a real one."""

from __future__ import annotations

import errno
import os
import select
from pathlib import Path

from endcall.errors import UsageError

#: What a read or write says when no program has the other end open (EIO), or when there is nothing or no room now.
_NOBODY = (errno.EIO,)
_NOT_NOW = (errno.EAGAIN, errno.EWOULDBLOCK)


class PtyError(UsageError):
    """There can be no pseudo-terminal, or no link to it."""


class PtyPort:
    """What `App` needs of a port (`connected`, `read_into`, `write`), on a pseudo-terminal.

    `path` is what a host opens. `link`, if given, becomes a symbolic link to it until `close`. The port counts as
    connected while a program has it open, which is what DTR tells on the real device. Raises PtyError where the
    system has no pseudo-terminals, or where `link` is taken by something that is no link.
    """

    def __init__(self, link: Path | None = None) -> None:
        try:
            import tty
        except ImportError as error:
            raise PtyError(
                "This system has no pseudo-terminals.", "`endcall --port` can't reach the demo here."
            ) from error
        self._link = link
        self._fd, other = os.openpty()
        tty.setraw(other)
        self.path = os.ttyname(other)
        # Not kept open: only so does the system tell when the last program closes the port.
        os.close(other)
        os.set_blocking(self._fd, False)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLHUP)
        if link is not None:
            try:
                _point(link, self.path)
            except PtyError:
                os.close(self._fd)
                raise

    @property
    def connected(self) -> bool:
        return not self._poll.poll(0)

    def read_into(self, buffer: bytearray) -> int:
        try:
            return os.readv(self._fd, [buffer])
        except OSError as error:
            if error.errno in _NOBODY + _NOT_NOW:
                return 0
            raise

    def write(self, data: bytes | memoryview) -> int:
        try:
            return os.write(self._fd, data)
        except OSError as error:
            if error.errno in _NOBODY + _NOT_NOW:
                return 0
            raise

    def close(self) -> None:
        """Give the pseudo-terminal and its link back."""
        if self._link is not None and self._link.is_symlink() and os.readlink(self._link) == self.path:
            self._link.unlink()
        os.close(self._fd)


def _point(link: Path, path: str) -> None:
    """Make `link` a symbolic link to `path`, in one step. A link that is there already is replaced, a file is not."""
    if link.exists() and not link.is_symlink():
        raise PtyError(f"{link} is a file of its own.", "It stays as it is.", "Give --pty-link another name.")
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        os.symlink(path, fresh)
        os.replace(fresh, link)
    except OSError as error:
        raise PtyError(
            f"{link} can't be made a link to {path}: {error.strerror}.", todo="Give --pty-link another folder."
        ) from error
