"""Area fractions: right, with intervals that cover what another field would show."""

import numpy as np
import pytest

from napari_etch.fractography import class_areas
from napari_etch.grains.class_table import FRACTURE_MODES


def patchwork(random, share=0.4, side=320, patch=32):
    """Return a map of square patches, each of class 1 with a chance."""
    count = side // patch
    cells = np.where(random.random((count, count)) < share, 1, 2).astype(np.uint8)
    shift = random.integers(0, patch, 2)
    return np.roll(cells.repeat(patch, 0).repeat(patch, 1), shift, (0, 1))


def test_shares_are_of_the_labelled_area_and_of_the_field():
    classes = np.zeros((100, 100), np.uint8)
    classes[:50, :60] = 1
    classes[50:, :20] = 2
    specimen = np.ones_like(classes, bool)
    specimen[:, 80:] = False
    first, second = class_areas(classes, FRACTURE_MODES, specimen=specimen, pixel_size_um=0.5)
    assert (first.area_px, second.area_px) == (3000, 1000)
    assert first.area_um2 == 750
    assert first.of_labelled == 0.75 and second.of_labelled == 0.25
    assert first.of_field == 3000 / 8000
    assert first.of_field_low < first.of_field < first.of_field_high


def test_what_is_off_the_specimen_does_not_count():
    classes = np.ones((64, 64), np.uint8)
    specimen = np.zeros_like(classes, bool)
    specimen[:32] = True
    assert class_areas(classes, FRACTURE_MODES, specimen=specimen)[0].area_px == 2048


def test_the_interval_covers_the_true_share_about_as_often_as_it_says():
    # the bar of another method: as if pixels were independent, the interval would be 32 times too
    # narrow and cover in a few percent
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(120):
        area = class_areas(patchwork(random), FRACTURE_MODES, draws=400)[0]
        hits += area.of_labelled_low <= 0.4 <= area.of_labelled_high
    assert 0.82 <= hits / 120 <= 1.0


def test_a_map_of_one_class_has_no_width():
    first, second = class_areas(np.ones((64, 64), np.uint8), FRACTURE_MODES)
    assert first.of_labelled_low == first.of_labelled_high == 1
    assert second.of_field_high == 0


def test_a_map_without_a_class_has_no_share_of_the_labelled_area():
    first = class_areas(np.zeros((64, 64), np.uint8), FRACTURE_MODES)[0]
    assert np.isnan(first.of_labelled) and np.isnan(first.of_labelled_low)
    assert first.of_field == 0


def test_what_is_no_field_is_refused():
    with pytest.raises(ValueError, match="no specimen"):
        class_areas(np.ones((8, 8), int), FRACTURE_MODES, specimen=np.zeros((8, 8), bool))
    with pytest.raises(ValueError, match="differ in size"):
        class_areas(np.ones((8, 8), int), FRACTURE_MODES, specimen=np.ones((8, 9), bool))
    with pytest.raises(ValueError, match=r"is \(y, x\)"):
        class_areas(np.ones((2, 8, 8), int), FRACTURE_MODES)
