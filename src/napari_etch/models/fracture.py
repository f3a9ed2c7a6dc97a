"""The network that says how each facet of a fracture surface came to be."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable
from napari_etch.inference.events import Pass
from napari_etch.models.prepare import prepare
from napari_etch.models.resize import resize

if TYPE_CHECKING:
    from torch import nn

    from napari_etch.micrograph import Micrograph
    from napari_etch.models.weights_file import StoredModel

Maps = npt.NDArray[np.float32]

# The longer side, px, that the main view is brought to: a frame is usually taken so that some tens
# of facets lie across it, and that is what the network has learnt from.
SIDE = 900.0
# Sizes of the views whose answers are averaged, of the main one. The first is poor by itself and
# lifts the mean, for it alone sees the small facets.
QUALITIES: dict[str, tuple[float, ...]] = {"fast": (0.71,), "best": (1.42, 1.0, 0.71, 0.5)}
LEAST_SIDE = 64


class Fracture:
    """A fracture surface to the probability of each class.

    Parameters
    ----------
    stored : StoredModel
        Weights, and a card with "architecture", "parameters" of the network, "margin" among them,
        and a "class_table".

    Attributes
    ----------
    table : ClassTable
        Classes in the order of the network's channels.
    """

    name = "fracture"
    title: str = "Fracture modes"
    network: nn.Module

    def __init__(self, stored: StoredModel) -> None:
        self.card = stored.card
        self.weights_hash = stored.weights_hash
        self.table = ClassTable.from_json(stored.card["class_table"])
        parameters = dict(stored.card["parameters"])
        self.margin = int(parameters.pop("margin"))
        network = build_network(stored.card["architecture"], parameters)
        if network.channels_out != len(self.table.ids):
            raise ValueError(
                f"it has {network.channels_out} channels for {len(self.table.ids)} classes"
            )
        stored.load_into(network)
        self.network = network.eval()
        self.stride, self.channels_out = network.stride, network.channels_out
        self.segment_options: dict[str, Any] = {"scale": None, "quality": "best"}

    def passes(
        self,
        micrograph: Micrograph,
        *,
        scale: float | None = None,
        quality: str = "best",
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        """Run the network at one or several sizes; see `napari_etch.inference.Predictor`.

        Parameters
        ----------
        micrograph : Micrograph, 2D
        scale : float, optional
            Size of the main view, of the image's own; when not given, its longer side becomes 900
            px, and no view is enlarged.
        quality : "fast" or "best"
            One view, or the mean of four sizes (three where the image has no finer one).

        Returns
        -------
        dict
            "probability", float32 (k, y, x), of each class in the order of the table; "boundary",
            float32 (y, x), 1 on either side of where the likeliest class changes; and a "log" of
            the scale.

        Raises
        ------
        ValueError
            When the quality is unknown or the scale is not positive.
        """
        if quality not in QUALITIES:
            raise ValueError(f"quality is {quality!r}: choose {' or '.join(QUALITIES)}.")
        if scale is not None and not (math.isfinite(scale) and 0 < scale <= 4):
            raise ValueError(f"scale is {scale}: give a factor above 0 and up to 4.")
        image = prepare(micrograph)
        main = scale if scale is not None else min(1.0, SIDE / max(image.shape))
        least, most = min(1.0, LEAST_SIDE / min(image.shape)), max(1.0, main)
        factors = sorted(
            {min(most, max(least, main * view)) for view in QUALITIES[quality]}, reverse=True
        )
        work = sum(factor**2 for factor in factors)
        total = np.zeros((self.channels_out, *image.shape), np.float32)
        for factor in factors:
            seen = np.ascontiguousarray(resize(image, factor)[None])
            raw = yield Pass(seen, f"fracture modes at scale {factor:.2g}", factor**2 / work)
            for channel, found in zip(total, _softmax(raw), strict=True):
                channel += resize(found, image.shape)
        np.clip(total, 0, None, out=total)
        total /= np.maximum(total.sum(0), 1e-6)
        return {
            "probability": total,
            "boundary": _changes(total.argmax(0)),
            "log": {"scale": round(main, 4)},
        }


def build_network(architecture: str, parameters: dict[str, Any]) -> Any:
    """Return the network of a fracture model, without its weights.

    Parameters
    ----------
    architecture : "fracture-net" or "fracture-timm"
    parameters : dict
        Of `networks.fracture_net.FractureNet` or `networks.timm_unet.TimmUNet`.

    Raises
    ------
    ValueError
        When the architecture is unknown.
    """
    if architecture == "fracture-net":
        from napari_etch.networks.fracture_net import FractureNet

        widths = tuple(parameters["widths"])
        return FractureNet(**{**parameters, "widths": widths})
    if architecture == "fracture-timm":
        from napari_etch.networks.timm_unet import TimmUNet

        return TimmUNet(**{**parameters, "widths": tuple(parameters["widths"])})
    raise ValueError(f"the architecture {architecture!r} is no fracture network")


def _softmax(raw: Maps) -> Maps:
    """Return probabilities, float32 (k, y, x), of logits."""
    shifted = np.exp(raw - raw.max(0))
    return np.asarray(shifted / shifted.sum(0), np.float32)


def _changes(classes: npt.NDArray[np.integer]) -> Maps:
    """Return 1 on either side of where the class changes, float32 (y, x)."""
    lines = np.zeros(classes.shape, np.float32)
    down = classes[1:] != classes[:-1]
    right = classes[:, 1:] != classes[:, :-1]
    lines[1:][down] = lines[:-1][down] = 1
    lines[:, 1:][right] = lines[:, :-1][right] = 1
    return lines
