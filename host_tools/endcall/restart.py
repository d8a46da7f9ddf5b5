"""A device that restarts: asking for it, and finding the same one again."""

from __future__ import annotations

from endcall import connect, ports
from endcall.client import Client, NoAnswerError
from endcall.errors import EndcallError, LinkError, UnpluggedError

POLL_S = 0.5
BACK_S = 30.0  # a restart takes 3 s, and a computer some more to see the port


def restart(client: Client, choice: connect.Choice, within_s: float = BACK_S) -> Client:
    """Restart the device behind `client` and return a client of it once it answers again: another one, as a rule.

    Raises NotInServiceError where it comes back in safe mode, LinkError where it does not come back.
    """
    greetings, asked = client.greetings, client.clock()
    client.restart()
    while client.clock() < asked + max(within_s, client.wait_s):
        try:
            client.status()
        except UnpluggedError:
            break
        except NoAnswerError:
            continue
        if client.greetings > greetings:  # a port that stays, of a simulated device: but it forgot us
            return client
        client.sleep(POLL_S)  # a call has begun meanwhile, and it waits for its end
    client.close()
    return _find_again(client, choice, client.clock() + within_s)


def _find_again(client: Client, choice: connect.Choice, deadline: float) -> Client:
    """The device that `client` was connected to, once it answers."""
    serial, port = client.identity.get("serial", ""), client.transport.path
    last: EndcallError | None = None
    while client.clock() < deadline:
        client.sleep(POLL_S)
        try:
            again = connect.greet(port if choice.port else _port_of(serial), choice)
        except EndcallError as error:
            last = error
            continue
        again.wait_s, again.waiting = client.wait_s, client.waiting
        return again
    if last is not None and last.name == "not_in_service":
        raise last
    raise LinkError(
        f"The device {serial or port} was told to restart and did not come back.",
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
