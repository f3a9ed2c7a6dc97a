"""Whether the grains of a structure are of more than one size (ASTM E1181)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.astm import astm_grain_number_from_area
from napari_etch.measure.extremes import COARSE_BY_G, COARSE_SHARE
from napari_etch.measure.topology import Topology

# All of E1181's limits are recalled, not checked against the text of the standard.
WIDE_RANGE_G = 5.0
MODES_APART_G = 4.0
MODES_SHARE = 0.75
# Grains in so little of the area make no extremes of a range (E1181, recalled). The sections of
# simulated grains of one size in space are then 3.8 to 4.4 G wide; with half as much, 4.6 to 5.0.
_TAIL = 0.01
_BIN_G = 0.5


@dataclass(frozen=True)
class Duplex:
    """Whether the grains are of more than one size, by area (ASTM E1181).

    Attributes
    ----------
    kind : str
        ``uniform``, ``isolated coarse grains``, ``wide range``, ``bimodal``, or ``mixed``: more
        coarse grains than isolated ones, and neither of the others.
    range_g : float
        Between the coarsest and the finest grains, without 1 % of the area at either end; the
        finest are whole ones.
    extremes_g : tuple of float
        G of these, the coarser one first.
    modes_g : tuple of float
        G at the one or two modes, the coarser one first.
    modes_shares : tuple of float
        Share of the area within 1 G of each of them.
    modes_share : float
        Share of the area within 1 G of the modes.
    coarse_share : float
        Share of the area in grains at least 3 G coarser than the mean.
    topology : tuple of Topology
        Of the fields in which coarse and fine grains lie in strips or necklaces.
    """

    kind: str
    range_g: float
    extremes_g: tuple[float, float]
    modes_g: tuple[float, ...]
    modes_shares: tuple[float, ...]
    modes_share: float
    coarse_share: float
    topology: tuple[Topology, ...] = ()

    @property
    def name(self) -> str:
        """What it is called: how the grains lie, where that is one of E1181's ways, or the kind."""
        return " and ".join(dict.fromkeys(each.kind for each in self.topology)) or self.kind

    @property
    def text(self) -> str:
        """The class with the area and the G of its parts, as E1181 reports them."""
        said = _topology_texts(self.topology)
        said.append(f"by size {self.kind}" if said else self.kind)
        if self.kind == "bimodal":
            modes = zip(self.modes_shares, self.modes_g, strict=True)
            said.append(" and ".join(f"{100 * s:.0f} % of the area at G {g:.1f}" for s, g in modes))
        else:
            said.append(f"mode by area at G {self.modes_g[0]:.1f}")
        if self.coarse_share > 0:
            said.append(
                f"{_percent(self.coarse_share)} of the area in grains at least "
                f"{COARSE_BY_G:g} G coarser than the mean"
            )
        coarsest, finest = self.extremes_g
        said.append(f"from G {coarsest:.1f} to {finest:.1f}, {self.range_g:.1f} apart")
        return "; ".join(said)


def _percent(share: float) -> str:
    return "less than 1 %" if share < 0.005 else f"{100 * share:.0f} %"


def _topology_texts(found: Sequence[Topology]) -> list[str]:
    """Return one text for each way in which grains lie, of the field where it shows most."""
    kinds: dict[str, list[Topology]] = {}
    for each in found:
        kinds.setdefault(each.kind, []).append(each)
    said = []
    for alike in kinds.values():
        clearest = max(alike, key=lambda each: each.fine_g - each.coarse_g)
        others = len(alike) - 1
        more = f"; so it is in {others} more field{'s' * (others != 1)}" if others else ""
        said.append(_topology_text(clearest) + more)
    return said


def _topology_text(found: Topology) -> str:
    how = {
        "banding": f" in {found.strips} {found.along} strips",
        "cross-section": f" in two {found.along} parts" if found.along else "",
        "necklace": "",
    }[found.kind]
    share = 100 * found.coarse_share
    return (
        f"{found.kind}{how} of {found.field}: {share:.0f} % of the area G {found.coarse_g:.1f}, "
        f"{100 - share:.0f} % G {found.fine_g:.1f}"
    )


def duplex(
    areas_um2: np.ndarray,
    topology: Sequence[Topology] = (),
    *,
    mean_area_um2: float,
    cut: np.ndarray | None = None,
) -> Duplex:
    """Return the duplex class of a structure.

    Parameters
    ----------
    areas_um2 : ndarray of float, (n,)
        Areas of all grains.
    topology : sequence of Topology
        How coarse and fine grains lie in the fields, as far as in one of E1181's ways; see
        `topology_of`.
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
    ASTM E1181.
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
    near = np.abs(number[:, None] - np.array(modes)[None]) <= 1
    shares = tuple((near * areas[:, None]).sum(axis=0) / areas.sum())
    modes_share = float(areas[near.any(axis=1)].sum() / areas.sum())
    if len(modes) == 2 and modes_share >= MODES_SHARE:
        kind = "bimodal"
    elif 0 < coarse_share <= COARSE_SHARE:
        kind = "isolated coarse grains"
    elif high - low >= WIDE_RANGE_G:
        kind = "wide range"
    elif coarse_share > COARSE_SHARE:
        kind = "mixed"
    else:
        kind = "uniform"
    return Duplex(
        kind,
        high - low,
        (low, high),
        modes,
        tuple(float(each) for each in shares),
        modes_share,
        coarse_share,
        tuple(topology),
    )


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
    found = [_middle_of(number, areas, middle[first])]
    if others.any():
        second = int(np.where(others, smooth, 0).argmax())
        found.append(_middle_of(number, areas, middle[second]))
    if len(found) == 2 and abs(found[0] - found[1]) < MODES_APART_G:
        found.pop()
    return tuple(sorted(found))


def _middle_of(number: np.ndarray, areas: np.ndarray, mode: float) -> float:
    """Return the mean G of the grains at a mode, by area: bins are coarser than what is told."""
    near = np.abs(number - mode) <= 1.5 * _BIN_G + 1e-9
    return float(np.average(number[near], weights=areas[near]))
