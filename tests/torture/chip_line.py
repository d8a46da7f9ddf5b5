"""The line can't stay open, on the chip: something breaks in the middle of a release, the relay's pin is watched."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from endcall.contents import firmware_files
from torture.chip_desk import enforce, flash_of, greeted, on_a_copy, powered_on, serving, until_ready, warn
from torture.chip_power import with_incidents
from torture.fault import CHIP, Fault, Notes

if TYPE_CHECKING:
    from emulator.rig import Pico

RAISE, HANG, WRITE = 2, 3, 4
HARD_FAULT = 3  # the Cortex-M0+'s number of that exception
#: What is set, and for how long the line is open then, in ms.
MODES = {
    "flash": ({"release__flash_ms": 600}, 600.0),
    "hangup": ({"release__mode": "hangup", "release__hold_s": 2}, 2050.0),
}
RENEWED_MS = 1100  # the line closes by itself this long after the last renewal
RESET_MS = 20
EXACT_MS = 0.1

WIRES = f"""
from endcall_device import gpio
_raise, _hang, _write = [gpio.input_up(n) for n in ({RAISE}, {HANG}, {WRITE})]
def break_something():
    if not _raise.value:
        raise RuntimeError("a wire is at ground")
    while not _hang.value:
        pass
    if not _write.value:
        microcontroller.nvm[0:1] = microcontroller.nvm[0:1]
"""


def patched(setup: str, in_the_loop: str) -> str:
    """code.py with something more in it."""
    code = firmware_files()["code.py"].decode()
    loop = "        app.turn()\n"
    assert code.count(loop) == code.count("\ntry:\n") == 1
    return code.replace(loop, f"{loop}        {in_the_loop}\n").replace("\ntry:\n", f"{setup}\ntry:\n", 1)


@cache
def _open(mode: str, access: str) -> Pico:
    """A line that has just opened; one incident is stored, so that a write to the NVM erases it."""
    code = patched(WIRES, "break_something()")
    flash = with_incidents(1, flash_of(code=code, usb__access=access, **MODES[mode][0]))
    pico = serving(powered_on(flash))
    pico.run(100)
    warn(pico)
    enforce(pico)
    pico.run_until(lambda: pico.line.is_open, 3000, "the line opening")
    return pico


# --- what breaks ---------------------------------------------------------------------------------------------------


def exception(pico: Pico) -> None:
    pico.ground(RAISE)
    pico.after(100, lambda: pico.let_go(RAISE))


def hang(pico: Pico) -> None:
    pico.ground(HANG)
    pico.after(4500, lambda: pico.let_go(HANG))  # the watchdog has bitten; what it restarted is not there yet


def hard_fault(pico: Pico) -> None:
    pico._mcu.core.waiting = False
    pico._mcu.core.exception_entry(HARD_FAULT)


def watchdog(pico: Pico) -> None:
    pico._watchdog_reset()


def run_pin(pico: Pico) -> None:
    pico.reset()


def power_loss(pico: Pico) -> None:
    pico.power_cycle()


def unplug(pico: Pico) -> None:
    """Nobody is at the other end any more, then somebody new is."""
    pico.data.stop_reading()
    pico.after(700, pico.usb._usb.reset_device)


def flash_write(pico: Pico) -> None:
    """Two erases that take as long as the flash's data sheet allows, with every interrupt off."""
    pico.flash_takes(400, 3)
    pico.ground(WRITE)
    pico.after(500, lambda: pico.let_go(WRITE))


def soft_reload(pico: Pico) -> None:
    pico.console_write(b"\x03")
    pico.after(300, lambda: pico.console_write(b"\x04"))


RENEWALS_STOP = (exception, hang)
AT_ONCE = (watchdog, run_pin, power_loss, hard_fault)
NOTHING_HAPPENS = (unplug, flash_write)


