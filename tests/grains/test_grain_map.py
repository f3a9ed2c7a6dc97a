from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from napari_etch.grains import boundary_lines, fragments, partition
from napari_etch.grains import grain_map as module

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))
FINE_TO_COARSE = (1.0, 0.8, 0.6, 0.5, 0.3, 0.0)


def assert_grain_map(grains: np.ndarray, mask: np.ndarray | None) -> None:
    """Check what every grain map promises."""
    assert grains.dtype == np.int32
    np.testing.assert_array_equal(grains > 0, True if mask is None else mask)
    labels = np.unique(grains[grains > 0])
    np.testing.assert_array_equal(labels, np.arange(1, labels.size + 1))
    for label in labels:
        assert ndi.label(grains == label)[1] == 1, f"grain {label} is in pieces"


def refines(fine: np.ndarray, coarse: np.ndarray) -> bool:
    pairs = np.unique(np.stack([fine.ravel(), coarse.ravel()]), axis=1)
    return np.unique(pairs[0]).size == pairs.shape[1]


@st.composite
def maps(draw):
    """Draw a rough or smooth boundary map with plateaus, and a mask with islands or none."""
    shape = draw(SHAPES)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    sigma = draw(st.sampled_from([0.0, 1.0, 3.0]))
    boundary = ndi.gaussian_filter(rng.random(shape), sigma)
    boundary = (boundary - boundary.min()) / max(np.ptp(boundary), 1e-6)
    levels = draw(st.sampled_from([1, 3, 1000]))
    boundary = np.round(boundary * levels) / levels
    mask = draw(st.one_of(st.none(), hnp.arrays(bool, shape)))
    return boundary.astype(np.float32), mask


@settings(max_examples=60, deadline=None)
@given(
    maps(),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.sampled_from([0.0, 30.0]),
    st.sampled_from([8, 1024]),
)
def test_any_map_becomes_a_tiling_that_coarser_cuts_only_merge(case, scale, least, block):
    boundary, mask = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fragments, "_BLOCK", block)
        whole = partition(boundary, mask=mask, scale=scale, min_area=least, granularity=1.0)
    finer = whole.fragments
    assert_grain_map(finer, mask)
    for granularity in FINE_TO_COARSE:
        cut = whole.recut(granularity)
        assert_grain_map(cut.grains, mask)
        assert refines(finer, cut.grains)
        assert cut.n_grains == cut.grains.max()
        finer = cut.grains


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (64, 64)])
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_map_is_one_grain(shape, value):
    result = partition(np.full(shape, value, np.float32))
    np.testing.assert_array_equal(result.grains, np.ones(shape))
    assert result.edge_confidence().size == 0


def test_an_empty_mask_has_no_grains():
    result = partition(np.zeros((20, 20), np.float32), mask=np.zeros((20, 20), bool))
    assert not result.grains.any()
    assert result.n_grains == 0
    assert not result.recut(0).grains.any()


def test_islands_of_the_mask_stay_apart_at_any_granularity():
    mask = np.zeros((30, 30), bool)
    mask[2:12, 2:12] = mask[15:28, 15:28] = mask[0, 29] = True
    result = partition(np.zeros((30, 30), np.float32), mask=mask, granularity=0)
    assert_grain_map(result.grains, mask)
    assert result.n_grains == 3


def test_two_grains_are_not_one_because_of_a_gap():
    boundary = np.zeros((64, 64), np.float32)
    boundary[:, 32] = 1
    boundary[28:35, 32] = 0
    boundary = np.clip(ndi.gaussian_filter(boundary, 1.2) * 3, 0, 1)
    result = partition(boundary)
    assert result.n_grains == 2
    assert result.grains[10, 5] != result.grains[10, 60]
    assert result.recut(0).n_grains == 1


@pytest.mark.parametrize("diameter", [14, 40])
def test_the_grains_of_a_clean_map_are_found(polycrystal, diameter):
    truth, boundary = polycrystal((200, 200), diameter=diameter, width=1.0)
    assert matched(partition(boundary).grains, truth) > 0.9


@pytest.mark.parametrize("trouble", [{"gaps": 0.05}, {"noise": 0.12}, {"width": 2.5}])
def test_most_grains_are_found_through_gaps_noise_and_width(polycrystal, trouble):
    truth, boundary = polycrystal((200, 200), diameter=40, **trouble)
    assert matched(partition(boundary).grains, truth) > 0.7


