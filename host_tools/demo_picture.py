"""Takes the pictures of the demo that stand in the README: docs/demo.png and docs/demo.gif, both of a real call.

Run it after a change to the page: python host_tools/demo_picture.py (needs Debian's `chromium`, Playwright and Pillow;
takes half a minute, because the call in the pictures is a real one).
"""

from __future__ import annotations

import io
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).resolve().parents[1] / "docs"
SIZE = {"width": 1240, "height": 1040}
SCALE = 0.85
PNG_LARGEST_BYTES, GIF_LARGEST_BYTES = 320_000, 2_500_000
GIF_WIDTH, GIF_COLOURS, GIF_FRAME_MS = 760, 256, 160

CALL = """
wait 1500ms
press
until WARN
wait 6s
press
until RECOVER within 20s
wait 1s
handset down
wait 60s
"""
#: Into the closing prompt, so that most of it is on the chart.
MOMENT = "endcall.desk.call.state === 'ENFORCE' && endcall.time.now() > endcall.desk.call.since + 4300"
END = "endcall.desk.call.state === 'RECOVER' && endcall.time.now() > endcall.desk.call.since + 3500"


def film(page: Page) -> tuple[bytes, list[tuple[float, bytes]]]:
    """The picture at the MOMENT, and the whole call as (time in s, picture), until the END."""
    still, frames = b"", []
    began_s = time.monotonic()
    while time.monotonic() - began_s < 40:
        next_s = time.monotonic() + GIF_FRAME_MS / 1000
        picture = page.screenshot()
        frames.append((time.monotonic(), picture))
        if not still and page.evaluate(MOMENT):
            still = picture
        if page.evaluate(END):
            return still, frames
        page.wait_for_timeout(max(0, next_s - time.monotonic()) * 1000)
    raise SystemExit("The call did not come to its end within 40 s. Look at it: endcall demo")


def animate(frames: list[tuple[float, bytes]]) -> bytes:
    """A GIF that plays the frames at the pace at which they were taken."""
    pictures = []
    for _, png in frames:
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        height = picture.height * GIF_WIDTH // picture.width
        pictures.append(picture.resize((GIF_WIDTH, height), Image.Resampling.LANCZOS))
    # One palette for all, from pictures spread over the call.
    some = pictures[:: max(1, len(pictures) // 10)]
    wall = Image.new("RGB", (GIF_WIDTH, len(some) * pictures[0].height))
    for place, picture in enumerate(some):
        wall.paste(picture, (0, place * picture.height))
    palette = wall.quantize(GIF_COLOURS, Image.Quantize.MEDIANCUT)
    flat = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    times_s = [at_s for at_s, _ in frames]
    lengths = [round((after - before) * 100) * 10 for before, after in itertools.pairwise(times_s)]
    out = io.BytesIO()
    flat[0].save(out, "GIF", save_all=True, append_images=flat[1:], duration=[*lengths, 3000], loop=0, optimize=True)
    return out.getvalue()


def keep(path: Path, data: bytes, largest: int) -> None:
    if len(data) > largest:
        raise SystemExit(f"{path.name} has {len(data)} bytes, {largest} is the most. Make it smaller.")
    path.write_bytes(data)
    print(f"{path}: {len(data)} bytes")


def main() -> None:
    """Write both pictures."""
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
            url = demo.stdout.readline().split()[-1]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE, color_scheme="light")  # type: ignore[arg-type]
                page.goto(url)
                still, frames = film(page)
        finally:
            demo.terminate()
            demo.wait()
    DOCS.mkdir(exist_ok=True)
    keep(DOCS / "demo.png", still, PNG_LARGEST_BYTES)
    keep(DOCS / "demo.gif", animate(frames), GIF_LARGEST_BYTES)


if __name__ == "__main__":
    main()