def in_release(what: Callable[[Pico], None], mode: str, number: int, noise: random.Random, notes: Notes) -> str:
    asked_ms = MODES[mode][1]
    at_ms = noise.uniform(0, asked_ms - 60)

    def scenario(pico: Pico, mine: Notes) -> str:
        pico.run(at_ms)
        assert pico.line.is_open
        fault_ms = pico.now_ms
        what(pico)
        pico.run_until(lambda: not pico.line.is_open, asked_ms + RENEWED_MS, "the line closing")
        opened = pico.line.breaks()[0]
        closed_ms = opened.start_ns / 1e6 + opened.length_ms - fault_ms
        mine.figure("ms open", opened.length_ms)
        mine.figure("ms from the fault to the closed line", closed_ms)
        if what in AT_ONCE:
            assert closed_ms <= RESET_MS
        elif what in RENEWALS_STOP and mode == "hangup":
            assert closed_ms <= RENEWED_MS
        elif what in RENEWALS_STOP or (what in NOTHING_HAPPENS and mode == "flash"):
            assert abs(opened.length_ms - asked_ms) <= EXACT_MS, "the break that had begun was not whole"
        else:
            assert opened.length_ms <= asked_ms + (RENEWED_MS if what is flash_write else 0)
        pico.frames.clear()
        began_ms = pico.now_ms
        until_ready(pico, 12_000)
        mine.figure("ms from the closed line to READY", pico.now_ms - began_ms)
        assert len(pico.line.breaks()) == 1, "the line was opened again"
        if what is hard_fault:
            serving(pico)
            assert "HARD_FAULT" in greeted(pico).said["crash"]
        return "one break; closed in time; in service"

    return on_a_copy(_open(mode, "develop" if what is soft_reload else "open"), scenario, notes)


# --- the watchdog ----------------------------------------------------------------------------------------------------

#: Every task of the loop, as (part, method that hangs).
TASKS = (
    ("button", "poll"),
    ("line", "turn"),
    ("line", "is_open"),
    ("line", "handset_up"),
    ("speaker", "turn"),
    ("speaker", "start"),
    ("port", "read_into"),
    ("port", "write"),
    ("ring", "show"),
    ("log", "append"),
    ("log", "compact"),
    ("prompts", "inspect"),
    ("store", "save"),
)
BITS, ARM, STUCK, MARK = (2, 3, 4, 5), 6, 7, 8

HANGS = f"""
from endcall_device import gpio
import digitalio
_bits = [gpio.input_up(n) for n in {BITS}]
_arm, _stuck = gpio.input_up({ARM}), gpio.input_up({STUCK})
_mark = digitalio.DigitalInOut(microcontroller.pin.GPIO{MARK})
_mark.switch_to_output(False)
_armed = False

def arm():
    global _armed
    if _armed or _arm.value:
        return
    _armed = True
    number = 0
    for bit in _bits:
        number = 2 * number + (not bit.value)
    part, method = {TASKS!r}[number]
    owner = getattr(app, part, None) or getattr(app.parts, part)
    made = getattr(owner, method)

    def hung(*args):
        while not _stuck.value:
            _mark.value = True
        return made(*args)

    setattr(owner, method, hung)
"""


@cache
def _with_hangs() -> Pico:
    pico = serving(powered_on(with_incidents(56, flash_of(code=patched(HANGS, "arm()")))))
    pico.watch(MARK)
    pico.run(100)
    return pico


def _arm(pico: Pico, task: int) -> None:
    for place, pin in enumerate(reversed(BITS)):
        if task >> place & 1:
            pico.ground(pin)
    pico.ground(ARM)
    pico.run(30)
    pico.ground(STUCK)


def _free(pico: Pico) -> None:
    for pin in (*BITS, ARM, STUCK):
        pico.let_go(pin)


def _live(pico: Pico) -> None:
    """All that there is: settings, a limit that is cancelled, a call that is ended."""
    host = greeted(pico)
    host.ask("stage", values={"call.warn_s": 44})
    host.ask("commit")
    pico.press(80)
    pico.run(200)
    pico.press(560)
    pico.run(760)
    warn(pico)
    enforce(pico)
    pico.run(3000)


