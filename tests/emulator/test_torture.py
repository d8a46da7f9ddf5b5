"""The short form of what is broken on the chip: a few of the tries that `make torture` makes by hundreds."""

import random

import pytest
from torture import rows
from torture.chip_desk import BEFORE_THE_DRIVE_MS, flash_of, powered_on
from torture.fault import CHIP, Fault, Result, tries

from .flash import torn
from .rig import DRIVE_OFFSET, FLASH_SIZE

SEED = 7  # another one than the long form's, so that other tries are made
NVM_OFFSET = DRIVE_OFFSET - 4096


@pytest.mark.usefixtures("stock_uf2")
@pytest.mark.parametrize("fault", [fault for fault in rows.load(CHIP) if fault.short], ids=lambda fault: fault.name)
def test_survived(fault: Fault) -> None:
    result = Result(SEED)
    tries(fault, result, fault.short)
    assert result.failures == []
    assert result.survived


@pytest.mark.usefixtures("stock_uf2")
def test_no_start_looks_at_the_flash_before_the_tries_put_theirs_in() -> None:
    """With another NVM and another drive, memory and registers are the same up to there, and differ later."""
    ours = flash_of()
    other = ours[:NVM_OFFSET] + bytes(range(256)) * ((FLASH_SIZE - NVM_OFFSET) // 256)
    pair = [powered_on(ours), powered_on(other)]

    def memory() -> list[tuple]:
        for pico in pair:
            pico.run(BEFORE_THE_DRIVE_MS if pico.now_ms == 0 else 60)
        return [(bytes(pico._mcu.sram), list(pico._mcu.core.registers), pico.now_ns) for pico in pair]

    first, second = memory()
    assert first == second
    first, second = memory()
    assert first != second


def test_bits_torn_at_random_are_those_of_before_or_after() -> None:
    before, after = b"\xff" * 64, bytes(range(64))
    seen = set()
    for seed in range(200):
        left = torn(before, after, 0, random.Random(seed))
        assert all(
            (old & new) & ~bit == 0 == bit & ~(old | new) for old, new, bit in zip(before, after, left, strict=True)
        )
        seen.add(left)
    assert len(seen - {before, after}) > 190
