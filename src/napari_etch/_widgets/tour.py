"""What a walk of the review needs to know: where it can stop, and what is to be seen there."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Protocol

from napari_etch._widgets.correct_preview import Segments

#: Two grains and their boundary; twice one grain, a place inside it; or a facet's first pixel.
Stop = tuple[int, int]


@dataclass(frozen=True)
class View:
    """One stop of the walk: where it is, what is drawn there, and what can be said of it.

    Attributes
    ----------
    lines : dict of str to Segments
        By colour.
    y, x : int
        The middle of the view, px of the map.
    extent : float
        How large it is, px.
    text : str
        For the status line.
    right, wrong : str
        The two verdicts, as buttons.
    """

    lines: dict[str, Segments]
    y: int
    x: int
    extent: float
    text: str
    right: str = "Right"
    wrong: str = "Remove"


class Tour(Protocol):
    """What the walk needs to know about a map; verdicts return what to say, or nothing."""

    def start(self, done: Callable[[], None]) -> bool:
        """Return whether the walk can go on; otherwise `done` is called when it can."""

    def next(self, passed: Container[Stop]) -> Stop | None:
        """Return where to go: what is most likely wrong among what was not passed by."""

    def is_open(self, stop: Stop) -> bool:
        """Return whether a stop is there and nobody judged it."""

    def view(self, stop: Stop) -> View:
        """Return what to show; raises EditError when the stop is no more."""

    def right(self, stop: Stop) -> str:
        """Take the verdict that what is drawn there is right."""

    def wrong(self, stop: Stop) -> str:
        """Take the verdict that it is not."""

    def toggle(self, point: tuple[int, int]) -> str:
        """Accept what lies under a pixel, or unlock it; return what was done."""

    def progress(self) -> tuple[float, str]:
        """Return the share reviewed, and what is left in one sentence."""

    def stop(self) -> None:
        """Look at nothing any more."""
