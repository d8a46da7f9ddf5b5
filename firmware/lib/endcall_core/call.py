"""The call, state by state: what the button means, and when the line may be opened.

`step(call, event, now_ms, arg)` is the whole behaviour. It is pure: it returns a new `Call` and the actions to
carry out, and it reads no clock. Instants are milliseconds of the wrapping counter of `endcall_core.ticks`.

The outside reports what happened (EVENTS) and carries out what is asked (ACTIONS); nothing else connects the
two. `Call.deadline_ms` says when TIME is next of interest, so an idle loop need not step at all.

Gestures. A press counts only after a seen release. In READY, RECOVER and FAULT it acts on its leading edge.
Where a hold means something too (WARN, WATCH) it acts when the button is released before `button.hold_ms`, and
the hold when that time is reached; while the two can't be told apart yet, a state that would end by time waits,
for the length of the hold at most, so a gesture always means what it meant when it began. ENFORCE waits as long as
the button is down for whatever reason: the line stays closed while somebody is holding to cancel, and a button that
got stuck ends as a fault and opens nothing.
"""

from . import ticks

# States
READY, WARN, WATCH, ENFORCE, RELEASE, CONFIRM, RECOVER, FAULT = (
    "READY",
    "WARN",
    "WATCH",
    "ENFORCE",
    "RELEASE",
    "CONFIRM",
    "RECOVER",
    "FAULT",
)
STATES = (READY, WARN, WATCH, ENFORCE, RELEASE, CONFIRM, RECOVER, FAULT)

#: States in which an episode (from the limit to its end) is open. Nothing may write flash or change settings then.
EPISODE = (WARN, WATCH, ENFORCE, RELEASE, CONFIRM)

# Events, with what `arg` holds
TIME = "TIME"  # now_ms has come; nothing else happened
BUTTON_DOWN = "BUTTON_DOWN"  # now_ms is when the contact closed
BUTTON_UP = "BUTTON_UP"
BUTTON_LOST = "BUTTON_LOST"  # edges were lost (queue overflow); trust nothing until the next seen release
CHECK_PASSED = "CHECK_PASSED"  # the self-check asked for by CHECK found nothing
CHECK_FAILED = "CHECK_FAILED"  # arg: fault number
PROMPT_STARTED = "PROMPT_STARTED"  # arg: its duration in ms
PROMPT_DONE = "PROMPT_DONE"  # arg: CLOSING or WARNING; nothing is left to play
PROMPT_FAILED = "PROMPT_FAILED"  # arg: fault number; it did not start, or broke off
LINE_ON_HOOK = "LINE_ON_HOOK"  # no loop current while our own relay is closed
LINE_DROPPED = "LINE_DROPPED"  # no loop current while our own relay is open: the break was real
HANDSET_DOWN = "HANDSET_DOWN"  # the handset was put down (seen by the handset or the loop sense)
EVENTS = (
    TIME,
    BUTTON_DOWN,
    BUTTON_UP,
    BUTTON_LOST,
    CHECK_PASSED,
    CHECK_FAILED,
    PROMPT_STARTED,
    PROMPT_DONE,
    PROMPT_FAILED,
    LINE_ON_HOOK,
    LINE_DROPPED,
    HANDSET_DOWN,
)

# Actions, as (name, argument)
CHECK = "CHECK"  # run the self-check, then report CHECK_PASSED or CHECK_FAILED
PLAY = "PLAY"  # CLOSING or WARNING: start that prompt
STOP = "STOP"  # fade out whatever plays
FLASH = "FLASH"  # ms: one timed break
HOLD_OPEN = "HOLD_OPEN"  # keep the loop open, renewing, until CLOSE
CLOSE = "CLOSE"  # close the loop now
RECORD = "RECORD"  # an Incident: the episode is over
ACTIONS = (CHECK, PLAY, STOP, FLASH, HOLD_OPEN, CLOSE, RECORD)

# Prompts
CLOSING, WARNING = "closing", "warning"

