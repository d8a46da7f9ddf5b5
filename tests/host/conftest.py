"""A computer with devices plugged in, for the tests of the command line."""

import json
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from endcall import client, connect, ports, transport
from endcall.cli import cli
from endcall.desk.desk import Desk

from . import listings
from .desk_link import DeskTransport


@dataclass
class Result:
    """What one run of `endcall` gave."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON object on stdout."""
        return json.loads(self.out)

    @property
    def error(self):
        """The JSON object on stderr, behind whatever was noted before."""
        return json.loads(self.err.strip().splitlines()[-1])


class Computer:
    """`plug` devices in, `run` the command. Nothing here waits in real time."""

    def __init__(self, folder):
        self._folder = folder
        self.records = list(listings.LINUX_OTHERS)
        self.behind = {}  # port to what opening it gives: a function, or an exception
        self.opened = []
        self.drives = []

    def desk(self, **options):
        """A device as it leaves the image."""
        desk = Desk(self._folder / f"drive{len(self.behind)}", **options)
        desk.run(200)
        return desk

    def plug(self, record=listings.IN_SERVICE["linux"], desk=None, **options):
        """Plug a device in, listed as `record`; returns its desk."""
        desk = desk or self.desk(**options)
        self.records.append(record)
        self.behind[record.path] = lambda: DeskTransport(desk, record.path)
        return desk

    def open(self, path):
        self.opened.append(path)
        behind = self.behind.get(path, FileNotFoundError(2, "No such file or directory"))
        if isinstance(behind, Exception):
            raise transport.open_error(path, behind, "linux")
        return behind()

    def run(self, *arguments):
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.stdout, result.stderr)


def in_the_desks_time(over, **options):
    return client.Client(over, clock=over.clock, sleep=over.sleep, **options)


@pytest.fixture
def computer(tmp_path, monkeypatch):
    made = Computer(tmp_path)
    monkeypatch.setattr(ports, "list_ports", lambda: list(made.records))
    monkeypatch.setattr(ports, "bootloader_drives", lambda: list(made.drives))
    monkeypatch.setattr(ports, "unmounted_bootloaders", list)
    monkeypatch.setattr(transport, "SerialTransport", made.open)
    monkeypatch.setattr(connect, "Client", in_the_desks_time)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # where settings from before a change are kept
    return made
