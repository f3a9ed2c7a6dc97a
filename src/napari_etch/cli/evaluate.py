"""``etch evaluate``: a grain map against truth."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_etch.cli.console import bad_input, note, say
from napari_etch.cli.maps import map_of, read_corrected, read_map, taken_words
from napari_etch.cli.options import Corrections, between, free_file
from napari_etch.evaluation import DEFAULT_MIN_AREA_PX, DEFAULT_TOLERANCE_PX

if TYPE_CHECKING:
    import numpy as np


class Truth(StrEnum):
    """Kinds of truth."""

    auto = "auto"
    labels = "labels"
    boundary = "boundary"


def evaluate(
    pred: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Grain map: TIFF, PNG or NPY; or a folder of results."),
    ],
    truth: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Label map or drawn boundaries; or a folder of results."),
    ],
    ignore: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask; nonzero is not scored.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(metavar="PX", parser=between(0, 1000), help="How far a boundary may be off."),
    ] = DEFAULT_TOLERANCE_PX,
    truth_kind: Annotated[
        Truth, typer.Option(help="auto: a two-valued 8-bit file holds boundaries.")
    ] = Truth.auto,
    min_area: Annotated[
        int, typer.Option(min=1, metavar="PX", help="Smaller truth grains are left out.")
    ] = DEFAULT_MIN_AREA_PX,
    corrections: Corrections = True,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the scores here.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Score a grain map against truth and print the scores as JSON."""
    from napari_etch.evaluation import evaluate_grains
    from napari_etch.results import plain, whole_file

    if out is not None:
        free_file(out, overwrite, "scores.json")
    pred_map, true_map = _read(pred, corrections), _read(truth, corrections)
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
    try:
        if out is not None:
            with bad_input(str(out)):
                out.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(out) as unfinished:
                    unfinished.write_text(text + "\n", encoding="utf-8")
    finally:  # what no disk takes is not lost
        say(text)


def _read(path: Path, corrections: bool) -> np.ndarray:
    """Read a map, or that of a folder of results, as it was corrected, and tell of it."""
    from napari_etch.micrograph.serial import refuse_picture

    with bad_input():
        labels, correction = read_corrected(map_of(path), corrections)
        if _may_be_picture(labels):
            refuse_picture(labels, str(path))
    if correction is not None:
        note(f"{path}: {taken_words(correction)}")
    return labels


def _may_be_picture(labels: np.ndarray) -> bool:
    """Return whether an array is a plane of whole numbers and no mask of two values."""
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size or labels.min() < 0:
        return False
    return bool(((labels != labels.min()) & (labels != labels.max())).any())
