from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains import BASE_COLUMNS, build_region_graph


def random_map(seed: int = 0, shape=(40, 31), n: int = 9):
    rng = np.random.default_rng(seed)
    sites = rng.integers(0, min(shape), (n, 2))
    y, x = np.indices(shape)
    away = (y[..., None] - sites[:, 0]) ** 2 + (x[..., None] - sites[:, 1]) ** 2
    fragments = np.unique(away.argmin(-1), return_inverse=True)[1].reshape(shape).astype(np.int32)
    return fragments + 1, rng.random(shape).astype(np.float32)


def across(fragments, boundary):
    """Collect, pixel pair by pixel pair, the values on every shared edge."""
    found: dict[tuple[int, int], list[float]] = {}
    height, width = fragments.shape
    for y in range(height):
        for x in range(width):
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < height and u < width:
                    a, b = sorted((int(fragments[y, x]), int(fragments[v, u])))
                    if 0 < a != b:
                        value = max(boundary[y, x], boundary[v, u])
                        found.setdefault((a, b), []).append(value)
    return found


def test_edges_and_features_are_what_pixel_pairs_say():
    fragments, boundary = random_map()
    fragments[:, 20:23] = 0
    graph = build_region_graph(fragments, boundary)
    wanted = across(fragments, boundary)
    assert [tuple(edge) for edge in graph.edges.tolist()] == sorted(wanted)
    for row, edge in enumerate(sorted(wanted)):
        values = np.array(wanted[edge])
        assert graph.length[row] == values.size
        np.testing.assert_allclose(graph.strength[row], values.mean(), atol=1e-4)
        np.testing.assert_allclose(graph.column("std")[row], values.std(), atol=1e-3)
        for name, q in (("min", 0), ("p25", 0.25), ("median", 0.5), ("max", 1)):
            near = np.sort(values)[int(np.rint(q * (values.size - 1)))]
            np.testing.assert_allclose(graph.column(name)[row], near, atol=1e-4)


def test_areas_and_perimeters_belong_to_the_smaller_side():
    fragments = np.ones((10, 12), np.int32)
    fragments[2:5, 3:7] = 2
    graph = build_region_graph(fragments, np.zeros(fragments.shape, np.float32))
    np.testing.assert_array_equal(graph.areas, [0, 108, 12])
    row = dict(zip(graph.columns, graph.features[0].tolist(), strict=True))
    assert row["length"] == 14
    assert (row["area_small"], row["area_large"]) == (12, 108)
    assert row["sqrt_area_small"] == pytest.approx(12**0.5)
    assert row["perimeter_fraction"] == 1


def test_columns_name_the_features():
    fragments, boundary = random_map()
    graph = build_region_graph(fragments, boundary)
    assert graph.columns == BASE_COLUMNS
    assert graph.features.shape == (len(graph.edges), len(BASE_COLUMNS))
    assert graph.features.dtype == np.float32
    assert graph.n_fragments == fragments.max()
    with pytest.raises(KeyError, match="no feature column 'colour'"):
        graph.column("colour")


def test_one_fragment_has_no_edges():
    graph = build_region_graph(np.ones((4, 5), np.int32), np.zeros((4, 5), np.float32))
    assert graph.edges.shape == (0, 2)
    assert graph.features.shape == (0, len(BASE_COLUMNS))


@pytest.mark.parametrize("offset", [(0, 1), (0, 3), (0, 9), (0, -3), (0, -4), (0, 4)])
def test_affinities_are_read_at_the_link_whose_middle_is_on_the_edge(offset):
    fragments = np.ones((8, 40), np.int32)
    fragments[:, 20:] = 2
    where = np.arange(40)[None].repeat(8, 0).astype(np.float32) / 100
    down = np.full(fragments.shape, 0.3, np.float32)
    graph = build_region_graph(
        fragments,
        np.zeros(fragments.shape, np.float32),
        affinities=[where, down],
        offsets=[offset, (3, 0)],
    )
    assert graph.columns[-2:] == (f"affinity_{offset[0]}_{offset[1]}", "affinity_3_0")
    start = graph.features[0, -2] * 100
    assert abs((start + start + offset[1]) / 2 - 19.5) <= 0.5
    assert graph.features[0, -1] == np.float32(0.5)  # a link along the edge never crosses it
