"""Prompts: where they lie, what can be played, and how a new one arrives without ever harming an old one."""

import pytest

from endcall_core import call
from endcall_core.layout import SLOT_BYTES
from endcall_core.wav import WavError
from endcall_core.wire import crc
from endcall_device.blocks import BlockFile
from endcall_device.prompts import Prompts
from endcall_device.upload import Upload, UploadError

from .sound import prompt

CLOSING, OTHER = prompt(seed=1), prompt(ms=900, seed=2)
CHUNK = 1024


def put_file(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.ljust(SLOT_BYTES, b"\xff"))
    return BlockFile(str(path), SLOT_BYTES, sync=lambda: None)


@pytest.fixture
def slots(tmp_path):
    """Three slots, the first of which holds the closing prompt."""
    return [put_file(tmp_path / f"prompt_{at}" / "prompt.wav", CLOSING if at == 0 else b"") for at in range(3)]


@pytest.fixture
def prompts(slots):
    return Prompts(slots, {"closing.wav": [0, len(CLOSING), crc(CLOSING)]})


def send(prompts, name, data, checksum=None, chunk=CHUNK):
    """Begin and send everything; returns the verification."""
    prompts.begin(name, len(data), checksum or crc(data))
    for at in range(0, len(data), chunk):
        assert prompts.receive(at, data[at : at + chunk]) == min(len(data), at + chunk)
    return prompts.finish()


def verified(verification):
    result, turns = None, 0
    while result is None:
        result = verification.turn()
        turns += 1
        assert turns < 1000
    return result


def put(prompts, name, data):
    assert verified(send(prompts, name, data)) is True
    prompts.table = prompts.table_with_upload()
    prompts.upload = None


def code_of(raised):
    return raised.value.code


# --- what is there -------------------------------------------------------------------------------------------


def test_a_stored_prompt_can_be_played(prompts, slots):
    assert prompts.names() == ["closing.wav"]
    assert prompts.path("closing.wav") == slots[0].path
    wav = prompts.inspect("closing.wav")
    assert (wav.rate_hz, wav.data_at, wav.file_bytes) == (16000, 44, len(CLOSING))
    assert prompts.fault("closing.wav") == 0


def test_a_prompt_that_is_not_there(prompts):
    assert prompts.path("other.wav") is None
    with pytest.raises(KeyError):
        prompts.inspect("other.wav")
    assert prompts.fault("other.wav") == call.FAULT_PROMPT_MISSING
    assert prompts.verification("other.wav") is None


def test_a_slot_that_is_not_there(slots):
    prompts = Prompts(slots, {"closing.wav": [7, 100, "0"]})
    assert prompts.fault("closing.wav") == call.FAULT_PROMPT_MISSING


def test_a_slot_whose_file_is_gone(prompts, slots, tmp_path):
    (tmp_path / "prompt_0" / "prompt.wav").unlink()
    assert prompts.fault("closing.wav") == call.FAULT_PROMPT_MISSING


