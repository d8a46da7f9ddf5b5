"""Every way to fail, as the person at the keyboard meets it: the message, the exit code, and that nothing changed."""

from dataclasses import replace

import pytest

from endcall import errors, ports
from endcall.ports import BOOTLOADER, UNMOUNTED, Found
from endcall.transport import unplugged
from endcall_core import settings
from endcall_device.store import StoreError

from . import listings
from .desk_link import DeskTransport, FaultyTransport, tone

CODES = {name: number for number, name, _ in errors.EXIT_CODES}


def kinds(kind=errors.EndcallError):
    for below in kind.__subclasses__():
        yield below
        yield from kinds(below)


def test_every_kind_of_error_has_its_exit_code_and_no_two_share_one():
    numbers = [number for number, _, _ in errors.EXIT_CODES]
    assert len(set(numbers)) == len(numbers)
    assert {kind.name for kind in kinds()} == set(CODES) - {"ok", "defect"}


class Silent(DeskTransport):
    """Something that takes bytes and never says any."""

    def write(self, data):
        self.sleep(0.01)


class Echo(DeskTransport):
    """A modem, a printer: it gives back what it gets."""

    def write(self, data):
        self.desk.port._to_host += data


# --- no device, two, busy, no permission --------------------------------------------------------------------------


def test_no_device(computer):
    result = computer.run("info")
    assert result.code == CODES["no_device"] == 3
    assert "No endcall device was found" in result.err
    assert "data cable" in result.err
    assert "hold the button while plugging in" in result.err
    assert computer.run("list").code == 3
    assert computer.run("set", "call.warn_s", "45", "--all").code == 3


def test_two_devices(computer):
    computer.plug(values=settings.defaults() | {"device.name": "Front desk"})
    computer.plug(listings.SECOND["linux"])
    result = computer.run("info")
    assert result.code == CODES["ambiguous"] == 4
    assert "2 devices fit" in result.err
    for words in ("/dev/ttyACM0", "/dev/ttyACM1", listings.A, listings.B, "Front desk", "--serial"):
        assert words in result.err


def test_two_devices_of_which_one_is_busy_are_still_two(computer):
    computer.plug()
    computer.plug(listings.SECOND["linux"])
    computer.behind["/dev/ttyACM1"] = BlockingIOError(11, "locked")
    assert computer.run("info").code == 4


def test_two_devices_with_the_same_name(computer):
    for record in (listings.IN_SERVICE["linux"], listings.SECOND["linux"]):
        computer.plug(record, values=settings.defaults() | {"device.name": "Front desk"})
    result = computer.run("info", "--name", "Front desk")
    assert result.code == 4
    assert listings.A in result.err


def test_port_busy(computer):
    computer.plug()
    computer.behind["/dev/ttyACM0"] = BlockingIOError(11, "Resource temporarily unavailable")
    result = computer.run("info")
    assert result.code == CODES["port_busy"] == 5
    assert "/dev/ttyACM0 is in use by another program" in result.err
    assert "Close it" in result.err


def test_no_permission(computer):
    computer.plug()
    computer.behind["/dev/ttyACM0"] = PermissionError(13, "Permission denied")
    result = computer.run("info")
    assert result.code == CODES["no_permission"] == 13
    assert "No permission to open /dev/ttyACM0" in result.err
    assert "usermod" in result.err


def test_these_four_are_told_apart(computer):
    seen = {computer.run("info").code: computer.run("info").err}
    computer.plug()
    for error in (BlockingIOError(11, ""), PermissionError(13, "")):
        computer.behind["/dev/ttyACM0"] = error
        result = computer.run("info")
        seen[result.code] = result.err
    computer.plug(listings.SECOND["linux"])
    result = computer.run("info")
    seen[result.code] = result.err
    assert set(seen) == {3, 4, 5, 13}
    assert len(set(seen.values())) == 4


