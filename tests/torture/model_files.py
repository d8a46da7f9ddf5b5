"""Files that somebody or something has changed: refused with a message, never a traceback, never half taken."""

from __future__ import annotations

import io
import random
import struct
import tempfile
import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path

from device.application import application
from device.flash import FlashFile, Plug
from device.sound import prompt

import endcall_base as base
from endcall import fleet_file, prompt_file, settings_file
from endcall.contents import firmware_files, mutable_files
from endcall.errors import EndcallError
from endcall.image import ImageError, build_drive, combine
from endcall.image import uf2 as uf2_files
from endcall_core import layout, records, settings, wire
from endcall_core.call import Incident
from endcall_device.store import IncidentLog
from torture.fault import MODEL, Fault, Notes
from torture.flash_desk import FlashDesk, fresh
from torture.model_power import kept, power_up, with_incidents

EDGES = (0, 1, 2, 3, 7, 8, 0x0F, 0x10, 0x7F, 0x80, 0xFE, 0xFF)
WORDS = (0, 1, 2, 4, 255, 256, 1 << 15, (1 << 16) - 1, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def mutated(data: bytes, noise: random.Random, within: int | None = None) -> bytes:
    """`data` with one to five changes: bits, bytes, numbers, pieces cut out, doubled, moved; mostly in the first
    `within` bytes."""
    out = bytearray(data)
    for _ in range(noise.choice((1, 1, 1, 2, 3, 5))):
        room = min(len(out), within) if within and noise.random() < 0.9 else len(out)
        if not room:
            return bytes(out)
        at = noise.randrange(room)
        length = noise.choice((1, 2, 4, 8, 64, 300))
        kind = noise.randrange(8)
        if kind == 0:
            out[at] ^= 1 << noise.randrange(8)
        elif kind == 1:
            out[at] = noise.choice(EDGES)
        elif kind == 2:
            out[at : at + 4] = struct.pack(noise.choice("<>") + "I", noise.choice(WORDS))
        elif kind == 3:
            out[at : at + 2] = struct.pack("<H", noise.choice(WORDS) & 0xFFFF)
        elif kind == 4:
            del out[at : at + length]
        elif kind == 5:
            out[at:at] = out[at : at + length]
        elif kind == 6:
            out[at:at] = noise.randbytes(length)
        else:
            del out[at:]
    return bytes(out)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="endcall-torture-"))


def _refused(error: Exception) -> str:
    assert len(str(error)) > 10, "a refusal without a message"
    return "refused"


# --- prompts -------------------------------------------------------------------------------------------------------

_WAVS = (prompt(ms=400), prompt(ms=300, rate_hz=16000), prompt(ms=400, before=b"LIST\x04\x00\x00\x00tags"))


@cache
def _receiver() -> FlashDesk:
    return power_up(fresh())


def wav(number: int, noise: random.Random, notes: Notes) -> str:
    """The host reads it, and the device takes it from a host that did not look; what is taken is checked again."""
    data = mutated(noise.choice(_WAVS), noise, within=60)
    path = _folder() / "prompt.wav"
    path.write_bytes(data)
    try:
        prompt_file.read(path)
        seen = "taken"
    except EndcallError as error:
        seen = _refused(error)
    if number % 10 == 0:
        desk = _receiver()
        before = dict(desk.app.prompts.table), desk.app.store.sequence
        host = desk.greet()
        begun = host.ask("prompt_begin", name="new.wav", bytes=len(data), sum=wire.crc(data))
        answer = begun
        for at in range(0, len(data), 1024):
            if "error" in answer:
                break
            answer = host.ask("prompt_data", data[at : at + 1024], at=at)
        if "error" not in answer:
            answer = host.ask("prompt_end")
        assert ("error" in answer) == (seen == "refused"), f"host and device do not agree: {answer}"
        if seen == "refused":
            assert (dict(desk.app.prompts.table), desk.app.store.sequence) == before
        else:
            assert desk.app.prompts.fault("new.wav") == 0
            host.ok("prompt_remove", name="new.wav")
    if seen == "taken":
        _can_be_played(data)
    return seen


