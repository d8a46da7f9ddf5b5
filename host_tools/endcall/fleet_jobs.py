"""What is done on one device of a fleet: planned, applied, looked at."""

from __future__ import annotations

import time
from typing import Any

from endcall import settings_file
from endcall.client import Client
from endcall.fleet import Tell, check_firmware
from endcall.fleet_file import CURRENT, Entry
from endcall_core import settings, wire
from endcall_core.version import FIRMWARE

TELL_S = 0.2  # between two looks at how far a prompt is
AS_IN_FILE = "as in the file"


def plan(client: Client, entry: Entry, tell: Tell) -> dict[str, Any]:
    """What `apply` would do."""
    before = client.get()
    values, found = settings.check_changes(settings.defaults() | before, entry.changes)
    if found:
        raise settings_file.invalid(settings_file.sort(found, entry.changes, entry.places), entry.title)
    changed = {key: [before.get(key), values[key]] for key in values if before.get(key) != values[key]}
    there = {row["name"]: row for row in client.prompts()}
    prompts = [
        name
        for name, prompt in entry.prompts.items()
        if name not in there or there[name]["crc"] != wire.crc(prompt.data) or there[name]["problem"]
    ]
    firmware = client.identity.get("firmware")
    wrong = entry.firmware == CURRENT and firmware != FIRMWARE
    facts = {"changed": changed, "prompts": prompts, "firmware": [firmware, FIRMWARE] if wrong else None}
    differs = any(facts.values())
    return {**facts, "differs": differs, "say": f"{_parts(facts)} would change" if differs else AS_IN_FILE}


def _parts(facts: dict[str, Any]) -> str:
    """e.g. "2 settings and 1 prompt"."""
    counted = (
        (len(facts["changed"]), "setting"),
        (len(facts["prompts"]), "prompt"),
        (1 if facts["firmware"] else 0, "firmware"),
    )
    return " and ".join(f"{number} {what}{'' if number == 1 else 's'}" for number, what in counted if number)


def apply(client: Client, entry: Entry, tell: Tell) -> dict[str, Any]:
    """Make the device what the file says. Raises DriftError where its firmware is not what the file asks for."""
    check_firmware(client, entry)
    facts = plan(client, entry, tell)
    for name in facts["prompts"]:
        _send(client, name, entry.prompts[name].data, tell)
    if facts["changed"]:
        client.change({key: after for key, (_, after) in facts["changed"].items()})
    said = f"{_parts(facts)} changed, read back and compared" if facts["differs"] else AS_IN_FILE
    return {**facts, "differs": False, "say": said}


def _send(client: Client, name: str, data: bytes, tell: Tell) -> None:
    told_s = 0.0

    def progress(sent: int) -> None:
        nonlocal told_s
        if sent < len(data) and time.monotonic() < told_s + TELL_S:
            return
        told_s = time.monotonic()
        tell({"event": "sending", "prompt": name, "sent": sent, "total": len(data)})

    client.put_prompt(name, data, progress)


def status(client: Client, entry: Entry, tell: Tell) -> dict[str, Any]:
    """How the device is, and whether it differs from the file."""
    facts = plan(client, entry, tell)
    return {**facts, "status": client.status(), "runs": client.identity.get("firmware", "")}
