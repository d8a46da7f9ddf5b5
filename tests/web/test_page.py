"""The page at a simulated desk. Pictures of it go to build/web/."""

import csv
import io
import json
import random
import tomllib
import warnings
import zipfile

import pytest
from host.desk_link import tone

from endcall import backup, loudness, prompt_file, render, settings_file
from endcall.contents import stock_prompts
from endcall.desk.desk import Desk
from endcall.ports import PID, VID
from endcall_core import ring, settings, version, wav, wire

from .conftest import ROOT, Visit
from .desk_thread import DeskThread

AXE = ROOT / "host_tools" / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (320, 390, 620, 760, 900, 1280, 1600)


def rules(desk: DeskThread) -> dict:
    return desk.do(lambda desk: dict(desk.app.call.rules))


# --- connecting -------------------------------------------------------------------------------------------------------


def test_a_browser_with_web_serial_may_connect_from_a_file(visit):
    page = visit()
    assert page.js("[isSecureContext, 'serial' in navigator]") == [True, True]
    assert page.button("Connect…").first.is_enabled()
    assert page.text("#notices") == ""


def test_a_browser_without_web_serial_is_told_and_edits_files_all_the_same(browser):
    page = Visit(browser, None)
    page.page.add_init_script("delete Navigator.prototype.serial")
    page.page.reload()
    assert "talk to serial ports" in page.text("#notices")
    assert "Firefox 151" in page.text("#notices")
    assert page.button("Connect…").first.is_disabled()
    page.button("Edit a settings file without a device").click()
    page.setting("call.warn_s").fill("45")
    assert page.page.locator("#write").is_disabled()
    with page.page.expect_download() as saving:
        page.button("Save as a file").click()
    saved = tomllib.loads(saving.value.path().read_text())
    assert saved["call"]["warn_s"] == 45
    page.context.close()


def test_the_page_reaches_no_network(browser):
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((ROOT / "host_tools/endcall/web/index.html").as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    said = page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'got', error => error.message)")
    assert "Failed to fetch" in said
    refused = page.evaluate(
        """new Promise(resolve => {
             addEventListener('securitypolicyviolation', event => resolve(event.effectiveDirective));
             fetch('http://127.0.0.1:9/').catch(() => {}); })"""
    )
    assert refused == "connect-src"
    context.close()


def test_it_connects_and_shows_the_device(visit, bridge, desk):
    page = visit(bridge, color_scheme="light")
    page.picture("start")
    page.connect()
    page.until_text("#state", "Ready")
    assert page.text("#device-title") == "Front desk"
    facts = page.text("#facts")
    for words in (version.FIRMWARE, "simulated desk", desk.desk.serial, "off-hook", "closed: the phone works"):
        assert words in facts
    calls = page.js("serialShim.calls")
    assert calls[0] == ["requestPort", {"filters": [{"usbVendorId": VID, "usbProductId": PID}]}]
    assert calls[1][0] == "open"
    assert calls[1][1]["baudRate"] not in (1200, None)  # 1200 is CircuitPython's way into the bootloader
    assert calls[2] == ["setSignals", {"dataTerminalReady": True}]
    assert [request["do"] for request in bridge.requests[:2]] == ["hello", "time"]
    assert page.js("document.activeElement.id") == "device-title"
    page.picture("ready")
    page.button("Disconnect").click()
    page.until_text("#link", "Not connected")
    page.until(lambda: not desk.do(lambda desk: desk.port.connected), "the port's release")
    page.connect()  # and again


def test_who_chooses_no_device_is_left_alone(visit, bridge):
    page = visit(bridge)
    page.js("serialShim.choice = false")
    page.button("Connect…").first.click()
    page.until(lambda: page.js("serialShim.calls.length") == 1)
    assert page.text("#link") == "Not connected"
    assert page.text("#notices") == ""


def test_a_port_that_another_program_has_is_said_to_be_taken(visit, bridge):
    page = visit(bridge)
    bridge.is_taken = True
    page.button("Connect…").first.click()
    page.until_text("#notices", "Another program or tab has it open")
    bridge.is_taken = False
    page.connect()
    assert page.text("#notices") == ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PROTOCOL", version.PROTOCOL + 1, "update the host"),
        ("PROTOCOL", version.PROTOCOL - 1, "update the device"),
        ("SETTINGS", version.SETTINGS + 1, "This page is too old"),
        ("SETTINGS", version.SETTINGS - 1, "The device is too old"),
    ],
)
def test_a_device_of_another_version_is_told_what_to_update(visit, bridge, monkeypatch, name, value, words):
    monkeypatch.setattr(version, name, value)
    page = visit(bridge)
    page.button("Connect…").first.click()
    page.until_text("#notices", words)
    said = page.text("#notices")
    assert "endcall firmware update" in said or "pip install --upgrade endcall" in said
    assert page.text("#link") == "Not connected"


