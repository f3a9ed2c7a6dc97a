"""What a run is asked to do: an image, a part of it, settings; and why it cannot be done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

#: Pixels of one section that are taken in one piece: about 12000 × 12000, some 10 GB of memory.
MAX_SECTION_PIXELS = 150_000_000
#: Pixels of a whole result: 8 bytes each (float32 boundary, int32 grains) stay in memory.
MAX_RESULT_PIXELS = 1_000_000_000


@dataclass(frozen=True)
class Region:
    """A rectangle in pixels of the image, ends excluded, and what was drawn in it.

    Attributes
    ----------
    top, left, bottom, right : int
    outline : tuple of (float, float)
        Corners (y, x), in pixels of the image, of a shape that does not fill the rectangle; empty
        for a rectangle.
    """

    top: int
    left: int
    bottom: int
    right: int
    outline: tuple[tuple[float, float], ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in a ``(y, x)`` array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def outside(self) -> np.ndarray | None:
        """Return where the rectangle is not drawn, bool (y, x); None where all of it is."""
        if not self.outline:
            return None
        from skimage.draw import polygon2mask

        corners = np.array(self.outline) - (self.top, self.left)
        return ~np.asarray(polygon2mask(self.shape, corners), bool)


@dataclass(frozen=True, eq=False)
class Source:
    """The image a run reads, as it was when the run was started.

    Attributes
    ----------
    data : array-like
        ``(y, x)``, ``(z, y, x)``, or the same with a last axis of 3 or 4 colours; numpy, dask or
        zarr. It is sliced a section at a time and never converted whole.
    name : str
        Layer name at the start of the run.
    rgb : bool
        Whether the last axis is colour.
    pixel_size_um : float or None
        Pixel edge in µm, None when the layer is not calibrated.
    info_bar_row : int or None
        First row of the SEM information bar where the reader found one.
    size_conflict : str
        Where the file states another pixel size, a clause; otherwise empty.
    """

    data: Any
    name: str
    rgb: bool = False
    pixel_size_um: float | None = None
    info_bar_row: int | None = None
    size_conflict: str = ""

    @property
    def axes(self) -> tuple[int, ...]:
        """Sizes of the axes without colour."""
        shape = tuple(int(size) for size in self.data.shape)
        return shape[:-1] if self.rgb else shape

    @property
    def is_stack(self) -> bool:
        """Whether there is an axis of sections before (y, x)."""
        return len(self.axes) == 3

    @property
    def whole(self) -> Region:
        """The region that covers a section."""
        height, width = self.axes[-2:]
        return Region(0, 0, height, width)

    def plane(self, section: int, region: Region) -> np.ndarray:
        """Return one section's region as ``(y, x)`` or ``(y, x, 3)``, read here and not before."""
        index: tuple[Any, ...] = region.slices
        if self.is_stack:
            index = (section, *index)
        if self.rgb:
            index = (*index, slice(0, 3))  # alpha carries nothing about the specimen
        return np.asarray(self.data[index])

    def part(self, window: tuple[slice, ...]) -> Source:
        """Return a window of it, (y, x) or (z, y, x), as a source of its own."""
        rows, row = window[-2], self.info_bar_row
        if row is not None:
            row = max(0, row - rows.start) if row < rows.stop else None
        return replace(self, data=self.data[window], info_bar_row=row)


@dataclass(frozen=True)
class Settings:
    """What the user chose in the dock.

    Attributes
    ----------
    model : str
        Name or folder of the model.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    granularity : float
        0 fewest grains, 1 most.
    grain_size : float or None
        Expected mean intercept in pixels; None lets the model find it.
    quality : str
        ``fast`` or ``best``.
    close_gaps : bool or None
        Let lines that end go on, by the repair network; None does what the model usually does.
    fill_scratches : bool
        Fill in straight lines across the grains that were taken for boundaries, and look again.
    region : Region or None
        None is the whole image.
    section : int or None
        One section of a stack; None is all of them.
    skip_info_bar : bool
        Look for the information bar of an SEM frame and a burned-in scale bar, and leave them out.
    tile : int or None
        Tile edge in pixels; None lets the engine choose.
    """

    model: str = "generalist"
    device: str = "auto"
    granularity: float = 0.5
    grain_size: float | None = None
    quality: str = "best"
    close_gaps: bool | None = None
    fill_scratches: bool = True
    region: Region | None = None
    section: int | None = None
    skip_info_bar: bool = True
    tile: int | None = None


def refusal(source: Source, settings: Settings) -> str:
    """Return why this run cannot be started, as one sentence, or an empty string.

    Parameters
    ----------
    source : Source
        The image.
    settings : Settings
        What the user chose.

    Returns
    -------
    str
        Empty when the run can start.
    """
    axes = source.axes
    if len(axes) not in (2, 3):
        return (
            f"“{source.name}” is {len(axes)}-dimensional: choose an image (y, x) or a stack of "
            "sections (z, y, x); of several channels or times, open one at a time."
        )
    if np.dtype(source.data.dtype).kind == "c":
        return f"“{source.name}” holds complex numbers: choose its magnitude as the image."
    region = settings.region or source.whole
    height, width = region.shape
    if height < 1 or width < 1:
        return f"The rectangle lies outside “{source.name}”: draw it over the image."
    if height * width > MAX_SECTION_PIXELS:
        return (
            f"{width} × {height} px of “{source.name}” are too many for one run: draw a rectangle "
            f"of at most {MAX_SECTION_PIXELS // 1_000_000} megapixels and choose it as the region."
        )
    count = axes[0] if source.is_stack and settings.section is None else 1
    if count == 0:
        return f"“{source.name}” has no sections."
    if count * height * width > MAX_RESULT_PIXELS:
        return (
            f"The {count} sections of “{source.name}” make a result too large for memory: draw a "
            "rectangle, or choose the section shown."
        )
    return ""
