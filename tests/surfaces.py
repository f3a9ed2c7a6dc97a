"""A made-up fracture surface: one half is smooth, the other is lined."""

from __future__ import annotations

import numpy as np


def half_lined(side=192, seed=0):
    """Return an image, uint8, and its classes: 1 left (smooth), 2 right (lines 8 px apart)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    image = 110 + 4 * random.normal(size=(side, side))
    lines = 60 * (np.sin(2 * np.pi * (y + 0.3 * x) / 8) > 0.6)
    image = image + np.where(x >= side // 2, lines, 0)
    classes = np.where(x < side // 2, 1, 2).astype(np.uint8)
    return np.clip(image, 0, 255).astype(np.uint8), classes


def two_patches(classes):
    """Return a small outlined area of each class of `half_lined`, uint8."""
    side = classes.shape[0]
    outlined = np.zeros_like(classes)
    outlined[side // 4 : side // 2, side // 8 : side // 4] = 1
    outlined[side // 4 : side // 2, 3 * side // 4 : 7 * side // 8] = 2
    return outlined
