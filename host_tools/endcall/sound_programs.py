"""Programs of this computer that speak, record and play: which is there, how it is called, what to install.

None of them is needed for anything else, so none is a dependency.
"""

from __future__ import annotations

import contextlib
import math
import re
import shutil
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable, Generator
from pathlib import Path

from endcall.errors import UsageError

RECORD_RATE_HZ = 48000  # what every sound card does by itself
_CHUNK_BYTES = RECORD_RATE_HZ // 10 * 2  # 100 ms
_TIMEOUT_S = 120

FLITE_VOICES = ("rms", "slt", "awb", "kal16", "kal")

_RAW = ("-f", "s16le", "-ac", "1", "-ar", str(RECORD_RATE_HZ), "-")
_RECORDERS = (
    (("linux",), "arecord", ("-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(RECORD_RATE_HZ), "-")),
    (("linux",), "ffmpeg", ("-v", "error", "-nostdin", "-f", "pulse", "-i", "default", *_RAW)),
    (("darwin",), "ffmpeg", ("-v", "error", "-nostdin", "-f", "avfoundation", "-i", ":default", *_RAW)),
    (
        ("linux", "darwin", "win32"),
        "sox",
        ("-q", "-d", "-t", "raw", "-r", str(RECORD_RATE_HZ), "-e", "signed", "-b", "16", "-c", "1", "-L", "-"),
    ),
)
_PLAYERS = (
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("afplay",),
    ("ffplay", "-v", "error", "-nodisp", "-autoexit"),
    ("play", "-q"),
)


# --- speaking ---------------------------------------------------------------------------------------------------------


def speak(text: str, language: str, voice: str | None, out: Path) -> str:
    """Say `text` into the WAV file `out`; returns what spoke it.

    piper where `voice` is one of its .onnx files; else flite for English, and espeak-ng. Raises UsageError where none
    of them is installed, where a voice is not known, and where the program fails.
    """
    program, arguments = _speaker(language, voice)
    result = _run([program, *arguments, *_last_arguments(program, text, out)], text)
    if result.returncode or not out.exists() or not out.stat().st_size:
        raise UsageError(
            f"{Path(program).stem} could not say it: {_last_line(result.stderr)}",
            "Nothing was written.",
            {
                "espeak-ng": "See which languages and voices it has: espeak-ng --voices",
                "flite": "See which voices it has: flite -lv",
                "piper": "Beside FILE.onnx it wants FILE.onnx.json.",
            }[program],
        )
    return f"{Path(program).stem}, voice {voice or arguments[1]}"


def _speaker(language: str, voice: str | None) -> tuple[str, list[str]]:
    """The program for this language and voice, and its arguments; the second one is the voice."""
    if voice and voice.endswith(".onnx"):
        if not Path(voice).exists():
            raise UsageError(f"{voice} is not there.", "It would be a voice for piper.", "Check the name of the file.")
        if not shutil.which("piper"):
            raise UsageError(
                "piper is not installed.", "It speaks with voices in .onnx files.", "pip install piper-tts"
            )
        return "piper", ["--model", voice]
    is_english = language.split("-")[0] == "en"
    if is_english and (not voice or voice in FLITE_VOICES) and shutil.which("flite"):
        return "flite", ["-voice", voice or FLITE_VOICES[0]]
    if voice in FLITE_VOICES:
        if not is_english:
            raise UsageError(f"flite's voice {voice} speaks English only.", "", "Leave out --voice, or --language.")
        raise UsageError("flite is not installed.", f"The voice {voice} is one of its own.", _how_to_get("flite"))
    if shutil.which("espeak-ng"):
        return "espeak-ng", ["-v", voice or language, "-s", "180"]
    wanted = ("flite", "espeak-ng") if is_english else ("espeak-ng",)
    raise UsageError(
        f"No program that speaks {language} was found: {' or '.join(wanted)}.",
        "A person's voice is better anyway: endcall prompt record",
        _how_to_get(wanted[0])
        + ". Or piper (pip install piper-tts) with a voice of its own: --voice FILE.onnx. "
        + "Read the voice's licence first: some allow research only",
    )


def _last_arguments(program: str, text: str, out: Path) -> list[str]:
    """Where the text is (espeak-ng and piper read it from stdin) and where the sound goes."""
    return {
        "piper": ["--output_file", str(out)],
        "flite": ["-t", text, "-o", str(out)],
        "espeak-ng": ["--stdin", "-w", str(out)],
    }[program]


# --- recording --------------------------------------------------------------------------------------------------------


def record(seconds: float, progress: Callable[[float, float], None]) -> tuple[array, str]:
    """16-bit samples at RECORD_RATE_HZ from the microphone, and what recorded them.

    Ends after `seconds`, or when Enter is pressed. `progress` is told every 100 ms how long it has been (s) and how
    loud the loudest sample was since (dB against full scale). Raises UsageError where nothing that records is
    installed, or where it fails.
    """
    chunks, name = _sounddevice() or _recorder()
    samples = array("h")
    is_over = threading.Event()
    threading.Thread(target=_wait_for_enter, args=(is_over,), daemon=True).start()
    with contextlib.closing(chunks):
        for chunk in chunks:
            part = array("h", chunk[: len(chunk) // 2 * 2])
            if sys.byteorder == "big":
                part.byteswap()
            samples += part
            peak = max((abs(sample) for sample in part), default=0)
            progress(len(samples) / RECORD_RATE_HZ, 20 * math.log10(max(peak, 1) / 32768))
            if is_over.is_set() or len(samples) >= seconds * RECORD_RATE_HZ:
                break
    return samples, name


def _wait_for_enter(is_over: threading.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        if sys.stdin.readline():  # "" is the end of a pipe, and nobody's Enter
            is_over.set()


def _sounddevice() -> tuple[Generator[bytes, None, None], str] | None:
    try:
        import sounddevice  # type: ignore[import-untyped]
    except (ImportError, OSError):  # OSError: the package is there, the PortAudio library is not
        return None

    def chunks() -> Generator[bytes, None, None]:
        try:
            with sounddevice.RawInputStream(RECORD_RATE_HZ, channels=1, dtype="int16") as stream:
                while True:
                    yield bytes(stream.read(_CHUNK_BYTES // 2)[0])
        except sounddevice.PortAudioError as error:
            raise _no_recording("sounddevice", str(error)) from error

    return chunks(), "sounddevice"


def _recorder() -> tuple[Generator[bytes, None, None], str]:
    for platforms, program, arguments in _RECORDERS:
        if sys.platform in platforms and shutil.which(program):
            return _chunks_of(program, arguments), program
    raise UsageError(
        "No program that records was found on this computer.",
        "Another way is a phone's voice recorder: endcall prompt convert takes its file.",
        "Install one: pip install sounddevice"
        + (" (and apt install libportaudio2), or apt install alsa-utils" if sys.platform == "linux" else ", or sox"),
    )


def _chunks_of(program: str, arguments: tuple[str, ...]) -> Generator[bytes, None, None]:
    process = subprocess.Popen(
        [_found(program), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    try:
        got = 0
        while chunk := process.stdout.read(_CHUNK_BYTES):
            got += len(chunk)
            yield chunk
        said = process.stderr.read().decode(errors="replace")
        if process.wait() or not got:
            raise _no_recording(program, _last_line(said))
    finally:
        process.terminate()
        process.stdout.close()
        process.stderr.close()
        process.wait()


def _no_recording(program: str, said: str) -> UsageError:
    return UsageError(
        f"{program} could not record: {said}",
        "There is no microphone, it is in use, or this program may not use it.",
        "Check the sound settings of this computer, or record with a phone: endcall prompt convert takes its file.",
    )


# --- playing ----------------------------------------------------------------------------------------------------------


def play(path: Path) -> str:
    """Play the sound file `path` to its end on this computer; returns what played it. Raises UsageError."""
    for program, *arguments in _PLAYERS:
        if shutil.which(program):
            result = _run([program, *arguments, str(path)])
            if result.returncode:
                raise UsageError(
                    f"{program} could not play {path}: {_last_line(result.stderr)}",
                    "",
                    "Check the sound settings of this computer.",
                )
            return program
    if sys.platform == "win32":
        import winsound

        winsound.PlaySound(str(path), winsound.SND_FILENAME)
        return "Windows"
    raise UsageError(
        "No program that plays was found on this computer.",
        "",
        "Install one, " + _how_to_get("alsa-utils") + ", or open the file with any player",
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def decode(path: Path, seconds: float) -> bytes | None:
    """The first `seconds` of the sound in `path` as a WAV file, by ffmpeg; None where it is missing or can't."""
    if not shutil.which("ffmpeg"):
        return None
    command = [_found("ffmpeg"), "-v", "error", "-nostdin", "-i", str(path.resolve()), "-vn", "-t", f"{seconds:g}"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        result = subprocess.run([*command, "-f", "wav", "-"], capture_output=True, timeout=_TIMEOUT_S)
        if not result.returncode and result.stdout:
            return result.stdout
    return None


# --- all --------------------------------------------------------------------------------------------------------------


def _found(program: str) -> str:
    return shutil.which(program) or program


def _run(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [_found(command[0]), *command[1:]],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{command[0]} did not finish within {_TIMEOUT_S} s.", "", "Try another program.") from error


def _how_to_get(package: str) -> str:
    if sys.platform == "linux":
        return f"on Debian or Ubuntu: apt install {package}"
    return f"brew install {package}" if sys.platform == "darwin" else f"see the site of {package}"


def _last_line(said: str) -> str:
    lines = [re.sub(r"\s+", " ", line).strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
