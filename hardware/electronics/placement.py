# SPDX-License-Identifier: CERN-OHL-P-2.0
# ruff: noqa: E501 - tables and geometry read better in one line
"""Where everything stands on the board: by hand, in mm from the upper left corner, y down.

The order from left to right is USB side, isolation gap, line side, as in the schematic. Needs no KiCad, so the
enclosure and the pictures read it too.
"""

from __future__ import annotations

SIZE = (100.0, 100.0)
GAP_X = (61.0, 67.0)  # no copper between these, over the whole height
HOLE_D = 3.2
ORIGIN = (50.0, 50.0)  # of the board on KiCad's sheet

# ref: (x, y, rotation in degrees, counter-clockwise)
PLACE: dict[str, tuple[float, float, int]] = {
    # screws
    "H1": (4, 4, 0), "H2": (96, 4, 0), "H3": (4, 96, 0), "H4": (96, 96, 0),
    # 1 Pico, supervisor
    "U1": (12, 2.4, 0), "U3": (35, 27, 0), "C4": (37.54, 31.2, 0),
    # test points along the upper edge
    "TP1": (35.5, 4.5, 0), "TP2": (39.9, 4.5, 0), "TP3": (44.3, 4.5, 0), "TP4": (48.7, 4.5, 0),
    "TP7": (53.1, 4.5, 0), "TP8": (57.5, 4.5, 0),
    # 2 ring, button
    "U2": (22, 56.8, 270), "C2": (25.4, 62.6, 0), "R2": (24, 53.8, 0), "R1": (17.5, 68, 270), "C1": (8.0, 83.2, 0),
    "J1": (10.5, 95, 0), "J2": (26.9, 95, 0), "R5": (20.6, 76.6, 270),
    "R4": (4.5, 24, 270), "C3": (4.5, 39, 270), "R3": (3.6, 62, 270),
    # 3 sound
    "J5": (24.8, 81.2, 0), "J6": (44, 71.3, 90), "R13": (34.78, 58.5, 180), "R14": (43.5, 74.8, 0), "R15": (43.5, 79.0, 0),
    "C5": (43.5, 82.9, 0), "C7": (43.5, 86.7, 0), "R16": (56.6, 67.3, 270), "D3": (51.4, 90.9, 270), "D4": (47.6, 90.9, 270),
    "TP5": (53.2, 82.6, 0), "TP6": (53.2, 87.6, 0),
    "T1": (57.65, 92, 180), "K2": (60.19, 55, 0),
    "R8": (40.3, 62, 0), "R9": (37.4, 52.6, 270), "Q2": (53, 66, 180), "D2": (56.2, 55.6, 270),
    "C6": (77.2, 60, 270), "R17": (70.9, 67.4, 90), "D5": (77.2, 92.2, 90),
    # 4 line relay
    "K1": (60.19, 37, 0), "R6": (40.3, 44, 0), "R7": (37, 35, 270), "Q1": (53, 48, 180), "D1": (56.2, 37.6, 270),
    # 5 loop current
    "U4": (67.81, 10, 180), "R11": (45.8, 10.2, 0), "R19": (70.7, 2.4, 270), "R18": (73.75, 12.6, 90),
    "D8": (76.9, 13.6, 90), "D7": (80.2, 3.44, 270), "D9": (83.5, 3.44, 270), "D10": (86.8, 13.6, 90),
    # 6 handset
    "PS1": (57.65, 25, 0), "U5": (67.81, 19.2, 180), "R12": (45.8, 18.6, 0), "R10": (40.3, 22.6, 0), "Q3": (53, 27.6, 180),
    "R21": (71.4, 17.2, 0), "D11": (71.4, 20.6, 0), "R20": (81.4, 33.6, 90),
    # 7 line and telephone
    "J4": (92, 22, 270), "J3": (92, 56, 270), "F1": (90.2, 72, 180), "D6": (84.6, 78.6, 0),
    "TP9": (84.6, 85.2, 0), "TP10": (90, 85.2, 0),
}  # fmt: skip

