"""Garbage, half frames and floods on the port: nothing changes, and the next good request is answered."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from endcall.desk.desk import Desk
from endcall_core import messages, settings, version, wire

from .desk_link import DeskTransport, client_over

FEW = how(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def desk():
    """One desk for all: whatever came before must not matter."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "drive")
        desk.run(200)
        yield desk


def kept(desk):
    """What must not change."""
    return (desk.state, desk.app.call.rules, desk.app.prompts.table, desk.app.store.sequence, desk.line.breaks)


def assert_unmoved(desk, garbage):
    before = kept(desk)
    transport = DeskTransport(desk)
    transport.write(garbage)
    client = client_over(transport)
    assert client.get() == settings.defaults()
    assert kept(desk) == before
    client.close()
    desk.run(10)


@FEW
@given(garbage=st.binary(max_size=2000))
@example(garbage=b"\x03\x04\x01\x02")
@example(garbage=b"\n" * 1000)
@example(garbage=b"\xff" * 513)
@example(garbage=b"{" * 511 + b"\n")
def test_random_bytes(desk, garbage):
    assert_unmoved(desk, garbage)


@FEW
@given(data=st.data())
def test_half_frames(desk, data):
    frame = wire.frame({"id": 5, "do": "stage", "values": {"call.warn_s": 31, "device.name": "x" * 30}})
    cut = data.draw(st.integers(0, len(frame) - 1))
    assert_unmoved(desk, frame[:cut])
    assert_unmoved(desk, frame[cut:])


def test_a_payload_that_never_comes(desk):
    frame = wire.frame({"id": 5, "do": "prompt_data", "at": 0}, b"x" * 1000)
    assert_unmoved(desk, frame[:-999])


@pytest.mark.parametrize("count", [-1, 1025, 1 << 40, 1e9, "9", None, True, [1]])
def test_a_payload_of_an_impossible_size(desk, count):
    line = b"\n" + wire.line({"id": 5, "do": "prompt_data", "at": 0, "n": count, "crc": "00000000"})
    assert_unmoved(desk, line)


def test_a_flood(desk):
    assert_unmoved(desk, bytes(range(256)) * 2000 + b"\n")


def test_a_flood_of_good_requests_is_answered_one_by_one(desk):
    transport = DeskTransport(desk)
    requests = [wire.frame({"id": n, "do": "hello", "protocol": version.PROTOCOL}) for n in range(300)]
    transport.write(b"".join(requests))
    reader, seen = wire.Reader(4096), []
    while data := transport.read():
        at = 0
        while at < len(data):
            at = reader.take(data, at, len(data))
            if reader.frame:
                seen.append(reader.frame["id"])
    assert seen == list(range(300))
    transport.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([row[messages.NAME] for row in messages.REQUESTS]) | st.text(max_size=40)
FIELDS = st.sampled_from(sorted({field[0] for row in messages.REQUESTS for field in row[messages.FIELDS]} - {"values"}))


@FEW
@given(
    requests=st.lists(
        st.tuples(NAMES, st.dictionaries(FIELDS, JSON, max_size=4), st.none() | st.binary(max_size=1100)),
        min_size=1,
        max_size=4,
    )
)
@example(requests=[("\U0001f600" * 40, {}, None)])
@example(requests=[("prompt_begin", {"name": '"\\' * 20, "bytes": 100, "sum": "x"}, None)])
@example(requests=[("time", {"epoch_s": 1 << 40}, None), ("log", {"after": -1}, None)])
def test_good_frames_with_bad_contents(desk, requests):
    """They are read and refused: no field's value may get further than its check."""
    transport = DeskTransport(desk)
    transport.write(wire.frame({"id": 1, "do": "hello", "protocol": version.PROTOCOL}))
    before = kept(desk)
    for do, fields, payload in requests:
        request = {"id": 2, "do": do, **fields}
        head = {**request, "n": len(payload), "crc": wire.crc(payload)} if payload is not None else request
        text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        transport.write(b"\n" + text + b" " + wire.crc(text).encode() + b"\n" + (payload or b""))
        desk.run(20)
        assert kept(desk) == before
    transport.close()
    desk.run(10)
    assert_unmoved(desk, b"")


def test_garbage_in_the_middle_of_a_call_moves_nothing(desk):
    desk.press()
    assert desk.state == "WARN"
    transport = DeskTransport(desk)
    for garbage in (b"\x00" * 5000, wire.frame({"id": 1, "do": "hello", "protocol": 99}), b"\n{}\n"):
        transport.write(garbage)
        desk.run(50)
        assert desk.state == "WARN"
    transport.close()
    desk.press(ms=1200)
    assert desk.state == "READY"
