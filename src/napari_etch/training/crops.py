"""Crops of labelled micrographs for fine-tuning: turned, enlarged, bent and taken again.

A few micrographs have to teach much: every crop lies at another place, in any direction, at another
size around the one at which the network works, a little stretched and bent, and under other light.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.models.prepare import prepare
from napari_etch.models.resize import resize
from napari_etch.training.feed import standardise
from napari_etch.training.folder import Pair
from napari_etch.virtual.fields import smooth_field
from napari_etch.virtual.optics import retake

#: Crops are up to this factor larger or smaller than the working size.
SIZES = 1.4
#: And this much stretched along one axis.
STRETCH = 1.15
#: How far places are moved, working px, and over how many px that changes.
BEND, BENT_OVER = 2.0, 48.0
#: Share of the crops that are taken again under other light.
RETAKEN = 0.6


@dataclass(frozen=True, eq=False)
class _Sheet:
    """One micrograph at two sizes, its labels, and where crops may have their middle."""

    pictures: tuple[Tensor, Tensor]
    factors: tuple[float, float]
    labels: npt.NDArray[np.int32]
    learnt: npt.NDArray[np.bool_]
    places: npt.NDArray[np.intp]


class LabelledCrops:
    """Draws crops of labelled micrographs.

    Parameters
    ----------
    pairs : sequence of Pair
    size : int
        Side of a crop, working px.
    working : float
        The mean intercept, px, to which micrographs are brought.
    seed : int
    """

    def __init__(self, pairs: Sequence[Pair], size: int, working: float, seed: int) -> None:
        self.size = size
        self.random = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.sheets = [_sheet(pair, working) for pair in pairs]
        # A large micrograph holds more, but more of the same specimen.
        area = np.sqrt([len(sheet.places) for sheet in self.sheets])
        self.chance = area / area.sum()

    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return network inputs, their labels and where these are learnt.

        Returns
        -------
        inputs : float32 (count, 1, s, s)
        labels : int64 (count, s, s)
        learnt : float32 (count, s, s), 1 or 0
        """
        bend = BEND * smooth_field(self.generator, 2 * count, self.size, BENT_OVER).numpy()
        crops = [self._crop(bend[2 * i : 2 * i + 2]) for i in range(count)]
        pictures = torch.stack([picture for picture, _, _ in crops])
        again = torch.from_numpy(self.random.random(count) < RETAKEN)
        pictures = torch.where(again[:, None, None], retake(self.generator, pictures), pictures)
        inputs = np.stack([standardise(picture, self.random) for picture in pictures.numpy()])
        labels = np.stack([labels for _, labels, _ in crops])
        learnt = np.stack([learnt for _, _, learnt in crops])
        return torch.from_numpy(inputs)[:, None], torch.from_numpy(labels), torch.from_numpy(learnt)

    def _crop(
        self, bend: npt.NDArray[np.floating]
    ) -> tuple[Tensor, npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        sheet = self.sheets[self.random.choice(len(self.sheets), p=self.chance)]
        wish = math.exp(self.random.uniform(-math.log(SIZES), math.log(SIZES)))
        which = 0 if wish > 1 else 1
        factor = wish * sheet.factors[1]  # working px for one px of the micrograph
        rows, columns = self._places(sheet, factor, bend)
        height, width = sheet.labels.shape
        inside = (rows > -0.5) & (rows < height - 0.5) & (columns > -0.5) & (columns < width - 0.5)
        row, column = (
            np.clip(np.rint(place), 0, length - 1).astype(np.intp)
            for place, length in ((rows, height), (columns, width))
        )
        labels = sheet.labels[row, column].astype(np.int64)
        learnt = (sheet.learnt[row, column] & inside).astype(np.float32)
        grid = np.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
        picture = functional.grid_sample(
            sheet.pictures[which],
            torch.from_numpy(grid.astype(np.float32))[None],
            padding_mode="reflection",
            align_corners=False,
        )[0, 0]
        low, high = np.percentile(picture.numpy(), (0.5, 99.5))
        return ((picture - low) / max(high - low, 1e-6)).clamp(0, 1), labels, learnt

    def _places(
        self, sheet: _Sheet, factor: float, bend: npt.NDArray[np.floating]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the row and column of the micrograph that each pixel of a crop shows."""
        random, line = self.random, np.arange(self.size) - (self.size - 1) / 2
        stretch = math.exp(random.uniform(-math.log(STRETCH), math.log(STRETCH)))
        mirrored = 1 if random.random() < 0.5 else -1
        down = (line[:, None] + bend[0]) * stretch / factor
        right = (line[None, :] + bend[1]) * mirrored / (stretch * factor)
        angle = random.uniform(0, 2 * math.pi)
        rows = math.cos(angle) * down - math.sin(angle) * right
        columns = math.sin(angle) * down + math.cos(angle) * right
        height, width = sheet.labels.shape
        middle = np.unravel_index(random.choice(sheet.places), (height, width))
        for place, at, length in zip((rows, columns), middle, (height, width), strict=True):
            reach = min(0.4 * self.size / factor, length / 2)
            place += np.clip(float(at), reach, length - reach)
        return rows, columns


def _sheet(pair: Pair, working: float) -> _Sheet:
    base = working / pair.intercept
    image = prepare(pair.micrograph)
    factors = (SIZES * base, base)
    pictures = tuple(
        torch.from_numpy(np.ascontiguousarray(resize(image, min(factor, 4.0))))[None, None]
        for factor in factors
    )
    return _Sheet(
        (pictures[0], pictures[1]), factors, pair.labels, pair.learnt, np.flatnonzero(pair.learnt)
    )


def at_size(pair: Pair, working: float, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a whole labelled part at the working size: inputs, labels, where they are learnt.

    Parameters
    ----------
    pair : Pair
    working : float
        The mean intercept, px, to which it is brought.
    stride : int
        The sides become multiples of this.

    Returns
    -------
    inputs : float32 (1, 1, h, w)
    labels : int64 (1, h, w)
    learnt : float32 (1, h, w), 1 or 0
    """
    factor = min(4.0, working / pair.intercept)
    image = resize(prepare(pair.micrograph), factor)
    height, width = (max(stride, side // stride * stride) for side in image.shape)
    fitted = np.zeros((height, width), np.float32)
    rows, columns = min(height, image.shape[0]), min(width, image.shape[1])
    fitted[:rows, :columns] = image[:rows, :columns]
    row, column = (
        np.minimum(((np.arange(side) + 0.5) / factor).astype(int), length - 1)
        for side, length in zip((height, width), pair.labels.shape, strict=True)
    )
    labels = pair.labels[row][:, column].astype(np.int64)
    learnt = pair.learnt[row][:, column].astype(np.float32)
    learnt[rows:] = 0
    learnt[:, columns:] = 0
    return (
        torch.from_numpy(fitted)[None, None],
        torch.from_numpy(labels)[None],
        torch.from_numpy(learnt)[None],
    )
