"""Learning without labels: virtual micrographs in the specimen's style, and its real pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_etch.training.labelfree import losses
from napari_etch.training.labelfree.adamw import AdamW
from napari_etch.training.labelfree.anchors import anchors
from napari_etch.training.labelfree.answers import answer, closed_labels
from napari_etch.training.labelfree.learners import Learner
from napari_etch.training.labelfree.specimen import (
    Part,
    RealCrops,
    Specimen,
    VirtualTwins,
    Window,
)
from napari_etch.training.run import Average
from napari_etch.virtual.corners import Corners
from napari_etch.virtual.maps import boundary_mask

Image = npt.NDArray[np.float32]

# How many images are looked at to judge an answer, and the side in px of the window in one alone.
CHECKED, CHECKED_SIDE = 4, 400


@dataclass(frozen=True)
class Terms:
    """Weight of each term of the loss; each is a function of `losses`."""

    synthetic: float = 1.0
    patches: float = 0.0
    two_point: float = 0.0
    balance: float = 0.0
    continuity: float = 0.0
    similarity: float = 0.0
    free_ends: float = 0.0
    anchors: float = 0.0
    closed: float = 0.0

    @property
    def real(self) -> bool:
        """Whether any term looks at the real micrographs."""
        return any(value for name, value in vars(self).items() if name != "synthetic")


@dataclass(frozen=True)
class Plan:
    """How long and how fast a fit learns."""

    steps: int = 400
    virtual: int = 4  # crops a step
    real: int = 2
    size: int = 192  # side of a crop, px
    rate: float = 4e-3
    twins: int = 128  # virtual micrographs in the measured style that are rendered
    rehearsed: int = 0  # and those of any style
    checks: int = 8
    closing: float = 0.4  # part of the steps after which the network's own closed grains count
    terms: Terms = Terms()


SCRATCH = Plan(steps=280)
# Short, slow and with rehearsal: the generalist knows more than one micrograph can tell it.
ADAPT = Plan(steps=32, rate=2e-4, twins=64, rehearsed=64, checks=4)
# After a collapse: what the micrograph's own ridges say counts as much as virtual micrographs.
ANCHORED = Terms(synthetic=1.0, anchors=1.0)


class Fit:
    """A fit under way.

    Parameters
    ----------
    learner : Learner
    specimen : Specimen
    plan : Plan
    seed : int
    device : torch.device, optional
        Where the network learns; drawing and rendering stay on the CPU, so that a seed means the
        same everywhere.
    """

    def __init__(
        self,
        learner: Learner,
        specimen: Specimen,
        plan: Plan,
        seed: int,
        device: torch.device | None = None,
    ) -> None:
        self.learner, self.specimen, self.plan, self.seed = learner, specimen, plan, seed
        self.device = device or torch.device("cpu")
        self.random = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.twins = VirtualTwins(
            specimen.style, plan.twins, plan.size, self.generator, plan.rehearsed
        )
        self.crops = RealCrops(specimen.parts, plan.size)
        self.windows = check_windows(specimen.parts, seed)
        # Pixel by pixel: on processors a sixth faster.
        self.network = learner.network.train().to(self.device)
        self.network = self.network.to(memory_format=torch.channels_last)
        self.average = Average(self.network)
        self.optimiser = AdamW(self.network.parameters(), plan.rate)
        self.step = 0
        self.time_used = 0.0  # part of the time allowed, where there is a limit
        # Anchors' target and weight, then those of the closed self-labels, for each image that is
        # learnt from or looked at.
        used = range(len(specimen.parts)) if plan.terms.real else [row for row, _ in self.windows]
        self.maps = {
            index: np.concatenate(
                [anchors(part.image, part.mask), np.zeros((2, *part.image.shape), np.float32)]
            )
            for index, part in enumerate(specimen.parts)
            if index in used
        }

    def rate(self) -> float:
        """Return the learning rate: a short warm-up, then a cosine to 2 %."""
        warm = min(1.0, (self.step + 1) / 20)
        done = max(self.step / self.plan.steps, self.time_used)
        return self.plan.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))

    def learn(self) -> dict[str, float]:
        """Take one step; return the terms' values."""
        plan = self.plan
        self.optimiser.rate = self.rate()
        inputs, labels = (
            item.to(self.device) for item in self.twins.draw(plan.virtual, self.random)
        )
        if plan.terms.real:
            drawn = self.crops.draw(plan.real, self.random, self.maps)
            real, maps = (item.to(self.device) for item in drawn)
            raw, raw_real = self._both(inputs, real)
            found = self.real_terms(raw_real, labels, real[:, 0], maps)
        else:
            raw, found = self.network(inputs), {}
        found["synthetic"] = self.learner.taught(raw, labels)
        total = sum(getattr(plan.terms, name) * value for name, value in found.items())
        self.optimiser.forget_gradients()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.average.update(self.network)
        self.step += 1
        return {name: float(value.detach()) for name, value in found.items()}

    def _both(self, inputs: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Answer virtual and real crops; in one go where they are of one size."""
        if inputs.shape[-2:] == real.shape[-2:]:
            raw = self.network(torch.cat([inputs, real]))
            return raw[: len(inputs)], raw[len(inputs) :]
        side = real.shape[-1] // self.learner.stride * self.learner.stride
        return self.network(inputs), self.network(real[..., :side, :side])

    def real_terms(
        self, raw: Tensor, labels: Tensor, image: Tensor, maps: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms on real crops that have a weight; `labels` are virtual grains."""
        side = raw.shape[-1]
        image, maps = image[..., :side, :side], maps[..., :side, :side]
        weight, logit = self.plan.terms, self.learner.logit(raw)
        b = torch.sigmoid(logit)
        found: dict[str, Tensor] = {}
        if weight.patches:
            found["patches"] = losses.patches(b, boundary_mask(labels), self.generator)
        if weight.two_point:
            found["two_point"] = losses.two_point(b, boundary_mask(labels))
        if weight.balance:
            found["balance"] = losses.balance(b, self.twins.density)
        if weight.continuity:
            found["continuity"] = losses.continuity(b, image)
        if weight.similarity:
            found["similarity"] = losses.similarity(self.learner.responses(raw))
        if weight.free_ends:
            found["free_ends"] = losses.free_ends(b)
        if weight.anchors:
            fade = max(0.2, 1 - self.step / self.plan.steps)
            found["anchors"] = fade * losses.marked(logit, maps[:, 0], maps[:, 1])
        if weight.closed and self.step >= self.plan.closing * self.plan.steps:
            found["closed"] = losses.marked(logit, maps[:, 2], maps[:, 3])
        return found

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the averaged network's weights."""
        state = self.average.network.state_dict().items()
        return {
            name: value.detach().cpu().clone()
            for name, value in state
            if not name.endswith("num_batches_tracked")
        }

    def answer_in(self, index: int, window: Window) -> Image:
        """Return the boundary map in a window (working px) of one image."""
        network, learner = self.average.network, self.learner
        image = self.specimen.parts[index].image[window]
        return answer(network, learner.stride, learner.logit, image)

    def answers(self) -> list[Image]:
        """Return the averaged network's boundary maps of the windows that checks look at."""
        return [self.answer_in(index, window) for index, window in self.windows]

    def anchors_seen(self) -> list[Image]:
        """Return the anchors' target and weight in the windows that checks look at."""
        return [self.maps[index][(slice(0, 2), *window)] for index, window in self.windows]

    def close(self) -> None:
        """Make the closed grains of the present answers the self-labels."""
        for index, held in self.maps.items():
            held[2:] = closed_labels(self.answer_in(index, (slice(None), slice(None))))
            held[3] *= self.specimen.parts[index].mask

    def quality(self, maps: list[Image]) -> float:
        """Return how unlike a polycrystal's boundaries these answers are; lower is better."""
        virtual = boundary_mask(torch.from_numpy(self.twins.labels[:24].astype(np.int64)))
        generator = torch.Generator().manual_seed(0)
        figures = []
        for item in maps:
            b = torch.from_numpy(item)[None]
            figure = losses.patches(b, virtual, generator) + losses.balance(b, self.twins.density)
            figures.append(float(figure + losses.free_ends(b)))
        return float(np.mean(figures))


def check_windows(parts: list[Part], seed: int) -> list[tuple[int, Window]]:
    """Return what is looked at to judge an answer: a window in a few of the images.

    The whole of a micrograph tells no more than some two hundred grains of it do, and takes longer.
    """
    random = np.random.default_rng(seed)
    number = min(CHECKED, len(parts))
    chosen = np.linspace(0, len(parts) - 1, number).round().astype(int)
    windows = []
    for index in chosen.tolist():
        height, width = parts[index].image.shape
        side = min(round(CHECKED_SIDE / math.sqrt(number)), height, width)
        corners = Corners((height, width), side, parts[index].mask)
        top, left = corners.draw(lambda below: int(random.integers(below)))
        windows.append((index, (slice(top, top + side), slice(left, left + side))))
    return windows
