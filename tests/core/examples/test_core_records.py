"""Incident records as 64 bytes: the layout, what is kept, and that nothing torn or damaged is taken for one."""

from endcall_core import call, records
from endcall_core.call import Incident


def incident(
    outcome="enforced", duration_s=75, warned_s=(0, 31), finished=True, mode="flash", attempts=2, dropped=True
):
    return Incident(outcome, duration_s, warned_s, finished, mode, attempts, dropped)


def stored(*args, **changes):
    data = records.encode_incident(incident(**changes), *(args or (3, 17, 4000, 1700000000)))
    data[records.MARK_AT] = records.MARK
    return data


def test_the_golden_record():
    golden = (
        "ec01 11000000 03000000 a00f0000 00f15365 4b000000"  # magic, version, sequence, boot, uptime, epoch, duration
        "04 03 02 02 0000 1f00 ffff ffff"  # enforced, finished and dropped, attempts, warnings, warned_s
        "ffffffffffffffffffffffffffffffffffffffffffff a3751e00 ffffff 00"  # unused, CRC-32, unused, mark
    ).replace(" ", "")
    assert "".join([f"{byte:02x}" for byte in stored()]) == golden


def test_what_comes_back():
    assert records.decode_incident(stored()) == {
        "sequence": 17,
        "boot": 3,
        "uptime_s": 4000,
        "epoch_s": 1700000000,
        "outcome": "enforced",
        "duration_s": 75,
        "warnings": 2,
        "warned_s": [0, 31],
        "prompt_finished": True,
        "release_mode": "flash",
        "attempts": 2,
        "line_dropped": True,
    }


def test_every_outcome_and_flag():
    for outcome in call.OUTCOMES:
        for mode in ("flash", "hangup"):
            for finished in (False, True):
                for dropped in (False, True):
                    back = records.decode_incident(
                        stored(outcome=outcome, mode=mode, finished=finished, dropped=dropped)
                    )
                    assert back["outcome"] == outcome
                    assert back["release_mode"] == mode
                    assert back["prompt_finished"] is finished
                    assert back["line_dropped"] is dropped


def test_no_time_and_no_warning():
    back = records.decode_incident(stored(1, 1, 0, 0, warned_s=()))
    assert back["epoch_s"] is None
    assert back["warned_s"] == []
    assert back["warnings"] == 0


def test_the_extremes_fit():
    big = 0xFFFFFFFF
    back = records.decode_incident(
        stored(big, big, big, big, warned_s=(0, 70000, 1, 2, 3), attempts=999, duration_s=big)
    )
    assert (back["sequence"], back["boot"], back["duration_s"], back["attempts"]) == (big, big, big, 255)
    assert back["warnings"] == 5
    assert back["warned_s"] == [0, 0xFFFF, 1, 2]


def test_one_page_program_and_the_mark_last():
    data = records.encode_incident(incident(), 1, 1, 0, 0)
    assert len(data) == 64 == records.INCIDENT_BYTES
    assert data[records.MARK_AT] == 0xFF
    assert records.MARK_AT == 63
    assert not records.is_incident(data)
    assert records.decode_incident(data) is None
    data[records.MARK_AT] = records.MARK
    assert records.is_incident(data)


def test_every_flipped_bit_is_found():
    data = stored()
    unused = range(60, 63)
    for at in range(64):
        for bit in range(8):
            data[at] ^= 1 << bit
            assert records.is_incident(data) == (at in unused), (at, bit)
            data[at] ^= 1 << bit


def test_every_torn_record_is_found():
    """The flash programs from the front; what was not reached is still 0xFF."""
    data = stored()
    for end in range(60):
        torn = data[:end] + b"\xff" * (64 - end)
        assert not records.is_incident(torn)
        torn[records.MARK_AT] = records.MARK
        assert not records.is_incident(torn)


def test_blank_and_foreign_bytes_are_none():
    for data in (b"\xff" * 64, b"\x00" * 64, b"x" * 64):
        assert not records.is_incident(data)
        assert records.decode_incident(data) is None
    assert records.decode_incident(stored()[:63]) is None
    assert records.decode_incident(bytes(stored()) + b"x") is None


def test_in_the_middle_of_an_image():
    image = b"\xff" * 64 + bytes(stored()) + b"\xff" * 64
    assert not records.is_incident(image, 0)
    assert records.is_incident(image, 64)
    assert records.sequence_of(image, 64) == 17
    assert records.boot_of(image, 64) == 3
