"""The PIO program of the line relay, on an emulated PIO: exact lengths, and a bound that no word can break.

Emulating a break of full length takes seconds, so the bound is proven by induction over one pass: from every value of
X a pass takes 100 cycles with the relay open and leaves X one less, or closes. What a word puts into X is proven for
all values of its 14 bits that count, with any others above them.
"""

import random
from collections import deque

import adafruit_pioasm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pioemu import State
from pioemu.shift_register import ShiftRegister

from device.pio import CLOSE_AT, CLOSED, OPEN, PASS, PASS_AT, START_AT, VALUES, cycles
from endcall_core import line_program
from endcall_core.line_program import CODE, FREQUENCY_HZ, SOURCE
from endcall_device.line_hold import RENEW_EVERY_MS, RENEW_MS, Renewal

words_32 = st.integers(0, (1 << 32) - 1)


def edges(sent, until):
    """(cycle, level) of every change of the pin; `sent` are (cycle, word), in order."""
    waiting = deque(sent)
    state = State()
    found = []
    for before, state in cycles(state, lambda _, state: state.clock >= until):
        while waiting and waiting[0][0] <= state.clock:
            state.transmit_fifo.append(waiting.popleft()[1])
        if state.pin_values != before.pin_values:
            found.append((state.clock, state.pin_values))
        if not waiting and not state.transmit_fifo and state.program_counter == START_AT:
            break  # it waits for a word, for ever
    assert not waiting
    return found


def openings(sent, until):
    """(begin, length) of every opening; the line must be closed at the end."""
    found = edges(sent, until)
    assert len(found) % 2 == 0
    assert [level for _, level in found] == [OPEN, CLOSED] * (len(found) // 2)
    return [(begin, end - begin) for (begin, _), (end, _) in zip(found[::2], found[1::2], strict=True)]


def lengths(sent, until):
    return [length for _, length in openings(sent, until)]


def test_code_is_source_assembled():
    program = adafruit_pioasm.Program(SOURCE)
    assert list(program.assembled) == list(CODE)
    assert program.pio_kwargs["wrap_target"] == 0
    assert program.pio_kwargs["wrap"] == len(CODE) - 1  # as rp2pio takes it without being told
    assert program.pio_kwargs["sideset_enable"] == 0


def test_a_pass_is_a_tenth_of_a_millisecond():
    assert PASS * line_program.PASSES_PER_MS * 1000 == FREQUENCY_HZ
    assert 125_000_000 % FREQUENCY_HZ == 0  # the RP2040's clock divides without a fraction, so without jitter


@pytest.mark.parametrize("ms", [1, 2, 3, 50, 100])
def test_a_break_lasts_as_long_as_it_was_asked_for(ms):
    assert lengths([(0, line_program.word(ms))], 2000 * ms + 1000) == [ms * 1000]


def test_the_longest_word_of_all_closes_after_1638_ms():
    assert lengths([(0, 0xFFFFFFFF)], 1_640_000) == [VALUES * PASS] == [1_638_400]


def test_one_pass_from_every_x_with_nothing_new():
    """The step of the induction, for each of the 16384 values that X can have at the beginning of a pass."""
    noise = random.Random(1)
    for x in range(VALUES):
        state = State(
            program_counter=PASS_AT,
            pin_values=noise.choice((OPEN, CLOSED)),
            x_register=x,
            y_register=noise.getrandbits(32),
            output_shift_register=ShiftRegister(noise.getrandbits(32), noise.randrange(33)),
        )
        for _, state in cycles(state, lambda _, state: state.clock >= PASS):
            assert state.pin_values == OPEN
        assert state.clock == PASS
        if x:
            assert (state.program_counter, state.x_register) == (PASS_AT, x - 1)
        else:
            assert state.program_counter == CLOSE_AT


def test_it_begins_and_ends_by_closing_and_waits_for_the_next_word():
    """Whatever a program before it has left on the pin and in the registers."""
    assert State().program_counter == CLOSE_AT
    state = State(program_counter=CLOSE_AT, pin_values=OPEN, x_register=0xFFFFFFFF, y_register=5)
    for _, state in cycles(state, lambda _, state: state.clock >= 500):
        assert state.pin_values == CLOSED
    assert state.program_counter == START_AT


def test_every_word_begins_with_its_lowest_14_bits_whatever_is_above():
    """The beginning of the induction."""
    noise = random.Random(2)
    for low in range(VALUES):
        word = noise.getrandbits(18) << 14 | low
        registers = {"x_register": noise.getrandbits(32), "y_register": noise.getrandbits(32)}
        state = State(program_counter=START_AT, transmit_fifo=deque([word]), **registers)
        for _, state in cycles(state, lambda _, state: state.clock >= 3):
            assert state.pin_values == CLOSED
        if low:
            assert (state.program_counter, state.x_register) == (PASS_AT, low)
        else:
            assert state.program_counter == START_AT


def test_every_word_that_comes_while_the_line_is_open_replaces_what_was_left():
    noise = random.Random(3)
    for low in range(0, VALUES, 3):
        word = noise.getrandbits(18) << 14 | low
        state = State(
            program_counter=PASS_AT, transmit_fifo=deque([word]), pin_values=OPEN, x_register=noise.randrange(VALUES)
        )
        for _, state in cycles(state, lambda _, state: state.clock >= PASS):
            assert state.pin_values == OPEN
        assert state.clock == PASS
        if low:
            assert (state.program_counter, state.x_register) == (PASS_AT, low - 1)
        else:
            assert state.program_counter == CLOSE_AT


@pytest.mark.parametrize("high", [0, 1 << 14, 1 << 31, 0xFFFFC000, 0xAAAA8000])
def test_a_word_of_0_opens_nothing(high):
    assert edges([(0, high)], 2000) == []
    assert lengths([(0, high), (50, high), (500, high | 4)], 3000) == [500]


@settings(max_examples=60)
@given(st.integers(0, 60), st.integers(0, (1 << 18) - 1))
def test_any_word_opens_for_its_passes(low, high):
    expected = [(low + 1) * PASS] if low else []
    assert lengths([(0, high << 14 | low)], (low + 3) * PASS) == expected


@settings(max_examples=60)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=8))
def test_words_that_queued_up_are_taken_one_per_pass_and_the_last_decides(passes):
    """A model of the docstring: leading zeros open nothing; then each word gets one pass, a 0 ends the break."""
    expected, queue = [], deque(passes)
    while queue:
        x = queue.popleft()
        length = 0
        while x is not None and (x or length):
            length += 1
            if queue:
                x = queue.popleft()
            x = x - 1 if x else None
        if length:
            expected.append(length * PASS)
    assert lengths([(0, word) for word in passes], 40 * PASS * len(passes)) == expected


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3000), words_32), max_size=8), st.integers(1, 40))
def test_no_words_at_any_time_keep_the_line_open_beyond_the_last_one(sent, last):
    """After the last word has come, the line closes within the passes of that word and those still queued."""
    sent = sorted((cycle, word & -VALUES | word % 50) for cycle, word in sent)
    end = (sent[-1][0] if sent else 0) + 100
    sent.append((end, last))
    found = openings(sent, end + PASS * (60 + 10))
    assert found[-1][0] + found[-1][1] <= end + PASS * (last + 1 + len(sent) + 1)


