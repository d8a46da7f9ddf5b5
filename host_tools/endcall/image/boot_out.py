"""The text that CircuitPython keeps in boot_out.txt."""

from __future__ import annotations

import re

from endcall.image.drive import ImageError
from endcall.image.uf2 import read_runtime

EMULATOR_UID = "FF" * 8  # the flash chip of an emulated Pico has no number of its own


def boot_out(runtime_uf2: bytes, uid_hex: str, boot_py_output: str | None = "") -> bytes:
    """What the CircuitPython in `runtime_uf2` would write to /boot_out.txt on the Pico with this number.

    At every start CircuitPython compares the file with what it would write. If they are alike, it writes
    nothing. If not, it waits for a second and then writes the file anew, which erases the root directory twice,
    the file allocation table twice (once if there was no file) and the file's block: measured with 10.2.1.

    `uid_hex` is `microcontroller.cpu.uid` in 16 hex digits. Every Pico has its own, and the bootloader does not
    tell it: an image for any Pico cannot hold the right text. A power cut while CircuitPython rewrites the file
    can cost the drive, so the firmware's boot.py puts the number in by itself before CircuitPython compares.

    `boot_py_output` is what boot.py prints, with \\n at the ends of lines; None if there is no boot.py. What
    boot.py does to the drive (`disable_usb_drive`, `remount`) changes nothing. The text is that of the English
    build (en_US); other languages translate a part of it.

    Raises ImageError as `read_runtime` does, and for a `uid_hex` that is not 16 hex digits.
    """
    if not re.fullmatch("[0-9A-Fa-f]{16}", uid_hex):
        raise ImageError(f"{uid_hex!r} is not the number of a Pico: that has 16 hex digits.")
    runtime = read_runtime(runtime_uf2)
    text = f"{runtime.version_line}\nBoard ID:{runtime.board_id}\nUID:{uid_hex.upper()}\n"
    if boot_py_output is not None:
        text += f"boot.py output:\n{boot_py_output}"
    return text.replace("\n", "\r\n").encode()