@pytest.mark.parametrize("choice", [("--serial", "0123"), ("--name", "Nowhere")])
def test_a_choice_that_fits_none_lists_what_is_there(computer, choice):
    computer.plug()
    result = computer.run("info", *choice)
    assert result.code == 3
    assert choice[1] in result.err
    assert listings.A in result.err


def test_no_such_port(computer):
    result = computer.run("info", "--port", "/dev/ttyACM7")
    assert result.code == 3
    assert "/dev/ttyACM7 can't be opened" in result.err


# --- what answers, and what does not ------------------------------------------------------------------------------


def test_silence(computer):
    desk = computer.plug()
    computer.behind["/dev/ttyACM0"] = lambda: Silent(desk)
    result = computer.run("info")
    assert result.code == CODES["no_answer"] == 6
    assert "No answer from /dev/ttyACM0" in result.err
    assert "unplug it" in result.err


@pytest.mark.parametrize("is_watched", [True, False])
def test_who_waits_is_told_why(computer, monkeypatch, is_watched):
    monkeypatch.setattr("endcall.commands.shared.is_watched", lambda: is_watched)
    desk = computer.plug()
    assert "has not answered yet" not in computer.run("info").err
    computer.behind["/dev/ttyACM0"] = lambda: Silent(desk)
    assert computer.run("info").err.count("/dev/ttyACM0 has not answered yet; waiting") == is_watched


def test_something_else_behind_the_port(computer):
    desk = computer.desk()
    computer.behind["/dev/ttyUSB0"] = lambda: Echo(desk)
    result = computer.run("info", "--port", "/dev/ttyUSB0")
    assert result.code == 6


def test_on_windows_a_stranger_that_says_nothing_is_left_out(computer):
    """There only `hello` can tell another project's Pico."""
    desk = computer.desk()
    stranger = listings.windows("COM4", listings.B, "CircuitPython CDC2 control", "1-3:x.2")
    computer.records = [stranger]
    computer.behind["COM4"] = lambda: Silent(desk)
    assert computer.run("set", "call.warn_s", "45", "--all").code == 3
    assert computer.run("info").code == 6
    assert "no_answer" in computer.run("list").out
    ours = computer.plug(listings.IN_SERVICE["windows"])
    assert computer.run("set", "call.warn_s", "45").code == 0
    assert ours.app.call.rules["call.warn_s"] == 45


@pytest.mark.parametrize("at", range(2, 12))
def test_unplugged_in_the_middle(computer, tmp_path, at):
    desk = computer.plug()
    before = desk.app.prompts.table
    computer.behind["/dev/ttyACM0"] = lambda: FaultyTransport(desk, unplug_at=at)
    (tmp_path / "closing.wav").write_bytes(tone(ms=600))
    result = computer.run("prompt", "put", tmp_path / "closing.wav")
    assert result.code == 6
    assert "went away" in result.err
    assert "Plug it in again" in result.err
    desk.power_cycle()
    assert desk.app.prompts.table == before


def test_unplugged_before_a_word(computer):
    desk = computer.plug()

    class Gone(DeskTransport):
        def read(self):
            raise unplugged(self.path)

    computer.behind["/dev/ttyACM0"] = lambda: Gone(desk)
    assert computer.run("status", "--once").code == 6


# --- not in service -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_safe_mode(computer, system):
    computer.records = [listings.SAFE_MODE[system]]
    result = computer.run("info")
    assert result.code == CODES["not_in_service"] == 12
    assert "safe mode" in result.err
    assert "The phone works meanwhile" in result.err
    assert computer.opened == []


def test_the_bootloader(computer):
    computer.drives = [Found(BOOTLOADER, "/media/it/RPI-RP2", "", False)]
    result = computer.run("info")
    assert result.code == 12
    assert "bootloader" in result.err
    assert "/media/it/RPI-RP2" in result.err
    shown = computer.run("list")
    assert shown.code == 0
    assert "bootloader" in shown.out


