"""From a micrograph to its grains: prediction and partition, section by section."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import threading

    from napari_etch.inference import Notice, Prediction, TileDone
    from napari_etch.micrograph import Micrograph


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a model found in a micrograph.

    Attributes
    ----------
    micrograph : Micrograph
        The image or stack it was found in.
    boundary : np.ndarray
        Boundary map, float32 in [0, 1], (y, x) or (z, y, x).
    grains : np.ndarray
        Grain map, int32, of the same shape; 0 off the specimen. In a stack the sections are
        independent, so no number occurs in two of them.
    model : str
        Name of the model.
    weights_hash : str or None
        Hash of its weights.
    parameters : dict
        What it ran with, granularity included; of a stack, that of the first section.
    device : str
        Where the last section ran.
    seconds : float
        Duration, s.
    notices : tuple of str
        Everything the user should know, each once.
    """

    micrograph: Micrograph
    boundary: np.ndarray
    grains: np.ndarray
    model: str
    weights_hash: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


def segment(
    model: Any,
    micrograph: Micrograph,
    *,
    device: str = "auto",
    granularity: float = 0.5,
    cancel: threading.Event | None = None,
    **options: Any,
) -> Iterator[TileDone | Notice | Segmentation]:
    """Find the boundaries and grains of a micrograph or of every section of a stack.

    Parameters
    ----------
    model : Model
        From `napari_etch.models.load_model`.
    micrograph : Micrograph
        Image or stack.
    device : str
        "auto", "cpu", "cuda" or "mps".
    granularity : float
        From 0, fewest grains, to 1, most.
    cancel : threading.Event, optional
        Set it to stop within one batch.
    **options
        The model's own options, such as ``grain_size`` and ``quality``.

    Yields
    ------
    TileDone, Notice or Segmentation
        Progress of the whole run after every tile; notices; the result as the last item.

    Raises
    ------
    ValueError
        When the granularity is outside [0, 1] or the model lacks one of the options.
    napari_etch.inference.Cancelled
        When `cancel` was set.
    """
    check_options(model, granularity, options)
    started = time.monotonic()
    sections = list(micrograph.sections())
    boundary = np.zeros((len(sections), micrograph.height, micrograph.width), np.float32)
    grains = np.zeros(boundary.shape, np.int32)
    predictions: list[Prediction] = []
    last_label = 0
    for index, section in enumerate(sections):
        prediction = yield from _predict_section(
            model, section, (index, len(sections)), started, device, cancel, options
        )
        partition = model.partition(prediction.fields, mask=section.mask, granularity=granularity)
        boundary[index] = prediction.boundary
        np.add(partition.grains, last_label, out=grains[index], where=partition.grains > 0)
        last_label = max(last_label, int(grains[index].max(initial=0)))
        predictions.append(prediction)
    notices = dict.fromkeys(text for prediction in predictions for text in prediction.notices)
    yield Segmentation(
        micrograph=micrograph,
        boundary=boundary if micrograph.is_stack else boundary[0],
        grains=grains if micrograph.is_stack else grains[0],
        model=model.name,
        weights_hash=getattr(model, "weights_hash", None),
        parameters={
            "granularity": granularity,
            **getattr(model, "segment_options", {}),
            **options,
            **predictions[0].parameters,
        },
        device=predictions[-1].device,
        seconds=time.monotonic() - started,
        notices=tuple(notices),
    )


def check_options(model: Any, granularity: float, options: dict[str, Any]) -> None:
    """Raise ValueError when a model cannot run with these settings.

    Parameters
    ----------
    model : Model
        The model.
    granularity : float
        Must be within [0, 1].
    options : dict
        Must be among the model's own options.
    """
    if not 0 <= granularity <= 1:
        raise ValueError(f"the granularity must be between 0 and 1, not {granularity}")
    known = getattr(model, "segment_options", {})
    for name in options:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"the model {model.name} has no option {name}: {has}")


def _predict_section(
    model: Any,
    section: Micrograph,
    place: tuple[int, int],
    started: float,
    device: str,
    cancel: threading.Event | None,
    options: dict[str, Any],
) -> Generator[TileDone | Notice, None, Prediction]:
    """Predict one section, telling the progress of the whole run; return the prediction."""
    from napari_etch.inference import Notice, TileDone, predict

    index, count = place
    for event in predict(model, section, device=device, cancel=cancel, **options):
        if isinstance(event, TileDone):
            yield event if count == 1 else _of_all_sections(event, index, count, started)
        elif isinstance(event, Notice):
            yield event
        else:
            return event
    raise RuntimeError(f"the run of {model.name} on {section.name} ended without a result")


def _of_all_sections(tile: TileDone, index: int, count: int, started: float) -> TileDone:
    fraction = (index + tile.fraction) / count
    spent = time.monotonic() - started
    return replace(
        tile,
        fraction=fraction,
        what=f"section {index + 1} of {count}: {tile.what}",
        seconds_left=spent * (1 - fraction) / fraction if fraction else None,
    )
