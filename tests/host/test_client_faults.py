"""A line that loses, cuts, corrupts, repeats and delays: every change is made whole or not at all, and told truly."""

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from endcall.desk.desk import Desk
from endcall.errors import EndcallError, LinkError, StoppedError, UnpluggedError
from endcall_core import settings, wire

from .desk_link import FAULTS, DeskTransport, FaultyTransport, client_over, late, lose, tone

WANTED = settings.defaults() | {"device.name": "Front desk", "call.warn_s": 45, "ring.pixels": 16}
OLD = settings.defaults()
PROMPT = tone(ms=300)

#: Which of the client's writes and reads something happens to. The first pair is hello.
PLANS = st.fixed_dictionaries(
    {
        "writes": st.dictionaries(st.integers(1, 16), st.sampled_from(FAULTS), max_size=5),
        "reads": st.dictionaries(st.integers(1, 16), st.sampled_from((*FAULTS, late)), max_size=5),
        "unplug_at": st.none() | st.integers(1, 16),
        "piece": st.none() | st.integers(1, 64),
    }
)
FEW = how(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def make_desk(tmp_path):
    numbers = itertools.count()

    def make():
        desk = Desk(tmp_path / str(next(numbers)))
        desk.run(200)
        return desk

    return make


def rules_after_power_cut(desk):
    desk.power_cycle()
    return desk.app.call.rules


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("side", ["writes", "reads"])
def test_one_fault_anywhere_in_a_change_is_healed(make_desk, fault, side):
    for at in range(1, 8):
        desk = make_desk()
        client = client_over(FaultyTransport(desk, **{side: {at: fault}}))
        assert client.change(WANTED) == WANTED, (fault, side, at)
        client.close()
        assert rules_after_power_cut(desk) == WANTED


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("side", ["writes", "reads"])
def test_one_fault_anywhere_in_an_upload_is_healed(make_desk, fault, side):
    for at in range(1, 9):
        desk = make_desk()
        client = client_over(FaultyTransport(desk, **{side: {at: fault}}))
        client.put_prompt("closing.wav", PROMPT)
        client.close()
        desk.power_cycle()
        assert desk.app.prompts.table["closing.wav"][2] == wire.crc(PROMPT), (fault, side, at)
        assert desk.app.self_check() == 0


def test_a_lost_chunk_is_sent_again_and_not_the_whole_prompt(make_desk):
    transport = FaultyTransport(make_desk(), reads={4: lose})
    client_over(transport).put_prompt("closing.wav", PROMPT)
    chunks = [request for request in transport.requests if b'"prompt_data"' in request]
    assert len(chunks) == -(-len(PROMPT) // wire.PAYLOAD_MAX) + 1
    assert sum(b'"prompt_begin"' in request for request in transport.requests) == 1


def test_answers_that_come_in_single_bytes(make_desk):
    client = client_over(FaultyTransport(make_desk(), piece=1))
    assert client.change(WANTED) == WANTED


def test_an_answer_that_comes_late_is_not_taken_for_the_next_one(make_desk):
    client = client_over(FaultyTransport(make_desk(), reads={1: late}))
    assert client.status()["state"] == "READY"
    assert client.get() == OLD
    assert client.check()["fault"] == 0


def test_a_lost_answer_to_a_refused_commit_is_not_taken_for_a_yes(make_desk):
    """The device has dropped what was staged by then: the same commit again would find nothing to do, and say ok."""
    for at in range(1, 8):
        client = client_over(FaultyTransport(make_desk(), reads={at: lose}))
        with pytest.raises(EndcallError) as refused:
            client.change({"call.warn_s": 4})
        assert refused.value.name == "invalid"


@FEW
@given(plan=PLANS)
def test_a_change_is_made_whole_or_not_at_all(plan):
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "drive")
        desk.run(200)
        client = client_over(FaultyTransport(desk, **plan))
        said = None
        try:
            in_force = client.change(WANTED)
        except EndcallError as error:
            said = error
        else:
            assert in_force == WANTED
            assert desk.app.call.rules == WANTED
        if isinstance(said, UnpluggedError):
            assert plan["unplug_at"] is not None
        elif said:
            assert isinstance(said, LinkError)
            assert len(plan["writes"]) + len(plan["reads"]) >= 3
        client.close()
        assert rules_after_power_cut(desk) in (OLD, WANTED)


@FEW
@given(plan=PLANS)
def test_a_prompt_is_replaced_whole_or_not_at_all(plan):
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "drive")
        desk.run(200)
        old = desk.app.prompts.table["closing.wav"][2]
        client = client_over(FaultyTransport(desk, **plan))
        said = None
        try:
            client.put_prompt("closing.wav", PROMPT)
        except EndcallError as error:
            said = error
        client.close()
        desk.power_cycle()
        now = desk.app.prompts.table["closing.wav"][2]
        assert now == wire.crc(PROMPT) if said is None else now in (old, wire.crc(PROMPT))
        assert desk.app.self_check() == 0


