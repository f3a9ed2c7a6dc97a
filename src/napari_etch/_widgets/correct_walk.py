"""The walk of the review: shows one doubtful thing after the other, and takes the verdict."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.correct_preview import Preview
from napari_etch._widgets.placement import steps_of
from napari_etch._widgets.tour import Stop, View
from napari_etch._widgets.view import camera_of, canvas_size, centre_on
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_etch._widgets.correct_session import CorrectSession

#: Share of the view that the boundary should take, and how far from that is left alone, so that the
#: zoom that the user has chosen stays; a boundary shorter than SHORTEST px is shown as if it were
#: as long, for the sake of what is around it.
FILL, LEAST, MOST, SHORTEST = 0.25, 0.3, 2.2, 24.0
#: Share of the view that holds all that is drawn.
ROOM = 0.95


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
        self._passed: set[Stop] = set()
        self._history: list[Stop] = []
        self.pair: Stop | None = None
        self.view: View | None = None

    def watch(self, session: CorrectSession | None) -> None:
        """Walk in another session."""
        if session is not self._session:
            self.stop()
            self._session = session
            self._begin()

    def stop(self) -> None:
        """Show nothing any more; the walk goes on from here later."""
        if self.pair is not None and self._session is not None:
            self._preview.keep(self._session.layer)
        self.pair = self.view = None

    def go(self, *, back: bool = False) -> None:
        """Go on, or one back; the first time everything is measured."""
        session = self._session
        if session is None:
            return
        if not session.tour.start(self.go):
            self._begin()
            self.said.emit("Measuring the boundaries …")
            return
        if back:
            self._go_back(session)
            return
        if self.pair is not None:
            self._history.append(self.pair)
            if session.tour.is_open(self.pair):
                self._passed.add(self.pair)
        stop = session.tour.next(self._passed)
        if stop is None:
            skipped = any(session.tour.is_open(each) for each in self._passed)
            self._passed.clear()
            self.stop()
            self.said.emit(
                "That was all; press Next for those you passed by."
                if skipped
                else "Everything was looked at."
            )
            return
        self._show(session, stop)

    def right(self) -> None:
        """Say that what is shown is right, and go on."""
        session, stop = self._standing()
        self._after(session.tour.right(stop))

    def wrong(self) -> None:
        """Say that it is wrong, and go on."""
        session, stop = self._standing()
        self._after(session.tour.wrong(stop))

    def show(self, stop: Stop) -> None:
        """Go to a certain place, such as one that was clicked on."""
        if self._session is None:
            return
        if self.pair is not None and self.pair != stop:
            self._history.append(self.pair)
        view = self._session.tour.view(stop)
        self.pair = stop
        self._draw(self._session, view)  # without moving the view: it is in sight
        self.said.emit(view.text)

    def show_again(self, stop: Stop, said: str) -> None:
        """Go back to what was judged, once it is known again, and say why."""
        session = self._session
        if session is None:
            return
        section = session.section

        def show() -> None:
            if session is not self._session or session.section != section:
                return  # the user has gone elsewhere meanwhile
            if not session.tour.start(show):
                self.said.emit(f"{said} Measuring the boundaries …")
                return
            if self.pair is not None and self.pair != stop:
                self._history.append(self.pair)
            with suppress(EditError):  # it is no more: what is shown stays
                self._show(session, stop)
                self.said.emit(f"{said} {session.tour.view(stop).text}")

        show()

    def refresh(self) -> None:
        """Draw what is shown anew after an edit, or nothing when it is gone."""
        if self.pair is None or self._session is None:
            return
        try:
            self._draw(self._session, self._session.tour.view(self.pair))
        except EditError:
            self.stop()

    def _begin(self) -> None:
        self._passed.clear()
        self._history.clear()

    def _after(self, done: str) -> None:
        self.go()
        if done:
            there = f" {self.view.text}" if self.view is not None else ""
            self.said.emit(f"{done}{there}")

    def _go_back(self, session: CorrectSession) -> None:
        while self._history:
            stop = self._history.pop()
            self._passed.discard(stop)
            with suppress(EditError):  # what is no more is passed over
                self._show(session, stop)
                return
        self.said.emit("The walk began here.")

    def _standing(self) -> tuple[CorrectSession, Stop]:
        if self._session is None or self.pair is None:
            raise EditError("Nothing is shown: go to the next doubtful place first.")
        return self._session, self.pair

    def _show(self, session: CorrectSession, stop: Stop) -> None:
        view = session.tour.view(stop)
        self.pair = stop
        self._look_at(session, view)
        self._draw(session, view)
        self.said.emit(view.text)

    def _draw(self, session: CorrectSession, view: View) -> None:
        self.view = view
        self._preview.keep(session.layer, **view.lines)

    def _look_at(self, session: CorrectSession, view: View) -> None:
        layer, camera = session.layer, camera_of(self._viewer)
        place = np.zeros(layer.ndim)
        place[-2:] = view.y, view.x
        if layer.ndim == 3:
            place[0] = session.section
        canvas = canvas_size(self._viewer)
        pixel = float(steps_of(layer)[-1])
        wanted = FILL * min(canvas) / (max(view.extent, SHORTEST) * pixel)
        # A facet may be all of the image: there is nothing to see around that.
        whole = min(canvas) / (max(layer.data.shape[-2:]) * pixel)
        drawn = _ends_of(layer, place, view)
        # A boundary in two pieces reaches farther than it is long.
        most = float(np.min(np.divide(canvas, np.maximum(drawn[1] - drawn[0], pixel))))
        most = max(ROOM * most, min(whole, most))
        wanted = min(max(wanted, whole), most)
        if not LEAST * wanted <= camera.zoom <= min(MOST * wanted, most):
            camera.zoom = wanted
        middle = np.asarray(layer.data_to_world(place))[-2:]
        half = np.asarray(canvas, float) / (2 * camera.zoom)
        middle = np.clip(middle, drawn[1] - ROOM * half, drawn[0] + ROOM * half)
        middle = np.array(inside(middle, half, layer.extent.world[:, -2:]))
        middle = np.clip(middle, drawn[1] - half, drawn[0] + half)  # a ring may reach outside
        centre_on(self._viewer, middle)


def _ends_of(
    layer: Labels, place: npt.NDArray[np.floating], view: View
) -> npt.NDArray[np.floating]:
    """Return least and greatest y and x in the world, (2, 2), of what is drawn at a stop."""
    lines = [segments for segments in view.lines.values() if len(segments)]
    ends = [np.concatenate([each[:, 0], each.sum(axis=1)]) for each in lines]
    points = np.concatenate([*ends, [[view.y, view.x]]])
    corners = np.repeat(place[None], 4, axis=0)
    least, greatest = points.min(0), points.max(0)
    corners[:, -2] = np.array([least[0], least[0], greatest[0], greatest[0]])
    corners[:, -1] = np.array([least[1], greatest[1], least[1], greatest[1]])
    world = np.array([layer.data_to_world(corner)[-2:] for corner in corners])
    return np.stack([world.min(0), world.max(0)])


def inside(
    middle: npt.NDArray[np.floating], half: npt.NDArray[np.floating], ends: npt.NDArray[np.floating]
) -> tuple[float, float]:
    """Return the middle of a view, moved so that it shows as little as may be beside the image.

    Parameters
    ----------
    middle : (2,)
        Where the view should have its middle, (y, x).
    half : (2,)
        Half the height and width of the view.
    ends : (2, 2)
        Least and greatest y and x of the image. Where the view is larger than the image, it gets
        the image's middle.

    Returns
    -------
    float, float
        In the units of `ends`, which all share.
    """
    least, greatest = ends
    low, high = least + half, greatest - half
    moved = np.where(
        low < high, np.clip(middle, low, np.maximum(low, high)), (least + greatest) / 2
    )
    return float(moved[0]), float(moved[1])
