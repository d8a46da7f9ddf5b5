"""The desk card's layout and its two forms, SVG and PDF. Measures in points (1/72 inch), y downwards from the top."""

from __future__ import annotations

import hashlib
import io
import math
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = 419.53, 595.28  # A5: 148 x 210 mm
MARGIN = 24
RING = 24.5  # radius of a ring's picture
TEXT_AT = MARGIN + 2 * RING + 13
LEAST_GAP = 4  # between rows
PLAIN, BOLD, ITALIC = "Helvetica", "Helvetica-Bold", "Helvetica-Oblique"
INK, SOFT, HAIRLINE, SPOKEN = "#1c1e22", "#565b63", "#d9d4ca", "#17624f"
CASE, CAP, UNLIT, PAPER, WHITE = "#22252a", "#e9e6df", "#41464f", "#f6f3ed", "#ffffff"
TITLE_SIZE, HEADING_SIZE, TEXT_SIZE, LEADING = 17, 9.4, 8.2, 10.1

Colour = tuple[int, int, int]


class Row(NamedTuple):
    """A light: the ring's pixels, what it looks like, what to do, and what is said ("" = nothing)."""

    pixels: list[Colour]
    look: str
    do: str
    said: str


class Box(NamedTuple):
    """A note at the foot of the page."""

    title: str
    text: str


class Circle(NamedTuple):
    x: float
    y: float
    radius: float
    fill: str


class Panel(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    stroke: str


class Text(NamedTuple):
    x: float
    y: float
    text: str
    font: str
    size: float
    fill: str


class Sheet:
    """One page: `title` over `rows`, spread evenly, over `boxes` side by side.

    `language` and `description` are for the SVG's readers. Raises ValueError where it does not fit on the page.
    """

    def __init__(self, language: str, title: str, rows: list[Row], boxes: list[Box], description: str) -> None:
        self._language, self._title, self._description = language, title, description
        self._shapes: list[Any] = [Panel(0, 0, WIDTH, HEIGHT, 0, WHITE, WHITE)]
        self._text(MARGIN, MARGIN + 14, title, BOLD, TITLE_SIZE, INK)
        self._text(WIDTH - MARGIN - stringWidth("endcall", BOLD, 9), MARGIN + 14, "endcall", BOLD, 9, SOFT)
        self._shapes.append(Panel(MARGIN, MARGIN + 22, WIDTH - 2 * MARGIN, 1, 0, INK, INK))
        top, foot = MARGIN + 31.0, self._boxes(boxes)
        lines = [_lines(row) for row in rows]
        heights = [max(2 * RING, _height(one)) for one in lines]
        gap = (foot - top - sum(heights)) / len(rows)
        if gap < LEAST_GAP:
            raise ValueError(f"the card is {len(rows) * (LEAST_GAP - gap):.0f} pt too long for its page")
        for row, height, wrapped in zip(rows, heights, lines, strict=True):
            self._row(top, height, row, wrapped)
            top += height + gap

    def svg(self) -> str:
        """The page as an SVG file. Each line of text has its measured length, so other fonts fit as well."""
        out = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="148mm" height="210mm" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'xml:lang="{self._language}" role="img" font-family="Helvetica, Arial, \'Liberation Sans\', sans-serif">',
            f"<title>{escape(self._title)}</title>",
            f"<desc>{escape(self._description)}</desc>",
        ]
        out += [_svg(shape) for shape in self._shapes]
        return "\n".join([*out, "</svg>", ""])

    def pdf(self) -> bytes:
        """The page as a PDF; the same bytes for the same page. Its keywords hold `fingerprint`."""
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), invariant=1, lang=self._language)
        canvas.setTitle(self._title)
        canvas.setAuthor("endcall")
        canvas.setSubject(self._description)
        canvas.setKeywords(self.fingerprint)
        for shape in self._shapes:
            _draw(canvas, shape)
        canvas.save()
        return out.getvalue()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the SVG, as hex: tells whether a PDF shows the same."""
        return hashlib.sha256(self.svg().encode()).hexdigest()

    def _row(self, top: float, height: float, row: Row, lines: list[tuple[str, str, str]]) -> None:
        self._ring(MARGIN + RING, top + height / 2, row.pixels)
        y = top + (height - _height(lines)) / 2 + HEADING_SIZE
        self._text(TEXT_AT, y, row.look, BOLD, HEADING_SIZE, INK)
        y += 2
        for text, font, colour in lines:
            y += LEADING
            self._text(TEXT_AT, y, text, font, TEXT_SIZE, colour)

    def _boxes(self, boxes: list[Box]) -> float:
        """Put the boxes on the lower margin; returns where they begin."""
        gap = 10
        width = (WIDTH - 2 * MARGIN - gap * (len(boxes) - 1)) / len(boxes)
        wrapped = [simpleSplit(box.text, PLAIN, TEXT_SIZE, width - 18) for box in boxes]
        height = HEADING_SIZE + 16 + LEADING * max(len(lines) for lines in wrapped)
        top = HEIGHT - MARGIN - height
        for index, (box, lines) in enumerate(zip(boxes, wrapped, strict=True)):
            left = MARGIN + index * (width + gap)
            self._shapes.append(Panel(left, top, width, height, 5, PAPER, HAIRLINE))
            self._text(left + 9, top + 7 + HEADING_SIZE, box.title, BOLD, HEADING_SIZE, INK)
            for number, text in enumerate(lines, 1):
                self._text(left + 9, top + 8 + HEADING_SIZE + LEADING * number, text, PLAIN, TEXT_SIZE, INK)
        return top

    def _ring(self, x: float, y: float, pixels: list[Colour]) -> None:
        self._shapes += [Circle(x, y, RING, CASE), Circle(x, y, RING * 0.56, CAP)]
        radius, dot = RING * 0.78, RING * 0.68 * math.pi / max(12, len(pixels))
        for index, colour in enumerate(pixels):
            angle = 2 * math.pi * index / len(pixels)
            at_x, at_y = x + radius * math.sin(angle), y - radius * math.cos(angle)
            self._shapes.append(Circle(at_x, at_y, dot if any(colour) else dot * 0.55, _light(colour)))

    def _text(self, x: float, y: float, text: str, font: str, size: float, colour: str) -> None:
        self._shapes.append(Text(x, y, text, font, size, colour))


def _lines(row: Row) -> list[tuple[str, str, str]]:
    """What stands below a row's heading, wrapped: text, font, colour."""
    width = WIDTH - MARGIN - TEXT_AT
    lines = [(text, PLAIN, INK) for text in simpleSplit(row.do, PLAIN, TEXT_SIZE, width)]
    return lines + [(text, ITALIC, SPOKEN) for text in simpleSplit(row.said, ITALIC, TEXT_SIZE, width)]