@pytest.mark.parametrize(
    ("path", "todo"), [("/dev/sdb1", "udisksctl mount -b /dev/sdb1"), ("USB 1-1.2", "Unplug it and plug it in again")]
)
def test_the_bootloader_without_its_drive(computer, monkeypatch, path, todo):
    monkeypatch.setattr(ports, "unmounted_bootloaders", lambda: [Found(UNMOUNTED, path, "", False)])
    result = computer.run("info")
    assert result.code == 12
    assert f"({path}), and its drive RPI-RP2 is not mounted" in result.err
    assert todo in result.err
    shown = computer.run("list")
    assert shown.code == 0
    assert "bootloader_unmounted" in shown.out


def test_beside_one_in_service_a_device_in_safe_mode_is_told_and_not_taken(computer):
    safe = replace(listings.SAFE_MODE["linux"], path="/dev/ttyACM3", serial=listings.B)
    desk = computer.plug()
    computer.records.append(safe)
    assert computer.run("set", "call.warn_s", "45").code == 0
    assert desk.app.call.rules["call.warn_s"] == 45
    result = computer.run("info", "--serial", listings.B)
    assert result.code == 12
    assert f"serial {listings.B}" in result.err
    assert "safe mode" in result.err
    assert safe.path not in computer.opened


@pytest.mark.parametrize("system", listings.SYSTEMS)
def test_the_console_is_never_opened(computer, system):
    console, data = listings.DEVELOP[system]
    computer.plug(data)
    computer.records.insert(0, console)
    assert computer.run("info").code == 0
    assert computer.run("list").code == 0
    assert console.path not in computer.opened
    result = computer.run("info", "--port", console.path)
    assert result.code == CODES["usage"] == 2
    assert data.path in result.err
    assert console.path not in computer.opened


def test_the_console_of_safe_mode_is_not_opened_either(computer):
    record = listings.SAFE_MODE["linux"]
    computer.records = [record]
    assert computer.run("info", "--port", record.path).code == 12
    assert computer.opened == []


# --- settings -----------------------------------------------------------------------------------------------------

BAD_FILE = """\
# every kind of mistake
wran_s = 30
[call]
min_warn_s = 40
warn_s = 30
watch_s = true
grace_ms = "800"
[ring]
pixels = 4
brightness = 20
[release]
preset = "uk"
mode = "flash"
flash_ms = 600
[usb]
access = "closed"
[telephone]
x = 1
"""

#: line, key, and what the message must say: bound and unit, or the nearest key
EXPECTED = (
    (2, "wran_s", "did you mean call.warn_s?"),
    (4, "call.min_warn_s", "must be less than call.warn_s (30 s)"),
    (6, "call.watch_s = true", "0..3600 s"),
    (7, 'call.grace_ms = "800"', "0..10000 ms"),
    (9, "ring.pixels = 4", "8..60"),
    (10, "ring.brightness = 20", "did you mean ring.brightness_pct?"),
    (14, "release.flash_ms = 600", "dead zone of preset uk"),
    (16, 'usb.access = "closed"', "open, service or develop"),
    (18, "telephone.x", "is not a setting"),
)


def test_a_bad_file_tells_everything_at_once_and_changes_nothing(computer, tmp_path):
    desk = computer.plug()
    before = (desk.app.call.rules, desk.app.store.sequence)
    path = tmp_path / "bad.toml"
    path.write_text(BAD_FILE)
    result = computer.run("apply", path)
    assert result.code == CODES["invalid"] == 7
    assert result.out == ""
    assert f"{len(EXPECTED)} problems in {path}" in result.err
    lines = result.err.splitlines()
    for number, key, said in EXPECTED:
        (line,) = [line for line in lines if line.startswith(f"  line {number}, column ")]
        assert key in line
        assert said in line
    assert (desk.app.call.rules, desk.app.store.sequence) == before
    assert computer.opened == []  # the device was not even asked


