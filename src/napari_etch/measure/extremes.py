"""Grains as large as should not be there (ASTM E930), and duplex structures (ASTM E1181)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.astm import astm_grain_number_from_area
from napari_etch.measure.checks import check_positive

# All of E1181's limits are recalled, not checked against the text of the standard.
COARSE_BY_G = 3.0
COARSE_SHARE = 0.05
WIDE_RANGE_G = 5.0
MODES_APART_G = 4.0
MODES_SHARE = 0.75
# Grains at the thin ends of the distribution, by area, make no extremes of a range.
_TAIL = 0.005
_BIN_G = 0.5


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


@dataclass(frozen=True)
class Duplex:
    """Whether the grains are of more than one size, by area (ASTM E1181).

    Attributes
    ----------
    kind : str
        ``uniform``, ``isolated coarse grains``, ``wide range`` or ``bimodal``.
    range_g : float
        Between the coarsest and the finest grains, without 0.5 % of the area at either end; the
        finest are whole ones.
    modes_g : tuple of float
        G at the one or two modes, the coarser one first.
    modes_share : float
        Share of the area within 1 G of the modes.
    coarse_share : float
        Share of the area in grains at least 3 G coarser than the mean.
    bands : bool or None
        Whether strips across the field differ in grain size by more than 1 G; None when that was
        not looked at.
    """

    kind: str
    range_g: float
    modes_g: tuple[float, ...]
    modes_share: float
    coarse_share: float
    bands: bool | None


def duplex(
    areas_um2: np.ndarray,
    strips_g: tuple[np.ndarray, ...] = (),
    *,
    mean_area_um2: float,
    cut: np.ndarray | None = None,
) -> Duplex:
    """Return the duplex class of a structure.

    Parameters
    ----------
    areas_um2 : ndarray of float, (n,)
        Areas of all grains.
    strips_g : tuple of ndarray
        G in strips across the field, a row of strips for each direction.
    mean_area_um2 : float
        Mean area of a grain.
    cut : ndarray of bool, (n,), optional
        Which grains the border cuts. What shows of them may be the coarsest of the range, but not
        the finest, which it would make of equal grains, too.

    Returns
    -------
    Duplex
        By area: how much of the section is in grains of a size.

    Raises
    ------
    ValueError
        Without grains.

    Notes
    -----
    The limits (3 G and 5 % for isolated coarse grains, 5 G between extremes for a wide range, modes
    4 G apart with 75 % of the area for bimodal) are recalled, not checked against the text of
    ASTM E1181. Of its topological classes only bands are looked for; necklaces are not.
    """
    areas = np.asarray(areas_um2, float)
    if areas.size == 0:
        raise ValueError("there is no grain: the structure has no class")
    number = astm_grain_number_from_area(1.0) - np.log2(areas)
    coarse_share = float(areas[areas >= mean_area_um2 * 2**COARSE_BY_G].sum() / areas.sum())
    whole = np.ones(areas.size, bool) if cut is None or cut.all() else ~cut
    low = _at_share(number, areas, _TAIL)
    high = max(low, _at_share(number[whole], areas[whole], 1 - _TAIL))
    modes = _modes(number, areas)
    near = np.abs(number[:, None] - np.array(modes)[None]).min(axis=1) <= 1
    modes_share = float(areas[near].sum() / areas.sum())
    apart = [float(np.ptp(strip)) for strip in strips_g if strip.size]
    bands = max(apart) > 1 if apart else None
    if len(modes) == 2 and modes_share >= MODES_SHARE:
        kind = "bimodal"
    elif 0 < coarse_share <= COARSE_SHARE:
        kind = "isolated coarse grains"
    elif high - low >= WIDE_RANGE_G:
        kind = "wide range"
    else:
        kind = "uniform"
    return Duplex(kind, high - low, modes, modes_share, coarse_share, bands)


def _at_share(number: np.ndarray, areas: np.ndarray, share: float) -> float:
    """Return the G up to which a share of the area is in grains, from the coarsest on."""
    order = np.argsort(number)
    found = np.searchsorted(np.cumsum(areas[order]) / areas.sum(), share)
    return float(number[order][min(int(found), areas.size - 1)])


def _modes(number: np.ndarray, areas: np.ndarray) -> tuple[float, ...]:
    """Return the strongest mode of G by area, and a second one far enough away if there is one."""
    edges = np.arange(number.min() - 1, number.max() + 1.5, _BIN_G)
    share = np.histogram(number, edges, weights=areas)[0]
    smooth = np.convolve(share, [0.25, 0.5, 0.25], mode="same")
    middle = (edges[1:] + edges[:-1]) / 2
    peak = np.r_[False, (smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:]), False]
    first = int(smooth.argmax())
    others = peak & (np.abs(middle - middle[first]) >= MODES_APART_G)
    others &= smooth >= 0.2 * smooth[first]
    if not others.any():
        return (float(middle[first]),)
    second = int(np.where(others, smooth, 0).argmax())
    return tuple(sorted((float(middle[first]), float(middle[second]))))
