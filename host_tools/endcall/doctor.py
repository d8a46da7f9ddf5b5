"""What may stand between a person and a device: this computer's side, then each device's. `endcall doctor` prints it.

Every check says what was found, what it means, and how to mend it. Looks only; changes nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcall import connect, ports, udev
from endcall.errors import EndcallError, LinkError, UsageError
from endcall_core.version import FIRMWARE, PROTOCOL, SETTINGS

if TYPE_CHECKING:
    from endcall.connect import Seen

OK, WARN, FAIL = "ok", "warn", "fail"
FREE_LOW_BYTES = 30_000  # of heap; a device in good health has twice that


@dataclass(frozen=True)
class Check:
    """One line. todo: the way to mend it."""

    name: str
    verdict: str
    says: str
    todo: str = ""
    device: str = ""  # its serial number

    def as_dict(self) -> dict[str, str]:
        return {
            "name": self.name,
            "verdict": self.verdict,
            "says": self.says,
            "todo": self.todo,
            "device": self.device,
        }


@dataclass(frozen=True)
class System:
    """This computer, as far as the checks look at it. root: where /proc, /etc and /dev are looked for."""

    platform: str = sys.platform
    root: Path = field(default_factory=lambda: Path("/"))

    def may_open(self, path: str) -> bool:
        """Whether this user may read and write `path`."""
        return os.access(self.root / os.path.abspath(path).lstrip("/"), os.R_OK | os.W_OK)

    def processes(self) -> Iterator[tuple[int, str, Path]]:
        """Every process: number, name, its folder in /proc."""
        for folder in sorted((self.root / "proc").glob("[0-9]*")):
            try:
                yield int(folder.name), (folder / "comm").read_text().strip(), folder
            except (OSError, ValueError):
                continue

    def holders(self, path: str) -> list[str]:
        """The programs that have `path` open, as far as this user may know."""
        wanted = os.path.realpath(path)
        found = []
        for number, name, folder in self.processes():
            try:
                files = [os.readlink(file) for file in (folder / "fd").iterdir()]
            except OSError:
                continue
            if number != os.getpid() and (path in files or wanted in files):
                found.append(f"{name} (process {number})")
        return found


def of_computer(system: System) -> Iterator[Check]:
    """This computer, without any device."""
    said = f"endcall {FIRMWARE} (protocol {PROTOCOL}, settings {SETTINGS}), Python {platform.python_version()}"
    yield Check("versions", OK, f"{said}, {system.platform}")
    if system.platform != "linux":
        return
    path = udev.find(system.root)
    if path is None:
        yield Check(
            "udev rules",
            WARN,
            "there are none for endcall: a port may be closed to you, and ModemManager may disturb it",
            "sudo endcall udev install",
        )
    elif not udev.is_current(path):
        yield Check("udev rules", WARN, f"{path} is of another version", "sudo endcall udev install")
    else:
        yield Check("udev rules", OK, str(path))
    if any(name == "ModemManager" for _, name, _ in system.processes()):
        if path is None:
            todo = "sudo endcall udev install"
            yield Check("ModemManager", WARN, "it runs, and may send modem commands to a new port", todo)
        else:
            yield Check("ModemManager", OK, "it runs, and the rules tell it to keep off")


def of_ports(system: System) -> Iterator[Check]:
    """The ports of devices that are listed: may they be opened, and by whom are they held?"""
    for found in ports.find(ports.list_ports()):
        if found.state != ports.IN_SERVICE or system.platform == "win32":
            continue
        if not system.may_open(found.path):
            yield Check(
                "port",
                FAIL,
                f"{found.path} may not be opened by this user",
                _permission(system),
                found.serial,
            )
            continue
        holders = system.holders(found.path) if system.platform == "linux" else []
        if holders:
            yield Check(
                "port", FAIL, f"{found.path} is held by {', '.join(holders)}", "End that program.", found.serial
            )
        else:
            yield Check("port", OK, found.path, "", found.serial)


def _permission(system: System) -> str:
    if system.platform != "linux":
        return "Ask whoever administers this computer."
    return "sudo endcall udev install, then unplug the device and plug it in again"


def of_devices(seen: list[Seen]) -> Iterator[Check]:
    """Each device that answers, and why the others do not."""
    if not seen:
        yield Check(
            "devices",
            FAIL,
            "no device is plugged in, as far as this computer tells",
            "Try another cable: many carry power only. With usb.access = service, hold the button while plugging in.",
        )
    for device in seen:
        if device.client:
            with device.client as client:
                try:
                    yield from _device(client)
                except EndcallError as error:
                    yield _trouble(error, device.found.serial)
        elif device.error:
            yield _trouble(device.error, device.found.serial)
        else:
            yield _trouble(connect.not_in_service(device.found), device.found.serial)


def _trouble(error: EndcallError, serial: str) -> Check:
    return Check(error.name, FAIL, f"{error.happened} {error.means}".strip(), error.todo, serial)


def _device(client: Any) -> Iterator[Check]:
    identity, status, found = client.identity, client.status(), client.check()
    serial = str(identity.get("serial", ""))

    def check(name: str, verdict: str, says: str, todo: str = "") -> Check:
        return Check(name, verdict, says, todo, serial)

    firmware = identity.get("firmware")
    if firmware == FIRMWARE:
        yield check("firmware", OK, f"{firmware}, {identity.get('runtime')}")
    else:
        yield check("firmware", WARN, f"{firmware} on the device, {FIRMWARE} here", "endcall firmware update")
    if found["fault"]:
        yield check("self-check", FAIL, f"fault {found['fault']} {found['name']}: {found['say']}", "endcall info")
    else:
        yield check("self-check", OK, "a limit that is set now can be enforced")
    if identity.get("crash"):
        yield check(
            "crash", WARN, f"the firmware crashed once: {identity['crash']}", "endcall firmware update, or report it"
        )
    if status["repairs"]:
        yield check(
            "settings", WARN, f"{status['repairs']} stored values were damaged and repaired", "endcall plan FILE"
        )
    if identity.get("access") not in ("open", "service window"):
        yield check("access", WARN, f"it is in {identity.get('access')} mode: settings can only be read")
    yield from _lock(client, check)
    if status.get("practice"):
        yield check("practice", WARN, "practice is on: calls are not ended", "endcall practice off")
    free = identity.get("free_bytes")
    if isinstance(free, int) and 0 < free < FREE_LOW_BYTES:
        yield check(
            "memory", WARN, f"{free} bytes are free; {FREE_LOW_BYTES} would be usual", "Unplug it and plug it in."
        )
    for row in client.prompts():
        if row["problem"]:
            yield check("prompt", FAIL, f"{row['name']}: {row['problem']}", f"endcall prompt put {row['name']}")
    _, lost = client.log(max(0, status["incidents"]))
    if lost:
        yield check("log", WARN, f"{lost} incident records found no room", "endcall backup")
    values = client.get()
    if values["line.sense"] == "none":
        yield check("line sense", OK, "not fitted: whether the line dropped is not seen (line.sense)")
    if status["bad_frames"]:
        yield check("link", WARN, f"{status['bad_frames']} damaged frames since it started", "Try another cable.")


def _lock(client: Any, check: Any) -> Iterator[Check]:
    """Whether it has a key. Of the key itself nothing is said, here or in a bundle."""
    from endcall import lock

    try:
        found = lock.status(client)
    except UsageError as error:  # this computer's keys can't be read
        yield check("key", FAIL, error.happened, error.todo)
        return
    except LinkError as error:
        if error.details.get("code") != "unknown":  # a firmware from before there were keys
            raise
        return
    if found["set"] and not found["known"]:
        yield check(
            "key", WARN, "it has one, and this computer does not: it can only be looked at", "endcall lock import"
        )
    elif found["set"]:
        yield check("key", OK, "it has one, and this computer keeps it")


def examine(system: System, choice: Any) -> list[Check]:
    """Every check, in order."""
    checks = [*of_computer(system), *of_ports(system)]
    return checks + list(of_devices(connect.survey(choice)))
