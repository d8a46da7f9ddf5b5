"""The line's PIO program on an emulated PIO, and the places in it that its proofs begin at."""

from collections.abc import Callable, Iterator

from pioemu import State, emulate

from endcall_core.line_program import CODE

PASS = 100  # cycles
CLOSED, OPEN = 0, 1
START_AT, PASS_AT, CLOSE_AT = 1, 4, 0  # instructions
BITS = 14  # of a word, that count
VALUES = 1 << BITS


def cycles(state: State, stop_when: Callable[[int, State], bool]) -> Iterator[tuple[State, State]]:
    """The program from `state` on: what was before and after each instruction."""
    return emulate(list(CODE), initial_state=state, stop_when=stop_when, set_base=0, set_count=1)
