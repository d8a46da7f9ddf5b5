"""At a real terminal: colours, and that NO_COLOR and a pipe get none."""

import os
import re
import subprocess
import sys
import time

import pytest

from endcall.desk.desk import Desk

pty = pytest.importorskip("pty")

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-79]|9[0-7]|38;[\d;]+)m")


@pytest.fixture
def desk(tmp_path):
    """A device with something to show in red, at a port of its own."""
    from endcall.desk.pty_port import PtyPort

    desk = Desk(tmp_path / "drive", port=PtyPort())
    desk.app.prompts.note_damage("closing.wav", True)
    yield desk
    desk.port.close()


def shown(desk, at_terminal=True, **more):
    """What `endcall info` shows on stdout, a terminal or a pipe."""
    inside, outside = pty.openpty() if at_terminal else reversed(os.pipe())
    # pytest's own NO_COLOR and the like must not decide this.
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-c", "from endcall.cli import main; main()", "info", "--port", desk.port.path],
        stdout=outside if at_terminal else inside,
        stderr=subprocess.PIPE,
        text=True,
        env={**env, "TERM": "xterm-256color", "COLUMNS": "200", **more},
    )
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        desk.run(1)
        time.sleep(0.0005)
    _, err = process.communicate(timeout=5)
    os.close(outside if at_terminal else inside)
    said = b""
    try:
        while piece := os.read(inside if at_terminal else outside, 65536):
            said += piece
    except OSError:  # how a terminal says that nobody has its other end any more
        pass
    assert process.returncode == 0, err
    assert "FAULT 2" in said.decode()
    return said.decode()


def test_a_fault_is_red(desk):
    assert COLOUR.search(shown(desk))


def test_no_color_is_obeyed(desk):
    assert not COLOUR.search(shown(desk, NO_COLOR="1"))


def test_a_pipe_gets_plain_text(desk):
    assert "\x1b" not in shown(desk, at_terminal=False)
