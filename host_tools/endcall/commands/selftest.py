"""`endcall selftest`: a guided test of a device, and its card."""

from __future__ import annotations

import click

from endcall.commands.shared import about, chosen, chosen_device, device_options, emit, examples, note, title
from endcall.errors import FailedError
from endcall_core.version import FIRMWARE


@examples("endcall selftest", "endcall selftest --line phone", "endcall selftest --alone --json")
@click.command()
@device_options
@click.option(
    "--line",
    type=click.Choice(["nothing", "phone"]),
    default="nothing",
    show_default=True,
    help="What is at the line socket. Begin with nothing, before the line is ever connected.",
)
@click.option("--alone", is_flag=True, help="Ask nothing: only what the device sees by itself; the rest is skipped.")
def selftest(line: str, alone: bool) -> None:
    """Test ring, button, sound and relay, and print a card. Exit code 16 when something fails.

    The relay opens the line once, for 300 ms; never run it during a call.
    """
    from endcall import selftest as steps
    from endcall.connect import connect

    def asks(question: str) -> bool | None:
        if alone:
            return None
        answer = click.prompt(
            f"{question} [y/n/s=skip]", type=click.Choice(["y", "n", "s"]), show_choices=False, err=True
        )
        return {"y": True, "n": False}.get(answer)

    def tells(words: str) -> None:
        if not alone:
            note(words)

    done: list[steps.Step] = []
    with connect(chosen_device()) as client:
        device = about(client)
        if not alone:
            note(f"{title(device)}. At the line socket: {steps.LINES[line]}.")
        for step in steps.run(client, steps.Person(asks, tells), line, alone):
            done.append(step)
            if not chosen("json"):
                note(f"  {step.verdict:<8} {step.name}: {step.says}")
    failed = [step for step in done if step.verdict == steps.FAIL]
    skipped = [step for step in done if step.verdict == steps.SKIPPED]
    facts = {
        "device": device,
        "host": FIRMWARE,
        "line": line,
        "passed": not failed,
        "steps": [step.as_dict() for step in done],
    }
    emit("selftest", facts, lambda: steps.card(title(device), line, done))
    if failed:
        raise FailedError(
            f"{len(failed)} of {len(done)} steps failed: {', '.join(step.name for step in failed)}.",
            "Do not connect this device to a line." if line == "nothing" else "Take this device off the line.",
            "The build guide's troubleshooting says what to look at: hardware/BUILD.md",
        )
    if skipped and not chosen("json"):
        note(f"Not tested: {', '.join(step.name for step in skipped)}.")
