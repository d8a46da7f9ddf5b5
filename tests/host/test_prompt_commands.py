"""`endcall prompt convert, record, say, sentences, play, put`: what they print, write and refuse, with what exit code.

Programs that record, speak and play are stood in for by small ones on PATH; the real flite speaks where it is there.
"""

import hashlib
import os
import shutil
import sys
import wave

import numpy as np
import pytest
import soundfile

from endcall import loudness, sound
from endcall.sentences import SENTENCES
from endcall_core import layout, wav

from .test_prompt_sound import babble, tone


@pytest.fixture
def bin_folder(tmp_path, monkeypatch):
    """The only folder on PATH, and no sounddevice: what this computer has must not matter."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setattr(sys, "platform", "linux")
    return folder


def program(folder, name, body):
    """A program `name` that runs the Python `body`; `seen` in it is a function that keeps what it is given."""
    path = folder / name
    log = folder / f"{name}.log"
    seen = f"import sys\nseen = lambda *said: open({str(log)!r}, 'a').write(repr(said))\nseen(*sys.argv[1:])\n"
    path.write_text(f"#!{sys.executable}\n{seen}{body}\n")
    path.chmod(0o755)
    return log


def recording(folder, samples, name="said.raw"):
    """`samples` as raw bytes in a file; returns its path as a literal."""
    path = folder / name
    path.write_bytes(np.round(samples * 32767).astype("<i2").tobytes())
    return repr(str(path))


def recorder(folder, samples):
    return program(folder, "arecord", f"sys.stdout.buffer.write(open({recording(folder, samples)}, 'rb').read())")


def the_prompt(path):
    """What is in a finished prompt, after the device's own judgement."""
    data = path.read_bytes()
    parsed = wav.parse(data[:512], len(data))
    assert parsed.rate_hz == 16000
    assert len(data) <= layout.SLOT_BYTES
    return data, loudness.samples_of(data[44:])


# --- convert ----------------------------------------------------------------------------------------------------------


def test_convert(computer, tmp_path):
    soundfile.write(tmp_path / "in.flac", np.stack([babble(3, 44100)] * 2, axis=1), 44100)
    result = computer.run("prompt", "convert", tmp_path / "in.flac", tmp_path / "out.wav")
    assert result.code == 0
    data, samples = the_prompt(tmp_path / "out.wav")
    assert loudness.measure(samples, 16000).mean_dbm == pytest.approx(-19.1, abs=0.4)
    for said in (" s of 5.", f"{len(data)} bytes", "-19.", "limit -9 dBm", hashlib.sha256(data).hexdigest()):
        assert said in result.out
    assert "endcall prompt put" in result.err
    assert "Careful" not in result.err
    facts = computer.run("prompt", "convert", tmp_path / "in.flac", tmp_path / "out.wav", "--json").json
    assert facts["schema"] == "endcall.prompt_convert/1"
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()
    assert facts["level"]["peak_dbm"] < -9
    assert facts["concerns"] == []
    assert computer.opened == []


def test_a_converted_prompt_is_sent_without_a_warning(computer, tmp_path):
    desk = computer.plug()
    soundfile.write(tmp_path / "in.wav", babble(2), 16000)
    computer.run("prompt", "convert", tmp_path / "in.wav", tmp_path / "out.wav")
    result = computer.run("prompt", "put", tmp_path / "out.wav")
    assert result.code == 0
    assert "Careful" not in result.err
    assert "dBm on the line" in result.err
    assert f"SHA-256 {hashlib.sha256((tmp_path / 'out.wav').read_bytes()).hexdigest()}" in result.out
    assert "out.wav" in desk.app.prompts.table


def test_convert_again_changes_little(computer, tmp_path):
    soundfile.write(tmp_path / "in.wav", babble(2), 16000)
    computer.run("prompt", "convert", tmp_path / "in.wav", tmp_path / "one.wav")
    computer.run("prompt", "convert", tmp_path / "one.wav", tmp_path / "two.wav")
    one, two = (loudness.measure(the_prompt(tmp_path / f"{name}.wav")[1], 16000) for name in ("one", "two"))
    assert one.mean_dbm == pytest.approx(two.mean_dbm, abs=0.2)
    assert not two.is_clipped


