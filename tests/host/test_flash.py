"""`endcall flash` with a folder that stands for the drive RPI-RP2, and the device that comes of what is copied."""

import io
import urllib.error
from types import SimpleNamespace

import pytest

from endcall import flash, transport
from endcall.desk.desk import Desk
from endcall.image import DRIVE_OFFSET, parse_uf2, read_drive
from endcall.ports import BOOTLOADER, Found
from endcall_core import settings, stored

from . import listings
from .desk_link import tone
from .test_image_uf2 import runtime_uf2

#: As the RP2040's ROM and that of a Pico 2 have it.
INFO_RP2040 = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
INFO_RP2350 = "UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n"

IN_SERVICE = listings.IN_SERVICE["linux"]


class Bench:
    """A Pico on the bench, in its bootloader or not. Time passes when `endcall` sleeps."""

    def __init__(self, computer, folder, monkeypatch):
        self.computer = computer
        self.drive = folder / "RPI-RP2"
        self.folder = folder
        self.desk = None
        self.now_s = 0.0
        self.starts = True  # whether what is copied brings the Pico back
        self.runtime = folder / "circuitpython.uf2"
        self.runtime.write_bytes(runtime_uf2())
        monkeypatch.setattr(flash, "clock", lambda: self.now_s)
        monkeypatch.setattr(flash, "sleep", self.sleep)
        monkeypatch.setattr(flash, "unmounted", lambda: None)

    def sleep(self, seconds):
        self.now_s += seconds
        if self.desk:
            self.desk.run(s=seconds)
        written = self.drive / "ENDCALL.UF2"
        if self.starts and written.exists():
            self.take(written.read_bytes())
        elif self.desk and self.desk.in_bootloader and not self.drive.exists():
            self.enter_bootloader()

    def enter_bootloader(self, info=INFO_RP2040):
        self.drive.mkdir()
        (self.drive / "INFO_UF2.TXT").write_text(info)
        self.computer.drives.append(Found(BOOTLOADER, str(self.drive), "", False))
        self.computer.records[:] = listings.LINUX_OTHERS

    def take(self, uf2):
        """What the bootloader does with a whole file: the Pico runs it, and the drive is gone."""
        folder = self.folder / f"device{self.now_s}"
        for path, data in read_drive(parse_uf2(uf2).flash()[DRIVE_OFFSET:]).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        (folder / "nvm.bin").write_bytes(b"\xff" * 4096)
        for path in self.drive.iterdir():
            path.unlink()
        self.drive.rmdir()
        self.computer.drives.clear()
        self.desk = Desk(folder, serial=listings.A)
        self.desk.run(200)
        self.computer.plug(IN_SERVICE, self.desk)

    def flash(self, *arguments):
        return self.computer.run("flash", "--runtime", self.runtime, "--any-runtime", *arguments)


@pytest.fixture
def bench(computer, tmp_path, monkeypatch):
    return Bench(computer, tmp_path, monkeypatch)


@pytest.fixture
def blank(bench):
    bench.enter_bootloader()
    return bench


def in_service(bench, **values):
    """A device in service, which goes into its bootloader when it is told to."""
    desk = Desk(bench.folder / "old", serial=listings.A, values=settings.defaults() | values)
    desk.run(200)
    bench.desk = bench.computer.plug(IN_SERVICE, desk)
    return desk


# --- a blank Pico ------------------------------------------------------------------------------------------------


def test_a_blank_pico_becomes_a_working_button(blank):
    (blank.folder / "office.toml").write_text('device.name = "Front desk"\nrelease.preset = "uk"\n')
    (blank.folder / "x.wav").write_bytes(tone(ms=700))
    result = blank.flash(
        *("--settings", blank.folder / "office.toml", "--prompt", f"closing.wav={blank.folder / 'x.wav'}")
    )
    assert result.code == 0
    assert blank.desk.app.call.rules["release.mode"] == "hangup"
    assert blank.desk.app.prompts.inspect("closing.wav").duration_ms == 700
    for said in ("The button works.", listings.A, "Front desk", IN_SERVICE.path, "passed", "closing.wav"):
        assert said in result.out
    assert "Writing" in result.err
    assert "Waiting for it to start" in result.err


def test_as_json(blank):
    result = blank.flash("--json").json
    assert result["schema"] == "endcall.flash/1"
    assert (result["proved"], result["check"]["fault"], result["device"]["serial"]) == (True, 0, listings.A)


def test_the_drive_can_be_named(blank):
    blank.computer.drives.clear()
    assert blank.flash("--drive", blank.drive).code == 0


def test_an_error_at_the_end_of_the_copy_means_nothing(blank, monkeypatch):
    """macOS reports one although the Pico took the file and restarted."""

    def fail(number):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(flash.os, "fsync", fail)
    assert blank.flash().code == 0


