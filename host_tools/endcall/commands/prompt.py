"""`endcall prompt …`: the spoken prompts."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from endcall.errors import InvalidError, UsageError

if TYPE_CHECKING:
    from endcall.client import Client
    from endcall.sound import Shaped

from endcall.commands.shared import (
    about,
    chosen_device,
    device_options,
    emit,
    everyone_option,
    examples,
    note,
    on_devices,
    options,
    progress_bar,
    prompt_uses,
    settle,
    timeout_option,
    title,
)

RECORD_S = 10.0  # longer than a prompt may last: there is silence before and after

_path = click.Path(path_type=Path)
_out = click.argument("out", type=click.Path(path_type=Path, dir_okay=False))


@examples("endcall prompt sentences", "endcall prompt record ours.wav", "endcall prompt put ours.wav")
@click.group()
def prompt() -> None:
    """The spoken prompts: make one, send it, show, play and remove what is stored."""


# --- on this computer ---------------------------------------------------------------------------------------------


def chain() -> ModuleType:
    """`endcall.sound`. Raises UsageError where what it needs is not installed."""
    try:
        return importlib.import_module("endcall.sound")
    except (ImportError, OSError) as error:  # OSError: soundfile without its library
        raise UsageError(
            f"Sound can't be converted: {error}.",
            "numpy, soundfile and soxr do that. A WAV file that is ready (PCM 16 bit, mono, 16 kHz) can be "
            "sent without them: endcall prompt put",
            "pip install 'endcall[audio]'",
        ) from error


def _keep(kind: str, shaped: Shaped, out: Path, facts: dict[str, Any]) -> None:
    """Write a prompt to `out` and say what it is."""
    import hashlib

    from endcall import loudness

    sound = chain()
    if out.suffix.lower() != ".wav":
        raise UsageError(f"{out} would be a WAV file.", "Nothing was written.", f"Call it {out.with_suffix('.wav')}")
    data = sound.to_wav(shaped.samples)
    level = loudness.measure(shaped.samples.tolist(), sound.RATE_HZ)
    concerns = [concern for concern in loudness.concerns(level) if "clipped" not in concern]
    if shaped.is_clipped:
        concerns.append(
            "The recording was too loud for its microphone: its peaks are cut off. Record it again, quieter."
        )
    try:
        out.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{out} can't be written: {error.strerror}.", "", "Choose another file.") from error
    digest = hashlib.sha256(data).hexdigest()
    result = {
        "file": str(out),
        "bytes": len(data),
        "ms": round(shaped.duration_s * 1000),
        "level": level.as_dict(),
        "concerns": concerns,
        "sha256": digest,
        **facts,
    }
    emit(
        kind,
        result,
        lambda: (
            f"{out}: {shaped.duration_s:.1f} s of {sound.LONGEST_S:.1f} s, {len(data)} bytes\n{level}\nSHA-256 {digest}"
        ),
    )
    for concern in concerns:
        note(f"Careful: {concern}")
    note(f'Listen to it: endcall prompt play "{out}"    Send it: endcall prompt put "{out}"')


@examples(
    "endcall prompt convert recording.m4a closing.wav",
    'endcall prompt convert "Our closing.mp3" ours.wav',
)
@prompt.command("convert")
@options("--json")
@click.argument("source", metavar="IN", type=_path)
@_out
def prompt_convert(source: Path, out: Path) -> None:
    """Make the prompt OUT (WAV) of the sound file IN, whatever its format.

    Mono, 16 kHz, band-limited for the telephone, without the silence around it, evenly loud, and under the limit of
    a telephone line.
    """
    sound = chain()
    samples, rate_hz = sound.read(source)
    _keep("prompt_convert", sound.shape(samples, rate_hz, str(source)), out, {"from": str(source)})


@examples(
    "endcall prompt sentences --language en",
    "endcall prompt record closing.wav",
    "endcall prompt record --seconds 6 warning.wav",
)
@prompt.command("record")
@options("--json")
@click.option(
    "--seconds",
    default=RECORD_S,
    show_default=True,
    type=click.FloatRange(1, 60),
    metavar="SECONDS",
    help="Stop after this time; Enter stops sooner.",
)
@_out
def prompt_record(out: Path, seconds: float) -> None:
    """Record a voice with this computer's microphone, and make the prompt OUT (WAV) of it."""
    from endcall import sound_programs

    sound = chain()
    note(f"Speak now, a hand's width from the microphone. Enter ends it, or {seconds:g} s. Ctrl-C gives up.")
    with _meter(seconds) as meter:
        recorded, program = sound_programs.record(seconds, meter)
    import numpy as np

    shaped = sound.shape(np.array(recorded) / 32768, sound_programs.RECORD_RATE_HZ, "The recording")
    _keep("prompt_record", shaped, out, {"recorder": program})


