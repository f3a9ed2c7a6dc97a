"""The scale bar of a section: known, or looked for when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from napari_etch.micrograph.scale_bar.bar import ScaleBar
from napari_etch.micrograph.scale_bar.finding import find_scale_bar


@dataclass(frozen=True)
class KnownBar:
    """What was found in a section.

    Attributes
    ----------
    found : ScaleBar or None
    """

    found: ScaleBar | None


@dataclass(frozen=True, eq=False)
class SoughtBar:
    """The scale bar of a section, which is looked for when it is first asked for.

    Attributes
    ----------
    pixels : array-like, shape (y, x) or (y, x, c)
        Without the information bar.
    """

    pixels: Any

    @cached_property
    def found(self) -> ScaleBar | None:
        """The scale bar, None when there is none."""
        return find_scale_bar(self.pixels)
