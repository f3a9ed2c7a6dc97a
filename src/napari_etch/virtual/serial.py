"""Virtual serial sections: a 3D polycrystal, cut into sections that are etched one by one.

The grains are the cells of a Laguerre tessellation (power diagram) with log-normal sizes, or what
is left of many small cells after they have grown: by threshold dynamics (Merriman, Bence and Osher
1992; for many grains Esedoglu and Otto 2015), where every voxel goes to the grain with the largest
Gaussian share around it, or by a Monte-Carlo Potts model (`virtual.potts`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_etch.virtual.potts import potts_sweeps

if TYPE_CHECKING:
    import torch

    from napari_etch.virtual.styles import Optics

Kind = Literal["laguerre", "grown", "potts"]
Condition = Literal["good", "faint", "scratched", "missing"]

KINDS: tuple[Kind, ...] = ("laguerre", "grown", "potts")
# Mean intercept of a grain over the cube root of its mean volume: 0.69 for the cells of random
# points (Poisson-Voronoi), and 0.68 to 0.72 for what this module makes.
INTERCEPT_PER_SIZE = 0.69
# Growing begins with this many times the grains that shall be left, more or less.
GROWN_FROM = 3.0
MOST_ROUNDS = 40
# Grains grow on a grid with so many points along a mean intercept, and the Gaussian's sigma is
# this many intercepts.
GROWING_POINTS = 12.0
GROWING_SIGMA = 0.15
# Sweeps of the Potts model between two looks at the mean intercept.
POTTS_SWEEPS = 4
_SCRATCHES = (10.0, 25.0)
# How much the etching differs from section to section: standard deviation of the log.
_ETCHING_SPREAD = 0.15


@dataclass(frozen=True, eq=False)
class SerialSections:
    """A virtual stack and its truth.

    Attributes
    ----------
    images : ndarray of uint8, shape (z, y, x)
        Micrographs of the sections; a missing one is black.
    labels : ndarray of int32, shape (z, y, x)
        True grains from 1, one number through all sections, missing ones too.
    spacing : float
        Distance of two sections, px.
    conditions : tuple of str
        Of each section: "good", "faint", "scratched" or "missing".
    style : str
        Style of the micrographs, as in `virtual.STYLES`.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    spacing: float
    conditions: tuple[Condition, ...]
    style: str


@dataclass(frozen=True)
class Flaws:
    """Shares of the sections that are not as they should be; the first section is always good.

    `depth` is the range of what is left of the etching in a faint one: at 0.12 its boundaries can
    still be made out, at 0.02 they are lost in the noise.
    """

    faint: float = 0.1
    scratched: float = 0.1
    missing: float = 0.03
    depth: tuple[float, float] = (0.12, 0.3)
    names: tuple[Condition, ...] = field(default=("faint", "scratched", "missing"), init=False)


