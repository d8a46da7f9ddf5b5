"""Small prompts for tests: a valid WAV whose samples tell one from another."""

import struct


def prompt(ms: int = 600, rate_hz: int = 16000, seed: int = 1, before: bytes = b"") -> bytes:
    """A WAV file of `ms` milliseconds of noise; `before` is put between format and sound."""
    count = rate_hz * ms // 2000 * 2
    samples = bytearray()
    state = seed
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        samples += struct.pack("<h", (state >> 16) % 8000 - 4000)
    fmt = struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz * 2, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(before) + len(samples))
        + b"WAVEfmt \x10\x00\x00\x00"
        + fmt
        + before
        + b"data"
        + struct.pack("<I", len(samples))
        + bytes(samples)
    )
