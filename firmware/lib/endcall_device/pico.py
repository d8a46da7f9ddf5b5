"""The Pico's adapters, wired to the app."""

import gc
import os
import sys
import time

import microcontroller
import supervisor

from endcall_core import layout, ring

from . import access, crash, pins
from .app import App, Parts
from .blocks import BlockFile
from .button import Button
from .line import Line
from .pixel_ring import PixelRing
from .port import Port
from .prompts import Prompts
from .speaker import Speaker
from .store import IncidentLog, SettingsStore


def _files(paths, size):
    """The preallocated files, or none where this drive was not laid out for them."""
    files = [BlockFile(path, size) for path in paths]
    return files if all(file.exists for file in files) else []


# Before `build`: a slot is gone when that runs, and what stands in it can't be imported any more. The lock's code is
# in memory only where there is a key.
store = SettingsStore(_files(layout.STORE_PATHS, layout.BLOCK_BYTES) or None)
store.load()
if store.key:
    from .lock import Lock


def build(decision, running):
    """The app in service; `decision` is what boot.py left in `access`, `running` the slot that this code came from.

    The line relay comes first.
    """
    clock = supervisor.ticks_ms
    supervisor.runtime.autoreload = False
    line = Line(clock)
    journal = _files((layout.JOURNAL_PATH,), layout.JOURNAL_BLOCKS * layout.BLOCK_BYTES)
    log = IncidentLog(microcontroller.nvm, journal[0] if journal else None)
    log.load()
    prompts = Prompts(_files(layout.SLOT_PATHS, layout.SLOT_BYTES), store.prompts)
    speaker = Speaker(clock)
    identity = {
        "runtime": f"CircuitPython {os.uname().release}",
        "serial": "".join([f"{byte:02X}" for byte in microcontroller.cpu.uid]),
        "access": access.NAMES[decision],
        "crash": crash.text(),
    }
    parts = Parts(
        clock=clock,
        button=Button(pins.BUTTON),
        ring=PixelRing(pins.RING, store.values["ring.pixels"]),
        speaker=speaker,
        line=line,
        port=Port(),
        store=store,
        log=log,
        prompts=prompts,
        slots=_slots(running),
        restart=_restart,
        feed=microcontroller.watchdog.feed if decision not in (access.DEVELOP, access.RESCUE) else _no_watchdog,
        rest=_rest,
        tidy=gc.collect,
        crashes=crash.count(),
        forgive=crash.forgive,
        lock=Lock(store) if store.key else None,
        identity=identity,
        free_bytes=free_bytes,
    )
    _prepare(speaker, prompts, store.values["prompt.closing"])
    gc.collect()
    return App(
        parts,
        is_read_only=decision in (access.DEVELOP, access.RESCUE),
        also=ring.SERVICE if decision == access.WINDOW else 0,
    )


def _slots(running):
    """A function that loads `endcall_base`, 5 KB of code that is hardly ever needed, anew whenever it is."""
    files = [BlockFile(path, layout.APP_BYTES) for path in layout.APP_PATHS]

    def load():
        import endcall_base

        del sys.modules["endcall_base"]
        slots = endcall_base.Slots(files, running)
        slots.load()
        return slots

    return load


def _rest():
    time.sleep(0.002)  # CircuitPython 10 counts out a sleep of 1 ms with the processor running; half of this it sleeps


def _restart(how):
    if how != "close":
        access.keep_open()
    crash.end()
    if how == "bootloader":
        microcontroller.on_next_reset(microcontroller.RunMode.UF2)
    microcontroller.reset()


def free_bytes():
    """Free heap, after a collection: without one the figure says how long ago the last was."""
    gc.collect()
    return gc.mem_free()  # type: ignore[attr-defined]  # CPython has none


def _prepare(speaker, prompts, name):
    """Take the mixer's memory while the heap is whole; a prompt that can't be read is the self-check's to tell."""
    try:
        speaker.prepare(prompts.inspect(name).rate_hz)
    except (KeyError, ValueError):
        pass


def _no_watchdog():
    pass
