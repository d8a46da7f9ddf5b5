"""The product on the emulated Pico: the image that `endcall image` makes, and words for what a ring shows."""

from pathlib import Path
from typing import Any

from endcall.image_command import build
from endcall_core import call, ring, settings, wire

from .rig import Pico, Pixels

#: Short waits, so that a scenario takes seconds of emulated time; every other setting is the default.
QUICK = {"call.min_warn_s": 1, "call.warn_s": 5, "call.watch_s": 3, "call.recover_s": 3}


def image(runtime: Path, changes: dict | None = None, **more: Any) -> bytes:
    """The product's UF2 with `changes` to its settings on top of QUICK."""
    values, problems = settings.check_changes(settings.defaults(), QUICK | (changes or {}))
    assert not problems, problems
    return build(runtime, values, **more)


def picture(state: str, since_ms: int = 0, changes: dict | None = None, **facts: Any) -> Pixels:
    """What the ring shows in `state`, `since_ms` after it began, drawn by the firmware's own pure function."""
    moment = call.Call(settings.defaults() | QUICK | (changes or {}), 0)
    moment.state = state
    for name, value in facts.items():
        setattr(moment, name, value)
    out = bytearray(3 * moment.rules["ring.pixels"])
    ring.draw(moment, since_ms, out)
    return [(out[at], out[at + 1], out[at + 2]) for at in range(0, len(out), 3)]


def is_amber(pixel: tuple[int, int, int]) -> bool:
    red, green, blue = pixel
    return red > green > blue == 0


def is_red(pixel: tuple[int, int, int]) -> bool:
    return pixel[0] > 0 == pixel[1] == pixel[2]


def is_blue(pixel: tuple[int, int, int]) -> bool:
    return pixel[2] > pixel[1] >= pixel[0] == 0


def shows_ready(pixels: Pixels) -> bool:
    """One dim white dot at 12 o'clock."""
    dot, *others = pixels or [(0, 0, 0)]
    return len(set(dot)) == 1 and dot[0] > 0 and not any(any(pixel) for pixel in others)


def shows_warn(pixels: Pixels) -> bool:
    """Half a ring of amber from 12 to 6 o'clock, and something in the other half."""
    return all(is_amber(pixel) for pixel in pixels[:12]) and is_amber(pixels[12])


def shows_watch(pixels: Pixels) -> bool:
    """An amber arc of a quarter at most, from 12 o'clock."""
    lit = [index for index, pixel in enumerate(pixels) if any(pixel)]
    return 0 < len(lit) <= 6 and lit == list(range(len(lit))) and all(is_amber(pixels[index]) for index in lit)


def shows_enforce(pixels: Pixels) -> bool:
    """All red but for one white dot."""
    return sum(is_red(pixel) for pixel in pixels) == len(pixels) - 1 and sum(min(pixel) > 0 for pixel in pixels) == 1


def shows_release(pixels: Pixels) -> bool:
    """Red with a gap of three at 12 o'clock."""
    dark = {index for index, pixel in enumerate(pixels) if not any(pixel)}
    return dark == {23, 0, 1} and all(is_red(pixel) for index, pixel in enumerate(pixels) if index not in dark)


def shows_recover(pixels: Pixels) -> bool:
    """Two opposite blue arcs: put the handset down."""
    return is_blue(pixels[0]) and is_blue(pixels[12]) and not any(pixels[6]) and not any(pixels[18])


def fault_number(pixels: Pixels) -> int:
    """The number of the fault an X shows, 0 where there is no X."""
    corners = [pixels[index] for index in (3, 9, 15, 21)] if pixels else [(0, 0, 0)]
    if not all(red > 0 and blue > 0 and green == 0 for red, green, blue in corners):
        return 0
    return sum(any(pixel) for pixel in pixels) - 4


class Host:
    """A laptop on the data port: sends requests and waits for their answers in emulated time."""

    def __init__(self, pico: Pico) -> None:
        self._pico = pico
        self._reader = wire.Reader(4096)
        self._number = 0

    def hello(self) -> dict:
        """Open the conversation once the port is there; returns who answers."""
        self._pico.run_until(lambda: self._pico.data.present, within_ms=5000, what="the data port")
        return self.ask("hello", protocol=1)["ok"]

    def ask(self, do: str, payload: bytes | None = None, within_ms: float = 3000, **fields: Any) -> dict:
        """The answer to one request, as a dict; raw bytes that follow it under "payload"."""
        self._number += 1
        self._pico.data.write(wire.frame({"id": self._number, "do": do} | fields, payload))
        return self._pico.run_until(self._answer, within_ms, f"the answer to {do}")

    def _answer(self) -> dict | None:
        data = self._pico.data.read()
        at = 0
        while at < len(data):
            at = self._reader.take(data, at, len(data))
            if self._reader.frame is not None and self._reader.frame["id"] == self._number:
                answer = dict(self._reader.frame)
                if self._reader.size > 0:
                    answer["payload"] = bytes(self._reader.payload[: self._reader.size])
                return answer
        return None
