"""The first start of a device that was flashed with one combined UF2: what it runs, and what it writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

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

from .rig import PIN_MUTE, Pico

BOOT_SECTOR, TABLE, ROOT = (DRIVE_OFFSET + block * FLASH_BLOCK for block in range(3))
OTHER_UID = "E6616408432A1B2C"

FLUSH_MS = 1000  # CircuitPython writes what it holds back after so long
# A pin of its own: CircuitPython blinks the on-board LED when code.py has failed.
RAISE_PIN = """\
import board, digitalio, time
pin = digitalio.DigitalInOut(board.GP22)
pin.switch_to_output(True)
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
class Started:
    """What happened from power-on to the line of code.py that raises a pin, and in `more_ms` after it."""

    erased: list[int]  # flash offsets
    programmed: list[int]
    run_ms: float
    drive: bytes


Start = Callable[..., Started]


@pytest.fixture(scope="session")
def runtime(stock_uf2: Path) -> bytes:
    return stock_uf2.read_bytes()


@pytest.fixture
def start(runtime: bytes) -> Start:
    """`start(files, code=, more_ms=)`: flash a Pico with one combined UF2 and start it for the first time."""

    def start_with(files: Mapping[str, str | bytes], code: str = RAISE_PIN, more_ms: float = 0) -> Started:
        content = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        pico = Pico.boot(combine(runtime, build_drive({"code.py": code.encode(), **content})))
        pico.watch(PIN_MUTE)
        pico.run_until(lambda: any(edge.level for edge in pico.edges(PIN_MUTE)), 5000, "the pin that code.py raises")
        run_ms = pico.now_ms
        pico.run(more_ms)
        erased = [op.address for op in pico.flash_ops if op.kind == "erase"]
        programmed = [op.address for op in pico.flash_ops if op.kind == "program"]
        return Started(erased, programmed, run_ms, pico.flash[DRIVE_OFFSET:])

    return start_with


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
    start: Start, runtime: bytes, boot_py: str | None, printed: str | None
) -> None:
    expected = boot_out(runtime, EMULATOR_UID, printed)
    files = {} if boot_py is None else {"boot.py": boot_py}

    without = start(files)
    assert read_drive(without.drive)["boot_out.txt"] == expected, "the chip's own words"
    data = DRIVE_OFFSET + file_offset(without.drive, "boot_out.txt")
    assert without.erased == [ROOT, TABLE, data, ROOT]

    ours = start(files | {"boot_out.txt": expected})
    assert ours.erased == []
    assert ours.programmed == []
    assert ours.run_ms < without.run_ms - 990, "CircuitPython waits for a second before it writes"


def test_on_another_chip_the_first_start_rewrites_it_once_and_the_second_does_not(start: Start, runtime: bytes) -> None:
    other = boot_out(runtime, OTHER_UID, "")
    first = start({"boot.py": AS_IN_SERVICE, "boot_out.txt": other})
    data = DRIVE_OFFSET + file_offset(first.drive, "boot_out.txt")
    assert first.erased == [ROOT, TABLE, TABLE, data, ROOT]
    assert BOOT_SECTOR not in first.erased

    written = read_drive(first.drive)["boot_out.txt"]
    assert written == boot_out(runtime, EMULATOR_UID, "")
    second = start({"boot.py": AS_IN_SERVICE, "boot_out.txt": written}, more_ms=FLUSH_MS + 500)
    assert (second.erased, second.programmed) == ([], [])


def test_circuitpython_reads_the_drive_as_it_was_written(start: Start, runtime: bytes) -> None:
    """Names and contents, compared by CircuitPython itself: the pin is raised only if all is as it should be."""
    files = {
        "lib/endcall_core/a module with quite a long name.py": b"x" * 5000,
        "README.TXT": b"capital letters, no long name",
        "prompts/Ansage f\u00fcr sp\u00e4ter \u20ac.txt": b"not ASCII",
        "state_a/settings.bin": b"\xff" * FLASH_BLOCK,
        "empty.txt": b"",
        **{f"many/a file with a long name, number {i}.txt": b"%d" % i for i in range(50)},
        "boot_out.txt": boot_out(runtime, EMULATOR_UID, None),
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
    assert start(files, check + RAISE_PIN).erased == []


def test_a_preallocated_file_is_rewritten_without_touching_table_or_root(start: Start, runtime: bytes) -> None:
    files = {
        "boot.py": "import storage\nstorage.disable_usb_drive()\nstorage.remount('/', readonly=False)\n",
        "boot_out.txt": boot_out(runtime, EMULATOR_UID, ""),
        "state_a/settings.bin": b"\xff" * FLASH_BLOCK,
        "state_b/settings.bin": b"\xff" * FLASH_BLOCK,
    }
    save = "with open('/state_a/settings.bin', 'r+b') as file:\n    file.write(bytes(512))\n"
    done = start(files, save + RAISE_PIN)
    block = DRIVE_OFFSET + file_offset(done.drive, "state_a/settings.bin")
    assert done.erased == [block, block - FLASH_BLOCK], "the file, then the directory in front of it"
    assert read_drive(done.drive)["state_a/settings.bin"][:513] == bytes(512) + b"\xff"
