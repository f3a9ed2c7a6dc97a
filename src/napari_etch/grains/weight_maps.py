"""Weights of every pixel for boundary and for interior, by its place in its grain.

From the equations of the adaptive boundary weighting of WPU-Net. In a grain whose innermost pixel
is D px from the boundary, a pixel d px from it counts 10 exp(-d² / 2σ²) as boundary and
1 + 10 exp(-(D - d)² / 2σ²) as interior, with σ = D / 2.58; pixels on the line count 30 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Weight of a pixel on the line as boundary, and the height of the Gaussians.
ON_LINE, PEAK = 30.0, 10.0
#: The Gaussian falls to 1 % of its area beyond so many σ; D is that far from the line.
SIGMAS = 2.58


@dataclass(frozen=True, eq=False)
class WeightMaps:
    """Weights of a section, float32 (y, x).

    Attributes
    ----------
    boundary : float32 (y, x)
        O: 30 on lines, from 10 at them down to 0.36 in the middle of a grain.
    interior : float32 (y, x)
        B: 1 on lines, up to 11 in the middle of a grain.
    """

    boundary: npt.NDArray[np.float32]
    interior: npt.NDArray[np.float32]


def weight_maps(lines: npt.NDArray[np.bool_]) -> WeightMaps:
    """Return the weights of a section from its one-pixel lines.

    Parameters
    ----------
    lines : ndarray of bool, shape (y, x)
        Of the whole section: a crop cuts grains, and their D would be wrong. What 4-connected
        pixels enclose is a grain.

    Notes
    -----
    Every grain at once: distances are one transform, each D one maximum over labels. Without lines
    there is no distance, and the section counts as the middle of a grain.
    """
    from scipy.ndimage import distance_transform_edt, label, maximum

    if not lines.any():
        middle = PEAK * np.exp(-(SIGMAS**2) / 2)
        shape = lines.shape
        return WeightMaps(np.full(shape, middle, np.float32), np.full(shape, 1 + PEAK, np.float32))
    grains, count = label(~lines)
    distance = distance_transform_edt(~lines)
    deepest = np.concatenate([[0.0], maximum(distance, grains, np.arange(1, count + 1))])
    depth = deepest[grains]
    sigma = depth / SIGMAS + 1e-20
    boundary = PEAK * np.exp(-0.5 * (distance / sigma) ** 2)
    interior = 1 + PEAK * np.exp(-0.5 * ((depth - distance) / sigma) ** 2)
    boundary[lines], interior[lines] = ON_LINE, 1.0
    return WeightMaps(boundary.astype(np.float32), interior.astype(np.float32))
