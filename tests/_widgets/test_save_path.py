"""A file is never replaced without a question, however its name was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_etch._widgets import measure_export, train_library
from napari_etch._widgets.count_box import CountBox
from napari_etch._widgets.save_path import ask_save_path, with_suffix

pytestmark = pytest.mark.gui


class Person:
    """Types names into the dialog, one after the other, and answers questions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.types: list[str] = []
        self.offered: list[str] = []
        self.asked: list[str] = []
        self.agrees = False
        monkeypatch.setattr(QFileDialog, "getSaveFileName", self._type)
        monkeypatch.setattr(QMessageBox, "question", self._answer)

    def _type(self, _parent: QWidget, _title: str, offered: str, _kinds: str) -> tuple[str, str]:
        self.offered.append(offered)
        return self.types.pop(0), ""

    def _answer(self, _parent: QWidget, _title: str, text: str) -> QMessageBox.StandardButton:
        self.asked.append(text)
        buttons = QMessageBox.StandardButton
        return buttons.Yes if self.agrees else buttons.No


@pytest.fixture
def person(monkeypatch):
    return Person(monkeypatch)


@pytest.fixture
def parent(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def test_a_table_whose_suffix_was_not_typed_is_asked_about(person, parent, tmp_path):
    there = tmp_path / "out_table.csv"
    there.write_text("old")
    person.types = [str(tmp_path / "out_table"), str(tmp_path / "other")]
    assert measure_export._ask_path(parent, "grains.csv") == tmp_path / "other.csv"
    assert len(person.asked) == 1 and "out_table.csv" in person.asked[0]
    assert person.offered == ["grains.csv", str(there)]

    person.types, person.agrees = [str(tmp_path / "out_table")], True
    assert measure_export._ask_path(parent, "grains.csv") == there


def test_a_name_that_the_dialog_has_asked_about_is_not_asked_about_again(person, parent, tmp_path):
    there = tmp_path / "out.csv"
    there.write_text("old")
    person.types = [str(there)]
    assert ask_save_path(parent, "Save", "grains.csv", "*.csv") == there
    assert not person.asked


def test_a_cancelled_dialog_saves_nothing(person, parent):
    person.types = [""]
    assert ask_save_path(parent, "Save", "grains.csv", "*.csv") is None


def test_counts_are_asked_about_too(person, qtbot, tmp_path):
    box = CountBox()
    qtbot.addWidget(box)
    there = tmp_path / "counts.csv"
    there.write_text("old")
    person.types = [str(tmp_path / "counts"), ""]
    box._ask_and_save()
    assert there.read_text() == "old" and len(person.asked) == 1


def test_a_model_is_asked_about_too(person, parent, tmp_path):
    there = tmp_path / "steel.v2.etch"
    there.write_text("old")
    person.types = [str(tmp_path / "steel.v2"), ""]
    assert train_library.ask_target(parent, "steel.etch") == ""
    assert len(person.asked) == 1


@pytest.mark.parametrize(
    ("typed", "made"),
    [("a", "a.csv"), ("a.", "a.csv"), ("steel 9.7", "steel 9.7.csv"), ("a.txt", "a.txt")],
)
def test_a_suffix_is_added_where_there_is_none(typed, made):
    assert with_suffix(Path(typed), ".csv") == Path(made)
