"""A USB host for the emulated Pico: enumerates it and serves every serial (CDC-ACM) function it offers.

It does on the bus what a computer does: asks for the descriptors, sets the configuration, raises DTR on
each port, takes IN packets at once unless told to stop reading, and offers OUT packets only when it has
data. Control requests run one at a time, each finished (or given up) before the next begins.
"""

import struct
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

PACKET = 64  # bytes; full-speed bulk and control packets
OUT_PACKET_US = 50  # a full-speed bus carries about 19 packets of 64 bytes per 1 ms frame (USB 2.0, 5.8.4)
REQUEST_TIMEOUT_MS = 2000  # Linux waits 5 s; a Pico that compiles its code answers after 100 ms and more

GET_DESCRIPTOR, SET_ADDRESS, SET_CONFIGURATION = 6, 5, 9
DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = 1, 2, 3, 4, 5
CDC_CONTROL_CLASS, CDC_DATA_CLASS = 2, 10
CDC_UNION = 6
SET_LINE_CODING, SET_CONTROL_LINE_STATE = 0x20, 0x22
CLASS_INTERFACE = 0x21


class SerialPort:
    """One serial port of the Pico, as a program on the computer sees it.

    The object outlives resets: `present` tells whether the Pico offers the port now. `received` keeps
    everything since power-on; `read()` takes what was not taken yet.
    """

    def __init__(self, host: "UsbHost", name: str) -> None:
        self._host = host
        self.name = name
        self.received = bytearray()
        self.on_receive: Callable[[bytes], None] | None = None
        self.open_at_enumeration = True
        self._taken = 0
        self._unsent = bytearray()
        self._paused = False
        self._late: list[bytes] = []
        self._drop()

    def _drop(self) -> None:
        self.present = False
        self.dtr = self.rts = False
        self.baud = 115200
        self.control_interface = self.in_endpoint = self.out_endpoint = -1
        self._armed: int | None = None
        self._unsent.clear()

    @property
    def unsent(self) -> int:
        """Bytes written here that the Pico has not taken yet."""
        return len(self._unsent)

    def write(self, data: bytes) -> None:
        """Queue `data` for the Pico; it travels as the Pico takes it, nothing is lost."""
        if not self.present:
            raise RuntimeError(f"the Pico offers no {self.name} port now; wait for pico.{self.name}.present")
        self._unsent += data
        self._offer()

    def read(self) -> bytes:
        """Return what came in since the last `read()`."""
        data = bytes(self.received[self._taken :])
        self._taken = len(self.received)
        return data

    def set_lines(self, *, dtr: bool, rts: bool | None = None) -> None:
        """Raise or drop DTR and RTS (RTS follows DTR if not given), as opening or closing the port does."""
        rts = dtr if rts is None else rts
        setup = _setup(CLASS_INTERFACE, SET_CONTROL_LINE_STATE, dtr | rts << 1, self.control_interface, 0)

        def done(_: bytes | None) -> None:
            self.dtr, self.rts = dtr, rts

        self._host.request(setup, done=done)

    def set_baud(self, baud: int) -> None:
        """Send SET_LINE_CODING: `baud`, 8N1. 1200 and then dropping DTR asks for the bootloader."""
        setup = _setup(CLASS_INTERFACE, SET_LINE_CODING, 0, self.control_interface, 7)

        def done(_: bytes | None) -> None:
            self.baud = baud

        self._host.request(setup, struct.pack("<IBBB", baud, 0, 0, 8), done=done)

    def stop_reading(self) -> None:
        """Take no more IN packets: the Pico's buffers fill up, as with a program that hangs."""
        self._paused = True

    def resume_reading(self) -> None:
        """Take IN packets again, first the ones that waited."""
        self._paused = False
        self._host._release(self)

    def _offer(self) -> None:
        if self._armed is not None and self._unsent:
            packet = bytes(self._unsent[: min(self._armed, PACKET)])
            del self._unsent[: len(packet)]
            self._armed = None
            self._host._usb.endpoint_read_done(self.out_endpoint, packet)

    def _receive(self, packet: bytes) -> None:
        if self._paused:
            self._late.append(packet)
            return
        self.received += packet
        if self.on_receive and packet:
            self.on_receive(packet)


