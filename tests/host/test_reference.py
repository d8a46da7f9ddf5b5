"""The reference pages are those of this code, and the files for editors and for copying are right."""

import tomllib

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcall import reference, settings_file
from endcall.errors import EXIT_CODES
from endcall_core import error_codes, messages, presets, settings
from endcall_core.settings import KEY, KIND, SETTINGS, TEXT

from .test_settings_file import BY_KEY, bad, good

SCHEMA = reference.schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_pages_are_fresh(capsys):
    assert reference.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_page_is_named_and_written_anew(tmp_path, capsys):
    (tmp_path / "tests/host").mkdir(parents=True)
    (tmp_path / "tests/host/golden_conversation.txt").write_text("# head\n\n# x\n> {} 00000000\n")
    assert reference.main(["--check"], tmp_path) == 1
    assert reference.main([], tmp_path) == 0
    assert reference.main(["--check"], tmp_path) == 0
    (tmp_path / "docs/settings.md").write_text("by hand")
    capsys.readouterr()
    assert reference.main(["--check"], tmp_path) == 1
    assert "docs/settings.md" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("settings.md", [row[KEY] for row in SETTINGS] + [row[presets.NAME] for row in presets.PRESETS]),
        ("protocol.md", [row[0] for row in messages.REQUESTS] + [code for code, _ in error_codes.ERRORS]),
        ("exit-codes.md", [f"| {number} | {name} |" for number, name, _ in EXIT_CODES]),
    ],
)
def test_a_page_has_every_entry(page, words):
    (text,) = [text for path, text in reference.pages().items() if path.name == page]
    assert [word for word in words if word not in text] == []


def test_the_example_changes_nothing():
    flat = dict(settings_file._flat(tomllib.loads(reference.example()), ""))
    assert flat == settings.defaults()
    jsonschema.validate(tomllib.loads(reference.example()), SCHEMA)


@given(st.data())
def test_the_schema_takes_what_the_device_takes(data):
    row = data.draw(st.sampled_from(SETTINGS))
    table, _, name = row[KEY].rpartition(".")
    VALIDATOR.validate({table: {name: data.draw(good(row))}})


@given(st.data())
def test_the_schema_refuses_what_the_device_refuses(data):
    row = data.draw(st.sampled_from([row for row in SETTINGS if row[KIND] != TEXT]))  # it knows no control characters
    table, _, name = row[KEY].rpartition(".")
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({table: {name: data.draw(bad(row))}})


@pytest.mark.parametrize("wrong", [{"call": {"warns": 1}}, {"calls": {}}, {"call": 5}, {"warn_s": 30}])
def test_the_schema_refuses_unknown_keys(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert {
        f"{table}.{key}" for table in SCHEMA["properties"] for key in SCHEMA["properties"][table]["properties"]
    } == set(BY_KEY)
