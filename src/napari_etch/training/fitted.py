"""Keeping what a fit made: the model's folder with notes and a picture, complete or not there."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.moving import move
from napari_etch.models.library import Notes
from napari_etch.models.weights_file import THUMBNAIL

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.training.labelfree import Fitted

log = logging.getLogger("napari_etch")

#: Side of the part of the image that the picture shows, and of the picture, px.
LOOKED_AT = 256
PICTURE = 192
#: Colour of the boundaries in the picture.
COLOUR = (255, 84, 40)


def save_fitted(
    fitted: Fitted,
    folder: Path,
    micrographs: Sequence[Micrograph],
    *,
    start: str,
    regions: Sequence[tuple[slice, slice] | None] | None = None,
    losses: dict[str, float] | None = None,
    device: str = "auto",
) -> None:
    """Write a fitted model with what the library wants to know about it.

    Parameters
    ----------
    fitted : Fitted
        The last event of a fit.
    folder : pathlib.Path
        Where to; a model that is there is replaced, by a rename.
    micrographs, regions
        What it was fitted to.
    start : str
        What it started from.
    losses : dict, optional
        The last values of the terms.
    device : str
        Where the picture is computed.
    """
    notes = Notes.now(
        micrographs[0].name,
        sources=tuple(_source(micrograph) for micrograph in micrographs),
        start=start,
        losses={name: float(value) for name, value in (losses or {}).items()},
    )
    region = regions[0] if regions else None
    save_with_notes(
        fitted, folder, notes, lambda model: picture_of(model, micrographs[0], region, device)
    )


def save_with_notes(
    made: Any, folder: Path, notes: Notes, draw: Callable[[Path], bytes | None]
) -> None:
    """Write a model with notes and a picture of what it finds, all of it or nothing.

    Parameters
    ----------
    made : Fitted or Trained
    folder : pathlib.Path
        Where to; a model that is there is replaced, by a rename.
    notes : Notes
    draw : callable
        From the model's folder to the picture as PNG; None for none.
    """
    unfinished = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        replace(made, card=notes.into_card(made.card)).save(unfinished)
        picture = draw(unfinished)
        if picture is not None:
            (unfinished / THUMBNAIL).write_bytes(picture)
        if folder.exists():
            shutil.rmtree(folder)
        move(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def total_loss(losses: dict[str, float]) -> float:
    """Return the terms of a step as one number: the one named ``total``, otherwise the sum."""
    return losses["total"] if "total" in losses else math.fsum(losses.values())


def _source(micrograph: Micrograph) -> str:
    name = micrograph.path.name if micrograph.path is not None else micrograph.name
    return micrograph.choice.of(name)


def picture_of(
    model: Path, micrograph: Micrograph, region: tuple[slice, slice] | None, device: str
) -> bytes | None:
    """Return a PNG of what the model finds; None when that fails, for the model counts more."""
    import imagecodecs

    try:
        part = middle_part(micrograph, region)
        return bytes(imagecodecs.png_encode(overlay(part.grey(), _boundary(model, part, device))))
    except Exception:
        log.exception("No picture of the fitted model was made")
        return None


def _boundary(model: Path, part: Micrograph, device: str) -> npt.NDArray[np.float32]:
    from napari_etch.inference import Prediction, predict
    from napari_etch.models.registry import load_path

    loaded: Any = load_path(model)
    options: dict[str, Any] = {"quality": "fast"} if "quality" in loaded.segment_options else {}
    for event in predict(loaded, part, device=device, **options):
        if isinstance(event, Prediction):
            return event.boundary
    raise RuntimeError("the prediction ended without a result")


def middle_part(micrograph: Micrograph, region: tuple[slice, slice] | None) -> Micrograph:
    """Return the middle `LOOKED_AT` px square of what was fitted, the information bar left out."""
    rows, columns = region or (slice(0, micrograph.height), slice(0, micrograph.width))
    bottom = rows.stop if micrograph.info_bar_row is None else micrograph.info_bar_row
    window = _middle(rows.start, min(rows.stop, bottom)), _middle(columns.start, columns.stop)
    return replace(micrograph, info_bar_row=None).part(*window)


def _middle(start: int, stop: int) -> slice:
    spare = max(0, stop - start - LOOKED_AT) // 2
    return slice(start + spare, stop - spare)


def overlay(grey: np.ndarray, boundary: np.ndarray) -> npt.NDArray[np.uint8]:
    """Return a small colour picture of an image with its boundary map over it.

    Parameters
    ----------
    grey, boundary : float32 (y, x), in [0, 1]

    Returns
    -------
    uint8 (h, w, 3), at most `PICTURE` px high and wide
    """
    step = max(1, round(max(grey.shape) / PICTURE))
    height, width = (size // step * step for size in grey.shape)
    blocks = (height // step, step, width // step, step)
    small = grey[:height, :width].reshape(blocks).mean((1, 3))[..., None]
    # the strongest, not the mean: a thin line must not fade away
    lines = boundary[:height, :width].reshape(blocks).max((1, 3))[..., None]
    mixed = 255 * 0.85 * small * (1 - lines) + np.array(COLOUR) * lines
    return np.clip(mixed, 0, 255).astype(np.uint8)
