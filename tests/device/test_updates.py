"""An update as a host sees it, on the desk: refused in a call, restarted in a quiet moment, trusted in time."""

from __future__ import annotations

import pytest

from endcall_core import settings, stored, version
from endcall_device.app import TRUST_S

from .application import application
from .host import Host

NEW = application("2.0.0", size=3000)


def send(host, made=NEW):
    """Everything up to the answer to app_end."""
    chunk = host.ok("app_begin", bytes=len(made.content), sum=made.sha256)["chunk"]
    for at in range(0, len(made.content), chunk):
        host.ok("app_data", made.content[at : at + chunk], at=at)
    return host.ok("app_end")


def restart(host):
    """Restart as a host asks for it; the host on the new connection."""
    before = host.desk.restarts
    assert host.ok("restart") == {}
    host.desk.run(s=1)
    assert host.desk.restarts == before + 1
    host.unplug()
    return Host(host.desk)


def firmware(host):
    return host.ok("hello", protocol=version.PROTOCOL)["firmware"]


def warn(desk):
    desk.press(100)
    assert desk.state == "WARN"


def test_an_update_from_begin_to_confirm(host):
    assert host.ok("app")["slot"] == "factory"
    about = send(host)
    assert (about["slot"], about["next"], about["state"]) == ("factory", "a", "trial")
    assert about["a"] == ["2.0.0", NEW.identity]
    assert firmware(host) == version.FIRMWARE, "nothing changes before the restart"
    host = restart(host)
    assert firmware(host) == "2.0.0"
    assert host.ok("app")["tries"] == 1
    assert host.ok("app_confirm")["state"] == "trusted"
    for _ in range(4):
        host.desk.power_cycle()
    assert firmware(Host(host.desk)) == "2.0.0"


def test_in_a_call_nothing_is_taken_and_nothing_restarts(host, desk):
    send(host)
    warn(desk)
    for do, fields in [
        ("app_begin", {"bytes": 5000, "sum": "0" * 64}),
        ("app_end", {}),
        ("app_confirm", {}),
        ("app_rollback", {}),
        ("restart", {}),
        ("bootloader", {}),
    ]:
        assert host.error(do, **fields) == "busy", do
    assert host.ok("app")["next"] == "a", "looking is allowed"
    desk.run(s=1)
    assert desk.restarts == 0


def test_a_call_that_begins_after_the_request_is_not_cut_short(host, desk):
    assert host.ok("restart") == {}
    warn(desk)
    desk.run(s=20)
    assert (desk.restarts, desk.state) == (0, "WARN")
    desk.press(1100)  # cancelled
    desk.run(s=1)
    assert desk.restarts == 1


def test_what_waits_to_be_recorded_is_recorded_before_a_restart(host, desk):
    host.ok("restart")
    warn(desk)
    desk.press(1100)
    desk.run(s=1)
    assert desk.restarts == 1
    assert [record["outcome"] for record in desk.incidents()] == ["cancelled"]


def test_the_answer_reaches_the_host_before_the_restart(desk, host):
    desk.port.tx_room = 0
    host.send(host.request("restart"))
    desk.run(s=1)
    assert desk.restarts == 0, "the answer is still in the device"
    desk.port.tx_room = 1 << 20
    assert "ok" in host.answer()
    desk.run(s=1)
    assert desk.restarts == 1


def test_bootloader(host, desk):
    host.ok("bootloader")
    desk.run(s=1)
    assert (desk.in_bootloader, desk.restarts) == (True, 1)


def test_a_lost_link_discards_what_was_half_sent(host, desk):
    host.ok("app_begin", bytes=len(NEW.content), sum=NEW.sha256)
    host.ok("app_data", NEW.content[:1024], at=0)
    host.unplug()
    host = Host(desk)
    assert host.error("app_data", NEW.content[1024:2048], at=1024) == "invalid"
    assert host.error("app_end") == "invalid"
    assert host.ok("app")["next"] == "factory"


def test_discard_drops_it_too(host):
    host.ok("app_begin", bytes=len(NEW.content), sum=NEW.sha256)
    host.ok("discard")
    assert host.error("app_data", NEW.content[:1024], at=0) == "invalid"


