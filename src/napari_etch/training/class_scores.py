"""How well a network tells classes apart on images that were held back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_etch.models.prepare import prepare
from napari_etch.training.class_crops import classes_of, main_view, sized
from napari_etch.training.class_loss import class_loss
from napari_etch.training.folder import Pair

#: Size at which it is looked, of the main view.
LOOKED = 0.71


def score_network(
    network: nn.Module, pairs: Sequence[Pair], channel: Tensor, device: str
) -> dict[str, float]:
    """Return loss, accuracy and mean IoU over labelled pixels; empty without images.

    Parameters
    ----------
    network : nn.Module
        With a `stride` and `channels_out`.
    pairs : sequence of Pair
    channel : int64 (256,)
        Channel of each class number, from 1; 0 is unlabelled.
    device : str
    """
    if not pairs:
        return {}
    count, stride = int(network.channels_out), int(network.stride)  # type: ignore[arg-type]
    confusion = np.zeros((count, count), np.int64)
    total = weight = 0.0
    network.eval()
    for pair in pairs:
        factor = LOOKED * main_view(pair.image.shape)
        image, classes = sized(prepare(pair.micrograph), classes_of(pair), factor, stride)
        with torch.no_grad():
            logits = network(torch.from_numpy(image)[None, None].to(device)).float().cpu()
        truth = channel[torch.from_numpy(classes)][None]
        labelled = int((truth > 0).sum())
        loss, _ = class_loss(logits, truth)
        total, weight = total + float(loss) * labelled, weight + labelled
        confusion += confusion_of(logits.argmax(1).numpy() + 1, truth.numpy(), count)
    return {"loss": total / max(1.0, weight), **scores_of(confusion)}


def confusion_of(
    found: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], count: int
) -> npt.NDArray[np.int64]:
    """Return how many pixels of each true class (rows) were called what (columns).

    Parameters
    ----------
    found, truth : integers of one shape
        Classes from 1 to `count`; where the truth is 0 nothing is counted.
    """
    labelled = truth > 0
    pairs = (truth[labelled].astype(np.int64) - 1) * count + found[labelled] - 1
    return np.bincount(pairs, minlength=count**2).reshape(count, count)


def scores_of(confusion: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy and the mean IoU of the classes that are there.

    `confusion` counts pixels by true class (row) and found class (column), (k, k).
    """
    right = confusion.diagonal().astype(float)
    union = confusion.sum(0) + confusion.sum(1) - right
    there = confusion.sum(1) > 0
    return {
        "accuracy": float(right.sum() / max(1, confusion.sum())),
        "miou": float((right[there] / np.maximum(union[there], 1)).mean()) if there.any() else 0.0,
    }
