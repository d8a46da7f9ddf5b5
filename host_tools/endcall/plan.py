"""A change of settings: worked out first, and only then made, read back and compared.

`apply`, `set`, `restore` and `fleet` all go this way. Doing it again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from endcall import settings_file
from endcall.client import Client
from endcall.errors import InvalidError
from endcall.settings_file import Place
from endcall_core import settings

PRESET = "release.preset"


class Change(NamedTuple):
    """One setting that differs. why: what brings it where the file does not name it itself."""

    key: str
    before: Any  # None: the device does not know it
    after: Any
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """What would change. wanted: every value that is asked for, those that a preset fills too."""

    changes: tuple[Change, ...]
    wanted: dict[str, Any]
    _given: dict[str, Any] = field(repr=False)
    _places: dict[str, Place] = field(repr=False)
    _where: str = ""

    def as_pairs(self) -> dict[str, list[Any]]:
        """The differing settings as [before, after]."""
        return {change.key: [change.before, change.after] for change in self.changes}

    def carry_out(self, client: Client) -> dict[str, Any]:
        """Make the change in one step, read everything back and compare; returns every setting.

        Raises InvalidError with the places of what the device refuses, and as `Client.change`.
        """
        try:
            return client.change(self.wanted)
        except InvalidError as error:
            told = error.details.get("problems")
            if isinstance(told, list) and told and all(isinstance(one, list) and len(one) == 3 for one in told):
                found = settings_file.sort([tuple(one) for one in told], self._given, self._places)
                raise settings_file.invalid(found, self._where) from error
            raise


def make(before: dict[str, Any], given: dict[str, Any], places: dict[str, Place], where: str) -> Plan:
    """What `given`, found at `places` of `where`, would change on a device that has `before`.

    Raises InvalidError that tells everything that is wrong with it, there and in what would come out.
    """
    alone = settings_file.problems_alone(given, places)
    if alone:
        raise settings_file.invalid(alone, where)
    values, found = settings.check_changes(settings.defaults() | before, given)
    if found:
        raise settings_file.invalid(settings_file.sort(found, given, places), where)
    wanted = settings.fill(given)
    changes = [
        Change(key, before.get(key), values[key], "" if key in given else f"filled by {PRESET} {given[PRESET]}")
        for key in settings_file.KEYS
        if key in wanted and before.get(key) != values[key]
    ]
    return Plan(tuple(changes), wanted, given, places, where)
