"""The simulated desk as a whole: a drive in a folder, the app of the firmware, a phone, and hands to press with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from endcall.contents import mutable_files
from endcall_base import FACTORY, Slots
from endcall_core import layout, ring, version
from endcall_device.app import App, Parts
from endcall_device.blocks import BlockFile
from endcall_device.lock import Lock
from endcall_device.prompts import Prompts
from endcall_device.store import IncidentLog, SettingsStore

from . import parts

SERIAL = "DE5C0001"  # what `hello` says, unless told otherwise


def lay_out(folder: Path, values: dict | None = None, prompts: dict[str, bytes] | None = None) -> None:
    """Make `folder` a drive as it leaves the image: preallocated files, and an NVM that is all 0xFF."""
    for name, data in mutable_files(values, prompts).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "nvm.bin").write_bytes(b"\xff" * 4096)


class Desk:
    """A desk with a phone in a call and an endcall button, on `clock`.

    `folder` holds the device's drive; it is laid out when it is empty. `shown` and `heard` are told every picture
    of the ring and every piece of sound.
    """

    def __init__(
        self,
        folder: Path,
        clock: parts.Clock | None = None,
        port: object | None = None,
        shown: Callable[[bytes], None] = lambda picture: None,
        heard: Callable[[bytes, int], None] = lambda samples, rate_hz: None,
        values: dict | None = None,
        serial: str = SERIAL,
    ) -> None:
        self.folder = folder
        self.serial = serial
        self.clock = clock or parts.Clock()
        self.phone = parts.Phone()
        self.port = port or parts.Port()
        self.frames: list[tuple[int, bytes]] = []
        self.sound: list[tuple[int, bytes, int]] = []
        self._shown = shown
        self._heard = heard
        self.feeds = 0
        self.crashes = 0  # how often the firmware crashed in a row, as the next power-up will find it
        self.crashing: set[str] = set()  # versions of applications that crash when they are imported
        self.restarts = 0  # how often a host had the device restarted
        self.in_bootloader = False
        self.is_shut = False  # the service window was closed: no port until the next power-up
        self._is_restarting = False
        self.line = parts.Line(self.clock, self.phone)
        self._lay_out(values)
        self._power_up()

    def _lay_out(self, values: dict | None) -> None:
        if not (self.folder / "nvm.bin").exists():
            lay_out(self.folder, values)

    def _nvm(self) -> Any:
        path = self.folder / "nvm.bin"
        return parts.Nvm(bytearray(path.read_bytes()), path.write_bytes)

    def _power_up(self) -> None:
        self.nvm = self._nvm()
        store = SettingsStore([self._file(path, layout.BLOCK_BYTES) for path in layout.STORE_PATHS])
        store.load()
        log = IncidentLog(self.nvm, self._file(layout.JOURNAL_PATH, layout.JOURNAL_BLOCKS * layout.BLOCK_BYTES))
        log.load()
        slots = [self._file(path, layout.SLOT_BYTES) for path in layout.SLOT_PATHS]
        running, firmware = self._choose_application()
        access = store.values["usb.access"]
        is_window = access == "service"  # as if the button had been held at power-up
        self.button = parts.Button(self.clock)
        self.ring = parts.Ring(store.values["ring.pixels"], self._keep_picture)
        self.speaker = parts.Speaker(self.clock, self._keep_sound, self._content)
        breaks = self.line.breaks
        self.line = parts.Line(self.clock, self.phone)
        self.line.breaks = breaks
        self.app = App(
            Parts(
                clock=self.clock,
                button=self.button,
                ring=self.ring,
                speaker=self.speaker,
                line=self.line,
                port=parts.NoPort() if self.is_shut else self.port,
                store=store,
                log=log,
                prompts=Prompts(slots, store.prompts),
                slots=lambda: self._slots(running),
                restart=self._restart,
                feed=self._feed,
                rest=lambda: None,
                tidy=lambda: None,
                crashes=self.crashes,
                forgive=self._forgive,
                lock=Lock(store) if store.key else None,
                identity={
                    "runtime": "simulated desk",
                    "serial": self.serial,
                    "access": "service window" if is_window else access,
                    "firmware": firmware,
                },
                free_bytes=lambda: 0,
            ),
            also=ring.SERVICE if is_window else 0,
        )

    def _file(self, path: str, size: int) -> Any:
        return BlockFile(str(self.folder / path.lstrip("/")), size, sync=lambda: None)

    def _content(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def _slots(self, running: int = FACTORY) -> Slots:
        slots = Slots([self._file(path, layout.APP_BYTES) for path in layout.APP_PATHS], running)
        slots.load()
        return slots

    def _choose_application(self) -> tuple[int, str]:
        """As code.py does. The desk always runs the code of this package and says the version of the chosen one."""
        while True:
            slots = self._slots()
            slots.choose(self.crashes)
            if slots.is_new:
                self.crashes = 0
            name = version.FIRMWARE if slots.running == FACTORY else slots.version(slots.running)
            if name not in self.crashing:
                return slots.running, name
            self.crashes += 1

    def _restart(self, how: str) -> None:
        self._is_restarting = True
        self.is_shut = how == "close"
        self.in_bootloader = how == "bootloader"

    def _forgive(self) -> None:
        self.crashes = 0

    def _feed(self) -> None:
        self.feeds += 1

    def _keep_picture(self, picture: bytes) -> None:
        self.frames.append((self.clock.total_ms, picture))
        self._shown(picture)

    def _keep_sound(self, samples: bytes, rate_hz: int) -> None:
        self.sound.append((self.clock.total_ms, samples, rate_hz))
        self._heard(samples, rate_hz)

    # --- time and hands -------------------------------------------------------------------------------------

    def run(self, ms: int = 0, s: float = 0) -> None:
        """Let time pass, one turn of the loop per millisecond."""
        for _ in range(ms + round(s * 1000)):
            self.clock.advance(1)
            if not self.in_bootloader:
                self.app.turn()
            if self._is_restarting:
                self._is_restarting = False
                self.restarts += 1
                self._power_up()

    def press(self, ms: int = 200) -> None:
        """Press the button for `ms`, then let go."""
        self.button.press()
        self.run(ms)
        self.button.release()
        self.run(1)

    def run_until(self, state: str, within_s: float = 60) -> None:
        """Run until the call is in `state`. Raises TimeoutError with what it is in instead."""
        for _ in range(round(within_s * 1000)):
            if self.state == state:
                return
            self.run(1)
        raise TimeoutError(f"the call is {self.state}, not {state}, after {within_s} s")

    def power_cycle(self) -> None:
        """Pull the plug and put it back: RAM is gone, the drive and the NVM stay, the line closes."""
        self.in_bootloader = self.is_shut = False
        self._power_up()

    # --- what can be seen -----------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.app.call.state

    @property
    def pixels(self) -> list[tuple[int, int, int]]:
        """The picture on the ring."""
        picture = self.frames[-1][1]
        return [(picture[at], picture[at + 1], picture[at + 2]) for at in range(0, len(picture), 3)]

    @property
    def heard(self) -> bytes:
        """All sound so far, as 16-bit mono samples."""
        return b"".join(samples for _, samples, _ in self.sound)

    def incidents(self) -> list[dict]:
        """Every stored incident record, oldest first."""
        from endcall_core.records import INCIDENT_BYTES, decode_incident

        page = bytearray(600 * INCIDENT_BYTES)
        count, _ = self.app.log.read(0, page)
        found = [decode_incident(page[at * INCIDENT_BYTES : (at + 1) * INCIDENT_BYTES]) for at in range(count)]
        return [record for record in found if record]
