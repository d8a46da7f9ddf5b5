"""The other end of the simulated line: an exchange with a caller, who sees nothing but whether the loop is closed.

It judges an opening of the loop by its length alone, with the numbers of `release.preset`, as a PBX port or a central
office does. That is what makes the difference between a flash and a hang-up visible at the simulated desk.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from endcall_core import presets

from .parts import Phone

# Phases of the line, as the exchange knows them
IDLE, RINGING, TALKING, CLEARING, DIAL_TONE = "idle", "ringing", "talking", "clearing", "dial_tone"

#: How long the exchange opens the loop when the caller hangs up. 200..900 ms are found in the field.
CLEAR_MS = 350
#: Ringing as in North America: 20 Hz, 2 s on, 4 s off.
RING_HZ, RING_ON_MS, RING_OFF_MS = 20, 2000, 4000
#: Share of the ringing voltage's peak below which no current flows through bell and opto-coupler.
RING_GAP = 0.3
#: With a dial tone there is no call to protect: the loop may be idle as soon as a bounce is over.
SETTLE_MS = 250

# What the exchange took an opening of the loop for
TOO_SHORT, FLASH, UNCLEAR, HANG_UP = "too_short", "flash", "unclear", "hang_up"


class Exchange:
    """One line's worth of exchange.

    `rules` gives the settings in force: the line is one as `release.preset` says. `said(text, taken_as)` is told, in
    a sentence, whatever the exchange does; `taken_as` is what it took an opening of the loop for, else None.
    """

    def __init__(self, phone: Phone, rules: Callable[[], dict], said: Callable[[str, str | None], None]) -> None:
        self._phone = phone
        self._rules = rules
        self._said = said
        self._since_ms = 0
        self._opened_ms: int | None = None
        self.phase = TALKING
        self.is_bell_on = False

    def _preset(self) -> tuple:
        row = presets.find(self._rules()["release.preset"])
        assert row is not None  # the settings accept no other name
        return row

    def judge(self, length_ms: int) -> str:
        """What an opening of the loop of `length_ms` means on this line.

        The shortest flash is half the preset's (an inference: the presets name none). A preset whose longest flash
        is unknown has no dead zone.
        """
        row = self._preset()
        if length_ms >= row[presets.DISCONNECT_MS]:
            return HANG_UP
        if length_ms < row[presets.FLASH_MS] // 2:
            return TOO_SHORT
        longest_ms = row[presets.FLASH_MAX_MS] or row[presets.DISCONNECT_MS]
        return FLASH if length_ms <= longest_ms else UNCLEAR

    def about(self) -> str:
        """What kind of line this is, in a sentence or two."""
        row = self._preset()
        shortest_ms, longest_ms = row[presets.FLASH_MS] // 2, row[presets.FLASH_MAX_MS]
        hang_up_ms = row[presets.DISCONNECT_MS]
        flash = "releases the call" if row[presets.MODE] == "flash" else "does not end a call"
        return (
            f"The exchange sees only how long the loop is open. On this line ({row[presets.NAME]}) a break of "
            f"{shortest_ms} to {longest_ms or hang_up_ms} ms is a flash, which here {flash}; {hang_up_ms} ms and more "
            f"is a hang-up{'; in between nothing is sure' if longest_ms else ''}."
        )

    # --- the caller -----------------------------------------------------------------------------------------

    def call(self, now_ms: int) -> bool:
        """A caller dials this line. Returns whether it rings; a line in use gives the caller the busy tone."""
        if self.phase != IDLE:
            self._said("A caller dials and finds the line busy.", None)
            return False
        self._enter(RINGING, now_ms, "A call comes in; the phone rings.")
        return True

    def caller_hangs_up(self, now_ms: int) -> bool:
        """The caller goes. Returns False where there is none."""
        if self.phase == RINGING:
            self._enter(IDLE, now_ms, "The caller gave up before anybody answered.")
        elif self.phase == TALKING:
            self._enter(CLEARING, now_ms, f"The caller hung up: the exchange opens the loop for {CLEAR_MS} ms.")
        else:
            return False
        return True

    # --- time -----------------------------------------------------------------------------------------------

    def turn(self, now_ms: int, is_closed: bool) -> None:
        """One millisecond. `is_closed`: handset up and no contact open, so that direct current can flow."""
        phone = self._phone
        if self.phase == TALKING:
            self._talking(now_ms, is_closed)
        elif self.phase == RINGING:
            self._ringing(now_ms, is_closed)
        elif self.phase == CLEARING:
            if now_ms - self._since_ms > CLEAR_MS:  # the first of these milliseconds began after `_since_ms`
                self._to_dial_tone_or_idle(now_ms, is_closed)
        elif self.phase == IDLE:
            if is_closed:
                self._to_dial_tone_or_idle(now_ms, is_closed)
        elif is_closed:
            self._opened_ms = None
        elif self._opened_ms is None:
            self._opened_ms = now_ms
        elif now_ms - self._opened_ms >= SETTLE_MS:
            self._enter(IDLE, now_ms, "The line is free.")
        phone.far_end_feeds = self.phase != CLEARING
        phone.in_call = self.phase == TALKING

    def _talking(self, now_ms: int, is_closed: bool) -> None:
        if self._opened_ms is None:
            self._opened_ms = None if is_closed else now_ms
            return
        length_ms = now_ms - self._opened_ms
        if self.judge(length_ms) == HANG_UP:
            self._enter(IDLE, now_ms, f"Open for {length_ms} ms: a hang-up. The call is over.", HANG_UP)
        elif is_closed:
            self._opened_ms = None
            self._loop_closed_again(length_ms, now_ms)

    def _loop_closed_again(self, length_ms: int, now_ms: int) -> None:
        row = self._preset()
        taken_as = self.judge(length_ms)
        if taken_as == TOO_SHORT:
            said = f"A break of {length_ms} ms is too short to mean anything here. The caller is still there."
            self._said(said, TOO_SHORT)
        elif taken_as == UNCLEAR:
            self._said(
                f"A break of {length_ms} ms is longer than a flash ({row[presets.FLASH_MAX_MS]} ms) and shorter than a "
                f"hang-up ({row[presets.DISCONNECT_MS]} ms): it is not obeyed. The caller is still there.",
                UNCLEAR,
            )
        elif row[presets.MODE] == "flash":
            said = f"A break of {length_ms} ms is a flash, which releases the call on this line. Dial tone."
            self._enter(DIAL_TONE, now_ms, said, FLASH)
        else:
            self._said(
                f"A break of {length_ms} ms is a flash. On a line like this one ({row[presets.NAME]}) it only asks for "
                "a second call: the caller is still there. Use release.mode hangup.",
                FLASH,
            )

    def _ringing(self, now_ms: int, is_closed: bool) -> None:
        since_ms = now_ms - self._since_ms
        if is_closed:
            self._enter(TALKING, now_ms, "Answered.")
        else:
            self.is_bell_on = since_ms % (RING_ON_MS + RING_OFF_MS) < RING_ON_MS
            level = abs(math.sin(2 * math.pi * RING_HZ * since_ms / 1000))
            self._phone.bell_current = self.is_bell_on and level > RING_GAP

    def _to_dial_tone_or_idle(self, now_ms: int, is_closed: bool) -> None:
        if is_closed:
            self._enter(DIAL_TONE, now_ms, "Dial tone.")
        else:
            self._enter(IDLE, now_ms, "The line is free.")

    def _enter(self, phase: str, now_ms: int, said: str, taken_as: str | None = None) -> None:
        self.phase = phase
        self._since_ms = now_ms
        self._opened_ms = None
        self.is_bell_on = self._phone.bell_current = False
        self._said(said, taken_as)
