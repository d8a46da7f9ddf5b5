"""What survives a reset but not a power cut: why the last one happened, and how many there were.

Kept in `alarm.sleep_memory` (256 bytes of RAM): magic, resets in a row, length of the text, text; and, apart from
them, whether a program is in service, which only the watchdog ends without a word.
"""

import alarm

MAGIC = 0xEC
MANY = 3  # safe modes in a row: from then on safemode.py waits a minute between tries
_TEXT_MAX = 200
_SERVING_AT = 253  # `access` has the bytes behind it
_SERVING = 0x5A


def count():
    """Crashes in a row."""
    memory = alarm.sleep_memory
    return memory[1] if memory[0] == MAGIC else 0


def text():
    """What the last crash said, or ""."""
    memory = alarm.sleep_memory
    if memory[0] != MAGIC:
        return ""
    return bytes(memory[3 : 3 + min(memory[2], _TEXT_MAX)]).decode()


def note(said):
    """Count a crash and keep what it said (ASCII; cut to 200 characters).

    Without quotes and backslashes: JSON would double them, and `hello` must fit a frame with this text in it.
    """
    memory = alarm.sleep_memory
    crashes = min(255, count() + 1)
    said = said[-_TEXT_MAX:].replace('"', "'").replace("\\", "/")
    data = bytes([ord(char) if 32 <= ord(char) < 127 else 63 for char in said])
    memory[0] = MAGIC
    memory[1] = crashes
    memory[2] = len(data)
    memory[3 : 3 + len(data)] = data
    end()


def forgive():
    """Ten minutes went well: the next crash is the first again. The text is kept for `endcall info`."""
    if alarm.sleep_memory[0] == MAGIC:
        alarm.sleep_memory[1] = 0


def begin(was_bitten):
    """Service begins. Counts the run before it as a crash where the watchdog ended it: that run could say nothing."""
    if was_bitten and alarm.sleep_memory[_SERVING_AT] == _SERVING:
        note("the firmware hung; the watchdog restarted it")
    alarm.sleep_memory[_SERVING_AT] = _SERVING


def end():
    """The reset that comes now is wanted. CircuitPython calls it a watchdog's, too."""
    alarm.sleep_memory[_SERVING_AT] = 0
