"""A device with a key, and hosts that do not have it: between it and who has it, or in its window."""

from __future__ import annotations

import random
from functools import cache

from device.flash import BITS, TEARS, Plug, PowerCutError
from device.host import Host
from device.key_host import KEY, OTHER, KeyHost

from endcall_core import messages, version, wire
from endcall_device.lock import TRIES
from torture.fault import MODEL, Fault, Notes
from torture.flash_desk import Flash, FlashDesk, fresh

DOERS = [row for row in messages.REQUESTS if row[messages.EFFECT] != messages.LOOKS]
CUTS = (*TEARS, BITS)
#: What is said to a request that did not get as far as to be judged by what it asks.
UNHEARD = ("locked", "wrong_key", "unknown", "malformed", "damaged")


@cache
def _flash() -> Flash:
    """In service mode, with KEY in both of the store's files."""
    flash = fresh(usb__access="service")
    desk = FlashDesk(flash)
    desk.run(50)
    host = Host(desk)
    host.ok("lock_set", key=KEY)
    host.ok("lock_set", key=KEY)
    return flash


class _Life:
    """One desk for many tries: whatever came before must not matter."""

    now: FlashDesk | None = None
    host: KeyHost | None = None


def _life(number: int) -> tuple[FlashDesk, KeyHost]:
    if _Life.now is None or number % 2000 == 0:
        _Life.now = FlashDesk(_flash().copy(), Plug())
        _Life.now.run(50)
        _Life.host = KeyHost(_Life.now)
    assert _Life.host is not None
    _Life.now.app.parts.lock.left = TRIES  # as after another hold at power-up
    _Life.now.plug.operations.clear()
    return _Life.now, _Life.host


def _unmoved(desk: FlashDesk) -> None:
    assert desk.plug.operations == []
    assert desk.line.breaks == []
    assert desk.app.store.key == KEY
    assert not desk.app.is_practice
    service = desk.app._service
    assert (service._staged, service._work, desk.app.prompts.upload, service._slots) == ({}, None, None, None)
    desk.frames.clear()


def _said(host: KeyHost, frame: bytes) -> list[dict]:
    """Every answer to `frame`, within a payload's patience."""
    host.send(frame)
    host.desk.run(3)
    if host.desk.app._service._reader.is_waiting_for_payload:
        host.desk.run(1100)
    return [answer for answer, _ in host.received()]


_FIELDS = {"int": 1, "text": "other.wav", "object": {"call.warn_s": 99}}


def _request(host: KeyHost, noise: random.Random) -> bytes:
    """Something that would do something, well signed."""
    row = noise.choice(DOERS)
    fields = {name: _FIELDS[kind] for name, kind, _ in row[messages.FIELDS] if kind in _FIELDS}
    has_payload = any(kind == messages.PAYLOAD for _, kind, _ in row[messages.FIELDS])
    return host.signed(row[messages.NAME], noise.randbytes(noise.randrange(1, 200)) if has_payload else None, **fields)


