"""Which port is the device's, on three operating systems, and that the console never is."""

import random

import pytest

from endcall import ports
from endcall.ports import BOOTLOADER, IN_SERVICE, NO_DATA_PORT, Found, PortRecord

from . import listings
from .listings import A, B


def find(system, *records):
    records = [*records, *listings.OTHERS[system]]
    random.Random(1).shuffle(records)
    return ports.find(records)


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_in_service(system):
    record = listings.IN_SERVICE[system]
    assert find(system, record) == [Found(IN_SERVICE, record.path, A, system != "windows")]


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_nothing_but_other_ports(system):
    assert find(system) == []


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_develop_mode_gives_the_data_port_and_never_the_console(system):
    console, data = listings.DEVELOP[system]
    assert find(system, console, data) == [Found(IN_SERVICE, data.path, A, system != "windows")]


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_safe_mode_is_recognised(system):
    record = listings.SAFE_MODE[system]
    assert find(system, record) == [Found(NO_DATA_PORT, record.path, A, False)]


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_two_devices(system):
    found = find(system, listings.IN_SERVICE[system], listings.SECOND[system])
    assert [device.serial for device in found] == sorted([A, B])


@pytest.mark.parametrize("system", ["linux", "mac"])
def test_another_projects_pico_is_left_alone(system):
    assert find(system, *listings.FOREIGN[system]) == []
    ours = listings.IN_SERVICE[system]
    assert [device.path for device in find(system, ours, *listings.FOREIGN[system])] == [ours.path]


def test_on_windows_only_hello_can_tell_another_projects_pico():
    other = listings.windows("COM6", B, "CircuitPython CDC2 control", "1-4:x.2")
    assert find("windows", other) == [Found(IN_SERVICE, "COM6", B, False)]


def test_a_device_without_a_serial_number_is_told_apart_by_where_it_is():
    first = PortRecord("COM7", ports.VID, ports.PID, None, "Microsoft", None, "CircuitPython CDC2 control", "1-2:x.0")
    second = PortRecord("COM8", ports.VID, ports.PID, None, "Microsoft", None, "CircuitPython CDC2 control", "1-3:x.0")
    assert len(ports.find([first, second])) == 2


def test_an_interface_without_a_name_is_no_data_port():
    nameless = PortRecord("COM7", ports.VID, ports.PID, A, "Microsoft", None, None, "1-2:x.0")
    assert [device.state for device in ports.find([nameless])] == [NO_DATA_PORT]


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_a_console_beside_a_data_port_is_known(system):
    console, data = listings.DEVELOP[system]
    assert ports.console_of(console.path, [console, data]).path == data.path
    assert ports.console_of(data.path, [console, data]) is None


def test_a_console_in_safe_mode_is_known_where_names_are_told():
    for system in ("linux", "mac"):
        record = listings.SAFE_MODE[system]
        assert ports.console_of(record.path, [record]).state == NO_DATA_PORT


def test_a_lone_console_on_windows_may_have_an_old_name():
    record = listings.SAFE_MODE["windows"]
    assert ports.console_of(record.path, [record]) is None


def test_a_port_that_is_not_listed_is_no_console():
    assert ports.console_of("/dev/pts/3", list(listings.DEVELOP["linux"])) is None


def test_the_bootloaders_drive_is_found(tmp_path):
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n")
    other = tmp_path / "FTHR"
    other.mkdir()
    (other / "INFO_UF2.TXT").write_text("UF2 Bootloader v1.2\r\nBoard-ID: SAMD51\r\n")
    (tmp_path / "empty").mkdir()
    found = ports.bootloader_drives(sorted(tmp_path.iterdir()))
    assert found == [Found(BOOTLOADER, str(drive), "", False)]


def test_the_listing_of_this_computer_can_be_had():
    for record in ports.list_ports():
        assert isinstance(record.path, str)
