"""Make firmware/prompts/*.wav, from the words in endcall/sentences.py and the voices in prompts.toml.

    apt install flite; pip install -e '.[audio]'
    python host_tools/prompts/make_prompts.py                 make and write both prompts
    python host_tools/prompts/make_prompts.py --check         make them again, write nothing, compare byte for byte

The voices are those that come with flite 2.2 (Carnegie Mellon University; its licence allows any use, see LICENSES.md).
The same text gives the same sound on every run. Another processor or another version of numpy or soxr may round
another way: this is why the WAV files are kept with the source, and why --check says how far apart two sounds are.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from endcall import loudness, sound
from endcall.errors import EndcallError, UsageError
from endcall.sentences import SENTENCES

HERE = Path(__file__).resolve().parent
RECIPES = HERE / "prompts.toml"
PROMPTS = HERE.parent.parent / "firmware" / "prompts"


def speak(text: str, voice: str, stretch: float) -> tuple[sound.Sound, int]:
    """`text` as flite's `voice` says it, and its rate in Hz. Raises UsageError where flite is missing."""
    flite = shutil.which("flite")
    if not flite:
        raise UsageError("flite is not installed.", "It says the prompts.", "On Debian or Ubuntu: apt install flite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(
            [flite, "-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", text, "-o", str(path)], check=True
        )
        return sound.read(path)


def make(name: str, recipe: dict[str, Any]) -> bytes:
    """The whole WAV file of the prompt `name`. Raises EndcallError where it can't be made."""
    said = speak(getattr(SENTENCES[recipe["language"]], name), recipe["voice"], recipe["stretch"])
    return sound.to_wav(sound.shape(*said, name).samples)


def difference(made: bytes, kept: bytes) -> str:
    """How two WAV files differ, in words."""
    sounds = [np.frombuffer(content[sound.HEADER_BYTES :], "<i2").astype(int) for content in (made, kept)]
    if len(sounds[0]) != len(sounds[1]):
        return f"{len(sounds[0])} samples were made, {len(sounds[1])} are kept"
    return f"same length, samples differ by up to {np.abs(sounds[0] - sounds[1]).max()} of 32767"


def main(arguments: list[str] | None = None) -> int:
    """Make (or check) every prompt. Returns 0 if all is well, 1 if a prompt differs or cannot be made."""
    parser = argparse.ArgumentParser(description="Make firmware/prompts/*.wav.")
    parser.add_argument("--check", action="store_true", help="make them again, compare, write nothing")
    parser.add_argument("--to", type=Path, default=PROMPTS, metavar="DIR", help="where the WAV files are")
    options = parser.parse_args(arguments)

    differs = False
    for name, recipe in tomllib.loads(RECIPES.read_text(encoding="utf-8")).items():
        try:
            made = make(name, recipe)
        except EndcallError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        path = options.to / f"{name}.wav"
        if not options.check:
            options.to.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made)
            samples = loudness.samples_of(made[sound.HEADER_BYTES :])
            level = loudness.measure(samples, sound.RATE_HZ)
            print(f"{path}: {len(samples) / sound.RATE_HZ:.2f} s, {len(made)} bytes, {level}")
        elif not path.exists():
            differs = True
            print(f"{path} is missing. Run make_prompts.py without --check.", file=sys.stderr)
        elif path.read_bytes() == made:
            print(f"{path}: the same, byte for byte")
        else:
            differs = True
            print(f"{path} differs: {difference(made, path.read_bytes())}.", file=sys.stderr)
    if differs:
        print(
            "A small difference in the samples alone comes from another processor or package version and needs"
            " nothing. After a change of the words, run make_prompts.py without --check and listen to the result.",
            file=sys.stderr,
        )
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
