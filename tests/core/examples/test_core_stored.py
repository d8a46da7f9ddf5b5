"""The settings record: whole, damaged in one line, torn; and which of two is in force."""

from refusal import refusal

from endcall_core import settings, stored

PROMPTS = {"closing.wav": [0, 5000, "0123abcd"], "warning.wav": [2, 99, "ffffffff"]}


def values(changes=None):
    made = settings.defaults()
    made.update(changes or {})
    return made


def record(sequence=7, changes=None):
    return stored.encode_store(sequence, values(changes), PROMPTS)


def test_what_comes_back():
    back = stored.decode_store(record(7, {"call.warn_s": 45, "device.name": "Süd"}))
    assert back.sequence == 7
    assert back.damaged == 0
    assert back.values == values({"call.warn_s": 45, "device.name": "Süd"})
    assert back.prompts == PROMPTS


def test_what_follows_the_record_does_not_matter():
    for rest in (b"\xff" * 2000, b"\x00" * 100, record(6), b'["call.warn_s",99] 00000000\n'):
        back = stored.decode_store(record() + rest)
        assert (back.sequence, back.damaged, back.values) == (7, 0, values())


def test_the_largest_settings_fit_one_block():
    full = {}
    for row in settings.SETTINGS:
        kind = row[settings.KIND]
        if kind == settings.INT:
            full[row[settings.KEY]] = row[settings.LOW] if row[settings.LOW] < 0 else row[settings.HIGH]
        elif kind == settings.CHOICE:
            full[row[settings.KEY]] = max(row[settings.LOW], key=len)
        elif kind == settings.BOOL:
            full[row[settings.KEY]] = False
        else:
            full[row[settings.KEY]] = ("ü" * 16) if kind == settings.TEXT else "x" * 28 + ".wav"
    prompts = {}
    for slot in range(3):
        prompts[str(slot) + "x" * 27 + ".wav"] = [slot, 196608, "ffffffff"]
    data = stored.encode_store(10**9, full, prompts)
    assert len(data) < 2048
    assert stored.decode_store(data).values == full


def test_a_record_made_step_by_step_is_the_same():
    made = stored.Record(values(), PROMPTS)
    steps = 1
    while not made.turn():
        steps += 1
    assert steps >= 3
    assert made.data(7) == record()


def test_too_large_a_record_is_refused():
    assert "4096" in refusal(ValueError, stored.encode_store, 1, {"device.name": "x" * 5000}, {})


def test_the_device_key_is_in_the_head_and_in_every_record_that_counts():
    key = "0f" * 32
    data = stored.encode_store(7, values(), PROMPTS, key)
    assert stored.decode_store(data).key == key
    assert stored.decode_store(record(7)).key == ""
    head = data.find(b"\n")
    for at in range(head):
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        back = stored.decode_store(broken)
        assert back is None or back.key == key, at
    for at in range(head + 1, len(data), 17):
        assert stored.decode_store(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).key == key, at


def test_nothing_there():
    for data in (b"", b"\xff" * 4096, b"\x00" * 4096, b"\n\n\n", b"hello\nworld\n", record()[5:]):
        assert stored.decode_store(data) is None


def test_one_damaged_line_costs_one_value():
    data = record()
    begin = data.find(b"\n") + 1
    lines = data[begin:].split(b"\n")[:-1]
    assert len(lines) == len(settings.SETTINGS) + 2
    at = begin
    for line in lines:
        broken = bytearray(data)
        broken[at + len(line) // 2] ^= 4
        back = stored.decode_store(broken)
        assert back.damaged == 1
        assert len(back.values) + len(back.prompts) == len(lines) - 1
        for key in back.values:
            assert back.values[key] == values()[key]
        at += len(line) + 1


def test_every_flipped_bit_is_noticed():
    data = bytearray(record())
    for at in range(len(data)):
        data[at] ^= 1 << at % 8
        back = stored.decode_store(data)
        assert back is None or back.damaged, at
        data[at] ^= 1 << at % 8


def test_a_torn_record_is_never_a_mixture():
    new, old = record(8, {"call.warn_s": 99}), record(6)
    for end in range(0, len(new), 7):
        for rest in (b"\xff" * 4096, old[end:] + b"\xff" * 4096):
            back = stored.decode_store((new[:end] + rest)[:4096])
            if back is not None and not back.damaged:
                # what was not reached is the same in both: it is all old or all new
                whole = (6, values()) if end < 100 else (8, values({"call.warn_s": 99}))
                assert (back.sequence, back.values) == whole


def test_the_newest_whole_one_is_in_force():
    def made(sequence, damaged=0):
        return stored.Stored(sequence, {}, {}, damaged)

    old, new, torn = made(4), made(5), made(6, 2)
    for first, second, best in (
        (None, None, None),
        (old, None, old),
        (None, old, old),
        (old, new, new),
        (new, old, new),
        (new, torn, new),
        (torn, old, old),
        (torn, None, torn),
        (made(3, 1), torn, torn),
    ):
        assert stored.newest(first, second) is best
