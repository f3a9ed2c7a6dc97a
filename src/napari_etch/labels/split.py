"""Which images are learnt from, which are looked at meanwhile, and which are kept for the test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_etch.labels.names import PARTS
from napari_etch.labels.report import LabelsError


@dataclass(frozen=True)
class Split:
    """How images are split.

    Attributes
    ----------
    shares : tuple of float
        Of images in train, val and test; they add up to 1.
    by : str
        ``specimen``: images of one specimen stay together, for neighbours look alike; ``image``.
    seed : int

    Raises
    ------
    LabelsError
        For shares that are none.
    """

    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    by: str = "specimen"
    seed: int = 0

    def __post_init__(self) -> None:
        sound = all(math.isfinite(share) and share >= 0 for share in self.shares)
        if not sound or not math.isclose(sum(self.shares), 1, abs_tol=1e-6):
            raise LabelsError(
                f"The shares {', '.join(f'{share:g}' for share in self.shares)} of train, val and "
                "test do not add up to 1: give three such as 0.7,0.15,0.15."
            )
        if self.by not in ("specimen", "image"):
            raise LabelsError(f"A split is by specimen or by image, not by {self.by!r}.")

    @classmethod
    def parse(cls, text: str, by: str = "specimen", seed: int = 0) -> Split:
        """Return the split of a text such as ``0.7,0.15,0.15`` or ``80/20``.

        Numbers are taken in proportion; one that is missing is 0.
        """
        try:
            numbers = [float(part) for part in text.replace("/", ",").split(",")]
            total = math.fsum(numbers)
            if len(numbers) > 3 or min(numbers) < 0 or not total > 0 or math.isinf(total):
                raise ValueError
        except ValueError:
            raise LabelsError(
                f"{text!r} is no split: give the shares of train, val and test, such as 70,15,15."
            ) from None
        train, val, test = ([number / total for number in numbers] + [0.0, 0.0])[:3]
        return cls((train, val, test), by, seed)

    def parts(self, specimens: Mapping[str, str]) -> dict[str, str]:
        """Return the part of each image: ``train``, ``val`` or ``test``.

        Groups go, in random order and the largest first, where most is missing; a part with a
        share gets at least one group, for as long as there are groups.

        Parameters
        ----------
        specimens : mapping of str to str
            Specimen by image name; images without one are specimens of their own.
        """
        groups: dict[tuple[bool, str], list[str]] = {}
        for name, specimen in specimens.items():
            known = bool(specimen) and self.by == "specimen"
            groups.setdefault((known, specimen if known else name), []).append(name)
        order = sorted(groups)
        np.random.default_rng(self.seed).shuffle(order)  # type: ignore[arg-type]
        order.sort(key=lambda key: -len(groups[key]))
        shares = dict(zip(PARTS, self.shares, strict=True))
        wanted = {part: share * len(specimens) for part, share in shares.items()}
        given = dict.fromkeys((part for part in PARTS if wanted[part] > 0), 0)
        found: dict[str, str] = {}
        for at, key in enumerate(order):
            empty = [part for part in given if not given[part]]
            must = len(order) - at <= len(empty)
            part = max(empty if must else given, key=lambda part: wanted[part] - given[part])
            given[part] += len(groups[key])
            found |= dict.fromkeys(groups[key], part)
        return {name: found[name] for name in specimens}

    def missing(self, parts: Mapping[str, str]) -> list[str]:
        """Return the parts that should have images and have none."""
        wanted = [part for part, share in zip(PARTS, self.shares, strict=True) if share > 0]
        return [part for part in wanted if part not in parts.values()]
