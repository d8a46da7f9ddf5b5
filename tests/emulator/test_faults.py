"""What the product does on the emulated Pico when something breaks: the line closes, a fault is told by its number.

The firmware is the product's own but for two wires: GP2 to ground raises an exception in the loop, GP3 makes it hang.
"""

import pytest

from endcall.contents import firmware_files, mutable_files
from endcall.image import EMULATOR_UID, boot_out, build_drive, combine
from endcall_core import call

from . import button
from .button import Host
from .rig import Pico
from .test_button import press_until

RAISE, HANG = 2, 3
BREAK_ERROR_MS = 0.1

WIRES = """
from endcall_device import gpio
_raise, _hang = gpio.input_up(2), gpio.input_up(3)
def break_something():
    if not _raise.value:
        raise RuntimeError("GP2 is at ground")
    while not _hang.value:
        pass
"""


def breakable(runtime, changes=None):
    """The product's image with the two wires."""
    code = firmware_files()["code.py"].decode()
    loop = "        app.turn()\n"
    assert code.count(loop) == 1
    code = code.replace(loop, loop + "        break_something()\n").replace("\ntry:\n", WIRES + "\ntry:\n", 1)
    return button.image(runtime, changes, extra_files={"code.py": code.encode()})


def in_service(image):
    pico = Pico.boot(image)
    pico.line.lift_handset()
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=6000, what="READY on the ring")
    pico.run(300)
    return pico


def until_open(pico):
    """Warn, enforce, and wait until the line opens; the prompt is a second of sound."""
    press_until(pico, button.shows_warn, "WARN on the ring")
    pico.run(1200)
    press_until(pico, button.shows_enforce, "ENFORCE on the ring")
    pico.run_until(pico.line.breaks, within_ms=12_000, what="the line opening")


def test_exception_in_mid_break_leaves_the_break_whole(stock_uf2):
    pico = in_service(breakable(stock_uf2))
    until_open(pico)
    pico.run(200)
    pico.ground(RAISE)
    pico.run(100)
    pico.let_go(RAISE)
    assert pico.line.is_open
    pico.frames.clear()
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=9000, what="service after the crash")
    breaks = pico.line.breaks()
    assert len(breaks) == 1
    assert abs(breaks[0].length_ms - 600) <= BREAK_ERROR_MS
    said = Host(pico).hello()
    assert said["crash"] == "RuntimeError: GP2 is at ground"


@pytest.fixture(scope="module")
def open_desk(stock_uf2):
    """A Pico in mode hangup whose line has just opened, for 4 s."""
    pico = in_service(breakable(stock_uf2, {"release.mode": "hangup", "release.hold_s": 4}))
    until_open(pico)
    return pico


def test_hangup_is_one_break_renewed_without_a_gap(open_desk):
    def scenario(pico):
        pico.run_until(lambda: not pico.line.is_open, within_ms=5000, what="the line closing")
        return pico.line.breaks()

    (opened,) = open_desk.fork(scenario).result()
    # The loop counts whole milliseconds and the line opens within one; closing waits for the next turn.
    assert 3999 <= opened.length_ms <= 4050


def test_hangup_ends_when_the_handset_is_put_down(open_desk):
    def scenario(pico):
        pico.run(1000)
        pico.line.hang_up_handset()
        pico.run_until(lambda: not pico.line.is_open, within_ms=500, what="the line closing")
        return pico.line.breaks()

    (opened,) = open_desk.fork(scenario).result()
    assert 1000 <= opened.length_ms <= 1500


def test_a_hang_during_hangup_closes_the_line_by_itself(open_desk, record_property):
    """Within 1.1 s; then the watchdog bites, and the device is in service again within 10 s."""

    def scenario(pico):
        pico.run(700)
        hung_ns = pico.now_ns
        pico.ground(HANG)
        pico.run_until(lambda: not pico.line.is_open, within_ms=1100, what="the line closing by itself")
        closed_ms = (pico.now_ns - hung_ns) / 1e6
        pico.frames.clear()
        pico.after(5000, lambda: pico.let_go(HANG))  # before the restarted program looks at the wire
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=10_000, what="service after the watchdog")
        return closed_ms, (pico.now_ns - hung_ns) / 1e6, pico.line.breaks()

    closed_ms, service_ms, breaks = open_desk.fork(scenario).result()
    record_property("hang in hangup: line closed after, ms", round(closed_ms))
    record_property("hang in hangup: in service again after, ms", round(service_ms))
    assert closed_ms <= 1100
    assert service_ms <= 10_000
    assert len(breaks) == 1


