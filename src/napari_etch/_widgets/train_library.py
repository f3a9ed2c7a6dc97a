"""The user's models in the Train dock: use, rename, export, import, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.form import call
from napari_etch._widgets.library_watch import LibraryWatch, tell_library_changed
from napari_etch._widgets.save_path import ask_save_path
from napari_etch._widgets.sentences import error_sentence
from napari_etch.models.errors import ModelError
from napari_etch.models.library import (
    LibraryModel,
    delete_model,
    export_model,
    list_library,
    rename_model,
)
from napari_etch.models.weights_file import SUFFIX

PICTURE = 48
ROWS_SHOWN = 3
FILES = f"napari-etch model (*{SUFFIX})"
START_WORDS = {
    "scratch": "from the image alone",
    "both": "from the image, averaged with the generalist",
    "generalist": "generalist, adapted",
}


class LibraryBox(QGroupBox):
    """A list of models with what can be done with the one that is chosen.

    Signals
    -------
    said : str, bool
        What happened; whether it is trouble.
    wanted : str
        Segment with the model of this name.
    """

    said = Signal(str, bool)
    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Your models", parent)
        self.list = QListWidget()
        self.list.setIconSize(QSize(PICTURE, PICTURE))
        self.list.setFixedHeight(ROWS_SHOWN * (PICTURE + 8))
        self.list.setMinimumWidth(160)
        self.list.setWordWrap(True)
        call(self.list, "Your models")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.none = QLabel("No model yet: fit or import one.")
        self.segment = QPushButton("Segment with it")
        self.rename = QPushButton("Rename…")
        self.export = QPushButton("Export…")
        self.delete = QPushButton("Delete…")
        self.import_ = QPushButton("Import…")
        self.import_.setToolTip(f"Take in a model from an {SUFFIX} file, after a check.")
        self._models: dict[str, LibraryModel] = {}
        self._checking: Any = None
        self._lay_out()
        self._connect()
        self.watch = LibraryWatch(self)
        self.watch.changed.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for button in (self.rename, self.export):
            first.addWidget(button)
        for button in (self.delete, self.import_):
            second.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.none)
        column.addWidget(self.list)
        column.addWidget(self.segment)
        column.addLayout(first)
        column.addLayout(second)

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(lambda *_: self._offer())
        self.segment.clicked.connect(lambda: self.wanted.emit(self.chosen()))
        self.list.itemDoubleClicked.connect(lambda _item: self.segment.click())
        self.rename.clicked.connect(self.rename_chosen)
        self.export.clicked.connect(self.export_chosen)
        self.delete.clicked.connect(self.delete_chosen)
        self.import_.clicked.connect(self.import_file)

    # -- what there is ---------------------------------------------------------------------------

    def chosen(self) -> str:
        """Return the name of the chosen model, an empty string when none is."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def choose(self, name: str) -> None:
        """Choose a model by name."""
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) == name:
                self.list.setCurrentRow(row)

    def refresh(self) -> None:
        """Read the library again; the chosen model stays chosen."""
        chosen = self.chosen()
        self._models = {model.name: model for model in list_library()}
        self.list.blockSignals(True)
        self.list.clear()
        for model in self._models.values():
            self.list.addItem(_item(model))
        self.list.blockSignals(False)
        if self.list.count():
            self.list.setCurrentRow(0)
        self.choose(chosen)
        self._offer()

    def _offer(self) -> None:
        model = self._models.get(self.chosen())
        none = "There is no model yet: fit or import one." if not self._models else ""
        none = none or ("" if model else "Choose a model in the list.")
        broken = none or (model.trouble if model is not None else "")
        self.none.setVisible(not self._models)
        self.list.setVisible(bool(self._models))
        self._can(self.segment, broken, "Run this model on the image, in the Segment dock.")
        self._can(self.rename, broken, "Give the model another name.")
        self._can(self.export, broken, f"Write the model as one {SUFFIX} file, to pass on.")
        self._can(self.delete, none, "Delete the model for good.")
        if self._checking is None:
            self._can(self.import_, "", f"Take in a model from an {SUFFIX} file, after a check.")

    @staticmethod
    def _can(button: QPushButton, why_not: str, tip: str) -> None:
        button.setEnabled(not why_not)
        button.setToolTip(why_not or tip)

    # -- what can be done ------------------------------------------------------------------------

    def rename_chosen(self) -> None:
        """Ask for another name and give it to the chosen model."""
        model = self._models[self.chosen()]
        title = ask_title(self, model.title)
        if not title or title == model.title:
            return
        if self._tried(lambda: rename_model(model.name, title)):
            tell_library_changed()
            self.said.emit(f"“{model.title}” is now “{title}”.", False)

    def export_chosen(self) -> None:
        """Ask for a file and write the chosen model into it."""
        model = self._models[self.chosen()]
        file = ask_target(self, model.name + SUFFIX)
        # the dialog has asked whether a file that is there may be replaced
        if file and self._tried(lambda: export_model(model.name, Path(file), overwrite=True)):
            self.said.emit(f"“{model.title}” was written to {file}.", False)

    def delete_chosen(self) -> None:
        """Ask, and delete the chosen model."""
        model = self._models[self.chosen()]
        if not ask_deletion(self, model.title):
            return
        if self._tried(lambda: delete_model(model.name)):
            tell_library_changed()
            self.said.emit(f"“{model.title}” was deleted.", False)

    def import_file(self) -> None:
        """Ask for a file and take in its model; it is loaded once, in a thread."""
        file = ask_source(self)
        if not file:
            return
        self._can(self.import_, "A model is being checked.", "")
        self.said.emit(f"Checking {Path(file).name}…", False)
        worker = create_worker(_import, Path(file), _start_thread=False)
        worker.returned.connect(self._on_checked)
        self._checking = worker
        worker.start()

    def _on_checked(self, found: LibraryModel | str) -> None:
        self._checking = None
        if isinstance(found, str):
            self._offer()
            self.said.emit(found, True)
            return
        tell_library_changed()
        self.choose(found.name)
        self.said.emit(f"“{found.title}” is in your library now.", False)

    def _tried(self, act: Any) -> bool:
        try:
            act()
        except (ModelError, OSError) as error:
            self.said.emit(str(error), True)
            self.refresh()
            return False
        return True


