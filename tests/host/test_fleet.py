"""`endcall fleet` on fifty simulated devices: what it does, and what the other devices get when one of them fails."""

import json
import re
import time

import pytest

from endcall import fleet, fleet_jobs
from endcall_core.version import FIRMWARE, PROTOCOL
from endcall_device.service import RefusedError

from . import fleet_bench, listings
from .desk_link import DeskTransport, FaultyTransport, tone
from .fleet_desks import HEAD, Office, device, record, serial


@pytest.fixture
def office(computer, tmp_path):
    return Office(computer, tmp_path, 50)


@pytest.fixture
def few(computer, tmp_path):
    return Office(computer, tmp_path, 4)


# --- all is well --------------------------------------------------------------------------------------------------


def test_fifty_devices_at_once(office):
    run = office.run("apply")
    assert run.code == 0
    assert office.others_are_done()
    assert "50 done, of 50" in run.out
    assert "5 settings and 1 prompt changed, read back and compared" in run.out
    assert run.err.count("done    Desk") == 50


def test_doing_it_again_changes_nothing(few):
    few.run("apply")
    before = [desk.app.store.sequence for desk in few.desks.values()]
    run = few.run("apply")
    assert run.code == 0
    assert run.out.count("as in the file") == 4
    assert [desk.app.store.sequence for desk in few.desks.values()] == before


def test_events_for_programs(few):
    run = few.run("apply", "--json")
    assert run.code == 0
    assert run.err == ""
    events = [json.loads(line) for line in run.out.splitlines()]
    assert {event["schema"] for event in events} == {"endcall.fleet/1"}
    of_second = [event for event in events[:-1] if event["device"]["serial"] == serial(2)]
    kinds = [event["event"] for event in of_second]
    assert kinds[0] == "begin"
    assert kinds[-1] == "result"
    assert set(kinds[1:-1]) == {"sending"}
    assert [event["sent"] for event in of_second[1:-1]][-1] == of_second[1]["total"]
    assert of_second[-1]["device"] == {
        "name": "Desk 2",
        "serial": serial(2),
        "group": "berlin",
        "port": record(2).path,
    }
    assert of_second[-1]["result"] == "done"
    assert of_second[-1]["changed"]["release.preset"] == ["us_ca", "eu_generic"]
    assert of_second[-1]["prompts"] == ["closing.wav"]
    closing = events[-1]
    assert closing.pop("seconds") > 0
    assert closing == {
        "schema": "endcall.fleet/1",
        "event": "summary",
        "devices": 4,
        "done": 4,
        "earlier": 0,
        "failed": 0,
        "interrupted": 0,
        "absent": 0,
        "unknown": [],
    }


def test_the_plan_puts_devices_with_the_same_changes_together(office):
    run = office.run("plan")
    assert run.code == 0
    assert run.out.count("25 devices: ") == 2
    assert "25 devices: Desk 2 (E661486400000002), Desk 4 (E661486400000004)" in run.out
    assert run.out.count("call.min_warn_s") == 2
    assert run.out.count("release.preset") == 1
    assert not any(office.is_done(number) for number in office.desks)
    assert office.run("plan", "--exit-code").code == 8
    office.run("apply")
    run = office.run("plan", "--exit-code")
    assert run.code == 0
    assert "as in the file" in run.out


def test_validate_asks_no_device(office):
    run = office.run("validate")
    assert run.code == 0
    assert "50 devices, 1 group" in run.out
    assert office.computer.opened == []
    assert office.run("validate", "--json").json == {
        "schema": "endcall.fleet_validate/1",
        "file": str(office.file),
        "devices": 50,
        "groups": ["berlin"],
        "without_serial": 0,
    }


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "status"])
def test_a_bad_file_is_told_in_full_before_any_device_is_opened(office, command):
    office.file.write_text(HEAD + device(1, "call.warn_s = true") + device(2, 'group = "x"').replace("berlin", "y"))
    office.file.write_text(HEAD + device(1, "call.warn_s = true") + device(3, "ring.pixels = 4"))
    run = office.run(command)
    assert run.code == 7
    assert "2 problems in" in run.err
    assert "call.warn_s = true" in run.err
    assert "ring.pixels = 4" in run.err
    assert office.computer.opened == []


