"""From a Pico in its bootloader, or one that runs CircuitPython, to a button that has proved itself."""

from __future__ import annotations

import hashlib
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from endcall import connect, ports, transport
from endcall.client import Client
from endcall.errors import (
    AmbiguousError,
    EndcallError,
    InvalidError,
    LinkError,
    NoDeviceError,
    NotInServiceError,
    UnpluggedError,
    UsageError,
)
from endcall.ports import Found

#: The CircuitPython that this endcall was tested with.
RUNTIME_VERSION = "10.2.1"
RUNTIME_SHA256 = "4568ecbf69a4623ec5bfcbf9efc983e9d264c7b0d4ab56f14fe336543c708318"
RUNTIME_URL = (
    "https://downloads.circuitpython.org/bin/raspberry_pi_pico/en_US/"
    f"adafruit-circuitpython-raspberry_pi_pico-en_US-{RUNTIME_VERSION}.uf2"
)
RUNTIME_BYTES_MAX = 8 << 20

BOARD_ID = "RPI-RP2"  # in INFO_UF2.TXT: the bootloader in the RP2040's ROM; the RP2350's says RP2350
INFO = "INFO_UF2.TXT"
DRIVE_S = 20.0  # until a computer has mounted the bootloader's drive
START_S = 60.0  # until a device that was written is in service; its first start takes 5 s
POLL_S = 0.5
COPY_BYTES = 64 << 10

clock: Callable[[], float] = time.monotonic
sleep: Callable[[float], None] = time.sleep


# --- CircuitPython -----------------------------------------------------------------------------------------------


def runtime(given: Path | None, is_any: bool = False, say: Callable[[str], None] = lambda text: None) -> Path:
    """CircuitPython's UF2: `given`, the one downloaded before, or a fresh download. Its SHA-256 is checked.

    is_any: take `given` as it is. Raises UsageError, InvalidError, LinkError with where to get it.
    """
    if given is not None:
        found = _sha256(given)
        if found != RUNTIME_SHA256 and not is_any:
            raise InvalidError(
                f"{given} is not CircuitPython {RUNTIME_VERSION} for the Pico: its SHA-256 is {found}.",
                f"This endcall was tested with {RUNTIME_SHA256}. Nothing was written.",
                f"Get {RUNTIME_URL}, or take this file all the same: --any-runtime",
                sha256=found,
            )
        return given
    from platformdirs import user_cache_path

    kept = user_cache_path("endcall", appauthor=False) / RUNTIME_URL.rpartition("/")[2]
    if kept.exists() and _sha256(kept) == RUNTIME_SHA256:
        return kept
    say(f"Downloading CircuitPython {RUNTIME_VERSION} …")
    data = _download()
    if hashlib.sha256(data).hexdigest() != RUNTIME_SHA256:
        raise InvalidError(
            f"What {RUNTIME_URL} gave is not CircuitPython {RUNTIME_VERSION}: its SHA-256 is another.",
            "A proxy may have answered in its place. Nothing was written.",
            "Get the file another way and name it: --runtime FILE.uf2",
        )
    from endcall import image_command

    kept.parent.mkdir(parents=True, exist_ok=True)
    image_command.write(kept, data)
    return kept


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "", "Check the name after --runtime.") from error


def _download() -> bytes:
    try:
        with urllib.request.urlopen(RUNTIME_URL, timeout=30) as answer:
            data: bytes = answer.read(RUNTIME_BYTES_MAX)
            return data
    except OSError as error:  # URLError is one
        raise LinkError(
            f"CircuitPython could not be downloaded: {getattr(error, 'reason', error)}.",
            "This computer may have no way to the internet. Nothing was written.",
            f"Get {RUNTIME_URL} on another one and name the file here: --runtime FILE.uf2",
        ) from error


# --- the drive of the bootloader -----------------------------------------------------------------------------------


def check_drive(drive: Path, size: int) -> None:
    """Whether `drive` is that of a Pico's bootloader and takes `size` bytes. Raises UsageError, InvalidError."""
    try:
        says = (drive / INFO).read_text(errors="replace")
    except OSError as error:
        raise UsageError(
            f"{drive} is not the drive of a Pico's bootloader: there is no {INFO} on it.",
            "Nothing was written.",
            "Hold BOOTSEL while plugging the Pico in; the drive is called RPI-RP2.",
        ) from error
    facts = dict(line.split(":", 1) for line in says.splitlines() if ":" in line)
    board, model = facts.get("Board-ID", "").strip(), facts.get("Model", "").strip()
    if board != BOARD_ID:
        raise InvalidError(
            f"{drive} belongs to another board: {model or 'unknown'} ({board or 'no Board-ID'}).",
            "endcall runs on a Raspberry Pi Pico with an RP2040; a Pico 2 or another board would not start with it. "
            "Nothing was written.",
            "Unplug it and take a Raspberry Pi Pico.",
            board=board,
        )
    import shutil

    free = shutil.disk_usage(drive).free
    if free < size:
        raise InvalidError(
            f"{drive} takes {free} bytes, and the image has {size}.",
            "Nothing was written.",
            "Unplug the Pico, hold BOOTSEL while plugging it in, and repeat the command.",
        )


def find_drive(given: Path | None) -> Path | None:
    """The one bootloader drive that is mounted, or `given`; None where there is none. Raises AmbiguousError."""
    if given is not None:
        return given
    drives = ports.bootloader_drives()
    if len(drives) > 1:
        names = [drive.path for drive in drives]
        raise AmbiguousError(
            f"{len(drives)} Picos wait in their bootloader: {', '.join(names)}.",
            "endcall does not guess which one you mean.",
            "Unplug the others, or choose one: --drive PATH",
            candidates=names,
        )
    return Path(drives[0].path) if drives else None


