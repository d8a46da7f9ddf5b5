"""What stands between a person and a device: each finding with its fix, and a report that names nobody."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from endcall import doctor, ports, udev
from endcall.commands import doctor as commands
from endcall_core import settings
from endcall_core.version import FIRMWARE

from . import listings


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A Linux computer's files: no rules, no ModemManager, the port open to this user."""
    root = tmp_path / "root"
    (root / "dev").mkdir(parents=True)
    (root / "proc").mkdir()
    for number in range(3):
        (root / f"dev/ttyACM{number}").write_text("")
    monkeypatch.setattr(doctor, "System", lambda: REAL(platform="linux", root=root))
    return root


REAL = doctor.System


def process(root, number, name, *files):
    folder = root / "proc" / str(number)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(name + "\n")
    for place, file in enumerate(files):
        (folder / "fd" / str(place)).symlink_to(file)


def findings(computer, *arguments):
    result = computer.run("doctor", "--json", *arguments)
    return result, {check["name"]: check for check in result.json["checks"]}


def test_a_port_named_from_the_present_folder_is_looked_at_there(tmp_path, monkeypatch):
    (tmp_path / "ports").mkdir()
    (tmp_path / "ports/DE5C0001").write_text("")
    monkeypatch.chdir(tmp_path)
    assert REAL().may_open("ports/DE5C0001")
    assert not REAL().may_open("ports/DE5C0002")


def test_all_is_well(computer, root):
    computer.plug()
    udev.install(root)
    result, found = findings(computer)
    assert result.code == 0
    assert {name: check["verdict"] for name, check in found.items()} == {
        "versions": "ok",
        "udev rules": "ok",
        "port": "ok",
        "firmware": "ok",
        "self-check": "ok",
        "line sense": "ok",
    }
    shown = computer.run("doctor").out
    assert f"endcall {FIRMWARE}" in shown
    assert "[DE5C0001]" in shown


def test_without_rules_it_says_how_to_get_them(computer, root):
    computer.plug()
    process(root, 7, "ModemManager")
    result, found = findings(computer)
    assert result.code == 0, "a warning is no failure"
    assert found["udev rules"]["verdict"] == found["ModemManager"]["verdict"] == "warn"
    assert found["ModemManager"]["todo"] == "sudo endcall udev install"
    udev.install(root)
    _, found = findings(computer)
    assert found["udev rules"]["verdict"] == found["ModemManager"]["verdict"] == "ok"
    (root / "etc/udev/rules.d" / udev.NAME).write_text("# something old\n")
    _, found = findings(computer)
    assert found["udev rules"]["verdict"] == "warn"


def test_who_holds_the_port(computer, root):
    computer.plug()
    process(root, 4711, "minicom", "/dev/ttyACM0", "/etc/hosts")
    process(root, 4712, "innocent", "/dev/ttyACM1")
    result, found = findings(computer)
    assert result.code == 16
    assert found["port"]["says"] == "/dev/ttyACM0 is held by minicom (process 4711)"


def test_no_permission(computer, root, monkeypatch):
    computer.plug()
    monkeypatch.setattr(REAL, "may_open", lambda self, path: False)
    result, found = findings(computer)
    assert result.code == 16
    assert "sudo endcall udev install" in found["port"]["todo"]


def test_nothing_is_plugged_in(computer, root):
    result, found = findings(computer)
    assert result.code == 16
    assert "another cable" in found["devices"]["todo"]


@pytest.mark.parametrize("what", ["safe_mode", "bootloader"])
def test_a_device_that_is_not_in_service(computer, root, what):
    if what == "bootloader":
        computer.drives.append(ports.Found(ports.BOOTLOADER, "/media/me/RPI-RP2", "", False))
    else:
        computer.records.append(listings.SAFE_MODE["linux"])
    result, found = findings(computer)
    assert result.code == 16
    assert found["not_in_service"]["verdict"] == "fail"
    assert found["not_in_service"]["todo"]


def test_what_is_wrong_with_a_device(computer, root):
    desk = computer.plug()
    desk.app.prompts.note_damage("closing.wav", True)
    desk.app.parts.identity["crash"] = "ValueError: nobody thought of it"
    desk.app.practise(True)
    desk.app.parts.identity["firmware"] = "0.0.1"
    result, found = findings(computer)
    assert result.code == 16
    assert found["self-check"]["says"].startswith("fault ")
    assert found["prompt"]["todo"] == "endcall prompt put closing.wav"
    assert "nobody thought of it" in found["crash"]["says"]
    assert found["practice"]["todo"] == "endcall practice off"
    assert found["firmware"]["verdict"] == "warn"


