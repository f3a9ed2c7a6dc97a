"""Scratches are followed as far as they go, and filled in from both sides."""

import numpy as np
import pytest

from napari_etch.micrograph.scratches import fill_scratch, follow_scratch

HEIGHT, WIDTH = 200, 300
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)


def ground(noise=0.02):
    """Return a slope of brightness with noise."""
    slope = 0.3 + 0.4 * COLUMNS / WIDTH
    return (slope + np.random.default_rng(0).normal(0, noise, slope.shape)).astype(np.float32)


def scratched(depth, bend=0.0, first=20, last=280, width=1.0):
    """Return a picture with a scratch, how far each pixel is from it, and its middle row."""
    middle = 60 + 0.3 * COLUMNS + bend * np.sin(COLUMNS / 60)
    far = np.abs(ROWS - middle) / np.hypot(1, 0.3)
    profile = np.exp(-0.5 * (far / width) ** 2) * ((first <= COLUMNS) & (last >= COLUMNS))
    return (ground() + depth * profile).astype(np.float32), far, middle[0]


@pytest.mark.parametrize("depth", [-0.3, 0.25])
@pytest.mark.parametrize("bend", [0.0, 2.0])
def test_it_is_followed_from_where_it_was_seen(depth, bend):
    image, _, middle = scratched(depth, bend)
    found = follow_scratch(image, (middle[120], 120), (middle[180], 180), 30)
    assert found is not None and np.sign(found.contrast) == np.sign(depth)
    columns = found.path[:, 1]
    assert columns.min() == pytest.approx(20, abs=15) and columns.max() == pytest.approx(
        280, abs=15
    )
    rows = np.interp(columns, np.arange(WIDTH), middle)
    assert np.abs(found.path[:, 0] - rows).max() < 1.5


@pytest.mark.parametrize("width", [0.7, 1.5])
def test_filled_in_it_is_gone(width):
    image, far, middle = scratched(-0.3, width=width)
    found = follow_scratch(image, (middle[100], 100), (middle[200], 200), 30)
    before = image.copy()
    fill_scratch(image, found)
    core = (far < 1) & (COLUMNS > 40) & (COLUMNS < 260)
    slope = 0.3 + 0.4 * COLUMNS / WIDTH
    assert abs(float((before - slope)[core].mean())) > 0.2
    assert abs(float((image - slope)[core].mean())) < 0.02
    np.testing.assert_array_equal(image[far > 8], before[far > 8])


def test_a_boundary_that_it_crosses_goes_on():
    image, far, middle = scratched(-0.3)
    image[:, 150:] += 0.3  # another grain
    found = follow_scratch(image, (middle[100], 100), (middle[200], 200), 30)
    fill_scratch(image, found)
    left = image[(far < 2) & (COLUMNS > 130) & (COLUMNS < 145)].mean()
    right = image[(far < 2) & (COLUMNS > 155) & (COLUMNS < 170)].mean()
    assert right - left > 0.25


def test_a_step_and_noise_are_no_scratch():
    step = (ground() + 0.3 * (60 + 0.3 * COLUMNS < ROWS)).astype(np.float32)
    for image in (step, ground(), ground(0.0)):
        assert follow_scratch(image, (90.0, 100.0), (120.0, 200.0), 30) is None


def test_a_line_at_the_frame():
    image = ground()
    image[0] = 0
    found = follow_scratch(image, (0.0, 10.0), (0.0, 290.0), 30)
    if found is not None:
        fill_scratch(image, found)
    assert np.isfinite(image).all()
