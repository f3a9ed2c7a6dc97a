"""The class table of a layer is read in one way wherever it is needed."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_etch._widgets.class_tables import (
    class_colormap,
    class_features,
    first_table,
    stored_table,
)
from napari_etch._widgets.layers import METADATA_KEY
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable, ClassTableError

DIMPLES = {"classes": [{"id": 1, "name": "dimple", "colour": "#ff0000"}]}


def layer(made: object = None, name: str = "map") -> Labels:
    metadata = {} if made is None else {METADATA_KEY: made}
    return Labels(np.zeros((4, 4), np.uint8), name=name, metadata=metadata)


def test_a_layer_says_its_table_or_none() -> None:
    assert stored_table(layer()) is None
    assert stored_table(layer("of another plugin")) is None
    assert stored_table(layer({"kind": "grains"})) is None
    table = stored_table(layer({"class_table": DIMPLES}))
    assert table is not None and table.names[1] == "dimple"


def test_a_damaged_table_names_its_layer() -> None:
    with pytest.raises(ClassTableError, match="“burnt” has a damaged class table: The class table"):
        stored_table(layer({"class_table": {"classes": []}}, "burnt"))


def test_the_first_table_counts_and_the_fracture_modes_without_one() -> None:
    assert first_table([layer(), layer({"class_table": DIMPLES})]).names[1] == "dimple"
    assert first_table([layer()]) is FRACTURE_MODES


def test_classes_look_as_their_table_says() -> None:
    table = ClassTable.from_json(DIMPLES)
    shown = Labels(
        np.array([[0, 1]], np.uint8),
        colormap=class_colormap(table),
        features=class_features(table),
    )
    np.testing.assert_allclose(shown.get_color(1), (1, 0, 0, 1))
    assert shown.features["class"].tolist() == ["unlabelled", "dimple"]
