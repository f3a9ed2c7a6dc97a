"""How coarse and fine grains lie in a field: in bands, on two sides, in necklaces (ASTM E1181)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_etch.measure.astm import astm_grain_number_from_area
from napari_etch.measure.contacts import contacts_of
from napari_etch.measure.holes import Holes
from napari_etch.measure.runs import Runs, runs_of
from napari_etch.measure.shape import grains_at_edge

# E1181, recalled: coarse and fine parts of a section are so far apart.
PARTS_APART_G = 3.0
# The same as a ratio of intersections per length, for G goes with twice the binary logarithm.
_RATIO = 2 ** (PARTS_APART_G / 2)
# So much of the strips of a kind is of that kind: with less, coarse grains lie anywhere, and some
# more of them here than there.
OWN_KIND = 0.75
# A strip is a row of at least so many grains.
LEAST_ALONG = 5
# A coarse grain lies in a ring where this share of its outline is beside fine ones; where such
# grains take less of the field, they are coarse grains in a fine field.
RINGED, RINGED_SHARE = 0.75, 0.5
# Of fewer coarse grains, cut ones counting ½, chance decides how they lie.
LEAST_COARSE = 15


@dataclass(frozen=True)
class Topology:
    """How the coarse and the fine grains of a field lie to each other.

    Attributes
    ----------
    kind : str
        ``banding``: strips of coarse and of fine grains in turn; ``cross-section``: coarse grains
        on one side of the field; ``necklace``: coarse grains in rings of fine ones.
    field : str
        Name of the field that it was found in.
    coarse_g, fine_g : float
        ASTM G of the two kinds, from their mean areas.
    coarse_share : float
        Share of the area in coarse strips, or in ringed grains.
    strips : int
        Strips of either kind; 0 of necklaces.
    along : str
        ``horizontal`` or ``vertical``, as the strips run; empty of necklaces.
    """

    kind: str
    field: str
    coarse_g: float
    fine_g: float
    coarse_share: float
    strips: int = 0
    along: str = ""


@dataclass(frozen=True, eq=False)
class _Parts:
    """Which labels of a map are coarse, how they lie, and the mean areas of both kinds, px."""

    kind: str
    is_coarse: np.ndarray
    coarse_px: float
    fine_px: float
    share: float
    strips: int = 0
    along: str = ""


def topology_of(
    grains: np.ndarray, pixel_size_um: float, *, name: str = "", holes: Holes | None = None
) -> Topology | None:
    """Return how coarse and fine grains lie in a field, where they do in one of E1181's ways.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x), without gaps between grains; 0 is off the specimen.
    pixel_size_um : float
        Edge of a pixel, µm.
    name : str
        Of the field.
    holes : Holes, optional
        Of this map, where they are known; they take longer to find than the rest.

    Returns
    -------
    Topology or None
        None where grains of different sizes lie anywhere, or there are none.

    Notes
    -----
    Strips are looked for along the rows and the columns of the field: three G by the intercepts
    along them between coarse and fine ones, three quarters of either in grains of its own kind,
    and five grains along each. In necklaces the coarse grains take half of the field or more, and
    three quarters of the outline of each lie beside grains that are 3 G finer. There are at least
    15 coarse grains. The 3 G are recalled, not checked against the text of ASTM E1181; the other
    limits are ours. On simulated fields see docs/measuring.md.
    """
    runs = runs_of(grains)
    areas = runs.total(runs.length)
    areas[runs.labels == 0] = 0
    times = np.where(np.isin(runs.labels, grains_at_edge(grains, holes)), 0.5, 1.0)
    found = (
        _strips(grains, runs, areas, times, "horizontal")
        or _strips(grains.T, runs_of(grains.T), areas, times, "vertical")
        or _necklaces(grains, runs, areas, times)
    )
    if found is None or times[found.is_coarse].sum() < LEAST_COARSE:
        return None
    coarse_g, fine_g = (
        astm_grain_number_from_area(area * pixel_size_um**2)
        for area in (found.coarse_px, found.fine_px)
    )
    if fine_g - coarse_g < PARTS_APART_G:
        return None
    return Topology(found.kind, name, coarse_g, fine_g, found.share, found.strips, found.along)


def _strips(
    grains: np.ndarray, runs: Runs, areas: np.ndarray, times: np.ndarray, along: str
) -> _Parts | None:
    """Return the coarse and fine strips along the rows of a map."""
    length, met = _along_rows(grains)
    if not met.any():
        return None
    thin = max(3, round(float(length.sum() / met.sum())))
    rate = _smooth(met, thin) / np.maximum(_smooth(length, thin), 1)
    some = rate[rate > 0]
    least, most = float(some.min()), float(some.max())
    if most < _RATIO * least:
        return None
    is_fine = _without_thin(rate > (least + most) / 2, thin)
    strips = np.split(np.arange(len(rate)), np.flatnonzero(np.diff(is_fine)) + 1)
    if len(strips) == 1 or any(met[strip].sum() < LEAST_ALONG * len(strip) for strip in strips):
        return None
    core = np.zeros(len(rate), bool)
    for strip in strips:  # where two of them meet, there are grains of both in a row
        core[strip[len(strip) // 4 : len(strip) - len(strip) // 4]] = True
    coarse, fine = (
        float(met[rows & core].sum() / max(length[rows & core].sum(), 1))
        for rows in (~is_fine, is_fine)
    )
    if not 0 < _RATIO * coarse <= fine:
        return None
    if any(len(strip) * (fine if is_fine[strip[0]] else coarse) < 1 for strip in strips):
        return None  # thinner than a grain of its kind
    # larger than a grain whose mean intercept lies halfway between those of the two
    is_coarse = areas > 1 / (coarse * fine)
    shares, means = [], []
    for kind, rows in ((is_coarse, ~is_fine), ((areas > 0) & ~is_coarse, is_fine)):
        on = rows[runs.row] & (areas[runs.index] > 0)
        shares.append(float(runs.length[on & kind[runs.index]].sum() / runs.length[on].sum()))
        own = on & kind[runs.index] & core[runs.row]
        part = runs.length[own] / areas[runs.index[own]]
        means.append(float(runs.length[own].sum() / (part * times[runs.index[own]]).sum()))
    if min(shares) < OWN_KIND:
        return None
    share = float(length[~is_fine].sum() / length.sum())
    name = "cross-section" if len(strips) == 2 else "banding"
    return _Parts(name, is_coarse, means[0], means[1], share, len(strips), along)


def _along_rows(grains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each row its length on the specimen, px, and the boundaries that it meets."""
    here, there = grains[:, 1:], grains[:, :-1]
    both = (here > 0) & (there > 0)
    met = np.count_nonzero(both & (here != there), axis=1)
    return np.count_nonzero(both, axis=1).astype(float), met.astype(float)


