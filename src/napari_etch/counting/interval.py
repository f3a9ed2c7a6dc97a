"""Between which limits the number of grains lies, from how sure each boundary is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_etch.grains import Partition

__all__ = ["Calibration", "Links", "calibration_of", "calibration_of_card"]

# Log-odds beyond these are as good as certain, as in `grains.merge_tree`.
_SURE = 0.99
# What is certain there (0 or 1) stays so, whatever the calibration and the deviation.
_CERTAIN = 60.0
_DRAWS = 4000


@dataclass(frozen=True)
class Calibration:
    """From the height of a link of the merge tree to the odds that it is a boundary.

    The log-odds are ``offset + slope * log-odds(height)``, and all links of an image share a
    deviation from that, normal with the spread given: an etch, or a person who draws the lines, is
    strict or lenient with a whole image, not with each boundary anew.

    With the defaults the generalist's interval holds the drawn truth on seven of eight development
    images (`docs/counting.md`).

    Attributes
    ----------
    offset, slope, spread : float
    """

    offset: float = 0.0
    slope: float = 2.0
    spread: float = 0.8


def calibration_of(model: Any) -> Calibration:
    """Return the calibration that a model's card states as "count", or the default one."""
    return calibration_of_card(getattr(model, "card", {}))


def calibration_of_card(card: dict[str, Any]) -> Calibration:
    """Return the calibration that a card states as "count", or the default one."""
    stated = card.get("count")
    if isinstance(stated, dict):
        return Calibration(**{name: float(value) for name, value in stated.items()})
    return Calibration()


@dataclass(frozen=True, eq=False)
class Links:
    """The links of a merge tree, each a boundary or not.

    Attributes
    ----------
    log_odds : ndarray of float, (k,)
        That each is a boundary; those that are always made are not among them.
    pieces : int
        Parts of the field that nothing links.
    spread : float
        Of the deviation that all share.
    """

    log_odds: npt.NDArray[np.float64]
    pieces: int
    spread: float

    @classmethod
    def of(cls, partition: Partition, calibration: Calibration) -> Links:
        """Return the links of a partition at its granularity."""
        tree = partition.tree
        free = np.asarray(tree.heights[tree.heights >= 0], np.float64)
        log_odds = calibration.offset + calibration.slope * _log_odds(free)
        # the threshold on heights that the granularity stands for, moved to even odds
        log_odds -= calibration.slope * float(_log_odds(np.array([1 - partition.granularity]))[0])
        return cls(log_odds, tree.n_fragments - len(tree.heights), calibration.spread)

    def interval(self) -> tuple[int, int]:
        """Return the limits of the 95 % interval.

        Links are independent given the deviation that all share, so the number is normal around
        the sum of the probabilities; the deviation is drawn, with a fixed seed.
        """
        random = np.random.default_rng(0)
        shift = self.spread * np.linspace(-3, 3, 61)
        chance = _expit(self.log_odds[None] + shift[:, None])
        mean, spread = chance.sum(1), np.sqrt((chance * (1 - chance)).sum(1))
        drawn = np.clip(random.normal(size=_DRAWS), -3, 3) * self.spread
        around = np.interp(drawn, shift, mean) if self.spread else np.full(_DRAWS, mean[0])
        across = np.interp(drawn, shift, spread) if self.spread else np.full(_DRAWS, spread[0])
        counts = self.pieces + around + across * random.normal(size=_DRAWS)
        low, high = np.quantile(counts, (0.025, 0.975))
        least = max(self.pieces, 1)
        most = self.pieces + self.log_odds.size
        bounds = int(np.floor(low)), int(np.ceil(high))
        return max(least, bounds[0]), min(most, max(least, bounds[1]))


def _log_odds(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    clipped = np.clip(probability, 1 - _SURE, _SURE)
    odds: npt.NDArray[np.float64] = np.log(clipped / (1 - clipped))
    odds[probability <= 0], odds[probability >= 1] = -_CERTAIN, _CERTAIN
    return odds


def _expit(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.special import expit

    found: npt.NDArray[np.float64] = expit(values)
    return found
