"""The micrographs of a fit at the size at which it works, and their virtual twins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_etch.micrograph.box import window_of
from napari_etch.micrograph.calibration import SAME_PIXEL
from napari_etch.models.generalist import TARGET
from napari_etch.models.prepare import prepare
from napari_etch.models.resize import resize
from napari_etch.training.feed import orient, standardise
from napari_etch.training.labelfree.events import FitError
from napari_etch.virtual.corners import Corners
from napari_etch.virtual.drawn import SEEN
from napari_etch.virtual.fields import Range
from napari_etch.virtual.match import MatchedStyle, look_of, match_intercept, match_style
from napari_etch.virtual.sample import render_batch

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Window = tuple[slice, slice]

# Least side of a micrograph, px, and least spread of its grey values (of 1) to be looked at.
LEAST_SIDE = 64
LEAST_SPREAD = 0.004
# How unlike the nearest virtual micrographs a specimen may be (median `MatchedStyle.distance`): the
# development sets lie at 0.54 to 0.84, a page of text at 1.1, coins, a landscape, bricks, noise and
# clouds at 1.2 to 1.8.
MOST_UNLIKE = 1.0
RENDERED = 8


@dataclass(frozen=True, eq=False)
class Part:
    """What is used of one micrograph.

    Attributes
    ----------
    image : float32 (y, x)
        Even illumination, mean 0, spread 1.
    mask : bool (y, x)
        False on what must not be learnt from: the information bar, pixels without a value.
    window : (slice, slice)
        Where it lies in the micrograph, px.
    """

    image: Image
    mask: Mask
    window: Window

    def sized(self, factor: float) -> Part:
        """Return it enlarged by a factor; `window` stays."""
        image = resize(self.image, factor)
        if self.mask.all():
            return Part(image, np.ones(image.shape, bool), self.window)
        return Part(image, resize(self.mask.astype(np.float32), factor) > 0.99, self.window)


@dataclass(frozen=True, eq=False)
class Specimen:
    """Micrographs of one specimen, prepared.

    Attributes
    ----------
    parts : list of Part
        At a mean intercept of `TARGET` px; their windows are in the micrographs' own px.
    factor : float
        Working px for one px of the micrographs.
    style : MatchedStyle
        Virtual optics that look like them, at the working size.
    """

    parts: list[Part]
    factor: float
    style: MatchedStyle

    @property
    def intercept_px(self) -> float:
        """Mean intercept in the micrographs' own px."""
        return TARGET / self.factor


def cut_out(
    micrographs: Sequence[Micrograph], regions: Sequence[Window | None] | None
) -> list[Part]:
    """Return the prepared micrographs, each cut to its region, without margins that are masked.

    Raises
    ------
    FitError
        When there is none, or one is blank or too small.
    """
    if not micrographs:
        raise FitError("There is no micrograph to learn from: give at least one.")
    regions = regions or [None] * len(micrographs)
    return [_cut(*pair) for pair in zip(micrographs, regions, strict=True)]


def common_pixel_size(micrographs: Sequence[Micrograph]) -> float | None:
    """Return the edge of a pixel of all micrographs, µm, as far as any of them states it.

    Raises
    ------
    FitError
        When two of them differ: grains of one specimen would have two sizes.
    """
    known = [each for each in micrographs if each.pixel_size_um]
    if not known:
        return None
    first = known[0]
    size = float(first.pixel_size_um or 0)
    for other in known[1:]:
        its = float(other.pixel_size_um or 0)
        if abs(its / size - 1) > SAME_PIXEL:
            raise FitError(
                f"{first.name} has {size:.4g} µm a pixel and {other.name} {its:.4g}: fit "
                "micrographs of one magnification together."
            )
    return size


def _cut(micrograph: Micrograph, region: Window | None) -> Part:
    whole = slice(0, micrograph.height), slice(0, micrograph.width)
    window = _within(micrograph.mask, region or whole)
    grey, mask = micrograph.grey()[window], micrograph.mask[window]
    name = micrograph.name
    if min(grey.shape) < LEAST_SIDE:
        raise FitError(
            f"{name} is {grey.shape[0]} × {grey.shape[1]} px: a fit needs at least "
            f"{LEAST_SIDE} px a side; choose a larger image or region."
        )
    if not (mask.any() and float(np.nanstd(grey[mask])) > LEAST_SPREAD):
        raise FitError(f"{name} is blank, so there are no grains to learn: choose another.")
    return Part(np.ascontiguousarray(prepare(micrograph)[window]), mask, window)


def _within(mask: Mask, region: Window) -> Window:
    """Return a region without the rows and columns at its rim that are masked altogether."""
    inside = mask[region]
    window = window_of(inside)
    if window is None or inside.all():
        return region
    top, left = (span.start or 0 for span in region)
    rows, columns = window
    return slice(top + rows.start, top + rows.stop), slice(
        left + columns.start, left + columns.stop
    )


