"""What is done on one device of a fleet: planned, applied, looked at."""

from __future__ import annotations

import time
from typing import Any

from endcall import plan as planning
from endcall.backup import keep_settings
from endcall.client import Client
from endcall.fleet import Tell, check_firmware
from endcall.fleet_file import CURRENT, Entry
from endcall.plan import Plan
from endcall_core import wire
from endcall_core.version import FIRMWARE

TELL_S = 0.2  # between two looks at how far a prompt is
AS_IN_FILE = "as in the file"


def plan(client: Client, entry: Entry, tell: Tell) -> dict[str, Any]:
    """What `apply` would do."""
    facts = _facts(client, entry, _plan(client.get(), entry))
    return {**facts, "say": f"{_parts(facts)} would change" if facts["differs"] else AS_IN_FILE}


def _plan(before: dict[str, Any], entry: Entry) -> Plan:
    return planning.make(before, entry.changes, entry.places, str(entry.file))


def _facts(client: Client, entry: Entry, made: Plan) -> dict[str, Any]:
    """What differs between device and file."""
    there = {row["name"]: row for row in client.prompts()}
    prompts = [
        name
        for name, prompt in entry.prompts.items()
        if name not in there or there[name]["crc"] != wire.crc(prompt.data) or there[name]["problem"]
    ]
    runs = client.identity.get("firmware")
    firmware = [runs, FIRMWARE] if entry.firmware == CURRENT and runs != FIRMWARE else None
    changed = made.as_pairs()
    differs = bool(changed or prompts or firmware)
    return {"changed": changed, "prompts": prompts, "firmware": firmware, "differs": differs}


def _parts(facts: dict[str, Any]) -> str:
    """e.g. "2 settings and 1 prompt"."""
    counted = (
        (len(facts["changed"]), "setting"),
        (len(facts["prompts"]), "prompt"),
        (1 if facts["firmware"] else 0, "firmware"),
    )
    return " and ".join(f"{number} {what}{'' if number == 1 else 's'}" for number, what in counted if number)


def apply(client: Client, entry: Entry, tell: Tell, *, keeps: bool = True) -> dict[str, Any]:
    """Make the device what the file says. keeps: its settings as they were, on this computer.

    Raises DriftError where its firmware is not what the file asks for; nothing was changed then.
    """
    check_firmware(client, entry)
    before = client.get()
    made = _plan(before, entry)
    facts = _facts(client, entry, made)
    kept = str(keep_settings(client.identity, before)) if keeps and made.changes else None
    for name in facts["prompts"]:  # settings may name them
        _send(client, name, entry.prompts[name].data, tell)
    if made.changes:
        made.carry_out(client)
    said = f"{_parts(facts)} changed, read back and compared" if facts["differs"] else AS_IN_FILE
    return {**facts, "differs": False, "before": kept, "say": said}


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
