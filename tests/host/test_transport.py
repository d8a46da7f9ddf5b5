"""What a port that can't be opened means, and a real pseudo-terminal with the simulated desk behind it."""

import errno
import fcntl
import os
import threading
import time

import pytest
from serial import SerialException

from endcall import transport
from endcall.client import Client
from endcall.desk.desk import Desk
from endcall.desk.pty_port import PtyPort
from endcall.errors import LinkError, NoDeviceError, NoPermissionError, PortBusyError, UnpluggedError
from endcall_core import wire

from .desk_link import tone


@pytest.mark.parametrize(
    ("platform", "error", "kind"),
    [
        ("linux", SerialException(errno.EACCES, "could not open port: Permission denied"), NoPermissionError),
        ("linux", SerialException(errno.EAGAIN, "Could not exclusively lock port /dev/ttyACM0"), PortBusyError),
        ("linux", SerialException(errno.EBUSY, "could not open port /dev/ttyACM0: Device busy"), PortBusyError),
        ("linux", SerialException(errno.ENOENT, "could not open port /dev/ttyACM0: No such file"), NoDeviceError),
        ("linux", SerialException(errno.ENXIO, "could not open port /dev/ttyACM0"), NoDeviceError),
        ("darwin", SerialException(errno.EBUSY, "could not open port /dev/cu.usbmodem1: Resource busy"), PortBusyError),
        ("darwin", SerialException(errno.EACCES, "could not open port: Permission denied"), NoPermissionError),
        (
            "win32",
            SerialException("could not open port 'COM7': PermissionError(13, 'Access is denied.', None, 5)"),
            PortBusyError,
        ),
        (
            "win32",
            SerialException(
                "could not open port 'COM7': FileNotFoundError(2, 'The system cannot find the file.', None, 2)"
            ),
            NoDeviceError,
        ),
        (
            "win32",
            SerialException("could not open port 'COM7': OSError(22, 'The semaphore timeout period has expired.')"),
            NoDeviceError,
        ),
    ],
)
def test_what_a_failure_to_open_means(platform, error, kind):
    made = transport.open_error("/dev/ttyACM0", error, platform)
    assert type(made) is kind
    assert made.happened
    assert made.means
    assert made.todo


def test_permission_names_the_group_that_may(monkeypatch):
    monkeypatch.setattr(transport, "_group", lambda path: "uucp")
    error = SerialException(errno.EACCES, "could not open port")
    assert "usermod -aG uucp" in transport.open_error("/dev/ttyACM0", error, "linux").todo


def test_no_such_port():
    with pytest.raises(NoDeviceError):
        transport.SerialTransport("/dev/ttyACM-nowhere")


def test_a_file_is_no_port(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(NoDeviceError):
        transport.SerialTransport(str(path))


def test_a_port_without_permission():
    master, slave = os.openpty()
    os.chmod(os.ttyname(slave), 0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # the superuser may open every port; nobody may not
    try:
        with pytest.raises(NoPermissionError, match=r"No permission"):
            transport.SerialTransport(os.ttyname(slave))
    finally:
        os.seteuid(user)
        os.close(master)
        os.close(slave)


class LiveDesk:
    """A desk whose time is the computer's, behind a pseudo-terminal, until `stop`."""

    def __init__(self, folder):
        self.port = PtyPort()
        self.desk = Desk(folder, port=self.port)
        self.path = self.port.path
        self._goes_on = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        last = time.monotonic()
        while self._goes_on:
            now = time.monotonic()
            if int((now - last) * 1000):
                self.desk.run(int((now - last) * 1000))
                last = now
            time.sleep(0.001)

    def stop(self):
        self._goes_on = False
        self._thread.join()
        self.port.close()


@pytest.fixture
def live(tmp_path):
    desk = LiveDesk(tmp_path / "drive")
    yield desk
    desk.stop()


def test_over_a_real_terminal(live):
    with Client(transport.SerialTransport(live.path)) as client:
        client.hello()
        assert client.change({"call.warn_s": 45})["call.warn_s"] == 45
        data = tone(ms=1000)
        client.put_prompt("new.wav", data)
        assert {row["name"]: row["crc"] for row in client.prompts()}["new.wav"] == wire.crc(data)


def test_one_program_at_a_time_and_its_name_is_told(live):
    with Client(transport.SerialTransport(live.path)) as client:
        client.hello()
        with pytest.raises(PortBusyError, match=r"in use"):
            transport.SerialTransport(live.path)
    with Client(transport.SerialTransport(live.path)) as client:  # and it was given back
        client.hello()


def test_the_holder_is_named():
    """Another process has the port: here, this test's own parent end through a child."""
    master, slave = os.openpty()
    path = os.ttyname(slave)
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.write(told, b".")
            time.sleep(30)
        finally:
            os._exit(0)
    try:
        os.read(ready, 1)
        with pytest.raises(PortBusyError, match=rf"process {child}\)"):
            transport.SerialTransport(path)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        for fd in (master, slave, ready, told):
            os.close(fd)


def test_unplugged_while_open():
    master, slave = os.openpty()
    port = transport.SerialTransport(os.ttyname(slave))
    os.close(slave)
    os.close(master)
    with pytest.raises(UnpluggedError, match=r"went away"):
        port.read()
    with pytest.raises(UnpluggedError, match=r"went away"):
        port.write(b"x")
    port.close()


def test_a_device_that_takes_nothing_holds_nobody_up():
    """Neither the write nor the close may wait for a reader that never comes."""
    master, slave = os.openpty()
    port = transport.SerialTransport(os.ttyname(slave))
    client = Client(port, answer_s=0.2)
    port._port.write_timeout = 0.2
    began = time.monotonic()
    with pytest.raises(LinkError, match=r"No answer"):
        client.ask("prompt_data", bytes(60000), tries=2, at=0)
    client.close()
    assert time.monotonic() - began < 3
    os.close(master)
    os.close(slave)


def test_the_rate_of_the_bootloader_is_never_set():
    assert transport.BAUD != 1200
