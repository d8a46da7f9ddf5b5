"""The fleet file: who gets what, everything that is wrong at once and where, and a serial number written into it."""

import os
import re

import pytest

from endcall import fleet_file
from endcall.errors import InvalidError, UsageError
from endcall_core.version import FIRMWARE

from .desk_link import tone
from .fleet_desks import HEAD, device


@pytest.fixture
def read(tmp_path):
    for number, name in enumerate(("closing-en.wav", "closing-de.wav", "warning.wav")):
        (tmp_path / name).write_bytes(tone(seed=number))

    def read(text):
        (tmp_path / "fleet.toml").write_text(text)
        return fleet_file.read(tmp_path / "fleet.toml").entries

    return read


def refused(read, text):
    """The lines about the problems in `text`."""
    with pytest.raises(InvalidError) as caught:
        read(text)
    head, *lines = caught.value.happened.splitlines()
    assert re.match(rf"{len(lines)} problems? in .*fleet\.toml:", head)
    return [line.strip() for line in lines]


# --- layers -------------------------------------------------------------------------------------------------------


def test_a_device_goes_before_its_group_and_the_group_before_the_defaults(read):
    text = """
    [defaults.call]
    warn_s = 40
    watch_s = 100
    min_warn_s = 9
    [group.berlin.call]
    watch_s = 200
    min_warn_s = 10
    [[device]]
    name = "A"
    group = "berlin"
    call.min_warn_s = 11
    [[device]]
    name = "B"
    """
    first, second = read(text)
    assert first.changes == {"call.warn_s": 40, "call.watch_s": 200, "call.min_warn_s": 11, "device.name": "A"}
    assert second.changes == {"call.warn_s": 40, "call.watch_s": 100, "call.min_warn_s": 9, "device.name": "B"}
    assert (first.group, second.group, first.serial) == ("berlin", None, None)


def test_what_a_preset_fills_goes_before_what_a_wider_level_says(read):
    text = """
    [defaults]
    release.flash_ms = 500
    release.hold_s = 30
    [group.berlin.release]
    preset = "de_pbx"
    hold_s = 20
    [[device]]
    name = "A"
    group = "berlin"
    [[device]]
    name = "B"
    group = "berlin"
    release.mode = "flash"
    """
    first, second = read(text)
    assert {key: value for key, value in first.changes.items() if key.startswith("release.")} == {
        "release.preset": "de_pbx",
        "release.mode": "hangup",
        "release.flash_ms": 80,
        "release.hold_s": 20,
    }
    assert second.changes["release.mode"] == "flash"


def test_prompts_are_per_level_and_beside_the_file(read, tmp_path):
    text = """
    [defaults]
    prompts = { "closing.wav" = "closing-en.wav", "warning.wav" = "warning.wav" }
    [group.berlin.prompts]
    "closing.wav" = "closing-de.wav"
    [[device]]
    name = "A"
    group = "berlin"
    [[device]]
    name = "B"
    """
    first, second = read(text)
    assert {name: prompt.path for name, prompt in first.prompts.items()} == {
        "closing.wav": tmp_path / "closing-de.wav",
        "warning.wav": tmp_path / "warning.wav",
    }
    assert second.prompts["closing.wav"].data == (tmp_path / "closing-en.wav").read_bytes()


def test_firmware_per_level(read):
    text = '[defaults]\nfirmware = "current"\n[[device]]\nname = "A"\n[[device]]\nname = "B"\nfirmware = "any"\n'
    assert [entry.firmware for entry in read(text)] == ["current", "any"]
    assert [entry.firmware for entry in read('[[device]]\nname = "A"\n')] == ["any"]


def test_what_is_wanted_changes_with_settings_and_prompts_and_nothing_else(read, tmp_path):
    text = HEAD + device(1) + device(2)
    before = [entry.wanted for entry in read(text)]
    assert before[0] != before[1]
    assert [entry.wanted for entry in read("# a remark\n" + text)] == before
    assert read(text.replace("min_warn_s = 8", "min_warn_s = 9"))[0].wanted != before[0]
    (tmp_path / "closing-de.wav").write_bytes(tone(seed=9))
    after = [entry.wanted for entry in read(text)]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_choosing(read, tmp_path):
    read(HEAD + "".join(map(device, range(1, 5))))
    fleet = fleet_file.read(tmp_path / "fleet.toml")
    assert [entry.name for entry in fleet.select(group="berlin")] == ["Desk 2", "Desk 4"]
    assert [entry.name for entry in fleet.select(serial="e661486400000003")] == ["Desk 3"]
    assert [entry.name for entry in fleet.select(name="Desk 1")] == ["Desk 1"]
    with pytest.raises(UsageError) as caught:
        fleet.select(group="berlin", name="Desk 1")
    for words in ("--group berlin --name Desk 1", "berlin", "Desk 3"):
        assert words in str(caught.value)


