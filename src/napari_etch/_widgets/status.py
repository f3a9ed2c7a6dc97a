"""Run button, progress bar and the line that says what happened."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_etch._widgets.keys import tip
from napari_etch._widgets.run import Progress
from napari_etch._widgets.sentences import capital
from napari_etch._widgets.wrap_label import WrapLabel

STEPS = 1000


class WhyNot(WrapLabel):
    """Why the button above it cannot be pressed: a greyed button's tooltip is hardly looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("What to do first.")
        self.hide()

    def show_why(self, why_not: str, said: str = "") -> None:
        """Say it, unless that is what was said last; nothing hides the line."""
        self.setText(why_not)
        self.setVisible(bool(why_not) and why_not != said)


class RunBar(QWidget):
    """One button that runs or cancels, and below it how far the run is and how it ended."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton("Run")
        self.button.setMinimumHeight(32)
        self.bar = QProgressBar()
        self.bar.setRange(0, STEPS)
        self.bar.setTextVisible(True)
        self.bar.setToolTip("How much of the run is done.")
        self.bar.hide()
        self.why = WhyNot()
        self.step = QLabel()
        self.step.setToolTip("What the run is doing, and how long it will take.")
        self.step.hide()
        self.line = WrapLabel()
        self.line.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.line.setToolTip("What happened last.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.button, self.why, self.bar, self.step, self.line):
            column.addWidget(widget)

    def show_ready(self, why_not: str) -> None:
        """Offer to run, or say why that cannot be done now."""
        self.why.show_why(why_not, self.line.text())
        self.button.setText("Run")
        self.button.setEnabled(not why_not)
        self.button.setToolTip(
            why_not or tip("Find the boundaries and grains of the image.", "run")
        )
        self.bar.hide()
        self.step.hide()

    def show_running(
        self, cancelling: str = "Stop the run; nothing is added to the viewer."
    ) -> None:
        """Offer to cancel; the tooltip says what that does."""
        self.why.show_why("")
        self.button.setText("Cancel")
        self.button.setEnabled(True)
        self.button.setToolTip(tip(cancelling, "run"))
        self.bar.setValue(0)
        self.bar.show()
        self.step.show()

    def show_cancelling(self) -> None:
        """Show that the run was told to stop."""
        self.button.setText("Cancelling…")
        self.button.setEnabled(False)
        self.button.setToolTip("The run stops after the tile that is being computed.")

    def show_progress(self, progress: Progress) -> None:
        """Show how far the run is."""
        self.bar.setValue(round(STEPS * progress.fraction))
        self.step.setText(step_text(progress))

    def say(self, text: str, *, trouble_colour: str | None = None) -> None:
        """Say what happened, in the theme's warning colour when it is trouble."""
        self.line.setStyleSheet(f"color: {trouble_colour};" if trouble_colour else "")
        self.line.setText(text)
        self.why.show_why(self.why.text(), text)


def step_text(progress: Progress) -> str:
    """Return what the run does and how long it will take, such as ``tile 3 of 12 · 8 s left``."""
    text = capital(progress.message)
    if progress.seconds_left is None:
        return text
    return f"{text} · {duration(progress.seconds_left)} left"


def duration(seconds: float) -> str:
    """Return a time as a person says it: ``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
