"""Two corrections of rp2040py 0.3.6, made on the objects it is assembled from.

**A sleeping CPU starves the PIO.** While the CPU waits in WFI, rp2040py jumps to the next alarm (often 1 ms)
and then gives each state machine at most one instruction, writing off the rest (`RPPIO._run_due`, counted in
`backlog_drops`). On the chip the PIO has its own clock dividers and does not care whether the CPU sleeps
(RP2040 datasheet, 3.5.5). `PacedClock` ends the jump where the next state machine is due, so that every
instruction runs at its own cycle.

**TXSTALL after a non-blocking PULL.** rp2040py sets it whenever a PULL finds the FIFO empty. On the chip it
says "State machine has stalled on empty TX FIFO during a blocking PULL, or an OUT with autopull enabled"
(RP2040 datasheet, 3.7, FDEBUG): a non-blocking PULL does not stall. CircuitPython's `StateMachine.write`
waits for that flag, so with the fault it returns at once where on the chip it waits to the end.
"""

from math import ceil
from typing import Any

from rp2040py.clock.simulation_clock import SimulationClock
from rp2040py.peripherals.pio_registers import FDEBUG, WaitType
from rp2040py.rp2040 import RP2040

CYCLE_NS = 8  # 125 MHz
TXSTALL = 1 << 24  # FDEBUG: of state machine 0; the others follow
PIO_BUS = (0x50200, 0x50300)  # keys of rp2040py's bus table


class PacedClock(SimulationClock):
    """A clock whose idle jumps end where the PIO has something to do, and are whole cycles."""

    def __init__(self) -> None:
        super().__init__()
        self.pios: list[Any] = []

    @property
    def nanos_to_next_alarm(self) -> float:
        """Nanoseconds that an idle CPU may skip: at least a cycle, so that time and PIO stay in step."""
        cycles = float("inf")
        for pio in self.pios:
            if not pio.stopped:
                cycles = min(cycles, (pio.next_due_fp - pio.cycle_fp) / 256)
        if self.has_scheduled_alarm:
            cycles = min(cycles, SimulationClock.nanos_to_next_alarm.__get__(self) / CYCLE_NS)
        elif cycles > 1e15:
            return 0  # nothing will ever happen by itself
        return max(1, ceil(cycles)) * CYCLE_NS


class PioOnBus:
    """A PIO block as the bus sees it: rp2040py's own, except that TXSTALL is what the datasheet says.

    A stall ends only with a write to the block, so looking at every write and every read of FDEBUG misses none.
    """

    def __init__(self, pio: Any) -> None:
        self._pio = pio
        self._stalled = 0

    def _look(self) -> None:
        for machine in self._pio.machines:
            if machine.waiting and machine.wait_type in (WaitType.TX_FIFO, WaitType.OUT):
                self._stalled |= TXSTALL << machine.index

    def read_uint32(self, offset: int) -> int:
        value = self._pio.read_uint32(offset)
        if offset != FDEBUG:
            return value
        self._look()
        self._stalled &= value  # a reset of the block clears ours as well
        return value & ~(15 * TXSTALL) | self._stalled

    def write_uint32_atomic(self, offset: int, value: int, atomic_type: int) -> None:
        self._look()
        if offset == FDEBUG:
            self._stalled &= ~value
        self._pio.write_uint32_atomic(offset, value, atomic_type)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pio, name)


def corrected_rp2040(_: Any = None) -> RP2040:
    """Return rp2040py's chip with both corrections."""
    clock = PacedClock()
    chip = RP2040(clock)
    clock.pios = chip.pio
    for key, pio in zip(PIO_BUS, chip.pio, strict=True):
        if chip.peripherals[key] is not pio:
            raise RuntimeError("rp2040py has moved the PIO on its bus; chip.py was written for version 0.3.6")
        chip.peripherals[key] = PioOnBus(pio)
    return chip