def refused(computer, tmp_path, samples, rate_hz=16000, name="in.wav", out="out.wav", **how):
    soundfile.write(tmp_path / name, samples, rate_hz, **how)
    result = computer.run("prompt", "convert", tmp_path / name, tmp_path / out)
    assert not (tmp_path / out).exists()
    return result


def test_convert_refuses_silence(computer, tmp_path):
    result = refused(computer, tmp_path, np.zeros(16000))
    assert result.code == 7
    assert "in.wav is silent" in result.err
    assert "microphone" in result.err


def test_convert_refuses_what_is_too_long_and_says_by_how_much(computer, tmp_path):
    result = refused(computer, tmp_path, tone(seconds=9))
    assert result.code == 7
    assert (
        f"{9 - sound.LONGEST_S:.1f} s too long: it lasts 9.0 s, and the device takes {sound.LONGEST_S:.1f} s"
        in result.err
    )
    assert "fewer words" in result.err


def test_convert_refuses_another_name_than_wav(computer, tmp_path):
    result = refused(computer, tmp_path, babble(2), out="out.mp3")
    assert result.code == 2
    assert "out.wav" in result.err


@pytest.mark.parametrize(
    ("data", "code", "said"), [(None, 2, "No such file"), (b"?" * 999, 7, "can't be read as sound")]
)
def test_convert_refuses_what_it_can_not_read(computer, tmp_path, bin_folder, data, code, said):
    if data:
        (tmp_path / "in.m4a").write_bytes(data)
    result = computer.run("prompt", "convert", tmp_path / "in.m4a", tmp_path / "out.wav")
    assert result.code == code
    assert said in result.err
    if data:
        assert "install ffmpeg" in result.err
    assert not (tmp_path / "out.wav").exists()


def test_what_a_phone_records_goes_through_ffmpeg(computer, tmp_path, bin_folder):
    soundfile.write(tmp_path / "decoded.wav", babble(2), 16000)
    (tmp_path / "in.m4a").write_bytes(b"?" * 999)
    log = program(
        bin_folder, "ffmpeg", f"sys.stdout.buffer.write(open({str(tmp_path / 'decoded.wav')!r}, 'rb').read())"
    )
    assert computer.run("prompt", "convert", tmp_path / "in.m4a", tmp_path / "out.wav").code == 0
    assert str(tmp_path / "in.m4a") in log.read_text()
    the_prompt(tmp_path / "out.wav")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_the_real_ffmpeg_reads_m4a(computer, tmp_path):
    soundfile.write(tmp_path / "in.wav", babble(2), 16000)
    assert os.system(f"ffmpeg -v error -i {tmp_path}/in.wav -c:a aac {tmp_path}/in.m4a") == 0
    assert computer.run("prompt", "convert", tmp_path / "in.m4a", tmp_path / "out.wav").code == 0


def test_convert_says_that_the_recording_was_clipped(computer, tmp_path):
    soundfile.write(tmp_path / "in.wav", np.clip(babble(2) * 20, -1, 0.99), 16000)
    result = computer.run("prompt", "convert", tmp_path / "in.wav", tmp_path / "out.wav")
    assert result.code == 0
    assert "peaks are cut off. Record it again, quieter" in result.err


def test_where_it_can_not_be_written(computer, tmp_path):
    soundfile.write(tmp_path / "in.wav", babble(2), 16000)
    result = computer.run("prompt", "convert", tmp_path / "in.wav", tmp_path / "nowhere" / "out.wav")
    assert result.code == 2
    assert "can't be written" in result.err