def _with_the_same_crc(data: bytes, at: int) -> bytes:
    """Other bytes with the same CRC-32: the polynomial is added at bit `at`."""
    changed = bytearray(data)
    for place in range(33):
        if 0x104C11DB7 >> (32 - place) & 1:
            changed[(at + place) // 8] ^= 1 << (at + place) % 8
    assert wire.crc(changed) == wire.crc(data)
    return bytes(changed)


# --- what is tried -------------------------------------------------------------------------------------------------


def changed(number: int, noise: random.Random, notes: Notes) -> str:
    """Bits of a signed request are another way, and every CRC of it is made to fit again."""
    desk, host = _life(number)
    line, _, payload = _request(host, noise)[1:].partition(b"\n")
    text, original = line[:-9], payload
    whole = bytearray(text + payload)
    for bit in {noise.randrange(8 * len(whole)) for _ in range(noise.choice((1, 1, 1, 2, 8)))}:
        whole[bit // 8] ^= 1 << bit % 8
    text, payload = bytes(whole[: len(text)]), bytes(whole[len(text) :])
    if len(payload) > 5 and noise.random() < 0.2:  # nothing but the payload, and its CRC fits as it is
        text, payload = line[:-9], _with_the_same_crc(original, noise.randrange(8 * (len(payload) - 5)))
    elif noise.random() < 0.5 and payload != original:  # who can sign nothing can still make the payload's CRC fit
        at = text.find(b'"crc":"')
        text = text[: at + 7] + wire.crc(payload).encode() + text[at + 15 :] if at > 0 else text
    said = _said(host, b"\n" + text + b" " + wire.crc(text).encode() + b"\n" + payload)
    assert all(answer.get("error") in UNHEARD for answer in said), said
    _unmoved(desk)
    if not said:
        return "dropped"
    codes = {answer["error"] for answer in said}
    return codes.pop() if len(codes) == 1 else "several errors"


def repeated(number: int, noise: random.Random, notes: Notes) -> str:
    """What one who listens kept of this connection and of earlier ones is sent again, in any order."""
    desk, host = _life(number)
    kept = [_listened(host, noise) for _ in range(6)]
    order = [noise.choice(kept) for _ in range(12)]
    if noise.random() < 0.5:  # another connection: its nonce is another
        desk.app.parts.lock.left = 99
        host.unplug()
        host.plug_in()
        assert "ok" in host.ask("hello", protocol=version.PROTOCOL)
        if noise.random() < 0.5:
            host.nonce = host.ok("lock")["nonce"]
        best = 1 << 40
    else:
        best = -1
    for at, frame in order:
        host.send(frame)
        answer = host.answer()
        if "ok" in answer:
            assert at > best, "taken twice, late, or on another connection"
            best = at
        else:
            assert at <= best, "refused, and it was new"
            assert answer["error"] in ("locked", "wrong_key")
    notes.extra = len(order) - 1
    host.number += 100
    if best < 1 << 40 and number % 2:
        host.send(host.signed("practice", on=0))
        assert "ok" in host.answer()
    desk.app.practise(False)
    host.unplug()
    host.plug_in()
    assert "ok" in host.ask("hello", protocol=version.PROTOCOL)
    host.nonce = host.ok("lock")["nonce"]
    _unmoved(desk)
    return "nothing of another connection was taken" if best == 1 << 40 else "each once at most, in order"


def _listened(host: KeyHost, noise: random.Random) -> tuple[int, bytes]:
    frame = host.signed("practice", on=noise.randrange(2))
    return host.number, frame


def guessed(number: int, noise: random.Random, notes: Notes) -> str:
    """In the window, with another key or none: five wrong signatures, whatever comes in between."""
    desk = FlashDesk(_flash().copy(), Plug())
    desk.run(20)
    host = KeyHost(desk, OTHER)
    wrong = 0
    while wrong < TRIES:
        kind = noise.choice(("wrong", "wrong", "unsigned", "right", "looks", "hello", "unplugged", "malformed"))
        if kind == "wrong":
            frame = _request(host, noise)
            if noise.random() < 0.3:
                frame = host.request("identify", seconds=1, mac=noise.randbytes(32).hex())
            host.send(frame)
            assert host.answer()["error"] == "wrong_key"
            wrong += 1
        elif kind == "unsigned":
            assert host.error("commit") == "locked"
        elif kind == "right":
            host.key = KEY
            assert "ok" in host.ask_signed("identify", seconds=0)
            host.key = OTHER
        elif kind == "looks":
            assert "ok" in host.ask("status")
        elif kind == "malformed":
            assert host.error("identify", seconds=1, mac=noise.choice((1, "", "0" * 63, "0" * 65))) == "locked"
        else:
            if kind == "unplugged":
                host.unplug()
                host.plug_in()
            assert "ok" in host.ask("hello", protocol=version.PROTOCOL)
            host.nonce = host.ok("lock")["nonce"]
        assert desk.restarts == 0
    host.key = KEY
    host.send(host.signed("lock_set", key=""))
    assert host.answer()["error"] == "wrong_key", "the right one came too late and was taken"
    assert desk.plug.operations == []
    desk.run(250)
    assert (desk.restarts, desk.is_shut, desk.state) == (1, True, "READY")
    assert desk.line.breaks == []
    assert desk.app.store.key == KEY
    notes.extra = TRIES - 1
    return "the window closed at the fifth"


def _set_key(flash: Flash, plug: Plug, before: str, after: str) -> None:
    desk = FlashDesk(flash, plug)
    desk.run(20)
    if before:
        KeyHost(desk, before).ask_signed("lock_set", key=after)
    else:
        Host(desk).ok("lock_set", key=after)


@cache
def _before(key: str) -> Flash:
    return _flash() if key else fresh(usb__access="service")


@cache
def _operations(before: str, after: str) -> int:
    plug = Plug()
    _set_key(_before(before).copy(), plug, before, after)
    return len(plug.operations)


def cut(number: int, noise: random.Random, notes: Notes) -> str:
    """The power goes while a first key, another, or none is stored."""
    before, after = (("", KEY), (KEY, OTHER), (KEY, ""))[number % 3]
    total = _operations(before, after)
    flash = _before(before).copy()
    plug = Plug(number // 3 % total, CUTS[number // 3 // total % len(CUTS)], noise)
    try:
        _set_key(flash, plug, before, after)
    except PowerCutError:
        pass
    desk = FlashDesk(flash)
    desk.run(20)
    found = desk.app.store.key
    assert found in (before, after), found
    values = dict(FlashDesk(_before(before)).app.store.values)
    assert desk.app.store.values == values
    host = Host(desk)
    assert ("ok" in host.ask("identify", seconds=0)) == (not found)
    if found:
        assert "ok" in KeyHost(desk, found).ask_signed("identify", seconds=0)
    notes.figure("flash operations", total)
    return "the key before" if found == before else "the new one"


_GROUP = "Access"

FAULTS = [
    Fault(
        "access: changed on the way",
        _GROUP,
        MODEL,
        "somebody between device and owner changes a signed request",
        "1, 2 or 8 bits of every kind of request, of its payload or of its signature, with every CRC made to fit; "
        "or another payload with the same CRC",
        "refused or dropped; nothing is stored, staged or opened",
        changed,
        150_000,
        400,
    ),
    Fault(
        "access: repeated, late, out of order",
        _GROUP,
        MODEL,
        "somebody sends again what the owner of the key has sent",
        "twelve of six requests, in any order; half of the times on a later connection",
        "each is taken once at most, none after a later one, none on another connection",
        repeated,
        10_000,
        30,
    ),
    Fault(
        "access: wrong tries",
        _GROUP,
        MODEL,
        "somebody in the service window does not have the key",
        "signatures with another key or by chance; unsigned and right ones, new nonces and new connections in between",
        "the fifth wrong one closes the window, and the right key comes too late",
        guessed,
        4_000,
        20,
    ),
    Fault(
        "access: power cut at a new key",
        _GROUP,
        MODEL,
        "the power goes while a device key is set, changed or removed",
        "at each flash operation, torn in six ways",
        "the key is the one before or the new one, and in force; the settings are as they were",
        cut,
        3_000,
        60,
    ),
]
