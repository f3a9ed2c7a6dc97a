"""The mode of a facet is that of most of it."""

import numpy as np
import pytest

from napari_etch.fractography import facet_modes
from napari_etch.grains.class_table import FRACTURE_MODES


def test_majority_and_its_share():
    grains = np.zeros((10, 20), np.int32)
    grains[:, :10], grains[:, 10:19] = 7, 9
    classes = np.full(grains.shape, 2, np.uint8)
    classes[:, :10] = 1
    classes[:3, :10] = 2
    classes[:5, 10:] = 0
    table = facet_modes(classes, grains, FRACTURE_MODES, pixel_size_um=2.0)
    assert list(table["facet"]) == [7, 9]
    first, second = (table.iloc[row] for row in (0, 1))
    assert (first["mode"], first["share"], first["labelled"]) == ("intergranular", 0.7, 1.0)
    assert first["area_um2"] == 400
    assert (second["mode"], second["share"], second["labelled"]) == ("transgranular", 1.0, 0.5)


def test_a_facet_without_a_class_is_unlabelled():
    table = facet_modes(np.zeros((4, 4), np.uint8), np.ones((4, 4), int), FRACTURE_MODES)
    assert table.iloc[0]["mode"] == "unlabelled" and np.isnan(table.iloc[0]["share"])
    assert "area_um2" not in table


def test_grains_of_another_image_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        facet_modes(np.zeros((4, 4), np.uint8), np.ones((4, 5), int), FRACTURE_MODES)