@pytest.mark.parametrize("missing", ["soundfile", "soxr", "numpy"])
@pytest.mark.parametrize(
    "command", [("convert", "in.wav", "out.wav"), ("say", "Goodbye.", "out.wav"), ("record", "out.wav")]
)
def test_without_the_extra_it_says_what_to_install(computer, monkeypatch, missing, command):
    monkeypatch.delitem(sys.modules, "endcall.sound", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    result = computer.run("prompt", *command)
    assert result.code == 2
    assert missing in result.err
    assert "pip install 'endcall[audio]'" in result.err
    assert "endcall prompt put" in result.err  # what goes without


def test_a_ready_file_needs_no_extra(computer, tmp_path, monkeypatch):
    desk = computer.plug()
    (tmp_path / "ours.wav").write_bytes(sound.to_wav((babble(2) * 32767).astype(np.int16)))
    for name in ("soundfile", "soxr", "numpy", "endcall.sound"):
        monkeypatch.setitem(sys.modules, name, None)
    assert computer.run("prompt", "put", tmp_path / "ours.wav").code == 0
    assert "ours.wav" in desk.app.prompts.table


# --- put --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (tone(seconds=2, peak=0.02), "quiet"),
        (tone(seconds=2, peak=0.95), "loud"),
        (np.sign(tone(440, seconds=2)), "too loud: the limit on a line is -9 dBm"),
        (np.zeros(32000), "silent"),
        (np.clip(babble(2) * 20, -1, 0.99), "clipped"),
        (tone(100, 2, 0.3), "below 200 Hz"),
    ],
)
def test_put_warns_and_names_the_command(computer, tmp_path, samples, said):
    desk = computer.plug()
    (tmp_path / "ours.wav").write_bytes(sound.to_wav(np.round(samples * 32767).astype(np.int16)))
    result = computer.run("prompt", "put", tmp_path / "ours.wav")
    assert result.code == 0
    assert "ours.wav" in desk.app.prompts.table
    assert any(said in line for line in result.err.splitlines() if line.startswith("Careful: ")), result.err
    assert f'endcall prompt convert "{tmp_path / "ours.wav"}" "ours_line.wav"' in result.err
    assert computer.run("prompt", "put", tmp_path / "ours.wav", "--json").json["concerns"]


def test_what_put_refuses_can_be_converted(computer, tmp_path):
    soundfile.write(tmp_path / "ours.wav", np.stack([babble(2, 44100)] * 2, axis=1), 44100, subtype="PCM_U8")
    result = computer.run("prompt", "put", tmp_path / "ours.wav")
    assert result.code == 7
    assert "endcall prompt convert" in result.err
    assert computer.run("prompt", "convert", tmp_path / "ours.wav", tmp_path / "ours_line.wav").code == 0


def test_put_says_by_how_much_it_is_too_long(computer, tmp_path):
    (tmp_path / "ours.wav").write_bytes(sound.to_wav(np.zeros(16000 * 8, np.int16)))
    result = computer.run("prompt", "put", tmp_path / "ours.wav")
    assert result.code == 7
    assert f"{8 - layout.SLOT_BYTES / 32000:.1f} s too long" in result.err


# --- record -----------------------------------------------------------------------------------------------------------


def test_record(computer, tmp_path, bin_folder):
    log = recorder(bin_folder, babble(4, 48000))
    result = computer.run("prompt", "record", tmp_path / "out.wav", "--seconds", "3", "--json")
    assert result.code == 0
    assert result.json["recorder"] == "arecord"
    assert "S16_LE" in log.read_text()
    _, samples = the_prompt(tmp_path / "out.wav")
    assert 2.4 < len(samples) / 16000 < 3.1  # of the 4 s that came
    assert loudness.measure(samples, 16000).mean_dbm == pytest.approx(-19.1, abs=0.4)


def test_record_ends_a_recorder_that_would_go_on(computer, tmp_path, bin_folder):
    said = recording(bin_folder, babble(2, 48000))
    program(bin_folder, "arecord", f"said = open({said}, 'rb').read()\nwhile True: sys.stdout.buffer.write(said)")
    assert computer.run("prompt", "record", tmp_path / "out.wav", "--seconds", "2").code == 0
    the_prompt(tmp_path / "out.wav")


def test_record_shows_a_meter(computer, tmp_path, bin_folder, monkeypatch, capsys):
    from endcall.commands import prompt

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with prompt._meter(10) as meter:
        meter(1.0, -30)
        meter(1.1, 0)
    shown = capsys.readouterr().err
    assert "-30 dB" in shown
    assert "[" + "#" * 15 + " " * 15 + "]" in shown
    assert shown.rstrip().endswith("too loud")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.stderr.write('ALSA: nothing\\narecord: main:830: audio open error\\n'); sys.exit(1)", "audio open error"),
        ("pass", "it said nothing"),
    ],
)
def test_a_recorder_that_fails(computer, tmp_path, bin_folder, body, said):
    program(bin_folder, "arecord", body)
    result = computer.run("prompt", "record", tmp_path / "out.wav")
    assert result.code == 2
    assert f"arecord could not record: {said}" in result.err.replace("arecord: main:830: ", "")
    assert "phone" in result.err
    assert not (tmp_path / "out.wav").exists()


