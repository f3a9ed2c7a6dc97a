"""Grain maps whose grains are parted by lines of 0."""

from __future__ import annotations

import numpy as np
import pytest

from napari_etch.measure import (
    combine_fields,
    grain_table,
    measure_field,
    without_parting_lines,
)
from napari_etch.measure.parting_lines import close_parting_lines
from napari_etch.measure.runs import runs_of


def closing(grains: np.ndarray) -> tuple[np.ndarray, float]:
    return close_parting_lines(grains, runs_of(grains))


def tiling(pitch: int = 20, rows: int = 12, columns: int = 15) -> np.ndarray:
    """Rectangles without gaps, two pitches wide, each row moved by a pitch against the last."""
    y, x = np.mgrid[: rows * pitch, : columns * pitch]
    row, column = y // pitch, (x + y // pitch * pitch) // (2 * pitch)
    return (1 + row * (columns + 2) + column).astype(np.int32)


def with_lines(grains: np.ndarray, width: int = 3) -> np.ndarray:
    """The same with 0 along every boundary."""
    from scipy.ndimage import maximum_filter, minimum_filter

    edge = maximum_filter(grains, width) != minimum_filter(grains, width)
    return np.where(edge, 0, grains)


@pytest.mark.parametrize("width", [2, 3, 5])
def test_lines_are_given_to_the_grains_beside_them(width: int) -> None:
    whole = tiling()
    lined = with_lines(whole, width)
    closed, share = closing(lined)
    assert (closed > 0).all() and share == pytest.approx((lined == 0).mean())
    assert (closed[lined > 0] == lined[lined > 0]).all()
    assert (closed == whole).mean() > 0.9


def test_what_lies_off_the_specimen_stays() -> None:
    lined = with_lines(tiling())
    lined[-40:] = 0  # an information bar
    closed, _ = closing(lined)
    assert (closed[:-50] > 0).all()
    assert (closed[-36:] == 0).all()


def test_a_grain_that_was_too_small_to_keep_is_no_hole() -> None:
    lined = with_lines(tiling())
    lined[55:67, 100:112] = 0
    closed, _ = closing(lined)
    assert (closed > 0).all()


def test_grains_that_touch_are_left_as_they_are() -> None:
    whole = tiling()
    whole[100:140, 120:170] = 0
    assert closing(whole)[0] is whole


def test_separate_particles_are_left_as_they_are() -> None:
    y, x = np.mgrid[:200, :200]
    apart = (np.hypot(y % 40 - 20, x % 40 - 20) < 12) * (1 + y // 40 * 5 + x // 40)
    assert closing(apart)[0] is apart
    empty = np.zeros((30, 30), np.int32)
    assert closing(empty)[0] is empty


def test_a_drawn_map_has_the_grain_size_of_its_grains() -> None:
    whole = tiling()
    drawn = measure_field(with_lines(whole), 0.5, name="drawn")
    assert "lines of 0 between the grains" in drawn.remarks[0] and "drawn:" in drawn.remarks[0]
    true = combine_fields([measure_field(whole, 0.5)])
    found = combine_fields([drawn])
    assert {each.method.key for each in found.results} == {each.method.key for each in true.results}
    for each in true.results:
        other = found.result(each.method.key)
        assert other.grain_number == pytest.approx(each.grain_number, abs=0.12), each.method.key
    assert drawn.interior_count == measure_field(whole, 0.5).interior_count


def test_the_table_of_a_drawn_map_has_neighbours_and_whole_grains() -> None:
    whole = tiling()
    table = grain_table(without_parting_lines(with_lines(whole)))
    true = grain_table(whole)
    assert table["touches_border"].tolist() == true["touches_border"].tolist()
    inside = table[~table["touches_border"]]
    assert len(inside) == 60 and (inside["neighbours"] == 6).all()
    assert without_parting_lines(whole) is whole
