"""Frames and the reader: golden bytes, garbage, splits at every byte, oversize, payloads."""

import json

from refusal import refusal

from endcall_core import wire
from endcall_core.wire import FRAME_MAX, PAYLOAD_MAX, Reader

GOLDEN = __file__.replace("\\", "/").rsplit("/", 2)[0] + "/golden_frames.txt"


def golden():
    """(frame as bytes, payload or None), one after the other."""
    found = []
    with open(GOLDEN, "rb") as file:
        for line in file.read().split(b"\n"):
            if line.startswith(b"+"):
                text = line[1:].strip().decode()
                found[-1] = (found[-1][0], bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)]))
            elif line and not line.startswith(b"#"):
                found.append((line, None))
    return found


def read(reader, data, step=None):
    """All frames in `data`, as (frame, payload or None for a bad one), given to the reader `step` bytes at a time."""
    found = []
    step = step or max(1, len(data))
    for begin in range(0, len(data), step):
        piece = bytearray(data[begin : begin + step])
        at = 0
        while at < len(piece):
            stop = reader.take(piece, at, len(piece))
            assert at < stop <= len(piece)
            at = stop
            if reader.frame is not None:
                payload = bytes(reader.payload[: reader.size]) if reader.size >= 0 else None
                found.append((reader.frame, payload))
    return found


def stream():
    return b"".join([wire.frame({"id": 1, "do": "a"}), wire.frame({"id": 2}, b"\nraw\n"), wire.frame({"id": 3})])


STREAM_IDS = [(1, b""), (2, b"\nraw\n"), (3, b"")]


def ids(frames):
    return [(frame["id"], payload) for frame, payload in frames]


# --- golden bytes --------------------------------------------------------------------------------------------


def test_golden_frames_are_read():
    frames = golden()
    assert len(frames) >= 9
    for line, payload in frames:
        obj = wire.read_line(line)
        assert isinstance(obj, dict), line
        assert wire.crc(line[:-9]) == line[-8:].decode()
        found = read(Reader(), line + b"\n" + (payload or b""))
        assert len(found) == 1
        assert found[0][0] == obj
        assert found[0][1] == (payload or b"")


def test_golden_frames_are_written():
    for line, payload in golden():
        obj = wire.read_line(line)
        for name in ("n", "crc"):
            obj.pop(name, None)
        said = wire.frame(obj, payload)
        head, _, rest = said[1:].partition(b"\n")
        assert said[:1] == b"\n"
        assert rest == (payload or b"")
        assert len(head) == len(line) or b"\\u" in line  # MicroPython writes signs as they are, in another order
        assert wire.read_line(head) == wire.read_line(line)


def test_the_check_value_of_crc_32():
    assert wire.crc(b"123456789") == "cbf43926"
    assert wire.crc(b"") == "00000000"


# --- lines ---------------------------------------------------------------------------------------------------


def test_a_line_survives_the_trip():
    for obj in ({}, {"a": [1, -2, None, True]}, [], ["x", 'ü\n\t\\"'], 5, "text", {"deep": {"er": [[[1]]]}}):
        line = wire.line(obj)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert wire.read_line(line) == obj
        assert wire.read_line(line[:-1]) == obj
        assert wire.read_line(line[:-1] + b"\r\n") == obj


def test_every_flipped_bit_is_found():
    line = bytearray(wire.line({"id": 7, "do": "commit"})[:-1])
    for at in range(len(line)):
        for bit in range(8):
            line[at] ^= 1 << bit
            assert wire.read_line(line) is None, (at, bit)
            line[at] ^= 1 << bit
    assert wire.read_line(line) == {"id": 7, "do": "commit"}


def test_every_shorter_line_is_found():
    line = wire.line({"id": 7, "do": "commit"})[:-1]
    for end in range(len(line)):
        assert wire.read_line(line[:end]) is None


def test_a_good_crc_over_bad_json_is_no_line():
    for text in (b"", b"{", b"nonsense", b"{} {}", b"\xff\xfe", b'{"a":\xff}'):
        assert wire.read_line(text + b" " + wire.crc(text).encode()) is None, text


# --- the reader ----------------------------------------------------------------------------------------------


def test_split_at_every_byte():
    data = stream()
    for at in range(len(data) + 1):
        reader = Reader()
        found = read(reader, data[:at]) + read(reader, data[at:])
        assert ids(found) == STREAM_IDS, at
        assert reader.bad == 0


def test_any_size_of_pieces():
    data = stream() + stream()
    for step in (1, 2, 3, 7, 64, 256):
        assert ids(read(Reader(), data, step)) == STREAM_IDS * 2


def test_the_next_frame_after_garbage_of_any_length():
    for count in (0, 1, 8, 9, 10, 100, 511, 512, 513, 1000, 1024, 4000):
        for sign in (b"\x00", b"x", b"{", b"\xff", b" ", b"\n", b"\r"):
            for step in (1, 256):
                if count > 1000 and step == 1 and sign != b"x":
                    continue
                found = read(Reader(), sign * count + stream(), step)
                assert ids(found) == STREAM_IDS, (count, sign)


