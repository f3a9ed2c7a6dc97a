"""Trainings that were stopped or killed, in the Train dock: go on with one, or forget it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from napari_etch._widgets.form import call, combo_box
from napari_etch._widgets.train_labels_form import TRAINED
from napari_etch.training.unfinished import Unfinished, forget, list_unfinished

_WAIT = "Wait for the end of what is being learnt, or stop it."


class UnfinishedBox(QGroupBox):
    """A list of unfinished trainings; hidden while there are none.

    Parameters
    ----------
    parent : QWidget, optional
    ask : callable, optional
        Asks whether a training may be forgotten.

    Signals
    -------
    wanted : Unfinished
        Go on with this one.
    said : str, bool
        What happened; whether it is trouble.
    """

    wanted = Signal(object)
    said = Signal(str, bool)

    def __init__(
        self, parent: QWidget | None = None, ask: Callable[[QWidget, str], bool] | None = None
    ) -> None:
        super().__init__("Unfinished trainings", parent)
        self._ask = ask or ask_to_forget
        self._trainings: dict[str, Unfinished] = {}
        self.list = combo_box(
            "Trainings on labels that were stopped, or that ended with napari or the computer."
        )
        call(self.list, "Unfinished trainings")
        self.go_on = QPushButton("Go on")
        self.forget = QPushButton("Forget…")
        row = QHBoxLayout()
        row.addWidget(self.go_on, 2)
        row.addWidget(self.forget, 1)
        column = QVBoxLayout(self)
        column.addWidget(self.list)
        column.addLayout(row)
        self.go_on.clicked.connect(self._on_go_on)
        self.forget.clicked.connect(self._on_forget)
        self.refresh()

    def chosen(self) -> Unfinished | None:
        """Return the training that is chosen, None where there is none."""
        return self._trainings.get(str(self.list.currentData()))

    def refresh(self, *, busy: bool = False) -> None:
        """Look anew what there is; `busy` locks the buttons, and they say why."""
        chosen = self.list.currentData()
        self._trainings = {str(each.folder): each for each in list_unfinished()}
        self.list.blockSignals(True)
        self.list.clear()
        for key, training in self._trainings.items():
            self.list.addItem(in_words(training), key)
        self.list.setCurrentIndex(max(0, self.list.findData(chosen)) if self._trainings else -1)
        self.list.blockSignals(False)
        self.setVisible(bool(self._trainings))
        tips = (
            (self.go_on, "Go on from where it is kept, with the labels it began with."),
            (self.forget, "Delete what is kept of it; models in your library stay."),
        )
        for button, tip in tips:
            button.setEnabled(not busy)
            button.setToolTip(_WAIT if busy else tip)

    def _on_go_on(self) -> None:
        training = self.chosen()
        if training is not None:
            self.wanted.emit(training)

    def _on_forget(self) -> None:
        training = self.chosen()
        if training is not None and self._ask(self, training.title):
            forget(training.folder)
            self.refresh()
            self.said.emit(f"The unfinished training “{training.title}” was forgotten.", False)


def in_words(training: Unfinished) -> str:
    """Return a training as it stands in the list."""
    when = datetime.fromtimestamp(training.saved).strftime("%d %b %H:%M").lstrip("0")
    model = TRAINED.get(training.model, training.model)
    return f"{training.title} · step {training.step} of {training.steps} · {when} · {model}"


def ask_to_forget(parent: QWidget, title: str) -> bool:
    """Ask whether an unfinished training is to be deleted."""
    answer = QMessageBox.question(parent, "Forget", f"Forget the unfinished training “{title}”?")
    return bool(answer == QMessageBox.StandardButton.Yes)
