"""A simulated desk: the phone, its line, and the adapters that `endcall_device.app.App` works with.

Everything runs on one `Clock`, so a test can move time by hand and the demo can let it run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from endcall_core import call as machine
from endcall_core import line_program, ticks
from endcall_core.wav import Wav
from endcall_device.line_hold import Renewal


class Clock:
    """Milliseconds that pass when told to. Wraps as the Pico's counter does; `total_ms` does not."""

    def __init__(self, start_ms: int = ticks.PERIOD - 65_000) -> None:
        self._start_ms = start_ms
        self.total_ms = 0

    def __call__(self) -> int:
        return ticks.add(self._start_ms, self.total_ms)

    def advance(self, ms: int) -> None:
        """Let `ms` milliseconds pass."""
        self.total_ms += ms


class Button:
    """The big button. `press` and `release` are the contact closing and opening."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._edges: deque[tuple[str, int]] = deque()
        self.at_ms = 0
        self.is_down = False

    def press(self) -> None:
        """Close the contact. Nothing happens when it is closed already."""
        if not self.is_down:
            self.is_down = True
            self._edges.append((machine.BUTTON_DOWN, self._clock()))

    def release(self) -> None:
        """Open the contact."""
        if self.is_down:
            self.is_down = False
            self._edges.append((machine.BUTTON_UP, self._clock()))

    def lose_edges(self) -> None:
        """Forget what happened, as a full event queue does."""
        self._edges.clear()
        self._edges.append((machine.BUTTON_LOST, self._clock()))

    def poll(self) -> str | None:
        """The next edge, or None."""
        if not self._edges:
            return None
        event, self.at_ms = self._edges.popleft()
        return event


class Ring:
    """The ring of LEDs; `shown` is called with every new picture (3 bytes per pixel)."""

    def __init__(self, pixels: int, shown: Callable[[bytes], None]) -> None:
        self.buffer = bytearray(3 * pixels)
        self._shown = shown

    def show(self) -> None:
        self._shown(bytes(self.buffer))

    def resize(self, pixels: int) -> None:
        self.buffer = bytearray(3 * pixels)


class Speaker:
    """Plays by the clock. `heard` is called with (16-bit mono samples as bytes, rate_hz) as time passes.

    `content` reads a file of the drive.
    """

    FADE_MS = 30

    def __init__(
        self,
        clock: Clock,
        heard: Callable[[bytes, int], None],
        content: Callable[[str], bytes] = lambda path: Path(path).read_bytes(),
    ) -> None:
        self._clock = clock
        self._content = content
        self._heard = heard
        self._samples = b""
        self._rate_hz = 0
        self._started_ms = 0
        self._at = 0
        self.is_ready = True
        self.is_playing = False
        self.is_coupled = False

    def start(self, path: str, wav: Wav, gain_db: int, is_coupled: bool = True) -> None:
        self.is_coupled = is_coupled
        data = self._content(path)[wav.data_at : wav.data_at + wav.data_bytes]
        self._samples = _amplify(data, 10 ** (gain_db / 20))
        self._rate_hz = wav.rate_hz
        self._started_ms = self._clock.total_ms
        self._at = 0
        self.is_playing = True

    def stop(self) -> None:
        if self.is_playing:
            end = self._at + self.FADE_MS * self._rate_hz // 1000 * 2
            self._send(_fade_out(self._samples[self._at : end]))
        self.is_playing = False

    def turn(self, now_ms: int) -> bool:
        if not self.is_playing:
            return False
        due = (self._clock.total_ms - self._started_ms) * self._rate_hz // 1000 * 2
        if due > self._at:
            self._send(self._samples[self._at : due])
            self._at = due
        if due >= len(self._samples):
            self.is_playing = False
            return True
        return False

    def _send(self, samples: bytes) -> None:
        if self.is_coupled:
            self._heard(samples, self._rate_hz)


def _amplify(data: bytes, factor: float) -> bytes:
    if factor == 1:
        return data
    samples = memoryview(data).cast("h")
    return b"".join(int(sample * factor).to_bytes(2, "little", signed=True) for sample in samples)


def _fade_out(data: bytes) -> bytes:
    samples = memoryview(data).cast("h")
    count = len(samples)
    return b"".join(
        int(sample * (count - index) / count).to_bytes(2, "little", signed=True) for index, sample in enumerate(samples)
    )


@dataclass
class Break:
    """One opening of the loop: when it began (ms since the clock began), and how long it lasts or has lasted."""

    start_ms: int
    length_ms: int


@dataclass
class Phone:
    """The phone and what is at the other end of its line."""

    handset_up: bool = True
    #: A caller (or a dial tone) at the other end: the exchange feeds loop current.
    far_end_feeds: bool = True
    #: The caller is still connected; a break that means hang-up to the exchange ends it.
    in_call: bool = True
    #: Ringing voltage is above the zero crossing right now: current flows through the bell, handset down or not.
    bell_current: bool = False


class Line:
    """The line relay with the PIO program's rules, in series with a `Phone`."""

    def __init__(self, clock: Clock, phone: Phone) -> None:
        self._clock = clock
        self.phone = phone
        self.is_ready = True
        self.is_welded = False  # a contact that never opens
        self.breaks: list[Break] = []
        self._until_ms = 0
        self._renewal = Renewal(self._write)

    def _write(self, word: int) -> None:
        """As the PIO program: a new word replaces what is left; 0 opens nothing and closes."""
        passes = word & 0x3FFF
        now_ms = self._clock.total_ms
        ms = (passes + 1) // line_program.PASSES_PER_MS if passes else 0
        if self._is_open():
            self.breaks[-1].length_ms = now_ms + ms - self.breaks[-1].start_ms
        elif ms:
            self.breaks.append(Break(now_ms, ms))
        self._until_ms = now_ms + ms

    def _is_open(self) -> bool:
        return self._clock.total_ms < self._until_ms

    def flash(self, ms: int) -> None:
        self._renewal.stop()
        self._write(line_program.word(ms))

    def hold_open(self) -> None:
        self._renewal.start(self._clock())

    def close(self) -> None:
        self._renewal.stop()
        if self._is_open():
            self._write(0)

    def turn(self, now_ms: int) -> None:
        self._renewal.turn(now_ms)

    def is_open(self, now_ms: int) -> bool:
        return self._is_open() and not self.is_welded

    def loop_current(self) -> bool:
        """What flows through phone, relay and exchange."""
        flows = (self.phone.handset_up and self.phone.far_end_feeds) or self.phone.bell_current
        return flows and not self.is_open(0)

    def handset_up(self) -> bool:
        return self.phone.handset_up


