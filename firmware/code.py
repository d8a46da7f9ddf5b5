"""Watchdog, wiring, loop; nothing else."""

import microcontroller
from watchdog import WatchDogMode

from endcall_device import access

IN_SERVICE = access.find() not in (access.DEVELOP, access.RESCUE)
if IN_SERVICE:  # with a REPL on the console the watchdog would bite whoever types
    microcontroller.watchdog.timeout = 8  # s; starting takes under 3
    microcontroller.watchdog.mode = WatchDogMode.RESET

from endcall_device import crash  # noqa: E402

try:
    from endcall_device.pico import build

    app = build(access.find())
    while True:
        app.turn()
except Exception as error:
    if not IN_SERVICE:
        raise
    crash.note(f"{type(error).__name__}: {error}")
    microcontroller.reset()