def test_a_microphone_that_is_mute(computer, tmp_path, bin_folder):
    recorder(bin_folder, np.zeros(48000 * 3))
    result = computer.run("prompt", "record", tmp_path / "out.wav", "--seconds", "2")
    assert result.code == 7
    assert "The recording is silent" in result.err


def test_nothing_that_records(computer, tmp_path, bin_folder):
    result = computer.run("prompt", "record", tmp_path / "out.wav")
    assert result.code == 2
    assert "No program that records" in result.err
    assert "pip install sounddevice" in result.err
    assert "alsa-utils" in result.err


def test_sounddevice_comes_first(computer, tmp_path, bin_folder, monkeypatch):
    said = np.round(babble(4, 48000) * 32767).astype("<i2").tobytes()

    class Stream:
        def __init__(self, rate_hz, channels, dtype):
            assert (rate_hz, channels, dtype) == (48000, 1, "int16")
            self.at = 0

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def read(self, frames):
            self.at += frames * 2
            return said[self.at - frames * 2 : self.at], False

    class SoundDevice:
        RawInputStream = Stream
        PortAudioError = type("PortAudioError", (Exception,), {})

    monkeypatch.setitem(sys.modules, "sounddevice", SoundDevice)
    result = computer.run("prompt", "record", tmp_path / "out.wav", "--seconds", "3", "--json")
    assert result.json["recorder"] == "sounddevice"
    the_prompt(tmp_path / "out.wav")


# --- say --------------------------------------------------------------------------------------------------------------


def speaker(folder, name, option):
    """A program that "speaks" into the file behind `option`."""
    soundfile.write(folder / "spoken.wav", babble(2, 22050), 22050)
    copy = (
        f"open(sys.argv[sys.argv.index({option!r}) + 1], 'wb').write(open({str(folder / 'spoken.wav')!r}, 'rb').read())"
    )
    return program(folder, name, f"seen(sys.stdin.read())\n{copy}")


def test_say_in_english_with_flite(computer, tmp_path, bin_folder):
    log = speaker(bin_folder, "flite", "-o")
    speaker(bin_folder, "espeak-ng", "-w")
    result = computer.run("prompt", "say", "Goodbye, then.", tmp_path / "out.wav", "--json")
    assert result.json["speaker"] == "flite, voice rms"
    assert "'Goodbye, then.'" in log.read_text()
    the_prompt(tmp_path / "out.wav")


def test_say_in_another_language_with_espeak(computer, tmp_path, bin_folder):
    speaker(bin_folder, "flite", "-o")
    log = speaker(bin_folder, "espeak-ng", "-w")
    result = computer.run("prompt", "say", "--language", "de", "Auf Wiederhören, Ö.", tmp_path / "out.wav", "--json")
    assert result.json["speaker"] == "espeak-ng, voice de"
    assert "'-v', 'de'" in log.read_text()
    assert "'Auf Wiederhören, Ö.'" in log.read_text()
    the_prompt(tmp_path / "out.wav")


def test_say_with_pipers_voice(computer, tmp_path, bin_folder):
    log = speaker(bin_folder, "piper", "--output_file")
    voice = tmp_path / "nl.onnx"
    result = computer.run("prompt", "say", "--voice", voice, "Tot ziens.", tmp_path / "out.wav")
    assert result.code == 2
    assert "is not there" in result.err
    voice.write_bytes(b"x")
    result = computer.run("prompt", "say", "--voice", voice, "Tot ziens.", tmp_path / "out.wav", "--json")
    assert result.json["speaker"] == f"piper, voice {voice}"
    assert "'Tot ziens.'" in log.read_text()
    (bin_folder / "piper").unlink()
    result = computer.run("prompt", "say", "--voice", voice, "Tot ziens.", tmp_path / "out.wav")
    assert result.code == 2
    assert "pip install piper-tts" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "apt install flite"),
        (("--voice", "slt"), "apt install flite"),
        (("--language", "fr"), "apt install espeak-ng"),
        (("--language", "fr", "--voice", "rms"), "English only"),
    ],
)
def test_nothing_that_speaks(computer, tmp_path, bin_folder, arguments, said):
    result = computer.run("prompt", "say", *arguments, "Au revoir.", tmp_path / "out.wav")
    assert result.code == 2
    assert said in result.err


