"""UF2 files: what is refused and why, and a combined file as the RP2040's bootloader would write it."""

import random
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcall.image import (
    DRIVE_OFFSET,
    DRIVE_SIZE,
    FLASH_BLOCK,
    FLASH_SIZE,
    NVM_OFFSET,
    ImageError,
    boot_out,
    build_drive,
    combine,
    file_offset,
    parse_uf2,
    read_drive,
    read_runtime,
    used_blocks,
)

RP2040, RP2350 = 0xE48BFF56, 0xE48BFF59
FLASH = 0x10000000
PAGE = 256
STOCK = Path.home() / ".cache/rp2040py/adafruit-circuitpython-raspberry_pi_pico-en_US-10.2.1.uf2"

needs_stock = pytest.mark.skipif(not STOCK.exists(), reason=f"needs the CircuitPython of the emulator: {STOCK}")


def block(address: int, page: bytes, number: int, total: int, *, family: int = RP2040, flags: int = 0x2000) -> bytes:
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, flags, address, len(page), number, total, family)
    return head + page.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def uf2_of(pages: dict[int, bytes], **kind: int) -> bytes:
    return b"".join(block(at, page, i, len(pages), **kind) for i, (at, page) in enumerate(pages.items()))


def pages_of(content: bytes, address: int = FLASH) -> dict[int, bytes]:
    return {address + at: content[at : at + PAGE].ljust(PAGE, b"\0") for at in range(0, len(content), PAGE)}


def circuitpython(
    version: str = "10.2.1",
    machine: str = "Raspberry Pi Pico with rp2040",
    board: str = "raspberry_pi_pico",
    pages: int = 34,
) -> bytes:
    """As much of a CircuitPython as the image tools look at; like 10.2.1, two pages more than whole sectors."""
    strings = f"RP2040\0{board}\0{machine}\0Adafruit CircuitPython {version} on 2026-05-13; {machine}\0"
    return random.Random(7).randbytes(5000).replace(b"\0", b"\1") + b"\0" + strings.encode() + bytes(pages)


def runtime_uf2(pages: int = 34, **facts: str) -> bytes:
    return uf2_of(pages_of(circuitpython(**facts).ljust(pages * PAGE, b"\x42")[: pages * PAGE]))


