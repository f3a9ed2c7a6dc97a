"""The box below the granularity slider: what moving it cuts, and a cut into a new layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_etch._widgets.cutter import GrainCutter
from napari_etch._widgets.recut_layers import granularity_of, is_edited, recut_copy
from napari_etch._widgets.words import edited_text, judged_text, made_text, recut_text
from napari_etch._widgets.wrap_label import WrapLabel


class CutBox(QWidget):
    """Cuts the grains of the chosen image as the slider moves, and says what it would cut.

    Parameters
    ----------
    granularity : QLabeledDoubleSlider
        It is moved to what a map was cut at when another map is shown.
    add_layer : callable
        Takes a new layer into the viewer.

    Signals
    -------
    said : str, bool
        What there is to say, and whether it is trouble.
    """

    said = Signal(str, bool)

    def __init__(
        self, granularity: QLabeledDoubleSlider, add_layer: Callable[[Labels], Any]
    ) -> None:
        super().__init__()
        self._granularity = granularity
        self._add_layer = add_layer
        self._shown: tuple[str | None, float | None] = (None, None)
        self._is_refused = self._moves_slider = False
        self.hint = WrapLabel()
        self.new_cut = QPushButton("Cut into a new layer")
        self.cutter = GrainCutter(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.hint)
        column.addWidget(self.new_cut)
        self.new_cut.clicked.connect(self.cut_into_new_layer)
        self.cutter.cut.connect(self._on_cut)
        self.cutter.refused.connect(self._on_refused)

    def show_target(self, grains: Labels | None) -> None:
        """Take the grains that the slider cuts from now on; None when there are none."""
        self.cutter.target = grains
        self._show()
        self.new_cut.setEnabled(grains is not None)
        self.new_cut.setToolTip(
            "Cut the grains at this granularity into a layer of their own; "
            "the present one keeps your corrections."
            if grains is not None
            else "There are no grains to cut yet: run a model first."
        )

    def look_again(self) -> None:
        """Look whether the slider may cut: what it cuts was perhaps corrected in another dock."""
        self._is_refused = self.cutter.may_not_cut()
        self._show()

    def _show(self) -> None:
        """Let the slider show what the map was cut at that it cuts."""
        grains = self.cutter.target
        cut = granularity_of(grains)
        shown = (None if grains is None else str(grains.unique_id), cut)
        if shown != self._shown:
            self._shown, self._is_refused = shown, self.cutter.may_not_cut()
            if cut is not None and abs(cut - self._granularity.value()) > 1e-6:
                self._moves_slider = True
                self._granularity.setValue(cut)
                self._moves_slider = False
        if grains is None:
            self.hint.setText("The next run uses this granularity.")
        elif self._is_refused and cut is not None:
            self.hint.setText(
                f"“{grains.name}” is cut at {cut:.2f} and corrected or reviewed; the slider is "
                "for the next run and for “Cut into a new layer”."
            )
        else:
            self.hint.setText(f"Moving the slider cuts “{grains.name}” again.")
        self.hint.setToolTip("" if grains is None else made_text(grains))

    def ask(self, granularity: float) -> None:
        """Cut soon, unless the slider was moved from here."""
        if not self._moves_slider:
            self.cutter.ask(granularity)

    def _on_cut(self, count: int, granularity: float) -> None:
        grains = self.cutter.target
        if grains is not None:
            # the slider may be further by now: it is not moved back
            self._shown, self._is_refused = (str(grains.unique_id), granularity), False
            self._show()
            self.said.emit(recut_text(grains.name, count, granularity), False)

    def _on_refused(self) -> None:
        grains = self.cutter.target
        if grains is not None:
            self._is_refused = True
            self._show()
            is_corrected = is_edited(grains)
            self.said.emit((edited_text if is_corrected else judged_text)(grains.name), True)

    def cut_into_new_layer(self) -> None:
        """Cut the grains at the slider's granularity into a layer of their own."""
        grains = self.cutter.target
        if grains is None:
            return
        new = recut_copy(grains, self._granularity.value())
        self._add_layer(new)
        self.said.emit(f"“{new.name}” was added; “{grains.name}” stays as it is.", False)
