"""The flash image of a device: CircuitPython and its CIRCUITPY drive in one UF2 file.

The file is dragged onto a Pico in bootloader mode, once, and the device is complete. The Pico's 2 MB of flash:

    offset     size
    0x000000   1020 KB   CircuitPython (10.2.1 fills 897 KB)
    0x0FF000      4 KB   NVM, `microcontroller.nvm`: one erase block
    0x100000      4 KB   drive: boot sector
    0x101000      4 KB          file allocation table
    0x102000      4 KB          root directory
    0x103000   1012 KB          files and directories, each in erase blocks of its own
    0x200000

    drive = build_drive({"code.py": ..., "boot_out.txt": boot_out(circuitpython, uid, "")})
    product = combine(circuitpython, drive)

Pure functions on bytes: nothing here opens a file or a port.
"""

from endcall.image.boot_out import EMULATOR_UID, boot_out
from endcall.image.drive import (
    DRIVE_OFFSET,
    DRIVE_SIZE,
    FLASH_BLOCK,
    ImageError,
    build_drive,
    build_small_drive,
    file_offset,
    read_drive,
    used_blocks,
)
from endcall.image.uf2 import (
    FLASH_SIZE,
    NVM_OFFSET,
    Runtime,
    Segment,
    Uf2,
    combine,
    parse_uf2,
    read_runtime,
)

__all__ = [
    "DRIVE_OFFSET",
    "DRIVE_SIZE",
    "EMULATOR_UID",
    "FLASH_BLOCK",
    "FLASH_SIZE",
    "NVM_OFFSET",
    "ImageError",
    "Runtime",
    "Segment",
    "Uf2",
    "boot_out",
    "build_drive",
    "build_small_drive",
    "combine",
    "file_offset",
    "parse_uf2",
    "read_drive",
    "read_runtime",
    "used_blocks",
]