@pytest.mark.parametrize("damage", [b"RIFX", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"])
def test_a_damaged_header(prompts, tmp_path, damage):
    path = tmp_path / "prompt_0" / "prompt.wav"
    path.write_bytes(damage + path.read_bytes()[4:])
    with pytest.raises(WavError):
        prompts.inspect("closing.wav")
    assert prompts.fault("closing.wav") == call.FAULT_PROMPT_DAMAGED


def test_a_prompt_that_the_table_says_is_shorter(slots):
    prompts = Prompts(slots, {"closing.wav": [0, len(CLOSING) - 4, crc(CLOSING)]})
    assert prompts.fault("closing.wav") == call.FAULT_PROMPT_DAMAGED


def test_one_damaged_sample_is_found_by_its_crc(prompts, tmp_path):
    assert verified(prompts.verification("closing.wav")) is True
    path = tmp_path / "prompt_0" / "prompt.wav"
    data = bytearray(path.read_bytes())
    data[len(CLOSING) - 1] ^= 1
    path.write_bytes(data)
    assert prompts.fault("closing.wav") == 0  # not to be seen in the header
    assert verified(prompts.verification("closing.wav")) is False
    prompts.note_damage("closing.wav", True)
    assert prompts.fault("closing.wav") == call.FAULT_PROMPT_DAMAGED
    prompts.note_damage("closing.wav", False)
    assert prompts.fault("closing.wav") == 0


def test_bytes_behind_the_prompt_do_not_matter(prompts, tmp_path):
    path = tmp_path / "prompt_0" / "prompt.wav"
    data = bytearray(path.read_bytes())
    data[len(CLOSING)] = 0
    path.write_bytes(data)
    assert verified(prompts.verification("closing.wav")) is True


def test_a_verification_reads_a_piece_per_turn(prompts):
    verification = prompts.verification("closing.wav")
    turns = 0
    while verification.turn() is None:
        turns += 1
    assert turns == -(-len(CLOSING) // 1024)


def test_a_flash_that_can_not_be_read_is_no_good_prompt(prompts, slots, monkeypatch):
    def fail(at, out):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(slots[0], "read_into", fail)
    assert verified(prompts.verification("closing.wav")) is False


def test_a_drive_that_was_copied_file_by_file(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "closing.wav").write_bytes(CLOSING)
    (folder / "bad.wav").write_bytes(b"x" * 100)
    (folder / "notes.txt").write_bytes(b"")
    prompts = Prompts([], {}, f"{folder}/")
    assert prompts.names() == ["bad.wav", "closing.wav"]
    assert prompts.path("closing.wav") == f"{folder}/closing.wav"
    assert prompts.fault("closing.wav") == 0
    assert prompts.fault("bad.wav") == call.FAULT_PROMPT_DAMAGED
    assert prompts.fault("none.wav") == call.FAULT_PROMPT_MISSING
    assert prompts.verification("closing.wav") is None
    with pytest.raises(UploadError) as raised:
        prompts.begin("other.wav", 5000, "0")
    assert code_of(raised) == "storage"
    assert "endcall image" in str(raised.value)


def test_a_drive_without_any_prompts(tmp_path):
    prompts = Prompts([], {}, f"{tmp_path}/nowhere/")
    assert prompts.names() == []
    assert prompts.fault("closing.wav") == call.FAULT_PROMPT_MISSING


# --- receiving -----------------------------------------------------------------------------------------------


def test_a_new_prompt_goes_into_a_free_slot(prompts, slots, tmp_path):
    put(prompts, "other.wav", OTHER)
    assert prompts.table["other.wav"] == [1, len(OTHER), crc(OTHER)]
    assert (tmp_path / "prompt_1" / "prompt.wav").read_bytes()[: len(OTHER)] == OTHER
    assert (tmp_path / "prompt_0" / "prompt.wav").read_bytes()[: len(CLOSING)] == CLOSING
    assert prompts.fault("other.wav") == 0
    assert verified(prompts.verification("other.wav")) is True


def test_replacing_a_prompt_never_touches_the_one_in_force(prompts, tmp_path):
    verification = send(prompts, "closing.wav", OTHER)
    assert prompts.inspect("closing.wav").file_bytes == len(CLOSING)  # until it is put in force
    assert verified(verification) is True
    table = prompts.table_with_upload()
    assert table["closing.wav"] == [1, len(OTHER), crc(OTHER)]
    assert prompts.table["closing.wav"][0] == 0
    prompts.table = table
    assert prompts.inspect("closing.wav").file_bytes == len(OTHER)


def test_slots_rotate(prompts):
    put(prompts, "warning.wav", OTHER)
    used = []
    for seed in range(6):
        put(prompts, "closing.wav", prompt(seed=seed))
        used.append(prompts.table["closing.wav"][0])
        assert prompts.table["warning.wav"][0] == 1
        assert verified(prompts.verification("closing.wav")) is True
        assert verified(prompts.verification("warning.wav")) is True
    assert used == [2, 0, 2, 0, 2, 0]


def test_without_a_free_slot_nothing_is_written(prompts, tmp_path):
    put(prompts, "a.wav", OTHER)
    put(prompts, "b.wav", OTHER)
    before = [(tmp_path / f"prompt_{at}" / "prompt.wav").read_bytes() for at in range(3)]
    with pytest.raises(UploadError) as raised:
        prompts.begin("c.wav", len(OTHER), crc(OTHER))
    assert code_of(raised) == "full"
    with pytest.raises(UploadError):
        prompts.begin("a.wav", len(OTHER), crc(OTHER))
    assert [(tmp_path / f"prompt_{at}" / "prompt.wav").read_bytes() for at in range(3)] == before
    prompts.table = {name: entry for name, entry in prompts.table.items() if name != "b.wav"}
    put(prompts, "c.wav", OTHER)


@pytest.mark.parametrize("size", [-1, 0, 44, SLOT_BYTES + 1, 10**12])
def test_a_size_that_can_not_be(prompts, size):
    with pytest.raises(UploadError, match=str(SLOT_BYTES)) as raised:
        prompts.begin("other.wav", size, "0")
    assert code_of(raised) == "invalid"
    assert prompts.upload is None


def test_a_prompt_as_large_as_a_slot(prompts):
    before = b"LIST" + (340).to_bytes(4, "little") + bytes(340)
    data = prompt(ms=5800, rate_hz=16000, before=before)
    data += b"\x00" * (SLOT_BYTES - len(data))
    put(prompts, "other.wav", data)
    assert len(data) == SLOT_BYTES
    assert prompts.fault("other.wav") == 0


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"MP3!" * 300, "not a WAV"),
        (CLOSING[:22] + b"\x02" + CLOSING[23:], "2 channels"),
        (CLOSING[:100], "cut off"),
        (prompt(ms=100), "shortest"),
        (prompt(before=b"LIST" + (600).to_bytes(4, "little") + bytes(600)), "first 512"),
        (prompt(before=b"LIST" + (470).to_bytes(4, "little") + bytes(470)), "first 512"),
    ],
    ids=["mp3", "stereo", "truncated", "short", "tags", "tags within the first chunk"],
)
def test_a_bad_header_is_refused_before_anything_is_written(prompts, slots, monkeypatch, data, word):
    written = []
    for slot in slots:
        monkeypatch.setattr(slot, "write", lambda at, data: written.append(at))
    prompts.begin("other.wav", len(data), crc(data))
    with pytest.raises(UploadError, match=word) as raised:
        prompts.receive(0, data[:CHUNK])
    assert code_of(raised) == "invalid"
    assert written == []
    assert prompts.upload is None
    with pytest.raises(UploadError):
        prompts.receive(CHUNK, data[CHUNK : 2 * CHUNK])


