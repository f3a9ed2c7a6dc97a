"""What the micrograph itself says is surely a boundary and surely none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]

# Width of the ridges that are looked for, px at the working size.
RIDGE = 1.6
# Shares of pixels taken for boundary, the strongest, and for none, the weakest.
STRONGEST, WEAKEST = 0.08, 0.55


def ridges(image: Image) -> tuple[Image, bool]:
    """Return the ridge response, float32 (y, x), larger on boundaries, and whether they are dark.

    The larger principal curvature of the smoothed image, its sign by the longer tail; in a picture
    without grooves the gradient (steps between grains) is about as strong and is used with it.
    """
    from scipy.ndimage import gaussian_filter

    yy = gaussian_filter(image, RIDGE, order=(2, 0))
    xx = gaussian_filter(image, RIDGE, order=(0, 2))
    xy = gaussian_filter(image, RIDGE, order=(1, 1))
    half, root = (yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    dark, bright = half + root, root - half
    is_dark = bool(np.quantile(dark, 0.95) >= np.quantile(bright, 0.95))
    step = np.hypot(
        gaussian_filter(image, RIDGE, order=(1, 0)), gaussian_filter(image, RIDGE, order=(0, 1))
    )
    ridge = np.clip(dark if is_dark else bright, 0, None)
    return (ridge / (ridge.std() + 1e-6) + 0.5 * step / (step.std() + 1e-6)).astype(
        np.float32
    ), is_dark


def anchors(image: Image, mask: npt.NDArray[np.bool_]) -> Image:
    """Return target and weight, float32 (2, y, x): 1 on the strongest ridges, 0 on the weakest.

    Outside the mask the weight is 0.
    """
    response, _ = ridges(image)
    high, low = np.quantile(response[mask], (1 - STRONGEST, WEAKEST))
    target = (response >= high).astype(np.float32)
    weight = (((response >= high) | (response <= low)) & mask).astype(np.float32)
    return np.stack([target, weight])
