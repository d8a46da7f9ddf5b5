"""From any recording of a voice to a prompt: mono, 16 kHz, band-limited, even, loud, and under the limit of the line.

One chain for every prompt, whoever spoke it. Needs the extra `audio` (numpy, soundfile, soxr); import this module
through `endcall.commands.prompt.chain`, which says so where they are missing.

How loud: the limit for recorded voice is -9 dBm over 3 s, and the board is built so that not even a full-scale sine is
above it on the loudest board. Speech could be at -16 dBm only where its peaks are at most 8 dB above its mean; natural
speech has 15 dB and more. Tried with the shipped voice (segmental distortion: what no gain per 20 ms explains):

    mean on the line   peaks lowered over 1 dB   segmental distortion   words understood
    -22 dBm             3 % of the time           -29 dB                 all
    -20 dBm            15 %                       -23 dB                 all
    -19 dBm            30 %                       -19 dB                 all
    -18 dBm            43 %                       -16 dB                 nearly all
    -17 dBm            60 %                       -13 dB                 two thirds: it rasps
    -16 dBm            not reached (-16.8)        -12 dB                 two thirds

SPEECH_DBFS is the knee of that curve. A fast compressor (20 to 30 ms) in front of the limiter cost words at every
level, an all-pass that spreads the peaks gained under 1 dB; neither is used.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from endcall import loudness, sound_programs
from endcall.errors import InvalidError, UsageError
from endcall.line_level import NOMINAL_DBM_AT_0_DBFS, WORST_DBM_AT_0_DBFS
from endcall_core import layout, wav

Sound = NDArray[np.float64]
Samples = NDArray[np.int16]

RATE_HZ = 16000
"""CircuitPython's WaveFile takes it as it is, and its half leaves room above the telephone band."""

HEADER_BYTES = 44
LONGEST_S = (layout.SLOT_BYTES - HEADER_BYTES) / 2 / RATE_HZ
LONGEST_INPUT_S = 60  # what is longer holds more than a sentence, and an hour of it would fill the memory

BAND_HZ = (300, 3400)
"""What a telephone line carries; more would only be lost, or be out-of-band energy on the line."""
BAND_ORDER = 8

SPEECH_DBFS = min(-11.5, loudness.WANTED_DBM - NOMINAL_DBM_AT_0_DBFS - loudness.SINE_DB)
"""Mean level while words are spoken: the usual one on a line, or as near to it as the voice stays unharmed (above)."""

CEILING_DBFS = min(-1.0, loudness.LIMIT_DBM - WORST_DBM_AT_0_DBFS)
"""Largest sample: under the line's limit, and with room for peaks that the DAC finds between two samples."""

EVEN_MS, EVEN_RATIO, EVEN_MOST_DB = 400, 2, 9
"""The slow gain that makes a loud "I'm" and a trailing "goodbye" alike: half of each difference, over a syllable or
two. It looks as far ahead as back, so it does not pump."""
EVEN_GATE_DB = 25  # what is this far below the loudest is a pause, and is raised no more than the quietest speech

LIMITER_MS = 5
"""The gain moves over this time and looks ahead by half of it, so peaks are lowered and not cut off."""

LEAD_MS, TAIL_MS = 25, 60
"""Kept before the first and after the last sound, so that no soft consonant is cut off."""
FADE_MS = 10
SILENCE_DB = (-45, -25)  # against the loudest moment: how low and how high the line between sound and silence may be
SILENCE_DBFS = -66  # a recording that is nowhere louder holds no speech: the last two bits of a CD


class Shaped(NamedTuple):
    """A prompt as 16-bit samples at RATE_HZ; `is_clipped`: the recording was, and no filter mends that."""

    samples: Samples
    is_clipped: bool

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE_HZ


