"""Frames of the serial protocol: one line of JSON, a space, its CRC-32 in 8 hex digits, a line feed.

A frame is at most 512 bytes. Its JSON object may announce `n` raw bytes (with `crc`, their CRC-32 in hex) that
follow the line feed at once. A sender puts a line feed in front too, so whatever garbage came before ends there
and the frame is read. Both sides use this module; the messages are in `endcall_core.messages`.
"""

import binascii
import json

FRAME_MAX = 512
PAYLOAD_MAX = 1024  # towards the device: what it keeps a buffer for


def crc(data):
    """CRC-32 (IEEE 802.3) of `data` as 8 hex digits."""
    return f"{binascii.crc32(data) & 0xFFFFFFFF:08x}"


def line(obj):
    """`obj` as one line with its CRC, without a line feed in front. Also the format of stored settings."""
    text = json.dumps(obj, separators=(",", ":")).encode()
    return text + b" " + crc(text).encode() + b"\n"


def read_line(data):
    """The object in one line (with or without its line feed), or None where the CRC or the JSON is wrong."""
    data = bytes(data).rstrip()
    text, mark = data[:-9], data[-9:]
    if mark[:1] != b" " or mark[1:] != crc(text).encode():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def frame(obj, payload=None):
    """`obj` (a dict) as bytes to send, followed by `payload` if there is one.

    Raises ValueError when the frame would be longer than 512 bytes.
    """
    if payload is not None:
        obj = dict(obj)
        obj["n"] = len(payload)
        obj["crc"] = crc(payload)
    head = b"\n" + line(obj)
    if len(head) > FRAME_MAX:
        raise ValueError(f"a frame of {len(head)} bytes; {FRAME_MAX} is the most")
    return head if payload is None else head + bytes(payload)


class Reader:
    """Takes bytes as they come and finds the frames in them.

    After `take` returned, `frame` is the dict of a complete frame or None. Its payload is the first `size` bytes
    of `payload`; `size` is 0 without one, and -1 where the payload was damaged or larger than the buffer.
    Nothing that arrives can make it hold more than its two buffers. `bad` counts what was thrown away.
    The frame's line is the first `ended` bytes of `line`, until more is taken.
    """

    def __init__(self, payload_max=PAYLOAD_MAX):
        self.payload = bytearray(payload_max)
        self.size = 0
        self.frame = None
        self.bad = 0
        self.line = bytearray(FRAME_MAX)
        self.ended = 0
        self._filled = 0
        self._is_skipping = False  # the line is too long already: wait for its end
        self._head = None  # the frame whose payload is being collected
        self._got = 0

    @property
    def is_waiting_for_payload(self):
        """Whether a frame was read whose payload is still incomplete."""
        return self._head is not None

    def reset(self):
        """Forget a frame or payload that is only half there."""
        self._filled = self._got = 0
        self._is_skipping = False
        self._head = self.frame = None

    def take(self, data, start, end):
        """Read `data[start:end]` (a bytearray or bytes) up to the end of one frame.

        Returns where it stopped. Call again with that as `start` until it equals `end`.
        """
        self.frame = None
        if self._head is not None:
            return self._take_payload(data, start, end)
        at = data.find(b"\n", start, end)
        stop = end if at < 0 else at
        room = FRAME_MAX - self._filled
        if stop - start > room or self._is_skipping:
            self._is_skipping = True
        else:
            self.line[self._filled : self._filled + stop - start] = memoryview(data)[start:stop]
            self._filled += stop - start
        if at < 0:
            return end
        self._end_line()
        return at + 1

    def _end_line(self):
        filled, self._filled = self._filled, 0
        if self._is_skipping:
            self._is_skipping = False
            self.bad += 1
        elif filled:
            head = read_line(memoryview(self.line)[:filled])
            if isinstance(head, dict):
                self.ended = filled
                self._begin(head)
            else:
                self.bad += 1

    def _begin(self, head):
        count = head.get("n", 0)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0 or count > len(self.payload):
            self.size = -1
            self.frame = head
        elif count:
            self._head = head
            self._got = 0
            self.size = count
        else:
            self.size = 0
            self.frame = head

    def _take_payload(self, data, start, end):
        stop = min(end, start + self.size - self._got)
        # A copy of it would take 16 times as long on the Pico, and litter its memory.
        self.payload[self._got : self._got + stop - start] = memoryview(data)[start:stop]
        self._got += stop - start
        if self._got == self.size:
            self.frame, self._head = self._head, None
            if crc(memoryview(self.payload)[: self.size]) != self.frame.get("crc"):
                self.size = -1
                self.bad += 1
        return stop
