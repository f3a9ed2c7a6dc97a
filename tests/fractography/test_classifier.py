"""Logistic regression: separates, starts from a prior, gives small classes their say."""

import numpy as np

from napari_etch.fractography.classifier import fit_logistic


def test_three_classes_are_told_apart():
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, 300)
    features = random.normal(size=(300, 4)) * 0.3
    features[np.arange(300), classes] += 2
    fitted = fit_logistic(features, classes, 3)
    assert (fitted.probability(features).argmax(1) == classes).mean() > 0.98


def test_with_features_that_say_nothing_the_prior_stands():
    prior = np.log(np.array([[0.9, 0.1], [0.2, 0.8]] * 20))
    classes = np.array([0, 1] * 20)
    found = fit_logistic(np.zeros((40, 3)), classes, 2, prior=prior)
    probability = found.probability(np.zeros((40, 3)), prior)
    assert (probability.argmax(1) == classes).all() and found.trust >= 1


def test_a_rare_class_counts_as_much_as_a_common_one():
    random = np.random.default_rng(1)
    classes = np.repeat([0, 1], [990, 10])
    features = random.normal(size=(1000, 1)) + 2 * classes[:, None]
    found = fit_logistic(features, classes, 2, ridge=1e-4, bias_ridge=1e-4)
    middle = found.probability(np.array([[1.0]]))[0, 1]
    assert 0.3 < middle < 0.7
