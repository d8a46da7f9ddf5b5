"""Every request and every error code, through a desk's data port; hosts that vanish, stall, stammer or flood."""

import json
import random
from pathlib import Path

import pytest

from endcall_core import call, error_codes, messages, records, settings, version, wire
from endcall_device import service as service_module
from endcall_device.service import SILENCE_MS, STALL_MS

from .conftest import CLOSING
from .host import Host
from .sound import prompt

NEW = prompt(ms=700, seed=5)


def limit(desk):
    """Set the limit: the desk is busy from here on."""
    desk.press()
    assert desk.state == "WARN"


WRITERS = [row for row in messages.REQUESTS if row[messages.EFFECT] == messages.WRITES]


# --- hello ---------------------------------------------------------------------------------------------------


def test_hello_says_who_and_which_versions(make_desk):
    desk = make_desk({"device.name": "Empfang Süd"})
    said = Host(desk, hello=False).ok("hello", protocol=version.PROTOCOL)
    assert said == {
        "product": "endcall",
        "protocol": version.PROTOCOL,
        "firmware": version.FIRMWARE,
        "settings": version.SETTINGS,
        "name": "Empfang Süd",
        "runtime": "simulated desk",
        "serial": "DE5C0001",
        "access": "open",
        "boot": 1,
        "free_bytes": 0,
    }


@pytest.mark.parametrize("row", [row for row in messages.REQUESTS if row[0] != "hello"], ids=lambda row: row[0])
def test_hello_comes_first(desk, row):
    host = Host(desk, hello=False)
    fields = {"int": 0, "text": "a.wav", "object": {}}
    request = {name: fields[kind] for name, kind, _ in row[messages.FIELDS] if kind in fields}
    payload = b"x" if any(kind == messages.PAYLOAD for _, kind, _ in row[messages.FIELDS]) else None
    assert host.error(row[messages.NAME], payload, **request) == "hello_first"


@pytest.mark.parametrize(("protocol", "word"), [(0, "update the host"), (2, "update the device"), (10**9, "device")])
def test_another_protocol_is_refused_with_what_to_update(desk, protocol, word):
    host = Host(desk, hello=False)
    answer = host.ask("hello", protocol=protocol)
    assert answer["error"] == "mismatch"
    assert word in answer["say"]
    assert host.error("status") == "hello_first"


def test_hello_again_drops_what_was_staged(host):
    host.ok("stage", values={"call.warn_s": 45})
    host.ok("hello", protocol=version.PROTOCOL)
    assert host.ok("commit")["changed"] == 0


def test_a_lost_link_begins_anew(host):
    host.unplug()
    host.plug_in()
    assert host.error("status") == "hello_first"


# --- looking -------------------------------------------------------------------------------------------------


def test_status(host, desk):
    said = host.ok("status")
    assert said["state"] == "READY"
    assert said["fault"] == 0
    assert (said["line"], said["relay"], said["playing"], said["button"]) == ("unknown", "closed", False, False)
    assert said["incidents"] == said["repairs"] == said["warnings"] == said["bad_frames"] == 0
    row = messages.find("status")
    assert sorted(said) == sorted(name.strip() for name in row[messages.ANSWER].split(","))
    desk.run(2000)
    limit(desk)
    said = host.ok("status")
    assert (said["state"], said["warnings"], said["uptime_s"]) == ("WARN", 1, 2)
    assert 150 < said["state_ms"] < 300


def test_status_fits_a_frame_at_its_longest(make_desk):
    """Every fault's sentence, and every number at its largest."""
    desk = make_desk({"line.sense": "loop"})
    host = Host(desk)
    for fault in call.FAULTS:
        desk.app.call.state, desk.app.call.fault = call.FAULT, fault
        desk.app.uptime_s = 10**9
        desk.app.set_time(4_102_444_799)
        desk.app.log.sequence = 10**9
        desk.app.parts.free_bytes = lambda: 10**6
        desk.app._service._reader.bad = 10**9
        host.number = messages.ID_MAX - 1
        assert host.ask("status")["id"] == messages.ID_MAX


