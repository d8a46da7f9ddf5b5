"""The second lock: with a device key set, what is not signed with it changes nothing; who is wrong too often is out."""

import hashlib
import hmac
import json
from types import SimpleNamespace

import pytest

from endcall import keys
from endcall_core import layout, messages, stored, wire
from endcall_device import lock as lock_module
from endcall_device.lock import TRIES, Lock
from endcall_device.upload import UploadError

from .host import Host
from .key_host import KEY, OTHER, KeyHost
from .sound import prompt

DOERS = [row for row in messages.REQUESTS if row[messages.EFFECT] != messages.LOOKS]
LOOKERS = [row[0] for row in messages.REQUESTS if row[messages.EFFECT] == messages.LOOKS]


@pytest.fixture
def locked(make_desk):
    """A desk with a key, in its service window."""

    def make(access="service", key=KEY, **changes):
        desk = make_desk({"usb.access": access, **changes})
        host = Host(desk)
        host.ok("lock_set", key=key)
        host.unplug()
        desk.power_cycle()
        desk.run(200)
        return desk

    return make


def example(row):
    """Fields and payload of a request that is well formed."""
    fields = {"int": 0, "text": "a.wav", "object": {}}
    request = {name: fields[kind] for name, kind, _ in row[messages.FIELDS] if kind in fields}
    payload = b"x" if any(kind == messages.PAYLOAD for _, kind, _ in row[messages.FIELDS]) else None
    return payload, request


# --- what is signed --------------------------------------------------------------------------------------------------


def test_the_signature_is_hmac_sha256_of_the_nonce_the_frame_and_the_payload():
    nonce = "00112233445566778899aabbccddeeff"
    frame = keys.signed({"id": 7, "do": "prompt_data", "at": 0}, b"sound", KEY, nonce)
    line, _, payload = frame[1:].partition(b"\n")
    text = line[:-9]
    signed = b'{"id":7,"do":"prompt_data","at":0,"n":5,"crc":"' + wire.crc(b"sound").encode() + b'"'
    mac = hmac.new(bytes.fromhex(KEY), bytes.fromhex(nonce) + signed + b"\nsound", hashlib.sha256).hexdigest()
    assert text == signed + b',"mac":"' + mac.encode() + b'"}'
    assert payload == b"sound"


@pytest.mark.parametrize("row", DOERS, ids=lambda row: row[0])
def test_without_a_signature_nothing_is_done(locked, row):
    desk = locked()
    host = Host(desk)
    payload, request = example(row)
    assert host.error(row[0], payload, **request) == "locked"
    assert host.ok("lock")["left"] == TRIES, "not to know of the key is no wrong try"


@pytest.mark.parametrize("row", DOERS, ids=lambda row: row[0])
def test_with_a_wrong_signature_nothing_is_done(locked, row):
    host = KeyHost(locked(), OTHER)
    payload, request = example(row)
    answer = host.ask_signed(row[0], payload, **request)
    assert answer["error"] == "wrong_key"
    assert "4 tries" in answer["say"]


@pytest.mark.parametrize("row", DOERS, ids=lambda row: row[0])
def test_with_the_right_one_it_is_as_without_a_lock(locked, make_desk, row):
    payload, request = example(row)
    free = Host(make_desk()).ask(row[0], payload, **request)
    host = KeyHost(locked())
    answer = host.ask_signed(row[0], payload, **request)
    if row[0] == "commit":  # to set the key was a change, too
        free["ok"]["sequence"] += 1
    assert {**answer, "id": 0} == {**free, "id": 0}


def test_looking_needs_no_key(locked):
    host = Host(locked())
    for name in LOOKERS:
        payload, request = example(messages.find(name))
        answer = host.ask(name, payload, **request)
        assert answer.get("error") in (None, "invalid", "mismatch"), (name, answer)
    assert KEY not in json.dumps(host.settings())


def test_a_device_without_a_key_is_as_ever(host):
    assert host.ok("lock") == {"set": False}
    host.ok("stage", values={"call.warn_s": 44})
    host.ok("commit")


