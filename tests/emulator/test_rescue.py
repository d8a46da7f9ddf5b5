"""`endcall rescue` on the emulated Pico: in rescue, with a damaged file on its drive, with damaged settings."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from endcall import backup
from endcall.contents import firmware_files, mutable_files
from endcall.image import (
    DRIVE_OFFSET,
    EMULATOR_UID,
    FLASH_BLOCK,
    boot_out,
    build_drive,
    combine,
    file_offset,
    read_drive,
)
from endcall_core import layout, settings

from . import button
from .button import Host, image
from .rig import FLASH_SIZE, NotSeen, Pico, flash_from_uf2

ENDCALL = str(Path(sys.executable).with_name("endcall"))


def with_the_button_held(picture):
    """A Pico in rescue: 10 s of button at power-up."""
    pico = Pico.boot(picture)
    pico.line.lift_handset()
    pico.hold_button()
    pico.run_until(lambda: pico.usb.ready and pico.data.present, 16_000, "both ports")
    pico.release_button()
    pico.run(2500)
    return pico


def rescue(pico, folder, *arguments):
    """Run `endcall rescue` at the console; the data port is found by the device's serial number."""
    (folder / "ports").mkdir()
    with pico.console_pty() as console, pico.data_pty() as data:
        os.symlink(data, folder / "ports" / EMULATOR_UID)
        with subprocess.Popen(
            [ENDCALL, "rescue", "--port", console, "--answer-s", "8", "--output", folder / "saved.zip", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"ENDCALL_PORT_DIR": str(folder / "ports")},
            text=True,
        ) as process:
            try:
                code = pico.run_while(process, within_ms=900_000)
            except NotSeen as error:
                raise AssertionError(f"{error}\n{process.stdout.read()}\n{process.stderr.read()}") from error
            return code, process.stdout.read(), process.stderr.read()


def change(flash, path, at, new):
    """Put other bytes at offset `at` of a file on the drive in `flash`."""
    begin = DRIVE_OFFSET + file_offset(bytes(flash[DRIVE_OFFSET:FLASH_SIZE]), path) + at
    flash[begin : begin + len(new)] = new


@pytest.fixture(scope="module")
def held(stock_uf2):
    """A whole device in rescue."""
    return with_the_button_held(image(stock_uf2, {"device.name": "Front desk", "call.warn_s": 77}))


def is_in_service(pico):
    pico.run_until(lambda: button.shows_ready(pico.ring()), 9000, "READY on the ring")
    host = Host(pico)
    return host.hello(), host.ask("check")["ok"]


def test_nothing_is_wrong_and_it_goes_back_into_service(held, tmp_path, record_property):
    def scenario(pico):
        ports = [port.name for port in pico.usb.ports]
        began, began_ms = len(pico.flash_ops), pico.now_ms
        ran = rescue(pico, tmp_path)
        took_s = (pico.now_ms - began_ms) / 1000
        erased = [op for op in pico.flash_ops[began:] if op.kind == "erase"]
        return ports, ran, took_s, erased, is_in_service(pico), pico.line.breaks()

    ports, (code, out, err), took_s, erased, (said, check), breaks = held.fork(scenario).result(600)
    record_property("endcall rescue, nothing wrong, emulated s", round(took_s))
    assert ports == ["console", "data"]
    assert code == 0, err
    assert "Front desk" in out
    assert "in rescue: its button was held" in err
    assert f"All {len(firmware_files())} files of the firmware are whole." in err
    assert "The button is back in service." in out
    assert erased == [], "a sound drive was written"
    assert (said["access"], check["fault"]) == ("open", 0)
    assert breaks == []
    saved = backup.read(tmp_path / "saved.zip")
    assert saved.settings["device.name"] == "Front desk"
    assert set(saved.settings) == set(settings.defaults())
    assert set(saved.prompts) == {"closing.wav", "warning.wav"}


def test_a_device_in_service_has_no_console(stock_uf2):
    """What the rescue relies on: it can't stop a call, because in service there is nothing that it could open."""
    pico = Pico.boot(image(stock_uf2))
    pico.run_until(lambda: pico.usb.ready and pico.data.present, 9000, "the data port")
    assert [port.name for port in pico.usb.ports] == ["data"]


def test_a_damaged_module_is_mended_in_place(stock_uf2, tmp_path):
    """In rescue the program fails, so the data port is silent. Only the blocks of file and folder are written."""
    path = "lib/endcall_device/app.mpy"
    flash = flash_from_uf2(image(stock_uf2))
    change(flash, path, 300, b"\x00\xff\x00\xff" * 20)
    pico = with_the_button_held(flash)
    drive = pico.flash[DRIVE_OFFSET:]
    began = len(pico.flash_ops)
    code, out, err = rescue(pico, tmp_path)
    assert code == 0, err
    assert f"damaged: {path}" in err
    assert f"{len(firmware_files())} compared, 1 wrong, 1 mended" in out
    begin, size = file_offset(drive, path), len(firmware_files()[path])
    own = set(range(begin, begin + size, FLASH_BLOCK))
    erased = {op.address - DRIVE_OFFSET for op in pico.flash_ops[began:] if op.kind == "erase"}
    assert erased >= own
    assert len(erased - own) <= 1, "more than the folder's block"
    assert not erased & {0, FLASH_BLOCK, 2 * FLASH_BLOCK}, "boot sector, table or root folder"
    said, check = is_in_service(pico)
    assert (said["access"], check["fault"]) == ("open", 0)
    begin = file_offset(pico.flash[DRIVE_OFFSET:], path)
    assert pico.flash[DRIVE_OFFSET + begin :][:size] == firmware_files()[path]


