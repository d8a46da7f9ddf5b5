"""`endcall demo` as it is called: scripts, exit codes, what is printed, and the port beside a real `endcall`."""

import io
import json
import signal
import subprocess
import sys

import pytest

from endcall.desk import demo

from .conftest import CALLS

ENDCALL = [sys.executable, "-c", "from endcall.cli import main; main()"]


def headless(script, tmp_path, **options):
    """(exit code, events) of a run as fast as possible."""
    if "\n" in str(script) or not str(script).endswith(".txt"):
        (tmp_path / "call.txt").write_text(script)
        script = tmp_path / "call.txt"
    out = io.StringIO()
    code = demo.run(headless=True, script=script, speed=0, out=out, **options)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def start():
    """Starts `endcall demo …`; returns the process. It is ended after the test."""
    running = []

    def start(*arguments):
        command = [*ENDCALL, "demo", *map(str, arguments)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_whole_call_takes_no_time_and_is_told_in_lines_of_json(tmp_path):
    code, events = headless(CALLS / "enforced.txt", tmp_path)
    assert code == 0
    assert [event["event"] for event in events[:3]] == ["about", "settings", "call"]
    assert events[0]["command"] == f"endcall --port {events[0]['port']}"
    assert [event["ms"] for event in events if event["event"] == "break" and event["cause"] == "relay"] == [600]
    assert events[-1]["t"] > 14_000
    assert [event["t"] for event in events] == sorted(event["t"] for event in events)


def test_a_step_that_fails_is_exit_code_15_and_named(tmp_path, capsys):
    code, events = headless("press\nuntil ENFORCE within 2s", tmp_path)
    assert code == 15
    assert "call.txt:2: waited 2 s for ENFORCE, but the call is WARN" in capsys.readouterr().err
    assert events[-1]["say"].startswith("The script failed. call.txt:2")


def test_a_script_with_a_mistake_is_refused_before_anything_happens(tmp_path, capsys):
    code, events = headless("press\nprezz", tmp_path)
    assert (code, events) == (2, [])
    assert "call.txt:2: 'prezz' is no step" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"script": "no/such/file.txt"}, "Check its name"),
        ({"speed": 0}, "Use it with --headless and --script"),
        ({"speed": -1}, "Take 0"),
        ({"folder": __file__}, "Choose another --folder"),
        ({"folder": CALLS}, "holds other files"),
        ({"pty_link": __file__}, "Give --pty-link another name"),
    ],
)
def test_what_can_not_begin_is_exit_code_2_and_says_what_to_do(options, said, capsys):
    assert demo.run(headless=True, **options) == 2
    assert said in capsys.readouterr().err


def test_without_aiohttp_the_page_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "endcall.desk.page", raising=False)
    assert demo.run(open_browser=False) == 2
    assert 'pip install "endcall[demo]"' in capsys.readouterr().err


def test_a_http_port_that_is_taken_is_said(capsys, unused_port_holder):
    assert demo.run(open_browser=False, http_port=unused_port_holder) == 2
    assert "Give another --http-port" in capsys.readouterr().err


@pytest.fixture
def unused_port_holder():
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_folder_keeps_the_settings_of_the_device(tmp_path):
    folder = tmp_path / "drive"
    assert headless("set call.warn_s 45\nwait 10ms", tmp_path, folder=folder)[0] == 0
    _, events = headless("wait 10ms", tmp_path, folder=folder)
    assert events[1]["values"]["call.warn_s"] == 45


def test_endcall_talks_to_it_as_to_a_real_device(tmp_path, start):
    link = tmp_path / "button"
    process = start("--headless", "--pty-link", link, "--speed", "4")
    assert json.loads(process.stdout.readline())["event"] == "about"

    def endcall(*arguments):
        done = subprocess.run(
            [*ENDCALL, "--port", str(link), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # Three programs after one another: the port is opened and closed three times.
    assert "simulated desk" in endcall("info")
    endcall("set", "release.flash_ms", "450")
    assert "450" in endcall("get", "release.flash_ms")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (0, "")
    changed = [json.loads(line) for line in out.splitlines()]
    assert [event["values"]["release.flash_ms"] for event in changed if event["event"] == "settings"][-1] == 450
    assert not link.is_symlink()


def test_time_passes_as_fast_as_it_was_asked_to(tmp_path, start):
    (tmp_path / "call.txt").write_text("wait 8s\nexpect READY\n")
    import time

    began_s = time.monotonic()
    process = start("--headless", "--script", tmp_path / "call.txt", "--speed", "8")
    assert process.wait(timeout=10) == 0
    assert 1.0 <= time.monotonic() - began_s < 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_without_a_trace(start, number):
    process = start("--no-browser")
    assert process.stdout.readline().startswith("The desk is at    http://127.0.0.1:")
    assert "endcall --port /dev/" in process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (0, "")


def test_a_reader_who_has_enough_ends_it(tmp_path, start):
    (tmp_path / "call.txt").write_text("wait 1s\npress\nwait 1min\n")
    process = start("--headless", "--script", tmp_path / "call.txt", "--speed", "10")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=5) == 0
    assert process.stderr.read() == ""


def test_help_tells_what_a_script_may_say():
    said = subprocess.run([*ENDCALL, "demo", "--help"], capture_output=True, text=True, check=True).stdout
    for step in ("press [200ms]", "until CONDITION [within 60s]", "caller calls | caller hangs up", "set KEY VALUE"):
        assert step in said
    assert all(
        option in said for option in ("--headless", "--script", "--http-port", "--pty-link", "--speed", "--folder")
    )