@contextlib.contextmanager
def _meter(seconds: float) -> Iterator[Callable[[float, float], None]]:
    """A level meter on stderr, if that is a terminal: -60 to 0 dB, and whether it is too loud."""
    if not sys.stderr.isatty():
        yield lambda at_s, peak_db: None
        return

    def show(at_s: float, peak_db: float) -> None:
        bar = "#" * max(0, round((peak_db + 60) / 2))
        said = "too loud" if peak_db > -1 else ""
        click.echo(f"\r{at_s:4.1f} s of {seconds:g}  [{bar:<30}] {peak_db:5.0f} dB {said:<8}", err=True, nl=False)

    try:
        yield show
    finally:
        click.echo(err=True)


@examples(
    'endcall prompt say "I\'m going to end this call now. Goodbye." closing.wav',
    'endcall prompt say --voice slt "You\'re welcome to call back. Goodbye." closing.wav',
    'endcall prompt say --language de --voice de_DE-voice.onnx "Auf Wiederhören." closing.wav',
)
@prompt.command("say")
@options("--json")
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Language of the text: de, fr, …")
@click.option("--voice", metavar="VOICE", help="A voice of flite or espeak-ng, or a .onnx file for piper.")
@click.argument("text")
@_out
def prompt_say(text: str, out: Path, language: str, voice: str | None) -> None:
    """Speak TEXT with a speech program of this computer, and make the prompt OUT (WAV) of it.

    A person's voice is better; flite (English) is plain and clear, espeak-ng speaks many languages and sounds like a
    machine, piper sounds natural and needs a voice file, whose licence you should read.
    """
    from endcall import sound_programs

    sound = chain()
    if not text.strip():
        raise UsageError("There is no text to say.", "", 'endcall prompt say "Goodbye." goodbye.wav')
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said.wav"
        speaker = sound_programs.speak(text, language, voice, said)
        samples, rate_hz = sound.read(said)
    note(f"Spoken by {speaker}.")
    _keep("prompt_say", sound.shape(samples, rate_hz, "The text"), out, {"speaker": speaker})


@examples("endcall prompt sentences", "endcall prompt sentences --language de")
@prompt.command("sentences")
@options("--json")
@click.option("--language", metavar="CODE", help="One language only: de, en, es, fr, it, nl, pt.")
def prompt_sentences(language: str | None) -> None:
    """Show ready sentences for the closing and the warning, and what the person says, in seven languages."""
    from endcall.sentences import SENTENCES

    if language and language not in SENTENCES:
        raise UsageError(
            f"There are no sentences in {language!r}.", "", f"Choose one of: {', '.join(sorted(SENTENCES))}"
        )
    chosen = {code: said for code, said in SENTENCES.items() if language in (None, code)}
    rows = (
        ("closing", "played: closing"),
        ("warning", "played: warning"),
        ("acknowledge", "you, before"),
        ("limit", "you, the limit"),
        ("repeat", "you, again"),
        ("resume", "you, after"),
    )

    def human() -> str:
        return "\n\n".join(
            f"{said.name} ({code})\n" + "\n".join(f"  {where:<16} {getattr(said, what)}" for what, where in rows)
            for code, said in chosen.items()
        )

    emit("prompt_sentences", {"languages": {code: said._asdict() for code, said in chosen.items()}}, human)


@examples("endcall prompt play ours.wav", 'endcall prompt play closing.wav --name "Front desk"')
@prompt.command("play")
@device_options
@click.argument("which", metavar="FILE|NAME")
def prompt_play(which: str) -> None:
    """Play a sound file on this computer, or a prompt that is stored on the device."""
    from endcall import sound_programs

    path = Path(which)
    if path.is_file():
        emit("prompt_play", {"file": which, "player": sound_programs.play(path)}, lambda: None)
        return
    data = _stored(which)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "prompt.wav"
        copy.write_bytes(data)
        emit("prompt_play", {"prompt": which, "player": sound_programs.play(copy)}, lambda: None)


