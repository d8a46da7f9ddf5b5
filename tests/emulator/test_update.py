"""Updates and `endcall flash` on the emulated Pico: a version is tried, and one that is no good is given up by itself.

The applications are the product's own with another version number, and with what breaks them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from endcall import application
from endcall.contents import firmware_folder
from endcall.image import DRIVE_OFFSET, FLASH_BLOCK, file_offset
from endcall_core import layout
from endcall_core.version import FIRMWARE

from . import button
from .button import Host, image
from .rig import Pico, PowerLost

ENDCALL = str(Path(sys.executable).with_name("endcall"))
CRASH = 'raise RuntimeError("no good")\n'
HANG = "while True:\n    pass\n"


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """`firmware(version, first_line)`: a folder with the product's firmware, whose pico.py begins with that line."""

    def make(version, first_line=""):
        folder = tmp_path_factory.mktemp("firmware") / version
        shutil.copytree(firmware_folder(), folder, ignore=shutil.ignore_patterns("__pycache__", "prompts"))
        path = folder / "lib/endcall_core/version.py"
        path.write_text(path.read_text().replace(f'"{FIRMWARE}"', f'"{version}"'))
        path = folder / "lib/endcall_device/pico.py"
        path.write_text(first_line + path.read_text())
        return folder

    return make


@pytest.fixture(scope="module")
def good(firmware):
    return application.load(firmware("9.0.0"))


@pytest.fixture(scope="module")
def desk(stock_uf2):
    pico = Pico.boot(image(stock_uf2))
    pico.line.lift_handset()
    return in_service(pico)


@pytest.fixture(scope="module")
def flashes(desk, good):
    """The flash when the new version was sent (its first start is the next), and when it is confirmed."""

    def scenario(pico):
        host = Host(pico)
        host.hello()
        assert send(host, good)["ok"]["next"] == "a"
        sent = pico.flash
        host = restarted(pico, host)
        assert host.ask("app_confirm")["ok"]["state"] == "trusted"
        return sent, pico.flash

    return desk.fork(scenario).result(900)


@pytest.fixture(scope="module")
def updated(flashes):
    """The new version is confirmed, and in service."""
    pico = Pico.boot(flashes[1])
    pico.line.lift_handset()
    return in_service(pico)


def in_service(pico, within_ms=9000):
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms, "READY on the ring")
    pico.run_until(lambda: pico.data.present, within_ms, "the data port")
    pico.run(300)
    return pico


def send(host, made):
    """Everything up to the answer to app_end."""
    chunk = host.ask("app_begin", bytes=len(made.content), sum=made.sha256)["ok"]["chunk"]
    for at in range(0, len(made.content), chunk):
        assert "ok" in host.ask("app_data", made.content[at : at + chunk], at=at)
    return host.ask("app_end")


def restarted(pico, host, within_ms=9000):
    """Restart as a host asks for it; a host that has said hello to what came back."""
    host.hello()
    assert "ok" in host.ask("restart")
    pico.run(400)
    pico.frames.clear()
    in_service(pico, within_ms)
    host = Host(pico)
    host.said = host.hello()
    return host


def power_cycled(pico):
    pico.power_cycle()
    in_service(pico)
    host = Host(pico)
    host.said = host.hello()
    return host


def erased(pico, since=0):
    return {op.address - DRIVE_OFFSET for op in pico.flash_ops[since:] if op.kind == "erase"}


def blocks_of_slots(pico):
    """Where the slots lie on the drive, by block."""
    drive = pico.flash[DRIVE_OFFSET:]
    begins = [file_offset(drive, path) for path in layout.APP_PATHS]
    return [set(range(at, at + layout.APP_BYTES, FLASH_BLOCK)) for at in begins]


# --- an update that is good ------------------------------------------------------------------------------------


