"""An emulated Raspberry Pi Pico with what is wired to it: button, ring, line, speaker and a computer.

The chip is emulated instruction by instruction by rp2040py; time here is the chip's own. A test presses
the button, looks at the ring, listens to the line and talks to the USB ports, as a person at the desk would.
"""

import os
import random
import re
import struct
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from .chip import corrected_rp2040  # first: it chooses the build of rp2040py
from .flash import FlashChip, FlashOp, PowerLost
from .fork import Job, run_all
from .sound import I2sListener, Recording
from .usb_host import SerialPort, UsbHost

from rp2040py.boards import BoardSpec  # isort: skip
from rp2040py.device.base_device import BaseDevice, ResetCause  # isort: skip
from rp2040py.external.ws2812 import LATCH_NANOS, Ws2812  # isort: skip
from rp2040py.gpio_pin import GPIOPinState  # isort: skip
from rp2040py.peripherals.vreg_and_chip_reset import HAD_POR  # isort: skip

FLASH_SIZE = 2 * 1024 * 1024  # bytes; the Pico's W25Q16
DRIVE_OFFSET = 0x100000  # where CircuitPython 10 keeps its drive on a Pico
FLASH_ADDRESS = 0x10000000
UF2_BLOCK = 512

PIN_BUTTON, PIN_RING, PIN_RELAY, PIN_LOOP, PIN_HANDSET = 15, 16, 14, 13, 9
PIN_BCLK, PIN_LRCLK, PIN_DATA, PIN_MUTE, PIN_COUPLING, PIN_LED = 10, 11, 12, 22, 17, 25

BOOT_VECTOR_MAGIC = 0xB007C0D3  # in scratch register 4: start at the address in register 7 (datasheet, 2.8.1.1)
WINDOW_TITLE = re.compile("\x1b]0;.*?\x1b\\\\", re.DOTALL)

Pixels = list[tuple[int, int, int]]


def flash_from_uf2(uf2: bytes) -> bytearray:
    """Return the 2 MB flash a UF2 file (runtime, drive, or both) makes of an erased one."""
    if not uf2 or len(uf2) % UF2_BLOCK:
        raise ValueError(f"not a UF2 file: {len(uf2)} bytes is not a multiple of {UF2_BLOCK}")
    flash = bytearray(b"\xff" * FLASH_SIZE)
    for at in range(0, len(uf2), UF2_BLOCK):
        magic0, magic1, _, address, size = struct.unpack_from("<5I", uf2, at)
        if (magic0, magic1) != (0x0A324655, 0x9E5D5157):
            raise ValueError(f"not a UF2 file: wrong magic number in block {at // UF2_BLOCK}")
        offset = address - FLASH_ADDRESS
        if not 0 <= offset <= FLASH_SIZE - size:
            raise ValueError(f"UF2 block {at // UF2_BLOCK} is for address {address:#x}, outside a Pico's flash")
        flash[offset : offset + size] = uf2[at + 32 : at + 32 + size]
    return flash


def flash_with_drive(uf2: bytes, drive: bytes) -> bytearray:
    """Return the flash of a Pico with the CircuitPython of `uf2` and the FAT image `drive`."""
    flash = flash_from_uf2(uf2)
    if len(drive) > FLASH_SIZE - DRIVE_OFFSET:
        raise ValueError(f"the drive image has {len(drive)} bytes, a Pico has {FLASH_SIZE - DRIVE_OFFSET}")
    flash[DRIVE_OFFSET : DRIVE_OFFSET + len(drive)] = drive
    return flash


class NotSeen(AssertionError):  # noqa: N818 - it reads as what happened
    """Something a test waited for did not happen in time."""


@dataclass(frozen=True)
class Edge:
    """A pin went to `level` at `ns`."""

    ns: float
    level: bool


@dataclass(frozen=True)
class Break:
    """The line was open from `start_ns` for `length_ns`; `closed` is False while it still is."""

    start_ns: float
    length_ns: float
    closed: bool = True

    @property
    def length_ms(self) -> float:
        return self.length_ns / 1e6


@dataclass(frozen=True)
class Frame:
    """One picture of the ring; `ns` is when its last bit ended."""

    ns: float
    pixels: Pixels


