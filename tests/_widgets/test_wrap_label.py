"""A label says everything without being as wide as the longest word."""

from __future__ import annotations

import pytest

from napari_etch._widgets.wrap_label import WrapLabel

pytestmark = pytest.mark.gui

NAME = "A_really_long_name_from_the_microscope_2026-11-29_specimen_316L_mag_500x_field_12_again"


@pytest.mark.parametrize("name", [NAME, NAME.replace("_", "").replace("-", "")])
def test_a_long_name_wraps_and_is_given_back_as_it_was(qtbot, name):
    label = WrapLabel(f"“{name}”: 192 grains.")
    qtbot.addWidget(label)
    assert label.text() == f"“{name}”: 192 grains."
    assert label.minimumSizeHint().width() < 300
    label.setText("Moving the slider cuts “steel · grains” again.")
    assert label.text() == "Moving the slider cuts “steel · grains” again."
