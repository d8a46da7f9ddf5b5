"""Which of this computer's serial ports belong to an endcall device, and which one may be opened.

A device is known by its USB identity, its data port by the name of the interface: Linux and Windows call it
"CircuitPython CDC2 control", macOS "CircuitPython CDC2 data"; where the system tells no names, by the number of the
interface. A console (" CDC " without the 2) is never opened: a byte too much there stops the button's program. `find`
is a pure function of a listing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

VID, PID = 0x239A, 0x80F4  # CircuitPython on a Pico (its board definition, mpconfigboard.mk); boot.py keeps them
MANUFACTURER = "endcall"  # what boot.py tells `supervisor.set_usb_identification`
BOOTLOADER_VID, BOOTLOADER_PID = 0x2E8A, 0x0003  # the RP2040's own, in BOOTSEL (RP2040 data sheet, 2.8.2)

#: Environment variable that names a folder with the ports of simulated devices, and drives of simulated bootloaders.
PORT_FOLDER = "ENDCALL_PORT_DIR"

IN_SERVICE, NO_DATA_PORT, BOOTLOADER, UNMOUNTED = "in_service", "no_data_port", "bootloader", "bootloader_unmounted"


@dataclass(frozen=True)
class PortRecord:
    """One port, as the operating system lists it; None where it does not say."""

    path: str
    vid: int | None = None
    pid: int | None = None
    serial: str | None = None
    manufacturer: str | None = None
    product: str | None = None
    interface: str | None = None
    location: str | None = None


@dataclass(frozen=True)
class Found:
    """A device. `path` is its data port, or with `state` NO_DATA_PORT its console, or with BOOTLOADER its drive, or
    with UNMOUNTED the disk that would be its drive, or where it is plugged in.

    serial: the USB serial number, which is the number of the flash chip. is_sure: whether the USB strings say
    that it is an endcall (Windows does not tell them; then only `hello` can say).
    """

    state: str
    path: str
    serial: str
    is_sure: bool


def list_ports() -> list[PortRecord]:
    """Every serial port: asked from the operating system, and those of simulated devices in PORT_FOLDER."""
    return _system_ports() + _simulated_ports()


def _simulated_ports() -> list[PortRecord]:
    """`endcall fleet rehearse` makes them: links that have the devices' serial numbers for names."""
    folder = os.environ.get(PORT_FOLDER)
    if not folder or not os.path.isdir(folder):
        return []
    return [
        PortRecord(entry.path, VID, PID, entry.name, MANUFACTURER, "simulated", "CircuitPython CDC2 control")
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if entry.is_symlink() and not entry.name.startswith(".")
    ]


def _simulated_drives() -> list[Path]:
    """Folders in PORT_FOLDER stand for drives; a Pico's bootloader has INFO_UF2.TXT on its own."""
    folder = os.environ.get(PORT_FOLDER)
    return sorted(drive for drive in Path(folder).glob("RPI-RP2*") if drive.is_dir()) if folder else []


def _system_ports() -> list[PortRecord]:
    if sys.platform == "linux":
        from serial.tools.list_ports import comports
    else:  # pyserial does not tell the interfaces' names there
        from adafruit_board_toolkit.circuitpython_serial import comports
    return [
        PortRecord(
            port.device,
            port.vid,
            port.pid,
            port.serial_number,
            port.manufacturer,
            port.product,
            port.interface,
            port.location,
        )
        for port in comports()
    ]


def find(records: Iterable[PortRecord]) -> list[Found]:
    """The devices in a listing: those in service first, each by its serial number."""
    groups: dict[tuple, list[PortRecord]] = {}
    for record in records:
        if (record.vid, record.pid) == (VID, PID):
            where = record.serial or (record.location or record.path).partition(":")[0]
            groups.setdefault((where, record.manufacturer, record.product), []).append(record)
    found = []
    for (where, manufacturer, product), ports in groups.items():
        is_told = product is not None  # on Windows `manufacturer` is that of the driver
        is_sure = is_told and manufacturer == MANUFACTURER
        data = _data_port(ports, is_sure)
        if data and (is_sure or not is_told):
            found.append(Found(IN_SERVICE, data.path, data.serial or where, is_sure))
        elif not data:
            found.append(Found(NO_DATA_PORT, ports[0].path, ports[0].serial or where, is_sure))
    return sorted(found, key=lambda device: (device.state != IN_SERVICE, device.serial, device.path))