def test_update_is_tried_confirmed_and_stays(desk, good, record_property):
    def scenario(pico):
        host = Host(pico)
        old = host.hello()
        assert send(host, good)["ok"]["next"] == "a"
        sending = erased(pico)
        began, asked_ms = len(pico.flash_ops), pico.now_ms
        host = restarted(pico, host)
        took_ms = pico.now_ms - asked_ms
        trial = host.ask("app")["ok"]
        counting = erased(pico, began)
        began = len(pico.flash_ops)
        confirmed = host.ask("app_confirm")["ok"]
        confirming = erased(pico, began)
        began = len(pico.flash_ops)
        for _ in range(4):
            host = power_cycled(pico)
        writes = (sending, counting, confirming, erased(pico, began))
        return old, host.said, trial, confirmed, writes, took_ms, pico.line.breaks()

    old, new, trial, confirmed, writes, took_ms, breaks = desk.fork(scenario).result(900)
    sending, counting, confirming, later = writes
    slots = blocks_of_slots(desk)
    record_property("free heap, application in /lib, bytes", old["free_bytes"])
    record_property("free heap, application in a slot, bytes", new["free_bytes"])
    record_property("restart into an application in a slot, ms", round(took_ms))
    assert (old["firmware"], new["firmware"]) == (FIRMWARE, "9.0.0")
    assert (trial["slot"], trial["state"], trial["tries"]) == ("a", "trial", 1)
    assert confirmed["state"] == "trusted"
    assert sending < slots[0], "something else than the spare slot and its record was written"
    assert len(counting) == len(confirming) == 1
    assert counting | confirming == {min(blocks) for blocks in slots}, "something else than the records was written"
    assert later == set(), "a start writes to the flash"
    assert new["free_bytes"] >= old["free_bytes"] - 1500
    assert breaks == []


def test_rollback(updated):
    def scenario(pico):
        host = Host(pico)
        host.hello()
        answer = host.ask("app_rollback")["ok"]
        host = restarted(pico, host)
        return answer, host.said, host.ask("app")["ok"], pico.line.breaks()

    answer, said, app, breaks = updated.fork(scenario).result(600)
    assert answer["next"] == "factory"
    assert (said["firmware"], app["slot"], app["former"]) == (FIRMWARE, "factory", "a")
    assert breaks == []


def test_a_whole_call_in_an_application_from_a_slot(updated):
    def scenario(pico):
        pico.press(150)
        pico.run_until(lambda: button.shows_warn(pico.ring()), 2000, "WARN on the ring")
        pico.run(1200)
        pico.press(150)
        pico.run_until(pico.line.breaks, 12_000, "the line opening")
        pico.run_until(lambda: button.shows_recover(pico.ring()), 2000, "RECOVER on the ring")
        return pico.line.breaks()

    (opened,) = updated.fork(scenario).result(600)
    assert abs(opened.length_ms - 600) <= 0.1


# --- one that is not -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first_line", "last_words", "within_ms"),
    [(CRASH, "RuntimeError: no good", 40_000), (HANG, "", 60_000), ("import no_such_module\n", "ImportError", 40_000)],
    ids=["crashes", "hangs", "imports what is not there"],
)
def test_one_that_does_not_start_is_given_up_after_three_starts(
    updated, firmware, first_line, last_words, within_ms, record_property
):
    made = application.load(firmware("9.9.9", first_line))

    def scenario(pico):
        host = Host(pico)
        host.hello()
        assert send(host, made)["ok"]["next"] == "b"
        began, began_ms = len(pico.flash_ops), pico.now_ms
        host = restarted(pico, host, within_ms)
        took_ms = pico.now_ms - began_ms
        app = host.ask("app")["ok"]
        check = host.ask("check")["ok"]
        records = [op.address - DRIVE_OFFSET for op in pico.flash_ops[began:] if op.kind == "erase"]
        return host.said, app, check, records, took_ms, pico.line.breaks(), pico.edges(14)

    said, app, check, records, took_ms, breaks, relay = updated.fork(scenario).result(900)
    record_property(f"{first_line.split(chr(10))[0]}: the version before is back after, ms", round(took_ms))
    assert said["firmware"] == "9.0.0"
    assert last_words in said["crash"]
    assert (app["slot"], app["state"], app["failed"], app["why"]) == ("a", "trusted", "b", "unconfirmed")
    assert app["b"][0] == "9.9.9"
    assert check["fault"] == 0
    assert len(records) == 4, "three starts counted, and the end of the trial"
    assert {*records} == {min(blocks) for blocks in blocks_of_slots(updated)}
    assert breaks == []
    assert not any(edge.level for edge in relay)


