"""The graph of fragments: which of them touch, and what the boundary map says between them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BASE_COLUMNS", "RegionGraph", "build_region_graph"]

#: Columns of `RegionGraph.features` that are always there, in this order.
BASE_COLUMNS = (
    "mean",
    "median",
    "std",
    "min",
    "p10",
    "p25",
    "p75",
    "p90",
    "max",
    "length",
    "area_small",
    "area_large",
    "sqrt_area_small",
    "perimeter_fraction",
)
_QUANTILES = {
    "min": 0.0,
    "p10": 0.1,
    "p25": 0.25,
    "median": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "max": 1.0,
}

# One shared edge element is packed in 64 bits, smaller fragment | larger fragment | boundary value,
# so that a single sort (vectorised in numpy) groups edges and orders the values within each.
_ID_BITS = 24
_VALUE_BITS = 16
_VALUE_MAX = (1 << _VALUE_BITS) - 1
_MAX_FRAGMENTS = (1 << _ID_BITS) - 1
_THREADS = 2
_STRIP_PIXELS = 1 << 18

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RegionGraph:
    """Fragments that touch, with what lies between them.

    Parameters
    ----------
    edges : ndarray of int32, shape (n, 2)
        Fragment ids (1 … m) on the two sides, the smaller id first, sorted.
    length : ndarray of float32, shape (n,)
        Length of the shared edge: number of 4-neighbour pixel pairs across it.
    strength : ndarray of float32, shape (n,)
        Mean boundary map along the edge, in [0, 1].
    features : ndarray of float32, shape (n, f)
        What a scorer may look at; `columns` names them.
    columns : tuple of str
        Names of the feature columns: `BASE_COLUMNS`, then one for each affinity channel.
    areas : ndarray of float32, shape (m + 1,)
        Area in pixels of each fragment; entry 0 is the masked part and set to 0.
    """

    edges: npt.NDArray[np.int32]
    length: Float
    strength: Float
    features: Float
    columns: tuple[str, ...]
    areas: Float

    def column(self, name: str) -> Float:
        """Return one feature column, float32 (n,), by its name.

        Raises
        ------
        KeyError
            When there is no such column.
        """
        if name not in self.columns:
            raise KeyError(f"no feature column {name!r}; there are {', '.join(self.columns)}")
        return self.features[:, self.columns.index(name)]

    @property
    def n_fragments(self) -> int:
        """Number of fragments."""
        return self.areas.size - 1


def build_region_graph(
    fragments: npt.NDArray[np.int32],
    boundary: Float,
    *,
    affinities: Sequence[Float] | None = None,
    offsets: Sequence[tuple[int, int]] = (),
) -> RegionGraph:
    """Measure every shared edge of a fragment map.

    Parameters
    ----------
    fragments : ndarray of int32, shape (y, x)
        Fragment ids 1 … m, all used; 0 is masked and takes part in no edge.
    boundary : ndarray of float32, shape (y, x)
        Boundary map in [0, 1]. A pixel pair across an edge counts with the larger of its two
        values, since the ridge of a thin line lies on either side of the edge.
    affinities : sequence of ndarray of float32, shape (y, x), optional
        Probability that pixel p and p + offset lie in the same grain.
    offsets : sequence of (dy, dx)
        One offset in pixels for each affinity channel.

    Returns
    -------
    RegionGraph

    Raises
    ------
    ValueError
        When there are more than about 16 million fragments.
    """
    n = int(fragments.max(initial=0))
    if n > _MAX_FRAGMENTS:
        raise ValueError(f"{n} fragments are too many for one map: smooth the boundary map more")
    areas = _areas(fragments, n)
    keys = np.sort(_edge_elements(fragments, boundary))
    pair = keys >> np.uint64(_VALUE_BITS)
    first = (
        np.flatnonzero(np.concatenate(([True], pair[1:] != pair[:-1])))
        if keys.size
        else np.zeros(0, np.intp)
    )
    count = np.diff(np.append(first, keys.size))
    values = (keys & np.uint64(_VALUE_MAX)).astype(np.float32) / np.float32(_VALUE_MAX)
    edge_keys = pair[first]
    edges = np.stack(
        [edge_keys >> np.uint64(_ID_BITS), edge_keys & np.uint64(_MAX_FRAGMENTS)], axis=1
    ).astype(np.int32)

    table = _edge_features(values, first, count, edges, areas)
    columns: tuple[str, ...] = BASE_COLUMNS
    if affinities is not None:
        table.update(_affinity_features(fragments, edge_keys, affinities, offsets))
        columns += tuple(name for name in table if name not in BASE_COLUMNS)
    features = np.stack([table[name] for name in columns], axis=1).astype(np.float32)
    return RegionGraph(edges, table["length"], table["mean"], features, columns, areas)


def _areas(fragments: npt.NDArray[np.int32], n: int) -> Float:
    """Return the pixels of each fragment; short strips, as `bincount` casts what it counts."""
    rows = max(1, _STRIP_PIXELS // fragments.shape[1])
    strips = [fragments[top : top + rows] for top in range(0, fragments.shape[0], rows)]

    def count(strips: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.intp]:
        total = np.zeros(n + 1, np.intp)
        for strip in strips:
            low = strip.min()
            part = np.bincount((strip - low).ravel())
            total[low : low + part.size] += part
        return total

    with ThreadPoolExecutor(_THREADS) as pool:
        areas = sum(pool.map(count, [strips[i::_THREADS] for i in range(_THREADS)]))
    result = np.asarray(areas, np.float32)
    result[0] = 0
    return result


def _pairs(axis: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the slices of all pixels with a next neighbour on `axis`, and of those neighbours."""
    if axis == 0:
        return (slice(None, -1), slice(None)), (slice(1, None), slice(None))
    return (slice(None), slice(None, -1)), (slice(None), slice(1, None))


