"""What a result left out is left out of the repair of its boundary map, too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_etch._widgets.correct_target import grains_of
from napari_etch._widgets.repair_layers import repair_source

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_etch._widgets.job import Source


def source_within(
    layers: LayerList, layer: Image | Labels, section: int | None = None
) -> tuple[Source, str]:
    """Return a layer, or a section of it, as the source of a repair, and what is left out of it.

    A boundary map is low on the information bar, the scale bar and around the specimen, as inside
    a grain: only the grains that were made with it tell, for they are 0 there.

    Parameters
    ----------
    layers : napari.components.LayerList
    layer : napari.layers.Image or napari.layers.Labels
    section : int, optional
        Of a stack.

    Returns
    -------
    Source
        With NaN where there is no specimen.
    str
        A clause; empty where nothing is left out.
    """
    from napari_etch.micrograph.line_map import lines_of_grains

    source = repair_source(layer, section)
    grains = grains_of(layers, layer) if isinstance(layer, Image) else None
    if grains is None or len(source.axes) != 2:
        return source, ""
    labels = np.asarray(grains.data if section is None else grains.data[section])
    inside = lines_of_grains(labels).mask
    if inside.all():
        return source, ""
    data = np.where(inside, np.asarray(source.data, np.float32), np.float32(np.nan))
    return replace(source, data=data), f"what has no grains in “{grains.name}” was left out"
