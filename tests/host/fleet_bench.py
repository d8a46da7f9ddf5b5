"""How long `endcall fleet apply` takes for 1, 10 and 50 devices that answer as slowly as real ones.

    python -m tests.host.fleet_bench        (from the checkout)

The devices are simulated desks in this process, whose answers are held back by the real clock. So the figures hold
what the computer itself needs for fifty devices, and too much of it: the work of the simulated devices is in it, too
(`simulation_s`), which real ones do themselves.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

from click.testing import CliRunner

from endcall import ports, transport
from endcall.cli import cli
from endcall.desk.desk import Desk
from endcall_core import layout

from .desk_link import DeskTransport, tone
from .fleet_desks import HEAD, device, record, serial

#: How long the emulated Pico takes to answer, in s of its own time.
ANSWER_S = {
    "hello": 0.021,
    "get": 0.006,
    "prompts": 0.006,
    "commit": 0.052,
    "prompt_begin": 0.017,
    "prompt_data": 0.008,
}
OTHER_S = 0.005
VERIFY_S_PER_BYTE = 0.075 / 16_000  # what prompt_end reads back
#: What the emulator leaves out: 4 KB of flash erased (45 ms) and programmed (16 pages of 0.7 ms), typical values of the
#: W25Q16JV's data sheet.
FLASH_S = 0.056
#: A closing prompt of 5 s at 16 kHz.
PROMPT_MS, RATE_HZ = 5000, 16000

WORKLOADS = {
    "settings": '[group.berlin]\nrelease.preset = "eu_generic"\n[defaults]\ncall.min_warn_s = 8\n',
    "settings_and_prompt": HEAD,
}
SLOWER = 1.0  # than such a device
TARGET = 2.0  # 50 devices take less than this many times as long as one


class PacedTransport(DeskTransport):
    """Holds every answer back until a real device would have given it."""

    simulation_s = 0.0
    _lock = threading.Lock()

    def __init__(self, desk: Desk, path: str) -> None:
        self._due_s = 0.0
        super().__init__(desk, path)

    def write(self, data: bytes) -> None:
        do = json.loads(data.strip().partition(b"} ")[0] + b"}")["do"]
        takes_s = ANSWER_S.get(do, OTHER_S)
        if do == "commit":
            takes_s += FLASH_S
        elif do == "prompt_data":
            takes_s += FLASH_S * len(data) / layout.BLOCK_BYTES
        elif do == "prompt_end":
            takes_s += FLASH_S + VERIFY_S_PER_BYTE * len(_prompt())
        self._due_s = time.monotonic() + takes_s * SLOWER
        super().write(data)

    def read(self) -> bytes:
        began_s = time.thread_time()
        data = super().read()
        with PacedTransport._lock:
            PacedTransport.simulation_s += time.thread_time() - began_s
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        return data

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits for a call")


def measure(counts: tuple[int, ...] = (1, 10, 50), workloads: tuple[str, ...] = tuple(WORKLOADS)) -> dict[str, object]:
    """Configure so many new devices: by workload and count, what `_apply` measures.

    times_first: how many times as long as the first count. Raises AssertionError where a device was not done.
    """
    answer: dict[str, object] = {"target_times_first": TARGET, "prompt_bytes": len(_prompt())}
    for workload in workloads:
        _apply(1, WORKLOADS[workload])  # what Python imports and compiles once
        runs: dict[int, dict[str, float]] = {}
        for count in counts:
            runs[count] = _apply(count, WORKLOADS[workload])
            runs[count]["times_first"] = round(runs[count]["seconds"] / runs[counts[0]]["seconds"], 2)
        answer[workload] = runs
    return answer


def _prompt() -> bytes:
    return tone(ms=PROMPT_MS, rate_hz=RATE_HZ)


def _apply(count: int, head: str) -> dict[str, float]:
    """`endcall fleet apply`: how long it took, and how long this process worked, simulated devices included, in s."""
    numbers = range(1, count + 1)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        desks = {record(n).path: Desk(folder / f"drive{n}", serial=serial(n)) for n in numbers}
        for desk in desks.values():
            desk.run(200)
        for name in ("closing-en.wav", "closing-de.wav"):
            (folder / name).write_bytes(_prompt())
        file = folder / "fleet.toml"
        file.write_text(head + "".join(map(device, numbers)))
        with (
            mock.patch.object(ports, "list_ports", return_value=[record(n) for n in numbers]),
            mock.patch.object(transport, "SerialTransport", lambda path: PacedTransport(desks[path], path)),
        ):
            PacedTransport.simulation_s = 0.0
            began_s, began_cpu_s = time.monotonic(), time.process_time()
            run = CliRunner().invoke(cli, ["fleet", "apply", str(file)])
            seconds, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    assert run.exit_code == 0, run.output
    return {
        "seconds": round(seconds, 3),
        "cpu_s": round(cpu_s, 3),
        "simulation_s": round(PacedTransport.simulation_s, 3),
    }


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=1)
    print()
