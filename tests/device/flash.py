"""Flash with the RP2040's rules, and a plug that can be pulled in the middle of any operation.

A sector of 4 KB is erased as a whole, a page of 256 bytes is programmed at a time, and programming only clears bits.
Files are written through CircuitPython's cache of one sector, which is emptied when another sector is used, on a read
and on a sync. The NVM is programmed without an erase where all its target bytes are 0xFF.
"""

from __future__ import annotations

SECTOR, PAGE = 4096, 256

#: How much of the operation in which the plug is pulled still happens: nothing, a byte, a half, all but a byte, all.
TEARS = (0, 1, 50, 99, 100)


class PowerCutError(BaseException):
    """The plug was pulled. No code of the device may catch this."""


class Plug:
    """Counts flash operations; the one numbered `pulled_at` is torn, and none comes after it."""

    def __init__(self, pulled_at: int | None = None, tear: int = 0) -> None:
        self.pulled_at = pulled_at
        self.tear = tear
        self.operations: list[str] = []

    @property
    def erases(self) -> int:
        return self.operations.count("erase")

    @property
    def programs(self) -> int:
        return self.operations.count("program")

    def share(self, name: str, length: int) -> int:
        """How many of the `length` bytes of this operation are still done."""
        if self.pulled_at is not None and len(self.operations) > self.pulled_at:
            raise PowerCutError
        self.operations.append(name)
        if len(self.operations) - 1 != self.pulled_at:
            return length
        return {0: 0, 1: min(1, length), 50: length // 2, 99: length - 1, 100: length}[self.tear]

    def check(self) -> None:
        if self.pulled_at is not None and len(self.operations) > self.pulled_at:
            raise PowerCutError


class Sectors:
    """Erasing and programming of `data`, in place."""

    def __init__(self, data: bytearray, plug: Plug) -> None:
        self.data = data
        self.plug = plug

    def erase(self, at: int) -> None:
        count = self.plug.share("erase", SECTOR)
        self.data[at : at + count] = b"\xff" * count
        self.plug.check()

    def program(self, at: int, new: bytes) -> None:
        """Program `new` at `at`, page by page; pages that are all 0xFF are left out, as the driver may."""
        begin = at
        while begin < at + len(new):
            end = min(at + len(new), begin - begin % PAGE + PAGE)
            part = new[begin - at : end - at]
            count = self.plug.share("program", len(part))
            for offset in range(count):
                self.data[begin + offset] &= part[offset]
            self.plug.check()
            begin = end


class FlashFile:
    """As `endcall_device.blocks.BlockFile`, on `data`. `fails` makes every operation raise OSError."""

    def __init__(self, data: bytearray, plug: Plug, path: str = "/a/file.bin") -> None:
        self.data = data
        self.path = path
        self.size = len(data)
        self.fails = False
        self.exists = True
        self.syncs = 0
        self._sectors = Sectors(data, plug)
        self._cache: tuple[int, bytearray] | None = None

    def _empty_cache(self) -> None:
        if self._cache is not None:
            at, content = self._cache
            self._cache = None
            self._sectors.erase(at)
            self._sectors.program(at, bytes(content))

    def read_into(self, at: int, out: bytearray) -> int:
        if self.fails:
            raise OSError(5, "Input/output error")
        self._empty_cache()
        part = self.data[at : at + len(out)]
        out[: len(part)] = part
        return len(part)

    def write(self, at: int, data: bytes) -> None:
        if self.fails:
            raise OSError(5, "Input/output error")
        padded = bytes(data) + b"\xff" * (-len(data) % 512)
        assert at % 512 == 0
        assert at + len(padded) <= self.size
        for begin in range(at, at + len(padded), 512):
            sector = begin - begin % SECTOR
            if self._cache is None or self._cache[0] != sector:
                self._empty_cache()
                self._cache = (sector, bytearray(self.data[sector : sector + SECTOR]))
            self._cache[1][begin - sector : begin - sector + 512] = padded[begin - at : begin - at + 512]

    def sync(self) -> None:
        if self.fails:
            raise OSError(5, "Input/output error")
        self.syncs += 1
        self._empty_cache()


class FlashNvm:
    """As `microcontroller.nvm`, on `data` (4096 bytes)."""

    def __init__(self, data: bytearray, plug: Plug) -> None:
        self.data = data
        self._sectors = Sectors(data, plug)

    def __getitem__(self, part: slice) -> bytes:
        return bytes(self.data[part])

    def __setitem__(self, part: slice, value: bytes) -> None:
        begin, end, _ = part.indices(len(self.data))
        assert end - begin == len(value), "a slice of the NVM can't change its length"
        if all(byte == 0xFF for byte in self.data[begin:end]):
            self._sectors.program(begin, bytes(value))
        else:
            whole = bytearray(self.data)
            whole[begin:end] = value
            self._sectors.erase(0)
            self._sectors.program(0, bytes(whole))