def _height(lines: list[tuple[str, str, str]]) -> float:
    return HEADING_SIZE + 2 + LEADING * len(lines) + 2


def _light(colour: Colour) -> str:
    """A pixel on paper. A pixel's value is linear and a screen's is not: a gamma of 2.2 shows dim ones as eyes do."""
    if not any(colour):
        return UNLIT
    return "#" + "".join(f"{round(255 * (value / 255) ** (1 / 2.2)):02x}" for value in colour)


def _svg(shape: Circle | Panel | Text) -> str:
    if isinstance(shape, Circle):
        return f'<circle cx="{shape.x:.2f}" cy="{shape.y:.2f}" r="{shape.radius:.2f}" fill="{shape.fill}"/>'
    if isinstance(shape, Panel):
        return (
            f'<rect x="{shape.x:.2f}" y="{shape.y:.2f}" width="{shape.width:.2f}" height="{shape.height:.2f}" '
            f'rx="{shape.radius}" fill="{shape.fill}" stroke="{shape.stroke}" stroke-width="0.6"/>'
        )
    look = {BOLD: ' font-weight="bold"', ITALIC: ' font-style="italic"'}.get(shape.font, "")
    length = stringWidth(shape.text, shape.font, shape.size)
    return (
        f'<text x="{shape.x:.2f}" y="{shape.y:.2f}" font-size="{shape.size}" fill="{shape.fill}"{look} '
        f'textLength="{length:.2f}" lengthAdjust="spacingAndGlyphs">{escape(shape.text)}</text>'
    )


def _draw(canvas: Canvas, shape: Circle | Panel | Text) -> None:
    canvas.setFillColor(HexColor(shape.fill))
    if isinstance(shape, Circle):
        canvas.circle(shape.x, HEIGHT - shape.y, shape.radius, stroke=0, fill=1)
    elif isinstance(shape, Panel):
        canvas.setStrokeColor(HexColor(shape.stroke))
        canvas.setLineWidth(0.6)
        canvas.roundRect(shape.x, HEIGHT - shape.y - shape.height, shape.width, shape.height, shape.radius, fill=1)
    else:
        canvas.setFont(shape.font, shape.size)
        canvas.drawString(shape.x, HEIGHT - shape.y, shape.text)
