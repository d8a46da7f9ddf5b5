"""CircuitPython's REPL behind a console port: how `endcall rescue` reads and mends a device whose program does not run.

mpremote speaks the raw REPL. It was written for MicroPython and says of itself that its interface will change, so
only what has stayed the same since 1.24 is used of it.
"""

from __future__ import annotations

import binascii
import contextlib
import io
import json
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from endcall import transport
from endcall.errors import EndcallError, LinkError, UsageError

QUIET_S = 0.3  # of silence: what was typed has been answered
WAKE_S = 12.0  # until there is a prompt: a device that has just been reset needs 3, and one whose program hangs none
EXEC_S = 30.0  # without a byte; the longest thing that is asked for, erasing and writing 184 KB, takes 10
PIECE_BYTES = 2048  # that are read at once, base64-coded
WRITE_BYTES = 768  # that are written at once, as a line of Python

#: Functions that everything below calls. `h`: SHA-256 of a file. `r`: bytes, for this computer.
_PRELUDE = """
import binascii,hashlib,json,os,sys
def j(x):print(json.dumps(x))
def r(b):print(binascii.b2a_base64(b).decode().strip())
def h(p,at=0,n=-1):
 d=hashlib.new("sha256");b=memoryview(bytearray(2048))
 with open(p,"rb") as f:
  f.seek(at)
  while n:
   k=f.readinto(b if n<0 else b[:min(n,2048)])
   if not k:break
   d.update(b[:k]);n-=k if n>0 else 0
 return binascii.hexlify(d.digest()).decode()
"""


class Link(Protocol):
    """A raw REPL. Every method raises UnpluggedError where the port has gone, LinkError where nobody answers."""

    path: str

    def execute(self, code: str) -> tuple[bytes, bytes]:
        """Run `code`; what it printed, and the traceback where it failed."""

    def send(self, code: str) -> None:
        """Run `code` without waiting: it restarts the device."""

    def leave(self) -> None:
        """Start the program again that was stopped, and close the port. Never raises."""

    def close(self) -> None:
        """Let go of the port. Never raises."""


class SilentError(LinkError):
    """A prompt was there, and answers no more."""


class CodeError(EndcallError):
    """What was run on the device raised an exception there; `kind` is its name."""

    name = "no_answer"

    def __init__(self, traceback: str) -> None:
        last = (traceback.strip().splitlines() or ["no words"])[-1]
        super().__init__(f"CircuitPython says: {last}.", "It could not do what was asked.", "")
        self.kind = last.partition(":")[0].strip()


class SerialLink:
    """A console port, its program stopped. Raises NoDeviceError, PortBusyError, NoPermissionError, LinkError."""

    def __init__(self, path: str, answer_s: float) -> None:
        try:
            from mpremote.transport import TransportError  # type: ignore[import-untyped]
            from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]
        except ImportError as error:
            raise UsageError(
                "endcall rescue needs mpremote, which is not installed here.",
                "It speaks to CircuitPython's prompt. Nothing was done.",
                "Run: pip install mpremote",
            ) from error
        self.path = path
        self._answer_s = answer_s
        self._failures = (TransportError, struct.error)
        self._gone: tuple[type[Exception], ...] = transport._errors()
        try:
            self._remote = SerialTransport(path)
        except (*self._gone, TransportError) as error:
            # mpremote does not say why.
            transport.SerialTransport(path).close()
            raise LinkError(f"{path} can't be opened: {error}", "", "Repeat the command.", port=path) from error
        try:
            self._wake()
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What fails in mpremote, in our words."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints what it did not understand
                yield
        except self._gone as error:
            raise transport.unplugged(self.path) from error
        except self._failures as error:
            raise SilentError(
                f"The Python prompt at {self.path} stopped answering.",
                f"The last that was tried ended with: {error}",
                "Unplug the device, plug it in again the same way, and repeat the command.",
                port=self.path,
            ) from error

    def _wake(self) -> None:
        """Stop whatever runs, until there is a prompt; then go to the raw REPL."""
        port = self._remote.serial
        deadline = time.monotonic() + max(WAKE_S, self._answer_s)
        with self._told():
            port.timeout = max(QUIET_S, self._answer_s / 20)
            while time.monotonic() < deadline:
                # Ctrl-C ends a program, any key a crashed one; Ctrl-B leaves a raw REPL.
                port.write(b"\r\x03\x02")
                if self._hears(b">>> "):
                    port.write(b"\x01")
                    if self._hears(b"raw REPL; CTRL-B to exit\r\n>"):
                        port.timeout = max(EXEC_S, self._answer_s)
                        port.write(b"0\x04")  # a program whose answer ends in the prompt that mpremote expects
                        self._remote.read_until(1, b"OK\x04\x04")
                        self._remote.in_raw_repl = True
                        return
        raise LinkError(
            f"No Python prompt at {self.path}.",
            "The program on the Pico does not let itself be stopped, or something else is behind this port.",
            "Unplug it, plug it in again the same way, and repeat the command. If it stays so, write it anew: hold "
            "BOOTSEL while plugging it in, then: endcall flash",
            port=self.path,
        )

    def _hears(self, end: bytes) -> bool:
        """Whether what comes ends with `end` before it is quiet."""
        heard = b""
        while piece := self._remote.serial.read(1):
            heard += piece
            if heard.endswith(end):
                return True
        return False

    def execute(self, code: str) -> tuple[bytes, bytes]:
        with self._told():
            said, traceback = self._remote.exec_raw(code, timeout=max(EXEC_S, self._answer_s))
        return said, traceback

    def send(self, code: str) -> None:
        with contextlib.suppress(EndcallError), self._told():
            self._remote.exec_raw_no_follow(code)

    def leave(self) -> None:
        with contextlib.suppress(*self._gone):
            self._remote.serial.write(b"\r\x02\x04")  # friendly prompt, then reload
            time.sleep(QUIET_S)
        self.close()

    def close(self) -> None:
        with contextlib.suppress(*self._gone):
            self._remote.close()


