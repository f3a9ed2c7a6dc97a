"""Ends of lines: found where a line stops, not at junctions, rims or rough sides."""

import numpy as np
import pytest

from napari_etch.grains.free_ends import free_ends, line_thickness


def cross(gap=(), thickness=1, size=60):
    """Return a plus of lines that reach the rim, with pieces of the right arm wiped out."""
    lines = np.zeros((size, size), bool)
    low, high = size // 2 - thickness // 2, size // 2 - thickness // 2 + thickness
    lines[low:high] = True
    lines[:, low:high] = True
    for start, stop in gap:
        lines[low:high, start:stop] = False
    return lines


@pytest.mark.parametrize("thickness", [1, 2, 3, 5])
def test_thickness_of_straight_lines(thickness):
    assert line_thickness(cross(thickness=thickness)) == pytest.approx(thickness, rel=0.15)


def test_no_lines_have_a_thickness_of_one_pixel():
    assert line_thickness(np.zeros((5, 5), bool)) == 1


@pytest.mark.parametrize("thickness", [1, 2, 3, 5])
def test_a_closed_network_has_no_free_ends(thickness):
    assert len(free_ends(cross(thickness=thickness), thickness)) == 0


@pytest.mark.parametrize("thickness", [1, 2, 3, 5])
@pytest.mark.parametrize("width", [5, 12])
def test_a_gap_has_two_ends_on_its_two_sides(thickness, width):
    ends = free_ends(cross([(40, 40 + width)], thickness), thickness)
    columns = sorted(ends[:, 1])
    assert len(columns) == 2
    assert columns[0] == pytest.approx(39, abs=thickness)
    assert columns[1] == pytest.approx(40 + width, abs=thickness)


def test_a_rough_line_has_no_ends_along_its_sides():
    lines = cross(thickness=3)
    lines[32, ::4] = True  # teeth
    lines[28, 2::6] = True
    assert len(free_ends(lines, line_thickness(lines))) == 0


def test_a_line_that_leaves_the_field_does_not_end():
    lines = cross()
    mask = np.ones(lines.shape, bool)
    mask[50:] = False
    lines[50:] = False
    assert len(free_ends(lines, 1.0, mask)) == 0
    assert len(free_ends(lines, 1.0)) == 1
