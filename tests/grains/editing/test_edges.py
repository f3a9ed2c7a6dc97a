from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains import partition
from napari_etch.grains.editing import EditError, GrainEditor, boundaries, boundaries_of
from napari_etch.grains.editing import pixel_pairs as module
from napari_etch.grains.editing.edges import made_by
from napari_etch.grains.editing.pixel_pairs import Groups, pairs_in


def test_boundaries_are_those_of_the_partition(tiling):
    _, boundary = tiling((200, 180), diameter=30, noise=0.05, seed=1)
    whole = partition(boundary)
    ours, theirs = boundaries(whole.grains, boundary), whole.edge_confidence()
    for name in ("label_a", "label_b", "length", "y", "x"):
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    np.testing.assert_allclose(ours["confidence"], theirs["confidence"], atol=0.05)


def test_strips_make_no_difference(tiling, monkeypatch):
    grains, boundary = tiling(seed=4)
    whole = boundaries(grains, boundary)
    monkeypatch.setattr(module, "_STRIP", 7 * grains.shape[1])
    np.testing.assert_array_equal(boundaries(grains, boundary), whole)


def test_the_boundaries_of_some_grains_are_read_from_their_window(tiling):
    grains, boundary = tiling(seed=4)
    grains[60:80, 60:80] = 0
    whole = boundaries(grains, boundary)
    editor = GrainEditor(grains, boundary=boundary)
    some = [int(grains[20, 20]), int(grains[140, 30])]
    of_these = np.isin(whole["label_a"], some) | np.isin(whole["label_b"], some)
    np.testing.assert_array_equal(boundaries_of(editor, [*some, 999]), whole[of_these])
    assert boundaries_of(editor, [999]).size == 0


def test_without_a_boundary_map_nothing_is_known():
    grains = np.array([[1, 1, 2], [1, 1, 2]], np.uint16)
    (only,) = boundaries(grains, None)
    assert only["confidence"] == 0.5
    assert only["length"] == 2


def test_one_grain_has_no_boundaries():
    assert boundaries(np.ones((3, 3), np.int32), None).size == 0


def test_maps_of_different_shapes_are_refused():
    with pytest.raises(EditError, match="differ in shape"):
        boundaries(np.ones((3, 3), np.int32), np.ones((3, 4), np.float32))


def test_a_change_made_the_boundaries_that_were_inside_a_grain_before():
    grains = np.ones((20, 30), np.int32)
    grains[:, 15:] = 2
    editor = GrainEditor(grains)
    change = editor.split_along([(10, 0), (10, 14)], snap=False)
    editor.apply(change)
    row = {(int(r["label_a"]), int(r["label_b"])): r for r in boundaries(editor.grains, None)}
    made = made_by(change, editor.grains)
    assert made == {(1, 3): row[1, 3]["length"]}  # with 2 there was a boundary before
    assert set(row) == {(1, 2), (1, 3), (2, 3)}
    change = editor.merge([1, 3])
    editor.apply(change)
    assert made_by(change, editor.grains) == {}


def test_a_quantile_is_one_of_the_values_of_its_group():
    rng = np.random.default_rng(3)
    grains = np.repeat([[1, 2, 3]], 40, axis=0).repeat(5, axis=1)
    pairs = pairs_in(grains, (slice(0, 40), slice(0, 15)))
    values = rng.permutation(pairs.y.size).astype(np.float32)
    found = Groups(pairs).quantile(values, 0.1)
    for which, low in enumerate((1, 2)):
        ours = np.sort(values[pairs.low == low])
        assert found[which] == ours[round(0.1 * (ours.size - 1))]
