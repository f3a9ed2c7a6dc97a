"""What the user looked at: ignore masks of the rest, and corrections that lie beside a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.corrections import JournalError, Review, State, read_journal, summary_of
from napari_etch.corrections.facets import FacetReview
from napari_etch.corrections.places import journals_in
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.finding import base_name
from napari_etch.labels.report import LabelsError
from napari_etch.micrograph.reading import composed


def only_reviewed(
    each: Annotated,
    grains: Mapping[int, State] | None = None,
    classes: npt.NDArray[np.bool_] | None = None,
) -> Annotated:
    """Return an image of which nothing is learnt but what was accepted or edited.

    Parameters
    ----------
    each : Annotated
    grains : mapping of int to State, optional
        States of its grains.
    classes : ndarray of bool, shape (y, x), optional
        True where somebody judged the class map.

    Returns
    -------
    Annotated
        With an ignore mask; `made` has ``reviewed_share``, the share of labelled pixels.

    Raises
    ------
    LabelsError
        When nothing was reviewed.
    """
    if each.grains is not None:
        labelled = each.grains > 0
        seen = np.isin(each.grains, sorted(grains or ()))
    elif each.classes is not None:
        labelled = each.classes > 0
        seen = labelled & (np.zeros(each.shape, bool) if classes is None else classes)
    else:
        raise LabelsError(f"{each.name} has neither grains nor classes, so nothing is reviewed.")
    share = int(np.count_nonzero(labelled & seen)) / max(1, int(np.count_nonzero(labelled)))
    if not share:
        raise LabelsError(
            f"nothing of {each.name} was reviewed: accept or edit grains in the Correct dock, or "
            "export all of them"
        )
    ignore = labelled & ~seen
    if each.ignore is not None:
        ignore |= each.ignore
    return replace(each, ignore=ignore, made={**each.made, "reviewed_share": round(share, 6)})


@dataclass(frozen=True, eq=False)
class Correction:
    """A map as it was corrected last, and what was reviewed of it.

    Attributes
    ----------
    labels : ndarray of int
    edits : int
    notes : dict
        Of the journal.
    """

    labels: npt.NDArray[np.integer]
    edits: int
    notes: dict[str, Any] = field(repr=False)

    def states(self) -> dict[int, State]:
        """Return the states of grains."""
        return Review.states_from(self.notes)

    def judged(self, section: int = 0) -> npt.NDArray[np.bool_]:
        """Return where somebody judged a class map."""
        labels = self.labels if self.labels.ndim == 2 else self.labels[section]
        review = FacetReview(labels)
        review.restore(self.notes, section)
        return review.judged()


def correction_of(path: Path, shape: tuple[int, ...], *, made: str = "") -> Correction | None:
    """Return the newest correction of a map that lies beside it; None where there is none.

    Parameters
    ----------
    path : Path
        The file of the map.
    shape : tuple of int
        Of the map.
    made : str
        When its result was made, as `summary.json` says; "" where that is not known. Corrections
        that were begun before it are of an earlier map.
    """
    since = _seconds(made)
    for journal in journals_in(path.parent):
        summary = summary_of(journal)
        if summary is None or not _is_about(summary.about, path):
            continue
        if float(summary.about.get("began") or since) < since:
            continue
        try:
            back = read_journal(journal)
        except JournalError:
            continue  # begun and cut off: it holds nothing that is not in the map
        if back.grains.shape == shape:
            return Correction(back.grains, back.edits, dict(back.notes))
    return None


#: What is told of a map that is corrected in a napari that runs.
OPEN = (
    "it is being corrected in napari, and that is not taken along: save the layer or close napari "
    "first"
)


def is_open(path: Path) -> bool:
    """Return whether a running napari has edits of a map that no file but its journal holds."""
    for journal in journals_in(path.parent, in_use=True):
        summary = summary_of(journal)
        if summary is not None and summary.edits and _is_about(summary.about, path):
            return True
    return False


def _seconds(made: str) -> float:
    """Return a time of `summary.json` in seconds, as journals have it; 0 where it is none."""
    try:
        return datetime.fromisoformat(made).timestamp()
    except (ValueError, OverflowError, OSError):  # the latter for years that Windows does not know
        return 0.0


def _is_about(about: Mapping[str, Any], path: Path) -> bool:
    source = str(about.get("source_path") or "")
    return bool(source) and base_name(source) == composed(path.name)