def _can_be_played(data: bytes) -> None:
    """What an independent reader says; it minds the length of the whole, which the device does not use."""
    patched = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    with wave.open(io.BytesIO(patched)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        assert 8000 <= sound.getframerate() <= 22050
        assert sound.getnframes() % 2 == 0
        assert len(sound.readframes(sound.getnframes())) == 2 * sound.getnframes()


# --- settings and fleets -------------------------------------------------------------------------------------------

_VALUES = (
    "true",
    '"x"',
    "1e400",
    "nan",
    "-0",
    "0x7fffffffffffffffffff",
    "9" * 5000,
    "0x" + "f" * 5000,
    "1979-05-27T07:32:00Z",
    "1979-13-45",
    "[" * 2000,
    "[" * 50 + "]" * 50,
    "{a = 1}",
    '"\\ud800"',
    '"\\U0001F4A9"',
    '"' + "é" * 40 + '"',
    '"""',
    "''",
    '"a\\u0000b"',
    "{" + "a." * 500 + "a = 1}",
)
_TEXTS = (
    "a." * 3000 + "b = 1\n",
    "[" + "a." * 3000 + "b]\n",
    "\ufeff",
    "\x00",
    "[call]\n[call]\n",
    "call = 1\n",
    "[[call]]\n",
    "call.warn_s = 30\ncall.warn_s = 31\n",
    "release = { preset = 'uk' }\n",
    "x = " + "[" * 1500 + "]" * 1500 + "\n",
    "x = " + "{a=" * 800 + "1" + "}" * 800 + "\n",
    "# " + "x" * 100_000 + "\n",
    "\u202e[call]\n",
)


def toml(text: str, noise: random.Random) -> bytes:
    """`text` with values, keys and lines replaced, doubled or moved, and sometimes its bytes changed as well."""
    lines = text.splitlines()
    for _ in range(noise.choice((1, 1, 2, 4))):
        at = noise.randrange(len(lines))
        kind = noise.randrange(6)
        if kind == 0 and "=" in lines[at]:
            lines[at] = lines[at].partition("=")[0] + "= " + noise.choice(_VALUES)
        elif kind == 1:
            lines.insert(at, lines[noise.randrange(len(lines))])
        elif kind == 2:
            lines.insert(at, noise.choice(_TEXTS).rstrip("\n"))
        elif kind == 3:
            del lines[at]
            lines = lines or [""]
        elif kind == 4 and "=" in lines[at]:
            row = noise.choice(settings.SETTINGS)
            lines[at] = f"{row[0]} = {noise.choice(_VALUES)}"
        else:
            lines[at] = mutated(lines[at].encode(), noise).decode(errors="replace")
    data = "\n".join(lines).encode()
    return mutated(data, noise) if noise.random() < 0.3 else data


@cache
def _settings_text() -> str:
    return settings_file.to_toml(settings.defaults())


def settings_toml(number: int, noise: random.Random, notes: Notes) -> str:
    path = _folder() / "settings.toml"
    path.write_bytes(toml(_settings_text(), noise))
    try:
        changes, places = settings_file.read(path)
        problems = settings_file.problems_alone(changes, places)
        if problems:
            raise settings_file.invalid(problems, str(path))
    except EndcallError as error:
        return _refused(error)
    values, problems = settings.check_changes(settings.defaults(), changes)
    assert values
    assert all(settings.check(key, values[key]) is None for key in values)
    return "taken"


def fleet(number: int, noise: random.Random, notes: Notes) -> str:
    path = _folder() / "fleet.toml"
    path.write_bytes(toml(fleet_file.EXAMPLE, noise))
    try:
        read = fleet_file.read(path)
    except EndcallError as error:
        return _refused(error)
    for entry in read.entries:
        assert all(settings.check(key, value) is None for key, value in entry.changes.items())
    return "taken"


# --- images ---------------------------------------------------------------------------------------------------------


@cache
def _uf2() -> bytes:
    """A small UF2 that passes for CircuitPython: 40 blocks."""
    text = b"\0Adafruit CircuitPython 10.2.1 on 2026-01-01; Raspberry Pi Pico with rp2040\0raspberry_pi_pico\0"
    content = (b"code" * 64 + text).ljust(40 * 256, b"\x55")
    return b"".join(
        struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + 256 * at, 256, at, 40, 0xE48BFF56)
        + content[256 * at : 256 * at + 256].ljust(476, b"\0")
        + struct.pack("<I", 0x0AB16F30)
        for at in range(40)
    )


@cache
def _drive() -> bytes:
    return build_drive(firmware_files() | mutable_files())


def uf2(number: int, noise: random.Random, notes: Notes) -> str:
    data = bytearray(_uf2())
    if noise.random() < 0.7:  # the heads of blocks above all
        for _ in range(noise.choice((1, 1, 2, 4))):
            at = 512 * noise.randrange(40) + 4 * noise.randrange(8)
            data[at : at + 4] = struct.pack("<I", noise.choice((*WORDS, 0x10000000, 0x101FFF00, 0x10100000, 40, 39)))
    else:
        data = bytearray(mutated(bytes(data), noise))
    try:
        uf2_files.read_runtime(bytes(data))
        if number % 100 == 0:
            uf2_files.parse_uf2(combine(bytes(data), _drive()))
    except ImageError as error:
        return _refused(error)
    return "taken"


