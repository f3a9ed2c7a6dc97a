"""Area fractions of fracture modes, and how sure a single field makes them.

Neighbouring pixels are of one facet: a million of them say as much as some tens of facets do. The
interval therefore comes from blocks of the field that are larger than facets, drawn again and again
with replacement (block bootstrap; Hall 1985, Lahiri 2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable

# Blocks along the longer side at most: smaller ones would not be independent.
MOST_BLOCKS = 12
LEAST_BLOCKS = 4
DRAWS = 2000
_SEED = 20261128


@dataclass(frozen=True)
class ClassArea:
    """What a class takes of a field.

    Attributes
    ----------
    id : int
    name : str
    area_px : int
    area_um2 : float or None
        None without a pixel size.
    of_labelled : float
        Share of the area that has a class; NaN where nothing has.
    of_labelled_low, of_labelled_high : float
        Its 95 % interval.
    of_field : float
        Share of the whole specimen.
    of_field_low, of_field_high : float
        Its 95 % interval.
    """

    id: int
    name: str
    area_px: int
    area_um2: float | None
    of_labelled: float
    of_labelled_low: float
    of_labelled_high: float
    of_field: float
    of_field_low: float
    of_field_high: float


def class_areas(
    classes: npt.NDArray[np.integer],
    table: ClassTable,
    *,
    specimen: npt.NDArray[np.bool_] | None = None,
    pixel_size_um: float | None = None,
    draws: int = DRAWS,
) -> tuple[ClassArea, ...]:
    """Return the area of each class of a table and its shares, with 95 % intervals.

    Parameters
    ----------
    classes : integers, shape (y, x)
        Class map, 0 unlabelled.
    table : ClassTable
    specimen : bool (y, x), optional
        What counts as field; everything when not given.
    pixel_size_um : float, optional
        Edge of a pixel.
    draws : int
        Of the bootstrap; the same map always gives the same interval.

    Raises
    ------
    ValueError
        When the map is not 2D or shows no specimen, or the sizes differ.

    Notes
    -----
    The side of a block is four times the length over which the classes are correlated (the lag at
    which the covariance of the most balanced class has fallen to 1 / e), within a fourth and a
    twelfth of the longer side. An interval covers what the field cannot say about the surface it
    was taken of; that the model or an annotator errs is not in it.
    """
    if classes.ndim != 2:
        raise ValueError(f"a class map is (y, x), not {classes.shape}")
    inside = np.ones(classes.shape, bool) if specimen is None else specimen
    if inside.shape != classes.shape:
        raise ValueError(
            f"the class map {classes.shape} and the mask {inside.shape} differ in size"
        )
    if not inside.any():
        raise ValueError("the field shows no specimen: there is no area to take shares of")
    counts = _block_counts(np.where(inside, classes, 0), inside, table)
    field, per_class = counts[:, 0], counts[:, 1:]
    weights = _resampled(len(counts), draws)
    sums = weights @ per_class
    fields = weights @ field
    labelled = sums.sum(1)
    areas = []
    total, everything = per_class.sum(), field.sum()
    for at, (number, own) in enumerate(zip(table.ids, per_class.sum(0), strict=True)):
        of_labelled = _interval(sums[:, at], labelled)
        of_field = _interval(sums[:, at], fields)
        areas.append(
            ClassArea(
                id=number,
                name=table.names[number],
                area_px=int(own),
                area_um2=None if pixel_size_um is None else float(own) * pixel_size_um**2,
                of_labelled=float(own / total) if total else math.nan,
                of_labelled_low=of_labelled[0],
                of_labelled_high=of_labelled[1],
                of_field=float(own / everything),
                of_field_low=of_field[0],
                of_field_high=of_field[1],
            )
        )
    return tuple(areas)


def block_side(classes: npt.NDArray[np.integer], table: ClassTable) -> int:
    """Return the side of the blocks of the bootstrap, px, for a map (y, x); see `class_areas`."""
    longer = max(classes.shape)
    low, high = longer / MOST_BLOCKS, longer / LEAST_BLOCKS
    shares = [float((classes == number).mean()) for number in table.ids]
    balanced = table.ids[int(np.argmin([abs(share - 0.5) for share in shares]))]
    length = _correlation_length((classes == balanced).astype(np.float64))
    return max(1, round(float(np.clip(4 * length, low, high))))


def _correlation_length(picture: npt.NDArray[np.float64]) -> float:
    """Return the lag, px, at which the covariance has fallen to 1 / e of the variance."""
    centred = picture - picture.mean()
    variance = float((centred**2).mean())
    if variance == 0:
        return 0.0
    longest = min(picture.shape) // 2
    lag = 1
    while lag < longest:
        down = float((centred[lag:] * centred[:-lag]).mean())
        right = float((centred[:, lag:] * centred[:, :-lag]).mean())
        if (down + right) / 2 < variance / math.e:
            break
        lag = max(lag + 1, round(1.15 * lag))
    return float(lag)


def _block_counts(
    classes: npt.NDArray[np.integer], inside: npt.NDArray[np.bool_], table: ClassTable
) -> npt.NDArray[np.float64]:
    """Return for each block its specimen and its pixels of each class, (blocks, 1 + classes)."""
    side = block_side(classes, table)
    starts = [np.arange(0, length, side) for length in classes.shape]
    columns = []
    for mask in (inside, *(classes == number for number in table.ids)):
        rows = np.add.reduceat(mask, starts[0], axis=0, dtype=np.int64)
        columns.append(np.add.reduceat(rows, starts[1], axis=1).ravel())
    counts = np.stack(columns, 1).astype(np.float64)
    return counts[counts[:, 0] > 0]


def _resampled(blocks: int, draws: int) -> npt.NDArray[np.float64]:
    """Return how often each block is drawn, (draws, blocks)."""
    random = np.random.default_rng(_SEED)
    return random.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws).astype(np.float64)


def _interval(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> tuple[float, float]:
    shares = part[whole > 0] / whole[whole > 0]
    if not shares.size:
        return math.nan, math.nan
    low, high = np.percentile(shares, (2.5, 97.5))
    return float(low), float(high)
