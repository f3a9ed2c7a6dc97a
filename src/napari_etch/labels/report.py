"""What reading or writing annotations left out or changed, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


class LabelsError(ValueError):
    """Annotations that cannot be read or written at all; one sentence for the user."""


@dataclass(frozen=True)
class Remark:
    """Something that did not come over as it was.

    Attributes
    ----------
    image : str
        Name of the image; empty when it is about the whole file.
    what : str
        Which thing, such as ``region 3 (i)``.
    why : str
        What was wrong with it, or what was done to it.
    is_skipped : bool
        Whether it was left out; otherwise it came over changed.
    """

    image: str
    what: str
    why: str
    is_skipped: bool = True

    def __str__(self) -> str:
        """Return it as one line."""
        words = [self.image, self.what, "skipped" if self.is_skipped else "", self.why]
        return ": ".join(word for word in words if word)


@dataclass(frozen=True)
class Report:
    """What came over, and what did not.

    Attributes
    ----------
    images : int
        Images that got labels.
    regions : int
        Regions, grains or masks that were taken.
    remarks : tuple of Remark
        In the order of the file.
    """

    images: int = 0
    regions: int = 0
    remarks: tuple[Remark, ...] = ()

    @property
    def skipped(self) -> tuple[Remark, ...]:
        """What was left out."""
        return tuple(remark for remark in self.remarks if remark.is_skipped)

    @property
    def changed(self) -> tuple[Remark, ...]:
        """What came over changed."""
        return tuple(remark for remark in self.remarks if not remark.is_skipped)

    def lines(self, most: int = 20) -> list[str]:
        """Return the report as lines: a summary, then the remarks, at most so many."""
        said = [self.summary()]
        said += [str(remark) for remark in self.remarks[:most]]
        left = len(self.remarks) - most
        if left > 0:
            kinds = Counter(remark.why for remark in self.remarks[most:])
            common = ", ".join(f"{count} × {why}" for why, count in kinds.most_common(3))
            said.append(f"… and {left} more ({common})")
        return said

    def summary(self) -> str:
        """Return how much came over, in one sentence."""
        images = "1 image" if self.images == 1 else f"{self.images} images"
        regions = "1 region" if self.regions == 1 else f"{self.regions} regions"
        said = f"{regions} on {images}"
        if self.skipped:
            said += f", {len(self.skipped)} skipped"
        if self.changed:
            said += f", {len(self.changed)} with a remark"
        return said + "."

    def as_json(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        return {
            "images": self.images,
            "regions": self.regions,
            "skipped": [str(remark) for remark in self.skipped],
            "changed": [str(remark) for remark in self.changed],
        }

    def __add__(self, other: Report) -> Report:
        """Return two reports as one."""
        return Report(
            self.images + other.images,
            self.regions + other.regions,
            (*self.remarks, *other.remarks),
        )


@dataclass
class Notes:
    """A report while it is being written."""

    images: int = 0
    regions: int = 0
    remarks: list[Remark] = field(default_factory=list)

    def skip(self, image: str, what: str, why: str) -> None:
        """Note that something was left out."""
        self.remarks.append(Remark(image, what, why))

    def change(self, image: str, what: str, why: str) -> None:
        """Note that something came over changed."""
        self.remarks.append(Remark(image, what, why, is_skipped=False))

    def report(self) -> Report:
        """Return the report."""
        return Report(self.images, self.regions, tuple(self.remarks))