@FEW
@given(plan=PLANS)
def test_what_is_read_is_right_or_an_error(plan):
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "drive")
        desk.run(200)
        client = client_over(FaultyTransport(desk, **plan))
        try:
            assert client.get() == OLD
            assert client.status()["state"] == "READY"
            assert [row["name"] for row in client.prompts()] == ["closing.wav", "warning.wav"]
            assert client.log() == ([], 0)
        except EndcallError:
            pass


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------


class Interrupted(DeskTransport):
    """Ctrl-C comes once, before or behind the write or read with number `at`."""

    def __init__(self, desk, at):
        super().__init__(desk)
        self.left = at

    def count(self):
        self.left -= 1
        if self.left == -1:
            raise KeyboardInterrupt

    def write(self, data):
        self.count()
        super().write(data)
        self.count()

    def read(self):
        self.count()
        return super().read()


def change(client):
    client.change({"call.warn_s": 45, "device.name": "Front desk"})


def send(client):
    client.put_prompt("new.wav", tone(ms=400))


def remove(client):
    client.remove_prompt("warning.wav")


@pytest.mark.parametrize("job", [change, send, remove])
def test_what_is_said_after_ctrl_c_is_so(tmp_path, job):
    """Wherever it comes. Afterwards the device has forgotten what was half done, though the link goes on."""
    whole = Desk(tmp_path / "whole")
    whole.run(200)
    job(client_over(DeskTransport(whole)))
    said = {}
    for at in itertools.count():
        desk = Desk(tmp_path / str(at))
        desk.run(200)
        before = (dict(desk.app.call.rules), dict(desk.app.prompts.table))
        client = client_over(DeskTransport(desk))
        client.transport = Interrupted(desk, at)
        try:
            job(client)
        except StoppedError as stopped:
            error = stopped
        else:
            break
        assert error.exit_code == 130
        is_done = (desk.app.call.rules, desk.app.prompts.table) != before
        said.setdefault(is_done, set()).add(str(error))
        if is_done:
            assert desk.app.call.rules == whole.app.call.rules
            assert desk.app.prompts.table.keys() == whole.app.prompts.table.keys()
        assert desk.app._service._staged == {}
        assert desk.app.prompts.upload is None
    assert said == {
        False: {"Interrupted. The device is as it was: what was half done is dropped."},
        True: {"Interrupted, but too late. The change is in force, all of it."},
    }


def test_ctrl_c_while_a_call_is_waited_for(tmp_path):
    desk = Desk(tmp_path / "drive")
    desk.run(200)
    client = client_over(DeskTransport(desk), wait_s=300)
    desk.press()

    def interrupt(seconds):
        raise KeyboardInterrupt

    client._sleep = interrupt
    with pytest.raises(StoppedError, match="The device is as it was"):
        change(client)
    assert desk.state == "WARN"


def test_ctrl_c_with_a_device_that_went_away(tmp_path):
    desk = Desk(tmp_path / "drive")
    desk.run(200)
    over = FaultyTransport(desk, unplug_at=2)
    client = client_over(over)

    def interrupt():
        raise KeyboardInterrupt

    client.waiting = interrupt
    client.wait_s = 300
    desk.press()
    with pytest.raises(StoppedError, match="could not be asked"):
        change(client)
