"""The golden conversation: its bytes never change, and the firmware of this checkout still holds it."""

import json

import pytest

from endcall_core import error_codes, messages, version, wire

from .conversation import GOLDEN, parse, record

TURNS = parse(GOLDEN.read_text())
REQUESTS = [turn for turn in TURNS if turn.is_request]
ANSWERS = [turn for turn in TURNS if not turn.is_request]


def read(turn):
    """The turn as `wire.Reader` sees it, split at every byte: (frame, payload, whether the payload is whole)."""
    reader, data = wire.Reader(1 << 16), b"\n" + turn.line + b"\n" + (turn.payload or b"")
    for at in range(len(data)):
        assert reader.take(data, at, at + 1) == at + 1
        if reader.frame is not None:
            assert at == len(data) - 1
            return reader.frame, bytes(reader.payload[: max(0, reader.size)]), reader.size >= 0
    raise AssertionError(f"no frame in {data!r}")


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.line[:40].decode())
def test_every_frame_is_read_and_written_as_it_stands(turn):
    frame, payload, is_whole = read(turn)
    if is_whole:
        bare = {key: frame[key] for key in frame if key not in ("n", "crc") or turn.payload is None}
        assert wire.frame(bare, turn.payload) == b"\n" + turn.line + b"\n" + (turn.payload or b"")
        assert payload == (turn.payload or b"")
    else:
        assert b"prompt_data" in turn.line


def test_every_request_and_every_error_is_there():
    assert {json.loads(turn.line[:-9])["do"] for turn in REQUESTS} >= {row[0] for row in messages.REQUESTS}
    said = {json.loads(turn.line[:-9]).get("error") for turn in ANSWERS}
    assert said - {None} == {code for code, _ in error_codes.ERRORS}


def shape(turn):
    """What a host relies on: which fields there are and of what kind, the error code, whether there is a payload."""
    frame = json.loads(turn.line[:-9])
    kinds = {key: type(value).__name__ for key, value in frame.get("ok", {}).items()}
    return frame["id"], frame.get("error"), kinds, turn.payload is not None


def test_the_firmware_still_holds_this_conversation():
    """A field that is gone, of another kind, or another error code would be misread by hosts of this version."""
    now = parse(record())
    assert [turn.line for turn in now if turn.is_request] == [turn.line for turn in REQUESTS]
    for golden, today in zip(ANSWERS, (turn for turn in now if not turn.is_request), strict=True):
        golden_shape, shape_today = shape(golden), shape(today)
        assert golden_shape[2].items() <= shape_today[2].items()
        assert golden_shape[:2] + golden_shape[3:] == shape_today[:2] + shape_today[3:]


def test_the_conversation_is_of_this_protocol_version():
    hello, _ = [turn for turn in ANSWERS if b'"product"' in turn.line]
    assert json.loads(hello.line[:-9])["ok"]["protocol"] == version.PROTOCOL
