"""From a flickering loop-sense pin to what the line did.

Off-hook is steady loop current. Ringing pulls the pin low most of the time too, with a gap at every zero crossing
of a 15..70 Hz voltage, so current counts as off-hook only after half a second without a gap. No current for
250 ms while our own relay is closed means that the line went on-hook: the handset went down, or the far end
cleared (its open loop lasts 200..900 ms). No current while our relay is open means that the break was real.
"""

from . import ticks

ON_HOOK_MS = 250
OFF_HOOK_MS = 500
DROPPED_MS = 20  # opto-coupler and relay bounce are over by then
#: After our own relay closed, the loop may need this long until its current is back.
SETTLE_MS = 300


class LoopSense:
    """Debounces one sense input. `is_off_hook` is what the line is known to be."""

    def __init__(self, now_ms):
        self.is_off_hook = False
        self._flows = False
        self._changed_ms = now_ms
        self._was_open = False
        self._closed_ms = None  # when our own relay closed, while that matters
        self._dropped = False

    def update(self, flows, relay_open, now_ms):
        """Report one look at the line: does loop current flow, is our relay open.

        Returns "ON_HOOK" or "DROPPED" when that was just found, else None. Each is told once per event.
        """
        if flows != self._flows:
            self._flows = flows
            self._changed_ms = now_ms
        if relay_open != self._was_open:
            self._was_open = relay_open
            self._changed_ms = now_ms
            self._dropped = False
            if not relay_open:
                self._closed_ms = now_ms
        elif self._closed_ms is not None and ticks.diff(now_ms, self._closed_ms) >= SETTLE_MS + ON_HOOK_MS:
            self._closed_ms = None  # at once, not when it is next needed: ticks can't tell more than 3.1 days apart
        steady_ms = ticks.diff(now_ms, self._changed_ms)
        if relay_open:
            if not flows and not self._dropped and steady_ms >= DROPPED_MS:
                self._dropped = True
                return "DROPPED"
            return None
        if flows:
            if steady_ms >= OFF_HOOK_MS:
                self.is_off_hook = True
        elif self.is_off_hook and steady_ms >= ON_HOOK_MS and self._closed_ms is None:
            self.is_off_hook = False
            return "ON_HOOK"
        return None
