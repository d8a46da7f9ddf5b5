"""Before USB: which ports exist, who owns the drive, and the way out for whoever holds the button.

Prints nothing: CircuitPython writes what boot.py prints to /boot_out.txt, and rewriting that file erases the
sectors that hold the whole file system.
"""

import os
import time

import board
import microcontroller
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


def name_this_chip():
    """Put this chip's number into /boot_out.txt, where the drive's image could only carry another's.

    CircuitPython compares that file with what it would say, and writes it anew where they differ: five erases, the
    FAT and the root folder among them, and a power cut in between can cost the drive. Overwriting its one sector
    leaves the FAT alone, and a reset with the file still open leaves the folder alone. What a power cut leaves in that
    sector is mended at the next start. All this happens once in a device's life.
    """
    system = os.uname()
    number = "".join([f"{byte:02X}" for byte in microcontroller.cpu.uid])
    said = f"Adafruit CircuitPython {system.version}; {system.machine}\r\nBoard ID:{board.board_id}\r\nUID:"
    wanted = f"{said}{number}\r\nboot.py output:\r\n".encode()
    try:
        with open("/boot_out.txt", "rb") as file:
            found = file.read()
        is_damaged = max(found) > 127
        if found == wanted or len(found) != len(wanted) or not (is_damaged or found.startswith(said.encode())):
            return  # right; or CircuitPython would say something else, and does so its own way
        from endcall_device.blocks import SECTOR_BYTES, BlockFile

        storage.remount("/", readonly=False)
        try:
            file = BlockFile("/boot_out.txt", SECTOR_BYTES)
            file.write(0, wanted)
            file.sync()
            written = bytearray(len(wanted))
            file.read_into(0, written)
            if written == wanted:
                microcontroller.reset()
        finally:
            storage.remount("/", readonly=True)
    except (OSError, RuntimeError, ValueError):
        pass  # then CircuitPython does it its own way


def held_s():
    """For how many seconds, 10 at most, the button is held from now on."""
    button = gpio.input_up(pins.BUTTON)
    began = time.monotonic()
    while not button.value and time.monotonic() - began < 10:
        time.sleep(0.01)
    button.deinit()
    return round(time.monotonic() - began)


name_this_chip()
decision = access.decide(stored_access(), held_s())
if access.was_kept_open() and decision == access.CLOSED:
    decision = access.WINDOW
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
