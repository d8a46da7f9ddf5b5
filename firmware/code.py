"""Watchdog, wiring, loop; nothing else."""

import time

import microcontroller
from watchdog import WatchDogMode

from endcall_device import access

IN_SERVICE = access.find() not in (access.DEVELOP, access.RESCUE)
if IN_SERVICE:  # with a REPL on the console the watchdog would bite whoever types
    microcontroller.watchdog.timeout = 8  # s; starting takes under 3
    microcontroller.watchdog.mode = WatchDogMode.RESET

from endcall_core import line_program  # noqa: E402
from endcall_device import crash  # noqa: E402

try:
    from endcall_device.pico import build

    app = build(access.find())
    if IN_SERVICE:
        microcontroller.watchdog.timeout = 4
    while True:
        app.turn()
except Exception as error:
    if not IN_SERVICE:
        raise
    crash.note(f"{type(error).__name__}: {error}")
    # A break that has begun ends by itself, at its full length or a second after the last renewal; a reset now would
    # cut it to one that the exchange takes for something else.
    time.sleep(1 + line_program.LONGEST_MS // 1000)
    microcontroller.reset()
