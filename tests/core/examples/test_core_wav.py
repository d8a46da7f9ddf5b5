"""Headers of prompts: what is played, and every reason to refuse."""

import struct

from refusal import refusal

from endcall_core import call, wav
from endcall_core.wav import WavError

SOUND = 32000  # bytes: 1 s


def header(data_bytes=SOUND, rate_hz=16000, encoding=1, channels=1, bits=16, before=b"", fmt_bytes=16):
    fmt = struct.pack("<HHIIHH", encoding, channels, rate_hz, rate_hz * 2, 2, bits) + b"\x00" * (fmt_bytes - 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + data_bytes)
        + b"WAVE"
        + b"fmt "
        + struct.pack("<I", fmt_bytes)
        + fmt
        + before
        + b"data"
        + struct.pack("<I", data_bytes)
    )


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


def parsed(head, size=None, data_bytes=SOUND):
    return wav.parse(head[: wav.HEAD_BYTES], len(head) + data_bytes if size is None else size)


def refused(head, word, size=None, data_bytes=SOUND):
    said = refusal(WavError, parsed, head, size, data_bytes)
    assert word in said, said


def test_a_plain_file():
    found = parsed(header())
    assert (found.rate_hz, found.data_at, found.data_bytes) == (16000, 44, SOUND)
    assert found.file_bytes == 44 + SOUND
    assert found.duration_ms == 1000
    assert issubclass(WavError, ValueError)


def test_any_kind_of_buffer():
    for kind in (bytes, bytearray, memoryview):
        assert wav.parse(kind(header()), 44 + SOUND).data_at == 44


def test_other_chunks_before_the_sound():
    for content in (b"", b"xy", b"x" * 402):
        found = parsed(header(before=chunk(b"LIST", content)))
        assert found.data_at == 44 + 8 + len(content)
    assert parsed(header(fmt_bytes=18)).data_at == 46


def test_what_others_read_and_circuitpython_does_not():
    for content in (b"x", b"x" * 401):  # it does not pass over the padding
        refused(header(before=chunk(b"LIST", content)), "odd length")
    for fmt_bytes in (17, 20, 40):
        refused(header(fmt_bytes=fmt_bytes), "plain PCM")
    refused(header(fmt_bytes=18).replace(b"\x10\x00\x00\x00data", b"\x10\x00\x01\x00data"), "plain PCM")
    for length in (0, 8, 12, 14):
        refused(header()[:16] + struct.pack("<I", length) + header()[20:], "plain PCM")
    refused(header()[:12] + chunk(b"LIST", b"INFO") + header()[12:], "begin with its format")


def test_bytes_after_the_sound_do_not_matter():
    assert parsed(header(), 44 + SOUND + 1000).data_bytes == SOUND


def test_what_is_no_wav():
    refused(b"", "not a WAV")
    refused(header()[:43], "not a WAV")
    refused(b"RIFX" + header()[4:], "not a WAV")
    refused(header().replace(b"WAVE", b"AVI "), "not a WAV")
    refused(b"ID3\x03" + b"\x00" * 600, "not a WAV")


def test_encodings():
    for encoding, bits in ((3, 32), (6, 8), (7, 8), (0xFFFE, 16), (1, 8), (1, 24), (0, 16), (2, 4)):
        refused(header(encoding=encoding, bits=bits), "PCM 16 bit")
    refused(header(channels=2), "2 channels")
    refused(header(channels=0), "0 channels")


def test_rates():
    for rate_hz in (0, 1, 8000, 11025, 15999, 16001, 22050, 44100, 0xFFFFFFF):
        refused(header(rate_hz=rate_hz), f"{rate_hz} Hz")


def test_lengths():
    refused(header(0), "no sound", data_bytes=0)
    refused(header(SOUND + 2), "multiple of 4", data_bytes=SOUND + 2)
    refused(header(SOUND + 1), "multiple of 4", data_bytes=SOUND + 1)
    refused(header(), "cut off", 44 + SOUND - 1)
    refused(header(), "cut off", 44)
    refused(header(0xFFFFFF00), "cut off")


def test_durations():
    longest = 15 * 32000
    assert parsed(header(longest), data_bytes=longest).duration_ms == 15000 == wav.LONGEST_MS
    refused(header(longest + 32), "15 s is the longest", data_bytes=longest + 32)
    shortest = 200 * 32
    assert parsed(header(shortest), data_bytes=shortest).duration_ms == 200 == wav.SHORTEST_MS
    refused(header(shortest - 4), "199 ms", data_bytes=shortest - 4)
    refused(header(4), "0 ms", data_bytes=4)


def test_a_prompt_can_not_be_over_before_it_was_heard():
    assert wav.SHORTEST_MS > call.PROMPT_SHORT_MS
    assert wav.LONGEST_MS < call.PROMPT_LIMIT_MS


def test_the_sound_must_begin_within_the_head():
    room = wav.HEAD_BYTES - 44 - 8
    assert parsed(header(before=chunk(b"LIST", b"x" * room))).data_at == wav.HEAD_BYTES
    refused(header(before=chunk(b"LIST", b"x" * (room + 2))), "first 512 bytes")
    refused(header(before=chunk(b"LIST", b"x" * 5000)), "first 512 bytes")
    refused(header(before=b"LIST\xfe\xff\xff\x7f"), "first 512 bytes")


def test_a_format_that_is_missing():
    sound_first = header()[:12] + b"data" + struct.pack("<I", SOUND) + header()[12:36]
    refused(sound_first, "begin with its format")


def test_no_head_makes_it_raise_anything_else():
    """Every byte of a header, to several values; what is accepted is within the bounds."""
    good = header(before=chunk(b"LIST", b"INFO"))
    for at in range(len(good)):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            head = bytearray(good)
            head[at] = value
            try:
                found = wav.parse(head, len(good) + SOUND)
            except WavError:
                continue
            assert found.rate_hz == 16000
            assert 200 <= found.duration_ms <= 15000
            assert found.file_bytes <= len(good) + SOUND
            assert found.data_bytes % 4 == 0
