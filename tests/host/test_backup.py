"""Everything that a device keeps, in one file, and back again."""

import json
import zipfile

import pytest

from endcall_core import settings

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


def test_a_prompt_that_does_not_fit_is_told(computer, full, tmp_path):
    path = tmp_path / "b.zip"
    computer.run("backup", path)
    computer.run("prompt", "remove", "warning.wav")
    put(computer, tmp_path, "x.wav")
    put(computer, tmp_path, "y.wav")
    result = computer.run("restore", path)
    assert result.code == 9
    assert "prompt warning.wav: Every prompt slot is in use" in result.err


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
