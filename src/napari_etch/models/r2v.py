"""A network that was fitted to one specimen without labels (R2V), as a model."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.cutting import SPECIMEN
from napari_etch.inference.events import Pass
from napari_etch.models.errors import ModelError
from napari_etch.models.generalist import Generalist, Maps

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.models.weights_file import StoredModel

# The one model that a fitted one may be averaged with, and its part of the work.
COMPANION, COMPANION_SHARE = "generalist", 0.7


class R2V(Generalist):
    """Micrographs of the specimen it was fitted to, to boundary probability.

    It looks at an image as the generalist does, at several sizes and mirrorings, but the mean
    intercept is that of the specimen it was fitted to, not found anew.

    Where its card says "averaged_with": "generalist", it is one half of a committee of two: the
    network that knows this specimen alone and the one that knows many materials err at different
    places.

    Parameters
    ----------
    stored : StoredModel
        Weights, and a card with "parameters" (of `networks.r2v.R2VNet`) and "specimen": its mean
        intercept in px of the fitted image, and that image's pixel size in µm where it is known.

    Raises
    ------
    ModelError
        When it is to be averaged with a model that this version does not know.
    """

    name = "r2v"
    title = "Fitted without labels (R2V)"
    cutting = SPECIMEN

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
        self._companion: Generalist | None = None
        self.averaged_with = stored.card.get("averaged_with")
        if self.averaged_with not in (None, COMPANION):
            raise ModelError(
                f"The fitted model is to be averaged with {self.averaged_with!r}, which this "
                "version does not know: update napari-etch."
            )
        if self.averaged_with:
            self.segment_options["close_gaps"] = None  # as the generalist does

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

    def passes(
        self, micrograph: Micrograph, **options: Any
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        """Run the network, and the generalist's where both are averaged; see `Generalist.passes`.

        The gaps are those of the generalist's map then, and so is the mean intercept.
        """
        if not self.averaged_with:
            return (yield from super().passes(micrograph, **options))
        own = super().passes(micrograph, **{**options, "close_gaps": False})
        found = yield from _part_of_a_run(own, None, 1 - COMPANION_SHARE)
        other = self._find_companion()
        theirs = other.passes(micrograph, **options)
        known = yield from _part_of_a_run(theirs, other, COMPANION_SHARE)
        boundary, separation = mean_of_strengths(known, found["boundary"])
        log = {**known["log"], "own_scale": found["log"]["scale"], "averaged_with": other.name}
        return {**known, "boundary": boundary, "separation": separation, "log": log}

    def _find_companion(self) -> Generalist:
        """Return the generalist, read once."""
        if self._companion is None:
            from napari_etch.models.registry import load_model

            self._companion = load_model(COMPANION)
        assert self._companion is not None
        return self._companion


def _part_of_a_run(
    passes: Generator[Pass, np.ndarray, dict[str, Any]], model: Any, share: float
) -> Generator[Pass, np.ndarray, dict[str, Any]]:
    """Run the passes of a model as a part of another's run, and return what they return."""
    try:
        asked = next(passes)
        while True:
            raw = yield replace(asked, share=share * asked.share, model=asked.model or model)
            asked = passes.send(raw)
    except StopIteration as end:
        result: dict[str, Any] = end.value
        return result


def mean_of_strengths(known: dict[str, Any], boundary: Maps) -> tuple[Maps, Maps]:
    """Return the mean of two networks' answers: boundary and separation, float32 (y, x).

    Grains are cut by the geometric mean of these two maps. The separation is such that it is
    the mean of what either network alone is cut by; the plain mean of the separations would count
    what one of them parts without a boundary.

    Parameters
    ----------
    known : dict
        Of the generalist: "boundary" and "separation".
    boundary : float32 (y, x)
        Of the fitted network, whose boundary stands for its separation too.
    """
    mean = 0.5 * (known["boundary"] + boundary)
    strength = 0.5 * (np.sqrt(known["boundary"] * known["separation"]) + boundary)
    separation = np.divide(strength**2, mean, out=np.zeros_like(mean), where=mean > 0)
    return mean, np.clip(separation, 0, 1)
