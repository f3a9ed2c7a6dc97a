"""From EtchNet's raw channels to maps that do not depend on the direction in which it looked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# The short affinities' reach in px, and their channels (down, right); the boundary's is 0. The
# network also learns distance and longer affinities, which shape what it sees but have no reader.
REACH = 3
DOWN, RIGHT = 2, 3
# Channels of the maps that `read_heads` returns.
MAPS = ("boundary", "separation")


def read_heads(raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn logits into the probability of a boundary and of a separation.

    Parameters
    ----------
    raw : float32 (8, y, x)
        Boundary, distance and the affinities down and right at reaches of 3, 9 and 24 px, as
        logits.

    Returns
    -------
    float32 (2, y, x)
        Boundary probability; the larger, over the two directions, of P(the pixels 1.5 px before
        and after lie in two grains). Centred, so that mirrored passes can be averaged.
    """
    maps = np.empty((len(MAPS), *raw.shape[1:]), np.float32)
    maps[0] = _sigmoid(raw[0])
    down = _centred(_sigmoid(-raw[DOWN]), REACH, 0)
    right = _centred(_sigmoid(-raw[RIGHT]), REACH, 1)
    np.maximum(down, right, out=maps[1])
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
