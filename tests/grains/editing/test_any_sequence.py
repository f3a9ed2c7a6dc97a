"""Whatever is done to a map, it stays a tiling, and every step can be taken back and done again."""

from __future__ import annotations

import cc3d
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_etch.grains.editing import EditError, GrainEditor, first_violation
from napari_etch.grains.editing.index import GrainIndex

# What may change where "not a grain" lies; all other gestures leave no gap and fill none.
MAY_OPEN = {"delete", "reassign", "paint"}
MAY_CLOSE = {"add", "wand", "fill_holes", "reassign", "paint"}


SCENES = st.fixed_dictionaries(
    {
        "shape": st.tuples(st.integers(4, 40), st.integers(4, 40)),
        "seed": st.integers(0, 2**16),
        "sigma": st.sampled_from([0.7, 2.0, 4.0]),
        "levels": st.sampled_from([2, 4, 8]),
        "dtype": st.sampled_from(["int32", "uint16", "int64"]),
        "masked": st.booleans(),
        "mapped": st.booleans(),
    }
)


def draw_scene(shape, seed, sigma, levels, dtype, masked, mapped):
    """Return a small tiling of any roughness, images over it, and the generator of the rest."""
    rng = np.random.default_rng(seed)
    rough = ndi.gaussian_filter(rng.random(shape), sigma)
    steps = np.digitize(rough, np.quantile(rough, np.linspace(0, 1, levels + 1)[1:-1])) + 1
    if masked:
        hidden = ndi.gaussian_filter(rng.random(shape), 2.0)
        steps[hidden > np.quantile(hidden, 0.85)] = 0
    grains = cc3d.connected_components(steps.astype(np.uint8), connectivity=4).astype(dtype)
    boundary = rng.random(shape).astype(np.float32) if mapped else None
    return grains, boundary, rough, rng


GESTURES = {
    "split_along": lambda e, r: e.split_along(stroke(e, r, 2, 5), snap=bool(r.integers(2))),
    "split_off": lambda e, r: e.split_off(*part_of_one(e, r)),
    "split_seeds": lambda e, r: e.split_seeds(r.permutation(pixels_of(e, r))[:3]),
    "merge": lambda e, r: e.merge(beside_each_other(e, r)),
    "merge_along": lambda e, r: e.merge_along(stroke(e, r, 2, 3)),
    "remove_boundary": lambda e, r: e.remove_boundary(place(e, r)),
    "redraw": lambda e, r: e.redraw(stroke(e, r, 2, 5), snap=bool(r.integers(2))),
    "delete": lambda e, r: e.delete(some_labels(e, r), absorb=bool(r.integers(2))),
    "add": lambda e, r: e.add(stroke(e, r, 3, 6)),
    "reassign": lambda e, r: e.reassign(stroke(e, r, 3, 6), e.label_at(place(e, r))),
    "fill_holes": lambda e, r: e.fill_holes(some_labels(e, r) if r.integers(2) else None),
    "smooth": lambda e, r: e.smooth(some_labels(e, r), radius=r.uniform(0.5, 3)),
    "wand": lambda e, r: e.wand(place(e, r), tolerance=r.uniform(0.02, 0.5)),
    "recut": lambda e, r: e.recut(stroke(e, r, 3, 6), r.uniform()),
}


def place(editor, rng):
    return rng.uniform(0, np.array(editor.grains.shape) - 1)


def stroke(editor, rng, least, most):
    high = np.array(editor.grains.shape) + 3
    return rng.uniform(-3, high, (int(rng.integers(least, most)), 2))


def some_labels(editor, rng):
    return rng.choice(editor.labels(), min(2, editor.count), replace=False).tolist()


def pixels_of(editor, rng):
    return np.argwhere(editor.grains == editor.label_at(place(editor, rng)))


