from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.tracking import METHODS, build_graph, link, track

EVERY_WAY = sorted(METHODS)


def squares(shift: int = 0, side: int = 20, across: int = 3) -> np.ndarray:
    """Return a section of square grains, int32 from 1, moved right by `shift` px."""
    y, x = np.indices((side * across, side * across))
    column = np.clip((x - shift) // side, 0, across - 1)
    return (y // side * across + column + 1).astype(np.int32)


def renumbered(section: np.ndarray, seed: int) -> np.ndarray:
    """Return the same grains under other numbers, as a section that was segmented by itself."""
    numbers = np.random.default_rng(seed).permutation(900)[: section.max() + 1] + 1
    numbers[0] = 0
    return numbers[section].astype(np.int32)


def drifting(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return a stack of squares that drift to the right: as segmented, and the truth."""
    true = np.stack([squares(index) for index in range(count)])
    return np.stack([renumbered(part, index) for index, part in enumerate(true)]), true


def same_partition(one: np.ndarray, two: np.ndarray) -> bool:
    """Return whether two maps differ in numbers only."""
    pairs = np.unique(np.stack([one.ravel(), two.ravel()]), axis=1)
    return len(pairs[0]) == len(np.unique(one)) == len(np.unique(two))


@pytest.mark.parametrize("method", EVERY_WAY)
def test_grains_keep_one_number_through_all_sections(method):
    maps, true = drifting()
    tracks = track(maps, method=method)
    volume = tracks.volume(maps)
    assert volume.dtype == np.int32
    assert same_partition(volume, true)
    assert set(np.unique(volume)) == set(range(1, 10))


@pytest.mark.parametrize("method", EVERY_WAY)
def test_the_answer_does_not_depend_on_the_numbers_in_the_sections(method):
    _, true = drifting()
    other = np.stack([renumbered(part, 50 + at) for at, part in enumerate(true)])
    maps, _ = drifting()
    np.testing.assert_array_equal(
        track(maps, method=method).volume(maps), track(other, method=method).volume(other)
    )


def test_a_grain_cut_in_two_in_one_section_is_put_together_by_its_neighbours():
    maps, true = drifting()
    cut = maps.copy()
    rows, columns = np.nonzero(true[3] == 5)
    lower = rows > rows.mean()
    cut[3, rows[lower], columns[lower]] = 999
    assert same_partition(track(cut).volume(cut), true)
    grain = track(cut).grains[4]
    assert grain.most_pieces == 2 and grain.sections == 6
    # from section to section the second piece is another grain
    assert len(track(cut, method="overlap").grains) == 10


def test_two_grains_joined_in_one_section_stay_two_in_the_others():
    maps, true = drifting()
    joined = maps.copy()
    joined[3][true[3] == 6] = maps[3][true[3] == 5][0]
    tracks = track(joined)
    volume = tracks.volume(joined)
    others = [0, 1, 2, 4, 5]
    assert same_partition(volume[others], true[others])
    assert len(tracks.grains) == 9
    # section by section the line of one of them ends there
    assert len(track(joined, method="overlap").grains) == 10


@pytest.mark.parametrize("bad", ["blank", "one grain", "damaged"])
def test_a_bad_section_is_skipped_reported_and_bridged(bad):
    maps, true = drifting(7)
    rng = np.random.default_rng(0)
    maps[3] = {
        "blank": np.zeros_like(maps[3]),
        "one grain": np.ones_like(maps[3]),
        "damaged": rng.integers(1, 200, (30, 30)).repeat(2, 0).repeat(2, 1),
    }[bad]
    tracks = track(maps)
    assert [(each.section, each.why) for each in tracks.skipped] == [
        (3, "damaged" if bad == "damaged" else "blank")
    ]
    others = [0, 1, 2, 4, 5, 6]
    assert same_partition(tracks.volume(maps)[others], true[others])
    assert not tracks.volume(maps, fill=False)[3].any()
    filled = tracks.volume(maps)[3]
    # what both sides agree on is there, and nothing else than their grains
    agreed = tracks.volume(maps)[2] == tracks.volume(maps)[4]
    np.testing.assert_array_equal(filled[agreed], tracks.volume(maps)[2][agreed])
    assert set(np.unique(filled)) == set(range(1, 10))


def test_two_bad_sections_in_a_row_are_bridged():
    maps, true = drifting(8)
    maps[3:5] = 0
    tracks = track(maps)
    assert [each.section for each in tracks.skipped] == [3, 4]
    others = [0, 1, 2, 5, 6, 7]
    assert same_partition(tracks.volume(maps)[others], true[others])


def test_a_jump_between_sound_sections_is_no_damage():
    true = np.stack([squares(0), squares(0), squares(9), squares(9)])
    assert track(true).skipped == ()


def test_blank_sections_at_the_ends_stay_empty():
    maps, _ = drifting()
    maps[0] = maps[-1] = 0
    volume = track(maps).volume(maps)
    assert not volume[0].any() and not volume[-1].any() and volume[1:-1].all()


def test_pixels_without_a_grain_stay_without():
    maps, _ = drifting()
    maps[:, :, 19:21] = 0
    volume = track(maps).volume(maps)
    np.testing.assert_array_equal(volume == 0, maps == 0)


def test_the_table_tells_where_grains_begin_and_end():
    maps = np.stack([squares() for _ in range(6)])
    maps[:2][maps[:2] == 9] = 8  # 8 and 9 are one at first
    maps[3:, 45:55, 5:15] = 77  # a new grain in the lower left one
    tracks = track(maps, method="overlap")
    volume = tracks.volume(maps)
    history = {each.grain: each for each in tracks.grains}
    new = history[volume[5, 50, 10]]
    assert (new.first_section, new.last_section, new.sections) == (3, 5, 3)
    assert (new.began, new.ended) == ("split", "last section")
    assert new.from_grain == volume[2, 50, 10] and new.into_grain is None
    assert new.voxels == 300 and new.largest_area_px == 100
    assert (new.centroid_z, new.centroid_y_px, new.centroid_x_px) == (4.0, 49.5, 9.5)
    pair = sorted(
        (history[volume[5, 59, x]] for x in (30, 59)), key=lambda each: each.first_section
    )
    assert (pair[0].began, pair[0].first_section) == ("first section", 0)
    assert (pair[1].began, pair[1].first_section) == ("split", 2)
    assert pair[1].from_grain == pair[0].grain
    first = history[volume[0, 0, 0]]
    assert (first.began, first.ended, first.voxels) == ("first section", "last section", 2400)


def test_the_table_has_a_row_for_each_grain_and_its_volume_in_um():
    maps, _ = drifting()
    table = track(maps).table((2.0, 0.5, 0.5))
    assert list(table["grain"]) == list(range(1, 10))
    np.testing.assert_allclose(table["volume_um3"], table["voxels"] * 0.5)
    assert table["voxels"].sum() == maps.size
    assert "volume_um3" not in track(maps).table()


def test_a_grain_of_one_section_goes_to_its_largest_neighbour_on_request():
    maps = np.stack([squares() for _ in range(5)])
    maps[2, 2:9, 2:9] = 500
    graph = build_graph(maps)
    assert len(link(graph, method="overlap").grains) == 10
    tidy = link(graph, method="overlap", absorb_single=True)
    assert len(tidy.grains) == 9
    np.testing.assert_array_equal(tidy.volume(maps), np.stack([squares()] * 5))


def test_the_centroid_way_asks_for_a_fifth_of_common_area():
    one = squares()
    far = squares(16)  # all but the lower right edge moved by most of a grain
    graph = build_graph(np.stack([one, far]))
    assert len(link(graph, method="centroid").grains) > 9


def test_arrays_may_be_big_endian_or_masked():
    truth, _ = drifting()
    for given in (truth.astype(">u2"), truth.astype(">i4")):
        assert np.array_equal(track(given).volume(given), track(truth).volume(truth))
    masked = np.ma.masked_array(truth, mask=np.zeros(truth.shape, bool))
    masked[:, :10] = np.ma.masked
    tracks = track(masked)
    assert np.array_equal(tracks.volume(masked) == 0, masked.mask)
    assert repr(tracks) == f"<Tracks: {len(tracks.grains)} grains through {len(truth)} sections>"


def test_sections_may_come_from_a_generator():
    maps, true = drifting()
    tracks = track(part for part in maps)
    assert same_partition(tracks.volume(maps), true)


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        ([], "no sections"),
        ([np.zeros((4, 4)), np.zeros((4, 4))], "section 0: .*whole numbers"),
        ([squares(), squares()[:-1]], "section 1 is 59 × 60 px"),
        ([squares(), -squares()], "section 1: .*negative"),
        ([squares()[None]], "section 0: .*not an array"),
    ],
)
def test_what_is_no_stack_of_grain_maps_is_refused(maps, words):
    with pytest.raises(ValueError, match=words):
        track(maps)


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="no way of tracking 'magic': choose global"):
        track([squares()], method="magic")


@pytest.mark.parametrize("method", EVERY_WAY)
def test_a_stack_of_nothing_has_no_grains(method):
    tracks = track(np.zeros((3, 8, 8), np.int32), method=method)
    assert tracks.grains == () and len(tracks.skipped) == 3
    assert len(tracks.table()) == 0
    assert not tracks.volume(np.zeros((3, 8, 8), np.int32)).any()


@pytest.mark.parametrize("method", EVERY_WAY)
def test_a_single_section_keeps_its_grains(method):
    maps = renumbered(squares(), 0)[None]
    tracks = track(maps, method=method)
    np.testing.assert_array_equal(tracks.volume(maps)[0], squares())
    assert {each.ended for each in tracks.grains} == {"last section"}


@pytest.mark.parametrize("shape", [(3, 1, 64), (3, 64, 1)])
def test_sections_of_one_row_are_tracked(shape):
    stack = np.broadcast_to((np.arange(64) // 8 + 1).reshape(shape[1:]), shape)
    assert track(stack).volume(stack).max() == 8
