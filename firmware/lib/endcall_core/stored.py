"""The settings record as bytes: every setting and the prompt table, behind a sequence number and a CRC-32.

Text lines, each with a CRC of its own, behind a head line with the CRC of all: a record that was half written is
recognised and the one before it holds; a record with one bad byte costs one value. The device key, where one is set,
stands in the head line: without its key a record does not count. `boot.py` reads it too, so this module imports next
to nothing.
"""

from . import wire

STORE_BYTES = 4096  # one erase block


class Stored:
    """A settings record that was read. `damaged` counts lines whose CRC was wrong; 0 = the record is whole.

    key: the device key in hex, "" = none.
    """

    def __init__(self, sequence, values, prompts, damaged, key=""):
        self.sequence = sequence
        self.values = values
        self.prompts = prompts
        self.damaged = damaged
        self.key = key


def _entries(values, prompts):
    for key in sorted(values):
        yield [key, values[key]]
    for name in sorted(prompts):
        yield {"prompt": name, "in": prompts[name]}


class Record:
    """The record of `values` (setting by key), `prompts` ([slot, bytes, crc] by file name) and `key`, made in steps.

    All at once takes a Pico 40 ms. Call `turn` until it returns True, then `data`.
    """

    LINES_PER_TURN = 6

    def __init__(self, values, prompts, key=""):
        self.values = values
        self.prompts = prompts
        self.key = key
        self._entries = list(_entries(values, prompts))
        self._at = 0
        self._body = b""

    def turn(self):
        """Encode some of it; True when all is done, else None."""
        some = self._entries[self._at : self._at + Record.LINES_PER_TURN]
        self._at += len(some)
        self._body += b"".join([wire.line(entry) for entry in some])
        return None if self._at < len(self._entries) else True

    def data(self, sequence):
        """The record as bytes. Raises ValueError when it would be larger than an erase block."""
        body = self._body
        head = {"store": 1, "seq": sequence, "bytes": len(body), "crc": wire.crc(body)}
        if self.key:
            head["key"] = self.key
        data = wire.line(head) + body
        if len(data) > STORE_BYTES:
            raise ValueError(f"the settings take {len(data)} bytes, {STORE_BYTES} is the most")
        return data


def encode_store(sequence, values, prompts, key=""):
    """A `Record` at once."""
    record = Record(values, prompts, key)
    while not record.turn():
        pass
    return record.data(sequence)


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
    return Stored(head["seq"], values, prompts, 0 if is_whole else max(1, damaged), head.get("key", ""))


def newest(first, second):
    """Which of two `Stored` (or None) is in force: the newest whole one, else the newest."""
    found = [stored for stored in (first, second) if stored]
    whole = [stored for stored in found if not stored.damaged]
    best = None
    for stored in whole or found:
        if best is None or stored.sequence > best.sequence:
            best = stored
    return best
