"""Incident records: appended without an erase, moved to the journal through power cuts, read without duplicates."""

import itertools

import pytest

from endcall_core import records
from endcall_core.call import Incident
from endcall_core.layout import BLOCK_BYTES, JOURNAL_BLOCKS
from endcall_core.records import INCIDENT_BYTES
from endcall_device.store import SLOTS, SPARE_SLOTS, IncidentLog, StoreError

from .flash import TEARS, FlashFile, FlashNvm, Plug, PowerCutError


class Device:
    """The NVM and the journal of one device, through power cuts."""

    def __init__(self, blocks=JOURNAL_BLOCKS):
        self.nvm = bytearray(b"\xff" * BLOCK_BYTES)
        self.journal = bytearray(b"\xff" * (blocks * BLOCK_BYTES)) if blocks else None
        self.files = []

    def power_up(self, plug=None):
        plug = plug or Plug()
        file = None if self.journal is None else FlashFile(self.journal, plug, "/journal/incidents.bin")
        self.files.append(file)
        log = IncidentLog(FlashNvm(self.nvm, plug), file)
        log.load()
        return log

    def copy(self):
        twin = Device(0)
        twin.nvm = bytearray(self.nvm)
        twin.journal = None if self.journal is None else bytearray(self.journal)
        return twin


def incident(number):
    return Incident("resolved", number, (0,), False, "flash", 0, False)


def fill(log, count, compacting=True):
    """Append `count` incidents, numbered by `duration_s` as they will be by sequence."""
    for _ in range(count):
        if compacting and log.wants_compaction:
            log.compact()
        log.append(incident(log.sequence + 1), 1, 0)


def read_all(log, page=16):
    """Every record, as the host reads them: a page at a time."""
    found, after = [], 0
    for _ in range(2000):
        out = bytearray(page * INCIDENT_BYTES)
        count, more = log.read(after, out)
        for at in range(count):
            record = records.decode_incident(out[at * INCIDENT_BYTES : (at + 1) * INCIDENT_BYTES])
            assert record is not None
            found.append(record)
        if not more:
            return found
        assert count
        after = found[-1]["sequence"]
    raise AssertionError("there is always more")


def sequences(log, page=16):
    found = read_all(log, page)
    assert all(record["duration_s"] == record["sequence"] for record in found)
    return [record["sequence"] for record in found]


# --- appending -----------------------------------------------------------------------------------------------


def test_a_new_device_has_no_records():
    log = Device().power_up()
    assert (log.count, log.sequence, log.boot, log.lost) == (0, 0, 1, 0)
    assert not log.wants_compaction
    assert read_all(log) == []


def test_appending_takes_two_programs_and_no_erase():
    device, plug = Device(), Plug()
    log = device.power_up(plug)
    for number in range(1, SLOTS + 1):
        log.append(incident(number), 1, 0)
        assert plug.operations == ["program"] * (2 * number)
    assert sequences(log) == list(range(1, SLOTS + 1))


def test_what_is_kept_with_a_record():
    device = Device()
    device.power_up().append(Incident("enforced", 75, (0, 31), True, "hangup", 2, True), 4000, 1_700_000_000)
    (record,) = read_all(device.power_up())
    assert record == {
        "sequence": 1,
        "boot": 1,
        "uptime_s": 4000,
        "epoch_s": 1_700_000_000,
        "outcome": "enforced",
        "duration_s": 75,
        "warnings": 2,
        "warned_s": [0, 31],
        "prompt_finished": True,
        "release_mode": "hangup",
        "attempts": 2,
        "line_dropped": True,
    }


def test_boots_are_counted_when_they_record_something():
    device = Device()
    for _ in range(3):
        device.power_up()
    assert device.power_up().boot == 1
    fill(device.power_up(), 2)
    device.power_up()
    assert device.power_up().boot == 2
    fill(device.power_up(), 1)
    fill(device.power_up(), 1)
    assert [record["boot"] for record in read_all(device.power_up())] == [1, 1, 2, 3]


def test_without_room_a_record_is_counted_as_lost_and_nothing_is_overwritten():
    device = Device()
    log = device.power_up()
    fill(log, SLOTS + 3, compacting=False)
    assert log.lost == 3
    assert sequences(log) == list(range(1, SLOTS + 1))
    log.compact()
    fill(log, 1)
    assert sequences(log) == list(range(1, SLOTS + 2))


