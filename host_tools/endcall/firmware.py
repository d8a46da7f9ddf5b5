"""Updating a device's application: what runs, what this endcall brings, the trial, the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from endcall import restart
from endcall.client import Client
from endcall.connect import Choice
from endcall.errors import EndcallError, InvalidError, NotVerifiedError
from endcall.image.application import Application

#: Three starts on trial that each hang until the watchdog bites (8 s), and the fourth with the application before.
FALL_BACK_S = 90.0


def check(client: Client, brings: Application) -> dict[str, Any]:
    """What runs on the device and whether `brings` would be another one."""
    try:
        app = client.app()
    except EndcallError as error:
        if error.details.get("code") != "unknown":
            raise
        app = {"base": 0, "slot": "factory", "state": "trusted", "tries": 0, "former": "", "failed": "", "why": ""}
    runs = _runs(client, app)
    fits = app["base"] == brings.base
    return {
        "firmware": runs,
        "app": app,
        "brings": {"version": brings.version, "base": brings.base, "sha256": brings.identity},
        "fits": fits,
        "update": not _is_the_same(client, app, brings),
        "trial": _is_on_trial(app),
    }


def _runs(client: Client, app: dict[str, Any]) -> str:
    return str(app.get(app["slot"], [client.identity.get("firmware", "")])[0])


def _is_on_trial(app: dict[str, Any]) -> bool:
    return app["state"] == "trial" and app["slot"] == app.get("next")


def _is_the_same(client: Client, app: dict[str, Any], application: Application) -> bool:
    """Whether that application runs. What was on the drive from the start is known by its version alone."""
    if app["slot"] in app:
        return bool(app[app["slot"]][1] == application.identity)
    return client.identity.get("firmware") == application.version


def update(
    client: Client,
    choice: Choice,
    application: Application,
    progress: Callable[[int], None] = lambda sent: None,
    say: Callable[[str], None] = lambda text: None,
    is_forced: bool = False,
) -> dict[str, Any]:
    """Bring `application` into service: send it, restart, check it, confirm it. Returns what came of it.

    say: is told what is being done. is_forced: send it even where it is there already.
    Raises InvalidError where the device can't take it, NotVerifiedError where it did not prove itself (then the one
    before runs again), and as `Client.ask`.
    """
    facts = check(client, application)
    before = facts["firmware"]
    if not facts["fits"]:
        raise InvalidError(
            f"Version {application.version} is made for base {application.base}, not for {facts['app']['base']}.",
            "The part of the firmware that an update does not replace is of another version. Nothing was changed.",
            "Keep its settings, then write it anew: endcall backup, endcall flash",
        )
    if facts["trial"] and not facts["update"]:
        _prove(client, choice, application, before, fault_before=0)
        return {"before": before, "after": application.version, "changed": True}
    if facts["trial"]:
        raise InvalidError(
            f"Version {before} is on trial on this device.",
            "It was never confirmed, and a trial can't be replaced by another. Nothing was changed.",
            "Go back to the version before: endcall firmware rollback. Then repeat the command.",
        )
    if not facts["update"] and not is_forced:
        return {"before": before, "after": before, "changed": False}
    fault_before = client.check()["fault"]
    client.put_app(application.content, application.sha256, application.identity, progress)
    say("sent and compared; restarting")
    again = restart.restart(client, choice, FALL_BACK_S)
    with again:
        _prove(again, choice, application, before, fault_before)
    return {"before": before, "after": application.version, "changed": True}


def _prove(client: Client, choice: Choice, application: Application, before: str, fault_before: int) -> None:
    """Confirm the application on trial if it is the right one and finds nothing wrong; else go back."""
    app = client.app()
    if not _is_the_same(client, app, application) or not _is_on_trial(app):
        why = "It crashed or hung at each of its three starts." if app["why"] == "unconfirmed" else ""
        crash = client.identity.get("crash")
        raise NotVerifiedError(
            f"Version {application.version} did not start; the device runs {_runs(client, app)} again.",
            " ".join(part for part in (why, f"The last it said: {crash}." if crash else "") if part),
            "Nothing else was changed. Report it with: endcall info --json",
            app=app,
        )
    found = client.check()
    if found["fault"] and found["fault"] != fault_before:
        client.go_back()
        restart.restart(client, choice).close()
        raise NotVerifiedError(
            f"Version {application.version} failed its self-check: {found['name']}; the device runs {before} again.",
            f"It says: {found['say']}.",
            "Nothing else was changed. See: endcall info",
            fault=found["fault"],
        )
    if client.confirm_app()["state"] != "trusted":
        raise NotVerifiedError(
            f"Version {application.version} runs, but the device did not keep that it is confirmed.",
            "It will go back to the version before after three starts.",
            "Repeat the command.",
        )


def roll_back(client: Client, choice: Choice) -> dict[str, Any]:
    """Go back to the application before, and return what came of it. Raises as `update`."""
    before = _runs(client, client.app())
    client.go_back()
    wanted = client.app()["next"]
    with restart.restart(client, choice) as again:
        app = again.app()
        after = _runs(again, app)
        if app["slot"] != wanted:
            raise NotVerifiedError(
                f"The device runs {after} and not the version before {before}.",
                "The version before is damaged, or was made for another base.",
                "Send a good one: endcall firmware update",
                app=app,
            )
    return {"before": before, "after": after, "slot": app["slot"]}
