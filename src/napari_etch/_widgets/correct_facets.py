"""The review of a class map, such as fracture modes: facet by facet."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch._widgets.correct_preview import outline_segments
from napari_etch._widgets.correct_target import classes_of, names_of_classes
from napari_etch._widgets.correct_tour import against
from napari_etch._widgets.correct_verdicts import Verdict
from napari_etch._widgets.sentences import capital
from napari_etch._widgets.tour import Stop, View
from napari_etch.corrections import State
from napari_etch.corrections.facets import Facet, FacetReview
from napari_etch.grains.editing import Change, EditError

if TYPE_CHECKING:
    from napari_etch._widgets.correct_session import CorrectSession

Window2 = tuple[slice, slice]


class FacetTour:
    """The review of the section shown of a class map.

    Parameters
    ----------
    session : CorrectSession
        Whose map it is.
    notes : mapping
        What a journal says about its facets.
    chosen : callable
        Returns the class that is chosen in the dock.

    Attributes
    ----------
    noted : dict
        What the journal said about facets.
    """

    def __init__(
        self, session: CorrectSession, notes: Mapping[str, Any], chosen: Callable[[], int]
    ) -> None:
        self._session = session
        self.noted = FacetReview.notes_in(notes)
        self._chosen = chosen
        self._reviews: dict[int, FacetReview] = {}

    @property
    def notes(self) -> dict[str, Any]:
        """What a journal is told of facets when it begins."""
        notes = {
            key: it for key, it in self.noted.items() if int(key.split(" ")[1]) not in self._reviews
        }
        for section, review in self._reviews.items():
            notes |= review.all_notes(section)
        return notes

    @property
    def review(self) -> FacetReview:
        """The review of the section shown."""
        return self._of(self._session.section)

    def judged(self, section: int) -> npt.NDArray[np.bool_]:
        """Return where a section was judged."""
        return self._of(section).judged()

    def _of(self, section: int) -> FacetReview:
        if section not in self._reviews:
            session = self._session
            probability = session.under(session.boundary, section)
            made = FacetReview(session.section_map(section), probability)
            made.restore(self.noted, section)
            self._reviews[section] = made
        return self._reviews[section]

    # -- in step with the map --------------------------------------------------------------------

    def stop(self) -> None:
        """See `Tour`."""

    def forget(self) -> None:
        """Look at the probabilities anew: another layer was chosen for them."""
        for section, review in self._reviews.items():
            review.probability = self._session.under(self._session.boundary, section)
            review.changed()

    def start_anew(self) -> None:
        """Forget everything: this is another map."""
        self._reviews.clear()
        self.noted.clear()

    def known(self, section: int, window: Window2) -> npt.NDArray[np.uint8]:
        """Return what is known of the pixels of a window, for `edited`."""
        return self._of(section).codes(window)

    def edited(
        self,
        section: int,
        window: Window2,
        changed: npt.NDArray[np.bool_],
        earlier: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Take note of an edit, or of one undone, before which `earlier` was known."""
        self._of(section).changed(changed, window, earlier)
        self._session.reviewed.emit()

    def protected(self, section: int, window: Window2) -> npt.NDArray[np.bool_]:
        """Return which pixels of a window nobody may change."""
        return self._of(section).accepted_in(window)

    def refuse_accepted(self, change: Change) -> None:
        """Raise EditError when a change touches an accepted facet of the section shown."""
        touched = change.before != change.after
        if (touched & self.protected(self._session.section, change.window)).any():
            raise EditError("That facet is accepted: point at it and press K to unlock it first.")

    # -- the walk --------------------------------------------------------------------------------

    def start(self, done: Callable[[], None]) -> bool:
        """See `Tour`: nothing has to be measured."""
        return True

    def next(self, passed: Container[Stop]) -> Stop | None:
        """See `Tour`."""
        return self.review.next(passed)

    def is_open(self, stop: Stop) -> bool:
        """See `Tour`."""
        return self.review.is_open(stop)

    def view(self, stop: Stop) -> View:
        """See `Tour`."""
        facet = self._facet(stop)
        window, mask = self.review.region(stop)
        y, x = (round((axis.start + axis.stop) / 2) for axis in window)
        sure = f", {100 * (1 + facet.sure) / 2:.0f} % sure" if np.isfinite(facet.sure) else ""
        text = f"{self._called(facet.value)}{sure}, {facet.area} px."
        if self.review.state(facet.place) is State.ACCEPTED:
            text += " It counts as right."
        extent = float(max(mask.shape))
        lines = {"walk": outline_segments(mask, (window[0].start, window[1].start))}
        return View(lines, y, x, extent, text, "Right", "Set class")

    def right(self, stop: Stop) -> str:
        """See `Tour`: the facet is accepted."""
        self._judge(self._facet(stop), State.ACCEPTED, stop)
        return ""

    def wrong(self, stop: Stop) -> str:
        """See `Tour`: the facet gets the class that is chosen in the dock, or the only other."""
        facet = self._facet(stop)
        value = self._other_than(facet.value)

        def set_class() -> Change:
            change = self._session.editor().set_class(stop, value)
            self.refuse_accepted(change)
            return change

        change = against(self._session, stop, set_class)
        self._session.do(change)
        return change.message

    def _other_than(self, value: int) -> int:
        """Return the class that a facet gets which has the wrong one: chosen, or the only other."""
        chosen = self._chosen()
        if chosen != value:
            return chosen
        layer = self._session.layer
        named = {each for each, name in classes_of(layer).items() if name not in ("", "class")}
        there = set(np.unique(self._session.section_map()).tolist())
        others = (named | there) - {0, value}
        if len(others) != 1:
            raise EditError(
                f"This facet is {self._name(value)} already: choose another under Class first."
            )
        return int(others.pop())

    def toggle(self, point: tuple[int, int]) -> str:
        """See `Tour`."""
        facet = self.review.facet_at(point)
        if facet is None:
            raise EditError("There is no facet under the mouse: point at one.")
        if self.review.state(facet.place) is State.ACCEPTED:
            self._judge(facet, State.EDITED)
            return "Unlocked the facet: tools may change it again."
        self._judge(facet, State.ACCEPTED)
        return "Accepted the facet: tools leave it alone until it is unlocked."

    def progress(self) -> tuple[float, str]:
        """See `Tour`."""
        left, wrong = self.review.left(), self.review.errors_left()
        facets = "1 facet" if left == 1 else f"{left} facets"
        about = f", about {wrong:.0f} of them wrong" if np.isfinite(wrong) else ""
        return self.review.share(), f"{facets} left{about}."

    def _called(self, value: int) -> str:
        """Return what to call a facet of a class at the beginning of a sentence."""
        name = self._name(value)
        if name == f"class {value}":
            return f"Facet of {name}"
        return f"{capital(name)} facet"

    def _name(self, value: int) -> str:
        return names_of_classes(self._session.layer).get(value, f"class {value}")

    def _facet(self, stop: Stop) -> Facet:
        facet = self.review.facet(stop)
        if facet is None:
            raise EditError("That facet is no more.")
        return facet

    def _judge(self, facet: Facet, state: State, stop: Stop | None = None) -> None:
        """Give a facet a state, as a step that undo takes back."""
        section, before = self._session.section, self.review.state(facet.place)
        if before is state:
            return

        review = self._of(section)
        window, mask = review.region(facet.place)
        codes = review.codes(window)

        def give() -> None:
            if review.facet(facet.place) is not None:  # it may be no more
                review.set_state(facet.place, state)
                self._write_down(review, facet, section)

        def take() -> None:
            if review.facet(facet.place) is not None:
                review.put_back(window, mask, codes)
                self._write_down(review, facet, section)

        give()
        about = f"the verdict on the facet at {facet.place[0]}, {facet.place[1]}"
        self._session.verdicts.take(Verdict(about, section, stop, take, give))
        self._session.reviewed.emit()

    def _write_down(self, review: FacetReview, facet: Facet, section: int) -> None:
        self._session.journal.note(**review.notes(facet.place, section))
        self._session.reviewed.emit()
