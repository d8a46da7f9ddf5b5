"""The page in a real browser: Debian's Chromium, driven by Playwright. Pictures of it go to build/desk/."""

import base64
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from endcall.contents import stock_prompts
from endcall.desk.desk import lay_out
from endcall.desk.rehearsal import FITTED
from endcall_core import settings, wav

CHROMIUM = shutil.which("chromium")
try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

if not CHROMIUM or not sync_playwright:
    WAY = "sudo apt-get install chromium" if sync_playwright else f"{sys.executable} -m pip install playwright"
    warnings.warn(f"THE DEMO'S PAGE IS NOT TESTED. Get what it needs: {WAY}", stacklevel=1)
    pytest.skip(f"no browser to test the page in; get it: {WAY}", allow_module_level=True)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PICTURES = Path(__file__).resolve().parents[2] / "build" / "desk"
QUICK = {"call.min_warn_s": 2, "call.grace_ms": 500}
COUNTS_MS = 2600  # from the warning on until a press counts, and half a second that a busy browser is late
PATIENCE_S = 15


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


class Visit:
    """A running demo, and its page in a browser."""

    def __init__(self, browser, folder, speed, values, arguments, context):
        if not (folder / "nvm.bin").exists():
            lay_out(folder, settings.defaults() | FITTED | values)
        self._command = [sys.executable, "-c", "from endcall.cli import main; main()", "demo", "--no-browser"]
        self._command += ["--folder", str(folder), "--speed", str(speed), *map(str, arguments)]
        self.start()
        self.errors = []
        self.page = browser.new_context(**context).new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.goto(self.url)
        self.until("window.endcall?.desk.settings != null")

    def start(self, *arguments):
        self._process = subprocess.Popen(
            [*self._command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.url = self._process.stdout.readline().split()[-1]
        self.port = self._process.stdout.readline().split()[4]

    def end(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            _, said = self._process.communicate(timeout=5)
            assert (self._process.returncode, said) == (0, "")

    def js(self, expression):
        return self.page.evaluate(expression)

    # Playwright's own wait_for_function evaluates a text inside of the page, which the page's policy forbids.
    def until(self, expression, within_s=PATIENCE_S):
        deadline_s = time.monotonic() + within_s
        while not self.js(expression):
            assert time.monotonic() < deadline_s, f"{expression} did not come true; the page says {self.text('#guide')}"
            time.sleep(0.01)

    def until_text(self, where, text):
        self.until(f"document.querySelector('{where}').textContent.includes('{text}')")

    def until_state(self, state):
        self.until(f"document.querySelector('#state').textContent === '{state}'")

    def text(self, where):
        return self.page.locator(where).inner_text()

    def wait(self, ms):
        """Let `ms` pass at the desk."""
        self.until(f"endcall.time.now() > {self.js('endcall.time.now()') + ms}")

    def press(self, ms=100):
        self.page.locator("#button").click(delay=ms)

    def pcm(self):
        """What came from the device: (int16 samples, rate in Hz)."""
        pieces = self.js(
            """() => endcall.sound.pieces.map(({rate, samples: {buffer, byteOffset, byteLength}}) =>
                 [rate, btoa(String.fromCharCode(...new Uint8Array(buffer, byteOffset, byteLength)))])"""
        )
        assert len({rate for rate, _ in pieces}) == 1
        return np.frombuffer(b"".join(base64.b64decode(text) for _, text in pieces), "<i2"), pieces[0][0]

    def colours(self, where):
        """How many pixels of a canvas have each colour: {(red, green, blue): count}, the transparent ones left out."""
        pixels = base64.b64decode(
            self.js(
                f"""() => {{ const canvas = document.querySelector('{where}');
                  const {{data}} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                  let text = '';
                  for (let at = 0; at < data.length; at += 8192)
                    text += String.fromCharCode(...data.subarray(at, at + 8192));
                  return btoa(text); }}"""
            )
        )
        rgba = np.frombuffer(pixels, np.uint8).reshape(-1, 4)
        values, counts = np.unique(rgba[rgba[:, 3] > 250][:, :3], axis=0, return_counts=True)
        return {tuple(int(part) for part in value): int(count) for value, count in zip(values, counts, strict=True)}

    def picture(self, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.fixture
def visit(browser, tmp_path):
    visits = []

    def visit(speed=1, values=None, arguments=(), folder="drive", **context):
        context.setdefault("viewport", {"width": 1360, "height": 1000})
        visits.append(Visit(browser, tmp_path / folder, speed, QUICK | (values or {}), arguments, context))
        return visits[-1]

    yield visit
    for each in visits:
        each.page.context.close()
        each.end()
        assert each.errors == []


RED = (194, 39, 39)  # --relay of the light theme


def test_a_call_is_ended_with_courtesy(visit):
    desk = visit(speed=2, color_scheme="light", device_scale_factor=1)
    desk.until_state("READY")
    assert desk.js("endcall.ring.lit") == 1
    assert RED not in desk.colours("#chart")
    desk.picture("ready")

    desk.press()
    desk.until_state("WARN")
    assert "up to you" in desk.text("#say")
    assert "is refused for another" in desk.text("#press-does")
    desk.until("endcall.ring.lit === 24")
    desk.wait(COUNTS_MS)
    desk.picture("warn")

    desk.press()
    desk.until_state("ENFORCE")
    desk.until("endcall.sound.level_db(endcall.time.now() - 100) > -30")
    assert "closing.wav" in desk.text("#heard")
    desk.wait(2000)
    desk.picture("enforce")
    desk.until_state("RECOVER")

    [gap] = desk.js("endcall.chart.breaks")
    assert (gap["ms"], gap["cause"]) == (600, "relay")
    desk.wait(300)
    assert desk.colours("#chart")[RED] > 200  # the label above the break
    # The relay's tint fills the gap: as wide as 600 of the chart's 15,000 ms.
    width, tinted = desk.js(
        """() => { const canvas = document.querySelector('#chart'), {width} = canvas;
             const {data} = canvas.getContext('2d').getImageData(0, 100, width, 1);
             let tinted = 0;
             for (let at = 0; at < data.length; at += 4)
               if (data[at + 3] > 15 && data[at] > data[at + 1] + 60) tinted++;
             return [width - 46 - 6, tinted]; }"""
    )
    assert tinted / width * 15_000 == pytest.approx(600, abs=40)
    assert "Loop open for 600 ms by the relay" in desk.text("#log")
    assert "600 ms" in desk.page.locator("#chart").get_attribute("aria-label")
    assert "releases the call" in desk.text("#exchange")
    desk.until_text("#guide-title", "Put the handset down")
    assert "Enforced" in desk.text("#incidents")
    assert "closing played to its end" in desk.text("#incidents")
    desk.picture("recover")

    desk.page.get_by_role("button", name="Put the handset down", exact=True).click()
    desk.until("endcall.desk.line.phase === 'idle'")
    desk.until_text("#guide-title", "Take a breath")

    samples, rate_hz = desk.pcm()
    prompt = stock_prompts()["closing.wav"]
    about = wav.parse(prompt[: wav.HEAD_BYTES], len(prompt))
    assert rate_hz == about.rate_hz
    assert samples.tobytes() == prompt[about.data_at : about.file_bytes]


TAP = """registerProcessor('tap', class extends AudioWorkletProcessor {
  process([[samples]]) { if (samples) this.port.postMessage(samples.slice()); return true; }
})"""


def test_what_comes_out_of_the_speaker_is_the_prompt(visit):
    # The long grace keeps the dial tone away until everything was heard.
    desk = visit(speed=3, values={"call.grace_ms": 10_000}, bypass_csp=True)
    desk.press()  # also the gesture without which a browser makes no sound
    desk.page.evaluate(
        """async source => { const {context, out} = endcall.sound;
             await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(source)}`);
             const tap = new AudioWorkletNode(context, 'tap');
             window.heard = [];
             tap.port.onmessage = ({data}) => heard.push(Int16Array.from(data, value => Math.round(value * 32768)));
             out.connect(tap); }""",
        TAP,
    )
    assert desk.js("endcall.sound.context.state") == "running"
    desk.wait(COUNTS_MS)
    desk.press()
    desk.until("endcall.desk.sound.playing")
    desk.until("!endcall.desk.sound.playing")
    desk.until("endcall.sound.context.currentTime > endcall.sound.next_s + 0.2")
    heard = desk.js("heard.map(({buffer}) => btoa(String.fromCharCode(...new Uint8Array(buffer))))")
    samples = np.frombuffer(b"".join(map(base64.b64decode, heard)), "<i2")
    # Every sample, in its order. A busy computer may put silence between two of them, so silence is not compared.
    played = desk.pcm()[0]
    assert len(played) > 16000
    assert samples[samples != 0].tobytes() == played[played != 0].tobytes()

    desk.page.get_by_role("button", name="Sound is on").click()
    assert desk.js("endcall.sound.out.gain.value") == 0


def test_the_keyboard_is_a_hand(visit):
    desk = visit(speed=2)
    keyboard = desk.page.keyboard
    keyboard.down(" ")
    desk.until("document.querySelector('#button').getAttribute('aria-pressed') === 'true'")
    desk.until_state("WARN")
    keyboard.up(" ")
    desk.until("!endcall.desk.button")
    assert desk.js("document.querySelector('#announcer').textContent").startswith("WARN. Set the limit. Press: ")
    desk.wait(200)
    keyboard.down("Enter")
    for _ in range(8):  # a key that is held repeats itself
        desk.wait(200)
        keyboard.down("Enter")
    desk.until_state("READY")
    keyboard.up("Enter")
    desk.until_text("#incidents", "Taken back")
    assert (
        desk.js("[...document.querySelectorAll('#log li')].filter(li => li.textContent.includes('WARN')).length") == 1
    )


def test_keys_on_another_control_are_not_the_button(visit):
    desk = visit()
    desk.page.locator("#handset").focus()
    desk.page.keyboard.press("Enter")
    desk.until("endcall.desk.line.handset === 'down'")
    desk.page.keyboard.press(" ")
    desk.until("endcall.desk.line.handset === 'up'")
    assert desk.text("#state") == "READY"


def test_a_hold_takes_the_limit_back_and_stops_the_closing(visit):
    desk = visit()  # in real time: a slow machine must not let the whole sentence pass before the hold
    desk.press()
    desk.until_state("WARN")
    desk.press(ms=1200)
    desk.until_state("READY")
    desk.press()
    desk.wait(COUNTS_MS)
    desk.press()
    desk.until_state("ENFORCE")
    desk.wait(800)
    desk.press(ms=1200)
    desk.until_state("WATCH")
    desk.wait(200)
    samples, rate_hz = desk.pcm()
    assert 0.7 < len(samples) / rate_hz < 4.5
    assert abs(int(samples[-1])) < 100  # faded, not cut
    assert desk.js("endcall.chart.breaks") == []
    assert "In a call" in desk.text("#handset")


def test_a_finger_is_a_hand(visit):
    desk = visit(speed=2, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}, color_scheme="dark")
    desk.page.locator("#button").tap()
    desk.until_state("WARN")
    desk.picture("narrow-dark")


def test_a_finger_that_slides_off_or_a_window_that_goes_lets_the_button_go(visit):
    desk = visit()
    box = desk.page.locator("#button").bounding_box()
    mouse = desk.page.mouse
    mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    mouse.down()
    desk.until("endcall.desk.button")
    mouse.move(5, 5)
    mouse.up()
    desk.until("!endcall.desk.button")
    desk.page.keyboard.down(" ")
    desk.until("endcall.desk.button")
    desk.js("dispatchEvent(new Event('blur'))")
    desk.until("!endcall.desk.button")
    desk.page.keyboard.up(" ")


def test_a_screen_readers_click_is_a_press(visit):
    desk = visit()
    desk.wait(200)
    desk.js("document.querySelector('#button').click()")
    desk.until_state("WARN")
    desk.until("!endcall.desk.button")


def test_callers_come_and_go(visit):
    desk = visit(speed=3, color_scheme="dark")
    desk.wait(700)  # the line is known to be off-hook after half a second
    desk.press()
    desk.until_state("WARN")
    desk.page.get_by_role("button", name="The caller hangs up").click()
    desk.until_state("READY")
    desk.until("endcall.desk.line.phase === 'dial_tone'")
    [gap] = desk.js("endcall.chart.breaks")
    assert (gap["ms"], gap["cause"]) == (350, "exchange")
    assert "Caller left" in desk.text("#incidents")
    assert desk.page.locator("#caller").is_disabled()
    desk.page.locator("#handset").click()
    desk.until("endcall.desk.line.phase === 'idle'")
    desk.page.get_by_role("button", name="A caller calls").click()
    desk.until("endcall.chart.lines.at(-1).bell")
    assert "Ringing" in desk.text("#handset")
    desk.wait(1500)
    desk.picture("ringing-dark")
    desk.page.get_by_role("button", name="Answer").click()
    desk.until("endcall.desk.line.phase === 'talking'")
    assert desk.text("#state") == "READY"


def test_what_if(visit):
    desk = visit(speed=3)
    desk.page.get_by_label("the USB plug is pulled?").check()
    desk.until_state("NO POWER")
    desk.until("endcall.ring.lit === 0")
    assert "In a call" in desk.text("#handset")
    desk.picture("no-power")
    desk.page.get_by_label("the USB plug is pulled?").uncheck()
    desk.until_state("READY")
    desk.page.get_by_label("the sound output is not connected?").check()
    desk.wait(300)
    desk.press()
    desk.until_state("FAULT")
    desk.until_text("#guide-title", "Fault 3: speaker")
    desk.picture("fault")


def test_what_if_the_firmware_crashes_in_the_break(visit):
    desk = visit(speed=3)
    desk.page.get_by_label("it crashes in the middle of the next break?").check()
    desk.press()
    desk.until_state("WARN")
    desk.wait(COUNTS_MS)
    desk.press()
    desk.until_text("#log", "The firmware crashed")
    desk.until_state("READY")
    assert "Loop open for 600 ms by the relay" in desk.text("#log")
    assert not desk.page.get_by_label("it crashes in the middle of the next break?").is_checked()


def test_a_setting_is_changed_while_it_runs(visit):
    desk = visit(speed=3)
    desk.page.get_by_label("Change a setting now").select_option("ring.brightness_pct")
    assert "brightness" in desk.text("#change-about").lower() or "%" in desk.text("#change-about")
    value = desk.page.get_by_label("Its value")
    assert value.input_value() == "20"
    value.fill("60")
    desk.page.get_by_role("button", name="Set", exact=True).click()
    desk.until("endcall.desk.settings['ring.brightness_pct'] === 60")
    desk.until_text("#change-said", "In force: ring.brightness_pct = 60")
    value.fill("600")
    desk.page.get_by_role("button", name="Set", exact=True).click()
    desk.until_text("#change-said", "100")
    assert desk.js("endcall.desk.settings['ring.brightness_pct']") == 60


def test_practising_with_a_caller_who_goes_on(visit):
    slowly = {"call.min_warn_s": 8, "button.hold_ms": 2000}  # 2 s and 0.5 s here: enough on a busy computer
    desk = visit(speed=4, values=slowly, color_scheme="light")
    desk.page.get_by_role("button", name="Practise a call").click()
    desk.until_text("#talk", "Three weeks")
    desk.press()  # too early, and the coach says so
    desk.until_text("#talk", "Too early")
    desk.page.locator("#button").click(delay=700)
    desk.until_text("#talk", "Taken back")
    desk.until_text("#talk", "complete idiot")
    desk.press()
    desk.until_text("#talk", "You would not dare")
    desk.press()
    desk.until_text("#talk", "Refused, with a blink")
    desk.wait(8100)
    desk.press()
    desk.until_text("#talk", "I was not finished")
    desk.picture("practice")
    desk.until_text("#coach", "Put the handset down")
    desk.page.locator("#handset").click()
    desk.until_text("#talk", "You were fair")
    desk.page.get_by_role("button", name="An honest apology").click()
    desk.until_text("#talk", "Three weeks")
    desk.page.get_by_role("button", name="End", exact=True).click()
    assert not desk.page.locator("#practice").is_visible()


def test_practising_with_a_bomb_threat_ends_well_by_doing_nothing(visit):
    desk = visit(speed=8)
    desk.page.get_by_role("button", name="Practise a call").click()
    desk.page.get_by_role("button", name="A bomb threat").click()
    desk.until_text("#talk", "There is a bomb")
    desk.press()
    desk.until_text("#talk", "Never limit this call")
    desk.page.locator("#button").click(delay=300)
    desk.until_text("#talk", "Right. You kept the line")


def test_every_lesson_can_be_ended_well(visit):
    """No beat is a dead end: each leads on by something that the person can do, or by itself."""
    desk = visit()
    lessons = desk.js("import('/static/lessons.js').then(({LESSONS}) => LESSONS)")
    for lesson in lessons:
        beats = lesson["beats"]
        for place, beat in enumerate(beats):
            ways = [way["to"] for way in beat["on"].values() if "to" in way]
            ways += [beat.get("to", place + 1)] if "after_s" in beat else []
            assert ways, f"{lesson['title']}: nobody leaves beat {place}"
            assert all(way == -1 or place < way <= len(beats) for way in ways)
            assert all(len(set(way) - {"to"}) == 1 for way in beat["on"].values())


def test_it_tells_how_endcall_reaches_it_and_shows_what_endcall_changed(visit):
    desk = visit()
    assert desk.text("#command") == f"endcall --port {desk.port} status"
    endcall = [sys.executable, "-c", "from endcall.cli import main; main()", "--port", desk.port]
    subprocess.run([*endcall, "set", "release.preset", "uk"], check=True, capture_output=True, timeout=20)
    desk.until_text("#settings", "uk, hang-up")
    assert "does not end a call" in desk.text("#line-is")
    assert "Settings changed: " in desk.text("#log")
    subprocess.run([*endcall, "set", "ring.pixels", "12"], check=True, capture_output=True, timeout=20)
    desk.until("endcall.ring.picture.length === 36")


def test_a_script_begins_when_somebody_watches_and_leaves_the_desk_to_them(visit, tmp_path):
    script = tmp_path / "call.txt"
    script.write_text("say A caller shouts.\npress\nuntil WARN\nwait 200ms\nhold\nexpect READY\n")
    desk = visit(speed=3, arguments=("--script", script))
    desk.until_text("#log", "The script is over")
    assert "A caller shouts." in desk.text("#log")
    desk.press()
    desk.until_state("WARN")


def test_a_demo_that_ends_is_said_and_one_that_starts_again_is_found(visit):
    desk = visit()
    desk.press()
    desk.until_state("WARN")
    desk.press(ms=1200)
    desk.until_text("#incidents", "Taken back")
    port = desk.url.rstrip("/").rsplit(":", 1)[1]
    desk.end()
    desk.until("document.querySelector('#link').dataset.is === 'off'")
    assert "start it again" in desk.text("#link")
    desk.start("--http-port", port)
    desk.until("document.querySelector('#link').dataset.is === 'on'")
    desk.until_state("READY")
    assert desk.js("document.querySelectorAll('#incidents [data-outcome]').length") == 1  # kept by --folder
    desk.errors = [error for error in desk.errors if "ERR_CONNECTION_REFUSED" not in error]


@pytest.mark.parametrize("width", [320, 390, 700, 900, 1100, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(page_at_rest, width, scheme):
    desk = page_at_rest
    desk.page.emulate_media(color_scheme=scheme)
    desk.page.set_viewport_size({"width": width, "height": 900})
    assert desk.js("document.documentElement.scrollWidth") <= width
    cut = desk.js(
        """() => [...document.querySelectorAll('h1, h2, button, .pill, .state-name')]
             .filter(element => element.offsetParent && !element.matches('.unseen'))
             .filter(element => element.scrollWidth > element.clientWidth + 1)
             .map(element => element.textContent)"""
    )
    assert cut == []
    if (width, scheme) in ((320, "light"), (900, "dark")):
        desk.picture(f"warn-{width}-{scheme}")


@pytest.fixture(scope="module")
def page_at_rest(browser, tmp_path_factory):
    desk = Visit(browser, tmp_path_factory.mktemp("rest") / "drive", 1, QUICK, (), {})
    desk.press()
    desk.until_state("WARN")
    yield desk
    desk.page.context.close()
    desk.end()


def test_the_theme_can_be_chosen(visit):
    desk = visit(color_scheme="light")
    light = desk.js("getComputedStyle(document.body).backgroundColor")
    desk.page.locator("#theme").click()  # auto to light
    assert desk.js("getComputedStyle(document.body).backgroundColor") == light
    desk.page.locator("#theme").click()
    assert desk.js("getComputedStyle(document.body).backgroundColor") != light
    desk.page.reload()
    desk.until("window.endcall?.desk.settings != null")
    assert desk.js("document.documentElement.dataset.theme") == "dark"
