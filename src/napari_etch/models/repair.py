"""The network that says where a broken boundary network should go on."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.inference.events import Pass
from napari_etch.models.heads import read_heads
from napari_etch.models.resize import resize

if TYPE_CHECKING:
    from torch import nn

    from napari_etch.grains.bridges import Closed
    from napari_etch.micrograph import Micrograph
    from napari_etch.models.weights_file import StoredModel

Maps = npt.NDArray[np.float32]

# The network has seen mean intercepts and lines of these sizes, px; other maps are brought to the
# ones in the middle.
INTERCEPTS, INTERCEPT = (14.0, 110.0), 40.0
THICKEST, THICKNESS = 7.0, 3.0
# Mirrorings (down, right) that are averaged.
VIEWS = ((False, False), (True, True), (False, True), (True, False))
# Of these the first at quality "fast".
FAST_VIEWS = 2


class Repair:
    """A broken boundary network to the probability of the complete one.

    Parameters
    ----------
    stored : StoredModel
        Weights, and a card with "parameters" of `networks.attention_unet.AttentionUNet` and
        "margin".
    """

    name = "repair"
    title: str = "Repair of broken boundaries"
    network: nn.Module

    def __init__(self, stored: StoredModel) -> None:
        from napari_etch.networks.attention_unet import AttentionUNet

        self.card = stored.card
        self.weights_hash = stored.weights_hash
        parameters = dict(stored.card.get("parameters", {}))
        parameters["widths"] = tuple(parameters["widths"])
        self.margin = int(parameters.pop("margin"))
        network = AttentionUNet(**parameters)
        stored.load_into(network)
        self.network = network.eval()
        self.stride, self.channels_out = network.stride, network.channels_out
        self.segment_options: dict[str, Any] = {}

    def read(self, raw: Maps) -> Maps:
        """Return float32 (2, y, x), named in `heads.MAPS`, of the network's raw output."""
        if len(raw) == 1:
            from scipy.special import expit

            return np.repeat(expit(raw), 2, axis=0)
        return read_heads(raw)

    def passes(
        self,
        micrograph: Micrograph,
        *,
        quality: str = "best",
        share: float = 1.0,
        **options: Any,
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        """Run the network in two or four mirrorings; see `napari_etch.inference.Predictor`.

        Parameters
        ----------
        micrograph : Micrograph, 2D
            Its values are the network of lines: above a half is a line.
        quality : "fast" or "best"
            Two mirrorings, or all four.
        share : float
            Of the whole run's work, where another model's run asks this network.

        Returns
        -------
        dict
            "boundary" and "separation", float32 (y, x) in [0, 1], and a "log" of the scale.
        """
        lines = np.nan_to_num(micrograph.data) > 0.5
        scale = choose_scale(lines)
        small = _scaled(lines, scale)
        total = np.zeros((2, *small.shape), np.float32)
        views = VIEWS[:FAST_VIEWS] if quality == "fast" else VIEWS
        for flip_y, flip_x in views:
            turn = np.s_[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
            seen = np.ascontiguousarray(small[turn][None])
            raw = yield Pass(seen, "closing gaps", share / len(views), model=self)
            for channel, found in zip(total, self.read(raw), strict=True):
                channel += found[turn]
        total /= len(views)
        boundary, separation = (np.clip(resize(item, lines.shape), 0, 1) for item in total)
        return {"boundary": boundary, "separation": separation, "log": {"scale": round(scale, 4)}}


def bridge_gaps(
    lines: npt.NDArray[np.bool_],
    fields: dict[str, Any],
    scale: float,
    *,
    least: float,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Closed:
    """Bridge the gaps of a boundary network by what the repair network says of it.

    Parameters
    ----------
    lines : bool (y, x)
        The network of lines that `Repair.passes` was given.
    fields : dict
        What it returned: "boundary" and "separation".
    scale : float
        At which the network saw the lines; when it is below 1, its answer was enlarged.
    least, mask
        As in `napari_etch.grains.bridges.close_network`.
    """
    from napari_etch.grains.bridges import close_network

    return close_network(
        lines,
        fields["boundary"],
        separation=fields["separation"],
        least=least,
        mask=mask,
        is_sharp=scale >= 1,
    )


def choose_scale(lines: npt.NDArray[np.bool_]) -> float:
    """Return the factor that brings a network of lines to sizes that the model has seen.

    The mean intercept follows from the length of lines per area, π / (2 L_A) (Saltykov). A pixel of
    the skeleton counts as 4 / π px, which is more than the 1.11 px that it is on average over
    directions: intercepts and thicknesses come out an eighth smaller than they are.

    Parameters
    ----------
    lines : bool (y, x)
    """
    from skimage.morphology import skeletonize

    length = 4 / np.pi * float(skeletonize(lines).sum())
    if length == 0:
        return 1.0
    intercept = np.pi / 2 * lines.size / length
    thickness = lines.sum() / length
    scale = 1.0
    if not INTERCEPTS[0] <= intercept <= INTERCEPTS[1]:
        scale = INTERCEPT / intercept
    if thickness * scale > THICKEST:
        scale = THICKNESS / thickness
    least = min(1.0, 32 / min(lines.shape))  # not below 32 px
    return float(np.clip(scale, least, 4.0))


def _scaled(lines: npt.NDArray[np.bool_], scale: float) -> Maps:
    """Return the lines at another size, still 0 and 1: thin ones are kept when it is smaller."""
    picture = lines.astype(np.float32)
    if scale == 1:
        return picture
    small = resize(picture, scale)
    return (small >= min(0.5, 0.5 * scale)).astype(np.float32)