def test_what_is_accepted_can_be_played_afterwards(prompts):
    """The header is judged by the same bytes when it arrives and when it is played."""
    for length in range(440, 480, 2):
        data = prompt(before=b"LIST" + length.to_bytes(4, "little") + bytes(length))
        prompts.begin("other.wav", len(data), crc(data))
        try:
            prompts.receive(0, data[:CHUNK])
        except UploadError:
            assert length > 460
            continue
        put(prompts, "other.wav", data)
        assert prompts.fault("other.wav") == 0, length
        prompts.table = {"closing.wav": prompts.table["closing.wav"]}


def test_a_repeated_chunk_is_acknowledged_and_not_written_twice(prompts, slots, monkeypatch):
    """The host sends again what it got no answer for."""
    written = []
    write = slots[1].write
    monkeypatch.setattr(slots[1], "write", lambda at, data: (written.append(at), write(at, data)))
    prompts.begin("other.wav", len(OTHER), crc(OTHER))
    for at in range(0, len(OTHER), CHUNK):
        chunk = OTHER[at : at + CHUNK]
        assert prompts.receive(at, chunk) == at + len(chunk)
        assert prompts.receive(at, chunk) == at + len(chunk)
    assert written == list(range(0, len(OTHER), CHUNK))
    assert verified(prompts.finish()) is True


def test_chunks_in_the_wrong_order_are_refused_and_the_right_one_still_goes(prompts):
    prompts.begin("other.wav", len(OTHER), crc(OTHER))
    for wrong in (CHUNK, -CHUNK, 1, 512):
        with pytest.raises(UploadError, match=f"at {wrong}; the next one starts at 0"):
            prompts.receive(wrong, OTHER[:CHUNK])
    prompts.receive(0, OTHER[:CHUNK])
    prompts.receive(CHUNK, OTHER[CHUNK : 2 * CHUNK])
    for wrong in (0, 3 * CHUNK):
        with pytest.raises(UploadError) as raised:
            prompts.receive(wrong, OTHER[:CHUNK])
        assert code_of(raised) == "invalid"
    for at in range(2 * CHUNK, len(OTHER), CHUNK):
        prompts.receive(at, OTHER[at : at + CHUNK])
    assert verified(prompts.finish()) is True