@dataclass
class _Request:
    setup: bytes
    data: bytes
    done: Callable[[bytes | None], None] | None
    answer: bytearray = field(default_factory=bytearray)

    @property
    def is_in(self) -> bool:
        return bool(self.setup[0] & 0x80)

    @property
    def length(self) -> int:
        return struct.unpack_from("<H", self.setup, 6)[0]


class UsbHost:
    """The computer at the other end of the emulated Pico's USB cable.

    `console` and `data` are the ports of `usb_cdc`. After enumeration `device` is the device descriptor,
    `configuration` the configuration descriptor, `strings` the manufacturer, product and serial number,
    `classes` the class of every interface. `ready` is true once all ports are open.
    """

    def __init__(self, mcu: Any) -> None:
        self._usb = mcu.usb_ctrl
        self._clock = mcu.clock
        self._requests: deque[_Request] = deque()
        self._current: _Request | None = None
        self._frame_alarm = self._clock.create_alarm(self._finish)
        self._timeout_alarm = self._clock.create_alarm(self._give_up)
        self._held: dict[int, int] = {}
        self.console = SerialPort(self, "console")
        self.data = SerialPort(self, "data")
        self.failed_requests: list[bytes] = []
        self._forget()
        self._usb.read_delay_microseconds = OUT_PACKET_US
        self._usb.on_usb_enabled = self._usb.reset_device
        self._usb.on_reset_received = self._enumerate
        self._usb.on_endpoint_write = self._on_in_packet
        self._usb.on_endpoint_read = self._on_out_armed
        self._usb.on_reset = self._chip_was_reset
        self.on_chip_reset: Callable[[], None] | None = None
        # The controller reports an IN buffer as sent at once. To stop reading, that report has to wait.
        self._report_sent = self._usb._indicate_buffer_ready
        self._usb._indicate_buffer_ready = self._buffer_ready

    @property
    def ports(self) -> list[SerialPort]:
        """The ports the Pico offers now."""
        return [port for port in (self.console, self.data) if port.present]

    def _chip_was_reset(self) -> None:
        self._forget()
        if self.on_chip_reset:
            self.on_chip_reset()

    def _forget(self) -> None:
        """The Pico dropped off the bus."""
        self.ready = False
        self.configured = False
        self.device = b""
        self.configuration = b""
        self.strings: tuple[str, str, str] | None = None
        self.classes: list[int] = []
        self._requests.clear()
        self._current = None
        self._held.clear()
        self._frame_alarm.cancel()
        self._timeout_alarm.cancel()
        self.console._drop()
        self.data._drop()

    # Control requests, one at a time

    def request(self, setup: bytes, data: bytes = b"", done: Callable[[bytes | None], None] | None = None) -> None:
        """Queue a control request; `done` gets the answer, or None if the Pico refused it."""
        self._requests.append(_Request(setup, data, done))
        if self._current is None:
            self._start_next()

    def _start_next(self) -> None:
        if self._requests:
            self._current = self._requests.popleft()
            self._timeout_alarm.schedule(REQUEST_TIMEOUT_MS * 1e6)
            self._usb.send_setup_packet(self._current.setup)

    def _finish(self, refused: bool = False) -> None:
        request, self._current = self._current, None
        self._timeout_alarm.cancel()
        self._start_next()
        if request and request.done:
            request.done(None if refused else bytes(request.answer))

    def _give_up(self) -> None:
        if self._current:
            self.failed_requests.append(self._current.setup)
            self._finish(refused=True)

    # What the Pico does on the bus

    def _on_in_packet(self, endpoint: int, packet: bytes | bytearray) -> None:
        if endpoint:
            for port in self.ports:
                if port.in_endpoint == endpoint:
                    port._receive(bytes(packet))
            return
        request = self._current
        if request is None:
            return
        if not request.is_in:
            self._frame_alarm.schedule(1e6)  # that was the status stage; go on in the next frame
        else:
            request.answer += packet

    def _on_out_armed(self, endpoint: int, size: int) -> None:
        if endpoint:
            for port in self.ports:
                if port.out_endpoint == endpoint:
                    port._armed = size
                    port._offer()
            return
        request = self._current
        if request is None:
            return
        if request.is_in:
            self._usb.endpoint_read_done(0, b"")  # the status stage
            self._frame_alarm.schedule(1e6)
        elif request.data:
            packet, request.data = request.data[:PACKET], request.data[PACKET:]
            self._usb.endpoint_read_done(0, packet)

    def _buffer_ready(self, endpoint: int, out: bool) -> None:
        if not out and endpoint and any(p._paused and p.in_endpoint == endpoint for p in self.ports):
            self._held[endpoint] = self._held.get(endpoint, 0) + 1
        else:
            self._report_sent(endpoint, out)

    def _release(self, port: SerialPort) -> None:
        late, port._late = port._late, []
        for packet in late:
            port._receive(packet)
        for _ in range(self._held.pop(port.in_endpoint, 0)):
            self._report_sent(port.in_endpoint, False)

    # Enumeration

    def _enumerate(self) -> None:
        steps = self._enumeration()

        def step(answer: bytes | None) -> None:
            try:
                setup, data = steps.send(answer)
            except StopIteration:
                return
            self.request(setup, data, step)

        self._forget()
        step(None)

    def _enumeration(self) -> Generator[tuple[bytes, bytes], bytes | None, None]:
        yield _setup(0x00, SET_ADDRESS, 1, 0, 0), b""
        self.device = (yield _setup(0x80, GET_DESCRIPTOR, DEVICE << 8, 0, 18), b"") or b""
        header = (yield _setup(0x80, GET_DESCRIPTOR, CONFIGURATION << 8, 0, 9), b"") or b""
        if len(header) < 9 or len(self.device) < 18:
            return
        total = struct.unpack_from("<H", header, 2)[0]
        self.configuration = (yield _setup(0x80, GET_DESCRIPTOR, CONFIGURATION << 8, 0, total), b"") or b""
        strings = []
        for index in self.device[14:17]:
            strings.append((yield from self._string(index)))
        self.strings = (strings[0], strings[1], strings[2])
        functions = []
        for function in _cdc_functions(self.configuration, self.classes):
            name = yield from self._string(function[3])
            functions.append((name, function))
        for name, (control, in_endpoint, out_endpoint, _) in functions:
            # CircuitPython calls its console "CircuitPython CDC control", the data port "... CDC2 control".
            port = self.data if "CDC2" in name else self.console
            port.control_interface, port.in_endpoint, port.out_endpoint = control, in_endpoint, out_endpoint
            port.present = True
        yield _setup(0x00, SET_CONFIGURATION, header[5], 0, 0), b""
        self.configured = True
        for port in self.ports:
            if port.open_at_enumeration:
                port.set_baud(115200)
                port.set_lines(dtr=True)
        self.ready = True

    def _string(self, index: int) -> Generator[tuple[bytes, bytes], bytes | None, str]:
        if not index:
            return ""
        answer = yield _setup(0x80, GET_DESCRIPTOR, STRING << 8 | index, 0x0409, 255), b""
        return (answer or b"")[2:].decode("utf-16-le", "replace")