def test_something_else_behind_the_port_is_not_taken_for_a_device(visit, bridge):
    page = visit(bridge)
    bridge.from_device = lambda data: []
    bridge.to_device = lambda data: []
    page.button("Connect…").first.click()
    page.until_text("#notices", "No answer to hello.")
    assert "take the other one" in page.text("#notices")


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_the_ring_is_that_of_the_device(visit, bridge, desk):
    page = visit(bridge)
    page.connect()

    def lit() -> list[int]:
        return page.js("endcall.picture")

    def shown() -> list[int]:
        return desk.do(lambda desk: list(desk.frames[-1][1]))

    page.until(lambda: lit() == shown(), "the picture of READY")
    desk.press()
    page.until_text("#state", "Warned")
    page.until(lambda: lit() == shown() and sum(lit()) > 500, "the picture of WARN")  # it breathes: met twice a second
    assert "The ring shows: Warned" in page.page.locator("#ring").get_attribute("aria-label")
    page.picture("warn")
    desk.do(lambda desk: desk.run_until("WATCH", 60))
    page.until_text("#state", "Watching")
    page.until(lambda: lit() == shown(), "the picture of WATCH")
    desk.press(1200)
    page.until_text("#state", "Ready")
    desk.do(lambda desk: setattr(desk.speaker, "is_ready", False))
    desk.press()
    page.until_text("#state", "Fault 3")
    page.until(lambda: lit() == shown(), "the picture of the fault")
    assert "check the DAC's wiring" in page.text("#state-says")


