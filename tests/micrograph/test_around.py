"""What lies around the specimen of a stack is left out of each section by itself."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import tifffile
from micrograph.scenes import specimen

from napari_etch.micrograph import around, micrograph_from_array, read_micrograph
from napari_etch.micrograph.align import aligned, moved_by
from napari_etch.micrograph.around import with_smooth_parts
from napari_etch.results.source_image import read_source, said_of_image, said_of_shifts


@cache
def sections() -> np.ndarray:
    """Return one with resin on its left, one without anything around it, one with a margin."""
    grey = np.block([[specimen(120, 160, seed=2 * y + x) for x in (0, 1)] for y in (0, 1)])
    noise = np.random.default_rng(1).normal(25, 3, grey.shape)
    resin = np.where(np.arange(320) < 110, noise, grey).clip(0, 255).astype(np.uint8)
    page = grey.copy()
    page[:, :30] = 255
    return np.stack([resin, grey, page])


def test_of_each_section_what_a_picture_of_its_own_would_have(tmp_path):
    stack = micrograph_from_array(sections(), keep_info_bar=False)
    assert stack.surroundings is None
    assert stack.surroundings_words() == (
        "what lies around the specimen is left out of 2 of 3 sections"
    )
    for number, (section, grey) in enumerate(zip(stack.sections(), sections(), strict=True)):
        alone = micrograph_from_array(grey, keep_info_bar=False)
        np.testing.assert_array_equal(section.mask, alone.mask)
        np.testing.assert_array_equal(stack.mask[number], alone.mask)
        assert section.surroundings_words() == alone.surroundings_words()
    assert stack.mask.mean(axis=(1, 2)) == pytest.approx([210 / 320, 1, 290 / 320], abs=0.02)


def test_it_is_kept_where_that_is_asked_for():
    kept = micrograph_from_array(sections())
    assert kept.mask.all() and not kept.surroundings_words()


def test_it_is_looked_for_once_and_when_it_is_asked_for(monkeypatch):
    looked = []

    def find(grey, *rest, **options):
        looked.append(grey)
        return find_surroundings(grey, *rest, **options)

    find_surroundings = around.find_surroundings
    monkeypatch.setattr(around, "find_surroundings", find)
    stack = micrograph_from_array(sections(), keep_info_bar=False)
    first, *_ = stack.sections()
    assert not looked
    first.mask  # noqa: B018
    assert len(looked) == 1
    assert stack.mask.any() and stack.mask.any() and stack.surroundings_words()
    assert len(looked) == 3


def test_of_a_smooth_facet_only_the_page_around_it():
    stack = with_smooth_parts(micrograph_from_array(sections(), keep_info_bar=False))
    assert stack.mask.mean(axis=(1, 2)).tolist() == [1, 1, 290 / 320]


def test_it_moves_with_its_section():
    stack = micrograph_from_array(sections(), keep_info_bar=False)
    moved = moved_by(stack, [(0, 0), (3, -4), (-5, 10)])
    expected = np.zeros(stack.mask.shape, bool)
    expected[0] = stack.mask[0]
    expected[1, 3:, :-4] = stack.mask[1, :-3, 4:]
    expected[2, :-5, 10:] = stack.mask[2, 5:, :-10]
    np.testing.assert_array_equal(moved.mask, expected)


@pytest.mark.parametrize("align", [False, True])
def test_a_result_of_a_stack_is_read_again_as_it_was(tmp_path, align):
    path = tmp_path / "stack.tif"
    data = sections().copy()
    data[1] = np.roll(data[1], 6, axis=1)
    tifffile.imwrite(path, data, photometric="minisblack")
    used = read_micrograph(path, stack=True)
    about = {}
    if align:
        used, shifts = aligned(used)
        about["alignment"] = said_of_shifts(shifts)
        assert any(y or x for y, x in about["alignment"])
    about["image"] = said_of_image(used)
    again = read_source(path, about, None)
    np.testing.assert_array_equal(again.mask, used.mask)
    np.testing.assert_array_equal(again.data, used.data)
    assert again.surroundings_words() == used.surroundings_words() != ""


def test_an_earlier_result_of_a_stack_left_nothing_out(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, sections(), photometric="minisblack")
    about = said_of_image(read_micrograph(path, stack=True)) | {"surroundings": None}
    assert read_source(path, {"image": about}, None).mask.all()
