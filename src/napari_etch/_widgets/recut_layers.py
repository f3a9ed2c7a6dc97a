"""Grain layers that are cut again at another granularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_etch._widgets.judged import is_judged
from napari_etch._widgets.layers import GRAINS, METADATA_KEY, kind_of, layer_name, set_labels
from napari_etch._widgets.placement import Placement
from napari_etch._widgets.recut import count_grains, edited_by_hand, recut, stack_grains

if TYPE_CHECKING:
    from napari.layers import Layer


def can_recut(layer: Layer | None) -> bool:
    """Return whether a layer is a grain map with the partitions that made it."""
    return (
        isinstance(layer, Labels)
        and kind_of(layer) == GRAINS
        and bool(layer.metadata[METADATA_KEY].get("partitions"))
    )


def granularity_of(layer: Labels | None) -> float | None:
    """Return what a grain map was cut at; None when it is not known."""
    if layer is None or not can_recut(layer):
        return None
    cut = layer.metadata[METADATA_KEY].get("granularity")
    return None if cut is None else float(cut)


def is_edited(layer: Labels) -> bool:
    """Return whether a grain map differs from the cut that made it."""
    if not can_recut(layer):
        return True  # nothing to compare with: take it for the user's work
    partitions = layer.metadata[METADATA_KEY]["partitions"]
    return edited_by_hand(np.asarray(layer.data), partitions, is_stack=layer.ndim == 3)


def is_as_made(layer: Layer) -> bool:
    """Return whether a layer is what a model said, and nobody has worked on it."""
    if not isinstance(layer, Labels) or not can_recut(layer):
        return False
    return not is_edited(layer) and not is_judged(layer)


def recut_layer(layer: Labels, granularity: float) -> int:
    """Cut a grain map again, in place, and return the number of grains.

    The caller has made sure with `is_edited` that no corrections are lost.
    """
    made = layer.metadata[METADATA_KEY]
    partitions = recut(made["partitions"], granularity)
    set_labels(layer, stack_grains(partitions, is_stack=layer.ndim == 3, copy=False))
    layer.metadata[METADATA_KEY] = {**made, "partitions": partitions, "granularity": granularity}
    return count_grains(partitions)


def recut_copy(layer: Labels, granularity: float) -> Labels:
    """Return a new grain layer cut at another granularity; the given one stays as it is."""
    made = layer.metadata[METADATA_KEY]
    partitions = recut(made["partitions"], granularity)
    made = {**made, "partitions": partitions, "granularity": granularity, "is_kept": True}
    return Labels(
        stack_grains(partitions, is_stack=layer.ndim == 3),
        name=layer_name(made["source"], GRAINS),
        opacity=layer.opacity,
        metadata={METADATA_KEY: made},
        **Placement.of(layer).keywords(),
    )
