"""The whole product on the emulated Pico: pressed, looked at, listened to, as at a desk.

One Pico is booted with the image that `endcall image` makes; every scenario runs on a copy of it. Times are the
chip's own, so they are exact and do not depend on the machine that runs the test.
"""

import io
import json
import math
import struct
import subprocess
import sys
import wave
from functools import cache
from pathlib import Path

import pytest
from ear import ear

from endcall_core import call, records
from endcall_core.wire import crc

from . import button
from .button import Host, image
from .rig import Pico

FLASH_MS = 600
ENDCALL = str(Path(sys.executable).with_name("endcall"))
BREAK_ERROR_MS = 0.1


@pytest.fixture(scope="module")
def desk(stock_uf2):
    """A Pico in service, settled, with the handset up."""
    pico = Pico.boot(image(stock_uf2))
    pico.line.lift_handset()
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=6000, what="READY on the ring")
    pico.run_until(lambda: pico.data.present, within_ms=6000, what="the data port")
    pico.run(300)
    return pico


def press_until(pico, shows, what, ms=150, within_ms=2000):
    """Press once and wait for a picture."""
    pico.press(ms)
    pico.run_until(lambda: shows(pico.ring()), within_ms, what)


def test_free_heap_after_boot(desk, record_property):
    def scenario(pico):
        return Host(pico).hello()

    said = desk.fork(scenario).result()
    record_property("free heap after boot, bytes", said["free_bytes"])
    assert said["free_bytes"] >= 60_000
    assert said["runtime"] == "CircuitPython 10.2.1"
    assert said["crash"] == ""


def test_whole_call(desk, record_property):
    """READY, WARN, ENFORCE with the closing sentence, one break of 600 ms, RECOVER, one incident record."""

    def scenario(pico):
        press_until(pico, button.shows_warn, "WARN on the ring")
        assert pico.line.breaks() == []
        pico.run(1200)
        began_ns = pico.now_ns
        press_until(pico, button.shows_enforce, "ENFORCE on the ring")
        pico.run_until(pico.line.breaks, within_ms=12_000, what="the line opening")
        assert button.shows_enforce(pico.ring()) or button.shows_release(pico.ring())
        pico.run_until(lambda: button.shows_recover(pico.ring()), within_ms=2000, what="RECOVER on the ring")
        sound = pico.sound(began_ns)
        host = Host(pico)
        host.hello()
        incident = records.decode_incident(host.ask("log", after=0)["payload"])
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=4000, what="READY again")
        return pico.line.breaks(), sound, incident, pico.edges(17), pico.edges(22), began_ns

    breaks, sound, incident, coupling, unmuted, _ = desk.fork(scenario).result(timeout_s=600)
    assert len(breaks) == 1
    assert breaks[0].closed
    record_property("break of 600 ms, ms", round(breaks[0].length_ms, 4))
    assert abs(breaks[0].length_ms - FLASH_MS) <= BREAK_ERROR_MS
    heard = ear.transcribe(sound.left, sound.rate)
    record_property("heard on the line", heard)
    assert ear.is_whole("closing", heard), heard
    # Silence of at least grace_ms between the last sample and the break; the DAC is off the line by then.
    assert breaks[0].start_ns - coupling[-1].ns >= 800e6
    assert [edge.level for edge in coupling[-2:]] == [True, False]
    assert [edge.level for edge in unmuted[-2:]] == [True, False]
    assert coupling[-2].ns < unmuted[-2].ns < unmuted[-1].ns <= coupling[-1].ns
    assert incident["outcome"] == call.ENFORCED
    assert incident["prompt_finished"]
    assert incident["attempts"] == 1
    assert incident["warnings"] == 1


def test_cancel_by_hold(desk):
    """In WARN, and in ENFORCE: nothing opens, the sound stops."""

    def in_warn(pico):
        press_until(pico, button.shows_warn, "WARN on the ring")
        pico.run(300)
        pico.press(1300)
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=2500, what="READY after a hold")
        return pico.line.breaks()

    def in_enforce(pico):
        press_until(pico, button.shows_warn, "WARN on the ring")
        pico.run(1200)
        press_until(pico, button.shows_enforce, "ENFORCE on the ring")
        pico.run(500)
        pico.press(1300)
        pico.run_until(lambda: button.shows_watch(pico.ring()), within_ms=2500, what="WATCH after a hold")
        stopped_ns = pico.now_ns
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=4000, what="READY when WATCH is over")
        assert len(pico.sound(stopped_ns + 500e6)) == 0  # faded out by then, see Speaker.stop
        return pico.line.breaks()

    assert desk.fork_all([in_warn, in_enforce]) == [[], []]


def test_early_press_is_refused_visibly(desk):
    def scenario(pico):
        press_until(pico, button.shows_warn, "WARN on the ring")
        pico.run(200)
        frames = len(pico.frames)
        pico.press(100)
        pico.run(600)
        opposite = [frame.pixels[12] for frame in pico.frames[frames:]]
        assert any(min(pixel) > 40 for pixel in opposite), "the dot opposite does not blink white"
        assert button.shows_warn(pico.ring())
        pico.run(5000)
        assert button.shows_watch(pico.ring()), "WARN did not become WATCH"
        return pico.line.breaks(), pico.edges(17)

    breaks, coupling = desk.fork(scenario).result()
    assert breaks == []
    assert not any(edge.level for edge in coupling)


