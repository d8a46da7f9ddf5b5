"""Build hook: put the one library file the CIRCUITPY drive needs beside the package.

CircuitPython itself has no `neopixel` module; Adafruit publishes it as a single file. It is
taken from the pinned package in the build environment, so neither the repository nor the
user's environment carries a copy (that package drags in a Linux GPIO stack, which a laptop
that only configures buttons has no use for).
"""

import shutil
from importlib.metadata import distribution
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DriveLibraries(BuildHookInterface):
    def initialize(self, version, build_data):
        source = distribution("adafruit-circuitpython-neopixel").locate_file("neopixel.py")
        target = Path(self.root, "host_tools", "endcall", "_drive_lib", "neopixel.py")
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
