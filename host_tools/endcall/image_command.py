"""Everything on one UF2: CircuitPython, the firmware, settings and prompts. What `endcall image` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from endcall.contents import firmware_files, mutable_files
from endcall.image import EMULATOR_UID, FLASH_BLOCK, boot_out, build_drive, combine


def build(
    runtime: Path,
    values: dict | None = None,
    prompts: dict[str, bytes] | None = None,
    extra_files: Mapping[str, bytes] | None = None,
    *,
    uid: str = EMULATOR_UID,
    boot_py_output: str = "",
    erase_log: bool = False,
) -> bytes:
    """A UF2 file that makes a Pico in bootloader mode a complete device.

    runtime: the UF2 file of CircuitPython for the Pico. values: every setting, already checked (None: every
    default). prompts: content by name (None: the stock ones). extra_files: further files of the drive, or others
    in place of the firmware's, by path without a leading slash. uid: the Pico's number in 16 hex digits, and
    boot_py_output: what boot.py prints; where both are right, the first start does not have to write boot_out.txt
    (`endcall.image.boot_out`). erase_log: empty the NVM too, so that incident records of an earlier life go.

    Raises OSError where `runtime` can't be read, `image.ImageError` and `contents.ContentsError` with what to do.
    """
    uf2 = runtime.read_bytes()
    files = firmware_files() | mutable_files(values, prompts) | dict(extra_files or {})
    said = boot_py_output if "boot.py" in files else None
    files.setdefault("boot_out.txt", boot_out(uf2, uid, said))
    return combine(uf2, build_drive(files), b"\xff" * FLASH_BLOCK if erase_log else None)
