"""A network that was fitted to one specimen without labels (R2V), as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.models.generalist import Generalist

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.models.weights_file import StoredModel


class R2V(Generalist):
    """Micrographs of the specimen it was fitted to, to boundary probability.

    It looks at an image as the generalist does, at several sizes and mirrorings, but the mean
    intercept is that of the specimen it was fitted to, not found anew.

    Parameters
    ----------
    stored : StoredModel
        Weights, and a card with "parameters" (of `networks.r2v.R2VNet`) and "specimen": its mean
        intercept in px of the fitted image, and that image's pixel size in µm where it is known.
    """

    name = "r2v"
    title = "Fitted without labels (R2V)"

    def __init__(self, stored: StoredModel) -> None:
        from napari_etch.networks.r2v import R2VNet

        self._describe(stored)
        parameters = dict(stored.card.get("parameters", {}))
        parameters["dilation"] = tuple(parameters.get("dilation", (1, 1, 1, 1)))
        network = R2VNet(**parameters)
        stored.load_into(network)
        self.network = network.eval()
        self.stride, self.channels_out = network.stride, network.channels_out
        self.margin = -(-network.reach // self.stride) * self.stride
        specimen = stored.card.get("specimen", {})
        self.intercept_px = float(specimen.get("intercept_px", 28.0))
        self.pixel_size_um = specimen.get("pixel_size_um")

    def read(self, raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return float32 (2, y, x): the boundary's softmax, which stands for the separation too."""
        shifted = np.exp(raw - raw.max(0))
        boundary = shifted[0] / shifted.sum(0)
        return np.stack([boundary, boundary])

    def known_grain_size(self, micrograph: Micrograph) -> float | None:
        """Return the specimen's mean intercept in px of this micrograph."""
        if self.pixel_size_um and micrograph.pixel_size_um:
            return self.intercept_px * float(self.pixel_size_um) / micrograph.pixel_size_um
        return self.intercept_px
