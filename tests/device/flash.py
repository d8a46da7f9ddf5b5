"""Flash with the RP2040's rules, and a plug that can be pulled in the middle of any operation.

A sector of 4 KB is erased as a whole, a page of 256 bytes is programmed at a time, and programming only clears bits.
Files are written through CircuitPython's cache of one sector, which is emptied when another sector is used, on a read
and on a sync. The NVM is programmed without an erase where all its target bytes are 0xFF.
"""

from __future__ import annotations

import random

SECTOR, PAGE = 4096, 256

#: How much of the operation in which the plug is pulled still happens: nothing, a byte, a half, all but a byte, all.
TEARS = (0, 1, 50, 99, 100)
#: Or each bit that changes in it does so or not, by chance.
BITS = -1


class PowerCutError(BaseException):
    """The plug was pulled. No code of the device may catch this."""


class Plug:
    """Counts flash operations; the one numbered `pulled_at` is torn, and none comes after it.

    noise: chooses the bits where `tear` is BITS.
    """

    def __init__(self, pulled_at: int | None = None, tear: int = 0, noise: random.Random | None = None) -> None:
        self.pulled_at = pulled_at
        self.tear = tear
        self.operations: list[str] = []
        self._noise = noise or random.Random(0)

    @property
    def erases(self) -> int:
        return self.operations.count("erase")

    @property
    def programs(self) -> int:
        return self.operations.count("program")

    def torn(self, name: str, before: bytes, after: bytes) -> bytes:
        """What is in the flash when an operation that makes `after` of `before` is over, or was cut short."""
        self.check()
        self.operations.append(name)
        if len(self.operations) - 1 != self.pulled_at:
            return after
        length = len(after)
        if self.tear == BITS:
            done, one, other = (self._noise.getrandbits(8 * length) for _ in range(3))
            # A half of the bits have changed, or few, or most.
            done = self._noise.choice((done, done & one & other, done | one | other))
            old, new = int.from_bytes(before, "little"), int.from_bytes(after, "little")
            return (old & ~done | new & done).to_bytes(length, "little")
        count = {0: 0, 1: min(1, length), 50: length // 2, 99: length - 1, 100: length}[self.tear]
        return after[:count] + before[count:]

    def check(self) -> None:
        if self.pulled_at is not None and len(self.operations) > self.pulled_at:
            raise PowerCutError


class Sectors:
    """Erasing and programming of `data`, in place."""

    def __init__(self, data: bytearray, plug: Plug) -> None:
        self.data = data
        self.plug = plug

    def _operate(self, name: str, at: int, after: bytes) -> None:
        end = at + len(after)
        self.data[at:end] = self.plug.torn(name, bytes(self.data[at:end]), after)
        self.plug.check()

    def erase(self, at: int) -> None:
        self._operate("erase", at, b"\xff" * SECTOR)

    def program(self, at: int, new: bytes) -> None:
        """Program `new` at `at`, page by page."""
        begin = at
        while begin < at + len(new):
            end = min(at + len(new), begin - begin % PAGE + PAGE)
            bits = int.from_bytes(self.data[begin:end], "little") & int.from_bytes(new[begin - at : end - at], "little")
            self._operate("program", begin, bits.to_bytes(end - begin, "little"))
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
