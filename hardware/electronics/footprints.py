# SPDX-License-Identifier: CERN-OHL-P-2.0

"""The four footprints that KiCad's libraries lack, as text. usage: python -m hardware.electronics.footprints"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "endcall.pretty"


def _footprint(name: str, descr: str, body: list[str]) -> str:
    head = f'(footprint "{name}" (version 20211014) (generator endcall) (layer "F.Cu")\n  (descr "{descr}")\n'
    return head + "  (attr through_hole)\n" + "".join(f"  {line}\n" for line in body) + ")\n"


def _text(kind: str, value: str, x: float, y: float, layer: str) -> str:
    font = "(effects (font (size 1 1) (thickness 0.15)))"
    return f'(fp_text {kind} "{value}" (at {x:g} {y:g}) (layer "{layer}") {font})'


def _rect(x1: float, y1: float, x2: float, y2: float, layer: str, width: float) -> str:
    return f'(fp_rect (start {x1:g} {y1:g}) (end {x2:g} {y2:g}) (layer "{layer}") (width {width:g}) (fill none))'


def _line(x1: float, y1: float, x2: float, y2: float, layer: str = "F.SilkS", width: float = 0.12) -> str:
    return f'(fp_line (start {x1:g} {y1:g}) (end {x2:g} {y2:g}) (layer "{layer}") (width {width:g}))'


def _pad(number: str, x: float, y: float, size: float, drill: float, shape: str = "circle") -> str:
    place = f"(at {x:g} {y:g}) (size {size:g} {size:g}) (drill {drill:g})"
    return f'(pad "{number}" thru_hole {shape} {place} (layers *.Cu *.Mask))'


def _box(x1: float, y1: float, x2: float, y2: float) -> list[str]:
    """Outline of a body: silkscreen, fabrication layer, courtyard."""
    return [
        _rect(x1 - 0.12, y1 - 0.12, x2 + 0.12, y2 + 0.12, "F.SilkS", 0.12),
        _rect(x1, y1, x2, y2, "F.Fab", 0.1),
        _rect(x1 - 0.25, y1 - 0.25, x2 + 0.25, y2 + 0.25, "F.CrtYd", 0.05),
    ]


def pico_socket() -> str:
    """Raspberry Pi Pico, 51 x 21 mm, pad rows 17.78 mm apart, in two 1x20 sockets. USB at the top."""
    body = [_text("reference", "REF**", 8.89, 24, "F.SilkS"), _text("value", "Pico", 8.89, 26, "F.Fab")]
    body += _box(-1.61, -1.37, 19.39, 49.63)
    body += [_line(4.89, -1.37, 4.89, 4.2), _line(12.89, -1.37, 12.89, 4.2), _line(4.89, 4.2, 12.89, 4.2)]
    body.append('(fp_text user "USB" (at 8.89 2) (layer "F.SilkS") (effects (font (size 1.2 1.2) (thickness 0.18))))')
    for k in range(20):
        body.append(_pad(str(k + 1), 0, 2.54 * k, 1.7, 1.0, "rect" if k == 0 else "circle"))
        body.append(_pad(str(40 - k), 17.78, 2.54 * k, 1.7, 1.0))
    return _footprint("Pico_Socket", "Raspberry Pi Pico in two 1x20 2.54 mm sockets", body)


def dcdc_sip7() -> str:
    """XP Power IHA01 and the many SIP-7 with pins 1-2-5-7: body 19.5 x 9.8 mm, row 2.4 mm from one face."""
    body = [_text("reference", "REF**", 7.62, 3, "F.SilkS"), _text("value", "IHA01", 7.62, 5, "F.Fab")]
    body += _box(-2.13, -2.4, 17.37, 7.4)
    for number, x in ((1, 0), (2, 2.54), (5, 10.16), (7, 15.24)):
        body.append(_pad(str(number), x, 0, 1.6, 0.8, "rect" if number == 1 else "circle"))
    return _footprint(
        "DCDC_XP_IHA01_SIP7", "Isolated 1 W converter SIP-7, pins 1 2 5 7; 6 mm between pads 2 and 5", body
    )


def sidactor() -> str:
    """Two-lead TO-92, leads bent to 5.08 mm; the middle lead does not exist."""
    body = [_text("reference", "REF**", 2.54, -3.6, "F.SilkS"), _text("value", "P3100EA", 2.54, 3, "F.Fab")]
    body += _box(-0.2, -2.4, 5.28, 1.75)[1:] + [_line(0.4, -2.5, 4.7, -2.5), _line(0.9, 1.85, 4.2, 1.85)]
    body += [_pad("1", 0, 0, 1.6, 0.8, "circle"), _pad("2", 5.08, 0, 1.6, 0.8)]
    return _footprint("SIDACtor_TO-92_P5.08mm", "SIDACtor in TO-92 with two leads, symmetrical", body)


def sound_module() -> str:
    """MAX98357A module in a 1x7 socket, parallel to the board, 11 mm above it. It reaches over the parts beside it.

    17.78 x 19.05 mm, header 2.54 mm from one edge: the size of Adafruit's board (its .brd file); others are
    within a millimetre of it. Courtyard and outline are those of the socket; corners show the module.
    """
    body = [_text("reference", "REF**", 7.62, -2.6, "F.SilkS"), _text("value", "MAX98357A", 7.62, 3, "F.Fab")]
    body += _box(-1.27, -1.27, 16.51, 1.27)
    x1, y1, x2, y2 = -1.27, -16.51, 16.51, 2.54
    body.append(_rect(x1, y1, x2, y2, "F.Fab", 0.1))
    for x, inward in ((x1, 2), (x2, -2)):
        body += [_line(x, y1, x + inward, y1), _line(x, y1, x, y1 + 2), _line(x, y2 - 1, x, y2)]
    for k in range(7):
        body.append(_pad(str(k + 1), 2.54 * k, 0, 1.7, 1.0, "rect" if k == 0 else "circle"))
    return _footprint("MAX98357A_Module", "I2S amplifier module, header LRC BCLK DIN GAIN SD GND VIN", body)


def outputs() -> dict[str, str]:
    return {
        "Pico_Socket.kicad_mod": pico_socket(),
        "DCDC_XP_IHA01_SIP7.kicad_mod": dcdc_sip7(),
        "MAX98357A_Module.kicad_mod": sound_module(),
        "SIDACtor_TO-92_P5.08mm.kicad_mod": sidactor(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in outputs().items():
        (FOLDER / name).write_text(text, newline="\n")
