# SPDX-License-Identifier: CERN-OHL-P-2.0

"""Draw the schematic: where each part of circuit.py stands on the sheet and how its wires run.

The drawing says only where things are; values, part numbers and pins come from circuit.py, and the finished
drawing is read back and compared with circuit.py net by net.

usage: python -m hardware.electronics.schematic            writes electronics/endcall.kicad_sch
       python -m hardware.electronics.schematic --check    fails if the committed drawing differs
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from hardware.electronics import circuit
from hardware.electronics.bom import natural
from hardware.electronics.kicad_sch import Quoted, Schematic, arc, box_symbol, dump, effects, line, netlist

HERE = Path(__file__).resolve().parent
FILE = HERE / "endcall.kicad_sch"
LIBRARY = HERE / "endcall.kicad_sym"
BARRIER = 150.0  # x of the isolation barrier on the sheet; the board has the same order from left to right
Key = tuple[tuple[float, float], tuple[float, float]]


def _own_symbols() -> dict[str, list]:
    names = circuit.PICO_NAME
    kind = {"GND": "passive", "AGND": "passive", "VBUS": "power_out", "3V3": "power_out", "RUN": "input"}

    def pico(pad: int) -> tuple[str, str, str]:
        name = names[str(pad)]
        return str(pad), name, kind.get(name, "bidirectional" if name.startswith("GP") else "passive")

    coil = [arc(-0.635, y, 0.635, 1) for y in (1.905, 0.635, -0.635, -1.905)]
    coil2 = [arc(0.635 + 1.27, y, 0.635, -1) for y in (1.905, 0.635, -0.635, -1.905)]
    core = [line((0.3, 2.54), (0.3, -2.54)), line((0.97, 2.54), (0.97, -2.54))]
    leads = [
        line((-2.54, 2.54), (-0.635, 2.54)), line((-2.54, -2.54), (-0.635, -2.54)),
        line((3.81, 2.54), (1.905, 2.54)), line((3.81, -2.54), (1.905, -2.54)),
    ]  # fmt: skip
    transformer = box_symbol("endcall:Line_Transformer", [], [], 3)

    def pin(number: str, x: float, y: float, angle: int) -> list:
        return [
            "pin", "passive", "line", ["at", x, y, angle], ["length", 2.54],
            ["name", Quoted("~"), effects()], ["number", Quoted(number), effects()],
        ]  # fmt: skip

    transformer[-2] = [*transformer[-2][:2], *coil, *coil2, *core, *leads]
    transformer[-1] = [
        *transformer[-1][:2],
        pin("1", -5.08, 2.54, 0), pin("3", -5.08, -2.54, 0), pin("6", 6.35, 2.54, 180), pin("4", 6.35, -2.54, 180),
    ]  # fmt: skip
    io = "input"
    return {
        "endcall:Line_Transformer": transformer,
        "endcall:Pico": box_symbol(
            "endcall:Pico", [pico(p) for p in range(1, 21)], [pico(p) for p in range(40, 20, -1)], 14
        ),
        "endcall:MAX98357A_Module": box_symbol(
            "endcall:MAX98357A_Module",
            [("2", "BCLK", io), ("1", "LRC", io), ("3", "DIN", io), ("5", "SD", io)],
            [("7", "VIN", "passive"), ("4", "GAIN", "passive"), None, ("6", "GND", "passive")],
            9,
        ),
        "endcall:74AHCT125": box_symbol(
            "endcall:74AHCT125",
            [("2", "1A", io), ("1", "~{1OE}", io), None, ("5", "2A", io), ("9", "3A", io), ("12", "4A", io)]
            + [("4", "~{2OE}", io), ("10", "~{3OE}", io), ("13", "~{4OE}", io)],
            [("3", "1Y", "tri_state"), None, None, ("6", "2Y", "tri_state"), ("8", "3Y", "tri_state")]
            + [("11", "4Y", "tri_state"), None, ("14", "VCC", "power_in"), ("7", "GND", "power_in")],
            8,
        ),
        "endcall:DCDC_SIP7": box_symbol(
            "endcall:DCDC_SIP7",
            [("1", "+Vin", "power_in"), None, ("2", "-Vin", "power_in")],
            [("7", "+Vout", "power_out"), None, ("5", "-Vout", "power_out")],
            8,
            [line((0, 5.08), (0, -5.08), width=0.0)],
        ),
    }


def draw() -> Schematic:
    s = Schematic(
        circuit.TITLE, "A2", circuit.REVISION, circuit.DATE,
        ["Left of the barrier: USB side. Right of it: telephone line.", "Licence: CERN-OHL-P-2.0"],
    )  # fmt: skip
    own = _own_symbols()

    def put(ref: str, x: float, y: float, rot: int = 0, mirror: str | None = None, text: Key | None = None) -> None:
        p = circuit.BY_REF[ref]
        fields = {"MPN": p.mpn, "Maker": p.maker} if p.bom else {}
        s.place(
            p.symbol, ref, p.value, x, y, rot=rot, mirror=mirror, symbol=own.get(p.symbol),
            footprint=p.footprint, fields=fields, text=text,
        )  # fmt: skip

    right, left, up, down = "right", "left", "up", "down"

    # ---------------------------------------------------------------- 1 Pico
    s.block("1  Raspberry Pi Pico", 4, 6, 60, 62)
    put("U1", 32, 24, text=((-7, -11.6), (-7, 12.2)))
    for pad, net in circuit.BY_REF["U1"].pins.items():
        pin = f"U1.{pad}"
        way = left if int(pad) <= 20 else right
        if net is None:
            s.no_connect(pin)
        elif net in ("GND", "+5V", "+3V3"):
            s.label(net, pin, way, 1)
        else:
            s.label(net, pin, way, 5)
    put("U3", 15, 50)
    s.label("+3V3", "U3.2", up)
    s.label("GND", "U3.3", down)
    s.label("RUN", "U3.1", right, 4)
    put("C4", 32, 50)
    s.label("+3V3", "C4.1", up)
    s.label("GND", "C4.2", down)
    s.text(
        "U3 holds the Pico in reset below\n2.93 V and for 350 ms after: flash\nneeds 2.7 V, the chip wakes at 1 V.",
        36,
        52,
    )

    # ---------------------------------------------------------------- supplies and test points
    s.block("Test points, supplies, screws", 4, 64, 60, 92)
    for k, (ref, x) in enumerate(
        zip(("TP1", "TP2", "TP3", "TP4", "TP5", "TP6", "TP7", "TP8", "TP9", "TP10"), range(8, 60, 5), strict=False)
    ):
        y = 73 if k % 2 == 0 else 76
        put(ref, x, y, text=((-1.4, -2.2), (-1.4, -3.2)))
        prop = [i for i in s.items[-1] if isinstance(i, list) and i[0] == "property"][1]
        prop[-1].append("hide")
        net = next(iter(circuit.BY_REF[ref].pins.values()))
        s.label(net, f"{ref}.1", down, 0 if net in ("GND",) or net.startswith("+") else 4)
    for k, net in enumerate(("GND", "PS_N")):
        x = 9 + 6 * k
        s.place("power:PWR_FLAG", f"#FLG{k + 1:02d}", "PWR_FLAG", x, 85, hide_value=True)
        s.label(net, f"#FLG{k + 1:02d}.1", down, 0 if net in ("GND",) or net.startswith("+") else 3)
    for k in range(4):
        put(f"H{k + 1}", 41 + 5 * k, 86, text=((-1.2, -1.6), (-1.0, 1.9)))

    # ---------------------------------------------------------------- 2 ring and button
    s.block("2  Ring of light and button", 62, 6, 137, 48)
    put("U2", 88, 19, text=((-4, -6.6), (-4, 6.7)))
    s.label("RING_3V", (68, 15), left)
    put("R2", 74, 17.5)
    s.wire((68, 15), "U2.2")
    s.wire("R2.1", ("y", 15))
    s.dot((74, 15))
    s.label("GND", "R2.2", down)
    s.label("GND", "U2.1", left)
    s.wire("U2.5", (81, 18), (81, 20), "U2.12")
    s.wire("U2.9", (81, 19))
    s.dot((81, 19), (81, 20))
    s.label("GND", (81, 20), left)
    s.wire("U2.4", (82, 21), (82, 23), "U2.13")
    s.wire("U2.10", (82, 22))
    s.dot((82, 22), (82, 23))
    s.label("+5V", (82, 23), left)
    for pin in ("6", "8", "11"):
        s.no_connect(f"U2.{pin}")
    s.label("+5V", "U2.14", right)
    s.label("GND", "U2.7", right)
    put("C2", 104, 24)
    s.label("+5V", "C2.1", up)
    s.label("GND", "C2.2", down)
    put("C1", 112, 24)
    s.label("+5V", "C1.1", up)
    s.label("GND", "C1.2", down)
    put("R1", 112, 15, rot=90)
    s.wire("U2.3", "R1.1")
    s.label("RING_5V", (97, 15), right)
    put("J1", 128, 15, text=((1.2, -2.2), (1.2, 2.4)))
    s.wire("R1.2", "J1.2")
    s.label("RING_DIN", (118, 15), right)
    s.label("+5V", "J1.1", up)
    s.label("GND", "J1.3", down)
    s.text("A WS2812 reads a one above 3.5 V, the Pico\ngives 3.3 V. U2 (AHCT) turns it into 5 V.", 92, 32)

    put("J2", 128, 38, text=((1.2, -2.2), (1.2, 3.3)))
    s.label("BTN", (68, 37), left)
    put("R4", 84, 34.5)
    put("C3", 94, 39.5)
    put("R3", 104, 37, rot=90)
    s.label("+3V3", "R4.1", up)
    s.wire((68, 37), "R3.1")
    s.wire("R4.2", ("y", 37))
    s.wire("C3.1", ("y", 37))
    s.dot((84, 37), (94, 37))
    s.label("GND", "C3.2", down)
    s.wire("R3.2", "J2.1")
    s.label("BTN_SW", (112, 37), right)
    s.label("GND", "J2.2", left)
    put("R5", 114, 43, rot=90)
    s.wire("R5.2", (123, 43), (123, 39), "J2.3")
    s.label("LAMP", (118, 43), right)
    s.label("+5V", "R5.1", left)
    s.label("GND", "J2.4", down)

    # ---------------------------------------------------------------- 7 line and telephone
    s.block("7  Line and telephone", 154, 6, 229, 48)
    put("J3", 160, 20, text=((-2.5, -4.6), (-2.5, 3.6)))
    s.no_connect("J3.1")
    s.no_connect("J3.4")
    put("F1", 174, 19, rot=90)
    s.wire("J3.3", "F1.1")
    s.label("LINE_T", (165.5, 19), right)
    s.wire("F1.2", (196, 19))
    s.label("LT", (196, 19), right)
    put("D6", 186, 22, rot=270)
    s.wire("D6.1", ("y", 19))
    s.wire("J3.2", (170, 20), (170, 25), (196, 25))
    s.wire("D6.2", ("y", 25))
    s.dot((186, 19), (186, 25))
    s.label("LINE_R", (196, 25), right)
    put("J4", 222, 20, mirror="y", text=((0, -4.6), (0, 3.6)))
    s.no_connect("J4.1")
    s.no_connect("J4.4")
    s.label("PH_T", "J4.3", left, 4)
    s.label("PH_R", "J4.2", left, 4)
    s.text(
        "Idle: LT goes through K1 (resting contact) to PH_T, LINE_R through the loop sense to PH_R.\n"
        "F1 stops a mains wire that touches the line; D6 shorts the pair above 275 V, so no part\n"
        "behind it sees more than 350 V. 56.5 V battery and 150 V of ringing peak at 269 V and pass.\n"
        "Only the two middle wires (2 and 3) of the cord are used. Polarity does not matter.",
        157, 40,
    )  # fmt: skip

    # ---------------------------------------------------------------- 3 sound
    s.block("3  Sound: module, fixed attenuator, transformer, coupling relay K2", 62, 50, 229, 104)
    put("J5", 75, 60, text=((-4.5, -3.0), (-2.0, -3.0)))
    for pin, net in (("2", "I2S_BCK"), ("1", "I2S_LCK"), ("3", "I2S_DIN"), ("5", "DAC_MUTE")):
        s.label(net, f"J5.{pin}", left, 1)
    s.wire("J5.4", ("x", 83), (83, 58.5), "J5.7")
    s.label("+5V", (83, 58.5), up)
    s.label("GND", "J5.6", right)
    put("R13", 67, 68)
    s.label("DAC_MUTE", "R13.1", up, 0)
    s.label("GND", "R13.2", down)
    put("J6", 84, 65, text=((-1.0, -1.8), (-1.0, 2.6)))
    s.lines((79.8, 62), (79.8, 65.5), (82.3, 65.5), kind="dash")
    s.text("two wires from the\nloudspeaker terminals", 70.4, 65.2, 1.4)
    put("R14", 98, 63, rot=90)
    put("R15", 98, 71, rot=90)
    s.wire("J6.1", ("x", 88), (88, 63), "R14.1")
    s.wire("J6.2", ("x", 88), (88, 71), "R15.1")
    s.label("AMP_P", (90, 63), right)
    s.label("AMP_N", (90, 71), right)
    put("C5", 108, 65)
    put("C7", 108, 73)
    put("R16", 121, 67)
    put("T1", 150, 65, text=((-2, -2.6), (-2.4, 2.9)))
    s.wire("R14.2", (144, 63), (144, 64), "T1.1")
    s.wire("R15.2", (144, 71), (144, 66), "T1.3")
    s.label("AUD_P", (112, 63), right)
    s.label("AUD_N", (112, 71), right)
    s.wire("C5.1", ("y", 63))
    s.label("GND", "C5.2", down)
    s.wire("C7.1", ("y", 71))
    s.label("GND", "C7.2", down)
    s.wire("R16.1", ("y", 63))
    s.wire("R16.2", ("y", 71))
    put("D3", 136, 65, rot=270)
    put("D4", 136, 69, rot=90)
    s.wire("D3.1", ("y", 63))
    s.wire("D3.2", "D4.2")
    s.label("ZZ1", (136, 67), left)
    s.wire("D4.1", ("y", 71))
    s.dot((108, 63), (108, 71), (121, 63), (121, 71), (136, 63), (136, 71))
    put("K2", 150, 92, text=((4.4, -0.5), (4.4, 0.5)))
    put("D5", 164, 66, rot=270)
    s.wire("T1.6", (176, 64), (176, 86), (153, 86), "K2.12")
    s.label("AUD_S", (156, 64), right)
    s.wire("D5.1", ("y", 64))
    s.wire("T1.4", (156, 66), (156, 68), (170, 68))
    s.wire("D5.2", ("y", 68))
    s.dot((164, 64), (164, 68))
    s.label("LINE_R", (170, 68), right)
    put("R17", 176, 92, rot=180)
    s.wire("R17.2", ("y", 86))
    s.dot((176, 86))
    s.wire("K2.7", (152, 98), (189.5, 98))
    s.wire("R17.1", ("y", 98))
    s.dot((176, 98))
    s.label("AUD_C", (158, 98), right)
    put("C6", 191, 98, rot=270)
    s.wire("C6.1", (200, 98))
    s.label("LT", (200, 98), right)
    s.no_connect("K2.10")
    driver(s, put, "K_AUDIO", "R8", "R9", "Q2", "D2", "K2", 92)
    s.text(
        "Level. GAIN on 5 V is 6 dB: a full-scale sine leaves the module with 2.54 Vrms between its outputs.\n"
        "R14, R15, R16 and T1 make of it -10.6 dBm on 600 ohm and never more than -9 dBm, in every tolerance\n"
        "corner: no setting, file or bug can be louder. C5 and C7 take the 300 kHz carrier of the module's\n"
        "switched outputs and lower what lies above the voice band. SD low is off; R13 holds it there.",
        74, 82.5,
    )  # fmt: skip
    s.text(
        "K2 rests open: an idle device shows the line\n2.2 Mohm in series with 1 uF, that is nothing.\n"
        "R17 keeps C6 charged, so K2 closes without a click.\nD5 and D3/D4 stop what C6 throws when D6 fires.",
        182, 74,
    )  # fmt: skip

    # ---------------------------------------------------------------- 4 line relay
    s.block("4  Line relay K1: rests closed", 62, 106, 229, 130)
    put("K1", 150, 116, text=((4.4, -0.5), (4.4, 0.5)))
    driver(s, put, "K_LINE", "R6", "R7", "Q1", "D1", "K1", 116)
    s.wire("K1.10", ("y", 110), (158, 110))
    s.label("LT", (158, 110), right)
    s.wire("K1.12", ("y", 112), (158, 112))
    s.label("HS_K", (158, 112), right)
    s.wire("K1.7", ("y", 121), (158, 121))
    s.label("PH_T", (158, 121), right)
    s.text(
        "No power, no firmware, no Pico: contact 7-10 is closed and the telephone works.\n"
        "Coil on: the loop is open, and the telephone hangs on contact 12, the handset sense.\n"
        "R7 keeps Q1 off while the Pico's pin floats. G6E: 250 VAC / 220 VDC contacts, FCC 68 surge;\n"
        "coil and contact rows are 7.62 mm apart, which leaves 6.1 mm between copper.",
        166, 121,
    )  # fmt: skip

    # ---------------------------------------------------------------- 5 loop current
    s.block("5  Loop current, either polarity", 62, 132, 229, 145.2)
    put("U4", 150, 139, mirror="y", text=((-1.6, -2.4), (-2, 2.6)))
    put("R11", 132, 136, rot=90)
    s.wire("U4.4", (140, 138), (124, 138))
    s.label("LOOP", (124, 138), left)
    s.wire("R11.2", (140, 136), (140, 138))
    s.dot((140, 138))
    s.label("+3V3", "R11.1", left)
    s.label("GND", "U4.3", down)
    s.wire("U4.1", (154, 138), (154, 137.5), (162.5, 137.5))
    s.wire("U4.2", (154, 140), (154, 140.5), (174, 140.5))
    put("R19", 158, 139)
    put("R18", 164, 137.5, rot=270)
    s.dot("R19.1", "R19.2")
    s.label("SENSE_A", (154.5, 137.5), right)
    s.label("PH_R", (165, 140.5), right)
    s.wire("R18.1", (190, 137.5))
    s.label("LINE_R", (192, 137.5), right)
    s.wire((190, 137.5), (192, 137.5))
    put("D7", 184, 135.5)
    put("D8", 178, 135.5)
    put("D9", 178, 142, rot=180)
    put("D10", 184, 142, rot=180)
    s.wire("D7.1", "D8.2")
    s.wire("D9.1", "D10.2")
    s.label("SN1", (180, 135.5), right)
    s.label("SN2", (180, 142), right)
    s.wire("D8.1", (174, 135.5), (174, 142), "D9.2")
    s.wire("D7.2", (190, 135.5), (190, 142), "D10.1")
    s.dot((174, 140.5), (190, 137.5))
    s.text(
        "100 mA costs the loop 1.5 V, 18 mA 1.35 V;\nthe LED has 3 to 6 mA of it. Below 3 mA the\n"
        "output stays high: leakage is not a call.\nRinging shows as gaps at 20 Hz.",
        198, 144.2,
    )  # fmt: skip

    # ---------------------------------------------------------------- 6 handset
    s.block("6  Handset, while K1 is open", 62, 145.9, 187, 160.5)
    put("PS1", 150, 157, text=((-4, -2.6), (1.0, -2.6)))
    s.label("+5V", "PS1.1", left, 1)
    put("R10", 100, 156, rot=90)
    put("Q3", 110, 156, text=((2.6, -0.4), (2.6, 0.6)))
    s.label("K_LINE", "R10.1", left, 2)
    s.wire("R10.2", "Q3.2")
    s.label("Q3_B", (103, 156), right)
    s.label("GND", "Q3.3", down)
    s.wire("Q3.1", (111, 153), (138, 153), (138, 158), "PS1.2")
    s.label("PS_N", (118, 153), right)
    put("U5", 150, 150.5, mirror="y", text=((-1.6, -2.4), (-7.4, -2.4)))
    put("R12", 132, 148.5, rot=90)
    s.wire("U5.4", (124, 149.5))
    s.label("HANDSET", (124, 149.5), left)
    s.wire("R12.2", (140, 148.5), (140, 149.5))
    s.dot((140, 149.5))
    s.label("+3V3", "R12.1", left)
    s.label("GND", "U5.3", down)
    put("D11", 160, 150.5, rot=270)
    put("R21", 166, 150.5)
    put("R20", 172, 152.5, rot=180)
    s.wire("U5.1", (154, 149.5), (154, 149), (172, 149), "R20.2")
    s.wire("U5.2", (154, 151.5), (154, 152), (166, 152))
    s.dot((160, 149), (166, 149), (160, 152))
    s.label("HS_A", (155, 149), right)
    s.wire((156, 152), (156, 153.5), (159, 153.5))
    s.dot((156, 152))
    s.label("HS_K", (159, 153.5), right)
    s.wire("R20.1", (172, 156), "PS1.7")
    s.label("HS_P", (160, 156), right)
    s.wire("PS1.5", (162, 158))
    s.label("PH_R", (162, 158), right)
    s.text("PS1 runs only while K1 is\nopen; R21: under 0.3 mA\ncounts as handset down.", 66, 152.5)

    # ---------------------------------------------------------------- the barrier and the reasons
    for a, b in ((6, 48), (52, 62), (69, 88), (96.5, 112), (120.5, 136), (142.5, 148), (152.8, 153.8), (159.6, 161)):
        s.lines((BARRIER, a), (BARRIER, b), kind="dash_dot", width=0.6)
    s.text("USB side  |  line side", BARRIER - 7.3, 5.7, 1.5)
    s.block("Why each value", 4, 94, 60, 160.5)
    reasons(s, 6, 98.4)
    return s


def driver(s: Schematic, put, net: str, base: str, pull: str, q: str, d: str, k: str, y: float) -> None:
    """The same relay driver twice: pull-down, base resistor, transistor, flyback diode."""
    s.label(net, (70, y + 5), "left")
    put(pull, 78, y + 7.5)
    put(base, 88, y + 5, rot=90)
    put(q, 100, y + 5, text=((2.6, -0.4), (2.6, 0.6)))
    s.wire((70, y + 5), f"{base}.1")
    s.wire(f"{pull}.1", ("y", y + 5))
    s.dot((78, y + 5))
    s.label("GND", f"{pull}.2", "down")
    s.wire(f"{base}.2", f"{q}.2")
    s.label(f"{q}_B", (92, y + 5), "right")
    s.label("GND", f"{q}.3", "down")
    s.wire(f"{q}.1", (101, y + 3), (148, y + 3))
    s.wire((148, y + 3), f"{k}.6")
    s.label(f"{k}_C", (108, y + 3), "right")
    put(d, 132, y - 0.5, rot=270)
    s.wire(f"{d}.2", ("y", y + 3))
    s.dot((132, y + 3))
    s.wire(f"{d}.1", (132, y - 4), (148, y - 4), f"{k}.1")
    s.label("+5V", (140, y - 4), "up")
    s.dot((140, y - 4))


def reasons(s: Schematic, x: float, y: float) -> None:
    lines = []
    for p in sorted((p for p in circuit.PARTS if p.bom), key=lambda p: natural(p.ref)):
        wrapped = textwrap.wrap(f"{p.ref}  {p.value}: {p.why}", 98, subsequent_indent="      ")
        lines += wrapped
    for k, words in enumerate(lines):
        s.text(words, x, y + 0.9 * k, 1.4)


def symbol_library() -> str:
    """endcall.kicad_sym: the symbols that KiCad's own libraries lack, for whoever edits the drawing by hand."""
    out = []
    for name, symbol in sorted(_own_symbols().items()):
        out.append(["symbol", Quoted(name.split(":")[1]), *symbol[2:]])
    return dump(["kicad_symbol_lib", ["version", "20211014"], ["generator", "endcall"], *out]) + "\n"


