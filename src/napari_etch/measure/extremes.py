"""Grains as large as should not be there (ASTM E930)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.astm import astm_grain_number_from_area
from napari_etch.measure.checks import check_positive

# So much coarser, and in so little of the area, are grains isolated coarse ones: E1181's limits,
# recalled, not checked against the text of the standard.
COARSE_BY_G = 3.0
COARSE_SHARE = 0.05


@dataclass(frozen=True)
class LargestGrain:
    """The largest grain of a section, "as large as" in ASTM E930.

    Attributes
    ----------
    label : int
        Its number in the grain map.
    area_um2, grain_number : float
        Its area, and G as if all grains were as large.
    coarser_by : float
        G of the mean area less its own.
    coarse_share : float
        Share of the area in grains at least 3 G coarser than the mean.
    cut : bool
        Whether the border cuts it: then it is larger than this.
    field : str
        Name of the field that it lies in, for numbers mean nothing beyond one.
    """

    label: int
    area_um2: float
    grain_number: float
    coarser_by: float
    coarse_share: float
    cut: bool
    field: str = ""

    @property
    def remark(self) -> str:
        """What a reader of the number must know; empty when it stands as it is."""
        said = []
        if self.coarse_share > COARSE_SHARE:
            said.append(
                f"{100 * self.coarse_share:.0f} % of the area is in grains at least 3 G coarser "
                "than the mean: too many for E930, see the duplex result"
            )
        if self.cut:
            said.append("the border cuts the largest grain, so it is larger than measured")
        return "; ".join(said)


def largest_grain(
    labels: np.ndarray, areas_um2: np.ndarray, cut: np.ndarray, mean_area_um2: float
) -> LargestGrain:
    """Return the largest grain (ASTM E930, referee method).

    Parameters
    ----------
    labels, areas_um2, cut : ndarray, (n,)
        Of all grains of a field: number, area, and whether the border cuts it.
    mean_area_um2 : float
        Mean area of a grain in the section.

    Returns
    -------
    LargestGrain

    Raises
    ------
    ValueError
        Without grains, or when an area is not positive.
    """
    check_positive(mean_area_um2, "the mean grain area in µm²")
    areas = np.asarray(areas_um2, float)
    if areas.size == 0:
        raise ValueError("there is no grain: nothing is the largest")
    most = int(areas.argmax())
    coarse = areas >= mean_area_um2 * 2**COARSE_BY_G
    number = astm_grain_number_from_area(float(areas[most]))
    return LargestGrain(
        label=int(labels[most]),
        area_um2=float(areas[most]),
        grain_number=number,
        coarser_by=astm_grain_number_from_area(mean_area_um2) - number,
        coarse_share=float(areas[coarse].sum() / areas.sum()),
        cut=bool(cut[most]),
    )


def area_from_diameters(longest_um: float, across_um: float) -> float:
    """Return a grain's area from two diameters at right angles, (π / 4) D₁ D₂ (E930 by hand)."""
    check_positive(longest_um, "the longest diameter in µm")
    check_positive(across_um, "the diameter across it in µm")
    return math.pi / 4 * longest_um * across_um
