from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.editing import EditError, GrainEditor, is_tiling

SQUARE = [(4.6, 4.6), (4.6, 14.4), (14.4, 14.4), (14.4, 4.6)]


def stripes() -> np.ndarray:
    """Return grains 1, 2 and 3 of 10 columns each."""
    return np.repeat(np.arange(1, 4, dtype=np.int32), 10)[None].repeat(20, axis=0)


def test_a_drawn_region_becomes_a_grain():
    grains = stripes()
    editor = GrainEditor(grains)
    change = editor.add(SQUARE)
    editor.apply(change)
    assert change.created == (4,)
    np.testing.assert_array_equal(grains[5:15, 5:15], 4)
    assert (grains == 4).sum() == 100


def test_a_grain_that_is_cut_apart_by_a_region_goes_on_as_two():
    grains = stripes()
    editor = GrainEditor(grains)
    editor.apply(editor.add([(8, -1), (8, 30), (11, 30), (11, -1)]))
    assert is_tiling(grains)
    assert editor.count == 7


def test_a_region_may_be_given_to_a_grain_that_it_touches():
    grains = stripes()
    editor = GrainEditor(grains)
    editor.apply(editor.reassign([(5, 6), (5, 12), (12, 12), (12, 6)], 2))
    assert (grains[6:12, 7:10] == 2).all()
    assert editor.count == 3


def test_a_region_is_not_given_to_a_grain_far_away():
    with pytest.raises(EditError, match="does not touch grain 3"):
        GrainEditor(stripes()).reassign([(5, 2), (5, 8), (12, 8), (12, 2)], 3)


def test_a_region_given_to_0_is_no_grain_any_more():
    grains = stripes()
    editor = GrainEditor(grains)
    editor.apply(editor.reassign(SQUARE, 0))
    assert (grains[5:15, 5:15] == 0).all()
    assert (grains != 0).sum() == 500


@pytest.mark.parametrize(
    ("polygon", "said"),
    [
        ([(1, 1), (5, 5)], "at least 3 corners"),
        ([(50, 50), (60, 50), (60, 60)], "outside the map"),
        ([(3.3, 3.3), (3.4, 3.3), (3.4, 3.4)], "holds no pixel"),
        ([(1, 1), (np.inf, 5), (5, 5)], "not finite"),
    ],
)
def test_what_is_no_region_is_refused(polygon, said):
    with pytest.raises(EditError, match=said):
        GrainEditor(stripes()).add(polygon)


def test_the_wand_takes_what_is_as_bright_as_the_click():
    image = np.full((60, 60), 100, np.uint8)
    image[20:40, 15:45] = 180
    image[28:31, 28:31] = 250  # a speck inside
    grains = np.ones((60, 60), np.int32)
    editor = GrainEditor(grains, image=image)
    editor.apply(editor.wand((24, 20)))
    found = np.argwhere(grains == 2)
    assert np.abs(found.min(axis=0) - [20, 15]).max() <= 1
    assert np.abs(found.max(axis=0) - [39, 44]).max() <= 1
    assert grains[29, 29] == 2


def test_a_wand_that_takes_nearly_all_the_image_is_refused():
    editor = GrainEditor(np.ones((4300, 30), np.int32), image=np.zeros((4300, 30), np.uint8))
    with pytest.raises(EditError, match="smaller tolerance"):
        editor.wand((2000, 15))


@pytest.mark.parametrize("tolerance", [0, -1, 2, np.nan])
def test_the_tolerance_of_the_wand_is_a_part_of_the_range(tolerance):
    editor = GrainEditor(stripes(), image=stripes())
    with pytest.raises(EditError, match="tolerance"):
        editor.wand((5, 5), tolerance=tolerance)


def test_the_wand_needs_the_micrograph():
    with pytest.raises(EditError, match="needs the micrograph"):
        GrainEditor(stripes()).wand((5, 5))


class TestRecut:
    def scene(self, tiling):
        """Return the truth, and an editor in which all is one grain."""
        truth, boundary = tiling((200, 200), diameter=40, seed=2)
        return truth, GrainEditor(np.ones_like(truth), boundary=boundary)

    def test_the_region_alone_is_cut(self, tiling):
        truth, editor = self.scene(tiling)
        polygon = [(50, 50), (50, 150), (150, 150), (150, 50)]
        editor.apply(editor.recut(polygon, 0.5))
        assert is_tiling(editor.grains)
        assert editor.count >= 4
        outside = np.ones(truth.shape, bool)
        outside[50:151, 50:151] = False
        assert (editor.grains[outside] == 1).all()

    def test_grains_that_reach_out_of_the_region_go_on_there(self, tiling):
        truth, boundary = tiling((200, 200), diameter=40, seed=2)
        editor = GrainEditor(truth.copy(), boundary=boundary)
        editor.apply(editor.recut([(50, 50), (50, 150), (150, 150), (150, 50)], 0.5))
        sides = np.s_[49:51, 55:145], np.s_[150:152, 55:145]
        apart = np.concatenate([np.not_equal(*editor.grains[side]) for side in sides])
        were = np.concatenate([np.not_equal(*truth[side]) for side in sides])
        assert apart.mean() < were.mean() + 0.25

    def test_of_a_grain_that_was_too_large_one_piece_goes_on_outside(self, tiling):
        _, editor = self.scene(tiling)
        editor.apply(editor.recut([(50, 50), (50, 150), (150, 150), (150, 50)], 0.5))
        assert (editor.grains[50:151, 50:151] == 1).any()
        assert (editor.grains[50:151, 50:151] == 1).mean() < 0.5

    def test_finer_makes_more_grains_and_coarser_fewer(self, tiling):
        _, editor = self.scene(tiling)
        polygon = [(-1, -1), (-1, 200), (200, 200), (200, -1)]
        counts = []
        for granularity in (0.05, 0.5, 0.95):
            change = editor.recut(polygon, granularity)
            counts.append(np.unique(change.after).size)
        assert counts[0] <= counts[1] <= counts[2]
        assert counts[0] < counts[2]

    def test_without_a_boundary_map_it_is_refused(self):
        with pytest.raises(EditError, match="needs the boundary map"):
            GrainEditor(stripes()).recut(SQUARE, 0.5)

    def test_a_granularity_out_of_range_is_refused(self):
        editor = GrainEditor(stripes(), boundary=np.zeros((20, 30), np.float32))
        with pytest.raises(EditError, match="granularity is 2"):
            editor.recut(SQUARE, 2)
