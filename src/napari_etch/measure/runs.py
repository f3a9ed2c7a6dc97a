"""A grain map as runs of equal label along its rows: some thirty times fewer than pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches of one label along the rows of a map, row by row.

    Attributes
    ----------
    shape : tuple of int
        Of the map.
    labels : ndarray of int64, (k,)
        The labels of the map, ascending, with 0 if it occurs.
    index : ndarray of int64, (n,)
        Which of the labels each run has.
    row, first, last : ndarray of int64, (n,)
        Where it is; both ends belong to it.
    """

    shape: tuple[int, int]
    labels: np.ndarray
    index: np.ndarray
    row: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Pixels of each run."""
        return np.asarray(self.last - self.first + 1)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of a value of the runs for each label, float64."""
        return np.bincount(self.index, weights=values, minlength=self.labels.size)

    def index_of(self, labels: np.ndarray) -> np.ndarray:
        """Return which of the labels of the map each value is."""
        most = int(self.labels[-1])
        if most <= 4 * max(self.shape[0] * self.shape[1], 1):
            table = np.zeros(most + 1, np.int64)
            table[self.labels] = np.arange(self.labels.size)
            return table[labels]
        return np.searchsorted(self.labels, labels)


def runs_of(grains: np.ndarray) -> Runs:
    """Return the runs of a map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x), at least one pixel.
    """
    height, width = grains.shape
    begins = np.ones(grains.shape, bool)
    np.not_equal(grains[:, 1:], grains[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], grains.size) - 1
    row, first = np.divmod(starts, width)
    values = np.ascontiguousarray(grains).ravel()[starts].astype(np.int64)
    if values.max(initial=0) <= 4 * grains.size:  # counting is much faster than sorting
        labels = np.flatnonzero(np.bincount(values))
        table = np.zeros(int(labels[-1]) + 1, np.int64)
        table[labels] = np.arange(labels.size)
        index = table[values]
    else:
        labels, index = np.unique(values, return_inverse=True)
    return Runs((height, width), labels, index, row, first, ends - row * width)
