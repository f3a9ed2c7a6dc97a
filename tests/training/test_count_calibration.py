from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_etch.counting import Calibration, Links
from napari_etch.training.count_calibration import (
    LEAST,
    Counted,
    fit_calibration,
    holds,
    interval_of,
)

#: How the pictures of these tests hide their boundaries.
OFFSET, SLOPE = 1.5, 0.7


def pictures(number, seed, strict=0.5):
    """Return images whose links are boundaries by known odds, shifted from image to image."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        odds = random.normal(0, 2, random.integers(60, 300))
        chance = 1 / (1 + np.exp(-(OFFSET + SLOPE * odds + strict * random.normal())))
        true = 1 + int((random.random(odds.size) < chance).sum())
        found.append(Counted(Links(odds, 1, Calibration()), true))
    return found


def test_what_is_expected_is_right_on_average_after_the_fit():
    fitted = fit_calibration(pictures(60, 1))
    fresh = pictures(60, 6)
    expected = [replace(image.links, calibration=fitted).expected for image in fresh]
    errors = [np.log(image.true / value) for image, value in zip(fresh, expected, strict=True)]
    assert abs(np.mean(errors)) < 0.04
    before = [np.log(image.true / image.links.expected) for image in fresh]
    assert np.std(errors) < np.std(before) or abs(np.mean(before)) > 0.1
    assert fitted.low < 0 < fitted.high
    assert (fitted.offset, fitted.slope, fitted.spread) == (0.0, 2.0, 0.8)


def test_the_interval_holds_its_share_of_fresh_images():
    fitted = fit_calibration(pictures(80, 2))
    fresh = pictures(100, 3)
    held = np.mean([holds(image, fitted) for image in fresh])
    assert held >= 0.92  # what a person draws is held too, so it may be more
    blind = replace(Calibration(), low=0.0, high=0.0)
    assert np.mean([holds(image, blind) for image in fresh]) < held


def test_more_doubt_among_images_makes_wider_intervals():
    narrow, wide = (fit_calibration(pictures(40, 4, strict)) for strict in (0.1, 1.5))
    image = pictures(1, 5)[0]
    narrow_low, narrow_high = interval_of(image, narrow)
    low, high = interval_of(image, wide)
    assert high / low > narrow_high / narrow_low


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="38 images are too few"):
        fit_calibration(pictures(LEAST - 1, 0))
