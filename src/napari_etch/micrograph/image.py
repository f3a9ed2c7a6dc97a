"""The micrograph: pixels with a name, a pixel size and a mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.micrograph.around import KnownSurroundings, SoughtSurroundings, around_of
from napari_etch.micrograph.box import Box
from napari_etch.micrograph.calibration import Calibration
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.colour import grey_with_colour
from napari_etch.micrograph.errors import MicrographError
from napari_etch.micrograph.info_bar import find_info_bar
from napari_etch.micrograph.luminance import grey_values, luminance
from napari_etch.micrograph.pixels import canonical
from napari_etch.micrograph.scale_bar import KnownBar, ScaleBar, SoughtBar, find_in_info_bar
from napari_etch.micrograph.surroundings import Surroundings

_GREY_PERCENTILES = (0.1, 99.9)
# Percentiles of a regular subsample: exact enough, and 60 ms instead of 1 s at 4096².
_MAX_SAMPLES = 1_000_000
# A scale bar agrees with a pixel size within this share, or so many px at its ends.
_SAME_SCALE, _ENDS = 0.03, 2.0


@dataclass(frozen=True, eq=False)
class Micrograph:
    """One image, or a stack of sections, with what is known about it.

    Attributes
    ----------
    data : numpy.ndarray
        ``(y, x)`` grey, ``(y, x, 3)`` colour or ``(z, y, x)`` stack; uint8, uint16 or float32, NaN
        where nothing was measured.
    name : str
        File stem or layer name.
    calibration : Calibration or None
        Pixel size and its source, where known.
    path : pathlib.Path or None
        The file or folder it was read from.
    info_bar_row : int or None
        First row of the SEM information bar. None when there is none or it was kept.
    section : int or None
        Which one of a stack it is, from 0; None when it was no part of one.
    bars : tuple of SoughtBar or KnownBar
        Of each section, the scale bar that is burned in; see `scale_bars`. Empty where it is kept.
    around : tuple of SoughtSurroundings or KnownSurroundings
        Of each section, what lies around the specimen: page, field stop, rim of a mosaic, mount;
        see `surroundings`. Empty where it is kept.
    choice : Choice
        Which series and channel of the file it is, where one was chosen.
    distance_um : float or None
        From section to section of a stack in µm, where the file states it.

    Raises
    ------
    MicrographError
        If `data` is empty or has neither two nor three axes.
    """

    data: np.ndarray
    name: str
    calibration: Calibration | None = None
    path: Path | None = None
    info_bar_row: int | None = None
    section: int | None = None
    bars: tuple[SoughtBar | KnownBar, ...] = ()
    around: tuple[SoughtSurroundings | KnownSurroundings, ...] = ()
    choice: Choice = ALL
    distance_um: float | None = None

    def __post_init__(self) -> None:
        if self.data.size == 0 or self.data.ndim not in (2, 3):
            raise MicrographError(
                f"{self.name} has shape {self.data.shape}; a micrograph is (y, x) or (y, x, 3) and "
                "a stack (z, y, x)."
            )

    @property
    def is_rgb(self) -> bool:
        """Whether the data are ``(y, x, 3)`` colours."""
        return self.data.ndim == 3 and self.data.shape[-1] == 3

    @property
    def is_stack(self) -> bool:
        """Whether the data are ``(z, y, x)`` sections."""
        return self.data.ndim == 3 and not self.is_rgb

    @property
    def height(self) -> int:
        """Rows, the information bar included."""
        return int(self.data.shape[1] if self.is_stack else self.data.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.data.shape[2] if self.is_stack else self.data.shape[1])

    @property
    def pixel_size_um(self) -> float | None:
        """Edge of a pixel in µm, None when unknown."""
        return None if self.calibration is None else self.calibration.pixel_size_um

    @property
    def scale_bars(self) -> tuple[ScaleBar | None, ...]:
        """The scale bars that are burned in and left out, of each section.

        They are looked for once. Empty where none was looked for.
        """
        return tuple(bar.found for bar in self.bars)

    def scale_bar_words(self) -> str:
        """Return which scale bar is left out, such as "the scale bar at the lower right"; or "".

        Of a stack, the one that is found first, and in how many sections there is one.
        """
        found = [bar for bar in self.scale_bars if bar is not None]
        if not found:
            return ""
        words = f"the scale bar at the {found[0].place(self.height, self.width)}"
        many = f" of {len(found)} of {len(self.data)} sections"
        return words + (many if self.is_stack and len(self.data) > 1 else "")

    @property
    def surroundings(self) -> Surroundings | None:
        """What lies around the specimen of a 2D micrograph; None when there is nothing.

        It is looked for once. Of a stack it is None: its sections have their own.
        """
        return self.around[0].found if self.around and not self.is_stack else None

    @property
    def is_surrounded(self) -> bool:
        """Whether anything lies around the specimen, of a stack in any section."""
        return any(each.found is not None for each in self.around)

    def surroundings_words(self, *, past: bool = False) -> str:
        """Return that what lies around the specimen is, or was, left out; "" when there is nothing.

        Of a stack, in how many sections.
        """
        if not self.is_stack:
            return "" if self.surroundings is None else self.surroundings.said(past=past)
        found = sum(each.found is not None for each in self.around)
        many = f"{found} of {len(self.data)} sections"
        verb = "was" if past else "is"
        return f"what lies around the specimen {verb} left out of {many}" if found else ""

    @cached_property
    def printed_scale(self) -> ScaleBar | None:
        """The first scale bar whose length can be read: burned in, or in the information bar."""
        for bar in self.scale_bars:
            if bar is not None and bar.text:
                return bar
        if self.info_bar_row is None:
            return None
        section = self.data[0] if self.is_stack else self.data
        found = find_in_info_bar(section[self.info_bar_row :])
        return None if found is None else found.moved(self.info_bar_row)

    def sized_by_bar(self) -> Micrograph:
        """Return it with the pixel size that its scale bar says, where none is known."""
        bar = self.printed_scale
        if self.calibration is not None or bar is None or bar.pixel_size_um is None:
            return self
        found = Calibration(bar.pixel_size_um, f"scale bar of {bar.text}, {bar.length} px")
        return replace(self, calibration=found)

    def printed_scale_words(self) -> str:
        """Return what a scale bar says of the pixel size, where that is news; or "".

        News is what is not known otherwise, or what the pixel size in use contradicts.
        """
        bar = self.printed_scale
        if bar is None or bar.pixel_size_um is None:
            return ""
        size = f"{bar.pixel_size_um:.3g} µm a pixel"
        says = f"the scale bar says {bar.text} over {bar.length} px, {size}"
        if self.calibration is None:
            return says
        used = self.calibration.pixel_size_um
        if abs(bar.pixel_size_um / used - 1) <= max(_SAME_SCALE, _ENDS / bar.length):
            return ""
        return f"{says}, but {used:.4g} µm was used"

    @property
    def mask(self) -> np.ndarray:
        """Where there is specimen.

        Returns
        -------
        numpy.ndarray
            bool ``(y, x)``, for a stack ``(z, y, x)``; False under the information bar, at a scale
            bar, around the specimen and at NaN.
        """
        if self.data.dtype.kind == "f":
            mask = np.isfinite(self.data)
            mask = mask.all(axis=-1) if self.is_rgb else mask
        else:
            mask = np.ones(self.data.shape[:2] if self.is_rgb else self.data.shape, dtype=bool)
        if self.info_bar_row is not None:
            mask[..., self.info_bar_row :, :] = False
        parts = mask if self.is_stack else [mask]
        for part, bar in zip(parts, self.scale_bars, strict=False):
            if bar is not None:
                part[bar.box.slices] = False
        for part, around in zip(parts, self.around, strict=False):
            found = around.found
            if found is not None:
                part[found.outside] = False
        return mask

    def bare(self) -> np.ndarray:
        """Return the pixels as float32, of the shape of `data`, NaN where the mask is False."""
        pixels = self.data.astype(np.float32)
        pixels[~self.mask] = np.nan
        return pixels

    def sections(self) -> Iterator[Micrograph]:
        """Iterate over the 2D micrographs in it.

        Yields
        ------
        Micrograph
            Itself when it is 2D, else one for each section, named ``NAME_0000`` and on, sharing
            memory with the stack.
        """
        if not self.is_stack:
            yield self
            return
        digits = max(4, len(str(len(self.data) - 1)))
        for index, section in enumerate(self.data):
            yield replace(
                self,
                data=section,
                name=f"{self.name}_{index:0{digits}d}",
                section=index,
                bars=self.bars[index : index + 1],
                around=self.around[index : index + 1],
            )

    def part(self, rows: slice, columns: slice) -> Micrograph:
        """Return a part of a 2D micrograph, with its bars in their places.

        Parameters
        ----------
        rows, columns : slice
            px, with start and stop.
        """
        bar = self.info_bar_row
        if bar is not None:
            bar = max(0, bar - rows.start) if bar < rows.stop else None
        window = Box(rows.start, rows.stop, columns.start, columns.stop)
        found = [scale_bar and scale_bar.within(window) for scale_bar in self.scale_bars]
        beside = [each.found and each.found.within(rows, columns) for each in self.around]
        return replace(
            self,
            data=self.data[rows, columns],
            info_bar_row=bar,
            bars=tuple(KnownBar(each) for each in found),
            around=tuple(KnownSurroundings(each) for each in beside),
        )

    def grey(self) -> np.ndarray:
        """Luminance stretched between its 0.1 and 99.9 percentiles inside the mask.

        Returns
        -------
        numpy.ndarray
            float32 in [0, 1], ``(y, x)``, for a stack ``(z, y, x)`` with one stretch for all
            sections. NaN pixels get the median; a constant image is all zeros.
        """
        values = luminance(self.data) if self.is_rgb else self.data.astype(np.float32)
        return self._stretched(values, self.mask)

    def grey_with_colour(self) -> np.ndarray:
        """What networks see: as `grey`, with dark lines where colour tells more than luminance.

        Returns
        -------
        numpy.ndarray
            As `grey`; the same for all but coloured grains, see `micrograph.colour`.
        """
        if not self.is_rgb:
            return self.grey()
        mask = self.mask
        return self._stretched(grey_with_colour(self.data, mask), mask)

    def _stretched(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Stretch float32 values in place, by those inside the mask."""
        inside = values[mask]
        if inside.size == 0:
            return np.zeros_like(values)
        sample = inside[:: max(1, inside.size // _MAX_SAMPLES)]
        low, median, high = np.percentile(sample, [_GREY_PERCENTILES[0], 50, _GREY_PERCENTILES[1]])
        if not high > low:  # a constant image, or all but a few pixels of it
            low, high = float(inside.min()), float(inside.max())
        if not high > low:
            return np.zeros_like(values)
        if self.data.dtype.kind == "f":
            values[np.isnan(values)] = median
        values -= np.float32(low)
        values /= np.float32(high - low)
        return np.clip(values, 0, 1, out=values)


def micrograph_from_array(
    data: Any,
    name: str = "image",
    *,
    pixel_size_um: float | None = None,
    rgb: bool | None = None,
    keep_info_bar: bool = True,
    info_bar_row: int | None = None,
) -> Micrograph:
    """Make a micrograph from an array.

    Parameters
    ----------
    data : array_like
        ``(y, x)``, ``(y, x, 1, 3 or 4)``, ``(z, y, x)`` or ``(z, y, x, 3 or 4)``; real numbers or
        booleans. Colours with equal channels become grey, alpha is dropped, colour stacks become
        grey stacks, infinities and what a `numpy.ma.MaskedArray` masks become NaN.
    name : str
        For messages and layer names.
    pixel_size_um : float, optional
        Edge of a pixel in µm.
    rgb : bool, optional
        Whether the last axis holds samples: colours, or grey (with alpha). None: it does when its
        length is 1, 3 or 4; a *first* axis of three is always three sections.
    keep_info_bar : bool
        False: look for an SEM information bar, a scale bar and what lies around the specimen, and
        mask them.
    info_bar_row : int, optional
        First row of the information bar, where it is known.

    Returns
    -------
    Micrograph

    Raises
    ------
    MicrographError
        If the array cannot be a micrograph; the message is one sentence.
    """
    calibration = None if pixel_size_um is None else Calibration(pixel_size_um, "typed")
    array = canonical(data, name, rgb=rgb)
    micrograph = Micrograph(array, name, calibration)
    return micrograph if keep_info_bar else without_bars(micrograph, info_bar_row=info_bar_row)


def without_bars(micrograph: Micrograph, *, info_bar_row: int | None = None) -> Micrograph:
    """Leave out what is no specimen: an SEM information bar, a scale bar, what lies around it.

    Parameters
    ----------
    micrograph : Micrograph
    info_bar_row : int, optional
        First row of the information bar where the file's metadata tell. None: it is looked for in
        the pixels; in a stack it must be found in the first, the middle and the last section.

    Returns
    -------
    Micrograph
        The same pixels, with `Micrograph.info_bar_row` set where a bar was found. Scale bars and
        what lies around the specimen are looked for in each section when they are first asked for.
    """
    row = _info_bar_row(micrograph) if info_bar_row is None else info_bar_row
    sections = micrograph.data if micrograph.is_stack else [micrograph.data]
    bars = tuple(SoughtBar(section[:row]) for section in sections)
    found = replace(micrograph, info_bar_row=row, bars=bars)
    return replace(found, around=around_of(found))


def _info_bar_row(micrograph: Micrograph) -> int | None:
    if not micrograph.is_stack:
        grey = grey_values(micrograph.data, is_rgb=micrograph.is_rgb)
        return find_info_bar(grey)
    n = len(micrograph.data)
    rows = [find_info_bar(micrograph.data[i]) for i in sorted({0, n // 2, n - 1})]
    found = [row for row in rows if row is not None]
    return min(found) if len(found) == len(rows) else None
