"""What clear boundaries of an image say about its doubtful ones."""

from __future__ import annotations

import numpy as np
import pytest

from napari_etch.corrections.opinion import even_strength, learn
from napari_etch.corrections.traces import TRACE_DTYPE, mean_intercept, traces


def seen(strength: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    table = np.zeros(strength.size, TRACE_DTYPE)
    table["label_a"], table["label_b"] = np.arange(strength.size), np.arange(strength.size) + 1
    table["length"], table["straight"] = 20, 0.8
    table["strength"], table["ridge"], table["step"] = strength, ridge, 0.02
    return table


def area(labels: np.ndarray) -> np.ndarray:
    return np.full(labels.shape, 400.0)


def test_a_doubtful_line_as_dark_as_the_clear_boundaries_is_likelier_one() -> None:
    random = np.random.default_rng(0)
    real = random.random(200) < 0.5
    strength = np.where(real, 0.9, 0.05) + random.normal(0, 0.02, 200)
    ridge = np.where(real, -0.3, 0.0) + random.normal(0, 0.03, 200)
    clear = seen(strength, ridge)
    opinion = learn(clear, area, clear[real])
    doubtful = seen(np.full(2, opinion.even), np.array([-0.3, 0.0]))
    dark, plain = opinion.confidence(doubtful, area)
    assert dark > 0.7
    assert plain < 0.3
    np.testing.assert_allclose(opinion.of_map(doubtful), 0.5, atol=1e-6)


def test_a_line_with_a_gap_is_less_likely_missing_than_a_faint_one() -> None:
    table = seen(np.full(3, 0.5), np.zeros(3))
    opinion = learn(table, area, table)
    faint = seen(np.full(2, 0.3), np.zeros(2))
    faint["weakest"] = 0.28, 0.02
    whole, gapped = opinion.of_missing(faint, area)
    assert whole > 2 * gapped
    faint["weakest"] = faint["strength"]  # no gap at all is more than is usual
    assert (opinion.of_missing(faint, area) > opinion.confidence(faint, area)).all()


@pytest.mark.parametrize("strength", [np.zeros(0), np.full(3, 0.8), np.full(60, np.nan)])
def test_where_nothing_can_be_learned_the_boundary_map_speaks_alone(strength: np.ndarray) -> None:
    table = seen(strength, np.zeros(strength.size))
    opinion = learn(table, area, table)
    probes = seen(np.array([0.2, opinion.even, 0.9]), np.array([-0.5, 0.0, 0.5]))
    np.testing.assert_allclose(opinion.confidence(probes, area), opinion.of_map(probes), rtol=1e-5)


def test_even_odds_follow_the_strength_of_the_image_within_limits() -> None:
    assert even_strength(seen(np.full(9, 0.8), np.zeros(9))) == pytest.approx(0.48)
    assert even_strength(seen(np.full(9, 0.1), np.zeros(9))) == pytest.approx(0.35)
    assert even_strength(seen(np.full(9, np.nan), np.zeros(9))) == pytest.approx(0.6)


def test_a_dark_line_between_grey_grains_is_measured_as_such() -> None:
    grains = np.ones((40, 40), np.int32)
    grains[:, 20:] = 2
    image = np.where(grains == 1, 0.5, 0.7).astype(np.float32)
    image[:, 19:21] = 0.1
    boundary = np.zeros((40, 40), np.float32)
    boundary[:, 20] = 0.8
    [edge] = traces(grains, boundary, image, beside=4)
    assert (edge["label_a"], edge["label_b"], edge["length"]) == (1, 2, 40)
    assert edge["strength"] == pytest.approx(0.8)
    assert edge["ridge"] == pytest.approx(-0.5, abs=1e-6)
    assert edge["step"] == pytest.approx(0.2, abs=1e-6)
    assert edge["straight"] == pytest.approx(1, abs=0.02)
    assert mean_intercept(grains) == pytest.approx(2 * 1600 / 40)