def test_every_press_is_acknowledged_in_time(desk, record_property):
    """From contact to the last bit of the first changed frame, at any phase of the loop, through a whole call."""

    def scenario(pico):
        waits_ms = []
        for index in range(12):
            pico.run(230 + index * 1.7)
            frames, began_ns = len(pico.frames), pico.now_ns
            before = pico.ring()
            pico.press(120)
            pico.run(60)
            after = [frame for frame in pico.frames[frames:] if frame.pixels != before]
            brighter = next(frame for frame in after if sum(map(sum, frame.pixels)) > sum(map(sum, before)) + 200)
            waits_ms.append((brighter.ns - began_ns) / 1e6)
            pico.run(150)
        return waits_ms

    waits_ms = desk.fork(scenario).result()
    record_property("press to light, ms, sorted", sorted(round(wait, 1) for wait in waits_ms))
    assert sorted(waits_ms)[len(waits_ms) // 2] <= 12
    assert max(waits_ms) <= 25


def test_garbage_changes_nothing(desk):
    """Noise, half frames and a flood on the port: no state change, and the next good request is answered."""

    def scenario(pico):
        host = Host(pico)
        host.hello()
        before = host.ask("status")["ok"]
        settings_before = host.ask("get")["payload"]
        for noise in (b"\x00\xff" * 400, b'{"id":1,"do":"commit"} 00000000\n', b"AT\r\nATI\r\n" * 60, b"x" * 3000):
            pico.data.write(noise)
            pico.run(120)
        after = host.ask("status")["ok"]
        assert after["state"] == before["state"] == "READY"
        assert after["bad_frames"] > before["bad_frames"]
        assert json.loads(host.ask("get")["payload"]) == json.loads(settings_before)
        return pico.line.breaks()

    assert desk.fork(scenario).result() == []


def test_settings_by_the_real_command_survive_a_power_cycle(desk):
    """`endcall` itself, on a pseudo terminal that is bridged to the Pico's data port."""

    def scenario(pico):
        with pico.data_pty() as path:
            command = [ENDCALL, "--port", path, "set", "call.warn_s", "77"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            pico.run_while(process)
            out, err = process.communicate()
            assert process.returncode == 0, out + err
        pico.power_cycle()
        pico.run_until(lambda: pico.data.present and pico.ring(), within_ms=8000, what="service after a power cycle")
        host = Host(pico)
        host.hello()
        answer = host.ask("get")
        assert "payload" in answer, answer
        return json.loads(answer["payload"]), pico.line.breaks()

    values, breaks = desk.fork(scenario).result(timeout_s=600)
    assert values["call.warn_s"] == 77
    assert values["call.min_warn_s"] == button.QUICK["call.min_warn_s"]
    assert breaks == []


def test_incidents_survive_a_power_cycle_and_a_new_prompt_is_played(desk):
    """A call cancelled before, a prompt sent over the data port, the plug pulled: all is there, and is heard."""

    def scenario(pico):
        press_until(pico, button.shows_warn, "WARN on the ring")
        pico.run(200)
        pico.press(1300)
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=2500, what="READY after a hold")
        host = Host(pico)
        host.hello()
        prompt = tone()
        chunk = host.ask("prompt_begin", name="closing.wav", bytes=len(prompt), sum=crc(prompt))["ok"]["chunk"]
        for at in range(0, len(prompt), chunk):
            assert "ok" in host.ask("prompt_data", prompt[at : at + chunk], at=at)
        assert host.ask("prompt_end")["ok"]["sum"] == crc(prompt)
        pico.power_cycle()
        pico.run_until(lambda: pico.data.present and pico.ring(), within_ms=8000, what="service after a power cycle")
        pico.run(300)
        host = Host(pico)
        host.hello()
        incident = records.decode_incident(host.ask("log", after=0)["payload"])
        press_until(pico, button.shows_warn, "WARN on the ring")
        pico.run(1200)
        began_ns = pico.now_ns
        press_until(pico, button.shows_enforce, "ENFORCE on the ring")
        pico.run_until(pico.line.breaks, within_ms=6000, what="the line opening")
        return incident, pico.sound(began_ns)

    incident, sound = desk.fork(scenario).result(timeout_s=600)
    assert incident["outcome"] == call.CANCELLED
    assert incident["sequence"] == 1
    # The samples of the new prompt, bit by bit, wherever its fade is over.
    wanted = _samples(tone())
    loudest = wanted[len(wanted) // 2 : len(wanted) // 2 + 64]
    assert any(list(sound.left[at : at + 64]) == loudest for at in range(len(sound) - 64)), (
        "the new prompt was not heard"
    )


@cache
def tone() -> bytes:
    """A second of 437 Hz with a slowly growing level (so no two periods are the same), as a prompt."""
    samples = [round(20 + at * math.sin(2 * math.pi * 437 * at / 16000) / 2) for at in range(16000)]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


def _samples(prompt):
    return list(struct.unpack(f"<{(len(prompt) - 44) // 2}h", prompt[44:]))


def test_first_start_on_another_chip_leaves_the_fat_alone(stock_uf2):
    """An image carries the number of no chip, or of another: the first start puts its own in place, once."""
    pico = Pico.boot(image(stock_uf2, uid="E6614103E7452D2F"))
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=8000, what="READY on the ring")
    erased = {op.address for op in pico.flash_ops if op.kind == "erase"}
    assert 0 < len(erased) <= 2, pico.flash_ops
    assert not erased & {0x100000, 0x101000}, "the boot sector or the FAT was erased"
    began = len(pico.flash_ops)
    pico.power_cycle()
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=8000, what="READY on the ring")
    assert len(pico.flash_ops) == began, "the second start wrote again"
    host = Host(pico)
    host.hello()
    host.ask("stage", values={"call.warn_s": 44})
    assert host.ask("commit")["ok"]["changed"] == 1
