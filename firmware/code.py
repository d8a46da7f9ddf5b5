"""Watchdog, which application starts, wiring, loop; nothing else."""

import time

import microcontroller
from watchdog import WatchDogMode

from endcall_device import access

DECISION = access.find()
IN_SERVICE = DECISION not in (access.DEVELOP, access.RESCUE)
if IN_SERVICE:  # with a REPL on the console the watchdog would bite whoever types
    microcontroller.watchdog.timeout = 8  # s; starting takes under 3
    microcontroller.watchdog.mode = WatchDogMode.RESET

import endcall_base  # noqa: E402
from endcall_core import line_program  # noqa: E402
from endcall_device import crash  # noqa: E402

if IN_SERVICE:
    crash.begin(microcontroller.cpu.reset_reason == microcontroller.ResetReason.WATCHDOG)

# A break that has begun ends by itself, at its full length or a second after the last renewal; a reset before that
# would cut it to one that the exchange takes for something else.
BREAK_S = 1 + line_program.LONGEST_MS // 1000

try:
    app, files = endcall_base.start(DECISION, IN_SERVICE, crash)
    del access, endcall_base, line_program
    if IN_SERVICE:
        microcontroller.watchdog.timeout = 4
    while True:
        app.turn()
except Exception as error:
    if not IN_SERVICE:
        raise
    crash.note(f"{type(error).__name__}: {error}")
    time.sleep(BREAK_S)
    microcontroller.reset()
