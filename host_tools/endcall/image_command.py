"""Everything on one UF2: CircuitPython, the firmware, settings and prompts. What `endcall image` does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from endcall.contents import ContentsError, firmware_files, mutable_files, stock_prompts
from endcall.errors import InvalidError, UsageError
from endcall.image import EMULATOR_UID, FLASH_BLOCK, ImageError, boot_out, build_drive, combine
from endcall_core import layout, settings


def build(
    runtime: Path,
    values: dict | None = None,
    prompts: dict[str, bytes] | None = None,
    extra_files: Mapping[str, bytes] | None = None,
    *,
    uid: str = EMULATOR_UID,
    boot_py_output: str = "",
    erase_log: bool = False,
) -> bytes:
    """A UF2 file that makes a Pico in bootloader mode a complete device.

    runtime: the UF2 file of CircuitPython for the Pico. values: every setting, already checked (None: every
    default). prompts: content by name (None: the stock ones). extra_files: further files of the drive, or others
    in place of the firmware's, by path without a leading slash. uid: the Pico's number in 16 hex digits, and
    boot_py_output: what boot.py prints; where both are right, the first start does not have to write boot_out.txt
    (`endcall.image.boot_out`). erase_log: empty the NVM too, so that incident records of an earlier life go.

    Raises OSError where `runtime` can't be read, `image.ImageError` and `contents.ContentsError` with what to do.
    """
    uf2 = runtime.read_bytes()
    files = firmware_files() | mutable_files(values, prompts) | {f"{layout.APP_MOUNT[1:]}/": b""}
    if "lib/endcall_core/call.py" in files:  # sources, for want of a compiler: they leave no room for updates
        files = {path: data for path, data in files.items() if f"/{path}" not in layout.APP_PATHS}
    files |= extra_files or {}
    said = boot_py_output if "boot.py" in files else None
    files.setdefault("boot_out.txt", boot_out(uf2, uid, said))
    return combine(uf2, build_drive(files), b"\xff" * FLASH_BLOCK if erase_log else None)


def make(
    runtime: Path, values: dict, prompts: dict[str, bytes], uid: str | None = None, erase_log: bool = False
) -> bytes:
    """`build` with the stock prompts besides `prompts`, as far as there is room or a setting names them.

    Raises UsageError where `runtime` can't be read, InvalidError where the image can't be made.
    """
    named = {values["prompt.closing"], values["prompt.warning"]}
    every = stock_prompts() | prompts
    if len(every) >= len(layout.SLOT_PATHS):
        every = {name: data for name, data in every.items() if name in prompts or name in named}
    try:
        return build(runtime, values, every, uid=uid or EMULATOR_UID, erase_log=erase_log)
    except OSError as error:
        raise UsageError(f"{runtime} can't be read: {error.strerror}.", "", "Check the name of the file.") from error
    except (ImageError, ContentsError) as error:
        raise InvalidError(f"The image can't be made: {error}", "Nothing was written.") from error


def read_contents(file: Path | None, given: Iterable[str]) -> tuple[dict, dict[str, bytes]]:
    """Every setting, with those of the TOML `file`; and the prompts `given` as NAME=FILE, by name.

    Raises UsageError, InvalidError.
    """
    from endcall import prompt_file, settings_file

    values = settings.defaults()
    if file:
        changes, lines = settings_file.read(file)
        full, found = settings.check_changes(values, changes)
        if not full:
            problems = settings_file.problems_alone(changes, lines) or settings_file.sort(found, changes, lines)
            raise settings_file.invalid(problems, str(file))
        values = full
    prompts: dict[str, bytes] = {}
    for pair in given:
        name, separator, path = pair.partition("=")
        if not separator:
            raise UsageError(
                f"--prompt {pair} can't be understood.",
                "It takes a name on the device and a file.",
                "Write it as NAME=FILE, e.g. --prompt closing.wav=our-closing.wav",
            )
        name, prompts[name], _ = prompt_file.read(Path(path), name)
    return values, prompts


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all. Raises UsageError.

    On the drive of a Pico in its bootloader there is no second name to write under: the Pico restarts with the
    last block.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if (path.parent / "INFO_UF2.TXT").exists():
            path.write_bytes(data)
            return
        try:
            fresh.write_bytes(data)
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.", "", "Choose another --output.") from error
