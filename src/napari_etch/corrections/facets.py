"""The review of a class map, such as fracture modes: region by region, the least sure first."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.review import State
from napari_etch.grains.editing.change import Labels, Mask, Window

__all__ = ["Facet", "FacetReview"]

Place = tuple[int, int]
#: Regions smaller than this, px, come last: they are specks, not facets.
SPECK = 30
_CODES = (State.UNREVIEWED, State.ACCEPTED, State.EDITED)
_PREFIX = "facet"


class Facet(NamedTuple):
    """A 4-connected region of one class: its first pixel (y, x), class, area in px and sureness.

    Sureness, in [0, 1], is NaN without a probability map.
    """

    place: Place
    value: int
    area: int
    sure: float


class FacetReview:
    """States of the regions of a class map and the walk along them.

    A state belongs to pixels: what the user judged stays judged when regions are joined or cut. A
    region has the state that most of it has.

    Parameters
    ----------
    classes : ndarray of integers, shape (y, x)
        Class map, 0 unlabelled. Held by reference; call `changed` after every edit.
    probability : ndarray of float, shape (y, x), optional
        Probability in [0, 1] of one of two classes: a region is the surer the further its mean
        is from one half. Without it large regions come first.
    """

    def __init__(
        self, classes: Labels, probability: npt.NDArray[np.floating] | None = None
    ) -> None:
        self._classes = classes
        self.probability = probability
        self._codes = np.zeros(classes.shape, np.uint8)
        self._regions: npt.NDArray[np.integer] | None = None
        self._facets: list[Facet] = []
        self._states: list[State] = []
        self._numbers: dict[Place, int] = {}
        self._boxes: list[Window] = []

    # -- regions ---------------------------------------------------------------------------------

    def codes(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return what is known of the pixels of a window, for `changed` to bring it back."""
        return self._codes[window].copy()

    def changed(
        self,
        changed: Mask | None = None,
        window: Window | None = None,
        earlier: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Take note of an edit; pixels that changed inside a window are edited from now on.

        Where an edit was undone they are what they were before it, which `codes` returned then.
        """
        self._regions = None
        if changed is not None and window is not None:
            edited = _CODES.index(State.EDITED)
            self._codes[window][changed] = edited if earlier is None else earlier[changed]

    def facet(self, place: Place) -> Facet | None:
        """Return the region whose first pixel is at a place."""
        self._read()
        number = self._numbers.get(place)
        return None if number is None else self._facets[number - 1]

    def facet_at(self, point: Place) -> Facet | None:
        """Return the region under a pixel; None on 0."""
        regions = self._read()
        if not all(0 <= at < size for at, size in zip(point, regions.shape, strict=True)):
            return None
        number = int(regions[point])
        return self._facets[number - 1] if number else None

    def region(self, place: Place) -> tuple[Window, Mask]:
        """Return the window of a region and a mask in it."""
        regions = self._read()
        number = self._numbers[place]
        box = self._boxes[number - 1]
        return box, np.asarray(regions[box] == number)

    def next(self, passed: Container[Place] = ()) -> Place | None:
        """Return the region to look at: the least sure one, without probabilities the largest."""
        self._read()
        for number in self._order:
            place = self._facets[number].place
            if self._states[number] is State.UNREVIEWED and place not in passed:
                return place
        return None

    # -- states ----------------------------------------------------------------------------------

    def state(self, place: Place) -> State:
        """Return the state of a region."""
        self._read()
        return self._states[self._numbers[place] - 1]

    def set_state(self, place: Place, state: State) -> None:
        """Give a region a state."""
        box, mask = self.region(place)
        self._codes[box][mask] = _CODES.index(state)
        self._states[self._numbers[place] - 1] = state

    def put_back(self, window: Window, mask: Mask, codes: npt.NDArray[np.uint8]) -> None:
        """Bring back what was known of some pixels of a window, as `codes` returned it.

        One region may be of several that were known apart: an edit has joined them.
        """
        self._codes[window][mask] = codes[mask]
        self._regions = None

    def accepted_in(self, window: Window) -> Mask:
        """Return which pixels of a window nobody may change."""
        return np.asarray(self._codes[window] == _CODES.index(State.ACCEPTED))

    def judged(self) -> Mask:
        """Return where a region was accepted or edited."""
        self._read()
        return np.asarray(self._codes > 0)

    def is_open(self, place: Place) -> bool:
        """Return whether a region is there and nobody judged it."""
        return self.facet(place) is not None and self.state(place) is State.UNREVIEWED

    def left(self) -> int:
        """Return the number of regions that nobody judged yet."""
        self._read()
        return self._states.count(State.UNREVIEWED)

    def share(self) -> float:
        """Return the share of the classified area that was accepted or edited."""
        there = self._classes > 0
        judged, area = int(np.count_nonzero(self._codes[there])), int(np.count_nonzero(there))
        return judged / max(1, area)

    def errors_left(self) -> float:
        """Estimate how many of the regions left have a wrong class; NaN without probabilities."""
        self._read()
        if self.probability is None:
            return float("nan")
        left = zip(self._facets, self._states, strict=True)
        return sum((1 - facet.sure) / 2 for facet, state in left if state is State.UNREVIEWED)

    # -- notes for the journal -------------------------------------------------------------------

    def notes(self, place: Place, section: int = 0) -> dict[str, Any]:
        """Return the state of a region as a journal keeps it."""
        return {f"{_PREFIX} {section} {place[0]} {place[1]}": str(self.state(place))}

    def all_notes(self, section: int = 0) -> dict[str, Any]:
        """Return the states of all regions that have one, as a journal keeps them."""
        self._read()
        known = (
            facet.place
            for facet, state in zip(self._facets, self._states, strict=True)
            if state is not State.UNREVIEWED
        )
        return {key: it for place in known for key, it in self.notes(place, section).items()}

    @staticmethod
    def notes_in(notes: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of a journal's notes that are about facets."""
        return {key: value for key, value in notes.items() if key.startswith(f"{_PREFIX} ")}

    def restore(self, notes: Mapping[str, Any], section: int = 0) -> None:
        """Take the states of regions from a journal's notes, in the order in which they came."""
        for key, value in notes.items():
            kind, *where = key.split(" ")
            if kind != _PREFIX or len(where) != 3 or int(where[0]) != section:
                continue
            facet = self.facet_at((int(where[1]), int(where[2])))
            if facet is not None:
                self.set_state(facet.place, State(value))

    # -- reading the map -------------------------------------------------------------------------

    def _read(self) -> npt.NDArray[np.integer]:
        """Find the regions, if the map has changed since."""
        if self._regions is not None:
            return self._regions
        import cc3d
        from scipy import ndimage as ndi

        found = cc3d.connected_components(np.ascontiguousarray(self._classes), connectivity=4)
        flat = found.ravel()
        area = np.bincount(flat)
        n = area.size - 1
        first = np.zeros(n + 1, np.intp)
        first[flat[::-1]] = np.arange(flat.size)[::-1]
        rows, columns = np.divmod(first[1:], found.shape[1])
        states = np.zeros((3, n + 1), np.int64)
        for code in (1, 2):
            states[code] = np.bincount(flat, (self._codes == code).ravel(), n + 1)
        best = np.where(2 * states[1:].sum(axis=0) > area, 1 + states[1:].argmax(axis=0), 0)[1:]
        sure = self._sureness(flat, n)
        values = self._classes[rows, columns]
        places = list(zip(rows.tolist(), columns.tolist(), strict=True))
        self._facets = [
            Facet(*each)
            for each in zip(places, values.tolist(), area[1:].tolist(), sure.tolist(), strict=True)
        ]
        self._states = [_CODES[code] for code in best.tolist()]
        self._numbers = {place: number for number, place in enumerate(places, 1)}
        self._boxes = ndi.find_objects(found)
        rank = np.where(np.isfinite(sure), sure, 1 - area[1:] / max(1, area.sum()))
        self._order = np.argsort(rank + 10 * (area[1:] < SPECK), kind="stable").tolist()
        self._regions = found
        return found

    def _sureness(self, flat: npt.NDArray[np.integer], n: int) -> npt.NDArray[np.float64]:
        if self.probability is None:
            return np.full(n, np.nan)
        known = np.clip(np.nan_to_num(np.asarray(self.probability, float), nan=0.5), 0, 1)
        area = np.maximum(1, np.bincount(flat, minlength=n + 1))
        mean = np.bincount(flat, known.ravel(), n + 1) / area
        return np.abs(2 * mean[1:] - 1)
