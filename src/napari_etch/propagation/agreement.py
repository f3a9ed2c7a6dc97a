"""How far the boundaries of two sections go together, and whether a section shows anything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Maps = npt.NDArray[np.float32]

# Boundaries may have moved by so many px between two sections, in the network's scale.
REACH = 3
# A map is brought to its own typical strength: a faint section is as good a witness as another.
_TYPICAL, _LEAST = 98, 0.2


def agreement(one: Maps, two: Maps) -> float:
    """Return how far two boundary maps go together: 1 all of it, 0 no more than by chance.

    Parameters
    ----------
    one, two : float32 (y, x)
        Boundary probabilities of equal size.

    Returns
    -------
    float
        Mean of the share of one's boundary that lies within 3 px of two's and the reverse, each
        less what would lie there if it were anywhere. 0 where one of them is empty.
    """
    from scipy.ndimage import maximum_filter

    shares = []
    first, second = (
        each / max(float(np.percentile(each, _TYPICAL)), _LEAST) for each in (one, two)
    )
    for lines, other in ((first, second), (second, first)):
        total = float(lines.sum())
        if total < 1:
            return 0.0
        near = np.minimum(maximum_filter(other, 2 * REACH + 1), 1)
        chance = float(near.mean())
        shares.append((float((lines * near).sum()) / total - chance) / max(1 - chance, 1e-6))
    return max(0.0, sum(shares) / 2)


def _typical(lines: Maps) -> Maps:
    strength = max(float(np.percentile(lines, _TYPICAL)), _LEAST)
    return np.asarray(lines / strength, np.float32)


def certainty(boundary: Maps) -> float:
    """Return how sure a boundary map is of its lines, 0 to 1: its mean weighted by itself.

    `boundary` is float32 in [0, 1], of any shape; a map without lines is not sure of any.
    """
    total = float(boundary.sum())
    return float(np.square(boundary).sum()) / total if total > 0 else 0.0


def contrast(data: np.ndarray, mask: npt.NDArray[np.bool_]) -> float:
    """Return the spread of a section's grey values; 0 where nothing of it is specimen.

    `data` is (y, x), or (y, x, 3) for colours; `mask` is bool (y, x), True = specimen.
    """
    from napari_etch.micrograph.luminance import grey_values

    values = grey_values(data, is_rgb=data.ndim == 3).astype(np.float32, copy=False)
    inside = values[mask]
    return float(inside.std()) if inside.size else 0.0
