"""Which application starts: trial, confirmation, the way back, damage, and a power cut at every flash operation."""

from __future__ import annotations

import hashlib
import random

import pytest

import endcall_base as base
from endcall_core import layout
from endcall_device.blocks import BlockFile
from endcall_device.upload import UploadError

from .application import application, ask, in_service, runs, send, started
from .flash import TEARS, FlashFile, Plug, PowerCutError

OLD, NEW, NEWER = application("1.0.0"), application("2.0.0", size=9000), application("3.0.0")


class Flash:
    """The two files, as bytes that outlive every start."""

    def __init__(self, data=None):
        self.data = data or [bytearray(b"\xff" * layout.APP_BYTES) for _ in layout.APP_PATHS]
        self.plug = Plug()

    def copy(self):
        return Flash([bytearray(data) for data in self.data])

    def files(self):
        return [FlashFile(data, self.plug, path) for data, path in zip(self.data, layout.APP_PATHS, strict=True)]

    def start(self, crashes=0):
        """Power up: choose what runs."""
        return started(self.files(), crashes)

    def request(self, slots):
        """The slots as a request in this run finds them."""
        return in_service(self.files(), slots.running)

    def update(self, made, confirm=True):
        """Send, restart, confirm; returns the slots of the last start."""
        send(self.request(self.start()), made)
        slots = self.start()
        if confirm:
            self.request(slots).confirm()
        return self.start() if confirm else slots


@pytest.fixture
def flash():
    return Flash()


@pytest.fixture
def updated(flash):
    """OLD is confirmed, in slot a."""
    assert runs(flash.update(OLD)) == "1.0.0"
    flash.plug.operations.clear()
    return flash


# --- the start -----------------------------------------------------------------------------------------------


def test_a_fresh_drive_starts_what_lies_in_lib_and_writes_nothing(flash):
    slots = flash.start()
    assert (slots.running, slots.is_new, flash.plug.operations) == (base.FACTORY, False, [])
    about = flash.request(slots).about()
    assert about == {
        "base": base.BASE,
        "slot": "factory",
        "next": "factory",
        "former": "",
        "state": "trusted",
        "tries": 0,
        "failed": "",
        "why": "",
    }


def test_a_drive_without_slots_starts_what_lies_in_lib_and_says_what_to_do(tmp_path):
    files = [BlockFile(str(tmp_path / path[1:]), layout.APP_BYTES, sync=lambda: None) for path in layout.APP_PATHS]
    slots = started(files)
    assert slots.running == base.FACTORY
    assert ask(slots, "app")["slot"] == "factory"
    with pytest.raises(UploadError, match="endcall flash") as raised:
        ask(slots, "app_begin", bytes=5000, sum="0" * 64)
    assert raised.value.code == "storage"


def test_an_update_is_tried_counted_and_confirmed(flash):
    assert send(flash.request(flash.start()), OLD)["next"] == "a"
    slots = flash.start()
    assert (runs(slots), slots.is_new, slots.is_on_trial, slots.tries) == ("1.0.0", True, True, 1)
    about = ask(flash.request(slots), "app_confirm")
    assert (about["state"], about["slot"], about["former"]) == ("trusted", "a", "factory")
    assert about["a"] == ["1.0.0", OLD.identity]
    flash.plug.operations.clear()
    for _ in range(10):
        slots = flash.start()
        assert (runs(slots), slots.is_new, slots.is_on_trial) == ("1.0.0", False, False)
    assert flash.plug.operations == [], "a start that is no trial writes nothing"


def test_a_confirmation_twice_is_one(updated):
    slots = updated.start()
    assert ask(updated.request(slots), "app_confirm")["state"] == "trusted"
    assert updated.plug.operations == []


@pytest.mark.parametrize("before", ["factory", "a slot"])
def test_three_starts_that_nobody_confirmed_bring_the_one_before_back(flash, before):
    if before == "a slot":
        flash.update(OLD)
    was = runs(flash.start())
    send(flash.request(flash.start()), NEW)
    tried = [flash.start() for _ in range(3)]
    assert [(runs(slots), slots.tries, slots.is_new) for slots in tried] == [
        ("2.0.0", 1, True),
        ("2.0.0", 2, False),
        ("2.0.0", 3, False),
    ]
    slots = flash.start()
    assert (runs(slots), slots.is_new, slots.is_on_trial) == (was, True, False)
    about = flash.request(slots).about()
    assert (about["failed"], about["why"]) == ("b" if was else "a", "unconfirmed")
    flash.plug.operations.clear()
    slots = flash.start()
    assert (runs(slots), slots.is_new) == (was, False)
    assert flash.plug.operations == []
    assert flash.request(slots).about()["why"] == "unconfirmed", "still told after the next start"