# Names beside the pins of a connector: ref -> [(pad, words)]
PIN_WORDS: dict[str, list[tuple[str, str]]] = {
    "J1": [("1", "5V"), ("2", "DIN"), ("3", "GND")],
    "J2": [("1", "SW"), ("2", "GND"), ("3", "L+"), ("4", "L-")],
    "J5": [(str(k + 1), w) for k, w in enumerate(("LRC", "BCK", "DIN", "GAIN", "SD", "GND", "VIN"))],
    "J6": [("1", "+"), ("2", "-")],
}

# Body of a part above the board, for the 3D model: footprint name -> (x1, y1, x2, y2, height, colour), in the
# footprint's own frame; from the makers' drawings, rounded.
BODY: dict[str, tuple[float, float, float, float, float, str]] = {
    "R_Axial_DIN0207_L6.3mm_D2.5mm_P10.16mm_Horizontal": (1.93, -1.25, 8.23, 1.25, 2.5, "resistor"),
    "D_DO-35_SOD27_P7.62mm_Horizontal": (1.81, -1.0, 5.81, 1.0, 2.0, "glass"),
    "D_DO-41_SOD81_P10.16mm_Horizontal": (2.48, -1.35, 7.68, 1.35, 2.7, "black"),
    "D_DO-15_P10.16mm_Horizontal": (1.28, -1.8, 8.88, 1.8, 3.6, "black"),
    "TO-92_Inline_Wide": (0.14, -2.4, 4.94, 1.6, 8.0, "black"),
    "SIDACtor_TO-92_P5.08mm": (0.14, -2.4, 4.94, 1.6, 8.0, "black"),
    "C_Disc_D5.0mm_W2.5mm_P5.00mm": (0.0, -1.25, 5.0, 1.25, 5.0, "ceramic"),
    "C_Rect_L18.0mm_W9.0mm_P15.00mm_FKS3_FKP3": (-1.5, -4.5, 16.5, 4.5, 16.0, "film"),
    "CP_Radial_D8.0mm_P3.50mm": (-2.25, -4.0, 5.75, 4.0, 11.5, "electrolytic"),
    "DIP-14_W7.62mm": (0.6, -1.3, 7.0, 16.5, 8.0, "black"),
    "DIP-4_W7.62mm": (0.6, -1.0, 7.0, 3.6, 4.5, "black"),
    "TerminalBlock_Phoenix_MKDS-1,5-3-5.08_1x03_P5.08mm_Horizontal": (-2.5, -5.2, 12.7, 4.6, 10.0, "green"),
    "TerminalBlock_Phoenix_MKDS-1,5-4-5.08_1x04_P5.08mm_Horizontal": (-2.5, -5.2, 17.8, 4.6, 10.0, "green"),
    "PinHeader_1x02_P2.54mm_Vertical": (-1.27, -1.27, 1.27, 3.81, 2.5, "black"),
    "MAX98357A_Module": (-1.27, -1.27, 16.51, 1.27, 8.5, "black"),
    "Relay_SPDT_Omron_G6E": (-1.2, -1.7, 8.8, 14.3, 7.9, "relay"),
    "Transformer_NF_ETAL_1-1_P1200": (-15.3, -5.2, 2.6, 12.8, 15.0, "black"),
    "RJ14_Connfly_DS1133-S4_Horizontal": (-4.7, -8.5, 7.8, 4.9, 11.5, "black"),
    "Fuse_BelFuse_0ZRE0016FF_L9.9mm_W3.8mm": (-2.4, -1.1, 7.5, 2.7, 10.0, "ptc"),
    "Pico_Socket": (-1.61, -1.37, 19.39, 49.63, 11.5, "pico"),
    "DCDC_XP_IHA01_SIP7": (-2.13, -2.4, 17.37, 7.4, 12.5, "black"),
}
