"""The emulated chip: rp2040py 0.3.6 with four corrections, and the loop that runs it.

The corrections are made on the objects that rp2040py is assembled from.

**A sleeping CPU starves the PIO.** While the CPU waits in WFI, rp2040py jumps to the next alarm (often 1 ms)
and then gives each state machine at most one instruction, writing off the rest (`RPPIO._run_due`, counted in
`backlog_drops`). On the chip the PIO has its own clock dividers and does not care whether the CPU sleeps
(RP2040 datasheet, 3.5.5). `Loop` ends the jump where the next state machine is due, so that every
instruction runs at its own cycle.

**TXSTALL after a non-blocking PULL.** rp2040py sets it whenever a PULL finds the FIFO empty. On the chip it
says "State machine has stalled on empty TX FIFO during a blocking PULL, or an OUT with autopull enabled"
(RP2040 datasheet, 3.7, FDEBUG): a non-blocking PULL does not stall. CircuitPython's `StateMachine.write`
waits for that flag, so with the fault it returns at once where on the chip it waits to the end.

**WFI with an interrupt already pending.** CircuitPython masks interrupts (PRIMASK), looks whether there is anything
to do, and then waits. On the chip an interrupt that became pending in between ends the wait at once, masked or not
(ARMv6-M Architecture Reference Manual, B1.5.19: "WFI … irrespective of the value of PRIMASK"). rp2040py wakes only for
an interrupt that becomes pending during the wait, so its CPU slept on, up to the watchdog. `Loop` wakes it.

**Changing FJOIN empties the FIFOs.** "FIFOs are flushed when this bit is changed" (RP2040 datasheet, 3.7, SHIFTCTRL);
the SDK empties them by changing it twice. rp2040py keeps what is in them, so the next program of a state machine
began with what the last one had left: a ring of LEDs with four bytes of old sound in front.
"""

from typing import Any

from .native import use_local_build

BUILD = use_local_build()  # before the first import of rp2040py

from rp2040py.clock.simulation_clock import SimulationClock  # noqa: E402
from rp2040py.peripherals.pio_registers import FDEBUG, SM0_SHIFTCTRL  # noqa: E402
from rp2040py.rp2040 import RP2040  # noqa: E402

from .loop import Loop, QuickSio, QuickTimer, waits_for_data  # noqa: E402

MACHINE_STRIDE = 0x18  # from a register of one state machine to the same one of the next
SHIFTCTRLS = tuple(SM0_SHIFTCTRL + MACHINE_STRIDE * index for index in range(4))
FJOIN = 3 << 30
TXSTALL = 1 << 24  # FDEBUG: of state machine 0; the others follow
PIO_BUS = (0x50200, 0x50300)  # keys of rp2040py's bus table


class PioOnBus:
    """A PIO block as the bus sees it: rp2040py's own, except for TXSTALL and FJOIN, as the datasheet has them.

    A stall ends only with a write to the block, so looking at every write and every read of FDEBUG misses none.
    """

    def __init__(self, pio: Any, loop: Loop) -> None:
        self._pio = pio
        self._loop = loop
        self._stalled = 0

    def _look(self) -> None:
        for machine in self._pio.machines:
            if waits_for_data(machine):
                self._stalled |= TXSTALL << machine.index

    def _flush(self, machine: Any) -> None:
        machine.tx_fifo.reset()
        machine.rx_fifo.reset()
        dma = self._loop.chip.dma
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
        if not self._pio.stopped and self._pio not in self._loop.running:
            self._loop.running.append(self._pio)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pio, name)


def corrected_rp2040() -> tuple[RP2040, Loop]:
    """rp2040py's chip with the corrections, and what runs it."""
    clock = SimulationClock()
    chip = RP2040(clock)
    loop = Loop(chip, clock)
    for key, pio in zip(PIO_BUS, chip.pio, strict=True):
        if chip.peripherals[key] is not pio:
            raise RuntimeError("rp2040py has moved the PIO on its bus; chip.py was written for version 0.3.6")
        chip.peripherals[key] = PioOnBus(pio, loop)
    chip.sio = QuickSio(chip)
    chip.timer.__class__ = QuickTimer
    return chip, loop
