"""Copies of maps that can be corrected: in memory, of whole numbers, every label in one piece."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.class_tables import class_look
from napari_etch._widgets.correct_reading import AT_ONCE
from napari_etch._widgets.correct_target import CLASSES, is_classes
from napari_etch._widgets.layers import GRAINS, GRAINS_LOOK, METADATA_KEY, kind_of
from napari_etch._widgets.placement import Placement
from napari_etch.grains.editing import EditError
from napari_etch.grains.editing.whole import make_tiling
from napari_etch.measure.parting_lines import without_parting_lines

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass(frozen=True, eq=False)
class Original:
    """What is copied, taken from a layer before a thread works on it.

    Attributes
    ----------
    values : array-like
        The map, of a pyramid its finest level. What lies in memory was copied already: the user
        may go on painting.
    name : str
        Of the layer.
    has_classes : bool
        Whether the values are classes, which stay what they are.
    """

    values: Any
    name: str
    has_classes: bool


def original_of(layer: Layer) -> Original:
    """Return what is copied of a layer."""
    values = layer.data[0] if layer.multiscale else layer.data
    if isinstance(values, np.ndarray) and not isinstance(values, np.memmap):
        values = values.copy()
    return Original(values, layer.name, is_classes(layer))


def editable_map(original: Original) -> npt.NDArray[Any]:
    """Return a map that can be corrected: of grains int32, every label of a section in one piece.

    Lines of 0 between grains go to the nearest one: grains that do not touch cannot be joined.
    Classes stay as they are, in as many pieces as they are, uint8.

    Raises
    ------
    EditError
        When the values are not whole numbers, or there are too many axes.
    """
    name = original.name
    grains = whole_numbers(np.asarray(original.values), name)
    if grains.ndim not in (2, 3):
        raise EditError(f"“{name}” has {grains.ndim} axes: cut out one image or one stack.")
    if original.has_classes:
        if grains.max(initial=0) > np.iinfo(np.uint8).max:
            raise EditError(f"“{name}” has classes above 255: number them anew first.")
        return grains.astype(np.uint8)
    for section in grains if grains.ndim == 3 else [grains]:
        section[...] = without_parting_lines(section)
    if grains.ndim == 3:
        mend_stack(grains)
    else:
        make_tiling(grains)
    return grains


def editable_layer(layer: Layer, values: npt.NDArray[Any], *, has_classes: bool) -> Labels:
    """Return an editable map as a layer in the place of the one it was copied from."""
    made = dict(layer.metadata.get(METADATA_KEY, {}))
    made.pop("partitions", None)  # the copy is the user's work, not a cut of a model's map
    kind = CLASSES if has_classes else kind_of(layer) or GRAINS
    made["kind"] = kind
    return Labels(
        values,
        name=f"{layer.name} (copy)",
        metadata={METADATA_KEY: made},
        **Placement.of(layer).keywords(),
        **GRAINS_LOOK,
        **class_look(made),
    )


def editable_copy(layer: Layer) -> Labels:
    """Return a new layer with the same grains, or classes, which can be corrected.

    Raises
    ------
    EditError
        As `editable_map`.
    """
    original = original_of(layer)
    return editable_layer(layer, editable_map(original), has_classes=original.has_classes)


class MapCopier(QObject):
    """Makes one editable copy at a time; of a large map in a thread: 100 megapixels take 5 s.

    Signals
    -------
    began : layer
        A copy is made in a thread.
    copied : layer, Labels
        The copy of a layer, which may be gone from the viewer by now.
    failed : layer, str
        Why there is none, a sentence.
    """

    began = Signal(object)
    copied = Signal(object, object)
    failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layer: Layer | None = None  # that is being copied

    def ask(self, layer: Layer) -> None:
        """Begin to copy a layer, unless one is being copied."""
        if self.layer is not None:
            return
        self.layer = layer
        original = original_of(layer)
        if math.prod(original.values.shape) <= AT_ONCE:
            self._end(original, _try_to_copy(original))
            return
        worker = create_worker(_try_to_copy, original, _start_thread=False)
        worker.returned.connect(lambda found: self._end(original, found))
        self.began.emit(layer)
        worker.start()

    def _end(self, original: Original, found: npt.NDArray[Any] | str) -> None:
        with suppress(RuntimeError):  # the dock was closed meanwhile
            layer, self.layer = self.layer, None
            if layer is None:
                return
            if isinstance(found, str):
                self.failed.emit(layer, found)
            else:
                copy = editable_layer(layer, found, has_classes=original.has_classes)
                self.copied.emit(layer, copy)


def _try_to_copy(original: Original) -> npt.NDArray[Any] | str:
    """Return an editable map, or the sentence that says why there is none."""
    try:
        return editable_map(original)
    except EditError as error:
        return str(error)
    except Exception as error:  # such as a file that is gone, or too little memory
        return f"“{original.name}” cannot be copied: {error or type(error).__name__}."


def whole_numbers(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.int32]:
    """Return labels as int32, a copy.

    Raises
    ------
    EditError
        When they are not whole numbers from 0 to 2147483647.
    """
    most = np.iinfo(np.int32).max
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise EditError(f"“{name}” holds {values.dtype}, no labels: choose another layer.")
    if np.issubdtype(values.dtype, np.floating):
        whole = np.isfinite(values).all() and bool((values == np.floor(values)).all())
        if not whole:
            raise EditError(
                f"“{name}” has values that are not whole numbers: it looks like an image; "
                "segment it instead."
            )
    if values.size and (values.min() < 0 or values.max() > most):
        raise EditError(f"“{name}” has labels below 0 or above {most}: number them anew first.")
    return values.astype(np.int32)


def mend_stack(grains: npt.NDArray[np.int32]) -> None:
    """Give pieces of a label beside the one that keeps it numbers of their own, in place.

    A section may cut a 3D grain twice. Such a piece has one number in all the sections in which it
    lies over itself, and no grain of another section has it.
    """
    top = int(grains.max(initial=0))
    under, was_under, new = grains[:0], grains[:0], top
    for section in grains:
        was = section.copy()
        make_tiling(section, above=new)
        new = max(new, int(section.max(initial=0)))
        if len(under):
            _carry_on(section, was, under, was_under, top)
        under, was_under = section, was


def _carry_on(
    section: npt.NDArray[np.int32],
    was: npt.NDArray[np.int32],
    under: npt.NDArray[np.int32],
    was_under: npt.NDArray[np.int32],
    top: int,
) -> None:
    """Give parted pieces, numbered above `top`, the numbers of those that they lie over.

    Largest overlap first; every number goes to one piece.
    """
    both = (section > top) & (under > top) & (was == was_under)
    pairs, shared = np.unique(np.stack([section[both], under[both]]), axis=1, return_counts=True)
    given: dict[int, int] = {}
    taken: set[int] = set()
    for at in np.argsort(-shared, kind="stable"):
        piece, number = pairs[:, at].tolist()
        if piece not in given and number not in taken:
            given[piece] = number
            taken.add(number)
    parted = section > top
    pieces, where = np.unique(section[parted], return_inverse=True)
    numbers = [given.get(piece, piece) for piece in pieces.tolist()]
    section[parted] = np.array(numbers, section.dtype)[where]