def test_one_damaged_on_the_way_is_told_and_never_tried(host, desk):
    damaged = bytearray(NEW.content)
    damaged[2000] ^= 1
    host.ok("app_begin", bytes=len(damaged), sum=NEW.sha256)
    for at in range(0, len(damaged), 1024):
        host.ok("app_data", bytes(damaged[at : at + 1024]), at=at)
    assert host.error("app_end") == "damaged"
    assert host.ok("app")["next"] == "factory"


def test_a_call_that_begins_during_the_verification_changes_nothing(host, desk):
    host.ok("app_begin", bytes=len(NEW.content), sum=NEW.sha256)
    for at in range(0, len(NEW.content), 1024):
        host.ok("app_data", NEW.content[at : at + 1024], at=at)
    host.send(host.request("app_end"))
    desk.button.press()
    desk.run(1)
    desk.button.release()
    assert host.answer()["error"] == "busy"
    assert host.ok("app")["next"] == "factory"


def test_sending_an_application_and_a_prompt_do_not_mix(host):
    host.ok("app_begin", bytes=len(NEW.content), sum=NEW.sha256)
    assert host.error("prompt_data", NEW.content[:1024], at=0) == "invalid"
    assert host.error("prompt_end") == "invalid"


def test_in_develop_mode_it_can_only_be_looked_at(host, desk):
    desk.app.is_read_only = True
    assert host.ok("app")["slot"] == "factory"
    for do in ("app_confirm", "app_rollback", "app_end"):
        assert host.error(do) == "read_only"
    assert host.ok("restart") == {}, "a restart changes nothing"


def trial(host):
    send(host)
    return restart(host)


def test_ten_good_minutes_with_a_host_end_the_trial(host, desk):
    trial(host)
    desk.run(s=TRUST_S - 5)
    assert desk.app.parts.slots().is_on_trial
    desk.run(s=10)
    assert not desk.app.parts.slots().is_on_trial


def test_without_a_host_or_with_a_fault_the_trial_goes_on(host, desk):
    """Nobody could send the next update to a version that no host can reach."""
    send(host)
    host.ok("restart")
    desk.port.connected = False
    desk.run(s=TRUST_S + 5)
    assert desk.restarts == 1
    assert desk.app.parts.slots().is_on_trial


def test_a_trial_that_finds_a_fault_is_not_trusted_by_itself(host, desk):
    trial(host)
    desk.speaker.is_ready = False
    desk.run(s=TRUST_S + 5)
    assert desk.app.parts.slots().is_on_trial


def test_one_that_crashes_at_its_import_is_given_up_and_the_device_is_ready(host, desk):
    desk.crashing.add("2.0.0")
    host = trial(host)
    assert firmware(host) == version.FIRMWARE
    about = host.ok("app")
    assert (about["slot"], about["failed"], about["why"]) == ("factory", "a", "unconfirmed")
    desk.run(200)
    assert desk.state == "READY", "its crashes are not the fault of the one that runs now"
    warn(desk)


def test_crashes_before_an_update_do_not_count_against_it(host, desk):
    send(host)
    desk.crashes = 3
    desk.power_cycle()
    desk.run(200)
    assert desk.state == "READY"


def test_the_one_in_lib_reads_the_settings_of_a_newer_one(desk, tmp_path):
    """A newer version may have settings that this one does not know, and values that it does not take."""
    path = desk.folder / "store_a" / "settings.bin"
    values = settings.defaults() | {"call.warn_s": 45, "call.of_tomorrow": "yes", "release.mode": "telepathy"}
    record = stored.encode_store(7, values, desk.app.store.prompts)
    path.write_bytes(record.ljust(stored.STORE_BYTES, b"\xff"))
    desk.power_cycle()
    desk.run(200)
    assert desk.state == "READY"
    assert desk.app.call.rules == settings.defaults() | {"call.warn_s": 45}
    assert desk.app.store.sequence == 7
    host = Host(desk)
    host.ok("stage", values={"call.warn_s": 50})
    assert host.ok("commit")["changed"] == 1
    assert host.settings()["call.warn_s"] == 50


@pytest.mark.parametrize("field", ["bytes", "sum"])
def test_what_can_not_be_is_refused_before_anything_is_written(host, desk, field):
    good = {"bytes": 5000, "sum": "0" * 64}
    assert (
        host.error("app_begin", **(good | {"bytes": 10**9} if field == "bytes" else good | {"sum": "12"})) == "invalid"
    )
    assert set((desk.folder / "app_a" / "app.img").read_bytes()) == {0xFF}
