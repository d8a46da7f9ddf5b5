"""`endcall rescue`: a device that shows a console in place of its data port."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcall.commands.shared import chosen, chosen_device, emit, examples, named_progress, note, options, title
from endcall.errors import InvalidError, NotVerifiedError, UsageError
from endcall_core.version import FIRMWARE

if TYPE_CHECKING:
    from endcall import rescue as work
    from endcall.connect import Choice


@examples("endcall rescue", "endcall rescue --serial E6614103E7452D2F", "endcall rescue --check")
@click.command()
@options("--port", "--serial", "--answer-s", "--json")
@click.option("--check", is_flag=True, help="Look and save only; write nothing, restart nothing.")
@click.option("--replace", is_flag=True, help="Replace the firmware on the drive though it is of another version.")
@click.option("--without-key", is_flag=True, help="Take the device's key away (see endcall lock).")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to save what it keeps (ZIP).",
)
@click.option("--yes", is_flag=True, help="Do not ask before a Pico is stopped that may be another project's.")
def rescue(check: bool, replace: bool, without_key: bool, output: Path | None, yes: bool) -> None:
    """Bring a device back that shows a CircuitPython console: in rescue or in safe mode.

    Rescue: its button was held for 10 s at power-up. Says why it is there, saves its settings, records and prompts
    in a ZIP file (endcall restore and endcall log --from read it), mends the files on its drive, restarts it into
    service and sees that it works.
    """
    from endcall import rescue as work

    if check and without_key:
        raise click.UsageError("--check writes nothing; --without-key does.")
    if chosen("name"):
        raise click.UsageError("A device at its console does not tell its name; choose it with --serial.")
    if output and output.exists():
        raise UsageError(f"{output} is there already.", "It was not touched.", "Give another name.")
    choice = chosen_device()
    work.make_sure_of_files()
    console = work.find(choice)
    _ask_first(console, bool(choice.port or choice.serial), yes)
    with named_progress("copying") as progress:
        at_work = work.Rescue(console, choice.answer_s, note, progress)
        try:
            facts, path, found = _look(at_work, output)
            if check:
                at_work.leave()
                emit("rescue", facts, lambda: _shown(facts))
                return
            _mend(at_work, found, facts, replace)
            if without_key:
                note("Its key is taken away." if at_work.forget_key() else "It had no key.")
        except BaseException:
            at_work.leave()
            raise
        note("Restarting …")
        at_work.reset()
    _prove(at_work, facts, choice)
    emit("rescue", facts, lambda: _shown(facts))
    fault = facts["service"]["check"]
    if fault["fault"]:
        raise NotVerifiedError(
            f"It is back, but its self-check fails: {fault['name']}.",
            f"It says: {fault['say']}.",
            f"Put that right, then: endcall info. What was saved comes back with: endcall restore {path}",
            fault=fault["fault"],
        )


def _prove(at_work: work.Rescue, facts: dict[str, Any], choice: Choice) -> None:
    """See that the device is in service, and what it says of itself; send the prompts that it lost."""
    from endcall import flash, restart
    from endcall import rescue as work

    serial = facts["device"]["serial"]
    client = work.into_service(serial, choice)
    try:
        if client.identity.get("access") not in ("develop", "rescue"):
            facts["prompts_sent"] = work.mend_prompts(client, at_work.kept)
            if facts["prompts_sent"]:  # else it would show the fault for a minute more
                client = restart.restart(client, work.by_serial(choice, serial))
        facts |= {"service": flash.prove(client), "back": True}
    finally:
        client.close()


def _ask_first(console: work.Console, is_chosen: bool, yes: bool) -> None:
    """Ask before the program of a Pico is stopped that may be somebody else's."""
    if console.is_sure or is_chosen or yes:
        return
    what = f"The Pico at {console.path} (serial {console.serial}) is in safe mode, or it is another project's."
    if not sys.stdin.isatty():
        raise UsageError(
            what, "Its program would be stopped.", f"If it is yours, repeat with: --serial {console.serial}, or --yes"
        )
    note(what)
    if not click.confirm("Stop what runs on it and look?", err=True):
        raise UsageError("Nothing was done.", "You said no.")


