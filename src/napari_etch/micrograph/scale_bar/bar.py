"""What is found of a scale bar: where it lies and how long it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar.length_text import micrometres_of


@dataclass(frozen=True)
class ScaleBar:
    """A scale bar that is burned into an image.

    Attributes
    ----------
    box : Box
        Around the bar, its text and the filled box behind them, px.
    bar : Box
        Around the bar alone, with its ticks; as wide as the bar is long.
    text : str
        The length that is printed beside it, such as "50 µm"; "" where it could not be read.
    """

    box: Box
    bar: Box
    text: str = ""

    @property
    def length(self) -> int:
        """Of the bar alone, px."""
        return self.bar.width

    @property
    def pixel_size_um(self) -> float | None:
        """Edge of a pixel by what it says, µm; None where that could not be read."""
        return micrometres_of(self.text) / self.length if self.text else None

    def place(self, height: int, width: int) -> str:
        """Return where it is in an image of that size, such as "lower right"."""
        row = "lower" if self.box.top + self.box.bottom > height else "upper"
        third = 3 * (self.box.left + self.box.right) // (2 * max(1, width))
        return f"{row} {('left', 'middle', 'right')[min(third, 2)]}"

    def moved(self, rows: int) -> ScaleBar:
        """Return it so many rows further down."""
        return ScaleBar(self.box.moved(rows, 0), self.bar.moved(rows, 0), self.text)

    def within(self, part: Box) -> ScaleBar | None:
        """Return it in pixels of a part of the image; None where it lies outside."""
        moved = self.box.moved(-part.top, -part.left)
        box = moved.widened(0, 0, (part.height, part.width))
        bar = self.bar.moved(-part.top, -part.left)
        return ScaleBar(box, bar, self.text) if box.height > 0 and box.width > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return the sides of both boxes, px, by their names, and what it says."""
        return {**asdict(self.box), "bar": asdict(self.bar), "text": self.text}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> ScaleBar:
        """Return what `to_json` gave."""
        bar = said["bar"]
        return cls(
            Box(said["top"], said["bottom"], said["left"], said["right"]),
            Box(bar["top"], bar["bottom"], bar["left"], bar["right"]),
            said.get("text", ""),
        )