class Port:
    """An in-memory data port: `host_write` and `host_read` are the host's end."""

    def __init__(self) -> None:
        self.connected = False
        self._to_device = bytearray()
        self._to_host = bytearray()
        self.tx_room = 1 << 20  # how much the host's side takes; 0 = a host that stopped reading

    def read_into(self, buffer: bytearray) -> int:
        count = min(len(buffer), len(self._to_device))
        buffer[:count] = self._to_device[:count]
        del self._to_device[:count]
        return count

    def write(self, data: bytes | memoryview) -> int:
        count = max(0, min(len(data), self.tx_room - len(self._to_host)))
        self._to_host += data[:count]
        return count

    def host_write(self, data: bytes) -> None:
        """What a program on the laptop sends."""
        self._to_device += data

    def host_read(self) -> bytes:
        """What it finds to read."""
        data = bytes(self._to_host)
        self._to_host.clear()
        return data


class NoPort(Port):
    """Where boot.py enabled none: nobody is ever connected."""

    connected = property(lambda self: False, lambda self, value: None)  # type: ignore[assignment]


@dataclass
class Nvm:
    """`microcontroller.nvm` with its flash rules: programming can only clear bits, so anything else erases first.

    `saved` is called after every change, with all 4096 bytes. `erases` counts sector erases.
    """

    data: bytearray = field(default_factory=lambda: bytearray(b"\xff" * 4096))
    saved: Callable[[bytes], object] = lambda data: None
    erases: int = 0

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, part: slice) -> bytes:
        return bytes(self.data[part])

    def __setitem__(self, part: slice, value: bytes) -> None:
        before = self.data[part]
        if len(before) != len(value):
            raise ValueError("a slice of the NVM can't change its length")
        if any(byte != 0xFF for byte in before):
            self.erases += 1
        self.data[part] = value
        self.saved(bytes(self.data))