def test_a_drive_that_does_not_even_boot_is_mended(stock_uf2, tmp_path):
    """boot.py fails for want of a module: CircuitPython shows its console, and the watchdog keeps biting.

    Besides, one file is cut short and a source lies before its bytecode.
    """
    files = firmware_files() | mutable_files()
    del files["lib/endcall_core/stored.mpy"], files["app_b/app.img"]
    files["lib/endcall_core/call.mpy"] = files["lib/endcall_core/call.mpy"][:2000]
    files["lib/endcall_core/ring.py"] = b"raise RuntimeError('an old try')\n"
    files["notes.txt"] = b"Call the plumber.\n"
    uf2 = stock_uf2.read_bytes()
    files["boot_out.txt"] = boot_out(uf2, EMULATOR_UID, "")
    pico = Pico.boot(combine(uf2, build_drive(files)))
    pico.run_until(lambda: pico.usb.console.present, 9000, "the console")
    assert [port.name for port in pico.usb.ports] == ["console"]
    code, out, err = rescue(pico, tmp_path)
    assert code == 0, err
    assert "runs without boot.py" in err
    assert (
        "damaged: lib/endcall_core/call.mpy; missing: lib/endcall_core/stored.mpy; "
        "in the way: lib/endcall_core/ring.py; lost its room: app_b/app.img" in err
    )
    assert "not endcall's  notes.txt" in out
    said, check = is_in_service(pico)
    assert (said["access"], check["fault"]) == ("open", 0)
    assert pico.line.breaks() == []
    drive = read_drive(pico.flash[DRIVE_OFFSET:])
    assert all(drive[name] == content for name, content in firmware_files().items())
    assert drive["app_b/app.img"] == b"\xff" * layout.APP_BYTES
    assert "lib/endcall_core/ring.py" not in drive
    with zipfile.ZipFile(tmp_path / "saved.zip") as file:
        assert b"an old try" in file.read("raw/removed/lib/endcall_core/ring.py")
        told = json.loads(file.read("backup.json"))["rescue"]
    assert "ImportError" in told["boot_out"], "why boot.py failed"


def test_damaged_settings_are_saved_as_far_as_they_can_be_read(held, tmp_path):
    """One value is damaged; or all of it is gone, and the stock prompts are known by their sound."""

    def one_value(pico):
        at = read_drive(pico.flash[DRIVE_OFFSET:])["store_a/settings.bin"].index(b'"call.warn_s"') + 15
        change(pico._mcu.flash, "store_a/settings.bin", at, b"8")
        return rescue(pico, tmp_path / "one"), is_in_service(pico)

    def all_of_it(pico):
        change(pico._mcu.flash, "store_a/settings.bin", 0, bytes(4096))
        return rescue(pico, tmp_path / "all"), is_in_service(pico)

    for name in ("one", "all"):
        (tmp_path / name).mkdir()
    (one, (named, _)), (every, (nameless, _)) = held.fork_all([one_value, all_of_it])
    assert (one[0], every[0]) == (0, 0), one[2] + every[2]
    assert "Settings: call.warn_s was damaged" in one[2]
    saved = backup.read(tmp_path / "one" / "saved.zip")
    assert set(settings.defaults()) - set(saved.settings) == {"call.warn_s"}
    assert saved.settings["device.name"] == named["name"] == "Front desk"
    assert "Settings: no stored settings were readable." in every[2]
    saved = backup.read(tmp_path / "all" / "saved.zip")
    assert (saved.settings, nameless["name"]) == ({}, "")
    assert set(saved.prompts) == {"closing.wav", "warning.wav"}
    assert "The button is back in service." in every[1]


def test_safe_mode(stock_uf2, tmp_path):
    """A reset in the first second after power-up is taken for a wish for safe mode."""
    pico = Pico.boot(image(stock_uf2), quick=False)
    pico.run(600)
    pico.reset()
    pico.run_until(lambda: pico.usb.console.present, 9000, "the console")
    assert [port.name for port in pico.usb.ports] == ["console"]
    code, out, err = rescue(pico, tmp_path)
    assert code == 0, err
    assert "is in safe mode (USER): it was reset, or BOOTSEL was pressed, in the first second" in err
    assert "The button is back in service." in out
    assert is_in_service(pico)[0]["access"] == "open"


def test_one_that_hides_its_port_comes_back_with_its_window_open(stock_uf2, tmp_path):
    pico = with_the_button_held(image(stock_uf2, {"usb.access": "service"}))
    code, out, err = rescue(pico, tmp_path)
    assert code == 0, err
    assert "The button is back in service." in out
    assert Host(pico).hello()["access"] == "service window"


def test_a_drive_that_circuitpython_formatted_anew(boot, tmp_path):
    """What a power cut at the wrong moment leaves: it is told, and what the NVM has is saved."""
    pico = boot({"code.py": 'print("Hello World!")\n', "lib/": b""})
    pico.run_until(lambda: pico.usb.console.present, 9000, "the console")
    code, _, err = rescue(pico, tmp_path)
    assert code == 12, err
    assert "Nothing of endcall is on the drive" in err
    assert "endcall flash, then: endcall restore FILE.zip" in err
    assert backup.read(tmp_path / "saved.zip").incidents == []