def test_status(few):
    few.run("apply", "--name", "Desk 1")
    few.unplug(3)
    run = few.run("status")
    assert run.code == 0
    first, second, third, _ = run.out.splitlines()[1:5]
    for words in ("Desk 1", serial(1), record(1).path, "READY", FIRMWARE, "as in the file"):
        assert words in first
    assert "5 settings and 1 prompt would change" in second
    assert "absent" in third


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        (("--group", "berlin"), {2, 4}),
        (("--serial", serial(3)), {3}),
        (("--name", "Desk 1"), {1}),
        (("--group", "berlin", "--name", "Desk 4"), {4}),
    ],
)
def test_choosing(few, choice, numbers):
    assert few.run("apply", *choice).code == 0
    assert {number for number in few.desks if few.is_done(number)} == numbers
    assert set(few.computer.opened) == {record(number).path for number in numbers}


def test_choosing_what_is_not_there(few):
    run = few.run("apply", "--group", "paris")
    assert run.code == 2
    assert "Its groups: berlin" in run.err
    assert few.computer.opened == []


def test_a_device_that_is_not_in_the_file_is_never_opened(few):
    stranger = few.plug(9)
    before = stranger.app.call.rules
    run = few.run("apply")
    assert run.code == 0
    assert f"{serial(9)} at {record(9).path}: not in the file; not touched" in run.err
    assert record(9).path not in few.computer.opened
    assert stranger.app.call.rules == before
    assert json.loads(few.run("apply", "--json").out.splitlines()[-1])["unknown"] == [serial(9)]


def test_a_port_is_no_choice(few):
    run = few.computer.run("--port", "/dev/ttyACM1", "fleet", "plan", few.file)
    assert run.code == 2
    assert "serial numbers" in run.err


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_at_the_same_time_than_asked_for(office, monkeypatch, jobs):
    at_once, most = [], []

    def job(client, entry, tell, keeps):
        at_once.append(entry.number)
        most.append(len(at_once))
        time.sleep(0.005)
        at_once.remove(entry.number)
        return {"say": "done"}

    monkeypatch.setattr(fleet_jobs, "apply", job)
    assert office.run("apply", "--jobs", str(jobs)).code == 0
    assert len(most) == 50
    assert max(most) == jobs


def test_the_settings_as_they_were_are_kept_unless_told_otherwise(few, tmp_path):
    _, results = few.apply("--no-backup", "--name", "Desk 1")
    assert results[1]["before"] is None
    _, results = few.apply()
    assert results[1]["before"] is None  # nothing was changed
    with open(results[2]["before"], encoding="utf-8") as file:
        assert "min_warn_s = 5" in file.read()
    assert few.computer.run("apply", results[2]["before"], "--serial", serial(2)).code == 0
    assert few.desks[2].app.call.rules["call.min_warn_s"] == 5


# --- some fail, the others are done -------------------------------------------------------------------------------


class Silent(DeskTransport):
    """Takes everything and says nothing."""

    def write(self, data):
        self.sleep(0.01)


class Garbage(DeskTransport):
    """Says anything but frames."""

    def read(self):
        super().read()
        return b'{"id": 1, "ok": {}} 00000000\n\xff\x00' * 3


class Slow(DeskTransport):
    """Every answer takes its time, but comes."""

    def read(self):
        self.sleep(1.7)
        return super().read()


class Broken(DeskTransport):
    """Shows a defect of the program."""

    def read(self):
        raise RuntimeError("nobody thought of this")


def unplug_in_the_middle(office, number):
    office.behind(number, lambda: FaultyTransport(office.desks[number], unplug_at=12))


def never_there(office, number):
    office.unplug(number)


def silent(office, number):
    office.behind(number, lambda: Silent(office.desks[number]))


def garbage(office, number):
    office.behind(number, lambda: Garbage(office.desks[number]))


