"""The rig itself: what it presses, sees, hears and breaks is what the chip's pins and ports do.

One Pico is booted with a program that runs what it is sent over the data port. Each test works on a copy.
"""

import io
import itertools
import math
import os
import subprocess
import sys
import wave
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .chip import BUILD
from .flash import PowerLost
from .fork import ScenarioFailed
from .rig import PIN_COUPLING, PIN_LED, PIN_MUTE, NotSeen, Pico
from .sound import Recording

BOOT_PY = "import usb_cdc\nusb_cdc.enable(console=True, data=True)\n"
SERVANT = """\
import array, board, digitalio, microcontroller, sys, time, usb_cdc
port = usb_cdc.data
port.timeout = 0.01
def pin(p, **kw):
    io = digitalio.DigitalInOut(p)
    (io.switch_to_output if "value" in kw else io.switch_to_input)(**kw)
    return io
led = pin(board.LED, value=False)
while not (usb_cdc.console.connected and port.connected):
    pass
print("SERVANT READY")
scope = globals()
while True:
    size = port.readline()
    if size:
        text = b""
        while len(text) < int(size):
            text += port.read(int(size) - len(text))
        exec(text, scope)
"""

Fork = Callable[[Callable[[Pico], Any]], Any]


def tell(pico: Pico, program: str) -> None:
    """Have the booted Pico execute `program`; returns at once."""
    pico.data.write(b"%d\n%s" % (len(program), program.encode()))


@pytest.fixture(scope="module")
def booted(boot: Callable[..., Pico]) -> Pico:
    pico = boot({"boot.py": BOOT_PY, "code.py": SERVANT, "tone.wav": wav(SAMPLES)})
    pico.run_until(lambda: "SERVANT READY" in pico.console and pico.usb.ready, what="the servant program")
    return pico


@pytest.fixture
def on_a_copy(booted: Pico) -> Fork:
    return lambda scenario: booted.fork(scenario).result(120)


# The button


