"""Reading the header of a prompt: PCM, 16 bit, mono, 16 kHz.

CircuitPython's own WaveFile trusts the header (a sample rate of 0 runs at the system clock, a truncated file
ends in silence without an error) and refuses some that others read (a format that does not come first, or has more
than 18 bytes), so a header is read and judged here before it gets near the speaker.
"""

import struct

RATE_HZ = 16000  # the one rate that the sound module (MAX98357A) is specified for and speech needs; others stay mute
SHORTEST_MS = 200  # no word is shorter; and `call.PROMPT_SHORT_MS` before its end it must not be over yet
LONGEST_MS = 15000  # AS/CA S002 wants self-answering equipment to let go within 30 s; this leaves room

#: How many bytes from the start `parse` wants to see; a header with more in front of the sound is refused.
HEAD_BYTES = 512


class WavError(ValueError):
    """The file is no prompt; the message says why and what to do."""


class Wav:
    """Where the sound lies in a file: `data_at` and `data_bytes` in bytes, `rate_hz`, `duration_ms`."""

    def __init__(self, rate_hz, data_at, data_bytes):
        self.rate_hz = rate_hz
        self.data_at = data_at
        self.data_bytes = data_bytes
        self.file_bytes = data_at + data_bytes
        self.duration_ms = data_bytes * 500 // rate_hz


def parse(head, size):
    """The `Wav` described by `head`, the first up to 512 bytes of a file of `size` bytes.

    Raises WavError for everything that the device would not play to its end, truncation above all.
    """
    if len(head) < 44 or bytes(head[0:4]) != b"RIFF" or bytes(head[8:12]) != b"WAVE":
        raise WavError("it is not a WAV file; export it as WAV, PCM 16 bit, mono")
    if bytes(head[12:16]) != b"fmt ":
        raise WavError("it does not begin with its format; export it without tags")
    length, encoding, channels, rate_hz, _, _, bits, extra = struct.unpack_from("<IHHIIHHH", head, 16)
    if encoding != 1 or bits != 16 or not (length == 16 or (length == 18 and extra == 0)):
        raise WavError("its encoding is not plain PCM 16 bit; export it as WAV, PCM 16 bit")
    if channels != 1:
        raise WavError(f"it has {channels} channels; export it as mono")
    if rate_hz != RATE_HZ:
        raise WavError(f"its sample rate is {rate_hz} Hz; the sound module takes {RATE_HZ} Hz only")
    at = 20 + length
    while at + 8 <= len(head):
        name = bytes(head[at : at + 4])
        length = struct.unpack_from("<I", head, at + 4)[0]
        at += 8
        if name == b"data":
            break
        if length & 1:  # the format has a byte of padding then, which WaveFile does not pass over
            raise WavError("a tag of odd length stands before its sound; export it without tags")
        at += length
    else:
        raise WavError(f"no sound within its first {HEAD_BYTES} bytes; export it without tags")
    if length == 0:
        raise WavError("there is no sound in it")
    if at + length > size:
        raise WavError(f"it is cut off: {size - at} of {length} bytes are there; copy it again")
    if length % 4:
        raise WavError(f"its sound is {length} bytes long, which is not a multiple of 4; pad it by a sample")
    wav = Wav(rate_hz, at, length)
    if wav.duration_ms < SHORTEST_MS:
        raise WavError(f"it lasts {wav.duration_ms} ms; {SHORTEST_MS} ms is the shortest")
    if wav.duration_ms > LONGEST_MS:
        raise WavError(f"it lasts {wav.duration_ms // 1000} s; {LONGEST_MS // 1000} s is the longest")
    return wav
