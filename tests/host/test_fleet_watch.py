"""`endcall fleet apply --watch`: the bench where device after device is plugged in."""

import json

import pytest

from endcall import fleet, fleet_file, ports
from endcall.errors import UsageError
from endcall_core.version import FIRMWARE

from . import listings
from .desk_link import DeskTransport, FaultyTransport
from .fleet_desks import HEAD, Office, device, record, serial


class Bench:
    """A computer at which somebody plugs devices in and out, as a script says: a list of (when, what).

    Each look at what is plugged in does the next thing whose time has come. At the script's end: Ctrl-C.
    """

    def __init__(self, office):
        self.office = office
        self.script = []
        self.crew = None

    def then(self, what, when=lambda: True):
        self.script.append((when, what))
        return self

    def plug(self, number, when=lambda: True):
        return self.then(lambda: self.office.computer.records.append(record(number)), when)

    def unplug(self, number, when=lambda: True):
        return self.then(lambda: self.office.unplug(number), when)

    def look(self):
        if not self.script:
            raise KeyboardInterrupt
        when, what = self.script[0]
        if when():
            self.script.pop(0)
            what()
        return list(self.office.computer.records)


def nothing():
    pass


@pytest.fixture
def bench(computer, tmp_path, monkeypatch):
    office = Office(computer, tmp_path, 4)
    for number in office.desks:
        office.unplug(number)
    made = Bench(office)
    monkeypatch.setattr(ports, "list_ports", made.look)

    class Crew(fleet._Crew):
        def __init__(self, manner):
            super().__init__(manner)
            made.crew = self

    monkeypatch.setattr(fleet, "_Crew", Crew)
    monkeypatch.setattr(fleet, "POLL_S", 0.005)
    monkeypatch.setattr(fleet, "SETTLE_S", 0.1)
    return made


def is_done(bench, number):
    """Once the device is what the file says, and its result has been told."""
    return lambda: bench.office.is_done(number) and not bench.crew.busy


def was_tried(bench):
    """Once a device was opened, and its result has been told."""
    return lambda: bench.office.computer.opened and not bench.crew.busy


def kinds(run, number=None):
    events = [json.loads(line) for line in run.out.splitlines()[:-1]]
    return [
        event.get("result", event["event"])
        for event in events
        if event["event"] != "sending" and (number is None or event["device"]["serial"] == serial(number))
    ]


# --- plugging in --------------------------------------------------------------------------------------------------


def test_each_device_is_done_as_it_is_plugged_in_and_the_last_one_ends_it(bench):
    for number in (3, 1, 4):
        bench.plug(number).unplug(number, is_done(bench, number))
    bench.plug(2).then(nothing, lambda: False)
    run = bench.office.run("apply", "--watch")
    assert run.code == 0
    assert bench.office.others_are_done()
    assert "Ctrl-C ends it" in run.err
    assert "4 done, of 4" in run.out


def test_many_at_once(bench):
    for number in bench.office.desks:
        bench.office.computer.records.append(record(number))
    bench.then(nothing, lambda: False)
    assert bench.office.run("apply", "--watch").code == 0
    assert bench.office.others_are_done()


def test_ctrl_c_ends_it_well(bench):
    bench.plug(2).then(nothing, is_done(bench, 2))
    run = bench.office.run("apply", "--watch")
    assert run.code == 0
    assert "1 done, of 1" in run.out
    assert bench.office.others_are_done(1, 3, 4)


def test_ctrl_c_before_anything_came(bench):
    run = bench.office.run("apply", "--watch")
    assert run.code == 0
    assert "nothing done" in run.out


def test_count_ends_it_earlier_and_touches_no_more(bench):
    for number in bench.office.desks:
        bench.office.computer.records.append(record(number))
    bench.then(nothing, lambda: False)
    run = bench.office.run("apply", "--watch", "--count", "2")
    assert run.code == 0
    assert sum(map(bench.office.is_done, bench.office.desks)) == 2
    assert len(bench.office.computer.opened) == 2


def test_the_same_device_twice_counts_once(bench):
    bench.plug(1).unplug(1, is_done(bench, 1)).plug(1).unplug(1, is_done(bench, 1))
    bench.plug(2).then(nothing, lambda: False)
    run = bench.office.run("apply", "--watch", "--count", "2", "--json")
    assert run.code == 0
    assert kinds(run, 1) == ["begin", "done", "begin", "done"]
    assert kinds(run, 2) == ["begin", "done"]


