"""The table of states, row by row: from a state, what happens, and what comes of it."""

from call_script import PROMPT_MS, Script

from endcall_core import call
from endcall_core.call import (
    BUTTON_DOWN,
    BUTTON_UP,
    CHECK_FAILED,
    CHECK_PASSED,
    CONFIRM,
    ENFORCE,
    FAULT,
    HANDSET_DOWN,
    LINE_DROPPED,
    LINE_ON_HOOK,
    PROMPT_DONE,
    PROMPT_FAILED,
    PROMPT_STARTED,
    READY,
    RECOVER,
    RELEASE,
    TIME,
    WARN,
    WATCH,
)

# Actions, written short
CHECK = ("CHECK", None)
CLOSING, WARNING = ("PLAY", "closing"), ("PLAY", "warning")
STOP, CLOSE, OPEN = ("STOP", None), ("CLOSE", None), ("HOLD_OPEN", None)
FLASH = ("FLASH", 600)


def record(outcome):
    return ("RECORD", outcome)


def press(at, down=100):
    return [(at, BUTTON_DOWN), (at + down, BUTTON_UP)]


def hold(at, ms=1000):
    """Down, and held until TIME has found it to be a hold."""
    return [(at, BUTTON_DOWN), (at + ms, TIME)]


PLAYED = [(0, PROMPT_STARTED, PROMPT_MS), (PROMPT_MS, PROMPT_DONE, "closing")]
LOOP = {"line.sense": "loop"}
HANGUP = {"release.mode": "hangup"}
BOTH = {"line.sense": "loop", "release.mode": "hangup"}
THREAT = {"call.threat_hold_ms": 1500}

# (settings, state, events in ms after its beginning, state after them, all their actions)
READY_ROWS = (
    ({}, READY, [(0, BUTTON_DOWN)], READY, [CHECK]),
    ({}, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED)], WARN, [CHECK]),
    ({}, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED), (100, BUTTON_UP)], WARN, [CHECK]),
    ({"prompt.warning": "w.wav"}, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED)], WARN, [CHECK, WARNING]),
    ({}, READY, [(0, BUTTON_DOWN), (9, CHECK_FAILED, call.FAULT_SPEAKER)], FAULT, [CHECK]),
    ({"call.warnings_required": 0}, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED)], ENFORCE, [CHECK, CLOSING]),
    ({"call.warnings_required": 0}, READY, [(0, BUTTON_DOWN), (9, CHECK_FAILED, 1)], FAULT, [CHECK]),
    # a hold means nothing more than its press, unless the threat gesture is on
    ({}, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED), (1000, TIME), (2000, TIME), (2100, BUTTON_UP)], WARN, [CHECK]),
    (THREAT, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED), (1499, TIME)], WARN, [CHECK]),
    (THREAT, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED), (1499, BUTTON_UP)], WARN, [CHECK]),
    (THREAT, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED), (1500, TIME)], ENFORCE, [CHECK, CLOSING]),
    (THREAT, READY, [(0, BUTTON_DOWN), (9, CHECK_PASSED), (1500, BUTTON_UP)], ENFORCE, [CHECK, CLOSING]),
    (THREAT, READY, [(0, BUTTON_DOWN), (9, CHECK_FAILED, 1), (1500, TIME)], FAULT, [CHECK]),
    # nothing else moves it
    ({}, READY, [(600000, TIME)], READY, []),
    ({}, READY, [(0, LINE_ON_HOOK), (0, LINE_DROPPED), (0, HANDSET_DOWN)], READY, []),
    ({}, READY, [(0, CHECK_PASSED), (0, CHECK_FAILED, 1)], READY, []),
    ({}, READY, [(0, PROMPT_STARTED, 9), (9, PROMPT_DONE, "closing"), (9, PROMPT_FAILED, 3)], READY, []),
)

