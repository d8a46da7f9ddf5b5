"""An incident record as 64 bytes: what is kept of a finished episode.

It carries a sequence number, a CRC-32 and a commit mark, so one that was half written is recognised and skipped.
"""

import binascii
import struct

from . import call

INCIDENT_BYTES = 64
_FORMAT = "<BBIIIIIBBBB4H"
_CRC_AT = 56
MARK_AT = 63  # left 0xFF by `encode_incident`; 0x00 once the rest is known to be written
MARK = 0
_MAGIC, _VERSION = 0xEC, 1
_MOST = (1 << 32) - 1
_FINISHED, _DROPPED, _HANGUP = 1, 2, 4


def encode_incident(incident, boot, sequence, uptime_s, epoch_s):
    """A `call.Incident` as 64 bytes without the commit mark.

    boot: how many boots had recorded something, this one included. uptime_s: since power-up. epoch_s: UTC, or 0
    where no host has told the time.
    """
    flags = (
        (_FINISHED if incident.finished else 0)
        | (_DROPPED if incident.dropped else 0)
        | (_HANGUP if incident.mode == "hangup" else 0)
    )
    warned_s = [min(0xFFFF, at) for at in incident.warned_s[:4]]
    data = bytearray(b"\xff" * INCIDENT_BYTES)
    struct.pack_into(
        _FORMAT,
        data,
        0,
        _MAGIC,
        _VERSION,
        min(sequence, _MOST),
        min(boot, _MOST),
        uptime_s,
        epoch_s,
        incident.duration_s,
        call.OUTCOMES.index(incident.outcome),
        flags,
        min(255, incident.attempts),
        len(incident.warned_s),
        *(warned_s + [0xFFFF] * (4 - len(warned_s))),
    )
    struct.pack_into("<I", data, _CRC_AT, binascii.crc32(data[:_CRC_AT]) & 0xFFFFFFFF)
    return data


def is_incident(data, at=0):
    """Whether a complete, committed record lies at `data[at:at + 64]`."""
    return (
        data[at] == _MAGIC
        and data[at + MARK_AT] == MARK
        and struct.unpack_from("<I", data, at + _CRC_AT)[0] == binascii.crc32(data[at : at + _CRC_AT]) & 0xFFFFFFFF
    )


def sequence_of(data, at=0):
    """The sequence number of the record at `data[at:]` (which must be one)."""
    return struct.unpack_from("<I", data, at + 2)[0]


def boot_of(data, at=0):
    """The boot number of the record at `data[at:]` (which must be one)."""
    return struct.unpack_from("<I", data, at + 6)[0]


def decode_incident(data):
    """64 bytes as a dict, for people and programs; None where they are no committed record."""
    data = bytes(data)
    if len(data) != INCIDENT_BYTES or not is_incident(data):
        return None
    _, _, sequence, boot, uptime_s, epoch_s, duration_s, outcome, flags, attempts, warnings, *warned_s = (
        struct.unpack_from(_FORMAT, data, 0)
    )
    return {
        "sequence": sequence,
        "boot": boot,
        "uptime_s": uptime_s,
        "epoch_s": epoch_s or None,
        "outcome": call.OUTCOMES[outcome] if outcome < len(call.OUTCOMES) else "unknown",  # of a newer firmware
        "duration_s": duration_s,
        "warnings": warnings,
        "warned_s": list(warned_s[: min(4, warnings)]),
        "prompt_finished": bool(flags & _FINISHED),
        "release_mode": "hangup" if flags & _HANGUP else "flash",
        "attempts": attempts,
        "line_dropped": bool(flags & _DROPPED),
    }
