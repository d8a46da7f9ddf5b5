"""Who may reach the device over USB, agreed between boot.py and code.py.

boot.py decides before USB starts, from `usb.access` and from how long the button is held at power-up, and leaves
its decision in `alarm.sleep_memory` for code.py (`endcall_device.crash` uses the bytes before it).
"""

import alarm

#: What boot.py decided.
CLOSED, OPEN, WINDOW, DEVELOP, RESCUE = range(5)
NAMES = ("closed", "open", "service window", "develop", "rescue")

_AT = 255  # the last byte of sleep_memory


def decide(setting, held_s):
    """What the setting `usb.access` and a button held for `held_s` seconds at power-up come to."""
    if held_s >= 10:
        return RESCUE
    if setting == "develop":
        return DEVELOP
    if setting == "service":
        return WINDOW if held_s >= 5 else CLOSED
    return OPEN


def leave(decision):
    """boot.py's half."""
    alarm.sleep_memory[_AT] = decision


def find():
    """code.py's half; OPEN where boot.py did not run or left nothing that makes sense."""
    decision = alarm.sleep_memory[_AT]
    return decision if decision < len(NAMES) else OPEN
