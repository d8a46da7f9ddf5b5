"""A file of fixed size that is overwritten in place, block by block.

FatFs passes whole aligned 512-byte sectors straight to the flash cache and touches the folder entry only when a
file is closed or flushed, so the file is opened once, written in whole sectors and kept open: a write erases
only the blocks written. One that was written must stay open until the chip restarts: closing it, or forgetting it,
would erase the folder's block. `os.sync` empties the 4 KB flash cache at once instead of up to a second later.
"""

import os

SECTOR_BYTES = 512


class BlockFile:
    """The preallocated file at `path`, of `size` bytes. Nothing is opened before it is first used.

    `sync` is called when everything written must have reached the flash.
    """

    def __init__(self, path, size, sync=os.sync):
        self.path = path
        self.size = size
        self.sync = sync
        self.is_written = False
        self._file = None

    @property
    def exists(self):
        """Whether the file is there, at its full size."""
        try:
            return os.stat(self.path)[6] == self.size
        except OSError:
            return False

    def _open(self):
        if self._file is None:
            try:
                self._file = open(self.path, "r+b", 0)  # noqa: SIM115 - kept open on purpose, see above
            except OSError:  # develop mode: the drive belongs to the computer; writes are refused then
                self._file = open(self.path, "rb", 0)  # noqa: SIM115
        return self._file

    def read_into(self, at, out):
        """Fill `out` from offset `at`; returns how many bytes were read. Raises OSError."""
        file = self._open()
        file.seek(at)
        return file.readinto(out)

    def write(self, at, data):
        """Overwrite `len(data)` bytes at `at`, a multiple of 512; the rest of the last sector becomes 0xFF.

        Raises ValueError where that does not fit, OSError when the flash refuses.
        """
        padding = -len(data) % SECTOR_BYTES
        if at % SECTOR_BYTES or at + len(data) + padding > self.size:
            raise ValueError(f"{len(data)} bytes at {at} do not fit {self.path}")
        self.is_written = True
        file = self._open()
        file.seek(at)
        # One write of whole sectors: a part of a sector would stay in FatFs's own buffer until the file is closed.
        file.write(bytes(data) + b"\xff" * padding if padding else data)
