"""Which port is the device's, on three operating systems, and that the console never is."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from endcall import ports
from endcall.ports import BOOTLOADER, IN_SERVICE, NO_DATA_PORT, UNMOUNTED, Found, PortRecord

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


def nameless(record):
    return replace(record, interface=None)


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_without_names_the_later_of_two_interfaces_is_the_data_port(system):
    console, data = map(nameless, listings.DEVELOP[system])
    assert find(system, data, console) == [Found(IN_SERVICE, data.path, A, system != "windows")]
    assert ports.console_of(console.path, [console, data]).path == data.path
    assert ports.console_of(data.path, [console, data]) is None


def test_the_interfaces_number_counts_and_not_that_of_the_port():
    console, data = map(nameless, listings.DEVELOP["windows"])
    assert data.path < console.path
    assert ports.find([console, data])[0].path == data.path


def test_a_port_without_a_name_is_the_data_port_where_boot_py_gave_the_strings():
    record = nameless(listings.IN_SERVICE["linux"])
    assert find("linux", record) == [Found(IN_SERVICE, record.path, A, True)]


@pytest.mark.parametrize("record", [listings.IN_SERVICE["windows"], *listings.SAFE_MODE.values()])
def test_a_port_without_a_name_is_not_opened_where_nothing_says_that_boot_py_ran(record):
    assert [device.state for device in ports.find([nameless(record)])] == [NO_DATA_PORT]


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_a_device_in_safe_mode_beside_one_in_service(system):
    safe = replace(listings.SAFE_MODE[system], path=listings.SECOND[system].path, serial=B)
    ours = listings.IN_SERVICE[system]
    found = find(system, safe, ours)
    assert [(device.state, device.path, device.serial) for device in found] == [
        (IN_SERVICE, ours.path, A),
        (NO_DATA_PORT, safe.path, B),
    ]


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_other_boards_with_circuitpython_are_left_alone(system):
    """They share the vendor, and some the interfaces' names; one of them has the serial number of ours."""
    ours = listings.IN_SERVICE[system]
    others = [
        replace(ours, path=f"{ours.path}{number}", pid=pid, serial=serial, product=product)
        for number, (pid, serial, product) in enumerate(
            [(0x80F2, "DF6050A04B1B2121", "QT Py RP2040"), (0x8120, A, "Pico W"), (0x8162, "0" * 16, "Pico 2")]
        )
    ]
    assert [device.path for device in find(system, ours, *others)] == [ours.path]


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


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """`linux(mounts)`: what Linux tells of a Pico in BOOTSEL beside a hub and a memory stick."""
    monkeypatch.setattr("sys.platform", "linux")
    usb = tmp_path / "usb"
    for name, vid, pid, disk in (
        ("usb1", "1d6b", "0002", None),
        ("1-1.2", "2e8a", "0003", "sdb"),
        ("1-1.3", "2e8a", "0005", None),
        ("1-1.4", "0781", "5581", "sdc"),
    ):
        (usb / name).mkdir(parents=True)
        (usb / name / "idVendor").write_text(vid + "\n")
        (usb / name / "idProduct").write_text(pid + "\n")
        if disk:
            (usb / name / f"{name}:1.0/host6/target6:0:0/6:0:0:0/block/{disk}/{disk}1").mkdir(parents=True)
    (usb / "1-1.2:1.0").mkdir()  # an interface: no ids of its own

    def look(mounts):
        (tmp_path / "mounts").write_text(mounts)
        return ports.unmounted_bootloaders(usb, tmp_path / "mounts")

    return look


STICK = "/dev/sda2 / ext4 rw 0 0\n/dev/sdc1 /media/it/STICK vfat rw 0 0\n"


def test_a_bootloader_whose_drive_is_not_mounted_is_found_by_its_usb_identity(linux):
    assert linux(STICK) == [Found(UNMOUNTED, "/dev/sdb1", "", False)]
    assert linux(STICK + "/dev/sdb1 /media/it/RPI-RP2 vfat rw 0 0\n") == []


def test_a_bootloader_whose_disk_linux_does_not_show_is_named_by_its_place(linux, tmp_path):
    shutil.rmtree(tmp_path / "usb/1-1.2/1-1.2:1.0")
    assert linux(STICK) == [Found(UNMOUNTED, "USB 1-1.2", "", False)]


def test_where_linux_has_mounted_drives(tmp_path):
    table = tmp_path / "mounts"
    table.write_text(STICK + "/dev/sdd1 /media/a\\040b/RPI-RP2 vfat rw 0 0\nproc /proc proc rw 0 0\n")
    found = [("/dev/sdc1", Path("/media/it/STICK")), ("/dev/sdd1", Path("/media/a b/RPI-RP2"))]
    assert ports.mounted(table) == found
    assert ports.mounted(tmp_path / "none") == []


def test_the_drive_of_a_simulated_bootloader(tmp_path, monkeypatch):
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    monkeypatch.delenv(ports.PORT_FOLDER, raising=False)
    assert str(drive) not in [found.path for found in ports.bootloader_drives()]
    monkeypatch.setenv(ports.PORT_FOLDER, str(tmp_path))
    assert str(drive) in [found.path for found in ports.bootloader_drives()]


def test_the_listing_of_this_computer_can_be_had():
    for record in ports.list_ports():
        assert isinstance(record.path, str)
