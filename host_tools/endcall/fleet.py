"""A fleet at work: one job on every device of a fleet file, many at the same time, or on each as it is plugged in.

Every device has a thread, because what takes time is waiting for it; what the threads have to say arrives in one
place, as events. An event is a dict that JSON can carry: `event` (one of EVENTS), `device` (name, serial, group, port)
and what belongs to it. The last one about a device is its `result`. A device that is not in the file is never opened,
unless it is adopted.

The threads don't keep the program alive: with Ctrl-C it ends at once, the ports close, and the devices drop what they
had not confirmed.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endcall import connect, fleet_file, ports
from endcall.client import Client
from endcall.errors import (
    AmbiguousError,
    DriftError,
    EndcallError,
    LinkError,
    NoDeviceError,
    NoPermissionError,
    PortBusyError,
    UnpluggedError,
)
from endcall.fleet_file import Entry, same_serial
from endcall.ports import IN_SERVICE, Found
from endcall_core.version import FIRMWARE

POLL_S = 0.3  # how often `watch` looks what is plugged in
SETTLE_S = 5.0  # after plugging in, the system may still be setting up who may open the port

#: event: what it tells, besides `device`
EVENTS = {
    "begin": "the device is being talked to",
    "adopted": "its serial number was written into the file",
    "sending": "prompt, sent, total (bytes)",
    "waiting": "a call is in progress on it; seconds (how long this waits at most)",
    "unknown": "it is not in the file, or not among those chosen, and was not touched; say",
    "result": "result (one of RESULTS) and what belongs to it; the last about this device",
}
DONE, EARLIER, FAILED, INTERRUPTED, ABSENT = RESULTS = ("done", "earlier", "failed", "interrupted", "absent")

Event = dict[str, Any]
Tell = Callable[[Event], None]
#: What is done on a device. It may tell events without `device`, and returns what belongs into the result.
Job = Callable[[Client, Entry, Tell], dict[str, Any]]

_NOT_YET = (NoDeviceError, NoPermissionError, PortBusyError, UnpluggedError)  # just after plugging in


@dataclass(frozen=True)
class Manner:
    """How a fleet is worked on. answer_s: see `client.Client`; wait_s: how long a call may last on a device.

    jobs: devices at the same time; each costs this computer a thread.
    """

    job: Job
    answer_s: float
    wait_s: float
    jobs: int


def about(entry: Entry | None, found: Found | None = None) -> dict[str, Any]:
    """A device in an event."""
    return {
        "name": entry.name if entry else "",
        "serial": (entry.serial if entry else None) or (found.serial if found else None),
        "group": entry.group if entry else None,
        "port": found.path if found else None,
    }


# --- all of them, once --------------------------------------------------------------------------------------


def once(entries: list[Entry], manner: Manner) -> Iterator[Event]:
    """The job on every entry's device that is plugged in; an event at a time, the results of all among them."""
    plugged = _plugged()
    crew = _Crew(manner)
    for entry in entries:
        found = plugged.get((entry.serial or "").upper(), [])
        if found:
            crew.start(entry, found)
        else:
            yield absent(entry)
    while crew.busy:
        event = crew.next(POLL_S)
        if event:
            yield event


def absent(entry: Entry) -> Event:
    if entry.serial:
        say = "not plugged in, or it shows no USB port (usb.access = service)"
    else:
        say = "it has no serial number yet; fill the file: endcall fleet apply --watch --adopt"
    return {"event": "result", "device": about(entry), "result": ABSENT, "say": say}


def earlier(entry: Entry, at: str) -> Event:
    say = f"at {at}, and the file still says the same"
    return {"event": "result", "device": about(entry), "result": EARLIER, "say": say}


def interrupted(device: dict[str, Any], has_begun: bool) -> Event:
    """The result of a device without one when Ctrl-C came."""
    say = "in work then; what it had not confirmed is not in force" if has_begun else "not begun"
    return {"event": "result", "device": device, "result": INTERRUPTED, "say": say}


def strangers(entries: list[Entry]) -> list[Event]:
    """Devices that are plugged in and not in the file."""
    known = {(entry.serial or "").upper() for entry in entries}
    return [_unknown(found[0], "not in the file") for serial, found in _plugged().items() if serial not in known]


def _plugged() -> dict[str, list[Found]]:
    plugged: dict[str, list[Found]] = {}
    for found in ports.find(ports.list_ports()):
        plugged.setdefault(found.serial.upper(), []).append(found)
    return plugged


def _unknown(found: Found, say: str) -> Event:
    return {"event": "unknown", "device": about(None, found), "say": say}


# --- one device -------------------------------------------------------------------------------------------------


