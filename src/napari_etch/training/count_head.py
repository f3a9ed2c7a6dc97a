"""A count read straight off frozen tokens: ridge regression on their mean and spread.

Where labels are masks, pieces of a mask are a poor count: what is a speck in one mask is none in
the next. How many there are of them in an image can be told from its tokens as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[np.float64]

#: Penalties that are tried, as multiples of the number of features.
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True, eq=False)
class CountHead:
    """A linear function of an image's features.

    Attributes
    ----------
    mean, scale : float64 (k,)
        By which features are centred and divided.
    weights : float64 (k,)
    level : float
        The mean count of what was learnt from.
    penalty : float
        Of `PENALTIES`.
    error : float
        Mean absolute error of the count on images whose group was left out, with that penalty.
    """

    mean: Array
    scale: Array
    weights: Array
    level: float
    penalty: float
    error: float

    def count(self, features: Array) -> Array:
        """Return the count of each image, float64 (n,), from features (n, k); none is below 0."""
        return np.maximum(self.level + ((features - self.mean) / self.scale) @ self.weights, 0.0)


def pooled(tokens: Tensor) -> Array:
    """Return mean and standard deviation of every channel, float64 (2 c,), of tokens (c, h, w)."""
    flat = tokens.float().flatten(1)
    found: Array = np.concatenate([flat.mean(1).numpy(), flat.std(1).numpy()]).astype(np.float64)
    return found


def fit_count_head(features: Array, counts: Array, groups: Sequence[str]) -> CountHead:
    """Fit a count head; the penalty is the one with the least error on groups left out.

    Parameters
    ----------
    features : float64 (n, k)
    counts : float64 (n,)
    groups : sequence of str
        The specimen of each image: images of one are alike, and would flatter each other.

    Raises
    ------
    ValueError
        When there are fewer than two groups.
    """
    names = np.asarray(groups)
    if len(set(groups)) < 2:
        raise ValueError("all images are of one specimen: a count head needs two or more.")
    errors = []
    for penalty in PENALTIES:
        found = np.zeros(len(counts))
        for name in np.unique(names):
            out = names == name
            found[out] = _fit(features[~out], counts[~out], penalty).count(features[out])
        errors.append(float(np.abs(found - counts).mean()))
    best = int(np.argmin(errors))
    return _fit(features, counts, PENALTIES[best], errors[best])


def _fit(features: Array, counts: Array, penalty: float, error: float = float("nan")) -> CountHead:
    """Solve in the space of the images, which are fewer than the features."""
    mean, scale = features.mean(0), features.std(0) + 1e-9
    centred, level = (features - mean) / scale, float(counts.mean())
    kernel = centred @ centred.T + penalty * centred.shape[1] * np.eye(len(centred))
    weights = centred.T @ np.linalg.solve(kernel, counts - level)
    return CountHead(mean, scale, weights, level, penalty, error)
