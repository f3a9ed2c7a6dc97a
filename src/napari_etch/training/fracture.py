"""Train the network for fracture modes, or any other classes, on annotated images.

Unlabelled pixels are neither learnt from nor scored; rare classes count as common ones. The user's
own class table, `classes.json` in the training folder, may have more classes than the shipped
model: what it has learnt of textures is kept, the last layer begins anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.training.folder import Pair, read_training_folder
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

#: The class table of a training folder; without it the model's own counts.
CLASSES_FILE = "classes.json"
_MOST_CLASSES = 255


@dataclass(frozen=True)
class Recipe:
    """How it is learnt.

    Attributes
    ----------
    steps, batch, size : int
        Steps, crops a step, side of a crop in px.
    rate : float
        Highest learning rate.
    whole : bool
        The trunk learns too; otherwise only the head.
    encoder : str
        An encoder of timm with public weights (downloaded on first use) in place of the shipped
        network; empty: none.
    activations : bool
        ReLU in the decoder of such a network; False as published.
    looks, patience : int
        Looks at what is held back, and how many without gain end the training.
    unlabelled : str
        A folder of images without labels, of which what the starting model is sure of is learnt
        too; empty: none.
    sure : float
        From which probability on it is sure.
    unlabelled_share : float
        Part of the crops that come from these images.
    """

    steps: int = 160
    batch: int = 4
    size: int = 256
    rate: float = 6e-4
    whole: bool = True
    encoder: str = ""
    activations: bool = True
    looks: int = 8
    patience: int = 4
    unlabelled: str = ""
    sure: float = 0.9
    unlabelled_share: float = 0.3


def train(request: TrainRequest, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
    """Train a fracture model; see `training.trainers`.

    Options: ``hold_out`` (part that is held back, 0.2; 0 for none), ``class_table`` (as
    `ClassTable.as_json` gives it) and the fields of `Recipe`.

    Raises
    ------
    TrainError
        When the labels are no classes, classes are missing in the table, fewer than two are
        drawn, or an option is unknown.
    napari_etch.training.folder.TrainingDataError
        When the folder cannot be used.
    napari_etch.models.ModelError
        When the model to start from, or the public weights, cannot be loaded.
    """
    if request.labels != "classes":
        raise TrainError("The fracture model learns from class maps: give --labels classes.")
    recipe, share, given = _options(request)
    pairs = read_training_folder(request.data, request.labels, request.choice)
    start = None if recipe.encoder and request.start is None else _start(request)
    table = _table(request, given, start)
    _check_classes(pairs, table)
    split = hold_out(pairs, share=share, seed=request.seed)
    yield TrainNotice(_what_is_held(split, share))
    more = yield from _self_labelled(request, recipe, table, start, stop)
    run = _Run(request, recipe, table, split, start, more)
    yield from run.learn(stop)
    yield run.trained(pairs)


def _self_labelled(
    request: TrainRequest,
    recipe: Recipe,
    table: ClassTable,
    start: Any,
    stop: Callable[[], bool],
) -> Generator[TrainNotice, None, list[Pair]]:
    """Return the images without labels with what the starting model is sure of."""
    if not recipe.unlabelled:
        return []
    if start is None or start.table.names != table.names:
        raise TrainError(
            "Unlabelled images are labelled by the model that is gone on from, and it has other "
            "classes: train one on your labels first, and go on from that."
        )
    from napari_etch.training.self_training import pseudo_labelled

    pairs: list[Pair] = []
    folder = Path(recipe.unlabelled)
    for event in pseudo_labelled(start, folder, sure=recipe.sure, device=request.device, stop=stop):
        if isinstance(event, TrainNotice):
            yield event
        else:
            pairs.append(event)
    share = np.mean([pair.learnt.mean() for pair in pairs]) if pairs else 0.0
    yield TrainNotice(
        f"{len(pairs)} unlabelled images are learnt from where the model is sure ({share:.0%} of "
        "their area)."
    )
    return pairs


def _options(request: TrainRequest) -> tuple[Recipe, float, Any]:
    options = dict(request.options)
    share = take_hold_out(options, SHARE)
    table = options.pop("class_table", None)
    if request.steps is not None:
        options["steps"] = request.steps
    recipe = chosen(Recipe(), options, also=[HOLD_OUT])
    if not 0 < recipe.unlabelled_share < 1:
        raise TrainError("unlabelled_share is a part of the crops: give one between 0 and 1.")
    if recipe.size < 64:
        raise TrainError(f"size is {recipe.size}: give 64 px or more.")
    return recipe, share, table


def _start(request: TrainRequest) -> Any:
    from napari_etch.models.fracture import Fracture
    from napari_etch.models.registry import load_model

    name = request.start or "fracture"
    model = load_model(name)
    if not isinstance(model, Fracture):
        raise TrainError(
            f"{name} maps no classes, and a fracture model goes on only from one of its kind: "
            "choose fracture or one that was trained from it."
        )
    return model


def _table(request: TrainRequest, given: Any, start: Any) -> ClassTable:
    if given is not None:
        return ClassTable.from_json(given)
    path = request.data / CLASSES_FILE
    if path.exists():
        return ClassTable.read(path)
    return FRACTURE_MODES if start is None else start.table


def _check_classes(pairs: list[Pair], table: ClassTable) -> None:
    found = sorted({int(n) for pair in pairs for n in np.unique(pair.labels[pair.learnt])} - {0})
    strange = [number for number in found if number not in table.ids]
    if strange:
        names = ", ".join(f"{number} {table.names[number]}" for number in table.ids)
        raise TrainError(
            f"Class {strange[0]} of the labels is not in the class table ({names}): put a "
            f"{CLASSES_FILE} with all classes into the training folder."
        )
    if len(found) < 2:
        raise TrainError("The labels hold one class only: outline areas of at least two.")


def _what_is_held(split: Split, share: float) -> str:
    if split.held:
        return f"Held back to measure on: {split.how}."
    if share > 0:
        return "Nothing is held back: the labelled part is too small to measure on."
    return "Nothing is held back, as asked."


class _Run(Paced):
    """One training and what has to be known about it at its end."""

    recipe: Recipe
    save_seconds = 120.0

    def __init__(
        self,
        request: TrainRequest,
        recipe: Recipe,
        table: ClassTable,
        split: Split,
        start: Any,
        more: Sequence[Pair] = (),
    ) -> None:
        import torch

        from napari_etch.inference import pick_device
        from napari_etch.training.class_crops import ClassCrops
        from napari_etch.training.tuning import Tuning

        self.request, self.recipe, self.table = request, recipe, table
        self.split, self.start, self.self_labelled = split, start, len(more)
        self.begun = self.saved = time.monotonic()
        self.limit = 60 * request.minutes if request.minutes else float("inf")
        self.device = pick_device(request.device)
        torch.manual_seed(request.seed)
        self.architecture, self.parameters, network = _network(recipe, table, start)
        self.tuning = Tuning(network, self.device, recipe.rate, recipe.steps, recipe.batch)
        if not recipe.whole and self.architecture == "fracture-net":
            _rest_trunk(self.tuning.network)
        self.about = {
            "model": None if start is None else start.weights_hash,
            "classes": list(table.ids),
            "seed": request.seed,
            "images": [request.choice.of(pair.name) for pair in [*split.learnt, *more]],
            "recipe": asdict(recipe),
        }
        folder = request.checkpoint
        self.resumed = folder is not None and self.tuning.resume(folder, self.about)
        self.crops = ClassCrops(
            [*split.learnt, *more],
            recipe.size,
            network.stride,
            request.seed + self.tuning.step,
            own=len(split.learnt),
            others=recipe.unlabelled_share,
        )
        # Channels of the network's classes, by their number; 0 stays unlabelled.
        self.channel = torch.zeros(_MOST_CLASSES + 1, dtype=torch.int64)
        self.channel[list(table.ids)] = torch.arange(1, len(table.ids) + 1)
        same = start is not None and start.table.ids == table.ids
        self.before = self.scores() if same else {}
        self.why = f"All {recipe.steps} steps were taken."

    def learn(self, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
        """Take the steps, look now and then, keep the best."""
        tuning, recipe = self.tuning, self.recipe
        if self.resumed:
            yield TrainNotice(f"Going on from step {tuning.step}.")
        if self.before and tuning.best is None:
            tuning.look(self.before["loss"])
            yield TrainStep(0, recipe.steps, self.elapsed, 0.0, {}, self.before)
        yield from self._take_steps(stop, self._loss, self._look if self.split.held else None)
        said = self._checkpoint(now=True)
        if said:
            yield TrainNotice(said)

    def _loss(self, network: nn.Module, batch: int) -> tuple[Tensor, dict[str, float]]:
        import torch

        from napari_etch.training.class_loss import class_loss

        images, classes = self.crops.draw(batch)
        laid_out = images.to(self.device).contiguous(memory_format=torch.channels_last)
        return class_loss(network(laid_out).float(), self.channel[classes].to(self.device))

    def _look(self) -> dict[str, float]:
        found = self.scores()
        self.tuning.look(found["loss"])
        return found

    def scores(self) -> dict[str, float]:
        """Return loss, accuracy and mean IoU of the averaged weights on what is held back."""
        from napari_etch.training.class_scores import score_network

        return score_network(
            self.tuning.average.network, self.split.held, self.channel, str(self.device)
        )

    def trained(self, pairs: list[Pair]) -> Trained:
        """Return the model of the best look; without any, as it is now."""
        best = self.tuning.best
        tensors = self.tuning.weights() if best is None else best.tensors
        step = self.tuning.step if best is None else best.step
        self.tuning.average.network.load_state_dict(tensors, strict=False)
        after = self.scores()
        if best is not None and best.step == 0:
            self.why += " Nothing was better than what it started from, which is kept."
        card = self._card(pairs, step, after)
        return Trained(tensors, card, step, self.why, self.before, after)

    def _card(self, pairs: list[Pair], step: int, after: dict[str, float]) -> dict[str, Any]:
        request, names = self.request, sorted({pair.source for pair in pairs})
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        start = request.start or ("fracture" if self.start is not None else self.recipe.encoder)
        return {
            "architecture": self.architecture,
            "parameters": self.parameters,
            "class_table": self.table.as_json(),
            "title": f"Fracture modes, trained on {names[0]}{more}",
            "licence": "yours",
            "training": {
                "method": f"fine-tuned from {start}",
                "started_from": self.about["model"],
                "labels": request.labels,
                "self_labelled_images": self.self_labelled,
                "learnt_px": int(sum(pair.learnt.sum() for pair in self.split.learnt)),
                "held_back": self.split.how,
                "seed": request.seed,
                "steps": step,
                "seconds": round(self.elapsed, 1),
                "recipe": asdict(self.recipe),
                "before": {name: round(value, 4) for name, value in self.before.items()},
                "after": {name: round(value, 4) for name, value in after.items()},
            },
        }


def _network(recipe: Recipe, table: ClassTable, start: Any) -> tuple[str, dict[str, Any], Any]:
    """Return architecture, parameters and the network to begin with."""
    from napari_etch.models.fracture import build_network

    count = len(table.ids)
    if start is not None:
        architecture = str(start.card["architecture"])
        parameters = {**start.card["parameters"], "classes": count}
        plain = {name: value for name, value in parameters.items() if name != "margin"}
        network = build_network(architecture, plain)
        old = start.network.state_dict()
        own = network.state_dict()
        fits = {name: value for name, value in old.items() if own[name].shape == value.shape}
        if start.table.ids != table.ids:  # a channel must not stand for another class
            fits = {name: value for name, value in fits.items() if not _is_last(name, architecture)}
        network.load_state_dict(fits, strict=False)
        return architecture, parameters, network
    return _with_public_encoder(recipe, count)


def _is_last(name: str, architecture: str) -> bool:
    return name.startswith("head.2" if architecture == "fracture-net" else "head.")


def _with_public_encoder(recipe: Recipe, count: int) -> tuple[str, dict[str, Any], Any]:
    from napari_etch.models.encoders import public_encoder
    from napari_etch.models.fracture import build_network
    from napari_etch.networks.timm_unet import PUBLISHED_WIDTHS

    parameters: dict[str, Any] = {
        "encoder": recipe.encoder,
        "classes": count,
        "activations": recipe.activations,
        "widths": list(PUBLISHED_WIDTHS if recipe.encoder == "vgg16" else (128, 128, 96, 64, 48)),
    }
    try:
        network = build_network("fracture-timm", parameters)
    except ValueError as error:
        raise TrainError(f"{error}: choose vgg16, resnet18, or leave the encoder out.") from error
    network.encoder.load_state_dict(public_encoder(recipe.encoder))
    return "fracture-timm", {**parameters, "margin": 8 * network.stride}, network


def _rest_trunk(network: nn.Module) -> None:
    for name, item in network.named_parameters():
        if not name.startswith("head"):
            item.requires_grad_(False)
