"""The corrections of the emulated chip: a break has the length that the program's cycles say, asleep or busy."""

from collections import deque
from collections.abc import Callable
from functools import partial

import adafruit_pioasm
import pioemu
import pytest

from .fork import run_all
from .rig import Break, Pico

MHZ = 1_000_000  # one instruction cycle per microsecond
PASSES = 6000  # of 100 cycles each: 600 ms

# 1 (set pins) + PASSES * 100 cycles. One with a non-blocking PULL in its loop, one without.
RENEWABLE = """
.program renewable
    pull block
    out x, 14
    set pins, 1
hold:
    set y, 1 [1]
wait:
    jmp y-- wait [31]
    pull noblock
    out x, 14
    jmp x-- hold [31]
    set pins, 0
"""
REFERENCE = RENEWABLE.replace("pull noblock", "nop").replace("    nop\n    out x, 14", "    nop\n    nop")
EXPECTED_MS = (1 + PASSES * 100) * 1e3 / MHZ

CODE = """\
import array, board, rp2pio, time
machine = rp2pio.StateMachine(
    array.array("H", {program!r}), frequency={frequency}, first_set_pin=board.GP14, set_pin_count=1,
    initial_set_pin_state=0, out_shift_right=True, wait_for_txstall={wait})
time.sleep(0.1)  # the computer has opened the port by then
start = time.monotonic_ns()
machine.write(array.array("I", [{word}]))
took_ms = (time.monotonic_ns() - start) / 1e6
{then}
print("TOOK", took_ms)
time.sleep(1)
"""
ASLEEP = "time.sleep(0.7)"
BUSY = "while time.monotonic_ns() < start + 700_000_000:\n    pass"
RAISES = "time.sleep(0.1)\nraise ValueError('on purpose')"


def assembled(source: str) -> list[int]:
    return list(adafruit_pioasm.assemble(source))


def run(boot: Callable[..., Pico], source: str, then: str, *, wait: bool = False) -> tuple[list[Break], float]:
    """Run one break of PASSES passes; return the breaks seen and how long `write` took in ms."""
    program = CODE.format(program=assembled(source), frequency=MHZ, wait=wait, word=PASSES - 1, then=then)
    pico = boot({"code.py": program})
    took = pico.run_until_says("TOOK", within_ms=2500)
    return pico.line.breaks(), float(took.split()[1])


def length_by_pioemu(source: str, passes: int) -> int:
    """Return the cycles the pin is high, as another emulator of the PIO has it."""
    program = assembled(source)
    states = pioemu.emulate(
        program,
        stop_when=lambda _, state: state.program_counter == len(program) - 1,
        initial_state=pioemu.State(transmit_fifo=deque([passes - 1])),
    )
    on = off = 0
    for before, after in states:
        if after.pin_values & 1 and not before.pin_values & 1:
            on = before.clock
        off = after.clock
    return off - on


@pytest.mark.parametrize("source", [RENEWABLE, REFERENCE], ids=["renewable", "reference"])
def test_the_cycles_are_counted_right(source: str) -> None:
    assert [length_by_pioemu(source, passes) for passes in (1, 50)] == [1 + 100, 1 + 50 * 100]


def test_a_break_is_exact_whatever_the_cpu_does(boot: Callable[..., Pico]) -> None:
    cases = [(RENEWABLE, ASLEEP), (RENEWABLE, BUSY), (REFERENCE, ASLEEP), (REFERENCE, BUSY)]
    results = run_all([partial(run, boot, *case) for case in cases])
    for breaks, took_ms in results:
        assert [b.length_ms for b in breaks] == [pytest.approx(EXPECTED_MS, abs=0.001)]
        assert took_ms < 1, "without wait_for_txstall, write() returns when the FIFO is empty"


def test_write_waits_for_the_end_of_the_break_as_the_chip_does(boot: Callable[..., Pico]) -> None:
    """A non-blocking PULL on an empty FIFO is no stall: TXSTALL comes with the next blocking PULL."""
    breaks, took_ms = run(boot, RENEWABLE, "pass", wait=True)
    assert took_ms == pytest.approx(EXPECTED_MS, abs=0.5)
    assert len(breaks) == 1


def test_an_exception_in_mid_break_closes_the_line(boot: Callable[..., Pico]) -> None:
    program = CODE.format(program=assembled(RENEWABLE), frequency=MHZ, wait=False, word=PASSES - 1, then=RAISES)
    pico = boot({"code.py": program})
    pico.run_until(lambda: pico.line.is_open, what="the break")
    assert not pico.line.breaks()[0].closed
    pico.run_until_says("on purpose")
    pico.run_until(lambda: not pico.line.is_open, within_ms=700, what="the closed line")
    pico.run(300)
    assert len(pico.line.breaks()) == 1
    assert pico.line.breaks()[0].length_ms < EXPECTED_MS + 0.1


def test_a_reset_in_mid_break_closes_the_line(boot: Callable[..., Pico]) -> None:
    program = CODE.format(program=assembled(RENEWABLE), frequency=MHZ, wait=False, word=PASSES - 1, then=ASLEEP)
    pico = boot({"code.py": program})
    pico.run_until(lambda: pico.line.is_open, what="the break")
    pico.run(50)
    pico.reset()
    assert not pico.line.is_open
    assert pico.line.breaks()[0].closed
    assert pico.line.breaks()[0].length_ms == pytest.approx(50, abs=2)
