"""Results of earlier runs that a new one takes the place of, or lies over."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_etch._widgets.judged import is_judged
from napari_etch._widgets.layers import (
    GRAINS,
    METADATA_KEY,
    are_of_one_run,
    axes_of,
    kind_of,
    layer_name,
    set_labels,
    source_id_of,
)
from napari_etch._widgets.placement import Placement
from napari_etch._widgets.recut_layers import is_edited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList
    from napari.layers import Layer


def earlier_result(layers: LayerList, new: Layer) -> Layer | None:
    """Return the layer that a new result takes the place of, if there is one.

    That is a result of the same kind, from the same source, model and region: a second run with
    another setting should not pile up layers. One that somebody edited, reviewed, renamed,
    duplicated, or cut into a layer of its own is kept, and with such grains their boundary map.
    """
    made = new.metadata[METADATA_KEY]
    for layer in reversed(layers):
        if type(layer) is not type(new):
            continue
        old = layer.metadata.get(METADATA_KEY)
        if not isinstance(old, dict):
            continue
        same = all(
            old.get(key) == made[key]
            for key in ("kind", "source_id", "model", "region", "sections")
        )
        if same and _is_free(layer) and not _is_under_work(layers, layer):
            return layer
    return None


def _is_free(result: Layer) -> bool:
    """Return whether nobody edited, reviewed, renamed, duplicated, or cut a result by itself."""
    given = layer_name(_source_name(result), kind_of(result))
    if result.metadata[METADATA_KEY].get("is_kept") or not is_called(result, given):
        return False
    return not (isinstance(result, Labels) and (is_edited(result) or is_judged(result)))


def _is_under_work(layers: LayerList, boundary: Layer) -> bool:
    """Return whether grains of the same run are kept: their review goes by this boundary map."""
    if isinstance(boundary, Labels):
        return False
    grains = (layer for layer in layers if isinstance(layer, Labels) and kind_of(layer) == GRAINS)
    return any(are_of_one_run(boundary, each) and not _is_free(each) for each in grains)


def is_called(result: Layer, given: str) -> bool:
    """Return whether a result has the name that it was given; napari may have numbered it."""
    return result.name == given or result.name.startswith(f"{given} [")


def crc(data: np.ndarray) -> int:
    """Return a number by which an edited map is told from the one that was made."""
    return zlib.crc32(np.ascontiguousarray(data).data)


def take_name(old: Layer, new: Layer) -> None:
    """Call an earlier result as the new one where their source was renamed meanwhile."""
    if _source_name(old) != _source_name(new):
        old.name = new.name


def _source_name(result: Layer) -> str:
    return str(result.metadata[METADATA_KEY].get("source", ""))


def hide_covered(layers: LayerList, new: Sequence[Layer]) -> list[Layer]:
    """Hide earlier results that lie under new ones: two of a kind over each other cannot be read.

    Parameters
    ----------
    layers : napari.components.LayerList
    new : sequence of napari.layers.Layer
        The results of a run, as they are in the viewer.

    Returns
    -------
    list of napari.layers.Layer
        Those of the same image and kind, of a part of it that the run took in, and visible so far.
    """
    hidden = [
        layer
        for layer in layers
        if layer.visible
        and layer not in new
        and any(_covers(each, layer) or _is_opened_again(each, layer) for each in new)
    ]
    for layer in hidden:
        layer.visible = False
    return hidden


def _is_opened_again(new: Layer, old: Layer) -> bool:
    """Return whether a layer is such a result that was saved and opened again, or restored."""
    given = layer_name(_source_name(new), kind_of(new))
    if source_id_of(old) or type(old) is not type(new) or not is_called(old, given):
        return False
    places = ((old.scale, new.scale), (old.translate, new.translate))
    return axes_of(old) == axes_of(new) and all(np.allclose(*each) for each in places)


def _covers(new: Layer, old: Layer) -> bool:
    if not source_id_of(new) or type(old) is not type(new):
        return False
    if (kind_of(old), source_id_of(old)) != (kind_of(new), source_id_of(new)):
        return False
    made, was = new.metadata[METADATA_KEY], old.metadata[METADATA_KEY]
    if not was.get("model"):
        return False  # it was imported or drawn
    if not set(was.get("sections", ())) <= set(made.get("sections", ())):
        return False
    part, whole = was.get("region"), made.get("region")
    if part is None or whole is None:
        return part is whole
    return bool(
        part[0] >= whole[0] and part[1] >= whole[1] and part[2] <= whole[2] and part[3] <= whole[3]
    )


def replace_result(old: Layer, new: Layer) -> None:
    """Give an earlier result layer the data, place and provenance of a new one; its look stays."""
    if isinstance(old, Labels):
        set_labels(old, new.data)
    else:
        old.data = new.data
    take_name(old, new)
    old.metadata = dict(new.metadata)
    lie_as(old, new)


def lie_as(old: Layer, new: Layer) -> None:
    """Put an earlier result where the new one lies."""
    for name, value in Placement.of(new).keywords().items():
        setattr(old, name, value)