def test_a_bad_file_as_json(computer, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(BAD_FILE)
    result = computer.run("apply", path, "--json")
    assert result.out == ""
    assert result.error["exit_code"] == 7
    assert [problem["line"] for problem in result.error["problems"]] == [number for number, _, _ in EXPECTED]
    assert result.error["problems"][0]["nearest"] == "call.warn_s"


def test_a_rule_broken_together_with_what_the_device_has(computer, tmp_path):
    desk = computer.plug(values=settings.defaults() | {"call.min_warn_s": 20})
    path = tmp_path / "desk.toml"
    path.write_text("[call]\nwarn_s = 15\n")
    result = computer.run("apply", path)
    assert result.code == 7
    assert "call.min_warn_s = 20 (on the device now) must be less than call.warn_s (15 s)" in result.err
    assert desk.app.call.rules["call.warn_s"] == 30


def test_a_rule_broken_by_what_a_preset_fills_names_the_presets_line(computer, tmp_path):
    computer.plug()
    path = tmp_path / "desk.toml"
    path.write_text('[release]\nmode = "flash"\nflash_ms = 130\npreset = "eu_generic"\n')
    assert "line 3, column 1: release.flash_ms = 130 is in the dead zone" in computer.run("apply", path).err


def test_a_prompt_that_the_device_does_not_have_names_the_line(computer, tmp_path):
    computer.plug()
    path = tmp_path / "desk.toml"
    path.write_text('[prompt]\n\nwarning = "nowhere.wav"\n')
    result = computer.run("apply", path)
    assert result.code == 7
    assert "line 3, column 1: prompt.warning" in result.err
    assert "endcall prompt put nowhere.wav" in result.err


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("[call]\nwarn_s = 30\nwarn_s = 40\n", "line 3, column 12", "given twice"),
        ("call.warn_s = 30\n[call]\nwatch_s = 2\n", "line 2, column 6", "given twice"),
        ("[call]\nwarn_s = \n", "line 2, column 10", "no TOML"),
        ('[device]\nname = "open\n', "line 2, column 13", "no TOML"),
        ("[call\n", "line 1, column 6", "no TOML"),
        ("[call]\nwarn_s = [1,\n", "line 2, column 13", "no TOML"),
    ],
)
def test_a_file_that_is_no_toml(computer, tmp_path, text, place, said):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    result = computer.run("apply", path)
    assert result.code == 7
    assert f"{place}: " in result.err
    assert said in result.err


