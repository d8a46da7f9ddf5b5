"""The line can't stay open: the PIO program for every word, and every fault in the middle of a release."""

from __future__ import annotations

import random
from collections import deque
from functools import cache, partial

from device.flash import Plug
from device.pio import BITS, CLOSE_AT, CLOSED, OPEN, PASS, PASS_AT, START_AT, VALUES, cycles
from pioemu import State
from pioemu.shift_register import ShiftRegister

from endcall_core.call import FAULT_CRASHED
from endcall_core.line_program import PASSES_PER_MS
from torture.fault import MODEL, Fault, Notes
from torture.flash_desk import Flash, FlashDesk, fresh

LOOK_AT = 67  # the cycle of a pass in which it takes a word from the FIFO
FIFO = 8  # words: CircuitPython joins both halves
WATCHDOG_MS = 4000
CRASH_MS = 2000  # code.py waits for so long after an exception, then resets


def _state(**fields: object) -> State:
    return State(**fields)  # type: ignore[arg-type]


def _run(state: State, until: int) -> list[State]:
    return [after for _, after in cycles(state, lambda _, now: now.clock >= until)]


def every_word(number: int, noise: random.Random, notes: Notes) -> str:
    """The parts of an induction, for the value `number` (0..16383) of what counts of a word, and of X.

    A word begins a break of that many passes and one, whatever is above its 14 bits and in the registers; a pass
    takes exactly 100 cycles with the line open and leaves X one less, or closes; a word that comes during a pass
    replaces X, and is taken in that pass or in the next, by when it came.
    """
    word = noise.getrandbits(32 - BITS) << BITS | number
    junk = {"y_register": noise.getrandbits(32)}
    waiting = _state(program_counter=START_AT, transmit_fifo=deque([word]), x_register=noise.getrandbits(32), **junk)
    begun = _run(waiting, 3)
    assert all(state.pin_values == CLOSED for state in begun)
    end = begun[-1]
    assert (end.program_counter, end.x_register) == (PASS_AT, number) if number else end.program_counter == START_AT

    shift = ShiftRegister(noise.getrandbits(32), noise.randrange(33))
    passed = _run(_state(program_counter=PASS_AT, x_register=number, output_shift_register=shift, **junk), PASS)
    _is_after_a_pass(passed, number)

    at, left = noise.randrange(PASS), noise.randrange(VALUES)
    state = _state(program_counter=PASS_AT, x_register=left, pin_values=OPEN, **junk)
    seen: list[State] = []
    if at:
        seen = _run(state, at)
        state = seen[-1]  # a delay may end later than `at`: the word comes then
    state.transmit_fifo.append(word)
    came_at = state.clock
    seen += _run(state, PASS)
    taken = not seen[-1].transmit_fifo
    assert taken == (came_at < LOOK_AT)
    _is_after_a_pass(seen, number if taken else left)
    notes.extra = 2
    notes.figure("ms open, by the longest word", (number + 1) / PASSES_PER_MS)
    return "opens for its passes and closes"


def _is_after_a_pass(states: list[State], x: int) -> None:
    assert all(state.pin_values == OPEN for state in states)
    end = states[-1]
    assert end.clock == PASS
    assert (end.program_counter, end.x_register) == (PASS_AT, x - 1) if x else end.program_counter == CLOSE_AT


def every_pair(number: int, noise: random.Random, notes: Notes) -> str:
    """Word `number`, then every other word (a stride of them, each at its own time), by the passes proven above."""
    for second in range(noise.randrange(64), VALUES, 64):
        at = noise.randrange(0, number + 2)  # passes after the first
        open_for = passes([(0, number), (at, second)])
        notes.figure("ms open after the last word", max(0, open_for - at) / PASSES_PER_MS)
        assert open_for - at <= VALUES + 1
    queue = sorted((noise.randrange(VALUES), noise.getrandbits(32)) for _ in range(FIFO))
    last = queue[-1][0]
    end = passes(queue)
    assert end - last <= VALUES + FIFO
    notes.figure("ms open after the last of eight words", max(0, end - last) / PASSES_PER_MS)
    notes.extra = VALUES // 64
    return "closes by itself"


def passes(sent: list[tuple[int, int]]) -> int:
    """When the line is closed for good after words (pass, word), in passes: one word is taken per pass."""
    waiting = deque((at, word & VALUES - 1) for at, word in sent)
    now = end = 0
    while waiting:
        at, x = waiting.popleft()
        now = max(now, at)
        if not x:
            continue  # opens nothing
        while x is not None:
            if waiting and waiting[0][0] <= now:
                x = waiting.popleft()[1]
                now += 1
                if x == 0:
                    break
                x -= 1
                continue
            until = now + x + 1
            if waiting and waiting[0][0] < until:
                x -= waiting[0][0] - now
                now = waiting[0][0]
                continue
            now = until
            break
        end = now
    return end