WARN_ROWS = (
    # a press is judged by its leading edge, and taken when the button is let go
    ({}, WARN, press(4999), WARN, []),
    ({}, WARN, [(5000, BUTTON_DOWN)], WARN, []),
    ({}, WARN, press(5000), ENFORCE, [CLOSING]),
    ({}, WARN, press(4999) + press(5200), ENFORCE, [CLOSING]),
    ({"call.min_warn_s": 0}, WARN, press(1), ENFORCE, [CLOSING]),
    ({"call.warnings_required": 2}, WARN, press(4999), WARN, []),
    ({"call.warnings_required": 2}, WARN, press(5000), WARN, []),
    ({"call.warnings_required": 2, "prompt.warning": "w.wav"}, WARN, press(5000), WARN, [WARNING]),
    ({"call.warnings_required": 2}, WARN, press(5000) + press(10099), WARN, []),
    ({"call.warnings_required": 2}, WARN, press(5000) + press(10100), ENFORCE, [CLOSING]),
    ({"call.warnings_required": 3}, WARN, press(5000) + press(10100), WARN, []),
    ({"call.warnings_required": 3}, WARN, press(5000) + press(10100) + press(15200), ENFORCE, [CLOSING]),
    ({}, WARN, hold(0, 999), WARN, []),
    ({}, WARN, hold(0), READY, [STOP, record("cancelled")]),
    ({}, WARN, [(0, BUTTON_DOWN), (1000, BUTTON_UP)], READY, [STOP, record("cancelled")]),
    ({"button.hold_ms": 3000}, WARN, hold(0, 2999), WARN, []),
    ({"button.hold_ms": 3000}, WARN, hold(0, 3000), READY, [STOP, record("cancelled")]),
    ({}, WARN, [(29999, TIME)], WARN, []),
    ({}, WARN, [(30000, TIME)], WATCH, []),
    # a gesture that has begun means what it meant then: the state waits for it
    ({}, WARN, [(29999, BUTTON_DOWN), (30000, TIME), (30998, TIME)], WARN, []),
    ({}, WARN, [(29999, BUTTON_DOWN), (30999, TIME)], READY, [STOP, record("cancelled")]),
    ({}, WARN, [(29999, BUTTON_DOWN), (30000, TIME), (30500, BUTTON_UP)], ENFORCE, [CLOSING]),
    ({"call.min_warn_s": 20, "call.warn_s": 21}, WARN, press(19990) + [(21000, TIME)], WATCH, []),
    ({}, WARN, [(0, LINE_ON_HOOK)], READY, [STOP, record("caller_left")]),
    ({}, WARN, [(1, LINE_DROPPED), (1, HANDSET_DOWN), (1, CHECK_PASSED), (1, CHECK_FAILED, 1)], WARN, []),
    ({}, WARN, [(0, PROMPT_STARTED, 9), (9, PROMPT_DONE, "warning"), (9, PROMPT_DONE, "closing")], WARN, []),
    ({}, WARN, [(0, PROMPT_FAILED, call.FAULT_PROMPT_MISSING)], WARN, []),
)

WATCH_ROWS = (
    ({}, WATCH, press(0), ENFORCE, [CLOSING]),
    ({}, WATCH, press(179000), ENFORCE, [CLOSING]),
    ({"call.warnings_required": 2}, WATCH, press(0), WARN, []),
    ({"call.warnings_required": 2}, WATCH, press(0) + press(5000), WARN, []),
    ({"call.warnings_required": 2}, WATCH, press(0) + press(5100), ENFORCE, [CLOSING]),
    ({}, WATCH, hold(0, 999), WATCH, []),
    ({}, WATCH, hold(0), READY, [STOP, record("cancelled")]),
    ({}, WATCH, [(179999, TIME)], WATCH, []),
    ({}, WATCH, [(180000, TIME)], READY, [record("resolved")]),
    ({"call.watch_s": 0}, WATCH, [(0, TIME)], READY, [record("resolved")]),
    ({"call.watch_s": 3600}, WATCH, [(3599999, TIME)], WATCH, []),
    ({"call.watch_s": 3600}, WATCH, [(3600000, TIME)], READY, [record("resolved")]),
    ({}, WATCH, [(179999, BUTTON_DOWN), (180000, TIME)], WATCH, []),
    ({}, WATCH, [(179999, BUTTON_DOWN), (180000, TIME), (180100, BUTTON_UP)], ENFORCE, [CLOSING]),
    ({}, WATCH, [(5, LINE_ON_HOOK)], READY, [STOP, record("caller_left")]),
    ({}, WATCH, [(5, LINE_DROPPED), (5, HANDSET_DOWN), (5, CHECK_PASSED), (5, PROMPT_FAILED, 3)], WATCH, []),
)