def grain_volume(
    shape: tuple[int, int, int],
    *,
    intercept: float = 30.0,
    spacing: float = 4.0,
    kind: Kind = "laguerre",
    rng: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Return sections of a 3D polycrystal.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x): number of sections and their size in px.
    intercept : float
        Mean intercept in px.
    spacing : float
        Distance of two sections, px.
    kind : {"laguerre", "grown", "potts"}
        Convex cells with flat faces, or curved ones after grain growth by threshold dynamics or a
        Potts model.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        Grains from 1, numbered without gaps, each in one piece within the stack.

    Raises
    ------
    ValueError
        When a number is not positive, or the kind is unknown.
    """
    _check(shape, intercept, spacing, kind)
    if kind == "laguerre":
        places = np.arange(shape[0]) * spacing
        labels = _power_diagram(places, shape[1:], intercept, 1.0, rng)
        return _in_one_piece(labels)
    return _in_one_piece(_grown(shape, intercept, spacing, kind, rng))


def serial_sections(
    count: int = 20,
    size: int = 256,
    *,
    seed: int = 0,
    intercept: float = 30.0,
    spacing: float = 4.0,
    kind: Kind = "laguerre",
    style: str = "optical",
    flaws: Flaws | None = None,
) -> SerialSections:
    """Return a virtual stack of serial sections with truth.

    Every section is polished, etched and photographed anew: depth of the etching, brightness,
    scratches, dirt and noise are its own, and so is the brightness of a grain.

    Parameters
    ----------
    count, size : int
        Number of sections and their side in px (at least 32).
    seed : int
        The same seed gives the same stack.
    intercept : float
        Mean intercept in px.
    spacing : float
        Distance of two sections, px.
    kind : {"laguerre", "grown", "potts"}
        See `grain_volume`.
    style : str
        A key of `virtual.STYLES`.
    flaws : Flaws, optional
        Shares of faint, scratched and missing sections.

    Raises
    ------
    ValueError
        When a number is out of its range, or kind or style is unknown.
    """
    import torch

    from napari_etch.virtual.styles import draw_optics

    if size < 32:
        raise ValueError(f"A virtual micrograph needs at least 32 px a side, not {size}.")
    rng = np.random.default_rng(seed)
    labels = grain_volume(
        (count, size, size), intercept=intercept, spacing=spacing, kind=kind, rng=rng
    )
    flaws = flaws or Flaws()
    conditions = draw_conditions(count, flaws, rng)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    optics, names = draw_optics(generator, torch.tensor([float(intercept)]), style)
    images = np.zeros(labels.shape, np.uint8)
    for index, condition in enumerate(conditions):
        if condition != "missing":
            etched = _etched(optics, condition, flaws.depth, rng)
            images[index] = _photograph(generator, labels[index], intercept, etched)
    return SerialSections(images, labels, spacing, conditions, names[0])


def draw_conditions(count: int, flaws: Flaws, rng: np.random.Generator) -> tuple[Condition, ...]:
    """Return the condition of each section, as many of each flaw as its share is nearest to.

    Raises
    ------
    ValueError
        When a share is negative or all together are more than 1.
    """
    shares = [getattr(flaws, name) for name in flaws.names]
    if min(shares) < 0 or sum(shares) > 1:
        raise ValueError(f"the shares of flawed sections {shares} must be from 0 to 1 together")
    conditions: list[Condition] = ["good"] * count
    places = (rng.permutation(max(count - 1, 0)) + 1).tolist()
    for name, share in zip(flaws.names, shares, strict=True):
        for _ in range(round(share * count)):
            if places:
                conditions[places.pop()] = name
    return tuple(conditions)


def _check(shape: Sequence[int], intercept: float, spacing: float, kind: str) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"a volume is (z, y, x) with at least one voxel each way, not {shape}")
    for name, value in (("intercept", intercept), ("spacing", spacing)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"the {name} is {value}: give a length in px, above 0")
    if kind not in KINDS:
        raise ValueError(f"there is no kind of polycrystal {kind!r}: choose {', '.join(KINDS)}")


def _power_diagram(
    places: npt.NDArray[np.floating],
    plane: tuple[int, ...],
    intercept: float,
    density: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Give each point of the planes z = `places` to its cell, int32 (z, y, x) from 0.

    A cell is what has the least |p - s|² - w. With a fourth coordinate √(max w - w) for the seeds,
    that is the nearest seed, which a k-d tree finds.
    """
    from scipy.spatial import cKDTree

    unit = intercept / INTERCEPT_PER_SIZE / density ** (1 / 3)
    rim = 2.0 * unit
    sides = np.array([places[-1] - places[0], plane[0], plane[1]]) + 2 * rim
    count = max(2, round(float(np.prod(sides)) / unit**3))
    seeds = rng.uniform(0, 1, (count, 3)) * sides - rim
    weight = 0.3 * unit**2 * np.exp(0.5 * rng.standard_normal(count)).clip(max=3)
    lifted = np.column_stack([seeds, np.sqrt(weight.max() - weight)])
    tree = cKDTree(lifted)
    y, x = (part.ravel().astype(float) for part in np.indices(plane))
    labels = np.empty((len(places), *plane), np.int32)
    for index, z in enumerate(places):
        points = np.column_stack([np.full(y.size, z), y, x, np.zeros(y.size)])
        labels[index] = tree.query(points)[1].reshape(plane)
    return labels


