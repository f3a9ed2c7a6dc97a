"""Options that several commands have, and what they refuse before any work."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_etch.cli.console import bad_input, refuse

if TYPE_CHECKING:
    from napari_etch.micrograph.choice import Choice

_DECIMAL_COMMA = re.compile(r"\d*,\d+")
QUALITIES = ("fast", "best")
# Edge of a voxel over another: this is nm for µm, and serial sections come nowhere near.
_TOO_OBLONG = 1000
# Of a seed: torch takes 64 bits, and what is counted on from it has to fit, too.
MOST_SEED = 2**32 - 1


def number(text: str) -> float:
    """Return a typed number; for one with a decimal comma say how it is written."""
    try:
        return float(text)
    except ValueError:
        pass
    pointed = text.replace(",", ".")
    remedy = f": write {pointed}" if _DECIMAL_COMMA.fullmatch(text) else ""
    raise typer.BadParameter(f"{text} is no number{remedy}")


def between(low: float, high: float) -> Callable[[str], float]:
    """Return what reads a typed number of a range, ends included."""

    def read(text: str) -> float:
        value = number(text)
        if not low <= value <= high:
            raise typer.BadParameter(f"{text} is not between {low:g} and {high:g}")
        return value

    return read


def free_file(out: Path, overwrite: bool, such_as: str) -> None:
    """Refuse an ``--out`` that no file can be written to, or that would replace one unasked."""
    from napari_etch.results import check_closed, check_writable

    if out.is_dir():
        refuse(f"{out} is a folder: give --out the name of a file, such as {out / such_as}")
    if out.exists() and not overwrite:
        refuse(f"{out} exists: choose another name, or add --overwrite")
    with bad_input():
        check_writable(out.parent)
        check_closed(out)


def plausible_pixel_size(value: float | None) -> float | None:
    """Refuse a ``--pixel-size`` that no microscope has; the callback of that option."""
    from napari_etch.micrograph.calibration import check_plausible

    if value is not None:
        with bad_input("--pixel-size"):
            check_plausible(value)
    return value


def voxel(typed: Sequence[str] | None, option: str) -> tuple[float, float, float] | None:
    """Return the edges of a voxel as typed, in µm; refuse what is no number or no voxel."""
    if typed is None:
        return None
    try:
        z, y, x = (number(word) for word in typed)
    except typer.BadParameter as error:
        refuse(f"{option} {' '.join(typed)}: {error.message}")
    plausible_voxel((z, y, x), option)
    return z, y, x


def plausible_voxel(size: Sequence[float], option: str) -> None:
    """Refuse edges of a voxel that no microscope has, or of which one must have another unit.

    Parameters
    ----------
    size : sequence of float
        Edges of the voxel, or some of them, µm.
    option : str
        What they were typed with, for the message.
    """
    from napari_etch.micrograph.calibration import PLAUSIBLE_UM

    least, most = PLAUSIBLE_UM
    typed = " ".join(f"{edge:g}" for edge in size)
    if not all(least <= edge <= most for edge in size):  # nor nan
        refuse(f"{option} {typed}: give lengths in µm, between {least:g} and {most:g}")
    if max(size) >= _TOO_OBLONG * min(size):
        refuse(
            f"{option} {typed}: a voxel with edges of {max(size):g} and {min(size):g} µm is "
            f"{max(size) / min(size):.0f} times as long as wide: give all of them in µm"
        )


def choice_of(series: str | None, channel: str | None) -> Choice:
    """Return which image and channel of each file were typed."""
    from napari_etch.micrograph.choice import Choice, which

    return Choice(which(series), which(channel))


def _known_quality(value: str | None) -> str | None:
    if value is not None and value not in QUALITIES:
        refuse(f"--quality {value}: choose {' or '.join(QUALITIES)}")
    return value


def _length(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        refuse(f"--grain-size {value:g}: give the mean intercept in px, above 0")
    return value


PixelSize = Annotated[
    float | None,
    typer.Option(
        "--pixel-size",
        metavar="UM",
        help="Edge of a pixel in µm; goes before what a file states.",
        parser=number,
        callback=plausible_pixel_size,
    ),
]
ScaleBarSize = Annotated[
    bool,
    typer.Option(
        "--scale-bar",
        help="Where no pixel size is typed or stated, take the one that the scale bar says.",
    ),
]
Corrections = Annotated[
    bool,
    typer.Option(
        "--corrections/--no-corrections",
        help="Take the corrections that lie beside a result, made in napari.",
    ),
]
Quality = Annotated[
    str | None,
    typer.Option(
        "--quality", metavar="fast|best", help="Fewer or more passes.", callback=_known_quality
    ),
]
GrainSize = Annotated[
    float | None,
    typer.Option(
        "--grain-size",
        metavar="PX",
        help="Mean intercept in pixels, if the image misleads.",
        parser=number,
        callback=_length,
    ),
]
Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where the network runs.")
]
LearningDevice = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where it is learnt.")
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="M",
        help="Keep the best after so long at the latest.",
        parser=number,
    ),
]
Series = Annotated[
    str | None,
    typer.Option(
        "--series",
        "--dataset",
        metavar="N|NAME",
        help="Which image of a file with several: its number from 0, or name; of HDF5 and Zarr the "
        "path of a data set.",
    ),
]
ChannelOf = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="N|NAME",
        help="Which channel of an image with several: its number from 0, or name, such as BSE or "
        "red.",
    ),
]
Stack = Annotated[
    bool | None,
    typer.Option("--stack/--slices", help="Pages of a file are one stack, or single images."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")]