def _edge_elements(fragments: npt.NDArray[np.int32], boundary: Float) -> npt.NDArray[np.uint64]:
    """Return one packed key for each 4-neighbour pixel pair that two fragments share."""
    height = fragments.shape[0]
    strips = max(1, min(16, height // 64))
    starts = np.linspace(0, height, strips + 1).astype(int)

    def elements(strip: int) -> npt.NDArray[np.uint64]:
        top, stop = starts[strip], starts[strip + 1]
        down = slice(top, min(stop + 1, height))  # with the pairs to the row below
        here = slice(top, stop)
        return np.concatenate(
            [
                _pack(fragments[down], boundary[down], axis=0),
                _pack(fragments[here], boundary[here], axis=1),
            ]
        )

    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(elements, range(strips))))


def _pack(fragments: npt.NDArray[np.int32], boundary: Float, axis: int) -> npt.NDArray[np.uint64]:
    one, two = _pairs(axis)
    a, b = fragments[one], fragments[two]
    rows, cols = np.nonzero(a != b)
    a, b = a[rows, cols], b[rows, cols]
    value = np.maximum(boundary[one][rows, cols], boundary[two][rows, cols])
    shared = (a > 0) & (b > 0)
    if not shared.all():
        a, b, value = a[shared], b[shared], value[shared]
    low = np.minimum(a, b).astype(np.uint64)
    high = np.maximum(a, b).astype(np.uint64)
    level = (np.clip(value, 0, 1) * _VALUE_MAX + 0.5).astype(np.uint64)
    return (low << np.uint64(_ID_BITS) | high) << np.uint64(_VALUE_BITS) | level


def _edge_features(
    values: Float,
    first: npt.NDArray[np.intp],
    count: npt.NDArray[np.intp],
    edges: npt.NDArray[np.int32],
    areas: Float,
) -> dict[str, Float]:
    """Return the columns of `BASE_COLUMNS`; `values` are sorted within each edge."""
    if first.size == 0:
        return {name: np.zeros(0, np.float32) for name in BASE_COLUMNS}
    table: dict[str, Float] = {}
    mean = np.add.reduceat(values, first, dtype=np.float64) / count
    square = np.add.reduceat(values * values, first, dtype=np.float64) / count
    table["mean"] = mean.astype(np.float32)
    table["std"] = np.sqrt(np.maximum(square - mean * mean, 0)).astype(np.float32)
    for name, q in _QUANTILES.items():
        table[name] = values[first + np.rint(q * (count - 1)).astype(np.intp)]
    table["length"] = count.astype(np.float32)
    side = areas[edges]
    table["area_small"] = side.min(axis=1)
    table["area_large"] = side.max(axis=1)
    table["sqrt_area_small"] = np.sqrt(table["area_small"])
    perimeter = np.bincount(edges.ravel(), np.repeat(count, 2), minlength=areas.size)
    smaller = np.where(side[:, 0] <= side[:, 1], edges[:, 0], edges[:, 1])
    table["perimeter_fraction"] = (count / perimeter[smaller]).astype(np.float32)
    return table


def _affinity_features(
    fragments: npt.NDArray[np.int32],
    edge_keys: npt.NDArray[np.uint64],
    affinities: Sequence[Float],
    offsets: Sequence[tuple[int, int]],
) -> dict[str, Float]:
    """Return the mean of each channel over the pixel pairs that lie across an edge.

    Only links that straddle a shared edge with their middle are sampled: the cost then grows with
    the length of the edges, not with the area of the image times the reach of the offset.
    """
    sites = [np.stack(np.nonzero(_differs(fragments, axis)), axis=0) for axis in (0, 1)]
    where = np.concatenate(sites, axis=1)
    names = {}
    for channel, (dy, dx) in zip(affinities, offsets, strict=True):
        names[f"affinity_{dy}_{dx}"] = _mean_across(fragments, edge_keys, channel, (dy, dx), where)
    return names


def _differs(fragments: npt.NDArray[np.int32], axis: int) -> npt.NDArray[np.bool_]:
    one, two = _pairs(axis)
    return fragments[one] != fragments[two]


def _mean_across(
    fragments: npt.NDArray[np.int32],
    edge_keys: npt.NDArray[np.uint64],
    channel: Float,
    offset: tuple[int, int],
    where: npt.NDArray[np.intp],
) -> Float:
    step = np.array(offset)[:, None]
    limit = np.array(fragments.shape)[:, None]
    start = where - (step - np.sign(step)) // 2  # the pair's first pixel is just before the edge
    start = np.where(step < 0, where - step // 2, start)
    stop = start + step
    inside = ((start >= 0) & (start < limit) & (stop >= 0) & (stop < limit)).all(axis=0)
    start, stop = start[:, inside], stop[:, inside]
    a, b = fragments[tuple(start)], fragments[tuple(stop)]
    low, high = np.minimum(a, b).astype(np.uint64), np.maximum(a, b).astype(np.uint64)
    key = low << np.uint64(_ID_BITS) | high
    edge = np.searchsorted(edge_keys, key)
    found = (edge < edge_keys.size) & (edge_keys[np.minimum(edge, edge_keys.size - 1)] == key)
    edge = edge[found]
    total = np.bincount(edge, channel[tuple(start)][found], minlength=edge_keys.size)
    count = np.bincount(edge, minlength=edge_keys.size)
    # No link across: 0.5 says nothing either way.
    return np.where(count > 0, total / np.maximum(count, 1), 0.5).astype(np.float32)