def test_each_start_on_trial_erases_one_block(updated):
    send(updated.request(updated.start()), NEW)
    for _ in range(3):
        updated.plug.operations.clear()
        updated.start()
        assert updated.plug.erases == 1


def test_a_trial_that_can_not_be_counted_is_not_begun(updated):
    send(updated.request(updated.start()), NEW)
    files = updated.files()
    for file in files:
        file.write = lambda at, data: (_ for _ in ()).throw(OSError(30, "Read-only filesystem"))
    slots = started(files)
    assert runs(slots) == "1.0.0"
    assert not slots.is_on_trial


def test_a_trial_whose_end_can_not_be_written_is_over_all_the_same(updated):
    send(updated.request(updated.start()), NEW)
    for _ in range(3):
        updated.start()
    files = updated.files()
    for file in files:
        file.write = lambda at, data: (_ for _ in ()).throw(OSError(30, "Read-only filesystem"))
    slots = started(files)
    assert (runs(slots), slots.failed, slots.why) == ("1.0.0", base.B, base.UNCONFIRMED)
    assert runs(updated.start()) == "1.0.0"


def test_a_flash_that_lies_about_a_count_ends_the_trial(updated):
    """What was written does not read back: then the start does not happen."""
    send(updated.request(updated.start()), NEW)
    files = updated.files()
    for file in files:
        file.write = lambda at, data: None
    assert runs(started(files)) == "1.0.0"


def test_one_that_keeps_crashing_though_it_was_trusted_makes_way_for_the_one_in_lib(updated):
    assert runs(updated.start(crashes=base.CRASHES - 1)) == "1.0.0"
    slots = updated.start(crashes=base.CRASHES)
    assert slots.running == base.FACTORY
    assert updated.plug.operations == []
    send(updated.request(slots), NEW)  # and takes an update
    assert runs(updated.start()) == "2.0.0"


# --- damage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 30, 67, 71, 512, 512 + 1536, 512 + 1536 + 8000])
def test_a_damaged_one_is_never_started(updated, at):
    updated.update(NEW)
    assert runs(updated.start()) == "2.0.0"
    updated.plug.operations.clear()
    updated.data[base.B][base.HEADER_AT + at] ^= 0x10
    slots = updated.start()
    assert runs(slots) == "1.0.0"
    assert updated.request(slots).about()["failed"] == "b"
    assert updated.request(slots).about()["why"] == "damaged"
    assert updated.plug.erases == 1, "that it was given up is written once"
    assert runs(updated.start()) == "1.0.0"
    assert updated.plug.erases == 1
    updated.data[base.A][base.HEADER_AT + 600] ^= 0x10
    assert updated.start().running == base.FACTORY


def test_the_damaged_one_can_be_replaced(updated):
    updated.update(NEW)
    updated.data[base.B][base.HEADER_AT + 600] ^= 1
    assert runs(updated.update(NEWER)) == "3.0.0"


def test_a_slot_that_can_not_be_read_is_none(updated):
    files = updated.files()
    for file in files:
        file.fails = True
    assert started(files).running == base.FACTORY


def test_what_was_not_made_for_this_base_is_refused_and_never_started(updated):
    other = application("2.0.0", for_base=base.BASE + 1)
    with pytest.raises(UploadError, match="base") as raised:
        send(updated.request(updated.start()), other)
    assert raised.value.code == "invalid"
    assert "endcall flash" in str(raised.value)
    slots = updated.start()
    assert (runs(slots), slots.why) == ("1.0.0", base.NOTHING)
    assert not updated.request(slots).is_sound(base.B)


def test_something_else_than_an_application_is_refused(updated):
    class Noise:
        content = random.Random(1).randbytes(5000)
        sha256 = hashlib.sha256(content).hexdigest()

    with pytest.raises(UploadError, match="no application"):
        send(updated.request(updated.start()), Noise)
    assert runs(updated.start()) == "1.0.0"


def test_records_of_noise_start_what_lies_in_lib(flash):
    rng = random.Random(7)
    for _ in range(200):
        for data in flash.data:
            data[:32] = rng.randbytes(32)
        assert flash.start().running == base.FACTORY


def test_a_record_with_numbers_that_mean_nothing_is_none(flash):
    import struct

    for number in range(6):
        fields = [1, base.A, base.A, 0, 0, base.A, 0]
        fields[number] = 250 if number not in (0, 3, 4) else fields[number]
        flash.data[0][:18] = base.seal(struct.pack("<4sI6B", b"pick", *fields))
        assert flash.start().running == base.FACTORY  # nothing lies in the slots


