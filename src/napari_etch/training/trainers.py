"""Supervised training: what it is asked, what it tells while it runs, who does it for each model.

One contract serves the command line, the Train dock and scripts: a trainer is a function from a
`TrainRequest` to an iterator of events, the last of which is `Trained`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch.micrograph.choice import ALL, Choice

if TYPE_CHECKING:
    from torch import Tensor


class TrainError(ValueError):
    """A training that cannot give a model; one sentence for the user."""


@dataclass(frozen=True)
class TrainRequest:
    """What is to be trained, on what, and for how long.

    Attributes
    ----------
    model : str
        A key of `TRAINERS`.
    data : pathlib.Path
        Training folder: `images/` and `labels/` with equal stems, optionally `ignore/` (nonzero is
        not learnt from) and `specimens.csv` (columns image, specimen) to split by. A string
        becomes a path.
    labels : str
        What the files in `labels/` are: ``grains``, ``boundary`` or ``classes``.
    start : str or None
        Model to continue from, by name or path; None: the shipped weights of the model, where
        there are any.
    minutes, steps : float, int or None
        Limits; None: the trainer's own.
    seed : int
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    checkpoint : pathlib.Path or None
        Folder in which an interrupted training is kept and from which it goes on.
    options : dict
        What only this trainer knows, by name.
    choice : napari_etch.micrograph.choice.Choice
        Which series and channel of the files in `images/`.
    """

    model: str
    data: Path
    labels: str = "grains"
    start: str | None = None
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    checkpoint: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    choice: Choice = ALL

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", Path(self.data))
        if self.checkpoint is not None:
            object.__setattr__(self, "checkpoint", Path(self.checkpoint))


@dataclass(frozen=True)
class TrainStep:
    """One step, or one look at the images held back.

    Attributes
    ----------
    step, steps : int
        Steps taken, and the most there will be.
    elapsed, left : float
        Seconds since the start, and until the end at the latest.
    losses : dict
        The terms' values on what is learnt from, by name.
    validation : dict or None
        Loss and scores on what is held back, by name; given at looks only.
    """

    step: int
    steps: int
    elapsed: float
    left: float
    losses: dict[str, float]
    validation: dict[str, float] | None = None


@dataclass(frozen=True)
class TrainNotice:
    """Something the user should know, in one sentence."""

    message: str


@dataclass(frozen=True, eq=False)
class Trained:
    """The end of a training: the model.

    Attributes
    ----------
    tensors : dict of Tensor
        The weights by name, those of the best look.
    card : dict
        What `model.json` holds.
    step : int
        The step whose weights were kept.
    why : str
        Why the training ended, one sentence.
    before, after : dict
        Scores on what was held back, with the weights it started from and with those kept; empty
        where nothing was held back.
    """

    tensors: dict[str, Tensor] = field(repr=False)
    card: dict[str, Any]
    step: int
    why: str
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model's folder (float16); each file is renamed into place."""
        from napari_etch.models.weights_file import write_model

        write_model(Path(path), self.tensors, self.card)


TrainEvent = TrainStep | TrainNotice | Trained
#: Takes the request and a function that says when to stop and keep the best so far.
Trainer = Callable[[TrainRequest, Callable[[], bool]], Iterator[TrainEvent]]

#: Model name to "module:function"; the module is imported when it is trained.
TRAINERS: dict[str, str] = {
    "dinov2": "napari_etch.training.dinov2:train",
    "fracture": "napari_etch.training.fracture:train",
    "generalist": "napari_etch.training.finetune:finetune",
    "repair": "napari_etch.training.finetune_repair:finetune",
    "wpunet": "napari_etch.training.wpunet:train",
}


def find_trainer(model: str) -> Trainer:
    """Return the trainer of a model.

    Of labels that `etch pseudo-label` made, it writes the recipe into the model's card.

    Raises
    ------
    TrainError
        When there is none.
    """
    if model not in TRAINERS:
        raise TrainError(f"{model!r} cannot be trained: choose {', '.join(sorted(TRAINERS))}.")
    module, function = TRAINERS[model].split(":")
    return _telling_of_pseudo_labels(getattr(import_module(module), function))


def _telling_of_pseudo_labels(trainer: Trainer) -> Trainer:
    """Return a trainer whose model says that it learnt from a threshold, where it did."""

    @wraps(trainer)
    def train(request: TrainRequest, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
        from napari_etch.training.pseudo import pseudo_record

        try:
            record = pseudo_record(request.data)
        except ValueError as error:
            raise TrainError(str(error)) from error
        for event in trainer(request, stop):
            if record is not None and isinstance(event, Trained):
                event = replace(event, card={**event.card, "pseudo_labels": record})
            yield event

    return train
