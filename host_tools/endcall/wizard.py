"""What `endcall init` asks and writes: a first settings file for one kind of line. `commands.init` does the asking.

The choice that matters is how the line is released, because a flash means something else on every network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from endcall import sentences, settings_file
from endcall.settings_file import toml_value
from endcall_core import presets, settings
from endcall_core.settings import HELP, KEY, SETTINGS

#: What the button's line socket is connected to: name, what it is.
CONNECTIONS = {
    "pbx": "an analogue extension of your own PBX",
    "ata": "an adapter for internet telephony (ATA)",
    "public": "a line of the public telephone network",
}

#: What people call the network or the exchange, for each preset. A place whose lines differ stands at several.
NAMES = {
    "us_ca": ("United States", "USA", "America", "Canada"),
    "uk": ("United Kingdom", "Great Britain", "England", "Scotland", "Wales", "Northern Ireland", "BT"),
    "eu_generic": ("Europe", "Italy", "Italia", "Spain", "España", "Netherlands", "Nederland", "Ireland", "NEC"),
    "de_pbx": ("Germany", "Deutschland"),
    "de_public": ("Germany", "Deutschland"),
    "fr": ("France",),
    "au": ("Australia",),
    "nz": ("New Zealand", "Aotearoa"),
    "br": ("Brazil", "Brasil"),
    "in_pbx": ("India",),
    "cisco_spa": ("Cisco", "Linksys"),
    "grandstream_ht8xx": ("Grandstream", "HT801", "HT802", "HT812"),
    "audiocodes_mp": ("AudioCodes", "MediaPack"),
    "asterisk_dahdi": ("Asterisk", "DAHDI"),
    "hp_msr": ("HP", "Hewlett"),
    "panasonic_kx": ("Panasonic",),
    "avaya_partner": ("Avaya", "Partner"),
    "avaya_ipoffice": ("Avaya", "IP Office"),
    "innovaphone_fxo": ("innovaphone",),
    "unify_os4000": ("Unify", "OpenScape", "Siemens"),
}

SURE = {
    "H": "read in a maker's manual, a standard or code",
    "M": "one source or a secondary one",
    "L": "inference: try it on your line first",
}


@dataclass(frozen=True)
class Answers:
    """What was asked. mode: "flash" or "hangup"; warnings: 0..3; has_sense: whether the loop sense is fitted."""

    preset: str
    connection: str
    mode: str
    warnings: int
    has_sense: bool
    language: str


def preset_rows() -> list[tuple[str, str, str]]:
    """Every preset as (name, flash and mode, where its numbers come from and how sure they are)."""
    rows = []
    for row in presets.PRESETS:
        what = f"flash {row[presets.FLASH_MS]} ms, best released by {row[presets.MODE]}"
        rows.append((str(row[presets.NAME]), what, f"{row[presets.SOURCE]} ({SURE[str(row[presets.SURENESS])]})"))
    return rows


def presets_for(words: str) -> list[str]:
    """The presets that `words` may mean: the name of one, else a country or a brand, else how one of them begins."""
    wanted = words.strip().casefold()
    if presets.find(wanted):
        return [wanted]
    by_name = {name: [name, *(one.casefold() for one in NAMES[name])] for name in NAMES}
    same = [name for name, known in by_name.items() if wanted in known]
    begun = [name for name, known in by_name.items() if any(one.startswith(wanted) for one in known)]
    return (same or begun) if wanted else []


def explain(preset: str) -> dict[str, str]:
    """Flash and hang-up on the line of `preset`, a sentence each."""
    row = presets.find(preset)
    return {
        "flash": f"One break of {row[presets.FLASH_MS]} ms: it ends the call only where the exchange is set up so; on "
        "many lines it puts the caller on hold or does nothing.",
        "hangup": "The line stays open until the handset is put down, "
        f"{row[presets.HOLD_S]} s at most, as if somebody had hung up: it ends the call on nearly every line.",
    }


def advised_mode(preset: str, connection: str) -> str:
    """What to take when nobody knows better: a flash only on a PBX whose maker says that it releases."""
    return str(presets.find(preset)[presets.MODE]) if connection == "pbx" else "hangup"


def warnings_about(answers: Answers) -> list[str]:
    """What the person should know before the file is used, a sentence each."""
    said = []
    row = presets.find(answers.preset)
    if answers.connection == "public":
        said.append(
            "Home-made equipment does not belong on the public network without approval, which nobody has sought: put "
            "an ATA or a PBX in between."
        )
    if answers.mode == "flash":
        said.append("Try the flash with a friendly caller: the call must be over, not on hold.")
    if row[presets.SURENESS] == "L":
        said.append(f"The numbers of {answers.preset} are inference: try them on your line first.")
    if not answers.has_sense:
        said.append("Without the loop sense the device can't see whether the line dropped, or that a caller left.")
    return said


def chosen(answers: Answers) -> dict[str, Any]:
    """The settings that the answers stand for."""
    return {
        "call.warnings_required": answers.warnings,
        "release.preset": answers.preset,
        "release.mode": answers.mode,
        "line.sense": "loop" if answers.has_sense else "none",
    }


def problems(answers: Answers) -> list[settings_file.Problem]:
    """What is wrong with the settings that would come out."""
    return settings_file.problems_alone(chosen(answers), {})


def write(answers: Answers) -> str:
    """The settings file: what was chosen is in force, everything else stands there as a comment with its default."""
    given = chosen(answers)
    values = settings.defaults() | settings.fill(given)
    said = sentences.SENTENCES[answers.language]
    out = [
        f"# endcall settings for {CONNECTIONS[answers.connection]}, preset {answers.preset}.",
        "# Check: endcall validate FILE    Compare: endcall plan FILE    Use: endcall apply FILE",
        "# What has a # in front is at its default; take it away to choose a value of your own.",
        *(f"# Mind: {line}" for line in warnings_about(answers)),
    ]
    table = ""
    for row in SETTINGS:
        key = str(row[KEY])
        name, _, last = key.rpartition(".")
        if name != table:
            table = name
            out += ["", f"[{table}]"]
            if table == "prompt":
                out += [f"# In words ({said.name}): {said.closing}", f"# A warning: {said.warning}"]
        out += ["", f"# {row[HELP]}", f"# {settings.accepted(row)}"]
        if key == "release.mode":
            out += [f"# {mode}: {meaning}" for mode, meaning in explain(answers.preset).items()]
        out.append(f"{'' if key in given else '# '}{last} = {toml_value(values[key])}")
    return "\n".join(out) + "\n"
