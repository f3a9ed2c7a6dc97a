"""What the Measure dock says: grain sizes as rows of a table, and sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_etch._widgets.sentences import sentence
from napari_etch.measure import METHODS, Measurement, MethodResult
from napari_etch.measure.report import (
    index_text,
    interval_text,
    measured_text,
    more_fields_text,
    range_text,
)

if TYPE_CHECKING:
    from napari_etch.measure.segmentation_range import SegmentationRange

Cell = tuple[str, str]


def size_rows(
    alone: Sequence[Measurement | None], together: Measurement | None
) -> tuple[list[str], list[list[Cell]]]:
    """Return titles and rows of the table of grain sizes.

    Parameters
    ----------
    alone : sequence of Measurement or None
        Of each layer; None where it could not be measured.
    together : Measurement or None
        Of all of them; None when they cannot be taken together.
    """
    several = len(alone) > 1
    names = [str(at + 1) for at in range(len(alone))] if several else ["G"]
    heads = ["Method", *names, *(["mean"] if several else []), "95 %"]
    rows = []
    for method in METHODS:
        cells: list[Cell] = [(method.title, f"{method.standard}: {method.note}")]
        found = [None if each is None else each.result(method.key) for each in alone]
        if not any(found):
            continue
        cells += [_cell(each) for each in found]
        whole = None if together is None else together.result(method.key)
        if several:
            cells.append(_cell(whole))
        cells.append(("", "") if whole is None else (interval_text(whole), _interval_tip(whole)))
        rows.append(cells)
    return heads, rows


def _cell(result: MethodResult | None) -> Cell:
    if result is None:
        return "", "This method found nothing to count."
    tip = f"{measured_text(result)}, G {result.grain_number:.3f}"
    if result.method.recalled:
        tip += "; rule recalled, not checked against the text of the standard"
    return f"{result.grain_number:.1f}", tip


def _interval_tip(result: MethodResult) -> str:
    accuracy = result.mean.relative_accuracy
    if accuracy is None:
        return "Too few counts for an interval."
    tip = f"From {result.mean.source}; {accuracy:.0f} % relative accuracy"
    if result.more_fields is not None:
        tip += f"; fields still needed for 10 %: {more_fields_text(result)}"
    return f"{tip}."


def about_text(
    together: Measurement | None,
    uncertainty: SegmentationRange | None,
    remarks: Sequence[str] = (),
) -> str:
    """Return what a reader should know beside the table of grain sizes.

    Parameters
    ----------
    together : Measurement or None
        Of all layers; None when there is none.
    uncertainty : SegmentationRange or None
    remarks : sequence of str
        What the layers say beside the measurement.
    """
    if together is None:
        return ""
    said = []
    ranged = range_text(uncertainty)
    if ranged:
        said.append(f"Segmentation: {ranged}.")
    said += _means(together)
    largest = together.largest
    said.append(f"Largest grain: G {largest.grain_number:.1f}. Structure: {together.duplex.name}.")
    if together.anisotropy is not None:
        found = together.anisotropy
        said.append(f"Anisotropy {index_text(found)}, longest at {found.along_deg:.0f}°.")
    said += [sentence(each) for each in (*remarks, *together.remarks)]
    return " ".join(said)


def _means(together: Measurement) -> list[str]:
    """Return the mean intercept and the mean area, which many ask for in place of G."""
    heyn, saltykov = together.result("heyn"), together.result("saltykov")
    said = []
    if heyn is not None:
        said.append(f"Mean intercept {1000 / heyn.mean.value:.4g} µm (lines).")
    if saltykov is not None:
        said.append(f"Mean area {1e6 / saltykov.mean.value:.4g} µm² (whole field).")
    return said


def spread_text(values: np.ndarray, weights: np.ndarray) -> str:
    """Return mean, median and standard deviation of what was measured of grains, as a sentence.

    Parameters
    ----------
    values : np.ndarray, (n,)
    weights : np.ndarray, (n,)
        All alike, or the areas of the grains; then half of the area lies below the median.
    """
    if values.size < 2:
        return ""
    mean = float(np.average(values, weights=weights))
    deviation = math.sqrt(float(np.average((values - mean) ** 2, weights=weights)))
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    median = float(np.interp(0.5, share - weights[order] / weights.sum() / 2, values[order]))
    return f"Mean {mean:.4g}, median {median:.4g}, standard deviation {deviation:.3g}."