def test_a_speaker_that_fails(computer, tmp_path, bin_folder):
    program(bin_folder, "espeak-ng", "sys.stderr.write('no such voice\\n'); sys.exit(1)")
    result = computer.run("prompt", "say", "--language", "xx", "Hm.", tmp_path / "out.wav")
    assert result.code == 2
    assert "espeak-ng could not say it: no such voice" in result.err
    assert "espeak-ng --voices" in result.err


def test_no_text(computer, tmp_path):
    assert computer.run("prompt", "say", " ", tmp_path / "out.wav").code == 2


# --- play -------------------------------------------------------------------------------------------------------------


def test_play_a_file(computer, tmp_path, bin_folder):
    soundfile.write(tmp_path / "ours.wav", babble(1), 16000)
    log = program(bin_folder, "aplay", "")
    assert computer.run("prompt", "play", tmp_path / "ours.wav").code == 0
    assert str(tmp_path / "ours.wav") in log.read_text()
    assert computer.opened == []


def test_play_what_is_stored(computer, tmp_path, bin_folder):
    computer.plug()
    program(bin_folder, "aplay", f"open({str(tmp_path / 'heard.wav')!r}, 'wb').write(open(sys.argv[-1], 'rb').read())")
    assert computer.run("prompt", "play", "closing.wav").code == 0
    shipped = computer.run("prompt", "list", "--json").json["prompts"][0]
    assert len((tmp_path / "heard.wav").read_bytes()) == shipped["bytes"]
    result = computer.run("prompt", "play", "nowhere.wav")
    assert result.code == 7
    assert "It has: closing.wav, warning.wav" in result.err


def test_a_player_that_fails_and_none(computer, tmp_path, bin_folder):
    soundfile.write(tmp_path / "ours.wav", babble(1), 16000)
    result = computer.run("prompt", "play", tmp_path / "ours.wav")
    assert result.code == 2
    assert "alsa-utils" in result.err
    program(bin_folder, "aplay", "sys.stderr.write('no sound card\\n'); sys.exit(1)")
    result = computer.run("prompt", "play", tmp_path / "ours.wav")
    assert result.code == 2
    assert "no sound card" in result.err


# --- sentences --------------------------------------------------------------------------------------------------------


def test_sentences(computer):
    result = computer.run("prompt", "sentences")
    assert result.code == 0
    for said in SENTENCES.values():
        for text in said:
            assert text in result.out
    german = computer.run("prompt", "sentences", "--language", "de")
    assert "Auf Wiederhören" in german.out
    assert "Goodbye" not in german.out
    assert set(computer.run("prompt", "sentences", "--json").json["languages"]) == {
        "en",
        "es",
        "fr",
        "de",
        "pt",
        "it",
        "nl",
    }
    refused = computer.run("prompt", "sentences", "--language", "xx")
    assert refused.code == 2
    assert "de, en, es, fr, it, nl, pt" in refused.err


@pytest.mark.parametrize("language", SENTENCES)
def test_each_language_says_all_and_briefly(language):
    said = SENTENCES[language]
    assert all(text.strip() == text and text for text in said)
    assert "  " not in " ".join(said)
    assert len(said.closing) <= 105  # 18 characters a second are fluent speech; a prompt has 5.9 s
    assert len(said.warning) <= 105
    assert said.closing.count(".") >= 4  # what happens, the invitation, thanks, goodbye
    assert said.warning.count(".") == 3  # empathy, limit, choice


# --- the shipped ones -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
def test_the_real_flite(computer, tmp_path):
    result = computer.run("prompt", "say", SENTENCES["en"].warning, tmp_path / "out.wav", "--json")
    assert result.code == 0
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert 3 < file.getnframes() / file.getframerate() < 5.9
    assert result.json["concerns"] == []
