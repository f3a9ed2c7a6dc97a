"""Outlines and filling are each other's way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_etch.labels.polygons import crosses_itself, fill_ring, joined, outlines

MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def painted(rings, shape):
    mask = np.zeros(shape, bool)
    for ring in rings:
        window, inside = fill_ring(ring, shape)
        mask[window] |= inside
    return mask


@settings(deadline=None)
@given(MASKS)
def test_the_outlines_of_a_mask_give_it_back(mask):
    rings = [joined(part) for part in outlines(mask)]
    assert np.array_equal(painted(rings, mask.shape), mask)
    assert not any(crosses_itself(ring) for ring in rings)


@settings(deadline=None)
@given(MASKS.filter(np.any))
def test_all_pieces_with_their_holes_fit_in_one_ring(mask):
    rings = [ring for part in outlines(mask) for ring in part]
    assert np.array_equal(painted([joined(rings)], mask.shape), mask)


@settings(deadline=None)
@given(MASKS)
def test_pixels_are_told_as_scikit_image_tells_them(mask):
    from skimage.draw import polygon2mask

    for part in outlines(mask):
        ring = joined(part)
        ours = painted([ring], mask.shape)
        assert np.array_equal(ours, polygon2mask(mask.shape, ring[:, ::-1] - 0.5))


def test_an_outline_has_only_the_points_where_it_turns():
    mask = np.zeros((6, 9), bool)
    mask[1:4, 2:7] = True
    ((ring,),) = outlines(mask)
    assert {tuple(point) for point in ring.tolist()} == {(2, 1), (7, 1), (7, 4), (2, 4)}


def test_what_lies_outside_is_cut_off():
    ring = np.array([(-50, -50), (3, -50), (3, 2), (-50, 2)], float)
    window, inside = fill_ring(ring, (10, 10))
    assert window == (slice(0, 2), slice(0, 3))
    assert inside.all()


def test_filling_does_not_depend_on_how_far_a_polygon_reaches():
    far = np.array([(2, 2), (1e9, 2), (1e9, 1e9), (2, 1e9)], float)
    window, inside = fill_ring(far, (5, 6))
    assert (window, inside.all()) == ((slice(2, 5), slice(2, 6)), True)


@pytest.mark.parametrize(
    ("points", "crosses"),
    [
        ([(0, 0), (4, 4), (4, 0), (0, 4)], True),
        ([(0, 0), (4, 0), (4, 4), (0, 4)], False),
        ([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)], False),  # touches
        ([(0, 0), (2, 0), (2, 4), (4, 4), (4, 2), (0, 2)], True),  # along the sides of pixels
        ([(0, 0), (2, 0), (2, 2), (4, 2), (4, 4), (2, 4), (2, 2), (0, 2)], False),
    ],
)
def test_a_bow_tie_crosses_itself(points, crosses):
    assert crosses_itself(np.array(points, float)) is crosses