def full(office, number):
    """All three slots are in use."""
    path = office.file.with_name("extra.wav")
    path.write_bytes(tone())
    assert office.computer.run("prompt", "put", path, "--serial", serial(number)).code == 0


def locked(office, number):
    office.desks[number].app.is_read_only = True


def another_protocol(office, number):
    service = office.desks[number].app._service

    def refuse(request, size):
        raise RefusedError(
            "mismatch", f"the device speaks protocol {PROTOCOL + 1}, the host {PROTOCOL}; update the host"
        )

    service._do_hello = refuse


def another_firmware(office, number):
    app = office.desks[number].app
    identity = app.identity
    app.identity = lambda: identity() | {"firmware": "0.0.9"}
    office.file.write_text(office.file.read_text().replace("[defaults]", '[defaults]\nfirmware = "current"'))


def other_settings(office, number):
    app = office.desks[number].app
    identity = app.identity
    app.identity = lambda: identity() | {"settings": 99}


def stores_something_else(office, number):
    app = office.desks[number].app
    real = app.change_settings
    app.change_settings = lambda values: real({**values, "call.min_warn_s": 3})


def another_serial(office, number):
    identity = office.desks[number].app.parts.identity
    identity["serial"] = "E6614864FFFFFFFF"


def twice_the_same(office, number):
    twin = listings.linux(
        "/dev/ttyACM77", serial(number), ("endcall", "another"), "CircuitPython CDC2 control", "1-9:1.0"
    )
    office.computer.plug(twin, office.computer.desk())


def in_safe_mode(office, number):
    office.unplug(number)
    console = "CircuitPython CDC control"
    office.computer.records.append(listings.linux("/dev/ttyACM88", serial(number), listings.STOCK, console, "1-9:1.0"))


def busy(office, number):
    office.behind(number, BlockingIOError(11, "locked"))


def forbidden(office, number):
    office.behind(number, PermissionError(13, "Permission denied"))


def in_a_call(office, number):
    office.desks[number].press()


def with_its_own_settings(office, number):
    """Valid on the device now, but not together with what the file says."""
    rules = office.desks[number].app.call.rules
    office.desks[number].app.change_settings(rules | {"call.warn_s": 7})


def a_defect(office, number):
    office.behind(number, lambda: Broken(office.desks[number]))


FAILURES = {
    unplug_in_the_middle: (6, "no_answer", "went away", "Plug it in again"),
    silent: (6, "no_answer", "No answer from", "unplug it"),
    garbage: (6, "no_answer", "No answer from", "unplug it"),
    full: (7, "invalid", "Every prompt slot is in use", "remove a prompt that no setting names"),
    locked: (11, "locked", "can only be read", "develop mode"),
    another_protocol: (6, "no_answer", f"The device speaks protocol {PROTOCOL + 1}", "pip install --upgrade endcall"),
    another_firmware: (
        8,
        "drift",
        f"runs firmware 0.0.9, and the file asks for the current one, {FIRMWARE}",
        "Update it",
    ),
    other_settings: (6, "no_answer", "version 99 of the settings", "Update this program"),
    stores_something_else: (9, "not_verified", "not those that were sent", "call.min_warn_s"),
    another_serial: (6, "no_answer", "says it is E6614864FFFFFFFF", "not the same device"),
    twice_the_same: (4, "ambiguous", "2 ports say that they are", "Unplug one"),
    in_safe_mode: (12, "not_in_service", "without endcall's port", "safe mode after a crash"),
    busy: (5, "port_busy", "in use", "Close it"),
    forbidden: (13, "no_permission", "No permission", "usermod"),
    in_a_call: (14, "call_in_progress", "a call is being limited or ended", "--timeout"),
    with_its_own_settings: (
        7,
        "invalid",
        "line 2, column 1: call.min_warn_s = 8 must be less than call.warn_s (7 s)",
        "",
    ),
    a_defect: (1, "defect", "nobody thought of this", "That is a defect of endcall"),
}


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
def test_one_of_fifty_fails_and_the_others_are_done(office, fail):
    fail(office, 20)
    run, results = office.apply("--timeout", "0")
    code, name, happened, more = FAILURES[fail]
    failed = results.pop(20)
    assert failed["result"] == "failed"
    assert (failed["exit_code"], failed["error"]) == (code, name)
    assert happened.lower() in failed["happened"].lower()
    assert more in " ".join((failed["happened"], failed["means"], failed["todo"]))
    assert {event["result"] for event in results.values()} == {"done"}
    assert len(results) == 49
    assert office.others_are_done(20)
    assert run.code == 10
    assert run.error["error"] == "partial"
    assert "1 of 50 devices are not done" in run.error["happened"]
    assert "--resume" in run.error["todo"]


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
def test_the_only_one_that_was_asked_for_fails_with_its_own_exit_code(few, fail):
    fail(few, 2)
    run = few.run("apply", "--serial", serial(2), "--timeout", "0")
    assert run.code == FAILURES[fail][0]
    assert FAILURES[fail][2].lower() in run.err.lower()