def _look(at_work: work.Rescue, output: Path | None) -> tuple[dict[str, Any], Path, work.Compared]:
    """Say why, save, compare. Raises NotInServiceError where there is nothing that could be mended."""
    from endcall import backup as backups
    from endcall import rescue as work

    facts = at_work.look()
    note(_why(facts))
    kept = at_work.save()
    found = at_work.compare()
    if found.state != "ours" and not at_work.console.is_sure and not kept.settings and not kept.incidents:
        raise UsageError(
            f"{at_work.console.path} is no endcall: nothing of it is on its drive, and nothing was kept.",
            "Its program was stopped and started again; nothing was changed.",
            "To make it one: endcall flash",
        )
    at_work.keep_what_is_in_the_way(found)
    stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    path = output or Path(f"endcall-rescue-{facts['device']['serial']}-{stamp}.zip")
    facts |= {"files": found.as_dict(), "back": False, "mended": [], "output": str(path)}
    backups.write(path, kept.backup(facts, stamp), {f"raw/{name}": data for name, data in kept.raw.items()})
    facts |= {
        "settings": len(kept.settings),
        "settings_left_out": kept.repairs,
        "prompts": sorted(kept.prompts),
        "prompts_left_out": kept.prompts_left_out,
        "incidents": len(kept.incidents),
    }
    note(
        f"{path}: {len(kept.settings)} settings, {len(kept.prompts)} prompts, {len(kept.incidents)} incidents of "
        f"{title(facts['device'])}"
    )
    for why in kept.repairs:
        note(f"Settings: {why}.")
    for name, why in kept.prompts_left_out.items():
        note(f"Left out: prompt {name}, because {why}.")
    if found.state != "ours":
        raise work.lost_drive(found, facts["mode"])
    return facts, path, found


def _mend(at_work: work.Rescue, found: work.Compared, facts: dict[str, Any], replace: bool) -> None:
    """Mend the drive, unless what is on it is a whole firmware of another version."""
    note(_differences(found))
    if found.is_sound:
        return
    is_other = found.version not in (None, FIRMWARE)
    if is_other and _order(str(found.version)) > _order(FIRMWARE):
        raise InvalidError(
            f"The drive holds version {found.version}, this endcall brings {FIRMWARE}.",
            "Its files can't be compared with older ones. Nothing was written. What could be read is saved.",
            "Update this program, and repeat the command: pip install --upgrade endcall",
        )
    if is_other and not replace:
        note(f"The drive holds version {found.version}, this endcall brings {FIRMWARE}: left as it is (see --replace).")
        return
    at_work.mend(found)
    facts["mended"] = [*found.wrong, *found.lost, *found.in_the_way]


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


def _why(facts: dict[str, Any]) -> str:
    from endcall.rescue import SAFE_MODE_WORDS

    device, mode = title(facts["device"]), facts["mode"]
    if mode == "safe mode":
        reason = facts["safe_mode"]
        says = f"{device} is in safe mode ({reason}): {SAFE_MODE_WORDS.get(reason, 'for a reason of its own')}."
    elif mode == "rescue":
        says = f"{device} is in rescue: its button was held for 10 s at power-up."
    elif mode == "develop":
        says = f"{device} is in develop mode: its settings say so."
    else:
        says = f"{device} runs without boot.py: that file failed or is missing."
    if facts["crash"]:
        says += f" The last crash said: {facts['crash']}."
    return says


def _differences(found: work.Compared) -> str:
    if found.is_sound:
        return f"All {found.checked} files of the firmware are whole."
    parts = []
    for words, paths in (
        ("damaged", sorted(found.damaged + found.odd)),
        ("missing", found.missing),
        ("in the way", found.in_the_way),
        ("lost its room", found.lost),
    ):
        if paths:
            shown = ", ".join(paths[:6]) + (f" and {len(paths) - 6} more" if len(paths) > 6 else "")
            parts.append(f"{words}: {shown}")
    return "; ".join(parts)


def _shown(facts: dict[str, Any]) -> str:
    files = facts["files"]
    wrong = [*files["damaged"], *files["missing"], *files["in_the_way"], *files["lost"]]
    rows = [
        ("device", title(facts["device"])),
        ("was in", facts["mode"] + (f" ({facts['safe_mode']})" if facts["safe_mode"] else "")),
        ("last crash", facts["crash"] or "none told"),
        ("saved", f"{facts['output']}: {facts['settings']} settings, {facts['incidents']} incidents"),
        ("files", f"{files['checked']} compared, {len(wrong)} wrong, {len(facts['mended'])} mended"),
    ]
    if files["other"]:
        rows.append(("not endcall's", ", ".join(files["other"][:6]) + (" …" if len(files["other"]) > 6 else "")))
    if facts.get("prompts_sent"):
        rows.append(("prompts sent", ", ".join(facts["prompts_sent"])))
    head = "Looked at, nothing changed."
    if facts["back"]:
        service = facts["service"]
        fault = service["check"]
        head = "The button is back in service." if not fault["fault"] else "The button answers, and does not work yet."
        rows += [
            ("port", service["device"]["port"]),
            ("firmware", f"{service['firmware']} on {service['runtime']}"),
            ("self-check", "passed" if not fault["fault"] else f"{fault['name']}: {fault['say']}"),
        ]
    width = max(len(name) for name, _ in rows)
    return "\n".join([head, *(f"  {name:{width}}  {value}" for name, value in rows)])