def test_a_file_that_is_no_text(computer, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00")
    result = computer.run("apply", path)
    assert result.code == 7
    assert "UTF-8" in result.err


def test_a_file_that_is_not_there(computer, tmp_path):
    result = computer.run("apply", tmp_path / "nowhere.toml")
    assert result.code == 2
    assert "can't be read" in result.err


def test_set_refuses_as_apply_does(computer):
    computer.plug()
    result = computer.run("set", "call.warn_s", "soon", "ring.pixels", "61", "call.warnings", "1")
    assert result.code == 7
    for said in ("5..600 s", "8..60", "did you mean call.warnings_required?"):
        assert said in result.err


def test_what_was_stored_is_not_what_was_sent(computer, monkeypatch):
    desk = computer.plug()
    real = desk.app.change_settings
    monkeypatch.setattr(desk.app, "change_settings", lambda values: real({**values, "ring.pixels": 9}))
    result = computer.run("set", "ring.pixels", "16")
    assert result.code == CODES["not_verified"] == 9
    assert "ring.pixels" in result.err


def test_the_flash_refuses(computer, monkeypatch):
    desk = computer.plug()

    def refuse(values, prompts):
        raise StoreError("the flash refused the settings (5)")

    monkeypatch.setattr(desk.app.store, "save", refuse)
    result = computer.run("set", "ring.pixels", "16")
    assert result.code == 9
    assert "The flash refused the settings" in result.err


def test_locked(computer):
    desk = computer.plug()
    desk.app.is_read_only = True
    result = computer.run("set", "ring.pixels", "16")
    assert result.code == CODES["locked"] == 11
    assert "Nothing was changed" in result.err


def test_a_call_in_progress(computer):
    desk = computer.plug()
    desk.press()
    result = computer.run("set", "ring.pixels", "16", "--timeout", "0")
    assert result.code == CODES["call_in_progress"] == 14
    assert "--timeout" in result.err
    assert desk.state == "WARN"
    assert desk.app.call.rules["ring.pixels"] == 24


# --- prompts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"ID3 this is an MP3" * 10, "PCM 16 bit, mono"),
        (b"", "not a WAV"),
        (tone(channels=2), "2 channels; export it as mono"),
        (tone(width=1), "PCM 16 bit"),
        (tone(rate_hz=44100), "44100 Hz; the sound module takes 16000 Hz only"),
        (tone(rate_hz=7999), "7999 Hz"),
        (tone(ms=1000)[:-100], "cut off"),
        (tone(ms=150), "200 ms is the shortest"),
        (tone(ms=200), None),  # the control: this one is good
        (tone(ms=15500), "15 s is the longest"),
        (tone(ms=14000, rate_hz=16000), "does not fit"),
    ],
)
def test_a_bad_prompt_is_refused_before_anything_is_sent(computer, tmp_path, data, said):
    desk = computer.plug()
    before = desk.app.prompts.table
    path = tmp_path / "closing.wav"
    path.write_bytes(data)
    result = computer.run("prompt", "put", path)
    if said is None:
        assert result.code == 0
        return
    assert result.code == 7
    assert said in result.err
    assert computer.opened == []
    assert desk.app.prompts.table == before


@pytest.mark.parametrize("name", ["closing.mp3", "a/b.wav", ".wav", "x" * 40 + ".wav", "ü.wav"])
def test_a_name_that_a_prompt_can_not_have(computer, tmp_path, name):
    (tmp_path / "x.wav").write_bytes(tone())
    result = computer.run("prompt", "put", tmp_path / "x.wav", "--as", name)
    assert result.code == 7
    assert "--as" in result.err
    assert computer.opened == []


def test_a_prompt_that_is_not_there(computer, tmp_path):
    assert computer.run("prompt", "put", tmp_path / "nowhere.wav").code == 2


def test_no_slot_is_free(computer, tmp_path):
    computer.plug()
    for number in range(2):
        (tmp_path / "x.wav").write_bytes(tone(seed=number))
        result = computer.run("prompt", "put", tmp_path / "x.wav", "--as", f"{number}.wav")
    assert result.code == 7
    assert "Every prompt slot is in use" in result.err


def test_a_prompt_in_use_is_not_removed(computer):
    computer.plug()
    result = computer.run("prompt", "remove", "closing.wav")
    assert result.code == 7
    assert "in use" in result.err
    assert computer.run("prompt", "remove", "nowhere.wav").code == 7


# --- the command line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("lisst",), ("info", "--prot", "x"), ("apply",), ("status", "--every", "0")])
def test_usage(computer, arguments):
    assert computer.run(*arguments).code == 2


def test_an_error_as_json_is_one_object_on_stderr(computer):
    result = computer.run("info", "--json")
    assert result.out == ""
    assert result.error["error"] == "no_device"
    assert result.error["exit_code"] == result.code == 3
    assert result.error["todo"]


def test_ports_are_given_back_whatever_happens(computer):
    desk = computer.plug()
    over = []
    computer.behind["/dev/ttyACM0"] = lambda: over.append(DeskTransport(desk)) or over[-1]
    computer.run("info")
    computer.run("set", "prompt.warning", "nowhere.wav")
    computer.run("prompt", "remove", "closing.wav")
    assert len(over) == 3
    assert all(port.is_closed for port in over)