def test_many_kinds_of_failures_at_once(office):
    failing = dict(enumerate((fail for fail in FAILURES if fail != another_firmware), 3))
    for number, fail in failing.items():
        fail(office, number)
    office.unplug(50)
    run, results = office.apply("--timeout", "0")
    assert run.code == 10
    for number, fail in failing.items():
        assert results[number]["exit_code"] == FAILURES[fail][0], fail.__name__
    assert results[50]["result"] == "absent"
    assert office.others_are_done(*failing, 50)
    summary = json.loads(run.out.splitlines()[-1])
    assert (summary["done"], summary["failed"], summary["absent"]) == (49 - len(failing), len(failing), 1)


def test_people_read_which_device_failed_why_and_what_to_do(office):
    locked(office, 7)
    run = office.run("apply")
    assert run.code == 10
    assert f"FAILED  Desk 7 ({serial(7)}): This device is in develop mode" in run.err
    assert "1 of 50 devices are not done." in run.err
    assert "endcall fleet apply" in run.err
    (line,) = [line for line in run.out.splitlines() if "FAILED" in line and "Desk 7" in line]
    assert "After a rescue" in line
    assert "49 done, 1 FAILED, of 50" in run.out


def test_a_slow_device_is_done(office):
    office.behind(20, lambda: Slow(office.desks[20]))
    run, results = office.apply()
    assert run.code == 0
    assert results[20]["result"] == "done"
    assert office.others_are_done()


def test_a_device_in_a_call_is_waited_for(office):
    office.desks[20].press()
    run = office.run("apply")
    assert run.code == 0
    assert f"Desk 20 ({serial(20)}): a call is in progress; waiting, 300 s at most" in run.err
    assert office.others_are_done()


def test_an_absent_device_is_no_failure_of_the_others_but_not_everything_is_done(office):
    office.unplug(20)
    run, results = office.apply()
    assert run.code == 10
    assert results[20]["result"] == "absent"
    assert "not plugged in" in results[20]["say"]
    assert office.others_are_done(20)
    assert office.run("plan").code == 0


def test_nothing_is_plugged_in(few):
    for number in few.desks:
        few.unplug(number)
    run = few.run("apply")
    assert run.code == 3
    assert "Of 4 devices asked for, none is plugged in" in run.err
    assert few.run("plan").code == 3
    assert few.run("status").code == 0


def test_an_entry_without_a_serial_number_says_how_to_get_one(few):
    few.file.write_text(few.file.read_text() + device(5, is_known=False))
    run = few.run("apply")
    assert run.code == 10
    assert "Desk 5" in run.out
    assert "--watch --adopt" in run.out
    assert few.others_are_done()


def test_no_entry_has_a_serial_number(few):
    few.file.write_text(HEAD + device(1, is_known=False) + device(2, is_known=False))
    run = few.run("apply")
    assert run.code == 3
    assert "Of 2 devices asked for, none has a serial number yet" in run.err
    assert "endcall fleet apply --watch --adopt" in run.err


