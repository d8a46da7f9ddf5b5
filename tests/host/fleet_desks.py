"""An office for the tests of `endcall fleet`: many simulated devices on one computer, and the file that describes them.

Every device is a desk of its own, on a clock of its own, so fifty of them cost no waiting.
"""

import json

from endcall_core import settings

from . import listings
from .desk_link import tone

HEAD = """\
[defaults]
call.min_warn_s = 8
prompts = { "closing.wav" = "closing-en.wav" }

[group.berlin]
prompts = { "closing.wav" = "closing-de.wav" }
release.preset = "eu_generic"
"""

ENGLISH, GERMAN = tone(ms=600, seed=1), tone(ms=700, seed=2)


def serial(number):
    """The USB serial number of device `number`."""
    return f"E66148640000{number:04X}"


def record(number):
    """Its port, as Linux lists it."""
    interface = "CircuitPython CDC2 control"
    return listings.linux(f"/dev/ttyACM{number}", serial(number), listings.OURS, interface, f"1-{number}:1.0")


def device(number, *lines, is_known=True):
    """Its `[[device]]`; those with an even number are in Berlin."""
    known = [f'serial = "{serial(number)}"'] if is_known else []
    group = [] if number % 2 else ['group = "berlin"']
    return "\n".join(["", "[[device]]", f'name = "Desk {number}"', *known, *group, *lines, ""])


class Office:
    """`count` devices plugged into `computer`, and a fleet file for them in `folder`.

    `desks` by number, from 1. `behind(number, make)` replaces what opening the port of a device gives.
    """

    def __init__(self, computer, folder, count, text=None):
        self.computer = computer
        self.desks = {number: self.plug(number) for number in range(1, count + 1)}
        self.file = folder / "fleet.toml"
        self.file.write_text(HEAD + "".join(map(device, self.desks)) if text is None else text)
        (folder / "closing-en.wav").write_bytes(ENGLISH)
        (folder / "closing-de.wav").write_bytes(GERMAN)

    def plug(self, number, **values):
        desk = self.computer.desk(values=settings.defaults() | values, serial=serial(number))
        return self.computer.plug(record(number), desk)

    def behind(self, number, make):
        self.computer.behind[record(number).path] = make

    def unplug(self, number):
        self.computer.records.remove(record(number))

    def is_done(self, number):
        """Whether the device is what the file says, in force and stored."""
        desk = self.desks[number]
        sound = ENGLISH if number % 2 else GERMAN
        expected = {
            "device.name": f"Desk {number}",
            "call.min_warn_s": 8,
            "release.preset": "us_ca" if number % 2 else "eu_generic",
        }
        if any(desk.app.call.rules[key] != value for key, value in expected.items()):
            return False
        with open(desk.app.prompts.path("closing.wav"), "rb") as file:
            return file.read(len(sound)) == sound

    def others_are_done(self, *numbers):
        """Whether all devices but those are what the file says."""
        return all(self.is_done(number) for number in self.desks if number not in numbers)

    def run(self, *arguments):
        """`endcall fleet …`; the file is the last argument."""
        return self.computer.run("fleet", *arguments, self.file)

    def apply(self, *arguments):
        """`endcall fleet apply --json`: the run, and the result of every device by its number."""
        run = self.run("apply", "--json", *arguments)
        events = [json.loads(line) for line in run.out.splitlines()]
        numbers = {serial(number): number for number in range(1, 100)}
        return run, {numbers[one["device"]["serial"]]: one for one in events if one["event"] == "result"}
