"""Grain growth by a Monte-Carlo Potts model (Anderson, Srolovitz, Grest and Sahni 1984).

A site that is offered a neighbour's orientation takes it when that does not raise the number of
unlike pairs among its 26 neighbours. Sites are visited by the eight sublattices of every other
site, whose sites are no neighbours of each other, so that each is one array operation.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

_NEIGHBOURS = [
    step for step in itertools.product((0, 1, 2), repeat=3) if step != (1, 1, 1)
]  # from the corner of the padded volume


def potts_sweeps(
    labels: npt.NDArray[np.int32], sweeps: int, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Return a volume after some Monte-Carlo steps without thermal noise.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
    sweeps : int
        Every site is tried once in each.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        Sites outside count as copies of the outermost ones.
    """
    volume = labels.copy()
    for _ in range(sweeps):
        for corner in itertools.product((0, 1), repeat=3):
            _visit(volume, corner, rng)
    return volume


def _visit(
    volume: npt.NDArray[np.int32], corner: tuple[int, ...], rng: np.random.Generator
) -> None:
    """Try every second site in each direction, from a corner on."""
    padded = np.pad(volume, 1, mode="edge")
    own = volume[tuple(slice(start, None, 2) for start in corner)]
    if own.size == 0:
        return
    around = np.stack(
        [
            padded[
                tuple(
                    slice(start + step, start + step + 2 * length - 1, 2)
                    for start, step, length in zip(corner, steps, own.shape, strict=True)
                )
            ]
            for steps in _NEIGHBOURS
        ]
    )
    pick = rng.integers(len(around), size=(1, *own.shape))
    offered = np.take_along_axis(around, pick, 0)[0]
    like_now = np.count_nonzero(around == own, axis=0)
    like_then = np.count_nonzero(around == offered, axis=0)
    taken = like_then >= like_now
    own[taken] = offered[taken]
