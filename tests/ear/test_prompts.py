"""The prompts as they are shipped: the right words, the right level and band, and a file that the device can play.

What was heard (PocketSphinx 5.1.1), and the share of the key words in their order; a whole prompt needs 0.85:

    closing  as it is                 1.00  i'm going to end this call now you're welcome to call back at another time
                                            thank you goodbye
             stereo, 15980.3 Hz       1.00  the same
             line, -10, -16, -22 dB   1.00  the same
             silent for 0.3 s         0.73  ... you're welcome to the cat and over time ...
             first 90 %               0.91  ... at another time thank you good
             first 75 %               0.82  ... at another time
             first 60 %               0.64  ... to call back
             heard as the warning     0.43
    warning  as it is                 1.00  i know your upset if this goes on i'm going to end this call
                                            it's your choice
             line, -10, -16 dB        1.00  the same; at -22 dB 0.86: i know your accent ...
             first 80 %               0.71  ... to end this call it
             first 70 %               0.57  ... to end his
             heard as the closing     0.27
"""

import array
import functools
import struct

import numpy as np
import pytest
import soxr

from endcall import loudness
from endcall import sound as chain
from endcall_core import layout

from . import ear

PROMPTS = ("closing", "warning")
OTHER = {"closing": "warning", "warning": "closing"}
RATE_HZ = 16000
LONGEST_S = {"closing": 5.4, "warning": 4.1}
REPROACHES = {"please", "not", "don't", "stop", "must", "never", "abuse", "abusive", "rude", "shout", "warn", "warning"}


@functools.cache
def content(name: str) -> bytes:
    return (ear.PROMPTS / f"{name}.wav").read_bytes()


def samples(name: str) -> ear.Samples:
    return np.frombuffer(content(name)[44:], "<i2")


@functools.cache
def heard(name: str) -> str:
    return ear.transcribe(samples(name), RATE_HZ)


# The words


@pytest.mark.parametrize("name", PROMPTS)
def test_the_text_has_its_key_words_and_no_reproach(name: str) -> None:
    said = ear.words(ear.expected(name).text)
    assert ear.share_heard(said, ear.expected(name).key_words) == 1
    assert not REPROACHES & set(said)


@pytest.mark.parametrize("name", PROMPTS)
def test_the_whole_prompt_is_understood(name: str) -> None:
    assert ear.is_whole(name, heard(name)), heard(name)


@pytest.mark.parametrize("name", PROMPTS)
def test_it_is_understood_at_the_far_end_of_a_line(name: str) -> None:
    far_end = ear.transcribe(ear.over_the_line(samples(name), RATE_HZ), ear.TELEPHONE_RATE_HZ)
    assert ear.is_whole(name, far_end), far_end


def test_it_is_understood_in_stereo_at_the_rate_of_a_real_clock() -> None:
    clock_hz = 15980.3
    one = soxr.resample(samples("closing"), RATE_HZ, clock_hz)
    decoded = ear.transcribe(np.stack([one, one], axis=1), clock_hz)
    assert ear.is_whole("closing", decoded), decoded


@pytest.mark.parametrize(
    ("name", "kept", "lost"),
    [("closing", 0.9, {"goodbye"}), ("closing", 0.75, {"thank", "goodbye"}), ("warning", 0.7, {"choice"})],
)
def test_a_truncated_prompt_has_lost_its_ending(name: str, kept: float, lost: set[str]) -> None:
    cut = samples(name)[: int(len(samples(name)) * kept)]
    left = ear.transcribe(cut, RATE_HZ)
    assert ear.share_heard(ear.words(left), ear.expected(name).key_words) > 0.5, left  # it still speaks
    assert not lost & set(ear.words(left)), left
    assert not ear.is_whole(name, left), left


