"""The buttons of the review, and how far it is."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.keys import CORRECT_BINDINGS, tip


class ReviewBox(QGroupBox):
    """The buttons of the walk along doubtful boundaries, and how far it is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Review", parent)
        self.back = action_button("‹ Back", "back", "Go back to what was shown before.")
        self.next = action_button("Next ›", "next", "Go to what is least sure and not judged yet.")
        self.good = action_button(
            "Right",
            "good",
            "The line shown is right, go on; one that may be missing is added, a facet accepted.",
        )
        self.remove = action_button(
            "Remove",
            "remove",
            "The line shown is wrong, it goes; a facet gets the class chosen above.",
        )
        self.bar = QProgressBar()
        self.bar.setToolTip("Share of the area that was accepted or edited.")
        self.bar.setFormat("%p % reviewed")
        self.left = QLabel()
        self.left.setWordWrap(True)
        self.left.setToolTip(
            "What nobody judged, and an estimate of how much of it is wrong: the doubt of the "
            "boundary map and of the micrograph, corrected by what was found so far."
        )
        column = QVBoxLayout(self)
        for row in ((self.back, self.next), (self.good, self.remove)):
            line = QHBoxLayout()
            for button in row:
                line.addWidget(button)
            column.addLayout(line)
        column.addWidget(self.bar)
        column.addWidget(self.left)
        accept = CORRECT_BINDINGS["accept"]
        self.about_accept = _small(f"{accept.shown}: {accept.does.lower()}")
        column.addWidget(self.about_accept)

    def show_progress(self, share: float, left: str) -> None:
        """Show the share reviewed, and in words what is left."""
        # Qt paints a bar at once when its value changes, and with it the whole window: 0.1 s more
        # for every verdict. This way it is painted with all else that changes.
        self.bar.setUpdatesEnabled(False)
        self.bar.setValue(round(100 * share))
        self.bar.setUpdatesEnabled(True)
        self.left.setText(left)

    def name_verdicts(self, right: str, wrong: str) -> None:
        """Call the two verdicts by what they do where the walk stands."""
        for button, text, action in ((self.good, right, "good"), (self.remove, wrong, "remove")):
            button.setText(f"{text} ({CORRECT_BINDINGS[action].shown})")

    def allow(self, walk: str, judge: str) -> None:
        """Enable the buttons, or say why they cannot be used."""
        for button, trouble in (
            (self.next, walk),
            (self.back, walk),
            (self.good, walk or judge),
            (self.remove, walk or judge),
        ):
            button.setEnabled(not trouble)
            button.setToolTip(trouble or button.property("usual_tip"))


def action_button(text: str, action: str, does: str) -> QPushButton:
    """Return a button that shows the key of its action, with its tooltip as a property."""
    button = QPushButton(f"{text} ({CORRECT_BINDINGS[action].shown})")
    button.setProperty("usual_tip", tip(does, action))
    return button


def _small(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setStyleSheet("font-size: 11px;")
    label.setToolTip("Accepted grains are protected from all tools and brushes.")
    return label
