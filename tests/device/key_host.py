"""A host that has a device's key."""

from __future__ import annotations

from endcall import keys
from endcall.desk.desk import Desk

from .host import Host

KEY, OTHER = "0f" * 32, "a1" * 32


class KeyHost(Host):
    """Signs what it sends with `key` and the nonce of its connection."""

    def __init__(self, desk: Desk, key: str = KEY) -> None:
        super().__init__(desk)
        self.key = key
        self.nonce = self.ok("lock")["nonce"]

    def signed(self, do: str, payload: bytes | None = None, **fields: object) -> bytes:
        """The bytes of a signed request, with the next number."""
        self.number += 1
        return keys.signed({"id": self.number, "do": do, **fields}, payload, self.key, self.nonce)

    def ask_signed(self, do: str, payload: bytes | None = None, **fields: object) -> dict:
        """The whole answer to a signed request."""
        self.send(self.signed(do, payload, **fields))
        return self.answer()
