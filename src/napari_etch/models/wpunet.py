"""WPU-Net as a model: a section, and what was found in the one before, to boundaries.

Alone it takes a section for the first of a stack: nothing is known before it. Through a stack it
is led by `napari_etch.propagation`, which tells it what it has found itself, never a truth.
"""

from __future__ import annotations

import copy
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.grains.cutting import PLAIN
from napari_etch.inference.events import Pass
from napari_etch.models.generalist import Generalist, Maps, clipped_scale
from napari_etch.models.heads import MAPS, read_heads
from napari_etch.models.prepare import prepare
from napari_etch.models.previous_map import CODINGS, code_previous
from napari_etch.models.resize import brought_back, resize

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.models.weights_file import StoredModel

# The mean intercept, in px, to which sections are brought where the card does not say another.
TARGET = 25.0
QUALITIES = ("fast", "best")
DIRECTIONS = ("both", "forward", "backward")


class WPUNet(Generalist):
    """Sections of a stack to boundary probability and separation.

    Parameters
    ----------
    stored : StoredModel
        Weights, and a card with "parameters" of `networks.wpunet.WPUNet`, the "coding" of the
        previous map among them; "specimen" where it knows one specimen, as of `models.r2v`.
    """

    name = "wpunet"
    title = "WPU-Net (serial sections)"
    cutting = PLAIN
    #: Told what was found in the section before: see `napari_etch.propagation`.
    carries = True

    def __init__(self, stored: StoredModel) -> None:
        from napari_etch.networks.wpunet import WPUNet as Network

        self._describe(stored)
        parameters = dict(stored.card.get("parameters", {}))
        self.coding = parameters.pop("coding", "probability")
        self.margin = int(parameters.pop("margin", 128))
        self.target = float(parameters.pop("intercept_px", TARGET))
        if self.coding not in CODINGS:
            raise ValueError(f"the coding {self.coding!r} is unknown")
        parameters["widths"] = tuple(parameters["widths"])
        network = Network(**parameters)
        stored.load_into(network)
        self.network = network.eval()
        self.stride, self.channels_out = network.stride, network.channels_out
        self.carries = network.previous
        specimen = stored.card.get("specimen", {})
        self.intercept_px = specimen.get("intercept_px")
        self.pixel_size_um = specimen.get("pixel_size_um")
        self._previous: Maps | None = None
        self._mirrored = False

    def _describe(self, stored: StoredModel) -> None:
        super()._describe(stored)
        self.segment_options = {"grain_size": None, "quality": "best", "direction": None}

    def read(self, raw: Maps) -> Maps:
        """Return float32 (2, y, x) maps, named in `heads.MAPS`, of the network's raw output.

        Of two channels the softmax is the boundary, and stands for the separation too.
        """
        if len(raw) > 2:
            return read_heads(raw)
        from scipy.special import expit

        boundary = expit(raw[1] - raw[0]).astype(np.float32)
        return np.stack([boundary, boundary])

    def alone(self, image: Maps) -> Maps:
        """Return what the network takes of an image of which nothing is known before."""
        return self._seen(image, None)

    def known_grain_size(self, micrograph: Micrograph) -> float | None:
        """Return the mean intercept in px of the specimen it was trained on; None of any other."""
        if self.intercept_px is None:
            return None
        if self.pixel_size_um and micrograph.pixel_size_um:
            return float(self.intercept_px) * float(self.pixel_size_um) / micrograph.pixel_size_um
        return float(self.intercept_px)

    def told(self, previous: Maps | None, *, mirrored: bool = False) -> WPUNet:
        """Return the same model, told what was found in the section before.

        Parameters
        ----------
        previous : float32 (y, x), optional
            Boundary probability in the network's own scale, as in the field "carried".
        mirrored : bool
            Look at both turned by 180°: another opinion at no cost, where two are averaged.
        """
        view = copy.copy(self)
        view._previous, view._mirrored = previous, mirrored
        return view

    def sizing(self) -> Sizing:
        """Return what only finds the mean intercept of a section."""
        return Sizing(self)

    def passes(  # type: ignore[override]  # which options there are, `segment_options` says
        self,
        micrograph: Micrograph,
        *,
        grain_size: float | None = None,
        quality: str = "best",
        direction: str | None = None,
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        """Run the network once on a section; see `napari_etch.inference.Predictor`.

        Parameters
        ----------
        micrograph : Micrograph, 2D
        grain_size : float, optional
            Mean intercept in px of the image; found from the image when not given.
        quality : "fast" or "best"
            Through a stack: in one direction, or the mean of both.
        direction : "both", "forward" or "backward", optional
            Instead of what follows from the quality.

        Returns
        -------
        dict
            Float32 (y, x) maps named in `heads.MAPS`, "carried", the boundary in the network's own
            scale, "grain_size_px", and a "log" of what was chosen.

        Raises
        ------
        ValueError
            When an option is none of these, or the previous map is of another size.
        """
        directions_of(quality, direction)
        image = prepare(micrograph)
        grain_size, search = yield from self._settle_grain_size(micrograph, image, grain_size, 0.3)
        scale = clipped_scale(self.target / grain_size, image.shape)
        seen = resize(image, scale)
        previous = self._previous
        if previous is not None and previous.shape != seen.shape:
            raise ValueError(f"the section before is {previous.shape} px, this one {seen.shape}")
        turn = (
            slice(None, None, -1 if self._mirrored else 1),
            slice(None, None, -1 if self._mirrored else 1),
        )
        told = None if previous is None else previous[turn]
        raw = yield Pass(self._seen(seen[turn], told), f"scale {scale:.2g}", 1 - search)
        maps = np.clip(self.read(raw)[(slice(None), *turn)], 0, 1)
        fields: dict[str, Any] = {
            name: np.ascontiguousarray(brought_back(found, image.shape), np.float32)
            for name, found in zip(MAPS, maps, strict=True)
        }
        fields["carried"] = np.ascontiguousarray(maps[0])
        fields["grain_size_px"] = np.float32(grain_size)
        fields["log"] = {"grain_size_px": round(float(grain_size), 2), "scale": round(scale, 4)}
        return fields

    def _seen(self, image: Maps, previous: Maps | None) -> Maps:
        if not self.network.previous:
            return np.ascontiguousarray(image[None])
        known = np.zeros_like(image) if previous is None else np.ascontiguousarray(previous)
        return np.stack([image, code_previous(known, self.coding)])


def directions_of(quality: str, direction: str | None) -> str:
    """Return in which direction a stack is gone through: "both", "forward" or "backward".

    Raises
    ------
    ValueError
        When quality or direction is unknown.
    """
    if quality not in QUALITIES:
        raise ValueError(f"quality is {quality!r}: choose {' or '.join(QUALITIES)}.")
    if direction is None:
        return "both" if quality == "best" else "forward"
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {direction!r}: choose {', '.join(DIRECTIONS)}.")
    return direction


class Sizing:
    """Only finds the mean intercept of a section, px: what `inference.predict` drives for that.

    Parameters
    ----------
    model : WPUNet
    """

    def __init__(self, model: WPUNet) -> None:
        self.name, self.network = model.name, model.network
        self.stride, self.margin = model.stride, model.margin
        self.channels_out = model.channels_out
        self._model = model

    def passes(
        self, micrograph: Micrograph, **options: Any
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        """Return the field "grain_size_px", and no boundary."""
        image = prepare(micrograph)
        found = yield from self._model._find_grain_size(image, micrograph.mask, 1.0)
        return {"boundary": np.zeros_like(image), "grain_size_px": np.float32(found)}
