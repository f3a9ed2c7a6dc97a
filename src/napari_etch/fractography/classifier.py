"""Logistic regression for few labels: many features, some hundred places, no more than a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Logistic:
    """A fitted multinomial logistic regression.

    Attributes
    ----------
    weights : float64 (features, classes)
    bias : float64 (classes,)
    trust : float
        What the prior's logits are multiplied by.
    """

    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    trust: float

    def probability(self, features: Floats, prior: Floats | None = None) -> Floats:
        """Return the probability of each class, (n, classes).

        Parameters
        ----------
        features : (n, features)
        prior : (n, classes), optional
            Log-probabilities of another judge, as in the fit.
        """
        logits = features @ self.weights + self.bias
        if prior is not None:
            logits = logits + self.trust * prior
        logits = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(logits / logits.sum(1, keepdims=True))


def fit_logistic(
    features: Floats,
    classes: npt.NDArray[np.integer],
    count: int,
    *,
    prior: Floats | None = None,
    ridge: float = 0.03,
    bias_ridge: float = 0.003,
    trust_ridge: float = 0.02,
    weights: Floats | None = None,
) -> Logistic:
    """Fit a logistic regression in which every class counts the same.

    Parameters
    ----------
    features : (n, features)
    classes : integers (n,), from 0
    count : int
        Number of classes.
    prior : (n, classes), optional
        Log-probabilities of another judge, such as a network: what the regression starts from. It
        learns only where to depart from it.
    ridge, bias_ridge, trust_ridge : float
        Penalties on the squares of the weights, the bias, and the departure of the trust from 1.
    weights : (n,), optional
        What each place counts within its class.

    Returns
    -------
    Logistic
    """
    from scipy.optimize import minimize

    n, width = features.shape
    target = np.eye(count)[classes]
    own = np.ones(n) if weights is None else np.asarray(weights, float)
    sums = target.T @ own
    present = max(1, int((sums > 0).sum()))
    own = own / (present * np.maximum(sums, 1e-12)[classes])
    given = np.zeros((n, count)) if prior is None else np.asarray(prior, float)
    seen = np.asarray(features, float)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        table = flat[: width * count].reshape(width, count)
        bias, trust = flat[width * count : -1], flat[-1]
        logits = seen @ table + bias + trust * given
        logits -= logits.max(1, keepdims=True)
        total = np.exp(logits).sum(1)
        value = float((own * (np.log(total) - (logits * target).sum(1))).sum())
        slope = own[:, None] * (np.exp(logits) / total[:, None] - target)
        value += 0.5 * ridge * float((table**2).sum()) + 0.5 * bias_ridge * float((bias**2).sum())
        value += 0.5 * trust_ridge * float((trust - 1) ** 2)
        gradient = np.concatenate(
            [
                (seen.T @ slope + ridge * table).ravel(),
                slope.sum(0) + bias_ridge * bias,
                [float((slope * given).sum()) + trust_ridge * (trust - 1)],
            ]
        )
        return value, gradient

    start = np.zeros(width * count + count + 1)
    start[-1] = 1.0
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return Logistic(
        found[: width * count].reshape(width, count), found[width * count : -1], float(found[-1])
    )
