"""Settings as TOML: lines, nearest keys, rules between settings, and that nothing is lost on the way."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from endcall import settings_file
from endcall_core import presets, settings
from endcall_core.settings import BOOL, CHOICE, FILE, HIGH, INT, KEY, KIND, LOW, SETTINGS

BY_KEY = {row[KEY]: row for row in SETTINGS}


def good(row):
    """Values that a setting takes."""
    if row[KIND] == BOOL:
        return st.booleans()
    if row[KIND] == INT:
        return st.integers(row[LOW], row[HIGH])
    if row[KIND] == CHOICE:
        return st.sampled_from(row[LOW])
    if row[KIND] == FILE:
        return st.from_regex(r"[a-z][a-z0-9_ -]{0,20}\.wav", fullmatch=True)
    return st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=8)


def bad(row):
    """Values that it does not take."""
    wrong_kind = st.sampled_from([None, 1.5, [], {"x": 1}, b"x"])
    if row[KIND] == BOOL:
        return wrong_kind | st.sampled_from([0, 1, "true"])
    if row[KIND] == INT:
        return wrong_kind | st.sampled_from([True, str(row[LOW]), row[HIGH] + 1])
    if row[KIND] == CHOICE:
        return wrong_kind | st.sampled_from([7, "no such choice", ""])
    return wrong_kind | st.sampled_from([7, "x" * 40, "a\nb"])


@given(st.fixed_dictionaries({}, optional={row[KEY]: good(row) for row in SETTINGS}))
def test_what_is_written_is_read_back(values):
    flat = dict(settings_file._flat(tomllib.loads(settings_file.to_toml(values)), ""))
    assert flat == values
    assert dict(settings_file._flat(tomllib.loads(settings_file.to_toml(values, comments=True)), "")) == values


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(BY_KEY)),
            st.sampled_from(["{key} = {value}", '"{key}"={value}', " {key}\t= {value} # x = 1", "{key} = {value}"]),
            st.sampled_from(["", "# comment\n", "\n\n", "# [table]\n# x = 1\n"]),
        ),
        unique_by=lambda entry: entry[0],
    ),
    st.booleans(),
)
def test_every_key_has_its_line(entries, in_tables):
    """In tables, with dots, quoted, between comments: each key is found where it was written."""
    text, expected = "", {}
    for key, form, before in sorted(entries):
        table, _, last = key.rpartition(".")
        text += before
        value = settings_file.toml_value(settings.defaults()[key])
        if in_tables:
            if f"[{table}]" not in text:
                text += f"[{table}]\n"
            text += form.format(key=last, value=value)
        else:
            text += form.format(key=key if '"' not in form else table + '"."' + last, value=value)
        expected[key] = text.count("\n") + 1
        text += "\n"
    tomllib.loads(text)
    places = settings_file.key_places(text)
    assert {key: places[key].line for key in expected} == expected
    for key, place in places.items():
        last = key.rpartition(".")[2]
        assert last in text.split("\n")[place.line - 1][place.column - 1 :]


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ('[device]\nname = """\nwarn_s = 1\n"""\n[call]\nwarn_s = 30\n', "call.warn_s", (6, 1)),
        ("\n\ncall = { warn_s = 30 }\n", "call.warn_s", (3, 1)),
        ("[ call ] # x\n  warn_s = 30", "call.warn_s", (2, 3)),
        ("'call'.\"warn_s\" = 30", "call.warn_s", (1, 1)),
        ("[telephone.line]\nx = 1", "telephone.line.x", (2, 1)),
        ("[[call]]\nwarn_s = 1", "call", (1, 3)),
    ],
)
def test_places_of_unusual_files(text, key, place):
    tomllib.loads(text)
    assert settings_file.place_of(key, settings_file.key_places(text)) == place


@given(st.data())
@how(max_examples=200)
def test_every_bad_value_is_told_and_no_good_one(data):
    keys = data.draw(st.lists(st.sampled_from(list(BY_KEY)), unique=True))
    spoiled = set(data.draw(st.lists(st.sampled_from(keys), unique=True))) if keys else set()
    changes = {key: data.draw((bad if key in spoiled else good)(BY_KEY[key])) for key in keys}
    found = settings_file.problems_alone(changes, {})
    alone = {problem.key for problem in found if settings.check(problem.key, problem.value)}
    assert alone == spoiled


@given(st.data())
@how(max_examples=300)
def test_a_contradiction_is_told_only_where_no_device_could_heal_it(data):
    """`problems_alone` knows nothing of the device: what it calls broken must be broken with all other settings."""
    keys = ["call.min_warn_s", "call.warn_s", "call.threat_hold_ms", "button.hold_ms"]
    keys += ["release.preset", "release.mode", "release.flash_ms", "release.hold_s"]
    given_keys = data.draw(st.lists(st.sampled_from(keys), unique=True, min_size=1))
    changes = {key: data.draw(good(BY_KEY[key])) for key in given_keys}
    told = settings_file.problems_alone(changes, {})
    device = settings.repair({key: data.draw(good(BY_KEY[key])) for key in keys})[0]
    _, found = settings.check_changes(device, changes)
    assert {problem.key for problem in told} <= {problem[0] for problem in found}
    # and what is broken by the given settings alone is told
    if len(settings.fill(changes)) >= len(keys):
        assert {problem.key for problem in told} == {problem[0] for problem in found}


def test_a_contradiction_with_a_bad_value_is_not_told_twice():
    found = settings_file.problems_alone({"call.warn_s": 9999, "call.min_warn_s": 50}, {})
    assert [problem.key for problem in found] == ["call.warn_s"]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("warn_s", "call.warn_s"),
        ("call.wran_s", "call.warn_s"),
        ("call.warnings", "call.warnings_required"),
        ("release.hold_ms", "release.hold_s"),
        ("Ring.Brightness", "ring.brightness_pct"),
        ("access", "usb.access"),
        ("volume", None),
        ("x", None),
    ],
)
def test_the_nearest_key(key, nearest):
    assert settings_file.nearest(key) == nearest


@given(st.text())
def test_any_text_has_a_nearest_key_or_none(text):
    assert settings_file.nearest(text) in {None, *BY_KEY}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("call.warn_s", "30", 30),
        ("call.warn_s", "30s", "30s"),
        ("call.warn_s", "0x10", "0x10"),
        ("prompt.gain_db", "-6", -6),
        ("ring.reduced_motion", "TRUE", True),
        ("ring.reduced_motion", "1", "1"),
        ("device.name", "42", "42"),
        ("device.name", "true", "true"),
        ("no.such", "1", "1"),
    ],
)
def test_values_of_the_command_line(key, text, value):
    parsed = settings_file.parse_value(key, text)
    assert (parsed, type(parsed)) == (value, type(value))


def test_a_file_with_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_bytes("\ufeff# x\r\n[call]\r\nwarn_s = 30\r\n".encode())
    assert settings_file.read(path) == ({"call.warn_s": 30}, {"call": (2, 2), "call.warn_s": (3, 1)})


def test_an_empty_table_is_nothing_and_an_unknown_one_is_told(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text("[call]\n[telephone]\n[call.warn_s]\n")
    changes, lines = settings_file.read(path)
    found = settings_file.problems_alone(changes, lines)
    assert [(problem.place, problem.key) for problem in found] == [((2, 2), "telephone"), ((3, 2), "call.warn_s")]


def test_help_has_every_preset():
    for row in presets.PRESETS:
        assert row[presets.NAME] in settings_file.settings_help()
