"""What runs for every instruction of the emulated chip: the loop, and the two parts that CircuitPython asks most.

Plain Python that `native.py` compiles, with the types of `loop.pxd`, where it can: ten times as fast.
"""

from rp2040py.peripherals.pio_registers import WaitType
from rp2040py.peripherals.timer import TIMERAWH, TIMERAWL, RPTimer
from rp2040py.sio import (
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
BATCH = 1 << 16  # instructions, some milliseconds: then Python looks for signals
NOTHING_DUE = 1 << 60  # RPPIO.next_due_fp is above this when no machine has anything to do


class Loop:
    """Runs the chip: instructions, the clock's alarms, and those PIO blocks that have something to do.

    In place of rp2040py's `execute_batch`, which asks every block after every instruction, and whose CPU oversleeps
    (see `chip.py`). A block leaves `running` when all its machines wait for data, which only a write ends; whoever
    writes to a block puts it back.
    """

    def __init__(self, chip, clock):
        self.chip = chip
        self.clock = clock
        self.running = []
        self.stopped = False

    def batch(self):
        """Run for some milliseconds of real time, or until `stopped` is set. An alarm has to be scheduled."""
        chip, clock, running = self.chip, self.clock, self.running
        if chip.run_pin_low:  # the chip is in reset
            return
        for pio in list(running):
            if pio.stopped or (pio.next_due_fp > NOTHING_DUE and all(map(_only_a_write_wakes, pio.machines))):
                running.remove(pio)
        core, cycle_ns, left = chip.core, CYCLE_NS, BATCH
        while left and not self.stopped:
            left -= 1
            if not core.waiting:
                cycles = core.execute_instruction()
            elif core.pending_interrupts & core.enabled_interrupts:
                core.waiting = False
                cycles = 1
            else:
                cycles = self.idle_cycles()
            clock.tick(cycle_ns * cycles)
            for pio in running:
                if not pio.stopped:
                    pio.advance(cycles)

    def idle_cycles(self):
        """How many cycles a sleeping CPU may skip: up to the next alarm, or a PIO block's next instruction."""
        cycles = BATCH
        for pio in self.running:
            due = (pio.next_due_fp - pio.cycle_fp + 255) >> 8
            if due < cycles:
                cycles = due
        if self.clock.has_scheduled_alarm:
            alarm_ns = self.clock.nanos_to_next_alarm
            if alarm_ns < CYCLE_NS * cycles:
                cycles = int(alarm_ns / CYCLE_NS)
                if CYCLE_NS * cycles < alarm_ns:
                    cycles += 1
        return cycles if cycles > 1 else 1

    def stop(self):
        """End the batch after the present instruction."""
        self.stopped = True


def _only_a_write_wakes(machine):
    return not machine.enabled or waits_for_data(machine)


def waits_for_data(machine):
    """Whether a PIO state machine has stalled on an empty TX FIFO."""
    return machine.waiting and machine.wait_type in (WaitType.TX_FIFO, WaitType.OUT)


class QuickSio(RPSIO):
    """rp2040py's SIO, quicker at the divider: a wait of CircuitPython divides 600 times in a millisecond.

    What is divided is the same, when it is read; rp2040py does it at each operand, and looks for these registers last.
    """

    _is_due = _is_signed = False

    def write_uint32(self, offset, value):
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

    def read_uint32(self, offset):
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

    def _divide(self):
        if self._is_due:
            self._is_due = False
            csr, cycles = self.div_csr, self.rp2040.core.cycles
            self.update_hardware_divider(self._is_signed)
            self.div_csr, self.rp2040.core.cycles = csr, cycles

    def reset(self):
        self._is_due = False
        super().reset()


class QuickTimer(RPTimer):
    """rp2040py's timer, quicker at the two registers that are read all the time."""

    def read_uint32(self, offset):
        if offset == TIMERAWL:
            return int((self.clock.nanos - self._epoch_nanos) / 1000) & 0xFFFFFFFF
        if offset == TIMERAWH:
            return int((self.clock.nanos - self._epoch_nanos) / 1000) >> 32
        return super().read_uint32(offset)
