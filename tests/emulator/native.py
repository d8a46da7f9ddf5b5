"""Builds the compiled part of rp2040py for this very Python: three to six times as fast.

The wheel on PyPI is built once for all Pythons (the stable ABI), which costs the emulator most of its time
in looking up methods; its author measured 5.2 against 13.3 million instructions per second. The wheel
also carries the C sources. Where a C compiler and Python's headers are found they are compiled once (half a
minute) into a cache; where not, the wheel's own build is used and everything is slower but the same.

Set ENDCALL_EMULATOR_BUILD=0 to use the wheel's build.
"""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path
from shutil import which

_PREFIX = "rp2040py.native."


class _Finder:
    """Finds rp2040py's native modules in our cache instead of in the wheel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if not name.startswith(_PREFIX):
            return None
        file = self.folder / (name.removeprefix(_PREFIX) + sysconfig.get_config_var("EXT_SUFFIX"))
        return importlib.util.spec_from_file_location(name, file) if file.exists() else None


def use_local_build() -> str:
    """Use the local build from now on, making it if need be; returns a sentence on what is used.

    Has to be called before rp2040py is imported.
    """
    if any(name.startswith(_PREFIX) for name in sys.modules):
        return "rp2040py as in the wheel, because it was imported before"
    if os.environ.get("ENDCALL_EMULATOR_BUILD") == "0":
        return "rp2040py as in the wheel (slow), because ENDCALL_EMULATOR_BUILD=0"
    package = importlib.util.find_spec("rp2040py")
    assert package is not None
    assert package.origin is not None
    sources = sorted((Path(package.origin).parent / "native").glob("*.c"))
    tag = f"rp2040py-{version('rp2040py')}-{sysconfig.get_config_var('SOABI')}"
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "endcall" / tag
    if not folder.is_dir():
        problem = _build(sources, folder)
        if problem:
            return f"rp2040py as in the wheel (slow): {problem}"
    sys.meta_path.insert(0, _Finder(folder))
    return f"rp2040py {version('rp2040py')}, compiled for this Python"


def _build(sources: list[Path], folder: Path) -> str:
    """Compile `sources` into `folder`, all or nothing; returns what is in the way, or "" if all went well."""
    compiler = next((c for c in ("cc", "gcc", "clang") if which(c)), None)
    include = Path(sysconfig.get_paths()["include"])
    if not sources:
        return "the wheel carries no C sources"
    if compiler is None:
        return "no C compiler found (Debian: apt install gcc)"
    if not (include / "Python.h").exists():
        return "Python.h not found (Debian: apt install python3-dev)"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fresh = Path(scratch) / "native"
            fresh.mkdir()
            suffix = sysconfig.get_config_var("EXT_SUFFIX")
            shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]

            def compile_one(source: Path) -> None:
                command = [compiler, "-O2", "-DNDEBUG", "-fwrapv", "-fPIC", *shared, f"-I{include}", str(source)]
                subprocess.run([*command, "-o", str(fresh / (source.stem + suffix))], check=True, capture_output=True)

            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(pool.map(compile_one, sources))
            fresh.rename(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        if folder.is_dir():  # another process was quicker
            return ""
        return f"compiling it failed: {error}"
    return ""