# Outcomes of an episode
RESOLVED, CANCELLED, APOLOGY, CALLER_LEFT, ENFORCED, THREAT, FAILED = (
    "resolved",
    "cancelled",
    "apology",
    "caller_left",
    "enforced",
    "threat",
    "fault",
)
OUTCOMES = (RESOLVED, CANCELLED, APOLOGY, CALLER_LEFT, ENFORCED, THREAT, FAILED)

# Faults; the number is what the ring shows
FAULT_PROMPT_MISSING = 1
FAULT_PROMPT_DAMAGED = 2
FAULT_SPEAKER = 3
FAULT_LINE_RELAY = 4
FAULT_BUTTON_STUCK = 5
FAULT_NOT_RELEASED = 6
FAULT_CRASHED = 7
#: number: (name, what to do)
FAULTS = {
    FAULT_PROMPT_MISSING: ("prompt_missing", "the closing prompt is not there; send one: endcall prompt put"),
    FAULT_PROMPT_DAMAGED: (
        "prompt_damaged",
        "the closing prompt is damaged; send it again: endcall prompt put",
    ),
    FAULT_SPEAKER: ("speaker", "the sound output did not work; check the DAC's wiring, then press"),
    FAULT_LINE_RELAY: (
        "line_relay",
        "the line relay could not be driven; the phone works, the button does not",
    ),
    FAULT_BUTTON_STUCK: ("button_stuck", "the button was down for over 10 s; release it"),
    FAULT_NOT_RELEASED: ("not_released", "the line was not seen to drop; hang up by hand, then press"),
    FAULT_CRASHED: (
        "crashed",
        "the firmware restarted itself three times in ten minutes; unplug it and tell IT",
    ),
}

# Times that are no settings
STUCK_MS = 10000  # a button down for longer is stuck
CHECK_EVERY_MS = 60000  # in FAULT
CONFIRM_MS = 450  # how long CONFIRM waits; with the shortest flash, two tries in a row show at under 2 Hz on the ring
PULSE_MARGIN_MS = 20  # a break is over this long after its nominal end: the loop's longest stall
HANDSET_HINT_MS = 5000  # "put the handset down" is shown for this long at most
PROMPT_LIMIT_MS = 20000  # ENFORCE without a finished prompt by then is a fault: longest prompt (15 s) and margin
PROMPT_SHORT_MS = 100  # a prompt that ends this much before its duration was cut off; the DAC's buffers hold less
CHECK_LIMIT_MS = 5000  # a self-check without an answer by then is given up
AGE_MS = 1 << 26  # 18.6 h: how often old instants are moved along; ticks can't tell more than 74 h apart
DEAF_MS = 100  # after a start or a lost edge: a down edge within this is a button that was held all along


# Why a self-check runs
PRESSED, ROUTINE = "pressed", "routine"