def test_more_than_was_announced_is_refused(prompts):
    prompts.begin("other.wav", len(OTHER), crc(OTHER))
    for at in range(0, len(OTHER) - CHUNK, CHUNK):
        prompts.receive(at, OTHER[at : at + CHUNK])
    with pytest.raises(UploadError):
        prompts.receive(prompts.upload.at, OTHER[prompts.upload.at :] + b"more")


def test_an_incomplete_prompt_is_not_finished(prompts):
    with pytest.raises(UploadError, match="not complete"):
        prompts.finish()
    with pytest.raises(UploadError, match="prompt_begin"):
        prompts.receive(0, OTHER[:CHUNK])
    prompts.begin("other.wav", len(OTHER), crc(OTHER))
    prompts.receive(0, OTHER[:CHUNK])
    with pytest.raises(UploadError, match="not complete") as raised:
        prompts.finish()
    assert code_of(raised) == "invalid"


def test_a_wrong_checksum_is_found(prompts):
    assert verified(send(prompts, "other.wav", OTHER, "00000000")) is False
    assert verified(send(prompts, "other.wav", OTHER, "nonsense")) is False


def test_what_the_flash_did_not_take_is_found(prompts, slots, monkeypatch):
    write = slots[1].write

    def forgetful(at, data):
        if at != 2 * CHUNK:
            write(at, data)

    monkeypatch.setattr(slots[1], "write", forgetful)
    assert verified(send(prompts, "other.wav", OTHER)) is False


@pytest.mark.parametrize("name", ["write", "sync"])
def test_a_flash_that_refuses_is_an_answer(prompts, slots, monkeypatch, name):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(slots[1], name, fail)
    with pytest.raises(UploadError, match="could not be written") as raised:
        send(prompts, "other.wav", OTHER)
    assert code_of(raised) == "storage"
    assert prompts.upload is None
    assert prompts.fault("closing.wav") == 0


def test_beginning_again_forgets_the_first(prompts):
    prompts.begin("other.wav", len(OTHER), crc(OTHER))
    prompts.receive(0, OTHER[:CHUNK])
    put(prompts, "other.wav", CLOSING)
    assert prompts.inspect("other.wav").file_bytes == len(CLOSING)


def test_chunks_of_any_sector_size(prompts):
    for chunk in (512, 1024):
        assert verified(send(prompts, "other.wav", OTHER, chunk=chunk)) is True


def test_a_chunk_that_is_no_whole_sector_can_only_be_the_last(prompts):
    prompts.begin("other.wav", len(OTHER), crc(OTHER))
    prompts.receive(0, OTHER[:600])
    with pytest.raises(UploadError, match="could not be written"):
        prompts.receive(600, OTHER[600:1200])


def test_an_upload_starts_empty():
    upload = Upload(None, 5, "0")
    assert (upload.at, upload.last) == (0, 0)


# --- the file underneath -------------------------------------------------------------------------------------


def test_a_block_file_is_written_in_whole_sectors(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"\x11" * 4096)
    file = BlockFile(str(path), 4096, sync=lambda: None)
    file.write(512, b"abc")
    assert path.read_bytes() == b"\x11" * 512 + b"abc" + b"\xff" * 509 + b"\x11" * 3072
    out = bytearray(5)
    assert file.read_into(512, out) == 5
    assert out == b"abc\xff\xff"
    assert file.read_into(4094, out) == 2


@pytest.mark.parametrize(("at", "count"), [(1, 1), (511, 1), (4096, 1), (3584, 513), (0, 4097)])
def test_a_block_file_never_grows(tmp_path, at, count):
    path = tmp_path / "file.bin"
    path.write_bytes(b"\x11" * 4096)
    file = BlockFile(str(path), 4096, sync=lambda: None)
    with pytest.raises(ValueError, match="do not fit"):
        file.write(at, b"x" * count)
    assert path.read_bytes() == b"\x11" * 4096


def test_a_block_file_exists_only_at_its_full_size(tmp_path):
    path = tmp_path / "file.bin"
    file = BlockFile(str(path), 4096, sync=lambda: None)
    assert not file.exists
    path.write_bytes(b"x" * 4095)
    assert not file.exists
    path.write_bytes(b"x" * 4096)
    assert file.exists
