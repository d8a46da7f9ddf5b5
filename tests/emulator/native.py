"""Compiles what the emulated chip spends its time in, for this very Python: rp2040py's own modules, and `loop.py`.

The wheel on PyPI is built once for all Pythons (the stable ABI), which costs the emulator most of its time
in looking up methods; its author measured 5.2 against 13.3 million instructions per second. The wheel
also carries the C sources, and what Cython needs to know of them. Where a C compiler and Python's headers are found
they are compiled once (half a minute) into a cache; where not, the wheel's own build and `loop.py` as it is are used,
and everything is slower but the same.

Set ENDCALL_EMULATOR_BUILD=0 to use those anyhow.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path

_THEIRS = "rp2040py.native."
_OURS = f"{__package__}.loop"
_SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


class _Finder:
    """Finds the compiled modules in our cache instead of in the wheel and beside this file."""

    def __init__(self, theirs: Path, ours: Path) -> None:
        self.theirs, self.ours = theirs, ours

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == _OURS:
            file = self.ours / f"loop{_SUFFIX}"
        elif name.startswith(_THEIRS):
            file = self.theirs / (name.removeprefix(_THEIRS) + _SUFFIX)
        else:
            return None
        return importlib.util.spec_from_file_location(name, file) if file.exists() else None


def use_local_build() -> str:
    """Use the local build from now on, making it if need be; returns a sentence on what is used.

    Has to be called before rp2040py is imported.
    """
    if any(name.startswith(_THEIRS) for name in sys.modules):
        return "rp2040py as in the wheel, because it was imported before"
    if os.environ.get("ENDCALL_EMULATOR_BUILD") == "0":
        return "rp2040py as in the wheel (slow), because ENDCALL_EMULATOR_BUILD=0"
    package = importlib.util.find_spec("rp2040py")
    assert package is not None
    assert package.origin is not None
    native = Path(package.origin).parent / "native"
    tag = f"rp2040py-{version('rp2040py')}-{sysconfig.get_config_var('SOABI')}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "endcall"
    sources = [Path(__file__).with_name(name) for name in ("loop.py", "loop.pxd")]
    fingerprint = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    theirs, ours = cache / tag, cache / f"loop-{fingerprint}-{tag}"
    problem = _missing(native)
    if not problem and not theirs.is_dir():
        problem = _build(theirs, lambda scratch: sorted(native.glob("*.c")))
    if not problem and not ours.is_dir():
        problem = _build(ours, lambda scratch: [_translated(sources, native.parents[1], scratch)])
    if problem:
        return f"rp2040py as in the wheel (slow): {problem}"
    sys.meta_path.insert(0, _Finder(theirs, ours))
    return f"rp2040py {version('rp2040py')}, compiled for this Python"


def _compiler() -> str | None:
    return next((found for found in ("cc", "gcc", "clang") if shutil.which(found)), None)


def _missing(native: Path) -> str:
    """What is missing for a build, or ""."""
    if not any(native.glob("*.c")):
        return "the wheel carries no C sources"
    if importlib.util.find_spec("Cython") is None:
        return "Cython not found (it comes with endcall[dev])"
    if _compiler() is None:
        return "no C compiler found (Debian: apt install gcc)"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return "Python.h not found (Debian: apt install python3-dev)"
    return ""


def _translated(sources: list[Path], site_packages: Path, scratch: Path) -> Path:
    """`loop.py` in C."""
    package = scratch / str(__package__).replace(".", "/")  # or Cython does not find the types
    package.mkdir(parents=True)
    for source in (*sources, Path(__file__).with_name("__init__.py")):
        shutil.copy(source, package)
    command = [sys.executable, "-m", "cython", "-3", "-I", str(site_packages), str(package / "loop.py")]
    subprocess.run(command, cwd=scratch, check=True, capture_output=True)
    return package / "loop.c"


def _build(folder: Path, sources: Callable[[Path], list[Path]]) -> str:
    """Compile `sources` into `folder`, all or nothing; returns what is in the way, or "" if all went well."""
    include = sysconfig.get_paths()["include"]
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fresh = Path(scratch) / "native"
            fresh.mkdir()

            def compile_one(source: Path) -> None:
                command = [_compiler(), "-O2", "-DNDEBUG", "-fwrapv", "-fPIC", *shared, f"-I{include}", str(source)]
                subprocess.run([*command, "-o", str(fresh / (source.stem + _SUFFIX))], check=True, capture_output=True)

            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(pool.map(compile_one, sources(Path(scratch))))
            fresh.rename(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        if folder.is_dir():  # another process was quicker
            return ""
        said = getattr(error, "stderr", None) or b""
        return f"compiling it failed: {error} {said.decode(errors='replace')[-300:]}"
    return ""
