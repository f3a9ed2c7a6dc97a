"""The walk along doubtful boundaries: shows one after the other, and takes the user's verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.correct_preview import Preview, camera_of, pair_segments
from napari_etch.corrections import State
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_etch._widgets.correct_session import CorrectSession
    from napari_etch.corrections.review import Edge

Pair = tuple[int, int]
#: Share of the view that the boundary should take, and how far from that is left alone; a boundary
#: shorter than SHORTEST px is shown as if it were as long, for the sake of what is around it.
FILL, LEAST, MOST, SHORTEST = 0.25, 0.5, 1.6, 24.0
USUAL_CANVAS = (700.0, 900.0)


class Walk(QObject):
    """Where the review of a session stands.

    Signals
    -------
    said : str
        What the user sees now, or that there is nothing left.
    """

    said = Signal(str)

    def __init__(
        self, viewer: ViewerModel, preview: Preview, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._preview = preview
        self._session: CorrectSession | None = None
        self._place: tuple[float, Pair] | None = None
        self.pair: Pair | None = None

    def watch(self, session: CorrectSession | None) -> None:
        """Walk in another session."""
        if session is not self._session:
            self.stop()
            self._session, self._place = session, None

    def stop(self) -> None:
        """Show no boundary any more; the walk goes on from here later."""
        if self.pair is not None and self._session is not None:
            self._preview.keep(self._session.layer)
        self.pair = None

    def go(self, *, back: bool = False) -> None:
        """Go to the next boundary, or one back; the first time all of them are measured."""
        session = self._session
        if session is None:
            return
        if session.review_section != (session.section if session.is_stack else 0):
            self.said.emit("Measuring the boundaries …")
            self._place = None
            session.start_review(self.go)
            return
        session.catch_up()
        self._show(session.review.next(self._place, back=back), back=back)

    def keep(self) -> None:
        """Say that the boundary shown is right, and go on."""
        session, pair = self._standing()
        accepted = session.keep(pair)
        self.go()
        if accepted:
            self.said.emit(f"Accepted {_grains(accepted)}: all their boundaries are right.")

    def remove(self) -> None:
        """Remove the boundary shown, and go on."""
        session, pair = self._standing()
        session.do(session.editor().merge(pair))
        session.review.remove(pair)
        self.go()

    def refresh(self) -> None:
        """Draw the boundary anew after an edit, or nothing when it is gone."""
        if self.pair is None or self._session is None:
            return
        try:
            self._draw(self.pair)
        except EditError:
            self.stop()

    def _standing(self) -> tuple[CorrectSession, Pair]:
        if self._session is None or self.pair is None:
            raise EditError("No boundary is shown: go to the next doubtful one first.")
        return self._session, self.pair

    def _show(self, pair: Pair | None, *, back: bool) -> None:
        session = self._session
        assert session is not None
        edge = session.review.edge(pair) if pair is not None else None
        if pair is None or edge is None:
            self.stop()
            self.said.emit(
                "This is the least sure boundary." if back else "Every boundary was looked at."
            )
            return
        self.pair, self._place = pair, (edge.rank, pair)
        self._look_at(edge)
        self._draw(pair)
        self.said.emit(
            f"Boundary between grains {pair[0]} and {pair[1]}, {100 * edge.confidence:.0f} % sure, "
            f"{edge.length:.0f} px long. {session.review.left()} left."
        )

    def _draw(self, pair: Pair) -> None:
        assert self._session is not None
        editor = self._session.editor()
        boxes = [editor.bounding_box(label) for label in pair]
        # One grain's box and a pixel around it hold all of the boundary.
        window = (
            slice(max(0, boxes[0][0].start - 1), boxes[0][0].stop + 1),
            slice(max(0, boxes[0][1].start - 1), boxes[0][1].stop + 1),
        )
        lines = pair_segments(editor.grains, window, pair)
        self._preview.keep(self._session.layer, walk=lines)

    def _look_at(self, edge: Edge) -> None:
        assert self._session is not None
        layer, camera = self._session.layer, camera_of(self._viewer)
        place = np.zeros(layer.ndim)
        place[-2:] = edge.y, edge.x
        if layer.ndim == 3:
            place[0] = self._session.section
        camera.center = (*camera.center[:-2], *np.asarray(layer.data_to_world(place))[-2:])
        canvas = min(getattr(getattr(self._viewer, "canvas", None), "size", USUAL_CANVAS))
        wanted = FILL * canvas / (max(edge.length, SHORTEST) * abs(float(layer.scale[-1])))
        if not LEAST * wanted <= camera.zoom <= MOST * wanted:
            camera.zoom = wanted


def toggle_accepted(session: CorrectSession, label: int) -> str:
    """Accept a grain, or unlock one that is accepted; return what was done."""
    if label == 0:
        raise EditError("There is no grain under the mouse: point at one.")
    if session.review.state(label) is State.ACCEPTED:
        session.set_state([label], State.EDITED)
        return f"Unlocked grain {label}: tools may change it again."
    session.set_state([label], State.ACCEPTED)
    return f"Accepted grain {label}: tools leave it alone until it is unlocked."


def _grains(labels: list[int]) -> str:
    listed = " and ".join(map(str, labels))
    return f"grain {listed}" if len(labels) == 1 else f"grains {listed}"
