"""What `repair` is given of a micrograph."""

import numpy as np
import pytest

from napari_etch.micrograph import Micrograph
from napari_etch.repairing import Repaired, RepairError, picture_of, repair


def test_no_grains_are_made_under_the_information_bar():
    image = np.random.default_rng(0).integers(90, 160, (96, 96)).astype(np.uint8)
    image[64:] = 0
    picture = picture_of(Micrograph(image, "sem", info_bar_row=64), "micrograph")
    np.testing.assert_array_equal(picture[:64], image[:64])
    assert np.isnan(picture[64:]).all()
    *_, repaired = repair(picture, kind="micrograph")
    assert isinstance(repaired, Repaired)
    assert not repaired.grains[64:].any() and repaired.grains[:64].all()


def test_a_picture_without_a_bar_is_given_as_it_is():
    image = np.zeros((8, 8), np.uint8)
    assert picture_of(Micrograph(image, "plain")) is image


def test_labels_stay_whole_numbers_and_nothing_else_passes_for_them():
    labels = np.arange(64, dtype=np.float32).reshape(8, 8)  # as a 32-bit TIFF is read
    picture = picture_of(Micrograph(labels, "grains"), "grains")
    assert picture.dtype.kind == "i"
    np.testing.assert_array_equal(picture, labels)
    for other in (labels + 0.5, labels - 1):
        with pytest.raises(RepairError, match="no grain map"):
            picture_of(Micrograph(other, "soft"), "grains")


def test_a_stack_is_refused():
    with pytest.raises(RepairError, match="one by one"):
        picture_of(Micrograph(np.zeros((3, 8, 8), np.uint8), "stack"))
