"""Information bars with a scale bar, as electron microscopes print them under an image."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from printing import FONTS, font_file

KINDS = ("beam", "parted", "solid", "beside", "ticks", "dots")
_REST = ("HV 20.00 kV", "WD = 4.5 mm", "Mag = 5.00 K X", "Signal A = SE2", "H 7 1024 x 768")


@dataclass(frozen=True)
class Strip:
    """How an information bar is printed.

    Attributes
    ----------
    kind : str
        One of `KINDS`: a stroke between ticks under its text, in two halves around it, a filled
        bar under it or beside it, or a row of ticks or dots above it.
    label, font : str
    size, length : int
        Of the font and of the scale bar, px.
    is_dark : bool
        White on black.
    quality : int or None
        Of JPEG.
    """

    kind: str = "beam"
    label: str = "200 nm"
    font: str = FONTS[0]
    size: int = 16
    length: int = 100
    is_dark: bool = True
    quality: int | None = None


def strip_of(**changes: object) -> Strip:
    """Return an information bar that differs from the usual one."""
    return replace(Strip(), **changes)  # type: ignore[arg-type]


def any_strip(number: int) -> Strip:
    """Return one of all kinds of information bars."""
    chosen = random.Random(number)
    return Strip(
        kind=chosen.choice(KINDS),
        label=chosen.choice(
            ["200 nm", "5 µm", "10µm", "1 µm", "50.0um", "100 µm", "2 mm", "5.00um"]
        ),
        font=chosen.choice(FONTS),
        size=chosen.randint(13, 28),
        length=chosen.randint(40, 220),
        is_dark=chosen.random() < 0.7,
        quality=chosen.choice([None, None, 60, 75, 90]),
    )


def info_strip(how: Strip, width: int = 1024) -> np.ndarray:
    """Draw an information bar, uint8 (y, x)."""
    height = 4 * how.size
    paper, ink = (0, 255) if how.is_dark else (255, 0)
    canvas = Image.new("L", (width, height), paper)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.truetype(font_file(how.font), how.size)
    small = ImageFont.truetype(font_file(how.font), max(10, int(0.8 * how.size)))
    x = 8
    for index, text in enumerate(_REST):
        draw.text((x, how.size // 3 + (index % 2) * 2 * how.size), text, font=small, fill=ink)
        x += int(draw.textlength(text, font=small)) + 12 if index % 2 else 0
    left = width - how.length - int(draw.textlength(how.label, font=font)) - 3 * how.size
    _draw_bar(draw, how, left, font, ink)
    if how.quality is not None:
        file = io.BytesIO()
        canvas.save(file, "JPEG", quality=how.quality)
        canvas = Image.open(file)
    return np.array(canvas)


def _draw_bar(
    draw: ImageDraw.ImageDraw, how: Strip, left: int, font: ImageFont.FreeTypeFont, ink: int
) -> None:
    size, right = how.size, left + how.length
    wide = int(draw.textlength(how.label, font=font))
    row, text = int(2.4 * size), (left + (how.length - wide) // 2, size // 2)
    tick = size // 3
    if how.kind == "parted":
        gap = wide + size
        half = max(size, (how.length - gap) // 2)
        right = left + 2 * half + gap
        text = (left + half + size // 2, row - size // 2 - 2)
        draw.rectangle((left, row, left + half, row + 1), fill=ink)
        draw.rectangle((right - half, row, right, row + 1), fill=ink)
    elif how.kind == "beam":
        draw.rectangle((left, row, right, row + 1), fill=ink)
    elif how.kind in ("solid", "beside"):
        draw.rectangle((left, row, right - 1, row + size // 4), fill=ink)
        text = (right + size // 2, row - size // 2) if how.kind == "beside" else text
    if how.kind in ("beam", "parted"):
        for x in (left, right):
            draw.rectangle((x, row - tick, x + 1, row + 1 + tick), fill=ink)
    if how.kind in ("ticks", "dots"):
        text = text[0], int(2.4 * size)
        tall = size // 2 if how.kind == "ticks" else 2
        for step in range(11):
            x = left + round(step * how.length / 10)
            draw.rectangle((x, int(1.6 * size) - tall, x + 1, int(1.6 * size)), fill=ink)
    draw.text(text, how.label, font=font, fill=ink)


def length_of(how: Strip) -> int:
    """Return the length of the scale bar as it is printed, px."""
    if how.kind != "parted":
        return how.length
    font = ImageFont.truetype(font_file(how.font), how.size)
    canvas = ImageDraw.Draw(Image.new("L", (1, 1)))
    gap = int(canvas.textlength(how.label, font=font)) + how.size
    return 2 * max(how.size, (how.length - gap) // 2) + gap
