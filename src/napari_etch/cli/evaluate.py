"""``etch evaluate``: a grain map against truth."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_etch.cli.console import bad_input, say
from napari_etch.evaluation import DEFAULT_MIN_AREA_PX, DEFAULT_TOLERANCE_PX

if TYPE_CHECKING:
    import numpy as np


class Truth(StrEnum):
    """Kinds of truth."""

    auto = "auto"
    labels = "labels"
    boundary = "boundary"


def evaluate(
    pred: Annotated[Path, typer.Option(metavar="FILE", help="Grain map: TIFF, PNG or NPY.")],
    truth: Annotated[Path, typer.Option(metavar="FILE", help="Label map or drawn boundaries.")],
    ignore: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask; nonzero is not scored.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, metavar="PX", help="How far a boundary may be off.")
    ] = DEFAULT_TOLERANCE_PX,
    truth_kind: Annotated[
        Truth, typer.Option(help="auto: a two-valued 8-bit file holds boundaries.")
    ] = Truth.auto,
    min_area: Annotated[
        int, typer.Option(min=1, metavar="PX", help="Smaller truth grains are left out.")
    ] = DEFAULT_MIN_AREA_PX,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the scores here.")
    ] = None,
) -> None:
    """Score a grain map against truth and print the scores as JSON."""
    from napari_etch.evaluation import evaluate_grains
    from napari_etch.results import plain

    pred_map, true_map = read_map(pred), read_map(truth)
    mask = None if ignore is None else read_map(ignore) != 0
    with bad_input(f"{pred} and {truth}"):
        scores = evaluate_grains(
            pred_map,
            true_map,
            ignore=mask,
            tolerance_px=tolerance,
            truth_kind=truth_kind.value,
            min_area_px=min_area,
        )
    rounded = {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in plain(scores.as_dict()).items()
    }
    text = json.dumps(rounded, indent=1)
    if out is not None:
        with bad_input(str(out)):
            out.write_text(text + "\n", encoding="utf-8")
    say(text)


def read_map(path: Path) -> np.ndarray:
    """Read a map of labels or lines; end with a sentence when there is none in the file.

    Parameters
    ----------
    path : Path
        TIFF, NPY, or what scikit-image reads.

    Returns
    -------
    np.ndarray
        Values as they stand in the file, (y, x).
    """
    import numpy as np

    with bad_input(str(path)):
        if path.suffix.lower() == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            try:
                array = tifffile.imread(path)
            except tifffile.TiffFileError:
                raise ValueError("it cannot be read as a TIFF file: write it again") from None
        else:
            array = _read_picture(path)
        if array.ndim == 3 and array.shape[-1] in (2, 3, 4):  # grey stored as colour
            colours = array[..., :3] if array.shape[-1] > 2 else array[..., :1]
            if (colours != colours[..., :1]).any():
                raise ValueError("a colour image is not a map: give a label map or a mask")
            array = colours[..., 0]
        return array


def _read_picture(path: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError
    from skimage.io import imread

    try:
        with Image.open(path):  # scikit-image stumbles over what is no image
            pass
    except UnidentifiedImageError:
        raise ValueError("it is no image that can be read: give TIFF, PNG or NPY") from None
    array: np.ndarray = imread(path)
    return array