def test_renewals_leave_no_gap():
    sent = [(at * 25 * PASS, 99) for at in range(8)]
    assert lengths(sent, 400 * PASS) == [pytest.approx(7 * 25 * PASS + 100 * PASS, abs=2 * PASS)]


def test_a_0_closes_with_the_pass_that_finds_it():
    waits = []
    for offset in range(0, 2 * PASS, 3):
        ((begin, length),) = openings([(0, 500), (1000 + offset, 0)], 60_000)
        waits.append(begin + length - (1000 + offset))
    assert max(waits) <= 134  # a pass looks for a word 34 cycles before its end
    assert min(waits) >= 33


def test_after_a_break_the_next_word_opens_again():
    assert lengths([(0, 4), (1000, 9)], 5000) == [500, 1000]


# --- renewal by the loop -------------------------------------------------------------------------------------


class Loop:
    """A loop that turns every `turn_ms` and hangs at `hangs_ms`; what it writes, with when."""

    def __init__(self, stops_ms, end_ms, turn_ms=1, begin_ms=(1 << 29) - 700):
        self.written = []
        self.now = 0
        renewal = Renewal(lambda word: self.written.append((self.now, word)))
        renewal.start(begin_ms)
        while self.now < end_ms:
            self.now += turn_ms
            if self.now == stops_ms:
                renewal.stop()
            renewal.turn((begin_ms + self.now) & (1 << 29) - 1)


def test_a_hold_is_renewed_every_250_ms_and_ends_when_it_is_stopped():
    loop = Loop(stops_ms=1400, end_ms=5000)
    assert loop.written == [(at, line_program.word(RENEW_MS)) for at in (0, 250, 500, 750, 1000, 1250)]
    assert RENEW_EVERY_MS == 250


def test_without_renewals_the_line_closes_within_1100_ms():
    assert line_program.word(RENEW_MS) + 1 <= 1100 * line_program.PASSES_PER_MS


def test_a_loop_with_stalls_still_renews_in_time():
    loop = Loop(stops_ms=0, end_ms=20_000, turn_ms=400)
    gaps = [later - earlier for (earlier, _), (later, _) in zip(loop.written, loop.written[1:], strict=False)]
    assert gaps
    assert max(gaps) < RENEW_MS
