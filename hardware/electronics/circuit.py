# SPDX-License-Identifier: CERN-OHL-P-2.0
# ruff: noqa: E501 - tables: one part per line is easier to compare than to wrap
"""The one source of the electronics: every part, value, part number, pin and net.

The schematic, the board, the netlist, the BOM, the wiring pictures and the SPICE values are generated from
this file or compared with it. Nothing here needs KiCad or any package.

A net that ends up on the telephone line belongs to the LINE side; everything that can touch a USB cable is
the USB side. Parts on side "bridge" are the only ones that may have pins on both, and each of them is rated
for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

REVISION = "B"
DATE = "2026-01-01"  # of the revision, not of the build: outputs must not change from day to day
TITLE = "endcall button"

Side = Literal["usb", "line", "bridge", "none"]


@dataclass(frozen=True)
class Part:
    """One part on the board. `pins` maps pad number to net; None is "not connected on purpose"."""

    ref: str
    value: str
    symbol: str
    footprint: str
    pins: dict[str, str | None]
    side: Side
    why: str
    mpn: str = ""
    maker: str = ""
    mouser: str = ""
    digikey: str = ""
    price: str = ""  # per piece: "a" < 0.20, "b" < 1, "c" < 5, "d" >= 5 (EUR, small quantities)
    substitutes: str = ""
    kit: bool = True  # also part of the variant without a PCB
    bom: bool = True
    params: dict[str, float] = field(default_factory=dict)  # what SPICE needs to know, SI units


# ---------------------------------------------------------------- the Pico
# Signal -> GPIO number. endcall_device/pins.py is compared with this (tests/hardware/test_pins.py).
GPIO = {
    "HANDSET": 9,
    "I2S_BCK": 10,
    "I2S_LCK": 11,
    "I2S_DIN": 12,
    "LOOP": 13,
    "K_LINE": 14,
    "BTN": 15,
    "RING_3V": 16,
    "K_AUDIO": 17,
    "DAC_MUTE": 22,
}
# GPIO number -> pad of the Pico (Raspberry Pi Pico datasheet, figure 2).
PICO_PAD = {
    **dict(zip(range(16), (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 19, 20), strict=True)),
    **dict(zip(range(16, 23), (21, 22, 24, 25, 26, 27, 29), strict=True)),
    26: 31,
    27: 32,
    28: 34,
}
PICO_NAME = {
    **{str(pad): f"GP{gpio}" for gpio, pad in PICO_PAD.items()},
    **{str(pad): "GND" for pad in (3, 8, 13, 18, 23, 28, 38)},
    "30": "RUN",
    "33": "AGND",
    "35": "ADC_VREF",
    "36": "3V3",
    "37": "3V3_EN",
    "39": "VSYS",
    "40": "VBUS",
}


def _pico_pins() -> dict[str, str | None]:
    pins: dict[str, str | None] = {str(pad): None for pad in range(1, 41)}
    pins |= {pad: "GND" for pad, name in PICO_NAME.items() if name in ("GND", "AGND")}
    pins |= {"40": "+5V", "36": "+3V3", "30": "RUN"}
    pins |= {str(PICO_PAD[gpio]): signal for signal, gpio in GPIO.items()}
    return pins


# ---------------------------------------------------------------- footprints
R_ = "Resistor_THT:R_Axial_DIN0207_L6.3mm_D2.5mm_P10.16mm_Horizontal"
D35 = "Diode_THT:D_DO-35_SOD27_P7.62mm_Horizontal"
D41 = "Diode_THT:D_DO-41_SOD81_P10.16mm_Horizontal"
TO92 = "Package_TO_SOT_THT:TO-92_Inline_Wide"
C5 = "Capacitor_THT:C_Disc_D5.0mm_W2.5mm_P5.00mm"
DIP4 = "Package_DIP:DIP-4_W7.62mm"
TP = "TestPoint:TestPoint_THTPad_D2.0mm_Drill1.0mm"


# A distributor's code stands here only if the same code was found beside the same part number in other published parts
# lists; an empty one means "not found", not "not sold".
MOUSER_HAS = ("47R", "330R", "820R", "2k2", "3k3", "10k", "100k")  # Yageo resistors


def _r(ref: str, value: str, ohm: float, a: str, b: str, side: Side, why: str, *, pct: int = 5, **kw) -> Part:
    code = f"MFR-25FBF52-{value.upper()}" if pct == 1 else f"CFR-25JB-52-{value.upper()}"
    return Part(
        ref,
        value,
        "Device:R",
        R_,
        {"1": a, "2": b},
        side,
        why,
        mpn=code,
        maker="Yageo",
        mouser=f"603-{code}" if value in MOUSER_HAS else "",
        price="a",
        substitutes=f"any 0.25 W axial {pct} % or better, 250 V",
        params={"ohm": ohm, "tol": pct / 100},
        **kw,
    )


def _d(ref: str, kind: str, a: str, k: str, side: Side, why: str) -> Part:
    data = {
        "1N4148": ("Diode:1N4148", D35, "1N4148", "onsemi", "512-1N4148", "1N4148FS-ND", "1N914, BAT85"),
        "1N4007": ("Diode:1N4007", D41, "1N4007G", "onsemi", "863-1N4007G", "", "1N4004..1N4007"),
        "5V1": ("Device:D_Zener", D35, "1N5231B", "onsemi", "512-1N5231B", "", "BZX55C5V1"),
    }[kind]
    symbol, footprint, mpn, maker, mouser, digikey, subst = data
    return Part(ref, kind, symbol, footprint, {"1": k, "2": a}, side, why, mpn, maker, mouser, digikey, "a", subst)


def _npn(ref: str, c: str, b: str, why: str, kit: bool = True) -> Part:
    return Part(
        ref,
        "BC337-40",
        "Transistor_BJT:BC337",
        TO92,
        {"1": c, "2": b, "3": "GND"},
        "usb",
        why,
        "BC33740TA",
        "onsemi",
        "",
        "",
        "a",
        "BC337-25, 2N4401 (other pin order); not 2N7000: its threshold may be 3 V",
        kit=kit,
    )


def _relay(ref: str, pins: dict[str, str | None], why: str) -> Part:
    return Part(
        ref,
        "G6E-134P DC5",
        "Relay:G6E",
        "Relay_THT:Relay_SPDT_Omron_G6E",
        pins,
        "bridge",
        why,
        "G6E-134P-US-DC5",
        "Omron",
        "",
        "",
        "c",
        "G6E-134P-ST-US DC5. Not G6K (60 VDC), not G6S on this board (its pins leave 3 mm, not 6)",
        params={"coil_ohm": 125, "pickup": 0.70, "dropout": 0.10},
    )


def _tp(ref: str, net: str, side: Side) -> Part:
    return Part(
        ref, net.lstrip("+"), "Connector:TestPoint", TP, {"1": net}, side, "measuring point", bom=False, kit=False
    )


PARTS: list[Part] = [
    # ------------------------------------------------------------ 1 Pico
    Part(
        "U1",
        "Raspberry Pi Pico",
        "endcall:Pico",
        "endcall:Pico_Socket",
        _pico_pins(),
        "usb",
        "the computer; in a socket, so that it can be changed without unsoldering 40 pins",
        "SC0915",
        "Raspberry Pi",
        "358-SC0915",
        "2648-SC0915CT-ND",
        "c",
        "Pico H (SC0917, headers fitted). The firmware image is for RP2040: not Pico 2",
    ),
    Part(
        "U3",
        "MCP120-300D",
        "Power_Supervisor:MCP120-xxxDxTO",
        TO92,
        {"1": "RUN", "2": "+3V3", "3": "GND"},
        "usb",
        "holds RUN low below 2.93 V and 350 ms after: flash needs 2.7 V, the chip wakes at about 1 V",
        "MCP120-300DI/TO",
        "Microchip",
        "579-MCP120-300DI/TO",
        "",
        "b",
        "none with the same pins except MCP130-300DI/TO; mind the letter D, other bond-outs differ",
    ),
    Part(
        "C4",
        "100n",
        "Device:C",
        C5,
        {"1": "+3V3", "2": "GND"},
        "usb",
        "supply of U3",
        "K104K15X7RF5TL2",
        "Vishay",
        "594-K104K15X7RF5TL2",
        "BC1084CT-ND",
        "a",
        "any 100 nF 50 V X7R, 5 mm pitch",
        params={"farad": 100e-9},
    ),
    # ------------------------------------------------------------ 2 ring and button
    Part(
        "U2",
        "74AHCT125",
        "endcall:74AHCT125",
        "Package_DIP:DIP-14_W7.62mm",
        {
            "1": "GND", "2": "RING_3V", "3": "RING_5V", "4": "+5V", "5": "GND", "6": None, "7": "GND",
            "8": None, "9": "GND", "10": "+5V", "11": None, "12": "GND", "13": "+5V", "14": "+5V",
        },
        "usb",
        "3.3 V to 5 V: the ring wants 0.7 x 5 V = 3.5 V for a one, the Pico gives 3.3 V; AHCT reads 2.0 V as one",
        "SN74AHCT125N",
        "Texas Instruments",
        "595-SN74AHCT125N",
        "296-4655-5-ND",
        "b",
        "SN74HCT125N; not HC, not LS",
    ),
    Part(
        "C2", "100n", "Device:C", C5, {"1": "+5V", "2": "GND"}, "usb", "supply of U2", "K104K15X7RF5TL2",
        "Vishay", "594-K104K15X7RF5TL2", "BC1084CT-ND", "a", "any 100 nF 50 V X7R, 5 mm pitch",
        params={"farad": 100e-9},
    ),
    Part(
        "C1", "470u", "Device:C_Polarized", "Capacitor_THT:CP_Radial_D8.0mm_P3.50mm", {"1": "+5V", "2": "GND"},
        "usb", "the ring's current steps (300 mA) stay off the USB cable", "UVR1A471MPD", "Nichicon",
        "", "", "a", "any 470 uF 10 V or more, 8 mm, 3.5 mm pitch; more only lengthens the USB inrush",
        params={"farad": 470e-6},
    ),
    _r("R1", "330R", 330, "RING_5V", "RING_DIN", "usb", "ends the reflection on the ring's cable, protects the first pixel"),
    _r("R2", "100k", 100e3, "RING_3V", "GND", "usb", "no random light while the Pico's pin floats at reset"),
    Part(
        "J1", "RING", "Connector:Screw_Terminal_01x03",
        "TerminalBlock_Phoenix:TerminalBlock_Phoenix_MKDS-1,5-3-5.08_1x03_P5.08mm_Horizontal",
        {"1": "+5V", "2": "RING_DIN", "3": "GND"}, "usb", "24-pixel WS2812B ring, cable up to 30 cm",
        "1715734", "Phoenix Contact", "651-1715734", "", "b", "any 3-way 5.08 mm screw terminal",
    ),
    Part(
        "J2", "BUTTON", "Connector:Screw_Terminal_01x04",
        "TerminalBlock_Phoenix:TerminalBlock_Phoenix_MKDS-1,5-4-5.08_1x04_P5.08mm_Horizontal",
        {"1": "BTN_SW", "2": "GND", "3": "LAMP", "4": "GND"}, "usb",
        "arcade button 30 mm or 60 mm with microswitch; 3 and 4 are its 5 V lamp",
        "1715747", "Phoenix Contact", "", "", "b", "any 4-way 5.08 mm screw terminal",
    ),
    _r("R3", "1k", 1e3, "BTN", "BTN_SW", "usb", "static from a finger reaches the pin through 1 k and C3 only"),
    _r("R4", "10k", 10e3, "+3V3", "BTN", "usb", "firm pull-up: the button cable runs beside a line that rings with 90 V"),
    Part(
        "C3", "100n", "Device:C", C5, {"1": "BTN", "2": "GND"}, "usb",
        "with R4: 1 ms, swallows contact chatter and hum without delaying a press", "K104K15X7RF5TL2", "Vishay",
        "594-K104K15X7RF5TL2", "BC1084CT-ND", "a", "any 100 nF 50 V X7R, 5 mm pitch", params={"farad": 100e-9},
    ),
    _r("R5", "100R", 100, "+5V", "LAMP", "usb", "a 5 V arcade lamp (own resistor inside) at about two thirds of its light"),
    # ------------------------------------------------------------ 3 DAC module and audio
    Part(
        "J5", "MAX98357A", "endcall:MAX98357A_Module", "endcall:MAX98357A_Module",
        {"1": "I2S_LCK", "2": "I2S_BCK", "3": "I2S_DIN", "4": "+5V", "5": "DAC_MUTE", "6": "GND", "7": "+5V"},
        "usb", "socket of the sound module. 4 is GAIN: tied to 5 V it is 6 dB, whatever is fitted on the module",
        "PPTC071LFBN-RC", "Sullins", "", "S7005-ND", "b", "any 1x7 2.54 mm socket",
    ),
    Part(
        "J6", "SOUND IN", "Connector:Conn_01x02_Male", "Connector_PinHeader_2.54mm:PinHeader_1x02_P2.54mm_Vertical",
        {"1": "AMP_P", "2": "AMP_N"}, "usb", "two wires from the module's loudspeaker terminals; either way round",
        "61300211121", "Wurth Elektronik", "710-61300211121", "732-5315-ND", "a", "any 1x2 2.54 mm strip, or solder the wires into the holes",
    ),
    _r("R13", "2k2", 2200, "DAC_MUTE", "GND", "usb", "muted while the Pico's pin floats: against the module's own 1 Mohm pull-up it leaves 11 mV; below 80 mV is off"),
    _r("R14", "1k5", 1500, "AMP_P", "AUD_P", "usb", "attenuator, one leg; fixed, so no software can exceed -9 dBm", pct=1),
    _r("R15", "1k5", 1500, "AMP_N", "AUD_N", "usb", "attenuator, the other leg", pct=1),
    _r("R16", "820R", 820, "AUD_P", "AUD_N", "usb", "attenuator, shunt: sets level and source impedance of the transformer", pct=1),
    Part(
        "C5", "100n", "Device:C", C5, {"1": "AUD_P", "2": "GND"}, "usb",
        "with R14 and T1's leakage: takes the class D carrier (300 kHz) and what lies above the voice band", "K104K15X7RF5TL2",
        "Vishay", "594-K104K15X7RF5TL2", "BC1084CT-ND", "a", "any 100 nF 50 V X7R, 5 mm pitch",
        params={"farad": 100e-9, "tol_low": 0.75, "tol_high": 1.2},
    ),
    Part(
        "C7", "100n", "Device:C", C5, {"1": "AUD_N", "2": "GND"}, "usb", "as C5, the other leg", "K104K15X7RF5TL2",
        "Vishay", "594-K104K15X7RF5TL2", "BC1084CT-ND", "a", "any 100 nF 50 V X7R, 5 mm pitch",
        params={"farad": 100e-9, "tol_low": 0.75, "tol_high": 1.2},
    ),
    _d("D3", "5V1", "ZZ1", "AUD_P", "usb", "with D4: a surge through T1 stops at 6 V"),
    _d("D4", "5V1", "ZZ1", "AUD_N", "usb", "other polarity of D3"),
    Part(
        "T1", "P1200 600:600", "endcall:Line_Transformer", "Transformer_THT:Transformer_NF_ETAL_1-1_P1200",
        {"1": "AUD_P", "3": "AUD_N", "6": "AUD_S", "4": "LINE_R"}, "bridge",
        "isolates: 3.88 kVrms; carries no DC", "P1200", "ETAL", "", "", "d",
        "ETAL P2001, P3800 (same pins); P3126; others need their own footprint and a new SPICE run",
        params={"dcr_ohm": 134, "dcr_min": 118, "dcr_max": 148, "leak_h": 17e-3, "lm_min": 2.8, "lm_max": 15.0,
                "rp_min": 7e3, "rp_max": 40e3},
    ),
    Part(
        "D5", "P6KE15CA", "Device:D_TVS", "Diode_THT:D_DO-15_P10.16mm_Horizontal", {"1": "AUD_S", "2": "LINE_R"}, "line",
        "clamps T1 when a surge throws C6 about; a pair of zeners would have to swallow 80 A", "P6KE15CA", "Littelfuse",
        "", "", "b", "P6KE18CA, 1.5KE15CA (bigger); two-way type (CA), not A", params={"clamp": 15.0},
    ),
    Part(
        "C6", "1u 400V", "Device:C", "Capacitor_THT:C_Rect_L18.0mm_W9.0mm_P15.00mm_FKS3_FKP3", {"1": "LT", "2": "AUD_C"},
        "line", "keeps the loop's DC out of T1; 400 V because D6 lets up to 350 V pass", "B32522C6105K", "TDK EPCOS",
        "", "", "b", "any 1 uF film 400 V DC or more, 15 mm pitch, body to 18 x 9 mm",
        params={"farad": 1e-6, "tol": 0.10},
    ),
    _r("R17", "2M2", 2.2e6, "AUD_C", "AUD_S", "line", "charges C6 to the line while K2 is open: no click when it closes; 2.2 M is invisible to the line"),
    _relay(
        "K2", {"1": "+5V", "6": "K2_C", "7": "AUD_C", "10": None, "12": "AUD_S"},
        "sound reaches the line only while a prompt plays",
    ),
    _r("R8", "2k2", 2200, "K_AUDIO", "Q2_B", "usb", "1.1 mA from the Pico's pin drives 40 mA with Q2 well saturated"),
    _r("R9", "10k", 10e3, "K_AUDIO", "GND", "usb", "pin floating = sound off the line"),
    _npn("Q2", "K2_C", "Q2_B", "drives K2"),
    _d("D2", "1N4148", "K2_C", "+5V", "usb", "flyback of K2"),
    # ------------------------------------------------------------ 4 line relay
    _r("R6", "2k2", 2200, "K_LINE", "Q1_B", "usb", "as R8"),
    _r("R7", "10k", 10e3, "K_LINE", "GND", "usb", "pin floating = line closed: a dead Pico leaves a working telephone"),
    _npn("Q1", "K1_C", "Q1_B", "drives K1"),
    _d("D1", "1N4148", "K1_C", "+5V", "usb", "flyback of K1"),
    _relay(
        "K1", {"1": "+5V", "6": "K1_C", "7": "PH_T", "10": "LT", "12": "HS_K"},
        "opens the loop; normally closed, so no power means a working telephone",
    ),
    # ------------------------------------------------------------ 5 loop current
    Part(
        "U4", "LTV-814", "Isolator:LTV-814", DIP4, {"1": "SENSE_A", "2": "PH_R", "3": "GND", "4": "LOOP"}, "bridge",
        "loop current of either polarity; 5 kVrms", "LTV-814", "Lite-On", "", "", "b",
        "PC814, EL814, H11AA814 (CTR 20 % or more)", params={"ctr_min": 0.20},
    ),
    _r("R18", "47R", 47, "LINE_R", "SENSE_A", "line", "LED current 3 to 6 mA, the diodes carry the rest"),
    _r("R19", "1k", 1e3, "SENSE_A", "PH_R", "line", "below about 3 mA the output stays high: leakage is not a call"),
    _d("D7", "1N4007", "LINE_R", "SN1", "line", "two diodes each way: 100 mA costs the loop less than 2 V"),
    _d("D8", "1N4007", "SN1", "PH_R", "line", "as D7"),
    _d("D9", "1N4007", "PH_R", "SN2", "line", "as D7, other polarity"),
    _d("D10", "1N4007", "SN2", "LINE_R", "line", "as D7, other polarity"),
    _r("R11", "10k", 10e3, "+3V3", "LOOP", "usb", "pull-up; U4 needs 0.32 mA, has 1 mA at its worst"),
    # ------------------------------------------------------------ 6 handset, while the line is open
    Part(
        "PS1", "IHA0105S12", "endcall:DCDC_SIP7", "endcall:DCDC_XP_IHA01_SIP7",
        {"1": "+5V", "2": "PS_N", "5": "PH_R", "7": "HS_P"}, "bridge",
        "12 V of its own for the telephone while K1 has cut it off the line; 6 kVDC, 250 VAC working",
        "IHA0105S12", "XP Power", "", "", "d",
        "any 5 V to 12 V 1 W SIP-7 with pins 1-2-5-7 and 3 kVDC or more (R05P12S, MEJ1S0512SC). Leave PS1, U5, Q3, R10, "
        "R20, R21, D11 out if release.mode is always flash",
        kit=False, params={"volt": 12.0},
    ),
    _r("R10", "2k2", 2200, "K_LINE", "Q3_B", "usb", "as R8", kit=False),
    _npn("Q3", "PS_N", "Q3_B", "PS1 runs only while K1 is open: no converter noise in a call", kit=False),
    _r("R20", "2k2", 2200, "HS_P", "HS_A", "line", "2 to 4 mA through the handset", kit=False),
    Part(
        "U5", "LTV-817", "Isolator:LTV-817", DIP4, {"1": "HS_A", "2": "HS_K", "3": "GND", "4": "HANDSET"}, "bridge",
        "handset up or down, while the line is open; 5 kVrms", "LTV-817", "Lite-On", "", "160-1366-5-ND", "a",
        "PC817, EL817 (CTR 50 % or more)", kit=False, params={"ctr_min": 0.50},
    ),
    _r("R21", "3k3", 3300, "HS_A", "HS_K", "line", "below 0.3 mA (leaky telephone, damp cord) the handset counts as down", kit=False),
    Part(
        "D11", "1N4148", "Diode:1N4148", D35, {"1": "HS_A", "2": "HS_K"}, "line", "a telephone's own charge cannot break U5's LED",
        "1N4148", "onsemi", "512-1N4148", "1N4148FS-ND", "a", "1N914", kit=False,
    ),
    _r("R12", "10k", 10e3, "+3V3", "HANDSET", "usb", "pull-up; handset down reads high", kit=False),
    # ------------------------------------------------------------ 7 line and telephone
    Part(
        "J3", "LINE", "Connector:6P4C", "Connector_RJ:RJ14_Connfly_DS1133-S4_Horizontal",
        {"1": None, "2": "LINE_R", "3": "LINE_T", "4": None}, "line", "to the ATA or PBX extension",
        "DS1133-S4", "Connfly", "", "", "b", "any 6P4C jack with the drawing of KiCad's RJ14_Connfly_DS1133-S4 (staggered pins 1.02 x 2.54 mm, two 2.3 mm pegs 12 mm apart)",
    ),
    Part(
        "J4", "PHONE", "Connector:6P4C", "Connector_RJ:RJ14_Connfly_DS1133-S4_Horizontal",
        {"1": None, "2": "PH_R", "3": "PH_T", "4": None}, "line", "to the telephone",
        "DS1133-S4", "Connfly", "", "", "b", "as J3",
    ),
    Part(
        "F1", "PTC 160mA", "Device:Polyfuse", "Fuse:Fuse_BelFuse_0ZRE0016FF_L9.9mm_W3.8mm", {"1": "LINE_T", "2": "LT"}, "line",
        "a mains wire on the line heats F1, not the board; 240 V; resets by itself; holds 160 mA, a loop has 20..100",
        "0ZRE0016FF1A", "Bel Fuse", "", "", "b", "TRF250-180, MF-RX018/250 (250 V telecom types, 5 mm pitch)",
        params={"r_min": 4.0, "r_max": 18.0},
    ),
    Part(
        "D6", "P3100EA", "Device:D_TVS", "endcall:SIDACtor_TO-92_P5.08mm", {"1": "LT", "2": "LINE_R"}, "line",
        "crowbar: idle to 275 V (56.5 V battery and 150 V of ringing peak at 269 V), shorts the pair at 350 V at most",
        "P3100EAL", "Littelfuse", "", "", "b", "P3100EBL; V300 class MOV of 7 mm clamps later (700 V) and ages",
        params={"vdrm": 275.0, "vs": 350.0},
    ),
    _tp("TP1", "GND", "usb"),
    _tp("TP2", "+5V", "usb"),
    _tp("TP3", "+3V3", "usb"),
    _tp("TP4", "RUN", "usb"),
    _tp("TP5", "AUD_P", "usb"),
    _tp("TP6", "AUD_N", "usb"),
    _tp("TP7", "LOOP", "usb"),
    _tp("TP8", "HANDSET", "usb"),
    _tp("TP9", "LT", "line"),
    _tp("TP10", "LINE_R", "line"),
    *(
        Part(f"H{i}", "M3", "Mechanical:MountingHole", "MountingHole:MountingHole_3.2mm_M3", {}, "none",
             "screw to the enclosure; not plated, not connected", bom=False, kit=False)
        for i in (1, 2, 3, 4)
    ),
]  # fmt: skip

BY_REF = {p.ref: p for p in PARTS}

# What is not on the board but in the box. (what, quantity, part, maker, mouser, digikey, price, why and substitutes)
LOOSE = [
    ("Arcade button, illuminated, 60 mm dome", 1, "", "any", "", "", "c", "big target; 30 mm fits with the other lid. Wants: microswitch, 5 V LED"),
    ("WS2812B ring, 24 pixels, 66 mm outside, 52 mm inside", 1, "", "any", "", "", "c", "WS2812B or SK6812; other sizes: ring.pixels and enclosure.py"),
    ("MAX98357A I2S amplifier module, 7-pin header LRC BCLK DIN GAIN SD GND VIN", 1, "3006", "Adafruit", "485-3006", "1528-1696-ND", "d", "plugs into J5; takes 16 kHz with 32 clocks a sample and no master clock. MAX98357A, not B (other format). Substitutes: any module with this header order"),
    ("Pin strip 1x7, 2.54 mm", 1, "", "any", "", "", "a", "under the sound module; comes with most"),
    ("Socket strip 1x20, 2.54 mm", 2, "PPTC201LFBN-RC", "Sullins", "", "S7018-ND", "b", "socket of the Pico"),
    ("Pin strip 1x20, 2.54 mm", 2, "", "any", "", "", "a", "under the Pico, if it has none"),
    ("IC socket DIP-14", 1, "", "any", "", "", "a", "under U2"),
    ("Telephone cord RJ11-RJ11, 6P2C or 6P4C, 2 m", 1, "", "any", "", "", "b", "from the device to the line socket"),
    ("USB cable A to micro-B, data and power", 1, "", "any", "", "", "b", "charge-only cables have no data wires"),
    ("Wire 0.25 mm2, 4 colours, 30 cm each", 1, "", "any", "", "", "b", "ring and button; two twisted wires of 8 cm from the sound module to J6"),
    ("Screw M3 x 8, countersunk or pan, self-tapping into plastic", 4, "", "any", "", "", "a", "board to base"),
    ("Screw M3 x 16, self-tapping into plastic", 4, "", "any", "", "", "a", "lid to base"),
    ("Rubber foot 10 mm, self-adhesive", 4, "", "any", "", "", "a", "a struck button must not slide"),
]  # fmt: skip

USB_NETS = frozenset(
    {net for p in PARTS if p.side == "usb" for net in p.pins.values() if net}
    | {"K1_C", "K2_C", "PS_N", "LOOP", "HANDSET"}
)
LINE_NETS = frozenset({net for p in PARTS if p.side == "line" for net in p.pins.values() if net})
GAP_MM = 6.0  # between any LINE copper and any USB copper

NET_CLASS = {
    **dict.fromkeys(("+5V", "GND", "K1_C", "K2_C", "PS_N"), "PWR"),
    **dict.fromkeys(LINE_NETS, "LINE"),
}


def nets() -> dict[str, set[str]]:
    """Net name -> {"R1.2", ...}: every pin that shares it."""
    out: dict[str, set[str]] = {}
    for p in PARTS:
        for pin, net in p.pins.items():
            if net:
                out.setdefault(net, set()).add(f"{p.ref}.{pin}")
    return out


def ohm(ref: str) -> float:
    """Resistance of a resistor, in ohm."""
    return BY_REF[ref].params["ohm"]


def farad(ref: str) -> float:
    """Capacity of a capacitor, in farad."""
    return BY_REF[ref].params["farad"]


def check() -> list[str]:
    """What is wrong with this file, as sentences; an empty list is good."""
    bad = []
    if len(BY_REF) != len(PARTS):
        bad.append("a reference is used twice")
    for net, pins in sorted(nets().items()):
        if len(pins) < 2:
            bad.append(f"net {net} has one pin only: {sorted(pins)}")
    both = USB_NETS & LINE_NETS
    if both:
        bad.append(f"nets on both sides of the isolation gap: {sorted(both)}")
    for p in PARTS:
        used = {n for n in p.pins.values() if n}
        if p.side == "usb" and not used <= USB_NETS:
            bad.append(f"{p.ref} is on the USB side but touches {sorted(used - USB_NETS)}")
        if p.side == "bridge" and not (used & USB_NETS and used & LINE_NETS):
            bad.append(f"{p.ref} is called a bridge but does not bridge")
        if p.bom and not (p.mpn and p.maker and p.price and p.why):
            bad.append(f"{p.ref} lacks part number, maker, price class or reason")
    return bad
