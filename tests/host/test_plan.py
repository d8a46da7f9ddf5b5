"""What a file would change, told before it is done; and what was there before, kept."""

import json
import tomllib

import jsonschema
import pytest

from endcall_core import settings

OFFICE = '[call]\nwarn_s = 45\n[release]\npreset = "uk"\n'


@pytest.fixture
def office(tmp_path):
    path = tmp_path / "office.toml"
    path.write_text(OFFICE)
    return path


def test_a_plan_tells_old_new_unit_and_what_a_preset_fills(computer, office):
    desk = computer.plug()
    sequence = desk.app.store.sequence
    result = computer.run("plan", office)
    assert result.code == 0
    assert "4 settings would change" in result.out
    lines = [line.split() for line in result.out.splitlines()]
    assert ["call.warn_s", "30", "45", "s"] in lines
    assert ["release.flash_ms", "600", "100", "ms,", "filled", "by", "release.preset", "uk"] in lines
    assert desk.app.call.rules == settings.defaults()
    assert desk.app.store.sequence == sequence


def test_drift_has_an_exit_code_where_it_is_asked_for(computer, office):
    computer.plug()
    assert computer.run("plan", "--exit-code", office).code == 8
    assert computer.run("apply", office).code == 0
    again = computer.run("plan", "--exit-code", office)
    assert again.code == 0
    assert "already as in" in again.out


def test_a_plan_does_not_wait_for_a_call(computer, office):
    desk = computer.plug()
    desk.press()
    assert computer.run("plan", office).code == 0
    assert desk.state == "WARN"


def test_apply_keeps_what_was_there_and_says_how_to_go_back(computer, office):
    desk = computer.plug(values=settings.defaults() | {"call.warn_s": 77})
    result = computer.run("apply", office)
    (line,) = [line for line in result.err.splitlines() if line.startswith("As it was: ")]
    before = line.split()[-1]
    assert computer.run("apply", before).code == 0
    assert desk.app.call.rules == settings.defaults() | {"call.warn_s": 77}


def test_nothing_is_kept_where_nothing_changes_or_nobody_wants_it(computer, office, tmp_path):
    computer.plug()
    assert computer.run("apply", "--no-backup", office).code == 0
    assert computer.run("apply", office, "--json").json["devices"][0]["before"] is None
    assert not list((tmp_path / "data").rglob("*.toml"))


def test_without_room_for_the_backup_nothing_is_changed(computer, office, tmp_path):
    desk = computer.plug()
    (tmp_path / "data").write_text("a file where a folder should be")
    result = computer.run("apply", office)
    assert result.code == 2
    assert "--no-backup" in result.err
    assert desk.app.call.rules == settings.defaults()


def test_validate_needs_no_device(computer, office):
    result = computer.run("validate", office)
    assert result.code == 0
    assert "2 settings, nothing wrong" in result.out
    office.write_text("[call]\n  warn_s = 2\nwatch = 3\n")
    result = computer.run("validate", office)
    assert result.code == 7
    assert "line 2, column 3: call.warn_s = 2" in result.err
    assert "line 3, column 1: call.watch" in result.err
    assert "did you mean call.watch_s?" in result.err


def test_plan_looks_at_the_file_before_any_device(computer, office):
    computer.plug()
    office.write_text("call.warn_s = 2\n")
    assert computer.run("plan", office).code == 7
    assert computer.opened == []


def test_an_export_can_be_applied_to_another_device(computer, tmp_path):
    computer.plug(values=settings.defaults() | {"call.warn_s": 77, "device.name": "Front desk"})
    path = tmp_path / "all.toml"
    assert computer.run("export", path).code == 0
    text = path.read_text()
    assert "# 5..600 s" in text
    assert "Front desk" not in text
    values = tomllib.loads(text)
    assert values["call"]["warn_s"] == 77
    assert computer.run("plan", "--exit-code", path).code == 0
    result = computer.run("export", path)
    assert result.code == 2
    assert "--force" in result.err
    assert path.read_text() == text
    assert computer.run("export", path, "--force").code == 0


def test_the_schema_takes_what_export_writes(computer, tmp_path):
    schema = json.loads(computer.run("schema").out)
    computer.plug()
    path = tmp_path / "all.toml"
    computer.run("export", path)
    jsonschema.validate(tomllib.loads(path.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"call": {"warn_s": 2}}, schema)