def test_a_device_that_failed_is_tried_again_when_it_is_plugged_in_again(bench):
    bench.office.behind(1, lambda: FaultyTransport(bench.office.desks[1], unplug_at=12))
    good = lambda: DeskTransport(bench.office.desks[1], record(1).path)  # noqa: E731
    bench.plug(1).unplug(1, was_tried(bench)).then(lambda: bench.office.behind(1, good)).plug(1)
    bench.then(nothing, is_done(bench, 1))
    run = bench.office.run("apply", "--watch", "--json")
    assert run.code == 0
    assert kinds(run, 1) == ["begin", "failed", "begin", "done"]


def test_a_failure_that_stays_is_exit_code_10(bench):
    bench.office.desks[1].app.is_read_only = True
    bench.plug(1).plug(2, was_tried(bench)).then(nothing, is_done(bench, 2))
    run = bench.office.run("apply", "--watch")
    assert run.code == 10
    assert "FAILED  Desk 1" in run.err
    assert "1 of 2 devices are not done" in run.err


def test_a_port_that_is_not_ready_yet_is_tried_for_a_moment(bench):
    """udev gives the permission a little after the port appears."""
    tries = []

    def open_():
        tries.append(1)
        if len(tries) < 3:
            raise fleet.NoPermissionError("No permission to open it.")
        return DeskTransport(bench.office.desks[1], record(1).path)

    bench.office.behind(1, open_)
    bench.plug(1).then(nothing, is_done(bench, 1))
    assert bench.office.run("apply", "--watch").code == 0
    assert len(tries) == 3


def test_a_device_that_is_not_in_the_file_is_told_once_and_not_touched(bench):
    bench.office.plug(9)
    bench.office.unplug(9)
    bench.plug(9).then(nothing).then(nothing).plug(1).then(nothing, is_done(bench, 1))
    run = bench.office.run("apply", "--watch")
    assert run.err.count(f"{serial(9)} at {record(9).path}: not in the file; not touched") == 1
    assert record(9).path not in bench.office.computer.opened
    assert run.code == 0


def test_a_device_of_another_group_is_told_and_not_touched(bench):
    bench.plug(1).plug(2).then(nothing, is_done(bench, 2))
    run = bench.office.run("apply", "--watch", "--group", "berlin")
    assert f"{serial(1)} at {record(1).path}: it is in the file, but not among those chosen; not touched" in run.err
    assert bench.office.computer.opened == [record(2).path]


def test_resuming_leaves_out_those_that_are_done(bench):
    bench.plug(1).unplug(1, is_done(bench, 1))
    assert bench.office.run("apply", "--watch").code == 0
    bench.plug(2).unplug(2, is_done(bench, 2)).plug(1).plug(3).unplug(3, is_done(bench, 3)).plug(4).then(
        nothing, lambda: False
    )
    bench.office.computer.opened.clear()
    run = bench.office.run("apply", "--watch", "--resume", "--json")
    assert run.code == 0
    assert record(1).path not in bench.office.computer.opened
    assert kinds(run, 1) == ["earlier", "unknown"]


def test_a_pico_in_safe_mode_is_told(bench):
    safe = listings.linux("/dev/ttyACM88", serial(1), listings.STOCK, "CircuitPython CDC control", "1-9:1.0")
    bench.then(lambda: bench.office.computer.records.append(safe)).then(nothing).then(nothing)
    bench.then(nothing).plug(2).then(nothing, is_done(bench, 2))
    run = bench.office.run("apply", "--watch")
    assert run.code == 10
    assert "safe mode after a crash" in run.err
    assert safe.path not in bench.office.computer.opened


@pytest.mark.parametrize("arguments", [("--adopt",), ("--count", "2"), ("--watch", "--count", "0")])
def test_usage(bench, arguments):
    assert bench.office.run("apply", *arguments).code == 2


# --- adopting -----------------------------------------------------------------------------------------------------


@pytest.fixture
def new(bench):
    """Devices 1 to 4 are new; the file has an entry for each, in order, without a number."""
    bench.office.file.write_text(HEAD + "".join(device(number, is_known=False) for number in range(1, 5)))
    return bench


