"""Change an image's size; smooth, anti-aliased, fast at any size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# From this enlargement on a line is hardly wider than a pixel of the image.
KEPT_FROM = 1.5


def resize(
    image: npt.NDArray[np.float32], size: float | tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Return the image enlarged or reduced by a factor, or brought to a shape.

    Parameters
    ----------
    image : float32 (y, x)
    size : float or (int, int)
        Factor, or the new shape.

    Returns
    -------
    float32, a view of the same array when nothing changes.
    """
    shape = size if isinstance(size, tuple) else tuple(max(1, round(n * size)) for n in image.shape)
    if shape == image.shape:
        return image
    import torch
    from torch.nn import functional

    if min(image.strides) < 0:  # a single row that was mirrored is contiguous to numpy
        image = image.copy()
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None, None]
    result = functional.interpolate(tensor, size=shape, mode="bilinear", antialias=True)
    array: npt.NDArray[np.float32] = result[0, 0].numpy()
    return array


def brought_back(found: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return what was found in a resized image at the size of that image, its lines unweakened.

    Between grains of ten px there is hardly room for a line: the mean of an enlarged map over the
    pixels of the image is half as high as its ridges, and gaps come out of it. So of a map that
    was enlarged by `KEPT_FROM` or more each pixel gets the largest value in it.

    Parameters
    ----------
    found : float32 (y, x)
        A map of boundary strength.
    shape : (int, int)
    """
    if min(large / small for large, small in zip(found.shape, shape, strict=True)) < KEPT_FROM:
        return resize(found, shape)
    import torch
    from torch.nn import functional

    tensor = torch.from_numpy(np.ascontiguousarray(found))[None, None]
    result = functional.adaptive_max_pool2d(tensor, list(shape))
    array: npt.NDArray[np.float32] = result[0, 0].numpy()
    return array