class Call:
    """One moment. Treat it as frozen: `step` makes a new one.

    state, since_ms: where we are, and since when. rules: every setting by its key. checking: why a self-check runs
    (PRESSED, ROUTINE) or None. began_ms: when the episode began, or None. warnings, warned_s: how many were given, and
    when, in s since then. prompt_ms, prompt_since_ms: duration and start of the closing prompt, 0 and None until it
    started; finished_ms: when it was over, or None. attempts, dropped: of the release. fault: number, 0 = none.
    is_down, down_ms, up_ms: the button. gesture: the state in which the live gesture began, or None. refused_ms: when
    a press was last refused, or None. handset_down: seen in RECOVER. aged_ms: when old instants were last moved along.
    deadline_ms: when TIME is next due.
    """

    FIELDS = (
        "state",
        "since_ms",
        "rules",
        "checking",
        "checked_ms",
        "in_episode",
        "began_ms",
        "warnings",
        "warned_s",
        "is_threat",
        "apologised",
        "prompt_ms",
        "prompt_since_ms",
        "finished_ms",
        "attempts",
        "dropped",
        "fault",
        "is_down",
        "down_ms",
        "up_ms",
        "gesture",
        "deaf_until_ms",
        "refused_ms",
        "handset_down",
        "aged_ms",
        "deadline_ms",
    )
    #: Those of them that are compared with the present.
    INSTANTS = (
        "since_ms",
        "checked_ms",
        "began_ms",
        "prompt_since_ms",
        "finished_ms",
        "down_ms",
        "up_ms",
        "deaf_until_ms",
        "refused_ms",
    )
    __slots__ = FIELDS

    def __init__(self, rules, now_ms):
        self.state = READY
        self.since_ms = now_ms
        self.rules = rules
        self.checking = None
        self.checked_ms = now_ms
        self.fault = 0
        self.is_down = False
        self.down_ms = self.up_ms = now_ms
        self.gesture = None
        self.deaf_until_ms = ticks.add(now_ms, DEAF_MS)
        self.refused_ms = None
        self.handset_down = False
        self.aged_ms = now_ms
        self.deadline_ms = None
        self.forget_episode()

    def forget_episode(self):
        """No episode is open: nothing of the last one is left."""
        self.in_episode = False
        self.began_ms = None
        self.warnings = 0
        self.warned_s = ()
        self.is_threat = self.apologised = False
        self.prompt_ms = 0
        self.prompt_since_ms = self.finished_ms = None
        self.attempts = 0
        self.dropped = False

    def copy(self):
        """A second Call that is equal in every field."""
        twin = Call(self.rules, self.since_ms)
        # One by one: a loop with setattr takes 2 ms longer on the Pico, in every step.
        twin.state = self.state
        twin.checking = self.checking
        twin.checked_ms = self.checked_ms
        twin.in_episode = self.in_episode
        twin.began_ms = self.began_ms
        twin.warnings = self.warnings
        twin.warned_s = self.warned_s
        twin.is_threat = self.is_threat
        twin.apologised = self.apologised
        twin.prompt_ms = self.prompt_ms
        twin.prompt_since_ms = self.prompt_since_ms
        twin.finished_ms = self.finished_ms
        twin.attempts = self.attempts
        twin.dropped = self.dropped
        twin.fault = self.fault
        twin.is_down = self.is_down
        twin.down_ms = self.down_ms
        twin.up_ms = self.up_ms
        twin.gesture = self.gesture
        twin.deaf_until_ms = self.deaf_until_ms
        twin.refused_ms = self.refused_ms
        twin.handset_down = self.handset_down
        twin.aged_ms = self.aged_ms
        twin.deadline_ms = self.deadline_ms
        return twin


class Incident:
    """What is kept of a finished episode: never audio, never who called.

    duration_s: from the limit to the end. warned_s: when each warning was given, in s since the first.
    finished: the closing prompt was played to its end. mode, attempts, dropped: of the release; attempts 0 = none.
    """

    def __init__(self, outcome, duration_s, warned_s, finished, mode, attempts, dropped):
        self.outcome = outcome
        self.duration_s = duration_s
        self.warned_s = warned_s
        self.finished = finished
        self.mode = mode
        self.attempts = attempts
        self.dropped = dropped


def start(rules, now_ms):
    """The moment after power-up: READY, self-check asked for, and a button that is already down does not count."""
    call = Call(rules, now_ms)
    call.checking = ROUTINE
    call.deadline_ms = _deadline(call)
    return call, [(CHECK, None)]


def step(call, event, now_ms, arg=None):
    """What `event` at `now_ms` makes of `call`: `(call, actions)`.

    An event that means nothing in this state changes nothing. Button edges carry their own instant, which may
    lie before the last step; all other events happen now. Raises KeyError for an unknown event.
    """
    new = call.copy()
    actions = []
    HANDLERS[event](new, now_ms, arg, actions)
    new.deadline_ms = _deadline(new)
    return new, actions


def with_rules(call, rules):
    """`call` under other settings. For READY, RECOVER and FAULT: an episode keeps the rules that it began with."""
    new = call.copy()
    new.rules = rules
    new.deadline_ms = _deadline(new)
    return new


