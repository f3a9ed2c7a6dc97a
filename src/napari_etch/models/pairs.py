"""The pair classifier of the published tracking, ready to score crops of two grains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.models.errors import ModelError
from napari_etch.models.weights_file import SHIPPED, read_model

if TYPE_CHECKING:
    from torch import nn

SHIPPED_NAME = "pairs"


@dataclass(frozen=True, eq=False)
class PairClassifier:
    """Says how sure it is that two grains are one.

    Attributes
    ----------
    network : nn.Module
        Crops (n, 2, side, side) to logits (n, 2), "one grain" first.
    side : int
        Of the crops that it takes, px.
    card : dict
    weights_hash : str
    """

    network: nn.Module
    side: int
    card: dict[str, Any]
    weights_hash: str

    def __call__(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Return the probability of one grain, float64 (n,), of crops uint8 of 0 and 1."""
        import torch

        with torch.inference_mode():
            logits = self.network(torch.from_numpy(crops).float())
            return np.asarray(logits.softmax(1)[:, 0].double().numpy())


def load_pair_classifier(path: Path | None = None) -> PairClassifier:
    """Load the classifier of the package, or one that `training.pairs` has made.

    Raises
    ------
    ModelError
        When there is none, it is incomplete, or no pair classifier.
    """
    from napari_etch.networks.pairs import NETWORKS

    where = path or SHIPPED / SHIPPED_NAME
    stored = read_model(where)
    if stored.card["architecture"] != "pairs":
        raise ModelError(f"{where} is no pair classifier: make one with napari_etch.training.pairs")
    try:
        parameters = stored.card["parameters"]
        build: Callable[[], nn.Module] = NETWORKS[parameters["recipe"]]
        network = build()
        stored.load_into(network)
        side = int(parameters["side"])
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the weights of {where} do not fit its card: {reason}") from error
    return PairClassifier(network.eval(), side, stored.card, stored.weights_hash)
