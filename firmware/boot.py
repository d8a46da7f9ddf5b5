"""Before USB: which ports exist, who owns the drive, and the way out for whoever holds the button.

Prints nothing: CircuitPython writes what boot.py prints to /boot_out.txt, and rewriting that file erases the
sectors that hold the whole file system.
"""

import time

import storage
import supervisor
import usb_cdc
import usb_hid
import usb_midi

# Before anything else is loaded: CircuitPython keeps these names in memory for good, and behind a grown heap they
# would cut 16 KB off the heap of code.py (measured on 10.2.1).
supervisor.set_usb_identification("endcall", "endcall button")

from endcall_core import layout, stored  # noqa: E402
from endcall_device import access, gpio, pins  # noqa: E402


def stored_access():
    """The setting `usb.access` in force, read without loading the settings table."""
    found = []
    for path in layout.STORE_PATHS:
        try:
            with open(path, "rb") as file:
                found.append(stored.decode_store(file.read()))
        except (OSError, ValueError):
            found.append(None)
    best = stored.newest(found[0], found[1])
    return best.values.get("usb.access", "open") if best else "open"


def held_s():
    """For how many seconds, 10 at most, the button is held from now on."""
    button = gpio.input_up(pins.BUTTON)
    began = time.monotonic()
    while not button.value and time.monotonic() - began < 10:
        time.sleep(0.01)
    button.deinit()
    return round(time.monotonic() - began)


decision = access.decide(stored_access(), held_s())
access.leave(decision)
usb_hid.disable()
usb_midi.disable()
if decision in (access.DEVELOP, access.RESCUE):
    usb_cdc.enable(console=True, data=True)
else:
    storage.disable_usb_drive()
    if decision == access.CLOSED:
        usb_cdc.disable()
    else:
        usb_cdc.enable(console=False, data=True)
