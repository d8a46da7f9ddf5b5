"""What `endcall_core.wav` lets pass, CircuitPython's WaveFile plays: changed headers, on the emulated Pico."""

import random

from device.sound import prompt
from torture.model_files import mutated

from endcall.image import EMULATOR_UID, boot_out, build_drive, combine
from endcall_core import wav

from .rig import Pico

TAKEN, REFUSED = 150, 30
#: Tells for each file in /heads whether a WaveFile can be made of it, as a letter.
CODE = b"""
import audiocore
import os
import supervisor

while not supervisor.runtime.serial_connected:
    pass
for name in sorted(os.listdir("/heads")):
    with open("/heads/" + name, "rb") as file:
        try:
            wave = audiocore.WaveFile(file)
            good = (wave.sample_rate, wave.channel_count, wave.bits_per_sample) == (16000, 1, 16)
            print(name, "plays" if good else "plays otherwise")
        except (ValueError, OSError) as error:
            print(name, "fails")
print("these are all")
"""


def heads():
    """The first bytes of changed prompts by name: "t…" of those that `wav` lets pass, "r…" of those that it refuses."""
    noise = random.Random(3)
    sources = (prompt(ms=400), prompt(ms=300), prompt(ms=400, before=b"LIST\x04\x00\x00\x00tags"))
    found = {}
    kinds = {"t": TAKEN, "r": REFUSED}
    while any(kinds.values()):
        data = mutated(noise.choice(sources), noise, within=60)
        head = data[: wav.HEAD_BYTES]
        try:
            wav.parse(head, len(data))
            kind = "t"
        except wav.WavError:
            kind = "r"
        if kinds[kind] and head not in found.values():
            kinds[kind] -= 1
            found[f"{kind}{kinds[kind]:03}.wav"] = head
    return found


def test_what_is_let_pass_can_be_played(stock_uf2):
    files = heads()
    assert len(files) == TAKEN + REFUSED
    # What others read and CircuitPython does not: these have to be refused, or the closing sentence would fail.
    good = prompt(ms=400)
    strange = {
        "x1.wav": good[:12] + b"LIST\x04\x00\x00\x00tags" + good[12:],
        "x2.wav": good[:36] + b"LIST\x03\x00\x00\x00tag\x00" + good[36:],
        "x3.wav": good[:16] + b"\x28" + good[17:36] + bytes(24) + good[36:],
        "x4.wav": good[:16] + b"\x12" + good[17:36] + b"\x01\x00" + good[36:],
    }
    drive = {"code.py": CODE, **{f"heads/{name}": head[: wav.HEAD_BYTES] for name, head in (files | strange).items()}}
    drive["boot_out.txt"] = boot_out(stock_uf2.read_bytes(), EMULATOR_UID, None)
    pico = Pico.boot(combine(stock_uf2.read_bytes(), build_drive(drive)))
    pico.run_until(lambda: "these are all" in pico.console, within_ms=20_000, what="the end of the list")
    said = dict(line.split(" ", 1) for line in pico.console.splitlines() if ".wav " in line)
    assert set(said) == set(files) | set(strange)
    assert {name for name in said if name[0] == "t" and said[name] != "plays"} == set()
    assert [said[name] for name in sorted(strange)] == ["fails"] * 4
    for data in strange.values():
        try:
            wav.parse(data[: wav.HEAD_BYTES], len(data))
        except wav.WavError:
            continue
        raise AssertionError(f"{data[:60]!r} was let pass")
