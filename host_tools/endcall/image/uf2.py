"""UF2 files for a Raspberry Pi Pico: reading one, knowing the CircuitPython in it, adding a drive to it.

UF2 is a file of 512-byte blocks, each with 256 bytes for one address of the flash
(https://github.com/microsoft/uf2). A Pico in bootloader mode shows a drive and writes every block of a file
that is copied to it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from endcall.image.drive import DRIVE_OFFSET, DRIVE_SIZE, FLASH_BLOCK, ImageError, used_blocks

FLASH_ADDRESS = 0x10000000  # where the RP2040 sees its flash
FLASH_SIZE = 0x200000  # the Pico's 2 MB
NVM_OFFSET = DRIVE_OFFSET - FLASH_BLOCK  # `microcontroller.nvm`: one erase block before the drive
FAMILY_RP2040 = 0xE48BFF56
MIN_CIRCUITPYTHON = (9, 2, 7)  # the first release with pull request 10177 of adafruit/circuitpython

_UF2_BLOCK = 512
_PAYLOAD = 256  # all that the RP2040's bootloader takes: one page of the flash
_HEADER = struct.Struct("<8I")
_MAGIC = (0x0A324655, 0x9E5D5157)
_MAGIC_END = 0x0AB16F30
_HAS_FAMILY = 0x2000
_BOARD_ID = b"raspberry_pi_pico"
_MACHINE = "Raspberry Pi Pico with rp2040"
_VERSION_LINE = re.compile(
    rb"Adafruit CircuitPython ((\d{1,3})\.(\d{1,3})\.(\d{1,3})[^ \0\n]*) on [0-9-]{8,10}; ([ -~]{1,80})\0"
)
_FAMILIES = {  # those whose boards run CircuitPython; from uf2families.json of the UF2 specification
    FAMILY_RP2040: "RP2040",
    0xE48BFF57: "RP2350 (Pico 2)",
    0xE48BFF59: "RP2350 (Pico 2)",
    0xE48BFF5A: "RP2350 (Pico 2), RISC-V",
    0x68ED2B88: "SAMD21",
    0x55114460: "SAMD51",
    0xADA52840: "nRF52840",
    0x621E937A: "nRF52833",
    0xBFDD4EEE: "ESP32-S2",
    0xC47E5767: "ESP32-S3",
    0x57755A57: "STM32F4",
    0x4FB2D5BD: "i.MX RT1060",
}
_DOWNLOAD = "Take the .uf2 of CircuitPython 10 from https://circuitpython.org/board/raspberry_pi_pico/"


@dataclass(frozen=True)
class Segment:
    """Bytes for one stretch of flash."""

    address: int  # as the chip sees it, from FLASH_ADDRESS on
    data: bytes


@dataclass(frozen=True)
class Uf2:
    """What a UF2 file writes: stretches that do not touch, by address."""

    family_id: int
    segments: tuple[Segment, ...]

    def flash(self) -> bytes:
        """The 2 MB of flash of a Pico that was erased before it took the file."""
        flash = bytearray(b"\xff" * FLASH_SIZE)
        for segment in self.segments:
            start = segment.address - FLASH_ADDRESS
            flash[start : start + len(segment.data)] = segment.data
        return bytes(flash)


@dataclass(frozen=True)
class Runtime:
    """The CircuitPython in a UF2 file."""

    version: str  # "10.2.1"
    version_line: str  # as it stands in boot_out.txt
    board_id: str


def parse_uf2(data: bytes) -> Uf2:
    """Read a UF2 file for the Pico (family RP2040, 2 MB of flash), whatever it holds.

    Raises ImageError if it is no UF2 file, is for another chip (it says which), is cut short or damaged, or
    writes outside the Pico's flash.
    """
    count, rest = divmod(len(data), _UF2_BLOCK)
    if not count or _HEADER.unpack_from(data)[:2] != _MAGIC:
        raise ImageError(f"This is not a UF2 file. {_DOWNLOAD}")
    headers = [_HEADER.unpack_from(data, i * _UF2_BLOCK) for i in range(count)]
    for i, header in enumerate(headers):
        end = int.from_bytes(data[(i + 1) * _UF2_BLOCK - 4 : (i + 1) * _UF2_BLOCK], "little")
        if header[:2] != _MAGIC or end != _MAGIC_END:
            raise ImageError(f"The UF2 file is damaged in block {i} of {count}. Get it again.")
    families = {family if flags & _HAS_FAMILY else 0 for _, _, flags, *_, family in headers}
    if families != {FAMILY_RP2040}:
        names = " and ".join(sorted(map(_family_name, families)))
        raise ImageError(f"The UF2 file is for {names}, not for the RP2040 of a Pico. {_DOWNLOAD}")
    total = headers[0][6]
    if count < total:
        raise ImageError(f"The UF2 file is cut short: it has {count} of {total} blocks. Get it again.")
    if rest:
        raise ImageError(f"The UF2 file has {rest} bytes after its last block. Get it again.")
    if sorted(header[5] for header in headers) != list(range(total)) or {h[6] for h in headers} != {total}:
        raise ImageError("The blocks of the UF2 file are not numbered from first to last. Get it again.")
    pages: dict[int, bytes] = {}
    for i, (_, _, _, address, size, *_) in enumerate(headers):
        if size != _PAYLOAD or address % _PAYLOAD:
            raise ImageError(f"Block {i} of the UF2 file is not one page of {_PAYLOAD} bytes. Get it again.")
        if not FLASH_ADDRESS <= address < FLASH_ADDRESS + FLASH_SIZE:
            raise ImageError(f"The UF2 file writes to {address:#x}, outside the Pico's 2 MB of flash. {_DOWNLOAD}")
        if address in pages:
            raise ImageError(f"The UF2 file writes to {address:#x} twice. Get it again.")
        start = i * _UF2_BLOCK + _HEADER.size
        pages[address] = data[start : start + _PAYLOAD]
    return Uf2(FAMILY_RP2040, _segments(pages))


def read_runtime(data: bytes) -> Runtime:
    """Find out which CircuitPython a UF2 file holds.

    Raises ImageError as `parse_uf2` does, and if there is no CircuitPython in it, if it is for another board,
    if it reaches into the NVM or the drive, or if it is older than 9.2.7: before that, bytes that the device had
    received were out of its reach once the computer had closed the port.
    """
    uf2 = parse_uf2(data)
    flash = uf2.flash()
    found = _VERSION_LINE.search(flash)
    if not found:
        raise ImageError(f"There is no CircuitPython in the UF2 file. {_DOWNLOAD}")
    version, machine = found[1].decode(), found[5].decode()
    if machine != _MACHINE or b"\0" + _BOARD_ID + b"\0" not in flash:
        raise ImageError(f"This CircuitPython is for another board: {machine}. {_DOWNLOAD}")
    if tuple(int(part) for part in found.group(2, 3, 4)) < MIN_CIRCUITPYTHON:
        needed = ".".join(map(str, MIN_CIRCUITPYTHON))
        raise ImageError(
            f"CircuitPython {version} is too old. Before {needed} a device cannot read what it has received once "
            f"the computer has closed the port. {_DOWNLOAD}"
        )
    end = _end(uf2.segments[-1]) - FLASH_ADDRESS
    if end > NVM_OFFSET:
        raise ImageError(
            f"The UF2 file writes up to {end:#x}, where settings and drive are ({NVM_OFFSET:#x} and up). It may "
            f"have a drive in it already. {_DOWNLOAD}"
        )
    return Runtime(version, found[0][:-1].decode(), _BOARD_ID.decode())


def combine(runtime_uf2: bytes, drive: bytes, nvm: bytes | None = None) -> bytes:
    """One UF2 file with CircuitPython, the NVM if given (4096 bytes) and the drive (1 MiB), in this order.

    Without `nvm` the device keeps what is in its NVM. Blocks of the drive that its table calls free are left
    out: nothing reads them before it has written them, and the file is copied in less time. They keep what was
    in the flash. A file that is all 0xFF is not left out, or the old contents would show in it.

    Every 4 KB sector that is written is written whole, as 16 blocks whose numbers begin with a multiple of 16.
    The RP2040's bootloader erases one sector for every 16 block numbers, whatever their addresses (erratum
    RP2040-E14), and CircuitPython itself ends in the middle of a sector: a drive that is numbered on from there
    would be written into sectors that are not erased, or erased again.

    Raises ImageError as `read_runtime` and `read_drive` do, and for an `nvm` or a drive of another size.
    """
    read_runtime(runtime_uf2)
    if len(drive) != DRIVE_SIZE:
        raise ImageError(f"The drive image has {len(drive)} bytes, and the Pico's drive {DRIVE_SIZE}.")
    if nvm is not None and len(nvm) != FLASH_BLOCK:
        raise ImageError(f"The NVM image has {len(nvm)} bytes, and the Pico's NVM {FLASH_BLOCK}.")
    runtime = parse_uf2(runtime_uf2)
    flash = bytearray(runtime.flash())
    sectors = {
        offset // FLASH_BLOCK
        for segment in runtime.segments
        for offset in range(segment.address - FLASH_ADDRESS, _end(segment) - FLASH_ADDRESS, _PAYLOAD)
    }
    if nvm is not None:
        flash[NVM_OFFSET:DRIVE_OFFSET] = nvm
        sectors.add(NVM_OFFSET // FLASH_BLOCK)
    flash[DRIVE_OFFSET:] = drive
    sectors.update(DRIVE_OFFSET // FLASH_BLOCK + block for block in used_blocks(drive))
    offsets = [
        offset
        for sector in sorted(sectors)
        for offset in range(sector * FLASH_BLOCK, (sector + 1) * FLASH_BLOCK, _PAYLOAD)
    ]
    return b"".join(
        _HEADER.pack(*_MAGIC, _HAS_FAMILY, FLASH_ADDRESS + offset, _PAYLOAD, number, len(offsets), FAMILY_RP2040)
        + bytes(flash[offset : offset + _PAYLOAD]).ljust(_UF2_BLOCK - _HEADER.size - 4, b"\0")
        + _MAGIC_END.to_bytes(4, "little")
        for number, offset in enumerate(offsets)
    )


def _end(segment: Segment) -> int:
    return segment.address + len(segment.data)


def _segments(pages: dict[int, bytes]) -> tuple[Segment, ...]:
    runs: list[tuple[int, list[bytes]]] = []
    for address in sorted(pages):
        if not runs or address != runs[-1][0] + _PAYLOAD * len(runs[-1][1]):
            runs.append((address, []))
        runs[-1][1].append(pages[address])
    return tuple(Segment(address, b"".join(run)) for address, run in runs)


def _family_name(family: int) -> str:
    if not family:
        return "a chip that it does not name"
    return f"{_FAMILIES.get(family, 'another chip')} (family {family:#010x})"
