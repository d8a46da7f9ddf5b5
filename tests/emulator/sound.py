"""Listens to the I2S pins and gives back the samples the speaker (or the phone line) would get."""

import io
import wave
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from rp2040py.gpio_pin import GPIOPinState


@dataclass(frozen=True)
class Gap:
    """The clocks stood still: `length_ns` passed before the sample with this `index`."""

    index: int
    length_ns: float


@dataclass(frozen=True)
class Recording:
    """What went out over I2S: one entry of `left`, `right` and `times_ns` per stereo frame."""

    left: array
    right: array
    times_ns: array

    @property
    def start_ns(self) -> float:
        """When the first frame was complete."""
        return self.times_ns[0]

    @property
    def rate(self) -> float:
        """Frames per second as measured on the wire: of the usual frame, pauses and other rates left out."""
        steps = sorted(b - a for a, b in zip(self.times_ns, self.times_ns[1:], strict=False))
        if not steps:
            raise ValueError("a recording of less than two frames has no sample rate")
        median = steps[len(steps) // 2]
        usual = [step for step in steps if abs(step - median) < median / 10]
        return 1e9 * len(usual) / sum(usual)

    def gaps(self) -> list[Gap]:
        """Return the places where the clocks paused for more than one frame."""
        limit = 2e9 / self.rate
        pairs = zip(self.times_ns, self.times_ns[1:], strict=False)
        return [Gap(i + 1, b - a) for i, (a, b) in enumerate(pairs) if b - a > limit]

    def wav(self) -> bytes:
        """Return the left channel as a WAV file (16-bit mono, at the measured rate)."""
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(round(self.rate))
            out.writeframes(self.left.tobytes())
        return file.getvalue()

    def __len__(self) -> int:
        return len(self.left)


class I2sListener:
    """Decodes 16-bit stereo in the Philips format: the most significant bit one clock after LRCLK changes.

    CircuitPython sends the right word of a frame first, then the left one (LRCLK low).
    """

    def __init__(self, gpio: list[Any], clock: Any, bclk: int, lrclk: int, data: int) -> None:
        left, right, times = array("h"), array("h"), array("d")
        self._frames = left, right, times
        select, line = gpio[lrclk], gpio[data]
        high = GPIOPinState.HIGH
        word = bits = 0
        was_right = False
        right_word: int | None = None

        def clocked(new: GPIOPinState, _: GPIOPinState) -> None:
            nonlocal word, bits, was_right, right_word
            if new is not high:
                return
            word = word << 1 | line.raw_output_value
            bits += 1
            is_right = select.raw_output_value
            if is_right is was_right:
                return
            # That bit was the last of the channel before. A word cut short by a start is thrown away.
            value = (word >> bits - 16 & 0xFFFF) if bits >= 16 else None
            if was_right:
                right_word = value
            elif right_word is not None and value is not None:
                left.append(value - (value >> 15 << 16))
                right.append(right_word - (right_word >> 15 << 16))
                times.append(clock.nanos)
                right_word = None
            word = bits = 0
            was_right = is_right

        gpio[bclk].add_listener(clocked)

    def recording(self, since_ns: float) -> Recording:
        """Return the frames that were complete at `since_ns` or later."""
        left, right, times = self._frames
        first = bisect_left(times, since_ns)
        return Recording(left[first:], right[first:], times[first:])
