"""Crops of images with class maps, at several sizes, turned and mirrored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_etch.models.fracture import SIDE
from napari_etch.models.prepare import prepare
from napari_etch.models.resize import resize
from napari_etch.training.feed import orient
from napari_etch.training.folder import Pair

#: Sizes at which an image is learnt from, of the main view of `models.fracture`.
SIZES = (0.5, 1.1)
Image = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]


def main_view(shape: tuple[int, ...]) -> float:
    """Return the factor of an image's main view."""
    return min(1.0, SIDE / max(shape))


def classes_of(pair: Pair) -> Classes:
    """Return the classes of an image, int64 (y, x); 0 where nothing is learnt."""
    return np.where(pair.learnt, pair.labels, 0).astype(np.int64)


def sized(image: Image, classes: Classes, factor: float, stride: int) -> tuple[Image, Classes]:
    """Return an image and its classes at another size, with sides that the network takes.

    What is added at the lower and right sides mirrors the image and has no class.

    Parameters
    ----------
    image : float32 (y, x)
    classes : int64 (y, x)
    factor : float
    stride : int
        Sides become multiples of it.
    """
    seen = resize(image, factor)
    pick = [
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for old, new in zip(classes.shape, seen.shape, strict=True)
    ]
    labels = classes[pick[0]][:, pick[1]]
    more = [(0, -side % stride) for side in seen.shape]
    return np.pad(seen, more, mode="symmetric"), np.pad(labels, more)


class ClassCrops:
    """Random crops of annotated images.

    A crop is drawn around a labelled pixel, and each class has its turn: in an image where little
    is outlined, most windows would hold nothing.

    Parameters
    ----------
    pairs : sequence of Pair
    size : int
        Side of a crop, px.
    stride : int
    seed : int
    own : int, optional
        So many of the first pairs were labelled by a person; all when not given.
    others : float
        Part of the crops that come from the other pairs.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        size: int,
        stride: int,
        seed: int,
        *,
        own: int | None = None,
        others: float = 0.0,
    ) -> None:
        self.own, self.others = len(pairs) if own is None else own, others
        self.size = max(stride, size // stride * stride)
        self.random = np.random.default_rng(seed)
        self.images = [prepare(pair.micrograph) for pair in pairs]
        self.classes = [classes_of(pair) for pair in pairs]
        self.places: dict[int, list[tuple[int, npt.NDArray[np.intp]]]] = {}
        for index, classes in enumerate(self.classes):
            for number in np.unique(classes[classes > 0]).tolist():
                places = np.flatnonzero(classes == number)
                self.places.setdefault(number, []).append((index, places))

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Return images float32 (count, 1, s, s) and classes int64 (count, s, s)."""
        crops = [self._crop() for _ in range(count)]
        images = np.stack([image for image, _ in crops])[:, None]
        return torch.from_numpy(images), torch.from_numpy(np.stack([c for _, c in crops]))

    def _crop(self) -> tuple[Image, Classes]:
        number = self.random.choice(list(self.places))
        index, places = self._image_with(number)
        image, classes = self.images[index], self.classes[index]
        factor = main_view(image.shape) * float(np.exp(self.random.uniform(*np.log(SIZES))))
        row, column = divmod(int(self.random.choice(places)), image.shape[1])
        reach = round(self.size / factor)
        window = tuple(
            self._side(at, reach, length)
            for at, length in zip((row, column), image.shape, strict=True)
        )
        seen, labels = sized(
            np.ascontiguousarray(image[window]), classes[window], factor, self.size
        )
        seen, labels = seen[: self.size, : self.size], labels[: self.size, : self.size]
        seen, labels = orient([seen, labels], self.random)
        gain, shift = self.random.uniform(0.8, 1.25), self.random.uniform(-0.25, 0.25)
        noise = self.random.uniform(0, 0.12) * self.random.normal(size=seen.shape)
        return np.clip(seen * gain + shift + noise, -5, 5).astype(np.float32), labels

    def _image_with(self, number: int) -> tuple[int, npt.NDArray[np.intp]]:
        """Return an image that has a class, and where; who labelled it is drawn before."""
        having = self.places[number]
        if self.own < len(self.images):
            is_own = self.random.random() >= self.others
            having = [each for each in having if (each[0] < self.own) == is_own] or having
        return having[self.random.integers(len(having))]

    def _side(self, at: int, reach: int, length: int) -> slice:
        """Return the part of a side that a crop takes: the place is anywhere in it."""
        start = at - int(self.random.integers(reach))
        start = max(0, min(start, length - reach))
        return slice(start, min(length, start + reach))
