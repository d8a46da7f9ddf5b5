"""Bytes that arrive in pieces for a preallocated file, and whether the flash has them as they were sent."""

import binascii
import hashlib

READ_BYTES = 1024
SHA256_HEX = 64


class UploadError(Exception):
    """An upload was refused. `code` is one of `error_codes.ERRORS`; the text says what to do."""

    def __init__(self, code, said):
        super().__init__(said)
        self.code = code


class Upload:
    """`size` bytes that go into `file` (a `blocks.BlockFile`) from offset `first` on. `checksum`: see Verification."""

    def __init__(self, file, size, checksum, first=0):
        self.size = size
        self.checksum = checksum
        self.at = 0
        self.last = 0  # length of the chunk before, to recognise a repeated one
        self._file = file
        self._first = first

    def has(self, at, data):
        """Whether this chunk is stored already: our answer was lost. Raises UploadError where it is not the next."""
        if at == self.at - self.last and self.last == len(data):
            return True
        if at != self.at or at + len(data) > self.size:
            raise UploadError("invalid", f"a chunk at {at}; the next one starts at {self.at} of {self.size}")
        return False

    def write(self, data):
        """Write the next chunk. Raises UploadError; then the upload is over."""
        try:
            self._file.write(self._first + self.at, data)
        except (OSError, ValueError) as error:
            raise UploadError("storage", f"it could not be written ({error})") from error
        self.at += len(data)
        self.last = len(data)

    def finish(self):
        """A `Verification` of what was received. Raises UploadError; then the upload is over."""
        try:
            self._file.sync()
        except OSError as error:
            raise UploadError("storage", f"it could not be written ({error}); send it again") from error
        return Verification(self._file.read_into, self.size, self.checksum, self._first)


class Verification:
    """Reads a stretch of a file back, a piece per `turn`, and compares its CRC-32 or SHA-256 (hex)."""

    def __init__(self, read_into, size, checksum, first=0):
        self._read_into = read_into
        self._size = size
        self._first = first
        self._checksum = checksum
        self._at = 0
        self._sum = 0
        self._sha = hashlib.new("sha256") if len(checksum) == SHA256_HEX else None
        self._piece = memoryview(bytearray(READ_BYTES))

    def turn(self):
        """None while there is more to read, then whether all of it could be read and the sum fits."""
        piece = self._piece[: min(READ_BYTES, self._size - self._at)]
        if len(piece) == 0:
            return self._checksum == (
                binascii.hexlify(self._sha.digest()).decode() if self._sha else f"{self._sum & 0xFFFFFFFF:08x}"
            )
        try:
            if self._read_into(self._first + self._at, piece) != len(piece):
                return False
        except OSError:
            return False
        if self._sha:
            self._sha.update(piece)
        else:
            self._sum = binascii.crc32(piece, self._sum)
        self._at += len(piece)
        return None
