"""The first start of a device that was flashed with one combined UF2: what it runs, and what it writes."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rp2040py.peripherals.ssi import RPSSI

from endcall.image import (
    DRIVE_OFFSET,
    EMULATOR_UID,
    FLASH_BLOCK,
    boot_out,
    build_drive,
    combine,
    file_offset,
    read_drive,
)

from .rig import PIN_LED, Pico

STOCK = Path.home() / ".cache/rp2040py/adafruit-circuitpython-raspberry_pi_pico-en_US-10.2.1.uf2"
if not STOCK.exists():
    warnings.warn(f"NOT TESTED: the first start, for there is no CircuitPython at {STOCK}", stacklevel=1)
pytestmark = pytest.mark.skipif(not STOCK.exists(), reason=f"there is no CircuitPython at {STOCK}")

BOOT_SECTOR, TABLE, ROOT = (DRIVE_OFFSET + block * FLASH_BLOCK for block in range(3))
SECTOR_ERASE, BLOCK_ERASE, PAGE_PROGRAM = 0x20, 0xD8, 0x02  # commands of the flash chip
OTHER_UID = "E6616408432A1B2C"

FLUSH_MS = 1000  # CircuitPython writes what it holds back after so long
LIGHT = """\
import board, digitalio, time
led = digitalio.DigitalInOut(board.LED)
led.switch_to_output(True)
while True:
    time.sleep(1)
"""
AS_IN_SERVICE = """\
import storage, supervisor, usb_cdc
storage.disable_usb_drive()
storage.remount("/", readonly=True)
usb_cdc.enable(console=False, data=True)
supervisor.set_usb_identification(manufacturer="m", product="p")
"""


@dataclass
class Start:
    """What happened from power-on to the first line of code.py that lights the LED."""

    erased: list[int]  # flash offsets
    programmed: list[int]
    ms: float
    drive: bytes


def start(
    monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str | bytes], code: str = LIGHT, more_ms: float = 0
) -> Start:
    erased: list[int] = []
    programmed: list[int] = []
    apply = RPSSI._apply_command

    def count(chip: Any) -> None:
        command = bytes(chip._tx_buffer[:4])
        if command[:1] in (bytes([SECTOR_ERASE]), bytes([BLOCK_ERASE])):
            erased.append(int.from_bytes(command[1:], "big"))
        elif command[:1] == bytes([PAGE_PROGRAM]):
            programmed.append(int.from_bytes(command[1:], "big"))
        apply(chip)

    content = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    drive = build_drive({"code.py": code.encode(), **content})
    pico = Pico.boot(combine(STOCK.read_bytes(), drive))
    with monkeypatch.context() as patch:
        patch.setattr(RPSSI, "_apply_command", count)
        pico.run_until(lambda: pico._level(PIN_LED), within_ms=5000, what="the LED of code.py")
        lit_ms = pico.now_ms
        pico.run(more_ms)
    return Start(erased, programmed, lit_ms, pico.flash[DRIVE_OFFSET:])


@pytest.mark.parametrize(
    ("boot_py", "printed"),
    [
        (None, None),
        ("", ""),
        (AS_IN_SERVICE, ""),
        ("print('two')\nprint('lines')\n", "two\nlines\n"),
    ],
    ids=["no boot.py", "empty", "as in service", "prints"],
)
def test_with_the_right_boot_out_the_first_start_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, boot_py: str | None, printed: str | None
) -> None:
    expected = boot_out(STOCK.read_bytes(), EMULATOR_UID, printed)
    files = {} if boot_py is None else {"boot.py": boot_py}

    without = start(monkeypatch, files)
    assert read_drive(without.drive)["boot_out.txt"] == expected, "the chip's own words"
    data = DRIVE_OFFSET + file_offset(without.drive, "boot_out.txt")
    assert without.erased == [ROOT, TABLE, data, ROOT]

    ours = start(monkeypatch, files | {"boot_out.txt": expected})
    assert ours.erased == []
    assert ours.programmed == []
    assert ours.ms < without.ms - 990, "CircuitPython waits for a second before it writes"


def test_on_another_chip_the_first_start_rewrites_it_once_and_the_second_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = boot_out(STOCK.read_bytes(), OTHER_UID, "")
    first = start(monkeypatch, {"boot.py": AS_IN_SERVICE, "boot_out.txt": other})
    data = DRIVE_OFFSET + file_offset(first.drive, "boot_out.txt")
    assert first.erased == [ROOT, TABLE, TABLE, data, ROOT]
    assert BOOT_SECTOR not in first.erased

    written = read_drive(first.drive)["boot_out.txt"]
    assert written == boot_out(STOCK.read_bytes(), EMULATOR_UID, "")
    second = start(monkeypatch, {"boot.py": AS_IN_SERVICE, "boot_out.txt": written}, more_ms=FLUSH_MS + 500)
    assert (second.erased, second.programmed) == ([], [])


def test_circuitpython_reads_the_drive_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and contents, compared by CircuitPython itself: the LED is lit only if all is as it should be."""
    files = {
        "lib/endcall_core/a module with quite a long name.py": b"x" * 5000,
        "README.TXT": b"capital letters, no long name",
        "prompts/Ansage f\u00fcr sp\u00e4ter \u20ac.txt": b"not ASCII",
        "state_a/settings.bin": b"\xff" * FLASH_BLOCK,
        "empty.txt": b"",
        **{f"many/a file with a long name, number {i}.txt": b"%d" % i for i in range(50)},
        "boot_out.txt": boot_out(STOCK.read_bytes(), EMULATOR_UID, None),
    }
    names: dict[str, set[str]] = {}
    for path in [*files, "code.py"]:
        parts = path.split("/")
        for depth in range(len(parts)):
            names.setdefault("/" + "/".join(parts[:depth]), set()).add(parts[depth])
    sizes = {"/" + path: len(content) for path, content in files.items()}
    check = (
        "import os\n"
        f"names = {names!r}\n"
        f"sizes = {sizes!r}\n"
        "for directory in names:\n"
        "    found = os.listdir(directory)\n"
        "    assert len(found) == len(names[directory]) and set(found) == names[directory]\n"
        "for path in sizes:\n"
        "    assert os.stat(path)[6] == sizes[path]\n"
        "    with open(path, 'rb') as file:\n"
        "        assert len(file.read()) == sizes[path]\n"
        "for i in range(50):\n"
        "    with open(f'/many/a file with a long name, number {i}.txt') as file:\n"
        "        assert file.read() == str(i)\n"
    )
    assert start(monkeypatch, files, check + LIGHT).erased == []


def test_a_preallocated_file_is_rewritten_without_touching_table_or_root(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "boot.py": "import storage\nstorage.disable_usb_drive()\nstorage.remount('/', readonly=False)\n",
        "boot_out.txt": boot_out(STOCK.read_bytes(), EMULATOR_UID, ""),
        "state_a/settings.bin": b"\xff" * FLASH_BLOCK,
        "state_b/settings.bin": b"\xff" * FLASH_BLOCK,
    }
    save = "with open('/state_a/settings.bin', 'r+b') as file:\n    file.write(bytes(512))\n"
    done = start(monkeypatch, files, save + LIGHT)
    block = DRIVE_OFFSET + file_offset(done.drive, "state_a/settings.bin")
    assert done.erased == [block, block - FLASH_BLOCK], "the file, then the directory in front of it"
    assert read_drive(done.drive)["state_a/settings.bin"][:513] == bytes(512) + b"\xff"