def read(path: Path) -> tuple[Sound, int]:
    """The sound in file `path`, its channels mixed, and its rate in Hz.

    What soundfile does not know (a phone's M4A), ffmpeg reads, if it is installed. Raises UsageError where the file
    can't be read, InvalidError where it holds no sound that is known, or far too much.
    """
    try:
        with path.open("rb") as file:
            return _decode(file, path)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "", "Check the name of the file.") from error
    except soundfile.LibsndfileError as error:
        decoded = sound_programs.decode(path, LONGEST_INPUT_S + 1)
        if decoded is not None:
            return _decode(io.BytesIO(decoded), path)
        raise InvalidError(
            f"{path} can't be read as sound: {error.error_string}",
            "WAV, FLAC, OGG, MP3, AIFF and others can be; what a phone records (M4A) and others where ffmpeg is there.",
            "Export it as WAV, or install ffmpeg.",
        ) from error


def _decode(file: BinaryIO, path: Path) -> tuple[Sound, int]:
    with soundfile.SoundFile(file) as sound:
        samples = sound.read((LONGEST_INPUT_S + 1) * sound.samplerate, dtype="float64", always_2d=True)
        if len(samples) > LONGEST_INPUT_S * sound.samplerate:
            raise _too_long(str(path), max(sound.frames, len(samples)) / sound.samplerate)
        return samples.mean(axis=1), sound.samplerate


def shape(sound: Sound, rate_hz: int, name: str) -> Shaped:
    """`sound` (-1..1 at `rate_hz`) as a prompt. `name` says in messages what it is.

    Raises InvalidError for silence, and where it is too long or too short for the device.
    """
    if not len(sound) or np.abs(sound - sound.mean()).max() < 10 ** (SILENCE_DBFS / 20):
        raise InvalidError(
            f"{name} is silent.", "There is nothing to say in it.", "Check the microphone, or the file, and listen."
        )
    is_clipped = _is_clipped(sound)
    shaped = trim(band_limit(soxr.resample(sound, rate_hz, RATE_HZ, "VHQ")))
    duration_s = len(shaped) / RATE_HZ
    if duration_s > LONGEST_S:
        raise _too_long(name, duration_s)
    if duration_s * 1000 < wav.SHORTEST_MS:
        raise InvalidError(
            f"{name} lasts {duration_s:.2f} s without its silence; {wav.SHORTEST_MS / 1000:g} s is the shortest.",
            "No word is that short.",
            "Listen to it: perhaps it holds a click only.",
        )
    return Shaped(_int16(fade(make_loud(make_even(shaped)))), is_clipped)