def _grown(
    shape: tuple[int, int, int],
    intercept: float,
    spacing: float,
    kind: Kind,
    rng: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Return what is left of many cells that have grown, int32 (z, y, x)."""
    step = max(1.0, intercept / GROWING_POINTS)
    size = [
        math.ceil((n - 1) * each / step) + 2 for n, each in zip(shape, (spacing, 1, 1), strict=True)
    ]
    planes = np.arange(size[0], dtype=float)
    labels = _power_diagram(planes, (size[1], size[2]), intercept / step, GROWN_FROM, rng)
    for _ in range(MOST_ROUNDS):
        labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)
        if _mean_intercept(labels) >= intercept / step:
            break
        if kind == "potts":
            labels = potts_sweeps(labels, POTTS_SWEEPS, rng)
        else:
            labels = _vote(labels, [GROWING_SIGMA * intercept / step] * 3)
    at = [
        np.rint(np.arange(n) * each / step).astype(int)
        for n, each in zip(shape, (spacing, 1, 1), strict=True)
    ]
    # the steps of the grid are smoothed away, section by section
    return _vote(labels[np.ix_(*at)], [0.0, step, step])


def _mean_intercept(labels: npt.NDArray[np.int32]) -> float:
    """Return the mean intercept along rows and columns, in points of the grid."""
    ends = np.mean(labels[:, 1:] != labels[:, :-1]) + np.mean(labels[..., 1:] != labels[..., :-1])
    return float(2 / max(ends, 1e-9))


def _vote(labels: npt.NDArray[np.int32], sigma: list[float]) -> npt.NDArray[np.int32]:
    """Give every voxel to the grain with the largest Gaussian share around it."""
    from scipy.ndimage import find_objects, gaussian_filter

    reach = [math.ceil(2.5 * each) for each in sigma]
    best = np.zeros(labels.shape, np.float32)
    winner = labels.copy()
    for label, box in enumerate(find_objects(labels + 1)):
        if box is None:
            continue
        wide = tuple(
            slice(max(0, part.start - far), min(size, part.stop + far))
            for part, far, size in zip(box, reach, labels.shape, strict=True)
        )
        inside = (labels[wide] == label).astype(np.float32)
        share = gaussian_filter(inside, sigma, mode="nearest", truncate=2.5)
        ahead = share > best[wide]
        best[wide][ahead] = share[ahead]
        winner[wide][ahead] = label
    return winner


def _in_one_piece(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Number the connected pieces from 1: a grain that the stack cuts twice is two in it."""
    import cc3d

    pieces = cc3d.connected_components(labels.astype(np.uint32) + 1, connectivity=6)
    return np.asarray(pieces, np.int32)


def _etched(
    optics: Optics, condition: str, depth: tuple[float, float], rng: np.random.Generator
) -> Optics:
    """Return the optics of one section: the specimen's, etched and lit a little differently."""
    values = dict(optics.values)
    for name in ("groove_depth", "groove_width", "noise", "grain_contrast", "illumination"):
        values[name] = values[name] * float(np.exp(_ETCHING_SPREAD * rng.standard_normal()))
    values["tone"] = (values["tone"] + 0.04 * float(rng.standard_normal())).clamp(0.1, 0.95)
    if condition == "faint":
        factor = float(rng.uniform(*depth))
        for name in ("groove_depth", "grain_contrast", "relief"):
            values[name] = values[name] * factor
    if condition == "scratched":
        values["scratches"] = values["scratches"] * 0 + float(rng.uniform(*_SCRATCHES))
        values["scratch_depth"] = values["groove_depth"].clone()
    return replace(optics, values=values)


def _photograph(
    generator: torch.Generator, labels: npt.NDArray[np.int32], intercept: float, optics: Optics
) -> npt.NDArray[np.uint8]:
    import torch

    from napari_etch.virtual.optics import render
    from napari_etch.virtual.tessellation import BANDS

    dense = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    plane = torch.from_numpy(np.ascontiguousarray(dense, np.int64))[None] * BANDS
    image = render(generator, plane, torch.tensor([float(intercept)]), optics)[0]
    return np.asarray((255 * image).round().to(torch.uint8).numpy())