# --- faults in the middle of a release ---------------------------------------------------------------------------

MODES = {"flash": 1500, "hangup": 6000}  # what is set: the longest flash, and a hold of 6 s
LIMIT_MS = {"flash": 1500, "hangup": 6000 + 50}
STALL_MS = 400
#: How much later mode hangup closes where nothing turns at the end of its hold: the last renewal, or the stall.
AFTER_MS = {"hang": 1000, "exception": 1000, "stall": STALL_MS}


@cache
def _before(mode: str) -> Flash:
    # A preset that knows no longest flash, so that the longest break of all can be set.
    return fresh(
        release__preset="nz", release__mode=mode, release__flash_ms=1500, release__hold_s=6, call__min_warn_s=0
    )


def _into_release(mode: str) -> FlashDesk:
    desk = FlashDesk(_before(mode).copy(), Plug())
    desk.run(200)
    desk.greet()
    desk.press(60)
    desk.run(50)
    desk.press(60)
    desk.run_until("RELEASE")
    return desk


def _is_open(desk: FlashDesk) -> bool:
    return bool(desk.line._is_open())


def in_release(what: str, mode: str, number: int, noise: random.Random, notes: Notes) -> str:
    """At a random moment of a release; the contact is looked at every millisecond, whatever the firmware thinks."""
    desk = _into_release(mode)
    at_ms = noise.randrange(MODES[mode])
    assert desk.app.store.repairs == []
    for _ in range(at_ms):
        desk.run(1)
    assert _is_open(desk)
    opened_ms = desk.clock.total_ms - at_ms
    fault_ms = desk.clock.total_ms
    getattr(_Faults, what)(desk, noise)
    closed_ms = None
    if not _is_open(desk):
        closed_ms = desk.clock.total_ms
    for _ in range(12_000):
        if closed_ms is None and not _is_open(desk):
            closed_ms = desk.clock.total_ms
        assert closed_ms is None or not _is_open(desk), "it was opened again"
        desk.run(1)
    assert closed_ms is not None, "the line stays open"
    meter = getattr(desk, "closed_ms", None) or closed_ms  # while nothing ran, `_Faults` looked
    notes.figure(f"ms open in mode {mode}", meter - opened_ms)
    late_ms = AFTER_MS.get(what, 0) if mode == "hangup" else 0
    assert meter - opened_ms <= LIMIT_MS[mode] + 20 + late_ms
    if what in ("hang", "exception"):
        notes.figure("ms until closed after the renewals stopped", meter - fault_ms)
        assert meter - fault_ms <= (1100 if mode == "hangup" else 1500)
    if what in ("reset", "power_loss"):
        assert meter - fault_ms <= 20
    assert desk.state in ("READY", "RECOVER")
    return "closed, in service"


class _Faults:
    """What happens to `desk`; time passes in it where nothing of the firmware runs."""

    @staticmethod
    def _dead(desk: FlashDesk, ms: int) -> None:
        """The program does not turn; the PIO goes on."""
        desk.closed_ms = None  # type: ignore[attr-defined]
        for _ in range(ms):
            if desk.closed_ms is None and not _is_open(desk):  # type: ignore[attr-defined]
                desk.closed_ms = desk.clock.total_ms  # type: ignore[attr-defined]
            desk.clock.advance(1)

    @classmethod
    def hang(cls, desk: FlashDesk, noise: random.Random) -> None:
        cls._dead(desk, WATCHDOG_MS)
        desk.crashes += 1
        desk.power_cycle()

    @classmethod
    def exception(cls, desk: FlashDesk, noise: random.Random) -> None:
        cls._dead(desk, CRASH_MS)
        desk.crashes += 1
        desk.power_cycle()

    @staticmethod
    def reset(desk: FlashDesk, noise: random.Random) -> None:
        """Watchdog, hard fault, soft reload: pin and state machine are torn down at once."""
        desk.power_cycle()

    @staticmethod
    def power_loss(desk: FlashDesk, noise: random.Random) -> None:
        desk.power_cycle()

    @staticmethod
    def unplug(desk: FlashDesk, noise: random.Random) -> None:
        desk.port.connected = False

    @staticmethod
    def host_floods(desk: FlashDesk, noise: random.Random) -> None:
        desk.port.host_write(noise.randbytes(50_000))

    @classmethod
    def stall(cls, desk: FlashDesk, noise: random.Random) -> None:
        """As a flash erase with the interrupts off: 45 to 400 ms without a turn."""
        cls._dead(desk, noise.randint(45, STALL_MS))

    @staticmethod
    def mash(desk: FlashDesk, noise: random.Random) -> None:
        for _ in range(20):
            desk.button.press()
            desk.button.release()


# --- the watchdog ------------------------------------------------------------------------------------------------


class _HangError(BaseException):
    """The task never comes back; nobody in the firmware may catch it."""


