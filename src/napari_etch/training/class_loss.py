"""The loss of a class map: the unlabelled counts nothing, rare classes count as common ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# A class with few pixels in a batch counts at most so many times as much as it would.
HEAVIEST = 5.0


def class_loss(
    logits: Tensor, classes: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, dict[str, float]]:
    """Return the cross-entropy over labelled pixels, and its value and the accuracy by name.

    Parameters
    ----------
    logits : float32 (b, k, h, w)
    classes : int64 (b, h, w)
        From 1 to k; 0 is unlabelled and is neither learnt from nor scored.
    weights : float32 (k,), optional
        What each class counts; balanced over the batch when not given.
    """
    count = logits.shape[1]
    if weights is None:
        weights = balance(torch.bincount(classes.flatten(), minlength=count + 1)[1:])
    labelled = classes > 0
    if not bool(labelled.any()):
        return logits.sum() * 0, {"classes": 0.0}
    loss = functional.cross_entropy(
        logits, classes - 1, weight=weights.to(logits), ignore_index=-1, reduction="mean"
    )
    right = (logits.detach().argmax(1) + 1 == classes)[labelled].float().mean()
    return loss, {"classes": float(loss.detach()), "accuracy": float(right)}


def balance(pixels: Tensor) -> Tensor:
    """Return what each class counts, float32 (k,), from its pixels (k,): rare ones more."""
    share = pixels.float() / pixels.sum().clamp(min=1)
    present = int((pixels > 0).sum().clamp(min=1))
    return (1 / (present * share.clamp(min=1e-6))).clamp(1 / HEAVIEST, HEAVIEST)
