"""The pseudo-terminal, seen from the device and from a program that opens and closes it."""

import os

import pytest

from endcall.desk.pty_port import PtyError, PtyPort


@pytest.fixture
def port():
    port = PtyPort()
    yield port
    port.close()


def read(port):
    buffer = bytearray(256)
    return bytes(buffer[: port.read_into(buffer)])


def opened(port):
    return os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def test_nobody_is_connected_at_first(port):
    assert not port.connected
    assert read(port) == b""


def test_bytes_pass_as_they_are_in_both_directions(port):
    every = bytes(range(256))
    host = opened(port)
    assert port.connected
    os.write(host, every)
    assert read(port) == every
    assert port.write(memoryview(every)) == 256
    assert os.read(host, 1000) == every
    with pytest.raises(BlockingIOError):
        os.read(host, 1)  # no echo
    os.close(host)


def test_it_can_be_closed_and_opened_again(port):
    for _ in range(3):
        host = opened(port)
        assert port.connected
        os.write(host, b"hello\n")
        os.close(host)
        assert not port.connected
        assert read(port) == b"hello\n"
        assert read(port) == b""


def test_a_host_that_reads_nothing_stalls_nobody(port):
    host = opened(port)
    taken = 0
    while count := port.write(bytes(1000)):
        taken += count
    assert 1000 < taken < 100_000
    assert port.write(b"more") == 0
    os.close(host)


def test_a_link_points_to_it_and_goes_with_it(tmp_path):
    link = tmp_path / "endcall"
    link.symlink_to("/nowhere")  # of an earlier run that was killed
    port = PtyPort(link)
    assert os.readlink(link) == port.path
    port.close()
    assert not link.is_symlink()


def test_a_link_that_another_demo_took_over_is_left_alone(tmp_path):
    link = tmp_path / "endcall"
    first, second = PtyPort(link), PtyPort(link)
    first.close()
    assert os.readlink(link) == second.path
    second.close()


def test_a_file_in_the_place_of_the_link_stays(tmp_path):
    file = tmp_path / "endcall"
    file.write_text("precious")
    with pytest.raises(PtyError, match="is a file of its own"):
        PtyPort(file)
    assert file.read_text() == "precious"
    with pytest.raises(PtyError, match="Give --pty-link another folder"):
        PtyPort(tmp_path / "no" / "such" / "folder")
