from __future__ import annotations

import numpy as np
import pytest
from micrograph.scenes import specimen
from printing import print_of, printed

from napari_etch.micrograph import micrograph_from_array
from napari_etch.micrograph.align import (
    MovedSections,
    aligned,
    detail_picture,
    find_shifts,
    moved,
    outline_picture,
)


def cells(seed: int = 0, side: int = 128, count: int = 60) -> np.ndarray:
    """Return a grain map: the nearest of random points."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, side, (count, 2))
    y, x = np.indices((side, side))
    far = (y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2
    return far.argmin(axis=-1).astype(np.int32) + 1


PLACES = [(0, 0), (3, -5), (-7, 2), (-7, 2), (11, 9), (0, -1)]


def shaken() -> np.ndarray:
    return np.stack([moved(cells(), *place) for place in PLACES])


def test_sections_that_were_shaken_are_put_back():
    found = find_shifts(outline_picture(part) for part in shaken())
    assert [(each.y, each.x) for each in found] == [(-y, -x) for y, x in PLACES]
    assert [each.section for each in found] == list(range(6))
    assert (found[2].step_y, found[2].step_x) == (10, -7)
    assert all(each.likeness > 0.8 and not each.skipped for each in found)
    back = MovedSections(shaken(), found)
    inner = np.s_[20:-20, 20:-20]
    assert len(back) == 6
    for part in back:
        np.testing.assert_array_equal(part[inner], cells()[inner])


def test_aligned_sections_stay():
    stack = [cells()] * 4
    assert all((each.y, each.x) == (0, 0) for each in find_shifts(map(outline_picture, stack)))


def test_a_stack_keeps_its_pixels_unless_a_section_is_moved():
    grain = [200 - 150 * (outline_picture(moved(cells(), *at)) > 0.05) for at in PLACES]
    still = micrograph_from_array(np.stack(grain[:1] * 4).astype(np.uint8), "still")
    same, shifts = aligned(still)
    assert same is still and len(shifts) == 4
    shaken_ = micrograph_from_array(np.stack(grain).astype(np.uint8), "shaken")
    back, shifts = aligned(shaken_)
    assert back.data.dtype == np.float32
    assert [section.mask.all() for section in back.sections()] == [
        (each.y, each.x) == (0, 0) for each in shifts
    ]


def test_micrographs_are_put_back_whatever_their_brightness():
    rng = np.random.default_rng(0)
    stack = []
    for at, place in enumerate(PLACES):
        grain = moved(cells(), *place, fill=1)
        grey = 0.6 + 0.1 * at - 0.4 * (outline_picture(grain) > 0.05)
        stack.append((grey + rng.normal(0, 0.05, grey.shape)).astype(np.float32))
    found = find_shifts(map(detail_picture, stack))
    for each, (y, x) in zip(found, PLACES, strict=True):
        assert abs(each.y + y) <= 1 and abs(each.x + x) <= 1


@pytest.mark.parametrize("at", [3, 5])
def test_a_damaged_section_is_skipped_and_the_next_one_is_compared_across_it(at):
    stack = shaken()
    stack[at] = cells(seed=9)
    found = find_shifts(map(outline_picture, stack))
    if at == 5:  # nothing follows by which the last one could be judged
        assert not found[5].skipped
        return
    assert [each.skipped for each in found] == ["", "", "", "damaged", "", ""]
    assert (found[3].y, found[3].x) == (found[2].y, found[2].x)
    assert (found[4].y, found[4].x) == (-11, -9)


def test_blank_sections_are_skipped_wherever_they_are():
    stack = shaken()
    stack[[0, 2, 3, 5]] = 0
    found = find_shifts(map(outline_picture, stack))
    assert [each.skipped for each in found] == ["blank", "", "blank", "blank", "", "blank"]
    assert (found[4].y - found[1].y, found[4].x - found[1].x) == (-8, -14)
    assert (found[5].y, found[5].x) == (found[4].y, found[4].x)


def test_a_stack_of_nothing_stays():
    found = find_shifts([np.zeros((16, 16), np.float32)] * 3)
    assert {each.skipped for each in found} == {"blank"} and len(found) == 3


def test_what_comes_in_is_filled():
    part = np.arange(12, dtype=np.int32).reshape(3, 4) + 1
    np.testing.assert_array_equal(moved(part, 1, -2)[0], 0)
    np.testing.assert_array_equal(moved(part, 1, -2)[1], [3, 4, 0, 0])
    np.testing.assert_array_equal(moved(part, 9, 0, fill=7), 7)


def test_a_scale_bar_that_stands_still_does_not_hold_the_sections():
    places = [(0, 0), (6, -9), (-4, 5)]
    whole = specimen(420, 520)
    stack = []
    for number, (y, x) in enumerate(places):
        noise = np.random.default_rng(number).normal(0, 4, (360, 460))
        section = whole[30 - y : 390 - y, 30 - x : 490 - x] + noise
        stack.append(printed(np.clip(section, 1, 254).astype(np.uint8), print_of(box="filled")))
    data = np.stack([each.image for each in stack])
    back, shifts = aligned(micrograph_from_array(data, keep_info_bar=False))
    assert [(each.y, each.x) for each in shifts] == [(-y, -x) for y, x in places]
    for number, (y, x) in enumerate(places):
        moved_mask = np.roll(back.mask[number], (y, x), (0, 1))  # back to where it was printed
        assert stack[number].covered(moved_mask) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (64, 1)])
def test_a_line_of_pixels_has_no_details_to_align_by(shape):
    picture = detail_picture(np.random.default_rng(0).random(shape))
    assert picture.shape == shape and not picture.any()
