"""Fixtures for tests on the emulated Pico, and a loud word when they could not run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .chip import BUILD
from .rig import Pico, flash_with_drive
from .stock import NoStock
from .stock import stock_uf2 as find_stock_uf2

from endcall.image import EMULATOR_UID, boot_out, build_drive  # isort: skip


@pytest.fixture(scope="session")
def stock_uf2() -> Path:
    """The stock CircuitPython for the Pico; skips where it cannot be got."""
    try:
        return find_stock_uf2()
    except NoStock as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def boot(stock_uf2: Path) -> Callable[..., Pico]:
    """`boot(files)`: a Pico with stock CircuitPython and these files (path -> bytes or text) on its drive.

    A boot_out.txt as CircuitPython would write it is added, so that the first start writes nothing; say
    `boot_says=` what boot.py prints, if anything.
    """

    def boot_with(files: dict[str, bytes | str], *, boot_says: str = "", quick: bool = True) -> Pico:
        content = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        content.setdefault(
            "boot_out.txt",
            boot_out(stock_uf2.read_bytes(), EMULATOR_UID, boot_says if "boot.py" in content else None),
        )
        return Pico.boot(flash_with_drive(stock_uf2.read_bytes(), build_drive(content)), quick=quick)

    return boot_with


def pytest_report_header() -> str:
    return f"emulated Pico: {BUILD}"
