"""The Pico's flash chip: lists what is erased and programmed, takes its time, and can lose power."""

import random
from dataclasses import dataclass, field
from typing import Any

ERASE_SECTOR, ERASE_BLOCK, PROGRAM, READ_STATUS = 0x20, 0xD8, 0x02, 0x05
BUSY = 0x01
PAGE = 256


@dataclass(frozen=True)
class FlashOp:
    """One command: `kind` is "erase" or "program"; `address` and `size` in bytes; `after` is what is there then."""

    ns: float
    kind: str
    address: int
    size: int
    after: bytes = field(default=b"", repr=False, compare=False)


class PowerLost(Exception):  # noqa: N818 - it reads as what happened
    """The power went away at the flash operation that the test had named."""


def torn(before: bytes, after: bytes, torn_bytes: int, noise: random.Random | None = None) -> bytes:
    """What an operation leaves that is cut short; see `FlashChip.fail_at`."""
    if noise is None:
        return after[:torn_bytes] + before[torn_bytes:]
    done, one, other = (noise.getrandbits(8 * len(after)) for _ in range(3))
    done = noise.choice((done, done & one & other, done | one | other))  # a half of the bits, few, or most
    old, new = int.from_bytes(before, "little"), int.from_bytes(after, "little")
    return (old & ~done | new & done).to_bytes(len(after), "little")


class FlashChip:
    """Stands between rp2040py's flash and the chip.

    `erase_ms` and `program_ms` are how long the flash says "busy" after a 4 KB erase and after a page; 0 is
    rp2040py's own. Typical for the Pico's W25Q16JV are 45 and 0.4 ms, at most 400 and 3 ms (its data sheet,
    "AC electrical characteristics"). The CPU waits with interrupts off, as on the board.
    """

    def __init__(self, ssi: Any, flash: Any, clock: Any, loop: Any) -> None:
        self.ops: list[FlashOp] = []
        self.erase_ms = 0.0
        self.program_ms = 0.0
        self.power_lost = False
        self._ssi, self._flash, self._clock, self._loop = ssi, flash, clock, loop
        self._busy_until = 0.0
        self._fails_at: int | None = None
        self._torn_bytes = 0
        self._noise: random.Random | None = None
        ssi._apply_command = self._command
        self._shift, ssi._shift_byte = ssi._shift_byte, self._byte

    def fail_at(self, op: int, torn_bytes: int, noise: random.Random | None = None) -> None:
        """Lose power at the `op`-th operation from now (0 is the next), `torn_bytes` of it done.

        With `noise` each bit that the operation changes has changed or not, by chance; `torn_bytes` says nothing then.
        """
        self._fails_at = len(self.ops) + op
        self._torn_bytes = torn_bytes
        self._noise = noise

    def power_on(self) -> None:
        self.power_lost = False
        self._fails_at = None
        self._busy_until = 0.0

    def _apply(self) -> None:
        type(self._ssi)._apply_command(self._ssi)

    def _command(self) -> None:
        sent = self._ssi._tx_buffer
        sizes = {ERASE_SECTOR: 4096, ERASE_BLOCK: 65536, PROGRAM: len(sent) - 4}
        if len(sent) < 4 or sent[0] not in sizes or not self._ssi._write_enabled:
            self._apply()
            return
        size = sizes[sent[0]]
        address = int.from_bytes(sent[1:4], "big")
        if sent[0] == PROGRAM:
            kind, takes_ms = "program", self.program_ms
        else:
            kind, takes_ms = "erase", self.erase_ms * size / 4096
            address &= ~(size - 1)
        if self.power_lost:
            sent.clear()
            return
        if len(self.ops) == self._fails_at:
            before = bytes(self._flash[address : address + size])
            self._apply()
            after = bytes(self._flash[address : address + size])
            self._flash[address : address + size] = torn(before, after, self._torn_bytes, self._noise)
            self.power_lost = True
            self._loop.stop()
            return
        began_ns = self._clock.nanos
        self._busy_until = began_ns + takes_ms * 1e6
        self._apply()
        self.ops.append(FlashOp(began_ns, kind, address, size, bytes(self._flash[address : address + size])))

    def _byte(self, out: int) -> int:
        answer = self._shift(out)
        sent = self._ssi._tx_buffer
        if sent[0] == READ_STATUS and len(sent) > 1 and self._clock.nanos < self._busy_until:
            answer |= BUSY
        return answer
