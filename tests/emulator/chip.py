"""The emulated chip: rp2040py 0.3.6 with four corrections, and the loop that runs it.

The corrections are made on the objects that rp2040py is assembled from.

**A sleeping CPU starves the PIO.** While the CPU waits in WFI, rp2040py jumps to the next alarm (often 1 ms)
and then gives each state machine at most one instruction, writing off the rest (`RPPIO._run_due`, counted in
`backlog_drops`). On the chip the PIO has its own clock dividers and does not care whether the CPU sleeps
(RP2040 datasheet, 3.5.5). `PacedClock` ends the jump where the next state machine is due, so that every
instruction runs at its own cycle.

**TXSTALL after a non-blocking PULL.** rp2040py sets it whenever a PULL finds the FIFO empty. On the chip it
says "State machine has stalled on empty TX FIFO during a blocking PULL, or an OUT with autopull enabled"
(RP2040 datasheet, 3.7, FDEBUG): a non-blocking PULL does not stall. CircuitPython's `StateMachine.write`
waits for that flag, so with the fault it returns at once where on the chip it waits to the end.

**WFI with an interrupt already pending.** CircuitPython masks interrupts (PRIMASK), looks whether there is anything
to do, and then waits. On the chip an interrupt that became pending in between ends the wait at once, masked or not
(ARMv6-M Architecture Reference Manual, B1.5.19: "WFI … irrespective of the value of PRIMASK"). rp2040py wakes only for
an interrupt that becomes pending during the wait, so its CPU slept on, up to the watchdog. `PacedClock`, which the
loop asks how long to sleep, wakes it.

**Changing FJOIN empties the FIFOs.** "FIFOs are flushed when this bit is changed" (RP2040 datasheet, 3.7, SHIFTCTRL);
the SDK empties them by changing it twice. rp2040py keeps what is in them, so the next program of a state machine
began with what the last one had left: a ring of LEDs with four bytes of old sound in front.
"""

from math import ceil
from typing import Any, cast

from .native import use_local_build

BUILD = use_local_build()  # before the first import of rp2040py

from rp2040py.clock.simulation_clock import SimulationClock  # noqa: E402
from rp2040py.execute_batch import execute_batch  # noqa: E402
from rp2040py.peripherals.pio_registers import FDEBUG, SM0_SHIFTCTRL, WaitType  # noqa: E402
from rp2040py.peripherals.timer import TIMERAWH, TIMERAWL, RPTimer  # noqa: E402
from rp2040py.rp2040 import RP2040  # noqa: E402
from rp2040py.sio import (  # noqa: E402
    DIV_CSR,
    DIV_QUOTIENT,
    DIV_REMAINDER,
    DIV_SDIVIDEND,
    DIV_SDIVISOR,
    DIV_UDIVIDEND,
    RPSIO,
)

CYCLE_NS = 8  # 125 MHz
DIVIDER_CYCLES = 8  # RP2040 datasheet, 2.3.1.5; rp2040py counts them at each operand
MACHINE_STRIDE = 0x18  # from a register of one state machine to the same one of the next
SHIFTCTRLS = tuple(SM0_SHIFTCTRL + MACHINE_STRIDE * index for index in range(4))
FJOIN = 3 << 30
TXSTALL = 1 << 24  # FDEBUG: of state machine 0; the others follow
PIO_BUS = (0x50200, 0x50300)  # keys of rp2040py's bus table


NOTHING_DUE = 1 << 60  # RPPIO.next_due_fp is above this when no machine has anything to do


class PacedClock(SimulationClock):
    """A clock whose idle jumps end where the PIO has something to do, and are whole cycles."""

    def __init__(self) -> None:
        super().__init__()
        self.engine: Engine | None = None

    @property
    def nanos_to_next_alarm(self) -> float:
        """Nanoseconds that an idle CPU may skip: at least a cycle, so that time and PIO stay in step."""
        cycles = float("inf")
        if self.engine:
            self.engine.batch_has_begun()
            core = self.engine.rp2040.core
            if core.waiting and core.pending_interrupts & core.enabled_interrupts:
                core.waiting = False
                return CYCLE_NS
            for pio in self.engine.running:
                cycles = min(cycles, (pio.next_due_fp - pio.cycle_fp) / 256)
        if self.has_scheduled_alarm:
            cycles = min(cycles, SimulationClock.nanos_to_next_alarm.__get__(self) / CYCLE_NS)
        elif cycles > 1e15:
            return 0  # nothing will ever happen by itself
        return max(1, ceil(cycles)) * CYCLE_NS


