"""What is measured, one function per case; each boots its own Pico and returns plain numbers."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emulator import button
from emulator.rig import Pico

from endcall.contents import stock_prompts

from . import desk, host, host_port, profiling
from .subjects import BREAKS_MS, COUNTED_TURNS, PIN_TURN, damaged, empty, open_drive, subject, thousand_calls


def closing() -> bytes:
    """The closing sentence, 5 s."""
    return stock_prompts()["closing.wav"]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    presses: int
    presses_elsewhere: int
    breaks: int
    lengths_ms: tuple[int, ...]
    calls: int
    starts: int
    idle_ms: float
    prompt: Callable[[], bytes]  # what is said in a call


FULL = Size(200, 200, breaks=20, lengths_ms=BREAKS_MS, calls=1000, starts=15, idle_ms=3000, prompt=closing)
QUICK = Size(3, 2, breaks=1, lengths_ms=(50,), calls=3, starts=1, idle_ms=300, prompt=partial(desk.tone, 600))

ERASE_MS, PROGRAM_MS = 45, 0.4  # of 4 KB, of 256 bytes

Numbers = dict[str, Any]


def spread(values: list[float]) -> Numbers:
    """Count, median, 99th percentile and maximum, and the values themselves for the plots."""
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "p50": statistics.median(ordered),
        "p99": ordered[min(len(ordered) - 1, -(-99 * len(ordered) // 100) - 1)],
        "max": ordered[-1],
        "values": [round(value, 3) for value in ordered],
    }


# --- press to light -----------------------------------------------------------------------------------------------


def light_idle(name: str, size: Size) -> Numbers:
    return spread(desk.presses(subject(name).in_service(), size.presses, 11))


def light_collecting(name: str, size: Size) -> Numbers:
    """A collection of garbage begins up to 16 ms before the contact closes, or up to 8 ms after it."""
    pico = subject(name, probed=True).in_service()
    return spread(desk.presses(pico, size.presses, 7, collecting=True))


def light_playing(name: str, size: Size) -> Numbers:
    """While the closing prompt plays."""
    pico = subject(name, prompt=size.prompt()).in_service()
    desk.warn(pico)
    desk.enforce(pico)
    pico.run(250)
    return spread(desk.presses(pico, size.presses, min(19, 600 / size.presses)))


def light_uploading(name: str, size: Size) -> Numbers:
    """While the closing prompt is uploaded, its beginning and its end included."""
    return _light_uploading(subject(name).in_service(), size, 8.5)


def light_uploading_slowly(name: str, size: Size) -> Numbers:
    """The same with a flash that takes its time: the typical values of the W25Q16JV's data sheet."""
    pico = subject(name).in_service()
    pico.flash_takes(ERASE_MS, PROGRAM_MS)
    return _light_uploading(pico, size, 20)


def _light_uploading(pico: Pico, size: Size, every_ms: float) -> Numbers:
    """`every_ms`: so that the full form's presses are spread over a whole upload."""
    requests = host_port.upload("closing.wav", size.prompt())
    host = host_port.EagerHost(pico)
    host.hello()

    def again(_: Pico) -> Pico:
        if host.is_done:
            waiting = iter(requests)
            host.go(lambda: next(waiting, None))
        return pico

    return spread(desk.presses(pico, size.presses, every_ms, again=again))


def light_elsewhere(name: str, size: Size) -> Numbers:
    """In every other state; a short sentence does."""
    settings = {"call_warn_s": 60, "call_watch_s": 60, "call_recover_s": 60, "release_mode": "hangup"}
    pico = subject(name, prompt=desk.tone(), **settings).in_service()

    def here(every_ms: float) -> Numbers:
        return spread(pico.fork(lambda copy: desk.presses(copy, size.presses_elsewhere, every_ms)).result(1800))

    out: Numbers = {}
    desk.warn(pico)
    out["WARN"] = here(60)
    desk.enforce(pico)
    pico.run(100)
    pico.press(1150)  # a sincere apology
    pico.run_until(lambda: button.shows_watch(pico.ring()), within_ms=3000, what="WATCH")
    pico.run(1500)
    out["WATCH"] = here(12)
    desk.enforce(pico)
    pico.run_until(lambda: pico.line.is_open, within_ms=12_000, what="RELEASE")
    pico.run(200)
    out["RELEASE"] = here(12)
    pico.press(1150)  # a hold gives the line back
    pico.run_until(lambda: button.shows_recover(pico.ring()), within_ms=3000, what="RECOVER")
    pico.run(300)
    out["RECOVER"] = here(60)
    pico = damaged().boot()
    pico.run_until(lambda: button.fault_number(pico.ring()), within_ms=9000, what="FAULT")
    pico.run(700)
    out["FAULT"] = here(12)
    return out


