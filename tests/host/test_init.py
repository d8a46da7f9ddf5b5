"""The first settings file: what it asks, explains and writes."""

import tomllib

import pytest

from endcall import settings_file, wizard
from endcall_core import presets, settings

PRESETS = [row[presets.NAME] for row in presets.PRESETS]


@pytest.mark.parametrize("connection", list(wizard.CONNECTIONS))
@pytest.mark.parametrize("preset", PRESETS)
def test_what_it_writes_is_right_for_every_preset_and_connection(preset, connection):
    mode = wizard.advised_mode(preset, connection)
    answers = wizard.Answers(preset, connection, mode, 2, True, "de")
    assert not wizard.problems(answers)
    text = wizard.write(answers)
    assert settings_file.flat(tomllib.loads(text)) == wizard.chosen(answers)
    everything = "\n".join(
        line[2:] if line.startswith("# ") and " = " in line and line[2:].split(" = ")[0].isidentifier() else line
        for line in text.splitlines()
    )
    full = settings_file.flat(tomllib.loads(everything))
    values, problems = settings.check_changes(settings.defaults(), wizard.chosen(answers))
    assert not problems
    assert full == values, "what stands there as a comment is what would be in force"


def test_a_flash_is_advised_only_on_a_pbx_whose_preset_says_so():
    assert wizard.advised_mode("us_ca", "pbx") == "flash"
    assert wizard.advised_mode("us_ca", "public") == wizard.advised_mode("us_ca", "ata") == "hangup"
    assert wizard.advised_mode("uk", "pbx") == "hangup"


def test_what_must_be_minded_is_said_in_the_file_and_on_the_screen(computer, tmp_path):
    path = tmp_path / "office.toml"
    result = computer.run("init", path, "--yes", "--preset", "fr", "--connection", "public", "--no-sense")
    assert result.code == 0
    for said in ("public network without approval", "inference", "can't see whether the line dropped"):
        assert said in result.err
        assert said in path.read_text()
    assert tomllib.loads(path.read_text())["release"] == {"preset": "fr", "mode": "hangup"}


def test_the_questions(computer, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from endcall.cli import cli

    monkeypatch.setattr("endcall.commands.init._is_asked", lambda: True)
    path = tmp_path / "office.toml"
    typed = "grandstream_ht8xx\nata\n\n2\ny\nde\n"
    result = CliRunner().invoke(cli, ["init", str(path)], input=typed)
    assert result.exit_code == 0, result.output
    for said in ("puts the caller on hold", "as if somebody had hung up", "HT8xx P251/P252", "One or two is the norm"):
        assert said in result.stderr, said
    text = path.read_text()
    assert settings_file.flat(tomllib.loads(text)) == {
        "call.warnings_required": 2,
        "release.preset": "grandstream_ht8xx",
        "release.mode": "hangup",
        "line.sense": "loop",
    }
    assert "Deutsch" in text


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("uk", ["uk"]),
        ("UK", ["uk"]),
        ("united kingdom", ["uk"]),
        ("France", ["fr"]),
        ("Grandstream", ["grandstream_ht8xx"]),
        ("germany", ["de_pbx", "de_public"]),
        ("Avaya", ["avaya_partner", "avaya_ipoffice"]),
        ("pana", ["panasonic_kx"]),
        ("Atlantis", []),
        ("", []),
    ],
)
def test_a_country_or_a_brand_means_a_preset(words, names):
    assert wizard.presets_for(words) == names


def test_every_preset_has_a_name_that_people_use():
    assert list(wizard.NAMES) == PRESETS
    assert all(wizard.NAMES.values())


def test_a_country_with_several_kinds_of_line_is_asked_again(computer, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from endcall.cli import cli

    monkeypatch.setattr("endcall.commands.init._is_asked", lambda: True)
    path = tmp_path / "office.toml"
    result = CliRunner().invoke(cli, ["init", str(path)], input="Atlantis\nGermany\nde_pbx\n\n\n\n\n\n")
    assert result.exit_code == 0, result.output
    assert "There is no preset 'Atlantis'" in result.stderr
    assert "There are 2 presets for Germany" in result.stderr
    assert "SilverCrest" in result.stderr
    assert tomllib.loads(path.read_text())["release"]["preset"] == "de_pbx"
    assert computer.run("init", tmp_path / "uk.toml", "--yes", "--preset", "England").code == 0
    assert tomllib.loads((tmp_path / "uk.toml").read_text())["release"]["preset"] == "uk"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--yes", "--preset", "Germany"), "de_public: flash 300 ms"),
        (("--yes", "--preset", "grandstraem"), "Did you mean grandstream_ht8xx?"),
        (("--yes", "--language", "tlh"), "There are: en"),
        ((), "there is nobody to ask".capitalize()),
    ],
)
def test_what_it_refuses(computer, tmp_path, arguments, said):
    result = computer.run("init", tmp_path / "office.toml", *arguments)
    assert result.code == 2
    assert said in result.err
    assert not (tmp_path / "office.toml").exists()


def test_leaving_it_in_the_middle_writes_nothing(computer, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from endcall.cli import cli

    monkeypatch.setattr("endcall.commands.init._is_asked", lambda: True)
    result = CliRunner().invoke(cli, ["init", str(tmp_path / "office.toml")], input="uk\n")  # then the input ends
    assert result.exit_code == 130
    assert "Interrupted" in result.stderr
    assert not (tmp_path / "office.toml").exists()


def test_it_never_overwrites_without_being_told(computer, tmp_path):
    path = tmp_path / "office.toml"
    path.write_text("mine")
    result = computer.run("init", path, "--yes")
    assert result.code == 2
    assert path.read_text() == "mine"
    assert computer.run("init", path, "--yes", "--force").code == 0