class _Crew:
    """Works on up to `manner.jobs` devices at the same time; `next` has what they tell."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._slots = threading.BoundedSemaphore(manner.jobs)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.busy: set[str] = set()  # serial numbers of those whose result is not in

    def start(self, entry: Entry, found: list[Found], is_new: bool = False, adopter: Adopter | None = None) -> None:
        """Begin with a device. is_new: it was plugged in just now. adopter: `entry` is only reserved for it there."""
        serial = found[0].serial.upper()
        self.busy.add(serial)
        threading.Thread(target=self._work, args=(entry, found, is_new, adopter), daemon=True, name=serial).start()

    def next(self, timeout_s: float) -> Event | None:
        try:
            event = self._events.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if event["event"] == "result":
            self.busy.discard(event["device"]["serial"].upper())
        return event

    def _work(self, entry: Entry, found: list[Found], is_new: bool, adopter: Adopter | None) -> None:
        device = about(None if adopter else entry, found[0])

        def tell(event: Event) -> None:
            self._events.put({"event": event["event"], "device": device, **event})

        with self._slots:
            began_s = time.monotonic()
            tell({"event": "begin"})
            try:
                with self._connect(found, is_new) as client:
                    if adopter:
                        check_firmware(client, entry)
                        entry = adopter.adopt(entry, found[0].serial)
                        device = about(entry, found[0])
                        tell({"event": "adopted"})
                    client.wait_s = self._manner.wait_s
                    client.waiting = lambda: tell({"event": "waiting", "seconds": self._manner.wait_s})
                    facts = {"result": DONE, "wanted": entry.wanted, **self._manner.job(client, entry, tell)}
            except EndcallError as error:
                facts = {"result": FAILED, **error.as_dict()}
            except Exception as error:  # a defect that one device shows must not cost the others
                defect = EndcallError(
                    f"endcall failed: {type(error).__name__}: {error}", "That is a defect of endcall."
                )
                facts = {"result": FAILED, **defect.as_dict(), "trace": traceback.format_exc()}
            if adopter and not entry.serial:
                adopter.give_back(entry)
            tell({"event": "result", **facts, "seconds": round(time.monotonic() - began_s, 3)})

    def _connect(self, found: list[Found], is_new: bool) -> Client:
        if len(found) > 1:
            raise AmbiguousError(
                f"{len(found)} ports say that they are serial number {found[0].serial}: "
                f"{', '.join(device.path for device in found)}.",
                "One of them is not what it says. Nothing was changed.",
                "Unplug one, and look at the other: endcall list",
            )
        if found[0].state != IN_SERVICE:
            raise connect.not_in_service(found[0])
        choice = connect.Choice(answer_s=self._manner.answer_s)
        deadline = time.monotonic() + (SETTLE_S if is_new else 0)
        while True:
            try:
                client = connect.greet(found[0].path, choice)
                break
            except _NOT_YET:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(POLL_S)
        try:
            _check_serial(client, found[0])
        except BaseException:
            client.close()
            raise
        return client


def _check_serial(client: Client, found: Found) -> None:
    said = client.identity.get("serial")
    if not same_serial(said, found.serial):
        raise LinkError(
            f"{found.path} belongs to serial number {found.serial}, and the device behind it says it is {said}.",
            "They are not the same device, or its drive was copied from another. Nothing was changed.",
            "Write it anew: endcall image",
        )


def check_firmware(client: Client, entry: Entry) -> None:
    """Raises DriftError where the file asks for the current firmware and the device has another."""
    theirs = client.identity.get("firmware")
    if entry.firmware == fleet_file.CURRENT and theirs != FIRMWARE:
        raise DriftError(
            f"It runs firmware {theirs}, and the file asks for the current one, {FIRMWARE}.",
            "Nothing was changed.",
            f"Update it first: endcall firmware update --serial {client.identity.get('serial')}",
        )


# --- one after the other, as they are plugged in ----------------------------------------------------------------


class Adopter:
    """Gives new devices the entries that have no serial number, in the file's order, and writes the numbers into it.

    `take` reserves the next entry for a device; what answers then gets it for good by `adopt`, or else `give_back`
    frees it for another. The number is written before anything on the device is changed, so the file never knows less
    than the devices do.
    """

    def __init__(self, path: Path, entries: list[Entry]) -> None:
        self._path = path
        self._free = [entry for entry in entries if not entry.serial]
        self._lock = threading.Lock()
        self.given: dict[str, Entry] = {}  # by serial number

    def take(self) -> Entry | None:
        with self._lock:
            return self._free.pop(0) if self._free else None

    def give_back(self, entry: Entry) -> None:
        with self._lock:
            self._free = sorted([*self._free, entry], key=lambda free: free.number)

    def adopt(self, entry: Entry, serial: str) -> Entry:
        """The entry with the serial number. Raises UsageError where the file can't be completed."""
        with self._lock:
            adopted = fleet_file.adopt(self._path, entry, serial)
            self.given[serial.upper()] = adopted
            return adopted


def watch(
    entries: list[Entry],
    chosen: list[Entry],
    manner: Manner,
    adopter: Adopter | None = None,
    count: int | None = None,
) -> Iterator[Event]:
    """The job on each device of `chosen` (of all the file's `entries`) as it is plugged in, those there first.

    Ends when `count` devices are done, or all of `chosen`. A device that failed is tried again when it is plugged in
    again; a device of no entry is told about, or adopted.
    """
    by_serial = {entry.serial.upper(): entry for entry in chosen if entry.serial}
    others = {entry.serial.upper() for entry in entries if entry.serial} - set(by_serial)
    wanted = len(chosen) if count is None else min(count, len(chosen))
    crew = _Crew(manner)
    done: set[str] = set()
    seen: dict[str, list[Found]] = {}
    while len(done) < wanted:
        plugged = _plugged()
        seen = {serial: found for serial, found in seen.items() if serial in plugged}
        for serial, found in plugged.items():
            if serial in crew.busy or seen.get(serial) == found or len(done) + len(crew.busy) >= wanted:
                continue
            seen[serial] = found
            entry = by_serial.get(serial) or (adopter.given.get(serial) if adopter else None)
            if entry:
                crew.start(entry, found, is_new=True)
            elif serial in others:
                yield _unknown(found[0], "it is in the file, but not among those chosen")
            elif adopter and found[0].state == IN_SERVICE and (entry := adopter.take()):
                crew.start(entry, found, is_new=True, adopter=adopter)
            else:
                yield _unknown(found[0], "not in the file" + ("; every entry has its device" if adopter else ""))
        look_s = time.monotonic() + POLL_S
        while (left_s := look_s - time.monotonic()) > 0:
            event = crew.next(left_s)
            if event:
                yield event
                if event.get("result") == DONE:
                    done.add(event["device"]["serial"].upper())
                if not crew.busy:
                    break
