"""Colours become grey values in one way."""

from __future__ import annotations

import numpy as np

from napari_etch.micrograph.luminance import grey_values, luminance


def test_colours_become_luminance_and_alpha_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (6, 5, 4), np.uint8)
    found = grey_values(colours, is_rgb=True)
    np.testing.assert_array_equal(found, luminance(colours[..., :3]))
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(found, colours[..., :3] @ weights, rtol=1e-5)
    assert found.dtype == np.float32


def test_grey_is_not_copied() -> None:
    stack = np.zeros((2, 4, 3), np.uint16)
    assert grey_values(stack, is_rgb=False) is stack