def test_check_runs_the_self_check(host, desk, tmp_path):
    assert host.ok("check") == {"fault": 0, "name": "", "say": "the device is ready"}
    desk.speaker.is_ready = False
    said = host.ok("check")
    assert (said["fault"], said["name"]) == (call.FAULT_SPEAKER, "speaker")
    assert desk.state == "READY"


def test_get_is_every_setting(host):
    assert host.settings() == settings.defaults()


def test_the_time_is_kept_with_records(host, desk):
    assert host.ok("status")["time_s"] == 0
    host.ok("time", epoch_s=1_700_000_000)
    desk.run(s=3)
    assert host.ok("status")["time_s"] in (1_700_000_002, 1_700_000_003)
    limit(desk)
    desk.press(1200)
    assert desk.state == "READY"
    desk.run(10)
    (record,) = desk.incidents()
    assert 1_700_000_003 <= record["epoch_s"] <= 1_700_000_006


@pytest.mark.parametrize("epoch_s", [1_577_836_800, 4_102_444_799])
def test_a_time_of_this_century_is_taken(host, desk, epoch_s):
    host.ok("time", epoch_s=epoch_s)
    limit(desk)
    desk.press(1200)
    desk.run(10)
    assert 0 <= desk.incidents()[0]["epoch_s"] - epoch_s <= 3


@pytest.mark.parametrize("epoch_s", [-1, 0, 1, 1_577_836_799, 4_102_444_800, 1 << 32, 10**30])
def test_a_time_that_can_not_be_is_refused(host, epoch_s):
    """It would not fit a record."""
    assert host.error("time", epoch_s=epoch_s) == "invalid"
    assert host.ok("status")["time_s"] == 0


# --- the settings --------------------------------------------------------------------------------------------


def test_a_change_is_staged_and_committed_in_one_step(host, desk):
    assert host.ok("stage", values={"call.warn_s": 45}) == {"staged": 1}
    assert host.ok("stage", values={"call.watch_s": 60, "ring.brightness_pct": 50}) == {"staged": 3}
    assert host.settings() == settings.defaults()
    assert host.ok("commit") == {"changed": 3, "sequence": 2}
    expected = dict(settings.defaults(), **{"call.warn_s": 45, "call.watch_s": 60, "ring.brightness_pct": 50})
    assert host.settings() == expected
    desk.power_cycle()
    assert desk.app.store.values == expected


def test_a_change_is_in_force_at_once(host, desk):
    before = desk.pixels[0]
    host.ok("stage", values={"ring.brightness_pct": 100})
    host.ok("commit")
    desk.run(100)
    assert desk.pixels[0] > before
    host.ok("stage", values={"ring.pixels": 12})
    host.ok("commit")
    desk.run(100)
    assert len(desk.pixels) == 12


def test_a_commit_of_nothing_writes_nothing(host, desk):
    assert host.ok("commit") == {"changed": 0, "sequence": 1}
    host.ok("stage", values={"call.warn_s": 30})
    assert host.ok("commit") == {"changed": 0, "sequence": 1}


def test_one_bad_value_refuses_the_whole_change_with_every_problem(host):
    host.ok("stage", values={"call.warn_s": 1, "call.watch_s": 60, "ring.pixels": True, "nonsense": 5})
    answer = host.ask("commit")
    assert answer["error"] == "invalid"
    problems = json.loads(host.payload)
    assert sorted(problem[0] for problem in problems) == ["call.warn_s", "nonsense", "ring.pixels"]
    assert "5..600 s" in next(problem[2] for problem in problems if problem[0] == "call.warn_s")
    assert host.settings() == settings.defaults()
    assert host.ok("commit")["changed"] == 0  # nothing is left staged


def test_a_contradiction_is_refused(host):
    host.ok("stage", values={"call.min_warn_s": 50})
    assert host.error("commit") == "invalid"
    assert json.loads(host.payload)[0][0] == "call.min_warn_s"