def _import(path: Path) -> LibraryModel | str:
    """Import a model, or return why not: what a worker raises napari shows a second time."""
    from napari_etch.models.importing import import_model

    try:
        return import_model(path)
    except Exception as error:
        return error_sentence(error, path.name, "imported")


def _item(model: LibraryModel) -> QListWidgetItem:
    notes = model.notes
    about = [START_WORDS.get(notes.start, notes.start), notes.made[:10]]
    item = QListWidgetItem("\n".join([model.title, " · ".join(word for word in about if word)]))
    item.setData(Qt.ItemDataRole.UserRole, model.name)
    if model.thumbnail is not None:
        item.setIcon(_icon(str(model.thumbnail)))
    lines = [f"Name on the command line: {model.name}"]
    if notes.sources:
        lines.append(f"Learnt from {', '.join(notes.sources)}")
    lines += [f"{name}: {value:.4g}" for name, value in notes.losses.items()]
    lines.append(f"{model.size / 1e6:.1f} MB")
    item.setToolTip(model.trouble or "\n".join(lines))
    return item


def _icon(file: str) -> QIcon:
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):  # left alone, Qt tints the selected one
        icon.addFile(file, QSize(), mode)
    return icon


def ask_title(parent: QWidget, title: str) -> str:
    """Ask for a name; empty when the user cancelled."""
    text, agreed = QInputDialog.getText(parent, "Rename", "Name of the model", text=title)
    return str(text).strip() if agreed else ""


def ask_target(parent: QWidget, name: str) -> str:
    """Ask for a file to write; empty when the user cancelled."""
    return str(ask_save_path(parent, "Export the model", name, FILES, only=True) or "")


def ask_source(parent: QWidget) -> str:
    """Ask for a file to read; empty when the user cancelled."""
    return str(QFileDialog.getOpenFileName(parent, "Import a model", "", FILES)[0])


def ask_deletion(parent: QWidget, title: str) -> bool:
    """Ask whether a model is to be deleted."""
    answer = QMessageBox.question(parent, "Delete", f"Delete “{title}” for good?")
    return bool(answer == QMessageBox.StandardButton.Yes)
