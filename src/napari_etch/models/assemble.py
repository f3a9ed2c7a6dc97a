"""The generalist's way from maps to grains: flood, judge every shared edge, merge.

Each edge between two fragments is judged by a small network (two hidden layers) that was fitted on
virtual micrographs with known grains, so that its probability is calibrated and granularity 0.5
means the same in a clean optical image and in a noisy SEM frame. It sees the boundary map along the
edge, the other maps, the contrast between the two sides, sizes relative to the image's own grain
size, and how sure the boundary map is over the whole image.
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
EDGE_MAPS = ("distance", "separation3", "separation9", "separation24")
_FROM_GRAPH = ("mean", "median", "std", "min", "p10", "p25", "p75", "p90", "max")
COLUMNS = (
    *_FROM_GRAPH,
    *EDGE_MAPS,
    "length",
    "size_small",
    "size_large",
    "perimeter_fraction",
    "contrast",
    "roughness",
    "image_boundary",
    "image_sure",
    "image_rank",
)
# Least area of a grain, as a fraction of the square of the mean intercept, and in px.
LEAST_GRAIN = 0.02
LEAST_PX = 12.0


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
    if scorer is None:
        probability = graph.strength
    else:
        probability = judge(edge_table(fields, fragments, graph, grain_size), scorer)
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
    # The root lifts faint boundaries, so that they too part fragments; the scorer decides later.
    fragments = flood(np.sqrt(boundary), mask, scale=1.0)
    return fragments, build_region_graph(fragments, boundary)


def edge_table(
    fields: Mapping[str, Any],
    fragments: npt.NDArray[np.int32],
    graph: RegionGraph,
    grain_size: float,
) -> Float:
    """Return what the scorer looks at, float32 (edges, len(COLUMNS)); lengths in mean intercepts."""
    boundary = fields["boundary"]
    columns = [graph.column(name) for name in _FROM_GRAPH]
    columns += mean_along_edges(fragments, graph, [fields[name] for name in EDGE_MAPS])
    columns.append(graph.length / grain_size)
    columns.append(np.sqrt(graph.column("area_small")) / grain_size)
    columns.append(np.sqrt(graph.column("area_large")) / grain_size)
    columns.append(graph.column("perimeter_fraction"))
    contrast, rough = _sides(fields["image"], fragments, graph)
    columns += [contrast, rough]
    n = graph.length.size
    columns.append(np.full(n, boundary.mean() * grain_size / 10, np.float32))
    sure = float(np.abs(2 * graph.strength - 1).mean()) if n else 0.0
    columns.append(np.full(n, sure, np.float32))
    rank = np.argsort(np.argsort(graph.strength)) / max(1, n - 1)
    columns.append(rank.astype(np.float32))
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


def _sides(
    image: Float, fragments: npt.NDArray[np.int32], graph: RegionGraph
) -> tuple[Float, Float]:
    """Return the difference of the two sides' mean brightness over their spread, and that spread."""
    flat, values = fragments.ravel(), image.ravel()
    size = np.maximum(graph.areas, 1)
    mean = np.bincount(flat, values, minlength=size.size) / size
    square = np.bincount(flat, values * values, minlength=size.size) / size
    variance = np.maximum(square - mean**2, 0)
    a, b = graph.edges.T
    spread = np.sqrt(0.5 * (variance[a] + variance[b]))
    contrast = np.abs(mean[a] - mean[b]) / (spread + 0.05)
    return np.minimum(contrast, 6).astype(np.float32), spread.astype(np.float32)


def judge(table: Float, scorer: Mapping[str, Any]) -> Float:
    """Return the probability that each edge is a real boundary, float32 (edges,).

    Raises
    ------
    ValueError
        When the scorer was fitted on other columns.
    """
    if tuple(scorer["columns"]) != COLUMNS:
        raise ValueError("the edge scorer was fitted by another version: fit it again")
    hidden = (table - np.asarray(scorer["mean"])) / np.asarray(scorer["spread"])
    hidden = np.clip(hidden, -4, 4)
    layers = scorer["layers"]
    for index, layer in enumerate(layers):
        hidden = hidden @ np.asarray(layer["weight"]).T + np.asarray(layer["bias"])
        if index < len(layers) - 1:
            hidden = np.maximum(hidden, 0)
    probability: Float = (1 / (1 + np.exp(-hidden[:, 0]))).astype(np.float32)
    return probability