# --- what the device finds in its own flash -----------------------------------------------------------------------


@cache
def _journal() -> tuple[bytes, bytes]:
    flash = with_incidents(150)
    return bytes(flash.nvm), bytes(flash.files[layout.JOURNAL_PATH])


def journal(number: int, noise: random.Random, notes: Notes) -> str:
    """Records with any content, some with a CRC that fits, in NVM and journal; the log is loaded, read and used."""
    nvm, file = (bytearray(part) for part in _journal())
    for _ in range(noise.choice((1, 2, 8, 40))):
        part = noise.choice((nvm, file))
        at = 64 * noise.randrange(len(part) // 64)
        record = bytearray(mutated(bytes(part[at : at + 64]), noise).ljust(64, b"\xff")[:64])
        if noise.random() < 0.6:
            record[0] = 0xEC
            record[56:60] = struct.pack("<I", int(wire.crc(bytes(record[:56])), 16))
            record[63] = 0
        part[at : at + 64] = record
    from device.flash import FlashNvm

    plug = Plug()
    log = IncidentLog(FlashNvm(nvm, plug), FlashFile(file, plug, layout.JOURNAL_PATH))
    log.load()
    after, pages = 0, 0
    page = bytearray(16 * 64)
    more = True
    while more and pages < 60:
        count, more = log.read(after, page)
        for at in range(count):
            decoded = records.decode_incident(page[64 * at : 64 * at + 64])
            assert decoded is not None
            assert decoded["sequence"] > after
            after = decoded["sequence"]
        pages += 1
        assert count or not more, "there is always more"
    if log.wants_compaction:
        log.compact()
    log.append(Incident("resolved", 60, (0,), False, "flash", 0, False), 1, 0)
    return "loaded and read"


_APP = application("1.2.3", size=3000)


def slots(number: int, noise: random.Random, notes: Notes) -> str:
    """Records and applications with any content, some with a CRC that fits."""
    flash = _with_slot().copy()
    for path in layout.APP_PATHS:
        data = flash.files[path]
        where = noise.choice(((0, 24), (base.HEADER_AT, 72), (base.IMAGE_AT, 3000)))
        begin, length = where
        part = bytearray(mutated(bytes(data[begin : begin + length]), noise)[:length])
        size = {0: struct.calcsize(base._RECORD), base.HEADER_AT: struct.calcsize(base.HEADER)}.get(begin)
        if size and noise.random() < 0.7:
            part = bytearray(base.seal(bytes(part.ljust(size, b"\0")[:size])))
        data[begin : begin + len(part)] = part
    desk = FlashDesk(flash)
    desk.run(200)
    assert desk.state == "READY"
    assert desk.line.breaks == []
    about = desk.greet().ask("app")
    assert "ok" in about or "error" in about
    running = desk.app.parts.slots().running
    assert running == base.FACTORY or desk.app.parts.slots().is_sound(running)
    found = kept(desk)
    assert found.values == kept(FlashDesk(_with_slot().copy())).values
    return "the one in /lib runs" if running == base.FACTORY else "a sound one runs"


@cache
def _with_slot() -> object:
    from torture.model_power import with_application

    return with_application()


_GROUP = "Hostile files"
_EXPECTED = "taken where it is right, else refused with a message; no traceback, nothing half taken"


def _row(
    name: str, what: str, how: str, once: Callable, expected: str = _EXPECTED, long: int = 100_000, short: int = 300
) -> Fault:
    return Fault(f"files: {name}", _GROUP, MODEL, what, how, expected, once, long, short)


FAULTS = [
    _row(
        "WAV", "prompts", "bits, numbers and pieces changed, in the header above all; every tenth is sent as well", wav
    ),
    _row(
        "settings",
        "settings files",
        "values of every kind and size, nesting, doubled keys, odd characters, changed bytes",
        settings_toml,
    ),
    _row("fleet", "fleet files", "as settings files", fleet),
    _row("UF2", "UF2 files", "numbers in the heads of blocks, and bytes anywhere", uf2),
    _row(
        "journal",
        "incident records in NVM and journal",
        "changed at random, six in ten with a CRC that fits",
        journal,
        "what is no record is skipped, the rest is read in order, and the next one is stored",
    ),
    _row(
        "applications",
        "application slots",
        "record, header or content changed at random, most with a CRC that fits",
        slots,
        "a sound application runs, else the one in /lib; READY; the settings stay",
        20_000,
        60,
    ),
]