def test_a_prompt_that_is_not_there_is_refused(host):
    host.ok("stage", values={"prompt.closing": "other.wav"})
    assert host.error("commit") == "invalid"
    (problem,) = json.loads(host.payload)
    assert problem[0] == "prompt.closing"
    assert "endcall prompt put other.wav" in problem[2]


def test_discard_drops_what_was_staged(host):
    host.ok("stage", values={"call.warn_s": 45})
    host.ok("discard")
    assert host.ok("commit")["changed"] == 0


def test_a_lost_link_drops_what_was_staged(host):
    host.ok("stage", values={"call.warn_s": 45})
    host.unplug()
    host.plug_in()
    host.ok("hello", protocol=version.PROTOCOL)
    assert host.ok("commit")["changed"] == 0
    assert host.settings() == settings.defaults()


def test_too_much_staged(host):
    for at in range(0, 50, 10):
        answer = host.ask("stage", values={f"x{number}": 1 for number in range(at, at + 10)})
    assert answer["error"] == "invalid"
    assert host.ok("commit")["changed"] == 0


def test_names_with_half_a_surrogate_pair_are_refused(host):
    """JSON can say what no text is made of."""
    host.number += 1
    text = b'{"id":%d,"do":"stage","values":{"device.name":"\\ud800"}}' % host.number
    host.send(b"\n" + text + b" " + wire.crc(text).encode() + b"\n")
    assert host.answer()["ok"] == {"staged": 1}
    assert host.error("commit") == "invalid"


def test_a_preset_fills_the_release_values(host):
    host.ok("stage", values={"release.preset": "uk"})
    host.ok("commit")
    now = host.settings()
    assert (now["release.mode"], now["release.flash_ms"], now["release.hold_s"]) == ("hangup", 100, 12)


def test_a_store_that_fails_is_an_answer(host, desk, monkeypatch):
    def fail():
        raise OSError(5, "Input/output error")

    for file in desk.app.store._files:
        monkeypatch.setattr(file, "sync", fail)
    host.ok("stage", values={"call.warn_s": 45})
    assert host.error("commit") == "storage"
    assert host.settings() == settings.defaults()


# --- what is refused, and when -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "do",
    ["helo", "", "stat us", "_do_get", "dispatch", "\x00\x1f", "ü" * 40, "\U0001f600" * 40],
    ids=["typo", "empty", "space", "method", "function", "control", "umlauts", "faces"],
)
def test_an_unknown_request(host, do):
    assert host.error(do) == "unknown"


@pytest.mark.parametrize("do", [None, 5, [], {}, True, ["hello"]])
def test_a_request_that_is_no_name(host, do):
    assert host.error(do) == "unknown"


@pytest.mark.parametrize("row", messages.REQUESTS, ids=lambda row: row[0])
def test_every_request_with_missing_or_wrong_fields(host, row):
    for name, kind, _ in row[messages.FIELDS]:
        others = {field: {"int": 0, "text": "a.wav", "object": {}}.get(k) for field, k, _ in row[messages.FIELDS]}
        if kind == messages.PAYLOAD:
            assert host.error(row[0], None, at=0) == "malformed"
            continue
        payload = b"x" if any(k == messages.PAYLOAD for _, k, _ in row[messages.FIELDS]) else None
        others.pop("n", None)
        for wrong in ({}, {name: None}, {name: True}, {name: 1.5}, {name: [1]}):
            fields = {field: value for field, value in others.items() if field != name}
            fields.update(wrong)
            assert host.error(row[0], payload, **fields) == "malformed", (name, wrong)


@pytest.mark.parametrize("number", [None, True, "1", 1.5, [], {}, -1, messages.ID_MAX + 1, 10**400])
def test_without_a_good_id_there_is_no_answer(host, number):
    host.send(wire.frame({"id": number, "do": "status"}))
    host.send(wire.frame({"do": "status"}))
    assert host.ok("status")["state"] == "READY"  # the next answer belongs to the next request


@pytest.mark.parametrize("number", [0, 1, messages.ID_MAX])
def test_an_id_is_repeated(host, number):
    host.send(wire.frame({"id": number, "do": "status"}))
    assert host.answer()["id"] == number


