"""``etch evaluate``: a grain map, or a map of fracture modes, against truth."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_etch.cli.console import bad_input, note, refuse, say
from napari_etch.cli.maps import map_of, read_corrected, read_map, taken_words
from napari_etch.cli.options import ChannelOf, Corrections, Series, between, choice_of, free_file
from napari_etch.evaluation import DEFAULT_MIN_AREA_PX, DEFAULT_TOLERANCE_PX, TruthKind
from napari_etch.results import FRACTURE_FILE, GRAINS_FILE

if TYPE_CHECKING:
    import numpy as np

    from napari_etch.evaluation import ClassScores, GrainScores, StackScores
    from napari_etch.micrograph.choice import Choice


class Truth(StrEnum):
    """Kinds of truth."""

    auto = "auto"
    labels = "labels"
    boundary = "boundary"
    classes = "classes"


_KINDS: dict[Truth, TruthKind] = {
    Truth.auto: "auto",
    Truth.labels: "labels",
    Truth.boundary: "boundary",
}


def evaluate(
    pred: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Grain map or class map: TIFF, PNG or NPY; or a folder of results.",
        ),
    ],
    truth: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Label map, drawn boundaries or class map; or a folder of results. "
            "--dataset takes one of HDF5 or Zarr.",
        ),
    ],
    ignore: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask; nonzero is not scored.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(metavar="PX", parser=between(0, 1000), help="How far a boundary may be off."),
    ] = DEFAULT_TOLERANCE_PX,
    truth_kind: Annotated[
        Truth,
        typer.Option(
            help="auto: a two-valued 8-bit file holds boundaries; what etch fracture wrote is "
            "scored by classes."
        ),
    ] = Truth.auto,
    min_area: Annotated[
        int, typer.Option(min=1, metavar="PX", help="Smaller truth grains are left out.")
    ] = DEFAULT_MIN_AREA_PX,
    series: Series = None,
    channel: ChannelOf = None,
    corrections: Corrections = True,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the scores here.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Score a grain map, or a map of fracture modes, against truth and print the scores as JSON.

    The grains of a stack are scored in space, and section by section. --dataset and --channel are
    of the truth.
    """
    from napari_etch.evaluation import evaluate_classes, evaluate_grains, evaluate_stack
    from napari_etch.results import plain, whole_file

    if out is not None:
        free_file(out, overwrite, "scores.json")
    if truth_kind is Truth.auto and _is_class_map(pred):
        truth_kind = Truth.classes
    by_class = truth_kind is Truth.classes
    if by_class and (tolerance, min_area) != (DEFAULT_TOLERANCE_PX, DEFAULT_MIN_AREA_PX):
        refuse("classes are scored pixel by pixel: leave out --tolerance and --min-area")
    read = _read_classes if by_class else _read
    pred_map = read(pred, corrections)
    choice = choice_of(series, channel)
    chosen = choice or _holds_data_sets(truth)
    true_map = _read_chosen(truth, choice) if chosen else read(truth, corrections)
    mask = None if ignore is None else read_map(ignore) != 0
    scores: ClassScores | GrainScores | StackScores
    with bad_input(f"{pred} and {truth}"):
        if truth_kind is Truth.classes:
            scores = evaluate_classes(pred_map, true_map, ignore=mask)
        else:
            score = evaluate_stack if true_map.ndim == 3 else evaluate_grains
            scores = score(
                pred_map,
                true_map,
                ignore=mask,
                tolerance_px=tolerance,
                truth_kind=_KINDS[truth_kind],
                min_area_px=min_area,
            )
    text = json.dumps(_rounded(plain(scores.as_dict())), indent=1)
    try:
        if out is not None:
            with bad_input(str(out)):
                out.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(out) as unfinished:
                    unfinished.write_text(text + "\n", encoding="utf-8")
    finally:  # what no disk takes is not lost
        say(text)


def _rounded(value: Any) -> Any:
    """Return numbers to six places, also those inside."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def _is_class_map(path: Path) -> bool:
    """Return whether a path is what `etch fracture` wrote: its map, or its folder."""
    if path.is_dir():
        return (path / FRACTURE_FILE).is_file() and not (path / GRAINS_FILE).exists()
    return path.name == FRACTURE_FILE


def _holds_data_sets(path: Path) -> bool:
    """Return whether a path is an HDF5 file or a Zarr folder."""
    import h5py

    from napari_etch.micrograph.zarr_images import is_zarr

    return is_zarr(path) if path.is_dir() else path.is_file() and bool(h5py.is_hdf5(path))


def _read_chosen(path: Path, choice: Choice) -> np.ndarray:
    """Read the map that was chosen of a file or a Zarr folder with several."""
    from napari_etch.micrograph.reading import read_numbers
    from napari_etch.micrograph.serial import whole_floats

    if path.is_dir() and not _holds_data_sets(path):
        refuse(
            f"--truth {path} is a folder of files: leave {choice.words} out, or name one of them"
        )
    with bad_input():
        return whole_floats(read_numbers(path, choice))


def _read_classes(path: Path, corrections: bool) -> np.ndarray:
    """Read a map of classes, or that of a folder of results, as it was corrected."""
    with bad_input():
        file = path / FRACTURE_FILE if path.is_dir() else path
        classes, correction = read_corrected(file, corrections)
    if correction is not None:
        note(f"{path}: {taken_words(correction)}")
    return classes


def _read(path: Path, corrections: bool) -> np.ndarray:
    """Read a map, or that of a folder of results, as it was corrected, and tell of it."""
    from napari_etch.micrograph.serial import refuse_picture

    with bad_input():
        labels, correction = read_corrected(map_of(path), corrections)
        section = labels[len(labels) // 2] if labels.ndim == 3 and len(labels) else labels
        if _may_be_picture(section):
            refuse_picture(section, str(path))
    if correction is not None:
        note(f"{path}: {taken_words(correction)}")
    return labels


def _may_be_picture(labels: np.ndarray) -> bool:
    """Return whether an array is a plane of whole numbers and no mask of two values."""
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size or labels.min() < 0:
        return False
    return bool(((labels != labels.min()) & (labels != labels.max())).any())
