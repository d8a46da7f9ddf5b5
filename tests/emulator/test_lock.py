"""The second lock on the emulated Pico: a key is set, the port is hidden, and nothing but the hold and the key get in.

The emulated chip has no ring oscillator, so its nonces are no measure of os.urandom.
"""

import pytest

from endcall import keys

from . import button
from .button import Host, image
from .rig import Pico

KEY, OTHER = "0f1e2d3c4b5a6978" * 4, "a1" * 32


class KeyHost(Host):
    """Signs with `key`, once it was greeted and has a nonce."""

    def signed(self, key, do, **fields):
        self._number += 1
        self._pico.data.write(keys.signed({"id": self._number, "do": do, **fields}, None, key, self.nonce))
        return self._pico.run_until(self._answer, 3000, f"the answer to {do}")

    def begin(self):
        said = self.hello()
        answer = self.ask("lock")["ok"]
        self.nonce = answer.get("nonce")
        return said, answer


def in_the_window(pico):
    """Power-up with the button held for 6 s."""
    pico.hold_button()
    pico.power_cycle()
    pico.run(6500)
    pico.release_button()
    pico.run_until(lambda: pico.data.present, 9000, "the data port")
    pico.run(1500)
    host = KeyHost(pico)
    return host, *host.begin()


@pytest.fixture(scope="module")
def locked(stock_uf2):
    """A Pico with a key, in service mode, as its owner left it."""
    pico = Pico.boot(image(stock_uf2))
    pico.line.lift_handset()
    pico.run_until(lambda: pico.data.present and pico.ring(), 9000, "service")
    pico.run(300)
    host = KeyHost(pico)
    host.begin()
    assert "ok" in host.ask("lock_set", key=KEY)
    assert host.ask("lock")["ok"] == {"set": True}
    assert "ok" in host.ask("stage", values={"usb.access": "service"})
    assert "ok" in host.ask("commit")
    return pico


def test_the_hold_and_the_key_and_nothing_else(locked, record_property):
    def scenario(pico):
        host, said, lock = in_the_window(pico)
        seen = [said["access"], lock["set"], lock["left"], said["free_bytes"]]
        answers = [host.ask("practice", on=1)["error"], host.ask("bootloader")["error"]]
        began = pico.now_ns
        answers.append("ok" in host.signed(KEY, "stage", values={"call.warn_s": 44}))
        took_ms = (pico.now_ns - began) / 1e6
        answers.append("ok" in host.signed(KEY, "commit"))
        answers += [host.signed(OTHER, "practice", on=1)["error"] for _ in range(5)]
        answers.append(host.signed(KEY, "practice", on=1)["error"])
        pico.run_until(lambda: not pico.data.present, 4000, "the window closing")
        pico.frames.clear()
        pico.run_until(lambda: button.shows_ready(pico.ring()), 9000, "service without a port")
        pico.run(2000)
        after = [bool(pico.usb.ports and pico.data.present)]
        pico.power_cycle()
        pico.run_until(lambda: button.shows_ready(pico.ring()), 9000, "service after a power-up without a hold")
        pico.run(2000)
        after.append(bool(pico.usb.ports and pico.data.present))
        host, said, lock = in_the_window(pico)
        back = [said["access"], lock["left"], "ok" in host.signed(KEY, "practice", on=1), host.ask("status")["ok"]]
        return seen, answers, took_ms, after, back, pico.line.breaks()

    seen, answers, took_ms, after, back, breaks = locked.fork(scenario).result(timeout_s=900)
    assert seen[:3] == ["service window", True, 5]
    record_property("free heap with a key, bytes", seen[3])
    record_property("a signed request is answered within, ms", round(took_ms, 1))
    assert seen[3] >= 57_000
    assert answers == ["locked", "locked", True, True, *["wrong_key"] * 6]
    assert after == [False, False]
    assert back[:3] == ["service window", 5, True]
    assert back[3]["practice"] is True
    assert breaks == []
