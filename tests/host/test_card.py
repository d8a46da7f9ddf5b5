"""The desk card: its rings are what the firmware shows, its words fit, and the committed pages are those it makes."""

import re
from pathlib import Path

import pytest

from endcall import card, sentences
from endcall_core import ring, settings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "card"
LANGUAGES = sorted(card.words())
ROWS = ("ready", "warn", "watch", "enforce", "release", "recover", "fault")


def shown(**changes):
    rules, problems = settings.check_changes(settings.defaults(), changes)
    assert not problems
    return {moment.name: card.pixels(moment) for moment in card.moments(rules)}


def lit(pixels):
    return [index for index, colour in enumerate(pixels) if any(colour)]


def test_the_rings_are_what_the_firmware_shows():
    rings = shown()
    assert tuple(rings) == ROWS
    assert rings["ready"][0] == ring.DIM_WHITE
    assert lit(rings["ready"]) == [0]
    assert lit(rings["warn"])[:12] == list(range(12))
    assert 12 < len(lit(rings["warn"])) < 24, "the other half is being filled"
    assert 0 < len(lit(rings["watch"])) < 6
    assert rings["enforce"].count(ring.RED) == 23
    assert rings["enforce"].count(ring.WHITE) == 1
    assert lit(rings["release"]) == list(range(2, 23))
    assert len(lit(rings["recover"])) == 8
    assert rings["fault"].count(ring.MAGENTA) == 4
    assert rings["fault"].count(ring.DIM_WHITE) == card.EXAMPLE_FAULT


def test_they_follow_the_settings():
    assert len(shown(**{"ring.pixels": 60})["ready"]) == 60
    assert tuple(shown(**{"call.warnings_required": 3})) == ROWS
    assert tuple(shown(**{"call.watch_s": 0, "call.min_warn_s": 0})) == ("ready", "warn", *ROWS[3:])
    assert tuple(shown(**{"call.warnings_required": 0})) == ("ready", *ROWS[3:])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_committed_card_is_the_one_that_is_made(language):
    sheet = card.make(language, settings.defaults())
    way = f"write it again: make reference (docs/card/endcall-card-{language})"
    assert (DOCS / f"endcall-card-{language}.svg").read_text() == sheet.svg(), way
    assert sheet.fingerprint.encode() in (DOCS / f"endcall-card-{language}.pdf").read_bytes(), way


def test_every_language_that_is_spoken_has_a_card_with_the_same_places():
    assert set(LANGUAGES) == set(sentences.SENTENCES)
    places = set(card.words()["en"])
    for language, said in card.words().items():
        assert set(said) == places, language
        for place, text in said.items():
            assert set(re.findall(r"{(\w*)}", text)) == set(re.findall(r"{(\w*)}", card.words()["en"][place])), place


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_fits_with_the_longest_times(language):
    rules = settings.defaults() | {"call.min_warn_s": 60, "call.warn_s": 600, "button.hold_ms": 2500}
    assert "2.5 s" in card.make(language, rules).svg()


def test_it_says_what_the_device_plays():
    assert sentences.SENTENCES["en"].closing.split(".")[0] in card.make("en", settings.defaults()).svg()


def test_the_command(computer, tmp_path):
    (tmp_path / "office.toml").write_text("[call]\nmin_warn_s = 9\n")
    result = computer.run(
        "card", str(tmp_path / "card.svg"), "--language", "de", "--settings", str(tmp_path / "office.toml")
    )
    assert result.code == 0
    assert "9 s" in (tmp_path / "card.svg").read_text()
    assert computer.run("card", str(tmp_path / "card.pdf")).code == 0
    assert (tmp_path / "card.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("card.pdf", "--language", "tlh"), "Choose one of: "),
        (("card.png",), "Name the output card.pdf or card.svg"),
        (("missing/card.pdf",), "can't be written"),
    ],
)
def test_what_it_refuses(computer, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = computer.run("card", *arguments)
    assert result.code == 2
    assert said in result.err
