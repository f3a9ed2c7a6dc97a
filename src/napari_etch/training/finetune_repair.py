"""Fine-tune the network that closes broken boundaries on the user's own complete networks.

The labels are the complete network; they are broken by the realistic recipe, another way each time.
The images are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.training.finetune import FineTuning, run_finetuning
from napari_etch.training.folder import Pair
from napari_etch.training.trainers import TrainEvent, TrainRequest

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

#: Mean intercepts, px, to which networks are brought.
SIZES = (24.0, 64.0)
#: Crops of what is held back that are looked at.
LOOKED_AT = 6

Sample = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]


def finetune(request: TrainRequest, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
    """Fine-tune the repair network; options, events and errors as `finetune.finetune` has them."""
    yield from run_finetuning(request, stop, "attention-unet", RepairTuning)


class RepairTuning(FineTuning):
    """One fine-tuning of the repair network."""

    title = "Repair"

    def _prepare(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        area = np.sqrt([pair.learnt.sum() for pair in self.split.learnt])
        self.chance = area / area.sum()
        self.pool = _virtual(self.recipe.pool, self.recipe.size, seed)
        fixed = np.random.default_rng(0)
        held = self.split.held
        samples = [
            broken_crop(held[index % len(held)], self.recipe.size, fixed)
            for index in range(LOOKED_AT if held else 0)
        ]
        self.held = [_stacked([sample]) for sample in samples]

    def _loss(self, network: nn.Module, batch: int) -> tuple[Tensor, dict[str, float]]:
        recipe, random = self.recipe, self.random
        virtual = round(batch * recipe.virtual / (recipe.real + recipe.virtual))
        pairs = random.choice(len(self.split.learnt), max(1, batch - virtual), p=self.chance)
        samples = [broken_crop(self.split.learnt[index], recipe.size, random) for index in pairs]
        if virtual and self.pool and batch > 1:
            samples += [self.pool[int(random.integers(len(self.pool)))] for _ in range(virtual)]
        return _repair_loss(network, *(item.to(self.device) for item in _stacked(samples)))

    def _measure(self, network: nn.Module, *held: Tensor) -> tuple[Tensor, dict[str, float]]:
        return _repair_loss(network, *held)

    def _score(self) -> dict[str, float]:
        """Break what is held back, repair it, and score the grains."""
        from napari_etch.evaluation import evaluate_grains
        from napari_etch.repairing import Repaired, repair
        from napari_etch.virtual.broken.realistic import break_grains

        found = []
        for pair in self.split.held:
            side = min(pair.labels.shape)
            labels, learnt = pair.labels[:side, :side], pair.learnt[:side, :side]
            micro, _ = break_grains(labels, pair.intercept, np.random.default_rng(1))
            *_, last = repair(
                micro, polarity="dark", kind="map", device=self.request.device, model=self.model
            )
            assert isinstance(last, Repaired)
            scores = evaluate_grains(last.grains, labels, ignore=~learnt, truth_kind="labels")
            if scores.ap50 is not None and scores.vi is not None:
                found.append((scores.ap50, scores.vi, scores.count_true))
        if not found:
            return {}
        weight = [count for _, _, count in found]
        ap50, vi = (np.average([item[i] for item in found], weights=weight) for i in (0, 1))
        return {"ap50": float(ap50), "vi": float(vi)}


def broken_crop(pair: Pair, size: int, random: np.random.Generator) -> Sample:
    """Return a crop of a real network, broken anew.

    Parameters
    ----------
    pair : Pair
    size : int
        Side, px.
    random : numpy.random.Generator

    Returns
    -------
    lines : float32 (2, size, size), 1 on the lines of the broken and of the complete network
    labels : int64 (size, size)
    learnt : float32 (size, size), 1 where the complete network is known
    """
    from napari_etch.training.feed import orient
    from napari_etch.virtual.broken.realistic import break_grains

    wanted = math.exp(random.uniform(*np.log(SIZES)))
    factor = max(wanted / pair.intercept, size / min(pair.labels.shape))
    side = min(round(size / factor), *pair.labels.shape)
    at = np.unravel_index(random.choice(np.flatnonzero(pair.learnt)), pair.labels.shape)
    top, left = (
        int(np.clip(middle - side // 2, 0, length - side))
        for middle, length in zip(at, pair.labels.shape, strict=True)
    )
    nearest = ((np.arange(size) + 0.5) * side / size).astype(int)
    window = np.ix_(top + nearest, left + nearest)
    labels, learnt = orient([pair.labels[window], pair.learnt[window]], random)
    micro, label = break_grains(labels, pair.intercept * size / side, random)
    lines = np.stack([micro == 0, label == 0]).astype(np.float32)
    return lines, labels.astype(np.int64), learnt.astype(np.float32)


def _virtual(count: int, size: int, seed: int) -> list[Sample]:
    """Return crops of virtual networks, so that these are not forgotten."""
    from napari_etch.training.repair import BROKEN, COMPLETE, RECIPES, broken_crops

    found: list[Sample] = []
    stream = broken_crops(seed, size, RECIPES["realistic"].presets)
    while len(found) < count:
        images, labels = next(stream)
        for image, grains in zip(images, labels, strict=True):
            lines = np.stack([image & BROKEN > 0, image & COMPLETE > 0]).astype(np.float32)
            found.append((lines, grains.astype(np.int64), np.ones(grains.shape, np.float32)))
    return found[:count]


def _stacked(samples: list[Sample]) -> tuple[torch.Tensor, ...]:
    import torch

    return tuple(torch.from_numpy(np.stack(item)) for item in zip(*samples, strict=True))


def _repair_loss(
    network: nn.Module, lines: Tensor, labels: Tensor, learnt: Tensor
) -> tuple[Tensor, dict[str, float]]:
    from napari_etch.training.repair import repair_loss
    from napari_etch.training.tuning import answer

    loss, terms = repair_loss(
        answer(network, lines[:, :1]), lines[:, 0], lines[:, 1], labels, learnt
    )
    return loss, {**terms, "total": float(loss.detach())}