def task_hangs(number: int, noise: random.Random, notes: Notes) -> str:
    """One task hangs; from that instant until the ring shows READY again."""
    task = number % len(TASKS)

    def scenario(pico: Pico, mine: Notes) -> str:
        from emulator.rig import NotSeen

        pico.run(noise.uniform(0, 100))
        _arm(pico, task)
        try:
            _live(pico)
        except NotSeen:
            pass  # the hang
        hung = [edge.ns for edge in pico.edges(MARK) if edge.level]
        assert hung, "this task was not reached"
        spent_ms = (pico.now_ns - hung[0]) / 1e6
        pico.after(max(1, 4500 - spent_ms), lambda: _free(pico))
        pico.run(max(1, 4500 - spent_ms))
        pico.frames.clear()
        until_ready(pico, 10_000)
        took_ms = (pico.now_ns - hung[0]) / 1e6
        mine.figure("ms from the hang to READY", took_ms)
        assert took_ms <= 10_000
        for one in pico.line.breaks():
            mine.figure("ms open", one.length_ms)
            assert one.length_ms <= 100
        assert "watchdog" in greeted(pico).said["crash"]
        return "found; in service again"

    return on_a_copy(_with_hangs(), scenario, notes)


def three_hangs(number: int, noise: random.Random, notes: Notes) -> str:
    task = noise.choice((0, 1, 2, 4))  # those of every turn

    def scenario(pico: Pico, mine: Notes) -> str:
        from emulator import button

        pico.run(noise.uniform(0, 100))
        _arm(pico, task)
        for _ in range(3):
            seen = len(pico.edges(MARK))
            pico.run_until(lambda seen=seen: len(pico.edges(MARK)) > seen, 9000, "the hang")  # type: ignore[misc]
            pico.run_until(lambda: not pico.edges(MARK)[-1].level, 6000, "the watchdog")
        _free(pico)
        pico.frames.clear()
        pico.run_until(lambda: button.fault_number(pico.ring()), 9000, "a fault on the ring")
        pico.run_until(lambda: pico.data.present, 3000, "the data port")
        pico.run(150)
        host = greeted(pico)
        said = host.ask("status")["ok"]
        assert (said["state"], said["fault_name"], said["relay"]) == ("FAULT", "crashed", "closed")
        pico.press(150)
        pico.run(400)
        assert host.ask("status")["ok"]["state"] == "FAULT", "a limit was set that could not be enforced"
        assert pico.line.breaks() == []
        return "fault crashed on the ring, line closed, port answers"

    return on_a_copy(_with_hangs(), scenario, notes)


_ROW = "The line can't stay open"
_FAULTS = {
    exception: "an exception in the loop",
    hang: "the loop hangs until the watchdog bites",
    hard_fault: "a hard fault, and safe mode after it",
    watchdog: "the watchdog bites in this instant",
    run_pin: "the RUN pin is pulled low",
    power_loss: "the power is lost and comes back",
    unplug: "the host reads no more, and another one enumerates the port",
    flash_write: "the NVM is rewritten, with erases of 400 ms",
    soft_reload: "Ctrl-C and Ctrl-D at the console (usb.access = develop)",
}

FAULTS = [
    *(
        Fault(
            f"chip line: {what.__name__.replace('_', ' ')} in {mode}",
            _ROW,
            CHIP,
            said,
            f"at a random moment of a release in mode {mode}, {MODES[mode][1]:.0f} ms; the relay's pin is watched",
            "one break, not longer than asked for; closed within 1.1 s once nothing renews it, within 20 ms after a "
            "reset; a break of mode flash that has begun is exact where the chip runs on; then in service",
            partial(in_release, what, mode),
            10,
            1 if (what, mode) in ((hard_fault, "flash"), (run_pin, "flash")) else 0,
        )
        for mode in MODES
        for what, said in _FAULTS.items()
    ),
    Fault(
        "chip watchdog: hangs",
        "The watchdog",
        CHIP,
        "a task of the loop hangs",
        "each call that the loop makes into a part never comes back",
        "the watchdog finds it, and the device is in service again within 10 s of the hang",
        task_hangs,
        2 * len(TASKS),
        0,
    ),
    Fault(
        "chip watchdog: three hangs",
        "The watchdog",
        CHIP,
        "three hangs in ten minutes",
        "a task of every turn hangs in three starts in a row",
        "fault crashed on the ring, the line closed, no press sets a limit, the port answers",
        three_hangs,
        4,
        0,
    ),
]
