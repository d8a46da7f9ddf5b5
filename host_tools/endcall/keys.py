"""Device keys: where this computer keeps them, and how a request is signed with one.

In the system's keyring where the package `keyring` finds one, else in a file per device that nobody else may read.
A key being replaced is kept behind the new one until the device has confirmed that.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Any

from endcall.errors import UsageError
from endcall_core import wire

KEY_BYTES = 32
SERVICE = "endcall"  # under which a keyring lists them


def new() -> str:
    """A key that nobody has, in hex."""
    return secrets.token_hex(KEY_BYTES)


def signed(request: dict[str, Any], payload: bytes | None, key: str, nonce: str) -> bytes:
    """The frame of `request`, and its payload, signed as `endcall_device.lock` checks it. Raises ValueError."""
    if payload is not None:
        request = {**request, "n": len(payload), "crc": wire.crc(payload)}
    text = json.dumps(request, separators=(",", ":")).encode().removesuffix(b"}")
    message = bytes.fromhex(nonce) + text + b"\n" + (payload or b"")
    mac = hmac.new(bytes.fromhex(key), message, "sha256").hexdigest()
    return wire.frame({**request, "mac": mac}) + (payload or b"")


def of(serial: str) -> list[str]:
    """The keys that this computer keeps for a device, in hex, the newest first. Raises UsageError."""
    return (_from_keyring(serial) or _from_file(serial)).split()


def keep(serial: str, keys: list[str]) -> str:
    """Keep `keys` for a device in place of those before; returns where, in words. Raises UsageError."""
    text = " ".join(keys)
    if _into_keyring(serial, text):
        _into_file(serial, "")
        return "this computer's keyring"
    return str(_into_file(serial, text))


# --- the keyring -------------------------------------------------------------------------------------------------


def _keyring() -> Any:
    """The package `keyring`, or None where it is not installed, or finds no keyring."""
    try:
        import keyring
        from keyring.backends import fail
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), fail.Keyring) else keyring


def _from_keyring(serial: str) -> str:
    keyring = _keyring()
    if keyring is None:
        return ""
    try:
        return keyring.get_password(SERVICE, serial.upper()) or ""
    except keyring.errors.NoKeyringError:
        return ""
    except keyring.errors.KeyringError as error:
        raise _locked_keyring(error) from error


def _into_keyring(serial: str, text: str) -> bool:
    """Whether a keyring took it; some say so and keep nothing."""
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        if not text:
            with contextlib.suppress(keyring.errors.PasswordDeleteError):
                keyring.delete_password(SERVICE, serial.upper())
            return False  # what a file may have of it goes, too
        keyring.set_password(SERVICE, serial.upper(), text)
        return bool(keyring.get_password(SERVICE, serial.upper()) == text)
    except keyring.errors.NoKeyringError:
        return False
    except keyring.errors.KeyringError as error:
        raise _locked_keyring(error) from error


def _locked_keyring(error: Exception) -> UsageError:
    return UsageError(
        f"This computer's keyring refused: {str(error) or type(error).__name__}.",
        "The device's key may be in it.",
        "Unlock the keyring (log in at the desktop), and repeat the command.",
    )


# --- the files ---------------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where the files are if there is no keyring."""
    from platformdirs import user_config_path

    return user_config_path("endcall", appauthor=False) / "keys"


def _file(serial: str) -> Path:
    if not serial.isascii() or not serial.isalnum():
        raise UsageError(f"{serial!r} is no serial number of a device.", "No key can be kept for it.")
    return folder() / serial.upper()


def _from_file(serial: str) -> str:
    path = _file(serial)
    try:
        with path.open("rb") as opened:
            _refuse_others(path, os.fstat(opened.fileno()))
            text = opened.read().decode("ascii", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "It keeps a device's key.") from error
    if not text.split() or not all(map(is_key, text.split())):
        raise _damaged(path)
    return text


def _refuse_others(path: Path, status: os.stat_result) -> None:
    if sys.platform == "win32":  # there the user's own folder is closed to others
        return
    if status.st_uid != os.getuid():
        raise UsageError(
            f"{path} belongs to another user.", "A key that others may have put there is not used.", f"Remove {path}"
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            f"{path} may be read or written by others (mode {stat.S_IMODE(status.st_mode):03o}).",
            "It keeps a device's key, and somebody else may have it by now.",
            f"Run: chmod 600 '{path}'; then give the device another key: endcall lock set",
        )


def _damaged(path: Path) -> UsageError:
    return UsageError(
        f"{path} is no file of device keys.",
        "It was changed or is damaged; no key was taken from it.",
        "Bring back a copy of it, or take the key from another computer: endcall lock export FILE there, endcall lock "
        "import FILE here.",
    )


def is_key(text: str) -> bool:
    """Whether `text` is a key as it is kept: 64 hex digits, in small letters."""
    return len(text) == 2 * KEY_BYTES and not text.strip("0123456789abcdef")


def _into_file(serial: str, text: str) -> Path:
    path = _file(serial)
    try:
        if text:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, text + "\n")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}.", "A device's key has to be kept there.", "See to its rights."
        ) from error
    return path


def write_private(path: Path, text: str) -> None:
    """Write `path` whole or not at all, readable for this user alone. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def read_exported(path: Path) -> dict[str, list[str]]:
    """The keys in a file that `endcall lock export` wrote, by serial number. Raises UsageError."""
    try:
        found = {str(serial): str(text).split() for serial, text in dict(json.loads(path.read_bytes())).items()}
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "", "Check the name of the file.") from error
    except (ValueError, TypeError) as error:
        raise _damaged(path) from error
    if not found or not all(keys and all(map(is_key, keys)) for keys in found.values()):
        raise _damaged(path)
    return found


def export(path: Path, keys: dict[str, list[str]]) -> None:
    """Write keys for `read_exported` on another computer. Raises UsageError."""
    try:
        write_private(path, json.dumps({serial: " ".join(each) for serial, each in keys.items()}, indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.", "", "Choose another place.") from error
