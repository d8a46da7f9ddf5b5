"""`endcall doctor`, `udev`: what stands between a person and a device, and how to mend it."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from endcall.commands.shared import chosen_device, device_options, emit, examples, note
from endcall.errors import FailedError, UsageError

STOCK = ("closing", "warning")  # prompts that come with every device; the name of another may name somebody


@examples("endcall doctor", "endcall doctor --bundle report.zip")
@click.command()
@device_options
@click.option("--bundle", type=click.Path(path_type=Path, dir_okay=False), help="Write a report without names to send.")
def doctor(bundle: Path | None) -> None:
    """Check this computer and every device, and say how to mend what is wrong. Exit code 16 when something is."""
    from endcall import doctor as surgery

    checks = surgery.examine(surgery.System(), chosen_device())
    facts = {"checks": [check.as_dict() for check in checks]}
    emit("doctor", facts, lambda: _shown(checks))
    if bundle:
        write_bundle(bundle, facts)
        note(f"{bundle}: a report without names; serial numbers are hashed. Read it before you send it.")
    failed = [check for check in checks if check.verdict == surgery.FAIL]
    if failed:
        raise FailedError(f"{len(failed)} of {len(checks)} checks failed.", "", failed[0].todo)


def _shown(checks: list[Any]) -> Any:
    from rich.text import Text

    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    out = Text()
    for check in checks:
        out.append(f"{check.verdict:<5}", styles[check.verdict])
        where = f" [{check.device}]" if check.device else ""
        out.append(f"{check.name}{where}: {check.says}\n")
        if check.todo:
            out.append(f"      {check.todo}\n", "dim")
    out.rstrip()
    return out


def hashed(number: str) -> str:
    """A stand-in for a serial number: the same for the same number, in every bundle."""
    return "#" + hashlib.sha256(number.upper().encode()).hexdigest()[:8] if number else ""


def redacted(text: str) -> str:
    """`text` without what names a person or a device: serial numbers, home and media folders."""
    text = re.sub(r"(?<!#)\b[0-9A-Fa-f]{8,16}\b", lambda match: hashed(match[0]), text)
    text = text.replace(str(Path.home()), "~") if str(Path.home()) != "/" else text
    return re.sub(r"(/home/|/Users/|/media/|\\Users\\)[^/\\\s\"']+", r"\1…", text)


def _without_prompt_names(check: dict[str, str]) -> dict[str, str]:
    found = re.match(r"(.+)\.wav: ", check["says"]) if check["name"] == "prompt" else None
    if not found or found[1] in STOCK:
        return check
    return {key: text.replace(found[1], hashed(found[1])) for key, text in check.items()}


def write_bundle(path: Path, facts: dict[str, Any]) -> None:
    """A ZIP of the checks, the listed ports and the tail of endcall's own log, redacted. Raises UsageError."""
    import platform
    import zipfile

    from platformdirs import user_log_path

    from endcall import ports

    listed = [
        {name: getattr(port, name) for name in ("path", "vid", "pid", "manufacturer", "product", "interface")}
        | {"serial": hashed(port.serial or "")}
        for port in ports.list_ports()
    ]
    system = {"system": platform.platform(), "python": platform.python_version(), "machine": platform.machine()}
    files = {
        "doctor.json": json.dumps({"checks": [_without_prompt_names(check) for check in facts["checks"]]}, indent=1),
        "ports.json": json.dumps(listed, indent=1),
        "system.json": json.dumps(system, indent=1),
    }
    log = user_log_path("endcall", appauthor=False) / "endcall.log"
    if log.exists():
        files["endcall.log"] = log.read_text(errors="replace")[-20_000:]
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in files.items():
                file.writestr(name, redacted(text))
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.", "", "Choose another place.") from error


@examples("endcall udev print", "sudo endcall udev install")
@click.group()
def udev() -> None:
    """Access to the device on Linux: print or install the udev rules."""


@examples("endcall udev print")
@udev.command("print")
def udev_print() -> None:
    """Print the rules."""
    from endcall.udev import RULES

    click.echo(RULES, nl=False)


@examples("sudo endcall udev install")
@udev.command("install")
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), hidden=True)
def udev_install(root: Path) -> None:
    """Install the rules and have them read. Needs root."""
    from endcall import udev as rules

    if sys.platform != "linux":
        raise UsageError("udev is Linux's; this computer needs no rules.", "", "endcall doctor")
    try:
        path = rules.install(root)
    except PermissionError as error:
        raise UsageError(
            f"{error.filename} may not be written by this user.", "", f"sudo {sys.argv[0]} udev install"
        ) from error
    except OSError as error:
        raise UsageError(f"The rules can't be written: {error}.", "", "endcall udev print") from error
    note(f"{path} is written.")
    if root == Path("/"):
        _have_them_read()
    note("Unplug the device and plug it in again. Then: endcall doctor")


def _have_them_read() -> None:
    """Tell udev about the rules; a container has no udev to tell. Says so where it fails: a restart does it, too."""
    import subprocess

    for arguments in (
        ("control", "--reload"),
        ("trigger", "--subsystem-match=tty"),
        ("trigger", "--subsystem-match=usb"),
    ):
        line = " ".join(("udevadm", *arguments))
        try:
            done = subprocess.run(["udevadm", *arguments], capture_output=True, text=True, check=False)
        except OSError as error:
            note(f"{line} could not be run ({error.strerror}): the rules count after a restart of this computer.")
            return
        if done.returncode:
            said = (done.stderr or done.stdout).strip() or f"status {done.returncode}"
            note(f"{line} failed ({said}): the rules count after a restart of this computer.")
            return
