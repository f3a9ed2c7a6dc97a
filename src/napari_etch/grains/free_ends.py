"""Where the lines of a boundary network end inside the field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["free_ends", "is_blunt_end", "line_thickness"]

Mask = npt.NDArray[np.bool_]
# A line that ends this near to the rim, beside half its thickness, leaves the field there.
_RIM = 2.0
# Radius of the disc: so many thicknesses, and so many px.
_DISC, _DISC_PX = 1.2, 1.5


def line_thickness(lines: Mask) -> float:
    """Return the mean thickness of lines, px: their area over the length of their skeleton.

    1.0 where there are no lines. `lines` are bool (y, x).
    """
    from skimage.morphology import skeletonize

    length = int(skeletonize(lines).sum())
    return max(1.0, float(lines.sum()) / length) if length else 1.0


def free_ends(lines: Mask, thickness: float, mask: Mask | None = None) -> npt.NDArray[np.intp]:
    """Return the places where a line ends without reaching another or the rim of the field.

    An end of the skeleton counts when the line, followed from there, leaves a small disc around it
    once or not at all: from the short side branches of a thick or ragged line it leaves more often.

    Parameters
    ----------
    lines : bool (y, x)
    thickness : float
        Of the lines, px.
    mask : bool (y, x), optional
        True on the field; its rim is an end of the world like that of the image.

    Returns
    -------
    ndarray of int, shape (n, 2)
        Rows and columns.
    """
    from scipy.ndimage import convolve
    from skimage.morphology import skeletonize

    skeleton = skeletonize(lines)
    neighbours = convolve(skeleton.astype(np.uint8), np.ones((3, 3), np.uint8), mode="constant")
    ends = np.argwhere(skeleton & (neighbours <= 2))
    if not len(ends):
        return ends
    ends = ends[_inside(ends, lines.shape, mask) > thickness / 2 + _RIM]
    radius = _DISC * thickness + _DISC_PX
    return ends[np.array([_exits(lines, place, radius) <= 1 for place in ends], bool)]


def is_blunt_end(lines: Mask, place: npt.NDArray[np.intp], thickness: float) -> bool:
    """Return whether the line ends at one of its pixels, skeleton or no skeleton.

    The skeleton of a short, thick stump has no end, and yet from a disc around its face the line
    leaves once. Near the rim nothing can be said, and the answer is no.

    Parameters
    ----------
    lines : bool (y, x)
    place : ndarray of int, shape (2,)
        Row and column of a pixel of the line.
    thickness : float
        Of the lines, px.
    """
    radius = _DISC * thickness + _DISC_PX
    far = np.minimum(place, np.array(lines.shape) - 1 - place).min()
    return bool(far > radius + _RIM) and _exits(lines, place, radius) <= 1


def _inside(
    places: npt.NDArray[np.intp], shape: tuple[int, ...], mask: Mask | None
) -> npt.NDArray[np.float64]:
    """Return the distance of places to the rim of the field, px."""
    far = np.minimum(places, np.array(shape) - 1 - places).min(1).astype(np.float64)
    if mask is None or mask.all():
        return far
    from scipy.ndimage import distance_transform_edt

    return np.minimum(far, distance_transform_edt(mask)[tuple(places.T)])


def _exits(lines: Mask, place: npt.NDArray[np.intp], radius: float) -> int:
    """Return how often the line through a place leaves the disc around it."""
    from scipy.ndimage import label

    reach = int(np.ceil(radius)) + 1
    top, left = np.maximum(place - reach, 0)
    window = lines[top : place[0] + reach + 1, left : place[1] + reach + 1]
    y, x = np.ogrid[: window.shape[0], : window.shape[1]]
    far = np.hypot(y - (place[0] - top), x - (place[1] - left))
    pieces, _ = label(window & (far <= radius), np.ones((3, 3), bool))
    own = pieces == pieces[place[0] - top, place[1] - left]
    # The disc's rim, and there the separate runs of the line.
    return int(label(own & (far > radius - 1.5), np.ones((3, 3), bool))[1])
