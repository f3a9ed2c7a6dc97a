"""Virtual stacks with truth, and scores, for what fits and measures the tracking."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_etch.virtual.section_maps import leaning_volume
from napari_etch.virtual.serial import grain_volume

STACKS = [("laguerre", 30, 4.0), ("laguerre", 30, 10.0), ("grown", 30, 4.0), ("grown", 24, 8.0)]


def virtual_stacks(first_seed: int, count: int = 16, size: int = 192) -> Iterator[tuple]:
    """Four stacks of grains that are alike in all directions: name, truth, generator."""
    for at, (kind, intercept, spacing) in enumerate(STACKS):
        rng = np.random.default_rng(first_seed + at)
        true = grain_volume(
            (count, size, size), intercept=intercept, spacing=spacing, kind=kind, rng=rng
        )
        yield f"{kind} {intercept} px, every {spacing:g}", true, rng


def elongated_stacks(first_seed: int, count: int = 14, size: int = 160) -> Iterator[tuple]:
    """Grains stretched along rows, that lean so many px a section."""
    for spacing, stretch, lean in ((4.0, 3, 2), (8.0, 3, 0), (3.0, 2, 4)):
        rng = np.random.default_rng(first_seed + 10 * stretch + lean)
        true = leaning_volume(
            count,
            size,
            intercept=36 / np.sqrt(stretch),
            spacing=spacing,
            stretch=stretch,
            lean=lean,
            rng=rng,
        )
        yield f"elongated {stretch}:1, leaning {lean}", true, rng


def majority(maps: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The true grain that most pixels of each node are of, in the order of the nodes."""
    from napari_etch.grains.tracking.sections import describe
    from napari_etch.training.pairs import owner_of

    parts = zip(maps, true, strict=True)
    return np.concatenate([owner_of(describe(part).dense, claimed) for part, claimed in parts])


def scores(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """3D VI with its parts, and ARI, over the voxels that truth claims."""
    at = true > 0
    return counted_scores(found[at], true[at], np.ones(int(at.sum()), np.int64))


def counted_scores(found: np.ndarray, true: np.ndarray, voxels: np.ndarray) -> dict[str, float]:
    """The same of pairs of numbers that are met so many times."""
    from scipy.sparse import coo_array

    from napari_etch.evaluation.overlap import information, rand

    table = coo_array((voxels, (found, true))).tocsr().tocoo()
    sums = [np.asarray(table.sum(axis=axis), float).ravel() for axis in (1, 0)]
    return information(table.data, *sums) | rand(table.data, *sums)