def test_the_next_frame_after_a_broken_frame():
    good = wire.frame({"id": 1, "do": "a"})
    for end in range(len(good) - 1):
        assert ids(read(Reader(), good[:end] + stream())) == STREAM_IDS


def test_bad_lines_are_counted():
    reader = Reader()
    read(reader, b"garbage\n\n\nmore\n" + b"x" * 600 + b"\n" + stream())
    assert reader.bad == 3


def test_the_longest_line():
    room = FRAME_MAX - len(wire.line({"x": ""})) - 1
    frame = wire.frame({"x": "a" * room})
    assert len(frame) == FRAME_MAX
    assert read(Reader(), frame)[0][0] == {"x": "a" * room}
    said = refusal(ValueError, wire.frame, {"x": "a" * (room + 1)})
    assert "513" in said
    assert "512" in said


def test_a_line_over_512_bytes_is_no_frame_however_it_comes():
    for length in (FRAME_MAX + 1, FRAME_MAX + 2, 700, 3 * FRAME_MAX):
        text = json.dumps({"x": "a" * (length - 19)}).replace(" ", "").encode()
        line = text + b" " * (length - len(text) - 9) + b" " + wire.crc(text).encode()
        for step in (None, 1, 256):
            reader = Reader()
            assert ids(read(reader, line + b"\n" + stream(), step)) == STREAM_IDS
            assert reader.bad == 1


def test_what_is_no_object_is_no_frame():
    reader = Reader()
    for obj in ([], 5, "text", None, True):
        assert read(reader, wire.line(obj)) == []
    assert reader.bad == 5


def test_payloads_up_to_the_buffer():
    for size in (1, 2, 255, 256, 257, 1023, PAYLOAD_MAX):
        payload = bytes([at * 7 & 0xFF for at in range(size)])
        for step in (None, 1, 100, 256):
            if step == 1 and size > 300:
                continue
            data = wire.frame({"id": 1}, payload) + stream()
            found = read(Reader(), data, step)
            assert found[0][1] == payload
            assert ids(found[1:]) == STREAM_IDS


def test_an_empty_payload_is_none():
    found = read(Reader(), wire.frame({"id": 1}, b"") + stream())
    assert ids(found) == [(1, b"")] + STREAM_IDS


def test_a_damaged_payload_is_told_and_the_next_frame_read():
    data = bytearray(wire.frame({"id": 1}, b"payload") + stream())
    data[data.find(b"payload") + 2] ^= 1
    reader = Reader()
    assert ids(read(reader, data)) == [(1, None)] + STREAM_IDS
    assert reader.bad == 1


def test_a_payload_larger_than_the_buffer_is_told_at_once():
    reader = Reader()
    payload = b"\n" * (PAYLOAD_MAX + 1)
    found = read(reader, wire.frame({"id": 1}, payload) + stream())
    assert ids(found) == [(1, None)] + STREAM_IDS
    assert len(reader.payload) == PAYLOAD_MAX
    assert ids(read(Reader(8), wire.frame({"id": 1}, b"123456789"))) == [(1, None)]
    assert ids(read(Reader(9), wire.frame({"id": 1}, b"123456789"))) == [(1, b"123456789")]


def test_a_payload_of_no_size_is_told():
    for count in (-1, True, "5", None, 1.5, [1], 10**12):
        found = read(Reader(), b"\n" + wire.line({"id": 1, "n": count, "crc": "00000000"}) + stream())
        assert ids(found) == [(1, None)] + STREAM_IDS, count


def test_a_payload_without_a_crc_is_damaged():
    for head in ({"id": 1, "n": 3}, {"id": 1, "n": 3, "crc": 5}, {"id": 1, "n": 3, "crc": "0"}):
        assert ids(read(Reader(), wire.line(head) + b"abc" + stream())) == [(1, None)] + STREAM_IDS


def test_waiting_for_a_payload_and_giving_it_up():
    reader = Reader()
    data = wire.frame({"id": 1}, b"payload")
    assert read(reader, data[:-1]) == []
    assert reader.is_waiting_for_payload
    reader.reset()
    assert not reader.is_waiting_for_payload
    assert ids(read(reader, stream())) == STREAM_IDS
    reader = Reader()
    read(reader, b"half a line")
    reader.reset()
    assert ids(read(reader, stream()[1:])) == STREAM_IDS


def test_only_the_given_part_of_the_data_is_read():
    data = bytearray(b"junk" + stream() + b"junk\n")
    reader = Reader()
    at, end, found = 4, len(data) - 5, []
    while at < end:
        at = reader.take(data, at, end)
        if reader.frame is not None:
            found.append(reader.frame["id"])
    assert at == end
    assert found == [1, 2, 3]
    assert reader.bad == 0
