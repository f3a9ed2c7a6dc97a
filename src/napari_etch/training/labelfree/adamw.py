"""AdamW in a few lines: torch's own imports its compiler first, which takes seconds of a fit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

FIRST, SECOND = 0.9, 0.999
LEAST = 1e-8


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.

    Parameters
    ----------
    parameters : iterable of Tensor
    rate : float
        Change it between steps as you like.
    decay : float
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, decay: float = 1e-4) -> None:
        self.parameters = list(parameters)
        self.rate, self.decay = rate, decay
        self.steps = 0
        self._mean = [torch.zeros_like(item) for item in self.parameters]
        self._square = [torch.zeros_like(item) for item in self.parameters]

    def forget_gradients(self) -> None:
        """Drop the gradients of the last step."""
        for item in self.parameters:
            item.grad = None

    def state(self) -> dict[str, Any]:
        """Return what has to be kept to go on later."""
        return {"steps": self.steps, "mean": self._mean, "square": self._square}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.steps = int(state["steps"])
        for mine, kept in ((self._mean, state["mean"]), (self._square, state["square"])):
            for item, value in zip(mine, kept, strict=True):
                item.copy_(value)

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have a gradient."""
        self.steps += 1
        rate = self.rate / (1 - FIRST**self.steps)
        unbias = (1 - SECOND**self.steps) ** 0.5
        for item, mean, square in zip(self.parameters, self._mean, self._square, strict=True):
            if item.grad is None:
                continue
            item.mul_(1 - self.rate * self.decay)
            mean.lerp_(item.grad, 1 - FIRST)
            square.mul_(SECOND).addcmul_(item.grad, item.grad, value=1 - SECOND)
            item.addcdiv_(mean, (square.sqrt() / unbias).add_(LEAST), value=-rate)