# --- sending -------------------------------------------------------------------------------------------------


def test_the_slot_that_runs_is_never_written(updated):
    before = bytes(updated.data[base.A])
    send(updated.request(updated.start()), NEW)
    assert bytes(updated.data[base.A][layout.BLOCK_BYTES :]) == before[layout.BLOCK_BYTES :]


def test_slots_take_turns(flash):
    used = [flash.update(made).running for made in (OLD, NEW, NEWER, OLD)]
    assert used == [base.A, base.B, base.A, base.B]


def test_a_wrong_sha_256_is_found(updated):
    with pytest.raises(UploadError, match="did not read back"):
        send(updated.request(updated.start()), NEW, checksum="0" * 64)
    assert runs(updated.start()) == "1.0.0"


@pytest.mark.parametrize(("size", "checksum"), [(512, "0" * 64), (layout.APP_BYTES, "0" * 64), (5000, "0" * 8)])
def test_a_size_or_sum_that_can_not_be(updated, size, checksum):
    with pytest.raises(UploadError, match=str(layout.APP_BYTES - layout.BLOCK_BYTES)):
        ask(updated.request(updated.start()), "app_begin", bytes=size, sum=checksum)


def test_a_chunk_out_of_order_ends_the_upload_and_a_repeated_one_does_not(updated):
    slots = updated.request(updated.start())
    with pytest.raises(UploadError, match="app_begin"):
        ask(slots, "app_data", NEW.content[:1024], at=0)
    ask(slots, "app_begin", bytes=len(NEW.content), sum=NEW.sha256)
    for _ in range(2):
        assert ask(slots, "app_data", NEW.content[:1024], at=0) == {"at": 1024}
    with pytest.raises(UploadError, match="not complete"):
        ask(slots, "app_end")
    with pytest.raises(UploadError, match="app_begin"):
        ask(slots, "app_data", NEW.content[1024:2048], at=1024)


def test_during_a_trial_no_other_is_taken(updated):
    """It would go into the slot that the trial falls back to."""
    slots = updated.update(NEW, confirm=False)
    with pytest.raises(UploadError, match="on trial") as raised:
        ask(updated.request(slots), "app_begin", bytes=5000, sum="0" * 64)
    assert raised.value.code == "invalid"


def test_sending_again_before_the_restart_replaces_what_was_sent(updated):
    slots = updated.start()
    send(updated.request(slots), NEW)
    send(updated.request(slots), NEWER)
    assert runs(updated.start()) == "3.0.0"


@pytest.mark.parametrize("do", ["app_confirm", "app_rollback"])
def test_a_flash_that_refuses_is_an_answer(updated, do):
    slots = updated.update(NEW, confirm=False)
    request = updated.request(slots)
    for file in request.files:
        file.write = lambda at, data: (_ for _ in ()).throw(OSError(5, "Input/output error"))
    with pytest.raises(UploadError, match="flash refused") as raised:
        ask(request, do)
    assert raised.value.code == "storage"
    assert runs(updated.start()) == "2.0.0"


# --- the way back --------------------------------------------------------------------------------------------


def test_going_back_and_forward_again(updated):
    slots = updated.update(NEW)
    about = ask(updated.request(slots), "app_rollback")
    assert (about["slot"], about["next"], about["former"]) == ("b", "a", "b")
    slots = updated.start()
    assert (runs(slots), slots.is_on_trial) == ("1.0.0", False)
    ask(updated.request(slots), "app_rollback")
    assert runs(updated.start()) == "2.0.0"


def test_going_back_to_what_lies_in_lib(updated):
    ask(updated.request(updated.start()), "app_rollback")
    slots = updated.start()
    assert slots.running == base.FACTORY
    assert updated.request(slots).about()["former"] == "a"


def test_going_back_from_a_trial_ends_it(updated):
    slots = updated.update(NEW, confirm=False)
    about = ask(updated.request(slots), "app_rollback")
    assert (about["failed"], about["why"], about["state"]) == ("b", "rolled back", "trusted")
    assert runs(updated.start()) == "1.0.0"


def test_there_must_be_something_to_go_back_to(flash):
    with pytest.raises(UploadError, match="no application to go back to"):
        ask(flash.request(flash.start()), "app_rollback")


def test_going_back_twice_before_the_restart_is_refused(updated):
    slots = updated.update(NEW)
    ask(updated.request(slots), "app_rollback")
    with pytest.raises(UploadError, match="waits for a restart"):
        ask(updated.request(slots), "app_rollback")
    assert runs(updated.start()) == "1.0.0"