@pytest.mark.parametrize("access", ["open", "service"])
def test_settings_and_prompts_are_changed_with_the_key(locked, access):
    desk = locked(access)
    host = KeyHost(desk)
    assert "ok" in host.ask_signed("stage", values={"call.warn_s": 44})
    assert "ok" in host.ask_signed("commit")
    assert host.settings()["call.warn_s"] == 44
    data = prompt(ms=500, seed=3)
    assert "ok" in host.ask_signed("prompt_begin", name="new.wav", bytes=len(data), sum=wire.crc(data))
    for at in range(0, len(data), 1024):
        assert "ok" in host.ask_signed("prompt_data", data[at : at + 1024], at=at)
    assert "ok" in host.ask_signed("prompt_end")
    assert desk.app.store.key == KEY
    assert Host(desk).error("stage", values={}) == "locked"


# --- flipped, repeated, out of order, moved ----------------------------------------------------------------


class Wire:
    """What a lock sees of the wire: the last frame, taken from `data` and `payload` as they are, its CRC made anew."""

    def __init__(self, text, payload):
        self.line = text + b" " + wire.crc(text).encode()
        self.ended = len(self.line)
        self.payload, self.size = payload, len(payload)
        self.frame = {"id": 5}


def is_taken(text, payload, nonce="00" * 16):
    """Whether a lock that told `nonce` obeys it."""
    lock = Lock(SimpleNamespace(key=KEY))
    lock._nonce = bytes.fromhex(nonce)
    try:
        lock.check(None, Wire(text, payload))
    except UploadError:
        return False
    return True