@pytest.mark.parametrize("already", [0, 1, 7, 20])
def test_a_cut_while_appending_costs_the_new_record_at_most(already):
    for pulled_at, tear in itertools.product(range(2), TEARS):
        device = Device()
        fill(device.power_up(), already)
        log = device.power_up(Plug(pulled_at, tear))
        with pytest.raises(PowerCutError):
            log.append(incident(already + 1), 1, 0)
        log = device.power_up()
        kept = sequences(log)
        assert kept in (list(range(1, already + 1)), list(range(1, already + 2)))
        fill(log, 2)
        assert sequences(device.power_up()) == list(range(1, len(kept) + 3))


def test_a_torn_record_is_ignored_and_its_place_never_used_again():
    device = Device()
    fill(device.power_up(), 3)
    device.nvm[3 * 64 : 3 * 64 + 20] = b"\xec\x01" + bytes(18)
    plug = Plug()
    log = device.power_up(plug)
    fill(log, 2)
    assert plug.erases == 0
    assert sequences(log) == [1, 2, 3, 4, 5]
    assert records.is_incident(device.nvm, 4 * 64)


def test_a_damaged_record_in_the_middle_is_left_out():
    device = Device()
    fill(device.power_up(), 6)
    device.nvm[2 * 64 + 10] ^= 4
    assert sequences(device.power_up()) == [1, 2, 4, 5, 6]
    assert device.power_up().sequence == 6


def test_an_nvm_full_of_something_else_is_no_record():
    for content in (b"\x00", b"settings of another program ", b"\xec"):
        device = Device()
        device.nvm[:] = (content * BLOCK_BYTES)[:BLOCK_BYTES]
        log = device.power_up()
        assert read_all(log) == []
        assert log.wants_compaction
        log.compact()
        fill(log, 2)
        assert sequences(device.power_up()) == [1, 2]


# --- compaction ----------------------------------------------------------------------------------------------


def test_compaction_is_wanted_while_there_is_still_room():
    log = Device().power_up()
    fill(log, SLOTS - SPARE_SLOTS)
    assert not log.wants_compaction
    fill(log, 1, compacting=False)
    assert log.wants_compaction


def test_compaction_moves_the_nvm_into_the_journal():
    device, plug = Device(), Plug()
    fill(device.power_up(), 57)
    log = device.power_up(plug)
    log.compact()
    assert plug.erases == 2  # one journal block, the NVM
    assert device.nvm == b"\xff" * BLOCK_BYTES
    for again in (log, device.power_up()):
        assert sequences(again) == list(range(1, 58))
        assert again.count == 57
        assert not again.wants_compaction


def test_a_cut_anywhere_in_a_compaction_loses_and_doubles_nothing():
    full = Device()
    fill(full.power_up(), 57)
    fill(full.power_up(), 57)  # a second time around: a journal block is there already
    plug = Plug()
    twin = full.copy()
    log = twin.power_up(plug)
    assert log.wants_compaction
    log.compact()
    operations = len(plug.operations)
    assert operations > 17
    expected = list(range(1, 115))
    for pulled_at, tear in itertools.product(range(operations), TEARS):
        device = full.copy()
        with pytest.raises(PowerCutError):
            device.power_up(Plug(pulled_at, tear)).compact()
        log = device.power_up()
        assert sequences(log) == expected, (pulled_at, tear)
        # and life goes on
        fill(log, 3)
        assert sequences(device.power_up()) == list(range(1, 118)), (pulled_at, tear)


def test_a_cut_between_archive_and_erase_again_and_again():
    device = Device()
    fill(device.power_up(), 57)
    plug = Plug()
    device.copy().power_up(plug).compact()
    nvm_erase = len(plug.operations) - 1 - plug.operations[::-1].index("erase")
    with pytest.raises(PowerCutError):
        device.power_up(Plug(nvm_erase, 0)).compact()
    for _ in range(JOURNAL_BLOCKS + 3):
        with pytest.raises(PowerCutError):
            device.power_up(Plug(0, 0)).compact()  # what was copied is not copied again
        assert sequences(device.power_up()) == list(range(1, 58))
    log = device.power_up()
    log.compact()
    fill(log, 5)
    assert sequences(device.power_up(), page=3) == list(range(1, 63))


