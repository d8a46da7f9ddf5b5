"""`endcall identify`, `practice`, `monitor`: a device and the people around it."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from endcall.commands.shared import (
    about,
    chosen,
    chosen_device,
    device_options,
    emit,
    everyone_option,
    examples,
    on_devices,
    settle,
    timeout_option,
    title,
)


@examples("endcall identify --serial E6614103E7452D2F", "endcall identify --all --seconds 30")
@click.command()
@device_options
@everyone_option
@timeout_option
@click.option("--seconds", default=10, show_default=True, type=click.IntRange(0, 60), help="0 ends it.")
def identify(everyone: bool, wait_s: float, seconds: int) -> None:
    """Let a cyan arc go round on the ring: to see which device is which."""

    def job(client: Any) -> dict[str, Any]:
        client.identify(seconds)
        return {"seconds": seconds}

    results = on_devices(everyone, wait_s, job)
    said = f"look for the cyan arc, {seconds} s" if seconds else "the ring shows its state again"
    emit("identify", {"devices": results}, lambda: _each(results, said))
    settle(results)


@examples("endcall practice on", "endcall practice off --all")
@click.command()
@device_options
@everyone_option
@timeout_option
@click.argument("switch", type=click.Choice(["on", "off"]), metavar="on|off")
def practice(everyone: bool, wait_s: float, switch: str) -> None:
    """Rehearse with the real button: all goes its way, but nothing reaches the line and nothing is recorded.

    Every sixth pixel of the ring is white meanwhile. It ends after an hour, with a restart, or with `off`.
    """

    def job(client: Any) -> dict[str, Any]:
        client.practise(switch == "on")
        return {"practice": switch == "on"}

    results = on_devices(everyone, wait_s, job)
    said = {
        "on": "practice, for an hour at most: calls are NOT ended. End it: endcall practice off",
        "off": "in earnest again: calls are ended",
    }[switch]
    emit("practice", {"devices": results}, lambda: _each(results, said))
    settle(results)


def _each(results: list[dict[str, Any]], said: str) -> str:
    return "\n".join(f"{title(result['device'])}: {said}" for result in results if result["ok"])


WATCHED = ("state", "warnings", "fault", "button", "line", "relay", "playing", "practice")


@examples("endcall monitor", "endcall monitor --json --seconds 60")
@click.command()
@device_options
@click.option("--seconds", type=click.FloatRange(0), help="End after this time; else with Ctrl-C.")
@click.option("--every", "every_s", default=0.05, show_default=True, type=click.FloatRange(0.02, 60), metavar="SECONDS")
def monitor(seconds: float | None, every_s: float) -> None:
    """Write a line for everything that changes: states, button, line, relay, sound. With --json: a line of JSON each.

    `endcall status` shows how things are now; this shows what happens.
    """
    from endcall.connect import connect

    with connect(chosen_device()) as client:
        device = about(client)
        began_s = client.clock()
        before: dict[str, Any] = {}
        try:
            while seconds is None or client.clock() - began_s <= seconds:
                status = client.status()
                changed = {key: status[key] for key in WATCHED if before.get(key) != status[key]}
                if changed:
                    _tell(device, client.clock() - began_s, changed, status, is_first=not before)
                before = status
                client.sleep(every_s)
        except KeyboardInterrupt:
            return


def _tell(device: dict[str, Any], at_s: float, changed: dict[str, Any], status: dict[str, Any], is_first: bool) -> None:
    if chosen("json"):
        facts = {"device": device, "at_s": round(at_s, 3), "time": round(time.time(), 3), "changed": changed}
        click.echo(json.dumps({"schema": "endcall.event/1", **facts, "status": status}))
        return
    from rich.text import Text

    from endcall import render

    if is_first:
        render.console().print(f"{title(device)}; Ctrl-C ends it")
    line = Text(f"{at_s:9.2f} s  ", "dim")
    line.append(f"{status['state']:<8}", render.STATE_STYLES.get(status["state"], ""))
    line.append("  " + ", ".join(render.event_words(changed)))
    render.console().print(line)
