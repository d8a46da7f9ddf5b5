"""Everything that a device keeps, in one file, and back again."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from endcall.contents import stock_prompts
from endcall_core import settings, wire
from endcall_device.upload import UploadError

from . import listings
from .desk_link import tone
from .test_cli import end_a_call


@pytest.fixture
def full(computer):
    """A device with settings, a prompt and an incident of its own."""
    desk = computer.plug(values=settings.defaults() | {"device.name": "Front desk", "call.warn_s": 77})
    end_a_call(desk)
    return desk


def put(computer, tmp_path, name, **options):
    path = tmp_path / name
    path.write_bytes(tone(**options))
    assert computer.run("prompt", "put", path).code == 0
    return path.read_bytes()


def replug(computer, **options):
    """Another device in the place of the first."""
    computer.records[:] = list(listings.LINUX_OTHERS)
    computer.behind.clear()
    return computer.plug(desk=computer.desk(**options))


def test_a_backup_brings_everything_back_on_another_device(computer, full, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    computer.run("prompt", "remove", "warning.wav")
    data = put(computer, tmp_path, "ours.wav")
    assert computer.run("set", "prompt.closing", "ours.wav").code == 0
    result = computer.run("backup")
    assert result.code == 0
    assert "endcall-DE5C0001.zip" in result.out
    assert "1 incident" in result.out
    with zipfile.ZipFile(tmp_path / "endcall-DE5C0001.zip") as file:
        assert file.read("prompts/ours.wav") == data
        assert json.loads(file.read("incidents.json"))[0]["outcome"] == "enforced"

    computer._folder = tmp_path / "second"
    other = replug(computer)
    computer.run("prompt", "remove", "warning.wav")
    result = computer.run("restore", "endcall-DE5C0001.zip")
    assert result.code == 0, result.err
    assert other.app.call.rules["prompt.closing"] == "ours.wav"
    assert other.app.call.rules["call.warn_s"] == 77
    assert other.app.call.rules["device.name"] == "Front desk"
    again = computer.run("restore", "endcall-DE5C0001.zip", "--json")
    assert again.json["changed"] == {}
    assert again.json["sent"] == []


def test_the_name_can_stay(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    computer.run("set", "device.name", "Back office", "call.warn_s", "30")
    assert computer.run("restore", path, "--keep-name").code == 0
    assert full.app.call.rules["device.name"] == "Back office"
    assert full.app.call.rules["call.warn_s"] == 77


def test_what_could_not_be_restored_is_told_and_the_rest_is_done(computer, full, tmp_path):
    path, other = tmp_path / "b.zip", tmp_path / "other.zip"
    computer.run("backup", path)
    spoil(
        path,
        other,
        {
            "settings.toml": b'[call]\nwarn_s = 66\nwhistle = 3\nmin_warn_s = 99\n[prompt]\nwarning = "gone.wav"\n',
        },
    )
    result = computer.run("restore", other)
    assert result.code == 9
    assert full.app.call.rules["call.warn_s"] == 66
    for said in ("call.whistle = 3: ", "call.min_warn_s = 99: ", "prompt.warning = 'gone.wav': the device has no such"):
        assert said in result.err, said


def test_prompts_of_the_device_make_room_and_are_kept(computer, full, tmp_path):
    """Both prompts of the backup are others than those of the new device, whose settings name its own."""
    mine = {name: put(computer, tmp_path, name, seed=number) for number, name in enumerate(["a.wav"])}
    computer.run("set", "prompt.closing", "a.wav")
    computer.run("prompt", "remove", "closing.wav")
    computer.run("prompt", "remove", "warning.wav")
    mine["b.wav"] = put(computer, tmp_path, "b.wav", seed=7)
    computer.run("set", "prompt.warning", "b.wav")
    path = tmp_path / "b.zip"
    assert computer.run("backup", path).code == 0

    computer._folder = tmp_path / "second"
    other = replug(computer)
    theirs = put(computer, tmp_path, "theirs.wav", seed=9)
    computer.run("set", "prompt.warning", "theirs.wav")
    assert len(other.app.prompts.table) == 3
    result = computer.run("restore", path)
    assert result.code == 0, result.err
    assert {name: entry[2] for name, entry in other.app.prompts.table.items()}.items() >= {
        name: wire.crc(data) for name, data in mine.items()
    }.items()
    assert (other.app.call.rules["prompt.closing"], other.app.call.rules["prompt.warning"]) == ("a.wav", "b.wav")
    removed = [line for line in result.err.splitlines() if line.startswith("Removed to make room: ")]
    assert removed
    for line in removed:
        kept = Path(line.partition("; endcall prompt put ")[2].partition(" --as ")[0])
        name = line.rpartition(" ")[2]
        assert kept.read_bytes() == (theirs if name == "theirs.wav" else stock_prompts()[name])
    before = next(line for line in result.err.splitlines() if line.startswith("The settings as they were: "))
    assert 'warning = "theirs.wav"' in Path(before.split()[-1]).read_text()


def test_prompts_of_the_device_stay_where_there_is_room(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    put(computer, tmp_path, "theirs.wav")
    result = computer.run("restore", path)
    assert result.code == 0
    assert sorted(full.app.prompts.table) == ["closing.wav", "theirs.wav", "warning.wav"]
    assert "Removed" not in result.err


def test_nothing_is_removed_that_can_not_be_kept_first(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    computer.run("prompt", "remove", "warning.wav")
    put(computer, tmp_path, "x.wav")
    put(computer, tmp_path, "y.wav")
    before = dict(full.app.prompts.table)
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    (tmp_path / "data").write_text("a file where a folder should be")
    result = computer.run("restore", path)
    assert result.code == 2
    assert "--no-backup" in result.err
    assert full.app.prompts.table == before
    result = computer.run("restore", path, "--no-backup")
    assert result.code == 0
    assert "Removed to make room: prompt x.wav." in result.err
    assert sorted(full.app.prompts.table) == ["closing.wav", "warning.wav", "y.wav"]


def test_a_prompt_that_the_device_can_not_store_is_told_and_the_rest_is_done(computer, full, tmp_path, monkeypatch):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    computer.run("prompt", "remove", "warning.wav")
    computer.run("set", "call.warn_s", "30")

    def refuse(name, size, checksum):
        raise UploadError("storage", "this drive has no prompt slots")

    monkeypatch.setattr(full.app.prompts, "begin", refuse)
    result = computer.run("restore", path)
    assert result.code == 9
    assert "prompt warning.wav: This drive has no prompt slots" in result.err
    assert full.app.call.rules["call.warn_s"] == 77


def test_a_restore_says_that_incident_records_stay_in_the_file(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    result = computer.run("restore", path)
    assert f"1 incident record stays in {path}" in result.err
    assert "Incident records stay in the file" in computer.run("restore", "--help").out


def test_a_damaged_prompt_is_left_out_and_named(computer, full, tmp_path):
    full.app.prompts.note_damage("warning.wav", True)
    path = tmp_path / "b.zip"
    result = computer.run("backup", path)
    assert result.code == 0
    assert "Left out: prompt warning.wav" in result.err
    result = computer.run("restore", path)
    assert result.code == 9
    assert "prompt warning.wav: it was not in the backup" in result.err


def spoil(source, target, files):
    """A backup with other files in it, its sums as they should be."""
    import hashlib

    with zipfile.ZipFile(source) as file:
        found = {name: file.read(name) for name in file.namelist()} | files
    about = json.loads(found.pop("backup.json"))
    about["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("backup.json", json.dumps(about))
        for name, data in found.items():
            file.writestr(name, data)


def test_a_file_that_is_no_whole_backup_is_refused(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    data = path.read_bytes()
    before = full.app.call.rules
    cases = {
        "cut.zip": data[: len(data) // 2],
        "text.zip": b"no zip at all",
        "flipped.zip": data[:2000] + bytes([data[2000] ^ 1]) + data[2001:],
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        result = computer.run("restore", tmp_path / name)
        assert result.code == 7, name
        assert "is not restored" in result.err
    assert computer.run("restore", tmp_path / "missing.zip").code == 2
    spoil(path, tmp_path / "old.zip", {})
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as file:
        file.writestr("backup.json", '{"schema": "other/1", "sha256": {}}')
    assert "no backup that this version" in computer.run("restore", tmp_path / "foreign.zip").err
    assert full.app.call.rules == before


def test_a_backup_does_not_overwrite_another(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    assert computer.run("backup", path).code == 0
    assert computer.run("backup", path).code == 2
    assert computer.run("backup", path, "--force").code == 0


def test_a_restore_waits_for_a_call(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    computer.run("set", "call.warn_s", "31")
    full.press()
    result = computer.run("restore", path)
    assert result.code == 0
    assert "A call is in progress" in result.err
    assert full.app.call.rules["call.warn_s"] == 77
