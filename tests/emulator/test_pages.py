"""What the pages tell a reader to type at a Pico in its bootloader, typed at the emulated one.

A folder stands for the drive RPI-RP2. What is copied there whole is booted, and the Pico then has a port.
"""

import contextlib
import shutil
from pathlib import Path

import pytest

from docs import pages, reader
from endcall import flash
from endcall.contents import stock_prompts
from endcall.ports import PORT_FOLDER

from .rig import Pico

ENDED_S = 600.0  # of emulated time, for a block to end
ANSWER_S = 60  # the emulated chip is slower than a real one
SERIAL = "E6614103E7452D2F"  # names the port; the Pico says another one, which is its flash chip's
INFO = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"

PAGES = [name for name in pages.names() if f"<!-- stage: {pages.PICO} -->" in (pages.ROOT / name).read_text()]


class Bench:
    """A computer with a Pico in its bootloader, and a reader at it."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.work, self._ports = folder / "work", folder / "ports"
        self._drive = self._ports / "RPI-RP2"
        programs = folder / "programs"
        for made in (self.work, self._ports, programs):
            made.mkdir()
        (self.work / "ours.wav").write_bytes(stock_prompts()["closing.wav"])
        shutil.copy(runtime, self.work)
        kept = folder / "home/cache/endcall"  # where `endcall flash` keeps its download
        kept.mkdir(parents=True)
        shutil.copy(runtime, kept / flash.RUNTIME_URL.rpartition("/")[2])
        wrapper = programs / "endcall"
        real = shutil.which("endcall", path=str(Path(reader.sys.executable).parent))
        wrapper.write_text(f'#!/bin/sh\nexec {real} --answer-s {ANSWER_S} "$@"\n')
        wrapper.chmod(0o755)
        self.reader = reader.Reader(self.work, None, programs, {PORT_FOLDER: str(self._ports)})
        self._pico: Pico | None = None
        self._pty = contextlib.ExitStack()
        self.another()

    def another(self) -> None:
        """Another Pico is plugged in, BOOTSEL held."""
        self._pty.close()
        self._pico = None
        for path in self._ports.glob("*"):
            path.unlink() if path.is_symlink() else shutil.rmtree(path)
        self._drive.mkdir()
        (self._drive / "INFO_UF2.TXT").write_text(INFO)

    def boot(self, uf2: Path) -> None:
        """The Pico has taken the file: its drive goes away, it starts, and is found at its port."""
        content = uf2.read_bytes()
        shutil.rmtree(self._drive)
        self._pico = Pico.boot(content)
        (self._ports / SERIAL).symlink_to(self._pty.enter_context(self._pico.data_pty()))

    def type(self, block: pages.Block) -> None:
        if block.happens:
            HAPPENS[block.happens](self)
        typing = self.reader.begin(block)
        with contextlib.closing(typing):
            began_ms = None
            while typing.turn():
                if self._pico:
                    began_ms = began_ms or self._pico.now_ms
                    self._pico.run(20)
                    assert self._pico.now_ms - began_ms < ENDED_S * 1000, f"{block.where}: no end\n{typing.output}"
                elif "Waiting for it to start" in typing.output:
                    self.boot(self._drive / "ENDCALL.UF2")
            self.reader.judge(block, typing)

    def close(self) -> None:
        self._pty.close()


def copied_by_hand(bench: Bench) -> None:
    bench.another()
    bench.boot(bench.work / "endcall.uf2")
    assert bench._pico
    bench._pico.run(9000)


HAPPENS = {
    "another Pico is plugged in, BOOTSEL held": Bench.another,
    "endcall.uf2 is copied to another Pico": copied_by_hand,
}


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_do_what_it_says(page, tmp_path, stock_uf2):
    bench = Bench(tmp_path, stock_uf2)
    with contextlib.closing(bench):
        for block in pages.check(page):
            if block.stage == pages.PICO:
                bench.type(block)


def test_there_are_such_pages():
    assert {"README.md", "docs/flash.md"} <= {*PAGES}