# --- the break ------------------------------------------------------------------------------------------------------


def breaks(name: str, size: Size) -> Numbers:
    """Errors in ms by nominal length; presses and a collection of garbage fall into each break."""
    settings = {"call_grace_ms": 0} if name == "ours" else {}
    pico = subject(name, probed=True, prompt=desk.tone(), **settings).in_service()
    if name != "ours":  # the length is chosen in the last moment
        _until_released(pico)
    out: Numbers = {}
    for length_ms in size.lengths_ms:
        job = pico.fork(lambda copy, ms=length_ms: _breaks_of(copy, name, ms, size.breaks))
        out[str(length_ms)] = [round(error, 6) for error in job.result(3600)]
    return out


def _until_released(pico: Pico) -> None:
    """A whole call up to 300 ms after the closing prompt's beginning."""
    desk.warn(pico)
    desk.enforce(pico)
    pico.run(300)


def _breaks_of(pico: Pico, name: str, length_ms: int, count: int) -> list[float]:
    if name == "ours":
        host = host_port.EagerHost(pico)
        host.hello()
        # Each length has to be one that its line takes for what it is meant to be.
        preset = "us_ca" if length_ms <= 1000 else "panasonic_kx"
        changes = {"release.preset": preset, "release.mode": "flash", "release.flash_ms": length_ms}
        host.run([("stage", None, {"values": changes}), ("commit", None, {})])
        assert "ok" in host.last, host.last
        _until_released(pico)
    else:
        desk.choose_length(pico, BREAKS_MS.index(length_ms))
    pico.run_until(lambda: pico.line.is_open, within_ms=4000, what="the line opening")
    errors = []
    for number in range(count):
        rnd = random.Random(1000 * length_ms + number)
        errors.append(pico.fork(lambda copy, rnd=rnd: desk.break_of(copy, length_ms, rnd)).result(1800))
    return errors


# --- stalls and memory ----------------------------------------------------------------------------------------------


def loop(name: str, size: Size) -> Numbers:
    """The loop's turns: idle, through a whole call, and (ours) while a computer talks to it; memory."""
    pico = subject(name, probed=True, prompt=size.prompt()).in_service()
    desk.watch_probe(pico)
    out: Numbers = {"collection_ms": desk.collection_ms(pico)}
    used, free = desk.memory(pico)
    out["bytes_per_turn"] = used / COUNTED_TURNS
    out["free_after_start"] = free
    pico.run(100)  # the turn that counted them was longer

    def longest(copy: Pico, since_ns: float) -> float:
        return round(max(desk.turns_ms(copy, since_ns)), 3)

    def idle(copy: Pico) -> float:
        since = copy.now_ns
        copy.run(size.idle_ms)
        return longest(copy, since)

    def whole_call(copy: Pico) -> tuple[float, int]:
        since = copy.now_ns
        desk.warn(copy)
        desk.enforce(copy)
        copy.run_until(lambda: copy.line.breaks() and copy.line.breaks()[-1].closed, 12_000, "the release")
        copy.run_until(lambda: button.shows_ready(copy.ring()), 9000, "READY")
        stall = longest(copy, since)
        return stall, desk.memory(copy)[1]

    out["idle_ms"] = pico.fork(idle).result(600)
    out["call_ms"], out["free_after_call"] = pico.fork(whole_call).result(1800)
    if name == "ours":
        out["requests_ms"] = pico.fork(_requests).result(1800)
        out["upload_ms"] = pico.fork(lambda copy: _upload_turns(copy, size.prompt())).result(1800)
    return out


def _requests(pico: Pico) -> dict[str, float]:
    host = host_port.EagerHost(pico)
    host.hello()
    fields = {"hello": {"protocol": 1}, "log": {"after": 0}, "stage": {"values": {"call.warn_s": 44}}}
    longest = {}
    for do in ("hello", "status", "check", "get", "log", "prompts", "stage", "commit", "app"):
        since = pico.now_ns
        host.run([(do, None, fields.get(do, {}))])
        pico.run(30)
        longest[do] = round(max(desk.turns_ms(pico, since)), 3)
    return longest


