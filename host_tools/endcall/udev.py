"""Access to the device on Linux, for whoever sits at the computer: the udev rules, written from the ids in `ports`.

`uaccess` lets the person in front of the screen in, without a group. It is read by 73-seat-late.rules, so this file
must sort before it. ModemManager is told to keep off: it would send modem commands to a new serial port.
"""

from __future__ import annotations

from pathlib import Path

from endcall.ports import BOOTLOADER_PID, BOOTLOADER_VID, PID, VID

NAME = "70-endcall.rules"
FOLDERS = (
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/local/lib/udev/rules.d",
    "usr/lib/udev/rules.d",
    "lib/udev/rules.d",
)


def _rule(subsystem: str, attribute: str, vid: int, pid: int, *more: str) -> str:
    ids = f'{attribute}{{idVendor}}=="{vid:04x}", {attribute}{{idProduct}}=="{pid:04x}"'
    return ", ".join([f'SUBSYSTEM=="{subsystem}"', ids, 'TAG+="uaccess"', *more])


_KEEP_OFF = 'ENV{ID_MM_DEVICE_IGNORE}="1"'

RULES = "\n".join(
    (
        "# endcall: the button (in service and in safe mode it has the same ids) and a Pico in its bootloader.",
        "# Written by `endcall udev`. It must sort before 73-seat-late.rules.",
        _rule("tty", "ATTRS", VID, PID, _KEEP_OFF),
        _rule("usb", "ATTR", VID, PID, _KEEP_OFF),
        _rule("usb", "ATTR", BOOTLOADER_VID, BOOTLOADER_PID),
        "",
    )
)


def find(root: Path = Path("/")) -> Path | None:
    """The installed rules file that counts, or None."""
    for folder in FOLDERS:
        path = root / folder / NAME
        if path.is_file():
            return path
    return None


def is_current(path: Path) -> bool:
    """Whether the installed file is this version's."""
    try:
        return path.read_text() == RULES
    except OSError:
        return False


def install(root: Path = Path("/")) -> Path:
    """Write the rules; returns the file. Raises OSError."""
    path = root / FOLDERS[0] / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RULES)
    return path
