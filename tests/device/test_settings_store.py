"""Settings through power cuts at every flash operation, damage of every kind, and a flash that refuses."""

import itertools

import pytest

from endcall_core import settings, stored
from endcall_device.store import SettingsStore, StoreError

from .flash import SECTOR, TEARS, FlashFile, Plug, PowerCutError

PROMPTS = {"closing.wav": [0, 5000, "0123abcd"]}


def blank():
    return [bytearray(b"\xff" * SECTOR), bytearray(b"\xff" * SECTOR)]


def values(warn_s=30, **changes):
    made = settings.defaults()
    made["call.warn_s"] = warn_s
    made.update({key.replace("__", "."): value for key, value in changes.items()})
    return made


def power_up(flash, plug=None):
    plug = plug or Plug()
    store = SettingsStore([FlashFile(data, plug, f"/store_{at}/settings.bin") for at, data in enumerate(flash)])
    store.load()
    return store


def saved(*warn_s):
    """The flash after these were saved one after the other."""
    flash = blank()
    store = power_up(flash)
    for value in warn_s:
        store.save(values(value), PROMPTS)
    return flash


def test_a_new_drive_has_every_default_and_says_so():
    store = power_up(blank())
    assert store.values == settings.defaults()
    assert store.prompts == {}
    assert store.sequence == 0
    assert [repair[0] for repair in store.repairs] == ["settings"]


def test_what_was_saved_is_in_force_at_once_and_after_power_up():
    flash = blank()
    store = power_up(flash)
    store.save(values(45), PROMPTS)
    assert (store.values["call.warn_s"], store.sequence, store.prompts) == (45, 1, PROMPTS)
    again = power_up(flash)
    assert (again.values, again.prompts, again.sequence, again.repairs) == (values(45), PROMPTS, 1, [])


def test_the_two_files_are_written_in_turn():
    flash = saved(40)
    first = bytes(flash[0]), bytes(flash[1])
    for at, warn_s in enumerate((41, 42, 43, 44), 1):
        power_up(flash).save(values(warn_s), PROMPTS)
        now = bytes(flash[0]), bytes(flash[1])
        assert now[at % 2] != first[at % 2]
        assert now[1 - at % 2] == first[1 - at % 2]
        first = now
    assert power_up(flash).sequence == 5


def test_loading_writes_nothing():
    plug = Plug()
    power_up(saved(40, 41), plug)
    assert plug.operations == []


def test_a_save_is_one_erase_of_one_file():
    flash, plug = saved(40, 41), Plug()
    power_up(flash, plug).save(values(42), PROMPTS)
    assert plug.erases == 1


@pytest.mark.parametrize("before", [(40,), (40, 41), (40, 41, 42)], ids=len)
def test_a_power_cut_at_every_operation_leaves_old_or_new(before):
    plug = Plug()
    power_up(saved(*before), plug).save(values(99), PROMPTS)
    operations = len(plug.operations)
    assert operations > 10
    seen = set()
    for pulled_at, tear in itertools.product(range(operations), TEARS):
        flash = saved(*before)
        with pytest.raises(PowerCutError):
            power_up(flash, Plug(pulled_at, tear)).save(values(99), PROMPTS)
        store = power_up(flash)
        assert store.values in (values(before[-1]), values(99)), (pulled_at, tear)
        assert store.prompts == PROMPTS
        assert [key for key, _, _ in store.repairs] in ([], ["settings"])
        seen.add(store.values["call.warn_s"])
        store.save(values(77), PROMPTS)
        assert power_up(flash).values == values(77)
    assert seen == {before[-1], 99}


def test_a_second_cut_while_saving_again_leaves_one_of_the_three():
    operations = 17
    for first, second in itertools.product(range(0, operations, 3), range(0, operations, 2)):
        flash = saved(40, 41)
        with pytest.raises(PowerCutError):
            power_up(flash, Plug(first, 50)).save(values(50), PROMPTS)
        between = power_up(flash).values["call.warn_s"]
        with pytest.raises(PowerCutError):
            power_up(flash, Plug(second, 50)).save(values(60), PROMPTS)
        store = power_up(flash)
        assert store.values in (values(between), values(60))
        assert store.prompts == PROMPTS


def lines_of(data):
    """(offset, length) of every line of the body of the record in `data`."""
    at = data.find(b"\n") + 1
    found = []
    while data[at] != 0xFF:
        end = data.find(b"\n", at)
        found.append((at, end - at))
        at = end + 1
    return found


