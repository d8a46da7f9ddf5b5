"""Every command, as typed, against a simulated desk: what it prints, for people and for programs, and what it does."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib

import pytest

from endcall.client import Client
from endcall.desk.desk import Desk
from endcall_core import layout, settings, wire
from endcall_core.version import FIRMWARE

from . import listings
from .desk_link import DeskTransport, tone


def end_a_call(desk):
    """From the first press to READY: the call is limited and ended."""
    desk.press()
    desk.run(s=6)
    desk.press()
    desk.run_until("RECOVER")
    desk.press()
    desk.run_until("READY")
    desk.run(100)


# --- looking ------------------------------------------------------------------------------------------------------


def test_list(computer):
    computer.plug(values=settings.defaults() | {"device.name": "Front desk"})
    result = computer.run("list")
    assert result.code == 0
    assert re.search(r"Front desk +DE5C0001 +/dev/ttyACM0 +READY +" + re.escape(FIRMWARE) + " +open", result.out)
    assert computer.run("list", "--json").json == {
        "schema": "endcall.list/1",
        "devices": [
            {
                "port": "/dev/ttyACM0",
                "serial": "DE5C0001",
                "name": "Front desk",
                "firmware": FIRMWARE,
                "access": "open",
                "state": "READY",
                "fault": 0,
                "error": None,
            }
        ],
    }


def test_list_shows_what_is_not_in_service_and_what_to_do(computer):
    computer.plug()
    safe = listings.linux("/dev/ttyACM3", listings.B, listings.STOCK, "CircuitPython CDC control", "1-2:1.0")
    computer.records.append(safe)
    busy = listings.linux("/dev/ttyACM4", "C" * 16, listings.OURS, "CircuitPython CDC2 control", "1-3:1.0")
    computer.records.append(busy)
    computer.behind[busy.path] = BlockingIOError(11, "locked")
    result = computer.run("list")
    assert result.code == 0
    assert "no_data_port" in result.out
    assert "port_busy" in result.out
    assert "safe mode" in result.err
    assert "in use" in result.err
    assert safe.path not in computer.opened
    states = {row["port"]: row["error"] for row in computer.run("list", "--json").json["devices"]}
    assert states == {"/dev/ttyACM0": None, "/dev/ttyACM3": "no_data_port", "/dev/ttyACM4": "port_busy"}


def test_info(computer):
    desk = computer.plug()
    desk.run(s=65)
    result = computer.run("info")
    assert result.code == 0
    for words in ("DE5C0001", "READY", "passed", "closing.wav", "prompt.closing", FIRMWARE):
        assert words in result.out
    facts = computer.run("info", "--json").json
    assert facts["schema"] == "endcall.info/1"
    assert facts["check"]["fault"] == 0
    assert facts["identity"]["serial"] == "DE5C0001"
    assert facts["status"]["uptime_s"] == 65
    assert [row["name"] for row in facts["prompts"]] == ["closing.wav", "warning.wav"]


def damage(desk):
    """Flip a bit in the sound of the closing prompt, as a worn flash cell would."""
    path = desk.app.prompts.path("closing.wav")
    with open(path, "r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))


def lose(desk):
    """Both settings records are gone, and with them the table of prompts."""
    for path in layout.STORE_PATHS:
        (desk.folder / path.lstrip("/")).write_bytes(b"\xff" * layout.BLOCK_BYTES)


@pytest.mark.parametrize(("spoil", "number", "name"), [(damage, 2, "prompt_damaged"), (lose, 1, "prompt_missing")])
def test_info_tells_a_fault_by_number_and_what_to_do(computer, spoil, number, name):
    desk = computer.plug()
    spoil(desk)
    desk.power_cycle()
    desk.run(300)
    result = computer.run("info")
    assert f"FAULT {number} {name}" in result.out
    assert "endcall prompt put" in result.out
    assert computer.run("info", "--json").json["check"]["fault"] == number
    desk.press()
    assert desk.state == "FAULT"
    assert f"FAULT {number} {name}" in computer.run("status", "--once").out


@pytest.mark.parametrize("spoil", [damage, lose])
def test_sending_the_prompt_again_mends_it(computer, tmp_path, spoil):
    desk = computer.plug()
    spoil(desk)
    desk.power_cycle()
    desk.run(300)
    (tmp_path / "closing.wav").write_bytes(tone(ms=800))
    assert computer.run("prompt", "put", tmp_path / "closing.wav").code == 0
    assert computer.run("info", "--json").json["check"]["fault"] == 0


def test_status_once(computer):
    desk = computer.plug()
    desk.press()
    result = computer.run("status", "--once")
    assert result.code == 0
    assert "WARN" in result.out
    assert "relay closed" in result.out


def test_status_as_json_is_a_line_per_look(computer):
    computer.plug()
    result = computer.run("status", "--json", "--every", "0.05", "--count", "3")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["schema"] for line in lines] == ["endcall.status/1"] * 3
    assert {line["status"]["state"] for line in lines} == {"READY"}


def test_ctrl_c_is_how_watching_ends(computer, monkeypatch):
    computer.plug()
    real, looks = Client.status, []

    def look(client):
        if len(looks) == 2:
            raise KeyboardInterrupt
        looks.append(real(client))
        return looks[-1]

    monkeypatch.setattr(Client, "status", look)
    result = computer.run("status", "--json", "--every", "0.05")
    assert result.code == 0
    assert len(result.out.splitlines()) == 2


def test_log_as_table_json_and_csv(computer):
    desk = computer.plug()
    computer.run("list")  # tells the time
    end_a_call(desk)
    desk.press()
    desk.press(ms=1200)
    desk.run(100)
    result = computer.run("log")
    assert result.code == 0
    assert re.search(r"^1 .*enforced +1 \(at 0 s\) .*to its end +flash", result.out, re.MULTILINE)
    assert "cancelled" in result.out
    records = computer.run("log", "--json").json["records"]
    assert [record["outcome"] for record in records] == ["enforced", "cancelled"]
    assert records[0]["prompt_finished"] is True
    assert abs(records[0]["epoch_s"] - time.time()) < 600
    rows = list(csv.DictReader(io.StringIO(computer.run("log", "--csv").out)))
    assert [row["outcome"] for row in rows] == ["enforced", "cancelled"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[0]["time"])
    assert [record["sequence"] for record in computer.run("log", "--json", "--after", "1").json["records"]] == [2]


def test_log_without_incidents(computer):
    computer.plug()
    assert computer.run("log").out == "No incidents.\n"
    assert computer.run("log", "--json").json["records"] == []


def test_log_has_one_form_at_a_time(computer):
    computer.plug()
    assert computer.run("log", "--csv", "--json").code == 2


# --- settings -----------------------------------------------------------------------------------------------------


def test_get_gives_a_file_that_apply_takes_back(computer, tmp_path):
    desk = computer.plug()
    result = computer.run("get")
    assert result.code == 0
    tables = tomllib.loads(result.out)
    assert {f"{table}.{key}": tables[table][key] for table in tables for key in tables[table]} == settings.defaults()
    path = tmp_path / "backup.toml"
    path.write_text(result.out)
    computer.run("set", "call.warn_s", "45", "ring.pixels", "16", "device.name", 'Say "hi" \\ ü')
    assert desk.app.call.rules["device.name"] == 'Say "hi" \\ ü'
    assert computer.run("apply", path).code == 0
    assert desk.app.call.rules == settings.defaults()


def test_get_some(computer):
    computer.plug()
    assert computer.run("get", "call.warn_s", "ring.pixels").out == "[call]\nwarn_s = 30\n\n[ring]\npixels = 24\n"
    assert computer.run("get", "call.warn_s", "--json").json["values"] == {"call.warn_s": 30}
    refused = computer.run("get", "call.warns")
    assert refused.code == 7
    assert "did you mean call.warn_s?" in refused.err


def test_set(computer):
    desk = computer.plug()
    result = computer.run("set", "call.warn_s", "45", "ring.reduced_motion", "true", "--json")
    assert result.code == 0
    (one,) = result.json["devices"]
    assert one["changed"] == {"call.warn_s": [30, 45], "ring.reduced_motion": [False, True]}
    assert one["applied"] is True
    assert desk.app.call.rules["call.warn_s"] == 45
    assert computer.run("set", "call.warn_s", "45", "--json").json["devices"][0]["changed"] == {}


def test_set_needs_pairs(computer):
    assert computer.run("set", "call.warn_s").code == 2


def test_apply_is_idempotent_and_tells_what_changed(computer, tmp_path):
    desk = computer.plug()
    path = tmp_path / "desk.toml"
    path.write_text('call.warn_s = 45\n[release]\npreset = "uk"\n')
    result = computer.run("apply", path)
    assert result.code == 0
    assert "4 settings changed, read back and compared" in result.out
    assert re.search(r"release.mode +\"flash\" +\"hangup\"", result.out)
    assert (desk.app.call.rules["release.flash_ms"], desk.app.call.rules["release.mode"]) == (100, "hangup")
    sequence = desk.app.store.sequence
    again = computer.run("apply", path)
    assert again.code == 0
    assert "already as in" in again.out
    assert desk.app.store.sequence == sequence


def test_a_value_in_the_file_goes_before_what_the_preset_fills(computer, tmp_path):
    """Also where the device has that value already: sending only what differs would let the preset overwrite it."""
    desk = computer.plug()
    path = tmp_path / "desk.toml"
    path.write_text('[release]\npreset = "asterisk_dahdi"\nmode = "flash"\nflash_ms = 600\n')
    assert desk.app.call.rules["release.flash_ms"] == 600
    assert computer.run("apply", path).code == 0
    assert (desk.app.call.rules["release.flash_ms"], desk.app.call.rules["release.mode"]) == (600, "flash")
    assert computer.run("plan", "--exit-code", path).code == 0


def test_plan_compares_and_changes_nothing(computer, tmp_path):
    desk = computer.plug()
    path = tmp_path / "desk.toml"
    path.write_text("call.warn_s = 45\n")
    result = computer.run("plan", "--exit-code", path, "--json")
    assert result.code == 8
    assert result.json["devices"][0]["changed"] == {"call.warn_s": [30, 45]}
    assert desk.app.call.rules["call.warn_s"] == 30
    assert result.error["error"] == "drift"


def test_apply_waits_for_a_call_and_says_so(computer, tmp_path):
    desk = computer.plug()
    path = tmp_path / "desk.toml"
    path.write_text("call.warn_s = 45\n")
    desk.press()
    result = computer.run("apply", path)
    assert result.code == 0
    assert "A call is in progress" in result.err
    assert desk.app.call.rules["call.warn_s"] == 45


def test_what_is_in_force_already_needs_no_waiting(computer):
    desk = computer.plug()
    desk.press()
    result = computer.run("set", "call.warn_s", "30", "--timeout", "0")
    assert result.code == 0
    assert desk.state == "WARN"


def test_set_help_has_every_setting(computer):
    shown = computer.run("set", "--help").out
    for row in settings.SETTINGS:
        assert row[settings.KEY] in shown
        assert settings.accepted(row) in shown


# --- prompts --------------------------------------------------------------------------------------------------------


def test_prompt_put_list_remove(computer, tmp_path):
    desk = computer.plug()
    path = tmp_path / "Our closing.wav"
    path.write_bytes(tone(ms=1500))
    result = computer.run("prompt", "put", path, "--as", "ours.wav")
    assert result.code == 0
    assert "1.5 s at 16000 Hz" in result.err
    assert "sent, read back and compared" in result.out
    assert "endcall set prompt.closing ours.wav" in result.err
    assert desk.app.prompts.table["ours.wav"][2] == wire.crc(path.read_bytes())
    listed = computer.run("prompt", "list", "--json").json
    assert [row["name"] for row in listed["prompts"]] == ["closing.wav", "ours.wav", "warning.wav"]
    assert listed["used"] == {"closing.wav": ["prompt.closing"]}
    assert re.search(r"ours.wav +1.5 s +16000 Hz", computer.run("prompt", "list").out)
    assert "was there already" in computer.run("prompt", "put", path, "--as", "ours.wav").out
    assert computer.run("prompt", "remove", "ours.wav").code == 0
    assert "ours.wav" not in desk.app.prompts.table


def test_prompt_put_json(computer, tmp_path):
    computer.plug()
    (tmp_path / "closing.wav").write_bytes(tone(ms=1500))
    (one,) = computer.run("prompt", "put", tmp_path / "closing.wav", "--json").json["devices"]
    assert (one["prompt"], one["ms"], one["sent"], one["used"]) == ("closing.wav", 1500, True, ["prompt.closing"])


# --- several devices ----------------------------------------------------------------------------------------------


@pytest.fixture
def two(computer):
    first = computer.plug(values=settings.defaults() | {"device.name": "Front desk"})
    second = computer.plug(listings.SECOND["linux"], values=settings.defaults() | {"device.name": "Back office"})
    return first, second


@pytest.mark.parametrize("choice", [("--name", "Back office"), ("--serial", listings.B), ("--port", "/dev/ttyACM1")])
@pytest.mark.parametrize("is_first", [True, False])
def test_one_of_two_is_chosen_before_or_after_the_command(computer, two, choice, is_first):
    arguments = (*choice, "set", "call.warn_s", "45") if is_first else ("set", "call.warn_s", "45", *choice)
    assert computer.run(*arguments).code == 0
    assert [desk.app.call.rules["call.warn_s"] for desk in two] == [30, 45]


def test_all_at_once(computer, two, tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text("call.warn_s = 45\n")
    result = computer.run("apply", path, "--all")
    assert result.code == 0
    assert "Front desk" in result.out
    assert "Back office" in result.out
    assert [desk.app.call.rules["call.warn_s"] for desk in two] == [45, 45]


def test_all_of_which_one_fails(computer, two, tmp_path):
    computer.behind["/dev/ttyACM1"] = BlockingIOError(11, "locked")
    result = computer.run("set", "call.warn_s", "45", "--all", "--json")
    assert result.code == 10
    by_port = {one["device"]["port"]: one for one in result.json["devices"]}
    assert by_port["/dev/ttyACM0"]["ok"] is True
    assert by_port["/dev/ttyACM1"]["error"] == "port_busy"
    assert [desk.app.call.rules["call.warn_s"] for desk in two] == [45, 30]
    assert listings.B in result.error["todo"]


# --- image and demo -----------------------------------------------------------------------------------------------


def test_demo_has_its_own_options(computer):
    shown = computer.run("demo", "--help").out
    for option in ("--headless", "--script", "--http-port", "--pty-link", "--speed", "--folder"):
        assert option in shown


# --- the command line itself ------------------------------------------------------------------------------------------


def test_nothing_but_the_result_on_stdout(computer, tmp_path):
    desk = computer.plug()
    desk.press()
    (tmp_path / "new.wav").write_bytes(tone())
    for arguments in (
        ("list",),
        ("info",),
        ("get",),
        ("set", "call.recover_s", "0"),
        ("log",),
        ("prompt", "put", tmp_path / "new.wav"),
        ("prompt", "list"),
    ):
        result = computer.run(*arguments, "--json")
        assert result.code == 0
        assert result.json["schema"].startswith("endcall.")


def test_help_answers_at_once():
    """The promise is 200 ms; the imports that would break it are named, so that a slow computer fails for no reason."""
    code = (
        "import sys; from endcall.cli import cli; cli(['--help'], standalone_mode=False); "
        "print([name for name in ('rich', 'serial', 'asyncio', 'aiohttp', 'numpy', 'csv') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_defect_is_told_as_one(computer, monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *a, **k: tmp_path)
    monkeypatch.setattr("endcall.connect.connect", lambda choice: 1 / 0)
    result = computer.run("info")
    assert result.code == 1
    assert "defect" in result.err
    assert "ZeroDivisionError" in (tmp_path / "endcall.log").read_text()


def test_ctrl_c(computer, monkeypatch):
    def interrupted(choice):
        raise KeyboardInterrupt

    monkeypatch.setattr("endcall.connect.connect", interrupted)
    result = computer.run("info")
    assert result.code == 130
    assert "Interrupted" in result.err


def test_fifty_devices_take_no_longer_than_they_take_to_answer(computer, monkeypatch):
    """Every device is answered by itself: none waits for another. Here they all stop until all have been asked."""
    count = 50
    everybody = threading.Barrier(count, timeout=20)

    class Patient(DeskTransport):
        is_asked = False

        def write(self, data):
            if not self.is_asked and b'"commit"' in data:
                self.is_asked = True
                everybody.wait()
            super().write(data)

    desks = []
    for number in range(count):
        serial = f"{number:016X}"
        record = listings.linux(
            f"/dev/ttyACM{number}", serial, listings.OURS, "CircuitPython CDC2 control", f"1-{number}"
        )
        desk = computer.plug(record)
        computer.behind[record.path] = lambda desk=desk, path=record.path: Patient(desk, path)
        desks.append(desk)
    result = computer.run("set", "call.warn_s", "45", "--all")
    assert result.code == 0
    assert {desk.app.call.rules["call.warn_s"] for desk in desks} == {45}


def test_a_real_process_over_a_real_terminal(tmp_path):
    """From the console script to the firmware's loop, with nothing replaced."""
    from endcall.desk.pty_port import PtyPort

    port = PtyPort()
    desk = Desk(tmp_path / "drive", port=port)
    process = subprocess.Popen(
        [sys.executable, "-c", "from endcall.cli import main; main()", "set", "call.warn_s", "45", "--no-backup"]
        + ["--port", port.path, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        desk.run(1)
        time.sleep(0.001)
    out, err = process.communicate(timeout=5)
    port.close()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["devices"][0]["changed"] == {"call.warn_s": [30, 45]}
    assert desk.app.call.rules["call.warn_s"] == 45


def test_ctrl_c_in_the_middle_of_sending_leaves_the_device_as_it_was(tmp_path):
    from endcall.desk.pty_port import PtyPort

    port = PtyPort()
    desk = Desk(tmp_path / "drive", port=port)
    before = (dict(desk.app.prompts.table), desk.app.call.rules, desk.app.store.sequence)
    (tmp_path / "new.wav").write_bytes(tone(ms=5500, rate_hz=16000))
    process = subprocess.Popen(
        [sys.executable, "-c", "from endcall.cli import main; main()", "prompt", "put", str(tmp_path / "new.wav")]
        + ["--port", port.path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    told_at = 0
    while process.poll() is None and time.monotonic() < deadline:
        desk.run(1)
        upload = desk.app.prompts.upload
        # Python loses a Ctrl-C that falls into a callback of its garbage collection; a person presses again.
        if upload and upload.at > told_at + 60_000:
            told_at = upload.at
            process.send_signal(signal.SIGINT)
        time.sleep(0.0002)
    out, err = process.communicate(timeout=5)
    desk.run(50)
    assert told_at
    assert (process.returncode, out) == (130, ""), err
    assert "The device is as it was: what was half done is dropped." in err
    assert desk.app.prompts.upload is None, "the half of a prompt is forgotten with the link"
    assert (desk.app.prompts.table, desk.app.call.rules, desk.app.store.sequence) == before
    port.close()
