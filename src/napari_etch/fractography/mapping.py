"""From a micrograph of a fracture surface to its map of fracture modes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable

if TYPE_CHECKING:
    import threading

    from napari_etch.inference import Notice, TileDone
    from napari_etch.micrograph import Micrograph

Maps = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FractureMap:
    """The fracture modes of a surface.

    Attributes
    ----------
    micrograph : Micrograph
        The image, (y, x) or (y, x, 3).
    classes : ndarray of uint8, shape (y, x)
        The likeliest class of each pixel; 0 where there is no specimen (information bar, scale
        bar, NaN) and where no class was sure enough.
    probability : ndarray of float32, shape (k, y, x)
        Of each class, in the order of the table; they sum to 1.
    table : ClassTable
    model : str
        Name of the model, or ``outlines``.
    weights_hash : str or None
    parameters : dict
        What it ran with.
    device : str
    seconds : float
    notices : tuple of str
    """

    micrograph: Micrograph
    classes: npt.NDArray[np.uint8]
    probability: Maps
    table: ClassTable
    model: str
    weights_hash: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0
    notices: tuple[str, ...] = ()

    @property
    def confidence(self) -> Maps:
        """Probability of the class that was chosen, float32 (y, x); 0 off the specimen."""
        return np.where(self.field, self.probability.max(0), np.float32(0))

    @property
    def field(self) -> npt.NDArray[np.bool_]:
        """Where there is specimen, bool (y, x): without information bar and scale bar."""
        return self.micrograph.mask


def check_least(least: float) -> None:
    """Raise ValueError when a least confidence is none."""
    if not 0 <= least <= 1:
        raise ValueError(f"the least confidence must be between 0 and 1, not {least}")


def choose_classes(
    probability: Maps,
    table: ClassTable,
    specimen: npt.NDArray[np.bool_],
    least: float = 0.0,
) -> npt.NDArray[np.uint8]:
    """Return the likeliest class of each pixel, uint8 (y, x).

    Parameters
    ----------
    probability : float32 (k, y, x)
    table : ClassTable
        The classes of the channels, in their order.
    specimen : bool (y, x)
        Elsewhere the class is 0.
    least : float
        Where no class is as likely as this, it is 0 too.
    """
    ids = np.array(table.ids, np.uint8)
    classes: npt.NDArray[np.uint8] = ids[probability.argmax(0)]
    classes[~specimen | (probability.max(0) < least)] = 0
    return classes


def map_fracture(
    model: Any,
    micrograph: Micrograph,
    *,
    device: str = "auto",
    least: float = 0.0,
    cancel: threading.Event | None = None,
    **options: Any,
) -> Iterator[TileDone | Notice | FractureMap]:
    """Map the fracture modes of a micrograph.

    Parameters
    ----------
    model : Fracture
        From `napari_etch.models.load_model`.
    micrograph : Micrograph
        2D.
    device : str
        "auto", "cpu", "cuda" or "mps".
    least : float
        Pixels less sure than this stay unlabelled.
    cancel : threading.Event, optional
        Set it to stop within one batch.
    **options
        The model's own: ``scale`` and ``quality``.

    Yields
    ------
    TileDone, Notice or FractureMap
        The map is the last item.

    Raises
    ------
    ValueError
        When the model maps no classes, or an option is wrong.
    napari_etch.inference.Cancelled
        When `cancel` was set.
    """
    from napari_etch.inference import predict, prediction_of
    from napari_etch.micrograph.around import with_smooth_parts

    check_maps_classes(model)
    check_least(least)
    started = time.monotonic()
    micrograph = with_smooth_parts(micrograph)
    events = predict(model, micrograph, device=device, cancel=cancel, **options)
    found = yield from prediction_of(events, micrograph.name)
    probability = found.fields["probability"]
    yield FractureMap(
        micrograph=micrograph,
        classes=choose_classes(probability, model.table, micrograph.mask, least),
        probability=probability,
        table=model.table,
        model=model.name,
        weights_hash=getattr(model, "weights_hash", None),
        parameters={"least": least, **found.parameters},
        device=found.device,
        seconds=time.monotonic() - started,
        notices=found.notices,
    )


def check_maps_classes(model: Any) -> None:
    """Raise ValueError when a model finds no classes."""
    if not isinstance(getattr(model, "table", None), ClassTable):
        raise ValueError(
            f"the model {model.name} finds grains, not fracture modes: choose fracture, or a model "
            "trained with etch train --model fracture"
        )
