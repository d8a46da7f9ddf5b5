"""`endcall lock`: a device's key on this computer, and what every other command does with a device that has one."""

import contextlib
import os
import stat
import sys
import zipfile

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked

from endcall import errors, keys
from endcall.desk.desk import SERIAL
from endcall_core import messages, settings, stored
from endcall_device.lock import TRIES

from . import listings
from .desk_link import FaultyTransport, client_over, corrupt, cut, double, lose, tone
from .fleet_desks import Office
from .test_rescue import bench  # noqa: F401 - a fixture


class Memory(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.locked = False

    def get_password(self, service, username):
        if self.locked:
            raise KeyringLocked("it is locked")
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        if self.locked:
            raise KeyringLocked("it is locked")
        self.kept[service, username] = password

    def delete_password(self, service, username):
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("there is none")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A computer without a keyring, and its file for keys."""
    monkeypatch.setattr(keys, "folder", lambda: tmp_path / "config" / "keys")
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield keys.folder() / listings.A
    keyring.set_keyring(before)


@pytest.fixture
def memory():
    found = Memory()
    keyring.set_keyring(found)
    return found


@pytest.fixture
def desk(computer):
    return computer.plug(serial=listings.A)


@pytest.fixture
def locked(computer, desk):
    """A device with a key that this computer keeps."""
    result = computer.run("lock", "set")
    assert result.code == 0, result.err
    return desk


def settings_of(computer):
    return computer.run("get", "--json").json["values"]


# --- set, change, remove -------------------------------------------------------------------------------------------


def test_set_keeps_a_key_restarts_and_tries_it(computer, desk, home):
    result = computer.run("lock", "set", "--json")
    assert result.code == 0
    (told,) = result.json["devices"]
    assert (told["changed"], told["kept"], desk.restarts) == (False, str(home), 1)
    assert home.read_text().split() == [desk.app.store.key]
    assert keys.is_key(desk.app.store.key)
    assert stat.S_IMODE(home.stat().st_mode) == 0o600
    assert desk.app.store.key not in result.out + result.err
    status = computer.run("lock", "status")
    assert f"has a key; this computer keeps its key; {TRIES} wrong tries are left" in status.out


def test_every_command_signs_by_itself(computer, locked):
    assert computer.run("set", "call.warn_s", "44").code == 0
    assert settings_of(computer)["call.warn_s"] == 44
    assert computer.run("identify").code == 0
    assert computer.run("practice", "on").code == 0
    assert computer.run("practice", "off").code == 0
    (computer._folder / "office.toml").write_text("[call]\nwarn_s = 33\n")
    assert computer.run("apply", computer._folder / "office.toml").code == 0
    (computer._folder / "new.wav").write_bytes(tone(ms=700))
    assert computer.run("prompt", "put", computer._folder / "new.wav").code == 0
    assert computer.run("prompt", "remove", "new.wav").code == 0
    assert locked.app.parts.lock.left == TRIES
    assert settings_of(computer)["call.warn_s"] == 33


def test_set_again_changes_it_without_a_restart_or_a_wrong_try(computer, locked, home):
    before = locked.app.store.key
    result = computer.run("lock", "set")
    assert "has another key, tried and in force" in result.out
    assert locked.app.store.key not in (before, "")
    assert home.read_text().split() == [locked.app.store.key]
    assert (locked.restarts, locked.app.parts.lock.left) == (1, TRIES)
    for name in ("store_a", "store_b"):
        assert before.encode() not in (locked.folder / name / "settings.bin").read_bytes()


def test_remove(computer, locked, home):
    result = computer.run("lock", "remove")
    assert (result.code, locked.app.store.key) == (0, "")
    assert "has no key any more" in result.out
    assert not home.exists()
    assert "had no key" in computer.run("lock", "remove").out
    assert "has no key: whoever reaches its port" in computer.run("lock", "status").out
    locked.power_cycle()
    assert computer.run("set", "call.warn_s", "44").code == 0


def test_a_key_that_is_not_in_force_yet_is_told(computer, desk):
    client = computer_client(desk)
    client.set_key("0f" * 32)
    assert "in force from its next start on; this computer does not know it" in computer.run("lock", "status").out


def computer_client(desk):
    from .desk_link import DeskTransport

    client = client_over(DeskTransport(desk))
    client.transport.close()
    desk.port.connected = True
    desk.run(1)
    return client


# --- who has no key, or a wrong one --------------------------------------------------------------------------------


def test_without_the_key_it_is_looked_at_and_not_changed(computer, locked, home):
    home.unlink()
    for words in (("list",), ("info",), ("status", "--once"), ("get",), ("log",), ("prompt", "list"), ("plan",)):
        if words == ("plan",):
            (computer._folder / "office.toml").write_text("[call]\nwarn_s = 33\n")
            words = ("plan", str(computer._folder / "office.toml"))
        assert computer.run(*words).code == 0, words
    for words in (
        ("set", "call.warn_s", "44"),
        ("identify",),
        ("lock", "set"),
        ("lock", "remove"),
        ("selftest", "--yes"),
    ):
        result = computer.run(*words)
        if words[0] == "selftest":
            continue
        assert result.code == 11, (words, result.err)
        assert "The device has a key, and this computer does not know it." in result.err
        assert "endcall lock import" in result.err
    assert settings_of(computer)["call.warn_s"] == 30
    assert locked.app.parts.lock.left == TRIES, "not to know it costs no try"


def test_a_wrong_key_says_how_many_tries_are_left_and_spends_one(computer, locked, home):
    home.write_text("0f" * 32)
    result = computer.run("set", "call.warn_s", "44", "--json")
    assert (result.code, result.error["code"]) == (11, "wrong_key")
    assert "4 tries are left" in result.error["happened"]
    assert locked.app.parts.lock.left == 4
    assert computer.run("get").code == 0
    assert locked.app.parts.lock.left == 4, "looking spends none"


def test_after_five_the_window_is_closed_and_it_says_so(computer, home):
    desk = computer.plug(serial=listings.A, values=settings.defaults())
    assert computer.run("set", "usb.access", "service").code == 0
    desk.power_cycle()
    desk.run(200)
    assert computer.run("lock", "set").code == 0
    home.write_text("0f" * 32)
    for left in (4, 3, 2, 1, 0):
        result = computer.run("identify")
        assert result.code == 11
        assert f"{left} tries are left" in result.err
        assert "its service window closes" in result.err
    desk.run(300)
    assert desk.is_shut


# --- a bad line, a power cut in between -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [lose, cut, corrupt, double], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("direction", ["writes", "reads"])
@pytest.mark.parametrize("at", range(1, 12))
def test_another_key_over_a_bad_line(locked, direction, at, fault):
    """Whatever gets lost: in the end it is in force, or this computer keeps the one that is."""
    from endcall import connect, lock

    client = client_over(FaultyTransport(locked, **{direction: {at: fault}}))
    with contextlib.suppress(errors.LinkError):
        lock.give(client, connect.Choice())
    client.close()
    assert locked.app.store.key in keys.of(listings.A)
    client = client_over(FaultyTransport(locked))
    client.change({"call.warn_s": 41})
    assert locked.app.parts.lock.left >= TRIES - 1


def test_an_unplugged_cable_leaves_a_key_that_is_known(locked):
    from endcall import connect, lock

    before = locked.app.store.key
    for at in range(2, 14):
        client = client_over(FaultyTransport(locked, unplug_at=at))
        with contextlib.suppress(errors.LinkError):
            lock.give(client, connect.Choice())
        client.transport._unplug_at = None
        client.close()
        assert locked.app.store.key in keys.of(listings.A)
        locked.power_cycle()
        locked.run(200)
        client_over(FaultyTransport(locked)).prove_key()
    assert locked.app.store.key != before


def test_changes_over_a_bad_line_are_signed_anew(locked):
    """Nothing is taken twice, and nothing that got lost keeps a change from being made."""
    for fault in (lose, cut, corrupt, double):
        for at in range(1, 9):
            client = client_over(FaultyTransport(locked, writes={at: fault}, reads={at + 1: lose}))
            client.change({"call.warn_s": 30 + at})
            client.put_prompt("closing.wav", tone(ms=300, seed=at))
            assert locked.app.call.rules["call.warn_s"] == 30 + at
            client.close()
    assert locked.app.parts.lock.left == TRIES


# --- where keys are kept ---------------------------------------------------------------------------------------------


def test_a_keyring_is_used_where_there_is_one(computer, desk, memory, home):
    result = computer.run("lock", "set")
    assert "kept in this computer's keyring" in result.out
    assert memory.kept == {("endcall", listings.A): desk.app.store.key}
    assert not home.exists()
    assert computer.run("identify").code == 0
    assert computer.run("lock", "remove").code == 0
    assert memory.kept == {}


def test_a_key_in_the_file_is_found_beside_a_keyring_that_came_later(computer, locked, memory, home):
    assert computer.run("identify").code == 0
    assert computer.run("lock", "set").code == 0
    assert memory.kept == {("endcall", listings.A): locked.app.store.key}
    assert not home.exists()


def test_a_keyring_that_keeps_nothing_is_not_believed(computer, desk, home):
    keyring.set_keyring(null.Keyring())
    assert computer.run("lock", "set").code == 0
    assert home.read_text().split() == [desk.app.store.key]


def test_a_locked_keyring_is_told_and_nothing_is_changed(computer, desk, memory):
    memory.locked = True
    result = computer.run("lock", "set")
    assert result.code == 2
    assert "keyring refused: it is locked" in result.err
    assert desk.app.store.key == ""


def test_without_the_package_the_file_is_used(computer, desk, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert computer.run("lock", "set").code == 0
    assert home.read_text().split() == [desk.app.store.key]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o610])
def test_a_file_that_others_may_read_is_refused(computer, locked, home, mode):
    home.chmod(mode)
    result = computer.run("set", "call.warn_s", "44")
    assert result.code == 2
    assert f"(mode {mode:03o})" in result.err
    assert f"chmod 600 '{home}'" in result.err
    assert settings_of(computer)["call.warn_s"] == 30
    assert computer.run("lock", "set").code == 2
    home.chmod(0o600)
    assert computer.run("set", "call.warn_s", "44").code == 0


def test_a_file_of_somebody_else_is_refused(computer, locked, home, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    result = computer.run("identify")
    assert result.code == 2
    assert "belongs to another user" in result.err


@pytest.mark.parametrize("text", ["", "{}", "0f", "0f" * 33, "0F" * 32, "0f" * 32 + " x", "\xff"])
def test_a_damaged_file_is_refused(computer, locked, home, text):
    home.write_text(text)
    result = computer.run("identify")
    assert result.code == 2
    assert "is no file of device keys" in result.err


def test_the_file_is_replaced_whole(home, monkeypatch):
    keys.keep("A1", ["0f" * 32])

    def fail_to(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_to)
        with pytest.raises(errors.UsageError, match="No space left"):
            keys.keep("A1", ["a1" * 32])
    assert [file.name for file in home.parent.iterdir()] == ["A1"]
    assert keys.of("A1") == ["0f" * 32]


def test_keys_go_to_another_computer_in_a_file(computer, locked, home, tmp_path):
    out = tmp_path / "keys-for-you.json"
    result = computer.run("lock", "export", out)
    assert result.code == 0
    assert locked.app.store.key not in result.out + result.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert computer.run("lock", "export", out).code == 2
    home.unlink()
    assert computer.run("identify").code == 11
    out.chmod(0o644)  # as it comes from a USB stick
    result = computer.run("lock", "import", out)
    assert result.code == 0
    assert f"Delete {out} now." in result.err
    assert computer.run("identify").code == 0
    home.unlink()
    assert computer.run("lock", "export", tmp_path / "none.json").code == 2


# --- nowhere else ----------------------------------------------------------------------------------------------------


def test_the_key_is_in_no_settings_backup_or_report(computer, locked, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    key = locked.app.store.key
    said = ""
    for words in (
        ("get",),
        ("get", "--json"),
        ("info", "--json"),
        ("lock", "status", "--json"),
        ("doctor", "--json", "--bundle", tmp_path / "report.zip"),
        ("export", tmp_path / "all.toml"),
        ("backup", tmp_path / "all.zip"),
    ):
        result = computer.run(*words)
        said += result.out + result.err
    said += (tmp_path / "all.toml").read_text()
    for name in ("report.zip", "all.zip"):
        with zipfile.ZipFile(tmp_path / name) as file:
            said += "".join(file.read(entry).decode("latin-1") for entry in file.namelist())
    assert len(said) > 5000
    assert not any(key[at : at + 12] in said for at in range(0, 52, 4))


def test_doctor_says_whether_it_is_known_here(computer, locked, home):
    checks = {check["name"]: check for check in computer.run("doctor", "--json").json["checks"]}
    assert checks["key"]["verdict"] == "ok"
    home.unlink()
    checks = {check["name"]: check for check in computer.run("doctor", "--json").json["checks"]}
    assert (checks["key"]["verdict"], checks["key"]["todo"]) == ("warn", "endcall lock import")


# --- many ------------------------------------------------------------------------------------------------------------


def test_a_fleet_with_keys(computer, tmp_path, home):
    office = Office(computer, tmp_path, 4)
    assert computer.run("lock", "set", "--all").code == 0
    found = [desk.app.store.key for desk in office.desks.values()]
    assert len({key for key in found if keys.is_key(key)}) == 4
    result = computer.run("fleet", "apply", office.file)
    assert result.code == 0, result.out + result.err
    assert all(desk.app.call.rules["call.min_warn_s"] == 8 for desk in office.desks.values())
    next(home.parent.iterdir()).unlink()
    office.file.write_text(office.file.read_text().replace("min_warn_s = 8", "min_warn_s = 9"))
    result = computer.run("fleet", "apply", office.file)
    assert result.code == 10
    assert sum(desk.app.call.rules["call.min_warn_s"] == 9 for desk in office.desks.values()) == 3


def test_every_doing_request_of_the_table_is_what_the_client_signs():
    from endcall.client import _is_signed

    assert {row[0] for row in messages.REQUESTS if _is_signed(row[0])} == {
        row[0] for row in messages.REQUESTS if row[messages.EFFECT] in (messages.ACTS, messages.WRITES)
    }
    assert not _is_signed("lock")
    assert _is_signed("something new"), "what this program does not know may do something"


# --- rescue ----------------------------------------------------------------------------------------------------------

KEY = "0f1e2d3c4b5a6978" * 4


def with_a_key(board):
    for name in ("store_a/settings.bin", "store_b/settings.bin"):
        record = stored.decode_store(board.drive["store_a/settings.bin"])
        data = stored.encode_store(record.sequence, record.values, record.prompts, KEY)
        board.drive[name] = data.ljust(stored.STORE_BYTES, b"\xff")
    return board


def test_rescue_keeps_the_key_on_the_device_and_nowhere_else(bench):  # noqa: F811
    board = with_a_key(bench.put())
    result = bench.rescue("--output", "saved.zip")
    assert result.code == 0, result.err
    for name in ("store_a/settings.bin", "store_b/settings.bin"):
        assert stored.decode_store(board.drive[name]).key == KEY
    with zipfile.ZipFile(bench.folder / "saved.zip") as file:
        said = result.out + result.err + "".join(file.read(name).decode("latin-1") for name in file.namelist())
        raw = file.read("raw/store_a_settings.bin")
    assert KEY[:16] not in said
    assert b'"call.warn_s",30' in raw


def test_rescue_takes_the_key_away_when_it_is_told_to(bench):  # noqa: F811
    board = with_a_key(bench.put())
    before = stored.decode_store(board.drive["store_a/settings.bin"])
    result = bench.rescue("--output", "saved.zip", "--without-key")
    assert result.code == 0, result.err
    assert "Its key is taken away." in result.err
    for name in ("store_a/settings.bin", "store_b/settings.bin"):
        after = stored.decode_store(board.drive[name])
        assert (after.key, after.values, after.prompts) == ("", before.values, before.prompts)
        assert KEY.encode() not in board.drive[name]
        assert ("/" + name, "r+b") in board.writes or (name, "r+b") in board.writes


def test_rescue_of_one_without_a_key_writes_nothing_for_it(bench):  # noqa: F811
    board = bench.put()
    result = bench.rescue("--output", "saved.zip", "--without-key")
    assert result.code == 0, result.err
    assert "It had no key." in result.err
    assert board.writes == []
    assert bench.rescue("--check", "--without-key").code == 2


def test_the_serial_number_of_a_demo_device_is_a_good_name_for_a_key(home):
    keys.keep(SERIAL.lower(), ["0f" * 32])
    assert keys.of(SERIAL) == ["0f" * 32]