def part_of_one(editor, rng):
    """Return a grain and some of its box, in pieces more often than not."""
    if not editor.count:  # all were deleted: there is no grain 1
        return 1, np.ones((1, 1), bool)
    label = rng.choice(editor.labels()).item()
    shape = [axis.stop - axis.start for axis in editor.bounding_box(label)]
    return label, rng.random(shape) < rng.choice([0.1, 0.5, 1.0])


def beside_each_other(editor, rng):
    label = editor.label_at(place(editor, rng))
    return [label, *list(editor.neighbours(label))[: int(rng.integers(1, 4))]]


def paint(editor, rng):
    """Paint a disc as a brush does, and repair; return the steps (window, before, after)."""
    grains = editor.grains
    y, x = rng.uniform(0, np.array(grains.shape) - 1)
    radius = rng.uniform(0.5, 6)
    rows, columns = np.ogrid[: grains.shape[0], : grains.shape[1]]
    disc = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    if not disc.any():
        return []
    inside = np.argwhere(disc)
    window = tuple(
        slice(int(a), int(b) + 1) for a, b in zip(inside.min(0), inside.max(0), strict=True)
    )
    before = grains[window].copy()
    value = rng.choice([0, *editor.labels().tolist(), int(grains.max()) + 5])
    grains[disc] = value
    editor.noted(window)
    steps = [(window, before, grains[window].copy())]
    change = editor.repair(window, before=before if rng.integers(2) else None)
    if change is not None:
        editor.apply(change)
        steps.append((change.window, change.before, change.after))
    assert editor.repair(window, before=grains[window].copy()) is None
    return steps


def assert_index(editor):
    fresh = GrainIndex(editor.grains)
    assert fresh.labels().tolist() == editor.labels().tolist()
    for label in fresh.labels().tolist():
        assert fresh.box(label) == editor.bounding_box(label)
        assert fresh.count(label) == editor.area(label)


def assert_described(change, editor, before):
    """Check that a change says what it did."""
    now = set(np.unique(editor.grains).tolist()) - {0}
    old = set(np.unique(before).tolist()) - {0}
    assert set(change.removed) == old - now
    assert set(change.created) == now - old
    moved = before != editor.grains
    concerned = {*np.unique(before[moved]).tolist(), *np.unique(editor.grains[moved]).tolist()}
    assert set(change.touched) == (concerned & old & now) - {0}


@settings(max_examples=100, deadline=None)
@given(SCENES, st.lists(st.sampled_from([*GESTURES, "paint"]), min_size=1, max_size=12))
def test_any_sequence_of_edits_keeps_the_tiling_and_can_be_undone_and_redone(scene, names):
    grains, boundary, image, rng = draw_scene(**scene)
    first = grains.copy()
    editor = GrainEditor(grains, boundary=boundary, image=image)
    steps = []
    for name in names:
        before = grains.copy()
        locked = set(some_labels(editor, rng)[:1]) if editor.count and rng.integers(2) else set()
        editor.locked = locked
        if name == "paint":
            editor.locked = set()
            steps += paint(editor, rng)
        else:
            try:
                change = GESTURES[name](editor, rng)
            except EditError:
                np.testing.assert_array_equal(grains, before)
                continue
            np.testing.assert_array_equal(grains, before)
            editor.apply(change)
            steps.append((change.window, change.before, change.after))
            assert_described(change, editor, before)
            kept = np.isin(before, list(locked))
            np.testing.assert_array_equal(grains[kept], before[kept], err_msg=name)
            assert not np.isin(grains[~kept], list(locked)).any(), name
        assert first_violation(grains) is None, name
        assert name in MAY_OPEN or not ((grains == 0) & (before != 0)).any(), name
        assert name in MAY_CLOSE or not ((grains != 0) & (before == 0)).any(), name
        assert_index(editor)
    last = grains.copy()
    for window, old, _ in reversed(steps):
        grains[window] = old
        editor.noted(window)
    np.testing.assert_array_equal(grains, first)
    assert_index(editor)
    for window, _, new in steps:
        grains[window] = new
        editor.noted(window)
    np.testing.assert_array_equal(grains, last)
    assert_index(editor)