def test_the_bundle_names_nobody(computer, root, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/somebody"))
    monkeypatch.setattr("platformdirs.user_log_path", lambda *a, **k: tmp_path)
    (tmp_path / "endcall.log").write_text('File "/home/somebody/x.py" DE5C0001 C:\\Users\\somebody\\x')
    desk = computer.plug(values=settings.defaults() | {"device.name": "somebody's desk"})
    desk.app.change_prompts(desk.app.prompts.table | {"dear somebody.wav": desk.app.prompts.table["closing.wav"]})
    desk.app.prompts.note_damage("dear somebody.wav", True)
    computer.drives.append(ports.Found(ports.BOOTLOADER, "/run/media/somebody/RPI-RP2", "", False))
    path = tmp_path / "report.zip"
    computer.run("doctor", "--bundle", path)
    with zipfile.ZipFile(path) as file:
        texts = {name: file.read(name).decode() for name in file.namelist()}
    assert set(texts) == {"doctor.json", "ports.json", "system.json", "endcall.log"}
    listed = json.loads(texts["ports.json"])
    assert len(listed) == len(computer.records)
    told = [port.serial for port in computer.records if port.serial]
    assert len(told) >= 3
    for name, text in texts.items():
        assert "somebody" not in text, name
        assert [serial for serial in [*told, "DE5C0001"] if serial.lower() in text.lower()] == [], name
    devices = {check["device"] for check in json.loads(texts["doctor.json"])["checks"]} - {""}
    assert devices
    assert all(device.startswith("#") for device in devices)
    assert ".wav: its CRC is wrong" in texts["doctor.json"], "that a prompt is damaged is told, without its name"
    assert "dear" not in texts["doctor.json"]
    assert {port["serial"] for port in json.loads(texts["ports.json"])} >= devices - {commands.hashed("DE5C0001")}


def test_the_rules_cover_both_ids_and_sort_before_the_seat(computer, tmp_path):
    shown = computer.run("udev", "print")
    assert shown.code == 0
    assert shown.out == udev.RULES
    for said in ('"239a"', '"80f4"', '"2e8a"', '"0003"', 'TAG+="uaccess"', 'ID_MM_DEVICE_IGNORE}="1"'):
        assert said in udev.RULES
    assert udev.NAME < "73-seat-late.rules"
    assert computer.run("udev", "install", "--root", tmp_path / "r").code == 0
    assert udev.is_current(udev.find(tmp_path / "r"))


def test_install_without_the_right_says_the_whole_line(computer, tmp_path, monkeypatch):
    def refused(root):
        raise PermissionError(13, "Permission denied", "/etc/udev/rules.d")

    monkeypatch.setattr(udev, "install", refused)
    result = computer.run("udev", "install")
    assert result.code == 2
    assert "sudo " in result.err
    assert "udev install" in result.err


def test_this_process_is_no_stranger(root):
    process(root, os.getpid(), "endcall", "/dev/ttyACM0")
    assert REAL(platform="linux", root=root).holders("/dev/ttyACM0") == []


@pytest.fixture
def udevadm(tmp_path, monkeypatch):
    """A `udevadm` that notes how it was called and ends with the status in the file `status`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "udevadm").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho "no udev here" >&2\nexit $(cat {tmp_path}/status)\n'
    )
    (folder / "udevadm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(udev, "install", lambda root: tmp_path / udev.NAME)
    return tmp_path


def test_installed_rules_are_read_at_once(computer, udevadm):
    (udevadm / "status").write_text("0")
    result = computer.run("udev", "install")
    assert result.code == 0
    calls = (udevadm / "calls").read_text().splitlines()
    assert calls == ["control --reload", "trigger --subsystem-match=tty", "trigger --subsystem-match=usb"]
    assert "failed" not in result.err


def test_rules_that_udev_does_not_read_now_count_after_a_restart(computer, udevadm, monkeypatch):
    (udevadm / "status").write_text("1")
    result = computer.run("udev", "install")
    assert result.code == 0
    assert "udevadm control --reload failed (no udev here)" in result.err
    assert "after a restart" in result.err
    monkeypatch.setenv("PATH", "/nowhere")
    assert "could not be run" in computer.run("udev", "install").err
