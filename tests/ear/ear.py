"""An ear for the tests: what words are in a sound, how loud it is, and where its energy lies.

Sounds are int16 arrays (numpy's, or array("h")) as they come out of a WAV file or off the I2S pins, with their rate.
Words are recognised by PocketSphinx with its own US English dictionary and language model, not with a grammar of the
words that are hoped for: a grammar would hear them in anything. It is a modest ear, and a person hears far more.
"""

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray
from pocketsphinx import Decoder

from endcall.sentences import SENTENCES

Samples = NDArray[np.int16]

REPOSITORY = Path(__file__).resolve().parent.parent.parent
RECIPES = REPOSITORY / "host_tools" / "prompts" / "prompts.toml"
PROMPTS = REPOSITORY / "firmware" / "prompts"

MODEL_RATE_HZ = 16000
"""The rate at which PocketSphinx's US English model was trained."""

TELEPHONE_RATE_HZ = 8000
"""The sampling rate of the telephone network (ITU-T G.711)."""

WHOLE_SHARE = 0.85
"""Share of its key words that a whole prompt must reach; test_prompts.py says what was heard under which condition."""

FULL_SCALE = 32768


@dataclass(frozen=True)
class Expected:
    """What a prompt says: its whole text, and the words that carry its meaning in the order in which they are said."""

    text: str
    key_words: tuple[str, ...]


def expected(name: str) -> Expected:
    """What the prompt ``name`` ("closing", "warning") says, from the files that its sound is made from."""
    recipe = tomllib.loads(RECIPES.read_text(encoding="utf-8"))[name]
    return Expected(getattr(SENTENCES[recipe["language"]], name), tuple(recipe["key_words"]))


def transcribe(samples: ArrayLike, rate_hz: float) -> str:
    """The words heard in ``samples``, in lower case with spaces between. In silence it may hear none, or an "i'm".

    ``samples`` is int16, in one dimension or with one column per channel (the channels are mixed; whether they carry
    the same is for the caller to check). ``rate_hz`` may be any measured rate, 4000..200000, such as 15980.3.
    Takes a fifth to a third of the sound's length. Raises ValueError for another type, shape or rate.
    """
    mono = _mono(samples)
    if not 4000 <= rate_hz <= 200_000:
        raise ValueError(f"A rate of {rate_hz} Hz is outside 4000..200000 Hz. Give samples per second.")
    if not len(mono):
        return ""
    sound = soxr.resample(mono / FULL_SCALE, rate_hz, MODEL_RATE_HZ)
    quiet = np.zeros(MODEL_RATE_HZ // 4)  # the recogniser wants some silence around speech
    pcm = _int16(np.concatenate([quiet, sound, quiet])).tobytes()
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case, without punctuation; an apostrophe stays ("you're")."""
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower())


def share_heard(heard: Sequence[str], wanted: Sequence[str]) -> float:
    """The share (0..1) of ``wanted`` that is among ``heard`` in the same order: the longest common subsequence.

    Raises ValueError if nothing is wanted: then all of it would be heard in anything.
    """
    if not wanted:
        raise ValueError("No words are wanted. Name at least one.")
    best = [0] * (len(wanted) + 1)
    for word in heard:
        previous = 0
        for i, want in enumerate(wanted, start=1):
            diagonal, previous = previous, best[i]
            best[i] = diagonal + 1 if word == want else max(best[i], best[i - 1])
    return best[-1] / len(wanted)


def is_whole(name: str, heard: str) -> bool:
    """Whether ``heard`` is the whole prompt ``name``, beginning to end.

    That is WHOLE_SHARE of its key words in their order, and its last key word among the last three words heard: a
    prompt that lost only its goodbye has most of its words.
    """
    heard_words, key_words = words(heard), expected(name).key_words
    return share_heard(heard_words, key_words) >= WHOLE_SHARE and key_words[-1] in heard_words[-3:]


def level_dbfs(samples: ArrayLike) -> float:
    """Mean (RMS) level in dB against full scale, where a full-scale square is 0 and a full-scale sine -3.01.

    Digital silence is -inf.
    """
    return _db(float(np.mean((_mono(samples) / FULL_SCALE) ** 2)))


def peak_dbfs(samples: ArrayLike) -> float:
    """The largest sample in dB against full scale; digital silence is -inf."""
    return _db(float(np.max(np.abs(_mono(samples) / FULL_SCALE))) ** 2)


def frame_levels_dbfs(samples: ArrayLike, rate_hz: float, frame_ms: float) -> NDArray[np.float64]:
    """The level of each whole frame of ``frame_ms`` (as level_dbfs; digital silence is -200 here)."""
    frame = round(rate_hz * frame_ms / 1000)
    sound = _mono(samples) / FULL_SCALE
    power = np.mean(sound[: len(sound) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    return 10 * np.log10(np.maximum(power, 1e-20))


def speech_level_dbfs(samples: ArrayLike, rate_hz: float) -> float:
    """Mean level while something is said: over the 20 ms frames within 30 dB of the loudest."""
    frames = frame_levels_dbfs(samples, rate_hz, 20)
    return _db(float(np.mean(10 ** (frames[frames > frames.max() - 30] / 10))))


def band_energy_db(samples: ArrayLike, rate_hz: float, low_hz: float, high_hz: float) -> float:
    """Energy from ``low_hz`` up to ``high_hz`` in dB against the energy of the whole; -inf if there is none."""
    sound = _mono(samples)
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    inside = (low_hz <= frequencies) & (frequencies < high_hz)
    return _db(float(power[inside].sum() / power.sum()))


def over_the_line(samples: ArrayLike, rate_hz: float, gain_db: float = -16) -> Samples:
    """What the telephone network carries of ``samples``: quieter, 8 kHz, 8-bit mu-law (ITU-T G.711).

    Returned at TELEPHONE_RATE_HZ. Above, the resampler cuts the band as a codec's filter does (flat to 3.4 kHz, nothing
    from 4 kHz on); below, a line is flat to 300 Hz and under, so nothing is cut.
    """
    sound = soxr.resample(_mono(samples) / FULL_SCALE, rate_hz, TELEPHONE_RATE_HZ) * 10 ** (gain_db / 20)
    sound = np.clip(sound, -1, 1)
    mu = 255
    code = np.round(np.sign(sound) * np.log1p(mu * np.abs(sound)) / np.log1p(mu) * 127)
    return _int16(np.sign(code) * np.expm1(np.abs(code) / 127 * np.log1p(mu)) / mu)


@functools.cache
def _decoder() -> Decoder:
    # cmn="batch": each sound is judged by itself. The default carries the mean spectrum of what was heard before
    # over to the next sound, and the order of the tests would decide what is heard.
    return Decoder(samprate=MODEL_RATE_HZ, cmn="batch", loglevel="FATAL")


def _mono(samples: ArrayLike) -> NDArray[np.float64]:
    samples = np.asarray(samples)
    if samples.dtype != np.int16 or samples.ndim not in (1, 2):
        raise ValueError(
            f"These samples are {samples.dtype} of shape {samples.shape}. Give int16, one column per channel at most."
        )
    return samples.astype(np.float64) if samples.ndim == 1 else samples.mean(axis=1)


def _int16(sound: NDArray[np.float64]) -> Samples:
    return np.clip(np.round(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")


def _db(power: float) -> float:
    return float(10 * np.log10(power)) if power else -np.inf
