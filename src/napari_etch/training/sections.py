"""Labelled stacks of serial sections, and samples of successive sections cut from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_etch.training.boundary_weights import LineTarget
from napari_etch.training.feed import standardise

# Sections in a sample: the one to learn from, the one before it, and the one before that.
RUN = 3
# What is left of the contrast of a section that is made faint, and the noise added, grey levels.
FADED, NOISE = (0.03, 0.4), (1.5, 6.0)


@dataclass(frozen=True, eq=False)
class LabelledStack:
    """Serial sections and their grains.

    Attributes
    ----------
    images : uint8 (z, y, x)
    labels : int32 (z, y, x)
        Grains from 1; lines are given to a grain. Numbers need not go on from section to section.
    sound : bool (z,)
        Whether a section shows anything.
    name : str
    targets : tuple of LineTarget
        One a section, where the published losses are learnt with; else empty.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    sound: npt.NDArray[np.bool_]
    name: str = "stack"
    targets: tuple[LineTarget, ...] = ()


@dataclass(frozen=True, eq=False)
class SectionBatch:
    """Successive sections, the one to learn from last.

    Attributes
    ----------
    images : float32 (run, b, 1, s, s)
        As the network sees them.
    labels : int64 (run, b, s, s)
    preceded : bool (b,)
        Whether there is a section before; where not, the first repeats itself.
    lines : float32 (b, 3, s, s) or None
        M, O and B of the last section, where the stacks have targets.
    """

    images: Tensor
    labels: Tensor
    preceded: Tensor
    lines: Tensor | None = None


_Sample = tuple[
    npt.NDArray[np.float32], npt.NDArray[np.int64], bool, npt.NDArray[np.float32] | None
]


class SectionCrops:
    """Random crops through successive sections, up or down the stack, turned and mirrored.

    Parameters
    ----------
    stacks : list of LabelledStack
    size : int
        Side of a crop, px.
    seed : int
    fade : float
        Share of the sections that are made faint, so that what is told counts; each section of a
        sample by itself.

    Raises
    ------
    ValueError
        When no stack is wide enough.
    """

    def __init__(
        self, stacks: list[LabelledStack], size: int, seed: int, fade: float = 0.0
    ) -> None:
        self.stacks = [item for item in stacks if min(item.images.shape[1:]) >= size]
        if not self.stacks:
            raise ValueError(f"no stack is {size} px wide and high: use smaller crops")
        self.size, self.fade = size, fade
        self.random = np.random.default_rng(seed)
        work = np.array([item.sound.sum() * np.sqrt(item.images[0].size) for item in self.stacks])
        self.chance = work / work.sum()

    def draw(self, count: int) -> SectionBatch:
        """Return `count` samples."""
        drawn = [self._one() for _ in range(count)]
        images = np.stack([item[0] for item in drawn], axis=1)
        labels = np.stack([item[1] for item in drawn], axis=1)
        preceded = torch.tensor([item[2] for item in drawn])
        lines = None
        if self.stacks[0].targets:
            lines = torch.from_numpy(np.stack([item[3] for item in drawn if item[3] is not None]))
        seen = torch.from_numpy(images)[:, :, None]
        return SectionBatch(seen, torch.from_numpy(labels), preceded, lines)

    def _one(self) -> _Sample:
        """Return a sample; the first sections of a stack repeat themselves."""
        stack = self.stacks[self.random.choice(len(self.stacks), p=self.chance)]
        order = np.flatnonzero(stack.sound)
        if self.random.random() < 0.5:
            order = order[::-1]
        last = int(self.random.integers(len(order)))
        sections = order[np.maximum(np.arange(last - RUN + 1, last + 1), 0)]
        top, left = (
            int(self.random.integers(length - self.size + 1)) for length in stack.images.shape[1:]
        )
        window = slice(top, top + self.size), slice(left, left + self.size)
        turns, mirrored = int(self.random.integers(4)), self.random.random() < 0.5

        def oriented(planes: list[np.ndarray]) -> np.ndarray:
            part = np.rot90(np.stack([plane[window] for plane in planes]), turns, (1, 2))
            return np.ascontiguousarray(part[:, :, ::-1] if mirrored else part)

        images = oriented([stack.images[z] for z in sections]).astype(float)
        seen = np.stack([standardise(self._faded(each), self.random) for each in images])
        labels = oriented([stack.labels[z] for z in sections]).astype(np.int64)
        lines = None
        if stack.targets:
            target = stack.targets[sections[-1]]
            lines = oriented([target.wide.astype(np.float32), target.boundary, target.interior])
        return seen, labels, last > 0, lines

    def _faded(self, image: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Take most of the contrast from some images, and add a camera's noise."""
        if self.random.random() >= self.fade:
            return image
        left = np.exp(self.random.uniform(*np.log(FADED)))
        noise = self.random.uniform(*NOISE) * self.random.standard_normal(image.shape)
        return np.asarray(left * (image - image.mean()) + noise, float)
