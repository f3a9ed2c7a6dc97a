"""The networks that a fit can teach: how each is built, read and taught on virtual micrographs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from napari_etch.training.labelfree.losses import synthetic
from napari_etch.training.losses import generalist_loss, targets_of

# The best form found: half resolution (four pixels folded into channels) and a field of 62 px.
BEST: dict[str, Any] = {"channels": 48, "classes": 3, "dilation": (1, 2, 4, 8), "fold": 2}
PUBLISHED: dict[str, Any] = {"channels": 64, "classes": 3, "dilation": (1, 1, 1, 1), "fold": 1}


class Learner(Protocol):
    """A network and how to teach it."""

    network: nn.Module
    stride: int

    def logit(self, raw: Tensor) -> Tensor:
        """Return the boundary's logit (n, h, w) of the raw output (n, c, h, w)."""

    def responses(self, raw: Tensor) -> Tensor:
        """Return the responses of all classes (n, k, h, w), the boundary first."""

    def taught(self, raw: Tensor, labels: Tensor) -> Tensor:
        """Return the loss on virtual micrographs with their grain numbers (n, h, w)."""

    def card(self) -> dict[str, Any]:
        """Return architecture and parameters for the model's card."""


class Scratch:
    """R2V's own network, with weights drawn at random."""

    def __init__(self, form: str, seed: int) -> None:
        from napari_etch.networks.r2v import R2VNet

        self.parameters = {"best": BEST, "published": PUBLISHED}[form]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network: nn.Module = R2VNet(**self.parameters)
        self.stride = int(self.parameters["fold"])

    def logit(self, raw: Tensor) -> Tensor:
        """See `Learner`."""
        from napari_etch.networks.r2v import boundary_logit

        return boundary_logit(raw)

    def responses(self, raw: Tensor) -> Tensor:
        """See `Learner`."""
        return raw

    def taught(self, raw: Tensor, labels: Tensor) -> Tensor:
        """See `Learner`."""
        from napari_etch.virtual.maps import boundary_mask

        return synthetic(self.logit(raw), boundary_mask(labels))

    def card(self) -> dict[str, Any]:
        """See `Learner`."""
        return {
            "architecture": "r2v",
            "parameters": {**self.parameters, "dilation": list(self.parameters["dilation"])},
        }


class Adapted:
    """The generalist, taken further on one specimen."""

    def __init__(self, name_or_path: str = "generalist") -> None:
        from napari_etch.models import load_model

        self.model: Any = load_model(name_or_path)
        self.network: nn.Module = deepcopy(self.model.network)
        self.stride = self.model.stride

    def logit(self, raw: Tensor) -> Tensor:
        """See `Learner`."""
        return raw[:, 0]

    def responses(self, raw: Tensor) -> Tensor:
        """See `Learner`."""
        return torch.stack([raw[:, 0], torch.zeros_like(raw[:, 0])], 1)

    def taught(self, raw: Tensor, labels: Tensor) -> Tensor:
        """See `Learner`."""
        return generalist_loss(raw, targets_of(labels))[0]

    def card(self) -> dict[str, Any]:
        """See `Learner`."""
        parameters = dict(self.model.card.get("parameters", {}))
        return {"architecture": "etchnet", "parameters": parameters}
