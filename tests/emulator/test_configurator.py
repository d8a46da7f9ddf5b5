"""The configurator's page in Chromium, with the real firmware on the emulated Pico behind its serial port."""

import pytest
from host.desk_link import tone
from web.bridge import Bridge
from web.conftest import Visit, browser  # noqa: F401 - a fixture

from endcall_core.wire import crc

from . import button
from .button import Host, image
from .rig import Pico

STEP_MS = 10


@pytest.fixture
def pico(stock_uf2):
    pico = Pico.boot(image(stock_uf2))
    pico.line.lift_handset()
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=6000, what="READY on the ring")
    pico.run_until(lambda: pico.data.present, within_ms=6000, what="the data port")
    return pico


def test_it_configures_a_pico(browser, pico, tmp_path):  # noqa: F811 - the fixture
    prompt = tone(ms=400)
    (tmp_path / "short.wav").write_bytes(prompt)
    with pico.data_pty() as path, Bridge(path) as bridge:
        page = Visit(browser, bridge, viewport={"width": 1280, "height": 900})
        # The Pico's time passes while the page is waited for.
        page.while_waiting = lambda: pico.run(STEP_MS)
        page.page.locator('[data-do="connect"]:visible').click()
        page.until(lambda: page.text("#link") == "Connected", "the connection", within_s=60)
        page.until_text("#state", "Ready")
        assert "CircuitPython 10.2.1" in page.text("#facts")
        page.until(lambda: page.js("endcall.picture") == [part for pixel in pico.ring() for part in pixel])
        page.picture("pico")

        page.setting("device.name").fill("Bench")
        page.setting("call.warn_s").fill("77")
        page.write()
        page.until(lambda: "2 settings written, read back" in page.text("#notices"), "the read-back", within_s=60)

        page.tab("Prompts")
        page.page.locator("#wav").set_input_files(str(tmp_path / "short.wav"))
        page.button("Send to the device").click()
        page.until(lambda: "short.wav was sent, read back" in page.text("#notices"), "the prompt", within_s=120)

        pico.press(150)
        page.until_text("#state", "Warned")
        released_ms = pico.now_ms + 150
        page.until(lambda: pico.now_ms > released_ms)
        pico.press(1100)
        page.until(lambda: "Ready" in page.text("#state"), "READY after a hold", within_s=60)
        page.tab("Incidents")
        page.until(lambda: "Taken back" in page.text("#panel-incidents"), "the record", within_s=60)
        assert page.errors == []
        page.context.close()
    pico.power_cycle()
    pico.run_until(lambda: pico.data.present and pico.ring(), within_ms=8000, what="service after a power cycle")
    host = Host(pico)
    assert host.hello()["name"] == "Bench"
    assert b'"call.warn_s": 77' in bytes(host.ask("get")["payload"])
    prompts = bytes(host.ask("prompts")["payload"])
    assert crc(prompt).encode() in prompts
    assert pico.line.breaks() == []