@pytest.mark.parametrize("row", WRITERS, ids=lambda row: row[0])
def test_writes_are_refused_while_a_call_is_limited_or_ended(make_desk, row):
    desk = make_desk({"call.min_warn_s": 0, "release.mode": "hangup", "call.grace_ms": 100})
    host = Host(desk)
    fields = {"int": 0, "text": "a.wav", "object": {}}
    request = {name: fields[kind] for name, kind, _ in row[messages.FIELDS] if kind in fields}
    payload = b"x" if any(kind == messages.PAYLOAD for _, kind, _ in row[messages.FIELDS]) else None
    limit(desk)
    for state in ("WARN", "ENFORCE", "RELEASE"):
        desk.run_until(state)
        assert host.error(row[0], payload, **request) == "busy"
        assert desk.state == state
        if state == "WARN":
            desk.press()


def test_looking_is_answered_in_every_state(make_desk):
    desk = make_desk({"call.min_warn_s": 0, "call.warn_s": 5, "release.mode": "hangup"})
    host = Host(desk)
    limit(desk)
    for state in ("WARN", "WATCH", "ENFORCE", "RELEASE", "RECOVER", "READY"):
        desk.run_until(state, within_s=100)
        assert host.ok("status")["state"] == state
        assert len(host.settings()) == len(settings.SETTINGS)
        host.ok("check")
        host.ok("prompts")
        host.ok("log", after=0)
        if state == "WATCH":
            desk.press()


@pytest.mark.parametrize("row", WRITERS, ids=lambda row: row[0])
def test_writes_are_refused_where_the_drive_is_read_only(desk, row):
    desk.app.is_read_only = True
    host = Host(desk)
    fields = {"int": 0, "text": "a.wav", "object": {}}
    request = {name: fields[kind] for name, kind, _ in row[messages.FIELDS] if kind in fields}
    payload = b"x" if any(kind == messages.PAYLOAD for _, kind, _ in row[messages.FIELDS]) else None
    assert host.error(row[0], payload, **request) == "read_only"


def test_every_error_code_is_tested_here():
    source = Path(__file__).read_text()
    for code, _ in error_codes.ERRORS:
        if code in ("locked", "wrong_key"):  # test_lock.py
            continue
        assert f'== "{code}"' in source or f'"error"] == "{code}"' in source, code


# --- the log -------------------------------------------------------------------------------------------------


def test_the_log_comes_in_pages(host, desk):
    for number in range(40):
        desk.app.log.append(call.Incident("resolved", number, (0,), False, "flash", 0, False), number, 0)
    found, after, pages = [], 0, 0
    while True:
        said = host.ok("log", after=after)
        assert len(host.payload) == said["count"] * 64
        found += [records.decode_incident(host.payload[at : at + 64]) for at in range(0, len(host.payload), 64)]
        pages += 1
        if not said["more"]:
            break
        after = found[-1]["sequence"]
    assert [record["sequence"] for record in found] == list(range(1, 41))
    assert pages == 3
    assert host.ok("log", after=40) == {"count": 0, "more": False, "lost": 0}
    assert host.ok("log", after=-1)["count"] == 16


# --- prompts -------------------------------------------------------------------------------------------------


def test_the_list_of_prompts(host):
    host.ok("prompts")
    closing, warning = json.loads(host.payload)
    assert closing == {
        "name": "closing.wav",
        "bytes": len(CLOSING),
        "crc": wire.crc(CLOSING),
        "ms": 600,
        "rate_hz": 16000,
        "problem": None,
    }
    assert warning["name"] == "warning.wav"


def test_a_prompt_is_replaced_while_the_device_is_in_service(host, desk):
    assert host.put("closing.wav", NEW) == {"bytes": len(NEW), "sum": wire.crc(NEW)}
    host.ok("prompts")
    assert json.loads(host.payload)[0]["crc"] == wire.crc(NEW)
    desk.power_cycle()
    assert desk.app.prompts.inspect("closing.wav").duration_ms == 700
    assert desk.app.self_check() == 0