def drive_without(runtime, *missing, **changed):
    """The product's image with files of the drive taken away or replaced (paths with / written as __)."""
    files = firmware_files() | mutable_files()
    for path in missing:
        del files[path]
    files |= {path.replace("__", "/"): data for path, data in changed.items()}
    uf2 = runtime.read_bytes()
    files["boot_out.txt"] = boot_out(uf2, EMULATOR_UID, "")
    return combine(uf2, build_drive(files))


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_without_its_closing_prompt_no_limit_can_be_set(stock_uf2, what):
    if what == "missing":
        image = drive_without(stock_uf2, "prompt_0/prompt.wav", "prompt_1/prompt.wav", "prompt_2/prompt.wav")
        fault = call.FAULT_PROMPT_MISSING
    else:
        prompt = bytearray(mutable_files()["prompt_0/prompt.wav"])
        prompt[100_000] ^= 0x10  # one bit, in the middle of the sound
        image = drive_without(stock_uf2, **{"prompt_0__prompt.wav": bytes(prompt)})
        fault = call.FAULT_PROMPT_DAMAGED
    pico = Pico.boot(image)
    pico.run_until(lambda: button.fault_number(pico.ring()), within_ms=6000, what="a fault on the ring")
    assert button.fault_number(pico.ring()) == fault
    pico.run(300)
    pico.press(200)
    pico.run(800)
    assert button.fault_number(pico.ring()) == fault, "a limit was set that could not be enforced"
    host = Host(pico)
    host.hello()
    status = host.ask("status")["ok"]
    assert status["state"] == "FAULT"
    assert status["fault"] == fault
    assert "endcall prompt put" in status["fault_say"]
    assert pico.line.breaks() == []


def test_a_firmware_that_keeps_crashing_says_so(stock_uf2):
    """After three crashes in a row: fault 7, no limit can be set, the data port answers and tells why."""
    pico = in_service(breakable(stock_uf2))
    pico.ground(RAISE)
    pico.run(13_000)  # a crash, two seconds for a break to end, a start: at least three times
    pico.let_go(RAISE)
    pico.frames.clear()
    pico.run_until(lambda: button.fault_number(pico.ring()), within_ms=9000, what="a fault on the ring")
    pico.run(300)
    assert button.fault_number(pico.ring()) == call.FAULT_CRASHED
    assert Host(pico).hello()["crash"] == "RuntimeError: GP2 is at ground"
    assert pico.line.breaks() == []


def test_a_hang_counts_as_a_crash(stock_uf2):
    """A hang says nothing before the watchdog ends it; the start after it counts it all the same."""
    pico = in_service(breakable(stock_uf2))
    host = Host(pico)
    assert host.hello()["crash"] == ""
    host.ask("restart")
    pico.run(4000)
    assert Host(pico).hello()["crash"] == "", "a restart that was asked for is no crash"
    for _ in range(2):  # a hang takes the emulator a minute, an exception seconds
        pico.ground(RAISE)
        pico.run(300)
        pico.let_go(RAISE)
        pico.frames.clear()
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=9000, what="service after the crash")
    pico.ground(HANG)
    pico.frames.clear()
    pico.after(4500, lambda: pico.let_go(HANG))  # the watchdog has bitten; the restarted program is not there yet
    pico.run_until(lambda: button.fault_number(pico.ring()), within_ms=12_000, what="a fault on the ring")
    pico.run(300)
    assert button.fault_number(pico.ring()) == call.FAULT_CRASHED
    assert "watchdog" in Host(pico).hello()["crash"]
    assert pico.line.breaks() == []
