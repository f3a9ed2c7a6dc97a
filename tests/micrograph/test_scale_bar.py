"""Scale bars burned into an image are found, specimen is not."""

import numpy as np
import pytest
from surfaces import half_lined

from napari_etch.micrograph.scale_bar import find_scale_bar


def noisy(side=256):
    return np.clip(half_lined(side)[0], 1, 254)


@pytest.mark.parametrize("level", [255, 0])
def test_a_plain_bar_and_its_text_are_found(level):
    image = noisy()
    image[228:232, 20:80] = level
    image[214:224, 30:34] = image[214:224, 40:46] = level  # two letters above
    found = find_scale_bar(image)
    assert found[228:232, 20:80].all() and found[214:224, 30:46].all()
    assert found.sum() < 2500 and not found[:200].any()


def test_a_dotted_bar_is_found():
    image = noisy()
    for at in range(10):
        image[236:239, 16 + 8 * at : 19 + 8 * at] = 255
    found = find_scale_bar(image)
    assert found[236:239, 16:91].all() and found.sum() < 1500


def test_specimen_has_none():
    image, _ = half_lined(256)
    assert not find_scale_bar(image).any()
    bright = noisy()
    bright[100:130, 40:100] = 255  # a saturated facet, high up
    bright[220:250, 150:170] = 255  # and one below: as high as wide
    assert not find_scale_bar(bright).any()


def test_small_images_and_floats_are_taken():
    assert not find_scale_bar(np.zeros((10, 10))).any()
    image = noisy().astype(np.float32)
    image[0, 0] = np.nan
    image[228:232, 20:80] = 300
    assert find_scale_bar(image)[228:232, 20:80].all()