# --- power cuts ----------------------------------------------------------------------------------------------


def every_cut(flash, act):
    """`act(flash)` with the plug pulled at every one of its flash operations, torn in every way: the flash after it."""
    whole = flash.copy()
    act(whole)
    count = len(whole.plug.operations)
    assert count
    for pulled_at in range(count):
        for tear in TEARS:
            cut = flash.copy()
            cut.plug = Plug(pulled_at, tear)
            try:
                act(cut)
            except PowerCutError:
                pass
            yield cut.copy(), f"operation {pulled_at} of {count}, {tear} %"


def whole_content(flash, slots):
    """Whether what runs is, byte for byte, one of the applications; judged without the firmware's own check."""
    if slots.running == base.FACTORY:
        return True
    data = bytes(flash.data[slots.running][base.HEADER_AT :])
    return any(data.startswith(made.content) for made in (OLD, NEW, NEWER))


def sending(flash):
    send(flash.request(flash.start()), NEW)


def starting(flash):
    flash.start()


def confirming(flash):
    slots = flash.start()
    flash.request(slots).confirm()


def going_back(flash):
    flash.request(flash.start()).go_back()


def on_trial(tries):
    flash = Flash()
    flash.update(OLD)
    send(flash.request(flash.start()), NEW)
    for _ in range(tries):
        flash.start()
    return flash


def trusted():
    flash = Flash()
    flash.update(OLD)
    flash.update(NEW)
    return flash


def damaged():
    flash = trusted()
    flash.data[base.B][base.HEADER_AT + 3000] ^= 1
    return flash


def fresh():
    return Flash()


def with_old():
    flash = Flash()
    flash.update(OLD)
    return flash


@pytest.mark.parametrize(
    ("made", "act", "allowed"),
    [
        (fresh, sending, {"", "2.0.0"}),
        (with_old, sending, {"1.0.0", "2.0.0"}),
        (lambda: on_trial(0), starting, {"2.0.0"}),
        (lambda: on_trial(1), confirming, {"2.0.0"}),
        (lambda: on_trial(2), starting, {"2.0.0", "1.0.0"}),
        (lambda: on_trial(3), starting, {"1.0.0"}),
        (lambda: on_trial(1), going_back, {"1.0.0", "2.0.0"}),
        (trusted, going_back, {"1.0.0", "2.0.0"}),
        (damaged, starting, {"1.0.0"}),
    ],
    ids=["first", "second", "1st start", "confirm", "3rd start", "give up", "cancel", "go back", "damage"],
)
def test_a_power_cut_leaves_the_old_or_the_new(made, act, allowed):
    flash = made()
    seen = set()
    for cut, where in every_cut(flash, act):
        slots = cut.start()
        assert whole_content(cut, slots), where
        assert runs(slots) in allowed, where
        seen.add(runs(slots))
        for _ in range(5):  # and whatever it was, it ends in one that stays
            last = cut.start()
        cut.plug.operations.clear()
        assert runs(cut.start()) == runs(last), where
        assert cut.plug.operations == [], where
        assert whole_content(cut, last), where
    assert seen == allowed


@pytest.mark.parametrize("tries", [0, 1, 2, 3])
def test_a_second_cut_in_the_start_after_the_first(tries):
    for cut, where in every_cut(on_trial(tries), starting):
        for again, where_too in every_cut(cut, starting) if _writes(cut) else ():
            slots = again.start()
            assert runs(slots) in ("1.0.0", "2.0.0"), (where, where_too)
            assert whole_content(again, slots)


def _writes(flash):
    trial = flash.copy()
    trial.start()
    return trial.plug.operations


def test_a_trial_ends_after_three_starts_however_often_the_power_fails():
    """A start that was cut while it was being counted counts or not, but the three that follow are the last."""
    for cut, where in every_cut(on_trial(0), starting):
        starts = 0
        while runs(cut.start()) == "2.0.0":
            starts += 1
            assert starts <= 3, where
        assert runs(cut.start()) == "1.0.0"


def test_settings_and_prompts_lie_in_other_blocks():
    """An update can't cost them: no file of theirs is among those that are written."""
    assert not {*layout.APP_PATHS} & {*layout.STORE_PATHS, *layout.SLOT_PATHS, layout.JOURNAL_PATH}
    folders = [path.rpartition("/")[0] for path in (*layout.APP_PATHS, *layout.STORE_PATHS, *layout.SLOT_PATHS)]
    assert len(set(folders)) == len(folders)