# --- problems -----------------------------------------------------------------------------------------------------

BAD = """\
[defaults]
firmware = "newest"
prompts = { "closing.wav" = "nowhere.wav" }
call.min_warn_s = 20

[group.berlin]
release.preset = "eu_generic"
[group.berlin.call]
wran_s = 3
[groups.paris]

[[device]]
name = "A"
serial = "E661486400000001"
group = "berln"
call.warn_s = 15
[[device]]
name = "A"
serial = "e661486400000001"
[device.call]
watch_s = true
[[device]]
group = "berlin"
release.mode = "flash"
release.flash_ms = 130
name = "C"
[[device]]
call.warn_s = 15
[[device]]
name = "E"
serial = "no number"
device.name = "F"
colour = "red"
prompts = { "closing.wav" = 3 }
[[device]]
name = 5
group = []
"""

#: line, what it is about, what must be said
EXPECTED = (
    (2, 'firmware = "newest"', f'must be "current" (now: {FIRMWARE}) or "any"'),
    (3, "prompts.closing.wav", "nowhere.wav can't be read: No such file"),
    (
        4,
        "call.min_warn_s = 20",
        "must be less than call.warn_s (15 s), or no press in WARN is ever accepted (A, device 4)",
    ),
    (9, "call.wran_s", "did you mean call.warn_s?"),
    (10, "groups", "did you mean group?"),
    (15, 'group = "berln"', "did you mean berlin?"),
    (18, 'name = "A"', "is that of device 1"),
    (19, "serial", "is that of device 1"),
    (21, "call.watch_s = true", "0..3600 s"),
    (25, "release.flash_ms = 130", "dead zone of preset eu_generic"),
    (27, "", "this device needs a name or a serial number"),
    (31, "serial", "is not a serial number"),
    (32, "device.name", "write name = … below its [[device]]"),
    (33, "colour", "is not a setting"),
    (34, "prompts.closing.wav = 3", "must be the name of a file, in quotes"),
    (36, "name = 5", "must be a text, in quotes"),
    (37, "group", "must be a text, in quotes"),
)


def test_everything_that_is_wrong_is_told_at_once_with_its_line(read):
    lines = refused(read, BAD)
    for number, key, said in EXPECTED:
        fitting = [line for line in lines if line.startswith(f"line {number},") and key in line and said in line]
        assert fitting, (number, key, said)
    (line,) = [line for line in lines if "call.watch_s" in line]
    assert line == (
        "line 21, column 1: call.watch_s = true is not a whole number; call.watch_s takes 0..3600 s"
    )  # once, and of no device: it is wrong for whoever gets it
    # device 6 has no good name either, which follows from line 36
    assert len(lines) == len(EXPECTED) + 1


def test_what_fifty_devices_share_is_told_once(read):
    text = "[defaults]\ncall.min_warn_s = 20\ncall.warn_s = 10\n" + "".join(device(n) for n in range(1, 101, 2))
    (line,) = refused(read, text)
    assert line.startswith("line 2")
    assert line.endswith("(Desk 1, Desk 3, Desk 5, Desk 7, Desk 9, Desk 11 and 44 more)")


def test_a_rule_that_only_one_device_breaks_names_it(read):
    text = "[defaults]\ncall.min_warn_s = 20\n" + device(1) + device(3, "call.warn_s = 20")
    (line,) = refused(read, text)
    assert line.endswith("(Desk 3)")


