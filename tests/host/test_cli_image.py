"""`endcall image`: what comes out is a device with the settings and prompts asked for, and nothing half written."""

import os

import pytest

from endcall import image_command
from endcall.contents import firmware_files, stock_prompts
from endcall.image import DRIVE_OFFSET, FLASH_BLOCK, NVM_OFFSET, parse_uf2, read_drive
from endcall_core import layout, settings, stored, wire

from .desk_link import tone
from .test_image_uf2 import runtime_uf2


@pytest.fixture
def runtime(tmp_path):
    path = tmp_path / "circuitpython.uf2"
    path.write_bytes(runtime_uf2())
    return path


def drive_of(path):
    return read_drive(parse_uf2(path.read_bytes()).flash()[DRIVE_OFFSET:])


def record_on(drive):
    return stored.decode_store(drive[layout.STORE_PATHS[0].lstrip("/")])


def test_a_complete_device(computer, runtime, tmp_path):
    out = tmp_path / "endcall.uf2"
    result = computer.run("image", "--runtime", runtime, "--output", out)
    assert result.code == 0
    assert "RPI-RP2" in result.out
    drive = drive_of(out)
    for path, data in firmware_files().items():
        assert drive[path] == data
    assert record_on(drive).values == settings.defaults()
    for name, (slot, size, crc) in record_on(drive).prompts.items():
        data = drive[layout.SLOT_PATHS[slot].lstrip("/")]
        assert len(data) == layout.SLOT_BYTES
        assert wire.crc(data[:size]) == crc == wire.crc(stock_prompts()[name])
    assert b"UID:FFFFFFFFFFFFFFFF" in drive["boot_out.txt"]


def test_settings_prompts_and_number(computer, runtime, tmp_path):
    (tmp_path / "desk.toml").write_text('[release]\npreset = "uk"\n[prompt]\nclosing = "ours.wav"\n')
    (tmp_path / "x.wav").write_bytes(tone(ms=900))
    out = tmp_path / "endcall.uf2"
    result = computer.run(
        *("image", "--runtime", runtime, "--output", out, "--settings", tmp_path / "desk.toml"),
        *("--prompt", f"ours.wav={tmp_path / 'x.wav'}", "--uid", "e6614864d3417a36", "--json"),
    )
    assert result.code == 0
    assert result.json["settings"]["release.flash_ms"] == 100
    drive = drive_of(out)
    record = record_on(drive)
    assert (record.values["release.mode"], record.values["prompt.closing"]) == ("hangup", "ours.wav")
    assert "ours.wav" in record.prompts
    assert b"UID:E6614864D3417A36" in drive["boot_out.txt"]


def test_the_log_is_erased_only_when_asked(computer, runtime, tmp_path):
    for flags, sectors in (((), 0), (("--erase-log",), 1)):
        out = tmp_path / "endcall.uf2"
        assert computer.run("image", "--runtime", runtime, "--output", out, *flags).code == 0
        address = 0x10000000 + NVM_OFFSET
        covered = [s for s in parse_uf2(out.read_bytes()).segments if s.address <= address < s.address + len(s.data)]
        assert len(covered) == sectors
        if covered:
            at = address - covered[0].address
            assert covered[0].data[at : at + FLASH_BLOCK] == b"\xff" * FLASH_BLOCK


def test_the_same_input_gives_the_same_image(computer, runtime, tmp_path):
    for name in ("a.uf2", "b.uf2"):
        computer.run("image", "--runtime", runtime, "--output", tmp_path / name)
    assert (tmp_path / "a.uf2").read_bytes() == (tmp_path / "b.uf2").read_bytes()


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda folder: (folder / "circuitpython.uf2").unlink(), 2, "can't be read"),
        (lambda folder: (folder / "circuitpython.uf2").write_bytes(b"x" * 5000), 7, "not a UF2 file"),
        (lambda folder: (folder / "circuitpython.uf2").write_bytes(runtime_uf2(version="8.2.0")), 7, "too old"),
        (lambda folder: (folder / "desk.toml").write_text("call.warn_s = 4\n"), 7, "line 1, column 1: call.warn_s = 4"),
        (
            lambda folder: (folder / "desk.toml").write_text("[call]\nmin_warn_s = 31\n"),
            7,
            "line 2, column 1: call.min_warn_s",
        ),
        (lambda folder: (folder / "desk.toml").write_text('prompt.closing = "no.wav"\n'), 7, "no.wav"),
        (lambda folder: (folder / "desk.toml").unlink(), 2, "can't be read"),
        (lambda folder: (folder / "x.wav").write_bytes(tone(channels=2)), 7, "mono"),
    ],
)
def test_what_is_refused_leaves_the_old_file_alone(computer, runtime, tmp_path, change, code, said):
    (tmp_path / "desk.toml").write_text("")
    (tmp_path / "x.wav").write_bytes(tone())
    out = tmp_path / "endcall.uf2"
    out.write_bytes(b"the old one")
    change(tmp_path)
    result = computer.run(
        *("image", "--runtime", runtime, "--output", out, "--settings", tmp_path / "desk.toml"),
        *("--prompt", f"x.wav={tmp_path / 'x.wav'}"),
    )
    assert result.code == code
    assert said in result.err
    assert out.read_bytes() == b"the old one"


def test_usage(computer, runtime, tmp_path):
    out = tmp_path / "endcall.uf2"
    assert computer.run("image", "--runtime", runtime, "--output", out, "--prompt", "closing.wav").code == 2
    assert computer.run("image", "--runtime", runtime, "--output", out, "--uid", "12").code == 7
    nowhere = computer.run("image", "--runtime", runtime, "--output", tmp_path / "no" / "endcall.uf2")
    assert nowhere.code == 2
    assert "--output" in nowhere.err


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch):
    out = tmp_path / "endcall.uf2"
    out.write_bytes(b"the old one")

    def fail(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(image_command.UsageError, match=r"No space left"):
        image_command.write(out, b"the new one")
    assert out.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == ["endcall.uf2"]


def test_onto_the_bootloaders_drive_it_is_written_under_its_own_name(tmp_path, monkeypatch):
    (tmp_path / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2")
    monkeypatch.setattr(os, "replace", None)
    image_command.write(tmp_path / "endcall.uf2", b"the new one")
    assert (tmp_path / "endcall.uf2").read_bytes() == b"the new one"


def test_further_files_and_files_in_place_of_the_firmwares(runtime):
    data = image_command.build(runtime, extra_files={"code.py": b"print(1)\n", "probe.py": b"x = 1\n"})
    drive = read_drive(parse_uf2(data).flash()[DRIVE_OFFSET:])
    assert (drive["code.py"], drive["probe.py"]) == (b"print(1)\n", b"x = 1\n")