ENFORCE_ROWS = (
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS)] + press(1000) + press(2000), ENFORCE, []),
    ({}, ENFORCE, PLAYED, ENFORCE, []),
    ({}, ENFORCE, PLAYED + [(PROMPT_MS + 799, TIME)], ENFORCE, []),
    ({}, ENFORCE, PLAYED + [(PROMPT_MS + 800, TIME)], RELEASE, [FLASH]),
    ({"call.grace_ms": 0}, ENFORCE, PLAYED + [(PROMPT_MS, TIME)], RELEASE, [FLASH]),
    ({"call.grace_ms": 10000}, ENFORCE, PLAYED + [(PROMPT_MS + 9999, TIME)], ENFORCE, []),
    ({"call.grace_ms": 10000}, ENFORCE, PLAYED + [(PROMPT_MS + 10000, TIME)], RELEASE, [FLASH]),
    ({"release.flash_ms": 1500}, ENFORCE, PLAYED + [(PROMPT_MS + 800, TIME)], RELEASE, [("FLASH", 1500)]),
    (HANGUP, ENFORCE, PLAYED + [(PROMPT_MS + 800, TIME)], RELEASE, [OPEN]),
    # a sincere apology, in the prompt and in the grace
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS)] + hold(500, 999), ENFORCE, []),
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS)] + hold(500), WATCH, [STOP]),
    ({}, ENFORCE, PLAYED + hold(PROMPT_MS + 100), WATCH, [STOP]),
    ({}, ENFORCE, hold(0) + [(1100, BUTTON_UP), (181000, TIME)], READY, [STOP, record("apology")]),
    ({}, ENFORCE, hold(0) + [(1100, BUTTON_UP)] + hold(2000), READY, [STOP, STOP, record("apology")]),
    ({}, ENFORCE, hold(0) + [(1100, BUTTON_UP)] + press(2000), ENFORCE, [STOP, CLOSING]),
    ({}, ENFORCE, hold(0) + [(1100, BUTTON_UP), (1200, LINE_ON_HOOK)], READY, [STOP, STOP, record("caller_left")]),
    # the line waits while the button is down, whatever it will turn out to mean
    ({}, ENFORCE, PLAYED + [(PROMPT_MS + 700, BUTTON_DOWN), (PROMPT_MS + 800, TIME)], ENFORCE, []),
    (
        {},
        ENFORCE,
        PLAYED + [(PROMPT_MS + 700, BUTTON_DOWN), (PROMPT_MS + 900, BUTTON_UP), (PROMPT_MS + 900, TIME)],
        RELEASE,
        [FLASH],
    ),
    ({}, ENFORCE, PLAYED + [(PROMPT_MS + 700, BUTTON_DOWN), (PROMPT_MS + 1700, TIME)], WATCH, [STOP]),
    # the prompt has to be heard to its end
    ({}, ENFORCE, [(0, PROMPT_FAILED, 1)], FAULT, [STOP, CLOSE, record("fault")]),
    ({}, ENFORCE, [(0, PROMPT_DONE, "closing")], FAULT, [STOP, CLOSE, record("fault")]),
    (
        {},
        ENFORCE,
        [(0, PROMPT_STARTED, PROMPT_MS), (PROMPT_MS - 101, PROMPT_DONE, "closing")],
        FAULT,
        [STOP, CLOSE, record("fault")],
    ),
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS), (PROMPT_MS - 100, PROMPT_DONE, "closing")], ENFORCE, []),
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS), (3000, PROMPT_DONE, "warning")], ENFORCE, []),
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS), (19999, TIME)], ENFORCE, []),
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS), (20000, TIME)], FAULT, [STOP, CLOSE, record("fault")]),
    ({}, ENFORCE, [(20000, TIME)], FAULT, [STOP, CLOSE, record("fault")]),
    ({}, ENFORCE, PLAYED + [(PROMPT_MS, PROMPT_FAILED, 3), (PROMPT_MS, PROMPT_DONE, "closing")], ENFORCE, []),
    ({}, ENFORCE, [(0, PROMPT_STARTED, PROMPT_MS), (9, LINE_ON_HOOK)], RECOVER, [STOP, record("caller_left")]),
    ({}, ENFORCE, PLAYED + [(PROMPT_MS + 9, LINE_ON_HOOK)], RECOVER, [STOP, record("caller_left")]),
    ({}, ENFORCE, [(0, LINE_DROPPED), (0, HANDSET_DOWN), (0, CHECK_PASSED), (0, CHECK_FAILED, 1)], ENFORCE, []),
)

