"""What is found of a scale bar: where it lies and how long it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from napari_etch.micrograph.box import Box


@dataclass(frozen=True)
class ScaleBar:
    """A scale bar that is burned into an image.

    Attributes
    ----------
    box : Box
        Around the bar, its text and the filled box behind them, px.
    bar : Box
        Around the bar alone, with its ticks; as wide as the bar is long.
    """

    box: Box
    bar: Box

    @property
    def length(self) -> int:
        """Of the bar alone, px."""
        return self.bar.width

    def place(self, height: int, width: int) -> str:
        """Return where it is in an image of that size, such as "lower right"."""
        row = "lower" if self.box.top + self.box.bottom > height else "upper"
        third = 3 * (self.box.left + self.box.right) // (2 * max(1, width))
        return f"{row} {('left', 'middle', 'right')[min(third, 2)]}"

    def within(self, part: Box) -> ScaleBar | None:
        """Return it in pixels of a part of the image; None where it lies outside."""
        moved = self.box.moved(-part.top, -part.left)
        box = moved.widened(0, 0, (part.height, part.width))
        bar = self.bar.moved(-part.top, -part.left)
        return ScaleBar(box, bar) if box.height > 0 and box.width > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return the sides of both boxes, px, by their names."""
        return {**asdict(self.box), "bar": asdict(self.bar)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> ScaleBar:
        """Return what `to_json` gave."""
        bar = said["bar"]
        return cls(
            Box(said["top"], said["bottom"], said["left"], said["right"]),
            Box(bar["top"], bar["bottom"], bar["left"], bar["right"]),
        )