class PioOnBus:
    """A PIO block as the bus sees it: rp2040py's own, except for TXSTALL and FJOIN, as the datasheet has them.

    A stall ends only with a write to the block, so looking at every write and every read of FDEBUG misses none.
    """

    def __init__(self, pio: Any, engine: "Engine") -> None:
        self._pio = pio
        self._engine = engine
        self._stalled = 0

    def _look(self) -> None:
        for machine in self._pio.machines:
            if machine.waiting and machine.wait_type in (WaitType.TX_FIFO, WaitType.OUT):
                self._stalled |= TXSTALL << machine.index

    def _flush(self, machine: Any) -> None:
        machine.tx_fifo.reset()
        machine.rx_fifo.reset()
        dma = self._engine.rp2040.dma
        dma.set_dreq(machine.dreq_tx)
        dma.clear_dreq(machine.dreq_rx)

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
        if offset in SHIFTCTRLS:
            before = self._pio.read_uint32(offset)
            self._pio.write_uint32_atomic(offset, value, atomic_type)
            if (before ^ self._pio.read_uint32(offset)) & FJOIN:
                self._flush(self._pio.machines[SHIFTCTRLS.index(offset)])
        else:
            self._pio.write_uint32_atomic(offset, value, atomic_type)
        if not self._pio.stopped and self._pio not in self._engine.running:
            self._engine.running.append(self._pio)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pio, name)


class QuickSio(RPSIO):
    """rp2040py's SIO, quicker at the divider: a wait of CircuitPython divides 600 times in a millisecond.

    What is divided is the same, when it is read; rp2040py does it at each operand, and looks for these registers last.
    """

    _is_due = _is_signed = False

    def write_uint32(self, offset: int, value: int) -> None:
        if DIV_UDIVIDEND <= offset <= DIV_SDIVISOR:
            if offset & 4:
                self.div_divisor = value
            else:
                self.div_dividend = value
            self._is_due, self._is_signed = True, offset >= DIV_SDIVIDEND
            self.div_csr = 3
            self.rp2040.core.cycles += DIVIDER_CYCLES
            return
        if offset in (DIV_QUOTIENT, DIV_REMAINDER):
            self._divide()
        super().write_uint32(offset, value)

    def read_uint32(self, offset: int) -> int | float:
        if offset == DIV_CSR:
            return self.div_csr
        if offset == DIV_QUOTIENT:
            self._divide()
            self.div_csr &= ~2
            return self.div_quotient
        if offset == DIV_REMAINDER:
            self._divide()
            return self.div_remainder
        return super().read_uint32(offset)

    def _divide(self) -> None:
        if self._is_due:
            self._is_due = False
            csr, cycles = self.div_csr, self.rp2040.core.cycles
            self.update_hardware_divider(self._is_signed)
            self.div_csr, self.rp2040.core.cycles = csr, cycles

    def reset(self) -> None:
        self._is_due = False
        super().reset()


class QuickTimer(RPTimer):
    """rp2040py's timer, quicker at the two registers that are read all the time."""

    def read_uint32(self, offset: int) -> int:
        if offset == TIMERAWL:
            return int((self.clock.nanos - self._epoch_nanos) / 1000) & 0xFFFFFFFF
        if offset == TIMERAWH:
            return int((self.clock.nanos - self._epoch_nanos) / 1000) >> 32
        return super().read_uint32(offset)


class Engine:
    """Runs the chip, handing its loop only the PIO blocks that have something to do.

    rp2040py's loop asks every block of `chip.pio` after every instruction, which takes half the time. It
    reads that list once, when a batch begins, and the clock directly after; so the list is exchanged for
    `running` for just that moment. A block leaves `running` when all its machines wait for data (only a
    write can wake those) and comes back with the next write to it.
    """

    __slots__ = ("all_pios", "clock", "rp2040", "running", "stopped")

    def __init__(self, chip: RP2040, clock: PacedClock) -> None:
        self.rp2040 = chip
        self.clock = clock
        self.stopped = False
        self.all_pios = chip.pio
        self.running: list[Any] = []

    def batch(self) -> None:
        """Run for some milliseconds of real time, or until `stopped` is set. An alarm has to be scheduled."""
        for pio in list(self.running):
            if pio.stopped or (pio.next_due_fp > NOTHING_DUE and all(map(_only_a_write_wakes, pio.machines))):
                self.running.remove(pio)
        self.rp2040.pio = self.running
        try:
            execute_batch(cast(Any, self), 1)
        finally:
            self.rp2040.pio = self.all_pios

    def batch_has_begun(self) -> None:
        """Give back the whole list, which the pins and the resets use."""
        self.rp2040.pio = self.all_pios

    def stop(self) -> None:
        """End the batch after the present instruction."""
        self.stopped = True


def _only_a_write_wakes(machine: Any) -> bool:
    return not machine.enabled or (machine.waiting and machine.wait_type in (WaitType.TX_FIFO, WaitType.OUT))


def corrected_rp2040(_: Any = None) -> RP2040:
    """Return rp2040py's chip with the corrections; its `clock.engine` runs it."""
    clock = PacedClock()
    chip = RP2040(clock)
    clock.engine = Engine(chip, clock)
    for key, pio in zip(PIO_BUS, chip.pio, strict=True):
        if chip.peripherals[key] is not pio:
            raise RuntimeError("rp2040py has moved the PIO on its bus; chip.py was written for version 0.3.6")
        chip.peripherals[key] = PioOnBus(pio, clock.engine)
    chip.sio = QuickSio(chip)
    chip.timer.__class__ = QuickTimer
    return chip
