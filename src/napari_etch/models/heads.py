"""From EtchNet's raw channels to maps that do not depend on the direction in which it looked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Offsets in px of the affinity channels, in pairs (down, right); as the network was trained.
REACHES = (3, 9, 24)
# Channels of the maps that `read_heads` returns.
MAPS = ("boundary", "distance", "separation3", "separation9", "separation24")


def read_heads(raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn logits into probabilities and pairs of affinities into centred separations.

    Parameters
    ----------
    raw : float32 (8, y, x)
        Boundary, distance and the affinities down and right at each reach, as logits.

    Returns
    -------
    float32 (5, y, x)
        Boundary probability; distance (0 on the boundary, 1 far from it); for each reach r the
        larger, over the two directions, of P(the pixels r/2 before and after lie in two grains).
        Centred, so that mirrored and turned passes can be averaged.
    """
    maps = np.empty((len(MAPS), *raw.shape[1:]), np.float32)
    maps[:2] = _sigmoid(raw[:2])
    for index, reach in enumerate(REACHES):
        down = _centred(_sigmoid(-raw[2 + 2 * index]), reach, 0)
        right = _centred(_sigmoid(-raw[3 + 2 * index]), reach, 1)
        np.maximum(down, right, out=maps[2 + index])
    return maps


def _sigmoid(logit: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from scipy.special import expit

    result: npt.NDArray[np.float32] = expit(logit)
    return result


def _centred(apart: npt.NDArray[np.float32], reach: int, axis: int) -> npt.NDArray[np.float32]:
    """Move the value for (p, p + reach) to the middle; the rim repeats the last valid one."""
    size = apart.shape[axis]
    source = np.clip(np.arange(size) - reach // 2, 0, max(0, size - 1 - reach))
    return np.take(apart, source, axis=axis)
