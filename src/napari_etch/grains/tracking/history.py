"""What becomes of a tracked grain: where it begins and ends, and in which other grain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Ints

COLUMNS = (
    "grain",
    "voxels",
    "sections",
    "first_section",
    "last_section",
    "began",
    "from_grain",
    "ended",
    "into_grain",
    "most_pieces",
    "largest_area_px",
    "centroid_z",
    "centroid_y_px",
    "centroid_x_px",
)
# A new grain that lies in another one by at least this share has split from it when it is at least
# that large beside it; a smaller one has appeared.
_LIES_IN = 0.5
_COMPARABLE = 0.25


@dataclass(frozen=True)
class TrackedGrain:
    """One row of the track table.

    Attributes
    ----------
    grain : int
        Its number in the 3D grain map.
    voxels : int
        Pixels in all sections, without those that were drawn for skipped ones.
    sections : int
        In how many sections it is.
    first_section, last_section : int
        From 0.
    began : str
        "first section" of the stack, "appears", or "split" from `from_grain`.
    ended : str
        "last section" of the stack, "disappears", or "merge" into `into_grain`.
    from_grain, into_grain : int or None
    most_pieces : int
        Grains of one section that were taken together, at most; 1 when none were.
    largest_area_px : int
        Its largest area in a section.
    centroid_z, centroid_y_px, centroid_x_px : float
        Centre of gravity; z in sections.
    """

    grain: int
    voxels: int
    sections: int
    first_section: int
    last_section: int
    began: str
    from_grain: int | None
    ended: str
    into_grain: int | None
    most_pieces: int
    largest_area_px: int
    centroid_z: float
    centroid_y_px: float
    centroid_x_px: float

    def as_row(self) -> dict[str, Any]:
        """Return it as a row of the table."""
        return asdict(self)


def histories(graph: SectionGraph, node_grain: npt.NDArray[np.int32]) -> tuple[TrackedGrain, ...]:
    """Return what becomes of every 3D grain.

    Parameters
    ----------
    graph : SectionGraph
    node_grain : ndarray of int32, shape (n,)
        3D grain of each node from 1 without gaps; 0 is none.

    Returns
    -------
    tuple of TrackedGrain
        Sorted by number.
    """
    used = np.flatnonzero(node_grain)
    if used.size == 0:
        return ()
    count = int(node_grain.max())
    section, area = graph.section[used], graph.area[used]
    which = node_grain[used].astype(np.int64) - 1
    depth = graph.shape[0]
    # a grain's share of each section that it is in, in the order of grain and section
    keys, index = np.unique(which * depth + section, return_inverse=True)
    pieces = np.bincount(index)
    areas = np.bincount(index, area).astype(np.int64)
    owner, at = np.divmod(keys, depth)
    starts = np.searchsorted(owner, np.arange(count))
    ends = np.searchsorted(owner, np.arange(count), side="right") - 1
    voxels = np.bincount(which, area, minlength=count)
    place = np.column_stack([section, graph.centroid[used]])
    centre = np.column_stack(
        [np.bincount(which, area * place[:, axis], minlength=count) / voxels for axis in range(3)]
    )
    sound = np.flatnonzero(~graph.is_skipped())
    origins = _relatives(graph, node_grain, at[starts], backward=True)
    heirs = _relatives(graph, node_grain, at[ends], backward=False)
    most = np.maximum.reduceat(pieces, starts)
    largest = np.maximum.reduceat(areas, starts)
    return tuple(
        TrackedGrain(
            grain=grain + 1,
            voxels=int(voxels[grain]),
            sections=int(ends[grain] - starts[grain] + 1),
            first_section=int(at[starts[grain]]),
            last_section=int(at[ends[grain]]),
            began=_word(at[starts[grain]] == sound[0], origins[grain], "first section"),
            from_grain=_number(origins[grain]),
            ended=_word(at[ends[grain]] == sound[-1], heirs[grain], "last section"),
            into_grain=_number(heirs[grain]),
            most_pieces=int(most[grain]),
            largest_area_px=int(largest[grain]),
            centroid_z=float(centre[grain, 0]),
            centroid_y_px=float(centre[grain, 1]),
            centroid_x_px=float(centre[grain, 2]),
        )
        for grain in range(count)
    )


def _word(at_the_end: bool, relative: int, end: str) -> str:
    first = end == "first section"
    if at_the_end:
        return end
    if relative:
        return "split" if first else "merge"
    return "appears" if first else "disappears"


def _number(relative: int) -> int | None:
    return int(relative) if relative else None


def _relatives(
    graph: SectionGraph, node_grain: npt.NDArray[np.int32], at: Ints, *, backward: bool
) -> Ints:
    """Return the grain that each one splits from (or merges into), 0 for none, (grains,).

    `at` is the section where each one begins (or ends).
    """
    near = graph.steps == 1
    links = graph.links[near] if not backward else graph.links[near][:, ::-1]
    own, other = node_grain[links[:, 0]], node_grain[links[:, 1]]
    here = graph.section[links[:, 0]]
    chosen = (own > 0) & (other > 0) & (own != other)
    chosen[chosen] = here[chosen] == at[own[chosen] - 1]
    links, shared = links[chosen], graph.overlap[near][chosen]
    own, other = own[chosen], other[chosen]
    count = at.size + 1
    keys, index = np.unique(own.astype(np.int64) * count + other, return_inverse=True)
    shared = np.bincount(index, shared, minlength=keys.size)
    mine, theirs = np.divmod(keys, count)
    area = _area_at(graph, node_grain, at)
    beside = np.zeros(keys.size)
    np.maximum.at(beside, index, graph.area[links[:, 1]])
    relative = (shared >= _LIES_IN * area[mine - 1]) & (area[mine - 1] >= _COMPARABLE * beside)
    result = np.zeros(at.size, np.int64)
    result[mine[relative] - 1] = theirs[relative]
    return result


def _area_at(graph: SectionGraph, node_grain: npt.NDArray[np.int32], at: Ints) -> Ints:
    """Return the area of each grain in its own section `at`."""
    used = np.flatnonzero(node_grain)
    which = node_grain[used] - 1
    there = graph.section[used] == at[which]
    return np.bincount(which[there], graph.area[used][there], minlength=at.size)