def _data_port(ports: list[PortRecord], is_sure: bool) -> PortRecord | None:
    """Which of a device's `ports` is the data port: by name, else by number, else None.

    CircuitPython numbers the console before the data port, so it is the later of two. A single port without a name is
    the data port where boot.py's strings are told (`is_sure`): it never shows a console alone.
    """
    named = [port for port in ports if port.interface]
    if named:
        return next((port for port in named if " CDC2 " in str(port.interface)), None)
    if len(ports) > 1 or is_sure:
        return max(ports, key=lambda port: (_interface_number(port), len(port.path), port.path))
    return None


def _interface_number(port: PortRecord) -> int:
    """The last number of a location such as "1-1.2:1.2" (Linux) or "1-2:x.2" (Windows); macOS tells none."""
    number = (port.location or "").partition(":")[2].rpartition(".")[2]
    return int(number) if number.isdigit() else 0


def console_of(path: str, records: Iterable[PortRecord]) -> Found | None:
    """The device whose console `path` certainly is, or None.

    Certain means: the same device has a data port besides, or its USB strings say that boot.py did not run. A port
    that merely has the name of a console may carry a name that Windows remembers from another mode.
    """
    records = list(records)
    for port in records:
        if port.path == path and (port.vid, port.pid) == (VID, PID):
            for device in find(record for record in records if record.serial == port.serial):
                is_foreign = port.product is not None and port.manufacturer != MANUFACTURER
                if device.path != path if device.state == IN_SERVICE else is_foreign:
                    return device
    return None


def bootloader_drives(roots: Iterable[Path] | None = None) -> list[Found]:
    """Drives of a Pico that waits in its bootloader for a UF2 file. `roots`: where drives are mounted."""
    if roots is None:
        if sys.platform == "win32":
            roots = [Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
        elif sys.platform == "darwin":
            roots = Path("/Volumes").glob("RPI-RP2*")
        else:
            roots = [root for device, root in mounted() if device.startswith("/dev/")]
        roots = [*roots, *_simulated_drives()]
    found = []
    for root in roots:
        try:
            says = (root / "INFO_UF2.TXT").read_text(errors="replace")
        except OSError:
            continue
        if "RPI-RP2" in says:
            found.append(Found(BOOTLOADER, str(root), "", False))
    return found


def mounted(table: Path = Path("/proc/mounts")) -> list[tuple[str, Path]]:
    """Every FAT drive that Linux has mounted: its device, and where. `table`: the kernel's list."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()]
    except OSError:
        return []
    # Spaces stand there in octal.
    return [(row[0], Path(row[1].encode().decode("unicode_escape"))) for row in rows if row[2:3] == ["vfat"]]


def unmounted_bootloaders(usb: Path = Path("/sys/bus/usb/devices"), table: Path = Path("/proc/mounts")) -> list[Found]:
    """Picos in their bootloader whose drive Linux has not mounted. `usb`: its list of USB devices."""
    if sys.platform != "linux":
        return []  # Windows and macOS mount every drive
    in_use = {device for device, _ in mounted(table)}
    found = []
    for device in sorted(usb.glob("*")):
        try:
            ids = [(device / name).read_text().strip().lower() for name in ("idVendor", "idProduct")]
        except OSError:
            continue
        if ids != [f"{BOOTLOADER_VID:04x}", f"{BOOTLOADER_PID:04x}"]:
            continue
        disks = [Path("/dev", disk.name) for disk in sorted(device.glob("*/host*/target*/*/block/*/*1"))]
        if not any(str(disk) in in_use for disk in disks):
            found.append(Found(UNMOUNTED, str(disks[0]) if disks else f"USB {device.name}", "", False))
    return found