def test_more_prompts_than_fit(read):
    text = """
    [defaults]
    prompts = { "closing.wav" = "closing-en.wav", "warning.wav" = "warning.wav" }
    [[device]]
    name = "A"
    prompts = { "third.wav" = "closing-de.wav" }
    """
    (line,) = refused(read, text)
    assert line == "line 4, column 7: 3 prompts are too many: 2 and a spare slot fit (A)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "device is missing; add [[device]]"),
        ("[device]\nname = 'A'\n", "line 1, column 2: device must be written [[device]]"),
        ("[[device]]\nname = 'A'\nname = 'B'\n", "line 3"),
        ("defaults = 3\n[[device]]\nname = 'A'\n", "line 1, column 1: must be a table"),
        ("[group]\nberlin = 3\n[[device]]\nname = 'A'\n", "line 2"),
        ("[defaults]\nprompts = 'x.wav'\n[[device]]\nname = 'A'\n", "line 2, column 1: prompts"),
        ("[[device]]\nname = '" + "x" * 33 + "'\n", "line 2, column 1: name"),
    ],
)
def test_a_file_of_another_shape(read, text, said):
    lines = refused(read, text)
    assert any(said in line for line in lines), lines


def test_a_prompt_that_can_not_be_played(read, tmp_path):
    (tmp_path / "stereo.wav").write_bytes(tone(channels=2))
    text = '[[device]]\nname = "A"\n[device.prompts]\n"closing.wav" = "stereo.wav"\n'
    (line,) = refused(read, text)
    assert line.startswith("line 4")
    assert "export it as mono" in line


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="can't be read"):
        fleet_file.read(tmp_path / "fleet.toml")


# --- adopting -----------------------------------------------------------------------------------------------------

REMARKS = """\
# The office in Berlin, ordered by floor.
[defaults]
call.min_warn_s = 8   # agreed with the works council

[[device]]
name = "Front desk"   # by the door
serial = "E661486400000001"

[[device]]
# second floor
name = "Room 2"
call.watch_s = 240

[[device]]
name = "Room 3"
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_serial_number_is_written_in_and_nothing_else_changes(tmp_path, newline):
    path = tmp_path / "fleet.toml"
    path.write_text(REMARKS, newline=newline)
    entry = fleet_file.read(path).entries[1]
    adopted = fleet_file.adopt(path, entry, "E66148640000000B")
    assert adopted.serial == "E66148640000000B"
    assert fleet_file.read(path).entries[1] == adopted
    before, after = REMARKS.splitlines(), path.read_text().splitlines()
    assert [line for line in after if line not in before] == ['serial = "E66148640000000B"']
    assert [line for line in after if "E66148640000000B" not in line] == before
    assert path.read_bytes().count(b"\r") == (len(after) if newline == "\r\n" else 0)
    assert os.listdir(tmp_path) == ["fleet.toml"]


@pytest.mark.parametrize(
    "body",
    [
        'name = "A"\n[device.call]\nwatch_s = 240',
        'name = "A"\n[device.prompts]\n"closing.wav" = "closing.wav"',
        'call.watch_s = 240\nname = "A"\nprompts = { "closing.wav" = "closing.wav" }',
        'name = "A" # the last one',
        'call = { watch_s = 240 }\nname = "A"\nserial = ""',
    ],
)
def test_a_serial_number_comes_into_its_own_table(tmp_path, body):
    (tmp_path / "closing.wav").write_bytes(tone())
    path = tmp_path / "fleet.toml"
    path.write_text(f"[[device]]\n{body}\n[[device]]\nname = 'B'\n")
    before = fleet_file.read(path).entries
    fleet_file.adopt(path, before[0], "E66148640000000B")
    assert [entry.serial for entry in fleet_file.read(path).entries] == ["E66148640000000B", None]
    assert [entry.wanted for entry in fleet_file.read(path).entries] == [entry.wanted for entry in before]


@pytest.mark.parametrize(
    "changed",
    [
        REMARKS.replace("Room 2", "Room 9"),
        REMARKS.replace('name = "Room 2"', 'name = "Room 2"\nserial = "E661486400000009"'),
        REMARKS[: REMARKS.index("[[device]]")],
        REMARKS + "[",
    ],
)
def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path, changed):
    path = tmp_path / "fleet.toml"
    path.write_text(REMARKS)
    entry = fleet_file.read(path).entries[1]
    path.write_text(changed)
    with pytest.raises(UsageError, match="was changed meanwhile") as caught:
        fleet_file.adopt(path, entry, "E66148640000000B")
    assert "belongs to Room 2" in str(caught.value)
    assert path.read_text() == changed