def test_a_single_damaged_line_is_repaired_alone_and_reported():
    """Only this record is left, as on a device whose settings were never changed."""
    flash = saved(45)
    for at, length in lines_of(flash[0]):
        damaged = [bytearray(flash[0]), bytearray(flash[1])]
        text = bytes(damaged[0][at : at + length])
        damaged[0][at + length // 2] ^= 1
        store = power_up(damaged)
        if b"prompt" in text and text.startswith(b"{"):
            assert store.values == values(45)
            assert store.prompts == {}
            continue
        key = stored.wire.read_line(text)[0]
        assert [repair[0] for repair in store.repairs] == [key], text
        expected = values(45)
        expected[key] = settings.defaults()[key]
        assert store.values == expected


def test_any_damaged_byte_costs_one_value_at_most():
    flash = saved(45)
    end = flash[0].find(b"\xff")
    head = flash[0].find(b"\n")
    for at in range(head + 1, end):
        damaged = [bytearray(flash[0]), bytearray(flash[1])]
        damaged[0][at] ^= 0x10
        store = power_up(damaged)
        different = [key for key in store.values if store.values[key] != values(45)[key]]
        assert len(different) <= 1
        assert store.repairs or store.prompts == {}


def test_a_stored_value_that_is_out_of_range_is_repaired_alone_and_reported():
    flash = blank()
    record = stored.encode_store(3, values(45, ring__pixels=500), PROMPTS)
    flash[1][: len(record)] = record
    store = power_up(flash)
    assert [repair[0] for repair in store.repairs] == ["ring.pixels"]
    assert store.values == values(45)


def test_the_one_before_is_in_force_when_the_newest_is_damaged_and_that_is_said():
    flash = saved(40, 41)
    flash[1][200] ^= 4
    store = power_up(flash)
    assert store.values == values(40)
    assert store.sequence == 1
    assert [repair[0] for repair in store.repairs] == ["settings"]
    assert "before" in store.repairs[0][2]
    store.save(values(50), PROMPTS)
    assert power_up(flash).values == values(50)


def test_both_damaged_in_one_line_each_keeps_the_rest_of_the_newest():
    flash = saved(40, 41)
    for data in flash:
        at, length = next((at, length) for at, length in lines_of(data) if b"ring.pixels" in data[at : at + length])
        data[at + length - 1] ^= 1
    store = power_up(flash)
    assert store.values == values(41)
    assert [repair[0] for repair in store.repairs] == ["ring.pixels"]


@pytest.mark.parametrize("content", [b"\x00", b"\xff", b"x", b"\n", b"{}", b"\x80\xff\n"])
def test_both_wiped_is_every_default_and_said(content):
    flash = saved(40, 41)
    for data in flash:
        data[:] = (content * SECTOR)[:SECTOR]
    store = power_up(flash)
    assert store.values == settings.defaults()
    assert [repair[0] for repair in store.repairs] == ["settings"]
    store.save(values(50), PROMPTS)
    assert power_up(flash).values == values(50)


@pytest.mark.parametrize("at", [0, 1])
def test_a_file_that_can_not_be_read_does_not_keep_it_from_starting(at):
    flash = saved(40, 41)
    files = [FlashFile(data, Plug()) for data in flash]
    files[at].fails = True
    store = SettingsStore(files)
    store.load()
    assert store.values == values((41, 40)[at])


def test_a_flash_that_refuses_leaves_everything_as_it_was():
    flash = saved(40, 41)
    files = [FlashFile(data, Plug()) for data in flash]
    store = SettingsStore(files)
    store.load()
    files[0].fails = True
    with pytest.raises(StoreError, match="refused"):
        store.save(values(50), {})
    assert (store.values, store.prompts, store.sequence) == (values(41), PROMPTS, 2)
    files[0].fails = False
    store.save(values(60), PROMPTS)
    assert power_up(flash).values == values(60)


def test_a_write_that_did_not_take_is_noticed():
    flash = saved(40, 41)
    files = [FlashFile(data, Plug()) for data in flash]
    store = SettingsStore(files)
    store.load()
    files[0].write = lambda at, data: None
    with pytest.raises(StoreError, match="read back"):
        store.save(values(50), PROMPTS)
    assert store.values == values(41)
    assert power_up(flash).values == values(41)


def test_a_drive_without_a_place_for_settings():
    store = SettingsStore(None)
    store.load()
    assert store.values == settings.defaults()
    assert store.repairs == []
    assert not store.is_writable
    with pytest.raises(StoreError, match="endcall image"):
        store.save(values(50), {})


def test_every_write_reaches_the_flash_before_it_is_called_saved():
    flash = saved(40)
    files = [FlashFile(data, Plug()) for data in flash]
    store = SettingsStore(files)
    store.load()
    store.save(values(50), PROMPTS)
    assert files[1].syncs >= 1
    assert power_up([bytearray(data) for data in flash]).values == values(50)
