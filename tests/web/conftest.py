"""The configurator's page in Debian's Chromium, opened as a file, with a desk or a Pico behind its serial port."""

from __future__ import annotations

import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bridge import Bridge
from .desk_thread import DeskThread

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "host_tools" / "endcall" / "web" / "index.html"
PICTURES = ROOT / "build" / "web"
PATIENCE_S = 20
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip that says how to get it."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if not chromium or not sync_playwright:
        way = "sudo apt-get install chromium" if sync_playwright else f"{sys.executable} -m pip install playwright"
        warnings.warn(f"THE CONFIGURATOR'S PAGE IS NOT TESTED. Get what it needs: {way}", stacklevel=1)
        pytest.skip(f"no browser to test the page in; get it: {way}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


class Visit:
    """The page in a tab of its own. `errors`: what its console complained of; empty at the end of every test."""

    def __init__(self, browser, bridge: Bridge | None, **context) -> None:
        # The page's policy lets it reach no network; the shim's WebSocket is the test's, not the page's.
        self.context = browser.new_context(bypass_csp=True, accept_downloads=True, **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        if bridge:
            self.page.add_init_script(bridge.script)
        self.while_waiting: Callable[[], None] = lambda: time.sleep(0.01)
        self.page.goto(PAGE.as_uri())

    def js(self, expression: str):
        return self.page.evaluate(expression)

    def until(self, is_so: Callable[[], object], what: str = "", within_s: float = PATIENCE_S) -> None:
        deadline_s = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < deadline_s, f"{what or 'it'} did not come; the page says {self.text('body')}"
            self.while_waiting()

    def until_text(self, where: str, text: str) -> None:
        self.until(lambda: text in self.text(where), f"{text!r} in {where}")

    def text(self, where: str) -> str:
        return self.page.locator(where).first.inner_text()

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def setting(self, key: str):
        return self.page.locator(f'[id="set-{key}"]')

    def field(self, key: str) -> str:
        """What stands at a setting: its help, what it was, what is wrong with it."""
        return self.text(f'[data-key="{key}"]')

    def write(self) -> None:
        self.page.locator("#write").click()
        self.page.locator("#confirm").click()

    def connect(self) -> None:
        self.page.locator('[data-do="connect"]:visible').click()
        self.until(lambda: self.text("#link") == "Connected", "the connection")

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Visit]]:
    """`visit(bridge, **context)`: a fresh page; its errors fail the test."""
    visits: list[Visit] = []

    def go(bridge: Bridge | None = None, **context) -> Visit:
        context.setdefault("viewport", {"width": 1280, "height": 900})
        visits.append(Visit(browser, bridge, **context))
        return visits[-1]

    yield go
    for each in visits:
        each.context.close()
        assert each.errors == []


@pytest.fixture
def desk(tmp_path) -> Iterator[DeskThread]:
    """A desk in a call, with a fitted loop sense, its name and short times."""
    with DeskThread(tmp_path / "drive", {"device.name": "Front desk", "line.sense": "loop"}) as desk:
        yield desk


@pytest.fixture
def bridge(desk) -> Iterator[Bridge]:
    with Bridge(desk.path) as bridge:
        yield bridge
