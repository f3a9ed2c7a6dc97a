"""Describe how a micrograph looks: statistics of its grey values at several scales."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.corners import Corners

# Side of a patch that is described, px, and standard deviations of the scales it is looked at.
PATCH = 160
SCALES = (0.6, 1.0, 1.7, 2.8, 4.6, 7.5)
# Scales above these are looked at in pictures of a half and of a quarter the size.
HALF, QUARTER = 1.5, 4.0


def describe(patches: Tensor) -> Tensor:
    """Describe patches by statistics of their grey values at several scales.

    Parameters
    ----------
    patches : float32 (b, h, w), any brightness

    Returns
    -------
    float32 (b, f)
        Quantiles of the grey values; at each scale the spread, quantiles and correlations of the
        Laplacian of Gaussian, of both principal curvatures and of the gradient.
    """
    flat = patches.flatten(1)
    centred = patches - flat.mean(1)[:, None, None]
    centred = centred / (flat.std(1)[:, None, None] + 1e-6)
    found = [_quantiles(centred, (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98))]
    before, last = centred.new_zeros(0), centred.new_ones(())
    picture, step = centred, 1
    for sigma in SCALES:
        wanted = 1 if sigma < HALF else 2 if sigma < QUARTER else 4
        if wanted > step:
            picture, step = functional.avg_pool2d(picture[:, None], 2)[:, 0], wanted
            # its first pixel lies 1 px inside the picture: a half-size pixel begins at the second
            before = functional.avg_pool2d(before[:, None, 1:, 1:], 2)[:, 0]
        smooth = _smooth(picture, sigma / step)
        dy, dx, along, curved = _curvatures(smooth, sigma / step)
        gradient = torch.hypot(dy, dx)
        trace = along + curved
        size = trace.flatten(1).std(1, keepdim=True) + 1e-6
        found += [torch.log(size), torch.log(gradient.flatten(1).std(1, keepdim=True) + 1e-6)]
        found.append(torch.log(smooth.flatten(1).std(1, keepdim=True) + 1e-6))
        found.append(_quantiles(trace, (0.02, 0.1, 0.5, 0.9, 0.98)) / size)
        found += [_quantiles(part, (0.02, 0.5, 0.98)) / size for part in (along, curved, gradient)]
        if len(before):
            found.append(_together(before, trace) / (size * last))
        before, last = trace, size
    return torch.cat(found, 1)


def patches_of(
    image: npt.NDArray[np.float32],
    count: int,
    generator: torch.Generator,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Tensor:
    """Return random patches, float32 (count, PATCH, PATCH), of a micrograph (y, x).

    One that is smaller than a patch is continued by its mirror image. Patches lie where the mask is
    True, as far as it has room for them.
    """
    short = [(0, max(0, PATCH - side)) for side in image.shape]
    if any(after for _, after in short):
        image = np.pad(image, short, mode="symmetric")
        mask = None if mask is None else np.pad(mask, short, mode="symmetric")
    height, width = image.shape
    corners = Corners((height, width), PATCH, mask)
    cut = []
    for _ in range(count):
        top, left = corners.draw(lambda below: int(torch.randint(below, (1,), generator=generator)))
        cut.append(np.asarray(image[top : top + PATCH, left : left + PATCH], np.float32))
    return torch.from_numpy(np.stack(cut))


def _quantiles(pictures: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Return quantiles of each picture, (b, levels); of large ones, of every other row and column.

    Neighbouring pixels say nearly the same, and sorting them is what takes the time.
    """
    if pictures.shape[-1] > PATCH // 2 + 1:
        pictures = pictures[:, ::2, ::2]
    return torch.quantile(pictures.flatten(1), torch.tensor(levels), dim=1).T


def _together(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean product of two pictures, (b, 1); the rim by which they differ is left out."""
    height, width = (min(a, b) for a, b in zip(first.shape[-2:], second.shape[-2:], strict=True))
    inner = [item[:, :height, :width].flatten(1) for item in (first, second)]
    return (inner[0] * inner[1]).mean(1, keepdim=True)


def _smooth(images: Tensor, sigma: float) -> Tensor:
    """Return Gaussian-smoothed images, mirrored at the rim."""
    radius = max(1, round(3 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    line = line / line.sum()
    padded = functional.pad(images[:, None], (radius,) * 4, mode="reflect")
    return functional.conv2d(
        functional.conv2d(padded, line[None, None, None]), line[None, None, :, None]
    )[:, 0]


def _curvatures(images: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradient and the smaller and larger principal curvature, scale-normalised."""
    centre = images[:, 1:-1, 1:-1]
    dy = (images[:, 2:, 1:-1] - images[:, :-2, 1:-1]) * sigma / 2
    dx = (images[:, 1:-1, 2:] - images[:, 1:-1, :-2]) * sigma / 2
    yy = (images[:, 2:, 1:-1] + images[:, :-2, 1:-1] - 2 * centre) * sigma**2
    xx = (images[:, 1:-1, 2:] + images[:, 1:-1, :-2] - 2 * centre) * sigma**2
    corner = images[:, 2:, 2:] + images[:, :-2, :-2] - images[:, 2:, :-2] - images[:, :-2, 2:]
    xy = corner * sigma**2 / 4
    half, root = (xx + yy) / 2, torch.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return dy, dx, half - root, half + root
