"""What a reader of the numbers should know of the micrograph under the grains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch._widgets.correct_target import own_micrograph, window_under
from napari_etch._widgets.layers import METADATA_KEY, finest, pixel_size_um
from napari_etch._widgets.stated_size import conflict_of
from napari_etch.micrograph.luminance import grey_values
from napari_etch.micrograph.margins import Margins, find_margins, margin_trouble

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image, Labels

#: So much of a margin has to be grains, or somebody has taken it out already.
_MOSTLY = 0.5


class PictureRemarks:
    """Blank margins that count as specimen, and pixel sizes that the file contradicts.

    Parameters
    ----------
    layers : napari.components.LayerList
    """

    def __init__(self, layers: LayerList) -> None:
        self._layers = layers
        self._known: dict[str, tuple[object, Margins]] = {}  # looked for once a picture

    def of(self, chosen: Sequence[tuple[Labels, npt.NDArray[np.integer], int | None]]) -> list[str]:
        """Return what is to be said, a clause each.

        Parameters
        ----------
        chosen : sequence of (Labels, ndarray of int (y, x), int or None)
            A layer, the grains of it that are measured, and their section of a stack.
        """
        said = []
        for layer, grains, section in chosen:
            image = own_micrograph(self._layers, layer)
            if image is None:
                continue
            made = image.metadata.get(METADATA_KEY)
            conflict = conflict_of(made if isinstance(made, dict) else {}, pixel_size_um(layer))
            margins = self._margins(image, layer, section)
            of = f"“{layer.name}”: " if len(chosen) > 1 else ""
            said += [f"{of}{conflict}"] if conflict else []
            if margins and _is_counted(grains, margins):
                said.append(f"{of}{margin_trouble(margins)}: make it 0, or segment without it")
        return said

    def _margins(self, image: Image, layer: Labels, section: int | None) -> Margins:
        window, data = window_under(image, layer), finest(image)
        if window is None or not isinstance(data, np.ndarray):
            return Margins()  # what is read piece by piece takes too long to look at
        key, state = str(image.unique_id), (id(data), window, section)
        if self._known.get(key, (None,))[0] != state:
            at = window if section is None else (window[0].start + section, *window[1:])
            part = data[at]
            found = find_margins(grey_values(part, is_rgb=image.rgb))
            self._known[key] = state, found
        return self._known[key][1]


def _is_counted(grains: npt.NDArray[np.integer], margins: Margins) -> bool:
    """Return whether a margin is mostly grains."""
    height, width = grains.shape
    sides = (
        grains[: margins.top],
        grains[height - margins.bottom :],
        grains[:, : margins.left],
        grains[:, width - margins.right :],
    )
    pixels = sum(side.size for side in sides)
    return sum(int(np.count_nonzero(side)) for side in sides) > _MOSTLY * pixels