def _setup(request_type: int, request: int, value: int, index: int, length: int) -> bytes:
    return struct.pack("<BBHHH", request_type, request, value, index, length)


def _cdc_functions(configuration: bytes, classes: list[int]) -> list[tuple[int, int, int, int]]:
    """Return (control interface, IN endpoint, OUT endpoint, name index) of every CDC function.

    Fills `classes` with the class of each interface.
    """
    functions = []
    control = name = in_endpoint = out_endpoint = 0
    in_data_interface = False
    at = 0
    while at + 2 <= len(configuration) and configuration[at] >= 2:
        descriptor = configuration[at : at + configuration[at]]
        if descriptor[1] == INTERFACE:
            classes.append(descriptor[5])
            in_data_interface = descriptor[5] == CDC_DATA_CLASS
            in_endpoint = out_endpoint = 0
            if descriptor[5] == CDC_CONTROL_CLASS:
                control, name = descriptor[2], descriptor[8]
        elif descriptor[1] == ENDPOINT and in_data_interface:
            if descriptor[2] & 0x80:
                in_endpoint = descriptor[2] & 0xF
            else:
                out_endpoint = descriptor[2]
            if in_endpoint and out_endpoint:
                functions.append((control, in_endpoint, out_endpoint, name))
        at += len(descriptor)
    return functions
