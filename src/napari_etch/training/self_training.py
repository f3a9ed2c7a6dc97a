"""Learning from images that nobody labelled: what a model is sure of counts as drawn.

Self-training by pseudo labels (Lee 2013; Xie et al. 2020): a model maps the images, and pixels that
it is surer of than a threshold are learnt from beside those that a person labelled. Nothing is ever
measured on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.training.folder import Pair, pair_of
from napari_etch.training.trainers import TrainError, TrainNotice

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

#: What a file of images is called.
SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp"})


def pseudo_labelled(
    model: Any,
    folder: Path,
    *,
    sure: float,
    device: str = "auto",
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainNotice | Pair]:
    """Yield the images of a folder, each with the classes that a model is sure of.

    Parameters
    ----------
    model : Fracture
        What says the classes.
    folder : pathlib.Path
        Images without labels; a stack counts as its sections.
    sure : float
        Pixels of which the model is less sure stay unlabelled.
    device : str
    stop : callable
        Asked before each image; True ends it.

    Yields
    ------
    TrainNotice or Pair
        A notice where nothing of an image is sure.

    Raises
    ------
    TrainError
        When the folder holds no image, or the threshold is no probability.
    napari_etch.micrograph.MicrographError
        When an image cannot be read.
    """
    if not 0.5 <= sure < 1:
        raise TrainError(f"sure is {sure}: give a probability from 0.5 to below 1.")
    if not folder.is_dir():
        raise TrainError(f"There is no folder {folder} with unlabelled images.")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise TrainError(f"{folder} holds no image: put unlabelled images there.")
    for path in files:
        for micrograph in _sections(path):
            if stop():
                return
            yield _labelled(model, micrograph, sure, device)


def _sections(path: Path) -> Iterator[Micrograph]:
    from napari_etch.micrograph import read_micrograph

    yield from read_micrograph(path, stack=True).sections()


def _labelled(model: Any, micrograph: Micrograph, sure: float, device: str) -> TrainNotice | Pair:
    from napari_etch.fractography import FractureMap, map_fracture

    (found,) = (
        event
        for event in map_fracture(model, micrograph, device=device, least=sure)
        if isinstance(event, FractureMap)
    )
    if not found.classes.any():
        return TrainNotice(f"{micrograph.name}: the model is sure of nothing, it is left out.")
    return pair_of(micrograph, found.classes.astype(np.int32), "classes")
