"""The second lock: where a device key is set, only who knows it changes anything. In memory only where one is set.

A request is signed by its last field, `mac`: HMAC-SHA256 (RFC 2104) with the key, over the nonce that `lock` told on
this connection, the frame's JSON up to that field, a line feed, and the payload. A line feed can't stand in a frame,
so no part of a payload is ever taken for a part of the frame.
"""

import binascii
import hashlib
import os

from .upload import UploadError

TRIES = 5  # wrong signatures since the start; then the window closes
NONCE_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256, RFC 2104's B
CRC_BYTES = 9  # of a frame's line, behind its JSON: a space and 8 hex digits
_FIELD = b',"mac":"'
_END = b'"}'
_TAIL = len(_FIELD) + 64 + len(_END)


class Lock:
    """Checks signatures made with `store.key` (32 bytes in hex). `left`: how many wrong ones it still bears."""

    def __init__(self, store):
        self.left = TRIES
        self._nonce = None
        self._last = -1
        self._store = store

    def begin(self, answer):
        """Put the connection's nonce into the `answer` to `lock`; asked twice, the same, as a frame may be doubled."""
        if self._store.key:
            if self._nonce is None:
                self._nonce = os.urandom(NONCE_BYTES)
                self._last = -1
            answer["nonce"] = binascii.hexlify(self._nonce).decode()
            answer["left"] = self.left

    def end(self):
        """The connection is over or begins anew, and its nonce with it."""
        self._nonce = None

    def check(self, device, reader):
        """Raise UploadError where the last frame of `reader` is not to be obeyed; after TRIES close the window.

        Of one nonce each id must be higher than the one before: nothing is obeyed twice, or late.
        """
        if not self._store.key:
            return
        text = bytes(memoryview(reader.line)[: reader.ended]).rstrip()[:-CRC_BYTES]
        at = len(text) - _TAIL
        if self._nonce is None or at < 0 or text[at : at + len(_FIELD)] != _FIELD or text[-len(_END) :] != _END:
            raise UploadError("locked", "this device has a key, and the request is not signed with it")
        if self.left <= 0:
            raise UploadError("wrong_key", "too many signatures were wrong; nothing is taken before the next power-up")
        payload = memoryview(reader.payload)[: reader.size]
        if not self._is_right(text[at + len(_FIELD) : -len(_END)], text[:at], payload):
            self.left -= 1
            if not self.left:
                device.close_window()
            raise UploadError("wrong_key", f"the signature is not that of the device's key; {self.left} tries are left")
        number = reader.frame["id"]
        if number <= self._last:
            raise UploadError("locked", "a request with this id or a later one was taken already")
        self._last = number

    def _is_right(self, mac, signed, payload):
        key = binascii.unhexlify(self._store.key)
        key += bytes(_BLOCK_BYTES - len(key))
        inner = hashlib.new("sha256", bytes([byte ^ 0x36 for byte in key]))
        inner.update(self._nonce)
        inner.update(signed)
        inner.update(b"\n")
        inner.update(payload)
        outer = hashlib.new("sha256", bytes([byte ^ 0x5C for byte in key]))
        outer.update(inner.digest())
        wrong = 0
        for ours, theirs in zip(binascii.hexlify(outer.digest()), mac):  # noqa: B905 - CircuitPython has no strict
            wrong |= ours ^ theirs  # all of it, whatever differs first: the time tells nothing
        return wrong == 0
