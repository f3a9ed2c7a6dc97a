"""What a place of a micrograph looks like: a bank of classical filters, at several scales.

Gradient, Laplacian of Gaussian, structure tensor (strength and coherence) and local spread, each
averaged over neighbourhoods from a few pixels to a facet: smooth faces, river lines and hackle
differ in how strong, how fine and how much alike in direction their edges are. No learning, no
download.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.models.resize import resize

Maps = npt.NDArray[np.float32]

#: The longer side, px, at which an image is looked at, and the pixels of it that make a place.
SIDE = 640
STEP = 4
# Widths of the filters, and of the neighbourhoods they are averaged over, px of that image.
WIDTHS = (0.7, 1.4, 2.8, 5.6)
AROUND = (3.0, 6.0, 12.0, 24.0)
# Of the neighbourhoods over which the answers are averaged once more, places.
FACETS = (1.5, 4.0)
# Widths over which brightness is averaged, px of that image.
GREYS = (2.0, 6.0)
_LEAST = 1e-5  # of an energy, so that its logarithm stays finite in flat areas


def place_features(image: Maps, specimen: npt.NDArray[np.bool_]) -> Maps:
    """Return the features of each place of an image.

    Parameters
    ----------
    image : float32 (y, x)
        As `models.prepare.prepare` gives it: mean 0, spread 1.
    specimen : bool (y, x)
        What is off the specimen counts as the image's mean.

    Returns
    -------
    float32 (n, rows, columns)
        Standardised over the specimen.
    """
    answers = [_at_places(each) for each in _answers(_small(image, specimen))]
    features = np.stack(answers)
    inside = resize(specimen.astype(np.float32), features.shape[1:]) > 0.5
    features = np.concatenate([features, *(_smoothed(features, sigma) for sigma in FACETS)])
    flat = features[:, inside] if inside.any() else features.reshape(len(features), -1)
    mean, spread = flat.mean(1), flat.std(1) + 1e-3
    standard: Maps = ((features - mean[:, None, None]) / spread[:, None, None]).astype(np.float32)
    return standard


def place_greys(image: Maps, specimen: npt.NDArray[np.bool_]) -> Maps:
    """Return how bright each place and its surroundings are, float32 (2, rows, columns).

    A facet is as bright as it is tilted, all of it. Parameters as of `place_features`; the spread
    of each is 1.
    """
    from scipy.ndimage import gaussian_filter

    small = _small(image, specimen)
    greys = np.stack([_at_places(gaussian_filter(small, width)) for width in GREYS])
    return np.asarray(greys / (greys.std((1, 2), keepdims=True) + 1e-3), np.float32)


def _small(image: Maps, specimen: npt.NDArray[np.bool_]) -> Maps:
    factor = min(1.0, SIDE / max(image.shape))
    return resize(np.where(specimen, image, np.float32(0)).astype(np.float32), factor)


def _answers(image: Maps) -> list[Maps]:
    """Return the answers of all filters, (y, x) each."""
    from scipy.ndimage import gaussian_filter, gaussian_laplace

    found: list[Maps] = []
    for width in WIDTHS:
        down = width * gaussian_filter(image, width, order=(1, 0))
        right = width * gaussian_filter(image, width, order=(0, 1))
        laplace = width**2 * gaussian_laplace(image, width)
        found.append(_log(down**2 + right**2))
        for around in AROUND:
            if around < 1.5 * width:
                continue
            yy, xx, yx, energy = (
                gaussian_filter(each, around)
                for each in (down**2, right**2, down * right, laplace**2)
            )
            strength = yy + xx
            coherence = np.sqrt((yy - xx) ** 2 + 4 * yx**2) / (strength + _LEAST)
            found += [_log(strength), coherence, _log(energy)]
    for around in AROUND:
        mean = gaussian_filter(image, around)
        found.append(_log(np.maximum(gaussian_filter(image**2, around) - mean**2, 0)))
    return found


def _log(energy: Maps) -> Maps:
    return np.asarray(0.5 * np.log(energy + _LEAST), np.float32)


def _at_places(picture: Maps) -> Maps:
    """Return the means over squares of STEP px; the last ones hold what is left."""
    rows, columns = (max(1, round(length / STEP)) for length in picture.shape)
    return resize(np.asarray(picture, np.float32), (rows, columns))


def _smoothed(features: Maps, sigma: float) -> Maps:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(features, (0, sigma, sigma)), np.float32)