def _upload_turns(pico: Pico, prompt: bytes) -> float:
    host = host_port.EagerHost(pico)
    host.hello()
    since = pico.now_ns
    host.run(host_port.upload("closing.wav", prompt), within_ms=60_000)
    return round(max(desk.turns_ms(pico, since)), 3)


def heap(name: str, size: Size) -> Numbers:
    """Free heap after many calls, on a fast clock; see `thousand.py`."""
    pico = thousand_calls(size.calls).boot()
    pico.watch(desk.PIN_CLOCK)
    pico.watch(desk.PIN_BIT)
    pico.run_until(lambda: len(desk.told(pico)) >= 3, within_ms=400 * size.calls + 9000, what="the last call")
    before, after, enforced = desk.told(pico)[:3]
    return {"calls": size.calls, "enforced": enforced, "before": before, "after": after}


# --- sound ----------------------------------------------------------------------------------------------------------


def sound(name: str, size: Size) -> Numbers:
    """From the press that enforces to the first sample of the file, and the samples beside those of the file."""
    pico = subject(name, prompt=size.prompt()).in_service()
    wanted = desk.samples_of(size.prompt())
    desk.warn(pico)
    released = pico.now_ns + 150e6  # the step is taken when the button is let go
    began = desk.enforce(pico)
    pico.run_until(lambda: pico.line.breaks(), within_ms=12_000, what="the line opening")
    # What goes out before is not sound: the frames that were cut in two or left over when the clocks began.
    compared = desk.compare(pico.sound(began), wanted)
    return {"first_sample_ms": round((compared.pop("began_ns") - released) / 1e6, 3), **compared}


# --- the start ------------------------------------------------------------------------------------------------------


def start(name: str, size: Size) -> Numbers:
    """From power-on to READY (the empty program: to its first pin), with CircuitPython's fixed second of waiting."""
    if name == "empty":
        pico = empty().boot(quick=False)
        pico.watch(PIN_TURN)
        pico.run_until(lambda: pico.edges(PIN_TURN), within_ms=9000, what="the pin")
        return {"ms": round(pico.edges(PIN_TURN)[0].ns / 1e6, 3)}
    pico = subject(name).boot(quick=False)
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=9000, what="READY")
    return {"ms": round(pico.frames[-1].ns / 1e6, 3)}


# --- the protocol ---------------------------------------------------------------------------------------------------


def protocol(name: str, size: Size) -> Numbers:
    pico = subject(name).in_service()
    host = host_port.EagerHost(pico)
    free_bytes = host.hello()["free_bytes"]
    asked = 20 * size.starts
    ms = host.run([("status", None, {})] * asked)
    prompt = size.prompt()
    upload_ms = host.run(host_port.upload("closing.wav", prompt), within_ms=60_000)
    assert "ok" in host.last, host.last
    return {
        "free_bytes": free_bytes,
        "requests_per_s": asked * 1000 / ms,
        "upload_kb_per_s": len(prompt) / upload_ms,
        "bytes": len(prompt),
    }


def mpremote(name: str, size: Size) -> Numbers:
    """The same file onto a Pico whose drive belongs to the REPL, by `mpremote fs cp`; a program that ran would stop."""
    pico = open_drive().boot()
    pico.run_until(lambda: pico.usb.ready, within_ms=9000, what="USB")
    pico.run(1000)
    prompt = size.prompt()
    with tempfile.TemporaryDirectory() as folder, pico.console_pty() as path:
        file = Path(folder, "closing.wav")
        file.write_bytes(prompt)
        copy = ["fs", "cp", "-f", str(file), ":closing.wav"]  # -f: without comparing first
        command = [sys.executable, "-m", "mpremote", "connect", path, "resume", *copy]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        pico.run_until(lambda: pico.usb.console.received, within_ms=60_000, what="mpremote")
        began = pico.now_ms
        code = pico.run_while(process, within_ms=200_000)
        assert process.stdout is not None
        assert code == 0, process.stdout.read()
    return {"upload_kb_per_s": len(prompt) / (pico.now_ms - began), "bytes": len(prompt)}


# --- where the time goes --------------------------------------------------------------------------------------------


def profile(name: str, size: Size) -> Numbers:
    """The time per function of a press, an idle second, a chunk of an upload, and the start."""
    return profiling.profile()


# --- on the computer --------------------------------------------------------------------------------------------------


def help_times(name: str, size: Size) -> Numbers:
    return host.help_times(size.starts)


def fleet(name: str, size: Size) -> Numbers:
    return host.fleet((1, 10, 50) if size is FULL else (1,))
