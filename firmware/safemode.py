"""After a hard fault or the like: back into service, three times; then a minute's pause between tries.

In safe mode no code runs and every pin floats, so the line is closed by its relay's spring and the phone works.
"""

import time

import microcontroller
import supervisor

from endcall_device import crash

crash.note(f"safe mode: {supervisor.runtime.safe_mode_reason}")
if crash.count() > crash.MANY:
    time.sleep(60)
microcontroller.reset()
