"""A device that restarts: asking for it, and finding the same one again."""

from __future__ import annotations

from collections.abc import Callable

from endcall import connect, ports
from endcall.client import Client
from endcall.errors import EndcallError, LinkError

POLL_S = 0.5
BACK_S = 30.0  # a restart takes 3 s, and a computer some more to see the port


def restart(client: Client, choice: connect.Choice, within_s: float = BACK_S) -> Client:
    """Restart the device behind `client` (which is closed) and return a client of it once it answers again.

    Raises NotInServiceError where it comes back in safe mode, LinkError where it does not come back.
    """
    asked = client.clock()
    client.restart()
    client.close()
    return find_again(client, choice, asked, within_s)


def find_again(client: Client, choice: connect.Choice, asked: float, within_s: float) -> Client:
    """The device that `client` was connected to, once it answers and has restarted since `asked` (its clock)."""
    serial, port = client.identity.get("serial", ""), client.transport.path
    is_by_port = choice.port is not None
    last: EndcallError | None = None
    while client.clock() < asked + within_s:
        client.sleep(POLL_S)
        try:
            again = connect.greet(port if is_by_port else _port_of(serial), choice)
        except EndcallError as error:
            last = error
            continue
        try:
            if again.status()["uptime_s"] <= client.clock() - asked + 1:
                again.wait_s, again.waiting = client.wait_s, client.waiting
                return again
        except EndcallError as error:
            last = error
        again.close()
    if last is not None and last.name == "not_in_service":
        raise last
    raise LinkError(
        f"The device {serial or port} was told to restart and did not come back within {within_s:g} s.",
        "Its phone works meanwhile. A new application that does not start is given up after three starts.",
        "Wait a minute, then look: endcall firmware check. If it stays silent, unplug it and plug it in again.",
    )


def _port_of(serial: str) -> str:
    """The data port of the device with this serial number, as of now."""
    for device in ports.find(ports.list_ports()):
        if device.serial.lower() == serial.lower():
            if device.state == ports.IN_SERVICE:
                return device.path
            raise connect.not_in_service(device)
    raise LinkError(f"The device {serial} is not there.")


def wait_for(
    look: Callable[[], list[ports.Found]], clock: Callable[[], float], sleep: Callable[[float], None], within_s: float
) -> ports.Found | None:
    """The first that `look` finds, or None after `within_s`."""
    deadline = clock() + within_s
    while True:
        found = look()
        if found:
            return found[0]
        if clock() >= deadline:
            return None
        sleep(POLL_S)