def find_scale(parts: list[Part], generator: torch.Generator) -> float:
    """Return the mean intercept in px, from virtual micrographs that look alike.

    Where the grains may be larger than the patches that are compared, the images are halved and
    compared again.
    """
    halved = 1.0
    while True:
        small = [part.sized(1 / halved) for part in parts]
        found = match_intercept(_look(small, generator))
        sides = [min(part.image.shape) for part in small]
        if found < 0.65 * SEEN.high or min(sides) < 4 * LEAST_SIDE:
            return found * halved
        halved *= 2


def _look(parts: list[Part], generator: torch.Generator) -> Tensor:
    return look_of([part.image for part in parts], generator, [part.mask for part in parts])


def prepare_specimen(parts: list[Part], intercept: float, generator: torch.Generator) -> Specimen:
    """Bring micrographs to the working size and measure their style there.

    Raises
    ------
    FitError
        When no virtual micrograph of any style looks like them.
    """
    least = min(min(part.image.shape) for part in parts)
    factor = float(np.clip(TARGET / intercept, LEAST_SIDE / least, 4.0))
    sized = [part.sized(factor) for part in parts]
    around = Range(0.65 * TARGET, 1.5 * TARGET, log=True)
    style = match_style(_look(sized, generator), around)
    if float(style.distance.median()) > MOST_UNLIKE:
        raise FitError(
            "No grains were found: nothing that grains can look like resembles this image. Choose "
            "a micrograph or a region that shows grains."
        )
    return Specimen(sized, factor, style)


class VirtualTwins:
    """Virtual micrographs in the specimen's style, rendered once, drawn many times.

    Parameters
    ----------
    style : MatchedStyle
    count, size : int
        How many, and their side in px.
    generator : torch.Generator
    rehearsed : int
        How many more of any style, so that a network that knows them does not forget them.
    """

    def __init__(
        self,
        style: MatchedStyle,
        count: int,
        size: int,
        generator: torch.Generator,
        rehearsed: int = 0,
    ) -> None:
        structure = style.structure()
        looks = [style.look] * -(-count // RENDERED) + [None] * -(-rehearsed // RENDERED)
        batches = [
            render_batch(RENDERED, size, generator=generator, structure=structure, look=look)
            for look in looks
        ]
        self.images = np.concatenate([batch.image.numpy() for batch in batches])
        self.labels = np.concatenate([batch.labels.numpy() for batch in batches]).astype(np.int32)
        boundary = torch.cat([batch.boundary for batch in batches])
        self.density = float(boundary.float().mean())

    def draw(self, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return network inputs float32 (count, 1, s, s) and labels int64 (count, s, s)."""
        images, labels = [], []
        for index in random.integers(len(self.images), size=count):
            turned = orient([self.images[index], self.labels[index]], random)
            images.append(standardise(turned[0], random))
            labels.append(turned[1].astype(np.int64))
        return torch.from_numpy(np.stack(images))[:, None], torch.from_numpy(np.stack(labels))


class RealCrops:
    """Random crops of the specimen's images and of maps that lie on them.

    Parameters
    ----------
    parts : list of Part
    size : int
        Side of a crop, px; smaller where an image is.
    """

    def __init__(self, parts: list[Part], size: int) -> None:
        self.images = [part.image for part in parts]
        self.size = min(size, *(min(image.shape) for image in self.images))
        self.corners = [
            Corners((part.image.shape[0], part.image.shape[1]), self.size, part.mask)
            for part in parts
        ]
        area = np.array([part.mask.sum() for part in parts], float)
        self.chance = area / area.sum()

    def draw(
        self, count: int, random: np.random.Generator, maps: Mapping[int, Image]
    ) -> tuple[Tensor, Tensor]:
        """Return inputs float32 (count, 1, s, s) and the maps, float32 (count, k, s, s).

        `maps` holds one float32 (k, y, x) array an image.
        """
        inputs, cut = [], []
        for index in random.choice(len(self.images), size=count, p=self.chance):
            image = self.images[index]
            top, left = self.corners[index].draw(lambda below: int(random.integers(below)))
            window = slice(top, top + self.size), slice(left, left + self.size)
            turned = orient([image[window], *maps[index][(slice(None), *window)]], random)
            brightness = random.uniform(0.85, 1.18) * turned[0] + random.uniform(-0.15, 0.15)
            inputs.append(brightness.astype(np.float32))
            cut.append(np.stack(turned[1:]))
        return torch.from_numpy(np.stack(inputs))[:, None], torch.from_numpy(np.stack(cut))
