"""From a recording to a prompt: what the chain does to sounds whose properties are known, and what it refuses."""

import itertools
import struct

import numpy as np
import pytest
import soundfile

from endcall import loudness, sound
from endcall.errors import InvalidError, UsageError
from endcall.line_level import NOMINAL_DBM_AT_0_DBFS, WORST_DBM_AT_0_DBFS
from endcall_core import layout, wav

RATE_HZ = sound.RATE_HZ


def tone(hz=1000.0, seconds=1.0, peak=0.1, rate_hz=RATE_HZ):
    return peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)


def babble(seconds=4.0, rate_hz=RATE_HZ, seed=1):
    """Like speech to a meter: pulses of a larynx at 110 Hz, syllables, a pause a second, words of unlike loudness."""
    dice = np.random.default_rng(seed)
    at_s = np.arange(int(seconds * rate_hz)) / rate_hz
    pulses = np.zeros(len(at_s))
    pulses[:: rate_hz // 110] = 1
    ring = np.exp(-np.arange(rate_hz // 100) / rate_hz * 400)
    ring *= sum(np.sin(2 * np.pi * hz * np.arange(rate_hz // 100) / rate_hz) for hz in (500, 1500, 2500))
    voice = np.convolve(pulses, ring)[: len(at_s)] + dice.normal(0, 0.01, len(at_s))
    words = np.repeat(dice.uniform(0.1, 1, int(seconds) + 1), rate_hz)[: len(at_s)]
    return 0.2 * voice * words * np.abs(np.sin(2 * np.pi * 2.5 * at_s)) * (at_s % 1 < 0.8)


def power_db(samples, low_hz, high_hz, rate_hz=RATE_HZ):
    power = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    return 10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum() + 1e-20)


# --- the whole chain --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("gain_db", [-40, -20, 0, 12])
def test_every_recording_comes_out_equally_loud_and_under_the_limit(rate_hz, gain_db):
    shaped = sound.shape(babble(rate_hz=rate_hz) * 10 ** (gain_db / 20), rate_hz, "it")
    level = loudness.measure(shaped.samples.tolist(), RATE_HZ)
    assert level.mean_dbm == pytest.approx(-19.1, abs=0.4)
    assert level.worst_dbm < loudness.LIMIT_DBM
    assert level.peak_dbm < loudness.LIMIT_DBM
    assert loudness.concerns(level) == []
    assert np.abs(shaped.samples).max() <= 32767 * 10 ** (-1 / 20) + 1


def test_the_level_is_what_the_board_makes_of_it():
    """The numbers are hardware's alone: for a louder board the files have to become quieter."""
    assert sound.SPEECH_DBFS + loudness.SINE_DB + NOMINAL_DBM_AT_0_DBFS <= -16
    assert sound.CEILING_DBFS + WORST_DBM_AT_0_DBFS <= -9
    full = loudness.measure((tone(peak=1) * 32767).astype(int).tolist(), RATE_HZ)
    assert full.mean_dbm == pytest.approx(NOMINAL_DBM_AT_0_DBFS, abs=0.02)
    assert full.worst_dbm == pytest.approx(WORST_DBM_AT_0_DBFS, abs=0.02)
    assert full.peak_dbm == pytest.approx(WORST_DBM_AT_0_DBFS, abs=0.02)


def test_only_the_telephone_band_is_left():
    hum = babble() + tone(50, 4, 0.2) + 0.1 + tone(7000, 4, 0.1)
    shaped = sound.shape(hum, RATE_HZ, "it").samples
    assert power_db(hum, 300, 3400) < -3
    assert power_db(shaped, 300, 3400) > -0.5
    assert power_db(shaped, 0, 200) < -25
    assert power_db(shaped, 4000, 8000) < -30
    assert abs(shaped.mean()) < 20  # of the 0.1 * 32767 that went in


def test_silence_around_it_goes_and_pauses_within_stay():
    quiet = np.random.default_rng(2).normal(0, 0.0003, 2 * RATE_HZ)
    said = np.concatenate([quiet, babble(1), quiet[: RATE_HZ // 2], babble(1), quiet])
    shaped = sound.shape(said, RATE_HZ, "it")
    assert shaped.duration_s == pytest.approx(0.8 + 0.2 + 0.5 + 0.8, abs=0.15)
    assert shaped.samples[0] == shaped.samples[-1] == 0
    assert np.abs(shaped.samples[:16]).max() < 33


def test_a_noisy_room_is_silence_too():
    noise = np.random.default_rng(3).normal(0, 0.003, 2 * RATE_HZ)
    assert sound.shape(np.concatenate([noise, babble(1) + noise[:RATE_HZ], noise]), RATE_HZ, "it").duration_s < 1.2


def test_loud_and_quiet_words_come_closer_and_pauses_are_not_pumped_up():
    hiss = np.random.default_rng(4).normal(0, 0.00003, RATE_HZ)
    said = np.concatenate([tone(peak=0.3), hiss, tone(peak=0.03), hiss, tone(peak=0.3)])
    evened = sound.make_even(said)
    before, after = (
        [20 * np.log10(np.std(x[at * RATE_HZ + 5000 : at * RATE_HZ + 11000])) for at in range(3)]
        for x in (said, evened)
    )
    assert before[0] - before[2] == pytest.approx(20, abs=0.1)
    assert after[0] - after[2] == pytest.approx(10, abs=1)
    assert after[1] - before[1] <= sound.EVEN_MOST_DB + 0.01


def test_the_limiter_lowers_peaks_without_distorting_a_tone():
    """A steady tone 6 dB too high comes out lower, not clipped: its harmonics stay under -60 dB."""
    loud = tone(1000, 1, 2 * 10 ** (sound.CEILING_DBFS / 20))
    limited = sound.limit(loud)
    assert np.abs(limited).max() <= 10 ** (sound.CEILING_DBFS / 20) + 1e-12
    assert power_db(limited[1000:-1000] * np.hanning(len(limited) - 2000), 1500, 8000) < -60
    one_peak = tone(1000, 1, 0.1)
    one_peak[8000] = 1.5
    limited = sound.limit(one_peak)
    assert np.abs(limited).max() <= 10 ** (sound.CEILING_DBFS / 20) + 1e-12
    assert np.array_equal(limited[:7900], one_peak[:7900])  # what is away from the peak is untouched
    assert np.array_equal(limited[8100:], one_peak[8100:])


def test_the_band_pass_is_flat_inside_and_steep_outside():
    def gain_db(hz):
        x = tone(hz, 2, 0.5)
        return 20 * np.log10(np.std(sound.band_limit(x)[8000:24000]) / np.std(x))

    assert all(abs(gain_db(hz)) < 0.3 for hz in (350, 500, 1000, 2000, 3000))
    assert gain_db(300) == pytest.approx(-3, abs=0.1)
    assert gain_db(3400) == pytest.approx(-3, abs=0.1)
    assert gain_db(150) < -40
    assert gain_db(5000) < -30


def test_the_file_is_one_that_the_device_plays():
    for samples in (np.arange(8001, dtype=np.int16), np.arange(8000, dtype=np.int16)):
        data = sound.to_wav(samples)
        parsed = wav.parse(data[:512], len(data))
        assert (parsed.rate_hz, parsed.data_at, parsed.data_bytes % 4) == (16000, 44, 0)
        assert struct.unpack_from("<8001h" if len(samples) % 2 else "<8000h", data, 44)[100] == 100


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [np.zeros(RATE_HZ), np.zeros(0), np.full(RATE_HZ, 0.3), tone(peak=0.0001)])
def test_silence_is_refused(nothing):
    with pytest.raises(InvalidError, match="it is silent"):
        sound.shape(nothing, RATE_HZ, "it")


def test_too_long_says_by_how_much():
    assert pytest.approx((layout.SLOT_BYTES - 44) / 32000) == sound.LONGEST_S
    with pytest.raises(InvalidError, match=r"it is 2\.\d s too long: it lasts 8\.\d s"):
        sound.shape(babble(sound.LONGEST_S + 2.5), RATE_HZ, "it")
    longest = sound.shape(babble(sound.LONGEST_S - 0.1), RATE_HZ, "it")
    assert len(sound.to_wav(longest.samples)) <= layout.SLOT_BYTES


def test_a_click_is_refused():
    click = np.zeros(RATE_HZ)
    click[8000] = 0.9
    with pytest.raises(InvalidError, match=r"0\.2 s is the shortest"):
        sound.shape(click, RATE_HZ, "it")


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rate_hz", "subtype", "channels"),
    [
        ("a.wav", 44100, "PCM_16", 2),
        ("a.wav", 8000, "PCM_U8", 1),
        ("a.wav", 8000, "ULAW", 1),
        ("a.wav", 96000, "FLOAT", 2),
        ("a.wav", 48000, "PCM_24", 1),
        ("a.flac", 48000, "PCM_24", 2),
        ("a.ogg", 44100, "VORBIS", 1),
        ("a.mp3", 44100, "MPEG_LAYER_III", 2),
        ("a.aiff", 22050, "PCM_16", 1),
    ],
)
def test_formats(tmp_path, name, rate_hz, subtype, channels):
    said = babble(2, rate_hz)
    soundfile.write(tmp_path / name, np.stack([said] * channels, axis=1), rate_hz, subtype=subtype)
    samples, got_hz = sound.read(tmp_path / name)
    assert (samples.ndim, got_hz) == (1, rate_hz)
    shaped = sound.shape(samples, got_hz, name)
    assert shaped.duration_s == pytest.approx(1.85, abs=0.2)
    assert loudness.concerns(loudness.measure(shaped.samples.tolist(), RATE_HZ)) == []
    assert not shaped.is_clipped


def test_one_channel_that_is_silent_does_not_matter(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([babble(2), np.zeros(2 * RATE_HZ)], axis=1), RATE_HZ)
    samples, _ = sound.read(tmp_path / "a.wav")
    level = loudness.measure(sound.shape(samples, RATE_HZ, "it").samples.tolist(), RATE_HZ)
    assert level.mean_dbm == pytest.approx(-19.1, abs=0.4)


def test_a_clipped_recording_is_noticed_whatever_its_level_is_now(tmp_path):
    clipped = np.clip(babble() * 20, -0.5, 0.5) * 0.7
    soundfile.write(tmp_path / "a.wav", clipped, RATE_HZ)
    assert sound.shape(*sound.read(tmp_path / "a.wav"), "it").is_clipped
    soundfile.write(tmp_path / "a.wav", babble() * 0.7, RATE_HZ)
    assert not sound.shape(*sound.read(tmp_path / "a.wav"), "it").is_clipped


def test_an_hour_is_refused_before_it_fills_the_memory(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(3600 * 8000, np.int16), 8000)
    with pytest.raises(InvalidError, match=r"lasts 3600\.0 s"):
        sound.read(tmp_path / "a.flac")


def test_what_can_not_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg
    with pytest.raises(UsageError, match="No such file"):
        sound.read(tmp_path / "a.wav")
    with pytest.raises(UsageError, match=r"can't be read: Is a directory|can't be read: Permission"):
        sound.read(tmp_path)
    for data in (b"", b"no sound" * 100, b"RIFF\x00\x00\x00\x00WAVE"):
        (tmp_path / "a.wav").write_bytes(data)
        with pytest.raises(InvalidError, match=r"can't be read as sound.*ffmpeg"):
            sound.read(tmp_path / "a.wav")


# --- the meter, without numpy -----------------------------------------------------------------------------------------


def ints(samples):
    return np.round(samples * 32767).astype(int).tolist()


def test_the_loudest_three_seconds_count():
    quiet, loud = tone(seconds=4, peak=0.01), tone(seconds=3, peak=0.5)
    level = loudness.measure(ints(np.concatenate([quiet, loud, quiet])), RATE_HZ)
    assert level.worst_dbm == pytest.approx(WORST_DBM_AT_0_DBFS - 6.02, abs=0.05)
    half = loudness.measure(ints(np.concatenate([quiet, loud[: len(loud) // 2], quiet])), RATE_HZ)
    assert half.worst_dbm == pytest.approx(WORST_DBM_AT_0_DBFS - 9.03, abs=0.05)


def test_the_mean_leaves_out_pauses():
    with_pauses = np.concatenate([tone(peak=0.3), np.zeros(3 * RATE_HZ), tone(peak=0.3)])
    level = loudness.measure(ints(with_pauses), RATE_HZ)
    assert level.mean_dbm == pytest.approx(NOMINAL_DBM_AT_0_DBFS + 20 * np.log10(0.3), abs=0.1)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (tone(peak=0.3), None),
        (np.zeros(RATE_HZ), "silent"),
        (tone(peak=0.05), "quiet"),
        (tone(peak=0.9), "loud: speech"),
        (np.sign(tone(peak=0.9)), "too loud: the limit"),
        (np.clip(babble() * 40, -0.5, 0.5), "clipped"),
        (tone(peak=0.2) + tone(100, peak=0.2), "below 200 Hz"),
        (tone(peak=0.2) + tone(6000, peak=0.2), "above 4000 Hz"),
    ],
)
def test_concerns(samples, said):
    found = loudness.concerns(loudness.measure(ints(samples), RATE_HZ))
    if said is None:
        assert found == []
    else:
        assert any(said in sentence for sentence in found), found


def test_the_meter_agrees_with_a_spectrum():
    for low_hz, gain in itertools.product((50, 120), (0.1, 1.0)):
        mixed = tone(1000, 2, 0.2) + gain * tone(low_hz, 2, 0.2) + gain * tone(6000, 2, 0.1)
        level = loudness.measure(ints(mixed), RATE_HZ)
        assert level.low_db == pytest.approx(power_db(mixed, 0, 200), abs=1)
        assert level.high_db == pytest.approx(power_db(mixed, 4000, 8001), abs=1)


@pytest.mark.parametrize("samples", [[], [0], [5], [-32768], [0] * 7])
def test_the_meter_takes_anything(samples):
    level = loudness.measure(samples, 8000)
    assert str(level)
    assert isinstance(level.as_dict(), dict)