RELEASE_ROWS = (
    ({}, RELEASE, press(0), RELEASE, []),
    ({}, RELEASE, [(0, BUTTON_DOWN), (619, TIME)], RELEASE, []),
    ({}, RELEASE, [(619, TIME)], RELEASE, []),
    ({}, RELEASE, [(620, TIME)], RECOVER, [CLOSE, record("enforced")]),
    (LOOP, RELEASE, [(620, TIME)], CONFIRM, [CLOSE]),
    ({}, RELEASE, [(0, HANDSET_DOWN)], RELEASE, []),
    ({}, RELEASE, [(0, LINE_ON_HOOK), (0, CHECK_FAILED, 1), (0, PROMPT_FAILED, 3)], RELEASE, []),
    (HANGUP, RELEASE, press(0), RELEASE, []),
    (HANGUP, RELEASE, hold(0, 999), RELEASE, []),
    (HANGUP, RELEASE, hold(0), RECOVER, [CLOSE, record("enforced")]),
    (HANGUP, RELEASE, [(11999, TIME)], RELEASE, []),
    (HANGUP, RELEASE, [(12000, TIME)], RECOVER, [CLOSE, record("enforced")]),
    (HANGUP, RELEASE, [(500, HANDSET_DOWN)], RECOVER, [CLOSE, record("enforced")]),
    (BOTH, RELEASE, [(500, HANDSET_DOWN)], CONFIRM, [CLOSE]),
    (BOTH, RELEASE, [(500, LINE_DROPPED)], RELEASE, []),
    ({"release.mode": "hangup", "release.hold_s": 180}, RELEASE, [(179999, TIME)], RELEASE, []),
    (HANGUP, RELEASE, [(500, LINE_ON_HOOK)], RELEASE, []),
)

CONFIRM_ROWS = (
    (LOOP, CONFIRM, press(0), CONFIRM, []),
    (LOOP, CONFIRM, hold(0, 400), CONFIRM, []),
    (LOOP, CONFIRM, [(449, TIME)], CONFIRM, []),
    (LOOP, CONFIRM, [(0, LINE_DROPPED), (449, TIME)], CONFIRM, []),
    (LOOP, CONFIRM, [(0, LINE_DROPPED), (450, TIME)], RECOVER, [record("enforced")]),
    (LOOP, CONFIRM, [(0, LINE_ON_HOOK)], RECOVER, [record("enforced")]),
    (LOOP, CONFIRM, [(450, TIME)], RELEASE, [FLASH]),
    (LOOP, CONFIRM, [(450, TIME), (1070, TIME)], CONFIRM, [FLASH, CLOSE]),
    (
        LOOP,
        CONFIRM,
        [(450, TIME), (1070, TIME), (1520, TIME)],
        FAULT,
        [FLASH, CLOSE, STOP, CLOSE, record("fault")],
    ),
    (
        LOOP,
        CONFIRM,
        [(450, TIME), (500, LINE_DROPPED), (1070, TIME), (1520, TIME)],
        RECOVER,
        [FLASH, CLOSE, record("enforced")],
    ),
    ({"line.sense": "loop", "release.retries": 0}, CONFIRM, [(450, TIME)], FAULT, [STOP, CLOSE, record("fault")]),
    (BOTH, CONFIRM, [(450, TIME)], RELEASE, [OPEN]),
    (LOOP, CONFIRM, [(0, HANDSET_DOWN), (0, CHECK_FAILED, 1), (0, PROMPT_FAILED, 3)], CONFIRM, []),
)

