"""Fine-tune the generalist on corrected micrographs: a few are enough.

Most of a step's crops are of the labelled micrographs, the rest are virtual ones, so that what the
network knows of other materials is not forgotten. A part is held back: by the loss on it the best
weights are chosen, and the scores before and after are taken on it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.training.folder import Pair, read_training_folder
from napari_etch.training.grain_scores import score_grains
from napari_etch.training.holdout import SHARE, Split, hold_out
from napari_etch.training.paced import Paced
from napari_etch.training.recipes import HOLD_OUT, chosen, take_hold_out
from napari_etch.training.trainers import (
    Trained,
    TrainError,
    TrainEvent,
    TrainNotice,
    TrainRequest,
    TrainStep,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Parts of the way from the start to what was learnt that are tried at the end.
SHARES = (1.0, 0.5)
# What the networks that are fine-tuned halve a crop to, and what a virtual micrograph needs, px.
_STRIDE, _LEAST_SIZE = 8, 64


@dataclass(frozen=True)
class Recipe:
    """What a fine-tuning is made of.

    Attributes
    ----------
    steps : int
    real, virtual : int
        Crops a step of the labelled micrographs, and of virtual ones.
    pool : int
        Virtual micrographs that are rendered for it.
    size : int
        Side of a crop, working px.
    rate : float
        Highest learning rate.
    looks : int
        Looks at what is held back.
    patience : int
        So many looks without a better one end it.
    """

    steps: int = 160
    real: int = 4
    virtual: int = 1
    pool: int = 32
    size: int = 192
    rate: float = 1.5e-3
    looks: int = 8
    patience: int = 4


def finetune(request: TrainRequest, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
    """Fine-tune the generalist, or a model of its kind; see `training.trainers`.

    Options: ``hold_out`` (part that is held back, 0.2; 0 for none) and the fields of `Recipe`.

    Yields
    ------
    TrainStep, TrainNotice
        While it learns.
    Trained
        Last: the model.

    Raises
    ------
    TrainError
        When the labels are classes, the model to start from is of another kind, or an option is
        unknown.
    napari_etch.training.folder.TrainingDataError
        When the folder cannot be used.
    napari_etch.models.ModelError
        When the model to start from cannot be loaded.
    """
    yield from run_finetuning(request, stop, "etchnet", FineTuning)


def run_finetuning(
    request: TrainRequest,
    stop: Callable[[], bool],
    architecture: str,
    kind: type[FineTuning],
) -> Iterator[TrainEvent]:
    """Fine-tune a model of an architecture; `kind` says on what and by which loss."""
    begun = time.monotonic()
    recipe, share = _recipe(request)
    if request.labels == "classes":
        raise TrainError(
            f"The {request.model} model learns from grains, and these labels are classes: give "
            "--labels grains or boundary."
        )
    pairs = read_training_folder(request.data, request.labels, request.choice)
    model = _start(request, architecture)
    split = hold_out(pairs, share=share, seed=request.seed)
    yield TrainNotice(_about_split(split, share))
    run = kind(request, recipe, model, split, begun)
    yield from run.learn(stop)
    yield run.trained(pairs)


def _about_split(split: Split, share: float) -> str:
    if split.held:
        return f"Held back to measure on: {split.how}."
    if share <= 0:
        return "Nothing is held back, as asked."
    return (
        "Nothing is held back: the labelled part is too small, so neither scores nor an early end "
        "tell whether it helps."
    )


def _recipe(request: TrainRequest) -> tuple[Recipe, float]:
    options = dict(request.options)
    share = take_hold_out(options, SHARE)
    if request.steps is not None:
        options["steps"] = request.steps
    recipe = chosen(Recipe(), options, also=[HOLD_OUT], zero=["virtual"])
    if recipe.size % _STRIDE or recipe.size < _LEAST_SIZE:
        raise TrainError(
            f"size is {recipe.size}: give a multiple of {_STRIDE} px from {_LEAST_SIZE} on."
        )
    return recipe, share


def _start(request: TrainRequest, architecture: str) -> Any:
    """Return the model to go on from."""
    from napari_etch.models.registry import load_model

    name = request.start or request.model
    model = load_model(name)
    if model.card["architecture"] != architecture:
        raise TrainError(
            f"{name} is of the kind {model.card['architecture']!r}, and {request.model} goes on "
            f"only from a model of its own kind: choose {request.model} or one that was trained "
            "from it."
        )
    return model


class FineTuning(Paced):
    """One fine-tuning of the generalist; another model's overrides what it learns from and by."""

    recipe: Recipe
    title = "Generalist"

    def __init__(
        self, request: TrainRequest, recipe: Recipe, model: Any, split: Split, begun: float
    ) -> None:
        import torch

        from napari_etch.inference import pick_device
        from napari_etch.training.tuning import Tuning

        self.request, self.recipe, self.model, self.split = request, recipe, model, split
        self.begun = begun
        self.limit = 60 * request.minutes if request.minutes else float("inf")
        self.device = pick_device(request.device)
        torch.manual_seed(request.seed)
        self.before = self._score()
        self.grains = sum(np.unique(pair.labels[pair.learnt]).size for pair in split.held)
        self.tuning = Tuning(
            model.network, self.device, recipe.rate, recipe.steps, recipe.real + recipe.virtual
        )
        self.started = self.tuning.weights()
        self.about = {
            "model": model.weights_hash,
            "labels": request.labels,
            "seed": request.seed,
            "images": [request.choice.of(pair.name) for pair in split.learnt],
            "recipe": asdict(recipe),
        }
        folder = request.checkpoint
        self.resumed = folder is not None and self.tuning.resume(folder, self.about)
        self._prepare(request.seed + self.tuning.step)  # other crops after a resume
        self.why = f"All {recipe.steps} steps were taken."
        self.saved = time.monotonic()

    def learn(self, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
        """Take the steps, look now and then, keep the best."""
        tuning, recipe = self.tuning, self.recipe
        if self.resumed:
            yield TrainNotice(f"Going on from step {tuning.step}.")
        if tuning.best is None and self.held:
            start = {**self._look(), **self.before}
            yield TrainStep(0, recipe.steps, self.elapsed, 0.0, {}, start)
        yield from self._take_steps(stop, self._loss, self._look if self.held else None)
        best = tuning.best
        if self.held and best is not None and max(best.step, self.looked_at) < tuning.step:
            self._look()  # what was learnt since the last look counts, too
        said = self._checkpoint(now=True)
        if said:
            yield TrainNotice(said)

    # -- the loss --------------------------------------------------------------------------------

    def _prepare(self, seed: int) -> None:
        """Make ready what is learnt from and what is looked at; sets `held`."""
        from napari_etch.models.generalist import TARGET
        from napari_etch.training.crops import LabelledCrops, at_size

        recipe, split = self.recipe, self.split
        self.crops = LabelledCrops(split.learnt, recipe.size, TARGET, seed)
        self.virtual = _Virtual(recipe, seed) if recipe.virtual else None
        self.held: list[tuple[Tensor, ...]] = [
            at_size(pair, TARGET, self.model.stride) for pair in split.held
        ]

    def _score(self) -> dict[str, float]:
        """Return the scores of the model, as it is now, on what is held back."""
        return score_grains(self.model, self.split.held, self.request.device)

    def _measure(self, network: nn.Module, *held: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Return the loss on one part that is held back, and each term's value."""
        return masked_loss(network, *held)

    def _loss(self, network: nn.Module, batch: int) -> tuple[Tensor, dict[str, float]]:
        import torch

        virtual = round(batch * self.recipe.virtual / (self.recipe.real + self.recipe.virtual))
        parts = [self.crops.draw(max(1, batch - virtual))]
        if virtual and self.virtual is not None and batch > 1:
            inputs, labels = self.virtual.draw(virtual)
            parts.append((inputs, labels, torch.ones(labels.shape)))
        inputs, labels, learnt = (
            torch.cat(item).to(self.device) for item in zip(*parts, strict=True)
        )
        return masked_loss(network, inputs, labels, learnt)

    def _look(self) -> dict[str, float]:
        """Measure the averaged weights on what is held back and keep them if they are the best."""
        import torch

        network = self.tuning.average.network
        total, pixels = 0.0, 0.0
        with torch.no_grad():
            for held in self.held:
                loss, _ = self._measure(network, *(item.to(self.device) for item in held))
                weight = float(held[-1].sum())  # where it is learnt
                total += float(loss) * weight
                pixels += weight
        value = total / max(pixels, 1.0)
        self.tuning.look(value)
        return {"loss": value}

    # -- the end ---------------------------------------------------------------------------------

    def trained(self, pairs: list[Pair]) -> Trained:
        """Return the model: the best look's, or as far towards it as does best."""
        best = self.tuning.best
        tensors = self.tuning.weights() if best is None else best.tensors
        step = self.tuning.step if best is None else best.step
        share, tensors, after = self._settle(tensors)
        if share == 0.0 or step == 0:
            step = 0
            self.why += " Nothing did better than what it started from, which is kept."
        elif share < 1.0:
            self.why += " Half way from the start to the best did best, and is kept."
        card = self._card(pairs, step, after)
        card["training"]["share"] = share
        return Trained(tensors, card, step, self.why, self.before, after)

    def _settle(
        self, learnt: dict[str, Tensor]
    ) -> tuple[float, dict[str, Tensor], dict[str, float]]:
        """Return how far from the start to what was learnt to go, these weights, their scores.

        The loss counts pixels, a user counts grains: a lower loss may come with worse grains.
        Weights half way often keep what both know (Wortsman et al. 2022, "Robust fine-tuning of
        zero-shot models"). What is held back decides by its grains; but what was learnt stands
        unless something else is better by more than chance: one standard error of AP50.
        """
        from napari_etch.training.tuning import mix

        found = {0.0: self.before}
        mixed = {share: mix(self.started, learnt, share) for share in (0.0, *SHARES)}
        network = self.tuning.average.network
        for share in SHARES:
            network.load_state_dict(mixed[share], strict=False)
            self.model.network = network.eval()
            found[share] = self._score()
        if not self.before:
            return 1.0, learnt, found[1.0]
        share = max(found, key=lambda at: (round(found[at]["ap50"], 3), -found[at]["vi"]))
        ap50 = found[share]["ap50"]
        if ap50 - found[1.0]["ap50"] <= math.sqrt(ap50 * (1 - ap50) / max(1, self.grains)):
            share = 1.0
        return share, mixed[share], found[share]

    def _card(self, pairs: list[Pair], step: int, after: dict[str, float]) -> dict[str, Any]:
        request, names = self.request, sorted({pair.source for pair in pairs})
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        kept: dict[str, Any] = {
            key: self.model.card[key]
            for key in ("architecture", "parameters", "input", "output")
            if key in self.model.card
        }
        return {
            **kept,
            "title": f"{self.title}, trained on {names[0]}{more}",
            "licence": "yours",
            "specimen": {
                "images": names,
                "intercept_px": round(float(np.mean([pair.intercept for pair in pairs])), 2),
            },
            "training": {
                "method": f"fine-tuned from {request.start or request.model}",
                "started_from": self.model.weights_hash,
                "labels": request.labels,
                "learnt_px": int(sum(pair.learnt.sum() for pair in self.split.learnt)),
                "held_back": self.split.how,
                "seed": request.seed,
                "steps": step,
                "seconds": round(self.elapsed, 1),
                "recipe": asdict(self.recipe),
                "before": _rounded(self.before),
                "after": _rounded(after),
            },
        }


def masked_loss(
    network: nn.Module, inputs: Tensor, labels: Tensor, learnt: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Return the generalist's loss where labels are learnt, and each term's value."""
    from napari_etch.training.losses import generalist_loss, targets_of
    from napari_etch.training.tuning import answer

    loss, terms = generalist_loss(answer(network, inputs), targets_of(labels), learnt)
    return loss, {**terms, "total": float(loss.detach())}


class _Virtual:
    """Virtual micrographs of any style, rendered once."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        import torch

        from napari_etch.training.feed import Replay
        from napari_etch.virtual.sample import render_batch

        generator = torch.Generator().manual_seed(seed)
        self.replay = Replay(recipe.pool, recipe.size, seed)
        while self.replay.filled < recipe.pool:
            count = min(8, recipe.pool - self.replay.filled)
            batch = render_batch(count, recipe.size, generator=generator)
            images = (255 * batch.image).round().to(torch.uint8).numpy()
            self.replay.add(images, batch.labels.to(torch.int16).numpy())

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        return self.replay.draw(count)


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}
