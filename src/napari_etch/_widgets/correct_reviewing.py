"""The review in the dock: the keys and buttons of the walk, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_etch._widgets.correct_line import StatusLine
from napari_etch._widgets.correct_mouse import CorrectMouse
from napari_etch._widgets.correct_preview import Preview
from napari_etch._widgets.correct_review_box import ReviewBox
from napari_etch._widgets.correct_walk import Walk
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_etch._widgets.correct_session import CorrectSession

#: Milliseconds after which the progress of the review is counted again.
COUNT_WAIT = 150


class Reviewing(QObject):
    """Leads the walk through the session that is corrected.

    Parameters
    ----------
    viewer, preview, mouse, line
        Of the dock.
    why_not : callable
        Returns why nothing can be corrected now; empty when something can.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        preview: Preview,
        mouse: CorrectMouse,
        line: StatusLine,
        why_not: Callable[[], str],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._mouse, self._line, self._why_not = mouse, line, why_not
        self._session: CorrectSession | None = None
        self.box = ReviewBox()
        self.walk = Walk(viewer, preview, self)
        self.walk.said.connect(self._on_walk)
        self.box.next.clicked.connect(self.walk_on)
        self.box.back.clicked.connect(self.walk_back)
        self.box.good.clicked.connect(self.say_right)
        self.box.remove.clicked.connect(self.say_wrong)
        self._count = QTimer(self)
        self._count.setSingleShot(True)
        self._count.setInterval(COUNT_WAIT)
        self._count.timeout.connect(self._show_progress)

    def watch(self, session: CorrectSession | None) -> None:
        """Walk through another map."""
        self.walk.watch(session)
        has_classes = session is not None and session.is_classes
        self.box.name_verdicts("Right", "Set class" if has_classes else "Remove")
        self._session = session

    def count(self) -> None:
        """Count the progress again soon."""
        self._count.start()

    def allow(self) -> None:
        """Enable the buttons that can be used now."""
        there = "" if self.walk.pair is not None else "Go to a doubtful place first."
        self.box.allow(self._why_not(), there)

    def walk_on(self) -> None:
        """Show what is doubtful next."""
        self._go(self.walk.go)

    def walk_back(self) -> None:
        """Show what was shown before."""
        self._go(lambda: self.walk.go(back=True))

    def say_right(self) -> None:
        """Say that what is shown is right."""
        self._go(self.walk.right)

    def say_wrong(self) -> None:
        """Say that it is wrong."""
        self._go(self.walk.wrong)

    def toggle_accepted(self) -> None:
        """Accept the grain or facet under the mouse, or unlock it."""

        def toggle() -> None:
            session, point = self._session, self._mouse.point
            if session is None:
                raise EditError("Choose a grain map first.")
            if point is None:
                raise EditError("Point at a grain with the mouse first.")
            y, x = np.rint(point).astype(int).tolist()
            self._line.say(session.tour.toggle((y, x)))

        self._go(toggle)

    def _go(self, go: Callable[[], None]) -> None:
        trouble = self._why_not()
        try:
            if trouble:
                raise EditError(trouble)
            go()
        except EditError as error:
            self._line.say_trouble(str(error))

    def _on_walk(self, text: str) -> None:
        self._line.say(text)
        self.allow()
        if self.walk.view is not None:
            self.box.name_verdicts(self.walk.view.right, self.walk.view.wrong)
        self.count()

    def _show_progress(self) -> None:
        if self._session is None:
            self.box.show_progress(0.0, "")  # what to do first is said above
        else:
            self.box.show_progress(*self._session.tour.progress())