class Line:
    """The phone line: its handset, its loop current, its far end, and the relay that can open it."""

    def __init__(self, pico: "Pico") -> None:
        self._pico = pico
        self.handset_up = False
        self.far_end_clear = False
        self._ringing_until_ns = 0.0
        self._zero_crossing = False
        self._update()

    @property
    def is_open(self) -> bool:
        """True while our relay holds the loop open."""
        return self._pico._level(PIN_RELAY)

    @property
    def loop_current(self) -> bool:
        """True while current flows: handset up, relay closed, far end not clearing."""
        return self.handset_up and not self.is_open and not self.far_end_clear

    def breaks(self) -> list[Break]:
        """Return every time the relay opened the line, the unfinished one last with its length so far."""
        breaks: list[Break] = []
        start: float | None = None
        for edge in self._pico.edges(PIN_RELAY):
            if edge.level and start is None:
                start = edge.ns
            elif not edge.level and start is not None:
                breaks.append(Break(start, edge.ns - start))
                start = None
        if start is not None:
            breaks.append(Break(start, self._pico.now_ns - start, closed=False))
        return breaks

    def lift_handset(self) -> None:
        """Take the handset off the hook; that ends the ringing."""
        self.handset_up = True
        self._ringing_until_ns = 0.0
        self._update()

    def hang_up_handset(self) -> None:
        """Put the handset down."""
        self.handset_up = False
        self._update()

    def far_end_clears(self, ms: float = 600) -> None:
        """The exchange opens the loop for `ms` because the far end hung up."""
        self.far_end_clear = True
        self._update()

        def over() -> None:
            self.far_end_clear = False
            self._update()

        self._pico.after(ms, over)

    def rings(self, ms: float = 2000, hz: float = 20, low_pct: float = 95) -> None:
        """The exchange rings for `ms`, or until the handset is lifted.

        The sense circuit conducts on both half waves, `low_pct` percent of the time; the rest are gaps
        around the zero crossings, two per period.
        """
        half_ms = 500 / hz
        gap_ms = half_ms * (1 - low_pct / 100)
        self._ringing_until_ns = self._pico.now_ns + ms * 1e6

        def half_wave() -> None:
            self._zero_crossing = False
            self._update()
            if self.ringing:
                self._pico.after(half_ms - gap_ms, crossing)

        def crossing() -> None:
            self._zero_crossing = True
            self._update()
            self._pico.after(gap_ms, half_wave)

        half_wave()

    @property
    def ringing(self) -> bool:
        """True while the exchange rings."""
        return not self.handset_up and self._pico.now_ns < self._ringing_until_ns

    def _update(self) -> None:
        """Put on the sense pins what the circuit would; both have pull-ups on the board."""
        gpio = self._pico._mcu.gpio
        bell = self.ringing and not self._zero_crossing and not self.is_open
        gpio[PIN_LOOP].set_input_value(not (self.loop_current or bell))
        gpio[PIN_HANDSET].set_input_value(not (self.is_open and self.handset_up))