def test_one_that_is_damaged_is_never_started(updated, good):
    """In transfer: refused. On the flash, after it was trusted: the one before starts, and says why."""

    def in_transfer(pico):
        host = Host(pico)
        host.hello()

        class Damaged:
            content = good.content[:-1] + bytes([good.content[-1] ^ 1])
            sha256 = good.sha256

        answer = send(host, Damaged)
        return answer, host.ask("app")["ok"]

    def on_the_flash(pico):
        at = DRIVE_OFFSET + min(blocks_of_slots(pico)[0]) + FLASH_BLOCK + 20_000
        pico._mcu.flash[at] ^= 0x04
        host = power_cycled(pico)
        return host.said, host.ask("app")["ok"], pico.line.breaks()

    (answer, app), (said, after, breaks) = updated.fork_all([in_transfer, on_the_flash])
    assert answer["error"] == "damaged"
    assert app["next"] == "a"
    assert said["firmware"] == FIRMWARE
    assert (after["slot"], after["failed"], after["why"]) == ("factory", "a", "damaged")
    assert breaks == []


@pytest.mark.parametrize(
    ("op", "torn_bytes", "tries"), [(0, 0, 1), (0, 2000, 1), (1, 10, 1), (1, 100, 2), (16, 255, 2)]
)
def test_a_power_cut_while_a_start_is_counted(flashes, op, torn_bytes, tries):
    """At the erase of the record's block, before and after its 18 bytes are programmed, and at the last page."""
    pico = Pico.boot(flashes[0])
    pico.line.lift_handset()
    pico.power_fails_at(op, torn_bytes)
    with pytest.raises(PowerLost):
        pico.run(9000)
    host = power_cycled(pico)
    app = host.ask("app")["ok"]
    assert (host.said["firmware"], app["state"]) == ("9.0.0", "trial")
    assert app["tries"] == tries
    assert pico.line.breaks() == []


# --- as a person does it -----------------------------------------------------------------------------------------


def run_endcall(pico, path, *arguments, within_ms=200_000):
    with subprocess.Popen(
        [ENDCALL, *map(str, arguments), "--port", path, "--answer-s", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        code = pico.run_while(process, within_ms)
        return code, process.stdout.read(), process.stderr.read()


def test_the_command_updates_and_goes_back(desk, firmware):
    folder = firmware("9.1.0")

    def scenario(pico):
        with pico.data_pty() as path:
            update = run_endcall(pico, path, "firmware", "update", "--folder", folder)
            check = run_endcall(pico, path, "firmware", "check", "--folder", folder, "--exit-code")
            back = run_endcall(pico, path, "firmware", "rollback")
        return update, check, back

    update, check, back = desk.fork(scenario).result(900)
    assert update[0] == 0, update
    assert f"{FIRMWARE} -> 9.1.0, checked and confirmed" in update[1]
    assert check[0] == 0, check
    assert back[0] == 0, back
    assert f"9.1.0 -> {FIRMWARE}" in back[1]


def test_flash_brings_a_blank_pico_to_a_working_button(stock_uf2, tmp_path):
    """A folder stands for the drive RPI-RP2; what is copied there is booted, and found at its port."""
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    (tmp_path / "office.toml").write_text('device.name = "Front desk"\ncall.warn_s = 45\n')
    port = tmp_path / "port"
    with subprocess.Popen(
        [
            *(ENDCALL, "flash", "--runtime", stock_uf2, "--settings", tmp_path / "office.toml"),
            *("--drive", drive, "--port", port, "--answer-s", "60"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        copied = wait_for_the_copy(drive / "ENDCALL.UF2", process)
        (drive / "INFO_UF2.TXT").unlink()
        pico = Pico.boot(copied)
        with pico.data_pty() as path:
            os.symlink(path, port)
            code = pico.run_while(process, within_ms=200_000)
        out, err = process.stdout.read(), process.stderr.read()
    assert code == 0, err
    assert "The button works." in out
    assert "Front desk" in out
    assert "CircuitPython 10.2.1" in out
    assert button.shows_ready(pico.ring())
    assert pico.line.breaks() == []


def wait_for_the_copy(path, process):
    """The whole file, once `endcall` says that it waits."""
    said = ""
    for line in process.stderr:
        said += line
        if "Waiting for it to start" in line:
            return path.read_bytes()
    raise AssertionError(f"endcall ended with {process.wait()}: {said}")


def test_into_the_bootloader(desk):
    def scenario(pico):
        host = Host(pico)
        host.hello()
        answer = host.ask("bootloader")
        pico.run_until(lambda: pico.in_bootloader, 3000, "the bootloader")
        return answer, pico.line.breaks()

    answer, breaks = desk.fork(scenario).result()
    assert answer["ok"] == {}
    assert breaks == []