# --- gestures ---------------------------------------------------------------------------------------------


def _on_down(call, at_ms, arg, actions):
    if call.is_down:
        return
    call.is_down = True
    call.down_ms = at_ms
    # Pressed while the last step was still being taken, or held since before the start: felt, not obeyed.
    is_busy = call.checking and ticks.diff(at_ms, call.checked_ms) < CHECK_LIMIT_MS
    if is_busy or ticks.diff(at_ms, call.since_ms) < 0 or ticks.diff(call.deaf_until_ms, at_ms) > 0:
        call.gesture = None
        return
    call.gesture = call.state
    if call.state in LEADING_EDGE:
        PRESS[call.state](call, at_ms, actions)


def _on_up(call, at_ms, arg, actions):
    if not call.is_down:
        return
    _check_hold(call, at_ms, actions)
    call.is_down = False
    call.up_ms = at_ms
    gesture, call.gesture = call.gesture, None
    if gesture is not None and gesture == call.state and call.state not in LEADING_EDGE:
        PRESS[call.state](call, at_ms, actions)
    if call.state == FAULT and call.fault == FAULT_BUTTON_STUCK:
        _ask_check(call, at_ms, actions, ROUTINE)


def _on_lost(call, now_ms, arg, actions):
    call.is_down = False
    call.gesture = None
    call.deaf_until_ms = ticks.add(now_ms, DEAF_MS)


def _hold_ms(call):
    """How long the live gesture must last to be a hold, or 0 where a hold means nothing."""
    if call.gesture == READY:
        return call.rules["call.threat_hold_ms"] if call.state in (WARN, WATCH, ENFORCE) else 0
    if call.gesture != call.state or call.state not in HOLD:
        return 0
    if call.state == RELEASE and call.rules["release.mode"] == "flash":
        return 0
    return call.rules["button.hold_ms"]


def _check_hold(call, now_ms, actions):
    hold_ms = _hold_ms(call) if call.is_down else 0
    if hold_ms and ticks.diff(now_ms, call.down_ms) >= hold_ms:
        began, call.gesture = call.gesture, None
        call.down_ms = now_ms  # the hold was used: from here on it counts as stuck
        if began == READY:
            _threat(call, now_ms, actions)
        else:
            HOLD[call.state](call, now_ms, actions)


# --- entering states --------------------------------------------------------------------------------------


def _enter(call, state, now_ms):
    call.state = state
    call.since_ms = now_ms
    call.refused_ms = None


def _begin_episode(call, now_ms):
    call.forget_episode()
    call.in_episode = True
    call.began_ms = now_ms


def _end_episode(call, outcome, now_ms, actions):
    if not call.in_episode:
        return
    actions.append(
        (
            RECORD,
            Incident(
                outcome,
                ticks.diff(now_ms, call.began_ms) // 1000,
                call.warned_s,
                call.finished_ms is not None,
                call.rules["release.mode"],
                call.attempts,
                call.dropped,
            ),
        )
    )
    call.forget_episode()


def _ask_check(call, now_ms, actions, why):
    call.checking = why
    call.checked_ms = now_ms
    actions.append((CHECK, None))


def _to_ready(call, outcome, now_ms, actions):
    _end_episode(call, outcome, now_ms, actions)
    _enter(call, READY, now_ms)


def _to_fault(call, fault, now_ms, actions):
    if call.in_episode:
        actions.append((STOP, None))
        actions.append((CLOSE, None))
    _end_episode(call, FAILED, now_ms, actions)
    _enter(call, FAULT, now_ms)
    call.fault = fault
    call.gesture = None
    call.checking = None
    call.checked_ms = now_ms


