"""Train WPU-Net on labelled stacks: the trainer behind `etch train --model wpunet`.

It continues from the shipped weights where the network is the shipped one. What it learns from is
told worn truth and its own answers of the section before (`training.previous`), never the bare
truth; what it is judged by are the last sections of each stack, gone through as in use.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_etch.models.previous_map import CODINGS, Coding
from napari_etch.networks.etchnet import receptive_radius
from napari_etch.networks.wpunet import POOLINGS, Pooling, WPUNet
from napari_etch.training.labelled_stacks import (
    at_scale,
    mean_intercept,
    read_labelled_stacks,
    split_by_depth,
    with_targets,
)
from napari_etch.training.paced import Keeping
from napari_etch.training.previous import Schooling, previous_maps
from napari_etch.training.recipes import chosen
from napari_etch.training.run import Run, Schedule
from napari_etch.training.sections import LabelledStack, SectionCrops
from napari_etch.training.trainers import (
    Trained,
    TrainError,
    TrainEvent,
    TrainNotice,
    TrainRequest,
    TrainStep,
)
from napari_etch.training.wpunet_losses import LOSSES, section_loss

if TYPE_CHECKING:
    from torch import Tensor

# Mean intercept to which stacks are brought, px; that of the shipped weights.
INTERCEPT = 25.0
SHIPPED = "wpunet"
STEPS, LOOKS, REPORT = 600, 4, 10


@dataclass(frozen=True)
class Options:
    """What only this trainer knows.

    Attributes
    ----------
    widths : tuple of int
        Channels of the network, finest first.
    loss : str
        "grains": boundary, distance and affinities, the generalist's; "abw" or "cbw": the
        published ones, on two channels.
    coding : Coding
        How the network takes the previous map, of `models.previous_map`.
    pooling : Pooling
        How it is reduced, of `networks.wpunet`.
    previous_scale : float
        Factor of the previous map, of `networks.wpunet`.
    plain : bool
        A U-Net that sees nothing of the section before.
    size, batch : int
        Side of a crop, px, and crops in a step.
    rate : float
        Learning rate at its highest.
    fade : float
        Share of the sections that are made faint, of `training.sections`.
    """

    widths: tuple[int, ...] = (16, 24, 48, 96, 192)
    loss: str = "grains"
    coding: Coding = "probability"
    pooling: Pooling = "average"
    previous_scale: float = 0.25
    plain: bool = False
    size: int = 128
    batch: int = 8
    rate: float = 1e-3
    fade: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(int(width) for width in self.widths))
        for name, known in (("loss", LOSSES), ("coding", CODINGS), ("pooling", POOLINGS)):
            if getattr(self, name) not in known:
                raise TrainError(f"{name} is {getattr(self, name)!r}: choose {', '.join(known)}.")
        stride = 2 ** (len(self.widths) - 1)
        if self.size % stride or self.size < 2 * stride:
            raise TrainError(f"size is {self.size}: give a multiple of {stride} px.")

    @property
    def channels_out(self) -> int:
        """Channels that the loss is of."""
        return 8 if self.loss == "grains" else 2

    def parameters(self) -> dict[str, Any]:
        """Return what the card says of the network."""
        return {
            "widths": list(self.widths),
            "channels_out": self.channels_out,
            "previous": not self.plain,
            "pooling": self.pooling,
            "previous_scale": self.previous_scale,
        }


def train(request: TrainRequest, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
    """Train on labelled stacks; see `training.trainers`.

    Raises
    ------
    TrainError
        When an option is unknown or wrong, or the start does not fit.
    napari_etch.training.folder.TrainingDataError
        When the data cannot be learnt from.
    """
    options = _options(request)
    stacks = read_labelled_stacks(request.data, request.labels, request.choice)
    intercept = float(np.median([mean_intercept(stack) for stack in stacks]))
    learnt, held = [], []
    for stack in stacks:
        part, rest = split_by_depth(at_scale(stack, INTERCEPT / intercept))
        learnt.append(with_targets(part) if options.channels_out == 2 else part)
        held += [rest] if rest is not None else []
    if not held:
        yield TrainNotice("No stack has ten sections, so none are held back to judge by.")
    with tempfile.TemporaryDirectory() as scratch:
        session = _Session(request, options, learnt, held, intercept, Path(scratch))
        yield from session.events(stop)


def _options(request: TrainRequest) -> Options:
    known = Options.__dataclass_fields__
    for name in request.options:
        if name not in known:
            raise TrainError(f"WPU-Net has no option {name!r}: it has {', '.join(known)}.")
    return chosen(Options(), request.options)


class _Session(Keeping):
    """One training: network, samples, and the best weights so far."""

    def __init__(
        self,
        request: TrainRequest,
        options: Options,
        learnt: list[LabelledStack],
        held: list[LabelledStack],
        intercept: float,
        scratch: Path,
    ) -> None:
        from napari_etch.inference import pick_device

        self.request, self.options, self.held, self.intercept = request, options, held, intercept
        torch.manual_seed(request.seed)
        network = WPUNet(**{**options.parameters(), "widths": options.widths})
        network.calm_head()
        self.start = _load_start(request.start, options, network)
        steps = request.steps or STEPS
        schedule = Schedule(
            size=options.size,
            batch=options.batch,
            steps=steps,
            minutes=request.minutes or 1e6,
            rate=options.rate if self.start else 2 * options.rate,
            warm_up=min(50, max(1, steps // 10)),
            seed=request.seed,
            threads=torch.get_num_threads(),
        )
        out = request.checkpoint or scratch
        out.mkdir(parents=True, exist_ok=True)
        self.device = str(pick_device(request.device))
        self.saved = time.monotonic()
        self.run = Run(
            network,
            schedule,
            out,
            self.device,
            about=self._about([stack.name for stack in learnt]),
            is_same=True,
            save_seconds=math.inf,
        )
        try:
            seed = request.seed + self.run.step
            self.crops = SectionCrops(learnt, options.size, seed, options.fade)
        except ValueError as error:
            raise TrainError(f"{error}, or larger images.") from error
        self.generator = torch.Generator().manual_seed(request.seed + self.run.step)
        self.names = [stack.name for stack in learnt]
        until = schedule.steps // 3
        self.schooling = (
            Schooling(until=1, quiet=0) if self.start else Schooling(until=until, quiet=until // 4)
        )
        self.best: tuple[float, int, dict[str, Tensor], dict[str, float]] | None = (
            self.run.beside.get("best")
        )

    def _about(self, names: list[str]) -> dict[str, Any]:
        """Return what tells whether a checkpoint is of this training; its length may differ."""
        return {
            "start": self.start,
            "labels": self.request.labels,
            "seed": self.request.seed,
            "stacks": names,
            "options": {**asdict(self.options), "batch": None},
        }

    def _keep(self, *, now: bool = False) -> str:
        """Keep the training where it is time to; return why it could not be, once."""
        if self.request.checkpoint is None or not (now or self._is_late):
            return ""
        self.run.beside["best"] = self.best
        return self._kept(self.run.checkpoint)

    def events(self, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
        """Learn until the end, or until told to stop."""
        run = self.run
        if run.first:
            yield TrainNotice(f"Going on from step {run.first}.")
            before = run.beside.get("before") or {}
        else:
            before = run.beside["before"] = self._look() if self.start else {}
        every = max(1, run.settings.steps // LOOKS)
        sums: dict[str, float] = {}
        count = 0
        why = "All steps were taken."
        while run.goes_on():
            if stop():
                why = "It was stopped."
                break
            for name, value in self._step().items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
            last = run.step >= run.settings.steps
            looked = self._look() if run.step % every == 0 or last else None
            if run.step % REPORT == 0 or looked is not None:
                elapsed = run.elapsed
                left = elapsed / run.step * (run.settings.steps - run.step)
                if self.request.minutes:
                    left = min(left, max(0.0, 60 * self.request.minutes - run.elapsed))
                losses = {name: value / count for name, value in sums.items()}
                sums, count = {}, 0
                yield TrainStep(run.step, run.settings.steps, elapsed, left, losses, looked or None)
            said = self._keep()
            if said:
                yield TrainNotice(said)
        else:
            if run.step < run.settings.steps:
                why = "The time was up."
        said = self._keep(now=True)
        if said:
            yield TrainNotice(said)
        yield self._trained(why, before)

    def _step(self) -> dict[str, float]:
        batch = self.crops.draw(self.options.batch)
        previous = None
        run = self.run
        if not self.options.plain:
            previous = previous_maps(
                batch,
                run.average.network,
                self.schooling,
                run.step,
                self.generator,
                self.options.coding,
            )
        got: dict[str, float] = {}

        def loss_of(network: torch.nn.Module) -> tuple[Tensor, dict[str, float]]:
            loss, terms = section_loss(
                network, batch, previous, self.options.loss, self.options.coding, self.device
            )
            got.update(terms)
            return loss, terms

        run.learn(partial(loss_of))
        return got

    def _look(self) -> dict[str, float]:
        """Return the mean VI on the sections held back, and remember the weights if it is best."""
        tensors = _tensors(self.run.average.network)
        if not self.held:
            return {}
        from napari_etch.training.wpunet_judge import judge

        judged = judge(tensors, self._card(), self.held, self.device)
        scores = {name: float(value) for name, value in judged.items()}  # as checkpoints hold them
        if self.best is None or scores["vi"] < self.best[0]:
            self.best = (scores["vi"], self.run.step, tensors, scores)
        return scores

    def _card(self) -> dict[str, Any]:
        options = self.options
        network = self.run.average.network
        channels = 1 if options.plain else 2
        margin = receptive_radius(network.cpu(), 2 ** (len(options.widths) - 1), channels=channels)
        network.to(self.device)
        return {
            "architecture": "wpunet",
            "title": f"WPU-Net, trained on {', '.join(self.names)}",
            "parameters": {
                **options.parameters(),
                "coding": options.coding,
                "margin": margin,
                "intercept_px": INTERCEPT,
            },
            "specimen": {"intercept_px": round(self.intercept, 2), "pixel_size_um": None},
            "training": {
                "stacks": self.names,
                "start": self.start or "scratch",
                "loss": options.loss,
                "seed": self.request.seed,
                "steps": self.run.step,
            },
        }

    def _trained(self, why: str, before: dict[str, float]) -> Trained:
        if self.best is None:
            return Trained(_tensors(self.run.average.network), self._card(), self.run.step, why)
        _, step, tensors, after = self.best
        return Trained(tensors, self._card(), step, why, before, after)


def _tensors(network: torch.nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def _load_start(start: str | None, options: Options, network: WPUNet) -> str | None:
    """Load the weights to start from; the shipped ones only where they fit."""
    from napari_etch.models.errors import ModelError
    from napari_etch.models.library import find_model
    from napari_etch.models.weights_file import SHIPPED as FOLDER
    from napari_etch.models.weights_file import read_model

    if start == "scratch":
        return None
    name = start or SHIPPED
    own = find_model(name)
    path = FOLDER / name if (FOLDER / name).is_dir() else own.path if own else Path(name)
    try:
        stored = read_model(path)
        fits = stored.card.get("architecture") == "wpunet"
        parameters = stored.card.get("parameters", {})
        wanted = {**options.parameters(), "coding": options.coding}
        fits = fits and all(parameters.get(key) == value for key, value in wanted.items())
        if fits:
            stored.load_into(network)
            return name
    except ModelError as error:
        if start is not None:
            raise TrainError(str(error)) from error
    if start is not None:
        raise TrainError(f"{start} is another network than these options make: start from scratch.")
    return None