class Repl:
    """What is asked of a device through a `Link`."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.run(_PRELUDE)

    @property
    def path(self) -> str:
        return self.link.path

    def run(self, code: str) -> str:
        """Run `code` and return what it printed. Raises CodeError, UnpluggedError, LinkError."""
        said, traceback = self.link.execute(code)
        if traceback.strip():
            raise CodeError(traceback.decode(errors="replace"))
        return said.decode(errors="replace").strip()

    def ask(self, code: str) -> Any:
        """The value of the JSON that `code` prints. Raises LinkError where it prints none."""
        said = self.run(code)
        try:
            return json.loads(said)
        except ValueError as error:
            raise LinkError(f"{self.path} gave a strange answer: {said[:80]!r}.", "", "Repeat the command.") from error

    def _bytes(self, code: str) -> bytes:
        said = self.run(code)
        try:
            return binascii.a2b_base64(said)
        except binascii.Error as error:
            raise LinkError(f"{self.path} gave a strange answer: {said[:80]!r}.", "", "Repeat the command.") from error

    def nvm(self) -> bytes:
        """`microcontroller.nvm`: 4096 bytes."""
        self.run("import microcontroller")
        size = self.ask("j(len(microcontroller.nvm))")
        return b"".join(self._bytes(f"r(microcontroller.nvm[{at}:{at + 1024}])") for at in range(0, size, 1024))

    def listing(self) -> dict[str, int | None]:
        """Every file of the drive (path without a leading slash): its size, or None where the drive is damaged there.

        A folder ends in "/". Raises CodeError where there is no drive at all.
        """
        said = self.run(_LISTING)
        found: dict[str, int | None] = {}
        for line in said.splitlines():
            with contextlib.suppress(ValueError):
                path, size = json.loads(line)
                found[path.lstrip("/")] = size
        return found

    def sums(self, paths: list[str]) -> dict[str, str]:
        """The SHA-256 of each file in hex, "" where it can't be read. The device reads them in pieces."""
        code = "for p in {}:\n try:print(h(p))\n except OSError:print('-')"
        found: dict[str, str] = {}
        for at in range(0, len(paths), 8):
            some = paths[at : at + 8]
            lines = self.run(code.format([f"/{path}" for path in some])).split()
            found |= {path: "" if line == "-" else line for path, line in zip(some, lines, strict=True)}
        return found

    def sum_of(self, path: str, at: int, size: int) -> str:
        """The SHA-256 of a part of a file, in hex."""
        return self.run(f"print(h('/{path}',{at},{size}))")

    def read(
        self, path: str, size: int, at: int = 0, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> bytes:
        """A file from `at`, `size` bytes at most. Raises CodeError where it can't be read."""
        self.run(f"f=open({'/' + path!r},'rb')\nf.seek({at})")
        data = bytearray()
        while len(data) < size:
            piece = self._bytes(f"r(f.read({min(PIECE_BYTES, size - len(data))}))")
            if not piece:
                break
            data += piece
            progress(len(data), size)
        self.run("f.close()")
        return bytes(data)

    def write(
        self,
        path: str,
        data: bytes,
        in_place: bool,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Write a file. in_place: it is there with that size, and the table of the drive stays untouched.

        Raises CodeError.
        """
        self._folders(path)
        self.run(f"f=open({'/' + path!r},'{'r+b' if in_place else 'wb'}')")
        for at in range(0, len(data), WRITE_BYTES):
            coded = binascii.b2a_base64(data[at : at + WRITE_BYTES]).decode().strip()
            self.run(f"_=f.write(binascii.a2b_base64('{coded}'))")
            progress(min(at + WRITE_BYTES, len(data)), len(data))
        self.run("f.close()\nos.sync()")

    def fill(self, path: str, blocks: int) -> None:
        """Make a file of `blocks` times 4096 bytes 0xFF. Raises CodeError."""
        self._folders(path)
        self.run(
            f"b=b'\\xff'*4096\nf=open({'/' + path!r},'wb')\nfor _ in range({blocks}):f.write(b)\nf.close()\nos.sync()"
        )

    def _folders(self, path: str) -> None:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            self.make_folder("/".join(parts[:depth]))

    def make_folder(self, path: str) -> None:
        """Make a folder where there is none. Raises CodeError."""
        self.run(f"try:os.stat({'/' + path!r})\nexcept OSError:os.mkdir({'/' + path!r})")

    def remove(self, path: str) -> None:
        """Raises CodeError."""
        self.run(f"os.remove({'/' + path!r})\nos.sync()")


#: A damaged folder may list itself or nonsense: no deeper than four, and what can't be looked at is told.
_LISTING = """
def w(p,n):
 try:
  names=os.listdir(p or "/")
 except OSError:
  j([p+"/",None]);return
 if p:j([p+"/",0])
 for x in names:
  q=p+"/"+x
  try:
   s=os.stat(q)
  except OSError:
   j([q,None]);continue
  if s[0]&0x4000:
   if n:w(q,n-1)
  else:j([q,s[6]])
os.listdir("/")
w("",4)
"""