def matched(grains: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of true grains (of at least 30 px) that a grain covers with IoU > 0.5."""
    hits = total = 0
    for label in np.unique(truth):
        here = truth == label
        if here.sum() < 30:
            continue
        total += 1
        other = grains == np.bincount(grains[here]).argmax()
        hits += (here & other).sum() > 0.5 * (here | other).sum()
    return hits / total


def test_blocks_do_not_show(polycrystal, monkeypatch):
    _, boundary = polycrystal((256, 256), diameter=40, noise=0.05)
    whole = partition(boundary).grains
    monkeypatch.setattr(fragments, "_BLOCK", 64)
    blocks = partition(boundary).grains
    assert abs(int(blocks.max()) - int(whole.max())) <= 0.1 * whole.max()
    assert matched(blocks, whole) > 0.9


def test_granularity_keeps_edges_above_its_complement():
    y = np.ones((30, 1), np.float32)
    line = np.zeros(90, np.float32)
    line[29:31], line[59:61] = 0.8, 0.3
    result = partition(y * line)
    counts = {g: result.recut(g).n_grains for g in (0.1, 0.5, 0.9)}
    assert counts == {0.1: 1, 0.5: 2, 0.9: 3}


def test_the_same_map_gives_the_same_grains(polycrystal):
    _, boundary = polycrystal(noise=0.1)
    one, two = partition(boundary), partition(boundary)
    np.testing.assert_array_equal(one.grains, two.grains)
    np.testing.assert_array_equal(one.tree.links, two.tree.links)


def test_small_grains_go_at_every_granularity(polycrystal):
    _, boundary = polycrystal(noise=0.2)
    result = partition(boundary, min_area=50, granularity=1.0)
    assert result.n_grains > 1
    assert np.bincount(result.grains.ravel())[1:].min() >= 50


def test_a_scorer_decides_with_the_feature_table(polycrystal):
    _, boundary = polycrystal()
    seen = []

    def scorer(table):
        seen.append(table.shape)
        return np.zeros(len(table))

    result = partition(boundary, scorer=scorer)
    assert seen == [result.graph.features.shape]
    assert result.n_grains == 1


def test_affinities_become_features_and_edges_that_a_scorer_can_use(polycrystal):
    truth, boundary = polycrystal((96, 96))
    same = {}
    for dy, dx in ((3, 0), (0, 3)):
        shifted = np.roll(truth, (-dy, -dx), (0, 1))
        same[dy, dx] = (truth == shifted).astype(np.float32)
    result = partition(boundary, affinities=same)
    assert result.graph.columns[-2:] == ("affinity_3_0", "affinity_0_3")
    array = partition(boundary, affinities=np.stack(list(same.values())), offsets=list(same))
    np.testing.assert_array_equal(array.graph.features, result.graph.features)
    apart = result.graph.features[:, -2:].min(axis=1)
    true_label = ndi.median(truth, result.fragments, np.arange(1, result.graph.n_fragments + 1))
    real = true_label[result.graph.edges[:, 0] - 1] != true_label[result.graph.edges[:, 1] - 1]
    assert apart[real].mean() < 0.3


def test_confidence_is_the_mean_probability_along_each_boundary(polycrystal):
    _, boundary = polycrystal((96, 96), noise=0.1)
    result = partition(boundary)
    rows = result.edge_confidence()
    assert rows.dtype.names == ("label_a", "label_b", "confidence", "length", "y", "x")
    pairs = set()
    grains = result.grains
    for one, two in ((grains[1:], grains[:-1]), (grains[:, 1:], grains[:, :-1])):
        differ = one != two
        pairs |= set(zip(np.minimum(one, two)[differ], np.maximum(one, two)[differ], strict=True))
    assert {(a, b) for a, b in zip(rows["label_a"], rows["label_b"], strict=True)} == pairs
    first = rows[0]
    table = np.zeros(result.graph.n_fragments + 1, int)
    table[result.fragments] = grains
    sides = np.sort(table[result.graph.edges], axis=1)
    on_it = (sides == (first["label_a"], first["label_b"])).all(axis=1)
    weights = result.graph.length[on_it]
    assert first["length"] == weights.sum()
    wanted = np.average(result.probability[on_it], weights=weights)
    assert first["confidence"] == pytest.approx(wanted, rel=1e-5)


def test_the_pixel_of_a_boundary_lies_on_it(polycrystal):
    _, boundary = polycrystal((96, 96))
    result = partition(boundary)
    lines = boundary_lines(result.grains)
    for a, b, _, _, y, x in result.edge_confidence():
        assert lines[y, x]
        near = result.grains[y : y + 2, x : x + 2]
        assert {a, b} <= set(near.ravel().tolist())


def test_other_probabilities_merge_the_same_fragments_anew(polycrystal):
    _, boundary = polycrystal(noise=0.1)
    found = partition(boundary, min_area=40)
    none, all_of_them = (found.rescored(np.full_like(found.probability, p)) for p in (0, 1))
    assert none.n_grains == 1
    assert all_of_them.fragments is found.fragments
    assert np.bincount(all_of_them.grains.ravel())[1:].min() >= 40  # the least area still holds
    again = found.recut(0.3).rescored(found.probability)
    np.testing.assert_array_equal(again.grains, found.recut(0.3).grains)
    with pytest.raises(ValueError, match="numbers for"):
        found.rescored(found.probability[1:])


def test_recut_writes_into_the_array_it_is_given(polycrystal):
    _, boundary = polycrystal()
    result = partition(boundary)
    out = np.empty(boundary.shape, np.int32)
    cut = result.recut(0.7, out=out)
    assert cut.grains is out
    assert cut.granularity == 0.7
    np.testing.assert_array_equal(out, result.recut(0.7).grains)
    with pytest.raises(ValueError, match="out must be a C-contiguous int32 array"):
        result.recut(0.7, out=out.astype(np.int64))


def test_a_large_map_is_looked_up_in_chunks(monkeypatch, polycrystal):
    _, boundary = polycrystal((50, 70))
    whole = partition(boundary)
    monkeypatch.setattr(module, "_CHUNK", 100)
    np.testing.assert_array_equal(whole.recut(0.5).grains, whole.grains)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boundary": np.full((4, 4), np.nan)}, "NaN or infinite"),
        ({"boundary": np.full((4, 4), np.inf)}, "NaN or infinite"),
        ({"boundary": np.full((4, 4), 1.5)}, "scale it to"),
        ({"boundary": np.zeros((4, 4, 3))}, "one image"),
        ({"boundary": np.zeros((0, 4))}, "one image"),
        ({"mask": np.ones((4, 5), bool)}, "differ in shape"),
        ({"scale": 0.0}, "scale is 0.0"),
        ({"granularity": 1.2}, "choose a number from 0 to 1"),
        ({"granularity": float("nan")}, "choose a number from 0 to 1"),
        ({"affinities": np.zeros((1, 4, 4)), "offsets": []}, "1 affinity channels but 0 offsets"),
        ({"affinities": {(0, 1): np.zeros((3, 4))}}, "differ in shape"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"boundary": np.zeros((4, 4)), **change}
    with pytest.raises(ValueError, match=message):
        partition(arguments.pop("boundary"), **arguments)


@pytest.mark.parametrize(
    ("scorer", "message"),
    [(lambda t: np.zeros(len(t) + 1), "edges"), (lambda t: np.full(len(t), np.nan), "NaN")],
)
def test_a_scorer_that_misbehaves_is_named(polycrystal, scorer, message):
    _, boundary = polycrystal((64, 64))
    with pytest.raises(ValueError, match=message):
        partition(boundary, scorer=scorer)


@pytest.mark.dev_data
def test_traced_lines_with_gaps_give_back_the_traced_grains(dev_data):
    import tifffile
    from skimage.io import imread

    folder = dev_data / "steel-optical"
    line = imread(folder / "boundary.png") > 0
    truth = tifffile.imread(folder / "labels.tif")
    rng = np.random.default_rng(0)
    hidden = ndi.gaussian_filter(rng.standard_normal(line.shape), 2)
    kept = line & (hidden > np.quantile(hidden, 0.05))
    boundary = np.clip(ndi.gaussian_filter(kept.astype(np.float32), 1.0), 0, 1)
    assert matched(partition(boundary).grains, truth) > 0.8
