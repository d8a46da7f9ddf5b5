"""Who may reach the device over USB, agreed between boot.py and code.py.

boot.py decides before USB starts, from `usb.access` and from how long the button is held at power-up, and leaves
its decision in `alarm.sleep_memory` for code.py (`endcall_device.crash` uses the bytes before it).
"""

import alarm

#: What boot.py decided.
CLOSED, OPEN, WINDOW, DEVELOP, RESCUE = range(5)
NAMES = ("closed", "open", "service window", "develop", "rescue")

_AT = 255  # the last byte of sleep_memory
_AGAIN_AT = 254  # whether a host that was let in asked for the restart that follows
_AGAIN = 0xA6


def decide(setting, held_s):
    """What the setting `usb.access` and a button held for `held_s` seconds at power-up come to."""
    if held_s >= 10:
        return RESCUE
    if setting == "develop":
        return DEVELOP
    if setting == "service":
        return WINDOW if held_s >= 5 else CLOSED
    return OPEN


def keep_open():
    """A host restarts the device: let it in once more, with the service window if there is one."""
    alarm.sleep_memory[_AGAIN_AT] = _AGAIN if find() == WINDOW else 0


def was_kept_open():
    """Whether the start before this one ended with `keep_open`. Says so once."""
    was = alarm.sleep_memory[_AGAIN_AT] == _AGAIN
    alarm.sleep_memory[_AGAIN_AT] = 0
    return was


def leave(decision):
    """boot.py's half."""
    alarm.sleep_memory[_AT] = decision


def find():
    """code.py's half; OPEN where boot.py did not run or left nothing that makes sense."""
    decision = alarm.sleep_memory[_AT]
    return decision if decision < len(NAMES) else OPEN