def test_ctrl_c_leaves_a_result_for_each_and_ends_with_130(few, monkeypatch):
    """Somebody is done, device 2 in work, and the others are any of it."""
    few.desks[2].press()  # a call: it waits, and says so
    take = fleet._Crew.next
    kinds = []

    def interrupted_once_it_waits(crew, timeout_s):
        if "waiting" in kinds and "result" in kinds:
            raise KeyboardInterrupt
        event = take(crew, timeout_s)
        if event and event["device"]["serial"] == serial(2) and event["event"] == "result":
            return None  # it is not to end by itself
        kinds.append(event and event["event"])
        return event

    monkeypatch.setattr(fleet._Crew, "next", interrupted_once_it_waits)
    run = few.run("apply")
    assert run.code == 130
    assert "Interrupted" in run.err
    (line,) = [line for line in run.out.splitlines() if "Desk 2" in line]
    assert "in work then; what it had not confirmed is not in force" in line
    assert re.search(r"[123] interrupted, of 4", run.out)
    monkeypatch.setattr(fleet._Crew, "next", take)
    assert "done earlier" in few.run("apply", "--resume").out


# --- resuming -----------------------------------------------------------------------------------------------------


def test_resuming_does_only_those_that_are_not_done(office):
    unplug_in_the_middle(office, 20)
    office.unplug(30)
    assert office.run("apply").code == 10
    office.behind(20, lambda: DeskTransport(office.desks[20], record(20).path))
    office.computer.records.append(record(30))
    office.computer.opened.clear()
    run, results = office.apply("--resume")
    assert run.code == 0
    assert sorted(office.computer.opened) == [record(20).path, record(30).path]
    assert office.others_are_done()
    assert [number for number, event in results.items() if event["result"] == "earlier"] == [
        number for number in office.desks if number not in (20, 30)
    ]
    assert office.run("apply", "--resume").code == 0


def test_resuming_does_those_again_of_which_the_file_wants_something_else(few):
    few.run("apply")
    few.file.write_text(few.file.read_text().replace('preset = "eu_generic"', 'preset = "de_pbx"'))
    few.computer.opened.clear()
    assert few.run("apply", "--resume").code == 0
    assert sorted(few.computer.opened) == [record(2).path, record(4).path]


def test_without_resume_all_are_looked_at(few):
    few.run("apply")
    few.computer.opened.clear()
    few.run("apply")
    assert len(few.computer.opened) == 4


def test_a_device_that_failed_after_it_was_done_is_not_done(few):
    few.run("apply")
    silent(few, 2)
    assert few.run("apply").code == 10
    few.behind(2, lambda: DeskTransport(few.desks[2], record(2).path))
    few.computer.opened.clear()
    few.run("apply", "--resume")
    assert few.computer.opened == [record(2).path]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "x"}', '{"schema": "endcall.fleet_state/1"}', "\xff"])
def test_a_damaged_state_is_said_and_nothing_counts_as_done(few, text):
    few.file.with_name("fleet.state.json").write_text(text, encoding="latin-1")
    run = few.run("apply", "--resume")
    assert run.code == 0
    assert few.others_are_done()
    assert ("nothing counts as done" in run.err) == (text != '{"schema": "x"}')


def test_a_state_that_can_not_be_written_costs_only_resume(few):
    few.file.with_name("fleet.state.json").mkdir()
    run = few.run("apply")
    assert run.code == 0
    assert "--resume will not know" in run.err
    assert few.others_are_done()


# --- time ---------------------------------------------------------------------------------------------------------


def test_fifty_devices_take_less_than_twice_as_long_as_one(monkeypatch):
    """In real time, with devices so slow that what this computer needs counts little: they are really worked on at
    the same time. How near real devices come to it is for the benchmark to say."""
    monkeypatch.setattr(fleet_bench, "SLOWER", 4)
    runs = fleet_bench.measure((1, 50), ("settings",))["settings"]
    assert runs[50]["times_first"] < fleet_bench.TARGET
