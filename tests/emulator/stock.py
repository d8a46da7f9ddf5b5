"""The stock CircuitPython that the emulated Pico runs: where it is, and how it is got."""

import hashlib
from pathlib import Path

from .chip import BUILD  # noqa: F401 - first: it chooses the build of rp2040py

from rp2040py.utils.firmware_retrieve import CIRCUITPYTHON, retrieve  # isort: skip

VERSION = "10.2.1"
FILE = Path.home() / ".cache/rp2040py" / f"adafruit-circuitpython-raspberry_pi_pico-en_US-{VERSION}.uf2"
SHA256 = "4568ecbf69a4623ec5bfcbf9efc983e9d264c7b0d4ab56f14fe336543c708318"


class NoStock(Exception):  # noqa: N818 - it reads as what happened
    """CircuitPython is not here and cannot be got; the message says what to do."""


def stock_uf2() -> Path:
    """Return the path of the stock UF2, downloading it once (1.8 MB) if need be.

    Raises `NoStock` where there is no internet, `ValueError` if the file is not what it should be.
    """
    problem = ""
    if not FILE.exists():
        try:
            retrieve(CIRCUITPYTHON, VERSION, board="pico")
        except OSError as error:  # URLError is one
            problem = f" ({error})"
    if not FILE.exists():
        url = CIRCUITPYTHON.boards["pico"].fw[VERSION] if CIRCUITPYTHON.boards else ""
        raise NoStock(
            f"CircuitPython {VERSION} is not at {FILE} and could not be downloaded{problem}. "
            f"Get {url} on a machine with internet and put it there."
        )
    found = hashlib.sha256(FILE.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"{FILE} is not CircuitPython {VERSION} (SHA-256 {found}). Delete it and run again.")
    return FILE