def test_a_prompt_under_a_new_name_and_its_removal(host, desk):
    host.put("new.wav", NEW)
    assert host.error("prompt_begin", name="more.wav", bytes=5000, sum="0") == "full"
    host.ok("stage", values={"prompt.warning": "new.wav"})
    host.ok("commit")
    assert host.error("prompt_remove", name="new.wav") == "invalid"
    assert host.error("prompt_remove", name="closing.wav") == "invalid"
    assert host.error("prompt_remove", name="nothing.wav") == "invalid"
    host.ok("prompt_remove", name="warning.wav")
    desk.power_cycle()
    assert desk.app.prompts.names() == ["closing.wav", "new.wav"]


@pytest.mark.parametrize("name", ["", "a.mp3", "../a.wav", "a/b.wav", ".wav", "x" * 40 + ".wav", "ü.wav"])
def test_a_prompt_needs_a_plain_name(host, name):
    assert host.error("prompt_begin", name=name, bytes=5000, sum="0") == "invalid"


def test_a_prompt_with_the_wrong_sum_keeps_the_old_one(host, desk):
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum="00000000")
    for at in range(0, len(NEW), 1024):
        host.ok("prompt_data", NEW[at : at + 1024], at=at)
    assert host.error("prompt_end") == "damaged"
    assert desk.app.prompts.inspect("closing.wav").duration_ms == 600
    assert host.error("prompt_end") == "invalid"


def test_a_chunk_that_was_damaged_on_the_way_can_be_sent_again(host):
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    frame = bytearray(host.request("prompt_data", NEW[:1024], at=0))
    frame[-5] ^= 1
    host.send(frame)
    assert host.answer()["error"] == "damaged"
    for at in range(0, len(NEW), 1024):
        host.ok("prompt_data", NEW[at : at + 1024], at=at)
    host.ok("prompt_end")


def test_a_payload_that_is_too_large(host):
    assert host.error("prompt_data", bytes(wire.PAYLOAD_MAX + 1), at=0) == "damaged"
    assert host.ok("status")["state"] == "READY"


def test_a_lost_link_drops_half_a_prompt(host):
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    host.ok("prompt_data", NEW[:1024], at=0)
    host.unplug()
    host.plug_in()
    host.ok("hello", protocol=version.PROTOCOL)
    assert host.error("prompt_data", NEW[1024:2048], at=1024) == "invalid"
    host.put("closing.wav", NEW)


def test_discard_drops_half_a_prompt(host):
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    host.ok("discard")
    assert host.error("prompt_data", NEW[:1024], at=0) == "invalid"


def test_an_upload_waits_for_a_call_and_goes_on_after_it(make_desk):
    desk = make_desk({"call.min_warn_s": 0})
    host = Host(desk)
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    host.ok("prompt_data", NEW[:1024], at=0)
    limit(desk)
    assert host.error("prompt_data", NEW[1024:2048], at=1024) == "busy"
    desk.press(1200)
    assert desk.state == "READY"
    for at in range(1024, len(NEW), 1024):
        host.ok("prompt_data", NEW[at : at + 1024], at=at)
    host.ok("prompt_end")


def test_a_call_that_begins_during_the_verification_keeps_the_old_prompt(host, desk):
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    for at in range(0, len(NEW), 1024):
        host.ok("prompt_data", NEW[at : at + 1024], at=at)
    host.send(host.request("prompt_end"))
    desk.run(2)
    desk.button.press()
    answer = host.answer()
    assert desk.state == "WARN"
    assert answer["error"] == "busy"
    assert desk.app.prompts.inspect("closing.wav").duration_ms == 600


def test_no_request_is_read_while_one_is_verified(host, desk):
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    for at in range(0, len(NEW), 1024):
        host.ok("prompt_data", NEW[at : at + 1024], at=at)
    host.send(host.request("prompt_end") + host.request("status"))
    assert host.answer()["id"] == host.number - 1
    assert host.answer()["id"] == host.number


