"""What is doubtful in a map: on drawn tessellations whose truth is known."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_etch.corrections import Doubts
from napari_etch.grains.editing import EditError, GrainEditor, is_tiling

Made = tuple[np.ndarray, np.ndarray, np.ndarray]


def drawn(seed: int, side: int = 120, grains: int = 20) -> Made:
    """Return a tessellation, its boundary map with faint stretches, and a micrograph of it."""
    random = np.random.default_rng(seed)
    seeds = random.uniform(0, side, (grains, 2))
    rows, columns = np.indices((side, side))
    away = (rows[..., None] - seeds[:, 0]) ** 2 + (columns[..., None] - seeds[:, 1]) ** 2
    nearest = away.argmin(axis=-1).astype(np.int32) + 1
    labels = cc3d.connected_components(nearest, connectivity=4).astype(np.int32)
    lines = np.zeros((side, side))
    lines[1:] = labels[1:] != labels[:-1]
    lines[:, 1:] += labels[:, 1:] != labels[:, :-1]
    lines = ndi.gaussian_filter(np.minimum(lines, 1), 1.0) * 2
    fading = ndi.gaussian_filter(random.random((side, side)), 12)
    boundary = np.clip(lines * (0.4 + 0.6 * (fading > np.median(fading))), 0, 1)
    image = 0.7 - 0.4 * lines + random.normal(0, 0.02, lines.shape)
    return labels, boundary.astype(np.float32), image.astype(np.float32)


def joined(editor: GrainEditor, count: int, seed: int) -> set[int]:
    """Join some pairs of neighbours; return the labels of what became of them."""
    random, done = np.random.default_rng(seed), set()
    for label in random.permutation(editor.labels()).tolist():
        if not editor.area(label):
            continue
        beside = {n: size for n, size in editor.neighbours(label).items() if size > 12}
        if label in done or done & set(beside) or not beside or len(done) >= count:
            continue
        change = editor.merge([label, max(beside, key=lambda n: beside[n])])
        editor.apply(change)
        done |= set(change.touched)
    return done


def places(table: np.ndarray) -> dict[int, float]:
    inside = table[table["label_a"] == table["label_b"]]
    return dict(zip(inside["label_a"].tolist(), inside["confidence"].tolist(), strict=True))


def test_a_boundary_through_a_grain_s_inside_is_the_least_sure() -> None:
    labels, boundary, image = drawn(1)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    large = max(editor.labels().tolist(), key=editor.area)
    box = editor.bounding_box(large)
    half = np.zeros([axis.stop - axis.start for axis in box], bool)
    half[: half.shape[0] // 2] = True
    change = editor.split_off(large, half)
    editor.apply(change)
    false = tuple(sorted((large, *change.created)))[:2]
    table = Doubts(editor).table
    edges = table[(table["label_a"] != table["label_b"]) & (table["length"] >= 4)]
    worst = edges[edges["confidence"].argmin()]
    assert {worst["label_a"], worst["label_b"]} <= {large, *change.created}
    assert len(false) == 2


def test_the_micrograph_gives_a_second_opinion() -> None:
    """Half of the boundaries are faint in the map; the image shows all of them alike."""
    labels, boundary, image = drawn(2)
    alone = Doubts(GrainEditor(labels.copy(), boundary=boundary)).table
    both = Doubts(GrainEditor(labels.copy(), boundary=boundary, image=image)).table

    def sure(table: np.ndarray) -> float:
        edges = table[(table["label_a"] != table["label_b"]) & (table["length"] >= 8)]
        return float(np.quantile(edges["confidence"], 0.2))

    assert sure(both) > sure(alone)


def test_joined_grains_are_where_a_boundary_may_be_missing() -> None:
    labels, boundary, image = drawn(3)
    truth = labels.copy()
    editor = GrainEditor(labels, boundary=boundary, image=image)
    hidden = joined(editor, 4, seed=0)
    doubts = Doubts(editor)
    found = places(doubts.table)
    assert hidden <= set(found)
    assert max(found[label] for label in hidden) < 0.7
    for label in hidden:
        change = doubts.split(label)
        editor.apply(change)
        assert is_tiling(editor.grains)
        for part in (label, *change.created):
            true = truth[editor.grains == part]
            assert np.bincount(true).max() > 0.8 * true.size  # each part is one true grain


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_adding_a_boundary_and_undoing_it_gives_the_same_map_and_the_same_places(
    seed: int,
) -> None:
    labels, boundary, image = drawn(seed, side=70, grains=9)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    joined(editor, 2, seed)
    doubts = Doubts(editor)
    before = editor.grains.copy()
    for label in places(doubts.table):
        half = doubts.half(label)
        change = doubts.split(label)
        editor.apply(change)
        assert is_tiling(editor.grains)
        doubts.of([*change.touched, *change.created])
        editor.revert(change)
        np.testing.assert_array_equal(editor.grains, before)
        again = places(doubts.of([label, *change.created]))
        assert set(again) <= {label}
        if label in again:
            now = doubts.half(label)
            assert min((now ^ half).sum(), (now ^ ~half).sum()) <= 0.5 * half.size


def test_dismissed_places_do_not_come_back_and_others_do() -> None:
    labels, boundary, image = drawn(3)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    hidden = sorted(joined(editor, 2, seed=0))
    doubts = Doubts(editor)
    for label in hidden:
        lines = []
        for _ in range(10):
            half = doubts.half(label)
            box = editor.bounding_box(label)
            grain = editor.grains[box] == label
            lines.append(half & ndi.binary_dilation(grain & ~half))
            doubts.dismiss(doubts.line(label))
            if not doubts.places([label]).size:
                break
        else:
            pytest.fail("there is always another place")
        near = np.zeros(lines[0].shape, bool)
        for line in lines:
            assert near[line].mean() < 0.6
            near |= ndi.binary_dilation(line, iterations=2)


def test_what_is_not_dismissed_any_more_is_found_again() -> None:
    labels, boundary, image = drawn(3)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    first, second = sorted(joined(editor, 2, seed=0))
    doubts = Doubts(editor)
    half, lines = doubts.half(first), [doubts.line(first), doubts.line(second)]
    for label, line in zip((first, second), lines, strict=True):
        doubts.dismiss(line)
        doubts.places([label])
    assert not np.array_equal(doubts.half(first), half)
    doubts.dismiss_only(lines[1:])
    assert first in places(doubts.places([first]))
    assert (doubts.half(first) != half).mean() < 0.01  # a window's flooding may differ by a pixel
    beside = np.zeros(labels.shape, bool)
    beside[tuple(lines[1].T)] = True
    doubts.places([second])
    shown = ndi.binary_dilation(beside, iterations=2)[tuple(doubts.line(second).T)]
    assert not shown.size or shown.mean() < 0.6


def test_what_was_dismissed_stays_so_when_all_is_measured_anew() -> None:
    labels, boundary, image = drawn(3)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    label = sorted(joined(editor, 2, seed=0))[0]
    doubts = Doubts(editor)
    line = doubts.line(label)
    assert len(line) > 5 and (editor.grains[tuple(line.T)] == label).all()
    again = Doubts(editor, [line])
    shown = again.line(label)
    beside = np.zeros(labels.shape, bool)
    beside[tuple(line.T)] = True
    beside = ndi.binary_dilation(beside, iterations=2)
    assert beside[tuple(shown.T)].mean() < 0.6 if len(shown) else label not in places(again.table)


def test_a_boundary_that_was_removed_is_not_offered_as_a_missing_one() -> None:
    labels, boundary, image = drawn(5)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    doubts = Doubts(editor)
    clear = doubts.table[doubts.table["label_a"] != doubts.table["label_b"]]
    row = clear[np.argmax(clear["confidence"] * (clear["length"] > 12))]
    pair = int(row["label_a"]), int(row["label_b"])
    line = doubts.line_between(pair)
    change = editor.merge(pair)
    editor.apply(change)
    [label] = change.touched
    offered = places(doubts.of([label]))
    assert label in offered  # it is a clear boundary
    doubts.dismiss(line)
    doubts.places([label])
    seen = np.zeros(labels.shape, bool)
    seen[tuple(line.T)] = True
    shown = doubts.line(label)
    overlap = ndi.binary_dilation(seen, iterations=2)[tuple(shown.T)]
    assert overlap.size == 0 or overlap.mean() < 0.6


def test_without_a_boundary_map_nothing_is_known() -> None:
    labels, _boundary, image = drawn(4)
    table = Doubts(GrainEditor(labels, image=image)).table
    assert (table["label_a"] != table["label_b"]).all()
    np.testing.assert_allclose(table["confidence"], 0.5)


def test_accepted_grains_are_not_split() -> None:
    labels, boundary, image = drawn(3)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    label = next(iter(joined(editor, 1, seed=0)))
    doubts = Doubts(editor)
    editor.locked = {label}
    with pytest.raises(EditError, match="accepted"):
        doubts.split(label)


@pytest.mark.parametrize("hidden", [np.nan, np.inf])
def test_a_boundary_map_with_holes_is_taken_as_it_is(hidden: float) -> None:
    labels, boundary, image = drawn(5)
    boundary[:30, :30] = hidden
    labels[60:70, 60:70] = 0
    table = Doubts(GrainEditor(labels, boundary=boundary, image=image)).table
    assert np.isfinite(table["confidence"]).all()


def test_after_an_edit_a_huge_grain_is_not_flooded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_etch.corrections import doubts as module

    labels, boundary, image = drawn(3)
    editor = GrainEditor(labels, boundary=boundary, image=image)
    hidden = sorted(joined(editor, 2, seed=0))
    doubts = Doubts(editor)
    assert set(places(doubts.of(hidden))) == set(hidden)
    monkeypatch.setattr(module, "_MOST_PIXELS", 10)
    again = doubts.of(hidden)
    assert again.size
    assert not places(again)
