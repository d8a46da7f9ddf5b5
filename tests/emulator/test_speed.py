"""What users feel, in the chip's own time: no assertion here depends on the computer that runs the tests.

The targets are those of the product; `make bench` measures the same with many more samples, beside other programs.
One booted Pico serves all tests, by copies.
"""

import pytest
from bench import cases, desk, host_port
from bench.subjects import empty, subject

from . import button
from .rig import PIN_COUPLING

LIGHT_P99_MS, LIGHT_MS = 15, 25
BREAK_ERROR_MS = 0.1
TURN_MS = 20
FREE_BYTES = 60_000
START_MS = 1500
UPLOAD_KB_PER_S = 100
PRESSES = 24

SETTINGS = {"call_grace_ms": 0, "call_warn_s": 60, "call_watch_s": 60, "call_recover_s": 60}


@pytest.fixture(scope="module")
def pico(stock_uf2):
    """In service, with the probe that tells turns and memory in its loop, and a closing sentence of one second."""
    pico = subject("ours", probed=True, prompt=desk.tone(), **SETTINGS).in_service()
    desk.watch_probe(pico)
    return pico


def _quickly(waits_ms, record_property, where):
    found = cases.spread(waits_ms)
    record_property(f"press to light, {where}, ms (median, longest)", (round(found["p50"], 1), round(found["max"], 1)))
    assert found["max"] <= LIGHT_MS, found["values"]
    return found


def test_a_press_is_shown_in_every_state_of_a_call(pico, record_property):
    """READY, WARN, ENFORCE while the sentence plays, RECOVER; then the break it ended with."""

    def call(one):
        waits = {"READY": desk.presses(one, PRESSES, 5)}
        desk.warn(one)
        waits["WARN"] = desk.presses(one, PRESSES, 12)
        since = one.now_ns
        desk.enforce(one)
        one.run_until(lambda: one.edges(PIN_COUPLING), within_ms=500, what="the sound")
        waits["ENFORCE"] = desk.presses(one, PRESSES, 15)
        one.run_until(lambda: one.line.breaks() and one.line.breaks()[-1].closed, within_ms=4000, what="the release")
        one.run_until(lambda: button.shows_recover(one.ring()), within_ms=1000, what="RECOVER")
        waits["RECOVER"] = desk.presses(one, PRESSES, 12)
        return waits, one.line.breaks(), desk.turns_ms(one, since)

    waits, breaks, turns_ms = pico.fork(call).result(timeout_s=900)
    for state, values in waits.items():
        assert _quickly(values, record_property, state)["p99"] <= LIGHT_P99_MS, state
    assert [abs(one.length_ms - 600) <= BREAK_ERROR_MS for one in breaks] == [True]
    record_property("longest turn in a call, ms", round(max(turns_ms), 1))
    assert max(turns_ms) <= TURN_MS


def test_a_press_is_shown_while_a_prompt_arrives_at_full_speed(pico, record_property):
    """With no pause between two chunks. The floor is a collection of garbage (12.6 ms), which nothing can divide."""
    requests = host_port.upload("closing.wav", desk.tone(ms=1250))

    def upload(one):
        host = host_port.EagerHost(one)
        host.hello()
        waiting = iter(requests[:-1])  # without the end, which reads it all back
        since = one.now_ns
        host.go(lambda: next(waiting, None))
        waits = desk.presses(one, PRESSES, 10)
        one.run_until(lambda: host.is_done, within_ms=3000, what="the last chunk")
        ms = (host.ended_ns - host.began_ns) / 1e6
        return waits, max(desk.turns_ms(one, since)), 40_000 / ms, host.last

    waits, turn_ms, kb_per_s, last = pico.fork(upload).result(timeout_s=900)
    assert "ok" in last, last
    _quickly(waits, record_property, "during an upload")
    record_property("upload, KB/s, and longest turn, ms", (round(kb_per_s), round(turn_ms, 1)))
    assert kb_per_s >= UPLOAD_KB_PER_S
    assert turn_ms <= TURN_MS


@pytest.mark.parametrize("length_ms", [50, 300, 1500])
def test_a_break_keeps_its_length(pico, length_ms, record_property):
    """While the button is pressed and garbage is collected in it."""
    errors = pico.fork(lambda one: cases._breaks_of(one, "ours", length_ms, 3)).result(timeout_s=900)
    record_property(f"errors of a break of {length_ms} ms, ms", errors)
    assert max(map(abs, errors)) <= BREAK_ERROR_MS


def test_an_idle_turn_takes_no_memory(pico, record_property):
    used, _ = pico.fork(desk.memory).result()
    record_property("bytes taken by 100 idle turns", used)
    assert used == 0


def test_start_and_memory(stock_uf2, record_property):
    """From power-on to READY, over what CircuitPython takes by itself; and what is free then."""
    pico = subject("ours").boot()
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=9000, what="READY")
    ready_ms = pico.frames[-1].ns / 1e6
    bare = empty().boot()
    bare.watch(2)
    bare.run_until(lambda: bare.edges(2), within_ms=9000, what="the pin")
    own_ms = ready_ms - bare.edges(2)[0].ns / 1e6
    record_property("reset to READY over an empty code.py, ms", round(own_ms))
    assert own_ms <= START_MS
    pico.run_until(lambda: pico.usb.ready, within_ms=3000, what="USB")
    free = host_port.EagerHost(pico).hello()["free_bytes"]
    record_property("free heap after the start, bytes", free)
    assert free >= FREE_BYTES
