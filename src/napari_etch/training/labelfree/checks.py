"""Whether a label-free fit has found grains, nothing, everything, or the opposite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]

# Collapsed: so many times more or fewer boundary pixels than a polycrystal of this size has.
MOST, LEAST = 2.5, 0.2
# Least mean strength of the closed boundaries that are found; noise and texture stay below it.
LEAST_TYPICAL = 0.45


@dataclass(frozen=True)
class Verdict:
    """What is wrong with an answer; an empty message when nothing is."""

    message: str = ""
    collapsed: bool = False


def judge(maps: list[Image], anchors: list[Image], density: float) -> Verdict:
    """Look at the boundary maps of all images.

    Parameters
    ----------
    maps : list of float32 (y, x)
        Boundary probability.
    anchors : list of float32 (k, y, x)
        As `anchors.anchors`: the first two are target and weight.
    density : float
        Share of boundary pixels in virtual micrographs of the specimen.
    """
    from napari_etch.training.labelfree.answers import closed_strength

    share = float(np.mean([item.mean() for item in maps]))
    if share > MOST * density:
        return Verdict("The fit called nearly everything boundary.", collapsed=True)
    if share < LEAST * density:
        return Verdict(
            "The fit found hardly any boundary: these micrographs may show no grains.", True
        )
    on, off = _at_anchors(maps, anchors)
    if on <= off:
        return Verdict("The fit found the grains' inside in place of their boundaries.", True)
    typical = float(np.mean([closed_strength(item) for item in maps]))
    if typical < LEAST_TYPICAL:
        return Verdict(
            "No grains were found: what looks like boundaries does not close around grains. Choose "
            "a micrograph or a region that shows grains."
        )
    return Verdict()


def _at_anchors(maps: list[Image], anchors: list[Image]) -> tuple[float, float]:
    """Return the mean answer on the strongest and on the weakest ridges."""
    sums = np.zeros(4)
    for item, held in zip(maps, anchors, strict=True):
        on, off = held[0] > 0, (held[0] == 0) & (held[1] > 0)
        sums += (item[on].sum(), on.sum(), item[off].sum(), off.sum())
    return float(sums[0] / max(1, sums[1])), float(sums[2] / max(1, sums[3]))
