"""A label says everything without being as wide as the longest word."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QLabel

from napari_etch._widgets.form import SettingsForm
from napari_etch._widgets.fracture_form import FractureForm
from napari_etch._widgets.repair_form import RepairForm
from napari_etch._widgets.train_form import TrainForm
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


def test_a_number_stays_with_its_unit(qtbot):
    """ "10" stood at the end of a line, "s" in the next."""
    said = "“steel 2 grains”: 9 bridges, 3 min 10 s, 0.5 µm, 95 % sure, 4 sections."
    label = WrapLabel(said)
    qtbot.addWidget(label)
    assert label.text() == said
    shown = QLabel.text(label)
    assert "3\u00a0min 10\u00a0s, 0.5\u00a0µm, 95\u00a0% sure, 4 sections" in shown
    assert "9 bridges" in shown and "2 grains" in shown


@pytest.mark.parametrize(
    ("form", "about"),
    [
        (SettingsForm, "about_image"),
        (FractureForm, "about"),
        (RepairForm, "about"),
        (TrainForm, "about_images"),
    ],
)
def test_what_a_narrow_dock_says_of_its_image_is_not_cut(qtbot, form, about):
    made = form()
    qtbot.addWidget(made)
    label = getattr(made, about)
    said = "10240 × 10240 px · 120 sections · 0.2252 µm/px"
    label.setText(said)
    with qtbot.waitExposed(made):
        made.show()
    made.resize(100, 900)  # as narrow as it can be
    qtbot.wait(20)
    metrics = label.fontMetrics()
    assert label.width() < metrics.horizontalAdvance(said)
    assert label.height() > 1.5 * metrics.height()  # it goes on in a second line


def test_what_fits_in_one_line_has_room_for_one(qtbot):
    made = SettingsForm()
    qtbot.addWidget(made)
    made.about_image.setText("800 × 600 px · 0.2252 µm/px")
    with qtbot.waitExposed(made):
        made.show()
    made.resize(420, 900)
    qtbot.wait(20)
    assert made.about_image.height() < 1.5 * made.about_image.fontMetrics().height()
