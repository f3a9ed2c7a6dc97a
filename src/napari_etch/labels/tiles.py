"""Annotated images cut into tiles that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from napari_etch.labels.annotated import Annotated
from napari_etch.labels.report import LabelsError

_MAPS = ("image", "grains", "classes", "boundary", "ignore")


@dataclass(frozen=True)
class Tiles:
    """How images are cut.

    Attributes
    ----------
    size : int
        Side of a tile, px; an image that is smaller stays as wide or as high as it is.
    overlap : int
        What neighbours share at least, px.

    Raises
    ------
    LabelsError
        When the size is below 16 px, or the overlap not below the size.
    """

    size: int
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.size < 16:
            raise LabelsError(f"Tiles of {self.size} px are too small: take at least 16.")
        if not 0 <= self.overlap < self.size:
            raise LabelsError(
                f"Tiles of {self.size} px cannot overlap by {self.overlap}: take less than that."
            )

    def starts(self, length: int) -> list[int]:
        """Return where tiles begin along a side: evenly, the first and last at its ends."""
        if length <= self.size:
            return [0]
        step = self.size - self.overlap
        count = -(-(length - self.size) // step)
        return [round(at * (length - self.size) / count) for at in range(count + 1)]

    def cut(self, each: Annotated) -> Iterator[Annotated]:
        """Iterate over the tiles of an image; grains keep their numbers.

        Tiles are called after the row and column where they begin, and say so in `made`.
        """
        for top in self.starts(each.shape[0]):
            for left in self.starts(each.shape[1]):
                window = slice(top, top + self.size), slice(left, left + self.size)
                maps: dict[str, Any] = {
                    name: None if getattr(each, name) is None else getattr(each, name)[window]
                    for name in _MAPS
                }
                rows = min(self.size, each.shape[0] - top)
                columns = min(self.size, each.shape[1] - left)
                yield replace(
                    each,
                    name=f"{each.name}_y{top:05d}_x{left:05d}",
                    shape=(rows, columns),
                    made={**each.made, "tile": {"of": each.name, "top": top, "left": left}},
                    **maps,
                )