def _to_warn(call, now_ms, actions):
    _enter(call, WARN, now_ms)
    call.warnings += 1
    call.warned_s = call.warned_s + (ticks.diff(now_ms, call.began_ms) // 1000,)
    if call.rules["prompt.warning"]:
        actions.append((PLAY, WARNING))


def _to_enforce(call, now_ms, actions):
    _enter(call, ENFORCE, now_ms)
    call.prompt_ms = 0
    call.finished_ms = None
    actions.append((PLAY, CLOSING))


def _to_release(call, now_ms, actions):
    _enter(call, RELEASE, now_ms)
    call.gesture = None
    call.attempts += 1
    call.dropped = False
    if call.rules["release.mode"] == "flash":
        actions.append((FLASH, call.rules["release.flash_ms"]))
    else:
        actions.append((HOLD_OPEN, None))


def _to_confirm(call, now_ms, actions):
    _enter(call, CONFIRM, now_ms)
    actions.append((CLOSE, None))
    if call.rules["line.sense"] == "none":
        _to_recover(call, _released(call), now_ms, actions)


def _released(call):
    """The outcome of an episode whose line was released."""
    return THREAT if call.is_threat else ENFORCED


def _to_recover(call, outcome, now_ms, actions):
    _end_episode(call, outcome, now_ms, actions)
    _enter(call, RECOVER, now_ms)
    call.handset_down = outcome == CALLER_LEFT


# --- presses and holds, state by state --------------------------------------------------------------------


def _press_ready(call, now_ms, actions):
    _ask_check(call, now_ms, actions, PRESSED)


def _press_limit(call, now_ms, actions):
    """WARN and WATCH. The press is judged by its leading edge: that is when somebody decided."""
    min_warn_ms = call.rules["call.min_warn_s"] * 1000 if call.state == WARN else 0
    if ticks.diff(call.down_ms, call.since_ms) < min_warn_ms:
        call.refused_ms = now_ms
    elif call.warnings < call.rules["call.warnings_required"]:
        _to_warn(call, now_ms, actions)
    else:
        _to_enforce(call, now_ms, actions)


def _press_ignored(call, now_ms, actions):
    pass


def _press_recover(call, now_ms, actions):
    _to_ready(call, None, now_ms, actions)  # its gesture began in RECOVER, so it is no threat hold in READY


def _press_fault(call, now_ms, actions):
    _ask_check(call, now_ms, actions, ROUTINE)


def _hold_limit(call, now_ms, actions):
    actions.append((STOP, None))
    _to_ready(call, APOLOGY if call.apologised else CANCELLED, now_ms, actions)


def _hold_enforce(call, now_ms, actions):
    actions.append((STOP, None))
    call.apologised = True
    call.is_threat = False  # taken back; if the call is ended after all, it is after the usual warnings
    call.finished_ms = None
    _enter(call, WATCH, now_ms)


def _hold_release(call, now_ms, actions):
    """Somebody wants the line back: never open it again, whatever was seen of the drop."""
    actions.append((CLOSE, None))
    _to_recover(call, _released(call), now_ms, actions)


def _threat(call, now_ms, actions):
    call.is_threat = True
    if call.state != ENFORCE:
        _to_enforce(call, now_ms, actions)


LEADING_EDGE = (READY, RECOVER, FAULT)
PRESS = {
    READY: _press_ready,
    WARN: _press_limit,
    WATCH: _press_limit,
    ENFORCE: _press_ignored,
    RELEASE: _press_ignored,
    CONFIRM: _press_ignored,
    RECOVER: _press_recover,
    FAULT: _press_fault,
}
HOLD = {WARN: _hold_limit, WATCH: _hold_limit, ENFORCE: _hold_enforce, RELEASE: _hold_release}


# --- time -------------------------------------------------------------------------------------------------


def _lasts_ms(call):
    """How long the state lasts by itself, in ms since `since_ms`; None where time ends nothing."""
    rules = call.rules
    state = call.state
    if state == WARN:
        return rules["call.warn_s"] * 1000
    if state == WATCH:
        return rules["call.watch_s"] * 1000
    if state == ENFORCE:
        if call.finished_ms is None:
            return PROMPT_LIMIT_MS
        return ticks.diff(call.finished_ms, call.since_ms) + rules["call.grace_ms"]
    if state == RELEASE:
        if rules["release.mode"] == "flash":
            return rules["release.flash_ms"] + PULSE_MARGIN_MS
        return rules["release.hold_s"] * 1000
    if state == CONFIRM:
        return CONFIRM_MS
    if state == RECOVER:
        return rules["call.recover_s"] * 1000
    return None


def _time_warn(call, now_ms, actions):
    _enter(call, WATCH, now_ms)


def _time_watch(call, now_ms, actions):
    _to_ready(call, APOLOGY if call.apologised else RESOLVED, now_ms, actions)


def _time_enforce(call, now_ms, actions):
    if call.finished_ms is None:
        _to_fault(call, FAULT_SPEAKER, now_ms, actions)
    else:
        _to_release(call, now_ms, actions)


def _time_release(call, now_ms, actions):
    _to_confirm(call, now_ms, actions)


def _time_confirm(call, now_ms, actions):
    if call.dropped:
        _to_recover(call, _released(call), now_ms, actions)
    elif call.attempts <= call.rules["release.retries"]:
        _to_release(call, now_ms, actions)
    else:
        _to_fault(call, FAULT_NOT_RELEASED, now_ms, actions)


def _time_recover(call, now_ms, actions):
    _to_ready(call, None, now_ms, actions)


OVER = {
    WARN: _time_warn,
    WATCH: _time_watch,
    ENFORCE: _time_enforce,
    RELEASE: _time_release,
    CONFIRM: _time_confirm,
    RECOVER: _time_recover,
}


def _is_undecided(call):
    """The button is down and it can't be told yet what it will mean, so the state waits.

    In WARN and WATCH: press or hold. In ENFORCE: hold or not, and whether the button is stuck; no release begins
    under a button that is down.
    """
    if not call.is_down or call.state not in (WARN, WATCH, ENFORCE):
        return False
    return call.state == ENFORCE or _hold_ms(call) > 0


def _can_be_stuck(call):
    # A release that has begun is finished first; a fault that is shown already is not found again.
    return (
        call.is_down
        and call.state not in (RELEASE, CONFIRM)
        and not (call.state == FAULT and call.fault == FAULT_BUTTON_STUCK)
    )


def _move_old_instants(call, now_ms):
    """A button that nobody presses for half a tick period (3.1 days) must not take its last press for a coming one."""
    if ticks.diff(now_ms, call.aged_ms) < AGE_MS:
        return
    call.aged_ms = now_ms
    oldest_ms = ticks.add(now_ms, -AGE_MS)
    for name in Call.INSTANTS:
        at_ms = getattr(call, name)
        if at_ms is not None and ticks.diff(oldest_ms, at_ms) > 0:
            setattr(call, name, oldest_ms)


def _on_time(call, now_ms, arg, actions):
    _move_old_instants(call, now_ms)
    _check_hold(call, now_ms, actions)
    if _can_be_stuck(call) and ticks.diff(now_ms, call.down_ms) > STUCK_MS:
        _to_fault(call, FAULT_BUTTON_STUCK, now_ms, actions)
    lasts_ms = _lasts_ms(call)
    if lasts_ms is not None and ticks.diff(now_ms, call.since_ms) >= lasts_ms and not _is_undecided(call):
        OVER[call.state](call, now_ms, actions)
    if call.state == FAULT and ticks.diff(now_ms, call.checked_ms) >= CHECK_EVERY_MS:
        _ask_check(call, now_ms, actions, ROUTINE)


def _sooner(one_ms, other_ms):
    return one_ms if ticks.diff(one_ms, other_ms) < 0 else other_ms


def _deadline(call):
    """The next instant at which TIME can change something."""
    soonest = ticks.add(call.aged_ms, AGE_MS)
    lasts_ms = _lasts_ms(call)
    if lasts_ms is not None and not _is_undecided(call):
        soonest = _sooner(soonest, ticks.add(call.since_ms, lasts_ms))
    hold_ms = _hold_ms(call) if call.is_down else 0
    if hold_ms or _can_be_stuck(call):
        soonest = _sooner(soonest, ticks.add(call.down_ms, hold_ms or STUCK_MS + 1))
    if call.state == FAULT:
        soonest = _sooner(soonest, ticks.add(call.checked_ms, CHECK_EVERY_MS))
    return soonest


# --- everything else that can happen ----------------------------------------------------------------------


def _take_check(call, now_ms):
    """Why the self-check ran that is answered now, or None: nobody asked, or so long ago that it was given up."""
    why, call.checking = call.checking, None
    return why if ticks.diff(now_ms, call.checked_ms) < CHECK_LIMIT_MS else None


def _is_held_stuck(call):
    """No self-check can end this fault: only letting go does."""
    return call.fault == FAULT_BUTTON_STUCK and call.is_down


def _on_check_passed(call, now_ms, arg, actions):
    why = _take_check(call, now_ms)
    if why and call.state == FAULT:
        if not _is_held_stuck(call):
            call.fault = 0
            _to_ready(call, None, now_ms, actions)
    elif why == PRESSED and call.state == READY:
        _begin_episode(call, now_ms)
        if call.rules["call.warnings_required"]:
            _to_warn(call, now_ms, actions)
        else:
            _to_enforce(call, now_ms, actions)


def _on_check_failed(call, now_ms, arg, actions):
    why = _take_check(call, now_ms)
    if why and call.state == FAULT:
        if not _is_held_stuck(call):
            call.fault = arg
    elif why and call.state == READY:
        _to_fault(call, arg, now_ms, actions)


def _on_prompt_started(call, now_ms, arg, actions):
    if call.state == ENFORCE and call.finished_ms is None:  # a warning's length is of no interest
        call.prompt_ms = arg
        call.prompt_since_ms = now_ms


def _on_prompt_done(call, now_ms, arg, actions):
    if call.state != ENFORCE or arg != CLOSING or call.finished_ms is not None:
        return
    if call.prompt_ms and ticks.diff(now_ms, call.prompt_since_ms) >= call.prompt_ms - PROMPT_SHORT_MS:
        call.finished_ms = now_ms
    else:  # never hang up without a word
        _to_fault(call, FAULT_PROMPT_DAMAGED, now_ms, actions)


def _on_prompt_failed(call, now_ms, arg, actions):
    # A warning that can't be played is said by the person; a closing that can't be played ends nothing.
    if call.state == ENFORCE and call.finished_ms is None:
        _to_fault(call, arg, now_ms, actions)


def _on_line_on_hook(call, now_ms, arg, actions):
    if call.state in (WARN, WATCH):
        actions.append((STOP, None))
        _to_ready(call, CALLER_LEFT, now_ms, actions)
    elif call.state == ENFORCE:
        actions.append((STOP, None))
        _to_recover(call, CALLER_LEFT, now_ms, actions)
    elif call.state == CONFIRM:
        call.dropped = True
        _time_confirm(call, now_ms, actions)
    elif call.state == RECOVER:
        call.handset_down = True


def _on_line_dropped(call, now_ms, arg, actions):
    if call.state in (RELEASE, CONFIRM):
        call.dropped = True


def _on_handset_down(call, now_ms, arg, actions):
    if call.state == RELEASE:
        call.dropped = True
        if call.rules["release.mode"] == "hangup":
            _to_confirm(call, now_ms, actions)
    elif call.state == RECOVER:
        call.handset_down = True


HANDLERS = {
    TIME: _on_time,
    BUTTON_DOWN: _on_down,
    BUTTON_UP: _on_up,
    BUTTON_LOST: _on_lost,
    CHECK_PASSED: _on_check_passed,
    CHECK_FAILED: _on_check_failed,
    PROMPT_STARTED: _on_prompt_started,
    PROMPT_DONE: _on_prompt_done,
    PROMPT_FAILED: _on_prompt_failed,
    LINE_ON_HOOK: _on_line_on_hook,
    LINE_DROPPED: _on_line_dropped,
    HANDSET_DOWN: _on_handset_down,
}
