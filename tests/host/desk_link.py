"""The host's client against the firmware's own loop: a simulated desk behind a transport, with or without faults."""

import functools
import io
import wave
from collections.abc import Callable

from endcall.client import Client
from endcall.desk.desk import Desk
from endcall.transport import unplugged


class DeskTransport:
    """A desk's data port. Reading lets the desk's time pass, so nothing waits in real time.

    A device that is told to restart goes away, and the port with it.
    """

    def __init__(self, desk: Desk, path: str = "/dev/ttyACM0") -> None:
        self.path = path
        self.desk = desk
        self.is_closed = False
        self._restarts = desk.restarts
        desk.port.connected = True
        desk.run(1)

    def read(self) -> bytes:
        for _ in range(50):
            self.desk.run(1)
            self._stay()
            data = self.desk.port.host_read()
            if data:
                return data
        return b""

    def write(self, data: bytes) -> None:
        self._stay()
        self.desk.port.host_write(data)

    def _stay(self) -> None:
        if self.desk.restarts != self._restarts or self.desk.in_bootloader:
            raise unplugged(self.path)

    def close(self) -> None:
        self.is_closed = True
        self.desk.port.connected = False
        self.desk.run(1)

    def clock(self) -> float:
        return self.desk.clock.total_ms / 1000

    def sleep(self, seconds: float) -> None:
        self.desk.run(s=seconds)


def keep(data: bytes) -> bytes:
    return data


def lose(data: bytes) -> bytes:
    return b""


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def corrupt(data: bytes) -> bytes:
    at = len(data) * 2 // 3
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def double(data: bytes) -> bytes:
    return data + data


def late(data: bytes) -> bytes:
    """Only for reads: it comes, but together with what comes next."""
    raise NotImplementedError


FAULTS = (lose, cut, corrupt, double)


class FaultyTransport(DeskTransport):
    """Does to the n-th write and the n-th read (from 0) what `writes` and `reads` say.

    unplug_at: the write with this number finds no device any more, for good. piece: no read gives more than this.
    """

    def __init__(
        self,
        desk: Desk,
        writes: dict[int, Callable[[bytes], bytes]] | None = None,
        reads: dict[int, Callable[[bytes], bytes]] | None = None,
        unplug_at: int | None = None,
        piece: int | None = None,
    ) -> None:
        super().__init__(desk)
        self._writes, self._reads, self._unplug_at, self._piece = writes or {}, reads or {}, unplug_at, piece
        self._ready = self._late = b""
        self.written = self.got = 0
        self.requests: list[bytes] = []

    def write(self, data: bytes) -> None:
        number, self.written = self.written, self.written + 1
        if self._unplug_at is not None and number >= self._unplug_at:
            raise unplugged(self.path)
        self.requests.append(data)
        super().write(self._writes.get(number, keep)(data))

    def read(self) -> bytes:
        if not self._ready:
            self._ready = super().read()
            if self._ready:
                number, self.got = self.got, self.got + 1
                fault = self._reads.get(number, keep)
                if fault is late:
                    self._late, self._ready = self._late + self._ready, b""
                else:
                    self._late, self._ready = b"", self._late + fault(self._ready)
        data = self._ready[: self._piece]
        self._ready = self._ready[len(data) :]
        return data


def client_over(transport: DeskTransport, greet: bool = True, **options) -> Client:
    """A client that lives in the desk's time."""
    client = Client(transport, clock=transport.clock, sleep=transport.sleep, **options)
    if greet:
        client.hello()
    return client


@functools.cache
def tone(ms: int = 500, rate_hz: int = 16000, seed: int = 0, channels: int = 1, width: int = 2) -> bytes:
    """A WAV file that is a different one for every `seed`."""
    frames = rate_hz * ms // 1000 // 2 * 2
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        samples = [(at * 37 + seed * 11) % 251 for at in range(frames * channels * width)]
        file.writeframes(bytes(samples))
    return out.getvalue()