def test_new_devices_become_the_next_entries_and_the_file_is_completed(new):
    before = new.office.file.read_text()
    for number in range(1, 5):
        new.plug(number).unplug(number, is_done(new, number)) if number < 4 else new.plug(number)
    new.then(nothing, lambda: False)
    run = new.office.run("apply", "--watch", "--adopt")
    assert run.code == 0
    assert new.office.others_are_done()
    assert f"Desk 3 ({serial(3)}): this serial number was written into the file" in run.err
    assert [entry.serial for entry in fleet_file.read(new.office.file).entries] == [serial(n) for n in range(1, 5)]
    kept = [line for line in new.office.file.read_text().splitlines() if not line.startswith("serial")]
    assert kept == before.splitlines()
    new.script = [(lambda: False, nothing)]
    assert new.office.run("apply", "--resume").code == 0


def test_fifty_new_devices_at_once_get_an_entry_each(new, computer, tmp_path):
    text = HEAD + "".join(device(number, is_known=False) for number in range(1, 51))
    for number in range(5, 51):
        new.office.desks[number] = new.office.plug(number)
    new.office.file.write_text(text)
    for number in range(1, 5):
        computer.records.append(record(number))
    new.then(nothing, lambda: False)
    run = new.office.run("apply", "--watch", "--adopt")
    assert run.code == 0
    entries = fleet_file.read(new.office.file).entries
    assert {entry.serial for entry in entries} == {serial(number) for number in range(1, 51)}
    names = {serial(number): desk.app.call.rules["device.name"] for number, desk in new.office.desks.items()}
    assert {entry.serial: entry.name for entry in entries} == names
    assert [entry.serial for entry in entries] == sorted(names)  # those there at once: by number


def test_without_adopt_a_new_device_is_told_about(new):
    new.plug(1).then(nothing).then(nothing)
    run = new.office.run("apply", "--watch")
    assert run.code == 0
    assert "not in the file; not touched" in run.err
    assert new.office.computer.opened == []


def test_one_more_than_there_are_entries(new):
    new.office.file.write_text(HEAD + device(1, is_known=False) + device(3))
    new.plug(1).then(nothing, is_done(new, 1)).plug(2).then(nothing).then(nothing)
    run = new.office.run("apply", "--watch", "--adopt")
    assert run.code == 0
    assert f"{serial(2)} at {record(2).path}: not in the file; every entry has its device; not touched" in run.err
    assert record(2).path not in new.office.computer.opened


def test_a_device_that_does_not_answer_takes_no_entry(new):
    text = new.office.file.read_text()
    new.office.behind(1, BlockingIOError(11, "locked"))
    new.plug(1).then(nothing, was_tried(new))
    run = new.office.run("apply", "--watch", "--adopt")
    assert run.code == 10
    assert new.office.file.read_text() == text


def test_a_device_of_another_firmware_takes_no_entry(new):
    text = new.office.file.read_text().replace("[defaults]", '[defaults]\nfirmware = "current"')
    new.office.file.write_text(text)
    app = new.office.desks[1].app
    identity = app.identity
    app.identity = lambda: identity() | {"firmware": "0.0.9"}
    new.plug(1).plug(2, was_tried(new)).then(
        nothing, lambda: not new.crew.busy and "serial" in new.office.file.read_text()
    )
    run = new.office.run("apply", "--watch", "--adopt")
    assert run.code == 10
    assert f"asks for the current one, {FIRMWARE}" in run.err
    assert [entry.serial for entry in fleet_file.read(new.office.file).entries][:2] == [serial(2), None]
    assert f"FAILED  {serial(1)}: " in run.err  # it got no name


def test_a_device_that_fails_later_keeps_its_entry_and_is_done_the_next_time(new):
    new.office.desks[1].app.is_read_only = True
    mend = lambda: setattr(new.office.desks[1].app, "is_read_only", False)  # noqa: E731
    new.plug(1).unplug(1, was_tried(new)).then(nothing).then(mend).plug(1)
    new.then(nothing, is_done(new, 1))
    run = new.office.run("apply", "--watch", "--adopt", "--json")
    assert run.code == 0
    assert kinds(run, 1)[-4:] == ["adopted", "failed", "begin", "done"]
    assert [entry.serial for entry in fleet_file.read(new.office.file).entries] == [serial(1), None, None, None]


def test_a_file_that_was_changed_meanwhile_costs_the_device_nothing(new, monkeypatch):
    def refuse(path, entry, number):
        raise UsageError(f"{path} was changed meanwhile, so {number} was not written to it.")

    monkeypatch.setattr(fleet_file, "adopt", refuse)
    before = new.office.desks[1].app.call.rules
    new.plug(1).then(nothing, was_tried(new))
    run = new.office.run("apply", "--watch", "--adopt")
    assert run.code == 10
    assert "was changed meanwhile" in run.err
    assert new.office.desks[1].app.call.rules == before
