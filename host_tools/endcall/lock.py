"""A device's key: given, changed, taken away, looked at. Where keys are kept: `endcall.keys`."""

from __future__ import annotations

from typing import Any

from endcall import keys, restart
from endcall.client import Client
from endcall.connect import Choice
from endcall.errors import EndcallError, LinkError, NotVerifiedError


def status(client: Client) -> dict[str, Any]:
    """Whether the device has a key, whether it is `in_force`, how many wrong tries are `left`, and what is known here.

    No try is spent to see whether the key that is known here is the right one.
    """
    told = client.lock()
    return {
        "set": told["set"],
        "in_force": "nonce" in told,
        "left": told.get("left"),
        "known": bool(told["set"] and keys.of(_serial(client))),
    }


def give(client: Client, choice: Choice) -> dict[str, Any]:
    """Give the device a fresh key, keep it on this computer, and see that it is in force. A first one needs a restart.

    Raises LockedError where it has a key that this computer does not know, and as `Client.ask`.
    """
    serial = _serial(client)
    was_in_force = "nonce" in client.lock()
    before = _proved(client)
    fresh = keys.new()
    kept = keys.keep(serial, [fresh, *before])  # first: a device must never have a key that nobody knows
    try:
        client.set_key(fresh)
    except LinkError:
        raise  # it may have the new one or the one before; both are kept, and both are tried
    except EndcallError:
        keys.keep(serial, before)
        raise
    keys.keep(serial, [fresh])
    if was_in_force:
        _see_that_it_counts(client)
    else:
        with restart.restart(client, choice) as again:
            _see_that_it_counts(again)
    return {"kept": kept, "changed": was_in_force}


def take_away(client: Client) -> dict[str, Any]:
    """Remove the device's key, on the device and on this computer. Raises as `give`."""
    was_set = client.lock()["set"]
    if was_set:
        _proved(client)
        client.set_key("")
        if client.lock()["set"]:
            raise NotVerifiedError("The device still has its key.", "", "Repeat the command.")
    keys.keep(_serial(client), [])
    return {"removed": was_set}


def _serial(client: Client) -> str:
    return str(client.identity.get("serial", ""))


def _proved(client: Client) -> list[str]:
    """The key that the device has, once it took it; where none is in force, all that this computer keeps."""
    if "nonce" not in client.lock():
        return keys.of(_serial(client))
    return [client.prove_key()]


def _see_that_it_counts(client: Client) -> None:
    if "nonce" not in client.lock():
        raise NotVerifiedError("The device did not keep its key.", "It can be changed by anybody.", "Repeat it.")
    client.prove_key()
