"""From a broken boundary map, a micrograph or a grain map to a closed network."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.bridges import Bridge
from napari_etch.micrograph.line_map import (
    KINDS,
    LineMap,
    kind_of_picture,
    lines_of_grains,
    read_line_map,
)

if TYPE_CHECKING:
    import threading

    from napari_etch.inference import Notice, Prediction, TileDone
    from napari_etch.micrograph import Micrograph

__all__ = ["Bridge", "RepairError", "Repaired", "picture_of", "repair"]

# Share of the progress of a micrograph's repair that finding its boundaries is.
FINDING_SHARE = 0.7


class RepairError(ValueError):
    """What was given cannot be repaired: one sentence says why."""


@dataclass(frozen=True, eq=False)
class Repaired:
    """A closed boundary network.

    Attributes
    ----------
    boundary : float32 (y, x) in [0, 1]
        What was given, and each bridge at its confidence.
    grains : int32 (y, x)
        Grain map; 0 off the field.
    added : float32 (y, x)
        At each added pixel the confidence of its bridge, 0 elsewhere.
    bridges : tuple of Bridge
        By number; `numbers` says which pixel is whose.
    numbers : int32 (y, x)
        Number of the bridge at each added pixel, 0 elsewhere.
    strength : float32 (y, x) in [0, 1]
        What was given as a boundary map, or found in a micrograph: `boundary` without the bridges.
    kind : "map", "micrograph" or "grains"
        What was given.
    polarity : "dark", "bright" or ""
        Of the lines of a map.
    parameters : dict
        What it ran with.
    """

    boundary: npt.NDArray[np.float32]
    grains: npt.NDArray[np.int32]
    added: npt.NDArray[np.float32]
    bridges: tuple[Bridge, ...]
    numbers: npt.NDArray[np.int32]
    strength: npt.NDArray[np.float32]
    kind: str
    polarity: str
    parameters: dict[str, Any] = field(default_factory=dict)


def repair(
    image: npt.NDArray[Any],
    *,
    polarity: str = "auto",
    kind: str = "auto",
    device: str = "auto",
    cancel: threading.Event | None = None,
    least: float = 0.5,
    model: Any = None,
) -> Iterator[TileDone | Notice | Repaired]:
    """Bridge the gaps of a boundary network.

    Parameters
    ----------
    image : ndarray
        Boundary map (y, x) of any dtype, micrograph (y, x) or (y, x, 3), or grain map (whole
        numbers). NaN and what a `numpy.ma.MaskedArray` masks are off the specimen.
    polarity : "auto", "dark" or "bright"
        Of the lines of a boundary map.
    kind : "auto", "map", "micrograph" or "grains"
        What is given. "auto" tells a map, whose interiors are flat, from a micrograph, whose
        boundaries the generalist then finds; a grain map is never guessed.
    device : str
        "auto", "cpu", "cuda" or "mps".
    cancel : threading.Event, optional
        Set it to stop within one batch.
    least : float
        Bridges less sure than this are not made, in [0, 1].
    model : Repair, optional
        `load_model("repair")` when not given.

    Yields
    ------
    TileDone, Notice or Repaired
        Progress after every tile; notices; the result as the last item.

    Raises
    ------
    RepairError
        When the image is no picture of one field, or an option is unknown.
    napari_etch.inference.Cancelled
        When `cancel` was set.
    """
    from napari_etch.micrograph import MicrographError
    from napari_etch.micrograph.pixels import unmasked
    from napari_etch.micrograph.serial import whole_floats
    from napari_etch.models.repair import bridge_gaps

    if kind not in KINDS:
        raise RepairError(f"The kind is {kind!r}: choose {', '.join(KINDS)}.")
    if not 0 <= least <= 1:
        raise RepairError(f"The least confidence of a bridge is from 0 to 1, not {least}.")
    try:
        image = np.ma.filled(image, 0) if kind == "grains" else unmasked(image)
        given = kind
        if kind == "auto":
            given = kind_of_picture(image)
            image = whole_floats(image) if given == "grains" else image
        start = 0.0
        if given == "micrograph":
            lines = yield from _find_lines(image, device, cancel)
            start = FINDING_SHARE
        else:
            lines = lines_of_grains(image) if given == "grains" else read_line_map(image, polarity)
    except MicrographError as error:
        raise RepairError(str(error)) from error
    if not lines.lines.any():
        from napari_etch.inference import Notice

        yield Notice("There are no lines in this picture, so there is nothing to bridge.")
    prediction = yield from _predict(lines, model, device, cancel, start)
    scale = prediction.parameters.get("scale", 1.0)
    closed = bridge_gaps(lines.lines, prediction.fields, scale, least=least, mask=lines.mask)
    added = closed.confidence()
    yield Repaired(
        boundary=np.maximum(lines.strength, added),
        grains=closed.grains,
        added=added,
        bridges=closed.bridges,
        numbers=closed.added,
        strength=lines.strength,
        kind=given,
        polarity=lines.polarity,
        parameters={"least": least, **prediction.parameters},
    )


def picture_of(micrograph: Micrograph, kind: str = "auto") -> npt.NDArray[Any]:
    """Return a micrograph as `repair` reads it.

    Parameters
    ----------
    micrograph : Micrograph
        One image.
    kind : str
        As for `repair`.

    Returns
    -------
    ndarray
        (y, x) or (y, x, 3), NaN under the information bar and at a scale bar; of a grain map whole
        numbers.

    Raises
    ------
    RepairError
        When it is a stack, or meant to be a grain map and no label map.
    """
    data = micrograph.data
    if micrograph.is_stack:
        raise RepairError(f"{micrograph.name} is a stack: repair its sections one by one.")
    if kind == "grains":
        data = np.nan_to_num(data, nan=0) if data.dtype.kind == "f" else data
        whole = data.ndim == 2 and bool((data == np.floor(data)).all()) and data.min() >= 0
        if not whole:
            raise RepairError(
                f"{micrograph.name} is no grain map, which holds a whole number for each grain: "
                "choose another kind."
            )
        return data.astype(np.int64)
    mask = micrograph.mask
    if mask.all():
        return data
    data = data.astype(np.float32)
    data[~mask] = np.nan
    return data


def _find_lines(
    image: npt.NDArray[Any], device: str, cancel: threading.Event | None
) -> Generator[TileDone | Notice, None, LineMap]:
    """Find the boundaries of a micrograph with the generalist."""
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.models import load_model

    micrograph = micrograph_from_array(image, "the micrograph")
    events = _run(load_model("generalist"), micrograph, device, cancel, 0.0, FINDING_SHARE)
    prediction = yield from events
    return LineMap(prediction.boundary, micrograph.mask)


def _predict(
    lines: LineMap, model: Any, device: str, cancel: threading.Event | None, start: float
) -> Generator[TileDone | Notice, None, Prediction]:
    """Ask the network where the lines go on."""
    from napari_etch.micrograph import Micrograph
    from napari_etch.models import load_model

    picture = Micrograph(lines.lines.astype(np.float32), "the boundary map")
    model = load_model("repair") if model is None else model
    return (yield from _run(model, picture, device, cancel, start, 1.0))


def _run(
    model: Any,
    micrograph: Any,
    device: str,
    cancel: threading.Event | None,
    start: float,
    end: float,
) -> Generator[TileDone | Notice, None, Prediction]:
    """Run a model; its progress goes from `start` to `end` of the whole."""
    from napari_etch.inference import predict, prediction_of

    def of_the_whole(tile: TileDone) -> TileDone:
        return replace(tile, fraction=start + (end - start) * tile.fraction)

    events = predict(model, micrograph, device=device, cancel=cancel)
    return (yield from prediction_of(events, micrograph.name, of_the_whole))