def test_a_drive_that_can_not_be_written_is_told(blank, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(flash, "open", fail, raising=False)
    result = blank.flash()
    assert result.code == 2
    assert "can't be written: Permission denied" in result.err


def test_a_pico_that_stays_in_its_bootloader_is_told(blank):
    blank.starts = False
    result = blank.flash()
    assert result.code == 12
    assert "still in its bootloader" in result.err
    assert blank.now_s < 120


def test_a_pico_that_does_not_come_back_is_told(blank, monkeypatch):
    monkeypatch.setattr(blank.computer, "plug", lambda record, desk: None)
    result = blank.flash()
    assert result.code == 6
    assert "did not come back" in result.err


def test_a_pico_that_comes_back_in_safe_mode_is_told(blank, monkeypatch):
    monkeypatch.setattr(
        blank.computer, "plug", lambda record, desk: blank.computer.records.append(listings.SAFE_MODE["linux"])
    )
    result = blank.flash()
    assert result.code == 12
    assert "safe mode" in result.err


def test_another_device_is_not_taken_for_the_new_one(blank, monkeypatch):
    other = Desk(blank.folder / "other", serial=listings.B)
    other.run(200)
    blank.computer.plug(listings.SECOND["linux"], other)
    assert listings.A in blank.flash().out


def test_one_whose_self_check_fails_is_told(blank, monkeypatch):
    power_up = Desk._power_up

    def with_a_broken_speaker(self):
        power_up(self)
        self.speaker.is_ready = False

    monkeypatch.setattr(Desk, "_power_up", with_a_broken_speaker)
    result = blank.flash()
    assert result.code == 9
    assert "self-check fails: speaker" in result.err
    assert "does not work yet" in result.out


def test_with_access_service_it_can_not_be_asked_and_says_so(blank):
    (blank.folder / "office.toml").write_text('usb.access = "service"\n')
    result = blank.flash("--settings", blank.folder / "office.toml")
    assert result.code == 0
    assert "hold the button" in result.out
    assert (blank.drive / "ENDCALL.UF2").exists()


# --- the wrong thing ---------------------------------------------------------------------------------------------


def test_a_pico_2_is_refused_before_anything_is_written(bench):
    bench.enter_bootloader(INFO_RP2350)
    result = bench.flash()
    assert result.code == 7
    assert "another board: Raspberry Pi RP2350" in result.err
    assert [path.name for path in bench.drive.iterdir()] == ["INFO_UF2.TXT"]


@pytest.mark.parametrize("text", ["", "Model: X\n", "Board-ID: RPI-RP22\n"])
def test_a_drive_that_does_not_say_what_it_is_is_refused(bench, text):
    bench.enter_bootloader(text)
    assert bench.flash().code == 7


def test_a_folder_that_is_no_bootloader(bench):
    result = bench.flash("--drive", bench.folder)
    assert result.code == 2
    assert "BOOTSEL" in result.err


def test_a_full_drive(blank, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    result = blank.flash()
    assert (result.code, "takes 0 bytes" in result.err) == (7, True)
    assert not (blank.drive / "ENDCALL.UF2").exists()


def test_two_picos_in_their_bootloader(blank):
    blank.computer.drives.append(Found(BOOTLOADER, "/media/other/RPI-RP2", "", False))
    result = blank.flash("--json")
    assert result.code == 4
    assert len(result.error["candidates"]) == 2


def test_no_pico_at_all(bench):
    result = bench.flash()
    assert result.code == 3
    assert "BOOTSEL" in result.err


def test_a_drive_that_linux_has_not_mounted(bench, monkeypatch):
    monkeypatch.setattr(flash, "unmounted", lambda: "/dev/disk/by-label/RPI-RP2")
    result = bench.flash()
    assert result.code == 12
    assert "udisksctl mount -b /dev/disk/by-label/RPI-RP2" in result.err


def test_bad_settings_are_told_before_anything_is_touched(bench):
    desk = in_service(bench)
    (bench.folder / "office.toml").write_text("call.warn_s = 4\n")
    assert bench.flash("--settings", bench.folder / "office.toml", "--yes").code == 7
    assert not desk.in_bootloader
    assert bench.flash("--prompt", "closing.wav", "--yes").code == 2


# --- CircuitPython -----------------------------------------------------------------------------------------------


def test_another_circuitpython_than_the_tested_one_is_refused(blank):
    result = blank.computer.run("flash", "--runtime", blank.runtime)
    assert result.code == 7
    assert "is not CircuitPython 10.2.1" in result.err
    assert "--any-runtime" in result.err
    assert blank.computer.run("flash", "--runtime", blank.folder / "none.uf2").code == 2


@pytest.fixture
def server(blank, monkeypatch):
    """What the download gives; the cache is empty."""
    gives = {"data": runtime_uf2(), "count": 0}

    def urlopen(url, timeout):
        gives["count"] += 1
        assert url == flash.RUNTIME_URL
        if isinstance(gives["data"], Exception):
            raise gives["data"]
        return io.BytesIO(gives["data"])

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: blank.folder / "cache" / "endcall")
    monkeypatch.setattr(flash, "RUNTIME_SHA256", flash.hashlib.sha256(runtime_uf2()).hexdigest())
    return gives


def test_circuitpython_is_downloaded_once(blank, server):
    result = blank.computer.run("flash")
    assert (result.code, server["count"]) == (0, 1)
    assert "Downloading CircuitPython" in result.err
    assert flash.runtime(None).read_bytes() == runtime_uf2()
    assert server["count"] == 1


def test_a_damaged_copy_in_the_cache_is_downloaded_again(blank, server):
    path = flash.runtime(None)
    path.write_bytes(b"x")
    assert flash.runtime(None).read_bytes() == runtime_uf2()
    assert server["count"] == 2


def test_without_internet_it_says_where_to_get_it(blank, server):
    server["data"] = urllib.error.URLError("Name or service not known")
    result = blank.computer.run("flash")
    assert result.code == 6
    assert flash.RUNTIME_URL in result.err
    assert "--runtime FILE.uf2" in result.err
    assert not (blank.drive / "ENDCALL.UF2").exists()


def test_what_is_not_what_was_asked_for_is_not_used(blank, server):
    server["data"] = b"<html>Log in to the guest network</html>"
    result = blank.computer.run("flash")
    assert result.code == 7
    assert "SHA-256" in result.err
    assert not (blank.folder / "cache").exists()


def test_the_pinned_circuitpython_is_the_one_the_emulator_runs():
    from emulator import stock

    assert (flash.RUNTIME_VERSION, flash.RUNTIME_SHA256) == (stock.VERSION, stock.SHA256)


# --- a Pico that runs --------------------------------------------------------------------------------------------


def test_a_device_in_service_is_written_anew_when_that_is_confirmed(bench):
    desk = in_service(bench, **{"device.name": "Front desk"})
    result = bench.flash()
    assert result.code == 2
    assert "Front desk is in service" in result.err
    assert "endcall backup" in result.err
    assert "--yes" in result.err
    assert not desk.in_bootloader
    result = bench.flash("--yes")
    assert result.code == 0
    assert bench.desk is not desk
    assert "The button works." in result.out
    record = stored.decode_store((bench.desk.folder / "store_a/settings.bin").read_bytes())
    assert record.values == settings.defaults()
    said = (bench.desk.folder / "boot_out.txt").read_text()
    assert f"UID:{listings.A}" in said, "its number is known, so its first start writes nothing"


def test_a_call_is_waited_for(bench):
    desk = in_service(bench)
    desk.press()
    result = bench.flash("--yes", "--timeout", "400")
    assert result.code == 0
    assert "A call is in progress" in result.err


def test_in_a_call_that_does_not_end_nothing_happens(bench):
    desk = in_service(bench)
    desk.press()
    assert bench.flash("--yes", "--timeout", "2").code == 14
    assert not desk.in_bootloader


def test_a_bootloader_that_nobody_mounts_is_told(bench, monkeypatch):
    in_service(bench)
    monkeypatch.setattr(bench, "enter_bootloader", lambda: None)
    result = bench.flash("--yes")
    assert result.code == 3
    assert "--drive PATH" in result.err
    monkeypatch.setattr(flash, "unmounted", lambda: "/dev/disk/by-label/RPI-RP2")
    bench.desk.power_cycle()
    result = bench.flash("--yes")
    assert (result.code, "udisksctl" in result.err) == (12, True)


class Repl:
    """The console of a Pico with CircuitPython, as far as a raw REPL goes."""

    def __init__(self, bench, talks=True):
        self.path = "/dev/ttyACM0"
        self.bench, self.talks = bench, talks
        self.heard = b""
        self.says = b""

    def write(self, data):
        self.heard += data
        if self.talks and self.heard.endswith(b"\x03\x03\x01"):
            self.says += b"\r\nraw REPL; CTRL-B to exit\r\n>"
        if b"RunMode.UF2" in self.heard and self.heard.endswith(b"\x04"):
            self.bench.enter_bootloader()
            raise transport.unplugged(self.path)

    def read(self):
        self.bench.now_s += 0.05
        data, self.says = self.says, b""
        return data

    def close(self):
        pass


def test_a_pico_with_circuitpython_is_sent_to_its_bootloader_over_its_console(bench):
    bench.computer.records.append(listings.SAFE_MODE["linux"])
    bench.computer.behind["/dev/ttyACM0"] = lambda: Repl(bench)
    result = bench.flash()
    assert result.code == 2
    assert "runs CircuitPython" in result.err
    result = bench.flash("--yes")
    assert result.code == 0
    assert bench.desk.state == "READY"


def test_a_console_without_a_prompt(bench):
    bench.computer.records.append(listings.SAFE_MODE["linux"])
    bench.computer.behind["/dev/ttyACM0"] = lambda: Repl(bench, talks=False)
    result = bench.flash("--yes")
    assert result.code == 6
    assert "BOOTSEL" in result.err


def test_finding_a_block_device_that_is_not_mounted(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(flash.sys, "platform", "linux")
    assert flash.unmounted(tmp_path) is None
    (tmp_path / "RPI-RP2").write_text("")
    assert flash.unmounted(tmp_path) == str(tmp_path / "RPI-RP2")
    monkeypatch.setattr(flash.sys, "platform", "darwin")
    assert flash.unmounted(tmp_path) is None
