"""An application as it lies in a slot of the device: a header, then a small read-only drive with its modules.

The device checks the SHA-256 of all of it when it was sent, and the CRC-32 of the drive at every start.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import endcall_base as slots
from endcall.image.drive import ImageError, build_small_drive
from endcall_core import layout
from endcall_core.wire import crc

ROOM = layout.APP_BYTES - layout.BLOCK_BYTES  # bytes of a slot that an application may have
_HEADER_BYTES = slots.IMAGE_AT - slots.HEADER_AT
_VERSION_BYTES = 16


@dataclass(frozen=True)
class Application:
    """`content` is what the device is sent; `sha256` of it, in hex, and `identity`: the SHA-256 that the header has."""

    version: str
    base: int
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def identity(self) -> str:
        return hashlib.sha256(self.content[_HEADER_BYTES:]).hexdigest()


def build_application(files: Mapping[str, bytes], version: str, base: int) -> Application:
    """The application made of `files`: path (`endcall_core/call.mpy`) to content. The same files give the same bytes.

    Raises ImageError where they do not fit a slot, or `version` is longer than 16 ASCII characters.
    """
    if not (version.isascii() and 0 < len(version) <= _VERSION_BYTES):
        raise ImageError(f"The version {version!r} is not of 1 to {_VERSION_BYTES} ASCII characters.")
    drive = build_small_drive(files, ROOM - _HEADER_BYTES, "ENDCALL")
    header = slots.seal(
        struct.pack(
            slots.HEADER,
            slots.HEADER_MAGIC,
            base,
            0,
            len(drive),
            int(crc(drive), 16),
            version.encode(),
            hashlib.sha256(drive).digest(),
        )
    )
    return Application(version, base, header.ljust(_HEADER_BYTES, b"\xff") + drive)
