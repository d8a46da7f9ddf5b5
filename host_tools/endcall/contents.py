"""What lies on the CIRCUITPY drive: the firmware's files, and the files that the device overwrites in place."""

import sys
from importlib.util import find_spec
from pathlib import Path

from endcall.bytecode import compiled
from endcall_core import layout, settings, stored, wav
from endcall_core.wire import crc

#: Files of `firmware/` that every drive carries.
_FIRMWARE = ("boot.py", "code.py", "safemode.py", "settings.toml", "lib/**/*.py")


class ContentsError(ValueError):
    """The drive can't be made; the message says what to do."""


def firmware_folder() -> Path:
    """The folder `firmware/`: of the checkout in a development install, else the one inside the package."""
    packaged = Path(__file__).with_name("_firmware")
    if packaged.is_dir():
        return packaged
    spec = find_spec("endcall_core")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[2]


def firmware_files(folder: Path | None = None) -> dict[str, bytes]:
    """Path on the drive (without a leading slash) to content, for all code that runs on the device.

    folder: another `firmware/` than this package's.

    Modules are bytecode (`endcall.bytecode`); what CircuitPython starts by name stays source.
    """
    folder = folder or firmware_folder()
    files = {}
    for pattern in _FIRMWARE:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                files[path.relative_to(folder).as_posix()] = path.read_bytes()
    library = Path(__file__).with_name("_drive_lib") / "neopixel.py"
    if not library.exists():
        raise ContentsError(f"{library} is missing; install endcall again: {sys.executable} -m pip install endcall")
    files["lib/neopixel.py"] = library.read_bytes()
    return dict(_as_bytecode(path, data) for path, data in files.items())


def _as_bytecode(path: str, data: bytes) -> tuple[str, bytes]:
    code = compiled(path, data) if path.startswith("lib/") else None
    return (path, data) if code is None else (path.removesuffix(".py") + ".mpy", code)


def stock_prompts() -> dict[str, bytes]:
    """The prompts that come with the firmware, by name."""
    return {path.name: path.read_bytes() for path in sorted((firmware_folder() / "prompts").glob("*.wav"))}


def mutable_files(values: dict | None = None, prompts: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """The preallocated files, with `values` (default: every default) and `prompts` (default: the stock ones) stored.

    Raises ContentsError where a prompt can't be played, does not fit, or one that a setting names is missing.
    """
    values = settings.defaults() if values is None else values
    prompts = stock_prompts() if prompts is None else prompts
    files = {layout.JOURNAL_PATH: b"\xff" * (layout.JOURNAL_BLOCKS * layout.BLOCK_BYTES)}
    files |= dict.fromkeys(layout.APP_PATHS, b"\xff" * layout.APP_BYTES)
    table = {}
    if len(prompts) >= len(layout.SLOT_PATHS):
        raise ContentsError(f"{len(prompts)} prompts; {len(layout.SLOT_PATHS) - 1} and a spare slot is what fits")
    for slot, path in enumerate(layout.SLOT_PATHS):
        files[path] = b""
        if slot < len(prompts):
            name = sorted(prompts)[slot]
            files[path] = prompts[name]
            table[name] = [slot, len(prompts[name]), crc(prompts[name])]
            try:
                wav.parse(prompts[name][: wav.HEAD_BYTES], len(prompts[name]))
            except wav.WavError as error:
                raise ContentsError(f"{name} can't be used as a prompt: {error}") from error
            if len(prompts[name]) > layout.SLOT_BYTES:
                raise ContentsError(
                    f"{name} has {len(prompts[name])} bytes, a slot holds {layout.SLOT_BYTES}; make it shorter"
                )
        files[path] = files[path].ljust(layout.SLOT_BYTES, b"\xff")
    for key in ("prompt.closing", "prompt.warning"):
        if values[key] and values[key] not in table:
            raise ContentsError(f"{key} names {values[key]}, which is not among the prompts {', '.join(sorted(table))}")
    record = stored.encode_store(1, values, table)
    files[layout.STORE_PATHS[0]] = record.ljust(stored.STORE_BYTES, b"\xff")
    files[layout.STORE_PATHS[1]] = b"\xff" * stored.STORE_BYTES
    return {path.lstrip("/"): data for path, data in files.items()}
