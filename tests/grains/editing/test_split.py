from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from napari_etch.grains.editing import EditError, GrainEditor, boundaries, is_tiling


def joined(tiling, **how):
    """Return truth, boundary map, and an editor in which the two largest neighbours are one."""
    truth, boundary = tiling((160, 160), diameter=40, **how)
    editor = GrainEditor(truth.copy(), boundary=boundary)
    pairs = {
        (label, other): shared
        for label in editor.labels().tolist()
        for other, shared in editor.neighbours(label).items()
        if label < other
    }
    pair = max(pairs, key=lambda key: pairs[key])
    editor.apply(editor.merge(pair))
    return truth, editor, pair


def shared_line(truth: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """Return the pixels beside the boundary of two grains, from one end to the other."""
    one, two = (truth == label for label in pair)
    near = np.zeros(truth.shape, bool)
    near[:-1] |= one[:-1] & two[1:] | two[:-1] & one[1:]
    near[:, :-1] |= one[:, :-1] & two[:, 1:] | two[:, :-1] & one[:, 1:]
    points = np.argwhere(near).astype(float)
    main = points - points.mean(axis=0)
    return points[np.argsort(main @ np.linalg.svd(main, full_matrices=False)[2][0])]


def misplaced(truth: np.ndarray, grains: np.ndarray, pair: tuple[int, int]) -> int:
    """Return how many pixels of two true grains lie on the wrong side of the cut."""
    inside = np.isin(truth, pair)
    found, true = grains[inside], truth[inside]
    kept = np.bincount(np.unique(found, return_inverse=True)[1][true == pair[0]]).max()
    other = np.bincount(np.unique(found, return_inverse=True)[1][true == pair[1]]).max()
    return int(inside.sum() - kept - other)


def test_a_snapped_split_follows_the_boundary_map_and_not_the_hand(tiling):
    truth, editor, pair = joined(tiling, seed=3)
    line = shared_line(truth, pair)
    hand = np.stack([line[3], line[len(line) // 2], line[-4]]) + np.array([2.5, -2.0])
    editor.apply(editor.split_along(hand))
    assert editor.count == np.unique(truth).size
    assert misplaced(truth, editor.grains, pair) < 0.6 * len(line)


@pytest.mark.parametrize("kind", ["u1", "u2", ">u2"])
def test_a_boundary_map_of_whole_numbers_is_followed_as_one_from_0_to_1(tiling, kind):
    """Clipped at 1 it was a mask."""
    truth, boundary = tiling((160, 160), diameter=40, seed=3)
    scaled = np.rint(boundary * np.iinfo(kind).max).astype(kind)
    editor = GrainEditor(truth.copy(), boundary=scaled)
    assert editor.boundary is not None
    assert np.allclose(editor.boundary, boundary, atol=1 / 255)
    drawn = (boundary > 0.5).astype(kind)
    assert GrainEditor(truth.copy(), boundary=drawn).boundary is drawn


@pytest.mark.parametrize("snap", [True, False])
@pytest.mark.parametrize("share", [(0.0, 1.0), (0.2, 0.8), (0.35, 0.65), (-0.3, 1.3)])
def test_a_stroke_too_short_or_too_long_closes_onto_the_outline(tiling, snap, share):
    truth, editor, pair = joined(tiling, seed=5)
    line = shared_line(truth, pair)
    start, stop = line[0], line[-1]
    ends = np.array([start + s * (stop - start) for s in share])
    change = editor.split_along(ends, snap=snap)
    editor.apply(change)
    assert is_tiling(editor.grains)
    assert len(change.created) == 1
    assert set(change.touched) | set(change.created) == {
        *np.unique(editor.grains[np.isin(truth, pair)]).tolist()
    }


def test_as_drawn_cuts_along_the_stroke():
    editor = GrainEditor(np.full((20, 30), 7, np.int32), boundary=np.zeros((20, 30), np.float32))
    change = editor.split_along([(-3, 12.2), (25, 12.2)], snap=False)
    editor.apply(change)
    assert change.message == "Split grain 7 into 7 and 8."
    np.testing.assert_array_equal(np.unique(editor.grains[:, :12]), [8])
    np.testing.assert_array_equal(np.unique(editor.grains[:, 13:]), [7])


def test_one_stroke_cuts_all_grains_that_it_crosses_and_spares_those_it_only_nicks():
    grains = np.repeat(np.arange(1, 5, dtype=np.int32), 20)[None].repeat(40, axis=0)
    editor = GrainEditor(grains)
    change = editor.split_along([(20, 17), (20, 62)])
    editor.apply(change)
    assert change.touched == (2, 3)
    assert change.message == "Split 2 grains into 4."


def test_a_grain_around_an_island_is_cut_through_both_sides():
    grains = np.ones((40, 40), np.int32)
    grains[15:25, 15:25] = 2
    editor = GrainEditor(grains)
    editor.apply(editor.split_along([(0, 20), (39, 20)], snap=False))
    assert is_tiling(editor.grains)
    assert editor.count == 4


def test_a_stroke_beside_all_grains_is_refused():
    editor = GrainEditor(np.zeros((9, 9), np.int32))
    with pytest.raises(EditError, match="touches no grain"):
        editor.split_along([(2, 2), (6, 6)])


@pytest.mark.parametrize("path", [[(1, 2)], [1, 2, 3], [(1, np.nan), (2, 2)]])
def test_what_is_no_stroke_is_refused(path):
    with pytest.raises(EditError, match="stroke"):
        GrainEditor(np.ones((9, 9), np.int32)).split_along(path)


def test_clicks_part_a_grain_along_the_boundary_map(tiling):
    truth, editor, pair = joined(tiling, seed=3)
    clicks = [np.argwhere(truth == label).mean(axis=0) for label in pair]
    editor.apply(editor.split_seeds(clicks))
    assert is_tiling(editor.grains)
    assert misplaced(truth, editor.grains, pair) < 0.6 * len(shared_line(truth, pair))


def test_each_of_three_clicks_gets_its_piece_without_a_boundary_map():
    editor = GrainEditor(np.ones((12, 30), np.uint16))
    editor.apply(editor.split_seeds([(6, 4), (6, 15), (6, 25)]))
    # The largest keeps the number.
    assert [editor.label_at((6, x)) for x in (4, 15, 25)] == [2, 1, 3]
    assert is_tiling(editor.grains)


def test_clicks_in_two_grains_are_refused():
    grains = np.ones((9, 9), np.int32)
    grains[:, 5:] = 2
    with pytest.raises(EditError, match="one and the same grain"):
        GrainEditor(grains).split_seeds([(2, 2), (2, 7)])


def ring(centre, radius, wobble=0.0):
    turn = np.linspace(0.3, 2 * np.pi, 24)
    radii = radius + wobble * np.cos(3 * turn)
    return np.stack([centre[0] + radii * np.sin(turn), centre[1] + radii * np.cos(turn)], 1)


@pytest.mark.parametrize("snap", [True, False])
def test_a_closed_stroke_cuts_out_an_island(snap):
    rows, columns = np.ogrid[:80, :90]
    away = np.hypot(rows - 40, columns - 45)
    boundary = np.exp(-0.5 * ((away - 18) / 1.2) ** 2).astype(np.float32)
    editor = GrainEditor(np.ones((80, 90), np.int32), boundary=boundary)
    editor.apply(editor.split_along(ring((40, 45), 19, wobble=2.5), snap=snap))
    assert is_tiling(editor.grains)
    assert editor.count == 2
    drawn_off = ((editor.grains == 2) != (away < 18)).sum()
    assert drawn_off < (150 if snap else 500)
    assert (editor.grains[:10] == 1).all()


def test_a_stroke_across_a_missing_boundary_finds_it(tiling):
    truth, editor, pair = joined(tiling, seed=3)
    middle = shared_line(truth, pair)
    middle = middle[len(middle) // 2]
    centres = [np.argwhere(truth == label).mean(axis=0) for label in pair]
    editor.apply(editor.split_along([middle + 0.5 * (centre - middle) for centre in centres]))
    assert misplaced(truth, editor.grains, pair) < 0.6 * len(shared_line(truth, pair))


def test_snapped_strokes_along_existing_boundaries_leave_no_slivers(tiling):
    grains, boundary = tiling((160, 160), diameter=40, seed=3)
    editor = GrainEditor(grains, boundary=boundary)
    rng = np.random.default_rng(0)
    for row in boundaries(grains, boundary):
        line = shared_line(grains, (int(row["label_a"]), int(row["label_b"])))
        if len(line) < 20:
            continue
        stroke = line[[1, len(line) // 3, 2 * len(line) // 3, -2]] + rng.normal(0, 1.5, (4, 2))
        with suppress(EditError):
            change = editor.split_along(stroke)
            made = [int((change.after == label).sum()) for label in change.created]
            assert min(made) > 30
