"""The committed outputs: fresh, printable, complete. Needs no KiCad."""

import io
import json
import struct
import wave
import zipfile

import pytest

from endcall_core import layout, wav
from hardware.electronics import board_files
from hardware.tools import manifest, mesh, tone
from hardware.wiring import wiring

FAB = manifest.HARDWARE / "fab"
STL = sorted((FAB / "stl").glob("*.stl"))


def test_no_output_is_stale():
    assert manifest.stale() == [], "run `make hardware`"


def test_a_changed_source_makes_outputs_stale(tmp_path, monkeypatch):
    recorded = json.loads(manifest.FILE.read_text())
    recorded["fab/bom.csv"]["sources"] = "something else"
    other = tmp_path / "MANIFEST.json"
    other.write_text(json.dumps(recorded))
    monkeypatch.setattr(manifest, "FILE", other)
    assert manifest.stale() == ["fab/bom.csv is older than electronics/circuit.py, electronics/bom.py"]


def test_there_is_something_to_print():
    assert {f.stem for f in STL} == {"base", "lid-30mm", "lid-60mm", "light-guide-30mm", "light-guide-60mm"}


@pytest.mark.parametrize("path", STL, ids=[f.stem for f in STL])
def test_part_can_be_printed(path):
    assert mesh.faults(path) == []


def test_a_hole_in_a_mesh_is_found(tmp_path):
    data = bytearray((FAB / "stl" / "light-guide-30mm.stl").read_bytes())
    (count,) = struct.unpack_from("<I", data, 80)
    data[80:84] = struct.pack("<I", count - 1)
    broken = tmp_path / "broken.stl"
    broken.write_bytes(data[:-50])
    assert any("watertight" in f for f in mesh.faults(broken))


def test_the_gerber_zip_has_every_layer():
    with zipfile.ZipFile(FAB / "endcall-gerber.zip") as z:
        ends = {name.rsplit(".", 1)[1] for name in z.namelist()}
        assert ends == {"gtl", "gbl", "gts", "gbs", "gto", "gbo", "gm1", "drl"}
        assert all(info.date_time == (2026, 1, 1, 0, 0, 0) for info in z.infolist())


def test_the_board_file_is_the_circuit():
    assert board_files.compare(board_files.FILE.read_text(encoding="utf8")) == []


def test_a_pad_on_the_wrong_net_is_found():
    text = board_files.FILE.read_text(encoding="utf8")
    number = next(n for n, name in board_files.net_names(text).items() if name == "K_LINE")
    assert board_files.compare(text.replace(f'(net {number} "K_LINE")', f'(net {number} "K_LOST")'))


def test_the_gap_is_free_of_copper():
    assert board_files.gap_mm(board_files.FILE.read_text(encoding="utf8")) >= 6.0


def test_the_perfboard_has_no_fault():
    assert wiring.kit_faults() == []


def test_the_perfboard_map_is_fresh():
    assert (FAB / "wiring" / "perfboard.svg").read_text() == wiring.perfboard_svg()
    assert (FAB / "wiring" / "perfboard-wires.csv").read_text() == wiring.wires_csv()


def test_the_tone_of_the_level_check_fits_the_device():
    data = tone.FILE.read_bytes()
    assert data == tone.wav()
    assert len(data) <= layout.SLOT_BYTES
    assert wav.parse(data[: wav.HEAD_BYTES], len(data)).rate_hz == 16000
    with wave.open(io.BytesIO(data)) as w:
        samples = memoryview(w.readframes(w.getnframes())).cast("h")
    assert max(samples) == 32767
    assert min(samples) == -32767