def _smooth(values: np.ndarray, wide: int) -> np.ndarray:
    padded = np.pad(values, wide, mode="symmetric")
    return np.convolve(padded, np.full(wide, 1 / wide), "same")[wide:-wide]


def _without_thin(is_fine: np.ndarray, thin: int) -> np.ndarray:
    """Return the same with each strip that is thinner given to those beside it."""
    kept = is_fine.copy()
    while True:
        strips = np.split(np.arange(len(kept)), np.flatnonzero(np.diff(kept)) + 1)
        thinnest = min(strips, key=len)
        if len(strips) == 1 or len(thinnest) >= thin:
            return kept
        kept[thinnest] = ~kept[thinnest]


def _necklaces(
    grains: np.ndarray, runs: Runs, areas: np.ndarray, times: np.ndarray
) -> _Parts | None:
    """Return the coarse grains that lie in rings of fine ones."""
    contacts = contacts_of(grains, runs)
    real = (areas[contacts.one] > 0) & (areas[contacts.two] > 0)
    outline, ringed = np.zeros(areas.size), np.zeros(areas.size)
    for own, other in ((contacts.one, contacts.two), (contacts.two, contacts.one)):
        finer = real & (areas[own] >= 2**PARTS_APART_G * areas[other])
        outline += np.bincount(own[real], minlength=areas.size)
        ringed += np.bincount(own[finer], minlength=areas.size)
    is_coarse = (outline > 0) & (ringed >= RINGED * outline)
    share = float(areas[is_coarse].sum() / areas.sum())
    if not RINGED_SHARE <= share < 1:
        return None
    coarse, fine = (
        float(areas[kind].sum() / times[kind].sum())
        for kind in (is_coarse, (areas > 0) & ~is_coarse)
    )
    return _Parts("necklace", is_coarse, coarse, fine, share)