RECOVER_ROWS = (
    ({}, RECOVER, [(0, BUTTON_DOWN)], READY, []),
    ({}, RECOVER, press(0), READY, []),
    ({}, RECOVER, [(0, BUTTON_DOWN), (1000, TIME), (1500, TIME), (1600, BUTTON_UP)], READY, []),
    (THREAT, RECOVER, [(0, BUTTON_DOWN), (1500, TIME), (1600, BUTTON_UP)], READY, []),
    ({}, RECOVER, [(59999, TIME)], RECOVER, []),
    ({}, RECOVER, [(60000, TIME)], READY, []),
    ({"call.recover_s": 0}, RECOVER, [(0, TIME)], READY, []),
    ({}, RECOVER, [(0, LINE_ON_HOOK), (0, HANDSET_DOWN), (0, LINE_DROPPED)], RECOVER, []),
    ({}, RECOVER, [(0, CHECK_FAILED, 1), (0, PROMPT_DONE, "closing"), (0, PROMPT_FAILED, 1)], RECOVER, []),
)

FAULT_ROWS = (
    ({}, FAULT, [(1000, BUTTON_DOWN)], FAULT, [CHECK]),
    ({}, FAULT, [(1000, BUTTON_DOWN), (1009, CHECK_PASSED)], READY, [CHECK]),
    ({}, FAULT, [(1000, BUTTON_DOWN), (1009, CHECK_PASSED), (1100, BUTTON_UP)], READY, [CHECK]),
    ({}, FAULT, [(1000, BUTTON_DOWN), (1009, CHECK_FAILED, 2), (1100, BUTTON_UP)], FAULT, [CHECK]),
    (THREAT, FAULT, [(1000, BUTTON_DOWN), (1009, CHECK_PASSED), (2500, TIME), (4000, TIME)], READY, [CHECK]),
    ({}, FAULT, [(59999, TIME)], FAULT, []),
    ({}, FAULT, [(60000, TIME)], FAULT, [CHECK]),
    ({}, FAULT, [(60000, TIME), (60009, CHECK_PASSED)], READY, [CHECK]),
    ({}, FAULT, [(60000, TIME), (60009, CHECK_FAILED, 3), (119999, TIME)], FAULT, [CHECK]),
    ({}, FAULT, [(60000, TIME), (60009, CHECK_FAILED, 3), (120000, TIME)], FAULT, [CHECK, CHECK]),
    ({}, FAULT, [(0, CHECK_PASSED), (0, CHECK_FAILED, 1), (0, LINE_ON_HOOK), (0, LINE_DROPPED)], FAULT, []),
    ({}, FAULT, [(0, PROMPT_STARTED, 9), (0, PROMPT_DONE, "closing"), (0, HANDSET_DOWN)], FAULT, []),
)


def run(row):
    changes, state, events, after, actions = row
    script = Script(changes).reach(state)
    begin = script.now if state != READY else 1000
    said = []
    for event in events:
        arg = event[2] if len(event) > 2 else None
        said += script.at(begin + event[0], event[1], arg)
    if script.state != after or said != actions:
        raise AssertionError(f"{row}\n  became {script.state} {said}")


def run_all(rows, state):
    assert rows
    for row in rows:
        assert row[1] == state
        run(row)


def test_ready():
    run_all(READY_ROWS, READY)


def test_warn():
    run_all(WARN_ROWS, WARN)


def test_watch():
    run_all(WATCH_ROWS, WATCH)


def test_enforce():
    run_all(ENFORCE_ROWS, ENFORCE)


def test_release():
    run_all(RELEASE_ROWS, RELEASE)


def test_confirm():
    run_all(CONFIRM_ROWS, CONFIRM)


def test_recover():
    run_all(RECOVER_ROWS, RECOVER)


def test_fault():
    run_all(FAULT_ROWS, FAULT)
