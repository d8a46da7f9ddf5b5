"""From a choice (`--port`, `--serial`, `--name`, or nothing) to a device that has answered `hello`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from endcall import ports, transport
from endcall.client import ANSWER_S, Client, NoAnswerError, StrangerError
from endcall.errors import (
    AmbiguousError,
    EndcallError,
    InvalidError,
    NoDeviceError,
    NotInServiceError,
    UsageError,
)
from endcall.ports import BOOTLOADER, IN_SERVICE, UNMOUNTED, Found

AT_ONCE = 64  # devices that are talked to at the same time


@dataclass(frozen=True)
class Choice:
    """Which device is meant. `answer_s`: how long to wait for an answer. `any_settings`: see `client.Client`.

    slow: is told the port of a device whose answer does not come at once.
    """

    port: str | None = None
    serial: str | None = None
    name: str | None = None
    answer_s: float = ANSWER_S
    any_settings: bool = False
    slow: Callable[[str], None] = lambda path: None


@dataclass
class Seen:
    """A device that was found, and what came of talking to it: an open `client`, or an `error`, or neither."""

    found: Found
    client: Client | None = None
    error: EndcallError | None = None

    @property
    def name(self) -> str:
        return self.client.identity.get("name", "") if self.client else ""

    @property
    def is_stranger(self) -> bool:
        """Whether nothing says that it is an endcall: not its USB strings, and it did not answer `hello`."""
        return not self.found.is_sure and isinstance(self.error, (NoAnswerError, StrangerError))

    def line(self) -> str:
        """For a list in an error message."""
        words = [self.found.path, f"serial {self.found.serial or 'unknown'}"]
        if self.client:
            words.append(f"name {self.name!r}")
        elif self.error:
            words.append(self.error.name.replace("_", " "))
        return "  ".join(words)


def connect(choice: Choice) -> Client:
    """The one device that `choice` means, greeted, and told the time.

    Raises NoDeviceError, AmbiguousError, NotInServiceError, and what opening the port and `hello` raise.
    """
    if choice.port:
        return greet(choice.port, choice, by_hand=True)
    found = ports.find(ports.list_ports())
    fitting = [device for device in found if device.state == IN_SERVICE and _fits(device, choice.serial)]
    if not fitting:
        raise _nothing(found, choice)
    if len(fitting) == 1 and choice.name is None:
        return greet(fitting[0].path, choice)
    seen = _talk(fitting, choice)
    wanted = seen if choice.name is None else [device for device in seen if device.name == choice.name]
    wanted = [device for device in wanted if not device.is_stranger]
    for device in seen:
        if device.client and (len(wanted) != 1 or device is not wanted[0]):
            device.client.close()
    if len(wanted) == 1:
        if wanted[0].client:
            return wanted[0].client
        raise wanted[0].error or _nothing(found, choice)
    if choice.name is not None and not wanted:
        raise NoDeviceError(
            f"No device is named {choice.name!r}.",
            _listing("These are there:", seen),
            "Choose one with --serial, or name it: endcall set device.name NAME --serial SERIAL",
            candidates=[device.line() for device in seen],
        )
    if not wanted:
        raise seen[0].error or _nothing(found, choice)
    raise AmbiguousError(
        f"{len(wanted)} devices fit.",
        _listing("endcall does not guess which one you mean:", wanted),
        "Choose one with --serial, --name or --port.",
        candidates=[device.line() for device in wanted],
    )


def survey(choice: Choice) -> list[Seen]:
    """Every device that fits, those that can't be talked to included.

    The clients are open; the caller closes them.
    """
    if choice.port:
        seen = _talk([Found(IN_SERVICE, choice.port, "", True)], choice, by_hand=True)
    else:
        found = [device for device in ports.find(ports.list_ports()) if _fits(device, choice.serial)]
        seen = _talk(found, choice)
        if choice.serial is None:
            seen += [Seen(pico) for pico in ports.bootloader_drives() + ports.unmounted_bootloaders()]
    if choice.name is not None:
        for device in seen:
            if device.client and device.name != choice.name:
                device.client.close()
        seen = [device for device in seen if device.name == choice.name]
    return seen


def nothing(choice: Choice) -> EndcallError:
    """Why a `survey` found no device."""
    return _nothing(ports.find(ports.list_ports()), choice)


def in_parallel(job: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    """`job` of every item, all at the same time: what takes time is waiting for the devices."""
    if len(items) < 2:
        return [job(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(job, items))


def _fits(device: Found, serial: str | None) -> bool:
    return serial is None or device.serial.lower() == serial.lower()


def _talk(found: list[Found], choice: Choice, by_hand: bool = False) -> list[Seen]:
    def talk(device: Found) -> Seen:
        if device.state != IN_SERVICE:
            return Seen(device)
        try:
            return Seen(device, client=greet(device.path, choice, by_hand))
        except EndcallError as error:
            return Seen(device, error=error)

    return in_parallel(talk, found)


def greet(path: str, choice: Choice, by_hand: bool = False) -> Client:
    """The device at `path`, told the time. by_hand: a person gave the path, so it may be a console.

    Raises what opening the port and `hello` raise.
    """
    if by_hand:
        _refuse_console(path)
    client = Client(transport.SerialTransport(path), answer_s=choice.answer_s, slow=lambda: choice.slow(path))
    client.any_settings = choice.any_settings
    try:
        client.hello()
        with contextlib.suppress(InvalidError):  # this computer's clock is years off
            client.tell_time(int(time.time()))
    except BaseException:
        client.close()
        raise
    return client


def _refuse_console(path: str) -> None:
    device = ports.console_of(path, ports.list_ports())
    if device is None:
        return
    if device.state == IN_SERVICE:
        raise UsageError(
            f"{path} is the device's console.",
            "Typing there would stop the button's program, so endcall does not open it.",
            f"Use its data port: --port {device.path}",
        )
    raise not_in_service(device)


def not_in_service(device: Found) -> NotInServiceError:
    """What is wrong with a device that offers no endcall port."""
    if device.state == BOOTLOADER:
        return NotInServiceError(
            f"A Pico waits in its bootloader, as drive {device.path}.",
            "It takes a UF2 file and nothing else; there is no endcall running.",
            f"Make it an endcall device with: endcall flash --drive {device.path}; or unplug it and plug it in again.",
            port=device.path,
        )
    if device.state == UNMOUNTED:
        mount = f"Run: udisksctl mount -b {device.path}, then: endcall flash" if device.path[:1] == "/" else ""
        return NotInServiceError(
            f"A Pico waits in its bootloader ({device.path}), and its drive RPI-RP2 is not mounted.",
            "It takes a UF2 file and nothing else; there is no endcall running.",
            mount or "Unplug it and plug it in again; hold BOOTSEL meanwhile to see its drive.",
            port=device.path,
        )
    return NotInServiceError(
        f"The Pico at {device.path} (serial {device.serial}) runs CircuitPython without endcall's port.",
        "It is in safe mode after a crash, or it is another project's Pico. The phone works meanwhile.",
        "Unplug it and plug it in again. If it stays so: endcall rescue",
        port=device.path,
        serial=device.serial,
    )


def _nothing(found: list[Found], choice: Choice) -> EndcallError:
    serials = [device.serial for device in found if device.state == IN_SERVICE]
    if choice.serial and serials and not any(_fits(device, choice.serial) for device in found):
        return NoDeviceError(
            f"No device has the serial number {choice.serial}.",
            f"There is: {', '.join(serials)}.",
            "Check the number: endcall list",
            candidates=serials,
        )
    other = [device for device in found if device.state != IN_SERVICE and _fits(device, choice.serial)]
    if choice.serial is None:
        other += ports.bootloader_drives() + ports.unmounted_bootloaders()
    if other:
        return not_in_service(other[0])
    return NoDeviceError(
        "No endcall device was found.",
        "None is plugged in, its cable carries no data, or it shows no USB port (usb.access = service).",
        "Plug it in with a data cable. With usb.access = service, unplug it, hold the button while plugging in, and "
        "let go after 5 s, before 10 s.",
    )


def _listing(head: str, seen: list[Seen]) -> str:
    return "\n  ".join([head, *(device.line() for device in seen)])
