"""The few numbers that say how large the grains of a micrograph or a stack are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_etch.measure.astm import (
    astm_grain_number_from_density,
    astm_grain_number_from_intercept,
    astm_planimetric,
)
from napari_etch.measure.checks import check_pixel_size
from napari_etch.measure.intercepts import count_crossings
from napari_etch.micrograph.large import sections_of

# With fewer in a field, `measure_field` refuses it, too.
FEWEST_GRAINS = 2
# A grain size of fewer grains than FEW says hardly anything: who states it says so.
FEW, OF_FEW = 10, "of few grains: E112 asks for 50"


@dataclass(frozen=True)
class SizeSummary:
    """Grain size of a field, or of the sections of a stack taken together.

    Attributes
    ----------
    grain_count : int
        Grains in the map; in a stack, the sum over its sections.
    mean_intercept_px : float or None
        Mean lineal intercept along rows and columns, px; None when there is no boundary to cross.
    mean_area_px : float or None
        Area per whole grain by Saltykov's count, px; None without grains.
    mean_intercept_um, grains_per_mm2, astm_g, astm_g_intercept : float or None
        With a pixel size: the same in µm, the planimetric density, and ASTM G from the planimetric
        count and from the intercepts. No density and no G where no field has two grains: one grain
        has no mean size, its field was drawn around it.
    """

    grain_count: int
    mean_intercept_px: float | None
    mean_area_px: float | None
    mean_intercept_um: float | None = None
    grains_per_mm2: float | None = None
    astm_g: float | None = None
    astm_g_intercept: float | None = None


def summarise_sizes(grains: np.ndarray, pixel_size_um: float | None = None) -> SizeSummary:
    """Return grain count and mean size of a grain map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x), or (z, y, x) for sections that are counted one by one.
    pixel_size_um : float, optional
        Edge of a pixel, µm.

    Returns
    -------
    SizeSummary
        What is measured (density, intercept) is averaged over the sections and converted to G once,
        because the mean of G is not the G of the mean.

    Raises
    ------
    ValueError
        When the map is not of integers, or the pixel size is not a positive number.
    """
    grains = np.ma.filled(grains, 0)
    if pixel_size_um is not None:
        check_pixel_size(pixel_size_um)
    counts, crossed = [], []
    for section in sections_of(grains) if grains.ndim == 3 else [grains]:
        if (section > 0).any():
            counts.append(astm_planimetric(section, 1.0))
        crossed.append(count_crossings(section))
    length, crossings = (sum(parts) for parts in zip(*crossed, strict=True))
    intercept = length / crossings if crossings else None
    whole = sum(count.equivalent_count for count in counts)
    area = sum(count.area_mm2 for count in counts) * 1e6 / whole if counts else None
    summary = SizeSummary(sum(count.grain_count for count in counts), intercept, area)
    if pixel_size_um is None:
        return summary
    few = all(count.grain_count < FEWEST_GRAINS for count in counts)
    return _in_micrometres(summary, pixel_size_um, few)


def _in_micrometres(summary: SizeSummary, pixel_size_um: float, few: bool) -> SizeSummary:
    intercept = summary.mean_intercept_px
    if few:
        length = None if intercept is None else intercept * pixel_size_um
        return replace(summary, mean_intercept_um=length)
    area = summary.mean_area_px
    intercept_um = None if intercept is None else intercept * pixel_size_um
    density = None if area is None else 1e6 / (area * pixel_size_um**2)
    return SizeSummary(
        summary.grain_count,
        intercept,
        area,
        mean_intercept_um=intercept_um,
        grains_per_mm2=density,
        astm_g=None if density is None else astm_grain_number_from_density(density),
        astm_g_intercept=(
            None if intercept_um is None else astm_grain_number_from_intercept(intercept_um)
        ),
    )
