"""From drawn labels to what a network learns: numbers without gaps, and where they are claimed.

Whoever drew the labels did not mean every pixel. What they left open must not be learnt as "no
boundary": thick zeros (mount, deposits, clusters that nobody traced) and lines that end inside a
grain are taken out of the loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: A drawn line is at most twice so thick, px; a thicker zero is a place where nothing was drawn.
LINE_HALF = 8.0
#: A boundary of the filled map may be so far from the middle of the line that was drawn, px.
SLACK = 1.5
#: Kinds of labels that a training folder may hold.
KINDS = ("grains", "boundary", "classes")

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels to learn from.

    Attributes
    ----------
    labels : int32 (y, x)
        Grain numbers without gaps; or classes, 0 where there is none.
    claimed : bool (y, x)
        Where they are meant.
    """

    labels: Labels
    claimed: Mask


def truth_of(picture: npt.NDArray[np.integer], kind: str) -> Truth:
    """Return what a picture of labels says.

    Parameters
    ----------
    picture : whole numbers or bool (y, x)
    kind : str
        ``grains``: one number a grain, 0 on lines and where there is none. ``boundary``: lines,
        whichever of zero and nonzero is the rarer. ``classes``: class numbers, 0 unlabelled.

    Raises
    ------
    ValueError
        When the kind is unknown.
    """
    if kind == "grains":
        return grains_truth(picture)
    if kind == "boundary":
        return boundary_truth(picture)
    if kind == "classes":
        return Truth(picture.astype(np.int32), picture != 0)
    raise ValueError(f"labels are {kind!r}: choose {', '.join(KINDS)}.")


def boundary_truth(picture: npt.NDArray[np.integer]) -> Truth:
    """Return the grains that drawn lines enclose.

    Parameters
    ----------
    picture : whole numbers or bool (y, x)
        Lines are nonzero; or zero, where most pixels are not.
    """
    from scipy.ndimage import label

    lines = picture != 0
    if 2 * np.count_nonzero(lines) > lines.size:
        lines = ~lines
    return grains_truth(label(~lines)[0])


def grains_truth(picture: npt.NDArray[np.integer]) -> Truth:
    """Return a grain map whose lines are given to the nearest grain, and where it is claimed.

    Parameters
    ----------
    picture : whole numbers (y, x), at least one of them positive
    """
    from napari_etch.grains.lines import nearest_grains

    drawn = picture > 0
    if drawn.all():
        return Truth(picture.astype(np.int32), np.ones(picture.shape, bool))
    filled, depth, empty = nearest_grains(picture, LINE_HALF, SLACK)
    labels = filled.astype(np.int32)
    open_ends = _open_ends(labels, np.where(drawn | empty, 0, depth))
    return Truth(labels, ~(empty | open_ends))


def _open_ends(labels: Labels, depth: npt.NDArray[np.floating]) -> Mask:
    """Return the pixels of lines that part no grains, a little widened."""
    from scipy.ndimage import distance_transform_edt

    line = depth > 0
    if not line.any():
        return line
    half = float(np.percentile(depth[line], 95))
    borders = changes(labels)
    if borders.any():
        line = line & (distance_transform_edt(~borders) > half + SLACK)
    if not line.any():
        return line
    widened: Mask = distance_transform_edt(~line) <= SLACK
    return widened


def changes(labels: npt.NDArray[np.integer]) -> Mask:
    """Return bool (y, x): the pixel differs from one of its four neighbours."""
    mask = np.zeros(labels.shape, bool)
    for first, second in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = labels[first] != labels[second]
        mask[first] |= differ
        mask[second] |= differ
    return mask


def unreviewed(grains: npt.NDArray[np.integer], reviewed: npt.NDArray[np.integer]) -> Mask:
    """Return an ignore mask: True on grains that nobody has looked at.

    The outline of a reviewed grain was looked at from both sides, so it stays.

    Parameters
    ----------
    grains : whole numbers (y, x)
    reviewed : whole numbers (n,)
        Labels of the grains that were accepted or edited.
    """
    from scipy.ndimage import distance_transform_edt

    seen = np.isin(grains, reviewed) & (grains > 0)
    if not seen.any():
        return np.ones(grains.shape, bool)
    mask: Mask = distance_transform_edt(~seen) > 2
    return mask