def compare(text: str) -> list[str]:
    """How a drawing differs from circuit.py; empty is good."""
    nets, parts, loose = netlist(text)
    want = circuit.nets()
    bad = [f"{pin} hangs in the air" for pin in loose]
    for net in sorted(want.keys() | nets.keys()):
        a, b = want.get(net, set()), nets.get(net, set())
        if a != b:
            bad.append(f"net {net}: missing in the drawing {sorted(a - b)}, too much {sorted(b - a)}")
    for p in circuit.PARTS:
        if p.ref not in parts:
            bad.append(f"{p.ref} is not drawn")
        elif parts[p.ref][:2] != (p.value, p.footprint):
            bad.append(f"{p.ref}: drawn as {parts[p.ref][:2]}")
        elif p.bom and parts[p.ref][2].get("MPN") != p.mpn:
            bad.append(f"{p.ref}: part number {parts[p.ref][2].get('MPN')}")
    bad += [f"{ref} is drawn but not in circuit.py" for ref in parts.keys() - circuit.BY_REF.keys()]
    return bad


def main() -> int:
    text = draw().dumps()
    bad = compare(text)
    for sentence in bad:
        print(sentence)
    if bad:
        return 1
    if "--check" in sys.argv:
        if FILE.read_text(encoding="utf8") != text or LIBRARY.read_text(encoding="utf8") != symbol_library():
            print(f"{FILE.name} is stale: run `python -m hardware.electronics.schematic`")
            return 1
        print(f"{FILE.name} is as drawn, and equal to circuit.py")
        return 0
    FILE.write_text(text, encoding="utf8", newline="\n")
    LIBRARY.write_text(symbol_library(), encoding="utf8", newline="\n")
    print(f"{FILE.name}: {len(circuit.PARTS)} parts, {len(circuit.nets())} nets, equal to circuit.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