def test_a_press_is_seen_for_as_long_as_it_lasts(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> tuple[float, list[tuple[bool, float]]]:
        tell(pico, "b = pin(board.GP15, pull=digitalio.Pull.UP)\nprint('ON')\nwhile True: led.value = not b.value")
        pico.run_until_says("ON")
        pico.run(20)
        start = pico.now_ms
        pico.press(ms=37)
        pico.run(100)
        return start, [(edge.level, edge.ns / 1e6) for edge in pico.edges(PIN_LED)]

    start, edges = on_a_copy(scenario)
    assert [level for level, _ in edges] == [True, False]
    on, off = (ms for _, ms in edges)
    assert 0 < on - start < 1
    assert off - start == pytest.approx(37, abs=1)


def test_a_bouncing_press_chatters_at_both_ends(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> list[float]:
        tell(pico, "b = pin(board.GP15, pull=digitalio.Pull.UP)\nprint('ON')\nwhile True: led.value = not b.value")
        pico.run_until_says("ON")
        pico.run(20)
        start = pico.now_ms
        pico.press(ms=20, bounce_ms=2)
        pico.run(40)
        return [edge.ns / 1e6 - start for edge in pico.edges(PIN_LED)]

    edges = on_a_copy(scenario)
    pressing = [ms for ms in edges if ms < 3]
    releasing = [ms for ms in edges if ms > 19]
    assert len(edges) == len(pressing) + len(releasing)
    assert len(pressing) % 2 == len(releasing) % 2 == 1
    assert len(pressing) > 6
    assert len(releasing) > 6


def test_a_released_button_leaves_the_pin_to_its_pull(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> str:
        pico.hold_button()
        tell(pico, "b = pin(board.GP15, pull=digitalio.Pull.DOWN)\ntime.sleep(0.05)\nprint('DOWN', b.value)")
        pico.release_button()
        pico.run_until_says("DOWN")
        tell(pico, "b.pull = digitalio.Pull.UP\nprint('UP', b.value)")
        pico.run_until_says("UP")
        return pico.console

    console = on_a_copy(scenario)
    assert "DOWN False" in console
    assert "UP True" in console


def test_a_program_reads_back_its_own_output(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> list[bool]:
        tell(pico, "for i in range(4): led.value = not led.value\nprint('BLINKED')")
        pico.run_until_says("BLINKED")
        return [edge.level for edge in pico.edges(PIN_LED)]

    assert on_a_copy(scenario) == [True, False, True, False]


# The ring


def test_the_ring_is_decoded_colour_by_colour(on_a_copy: Fork) -> None:
    pixels = [(i, 255 - i, (i * 37) % 256) for i in range(24)]
    wire = bytes(itertools.chain.from_iterable((g, r, b) for r, g, b in pixels))

    def scenario(pico: Pico) -> tuple[list, list, float, float]:
        assert pico.ring() == []
        start = pico.now_ns
        program = (
            "import neopixel_write\nd = pin(board.GP16, value=False)\n"
            f"neopixel_write.neopixel_write(d, {wire!r})\nled.value = True\ntime.sleep(0.01)\n"
            f"neopixel_write.neopixel_write(d, bytes(72))\nprint('DRAWN')\n"
        )
        tell(pico, program)
        pico.run_until_says("DRAWN")
        pico.run(1)
        assert len(pico.frames) == 2
        return pico.frames[0].pixels, pico.ring(), pico.frames[0].ns - start, pico.edges(PIN_LED)[0].ns - start

    first, last, last_bit, led = on_a_copy(scenario)
    assert first == pixels
    assert last == [(0, 0, 0)] * 24
    assert 0 < led - last_bit < 1e6, "the last bit comes just before the write returns"


# Sound

# CircuitPython stops the clocks with the last samples still in the FIFO: hence the silence at the end.
SAMPLES = [round(32767 * math.sin(2 * math.pi * 440 * i / 16000)) for i in range(200)]
SAMPLES += [-32768, 32767, 0, -1, 1, 0x5555, -0x5556] + [0] * 40


def wav(samples: list[int]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(array("h", samples).tobytes())
    return file.getvalue()


@pytest.mark.parametrize("busy", [False, True], ids=["asleep", "busy"])
def test_samples_come_back_exactly(on_a_copy: Fork, busy: bool) -> None:
    program = (
        "import audiobusio, audiocore\n"
        "i2s = audiobusio.I2SOut(board.GP10, board.GP11, board.GP12)\n"
        "i2s.play(audiocore.WaveFile('/tone.wav'))\n"
        f"while i2s.playing: {'pass' if busy else 'time.sleep(0.01)'}\n"
        "print('PLAYED')\n"
    )

    def scenario(pico: Pico) -> tuple[float, Recording]:
        start = pico.now_ns
        tell(pico, program)
        pico.run_until_says("PLAYED")
        return start, pico.sound(start)

    start, sound = on_a_copy(scenario)
    assert sound.left == sound.right, "a mono sample goes to both channels"
    first = next(i for i, value in enumerate(sound.left) if value) - 1
    assert SAMPLES[0] == 0
    assert SAMPLES[1] != 0
    assert list(sound.left[first : first + len(SAMPLES) - 30]) == SAMPLES[:-30]
    assert sound.rate == pytest.approx(16000, rel=0.0005)
    assert sound.gaps() == []
    assert sound.start_ns > start
    with wave.open(io.BytesIO(sound.wav())) as heard:
        assert heard.getframerate() == round(sound.rate)
        assert heard.readframes(len(sound)) == sound.left.tobytes()


def test_mute_and_coupling_edges_are_recorded(on_a_copy: Fork) -> None:
    def scenario(pico: Pico):
        tell(
            pico,
            "m = pin(board.GP22, value=True); c = pin(board.GP17, value=True); time.sleep(0.02)\n"
            "c.value = False; m.value = False; print('QUIET')",
        )
        pico.run_until_says("QUIET")
        return pico.edges(PIN_MUTE), pico.edges(PIN_COUPLING)

    mute, coupling = on_a_copy(scenario)
    assert [edge.level for edge in mute] == [edge.level for edge in coupling] == [True, False]
    assert coupling[1].ns - coupling[0].ns == pytest.approx(20e6, rel=0.1)
    assert mute[0].ns < coupling[0].ns < coupling[1].ns < mute[1].ns


# The line


def test_the_sense_pins_follow_handset_relay_and_far_end(on_a_copy: Fork) -> None:
    program = (
        "loop = pin(board.GP13, pull=digitalio.Pull.UP)\nup = pin(board.GP9, pull=digitalio.Pull.UP)\n"
        "relay = pin(board.GP14, value=False)\nprint('WIRED')"
    )

    def scenario(pico: Pico) -> list[tuple[bool, bool]]:
        seen: list[tuple[bool, bool]] = []

        def look() -> None:
            """Note what the chip reads: (loop current flows, handset seen up)."""
            tell(pico, f"print('SENSE{len(seen)}', not loop.value, not up.value)")
            _, current, up = pico.run_until_says(f"SENSE{len(seen)}").split()
            seen.append((current == "True", up == "True"))

        tell(pico, program)
        pico.run_until_says("WIRED")
        look()
        pico.line.lift_handset()
        look()
        pico.line.far_end_clears(500)
        look()
        pico.run(500)
        look()
        tell(pico, "relay.value = True")
        pico.run_until(lambda: pico.line.is_open)
        look()
        assert not pico.line.breaks()[0].closed
        pico.line.hang_up_handset()
        look()
        tell(pico, "relay.value = False")
        pico.run_until(lambda: not pico.line.is_open)
        look()
        assert pico.line.breaks()[0].closed
        return seen

    assert on_a_copy(scenario) == [
        (False, False),  # on-hook
        (True, False),  # handset up
        (False, False),  # far end clears
        (True, False),  # and is over
        (False, True),  # our relay is open, handset still up
        (False, False),  # handset down
        (False, False),  # relay closed again
    ]


def test_ringing_pulls_the_sense_low_with_gaps_until_the_handset_is_lifted(on_a_copy: Fork) -> None:
    program = (
        "loop = pin(board.GP13, pull=digitalio.Pull.UP)\n"
        "def listen(word):\n"
        "    low = gaps = total = 0\n    last = False\n    end = time.monotonic_ns() + 100_000_000\n"
        "    while time.monotonic_ns() < end:\n"
        "        now = loop.value\n        low += not now\n        gaps += now and not last\n"
        "        last = now\n        total += 1\n"
        "    print(word, gaps, 100 * low // total)\n"
        "listen('RINGING')\ntime.sleep(0.05)\nlisten('ANSWERED')"
    )

    def scenario(pico: Pico) -> tuple[str, str]:
        pico.line.rings(ms=1000)
        tell(pico, program)
        ringing = pico.run_until_says("RINGING")
        pico.line.lift_handset()
        return ringing, pico.run_until_says("ANSWERED")

    ringing, answered = on_a_copy(scenario)
    assert answered == "ANSWERED 0 100"
    _, gaps, low_pct = ringing.split()
    assert 3 <= int(gaps) <= 5, "twice per period of 50 ms"
    assert 92 <= int(low_pct) <= 98


# USB


def test_a_long_message_comes_back_whole(on_a_copy: Fork) -> None:
    message = bytes(i * 7 % 256 for i in range(3000))

    def scenario(pico: Pico) -> bytes:
        tell(
            pico,
            "got = b''\nprint('ECHO')\nwhile len(got) < 3000:\n    part = port.read(100)\n"
            "    got += part\n    port.write(part)\n",
        )
        pico.run_until_says("ECHO")
        pico.data.write(message)
        pico.run_until(lambda: len(pico.data.received) >= 3000)
        return pico.data.read()

    assert on_a_copy(scenario) == message


def test_the_console_hears_and_answers(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> str:
        tell(pico, "print('HEARD', sys.stdin.readline())")
        pico.console_write(b"good morning\r\n")
        pico.run_until_says("HEARD")
        pico.run(20)
        pico.console_write(b"\x03")
        pico.run_until(lambda: "KeyboardInterrupt" in pico.console)
        return pico.console

    assert "HEARD good morning" in on_a_copy(scenario)


def test_a_host_that_stops_reading_blocks_the_pico_and_loses_nothing(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> tuple[int, bytes]:
        pico.data.stop_reading()
        program = (
            "port.write_timeout = 0\nsent = 0\nfor i in range(40):\n    sent += port.write(bytes([i]) * 32)\n"
            "    time.sleep(0.002)\nprint('SENT', sent)\n"
        )
        tell(pico, program)
        sent = int(pico.run_until_says("SENT").split()[1])
        assert pico.data.read() == b""
        pico.data.resume_reading()
        pico.run(50)
        return sent, pico.data.read()

    sent, received = on_a_copy(scenario)
    assert 256 <= sent < 40 * 32, "the buffers of the Pico take a part"
    assert received == b"".join(bytes([i]) * 32 for i in range(40))[:sent]


def test_the_pico_sees_dtr_and_baud_rate(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> str:
        say = "print('PORT', port.connected, usb_cdc.console.connected)\n"
        tell(pico, say)
        pico.run_until(lambda: pico.console.count("PORT") == 1)
        pico.run(20)
        tell(pico, "while port.connected: pass\n" + say)
        pico.run(20)
        pico.data.set_lines(dtr=False)
        pico.run_until(lambda: pico.console.count("PORT") == 2)
        pico.run(20)
        assert not pico.data.dtr
        return pico.console

    lines = [line for line in on_a_copy(scenario).splitlines() if line.startswith("PORT")]
    assert lines == ["PORT True True", "PORT False True"]


def test_a_program_talks_to_the_pico_through_a_pty(on_a_copy: Fork) -> None:
    program = (
        "import serial, sys\n"
        "port = serial.Serial(sys.argv[1], timeout=60)\n"
        "port.write(b'hello from outside\\n')\n"
        "assert port.readline() == b'HELLO FROM OUTSIDE\\n'\n"
        "sys.exit(7)\n"
    )

    def scenario(pico: Pico) -> int:
        tell(pico, "line = b''\nwhile not line.endswith(b'\\n'): line += port.read(50)\nport.write(line.upper())")
        pico.run(30)
        with pico.data_pty() as path:
            process = subprocess.Popen([sys.executable, "-c", program, path])
            return pico.run_while(process)

    assert on_a_copy(scenario) == 7


@pytest.mark.parametrize(
    ("boot_py", "console", "data"),
    [
        ("import usb_cdc\nusb_cdc.enable(console=False, data=True)\n", False, True),
        ("", True, False),
        ("import usb_cdc, storage\nusb_cdc.disable()\nstorage.disable_usb_drive()\n", False, False),
    ],
    ids=["data only", "console only", "no serial port"],
)
def test_whatever_ports_there_are_work(boot: Callable[..., Pico], boot_py: str, console: bool, data: bool) -> None:
    code = (
        "import board, digitalio, usb_cdc\nled = digitalio.DigitalInOut(board.LED)\n"
        "led.switch_to_output(True)\nwhile True:\n    for p in (usb_cdc.console, usb_cdc.data):\n"
        "        if p and p.in_waiting: p.write(p.read(p.in_waiting).upper())\n"
    )
    pico = boot({"boot.py": boot_py, "code.py": code})
    pico.run_until(lambda: pico.usb.ready, what="the computer to know the Pico")
    pico.run_until(lambda: pico.edges(PIN_LED), what="code.py")
    assert (pico.usb.console.present, pico.usb.data.present) == (console, data)
    assert pico.usb.failed_requests == []
    assert pico.usb.strings is not None
    assert pico.usb.strings[1] == "Pico"
    assert (8 in pico.usb.classes) == ("disable_usb_drive" not in boot_py), "the drive is class 8"
    for port in pico.usb.ports:
        port.read()
        port.write(b"anybody there?")
        pico.run_until(partial(port.received.endswith, b"ANYBODY THERE?"), what=f"{port.name} echo")
    if not data:
        with pytest.raises(RuntimeError, match="no data port"):
            pico.data.write(b"x")


def test_1200_baud_and_no_dtr_is_the_way_into_the_bootloader(boot: Callable[..., Pico]) -> None:
    pico = boot(
        {"boot.py": "import usb_cdc\nusb_cdc.enable(console=False, data=True)\n", "code.py": "while True: pass"}
    )
    pico.run_until(lambda: pico.usb.ready)
    pico.run(100)
    pico.data.set_baud(1200)
    pico.run(20)
    assert not pico.in_bootloader
    pico.data.set_lines(dtr=False)
    pico.run_until(lambda: pico.in_bootloader, what="the bootloader")
    pico.run(300)
    assert not pico.usb.configured
    pico.power_cycle()
    pico.run_until(lambda: pico.usb.ready, what="CircuitPython")
    assert not pico.in_bootloader


# Power and flash


def test_a_power_cycle_keeps_the_flash_and_nothing_else(on_a_copy: Fork) -> None:
    def scenario(pico: Pico):
        tell(
            pico,
            "import alarm\nalarm.sleep_memory[0:4] = b'lost'\nmicrocontroller.nvm[0:4] = b'kept'\n"
            "r = pin(board.GP14, value=True)\nprint('STORED')",
        )
        pico.run_until_says("STORED")
        assert pico.line.is_open
        ops = list(pico.flash_ops)
        assert [op.kind for op in ops] == ["program"], "erased bytes of the NVM are programmed only"
        assert ops[0].address == 0xFF000
        at = pico.now_ns
        pico.power_cycle()
        assert not pico.line.is_open
        lengths = [b.length_ns for b in pico.line.breaks()]
        assert lengths == [at - pico.line.breaks()[0].start_ns]
        assert not pico.data.present
        pico.run_until(lambda: pico.console.count("SERVANT READY") == 2 and pico.usb.ready)
        tell(pico, "import alarm\nprint('NVM', bytes(microcontroller.nvm[0:4]), bytes(alarm.sleep_memory[0:4]))")
        pico.run_until_says("NVM")
        assert pico.flash_ops == ops, "starting again wrote nothing"
        return pico.console, pico.flash[0xFF000:0xFF004]

    console, nvm = on_a_copy(scenario)
    assert "NVM b'kept' b'\\x00\\x00\\x00\\x00'" in console
    assert nvm == b"kept"


def test_power_can_fail_in_the_middle_of_a_flash_operation(on_a_copy: Fork) -> None:
    def scenario(pico: Pico):
        tell(pico, "microcontroller.nvm[0:8] = b'\\x00' * 8\nmicrocontroller.nvm[0:8] = b'12345678'\nprint('NEVER')")
        pico.power_fails_at(2, torn_bytes=3)  # 0 program, 1 erase, 2 program
        with pytest.raises(PowerLost):
            pico.run(500)
        with pytest.raises(RuntimeError, match="no power"):
            pico.run(1)
        assert [op.kind for op in pico.flash_ops] == ["program", "erase"]
        torn = pico.flash[0xFF000:0xFF008]
        pico.power_cycle()
        pico.run_until(lambda: pico.console.count("SERVANT READY") == 2)
        return torn, pico.console

    torn, console = on_a_copy(scenario)
    assert torn == b"123" + b"\xff" * 5
    assert "NEVER" not in console


def test_a_slow_flash_holds_the_program_up(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> list[float]:
        pico.flash_takes(erase_ms=45, program_ms=0.4)
        tell(
            pico,
            "microcontroller.nvm[0:2] = b'\\0\\0'\nled.value = True\nmicrocontroller.nvm[0:2] = b'ab'\n"
            "led.value = False\nprint('DONE')",
        )
        pico.run_until_says("DONE")
        return [edge.ns / 1e6 for edge in pico.edges(PIN_LED)]

    on, off = on_a_copy(scenario)
    assert 45 + 16 * 0.4 < off - on < 60


def test_a_reset_is_seen_by_the_computer(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> str:
        tell(pico, "import alarm\nalarm.sleep_memory[0:4] = b'kept'\ntime.sleep(0.05)\nmicrocontroller.reset()")
        pico.run_until(lambda: not pico.usb.ready, within_ms=500)
        pico.run_until(lambda: pico.usb.ready and pico.console.count("SERVANT READY") == 2)
        tell(pico, "import alarm\nprint('RAM', bytes(alarm.sleep_memory[0:4]))")
        return pico.run_until_says("RAM")

    assert on_a_copy(scenario) == "RAM b'kept'"


# Failures and copies


def test_what_is_not_seen_is_told_with_the_state_of_the_desk(on_a_copy: Fork) -> None:
    def scenario(pico: Pico) -> str:
        with pytest.raises(NotSeen) as failure:
            pico.run_until(lambda: False, within_ms=5, what="pigs on the wing")
        return str(failure.value)

    text = on_a_copy(scenario)
    assert "pigs on the wing: not seen within 5 ms" in text
    assert "SERVANT READY" in text
    assert "handset down" in text


def test_copies_are_apart_and_bring_back_results_and_failures(booted: Pico) -> None:
    before = booted.now_ms

    def answer(number: int) -> Callable[[Pico], int]:
        def scenario(pico: Pico) -> int:
            tell(pico, f"print('N', {number} * 2)")
            return int(pico.run_until_says("N ").split()[1])

        return scenario

    assert booted.fork_all([answer(n) for n in range(4)]) == [0, 2, 4, 6]
    assert booted.now_ms == before

    def broken(pico: Pico) -> None:
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ScenarioFailed, match=r"(?s)on purpose.*in broken"):
        booted.fork(broken).result(10)
    with pytest.raises(ScenarioFailed, match="longer than"):
        booted.fork(lambda pico: pico.run(1e9)).result(0.5)


def test_a_sleep_ends_with_an_interrupt_that_came_just_before_it(boot):
    """Naps of a millisecond beside a scanned button: with an interrupt lost at the wrong moment one never ended."""
    pico = boot(
        {
            "code.py": """
import board, digitalio, keypad, time
keys = keypad.Keys((board.GP15,), value_when_pressed=False, pull=True, interval=0.002, debounce_threshold=3)
pin = digitalio.DigitalInOut(board.GP22)
pin.switch_to_output(False)
while True:
    keys.events.get()
    time.sleep(0.001)
    pin.value = not pin.value
"""
        }
    )
    pico.run_until(lambda: pico.edges(22), within_ms=4000, what="the first nap")
    pico.run(4000)
    edges = [edge.ns for edge in pico.edges(22)]
    longest_ms = max((later - earlier) / 1e6 for earlier, later in itertools.pairwise(edges))
    assert longest_ms < 100  # some 50 ms when the computer opens the port; a lost wake-up lasts for ever
    assert pico.now_ns - edges[-1] < 10e6


def test_compiled_and_plain_it_is_the_same_chip(stock_uf2):
    """`loop.py` and rp2040py, compiled and as they are: after 40 ms no register and no byte of memory differs."""
    if "compiled" not in BUILD:
        pytest.skip(BUILD)
    program = f"""
import hashlib
from emulator.rig import Pico
pico = Pico.boot({str(stock_uf2)!r})
pico.run(40)
core = pico._mcu.core
print(pico.now_ns, core.cycles, list(core.registers), hashlib.sha256(bytes(pico._mcu.sram)).hexdigest())
"""
    seen = {}
    for build in ("1", "0"):
        environment = os.environ | {"ENDCALL_EMULATOR_BUILD": build, "PYTHONPATH": str(Path(__file__).parents[1])}
        seen[build] = subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        ).stdout
    assert seen["1"] == seen["0"] != ""
