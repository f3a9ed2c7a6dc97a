"""How far what was outlined speaks for another place: by its looks and by how near it is.

A facet is one thing: who says that a piece of it is intergranular has said so of all of it. Nothing
of that can be learnt by a classifier that knows only what a texture looks like anywhere. So each
place is also told how much it is like each of the outlined ones: a Gaussian of the distance in the
image times one of the difference in looks (texture, and brightness, which a facet has as a whole).
A regression on these is a Gaussian process with that kernel (Rasmussen and Williams 2006, chapter
3), by its Nyström approximation (Williams and Seeger 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

#: Reach along the image, as a part of its longer side. On real frames 0.025 to 0.055 do equally
#: well, 0.075 worse.
NEAR = 0.0375
#: Reach in looks, where 1 is the spread of the looks over the image.
ALIKE = 1.0
#: How many principal components of the texture are looked at, and what brightness counts beside.
COMPONENTS, BRIGHTNESS = 30, 0.7
#: Outlined places that stand for all, and the least share of the largest eigenvalue that counts.
MOST_LANDMARKS = 150
_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Likeness:
    """What places look like and where they are.

    Attributes
    ----------
    looks : float32 (n, m)
        Texture, whose squared length is 1 in the mean, and brightness.
    at : float32 (n, 2)
        Row and column, as a part of the longer side.
    """

    looks: npt.NDArray[np.float32]
    at: npt.NDArray[np.float32]

    def between(self, first: npt.NDArray[np.intp] | slice, second: npt.NDArray[np.intp]) -> Floats:
        """Return the kernel between places, (first, second), 1 between a place and itself."""
        apart = _squares(self.at[first], self.at[second]) / NEAR**2
        differ = _squares(self.looks[first], self.looks[second]) / ALIKE**2
        return np.asarray(np.exp(-0.5 * (apart + differ)), np.float32)


def likeness_of(features: npt.NDArray[np.float32], greys: npt.NDArray[np.float32]) -> Likeness:
    """Return what can be said of the likeness of the places of an image.

    Parameters
    ----------
    features : float32 (n, rows, columns)
        Of their texture, see `filters.place_features`.
    greys : float32 (k, rows, columns)
        Of their brightness, see `filters.place_greys`.
    """
    rows, columns = features.shape[1:]
    flat = features.reshape(len(features), -1)
    _, vectors = np.linalg.eigh(flat @ flat.T / flat.shape[1])
    texture = vectors[:, -COMPONENTS:].T @ flat
    texture /= np.sqrt((texture**2).sum(0).mean()) + 1e-6
    looks = np.concatenate([texture, BRIGHTNESS * greys.reshape(len(greys), -1)]).T
    at = np.indices((rows, columns)).reshape(2, -1).T / max(rows, columns)
    return Likeness(np.ascontiguousarray(looks, np.float32), np.ascontiguousarray(at, np.float32))


def likeness_to(places: npt.NDArray[np.intp], likeness: Likeness) -> npt.NDArray[np.float32]:
    """Return features of all places in which a linear model is one of likeness to some places.

    Parameters
    ----------
    places : integers (k,)
        Those that were outlined.
    likeness : Likeness

    Returns
    -------
    float32 (n, m)
        m is at most `MOST_LANDMARKS`; of places unlike all the outlined ones all are about 0.
    """
    if not len(places):
        return np.zeros((len(likeness.at), 0), np.float32)
    random = np.random.default_rng(0)
    marks = np.sort(random.permutation(places)[:MOST_LANDMARKS])
    values, vectors = np.linalg.eigh(likeness.between(marks, marks).astype(np.float64))
    kept = values > _LEAST * values.max()
    whiten = (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    return np.asarray(likeness.between(slice(None), marks) @ whiten, np.float32)


def _squares(first: Floats, second: Floats) -> Floats:
    """Return squared distances, (first, second)."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.maximum(squares, 0)
