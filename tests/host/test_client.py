"""Every request through the real client, against the firmware's own service on a simulated desk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcall.client import _pieces
from endcall.desk.desk import Desk
from endcall.errors import CallInProgressError, InvalidError, LinkError, LockedError, NotVerifiedError, UnpluggedError
from endcall.image.application import build_application
from endcall_base import BASE
from endcall_core import messages, settings, version, wire
from endcall_device.store import SettingsStore

from .desk_link import DeskTransport, FaultyTransport, client_over, lose, tone


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path / "drive")
    desk.run(200)  # past the moment in which a press could be a button that was held all along
    return desk


@pytest.fixture
def client(desk):
    return client_over(DeskTransport(desk))


def test_hello_tells_who_answers(client):
    assert client.identity["product"] == "endcall"
    assert client.identity["firmware"] == version.FIRMWARE
    assert client.identity["serial"] == "DE5C0001"


def test_another_protocol_version_is_refused_with_what_to_update(desk, monkeypatch):
    client = client_over(DeskTransport(desk), greet=False)
    real = wire.frame
    monkeypatch.setattr(wire, "frame", lambda obj, payload=None: real({**obj, "protocol": 99}, payload))
    with pytest.raises(LinkError, match=r"update the device"):
        client.hello()


@pytest.mark.parametrize(("theirs", "todo"), [(version.SETTINGS + 1, "pip install"), (0, "firmware update")])
def test_another_settings_version_is_refused_with_what_to_update(desk, monkeypatch, theirs, todo):
    client = client_over(DeskTransport(desk), greet=False)
    monkeypatch.setattr("endcall_device.service.version.SETTINGS", version.SETTINGS)
    real = client.ask
    monkeypatch.setattr(client, "ask", lambda *a, **k: ({**real(*a, **k)[0], "settings": theirs}, b""))
    with pytest.raises(LinkError, match=todo):
        client.hello()


def test_every_request_of_the_table_is_known_to_the_client(client, desk):
    """What the firmware answers and no host method asks would be dead weight on the device."""
    asked = set()
    real = client.ask
    client.ask = lambda do, *a, **k: asked.add(do) or real(do, *a, **k)
    client.hello()
    client.tell_time(1_800_000_000)
    client.status(), client.check(), client.prompts(), client.log()
    client.change({"call.warn_s": 31})
    client.put_prompt("new.wav", tone())
    client.read_prompt("new.wav")
    client.remove_prompt("new.wav")
    client.identify(5)
    client.practise(False)
    client.test("look")
    client.end_test()
    made = build_application({"endcall_core/call.mpy": b"x"}, "9.9", BASE)
    client.put_app(made.content, made.sha256, made.identity)
    client.go_back()
    client.confirm_app()
    client.lock()
    client.set_key("")
    client.restart()
    client.restart(into_bootloader=True)
    assert asked == {row[messages.NAME] for row in messages.REQUESTS}


def test_get_gives_every_setting(client):
    assert client.get() == settings.defaults()


def test_change_puts_all_in_force_and_survives_a_power_cut(client, desk):
    wanted = {"call.warn_s": 45, "device.name": "Front desk", "ring.reduced_motion": True}
    assert client.change(wanted) == {**settings.defaults(), **wanted}
    client.close()
    desk.power_cycle()
    assert desk.app.call.rules == {**settings.defaults(), **wanted}


def test_every_setting_can_change_at_once_though_no_frame_holds_them(client):
    wanted = settings.defaults() | {"device.name": "N" * 32, "call.warn_s": 599, "call.watch_s": 3599}
    assert len(_pieces(wanted)) > 1
    assert client.change(wanted) == wanted


@given(st.dictionaries(st.sampled_from([row[0] for row in settings.SETTINGS]), st.text(max_size=32), min_size=1))
def test_pieces_fit_frames_and_lose_nothing(values):
    pieces = _pieces(values)
    together = {}
    for piece in pieces:
        assert piece
        wire.frame({"id": messages.ID_MAX, "do": "stage", "values": piece})
        assert not together.keys() & piece.keys()
        together.update(piece)
    assert together == values


def test_a_refused_change_tells_every_problem_and_changes_nothing(client):
    with pytest.raises(InvalidError) as refused:
        client.change({"call.warn_s": 4, "ring.pixels": 7, "call.watch_s": 60})
    assert [problem[0] for problem in refused.value.details["problems"]] == ["call.warn_s", "ring.pixels"]
    assert client.get() == settings.defaults()


def test_a_prompt_that_is_not_there_is_refused_with_what_to_do(client):
    with pytest.raises(InvalidError) as refused:
        client.change({"prompt.warning": "nowhere.wav"})
    assert "endcall prompt put nowhere.wav" in refused.value.details["problems"][0][2]


def test_a_prompt_arrives_whole_and_can_be_used_and_removed(client, desk):
    data, told = tone(ms=3000), []
    client.put_prompt("new.wav", data, told.append)
    assert told == sorted(told)
    assert told[-1] == len(data)
    about = {row["name"]: row for row in client.prompts()}["new.wav"]
    assert (about["bytes"], about["crc"], about["ms"], about["problem"]) == (len(data), wire.crc(data), 3000, None)
    client.change({"prompt.closing": "new.wav"})
    with pytest.raises(InvalidError, match=r"in use"):
        client.remove_prompt("new.wav")
    client.change({"prompt.closing": "closing.wav"})
    client.remove_prompt("new.wav")
    assert "new.wav" not in [row["name"] for row in client.prompts()]


def test_a_prompt_replaces_the_one_in_use(client, desk):
    data = tone(ms=700, seed=3)
    client.put_prompt("closing.wav", data)
    client.close()
    desk.power_cycle()
    desk.run(10)
    path = desk.app.prompts.path("closing.wav")
    with open(path, "rb") as file:
        assert file.read(len(data)) == data
    assert desk.app.self_check() == 0


def test_no_free_slot_is_refused(client):
    client.put_prompt("third.wav", tone())
    with pytest.raises(InvalidError, match=r"(?i)slot"):
        client.put_prompt("fourth.wav", tone(seed=1))


def test_the_log_comes_page_by_page_in_order(client, desk):
    client.change({"call.min_warn_s": 0, "call.warn_s": 5, "call.watch_s": 0, "call.recover_s": 0})
    for _ in range(20):
        desk.press()
        desk.run_until("READY")
        desk.run(50)
    records, lost = client.log()
    assert [record["sequence"] for record in records] == list(range(1, 21))
    assert lost == 0
    assert {record["outcome"] for record in records} == {"resolved"}
    assert [record["sequence"] for record in client.log(after=17)[0]] == [18, 19, 20]


def test_records_carry_the_time_that_was_told(client, desk):
    client.tell_time(1_800_000_000)
    desk.press()
    desk.press(ms=1200)  # cancel
    desk.run(100)
    (record,), _ = client.log()
    assert 1_800_000_000 <= record["epoch_s"] <= 1_800_000_010


def test_a_change_during_a_call_is_refused_and_waits_when_told_to(client, desk):
    desk.press()
    assert desk.state == "WARN"
    with pytest.raises(CallInProgressError):
        client.change({"call.watch_s": 10})
    told = []
    client.wait_s, client.waiting = 600, lambda: told.append(desk.state)
    client.change({"call.watch_s": 10})
    assert told == ["WARN"]
    assert desk.state == "READY"


def test_waiting_for_a_call_ends(client, desk):
    desk.press()
    client.wait_s = 5
    began = client.transport.clock()
    with pytest.raises(CallInProgressError):
        client.change({"call.watch_s": 10})
    assert 3 <= client.transport.clock() - began <= 6


def test_a_call_in_the_middle_of_an_upload_is_waited_for(client, desk):
    data = tone(ms=2000)
    client.wait_s = 600

    def press_once(sent):
        if sent == 10 * 1024:
            desk.press()
            assert desk.state == "WARN"

    client.put_prompt("new.wav", data, press_once)
    assert {row["name"]: row["crc"] for row in client.prompts()}["new.wav"] == wire.crc(data)


def test_develop_mode_is_said(client, desk):
    desk.app.is_read_only = True
    with pytest.raises(LockedError):
        client.change({"call.warn_s": 31})
    assert client.get()["call.warn_s"] == 30


def test_a_device_that_restarts_between_two_requests_is_greeted_again(client, desk):
    desk.power_cycle()
    assert client.status()["state"] == "READY"
    assert client.change({"call.warn_s": 31})["call.warn_s"] == 31


def test_unplugged_in_an_upload(desk):
    client = client_over(FaultyTransport(desk, unplug_at=12))
    before = desk.app.prompts.table
    with pytest.raises(UnpluggedError, match=r"went away"):
        client.put_prompt("closing.wav", tone(ms=2000))
    assert desk.app.prompts.table == before
    desk.power_cycle()
    assert desk.app.self_check() == 0


def test_silence_ends_in_an_error_after_three_tries(desk):
    transport = FaultyTransport(desk, writes={n: lambda data: b"" for n in range(100)})
    client = client_over(transport, greet=False)
    with pytest.raises(LinkError, match=r"No answer"):
        client.hello()
    assert transport.written == 3
    assert transport.clock() < 8


def test_what_an_earlier_program_asked_for_is_not_taken_for_an_answer(desk):
    """Its answers may still be on the way when the next program opens the port."""
    transport = DeskTransport(desk)
    transport.write(wire.frame({"id": 1, "do": "hello", "protocol": version.PROTOCOL}))
    transport.write(wire.frame({"id": 2, "do": "status"}))
    client = client_over(transport)
    assert client.get() == settings.defaults()
    transport.write(wire.frame({"id": 1, "do": "get"}))
    assert "state" in client.status()


class Restarting(DeskTransport):
    """The device restarts just before it gets the request with this number."""

    def __init__(self, desk, at):
        super().__init__(desk)
        self.left = at

    def write(self, data):
        if self.left == 0:
            self.desk.power_cycle()
            self.desk.run(200)
        self.left -= 1
        super().write(data)


@pytest.mark.parametrize("at", range(1, 9))
def test_a_restart_in_the_middle_of_a_change_leaves_no_half(desk, at, monkeypatch):
    wanted = settings.defaults() | {"device.name": "N" * 32, "call.warn_s": 45, "usb.access": "service"}
    assert len(_pieces(wanted)) == 2
    seen = []
    real = SettingsStore.save
    monkeypatch.setattr(SettingsStore, "save", lambda *args: seen.append(args[1]) or real(*args))
    client = client_over(Restarting(desk, at))
    assert client.change(wanted) == wanted
    assert seen
    assert all(values == wanted for values in seen)


@pytest.mark.parametrize("at", range(1, 9))
def test_a_restart_in_the_middle_of_an_upload(desk, at):
    data = tone(ms=300)
    client = client_over(Restarting(desk, at))
    client.put_prompt("closing.wav", data)
    assert {row["name"]: row["crc"] for row in client.prompts()}["closing.wav"] == wire.crc(data)


def test_the_device_judges_a_prompt_too(client, desk):
    with pytest.raises(InvalidError, match=r"mono"):
        client.put_prompt("new.wav", tone(channels=2))
    assert "new.wav" not in desk.app.prompts.table


def test_a_slot_that_does_not_keep_what_is_written_is_told_as_that(client, desk):
    path = desk.app.prompts._slots[2].path
    data = tone(ms=600)

    def wear(sent):
        if sent == len(data):
            with open(path, "r+b") as file:
                file.seek(100)
                file.write(b"worn")

    with pytest.raises(NotVerifiedError, match=r"did not read back"):
        client.put_prompt("closing.wav", data, wear)
    desk.power_cycle()
    assert desk.app.self_check() == 0


def test_removing_a_prompt_survives_a_lost_answer(desk):
    client = client_over(FaultyTransport(desk, reads={1: lose}))
    client.remove_prompt("warning.wav")
    assert "warning.wav" not in desk.app.prompts.table
