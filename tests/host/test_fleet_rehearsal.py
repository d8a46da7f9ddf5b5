"""The way through the README without hardware: simulated devices behind real pseudo-terminals, and the real command."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from endcall import fleet_file, ports
from endcall.fleet_rehearsal import serial

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

WAIT_S = 30


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def endcall(folder, *arguments, ok=0):
    environment = os.environ | {ports.PORT_FOLDER: "rehearsal/ports", "COLUMNS": "200"}
    run = subprocess.run(
        [sys.executable, "-c", "from endcall.cli import main; main()", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert run.returncode == ok, run.stderr
    return run.stdout


@contextlib.contextmanager
def rehearsing(folder, *arguments, devices):
    """`endcall fleet rehearse`, as a person starts it."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from endcall.cli import main; main()", "fleet", "rehearse", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        told = [process.stderr.readline() for _ in range(2 + devices)]
        assert f"export {ports.PORT_FOLDER}=rehearsal/ports" in told[0]
        assert told[-1] == f"plugged in: {serial(devices)}\n"
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(WAIT_S)
        process.stderr.close()


@pytest.fixture
def rehearsal(folder):
    with rehearsing(folder, devices=5) as process:
        yield process


def test_from_new_devices_to_a_fleet(folder, rehearsal):
    listed = endcall(folder, "list")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [serial(number) for number in range(1, 6)]
    (folder / "fleet.toml").write_text(endcall(folder, "fleet", "example"))
    assert "3 devices, 1 group; 3 without a serial number yet" in endcall(folder, "fleet", "validate")
    assert "3 done, of 3" in endcall(folder, "fleet", "apply", "--watch", "--adopt")
    entries = fleet_file.read(folder / "fleet.toml").entries
    assert [(entry.name, entry.serial) for entry in entries] == [
        ("Front desk", serial(1)),
        ("Berlin 1", serial(2)),
        ("Berlin 2", serial(3)),
    ]
    assert "as in the file" in endcall(folder, "fleet", "plan", "--exit-code")
    text = (folder / "fleet.toml").read_text().replace("min_warn_s = 8", "min_warn_s = 6")
    (folder / "fleet.toml").write_text(text)
    planned = endcall(folder, "fleet", "plan", "--exit-code", ok=8)
    assert "3 devices: Front desk (DE5C0001), Berlin 1 (DE5C0002), Berlin 2 (DE5C0003)" in planned
    assert "call.min_warn_s  8    6" in planned
    assert "2 done, of 2" in endcall(folder, "fleet", "apply", "--group", "berlin")
    endcall(folder, "fleet", "apply")
    shown = endcall(folder, "fleet", "status")
    assert shown.count("as in the file") == 3
    endcall(folder, "get", "call.min_warn_s", "--name", "Berlin 2")


def test_an_unplugged_device_is_absent_and_resume_does_it_later(folder, rehearsal):
    endcall(folder, "list")
    entries = "".join(f'[[device]]\nname = "Desk {n}"\nserial = "{serial(n)}"\n' for n in range(1, 6))
    (folder / "fleet.toml").write_text("[defaults]\nring.brightness_pct = 33\n" + entries)
    port = folder / "rehearsal" / "ports" / serial(4)
    behind = os.readlink(port)
    port.unlink()
    assert "4 done, 1 absent, of 5" in endcall(folder, "fleet", "apply", ok=10)
    os.symlink(behind, port)
    assert "1 done, 4 done earlier, of 5" in endcall(folder, "fleet", "apply", "--resume")
    assert "33" in endcall(folder, "get", "ring.brightness_pct", "--serial", serial(4))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_ports_are_gone_afterwards(folder, rehearsal, number):
    rehearsal.send_signal(number)
    assert rehearsal.wait(WAIT_S) == 0
    assert os.listdir(folder / "rehearsal" / "ports") == []


def test_ports_that_a_killed_rehearsal_left_are_made_anew(folder, rehearsal):
    rehearsal.kill()
    rehearsal.wait(WAIT_S)
    assert len(os.listdir(folder / "rehearsal" / "ports")) == 5
    with rehearsing(folder, "--devices", "2", "--every", "0.1", devices=2):
        assert sorted(os.listdir(folder / "rehearsal" / "ports")) == [serial(1), serial(2)]
        assert len(endcall(folder, "list").splitlines()) == 3


def test_without_the_variable_no_simulated_port_is_seen(folder, monkeypatch):
    (folder / "DE5C0001").symlink_to("/dev/null")
    (folder / "a file").write_text("")
    monkeypatch.setattr(ports, "_system_ports", list)
    monkeypatch.delenv(ports.PORT_FOLDER, raising=False)
    assert ports.list_ports() == []
    monkeypatch.setenv(ports.PORT_FOLDER, str(folder))
    assert [(port.path, port.serial) for port in ports.list_ports()] == [(str(folder / "DE5C0001"), "DE5C0001")]
    monkeypatch.setenv(ports.PORT_FOLDER, str(folder / "nowhere"))
    assert ports.list_ports() == []