def test_a_flash_that_refuses_to_sync_is_an_answer(host, desk, monkeypatch):
    def fail():
        raise OSError(5, "Input/output error")

    for slot in desk.app.prompts._slots:
        monkeypatch.setattr(slot, "sync", fail)
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    for at in range(0, len(NEW), 1024):
        host.ok("prompt_data", NEW[at : at + 1024], at=at)
    assert host.error("prompt_end") == "storage"
    assert desk.app.prompts.inspect("closing.wav").duration_ms == 600


def test_a_new_prompt_heals_a_damaged_one(desk):
    desk.app.prompts.note_damage("closing.wav", True)
    host = Host(desk)
    assert host.ok("check")["fault"] == call.FAULT_PROMPT_DAMAGED
    host.ok("prompts")
    assert "CRC" in json.loads(host.payload)[0]["problem"]
    host.put("closing.wav", NEW)
    assert host.ok("check")["fault"] == 0


# --- hosts that misbehave ------------------------------------------------------------------------------------


def test_one_request_per_turn(host, desk):
    host.send(b"".join(host.request("check") for _ in range(5)))
    counts = []
    for _ in range(10):
        desk.run(1)
        counts.append(len(host.received()))
    assert max(counts) == 1
    assert sum(counts) == 5


def test_many_requests_at_once_are_answered_in_order(host, desk):
    host.send(b"".join(host.request("status") for _ in range(50)))
    assert [host.answer()["id"] for _ in range(50)] == list(range(host.number - 49, host.number + 1))


@pytest.mark.parametrize("seed", range(8))
def test_the_next_good_request_after_a_flood_of_garbage_is_answered(host, desk, seed):
    noise = random.Random(seed)
    kinds = (
        lambda: noise.randbytes(noise.randrange(5000)),
        lambda: b"\n" * noise.randrange(3000),
        lambda: b"x" * noise.randrange(3000),
        lambda: wire.frame({"id": 1, "do": "commit"})[:-3],
        lambda: b"AT\r\nAT+GMM\r\n",
        lambda: bytes(noise.randrange(128) for _ in range(700)),
        lambda: wire.frame({"do": "hello"}) + wire.line([1, 2]),
    )
    for _ in range(20):
        host.send(noise.choice(kinds)())
        before = desk.app.store.sequence
        while desk.port._to_device:
            desk.run(1)
            host.received()
        assert host.ok("status")["state"] == "READY"
        assert desk.app.store.sequence == before


def test_bad_frames_are_counted(host):
    host.send(b"garbage\nmore\n")
    assert host.ok("status")["bad_frames"] == 2


def test_a_flood_never_keeps_the_button_waiting(make_desk):
    """A turn takes a bounded piece of it, so a press is seen in the next turn."""
    desk = make_desk()
    Host(desk, hello=False).send(b"\n" * 100_000 + b"x" * 100_000)
    desk.run(20)
    desk.button.press()
    desk.run(1)
    assert desk.state == "WARN"
    assert len(desk.port._to_device) > 150_000


@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_host_that_stammers(desk, step):
    host = Host(desk)
    data = host.request("stage", values={"call.warn_s": 45}) + host.request("commit")
    for at in range(0, len(data), step):
        host.send(data[at : at + step])
        desk.run(20)
    assert host.answer()["ok"] == {"staged": 1}
    assert host.answer()["ok"]["changed"] == 1


def test_a_payload_that_pauses_is_given_up_and_the_next_request_answered(host, desk):
    host.ok("prompt_begin", name="closing.wav", bytes=len(NEW), sum=wire.crc(NEW))
    frame = host.request("prompt_data", NEW[:1024], at=0)
    host.send(frame[:-100])
    desk.run(SILENCE_MS - 10)
    host.send(frame[-100:-50])  # a pause, but not for too long
    desk.run(SILENCE_MS - 10)
    host.send(frame[-50:])
    assert host.answer()["ok"] == {"at": 1024}
    host.send(host.request("prompt_data", NEW[1024:2048], at=1024)[:-100])
    desk.run(SILENCE_MS + 10)
    assert host.received() == []
    assert host.ok("status")["state"] == "READY"
    assert host.ok("prompt_data", NEW[1024:2048], at=1024) == {"at": 2048}


