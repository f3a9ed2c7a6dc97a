"""Virtual stacks of grain maps with truth: any polycrystal, any distance, any fault of the maps.

What tracking learns from: grains that lean, bend and end, sections that were not aligned, and maps
as a segmentation makes them, with joined and cut grains and outlines that wander.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.virtual.serial import grain_volume

if TYPE_CHECKING:
    from napari_etch.virtual.serial import Kind

Maps = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Faults:
    """What a segmentation does to a grain map, anew in each section.

    Attributes
    ----------
    joined : float
        Share of the boundaries between two grains that are lost.
    cut : float
        Share of the grains that are cut in two.
    wander : float
        How far outlines wander, px.
    """

    joined: float = 0.03
    cut: float = 0.05
    wander: float = 1.0

    def times(self, level: float) -> Faults:
        """Return so many times as many; outlines do not wander much further than as they are."""
        return Faults(level * self.joined, level * self.cut, min(level, 1.2) * self.wander)


@dataclass(frozen=True, eq=False)
class SectionMaps:
    """A stack of grain maps and its truth.

    Attributes
    ----------
    maps : ndarray of int32, shape (z, y, x)
        As segmented: a number means a grain within its section only.
    true : ndarray of int32, shape (z, y, x)
        One number through all sections; 0 is no grain.
    about : str
        What was drawn.
    """

    maps: Maps
    true: Maps
    about: str


def section_maps(seed: int) -> SectionMaps:
    """Draw a stack of which everything is random: grains, distance, leaning, bending, faults.

    Parameters
    ----------
    seed : int
        The same seed gives the same stack.
    """
    rng = np.random.default_rng(seed)
    kind: Kind = "grown" if rng.uniform() < 0.4 else "laguerre"
    intercept = float(np.exp(rng.uniform(np.log(14), np.log(40))))
    # columnar grains hardly change from section to section, others end after three of them
    spacing = intercept * float(np.exp(rng.uniform(np.log(0.02), np.log(0.45))))
    shape = int(rng.integers(10, 18)), int(rng.integers(128, 208))
    stretch, lean = int(rng.choice([1, 1, 2, 3])), int(rng.choice([0, 0, 0, 0, 1, 2, 4]))
    branched = rng.uniform() < 0.25
    true = leaning_volume(
        *shape,
        intercept=intercept * (0.7 if branched else 1.0),
        spacing=spacing,
        stretch=stretch,
        lean=lean,
        kind=kind,
        rng=rng,
    )
    if branched:
        true = paired(true, rng)
    if rng.uniform() < 0.4:
        far = intercept * float(np.exp(rng.uniform(np.log(0.05), np.log(0.7))))
        true = bent(true, far, rng)
    if rng.uniform() < 0.25:
        true = jolted(true, rng.uniform(0.5, 4.0), rng)
    if rng.uniform() < 0.3:
        true = np.where(np.stack([_outline(part) for part in true]), 0, true).astype(np.int32)
    maps = in_each_section(true)
    level = float(rng.choice([0.0, 0.0, 0.3, 0.6, 1.0, 1.5, 2.0]))
    if level:
        maps = np.stack([worsened(part, Faults().times(level), rng) for part in maps])
    shape_words = "branched" if branched else f"{stretch}:1"
    about = f"{kind} {intercept:.0f} px, every {spacing:.1f}, {shape_words}, leaning {lean}"
    return SectionMaps(maps, true, f"{about}, faults {level:g}")


def leaning_volume(
    count: int,
    size: int,
    *,
    intercept: float,
    spacing: float,
    stretch: int = 1,
    lean: int = 0,
    kind: Kind = "laguerre",
    rng: np.random.Generator,
) -> Maps:
    """Return sections of grains that are stretched and lean to one side.

    Parameters
    ----------
    count, size : int
        Number of sections and their side in px.
    intercept : float
        Mean intercept in px of a section across and along the stretch, as geometric mean.
    spacing : float
        Distance of two sections, px.
    stretch : int
        Grains are so many times as high as wide.
    lean : int
        They move left by so many px a section.
    kind : {"laguerre", "grown"}
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int32, shape (count, size, size)
    """
    wide = (count, size, stretch * (size + count * lean))
    volume = grain_volume(
        wide, intercept=intercept * math.sqrt(stretch), spacing=spacing, kind=kind, rng=rng
    )
    parts = [part[:, at * lean * stretch :: stretch][:, :size] for at, part in enumerate(volume)]
    return np.stack(parts)


def paired(true: Maps, rng: np.random.Generator) -> Maps:
    """Make one grain of every two neighbours that find each other, twice over.

    Such grains are not convex: they divide from section to section, and grow together again.

    Parameters
    ----------
    true : ndarray of int32, shape (z, y, x)
    rng : numpy.random.Generator
    """
    for _ in range(2):
        both = [
            np.stack([np.delete(true, 0, axis).ravel(), np.delete(true, -1, axis).ravel()], 1)
            for axis in range(3)
        ]
        pairs = np.unique(np.sort(np.concatenate(both), axis=1), axis=0)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        table, free = np.arange(true.max() + 1), np.ones(true.max() + 1, bool)
        for one, two in rng.permutation(pairs).tolist():
            if free[one] and free[two] and rng.uniform() < 0.4:
                free[one] = free[two] = False
                table[two] = one
        true = table[true].astype(np.int32)
    return true


def bent(true: Maps, far: float, rng: np.random.Generator) -> Maps:
    """Move the pixels of a volume by a field of that standard deviation, smooth in all directions.

    Parameters
    ----------
    true : ndarray of int32, shape (z, y, x)
    far : float
        In px.
    rng : numpy.random.Generator
    """
    from scipy import ndimage as ndi

    z, y, x = np.indices(true.shape).astype(float)
    reach = (rng.uniform(1.5, 5), rng.uniform(8, 25), rng.uniform(8, 25))
    fields = [ndi.gaussian_filter(rng.standard_normal(true.shape), reach) for _ in range(2)]
    y, x = (at + far * field / field.std() for at, field in zip((y, x), fields, strict=True))
    return np.asarray(ndi.map_coordinates(true, (z, y, x), order=0, mode="nearest"), np.int32)


def jolted(true: Maps, far: float, rng: np.random.Generator) -> Maps:
    """Shift every section of (z, y, x) by itself, by whole px; `far` is their deviation, px.

    What comes in repeats the rim.
    """
    from scipy import ndimage as ndi

    parts = []
    for part in true:
        shift = np.rint(rng.normal(0, far, 2)).astype(int)
        parts.append(ndi.shift(part, shift, order=0, mode="nearest"))
    return np.asarray(np.stack(parts), np.int32)


def in_each_section(true: Maps) -> Maps:
    """Number the connected pieces of each section by themselves, from 1, as a segmentation does."""
    import cc3d

    parts = [cc3d.connected_components(part.astype(np.uint32), connectivity=4) for part in true]
    return np.asarray(np.stack(parts), np.int32)


def worsened(section: Maps, faults: Faults, rng: np.random.Generator) -> Maps:
    """Return a grain map with lost boundaries, cut grains and wandering outlines.

    Parameters
    ----------
    section : ndarray of int32, shape (y, x)
    faults : Faults
    rng : numpy.random.Generator
    """
    from scipy import ndimage as ndi

    y, x = np.indices(section.shape).astype(float)
    waves = [ndi.gaussian_filter(rng.standard_normal(section.shape), 4) for _ in range(2)]
    places = [
        at + faults.wander * wave / wave.std() for at, wave in zip((y, x), waves, strict=True)
    ]
    moved = ndi.map_coordinates(section, places, order=0, mode="nearest")
    count = _cut_some(moved, faults.cut, rng)
    table = np.arange(count + 1)
    pairs = np.unique(
        np.sort(np.stack([moved[:, 1:].ravel(), moved[:, :-1].ravel()], 1), axis=1), axis=0
    )
    pairs = pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs[:, 0] > 0)]
    for one, two in pairs[rng.uniform(size=len(pairs)) < faults.joined]:
        table[table == table[two]] = table[one]
    return in_each_section(table[moved][None])[0]


def _cut_some(section: Maps, share: float, rng: np.random.Generator) -> int:
    """Cut grains in two through the middle, in place, and return the largest number."""
    from scipy import ndimage as ndi

    count = int(section.max())
    for label, box in enumerate(ndi.find_objects(section), 1):
        if box is None or rng.uniform() >= share:
            continue
        part = section[box]
        angle, middle = rng.uniform(0, np.pi), [n / 2 for n in part.shape]
        rows, columns = np.indices(part.shape)
        side = (rows - middle[0]) * np.sin(angle) + (columns - middle[1]) * np.cos(angle)
        count += 1
        part[(part == label) & (side > 0)] = count
    return count


def _outline(part: Maps) -> npt.NDArray[np.bool_]:
    edge = np.zeros(part.shape, bool)
    edge[:-1] |= part[:-1] != part[1:]
    edge[:, :-1] |= part[:, :-1] != part[:, 1:]
    return edge
