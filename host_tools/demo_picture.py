"""Takes the picture of the demo that stands in the README: docs/demo.png, a call in the middle of its closing prompt.

Run it after a change to the page: python host_tools/demo_picture.py (needs Debian's `chromium` and Playwright; takes
a quarter of a minute, because the call in the picture is a real one).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "demo.png"
LARGEST_BYTES = 300_000
SIZE = {"width": 1240, "height": 948}
SCALE = 0.85

CALL = """
wait 1500ms
press
until WARN
wait 7s
press
"""
#: Into the closing prompt, so that most of it is on the chart.
MOMENT = "endcall.desk.call.state === 'ENFORCE' && endcall.time.now() > endcall.desk.call.since + 4300"


def take(url: str, chromium: str) -> bytes:
    """The page at `url` as PNG, at the MOMENT."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE, color_scheme="light")  # type: ignore[arg-type]
        page.goto(url)
        for _ in range(600):
            if page.evaluate(MOMENT):
                return page.screenshot()
            page.wait_for_timeout(50)
    raise SystemExit("The call did not come to its closing prompt within 30 s. Look at it: endcall demo")


def main() -> None:
    """Write the picture."""
    chromium = shutil.which("chromium")
    if not chromium:
        raise SystemExit("There is no chromium. Install it: sudo apt-get install chromium")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
        script.write(CALL)
        script.flush()
        demo = subprocess.Popen(
            [sys.executable, "-m", "endcall.desk.demo", "--no-browser", "--script", script.name],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert demo.stdout
            png = take(demo.stdout.readline().split()[-1], chromium)
        finally:
            demo.terminate()
            demo.wait()
    if len(png) > LARGEST_BYTES:
        raise SystemExit(f"The picture has {len(png)} bytes, {LARGEST_BYTES} is the most. Make SIZE smaller.")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(png)
    print(f"{PICTURE}: {len(png)} bytes")


if __name__ == "__main__":
    main()
