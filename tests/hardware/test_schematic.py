"""The committed schematic, read back by our own reader, is the circuit. Needs no KiCad."""

import pytest

from hardware.electronics import schematic


@pytest.fixture(scope="module")
def text():
    return schematic.FILE.read_text(encoding="utf8")


def test_the_drawing_is_the_circuit(text):
    assert schematic.compare(text) == []


def test_the_file_is_for_kicad_6_or_later(text):
    assert "(version 20211123)" in text[:200]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"330R"', '"3300R"', "R1: drawn as"),
        ('(label "LOOP"', '(label "LOOPS"', "net LOOP"),
        ("(wire", "(wird", "net"),
    ],
)
def test_a_changed_drawing_is_noticed(text, old, new, expected):
    assert old in text
    assert any(expected in line for line in schematic.compare(text.replace(old, new)))