def unmounted(by_label: Path = Path("/dev/disk/by-label")) -> str | None:
    """The block device of a bootloader drive that Linux sees and has not mounted, or None."""
    device = by_label / BOARD_ID
    return str(device) if sys.platform == "linux" and device.exists() else None


def not_mounted(device: str) -> NotInServiceError:
    return NotInServiceError(
        f"A Pico waits in its bootloader as {device}, but its drive is not mounted.",
        "This computer does not mount drives by itself.",
        f"Run: udisksctl mount -b {device}, then repeat the command.",
    )


def copy(drive: Path, data: bytes, progress: Callable[[int], None] = lambda sent: None) -> None:
    """Copy a UF2 file onto the bootloader's drive.

    The Pico restarts with the last block, and the drive goes away under the copy: what the system says then means
    nothing. Whether it worked shows when the device is back. Raises UsageError where nothing could be written.
    """
    sent = 0
    try:
        with open(drive / "ENDCALL.UF2", "wb", 0) as file:
            while sent < len(data):
                sent += file.write(data[sent : sent + COPY_BYTES])
                progress(sent)
            os.fsync(file.fileno())
    except OSError as error:
        if sent < len(data) // 2 and (drive / INFO).exists():
            raise UsageError(
                f"{drive} can't be written: {error.strerror}.",
                "The Pico still waits in its bootloader.",
                "Repeat the command, as a user who may write there.",
            ) from error


# --- into the bootloader -------------------------------------------------------------------------------------------

_INTO_BOOTLOADER = b"import microcontroller as m;m.on_next_reset(m.RunMode.UF2);m.reset()"


def repl_to_bootloader(path: str) -> None:
    """Send the CircuitPython behind the console `path` into its bootloader. Raises LinkError, and as opening does."""
    port = transport.SerialTransport(path)
    try:
        port.write(b"\r\x03\x03\x01")  # stop the program, twice to be sure; raw REPL
        if not _reads(port, b"raw REPL"):
            raise LinkError(
                f"No Python prompt at {path}.",
                "The program on the Pico does not let itself be stopped.",
                "Hold BOOTSEL while plugging it in, then repeat the command.",
                port=path,
            )
        try:
            port.write(_INTO_BOOTLOADER + b"\x04")
            _reads(port, b"\x04")
        except UnpluggedError:
            pass  # that is what was asked for
    finally:
        port.close()


def _reads(port: transport.Transport, text: bytes, within_s: float = 5.0) -> bool:
    heard, deadline = b"", clock() + within_s
    while clock() < deadline:
        heard = heard[-256:] + port.read()
        if text in heard:
            return True
    return False


# --- the device comes back -----------------------------------------------------------------------------------------


def serials() -> set[str]:
    """The serial numbers of the devices that are there."""
    return {device.serial for device in ports.find(ports.list_ports())}


def wait_for_drive(given: Path | None) -> Path:
    """The bootloader's drive, once it is there. Raises NotInServiceError, NoDeviceError."""
    deadline = clock() + DRIVE_S
    while clock() < deadline:
        drive = find_drive(given)
        if drive is not None and (drive / INFO).exists():
            return drive
        sleep(POLL_S)
    device = unmounted()
    if device:
        raise not_mounted(device)
    raise NoDeviceError(
        "The Pico's bootloader did not show its drive RPI-RP2.",
        "It was sent there, and waits; this computer may not mount drives by itself, or forbids them.",
        "Mount the drive and repeat the command with --drive PATH.",
    )


def wait_for_service(before: set[str], serial: str | None, choice: connect.Choice, drive: Path) -> Client:
    """The device that was written: the one with `serial`, or one that is not among the serial numbers `before`.

    Raises NotInServiceError where the Pico stays in its bootloader or is in safe mode, LinkError.
    """
    deadline = clock() + START_S
    last: EndcallError | None = None
    while clock() < deadline:
        sleep(POLL_S)
        for device in _candidates(before, serial, choice.port):
            if device.state != ports.IN_SERVICE:
                last = connect.not_in_service(device)
                continue
            try:
                return connect.greet(device.path, choice)
            except EndcallError as error:
                last = error
    if (drive / INFO).exists():
        raise NotInServiceError(
            f"The Pico is still in its bootloader: {drive} is there.",
            "It did not take the file: the copy was cut short, or the cable is bad.",
            "Unplug it, hold BOOTSEL while plugging it in, and repeat the command with another cable or port.",
        )
    if last is not None:
        raise last
    raise LinkError(
        "The Pico took the file and did not come back.",
        "It may have got no port on this computer, or no power.",
        "Unplug it, plug it in again, and look: endcall list",
    )


def _candidates(before: Iterable[str], serial: str | None, port: str | None) -> list[Found]:
    if port is not None:
        return [Found(ports.IN_SERVICE, port, "", True)]
    found = ports.find(ports.list_ports())
    if serial:
        return [device for device in found if device.serial == serial]
    return [device for device in found if device.serial not in before]


def prove(client: Client) -> dict[str, Any]:
    """What the new device says of itself."""
    return {
        "device": {
            "serial": client.identity.get("serial", ""),
            "name": client.identity.get("name", ""),
            "port": client.transport.path,
        },
        "firmware": client.identity.get("firmware"),
        "runtime": client.identity.get("runtime"),
        "access": client.identity.get("access"),
        "check": client.check(),
        "prompts": [prompt["name"] for prompt in client.prompts() if not prompt["problem"]],
    }
