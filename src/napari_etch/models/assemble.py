"""The generalist's way from maps to grains: flood, judge every shared edge, merge.

Each edge between two fragments is judged by a logistic regression that was fitted on virtual
micrographs with known grains, so that its probability is calibrated and granularity 0.5 means the
same in a clean optical image and in a noisy SEM frame. It sees, as log-odds, the boundary map and
the other maps along the edge, and the edge's length in mean intercepts. A network with two hidden
layers and more features (contrast of the two sides, sizes, how sure the whole map is) fitted
virtual edges better and real micrographs no better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains import Partition, RegionGraph, agglomerate, build_region_graph
from napari_etch.grains.fragments import flood

Float = npt.NDArray[np.float32]

# Maps whose mean along an edge is a feature, besides the boundary map.
EDGE_MAPS = ("separation3", "separation9", "separation24", "distance")
COLUMNS = ("mean", "p25", *EDGE_MAPS, "length")
# Probabilities nearer to 0 or 1 than this count as certain.
CERTAIN = 0.005
# Least area of a grain, as a fraction of the square of the mean intercept, and in px.
LEAST_GRAIN = 0.02
LEAST_PX = 12.0
# The flooding's smoothing is 1 for the lines of grains of this mean intercept, px.
SMOOTHED = 40.0


def assemble(
    fields: Mapping[str, Any],
    scorer: Mapping[str, Any] | None,
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    granularity: float = 0.5,
    min_area: float | None = None,
) -> Partition:
    """Turn the generalist's fields into grains.

    Parameters
    ----------
    fields : mapping
        Maps named in `heads.MAPS`, float32 (y, x); ``image``, the prepared image;
        ``grain_size_px``, the mean intercept in px.
    scorer : mapping or None
        As `training.edge_scorer` writes it; the mean of the boundary map when None.
    mask, granularity, min_area
        As in `napari_etch.grains.partition`; `min_area` follows the grain size when not given.
    """
    if not 0 <= granularity <= 1:
        raise ValueError(f"granularity is {granularity}: choose a number from 0 to 1")
    grain_size = float(fields["grain_size_px"])
    fragments, graph = fragment(fields, mask)
    probability = graph.strength
    if scorer is not None:
        probability = judge(edge_table(fields, fragments, graph), scorer)
    if min_area is None:
        min_area = max(LEAST_PX, LEAST_GRAIN * grain_size**2)
    tree = agglomerate(graph.edges, probability, graph.length, graph.areas, min_area=min_area)
    whole = Partition(fragments, 1.0, fragments, graph, probability, tree)
    return whole.recut(granularity)


def fragment(
    fields: Mapping[str, Any], mask: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.int32], RegionGraph]:
    """Flood the maps into fragments smaller than grains, and measure what lies between them."""
    boundary = np.ascontiguousarray(fields["boundary"], np.float32)
    scale = float(np.clip(float(fields["grain_size_px"]) / SMOOTHED, 0.7, 4.0))
    # The root lifts faint boundaries, so that they too part fragments; the scorer decides later.
    fragments = flood(np.sqrt(boundary), mask, scale=scale)
    return fragments, build_region_graph(fragments, boundary)


def edge_table(
    fields: Mapping[str, Any], fragments: npt.NDArray[np.int32], graph: RegionGraph
) -> Float:
    """Return what the scorer looks at, float32 (edges, len(COLUMNS)): log-odds, and log length."""
    shares = [graph.column("mean"), graph.column("p25")]
    shares += mean_along_edges(fragments, graph, [fields[name] for name in EDGE_MAPS])
    shares[-1] = 1 - shares[-1]  # a large distance speaks against a boundary
    columns = []
    for share in shares:
        sure = np.clip(share, CERTAIN, 1 - CERTAIN)
        columns.append(np.log(sure / (1 - sure)))
    columns.append(np.log(graph.length / float(fields["grain_size_px"])))
    return np.stack(columns, 1).astype(np.float32)


def mean_along_edges(
    fragments: npt.NDArray[np.int32], graph: RegionGraph, maps: Sequence[Float]
) -> list[Float]:
    """Return each map's mean over the pixel pairs across every edge of the graph, float32 (edges,)."""
    n = len(graph.areas)
    known = graph.edges[:, 0].astype(np.int64) * n + graph.edges[:, 1]
    sums = [np.zeros(len(known)) for _ in maps]
    count = np.zeros(len(known))
    for one, two in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        first, second = fragments[one], fragments[two]
        where = np.flatnonzero((first != second).ravel())
        a, b = first.ravel()[where].astype(np.int64), second.ravel()[where].astype(np.int64)
        key = np.minimum(a, b) * n + np.maximum(a, b)
        inside = np.minimum(a, b) > 0
        edge = np.searchsorted(known, key[inside])
        count += np.bincount(edge, minlength=len(known))
        for total, values in zip(sums, maps, strict=True):
            pair = 0.5 * (values[one].ravel()[where] + values[two].ravel()[where])
            total += np.bincount(edge, pair[inside], minlength=len(known))
    return [(total / np.maximum(count, 1)).astype(np.float32) for total in sums]


def judge(table: Float, scorer: Mapping[str, Any]) -> Float:
    """Return the probability that each edge is a real boundary, float32 (edges,).

    Raises
    ------
    ValueError
        When the scorer was fitted on other columns.
    """
    if tuple(scorer["columns"]) != COLUMNS:
        raise ValueError("the edge scorer was fitted by another version: fit it again")
    odds = table @ np.asarray(scorer["weights"]) + float(scorer["bias"])
    probability: Float = (1 / (1 + np.exp(-odds))).astype(np.float32)
    return probability