def test_every_flipped_bit_is_refused():
    """With a CRC that fits again, so that only the signature can tell."""
    frame = keys.signed({"id": 5, "do": "prompt_data", "at": 0}, b"pay", KEY, "00" * 16)
    line, _, payload = frame[1:].partition(b"\n")
    text = line[:-9]
    assert is_taken(text, payload)
    for bit in range(8 * (len(text) + len(payload))):
        changed = bytearray(text + payload)
        changed[bit // 8] ^= 1 << bit % 8
        assert not is_taken(bytes(changed[: len(text)]), bytes(changed[len(text) :])), bit


def test_a_part_of_the_payload_never_counts_as_a_part_of_the_frame():
    """Somebody's sound file that the owner of the key sends: it holds what would be a request."""
    evil = b',"do":"lock_set","key":"","x":""'
    frame = keys.signed({"id": 5, "do": "prompt_data", "at": 0}, evil, KEY, "00" * 16)
    text = frame[1:].partition(b"\n")[0][:-9]
    assert is_taken(text, evil)
    signed, end = text[: -len(b',"mac":""}') - 64], text[-len(b',"mac":""}') - 64 :]
    assert not is_taken(signed + evil + end, b"")


def test_a_line_feed_in_a_frame_ends_it():
    """So what is signed can't be taken apart at another place."""
    reader = wire.Reader()
    data = b'\n{"id":5,"do":"prompt_data"\n,"mac":""} 00000000\n'
    assert reader.take(data, 0, len(data)) == 1
    reader.take(data, 1, len(data))
    assert reader.frame is None


def test_what_was_taken_once_is_not_taken_again(locked):
    desk = locked()
    host = KeyHost(desk)
    frame = host.signed("practice", on=1)
    host.send(frame)
    assert "ok" in host.answer()
    host.send(frame)
    assert host.answer()["error"] == "locked"
    assert "ok" in host.ask_signed("practice", on=0)
    host.send(frame)
    assert host.answer()["error"] == "locked"
    assert not desk.app.is_practice
    assert host.ok("lock")["left"] == TRIES, "a frame that a bad line doubles is no wrong try"


def test_an_earlier_request_is_not_taken_after_a_later_one(locked):
    desk = locked()
    host = KeyHost(desk)
    first, second = host.signed("practice", on=1), host.signed("practice", on=0)
    host.send(second)
    assert "ok" in host.answer()
    host.send(first)
    assert host.answer()["error"] == "locked"
    assert not desk.app.is_practice


def test_what_was_signed_for_one_connection_or_nonce_counts_in_no_other(locked):
    desk = locked()
    host = KeyHost(desk)
    frame = host.signed("practice", on=1)
    host.unplug()
    later = Host(desk)
    later.send(frame)
    assert later.answer()["error"] == "locked"
    fresh = later.ok("lock")["nonce"]
    assert fresh != host.nonce
    later.send(frame)
    assert later.answer()["error"] == "wrong_key"
    assert not desk.app.is_practice


def test_a_nonce_is_the_same_until_the_next_hello(locked):
    """A frame that a bad line doubles is answered twice, and both answers must count."""
    host = KeyHost(locked())
    assert host.ok("lock")["nonce"] == host.nonce
    assert "ok" in host.ask_signed("practice", on=0)
    assert host.ok("lock")["nonce"] == host.nonce
    host.number = 0
    assert host.ask_signed("practice", on=0)["error"] == "locked"
    host.ok("hello", protocol=1)
    assert host.ok("lock")["nonce"] != host.nonce


def test_nonces_are_what_the_chips_random_numbers_are(locked, monkeypatch):
    asked = []
    monkeypatch.setattr(lock_module.os, "urandom", lambda count: asked.append(count) or bytes(range(count)))
    assert Host(locked()).ok("lock")["nonce"] == bytes(range(16)).hex()
    assert asked == [16]


def test_a_damaged_payload_is_asked_for_again_and_is_no_wrong_try(locked):
    host = KeyHost(locked())
    frame = host.signed("prompt_data", b"payload", at=0)
    host.send(frame[:-1] + b"!")
    assert host.answer()["error"] == "damaged"
    assert host.ok("lock")["left"] == TRIES


# --- wrong tries -------------------------------------------------------------------------------------------------


def test_five_wrong_tries_close_the_window(locked):
    desk = locked()
    host = KeyHost(desk, OTHER)
    for left in (4, 3, 2, 1, 0):
        answer = host.ask_signed("practice", on=1)
        assert (answer["error"], f"{left} tries" in answer["say"]) == ("wrong_key", True)
    assert desk.restarts == 0
    host.key = KEY
    assert host.ask_signed("practice", on=1)["error"] == "wrong_key", "the right one comes too late"
    desk.run(300)
    assert (desk.restarts, desk.is_shut) == (1, True)
    desk.port.connected = True
    host.send(host.request("hello", protocol=1))
    desk.run(500)
    assert host.received() == []
    assert desk.state == "READY"
    host.unplug()
    desk.port._to_device.clear()
    desk.power_cycle()
    host = KeyHost(desk)
    assert "ok" in host.ask_signed("practice", on=1)


def test_wrong_tries_are_counted_over_connections_and_nonces(locked):
    desk = locked()
    for left in (4, 3, 2, 1):
        host = KeyHost(desk, OTHER)
        assert f"{left} tries" in host.ask_signed("practice", on=1)["say"]
        host.key = KEY
        assert "ok" in host.ask_signed("practice", on=0), "a right one in between does not make up for them"
        host.unplug()
    KeyHost(desk, OTHER).ask_signed("practice", on=1)
    desk.run(300)
    assert desk.is_shut


def test_the_window_closes_even_on_a_host_that_reads_a_byte_a_second(locked):
    desk = locked()
    host = KeyHost(desk, OTHER)
    for _ in range(5):
        host.ask_signed("practice", on=1)
    host.send(host.request("get"))
    desk.port.tx_room = 0
    desk.run(300)
    assert desk.is_shut


def test_in_a_call_the_window_closes_when_it_is_over(locked):
    desk = locked(**{"call.min_warn_s": 0, "call.warn_s": 5, "call.watch_s": 0, "call.recover_s": 0})
    host = KeyHost(desk, OTHER)
    desk.press()
    desk.run_until("WARN")
    for _ in range(5):
        host.ask_signed("practice", on=1)
    desk.run(1000)
    assert (desk.restarts, desk.state) == (0, "WARN")
    desk.run_until("READY")
    desk.run(300)
    assert (desk.restarts, desk.is_shut) == (1, True)


def test_where_there_is_no_window_five_wrong_tries_end_it_until_the_next_power_up(locked):
    desk = locked("open")
    host = KeyHost(desk, OTHER)
    for _ in range(5):
        assert host.ask_signed("practice", on=1)["error"] == "wrong_key"
    desk.run(2000)
    assert (desk.restarts, desk.is_shut) == (0, False)
    host = KeyHost(desk)
    answer = host.ask_signed("practice", on=1)
    assert answer["error"] == "wrong_key"
    assert "power-up" in answer["say"]
    assert host.ask_signed("restart")["error"] == "wrong_key", "or a restart would give five more"
    assert host.ok("status")["state"] == "READY"


# --- setting, changing, removing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["x" * 64, "0F" * 32, "0f" * 31, "0f" * 33, "0", " " * 64])
def test_what_is_no_key_is_refused(host, desk, key):
    assert host.error("lock_set", key=key) == "invalid"
    assert desk.app.store.key == ""


def test_the_first_key_counts_from_the_next_start_on(host, desk):
    host.ok("lock_set", key=KEY)
    assert host.ok("lock") == {"set": True}
    host.ok("practice", on=1)
    desk.power_cycle()
    host = Host(desk)
    said = host.ok("lock")
    assert (said["set"], len(said["nonce"]), said["left"]) == (True, 32, TRIES)
    assert host.error("practice", on=1) == "locked"


def test_another_key_counts_at_once(locked):
    desk = locked()
    host = KeyHost(desk)
    assert "ok" in host.ask_signed("lock_set", key=OTHER)
    assert host.ask_signed("practice", on=1)["error"] == "wrong_key"
    host.key = OTHER
    assert "ok" in host.ask_signed("practice", on=1)
    desk.power_cycle()
    assert "ok" in KeyHost(desk, OTHER).ask_signed("practice", on=1)


def test_it_is_removed_with_the_key_alone(locked):
    desk = locked()
    host = KeyHost(desk)
    assert host.error("lock_set", key="") == "locked"
    assert host.error("lock_set", key=OTHER) == "locked"
    host.key = OTHER
    assert host.ask_signed("lock_set", key="")["error"] == "wrong_key"
    assert desk.app.store.key == KEY
    host.key = KEY
    assert "ok" in host.ask_signed("lock_set", key="")
    assert host.ok("lock") == {"set": False}
    host.ok("practice", on=1)
    desk.power_cycle()
    Host(desk).ok("practice", on=1)


def test_a_flash_that_refuses_keeps_the_key_before(locked, monkeypatch):
    desk = locked()
    host = KeyHost(desk)

    def fail():
        raise OSError(5)

    for file in desk.app.store._files:
        monkeypatch.setattr(file, "sync", fail)
    assert host.ask_signed("lock_set", key=OTHER)["error"] == "storage"
    assert desk.app.store.key == KEY
    monkeypatch.undo()
    assert "ok" in host.ask_signed("practice", on=1)


def test_set_twice_no_file_has_the_key_before(locked):
    desk = locked()
    host = KeyHost(desk)
    assert "ok" in host.ask_signed("lock_set", key=OTHER)
    host.key = OTHER
    assert "ok" in host.ask_signed("lock_set", key=OTHER)
    for path in layout.STORE_PATHS:
        data = (desk.folder / path.lstrip("/")).read_bytes()
        assert stored.decode_store(data).key == OTHER
        assert KEY.encode() not in data


def test_the_key_is_told_nowhere(locked):
    desk = locked()
    host = Host(desk)
    said = b""
    for name in LOOKERS:
        payload, request = example(messages.find(name))
        host.send(host.request(name, payload, **request))
        desk.run(20)
        said += desk.port.host_read()
    assert b"READY" in said
    assert KEY.encode() not in said
    assert KEY[:16].encode() not in said


# --- the window -------------------------------------------------------------------------------------------------


def test_the_window_closes_by_itself_after_ten_minutes(make_desk):
    desk = make_desk({"usb.access": "service"})
    host = Host(desk)
    assert host.ok("hello", protocol=1)["access"] == "service window"
    desk.clock.advance(599_000 - desk.clock.total_ms)
    desk.run(300)
    assert not desk.is_shut
    host.ok("status")
    desk.run(1300)
    assert (desk.restarts, desk.is_shut) == (1, True)
    assert desk.state == "READY"


def test_what_is_open_stays_open(make_desk):
    desk = make_desk()
    desk.clock.advance(599_000)
    desk.run(3000)
    assert desk.restarts == 0


def test_a_restart_that_a_host_asked_for_does_not_keep_a_closing_window_open(locked):
    desk = locked()
    host = KeyHost(desk, OTHER)
    for _ in range(5):
        host.ask_signed("practice", on=1)
    desk.app.restart("bootloader")
    desk.run(300)
    assert (desk.is_shut, desk.in_bootloader) == (True, False)
