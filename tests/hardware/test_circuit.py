"""The one source of the electronics agrees with itself, with the firmware's pins and with the committed BOM."""

import ast
import csv
import io
from pathlib import Path

import pytest

from hardware.electronics import bom, circuit

ROOT = Path(__file__).resolve().parents[2]

FIRMWARE_NAME = {
    "BTN": "BUTTON",
    "RING_3V": "RING",
    "K_LINE": "LINE_RELAY",
    "LOOP": "LOOP_SENSE",
    "HANDSET": "HANDSET_SENSE",
    "I2S_BCK": "I2S_BIT_CLOCK",
    "I2S_LCK": "I2S_WORD_SELECT",
    "I2S_DIN": "I2S_DATA",
    "DAC_MUTE": "DAC_MUTE",
    "K_AUDIO": "AUDIO_RELAY",
}


def firmware_pins() -> dict[str, int]:
    """The integer constants of pins.py, read and not imported: it may import what only the Pico has."""
    tree = ast.parse((ROOT / "firmware/lib/endcall_device/pins.py").read_text())
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int)
    }


def test_the_circuit_has_no_fault():
    assert circuit.check() == []


@pytest.mark.parametrize(("signal", "name"), sorted(FIRMWARE_NAME.items()))
def test_the_board_and_the_firmware_use_the_same_pin(signal, name):
    assert firmware_pins()[name] == circuit.GPIO[signal]


def test_every_pin_of_the_firmware_is_on_the_board():
    on_board = set(FIRMWARE_NAME.values())
    assert set(firmware_pins()) - on_board == {"LED"}, "LED is on the Pico itself; anything else needs a wire"


def test_the_pico_pads_are_those_of_its_datasheet():
    # Spot checks against the printed pinout: both ends of both rows and the pads beside a ground.
    assert {g: circuit.PICO_PAD[g] for g in (0, 2, 9, 10, 14, 15, 16, 17, 18, 22, 28)} == {
        0: 1, 2: 4, 9: 12, 10: 14, 14: 19, 15: 20, 16: 21, 17: 22, 18: 24, 22: 29, 28: 34,
    }  # fmt: skip
    grounds = {pad for pad, net in circuit.BY_REF["U1"].pins.items() if net == "GND"}
    assert grounds == {"3", "8", "13", "18", "23", "28", "33", "38"}


def test_a_dead_device_leaves_the_line_closed_and_silent():
    k1, k2 = circuit.BY_REF["K1"].pins, circuit.BY_REF["K2"].pins
    # G6E: 7 is the moving contact, 10 rests on it, 12 meets it under current.
    assert (k1["7"], k1["10"]) == ("PH_T", "LT")
    assert (k2["7"], k2["12"], k2["10"]) == ("AUD_C", "AUD_S", None)
    pulled_down = {p.pins["1"] for p in circuit.PARTS if p.value in ("2k2", "10k") and p.pins.get("2") == "GND"}
    assert {"K_LINE", "K_AUDIO", "DAC_MUTE"} <= pulled_down


def test_nothing_but_rated_parts_crosses_the_gap():
    bridges = {p.ref: p.mpn for p in circuit.PARTS if p.side == "bridge"}
    assert bridges == {
        "T1": "P1200",
        "K1": "G6E-134P-US-DC5",
        "K2": "G6E-134P-US-DC5",
        "U4": "LTV-814",
        "U5": "LTV-817",
        "PS1": "IHA0105S12",
    }


def test_a_net_on_both_sides_is_found(monkeypatch):
    bad = circuit.Part("R99", "1k", "Device:R", circuit.R_, {"1": "GND", "2": "LINE_R"}, "usb", "a fault")
    monkeypatch.setattr(circuit, "PARTS", [*circuit.PARTS, bad])
    monkeypatch.setattr(circuit, "BY_REF", {p.ref: p for p in circuit.PARTS})
    assert any("R99" in line and "LINE_R" in line for line in circuit.check())


@pytest.mark.parametrize("name", sorted(bom.outputs()))
def test_the_committed_lists_are_fresh(name):
    assert (bom.FAB / name).read_text() == bom.outputs()[name], (
        f"hardware/fab/{name} is stale: run `python -m hardware.electronics.bom`"
    )


def test_the_bom_is_complete():
    rows = list(csv.DictReader(io.StringIO(bom.bom_text())))
    listed = " ".join(r["References"] for r in rows if r["References"] != "-").split()
    assert sorted(listed) == sorted(p.ref for p in circuit.PARTS if p.bom)
    assert all(r["Why it is there"] and r["Price class (EUR each)"] for r in rows)
    assert all(int(r["Quantity"]) == len(r["References"].split()) for r in rows if r["References"] != "-")


def test_the_module_has_the_gain_the_attenuator_is_made_for():
    """GAIN and VIN of the MAX98357A's header on 5 V: 6 dB. Its data sheet wants 0.9 of the supply or more."""
    pins = circuit.BY_REF["J5"].pins
    assert pins["4"] == pins["7"] == "+5V"
    assert pins["5"] == "DAC_MUTE"


def test_the_module_is_off_while_the_pin_floats():
    """Off is below 0.08 V (B0, minimum). Adafruit's board pulls SD up through 1 Mohm; 220 kohm would do, too."""
    pull_down = 1 / (1 / circuit.ohm("R13") + 1 / 92e3)  # with the chip's own, at its lowest
    for pull_up in (220e3, 1e6):
        assert 5.5 * pull_down / (pull_down + pull_up) < 0.08
