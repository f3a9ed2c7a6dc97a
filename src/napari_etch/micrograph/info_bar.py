"""Finding the information bar that an SEM prints under its image.

A bar is made of rows in which one grey level (the paper) fills most of the width exactly, broken
only by text and rules, and it begins with a sharp straight edge. Specimen is noisy or curved, so it
does neither.
"""

from __future__ import annotations

import numpy as np

_MIN_ROWS = 8
_MIN_SHARE, _MAX_SHARE = 0.01, 0.30  # of the image's height
_SEARCHED = 0.45  # lower part of the image that is looked at: the tallest bar and some specimen
_MARGIN_SHARE = 0.01  # specimen rows that may show under the bar (Zeiss leaves one)
_PAPER_IN_TEXT = 0.40  # least share of paper in a row of text
_PAPER_AT_EDGE = 0.70  # least share of paper or rule in the bar's first rows
_STEP = 0.30  # least rise of that share across the edge
_MAX_PAPER_ABOVE = 0.60  # share of paper in the specimen above, unless a rule separates the two
_RULE_ROWS = 6
_RULE_SHARE = 0.90
_TEXT_SHARE = (0.002, 0.5)  # of the bar's pixels that differ strongly from the paper
_TEXT_ROWS = 4
_TEXT_CONTRAST = 40.0  # grey levels of 255
# Exact paper first; the wide band is for bars that went through JPEG.
_TOLERANCES = (1.5, 10.0)
_NOWHERE = -1e4  # stands for NaN: like no paper, like no text


def find_info_bar(grey: np.ndarray) -> int | None:
    """First row of the SEM information bar at the bottom of an image.

    Parameters
    ----------
    grey : numpy.ndarray
        ``(y, x)``, any real type. NaN is ignored.

    Returns
    -------
    int or None
        None when the image has no bar. Text or a scale bar printed on the specimen is not a bar.
    """
    grey = np.asarray(grey)
    if grey.ndim != 2 or grey.shape[0] < 4 * _MIN_ROWS or grey.shape[1] < 4 * _MIN_ROWS:
        return None
    height = grey.shape[0]
    offset = int(height * (1 - _SEARCHED))
    levels = _levels(grey, offset)
    if levels is None:
        return None
    for tolerance in _TOLERANCES:
        for paper in _paper_candidates(levels, height):
            row = _bar_start(levels, paper, tolerance, height)
            if row is not None:
                return offset + row
    return None


def _levels(grey: np.ndarray, offset: int) -> np.ndarray | None:
    """Rows from `offset` on, on a scale of 0 to 255; None for a constant image."""
    if grey.dtype == np.uint8:
        part = grey[offset:].astype(np.float32)
        return part if part.min() < part.max() else None
    finite = grey[np.isfinite(grey)] if grey.dtype.kind == "f" else grey
    if finite.size == 0 or not finite.max() > finite.min():
        return None
    low, high = float(finite.min()), float(finite.max())
    part = (grey[offset:].astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.where(np.isfinite(part), part, np.float32(_NOWHERE))


def _margin(height: int) -> int:
    return max(2, round(_MARGIN_SHARE * height))


def _paper_candidates(levels: np.ndarray, height: int) -> list[float]:
    """The two commonest grey levels of the lowest rows."""
    rows = max(_MIN_ROWS, round(0.03 * height)) + _margin(height)
    lowest = np.clip(np.rint(levels[-rows:]), 0, 255).astype(np.intp)
    counts = np.bincount(lowest.ravel(), minlength=256)
    first = int(counts.argmax())
    counts[max(0, first - 3) : first + 4] = 0
    return [float(first), float(counts.argmax())]


def _bar_start(levels: np.ndarray, paper: float, tolerance: float, height: int) -> int | None:
    """First row, within `levels`, of a bar with this paper."""
    smallest = max(_MIN_ROWS, int(_MIN_SHARE * height))
    lowest = levels[-smallest - _margin(height) :]
    if (np.abs(lowest - paper) <= tolerance).mean(axis=1).max() < _PAPER_IN_TEXT:
        return None  # at once, for the many images without a bar
    share = (np.abs(levels - paper) <= tolerance).mean(axis=1)
    rule = _rules(levels, share, paper, tolerance)
    barlike = rule | (share >= _PAPER_IN_TEXT)
    bottom = len(share)
    while bottom > len(share) - _margin(height) and not barlike[bottom - 1]:
        bottom -= 1
    breaks = np.flatnonzero(~barlike[:bottom])
    top = int(breaks[-1]) + 1 if breaks.size else 0
    first = max(top, 2, bottom - int(_MAX_SHARE * height))
    last = bottom - smallest
    for row in range(first, last + 1):
        if _is_edge(share, rule, row, bottom) and _has_text(
            levels[row:bottom], rule[row:bottom], paper
        ):
            return row
    return None


def _rules(levels: np.ndarray, share: np.ndarray, paper: float, tolerance: float) -> np.ndarray:
    """Thin groups of rows that hold one level other than the paper over the width: frame lines."""
    rule = np.zeros(len(share), dtype=bool)
    for row in np.flatnonzero(share < _PAPER_IN_TEXT):
        line = levels[row]
        level = np.median(line)
        far = abs(level - paper) > _TEXT_CONTRAST
        rule[row] = far and (np.abs(line - level) <= 2 * tolerance).mean() >= _RULE_SHARE
    edges = np.flatnonzero(np.diff(np.concatenate(([False], rule, [False]))))
    for start, stop in edges.reshape(-1, 2):
        if stop - start > _RULE_ROWS:
            rule[start:stop] = False
    return rule


def _is_edge(share: np.ndarray, rule: np.ndarray, row: int, bottom: int) -> bool:
    """Whether a bar may begin at `row`: paper or a rule there, specimen directly above."""
    filled = np.where(rule, 1.0, share)
    inside, above = filled[row : row + 2].min(), filled[row - 2 : row].min()
    if inside < _PAPER_AT_EDGE:
        return False
    if rule[row] and not rule[row - 1] and share[row - 1] < _RULE_SHARE:
        return True
    if filled[row - 1] > inside - _STEP or above > inside - _STEP:
        return False
    window = share[max(0, row - (bottom - row)) : row]
    return bool(np.median(window) <= _MAX_PAPER_ABOVE)


def _has_text(bar: np.ndarray, rule: np.ndarray, paper: float) -> bool:
    """Whether the bar holds something printed besides rules and a frame at its sides."""
    side = max(2, bar.shape[1] // 50)
    inner = bar[~rule, side:-side]
    if inner.shape[0] < _TEXT_ROWS:
        return False
    printed = (np.abs(inner - paper) > _TEXT_CONTRAST) & (inner != _NOWHERE)
    low, high = _TEXT_SHARE
    rows = np.count_nonzero(printed.any(axis=1))
    return bool(rows >= _TEXT_ROWS and low <= printed.mean() <= high)
