"""What is kept through a reset, as bytes: the settings (with the prompt table) and the incident records.

Both carry a sequence number and a CRC-32, so a half-written one is recognised and the one before it holds.
"""

import binascii
import struct

from . import call, wire

# --- the settings record: text lines, each with its own CRC, behind a head line with the CRC of all ---------

STORE_BYTES = 4096  # one erase block


class Stored:
    """A settings record that was read. `damaged` counts lines whose CRC was wrong; 0 = the record is whole."""

    def __init__(self, sequence, values, prompts, damaged):
        self.sequence = sequence
        self.values = values
        self.prompts = prompts
        self.damaged = damaged


def encode_store(sequence, values, prompts):
    """The record as bytes. `values`: setting by key; `prompts`: [slot, bytes, crc] by file name.

    Raises ValueError when it would be larger than an erase block.
    """
    body = b"".join([wire.line([key, values[key]]) for key in sorted(values)])
    body += b"".join([wire.line({"prompt": name, "in": prompts[name]}) for name in sorted(prompts)])
    data = wire.line({"store": 1, "seq": sequence, "bytes": len(body), "crc": wire.crc(body)}) + body
    if len(data) > STORE_BYTES:
        raise ValueError(f"the settings take {len(data)} bytes, {STORE_BYTES} is the most")
    return data


def decode_store(data):
    """The `Stored` in `data`, or None where there is none.

    A record that fails its own CRC is read line by line, so that one damaged value costs one value.
    """
    data = bytes(data)
    at = data.find(b"\n") + 1
    head = wire.read_line(data[:at]) if at else None
    if not isinstance(head, dict) or head.get("store") != 1:
        return None
    body = data[at : at + head["bytes"]]
    is_whole = wire.crc(body) == head["crc"]
    values, prompts, damaged = {}, {}, 0
    for text in body.split(b"\n"):
        if not text:
            continue
        entry = wire.read_line(text)
        if isinstance(entry, list) and len(entry) == 2:
            values[entry[0]] = entry[1]
        elif isinstance(entry, dict) and "prompt" in entry:
            prompts[entry["prompt"]] = entry["in"]
        else:
            damaged += 1
    return Stored(head["seq"], values, prompts, 0 if is_whole else max(1, damaged))


def newest(first, second):
    """Which of two `Stored` (or None) is in force: the newest whole one, else the newest."""
    found = [stored for stored in (first, second) if stored]
    whole = [stored for stored in found if not stored.damaged]
    best = None
    for stored in whole or found:
        if best is None or stored.sequence > best.sequence:
            best = stored
    return best


# --- an incident record: 64 bytes ----------------------------------------------------------------------------

INCIDENT_BYTES = 64
_FORMAT = "<BBIIIIIBBBB4H"
_CRC_AT = 56
MARK_AT = 63  # left 0xFF by `encode_incident`; 0x00 once the rest is known to be written
MARK = 0
_MAGIC, _VERSION = 0xEC, 1
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
        sequence,
        boot,
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
        "outcome": call.OUTCOMES[outcome],
        "duration_s": duration_s,
        "warnings": warnings,
        "warned_s": list(warned_s[: min(4, warnings)]),
        "prompt_finished": bool(flags & _FINISHED),
        "release_mode": "hangup" if flags & _HANGUP else "flash",
        "attempts": attempts,
        "line_dropped": bool(flags & _DROPPED),
    }
