"""Power cuts at every erase and program of everything that writes flash, and a second one in what comes after."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from device.application import application
from device.flash import BITS, TEARS, Plug, PowerCutError
from device.sound import prompt

from endcall_core import records
from endcall_core.call import Incident
from endcall_core.layout import BLOCK_BYTES, JOURNAL_BLOCKS
from endcall_device.store import SLOTS, SPARE_SLOTS, IncidentLog
from torture.fault import MODEL, Fault, Notes
from torture.flash_desk import VALUES, Flash, FlashDesk, content_of, fresh

CUTS = (*TEARS, BITS)
SPREAD = 7919  # a prime: the first tries are all over the scenario, and after as many tries as cuts each was tried
SECOND_WITHIN = 40  # operations of the recovery among which the second cut is
OLD_APP, NEW_APP = application("1.0.0"), application("2.0.0", size=9000)
NEW_CLOSING = prompt(ms=700, seed=13)

Act = Callable[[Flash, Plug], FlashDesk]


@dataclass
class Kept:
    """What must outlive a power cut."""

    values: dict
    prompts: dict[str, bytes]
    incidents: tuple[int, ...]
    application: str


def kept(desk: FlashDesk) -> Kept:
    app = desk.app
    slots = app.parts.slots()
    version = slots.version(slots.running) if slots.running < 2 else ""
    found = tuple(record["sequence"] for record in desk.incidents())
    return Kept(dict(app.store.values), content_of(desk.flash, app.store.prompts), found, version)


def power_up(flash: Flash, plug: Plug | None = None) -> FlashDesk:
    """Plug it in and wait until it is in service and has done its housework."""
    desk = FlashDesk(flash, plug)
    desk.run(200)
    return desk


# --- what is cut: each of these may be done again after a cut, and then goes on where it was --------------------


def commit(flash: Flash, plug: Plug) -> FlashDesk:
    desk = power_up(flash, plug)
    host = desk.greet()
    host.ok("stage", values={"call.warn_s": 50, "prompt.closing": "other.wav", "device.name": "Back office"})
    host.ok("commit")
    return desk


def record(flash: Flash, plug: Plug) -> FlashDesk:
    desk = power_up(flash, plug)
    desk.press(100)
    desk.press(VALUES["button.hold_ms"] + 100)
    desk.run(10)
    return desk


def upload(flash: Flash, plug: Plug) -> FlashDesk:
    desk = power_up(flash, plug)
    desk.greet().put("closing.wav", NEW_CLOSING)
    return desk


def remove(flash: Flash, plug: Plug) -> FlashDesk:
    desk = power_up(flash, plug)
    if "other.wav" in desk.app.store.prompts:
        desk.greet().ok("prompt_remove", name="other.wav")
    return desk


def update(flash: Flash, plug: Plug) -> FlashDesk:
    desk = power_up(flash, plug)
    host = desk.greet()
    if kept(desk).application != NEW_APP.version:
        chunk = host.ok("app_begin", bytes=len(NEW_APP.content), sum=NEW_APP.sha256)["chunk"]
        for at in range(0, len(NEW_APP.content), chunk):
            host.ok("app_data", NEW_APP.content[at : at + chunk], at=at)
        host.ok("app_end")
        host.ok("restart")
        desk.run(400)
        host = desk.greet()
    host.ok("app_confirm")
    return desk


def roll_back(flash: Flash, plug: Plug) -> FlashDesk:
    desk = power_up(flash, plug)
    if kept(desk).application == NEW_APP.version:
        host = desk.greet()
        host.ok("app_rollback")
        host.ok("restart")
        desk.run(400)
    return desk


# --- what the flash holds before ---------------------------------------------------------------------------------


@cache
def saved_once() -> Flash:
    return fresh()


@cache
def saved_often() -> Flash:
    """Both files of the settings are in use, and a few incidents are there."""
    flash = fresh()
    desk = power_up(flash)
    host = desk.greet()
    for warn_s in (46, 47):
        host.ok("stage", values={"call.warn_s": warn_s})
        host.ok("commit")
    for _ in range(3):
        record(flash, Plug())
    return flash


def with_incidents(count: int) -> Flash:
    flash = fresh()
    log = _log(flash)
    for _ in range(count):
        if log.wants_compaction:
            log.compact()
        log.append(Incident("resolved", 60, (0,), False, "flash", 0, False), 1, 0)
    return flash


def _log(flash: Flash) -> IncidentLog:
    return FlashDesk(flash).app.log


@cache
def nearly_full() -> Flash:
    return with_incidents(SLOTS - SPARE_SLOTS)


@cache
def nearly_full_again() -> Flash:
    """Every block of the journal is in use: the next one costs the oldest."""
    return with_incidents((JOURNAL_BLOCKS + 1) * (SLOTS - SPARE_SLOTS + 1) - 1)


@cache
def with_application() -> Flash:
    flash = fresh()
    desk = power_up(flash)
    host = desk.greet()
    host.ok("app_begin", bytes=len(OLD_APP.content), sum=OLD_APP.sha256)
    for at in range(0, len(OLD_APP.content), 1024):
        host.ok("app_data", OLD_APP.content[at : at + 1024], at=at)
    host.ok("app_end")
    host.ok("restart")
    desk.run(400)
    desk.greet().ok("app_confirm")
    return flash


@cache
def updated() -> Flash:
    flash = with_application().copy()
    update(flash, Plug())
    return flash


@cache
def tried_in_vain() -> Flash:
    """The new application had its three starts on trial; the next start gives it up."""
    flash = with_application().copy()
    desk = power_up(flash)
    host = desk.greet()
    host.ok("app_begin", bytes=len(NEW_APP.content), sum=NEW_APP.sha256)
    for at in range(0, len(NEW_APP.content), 1024):
        host.ok("app_data", NEW_APP.content[at : at + 1024], at=at)
    host.ok("app_end")
    for _ in range(3):
        power_up(flash)
    return flash


# --- one cut, and what must hold -----------------------------------------------------------------------------------


@dataclass
class Prepared:
    before: Flash
    operations: int
    old: Kept
    new: Kept


@cache
def prepared(act: Act, start: Callable[[], Flash]) -> Prepared:
    before = start()
    old = kept(FlashDesk(before.copy()))
    flash, plug = before.copy(), Plug()
    act(flash, plug)
    assert plug.operations, "this scenario writes nothing"
    return Prepared(before, len(plug.operations), old, kept(FlashDesk(flash.copy())))


def cut_once(act: Act, starts: tuple[Callable[[], Flash], ...], number: int, noise: random.Random, notes: Notes) -> str:
    """First every operation with every kind of cut, then again and again with a second cut in what comes after."""
    case = prepared(act, starts[number % len(starts)])
    number //= len(starts)
    cuts = case.operations * len(CUTS)
    operation, kind = divmod(number * SPREAD % cuts, len(CUTS))
    flash = case.before.copy()
    assert _is_cut(act, flash, Plug(operation, CUTS[kind], noise)), "the cut did not come"
    again = ""
    if number >= cuts:
        second = Plug(noise.randrange(SECOND_WITHIN), noise.choice(CUTS), noise)
        again = ", cut twice" if _is_cut(act, flash, second) else ""
    notes.figure("operations in the longest scenario", case.operations)
    seen = judge(power_up(flash), case)
    act(flash, Plug())
    after = kept(power_up(flash))
    assert (after.values, after.prompts) == (case.new.values, case.new.prompts), "done again, it must be as without cut"
    assert after.application == case.new.application
    return seen + again


def _is_cut(act: Act, flash: Flash, plug: Plug) -> bool:
    try:
        act(flash, plug)
    except PowerCutError:
        return True
    return False


def judge(desk: FlashDesk, case: Prepared) -> str:
    """After a power cut and one start."""
    found = kept(desk)
    assert desk.line.breaks == [], "the line was opened"
    assert (desk.state, desk.app.call.fault) == ("READY", 0)
    assert [said for _, _, said in desk.app.store.repairs] in (
        [],
        ["the newest settings were damaged; the ones before them are in force"],
    )
    sides = [
        name
        for name, side in (("old", case.old), ("new", case.new))
        if (found.values, found.prompts) == (side.values, side.prompts)
    ]
    assert sides, "settings and prompts are neither the old nor the new ones"
    assert found.application in (case.old.application, case.new.application)
    assert list(found.incidents) == sorted(set(found.incidents)), "incidents are doubled or out of order"
    lost = set(case.old.incidents) & set(case.new.incidents) - set(found.incidents)
    assert not lost, f"incidents are lost: {sorted(lost)[:5]}"
    if len(sides) == 2:
        return "as before" if found.application == case.old.application else "new application"
    return sides[0]


# --- wear -----------------------------------------------------------------------------------------------------------


def boot(number: int, noise: random.Random, notes: Notes) -> str:
    """A start, and a minute in service."""
    flash = noise.choice((saved_once, saved_often, nearly_full_again, with_application)).__call__().copy()
    if flash == nearly_full_again():
        FlashDesk(flash).run(200)  # an incident more, and it compacts: that is counted elsewhere
    plug = Plug()
    before = flash.copy()
    desk = power_up(flash, plug)
    desk.greet().ok("status")
    desk.run(s=10)
    assert plug.operations == []
    assert flash == before
    return "no flash operation"


def practised(number: int, noise: random.Random, notes: Notes) -> str:
    """A call in which all goes its way and nothing is recorded."""
    flash, plug = saved_often().copy(), Plug()
    desk = power_up(flash, plug)
    desk.greet().ok("practice", on=1)
    desk.press(100)
    desk.run(s=3)
    desk.press(100)
    desk.run_until("RECOVER")
    desk.run_until("READY")
    assert plug.operations == []
    return "no flash operation"


def day(number: int, noise: random.Random, notes: Notes) -> str:
    """50 incidents; erases are counted per sector. Days follow each other on one flash."""
    life = _Life.now if number else None
    if life is None:
        life = _Life.now = _Life()
    for plug in life.plugs:
        plug.operations.clear()
    for _ in range(50):
        if life.log.wants_compaction:
            life.log.compact()
        life.log.append(Incident("enforced", 60, (0,), True, "flash", 1, True), 1, 0)
    nvm, journal = (plug.erases for plug in life.plugs)
    life.days += 1
    life.nvm += nvm
    life.journal += journal
    assert nvm + journal < 10
    notes.figure("erases of the NVM on a day", nvm)
    notes.figure("erases of the NVM per day on average", round(life.nvm / life.days, 2))
    notes.figure("erases of the journal per day on average", round(life.journal / life.days, 2))
    return f"{nvm + journal} erases"


class _Life:
    now: _Life | None = None

    def __init__(self) -> None:
        from device.flash import FlashFile, FlashNvm

        self.plugs = Plug(), Plug()
        self.days = self.nvm = self.journal = 0
        journal = FlashFile(bytearray(b"\xff" * (JOURNAL_BLOCKS * BLOCK_BYTES)), self.plugs[1])
        self.log = IncidentLog(FlashNvm(bytearray(b"\xff" * BLOCK_BYTES), self.plugs[0]), journal)
        self.log.load()


assert records.INCIDENT_BYTES * SLOTS == BLOCK_BYTES

_CUT = (
    "the plug is pulled at each flash operation: before it, after one byte, a half, all but one byte, all of it, and "
    "with bits torn at random; then again, with a second cut within the next 40 operations"
)
_EXPECT = (
    "settings and prompts old or new, never mixed, never defaults; no incident lost but the one being written; the "
    "line never opened; READY; done again, it is as without a cut"
)


def _row(name: str, what: str, act: Act, *starts: Callable[[], Flash], long: int = 20_000, short: int = 400) -> Fault:
    return Fault(name, "Power cuts", MODEL, what, _CUT, _EXPECT, partial(cut_once, act, starts), long, short)


FAULTS = [
    _row("power: settings", "settings are committed", commit, saved_once, saved_often),
    _row("power: incident", "an incident is stored", record, saved_once, saved_often, long=10_000, short=60),
    _row("power: log", "the log is moved from the NVM to the journal", record, nearly_full, nearly_full_again),
    _row("power: prompt", "a prompt is replaced", upload, saved_once, saved_often),
    _row("power: prompt removed", "a prompt is removed", remove, saved_often, long=5_000, short=100),
    _row("power: update", "an application is sent, tried and confirmed", update, saved_often, with_application),
    _row("power: rollback", "an application is taken back", roll_back, updated, long=5_000, short=100),
    _row("power: given up", "an application is given up", roll_back, tried_in_vain, long=5_000, short=100),
    Fault(
        "wear: starts",
        "Wear",
        MODEL,
        "the device starts and is in service",
        "flash operations are counted",
        "none",
        boot,
        100,
        20,
    ),
    Fault(
        "wear: calls",
        "Wear",
        MODEL,
        "calls with nothing to record",
        "flash operations are counted during calls in practice mode",
        "none",
        practised,
        100,
        10,
    ),
    Fault(
        "wear: incidents",
        "Wear",
        MODEL,
        "50 incidents a day, for years",
        "erases are counted, a day at a time",
        "fewer than 10 erases a day",
        day,
        3650,
        100,
    ),
]
