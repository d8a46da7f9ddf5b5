"""Prompts on this computer: judged before anything is sent to a device or written into an image."""

from __future__ import annotations

from pathlib import Path

from endcall import loudness
from endcall.errors import InvalidError, UsageError
from endcall_core import layout, settings, wav


def read(path: Path, name: str | None = None) -> tuple[str, bytes, wav.Wav]:
    """The prompt in file `path`: its name on the device (`name`, or that of the file), its bytes, its sound.

    Raises UsageError where it can't be read, InvalidError where the device could not play it or has no room for it.
    """
    name = path.name if name is None else name
    problem = settings.check("prompt.closing", name)
    if problem:
        raise InvalidError(
            f"{name!r} can't be the name of a prompt: it {problem[2]}.",
            "Nothing was changed.",
            "Give it another name with --as NAME.wav",
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "", "Check the name of the file.") from error
    try:
        sound = wav.parse(data[: wav.HEAD_BYTES], len(data))
    except wav.WavError as error:
        raise InvalidError(
            f"{path} can't be used as a prompt: {error}.",
            "Nothing was changed.",
            f"Or make one of it: {convert_command(path)}",
        ) from error
    if len(data) > layout.SLOT_BYTES:
        longest_s = layout.SLOT_BYTES / 2 / sound.rate_hz
        raise InvalidError(
            f"{path} does not fit, it is {sound.duration_ms / 1000 - longest_s:.1f} s too long: it has {len(data)} "
            f"bytes, and the device takes {layout.SLOT_BYTES}.",
            f"That is {longest_s:.1f} s; it lasts {sound.duration_ms / 1000:.1f} s.",
            "Make it shorter. Nothing was changed.",
        )
    return name, data, sound


def level(data: bytes, sound: wav.Wav) -> loudness.Level:
    """How loud the prompt with the content `data` is on the line."""
    return loudness.measure(loudness.samples_of(data[sound.data_at : sound.file_bytes]), sound.rate_hz)


def convert_command(path: Path) -> str:
    """What makes a good prompt of the file `path`."""
    return f'endcall prompt convert "{path}" "{path.stem}_line.wav"'