#: Every task of the loop, as (part, method that hangs).
TASKS = (
    ("button", "poll"),
    ("line", "turn"),
    ("line", "is_open"),
    ("line", "handset_up"),
    ("speaker", "turn"),
    ("speaker", "start"),
    ("port", "read_into"),
    ("port", "write"),
    ("ring", "show"),
    ("log", "append"),
    ("log", "compact"),
    ("prompts", "inspect"),
    ("store", "save"),
)


def hang(number: int, noise: random.Random, notes: Notes) -> str:
    """Three times in a row the task hangs, at a random moment of a busy life; no feed comes from that turn."""
    part, method = TASKS[number % len(TASKS)]
    flash, crashes = _busy().copy(), 0
    for _ in range(3):
        desk = FlashDesk(flash, crashes=crashes)
        if method != "compact":  # which is the first thing to be done where a start before it hung in it
            desk.run(noise.randrange(300))
        owner = getattr(desk.app, part, None) or getattr(desk.app.parts, part)
        setattr(owner, method, _hanging)
        feeds, is_hung = desk.feeds, False
        try:
            _live(desk)
        except _HangError:
            is_hung = True
        assert is_hung, "this task was not reached"
        feeds = desk.feeds
        desk.clock.advance(WATCHDOG_MS)
        assert desk.feeds == feeds, "the watchdog was fed by a loop that hangs"
        assert not _is_open(desk), "the line is open when the watchdog bites"
        crashes = desk.crashes + 1
    desk = FlashDesk(flash, crashes=crashes)
    desk.run(200)
    assert (desk.state, desk.app.call.fault) == ("FAULT", FAULT_CRASHED)
    said = desk.greet().ok("status")
    assert (said["fault_name"], said["relay"]) == ("crashed", "closed")
    desk.press(100)
    desk.press(2000)
    assert desk.state == "FAULT"
    assert desk.line.breaks == []
    for _ in range(6100):
        desk.clock.advance(100)
        desk.app.turn()
    assert desk.state == "READY", "ten good minutes begin a new row"
    return "found; after three: fault crashed, line closed, port answers"


def _hanging(*args: object, **more: object) -> None:
    raise _HangError


@cache
def _busy() -> Flash:
    """The log wants to be moved before long."""
    from torture.model_power import with_incidents

    return with_incidents(56)


def _live(desk: FlashDesk) -> None:
    """All that there is: settings, a cancelled call, one that is ended."""
    host = desk.greet()
    host.ok("status")
    host.ok("stage", values={"call.warn_s": 44 + desk.app.store.sequence % 2, "call.min_warn_s": 0})
    host.ok("commit")
    desk.press(60)
    desk.press(700)
    desk.run(50)
    desk.press(60)
    desk.run(100)
    desk.press(60)
    desk.run(s=5)


_ROW = "The line can't stay open"
_FAULT_TEXT = {
    "exception": "an exception in the loop, and the restart after it",
    "hang": "the loop hangs until the watchdog bites",
    "reset": "a reset: watchdog, hard fault, soft reload",
    "power_loss": "the power is lost and comes back",
    "unplug": "the USB cable is pulled out of the computer",
    "host_floods": "a host floods the port",
    "stall": "nothing turns for 45 to 400 ms, as when the flash is erased",
    "mash": "twenty presses at once",
}

FAULTS = [
    Fault(
        "line: every word",
        _ROW,
        MODEL,
        "any 32-bit word is written to the line's PIO program, at any time",
        "the program runs on an emulated PIO for each of the 16,384 values that count in a word and in X, with any "
        "bits above and at any cycle of a pass: the parts of a proof by induction",
        "it opens for its passes, 1638.4 ms at most, and closes",
        every_word,
        VALUES,
        150,
    ),
    Fault(
        "line: words in a row",
        _ROW,
        MODEL,
        "words follow each other at any time, up to eight in the FIFO",
        "each of the 16,384 words with every 64th other one, and eight at random, pass by pass",
        "after the last word it closes within 1638.4 ms and a pass for each word in the FIFO",
        every_pair,
        VALUES,
        300,
    ),
    *(
        Fault(
            f"line: {what.replace('_', ' ')} in {mode}",
            _ROW,
            MODEL,
            said,
            f"at a random moment of a release in mode {mode}; the contact is looked at every millisecond",
            "one break, not longer than asked for; closed within 1.1 s once nothing renews it, within 20 ms after a "
            "reset; then in service",
            partial(in_release, what, mode),
            150,
            4,
        )
        for mode in MODES
        for what, said in _FAULT_TEXT.items()
    ),
    Fault(
        "watchdog: hangs",
        "The watchdog",
        MODEL,
        "a task of the loop hangs, three times in ten minutes",
        "each call that the loop makes into a part never comes back, at a random moment",
        "the watchdog is not fed from that turn on; the third time: fault crashed, the line closed, no press opens it, "
        "the port answers",
        hang,
        1300,
        26,
    ),
]
