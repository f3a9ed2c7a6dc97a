"""The walk along the bridges of a repair, and what a verdict does."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch._widgets.correct_preview import outline_segments, ringed
from napari_etch._widgets.repair_journal import RepairJournal
from napari_etch._widgets.repair_layers import Result, show_bridges
from napari_etch._widgets.repair_slides import Slides
from napari_etch._widgets.tour import Stop, View
from napari_etch.grains.editing import EditError

#: Milliseconds after an edit of the grains until the bridges follow.
FOLLOW_WAIT = 30
#: Px around a bridge that are shown with it.
AROUND = 40.0
#: Bridges that are named when more than that come or go at once.
MOST_LISTED = 5
VERDICTS = ("Accept", "Reject")


class BridgeSession(QObject):
    """Keeps the layers of a repair in step, whoever edits the grains; it is what a `Walk` walks.

    Parameters
    ----------
    result : Result
        The layers; `layer` are its grains.
    parent : QObject, optional
    journal : RepairJournal, optional
        Where edits and verdicts are written down.

    Signals
    -------
    followed
        The bridges were looked at again, and some of them had changed.
    looked
        They were looked at again.
    turned
        Undo or redo brought another place of the slider back: `bridges.least`.
    """

    followed = Signal()
    looked = Signal()
    turned = Signal()
    section = 0

    def __init__(
        self,
        result: Result,
        parent: QObject | None = None,
        *,
        journal: RepairJournal | None = None,
    ) -> None:
        super().__init__(parent)
        self.result = result
        self._journal = journal
        self.layer = result.grains
        self._slides = Slides(self.layer)
        self.tour = BridgeTour(self)
        self.standing: npt.NDArray[np.bool_] = np.ones(len(result.bridges), bool)
        self.news = ""  # which bridges came and went when they were looked at last
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(FOLLOW_WAIT)
        self._soon.timeout.connect(self.follow)
        for event in self._events():
            event.connect(self._on_change)
        self.follow()

    def close(self) -> None:
        """Let go of the layers."""
        self._soon.stop()
        for event in self._events():
            event.disconnect(self._on_change)

    def _events(self) -> list[Any]:
        # Edits, undo, redo, a new map: one of these comes with each of them.
        events = self.layer.events
        return [events.paint, events.set_data, events.labels_update, events.data]

    def _on_change(self, _event: Any = None) -> None:
        self._soon.start()

    def follow(self) -> None:
        """Let boundary and bridges follow the grains."""
        self._soon.stop()
        result = self.result
        if not result.fits:
            return
        turned = self._slides.turned()
        if turned is not None:
            result.bridges.least = turned
        accepted = result.bridges.accepted.copy()
        standing = result.bridges.seen(np.asarray(self.layer.data))
        same = (standing == self.standing).all() and (accepted == result.bridges.accepted).all()
        self.news = _news(self.standing, standing)
        self.standing = standing
        self._write_down()
        if turned is not None:
            self.turned.emit()
        if not same:
            self._show()
        self.looked.emit()

    def _write_down(self) -> None:
        if self._journal is not None:
            self._journal.look()

    def _show(self) -> None:
        result = self.result
        shape = np.shape(result.boundary.data)
        if shape == result.bridges.numbers.shape and result.bridges.draw(
            result.boundary.data, self.standing
        ):
            result.boundary.refresh()
        show_bridges(result, self.standing)
        self.followed.emit()

    # -- verdicts --------------------------------------------------------------------------------

    def accept(self, bridge: int) -> str:
        """Take down that a bridge is right; one that fell is put back, as one undo step."""
        bridges = self.result.bridges
        if not self.standing[bridge - 1] and bridges.closing[bridge - 1]:
            return self._put_back(bridge)
        bridges.accept(bridge)
        self.standing[bridge - 1] = True
        self._write_down()
        self._show()
        return f"Accepted bridge {bridge}."

    def reject(self, bridge: int) -> str:
        """Take a bridge away: the grains beside it become one, as one undo step."""
        result = self.result
        self._refuse_other_size()
        if not result.bridges.closing[bridge - 1]:
            result.bridges.reject(bridge)
            self.follow()
            return f"Rejected bridge {bridge}, which closed no grain: Accept brings it back."
        change = result.bridges.without(bridge, np.asarray(self.layer.data))
        if change is None:
            raise EditError(f"Bridge {bridge} is not there any more.")
        pixels, value, labels = change
        before = self.standing.copy()
        self._write(pixels, value)
        result.bridges.reject(bridge)
        self.follow()
        if self.standing[bridge - 1]:
            raise EditError(
                f"Bridge {bridge} stays: grain {labels[0]} or {labels[1]} is accepted in the "
                "Correct dock, so unlock it there first."
            )
        gone = [int(number) for number in np.flatnonzero(before & ~self.standing) + 1]
        others = [number for number in gone if number != bridge]
        said = f"Rejected bridge {bridge}: grains {labels[0]} and {labels[1]} are one."
        if others:
            listed = ", ".join(map(str, others))
            said += f" On the same boundary, so gone too: {listed}."
        return said

    def _put_back(self, bridge: int) -> str:
        self._refuse_other_size()
        bridges = self.result.bridges
        change = bridges.back(bridge, np.asarray(self.layer.data))
        if change is None:
            raise EditError(
                f"Bridge {bridge} would part nothing now: the grains beside it were edited, or are "
                "one through another bridge that is gone. Put that one back first, or press Undo."
            )
        pixels, value, numbers = change
        self._write(pixels, value)
        for number in numbers:
            bridges.accept(number)
        self.follow()
        if not self.standing[bridge - 1]:
            raise EditError(
                f"Bridge {bridge} stays away: the grain there is accepted in the Correct dock, so "
                "unlock it there first."
            )
        said = f"Put bridge {bridge} back and accepted it."
        if numbers[1:]:
            said += f" With it, in the same boundary: {', '.join(map(str, numbers[1:]))}."
        return said

    def _write(self, pixels: tuple[npt.NDArray[np.intp], ...], value: int) -> None:
        """Change the grains, as one undo step."""
        if not self.layer.editable:
            raise EditError(f"“{self.layer.name}” is not editable: switch its editing on first.")
        with self.layer.block_history():
            self.layer.data_setitem(pixels, value)

    def set_least(self, least: float) -> str:
        """Let the bridges stand that are so sure, and those that were accepted, as one undo step.

        Raises
        ------
        EditError
            When the grains were edited otherwise, which a new cut would undo, or accepted.
        """
        result = self.result
        self._refuse_other_size()
        if self._soon.isActive():  # an undo that was not looked at yet, which moved the slider
            self.follow()
        if not result.bridges.is_cut(np.asarray(self.layer.data)):
            raise EditError(
                f"“{self.layer.name}” was corrected by hand, so the slider does not cut it again: "
                "reject bridges one by one, or run again."
            )
        bridges, before = result.bridges, result.bridges.least
        bridges.forget_undone()  # what was undone cannot be redone after another step
        bridges.least = least
        cut = bridges.cut()
        try:
            self._slides.cut(cut, before, least)
        except EditError:
            bridges.least = before
            raise
        self.follow()
        there, count = int(self.standing.sum()), len(np.unique(cut[cut > 0]))
        return f"{there} of {len(self.standing)} bridges, {count} grains."

    def _refuse_other_size(self) -> None:
        if not self.result.fits:
            raise EditError(f"“{self.layer.name}” has another size now: run the repair again.")


def _news(before: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_]) -> str:
    """Return which bridges came back, and which are gone, in one sentence each."""
    said = []
    for changed, what in ((now & ~before, "back"), (before & ~now, "gone")):
        numbers = (np.flatnonzero(changed) + 1).tolist()
        if not numbers:
            continue
        listed = ", ".join(map(str, numbers[:MOST_LISTED]))
        more = " …" if len(numbers) > MOST_LISTED else ""
        one = len(numbers) == 1
        said.append(f"Bridge{'' if one else 's'} {listed}{more} {'is' if one else 'are'} {what}.")
    return " ".join(said)


class BridgeTour:
    """What the walk visits: the bridges that stand, the least sure first; see `Tour`.

    A stop is the number of a bridge, and 0.
    """

    def __init__(self, session: BridgeSession) -> None:
        self._session = session

    def start(self, done: Callable[[], None]) -> bool:
        """See `Tour`: nothing has to be measured."""
        return True

    def next(self, passed: Container[Stop]) -> Stop | None:
        """See `Tour`."""
        confidence = self._session.result.bridges.confidence
        for index in np.argsort(confidence, kind="stable"):
            stop = (int(index) + 1, 0)
            if stop not in passed and self.is_open(stop):
                return stop
        return None

    def is_open(self, stop: Stop) -> bool:
        """See `Tour`."""
        index = stop[0] - 1
        return bool(
            self._session.standing[index] and not self._session.result.bridges.accepted[index]
        )

    def view(self, stop: Stop) -> View:
        """See `Tour`."""
        number, bridges = stop[0], self._session.result.bridges
        window, mask = bridges.mask(number)
        y, x = bridges.middle(number)
        length = float(bridges.length[number - 1])
        state = "" if self._session.standing[number - 1] else " It is not there."
        state = " Accepted." if bridges.accepted[number - 1] else state
        text = (
            f"Bridge {number}: {100 * bridges.confidence[number - 1]:.0f} % sure, "
            f"{length:.0f} px long.{state} {self.left()} left."
        )
        outline = outline_segments(mask, (window[0].start, window[1].start))
        return View({"walk": ringed(outline)}, y, x, length + AROUND, text, *VERDICTS)

    def right(self, stop: Stop) -> str:
        """See `Tour`."""
        return self._session.accept(stop[0])

    def wrong(self, stop: Stop) -> str:
        """See `Tour`."""
        return self._session.reject(stop[0])

    def toggle(self, point: tuple[int, int]) -> str:
        """See `Tour`: accept the bridge at a pixel."""
        return self._session.accept(int(self._session.result.bridges.numbers[point]))

    def left(self) -> int:
        """Return how many bridges nobody judged."""
        session = self._session
        return int(np.count_nonzero(session.standing & ~session.result.bridges.accepted))

    def progress(self) -> tuple[float, str]:
        """See `Tour`."""
        bridges, left = self._session.result.bridges, self.left()
        count = len(bridges)
        if not count:
            return 1.0, "Nothing was bridged."
        accepted, rejected = int(bridges.accepted.sum()), int(bridges.rejected.sum())
        away = count - left - accepted - rejected
        said = f"{accepted} accepted, {rejected} rejected, {left} left"
        said += f", {away} gone with others or by the slider." if away else "."
        judged = accepted + rejected
        return judged / max(1, judged + left), said

    def stop(self) -> None:
        """See `Tour`."""
