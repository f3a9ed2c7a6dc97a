"""From maps to grains: edges are measured, judged and merged."""

import numpy as np
import pytest

from napari_etch.models.assemble import (
    COLUMNS,
    assemble,
    edge_table,
    fragment,
    judge,
    mean_along_edges,
)


def fields_of(size=96, faint=0.0):
    """Return the fields of two grains with a line between them; `faint` thins half of it."""
    boundary = np.zeros((size, size), np.float32)
    boundary[:, size // 2 - 1 : size // 2 + 1] = 0.9
    boundary[: size // 2] *= 1 - faint
    image = np.zeros_like(boundary)
    image[:, : size // 2] = 1
    fields = {name: boundary.copy() for name in ("separation3", "separation9", "separation24")}
    return {
        **fields,
        "boundary": boundary,
        "distance": 1 - boundary,
        "image": image,
        "grain_size_px": np.float32(40),
    }


def scorer_of(weight):
    """Return a scorer that looks at the log-odds of the boundary map's mean only."""
    weights = [0.0] * len(COLUMNS)
    weights[0] = weight
    return {"columns": list(COLUMNS), "weights": weights, "bias": 0.0}


def test_two_grains_are_two_grains():
    cut = assemble(fields_of(), None)
    assert cut.grains.dtype == np.int32 and cut.n_grains == 2
    assert len(np.unique(cut.grains[:, :40])) == 1


def test_masked_pixels_are_no_grain():
    mask = np.ones((96, 96), bool)
    mask[80:] = False
    grains = assemble(fields_of(), None, mask=mask).grains
    assert (grains[80:] == 0).all() and (grains[:80] > 0).all()


def test_the_scorer_decides_what_is_kept():
    strict = assemble(fields_of(), scorer_of(-5.0))
    assert strict.n_grains == 1
    assert assemble(fields_of(), scorer_of(5.0)).n_grains == 2


def test_table_has_a_column_for_each_name_and_is_finite():
    fields = fields_of(faint=0.5)
    fragments, graph = fragment(fields, None)
    table = edge_table(fields, fragments, graph)
    assert table.shape == (graph.length.size, len(COLUMNS)) and np.isfinite(table).all()
    assert table[:, COLUMNS.index("mean")].max() > 0.5


def test_mean_along_edges_agrees_with_the_graph():
    fields = fields_of(faint=0.3)
    fragments, graph = fragment(fields, None)
    one, two = mean_along_edges(fragments, graph, [fields["image"], np.full((96, 96), 7.0)])
    assert np.allclose(two, 7) and ((one >= 0) & (one <= 1)).all()


def test_a_scorer_of_another_version_is_refused():
    with pytest.raises(ValueError, match="fit it again"):
        judge(np.zeros((1, len(COLUMNS)), np.float32), {**scorer_of(1.0), "columns": ["mean"]})


def test_granularity_out_of_range_is_refused():
    with pytest.raises(ValueError, match="0 to 1"):
        assemble(fields_of(), None, granularity=1.5)
