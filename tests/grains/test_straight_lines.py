"""Scratches are told from boundaries: they are straight, and boundaries go on behind them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_etch.grains.straight_lines import straight_lines

SIDE, INTERCEPT = 400, 28.0
ROWS, COLUMNS = np.ogrid[:SIDE, :SIDE]


def grains(seed=0, side=SIDE):
    """Return the grains nearest to points at random, of a mean intercept of some 28 px."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, side, (round((side / INTERCEPT) ** 2 / 0.8), 2))
    far = (ROWS[..., None] - points[:, 0]) ** 2 + (COLUMNS[..., None] - points[:, 1]) ** 2
    return far.argmin(-1)


def drawn(lines):
    """Return lines as a network would see them, float32 in [0, 1]."""
    soft = gaussian_filter(lines.astype(np.float32), 1.0)
    return np.clip(2 * soft, 0, 1).astype(np.float32)


def sides(labels):
    lines = np.zeros(labels.shape, bool)
    lines[1:] |= labels[1:] != labels[:-1]
    lines[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return lines


def line(angle, off=0.0):
    """Return a line through the middle, `off` px beside it, at an angle in degrees."""
    turn = np.radians(angle)
    across = (ROWS - SIDE / 2) * np.cos(turn) - (COLUMNS - SIDE / 2) * np.sin(turn) - off
    return np.abs(across) < 0.8


def crossing(boundary):
    """Return lines across grains over four intercepts; two sides may lie in one line by chance."""
    found = straight_lines(boundary, INTERCEPT)
    return [each for each in found if each.crosses and each.length > 4 * INTERCEPT]


@pytest.mark.parametrize("angle", [0, 17, 45, 90, 130])
def test_a_line_across_grains(angle):
    found = crossing(drawn(sides(grains()) | line(angle)))
    assert found and found[0].length > 200
    turn = np.radians(angle)
    for y, x in (found[0].start, found[0].end):
        across = (y - SIDE / 2) * np.cos(turn) - (x - SIDE / 2) * np.sin(turn)
        assert abs(across) < 2


@pytest.mark.parametrize("seed", range(4))
def test_boundaries_alone(seed):
    assert not crossing(drawn(sides(grains(seed))))


def test_the_interface_of_two_materials_is_no_scratch():
    """What meets it on one side has no counterpart on the other."""
    above, below = grains(1), grains(2) + 10_000
    labels = np.where(ROWS < SIDE / 2, above, below)
    assert not crossing(drawn(sides(labels)))


@pytest.mark.parametrize("shear", [0, 0.5])
def test_square_grains_have_straight_sides(shear):
    labels = ROWS // 28 * 100 + (COLUMNS + (shear * ROWS).astype(int)) // 28
    assert straight_lines(drawn(sides(labels)), INTERCEPT) == []


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (40, 40)])
def test_small_and_empty_maps(shape):
    assert straight_lines(np.zeros(shape, np.float32), INTERCEPT) == []
    straight_lines(np.ones(shape, np.float32), INTERCEPT)
