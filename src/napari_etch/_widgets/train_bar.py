"""Fit and Stop, how far the fit is, and the line that says what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_etch._widgets.status import WhyNot, duration
from napari_etch._widgets.wrap_label import WrapLabel
from napari_etch.training.fitted import total_loss

if TYPE_CHECKING:
    from napari_etch.training.labelfree.events import FitStep
    from napari_etch.training.trainers import TrainStep

STEPS = 1000


class FitBar(QWidget):
    """One button that fits or stops, one that drops the fit, and what there is to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton("Fit")
        self.button.setMinimumHeight(32)
        self.cancel = QPushButton("Cancel")
        self.cancel.setMinimumHeight(32)
        self.cancel.setToolTip("End the fit at once and keep nothing.")
        self.cancel.hide()
        self.why = WhyNot()
        self.bar = QProgressBar()
        self.bar.setRange(0, STEPS)
        self.bar.setToolTip("How much of the fit is done at most; it may end sooner.")
        self.bar.hide()
        self.step = QLabel()
        self.step.setToolTip("Steps taken, the loss, and how long it takes at most.")
        self.step.hide()
        self.line = WrapLabel()
        self.line.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.line.setToolTip("What happened last.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 2)
        buttons.addWidget(self.cancel, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        for widget in (self.why, self.bar, self.step, self.line):
            column.addWidget(widget)

    def show_ready(self, why_not: str, *, from_labels: bool = False) -> None:
        """Offer to learn, or say why that cannot be done now."""
        self.why.show_why(why_not, self.line.text())
        self.button.setText("Train" if from_labels else "Fit")
        self.button.setEnabled(not why_not)
        what = "corrected labels" if from_labels else "the image; no labels"
        self.button.setToolTip(why_not or f"Learn to find boundaries from {what}.")
        for widget in (self.cancel, self.bar, self.step):
            widget.hide()

    def show_running(self) -> None:
        """Offer to cancel, and to stop as soon as there is something to keep."""
        self.why.show_why("")
        self.button.setText("Stop and keep")
        self.button.setEnabled(False)
        self.button.setToolTip("There is nothing to keep yet: the first step comes soon.")
        self.bar.setRange(0, 0)  # it moves, but does not say how far: that is not known yet
        self.step.setText("Looking at the image…")
        for widget in (self.cancel, self.bar, self.step):
            widget.show()

    def show_stopping(self) -> None:
        """Show that the fit was told to stop."""
        self.button.setText("Stopping…")
        self.button.setEnabled(False)
        self.button.setToolTip("The best so far is being kept.")

    def show_step(self, step: FitStep | TrainStep) -> None:
        """Show how far the fit is, and offer to stop it."""
        self.button.setEnabled(True)
        self.button.setToolTip("End the fit now and keep the best so far.")
        together = step.elapsed + step.left
        # By time where that is known: steps late in a fit may take longer than early ones.
        share = step.elapsed / together if together > 0 else step.step / max(1, step.steps)
        if not step.step:  # a look before the first step, when nobody knows how long it takes
            share = 0.0
        self.bar.setRange(0, STEPS)
        self.bar.setValue(round(STEPS * min(1.0, share)))
        left = f" · {duration(step.left)} left" if step.left > 0 else ""
        loss = f" · loss {total_loss(step.losses):.3g}" if step.losses else ""
        self.step.setText(f"Step {step.step}{loss}{left}")

    def say(self, text: str, *, trouble_colour: str | None = None) -> None:
        """Say what happened, in the theme's warning colour when it is trouble."""
        self.line.setStyleSheet(f"color: {trouble_colour};" if trouble_colour else "")
        self.line.setText(text)
        self.why.show_why(self.why.text(), text)
