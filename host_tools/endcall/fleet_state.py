"""Which devices of a fleet file are done, so that `--resume` leaves them out. Kept in a file beside it."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from endcall.fleet_file import Entry

SAVE_S = 0.5  # fifty devices are done within a second; what is lost with the power is only done again
_SCHEMA = "endcall.fleet_state/1"


class State:
    """What was done, by serial number: when, and what the file wanted then (`Entry.wanted`).

    A device counts as done only while the file still wants the same of it. A state that can't be read is one where
    nothing was done; one that can't be written costs `--resume` and nothing else: `problem` says why.
    """

    def __init__(self, fleet: Path) -> None:
        self.path = fleet.with_suffix(".state.json")
        self.problem = ""
        self._devices: dict[str, Any] = {}
        self._is_saved, self._saved_s = True, 0.0
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            if stored["schema"] == _SCHEMA:
                self._devices = dict(stored["devices"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, LookupError, TypeError) as error:
            self.problem = f"{self.path} can't be read ({error}); nothing counts as done."

    def done_at(self, entry: Entry) -> str | None:
        """When what the file wants of this device was done (UTC), or None."""
        row = self._devices.get((entry.serial or "").upper())
        return row["at"] if isinstance(row, dict) and row.get("wanted") == entry.wanted else None

    def add(self, serial: str, name: str, wanted: str) -> None:
        """A device is done. On disk within SAVE_S of the next change, or with `save`."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._devices[serial.upper()] = {"name": name, "at": at, "wanted": wanted}
        self._save_soon()

    def drop(self, serial: str) -> None:
        """A device was begun with, and may be half done."""
        if self._devices.pop(serial.upper(), None):
            self._save_soon()

    def _save_soon(self) -> None:
        self._is_saved = False
        if time.monotonic() >= self._saved_s + SAVE_S:
            self.save()

    def save(self) -> None:
        """Write the file, where anything changed."""
        if self._is_saved:
            return
        self._is_saved, self._saved_s = True, time.monotonic()
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            fresh.write_text(
                json.dumps({"schema": _SCHEMA, "devices": self._devices}, indent=1) + "\n", encoding="utf-8"
            )
            os.replace(fresh, self.path)
        except OSError as error:
            self.problem = f"{self.path} can't be written ({error.strerror}); --resume will not know what is done."