class Pico:
    """An emulated Pico and its desk. `Pico.boot(...)` powers it on; then let time pass with `run`."""

    def __init__(self, flash: bytes | bytearray, *, quick: bool = True) -> None:
        self._quick = quick
        chip, self._loop = corrected_rp2040()
        self._device: Any = BaseDevice(board=BoardSpec(mcu=cast(Any, lambda _: chip), image=os.devnull))
        self._mcu: Any = self._device.mcu
        self._clock: Any = self._mcu.clock
        if len(flash) > FLASH_SIZE:
            raise ValueError(f"{len(flash)} bytes do not fit a Pico's {FLASH_SIZE}")
        self._mcu.flash[: len(flash)] = flash
        self._alarms: set[Any] = set()
        self._edges: dict[int, list[Edge]] = {}
        for pin in (PIN_RELAY, PIN_COUPLING, PIN_MUTE, PIN_LED):
            self.watch(pin)
        self.frames: list[Frame] = []
        ring = Ws2812(PIN_RING, color_order="GRB", on_pixels=self._on_pixels)
        ring.attach(self._mcu)
        self._listener = I2sListener(self._mcu.gpio, self._clock, PIN_BCLK, PIN_LRCLK, PIN_DATA)
        self._flash = FlashChip(self._mcu.ssi, self._mcu.flash, self._clock, self._loop)
        self.usb = UsbHost(self._mcu)
        self.usb.on_chip_reset = self._pins_after_reset
        self.line = Line(self)
        self._mcu.gpio[PIN_RELAY].add_listener(lambda *_: self.line._update())
        self._mcu.on_break = self._crashed
        self._mcu.watchdog.on_watchdog_trigger = self._watchdog_reset
        self._ptys: list[_PtyBridge] = []
        self._power_on()

    @classmethod
    def boot(cls, image: str | os.PathLike | bytes | bytearray, *, quick: bool = True) -> "Pico":
        """Power on a Pico.

        `image` is a UF2 (path or bytes) with runtime and drive, or the raw flash of another run.
        `quick` leaves out CircuitPython's fixed wait of 1 s at this and every later start; the reset reason
        then always reads WATCHDOG.
        """
        content = Path(image).read_bytes() if isinstance(image, str | os.PathLike) else image
        if content[:4] == b"UF2\n":
            content = flash_from_uf2(bytes(content))
        return cls(content, quick=quick)

    # Time

    @property
    def now_ns(self) -> float:
        """Emulated nanoseconds since the first power-on."""
        return self._clock.nanos

    @property
    def now_ms(self) -> float:
        """Emulated milliseconds since the first power-on."""
        return self._clock.nanos / 1e6

    def after(self, ms: float, action: Callable[[], Any]) -> None:
        """Do `action` in `ms` of emulated time, exactly then, whatever runs."""

        def due() -> None:
            self._alarms.discard(alarm)
            action()

        alarm = self._clock.create_alarm(due)
        self._alarms.add(alarm)
        alarm.schedule(ms * 1e6)

    def run(self, ms: float) -> None:
        """Let `ms` of emulated time pass."""
        loop = self._loop
        if self._flash.power_lost:
            raise RuntimeError("the Pico has no power: call power_cycle() first")
        loop.stopped = False
        alarm = self._clock.create_alarm(loop.stop)
        alarm.schedule(ms * 1e6)
        try:
            while not loop.stopped:
                loop.batch()
        finally:
            alarm.cancel()
        if self._flash.power_lost:
            raise PowerLost(f"power lost after {len(self._flash.ops)} flash operations")
        for pty in self._ptys:
            pty.pump()

    def run_until(self, seen: Callable[[], Any], within_ms: float = 3000, what: str = "what the test waits for") -> Any:
        """Let time pass until `seen()` is true and return it; looks every millisecond.

        Raises `NotSeen` with the state of the desk when `within_ms` have passed.
        """
        start = self.now_ms
        while True:
            if result := seen():
                return result
            if self.now_ms - start >= within_ms:
                raise NotSeen(f"{what}: not seen within {within_ms:g} ms\n{self.describe()}")
            self.run(1)

    def run_until_says(self, text: str, within_ms: float = 3000) -> str:
        """Let time pass until a whole line with `text` has come over the console; return the last such line."""

        def line() -> str | None:
            lines = self.console.split("\n")[:-1]
            return next((line.rstrip("\r") for line in reversed(lines) if text in line), None)

        return self.run_until(line, within_ms, what=f"{text!r} on the console")

    def describe(self) -> str:
        """Return the state of the desk in a few lines, for failures."""
        console = self.console[-1500:] or "(nothing)"
        ring = " ".join(bytes(pixel).hex() for pixel in self.ring()) or "(no frame yet)"
        breaks = ", ".join(f"{b.length_ms:.3f} ms{'' if b.closed else ' so far'}" for b in self.line.breaks())
        return (
            f"time: {self.now_ms:.1f} ms{', in the bootloader' if self.in_bootloader else ''}\n"
            f"usb: {'ready' if self.usb.ready else 'not ready'}, ports: "
            f"{', '.join(port.name for port in self.usb.ports) or 'none'}\n"
            f"line: {'OPEN' if self.line.is_open else 'closed'}, handset "
            f"{'up' if self.line.handset_up else 'down'}, breaks: {breaks or 'none'}\n"
            f"ring ({len(self.frames)} frames): {ring}\n"
            f"console:\n{console}"
        )

    # Button

    def hold_button(self) -> None:
        """Press the button and keep it pressed."""
        self._mcu.gpio[PIN_BUTTON].set_input_value(False)

    def release_button(self) -> None:
        """Let the button go; the pin is then left to its pull-up, if the program set one."""
        self._mcu.gpio[PIN_BUTTON].release_input()

    def press(self, ms: float = 200, bounce_ms: float = 0) -> None:
        """Press the button now and release it in `ms` of emulated time. Time does not pass here.

        With `bounce_ms` the contact chatters that long, four times per millisecond, at both ends.
        """
        self._settle(self.hold_button, self.release_button, bounce_ms)
        self.after(ms, lambda: self._settle(self.release_button, self.hold_button, bounce_ms))

    def _settle(self, reach: Callable[[], None], back: Callable[[], None], bounce_ms: float) -> None:
        reach()
        if bounce_ms > 0:
            self.after(0.125, back)
            self.after(0.25, lambda: self._settle(reach, back, bounce_ms - 0.25))

    # Other pins

    def ground(self, pin: int) -> None:
        """Hold `pin` at 0 V from outside."""
        self._mcu.gpio[pin].set_input_value(False)

    def let_go(self, pin: int) -> None:
        """Leave `pin` to its pull-up."""
        self._mcu.gpio[pin].release_input()

    # Ring

    def ring(self) -> Pixels:
        """Return the picture on the ring, (red, green, blue) per pixel; empty before the first."""
        return self.frames[-1].pixels if self.frames else []

    def _on_pixels(self, pixels: Any) -> None:
        self.frames.append(Frame(self._clock.nanos - LATCH_NANOS, list(pixels)))

    # Pins

    def watch(self, pin: int) -> None:
        """Record the edges of output `pin` from now on. A pin nobody drives counts as low (pulldown)."""
        if pin in self._edges:
            return
        edges = self._edges[pin] = []
        gpio = self._mcu.gpio[pin]

        def changed(new: GPIOPinState, old: GPIOPinState) -> None:
            high = new is GPIOPinState.HIGH
            if high != (old is GPIOPinState.HIGH):
                edges.append(Edge(self._clock.nanos, high))
            # On the chip a program reads back the level of its own output; rp2040py leaves that out.
            if new in (GPIOPinState.HIGH, GPIOPinState.LOW):
                gpio.set_input_value(high)
            elif old in (GPIOPinState.HIGH, GPIOPinState.LOW):
                gpio.release_input()

        gpio.add_listener(changed)

    def edges(self, pin: int) -> list[Edge]:
        """Return the edges of a watched pin so far."""
        return self._edges[pin]

    def _level(self, pin: int) -> bool:
        return self._mcu.gpio[pin].value is GPIOPinState.HIGH

    def _pins_after_reset(self) -> None:
        """A chip reset lets go of every pin at once, which rp2040py does not report as edges."""
        for pin, edges in self._edges.items():
            if edges and edges[-1].level != self._level(pin):
                edges.append(Edge(self._clock.nanos, self._level(pin)))
        self.line._update()

    def _crashed(self, code: int) -> None:
        raise RuntimeError(f"the Pico's program ran into a breakpoint instruction ({code})\n{self.describe()}")

    # Sound

    def sound(self, since_ns: float = 0) -> Recording:
        """Return what went out over I2S since `since_ns`."""
        return self._listener.recording(since_ns)

    # USB

    @property
    def console(self) -> str:
        """What the console port said since the first power-on, without CircuitPython's window titles."""
        return WINDOW_TITLE.sub("", self.usb.console.received.decode("utf-8", "replace"))

    def console_write(self, data: bytes) -> None:
        """Type into the console port."""
        self.usb.console.write(data)

    @property
    def data(self) -> SerialPort:
        """The port of `usb_cdc.data`."""
        return self.usb.data

    @contextmanager
    def data_pty(self) -> Iterator[str]:
        """Bridge the data port to a pseudo terminal; yields its path for another program to open.

        The program sees an answer only while emulated time passes: use `run_while`.
        """
        with self._pty(self.data) as path:
            yield path

    @contextmanager
    def console_pty(self) -> Iterator[str]:
        """As `data_pty`, for the console port."""
        with self._pty(self.usb.console) as path:
            yield path

    @contextmanager
    def _pty(self, port: SerialPort) -> Iterator[str]:
        bridge = _PtyBridge(port)
        self._ptys.append(bridge)
        try:
            yield bridge.path
        finally:
            self._ptys.remove(bridge)
            bridge.close()

    def run_while(self, process: Any, within_ms: float = 60_000) -> int:
        """Let time pass until `process` (a `subprocess.Popen`) ends; return its exit code."""
        start = self.now_ms
        while (code := process.poll()) is None:
            if self.now_ms - start >= within_ms:
                process.kill()
                process.wait()
                raise NotSeen(f"the program did not end within {within_ms:g} ms\n{self.describe()}")
            self.run(1)
        return code

    # Power and flash

    @property
    def flash(self) -> bytes:
        """The 2 MB of flash as they are now."""
        return bytes(self._mcu.flash[:FLASH_SIZE])

    @property
    def flash_ops(self) -> list[FlashOp]:
        """Every erase and program so far."""
        return self._flash.ops

    def flash_takes(self, erase_ms: float, program_ms: float) -> None:
        """Make the flash as slow as a real one: per 4 KB erase and per page, in ms. See `FlashChip`."""
        self._flash.erase_ms, self._flash.program_ms = erase_ms, program_ms

    def power_fails_at(self, op: int, torn_bytes: int = 0, noise: random.Random | None = None) -> None:
        """Lose power at the `op`-th flash operation from now (0 is the next), `torn_bytes` of it done.

        With `noise`, instead of `torn_bytes`, each bit it changes has changed or not, by chance.
        `run` then raises `PowerLost`; go on with `power_cycle()`.
        """
        self._flash.fail_at(op, torn_bytes, noise)

    def _watchdog_reset(self) -> None:
        """The watchdog has bitten, or the program has asked for a reset (which goes the same way).

        `reset_usb_boot` asks for the bootloader through the watchdog's scratch registers. The bootloader is
        not emulated: the chip stands still, off the bus, until `reset()` or `power_cycle()`.
        """
        self.in_bootloader = self._mcu.watchdog.scratch_data[4] == BOOT_VECTOR_MAGIC
        self._device.hard_reset(cause=ResetCause.WATCHDOG)
        if self.in_bootloader:
            self._mcu.core.waiting = True  # with every interrupt disabled by the reset, for good
        elif self._quick:
            self._skip_wait()

    def reset(self) -> None:
        """Pull the RUN pin low for a moment: the chip restarts, its memory keeps what was in it."""
        self.in_bootloader = False
        self._device.hard_reset(cause=ResetCause.RUN_PIN)
        self._stop_watchdog()
        if self._quick:
            self._skip_wait()

    def power_cycle(self, *, quick: bool | None = None) -> None:
        """Take the power away and give it back: only the flash survives."""
        if quick is not None:
            self._quick = quick
        self._device.hard_reset(cause=ResetCause.POWER_ON)
        self._stop_watchdog()
        self._mcu.sram[:] = bytes(len(self._mcu.sram))
        self._flash.power_on()
        self.frames.clear()  # the LEDs are dark until the next frame
        self._power_on()

    def _power_on(self) -> None:
        self.in_bootloader = False
        self._mcu.core.pc = FLASH_ADDRESS
        self._mcu.vreg_and_chip_reset.record_reset_cause(HAD_POR)
        if self._quick:
            self._skip_wait()

    def _stop_watchdog(self) -> None:
        """rp2040py lets the watchdog run on through every reset; only its own reset leaves it running."""
        self._mcu.watchdog.write_uint32(0, 0)

    def _skip_wait(self) -> None:
        """Make CircuitPython take this for a watchdog reset: it then leaves out its safe-mode wait."""
        self._mcu.watchdog._reason = 1
        self._mcu.watchdog.scratch_data[4] = 0x6AB73121

    # Copies

    def fork(self, scenario: Callable[["Pico"], Any]) -> Job:
        """Run `scenario(self)` in a copy of this process; `.result()` of the answer waits for it."""
        return Job(lambda: scenario(self))

    def fork_all(self, scenarios: Sequence[Callable[["Pico"], Any]]) -> list[Any]:
        """Run every scenario on its own copy of this Pico, on all cores; return their results in order."""
        return run_all([partial(scenario, self) for scenario in scenarios])


class _PtyBridge:
    """A pseudo terminal whose other end is a serial port of the Pico."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port
        self._master, self._slave = os.openpty()  # the slave stays open, or reading the master fails
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._to_program = bytearray()
        port.on_receive = self._to_program.extend

    def pump(self) -> None:
        if self._port.present:
            while True:
                try:
                    self._port.write(os.read(self._master, 4096))
                except BlockingIOError:
                    break
        while self._to_program:
            try:
                written = os.write(self._master, self._to_program)
            except BlockingIOError:
                break
            del self._to_program[:written]

    def close(self) -> None:
        self._port.on_receive = None
        os.close(self._master)
        os.close(self._slave)
