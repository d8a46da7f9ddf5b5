"""The PIO program that opens the line: bounded whatever is written to it, renewable, deaf to Python.

It runs at 1 MHz and counts in passes of exactly 100 cycles, 0.1 ms. A word from the FIFO is a number of passes;
only its lowest 14 bits count, so no word keeps the line open for longer than 1638.4 ms. While it is open every
pass looks for a new word, which replaces what was left: a longer break is renewed while it is wanted, a word of 0
ends it within 0.14 ms, and when the renewals stop the line closes by itself. A word of 0 opens nothing. Words that
queue up while the line is closed are taken one per pass once it is open, so the last one decides.

It begins by closing the line: CircuitPython 10 lets a state machine run on after code.py has ended, and while the next
one sets it up again it may leave the pin open behind it, for good.

`CODE` is `SOURCE` assembled (a test assembles it again and compares), because the drive carries no assembler.
"""

FREQUENCY_HZ = 1_000_000
PASSES_PER_MS = 10
LONGEST_MS = 1638

SOURCE = """
.program line
.wrap_target
    set pins, 0         ; close it
start:
    pull block          ; wait for a break
    out x, 14           ; passes - 1
    jmp !x start        ; 0 opens nothing
pass:
    set pins, 1         ; 1 cycle: open the loop, or keep it open
    set y, 1            ; 1
wait:
    jmp y-- wait [31]   ; 64
    pull noblock        ; 1: a new word, or X again where there is none
    out x, 14           ; 1
    jmp x-- pass [31]   ; 32: 100 in all
.wrap
"""

CODE = (0xE000, 0x80A0, 0x602E, 0x0021, 0xE001, 0xE041, 0x1F86, 0x8080, 0x602E, 0x1F44)


def word(ms):
    """The FIFO word for a break of `ms` milliseconds, 1..1638. Raises ValueError outside that."""
    if not 1 <= ms <= LONGEST_MS:
        raise ValueError(f"a break of {ms} ms; 1 to {LONGEST_MS} ms can be timed")
    return ms * PASSES_PER_MS - 1