def test_a_hole_in_the_prompt_is_noticed() -> None:
    sound = samples("closing").copy()
    middle = len(sound) // 2
    sound[middle : middle + RATE_HZ * 3 // 10] = 0
    left = ear.transcribe(sound, RATE_HZ)
    assert not ear.is_whole("closing", left), left


@pytest.mark.parametrize("name", PROMPTS)
def test_one_prompt_is_not_taken_for_the_other(name: str) -> None:
    assert not ear.is_whole(name, heard(OTHER[name]))


@pytest.mark.parametrize(
    "sound",
    [np.zeros(2 * RATE_HZ), np.random.default_rng(1).normal(0, 3000, 2 * RATE_HZ), np.zeros(0)],
    ids=["silence", "noise", "nothing"],
)
def test_no_key_words_are_heard_where_nobody_speaks(sound: np.ndarray) -> None:
    spoken = set(ear.words(ear.transcribe(sound.astype(np.int16), RATE_HZ)))
    assert not spoken & {*ear.expected("closing").key_words, *ear.expected("warning").key_words}


@pytest.mark.parametrize(("rate_hz", "gain_db"), [(44100, -30), (22050, -6), (8000, -12)])
def test_a_recording_stays_understood_when_it_is_made_a_prompt(rate_hz: int, gain_db: float) -> None:
    """A quiet recording of the closing, with a room's noise and hum around it, through the chain of the host tool."""
    noise = np.random.default_rng(1).normal(0, 20, 8 * RATE_HZ) + 200 * np.sin(np.arange(8 * RATE_HZ) * 50 / 2546)
    noise[RATE_HZ : RATE_HZ + len(samples("closing"))] += samples("closing")
    recorded = soxr.resample(noise / 32768 * 10 ** (gain_db / 20), RATE_HZ, rate_hz)
    made = chain.shape(recorded, rate_hz, "it").samples
    assert ear.is_whole("closing", ear.transcribe(made, RATE_HZ))
    assert ear.speech_level_dbfs(made, RATE_HZ) == pytest.approx(-11.5, abs=0.3)
    assert len(made) / RATE_HZ == pytest.approx(len(samples("closing")) / RATE_HZ, abs=0.2)


# The file


def test_every_prompt_has_a_text_and_every_text_a_prompt() -> None:
    assert {path.name for path in ear.PROMPTS.iterdir()} == {f"{name}.wav" for name in PROMPTS}
    assert all(ear.expected(name).text for name in PROMPTS)


@pytest.mark.parametrize("name", PROMPTS)
def test_the_header_is_the_canonical_44_bytes(name: str) -> None:
    size = len(content(name)) - 44
    fields = struct.unpack("<4sI4s4sIHHIIHH4sI", content(name)[:44])
    assert fields == (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16, b"data", size)


@pytest.mark.parametrize("name", PROMPTS)
def test_its_length_suits_wavefile_and_the_slot(name: str) -> None:
    size = len(content(name)) - 44
    assert size % 4 == 0  # otherwise CircuitPython's WaveFile pads the end wrongly
    assert size % 256 != 255  # and writes past its buffer
    assert len(content(name)) <= layout.SLOT_BYTES
    assert size / 2 / RATE_HZ <= LONGEST_S[name]


@pytest.mark.parametrize("name", PROMPTS)
def test_it_is_loud_and_does_not_clip(name: str) -> None:
    sound = samples(name)
    assert ear.peak_dbfs(sound) <= -1
    assert ear.speech_level_dbfs(sound, RATE_HZ) == pytest.approx(-11.5, abs=0.2)
    level = loudness.measure(sound.tolist(), RATE_HZ)
    assert level.mean_dbm == pytest.approx(-19.1, abs=0.2)  # the board's numbers, as of hardware/spice
    assert level.worst_dbm < loudness.LIMIT_DBM - 6  # any 3 s, on the loudest board
    assert level.peak_dbm < loudness.LIMIT_DBM
    assert loudness.concerns(level) == []
    loudest = np.abs(sound.astype(int)) >= np.abs(sound.astype(int)).max() - 1
    assert not (loudest[:-2] & loudest[1:-1] & loudest[2:]).any(), "three samples at the peak in a row: a flat top"


@pytest.mark.parametrize("name", PROMPTS)
def test_its_energy_lies_in_the_telephone_band(name: str) -> None:
    sound = samples(name)
    # What the limiter's gain moves lies beside what it moves, so the edges are not as steep as the filter's.
    assert ear.band_energy_db(sound, RATE_HZ, 300, 3400) > -0.5
    assert ear.band_energy_db(sound, RATE_HZ, 0, 250) < -20
    assert ear.band_energy_db(sound, RATE_HZ, 3600, RATE_HZ) < -19
    assert ear.band_energy_db(sound, RATE_HZ, 4000, RATE_HZ) < -33
    assert abs(sound.mean()) < 10  # no DC: under -70 dB


@pytest.mark.parametrize("name", PROMPTS)
def test_it_starts_at_once_ends_promptly_and_clicks_at_neither_end(name: str) -> None:
    sound = samples(name)
    spoken = np.flatnonzero(ear.frame_levels_dbfs(sound, RATE_HZ, 10) > -11.5 - 30)
    frames = len(sound) // (RATE_HZ // 100)
    assert spoken[0] * 10 <= 50
    assert (frames - 1 - spoken[-1]) * 10 <= 100
    assert sound[0] == sound[-1] == 0
    one_ms = RATE_HZ // 1000
    assert ear.peak_dbfs(np.concatenate([sound[:one_ms], sound[-one_ms:]])) < -60


# The ear itself


def test_levels_and_bands_of_a_known_tone() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    tone = (32767 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.int16)
    assert ear.level_dbfs(tone) == pytest.approx(-3.01, abs=0.01)
    assert ear.peak_dbfs(tone) == pytest.approx(0, abs=0.01)
    assert ear.level_dbfs(np.stack([tone, tone], axis=1)) == pytest.approx(-3.01, abs=0.01)
    assert ear.level_dbfs(array.array("h", tone.tolist())) == pytest.approx(-3.01, abs=0.01)
    assert ear.band_energy_db(tone, RATE_HZ, 900, 1100) == pytest.approx(0, abs=0.01)
    assert ear.band_energy_db(tone, RATE_HZ, 1100, 8000) < -60
    half_silent = np.concatenate([tone, np.zeros_like(tone)])
    assert ear.level_dbfs(half_silent) == pytest.approx(-6.02, abs=0.01)
    assert ear.speech_level_dbfs(half_silent, RATE_HZ) == pytest.approx(-3.01, abs=0.01)
    assert ear.level_dbfs(np.zeros(100, np.int16)) == -np.inf


def test_the_line_is_quieter_and_narrower() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    both = sum(np.sin(2 * np.pi * hz * time_s) for hz in (1000, 5000))
    far_end = ear.over_the_line((16000 * both / 2).astype(np.int16), RATE_HZ)
    assert len(far_end) == ear.TELEPHONE_RATE_HZ
    # 8000 of 32768 is -12.2 dB, a sine's mean another -3, the line -16; 5 kHz is gone
    assert ear.level_dbfs(far_end) == pytest.approx(-31.3, abs=0.3)
    assert ear.band_energy_db(far_end, ear.TELEPHONE_RATE_HZ, 990, 1010) > -0.1


@pytest.mark.parametrize(
    ("heard_words", "share"),
    [("a b c d", 1), ("x a y b z c d", 1), ("a b c", 0.75), ("d c b a", 0.25), ("", 0), ("a a a a", 0.25)],
)
def test_the_share_of_words_counts_them_in_order(heard_words: str, share: float) -> None:
    assert ear.share_heard(heard_words.split(), ["a", "b", "c", "d"]) == share


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        ear.transcribe(np.zeros(100), RATE_HZ)
    with pytest.raises(ValueError, match="samples per second"):
        ear.transcribe(np.zeros(100, np.int16), 16)
    with pytest.raises(ValueError, match="at least one"):
        ear.share_heard(["a"], [])
