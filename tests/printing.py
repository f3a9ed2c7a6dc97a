"""Scale bars and their text, printed into an image as microscopes and programs print them."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")
COLOURS = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
    "blue": (0, 0, 255),
}
_DARK_PAPER = ("white", "yellow", "red")


@dataclass(frozen=True)
class Print:
    """How a scale bar is printed.

    Attributes
    ----------
    ink : str
        One of `COLOURS`; white and black leave a grey image grey.
    box : str
        "none", "filled" or "flush": filled into the corner.
    ends : str
        "plain", "ticks" or "up": ticks on the upper side only.
    text : str
        Where it stands: "above", "below", "left", "right" or "inside", which parts the bar.
    corner : str
        "upper left" and so on.
    label, font : str
    size, length : float
        Of the text and the bar, as shares of the image's height and width.
    thick : float
        Of the bar, as a share of the text's size.
    quality : int or None
        Of JPEG.
    smooth : bool
        Whether the letters have soft edges.
    """

    ink: str = "white"
    box: str = "none"
    ends: str = "plain"
    text: str = "above"
    corner: str = "lower right"
    label: str = "50 µm"
    font: str = FONTS[0]
    size: float = 0.05
    length: float = 0.2
    thick: float = 0.25
    quality: int | None = None
    smooth: bool = True

    @property
    def is_plain_to_see(self) -> bool:
        """Whether it stands on a box of its own."""
        return self.box != "none"


def any_print(number: int) -> Print:
    """Return one of all kinds of prints."""
    chosen = random.Random(number)
    return Print(
        ink=chosen.choice(["white"] * 3 + ["black"] * 3 + ["red", "yellow", "blue"]),
        box=chosen.choice(["none", "none", "filled", "flush"]),
        ends=chosen.choice(["plain", "plain", "ticks", "up"]),
        text=chosen.choice(["above", "below", "above", "below", "left", "right", "inside"]),
        corner=chosen.choice(["lower right", "lower left", "upper right", "upper left"]),
        label=chosen.choice(["50 µm", "10 µm", "200 nm", "1 mm", "20um", "5 μm", "0.5 mm"]),
        font=chosen.choice(FONTS),
        size=chosen.uniform(0.03, 0.06),
        length=chosen.uniform(0.1, 0.35),
        thick=chosen.uniform(0.12, 0.4),
        quality=chosen.choice([None, None, 50, 60, 75, 85, 95]),
        smooth=chosen.random() < 0.7,
    )


@dataclass(frozen=True, eq=False)
class Printed:
    """An image with a scale bar.

    Attributes
    ----------
    image : uint8 (y, x) or (y, x, 3)
    box : (top, bottom, left, right)
        Around what was printed, px.
    length : int
        Of the bar, px.
    """

    image: np.ndarray
    box: tuple[int, int, int, int]
    length: int

    def covered(self, mask: np.ndarray) -> float:
        """Return how much of the print a mask, True on specimen, leaves out."""
        top, bottom, left, right = self.box
        return float((~mask[top:bottom, left:right]).mean())

    def lost(self, mask: np.ndarray) -> float:
        """Return how much specimen a mask leaves out beside the print, in areas of the print."""
        top, bottom, left, right = self.box
        inside = (~mask[top:bottom, left:right]).sum()
        return float(((~mask).sum() - inside) / ((bottom - top) * (right - left)))


def printed(specimen: np.ndarray, how: Print) -> Printed:
    """Print a scale bar into a grey image, uint8 (y, x)."""
    height, width = specimen.shape
    canvas = Image.fromarray(specimen).convert("RGB")
    draw = ImageDraw.Draw(canvas)
    draw.fontmode = "L" if how.smooth else "1"
    size = max(11, int(how.size * height))
    font = ImageFont.truetype(font_file(how.font), size)
    text = draw.textbbox((0, 0), how.label, font=font)
    shape = _Layout.of(how, size, int(how.length * width), text)
    pad = size // 2
    margin = pad if how.box == "flush" else size
    left = width - margin - shape.width if "right" in how.corner else margin
    top = height - margin - shape.height if "lower" in how.corner else margin
    box = (top, top + shape.height, left, left + shape.width)
    if how.box != "none":
        box = (max(0, box[0] - pad), box[1] + pad, max(0, box[2] - pad), box[3] + pad)
        paper = (0, 0, 0) if how.ink in _DARK_PAPER else (255, 255, 255)
        draw.rectangle((box[2], box[0], box[3] - 1, box[1] - 1), fill=paper)
    ink = COLOURS[how.ink]
    for x, y, wide, high in shape.strokes:
        draw.rectangle((left + x, top + y, left + x + wide - 1, top + y + high - 1), fill=ink)
    x, y = shape.text
    draw.text((left + x - text[0], top + y - text[1]), how.label, font=font, fill=ink)
    grey = how.ink in ("white", "black")
    done = canvas.convert("L") if grey else canvas
    if how.quality is not None:
        file = io.BytesIO()
        done.save(file, "JPEG", quality=how.quality)
        done = Image.open(file)
    return Printed(np.array(done), box, shape.length)


def font_file(name: str) -> str:
    """Return the path of a font that comes with matplotlib."""
    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf")


@dataclass(frozen=True)
class _Layout:
    """Where text and strokes stand, from the upper left corner, px; strokes x, y, wide, high."""

    width: int
    height: int
    text: tuple[int, int]
    strokes: tuple[tuple[int, int, int, int], ...]
    length: int

    @classmethod
    def of(
        cls, how: Print, size: int, length: int, text: tuple[float, float, float, float]
    ) -> _Layout:
        wide, high = int(text[2] - text[0]), int(text[3] - text[1])
        gap, tick = size // 3 + 1, size // 3
        thick = max(2, round(how.thick * size))
        up = tick if how.ends != "plain" else 0
        down = tick if how.ends == "ticks" else 0
        tall = up + thick + down
        if how.text in ("above", "below"):
            width, height = max(length, wide), high + gap + tall
            x, row = (width - length) // 2, up if how.text == "below" else high + gap + up
            at = (width - wide) // 2, tall + gap if how.text == "below" else 0
        else:
            length = max(length, 3 * wide) if how.text == "inside" else length
            beside = 0 if how.text == "inside" else gap + wide
            width, height = length + beside, max(high, tall)
            x, row = beside if how.text == "left" else 0, (height - tall) // 2 + up
            places = {"left": 0, "right": length + gap, "inside": (length - wide) // 2}
            at = places[how.text], (height - high) // 2
        parts = [(x, row, length, thick)]
        if how.text == "inside":
            half = (length - wide) // 2 - gap
            parts = [(x, row, half, thick), (x + length - half, row, half, thick)]
        if how.ends != "plain":
            ends = (x, x + length - 2)
            parts += [(end, row - up, 2, tall) for end in ends]
        return cls(width, height, at, tuple(parts), length)


def print_of(**changes: object) -> Print:
    """Return a print that differs from the usual one."""
    return replace(Print(), **changes)  # type: ignore[arg-type]
