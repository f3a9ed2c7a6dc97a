"""Lines of print, drawn as microscopes and programs print them, with what they say."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar.letters import ABOVE, ROWS, TALL, line_picture

Picture = npt.NDArray[np.float32]

_USUAL = "1 2 5 10 20 25 50 100 200 250 500 1000 15 30 40 300 400 3 4 2000 75 150 60 80 600 800"
_PARTS = "0.1 0.2 0.5 0.25 0.05 1.0 2.0 5.0 10.0 5.00 1.00 2.00 10.00 0.02 2.5 1.5 50.0 100.0 3.00"
_UNITS = ("µm", "µm", "µm", "um", "nm", "nm", "mm", "mm", "cm")
# What else stands in an information bar, and what nobody prints.
_OTHER = (
    "20.00 kV|15kV|x500|X 1,000|500x|WD = 4.5 mm|WD 10.2mm|Mag = 5.00 K X|EHT = 20.00 kV|"
    "Width = 7.520 µm|10 mm x|SE|BSE|det ETD|spot 3.0|1024 * 768"
)
_LETTERS = "kVxXKDWHFETSABMagepsitodlrB=:/%*()-+LRPNCGIOQUZbfhjqvwyz0123456789.   "
# Shares of the lines: lengths, single letters; the rest is other print.
_LENGTHS, _SINGLE = 0.8, 0.9
_SIZES = (9, 60)  # px, of the font
_LEAST_INK = 0.4


def font_files(folders: Sequence[Path]) -> list[Path]:
    """Return the font files in some folders that have figures and a µ, sorted."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in (".ttf", ".otf") and _can_print(path):
                found.append(path)
    return found


def _can_print(path: Path) -> bool:
    try:
        font = ImageFont.truetype(path, 20)
        missing = bytes(font.getmask("\uffff"))
        return all(bytes(font.getmask(character)) != missing for character in "05µm")
    except (OSError, ValueError):
        return False


def printed_lines(fonts: Sequence[Path], seed: Sequence[int]) -> Iterator[tuple[Picture, str]]:
    """Yield lines of print without end.

    Parameters
    ----------
    fonts : sequence of Path
    seed : sequence of int

    Yields
    ------
    picture : float32 (`letters.ROWS`, x)
        A line as the reader sees it; see `letters.line_picture`.
    text : str
    """
    rng = np.random.default_rng(seed)
    while True:
        text = _phrase(rng)
        drawn, box = _drawn(text, fonts, rng)
        if box is None:
            continue
        seen = _photographed(drawn, rng)
        tall = rng.uniform(TALL - 3, TALL + 2)
        above = rng.uniform(ABOVE - 2, min(2 * ABOVE, ROWS - tall - 1))
        before, behind = (_side(rng) for _ in range(2))
        yield line_picture(seen, box, tall, above, before, behind), text


def _side(rng: np.random.Generator) -> float:
    """Return how much room there is beside a line, px of the picture: sometimes much."""
    return float(rng.uniform(2, 8) if rng.random() < 0.7 else rng.uniform(8, 30))


def _phrase(rng: np.random.Generator) -> str:
    """Return a length, or something else that is printed."""
    kind = rng.random()
    if kind >= _SINGLE:
        return str(rng.choice(_OTHER.split("|")))
    if kind >= _LENGTHS:
        letters = rng.choice(list(_LETTERS), rng.integers(2, 10))
        return "".join(letters).strip() or "x"
    number = _number(rng)
    if rng.random() < 0.15:
        number = number.replace(".", ",")
    return f"{number}{' ' * int(rng.integers(2))}{rng.choice(_UNITS)}"


def _number(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.6:
        return str(rng.choice(_USUAL.split()))
    if kind < 0.8:
        return str(rng.choice(_PARTS.split()))
    if kind < 0.9:
        return str(rng.integers(1, 10 ** rng.integers(1, 5)))
    return f"{rng.uniform(0, 10.0 ** rng.integers(0, 4)):.{rng.integers(1, 3)}f}"


@lru_cache(4000)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _drawn(
    text: str, fonts: Sequence[Path], rng: np.random.Generator
) -> tuple[Picture, Box | None]:
    """Return a line of text, 1 where there is ink, and the box around it; None without ink."""
    size = round(float(np.exp(rng.uniform(*np.log(_SIZES)))))
    font = _font(fonts[int(rng.integers(len(fonts)))], size)
    space = rng.uniform(0, 0.15) * size if rng.random() < 0.2 else 0.0
    left, top, right, bottom = font.getbbox(text)
    pad = max(4, size // 2)
    width = int(right - left + space * len(text)) + 2 * pad
    canvas = Image.new("L", (width, int(bottom - top) + 2 * pad), 0)
    draw = ImageDraw.Draw(canvas)
    draw.fontmode = "L" if rng.random() < 0.75 else "1"
    if space:
        for index, letter in enumerate(text):
            x = pad - left + font.getlength(text[:index]) + index * space
            draw.text((x, pad - top), letter, font=font, fill=255)
    else:
        draw.text((pad - left, pad - top), text, font=font, fill=255)
    ink: Picture = np.asarray(canvas, np.float32) / np.float32(255)
    if rng.random() < 0.1:  # pixels of an old display
        ink = np.kron(ink, np.ones((int(rng.integers(2, 4)),) * 2)).astype(np.float32)
    rows, columns = np.nonzero(ink > _LEAST_INK)
    if len(rows) < 5:
        return ink, None
    box = Box(rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    if box.height < 5:
        return ink, None
    if rng.random() < 0.3:
        from scipy.ndimage import gaussian_filter

        ink = gaussian_filter(ink, rng.uniform(0.3, 0.06 * box.height + 0.4))
    return ink, box


def _photographed(ink: Picture, rng: np.random.Generator) -> Picture:
    """Return print over a specimen, with noise and compression."""
    behind = _behind(ink.shape, rng)
    seen: Picture = behind * (1 - ink) + ink * np.float32(rng.normal(1, 0.02))
    if rng.random() < 0.3:
        dark, contrast = rng.random() < 0.5, rng.uniform(85, 170)
        grey = 220 - contrast * seen if dark else 40 + contrast * seen
        file = io.BytesIO()
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(
            file, "JPEG", quality=int(rng.integers(25, 96))
        )
        back = np.asarray(Image.open(file), np.float32)
        seen = (220 - back if dark else back - 40) / contrast
    return (seen * rng.uniform(0.85, 1.1) + rng.normal(0, 0.02)).astype(np.float32)


def _behind(shape: tuple[int, ...], rng: np.random.Generator) -> Picture:
    """Return what lies behind print: even paper, noise, or a specimen; 0 on average."""
    from scipy.ndimage import gaussian_filter

    kind = rng.random()
    if kind < 0.45:
        return np.zeros(shape, np.float32)
    noise = rng.normal(0, 1, shape)
    if kind < 0.7:
        return (rng.uniform(0.02, 0.12) * noise).astype(np.float32)
    grains = gaussian_filter(noise, rng.uniform(1, 12))
    grains *= rng.uniform(0.05, 0.25) / (grains.std() + 1e-6)
    return (grains + rng.normal(0, 0.03, shape)).astype(np.float32)
