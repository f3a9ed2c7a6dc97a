"""What the walk of the review visits in a grain map: doubtful boundaries, and missing ones."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_etch._widgets.correct_preview import dashed, pair_segments, ringed
from napari_etch._widgets.correct_verdicts import Tied, Verdict
from napari_etch._widgets.tour import Stop, View
from napari_etch.corrections import Doubts, Review, State, Verdicts
from napari_etch.corrections.review import Edge
from napari_etch.corrections.verdicts import Line
from napari_etch.grains.editing import Change, EditError, GrainEditor
from napari_etch.grains.editing.edges import BOUNDARY_DTYPE, made_by

if TYPE_CHECKING:
    from napari_etch._widgets.correct_session import CorrectSession

#: Milliseconds after an edit until the review looks at its boundaries: the repaint comes first.
REVIEW_WAIT = 60
#: What is shorter than this part of what is shown around it gets a ring.
SHORT = 0.5
NO_EDGES = np.zeros(0, BOUNDARY_DTYPE)
NO_ESTIMATE = "How many of them are wrong is not known: there is no boundary map to tell it."
ABOUT_GRAINS = "Press Next to walk along what is doubtful, the least sure first."


class BoundaryTour(QObject):
    """The review of the section shown, kept in step with the edits.

    Parameters
    ----------
    session : CorrectSession
        Whose map it is.
    notes : mapping, optional
        What a journal says about its grains and boundaries.
    """

    def __init__(self, session: CorrectSession, notes: Mapping[str, Any] | None = None) -> None:
        super().__init__(session)
        self._session = session
        self.review = Review(NO_EDGES, Review.states_from(notes or {}))
        self._verdicts = Verdicts.from_notes(notes or {})
        self._doubts: Doubts | None = None
        self._section: int | None = None
        self._dirty: set[int] = set()
        self._drawn: dict[Stop, int] = {}
        self._found: list[tuple[int, Doubts, Review] | Exception] = []
        self._measuring: QTimer | None = None
        self._asked = 0
        self._reviewed: int | None = None  # whose boundaries the review knows
        self._grain_pixels: tuple[int, int] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(REVIEW_WAIT)
        self._soon.timeout.connect(self.catch_up)

    # -- in step with the map --------------------------------------------------------------------

    def stop(self) -> None:
        """Look at no edit any more."""
        self._soon.stop()

    def forget(self) -> None:
        """Measure all boundaries anew when they are asked for next."""
        self._section = self._doubts = self._grain_pixels = None
        self._asked += 1  # what is being measured is of before

    def start_anew(self) -> None:
        """Forget the states too: this is another map."""
        self.forget()
        self.review, self._reviewed = Review(NO_EDGES), None
        self._verdicts = Verdicts()

    @property
    def notes(self) -> dict[str, Any]:
        """What a journal is told of grains and boundaries when it begins."""
        return {**self.review.notes(self.review.known), **self._verdicts.notes()}

    def edited(self, labels: set[int]) -> None:
        """Take note that these grains changed; some may be no more."""
        self._dirty |= labels
        area = self._session.editor().area
        for pair in [pair for pair in self._drawn if not all(map(area, pair))]:
            del self._drawn[pair]  # undone; its number may come again for another grain
        self._soon.start()

    def drew(self, change: Change) -> None:
        """Take note that the boundaries that a change makes were drawn by the user."""
        session, section = self._session, self._session.section
        made = made_by(change, session.section_map())

        def note() -> None:
            if session.section == section:
                for pair, pixels in made.items():
                    self._drawn[pair] = self._drawn.get(pair, 0) + pixels

        note()
        session.verdicts.tie(Tied(back=lambda: None, again=note))

    def catch_up(self) -> None:
        """Let the review see the boundaries of the grains that were edited."""
        self._soon.stop()
        if self._doubts is not None and (self._dirty or self._drawn):
            labels, self._dirty = self._dirty, set()
            self.review.replace_edges(labels, self._doubts.of(labels))
            self._take_drawn()
            self._forget_gone()
        self._session.reviewed.emit()

    def _take_drawn(self) -> None:
        """Ask about no boundary of which the user drew most."""
        drawn, self._drawn = self._drawn, {}
        edges = {pair: self.review.edge(pair) for pair in drawn}
        mostly = [pair for pair, edge in edges.items() if edge and 2 * drawn[pair] >= edge.length]
        for pair in mostly:
            self.review.take_drawn(pair)
        self._session.journal.note(**self._verdicts.draw(self._session.section, mostly))

    def _forget_gone(self) -> None:
        """Forget what was said of boundaries that are no more."""
        section = self._session.section
        gone = self._verdicts.right(section) - self.review.kept
        if gone:
            self._session.journal.note(**self._verdicts.forget(section, gone))

    def start(self, done: Callable[[], None]) -> bool:
        """See `Tour`; all boundaries of the section are measured in a thread."""
        session = self._session
        if self._section == session.section and self._doubts is not None:
            self.catch_up()
            return True
        if self._measuring is not None:
            return False
        section, editor, known = session.section, session.editor(), self.review.known
        asked = self._asked
        dismissed, right = self._verdicts.dismissed(section), self._verdicts.right(section)
        self._dirty.clear()

        def measure() -> None:
            try:
                doubts = Doubts(editor, dismissed)
                self._found.append((section, doubts, Review(doubts.table, known, right)))
            except Exception as error:  # said where the user looks
                self._found.append(error)

        threading.Thread(target=measure, name="etch review", daemon=True).start()
        self._measuring = timer = QTimer(self)
        timer.timeout.connect(lambda: self._look(editor, known, asked, done))
        timer.start(20)
        return False

    def _look(
        self, editor: GrainEditor, known: dict[int, State], asked: int, done: Callable[[], None]
    ) -> None:
        """Take the result of the thread, when it is there."""
        if not self._found or self._measuring is None:
            return
        self._measuring.stop()
        self._measuring.deleteLater()
        self._measuring = None
        found = self._found.pop()
        if isinstance(found, Exception):
            self._session.said.emit(f"The boundaries cannot be measured: {found}")
            return
        if asked != self._asked or editor is not self._session.editor(found[0]):
            self.start(done)  # other layers were chosen meanwhile, or a verdict taken back
            return
        self._section, self._doubts, review = found
        now = self.review.known
        for label in now.keys() | known.keys():
            review.set_state([label], now.get(label, State.UNREVIEWED))
        for pair in self._verdicts.right(found[0]):  # said while it was measured
            review.take_drawn(pair)
        self.review, self._reviewed = review, found[0]
        self.catch_up()
        done()

    # -- the walk --------------------------------------------------------------------------------

    def next(self, passed: Container[Stop]) -> Stop | None:
        """See `Tour`."""
        return self.review.next(passed)

    def is_open(self, stop: Stop) -> bool:
        """See `Tour`."""
        return self.review.is_open(stop)

    def view(self, stop: Stop) -> View:
        """See `Tour`."""
        editor, (a, b) = self._session.editor(), stop
        edge = self.review.edge(stop)
        if edge is None:
            raise EditError("That boundary is no more.")
        box = editor.bounding_box(a)
        if a == b:
            return self._view_place(a, edge)
        # One grain's box and a pixel around it hold all of the boundary.
        window = (
            slice(max(0, box[0].start - 1), box[0].stop + 1),
            slice(max(0, box[1].start - 1), box[1].stop + 1),
        )
        # without a boundary map each would be 50 % sure, which is not known
        sure = "" if editor.boundary is None else f"{100 * edge.confidence:.0f} % sure, "
        text = f"Boundary between grains {a} and {b}, {sure}{edge.length:.0f} px long."
        if _ordered(stop) in self.review.kept:
            text += " It counts as right."
        line = pair_segments(editor.grains[window], (window[0].start, window[1].start), stop)
        extent = self._extent(edge)
        lines = {"walk": ringed(line) if edge.length < extent * SHORT else line}
        return View(lines, edge.y, edge.x, extent, text)

    def _extent(self, edge: Edge) -> float:
        """Return how large a boundary is shown: a short one as large as a grain is wide.

        What is right is seen from the grains around it.
        """
        grains = max(1, self._session.editor().count)
        return max(edge.length, math.sqrt(self._pixels_of_grains() / grains))

    def _view_place(self, label: int, edge: Edge) -> View:
        doubts = self._measured()
        box = self._session.editor().bounding_box(label)
        half = doubts.half(label)
        grain = self._session.editor().grains[box] == label
        line = pair_segments(grain + half.astype(np.uint8), (box[0].start, box[1].start), (1, 2))
        likely = f"{100 * (1 - edge.confidence):.0f} % likely, {edge.length:.0f} px long"
        text = f"Maybe a boundary is missing in grain {label}: {likely}."
        extent = self._extent(edge)
        shown = dashed(line)
        lines = {"maybe": ringed(shown) if edge.length < extent * SHORT else shown}
        return View(lines, edge.y, edge.x, extent, text, "Add", "Dismiss")

    def right(self, stop: Stop) -> str:
        """See `Tour`: a boundary is kept, a missing one added."""
        if stop[0] != stop[1]:
            return self._keep(_ordered(stop))
        change = self._measured().split(stop[0])
        self._session.do(change, is_drawn=True)
        self._count_wrong(stop)
        self.catch_up()
        return change.message

    def wrong(self, stop: Stop) -> str:
        """See `Tour`: a boundary is removed, one that is not missing dismissed."""
        doubts = self._measured()
        if stop[0] == stop[1]:
            return self._dismiss_place(stop[0])
        line = doubts.line_between(stop)
        merge = self._session.editor().merge
        change = against(self._session, _ordered(stop), lambda: merge(stop))
        self._session.do(change)
        section = self._session.section
        # or it would be offered as one that is missing
        self._dismiss(doubts, line, section)
        self._session.verdicts.tie(
            Tied(lambda: self._allow_line(section, line), lambda: self._dismiss_line(section, line))
        )
        self._count_wrong(stop)
        self.catch_up()
        return change.message

    def _count_wrong(self, stop: Stop) -> None:
        """Count what an edit put right, as long as the edit stands: undo and redo reach it, too."""
        review, taken = self.review, []
        review.remove(stop)

        def back() -> None:
            taken.append(review.take_back(stop))

        def again() -> None:
            verdict = taken.pop() if taken else None
            if verdict is not None:
                review.give_again(verdict)

        self._session.verdicts.tie(Tied(back, again))

    def _dismiss(self, doubts: Doubts, line: Line, section: int) -> None:
        """Take down that no boundary belongs along a line."""
        doubts.dismiss(line)
        self._session.journal.note(**self._verdicts.dismiss(section, line))

    # -- verdicts that undo takes back -----------------------------------------------------------

    def _keep(self, stop: Stop) -> str:
        if stop in self.review.kept:
            return ""
        session, section = self._session, self._session.section
        before = {label: self.review.state(label) for label in stop}

        def again() -> list[int]:
            session.journal.note(**self._verdicts.keep(section, stop))
            knows = self._reviewed == section and self.review.edge(stop) is not None
            accepted = self.review.keep(stop) if knows else []
            self._note(accepted)
            return accepted

        def back() -> None:
            session.journal.note(**self._verdicts.forget(section, [stop]))
            self._reopen(section, stop)
            self._set_back(before)

        accepted = again()
        about = f"the verdict on the boundary between grains {stop[0]} and {stop[1]}"
        session.verdicts.take(Verdict(about, section, stop, back, again))
        session.reviewed.emit()
        return _said_accepted(accepted)

    def _reopen(self, section: int, stop: Stop) -> None:
        """Ask about a boundary or a place again; what was found right beside it stays so."""
        if self._reviewed != section or self._doubts is None:
            self._asked += 1  # the review is made anew, without this verdict
            return
        self.review.take_back(stop)
        others = [pair for pair in self.review.kept if pair != stop and set(pair) & set(stop)]
        self.review.replace_edges(stop, NO_EDGES)
        self.review.replace_edges(stop, self._doubts.of(stop))
        for pair in others:
            self.review.take_drawn(pair)

    def _dismiss_place(self, label: int) -> str:
        session, section = self._session, self._session.section
        line, before = self._measured().line(label), {label: self.review.state(label)}
        stop = (label, label)

        def again() -> list[int]:
            if not self._dismiss_line(section, line) or self._doubts is None:
                return []
            accepted = self.review.dismiss(label, self._doubts.places([label]))
            self._note(accepted)
            return accepted

        def back() -> None:
            self._allow_line(section, line)
            self._reopen(section, stop)
            if self._reviewed == section and self.review.edge(stop) is None:
                self.forget()  # seen with all of the map alone, or the grain is very large
            self._set_back(before)

        accepted = again()
        about = f"the verdict that no boundary is missing in grain {label}"
        session.verdicts.take(Verdict(about, section, stop, back, again))
        session.reviewed.emit()
        return _said_accepted(accepted)

    def _dismiss_line(self, section: int, line: Line) -> bool:
        """Take down that no boundary belongs along a line; return whether the review knows it."""
        if self._reviewed == section and self._doubts is not None:
            self._dismiss(self._doubts, line, section)
            return True
        self._session.journal.note(**self._verdicts.dismiss(section, line))
        self.forget()
        return False

    def _allow_line(self, section: int, line: Line) -> None:
        """Take back that no boundary belongs along a line."""
        self._session.journal.note(**self._forget_line(section, line))
        if self._reviewed == section and self._doubts is not None:
            self._doubts.dismiss_only(self._verdicts.dismissed(section))

    def _forget_line(self, section: int, line: Line) -> dict[str, Any]:
        """Forget that no boundary belongs along a line; return the note for the journal."""
        gone = self._verdicts.dismiss(section, line)
        notes = self._verdicts.notes()
        self._verdicts = Verdicts.from_notes({key: notes[key] for key in notes.keys() - gone})
        return dict.fromkeys(gone)

    def _set_back(self, states: Mapping[int, State]) -> None:
        for label, state in states.items():
            self.set_state([label], state)

    def _measured(self) -> Doubts:
        if self._doubts is None:
            raise EditError("The map has changed: press Next to measure its boundaries anew.")
        return self._doubts

    # -- states ----------------------------------------------------------------------------------

    def set_state(self, labels: Iterable[int], state: State) -> None:
        """Give grains a state, protect those that are accepted, and write it down."""
        changed = [label for label in labels if self.review.state(label) is not state]
        if changed:
            self.review.set_state(changed, state)
            self._note(changed)

    def _note(self, labels: list[int]) -> None:
        session = self._session
        for label in labels:
            session.lock(label, is_locked=self.review.state(label) is State.ACCEPTED)
        if labels:
            session.journal.note(**self.review.notes(labels))
        session.reviewed.emit()

    def toggle(self, point: tuple[int, int]) -> str:
        """See `Tour`."""
        label = self._session.editor().label_at(point)
        if label == 0:
            raise EditError("There is no grain under the mouse: point at one.")
        before = self.review.state(label)
        is_accepted = before is State.ACCEPTED
        now = State.EDITED if is_accepted else State.ACCEPTED
        self.set_state([label], now)
        what = "unlocking" if is_accepted else "accepting"
        self._session.verdicts.take(
            Verdict(
                f"the {what} of grain {label}",
                self._session.section,
                None,
                lambda: self.set_state([label], before),
                lambda: self.set_state([label], now),
            )
        )
        self._session.reviewed.emit()
        if is_accepted:
            return f"Unlocked grain {label}: tools may change it again."
        return f"Accepted grain {label}: tools leave it alone until it is unlocked."

    def _pixels_of_grains(self) -> int:
        """Return the pixels of all grains of the section shown, counted once."""
        at = self._session.section
        if self._grain_pixels is None or self._grain_pixels[0] != at:
            self._grain_pixels = at, int(np.count_nonzero(self._session.section_map()))
        return self._grain_pixels[1]

    def progress(self) -> tuple[float, str]:
        """See `Tour`."""
        session = self._session
        editor = session.editor()
        pixels = max(1, self._pixels_of_grains())
        share = min(1.0, self.review.reviewed_area(editor.area) / pixels)
        if self._section != session.section:  # nothing was measured, or another section
            return share, ABOUT_GRAINS
        left = self.review.left()
        boundaries = "1 boundary" if left == 1 else f"{left} boundaries"
        if editor.boundary is None:
            return share, f"{boundaries} left. {NO_ESTIMATE}"
        return share, f"{boundaries} left, about {self.review.errors_left():.0f} wrong or missing."


def against(session: CorrectSession, stop: Stop, make: Callable[[], Change]) -> Change:
    """Return the change that goes against an earlier verdict on a stop, which it takes back.

    Raises
    ------
    EditError
        When the change cannot be made; then the verdict stands.
    """
    verdict = session.verdicts.find(session.section, stop)
    if verdict is None:
        return make()
    verdict.back()
    try:
        change = make()
    except EditError:
        verdict.again()
        raise
    session.verdicts.drop(verdict)
    return change


def _ordered(stop: Stop) -> Stop:
    return min(stop), max(stop)


def _said_accepted(labels: list[int]) -> str:
    """Return what to say of grains that were accepted with a verdict."""
    if not labels:
        return ""
    listed = " and ".join(map(str, labels))
    grains = f"grain {listed}" if len(labels) == 1 else f"grains {listed}"
    return f"Accepted {grains}: all their boundaries are right."