def band_limit(sound: Sound) -> Sound:
    """`sound` at RATE_HZ through a Butterworth band-pass of BAND_HZ, with its decay appended.

    Causal as an analog filter is: its phase lowers the peaks of a voice, which one without phase would not.
    """
    decay = RATE_HZ // 50
    points = 1 << (len(sound) + RATE_HZ // 4).bit_length()  # room for the decay, so that the end does not wrap around

    def bent(hz: NDArray[np.floating]) -> NDArray[np.floating]:
        """The bilinear transform's frequency: 0..half the rate become 0..infinity."""
        return np.tan(np.pi * np.clip(hz, 1e-3, RATE_HZ / 2 - 1e-3) / RATE_HZ)

    low, high = bent(np.array(BAND_HZ))
    s = 1j * bent(np.fft.rfftfreq(points, 1 / RATE_HZ))
    s = (s * s + low * high) / (s * (high - low))
    poles = np.exp(1j * np.pi * (2 * np.arange(BAND_ORDER) + BAND_ORDER + 1) / (2 * BAND_ORDER))
    response = 1 / np.prod(s[:, None] - poles, axis=1)
    return np.fft.irfft(np.fft.rfft(sound, points) * response, points)[: len(sound) + decay]


def trim(sound: Sound) -> Sound:
    """`sound` at RATE_HZ without the silence at both ends but for LEAD_MS and TAIL_MS.

    What silence is depends on the room: it lies 6 dB over the quietest tenth, within SILENCE_DB of the loudest.
    """
    step = RATE_HZ // 100
    frames = np.pad(sound, (0, -len(sound) % step)).reshape(-1, step)
    levels_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-20)
    threshold_db = np.clip(np.percentile(levels_db, 10) + 6, *(levels_db.max() + np.array(SILENCE_DB)))
    loud = np.flatnonzero(levels_db > threshold_db)
    first = max(0, loud[0] * step - RATE_HZ * LEAD_MS // 1000)
    return fade(sound[first : (loud[-1] + 1) * step + RATE_HZ * TAIL_MS // 1000])


def fade(sound: Sound) -> Sound:
    """`sound` at RATE_HZ with its first and last FADE_MS raised from and lowered to zero (half a cosine)."""
    ramp = (1 - np.cos(np.linspace(0, np.pi, RATE_HZ * FADE_MS // 1000))) / 2
    faded = sound.copy()
    faded[: len(ramp)] *= ramp[: len(faded)]
    faded[-len(ramp) :] *= ramp[::-1][-len(faded) :]
    return faded


def make_even(sound: Sound) -> Sound:
    """`sound` at RATE_HZ with the differences in loudness of its words halved."""
    window = np.hanning(RATE_HZ * EVEN_MS // 1000 | 1)
    half = len(window) // 2
    power = np.convolve(np.pad(sound**2, half), window / window.sum(), "valid")
    level_db = 10 * np.log10(power + 1e-20)
    level_db = np.maximum(level_db, level_db.max() - EVEN_GATE_DB)
    mean_db = 10 * np.log10(np.mean(power[power > power.max() * 10 ** (-EVEN_GATE_DB / 10)]))
    gain_db = np.clip((mean_db - level_db) * (1 - 1 / EVEN_RATIO), -EVEN_MOST_DB, EVEN_MOST_DB)
    return sound * 10 ** (gain_db / 20)


def make_loud(sound: Sound) -> Sound:
    """`sound` at RATE_HZ with speech at SPEECH_DBFS, or as near as it gets, while no sample passes CEILING_DBFS."""
    gain_db = SPEECH_DBFS - _speech_dbfs(sound)
    limited = sound
    for _ in range(8):  # each round makes up for what the limiter took from the mean
        limited = limit(sound * 10 ** (gain_db / 20))
        missing_db = SPEECH_DBFS - _speech_dbfs(limited)
        if abs(missing_db) < 0.05:
            break
        gain_db += missing_db
    return limited


def limit(sound: Sound) -> Sound:
    """`sound` at RATE_HZ with its gain lowered around every peak over CEILING_DBFS."""
    window = RATE_HZ * LIMITER_MS // 1000 | 1
    half = window // 2
    ceiling = 10 ** (CEILING_DBFS / 20)
    needed = np.pad(np.minimum(1, ceiling / np.maximum(np.abs(sound), ceiling)), 2 * half, constant_values=1)
    # The mean over a window of minima over the same window is nowhere above what is needed.
    gain = sliding_window_view(sliding_window_view(needed, window).min(axis=1), window).mean(axis=1)
    return sound * gain


def to_wav(samples: Samples) -> bytes:
    """A canonical WAV file: 44 bytes of header with `fmt ` and `data` only, 16 bit PCM, mono, RATE_HZ.

    An even number of samples: CircuitPython's WaveFile pads the end of the data wrongly unless its length is a
    multiple of 4 (and writes past its buffer when the last of its 256-byte blocks has 255 bytes, which this excludes).
    """
    data = np.pad(samples, (0, len(samples) % 2)).astype("<i2").tobytes()
    pcm_mono = struct.pack("<HHIIHH", 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16)
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", 16) + pcm_mono + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _int16(sound: Sound) -> Samples:
    return np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)


def _speech_dbfs(sound: Sound) -> float:
    return loudness.speech_dbfs(_int16(sound).tolist(), RATE_HZ)


def _is_clipped(sound: Sound) -> bool:
    """Whether the recording's peaks are cut off, whatever was done to its level since."""
    return loudness.is_clipped(_int16(sound / np.abs(sound).max()).tolist())


def _too_long(name: str, duration_s: float) -> InvalidError:
    return InvalidError(
        f"{name} is {duration_s - LONGEST_S:.1f} s too long: it lasts {duration_s:.1f} s, and the device takes "
        f"{LONGEST_S:.1f} s.",
        "Nothing was written.",
        "Use fewer words, speak faster, or cut it.",
    )