def test_the_ring_takes_on_another_size(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.setting("ring.pixels").fill("12")
    page.write()
    page.until_text("#notices", "1 setting written")
    page.until(lambda: len(page.js("endcall.picture")) == 36)


def test_the_self_check_says_what_came_of_it(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.button("Self-check").click()
    page.until_text("#check-says", "Self-check passed")
    desk.do(lambda desk: setattr(desk.line, "is_ready", False))
    page.button("Self-check").click()
    page.until_text("#check-says", "Fault 4: the line relay could not be driven")


def test_identify_sends_an_arc_round_the_ring(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.button("Identify").click()
    page.until(lambda: desk.do(lambda desk: desk.app.also) == ring.HERE, "the arc")
    page.until(lambda: sum(1 for byte in page.js("endcall.picture") if byte) == 12)  # 6 pixels, green and blue
    desk.do(lambda desk: desk.run(s=10))
    assert desk.do(lambda desk: desk.app.also) == 0


def test_practice_is_switched_seen_and_over(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.button("Practice").click()
    page.until_text("#tests", "nothing reaches the line")
    page.until(lambda: page.js("endcall.picture") == desk.do(lambda desk: list(desk.frames[-1][1])))
    desk.do(lambda desk: live_through(desk, 0, "enforced"))
    assert desk.do(lambda desk: (desk.line.breaks, desk.incidents())) == ([], [])
    page.button("End practice").click()
    page.until(lambda: page.page.locator("#practice").get_attribute("aria-pressed") == "false")
    assert not desk.do(lambda desk: desk.app.is_practice)


def test_the_self_test_goes_through_every_part(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    desk.do(lambda desk: desk.run(700))
    page.button("Self-test…").click()
    page.until(lambda: desk.do(lambda desk: desk.app.is_testing), "the test")
    page.button("Green").click()
    page.until(lambda: page.js("endcall.picture") == desk.do(lambda desk: list(desk.frames[-1][1])) != [0] * 72)
    assert page.js("endcall.picture.filter((byte, at) => byte > 0 && at % 3 !== 1)") == []
    desk.press()
    desk.do(lambda desk: desk.run(50))
    desk.press()
    page.until_text("#self-test", "2 presses.")
    assert desk.state == "READY"
    page.button("Play").click()
    page.until_text("#self-test", "The closing prompt plays.")
    page.button("Open the line").click()
    page.until_text("#self-test", "the prompt is still playing".capitalize())
    page.button("Quiet").click()
    page.until(lambda: not desk.do(lambda desk: desk.speaker.is_playing))
    page.picture("self-test")
    page.button("Open the line").click()
    page.until_text("#self-test", "The current stopped and is back.")
    assert [gap.length_ms for gap in desk.do(lambda desk: desk.line.breaks)] == [100]
    page.button("End the test").click()
    page.until(lambda: not desk.do(lambda desk: desk.app.is_testing), "the end of the test")


def test_a_self_test_does_not_begin_in_a_call(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    desk.press()
    page.button("Self-test…").click()
    page.until_text("#notices", "A call is being limited or ended")
    assert not page.page.locator("#self-test").is_visible()
    assert desk.state == "WARN"


def test_a_self_test_is_over_when_the_device_goes_away(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.button("Self-test…").click()
    page.until(lambda: desk.do(lambda desk: desk.app.is_testing), "the test")
    bridge.unplug()
    page.until_text("#link", "Connection lost")
    assert not page.page.locator("#self-test").is_visible()
    page.until(lambda: not desk.do(lambda desk: desk.app.is_testing), "the end of the test")


# --- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_has_its_field_with_what_is_on_the_device(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    form = page.js(
        """Object.fromEntries([...document.querySelectorAll('.field')].map(field => {
             const input = field.querySelector('input, select');
             return [field.dataset.key, input.type === 'checkbox' ? input.checked : input.value]; }))"""
    )
    assert form == {key: value if isinstance(value, bool) else str(value) for key, value in rules(desk).items()}
    for row in settings.SETTINGS:
        words = page.field(row[settings.KEY]).replace("`", "")
        assert row[settings.HELP].replace("`", "")[1:] in words
        assert row[settings.UNIT] in words or row[settings.KIND] in (settings.TEXT, settings.FILE)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("call.warn_s", "4", 4),
        ("call.warn_s", "", ""),
        ("call.threat_hold_ms", "1499", 1499),
        ("call.min_warn_s", "1.5", "1.5"),
        ("device.name", "ü" * 17, "ü" * 17),
        ("prompt.closing", "a/b.wav", "a/b.wav"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_device(visit, bridge, key, text, value):
    page = visit(bridge)
    page.connect()
    page.setting(key).fill(text)
    assert settings.check(key, value)[2] in page.field(key)
    assert page.setting(key).get_attribute("aria-invalid") == "true"
    assert page.page.locator("#write").is_disabled()
    page.button("Show the problem").click()
    assert page.js("document.activeElement.id") == f"set-{key}"
    page.button(f"Undo the change of {key}").click()
    assert page.setting(key).get_attribute("aria-invalid") is None
    assert not page.page.locator(".changes").is_visible()


def test_a_change_is_shown_written_and_read_back(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.setting("call.warn_s").fill("45")
    page.setting("ring.reduced_motion").check()
    page.setting("device.name").fill("Empfang Süd")
    assert "was 30 s" in page.field("call.warn_s")
    page.page.locator("#write").click()
    rows = page.page.locator("#review tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["device.name", "Front desk", "Empfang Süd"],
        ["call.warn_s", "30 s", "45 s"],
        ["ring.reduced_motion", "off", "on"],
    ]
    assert rules(desk)["call.warn_s"] == 30
    page.picture("review")
    page.page.keyboard.press("Escape")
    assert rules(desk)["call.warn_s"] == 30
    page.write()
    page.until_text("#notices", "3 settings written, read back and compared.")
    changed = {key: value for key, value in rules(desk).items() if value != settings.defaults()[key]}
    assert changed == {
        "device.name": "Empfang Süd",
        "call.warn_s": 45,
        "ring.reduced_motion": True,
        "line.sense": "loop",
    }
    assert page.text("#device-title") == "Empfang Süd"
    asked = [request["do"] for request in bridge.requests if request["do"] not in ("status", "log")]
    assert asked[-4:] == ["discard", "stage", "commit", "get"]
    desk.do(lambda desk: desk.power_cycle())
    assert rules(desk)["call.warn_s"] == 45  # stored, not only in force


def test_a_preset_fills_its_values_and_the_hand_goes_before_it(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.setting("release.preset").select_option("uk")
    assert "Grandstream HT8xx UK profile" in page.text("#preset")
    assert "medium" in page.text("#preset")
    assert page.setting("release.mode").input_value() == "hangup"
    page.setting("release.mode").select_option("flash")
    page.setting("release.flash_ms").fill("600")  # what the device has: no difference, yet it must not become 100
    assert "dead zone of preset uk" in page.field("release.flash_ms")
    page.setting("release.flash_ms").fill("150")
    page.setting("release.hold_s").fill("12")
    page.page.locator("#write").click()
    assert "sureness M" in page.text("#review")
    page.page.locator("#confirm").click()
    page.until_text("#notices", "written")
    release = {key: value for key, value in rules(desk).items() if key.startswith("release.")}
    assert release == {
        "release.preset": "uk",
        "release.mode": "flash",
        "release.flash_ms": 150,
        "release.hold_s": 12,
        "release.retries": 1,
    }
    page.setting("release.preset").select_option("us_ca")
    page.setting("release.flash_ms").fill("150")
    page.write()
    page.until(lambda: rules(desk)["release.preset"] == "us_ca")
    assert rules(desk)["release.flash_ms"] == 150


def test_who_closes_the_port_is_told_how_to_come_back(visit, bridge):
    page = visit(bridge)
    page.connect()
    page.setting("usb.access").select_option("service")
    page.page.locator("#write").click()
    assert "hold its button for 5 s" in page.text("#review")


def test_a_prompt_that_is_not_there_is_not_written(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.setting("prompt.warning").fill("nobody.wav")
    assert "is not a stored prompt" in page.field("prompt.warning")
    assert page.page.locator("#write").is_disabled()
    page.setting("prompt.warning").fill("warning.wav")
    page.write()
    page.until(lambda: rules(desk)["prompt.warning"] == "warning.wav")


def test_during_a_call_nothing_is_changed_and_nothing_is_lost(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.setting("call.warn_s").fill("45")
    desk.press()
    page.write()
    page.until_text("#notices", "A call is being limited or ended")
    assert "Nothing was changed." in page.text("#notices")
    assert rules(desk)["call.warn_s"] == 30
    assert page.setting("call.warn_s").input_value() == "45"
    desk.press(1200)
    page.until_text("#state", "Ready")
    page.write()
    page.until_text("#notices", "1 setting written")
    assert "A call is being" not in page.text("#notices")


def test_a_device_in_develop_mode_is_only_read(visit, bridge, desk):
    desk.do(lambda desk: setattr(desk.app, "is_read_only", True))
    page = visit(bridge)
    page.connect()
    page.setting("call.warn_s").fill("45")
    page.write()
    page.until_text("#notices", "develop mode or rescue")
    assert "endcall image" in page.text("#notices")


def test_a_device_with_a_key_is_only_looked_at(visit, bridge, desk):
    def lock(desk):
        desk.app.store.prepare(desk.app.store.values, desk.app.store.prompts, "0f" * 32)
        desk.app.store.save(desk.app.store.values, desk.app.store.prompts)
        desk.power_cycle()
        desk.run(200)

    desk.do(lock)
    page = visit(bridge)
    page.connect()
    page.until_text("#notices", "This device has a key")
    assert "endcall command" in page.text("#notices")
    before = rules(desk)["call.warn_s"]
    page.setting("call.warn_s").fill("45")
    page.write()
    page.until_text("#notices", "not changed")
    assert rules(desk)["call.warn_s"] == before


def test_a_device_that_can_not_store_says_so(visit, bridge, desk):
    from endcall_device.store import StoreError

    def refuse(values, prompts):
        raise StoreError("the flash refused the settings (5)")

    desk.do(lambda desk: setattr(desk.app.store, "save", refuse))
    page = visit(bridge)
    page.connect()
    page.setting("call.warn_s").fill("45")
    page.write()
    page.until_text("#notices", "The flash refused the settings (5).")
    assert "What was in force before still is." in page.text("#notices")


# --- a bad line -------------------------------------------------------------------------------------------------------


class OnceFor:
    """A fault for the first answer that comes after request `name`."""

    def __init__(self, bridge, name, fault):
        self._fault, self._bridge, self._name, self._is_done = fault, bridge, name, False

    def __call__(self, data):
        last = self._bridge.requests[-1]["do"] if self._bridge.requests else ""
        if self._is_done or last != self._name:
            return [data]
        self._is_done = True
        return self._fault(data)


FAULTS = {
    "lost": lambda data: [],
    "cut": lambda data: [data[: len(data) // 2]],
    "damaged": lambda data: [data[:9] + bytes([data[9] ^ 16]) + data[10:]],
    "doubled": lambda data: [data, data],
    "noisy": lambda data: [random.Random(5).randbytes(3000), data],
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("request_name", ["stage", "commit"])
def test_a_bad_line_costs_time_and_nothing_else(visit, bridge, desk, fault, request_name):
    page = visit(bridge)
    page.connect()
    bridge.from_device = OnceFor(bridge, request_name, FAULTS[fault])
    page.setting("call.warn_s").fill("45")
    page.write()
    page.until_text("#notices", "1 setting written, read back and compared.")
    assert rules(desk)["call.warn_s"] == 45


def test_garbage_all_the_time_does_not_stop_it(visit, bridge):
    chance = random.Random(11)
    page = visit(bridge)
    bridge.from_device = lambda data: [chance.randbytes(200) + b"\n", data]
    page.connect()
    page.until_text("#state", "Ready")


def test_a_device_that_restarted_behind_the_port_is_greeted_again(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    desk.do(lambda desk: desk.power_cycle())
    page.setting("call.warn_s").fill("45")
    page.write()
    page.until_text("#notices", "1 setting written")
    assert [request["do"] for request in bridge.requests].count("hello") == 2


def test_unplugged_with_changes_in_hand(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.setting("call.warn_s").fill("45")
    bridge.unplug()
    page.until_text("#link", "Connection lost")
    assert "What it had not confirmed is not in force." in page.text("#notices")
    assert page.page.locator("#write").is_disabled()
    assert page.js("endcall.picture.every(byte => byte === 0)")
    page.picture("lost")
    page.js("serialShim.plug()")
    page.until_text("#link", "Connected")
    assert page.text("#notices") == ""
    assert page.setting("call.warn_s").input_value() == "45"
    page.write()
    page.until(lambda: rules(desk)["call.warn_s"] == 45)


# --- prompts ----------------------------------------------------------------------------------------------------------


def put(page, name, data, tmp_path):
    (tmp_path / name).write_bytes(data)
    page.page.locator("#wav").set_input_files(str(tmp_path / name))


def stored(desk: DeskThread, name: str) -> str | None:
    return desk.do(lambda desk: desk.app.prompts.table.get(name, (None, None, None))[2])


def test_a_prompt_is_seen_sent_used_and_the_old_one_removed(visit, bridge, desk, tmp_path):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    rows = page.page.locator("#panel-prompts tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["closing.wav", "warning.wav"]
    assert rows[0].split("\t")[1] == "closing"
    data = tone(ms=1500, rate_hz=16000)
    put(page, "goodbye.wav", data, tmp_path)
    page.until_text("#wave-facts", "1.5 s · 16000 Hz")
    assert "1.5 s" in page.page.locator(".wave").get_attribute("aria-label")
    page.page.locator("#prompt-name").fill("good/bye.wav")
    assert "plain file name" in page.text("#prompt-name-problem")
    page.page.locator("#prompt-name").fill("goodbye.wav")
    page.picture("prompt")
    page.button("Send to the device").click()
    page.until_text("#notices", "goodbye.wav was sent, read back and compared.")
    assert stored(desk, "goodbye.wav") == wire.crc(data)
    page.button("Use it as the closing").click()
    page.write()
    page.until(lambda: rules(desk)["prompt.closing"] == "goodbye.wav")
    page.tab("Prompts")
    page.button("Remove closing.wav").click()
    page.until_text("#notices", "closing.wav was removed.")
    assert stored(desk, "closing.wav") is None
    assert page.page.locator("#panel-prompts tbody tr").count() == 2


def test_the_waveform_is_that_of_the_sound(visit, bridge, tmp_path):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    quiet_then_loud = b"\0\0" * 8000 + b"\xff\x3f" * 8000  # half of full scale: 6 dB below
    data = tone(ms=1000)[:44] + quiet_then_loud
    put(page, "step.wav", data, tmp_path)
    page.until_text("#wave-facts", "1.0 s · 16000 Hz")
    sound = wav.parse(data[: wav.HEAD_BYTES], len(data))
    level = prompt_file.level(data, sound)
    assert str(level) in page.text("#wave-facts")
    assert page.page.locator(".concern").all_inner_texts() == loudness.concerns(level) != []
    points = [
        tuple(map(float, pair.split(",")))
        for pair in page.page.locator(".wave polygon").get_attribute("points").split()
    ]
    highest = {x: min(y for other, y in points if other == x) for x, _ in points}
    assert max(highest[x] for x in range(119)) > 49
    assert {highest[x] for x in range(121, 240)} == {25.0}


def test_a_stored_prompt_is_read_back_shown_and_saved(visit, bridge):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    page.button("Show closing.wav").click()
    page.until(lambda: page.page.locator(".wave").count(), "the waveform")
    assert "16000 Hz" in page.text("#wave-facts")
    page.picture("stored-prompt")
    with page.page.expect_download() as saving:
        page.page.locator("#save-prompt").click()
    assert saving.value.suggested_filename == "closing.wav"
    assert saving.value.path().read_bytes() == stock_prompts()["closing.wav"]


def test_a_file_that_is_no_prompt_is_refused_before_anything_is_sent(visit, bridge, tmp_path):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    put(page, "stereo.wav", tone(channels=2), tmp_path)
    page.until_text("#notices", "stereo.wav can't be used as a prompt: it has 2 channels; export it as mono.")
    assert "Nothing was changed." in page.text("#notices")
    assert not page.page.locator("#send").is_visible()
    assert not [request for request in bridge.requests if request["do"].startswith("prompt_")]


def slowly(data):
    """As slow a device as a real one whose flash is busy."""
    import time

    time.sleep(0.02)
    return [data]


def test_an_upload_can_be_stopped_and_shows_how_far_it_is(visit, bridge, desk, tmp_path):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    put(page, "long.wav", tone(ms=5000, rate_hz=16000), tmp_path)
    bridge.to_device = slowly
    page.button("Send to the device").click()
    page.until(lambda: page.page.locator("#panel-prompts progress").evaluate("bar => bar.value > 5000"))
    assert "KB/s" in page.text("#sent")
    page.button("Stop").click()
    page.until_text("#notices", "The upload was stopped.")
    assert stored(desk, "long.wav") is None
    bridge.to_device = None
    page.button("Send to the device").click()
    page.until_text("#notices", "long.wav was sent")


def test_unplugged_in_the_middle_of_an_upload(visit, bridge, desk, tmp_path):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    put(page, "closing.wav", tone(ms=5000, rate_hz=16000), tmp_path)
    before = stored(desk, "closing.wav")
    bridge.to_device = slowly
    page.button("Send to the device").click()
    page.until(lambda: page.page.locator("#panel-prompts progress").evaluate("bar => bar.value > 5000"))
    bridge.unplug()
    page.until_text("#link", "Connection lost")
    bridge.to_device = None
    assert stored(desk, "closing.wav") == before
    assert page.page.locator("#send").is_disabled()
    page.js("serialShim.plug()")
    page.until_text("#link", "Connected")
    page.button("Send to the device").click()
    page.until_text("#notices", "closing.wav was sent, read back and compared.")
    assert stored(desk, "closing.wav") not in (before, None)


def test_a_chunk_that_arrives_damaged_is_sent_again(visit, bridge, desk, tmp_path):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    data = tone(ms=1500, rate_hz=16000)
    put(page, "new.wav", data, tmp_path)
    spoiled = []

    def spoil_once(piece):
        if len(piece) < 1000 or spoiled:
            return [piece]
        spoiled.append(piece)
        return [piece[:-5] + bytes([piece[-5] ^ 1]) + piece[-4:]]

    bridge.to_device = spoil_once
    page.button("Send to the device").click()
    page.until_text("#notices", "new.wav was sent, read back and compared.")
    assert spoiled
    assert stored(desk, "new.wav") == wire.crc(data)
    assert [request["do"] for request in bridge.requests].count("prompt_begin") == 1


def test_a_call_in_the_middle_of_an_upload_goes_first(visit, bridge, desk, tmp_path):
    page = visit(bridge)
    page.connect()
    page.tab("Prompts")
    put(page, "long.wav", tone(ms=5000, rate_hz=16000), tmp_path)
    bridge.to_device = slowly
    page.button("Send to the device").click()
    page.until(lambda: page.page.locator("#panel-prompts progress").evaluate("bar => bar.value > 5000"))
    desk.press()
    page.until_text("#notices", "A call is being limited or ended")
    assert desk.do(lambda desk: desk.state) == "WARN"
    assert stored(desk, "long.wav") is None


# --- incidents --------------------------------------------------------------------------------------------------------


def live_through(desk: Desk, epoch_s: int, ending: str) -> None:
    if epoch_s:
        desk.app.set_time(epoch_s)
    desk.run(700)
    desk.press(60)
    desk.run(5100)
    if ending == "cancelled":
        desk.press(1200)
    elif ending == "resolved":
        desk.run_until("READY", 300)
    elif ending == "enforced":
        desk.press(60)
        desk.run_until("RECOVER", 60)
        desk.run_until("READY", 90)
    desk.run(2000)


@pytest.fixture
def eventful(desk):
    """A desk that has seen a few calls, each soon over."""
    desk.do(lambda desk: desk.app.change_settings(desk.app.call.rules | {"call.watch_s": 3, "call.recover_s": 1}))
    for number, ending in enumerate(["cancelled", "enforced", "resolved", "cancelled", "cancelled"]):
        desk.do(lambda desk, at=number, how=ending: live_through(desk, at and 1_790_000_000 + 70_000 * at, how))
    return desk


def test_the_incidents_are_listed_plotted_and_saved(visit, bridge, eventful):
    page = visit(bridge)
    page.connect()
    page.tab("Incidents")
    page.until(lambda: page.page.locator("#panel-incidents tbody tr").count() == 5)
    first = page.page.locator("#panel-incidents tbody tr").last.inner_text().split("\t")
    assert first[0] == "1"
    assert first[1].startswith("start 1 + ")
    assert first[2:4] == ["Taken back", "1 (at 0 s)"]
    enforced = page.page.locator("#panel-incidents tbody tr", has_text="Enforced").inner_text().split("\t")
    assert enforced[-2:] == ["to its end", "flash, seen to drop"]
    plot = page.page.locator(".plot")
    assert plot.get_attribute("aria-label") == "5 incidents. Resolved: 1, Taken back: 3, Enforced: 1."
    dots = page.page.locator('[data-outcome="cancelled"] i').evaluate_all("dots => dots.map(dot => dot.style.left)")
    assert dots == ["66.67%", "100%"]
    assert page.text('[data-outcome="cancelled"] .plot-untimed') == "1"
    page.picture("incidents")
    with page.page.expect_download() as saving:
        page.button("Save as CSV").click()
    assert saving.value.suggested_filename == "Front-desk-incidents.csv"
    saved = saving.value.path().read_text()
    assert saved == render.log_csv(eventful.do(lambda desk: desk.incidents()))
    assert len(list(csv.DictReader(io.StringIO(saved)))) == 5


def test_a_new_incident_appears_by_itself(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    page.tab("Incidents")
    page.until_text("#panel-incidents", "No incident yet.")
    desk.do(lambda desk: live_through(desk, 1_790_000_000, "cancelled"))
    page.until(lambda: page.page.locator("#panel-incidents tbody tr").count() == 1)


# --- files ------------------------------------------------------------------------------------------------------------


def load(page, name, text, tmp_path):
    (tmp_path / name).write_text(text)
    page.page.locator("#load").set_input_files(str(tmp_path / name))


def test_it_saves_what_endcall_would(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    with page.page.expect_download() as saving:
        page.button("Save as a file").click()
    assert saving.value.suggested_filename == "Front-desk.toml"
    assert saving.value.path().read_text() == settings_file.to_toml(rules(desk))


def test_it_loads_what_endcall_saves(visit, bridge, desk, tmp_path):
    page = visit(bridge)
    page.connect()
    load(page, "other.toml", settings_file.to_toml(rules(desk) | {"call.warn_s": 45, "device.name": "B"}), tmp_path)
    page.until_text("#notices", f"{len(settings.SETTINGS)} settings from other.toml.")
    assert "2 changes" in page.text(".changes")
    load(page, "short.toml", '[release]\npreset = "uk"\n', tmp_path)
    page.until_text("#notices", "1 setting from short.toml.")
    page.write()
    page.until(lambda: rules(desk)["release.preset"] == "uk")
    assert {key: rules(desk)[key] for key in ("release.mode", "release.flash_ms", "call.warn_s")} == {
        "release.mode": "hangup",
        "release.flash_ms": 100,
        "call.warn_s": 45,
    }


def test_a_file_that_was_loaded_first_is_compared_with_the_device_that_comes(visit, bridge, desk, tmp_path):
    desk.do(lambda desk: desk.app.change_settings(desk.app.call.rules | {"call.warn_s": 45}))
    page = visit(bridge)
    page.button("Edit a settings file without a device").click()
    load(page, "usual.toml", "[call]\nwarn_s = 30\n", tmp_path)  # the default: no change without a device
    page.page.locator('[data-do="connect"]:visible').click()
    page.until_text("#link", "Connected")
    assert "was 45 s" in page.field("call.warn_s")
    assert page.setting("device.name").input_value() == "Front desk"
    page.write()
    page.until(lambda: rules(desk)["call.warn_s"] == 30)


def test_a_bad_file_tells_every_problem_and_changes_nothing(visit, bridge, tmp_path):
    page = visit(bridge)
    page.connect()
    load(page, "bad.toml", "[call]\nwarn_s = 4\nwatch_s = 60\n\n[ring]\npixls = 3\n", tmp_path)
    page.until_text("#notices", "2 problems in bad.toml.")
    assert "line 2, column 1: call.warn_s = 4 is out of range; call.warn_s takes 5..600 s" in page.text("#notices")
    assert "line 6, column 1: ring.pixls = 3 is not a setting; did you mean ring.pixels?" in page.text("#notices")
    assert not page.page.locator(".changes").is_visible()
    load(page, "worse.toml", "[call\n", tmp_path)
    page.until_text("#notices", "this is no TOML")


# --- backups ----------------------------------------------------------------------------------------------------------


def test_a_backup_is_what_endcall_reads(visit, bridge, eventful):
    page = visit(bridge)
    page.connect()
    page.tab("Backup")
    with page.page.expect_download() as saving:
        page.button("Save a backup").click()
    assert saving.value.suggested_filename == "Front-desk.zip"
    page.until_text("#notices", f"{len(settings.SETTINGS)} settings, 2 prompts, 5 incidents.")
    kept = backup.read(saving.value.path())
    assert kept.settings == rules(eventful)
    assert kept.prompts == stock_prompts()
    assert kept.incidents == eventful.do(lambda desk: desk.incidents())
    assert kept.about["schema"] == backup.SCHEMA
    assert kept.about["device"] == {
        "serial": eventful.desk.serial,
        "name": "Front desk",
        "firmware": version.FIRMWARE,
        "protocol": version.PROTOCOL,
        "settings": version.SETTINGS,
    }


@pytest.fixture
def kept(desk, tmp_path):
    """A backup that endcall made, of another device."""
    about = {"schema": backup.SCHEMA, "made": "2026-11-20T09-00-00Z", "endcall": version.FIRMWARE}
    about |= {"device": {"name": "Back office", "serial": "ABC"}, "incidents_lost": 0}
    about["prompts_left_out"] = {"old.wav": "it is damaged"}
    values = rules(desk) | {"device.name": "Back office", "call.warn_s": 45, "prompt.closing": "bye.wav"}
    values["ring.pixels"] = 99  # as an older or newer version may allow
    path = tmp_path / "kept.zip"
    backup.write(path, backup.Backup(about, values, {"bye.wav": tone(ms=700), **stock_prompts()}, []))
    return path


def test_a_backup_of_endcall_is_restored_and_what_is_not_is_told(visit, bridge, desk, kept):
    page = visit(bridge)
    page.connect()
    page.tab("Backup")
    page.page.locator("#backup").set_input_files(str(kept))
    page.until_text("#panel-backup", "Back office, 2026-11-20")
    assert "3 settings would change" in page.text("#panel-backup")
    page.page.get_by_label("Leave the device").check()
    page.picture("restore")
    page.button("Restore to this device").click()
    page.until_text("#notices", "2 things could not be brought back.")
    said = page.text("#notices")
    assert "prompt old.wav: it was not in the backup: it is damaged" in said
    assert "ring.pixels = 99: is out of range; ring.pixels takes 8..60" in said
    assert "2 settings changed, 1 prompt sent, 2 there already; read back and compared." in said
    now = rules(desk)
    assert (now["device.name"], now["call.warn_s"], now["prompt.closing"]) == ("Front desk", 45, "bye.wav")
    assert stored(desk, "bye.wav") == wire.crc(tone(ms=700))


@pytest.mark.parametrize("spoil", ["sum", "cut", "other", "more"])
def test_a_damaged_backup_is_refused_whole(visit, bridge, desk, kept, spoil):
    content = {}
    with zipfile.ZipFile(kept) as file:
        for name in file.namelist():
            content[name] = file.read(name)
    if spoil == "sum":
        content["settings.toml"] += b"# more"
    if spoil == "other":
        content["backup.json"] = b"{}"
    if spoil == "more":
        content["more.txt"] = b"more"
    with zipfile.ZipFile(kept, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    if spoil == "cut":
        kept.write_bytes(kept.read_bytes()[:-100])
    page = visit(bridge)
    page.connect()
    page.tab("Backup")
    page.page.locator("#backup").set_input_files(str(kept))
    page.until_text("#notices", "kept.zip is not restored:")
    assert "Nothing was changed." in page.text("#notices")
    assert page.page.locator("#restore").count() == 0


def test_the_settings_of_a_backup_can_be_looked_at_first(visit, bridge, desk, kept):
    page = visit(bridge)
    page.connect()
    page.page.locator("#load").set_input_files(str(kept))
    page.until_text("#notices", "settings from kept.zip.")
    assert "was 30 s" in page.field("call.warn_s")
    assert rules(desk)["call.warn_s"] == 30


# --- everyone ---------------------------------------------------------------------------------------------------------


def test_the_keyboard_alone_is_enough(visit, bridge, desk):
    page = visit(bridge)
    keys = page.page.keyboard

    def tab_to(what: str) -> None:
        for _ in range(60):
            keys.press("Tab")
            if page.js(f"document.activeElement.matches('{what}')"):
                return
        raise AssertionError(f"Tab does not come to {what}")

    tab_to('[data-do="connect"]')
    keys.press("Enter")
    page.until_text("#link", "Connected")
    tab_to('[id="set-call.warn_s"]')
    keys.press("ArrowUp")
    tab_to("#write")
    keys.press("Enter")
    assert page.js("document.activeElement.id") == "confirm"
    keys.press("Enter")
    page.until(lambda: rules(desk)["call.warn_s"] == 31)
    page.page.locator("#tab-settings").focus()
    keys.press("ArrowRight")
    assert page.page.locator("#panel-prompts").is_visible()
    keys.press("End")
    assert page.page.locator("#panel-backup").is_visible()
    assert page.js("document.activeElement.id") == "tab-backup"


def test_what_changes_is_told_to_a_screen_reader(visit, bridge, desk):
    page = visit(bridge)
    page.connect()
    desk.press()
    page.until(lambda: page.js("document.querySelector('#announcer').textContent").startswith("Warned."))
    assert page.page.locator("#announcer").get_attribute("role") == "status"


def test_axe_finds_nothing(visit, bridge, eventful, tmp_path):
    if not AXE.exists():
        way = "python host_tools/web/build.py --test"
        warnings.warn(f"THE PAGE'S ACCESSIBILITY IS NOT TESTED. Get axe-core: {way}", stacklevel=1)
        pytest.skip(f"no axe-core; get it: {way}")
    page = visit(bridge)
    page.page.add_init_script(AXE.read_text())
    page.page.reload()

    def judge(what: str) -> None:
        for scheme in ("light", "dark"):
            page.page.emulate_media(color_scheme=scheme)
            found = page.js(
                "axe.run().then(({violations}) => violations.map(({id, nodes}) => [id, nodes.map(n => n.html)]))"
            )
            assert found == [], f"{what}, {scheme}: {json.dumps(found, indent=1)}"
            page.picture(f"{what}-{scheme}")

    judge("start")
    page.connect()
    page.until_text("#state", "Ready")
    page.setting("call.warn_s").fill("4")
    page.setting("release.preset").select_option("uk")
    judge("settings")
    page.setting("call.warn_s").fill("40")
    page.page.locator("#write").click()
    judge("review")
    page.page.locator("#confirm").click()
    page.until_text("#notices", "written")
    page.tab("Prompts")
    put(page, "goodbye.wav", stock_prompts()["closing.wav"], tmp_path)
    page.until(lambda: page.page.locator(".wave").count())
    judge("prompts")
    page.tab("Incidents")
    judge("incidents")
    page.tab("Backup")
    judge("backup")
    page.button("Self-test…").click()
    page.until_text("#self-test", "Not pressed yet.")
    judge("self-test")
    bridge.unplug()
    page.until_text("#link", "Connection lost")
    judge("lost")


def test_nothing_sticks_out_at_any_width(visit, bridge, eventful, tmp_path):
    page = visit(bridge)

    def judge(what: str) -> None:
        for width in WIDTHS:
            page.page.set_viewport_size({"width": width, "height": 900})
            assert page.js("document.documentElement.scrollWidth") <= width, (what, width)
            cut = page.js(
                """[...document.querySelectorAll('h1, h2, button, .pill')].filter(each => each.offsetParent)
                     .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"""
            )
            assert cut == [], (what, width)
            if width == 390:
                page.picture(f"{what}-narrow")

    judge("start")
    page.connect()
    page.until_text("#state", "Ready")
    page.setting("call.warn_s").fill("4")
    judge("settings")
    page.tab("Prompts")
    put(page, "goodbye.wav", stock_prompts()["closing.wav"], tmp_path)
    page.until(lambda: page.page.locator(".wave").count())
    judge("prompts")
    page.tab("Incidents")
    judge("incidents")
    page.tab("Backup")
    judge("backup")
    page.button("Self-test…").click()
    page.until_text("#self-test", "Not pressed yet.")
    judge("self-test")