def _stored(name: str) -> bytes:
    """The prompt `name` of the chosen device."""
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        rows = client.prompts()
        names = [row["name"] for row in rows]
        if name not in names:
            raise InvalidError(
                f"There is no file {name} here, and no prompt {name} on {title(about(client))}.",
                "",
                f"It has: {', '.join(names) or 'none'}",
            )
        note(f"Reading {name} from {title(about(client))}.")
        with progress_bar(next(row["bytes"] for row in rows if row["name"] == name), False) as progress:
            return client.read_prompt(name, lambda got, total: progress(got))


# --- on the device --------------------------------------------------------------------------------------------------


@examples("endcall prompt list", "endcall prompt list --json")
@prompt.command("list")
@device_options
def prompt_list() -> None:
    """Show the stored prompts, and what is wrong with them, if anything is."""
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        rows = client.prompts()
        used = prompt_uses(client.get())
        device = about(client)

    def human() -> Any:
        from endcall import render

        return render.prompts(rows, used)

    emit("prompts", {"device": device, "prompts": rows, "used": used}, human)


@examples("endcall prompt put closing.wav", "endcall prompt put recording.wav --as closing.wav --all")
@prompt.command("put")
@device_options
@everyone_option
@timeout_option
@click.option("--as", "wanted", metavar="NAME", help="Name on the device; that of the file if not given.")
@click.argument("file", type=_path)
def prompt_put(file: Path, wanted: str | None, everyone: bool, wait_s: float) -> None:
    """Send FILE (WAV, PCM 16 bit, mono, 16 kHz) and compare what arrived."""
    import hashlib

    from endcall import loudness, prompt_file
    from endcall_core.wire import crc

    name, data, sound = prompt_file.read(file, wanted)
    level = prompt_file.level(data, sound)
    concerns = loudness.concerns(level)
    digest = hashlib.sha256(data).hexdigest()
    note(f"{name}: {sound.duration_ms / 1000:.1f} s at {sound.rate_hz} Hz, {len(data)} bytes")
    note(str(level))
    for concern in concerns:
        note(f"Careful: {concern}")
    if concerns:
        note(f"Better: {prompt_file.convert_command(file)}")

    def job(client: Client) -> dict[str, Any]:
        there = {row["name"]: row for row in client.prompts()}.get(name)
        is_there = bool(there and there["crc"] == crc(data) and not there["problem"])
        if not is_there:
            with progress_bar(len(data), everyone) as progress:
                client.put_prompt(name, data, progress)
        return {
            "prompt": name,
            "bytes": len(data),
            "ms": sound.duration_ms,
            "sent": not is_there,
            "used": prompt_uses(client.get()).get(name, []),
        }

    results = on_devices(everyone, wait_s, job)

    def human() -> str:
        lines = []
        for result in results:
            if result["ok"]:
                said = "sent, read back and compared" if result["sent"] else "was there already"
                lines.append(f"{title(result['device'])}: {name} {said}")
        return "\n".join([*lines, f"SHA-256 {digest}"])

    facts = {"level": level.as_dict(), "concerns": concerns, "sha256": digest}
    emit("prompt_put", {"devices": results, **facts}, human)
    if any(result["ok"] and not result["used"] for result in results):
        note(f"No setting uses {name} yet: endcall set prompt.closing {name}   (or prompt.warning)")
    settle(results)


@examples("endcall prompt remove old.wav")
@prompt.command("remove")
@device_options
@timeout_option
@click.argument("prompt_name", metavar="NAME")
def prompt_remove(prompt_name: str, wait_s: float) -> None:
    """Free the slot of a prompt that no setting names."""

    def job(client: Client) -> dict[str, Any]:
        client.remove_prompt(prompt_name)
        return {"prompt": prompt_name}

    results = on_devices(False, wait_s, job)
    emit("prompt_remove", {"devices": results}, lambda: f"{title(results[0]['device'])}: {prompt_name} removed")
