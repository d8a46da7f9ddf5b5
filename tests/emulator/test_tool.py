"""The `endcall` command with the real firmware on the emulated Pico: what it shows, tests, keeps and brings back."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from endcall_core import settings

from . import button
from .button import Host, image
from .rig import Pico

ENDCALL = str(Path(sys.executable).with_name("endcall"))
COUPLING = 17


@pytest.fixture(scope="module")
def desk(stock_uf2):
    """A Pico in service with loop sense, settled, with the handset up."""
    pico = Pico.boot(image(stock_uf2, {"line.sense": "loop", "call.grace_ms": 0}))
    pico.line.lift_handset()
    pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=6000, what="READY on the ring")
    pico.run_until(lambda: pico.data.present, within_ms=6000, what="the data port")
    pico.run(300)
    return pico


def run(pico, folder, *arguments):
    """`endcall` with `arguments`, while the Pico's time passes: (exit code, stdout, stderr)."""
    with pico.data_pty() as path:
        process = subprocess.Popen(
            [ENDCALL, "--port", path, "--answer-s", "120", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=os.environ | {"XDG_DATA_HOME": str(folder)},
        )
        pico.run_while(process)
        out, err = process.communicate()
    return process.returncode, out, err


def cyan(pixels):
    return [index for index, (red, green, blue) in enumerate(pixels) if red == 0 < green == blue]


def test_identify_goes_round_on_the_ring(desk, tmp_path):
    def scenario(pico):
        done = run(pico, tmp_path, "identify", "--seconds", "3")
        pico.run(100)
        first = cyan(pico.ring())
        pico.run(700)
        second = cyan(pico.ring())
        pico.run_until(lambda: button.shows_ready(pico.ring()), within_ms=4000, what="the white dot again")
        return done, first, second

    done, first, second = desk.fork(scenario).result(timeout_s=300)
    assert done[0] == 0, done
    assert len(first) == len(second) == 6
    assert first != second


def test_a_call_in_practice_reaches_neither_line_nor_log(desk, tmp_path):
    def scenario(pico):
        done = run(pico, tmp_path, "practice", "on")
        pico.run(100)
        marked = [pico.ring()[index] for index in (6, 12, 18)]
        pico.press(150)
        pico.run_until(lambda: button.is_amber(pico.ring()[1]), within_ms=2000, what="WARN")
        pico.run(1300)
        pico.press(150)
        pico.run_until(lambda: button.is_red(pico.ring()[1]), within_ms=2000, what="ENFORCE")
        pico.run_until(lambda: button.is_blue(pico.ring()[1]), within_ms=12_000, what="RECOVER")
        pico.run(1000)
        host = Host(pico)
        host.hello()
        return done, marked, pico.line.breaks(), pico.edges(COUPLING), host.ask("log", after=0)["ok"]["count"]

    done, marked, breaks, coupling, count = desk.fork(scenario).result(timeout_s=600)
    assert done[0] == 0, done
    assert all(len(set(pixel)) == 1 and pixel[0] for pixel in marked), "every sixth pixel is white"
    assert breaks == []
    assert not any(edge.level for edge in coupling), "the sound was never coupled to the line"
    assert count == 0


def test_the_self_test_sees_the_line_drop(desk, tmp_path):
    def scenario(pico):
        done = run(pico, tmp_path, "selftest", "--alone", "--line", "phone", "--json")
        pico.run(200)
        return done, pico.line.breaks(), button.shows_ready(pico.ring())

    (code, out, err), breaks, is_ready = desk.fork(scenario).result(timeout_s=600)
    assert code == 0, out + err
    verdicts = {step["name"]: step["verdict"] for step in json.loads(out)["steps"]}
    assert verdicts["self-check"] == verdicts["relay"] == "pass"
    assert verdicts["button"] == "skipped"
    assert [round(gap.length_ms, 1) for gap in breaks] == [300.0]
    assert is_ready


def test_plan_apply_backup_and_restore(desk, tmp_path):
    (tmp_path / "office.toml").write_text('[device]\nname = "Front desk"\n[call]\nwarn_s = 77\n')
    (tmp_path / "other.toml").write_text("[call]\nwarn_s = 55\n")

    def scenario(pico):
        steps = [
            run(pico, tmp_path, "plan", "--exit-code", "office.toml"),
            run(pico, tmp_path, "apply", "office.toml"),
            run(pico, tmp_path, "plan", "--exit-code", "office.toml"),
            run(pico, tmp_path, "backup", "desk.zip"),
            run(pico, tmp_path, "apply", "other.toml"),
            run(pico, tmp_path, "restore", "desk.zip"),
        ]
        pico.power_cycle()
        pico.run_until(lambda: pico.data.present and pico.ring(), within_ms=8000, what="service after a power cycle")
        host = Host(pico)
        host.hello()
        return steps, json.loads(host.ask("get")["payload"]), pico.line.breaks()

    steps, values, breaks = desk.fork(scenario).result(timeout_s=900)
    assert [code for code, _, _ in steps] == [8, 0, 0, 0, 0, 0], steps
    assert (values["call.warn_s"], values["device.name"]) == (77, "Front desk")
    assert breaks == []
    with zipfile.ZipFile(tmp_path / "desk.zip") as file:
        names = set(file.namelist())
        prompt = file.read("prompts/closing.wav")
    assert {"settings.toml", "incidents.json", "backup.json", "prompts/warning.wav"} <= names
    stock = Path(__file__).resolve().parents[2] / "firmware" / "prompts" / "closing.wav"
    assert prompt == stock.read_bytes()
    assert settings.check("call.warn_s", values["call.warn_s"]) is None