def test_a_copy_that_was_broken_off_costs_no_other_block():
    device = Device()
    fill(device.power_up(), (JOURNAL_BLOCKS + 1) * 57)
    oldest = sequences(device.power_up())[0]
    for programs in (2, 5, 9, 14):  # page by page, more of the copy is readable
        with pytest.raises(PowerCutError):
            device.power_up(Plug(programs, 50)).compact()
    device.power_up().compact()
    kept = sequences(device.power_up())
    assert kept[0] == oldest + 57, "one block went for the new one, and no other"
    assert kept == list(range(kept[0], (JOURNAL_BLOCKS + 1) * 57 + 1))


def test_a_journal_that_refuses_leaves_the_records_where_they_are():
    device = Device()
    fill(device.power_up(), 60, compacting=False)
    log = device.power_up()
    device.files[-1].fails = True
    with pytest.raises(StoreError, match="refused"):
        log.compact()
    device.files[-1].fails = False
    assert sequences(log) == list(range(1, 61))
    assert sequences(device.power_up()) == list(range(1, 61))


def test_a_journal_that_did_not_take_the_records_is_noticed():
    device = Device()
    fill(device.power_up(), 60, compacting=False)
    log = device.power_up()
    device.files[-1].write = lambda at, data: None
    with pytest.raises(StoreError, match="read back"):
        log.compact()
    assert sequences(device.power_up()) == list(range(1, 61))


def test_without_a_journal_the_newest_half_is_kept():
    device = Device(blocks=0)
    log = device.power_up()
    fill(log, 57)
    log.compact()
    kept = list(range(33, 58))
    assert sequences(log) == kept
    assert sequences(device.power_up()) == kept
    fill(log, 200)
    found = sequences(device.power_up())
    assert found == list(range(found[0], 258))
    assert len(found) >= 32


# --- reading -------------------------------------------------------------------------------------------------


def test_a_thousand_incidents_over_many_boots():
    device, plug = Device(), Plug()
    for _ in range(40):
        fill(device.power_up(plug), 25)
    log = device.power_up()
    assert log.sequence == 1000
    found = sequences(log)
    assert found == list(range(found[0], 1001))
    assert len(found) >= (JOURNAL_BLOCKS - 1) * 57
    assert abs(log.count - len(found)) <= SLOTS
    assert log.lost == 0
    # wear: one erase of a block and one of the NVM per 57 records
    assert plug.erases <= 2 * (1000 // 57 + 1)


@pytest.mark.parametrize("page", [1, 2, 7, 16, 64, 600])
def test_pages_of_any_size_give_the_same(page):
    device = Device()
    for _ in range(5):
        fill(device.power_up(), 41)
    assert sequences(device.power_up(), page) == list(range(1, 206))


def test_reading_from_the_middle():
    device = Device()
    fill(device.power_up(), 205)
    log = device.power_up()
    out = bytearray(16 * INCIDENT_BYTES)
    for after in range(206):
        count, more = log.read(after, out)
        first = records.sequence_of(out) if count else None
        assert count == min(16, 205 - after)
        assert first == (after + 1 if count else None)
        assert more == (after + 16 < 205)
    assert log.read(10**9, out) == (0, False)
    assert log.read(-5, out)[0] == 16


def test_reading_writes_nothing_and_no_load_does():
    device, plug = Device(), Plug()
    fill(device.power_up(), 205)
    read_all(device.power_up(plug))
    assert plug.operations == []


def test_a_record_that_comes_while_the_host_reads():
    device = Device()
    log = device.power_up()
    fill(log, 56)
    out = bytearray(16 * INCIDENT_BYTES)
    found, after = [], 0
    for _ in range(8):
        fill(log, 1)  # the compaction falls in between
        count, _ = log.read(after, out)
        found += [records.sequence_of(out, at * INCIDENT_BYTES) for at in range(count)]
        after = found[-1]
    assert found == list(range(1, 65))


def test_a_damaged_journal_record_is_left_out():
    device = Device()
    log = device.power_up()
    fill(log, 120)
    device.journal[5 * 64 + 9] ^= 1
    device.journal[0 * 64 + 9] ^= 1
    found = sequences(device.power_up())
    assert found == [number for number in range(1, 121) if number not in (1, 6)]