def test_a_host_that_stops_reading_loses_its_answer_and_never_stalls_a_call(make_desk):
    desk = make_desk({"call.min_warn_s": 0})
    host = Host(desk)
    host.ok("stage", values={"call.warn_s": 45})
    desk.port.tx_room = 0
    host.send(host.request("get"))
    limit(desk)
    desk.press()
    assert desk.state == "ENFORCE"
    desk.run_until("RECOVER")
    assert len(desk.line.breaks) == 1
    desk.run(STALL_MS + 100)
    desk.port.tx_room = 1 << 20
    assert host.error("commit") == "hello_first"  # the connection was given up, with what was staged
    host.ok("hello", protocol=version.PROTOCOL)
    assert host.ok("commit")["changed"] == 0


def test_a_host_that_reads_slowly_gets_it_all(desk):
    host = Host(desk)
    host.send(host.request("get"))
    taken = b""
    for _ in range(2000):
        desk.port.tx_room = 3
        desk.run(100)
        taken += desk.port.host_read()
        if len(taken) > 600 and not desk.app._service._output:
            break
    reader, at, found = wire.Reader(), 0, []
    while at < len(taken):
        at = reader.take(taken, at, len(taken))
        if reader.frame:
            found.append(bytes(reader.payload[: reader.size]))
    assert json.loads(found[0]) == settings.defaults()


def test_a_link_that_comes_and_goes(desk):
    host = Host(desk)
    for _ in range(20):
        host.send(host.request("get")[:-4])
        desk.run(1)
        host.unplug()
        host.plug_in()
        assert host.ok("hello", protocol=version.PROTOCOL)["product"] == "endcall"


def test_nothing_is_read_or_sent_without_a_host(desk):
    desk.port.host_write(wire.frame({"id": 1, "do": "hello", "protocol": 1}))
    desk.run(100)
    assert desk.port.host_read() == b""


def test_every_sentence_fits_its_frame(host, monkeypatch):
    """Whatever is quoted: the longest sentence, in signs that take six bytes each."""
    for said in ("x" * 1000, "\x01" * 1000, "\U0001f600" * 1000, '"' * 1000):
        monkeypatch.setattr(
            service_module.Service,
            "_do_check",
            lambda self, request, size, said=said: (_ for _ in ()).throw(service_module.RefusedError("invalid", said)),
        )
        answer = host.ask("check")
        assert answer["error"] == "invalid"
        assert said.startswith(answer["say"])
        assert len(answer["say"]) > 20


# --- another closing prompt ------------------------------------------------------------------------------------


def damage(desk, name, at=3000):
    """Turn one bit of a stored prompt, in the middle of its sound."""
    slot = desk.app.prompts.table[name][0]
    path = desk.folder / f"prompt_{slot}" / "prompt.wav"
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def test_a_closing_prompt_is_compared_with_its_crc_before_it_is_put_in_force(desk, host):
    """Not only its header, and not only at the next start: that would be too late for the call in between."""
    damage(desk, "warning.wav")
    host.ok("stage", values={"prompt.closing": "warning.wav", "call.warn_s": 44})
    answer = host.ask("commit")
    assert answer["error"] == "invalid"
    ((key, value, said),) = json.loads(host.payload)
    assert (key, value) == ("prompt.closing", "warning.wav")
    assert "endcall prompt put" in said
    assert host.settings() == settings.defaults(), "nothing was changed"
    assert host.ok("commit")["changed"] == 0, "and nothing is staged any more"
    assert desk.app.self_check() == 0
    host.put("warning.wav", NEW)
    host.ok("stage", values={"prompt.closing": "warning.wav"})
    assert host.ok("commit")["changed"] == 1
    assert host.settings()["prompt.closing"] == "warning.wav"


def test_a_call_that_begins_while_the_new_closing_prompt_is_compared_keeps_the_old_one(desk, host):
    host.ok("stage", values={"prompt.closing": "warning.wav"})
    host.send(host.request("commit"))
    desk.button.press()
    desk.run(1)
    desk.button.release()
    assert host.answer()["error"] == "busy"
    assert host.settings()["prompt.closing"] == "closing.wav"
