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


# Doubt of an image of which nothing seems hidden, in log count.
_LEAST_DOUBT = 0.1


@dataclass(frozen=True)
class Calibration:
    """What is known, from other images, of how far the true number of grains is from the count.

    Two things are known, and the interval holds both. *What a person draws*: the log-odds that a
    link of the merge tree is drawn are ``offset + slope * log-odds(height)``, and all links of an
    image share a deviation from that, normal with the spread given: an etch, or a person, is strict
    or lenient with a whole image, not with each boundary anew. *What is there*, seen or not: the
    log-odds that a link is a boundary are ``hidden_offset + hidden_slope * log-odds(height)``, and
    the log of the true number over the number expected by that lies between `low` and `high` times
    the doubt of the image (`Links.doubt`) on 95 % of fresh virtual micrographs (split conformal
    prediction with a normalised score; Lei et al., J. Am. Stat. Assoc. 113, 1094, 2018).

    The defaults are the generalist's, see `docs/counting.md`; `training.count_calibration` makes
    others.

    Attributes
    ----------
    offset, slope, spread : float
    hidden_offset, hidden_slope, low, high : float
    """

    offset: float = 0.0
    slope: float = 2.0
    spread: float = 0.8
    hidden_offset: float = 1.8489
    hidden_slope: float = 2.023
    low: float = -1.1465
    high: float = 1.0016


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
        Of the height of each, 0 where the tree is cut; those that are always made are not among
        them.
    pieces : int
        Parts of the field that nothing links.
    calibration : Calibration
    """

    log_odds: npt.NDArray[np.float64]
    pieces: int
    calibration: Calibration

    @classmethod
    def of(cls, partition: Partition, calibration: Calibration) -> Links:
        """Return the links of a partition at its granularity."""
        tree = partition.tree
        log_odds = _log_odds(np.asarray(tree.heights[tree.heights >= 0], np.float64))
        # the threshold on heights that the granularity stands for, moved to even odds
        log_odds -= float(_log_odds(np.array([1 - partition.granularity]))[0])
        return cls(log_odds, tree.n_fragments - len(tree.heights), calibration)

    @property
    def count(self) -> int:
        """How many grains the cut makes."""
        return self.pieces + int((self.log_odds > 0).sum())

    @property
    def expected(self) -> float:
        """How many grains there are on average, seen or not."""
        how = self.calibration
        chance = _expit(how.hidden_offset + how.hidden_slope * self.log_odds)
        return self.pieces + float(chance.sum())

    @property
    def doubt(self) -> float:
        """How much of the number is guessed, in log count: what is expected beyond what is cut."""
        return _LEAST_DOUBT + abs(float(np.log(self.expected / max(self.count, 1))))

    def interval(self) -> tuple[int, int]:
        """Return the limits of the 95 % interval: what a person draws, and what is there."""
        low, high = self.drawn()
        how, doubt, expected = self.calibration, self.doubt, self.expected
        there = expected * np.exp(how.low * doubt), expected * np.exp(how.high * doubt)
        low, high = min(low, int(np.floor(there[0]))), max(high, int(np.ceil(there[1])))
        least = max(self.pieces, 1)
        return max(least, low), max(least, high)

    def drawn(self) -> tuple[int, int]:
        """Return the limits of what a person draws.

        Links are independent given the deviation that all share, so the number is normal around
        the sum of the probabilities; the deviation is drawn, with a fixed seed.
        """
        random = np.random.default_rng(0)
        how = self.calibration
        shift = how.spread * np.linspace(-3, 3, 61)
        chance = _expit((how.offset + how.slope * self.log_odds)[None] + shift[:, None])
        mean, spread = chance.sum(1), np.sqrt((chance * (1 - chance)).sum(1))
        shared = np.clip(random.normal(size=_DRAWS), -3, 3) * how.spread
        around = np.interp(shared, shift, mean) if how.spread else np.full(_DRAWS, mean[0])
        across = np.interp(shared, shift, spread) if how.spread else np.full(_DRAWS, spread[0])
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