class Bootloader:
    """How the RP2040's boot ROM writes a UF2 file (raspberrypi/pico-bootrom-rp2040, virtual_disk.c).

    It keeps a mark for every 16 block numbers. When a block comes whose mark is not set, it sets it and erases
    the sector of that block's address. Programming can only clear bits.
    """

    def __init__(self, flash: bytes) -> None:
        self.flash = bytearray(flash)
        self.erased_sectors: list[int] = []

    def copy(self, blocks: Iterable[bytes]) -> None:
        marks: set[int] = set()
        for data in blocks:
            _, _, _, address, _, number, _, _ = struct.unpack_from("<8I", data)
            at = address - FLASH
            if number * PAGE // FLASH_BLOCK not in marks:
                marks.add(number * PAGE // FLASH_BLOCK)
                sector = at // FLASH_BLOCK * FLASH_BLOCK
                self.flash[sector : sector + FLASH_BLOCK] = b"\xff" * FLASH_BLOCK
                self.erased_sectors.append(sector // FLASH_BLOCK)
            was = int.from_bytes(self.flash[at : at + PAGE], "big")
            new = int.from_bytes(data[32 : 32 + PAGE], "big")
            self.flash[at : at + PAGE] = (was & new).to_bytes(PAGE, "big")


def blocks_of(uf2: bytes) -> list[bytes]:
    return [uf2[at : at + 512] for at in range(0, len(uf2), 512)]


STALE = random.Random(3).randbytes(FLASH_SIZE)  # the flash of a Pico that was something else before
DRIVE = build_drive(
    {
        "code.py": b"import endcall_device\n" * 500,
        "boot.py": b"",
        "endcall_device/app.py": b"a" * 4096,
        "state_a/settings.bin": b"\xff" * 4096,
        "state_b/settings.bin": b"\xff" * 4096,
        "prompts/closing.wav": bytes(range(256)) * 100,
    }
)


# ---------------------------------------------------------------- reading


@given(
    st.lists(st.integers(0, FLASH_SIZE // PAGE - 1), unique=True, min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_what_a_file_writes_is_read_whatever_the_order(numbers: list[int], rng: random.Random) -> None:
    pages = {FLASH + number * PAGE: rng.randbytes(PAGE) for number in numbers}
    blocks = blocks_of(uf2_of(pages))
    rng.shuffle(blocks)
    uf2 = parse_uf2(b"".join(blocks))
    assert uf2.family_id == RP2040
    expected = bytearray(b"\xff" * FLASH_SIZE)
    for at, page in pages.items():
        expected[at - FLASH : at - FLASH + PAGE] = page
    assert uf2.flash() == expected
    assert sum(len(segment.data) for segment in uf2.segments) == PAGE * len(pages)
    ends = [segment.address + len(segment.data) for segment in uf2.segments]
    assert all(end < following.address for end, following in zip(ends, uf2.segments[1:], strict=False))


def changed(uf2: bytes, at: int, value: int) -> bytes:
    return uf2[:at] + struct.pack("<I", value) + uf2[at + 4 :]


PAGES = pages_of(b"x" * 1000)
GOOD = uf2_of(PAGES)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a UF2 file"),
        (b"<!DOCTYPE html>" * 100, "not a UF2 file"),
        (GOOD[:-512], "cut short: it has 3 of 4 blocks"),
        (GOOD[:-1], "cut short: it has 3 of 4 blocks"),
        (GOOD[:700], "cut short: it has 1 of 4 blocks"),
        (GOOD + b"more", "4 bytes after its last block"),
        (changed(GOOD, 512, 0), "damaged in block 1 of 4"),
        (changed(GOOD, 1024 + 508, 0), "damaged in block 2 of 4"),
        (changed(GOOD, 512 + 20, 0), "not numbered"),
        (changed(GOOD, 512 + 24, 5), "not numbered"),
        (GOOD + GOOD, "not numbered"),
        (changed(GOOD, 512 + 16, 476), "Block 1 .* not one page"),
        (changed(GOOD, 512 + 12, FLASH + 300), "Block 1 .* not one page"),
        (changed(GOOD, 512 + 12, FLASH), "0x10000000 twice"),
        (changed(GOOD, 512 + 12, FLASH + FLASH_SIZE), "0x10200000, outside"),
        (uf2_of(pages_of(b"x" * 1000, 0x20000000)), "0x20000000, outside"),
        (uf2_of(PAGES, family=RP2350), r"RP2350 \(Pico 2\) \(family 0xe48bff59\), not for the RP2040"),
        (uf2_of(PAGES, family=0x55114460), "SAMD51"),
        (uf2_of(PAGES, family=0x12345678), r"another chip \(family 0x12345678\)"),
        (uf2_of(PAGES, flags=0), "a chip that it does not name"),
        (GOOD + uf2_of(PAGES, family=RP2350), r"RP2040 \(family 0xe48bff56\) and RP2350"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        parse_uf2(data)


def test_the_runtime_is_known_by_what_is_in_it() -> None:
    runtime = read_runtime(runtime_uf2(version="10.3.0-alpha.4-2-g0123456789"))
    assert runtime.version == "10.3.0-alpha.4-2-g0123456789"
    assert runtime.board_id == "raspberry_pi_pico"
    assert runtime.version_line == (
        "Adafruit CircuitPython 10.3.0-alpha.4-2-g0123456789 on 2026-05-13; Raspberry Pi Pico with rp2040"
    )


@pytest.mark.parametrize("version", ["9.2.7", "9.3.0", "10.0.0-beta.1", "11.0.0"])
def test_a_runtime_that_is_new_enough_is_taken(version: str) -> None:
    assert read_runtime(runtime_uf2(version=version)).version == version


@pytest.mark.parametrize("version", ["9.2.6", "9.1.9", "8.2.10"])
def test_a_runtime_that_loses_what_it_received_is_refused(version: str) -> None:
    with pytest.raises(ImageError, match=rf"{version} is too old\. Before 9\.2\.7 .* closed the port"):
        read_runtime(runtime_uf2(version=version))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            runtime_uf2(machine="Raspberry Pi Pico W with rp2040", board="raspberry_pi_pico_w"),
            "another board: Raspberry Pi Pico W with rp2040",
        ),
        (runtime_uf2(board="raspberry_pi_pico_w"), "another board"),
        (runtime_uf2(machine="A Clone with rp2040"), "another board: A Clone with rp2040"),
        (runtime_uf2(machine="Adafruit Feather RP2040 with rp2040", board="adafruit_feather_rp2040"), "Feather"),
        (uf2_of(pages_of(b"MicroPython v1.24.1 on 2024-11-29; Raspberry Pi Pico with RP2040\0")), "no CircuitPython"),
        (combine(runtime_uf2(), DRIVE), "a drive in it already"),
        (uf2_of(pages_of(circuitpython()) | {FLASH + NVM_OFFSET: bytes(PAGE)}), "0xff100, where settings"),
    ],
)
def test_a_runtime_that_does_not_fit_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        read_runtime(data)
    with pytest.raises(ImageError, match=says):
        combine(data, DRIVE)


# ---------------------------------------------------------------- combining


@pytest.mark.parametrize("nvm", [None, b"\xff" * FLASH_BLOCK, bytes(range(256)) * 16])
@pytest.mark.parametrize("pages", [22, 32, 34, 47])
def test_every_sector_is_written_whole_by_16_blocks_of_its_own(nvm: bytes | None, pages: int) -> None:
    blocks = blocks_of(combine(runtime_uf2(pages=pages), DRIVE, nvm))
    assert len(blocks) % 16 == 0
    sectors = []
    for number, data in enumerate(blocks):
        magic0, magic1, flags, address, size, no, total, family = struct.unpack_from("<8I", data)
        assert (magic0, magic1, flags, size) == (0x0A324655, 0x9E5D5157, 0x2000, PAGE)
        assert (no, total, family) == (number, len(blocks), RP2040)
        assert data[288:] == bytes(220) + struct.pack("<I", 0x0AB16F30)
        assert (address - FLASH) % FLASH_BLOCK == number % 16 * PAGE
        sectors.append((address - FLASH) // FLASH_BLOCK)
    assert sectors == sorted(sectors)
    runtime = list(range(-(-pages // 16)))
    middle = [NVM_OFFSET // FLASH_BLOCK] if nvm else []
    drive = [DRIVE_OFFSET // FLASH_BLOCK + number for number in used_blocks(DRIVE)]
    assert sectors[::16] == runtime + middle + drive


@pytest.mark.parametrize("order", ["as it stands", "backwards", "shuffled"])
def test_the_bootloader_writes_it_over_anything(order: str) -> None:
    runtime, nvm = runtime_uf2(), bytes(range(256)) * 16
    product = combine(runtime, DRIVE, nvm)
    blocks = blocks_of(product)
    if order == "backwards":
        blocks.reverse()
    elif order == "shuffled":
        random.Random(5).shuffle(blocks)
    pico = Bootloader(STALE)
    pico.copy(blocks)
    expected = parse_uf2(runtime).flash()
    assert pico.flash[: 34 * PAGE] == expected[: 34 * PAGE]
    assert pico.flash[34 * PAGE : 48 * PAGE] == b"\xff" * 14 * PAGE, "the rest of the runtime's last sector"
    assert pico.flash[48 * PAGE : NVM_OFFSET] == STALE[48 * PAGE : NVM_OFFSET]
    assert pico.flash[NVM_OFFSET:DRIVE_OFFSET] == nvm
    for number in range(DRIVE_SIZE // FLASH_BLOCK):
        here = slice(number * FLASH_BLOCK, (number + 1) * FLASH_BLOCK)
        written = DRIVE if number in used_blocks(DRIVE) else STALE[DRIVE_OFFSET:]
        assert pico.flash[DRIVE_OFFSET:][here] == written[here], number
    assert len(pico.erased_sectors) == len(set(pico.erased_sectors)) == len(blocks) // 16


def test_blocks_numbered_on_from_the_runtime_would_lose_the_drive() -> None:
    """The fault that `combine` avoids, so that the model above is known to see it."""
    drive = pages_of(DRIVE[: 8 * FLASH_BLOCK], FLASH + DRIVE_OFFSET)
    naive = uf2_of(parse_pages(runtime_uf2()) | drive)
    pico = Bootloader(STALE)
    pico.copy(blocks_of(naive))
    lost = [at for at, page in drive.items() if pico.flash[at - FLASH : at - FLASH + PAGE] != page]
    assert len(lost) > len(drive) // 2


def parse_pages(uf2: bytes) -> dict[int, bytes]:
    return {struct.unpack_from("<I", data, 12)[0]: data[32 : 32 + PAGE] for data in blocks_of(uf2)}


def test_the_drive_is_what_was_given_even_where_an_older_one_was() -> None:
    pico = Bootloader(STALE)
    pico.copy(blocks_of(combine(runtime_uf2(), DRIVE)))
    drive = bytes(pico.flash[DRIVE_OFFSET:])
    assert read_drive(drive) == read_drive(DRIVE)
    start = file_offset(drive, "state_a/settings.bin")
    assert drive[start : start + FLASH_BLOCK] == b"\xff" * FLASH_BLOCK, "a preallocated file is erased, not left"
    assert pico.flash[NVM_OFFSET:DRIVE_OFFSET] == STALE[NVM_OFFSET:DRIVE_OFFSET], "no nvm given: it is kept"


def test_what_the_drive_does_not_use_is_left_out() -> None:
    nothing, something = build_drive({}), build_drive({"prompts/a.wav": b"x" * 100_000})
    runtime = runtime_uf2()
    assert len(combine(runtime, nothing)) == (3 + 3) * 16 * 512
    assert len(combine(runtime, something)) == (3 + 3 + 1 + 25) * 16 * 512


@pytest.mark.parametrize(
    ("drive", "nvm", "says"),
    [
        (DRIVE[:-1], None, "drive image has 1048575 bytes"),
        (DRIVE, b"", "NVM image has 0 bytes"),
        (DRIVE, bytes(256), "NVM image has 256 bytes"),
        (bytes(DRIVE_SIZE), None, "no FAT"),
    ],
)
def test_a_part_of_the_wrong_size_is_refused(drive: bytes, nvm: bytes | None, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        combine(runtime_uf2(), drive, nvm)


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=2000), st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=40))
def test_rubbish_is_refused_and_never_crashes(rubbish: bytes, at: int, splice: bytes) -> None:
    with pytest.raises(ImageError):
        parse_uf2(rubbish)
    with pytest.raises(ImageError):
        read_runtime(GOOD[:at] + splice + GOOD[at + len(splice) :])


# ---------------------------------------------------------------- boot_out.txt


def test_boot_out_is_made_of_the_runtimes_own_strings() -> None:
    runtime = runtime_uf2(version="10.2.1")
    head = (
        b"Adafruit CircuitPython 10.2.1 on 2026-05-13; Raspberry Pi Pico with rp2040\r\n"
        b"Board ID:raspberry_pi_pico\r\nUID:E6616408432A1B2C\r\n"
    )
    assert boot_out(runtime, "e6616408432a1b2c", None) == head
    assert boot_out(runtime, "E6616408432A1B2C") == head + b"boot.py output:\r\n"
    assert boot_out(runtime, "E6616408432A1B2C", "a\nb\n") == head + b"boot.py output:\r\na\r\nb\r\n"


@pytest.mark.parametrize("uid", ["", "E6616408432A1B2", "E6616408432A1B2CC", "E6616408432A1B2G", "E6616408432A1B2C\n"])
def test_a_number_that_no_pico_has_is_refused(uid: str) -> None:
    with pytest.raises(ImageError, match="16 hex digits"):
        boot_out(runtime_uf2(), uid, "")


# ---------------------------------------------------------------- the real CircuitPython


@needs_stock
def test_the_stock_circuitpython_is_known_and_combined() -> None:
    stock = STOCK.read_bytes()
    assert read_runtime(stock).version == "10.2.1"
    product = combine(stock, DRIVE)
    pico = Bootloader(STALE)
    pico.copy(blocks_of(product))
    size = len(stock) // 2
    assert pico.flash[:size] == parse_uf2(stock).flash()[:size]
    assert read_drive(bytes(pico.flash[DRIVE_OFFSET:])) == read_drive(DRIVE)
