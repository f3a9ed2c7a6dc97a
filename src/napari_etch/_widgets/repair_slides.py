"""The slider of the Repair dock as a step of the undo history: several moves in a row are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch._widgets.correct_repaint import no_whole_repaint
from napari_etch._widgets.correct_sessions import known_of, session_of
from napari_etch.corrections import State
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari.layers import Labels


@dataclass(eq=False)
class _Slide:
    """A step that the slider made: napari keeps its parts, also where it is undone."""

    parts: tuple[Any, ...]
    before: float
    after: float
    is_undone: bool = False


class Slides:
    """Cuts a map as the slider moves, and knows which place of the slider undo brings back.

    Parameters
    ----------
    layer : napari.layers.Labels
        The closed grains.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer = layer
        self._made: list[_Slide] = []

    def cut(self, grains: npt.NDArray[np.integer], before: float, after: float) -> None:
        """Bring the layer to another map, as one undo step.

        Where the slider made the last step, too, that is taken back first: a drag of the slider is
        one step, and takes no room from those of the user.

        Parameters
        ----------
        grains : ndarray of int, of the layer's shape
        before, after : float
            Places of the slider.

        Raises
        ------
        EditError
            When a grain that would change was accepted in the Correct dock.
        """
        layer = self._layer
        self._refuse_accepted(grains)
        if not layer.editable:
            raise EditError(f"“{layer.name}” is not editable: switch its editing on first.")
        last = self._last()
        with no_whole_repaint(layer):
            if last is not None:
                layer.undo()
                last.is_undone, before = True, last.before
            indices = np.nonzero(np.asarray(layer.data) != grains)
            if len(indices[0]):
                with layer.block_history():
                    layer.data_setitem(indices, grains[indices])
        layer.refresh(extent=False)
        history = _history(layer, "_undo_history")
        if len(indices[0]) and history:
            self._made.append(_Slide(tuple(history[-1]), before, after))

    def turned(self) -> float | None:
        """Return the place of the slider that undo or redo brought back since the last look."""
        done = _parts(_history(self._layer, "_undo_history"))
        undone = _parts(_history(self._layer, "_redo_history"))
        kept, place = [], None
        for slide in self._made:
            if slide.is_undone and any(id(part) in done for part in slide.parts):
                slide.is_undone, place = False, slide.after
            kept += [slide] if any(id(part) in done | undone for part in slide.parts) else []
        for slide in reversed(kept):
            if not slide.is_undone and any(id(part) in undone for part in slide.parts):
                slide.is_undone, place = True, slide.before
        self._made = kept
        return place

    def _last(self) -> _Slide | None:
        """Return the slider's own step where it is what undo would take back."""
        history = _history(self._layer, "_undo_history")
        session = session_of(self._layer)
        if not history or (session is not None and session.last is not history[-1]):
            return None  # a verdict came after it
        there = {id(part) for part in history[-1]}
        return next((each for each in self._made if there & set(map(id, each.parts))), None)

    def _refuse_accepted(self, grains: npt.NDArray[np.integer]) -> None:
        states = known_of(self._layer)
        accepted = [label for label, state in states.items() if state is State.ACCEPTED]
        if not accepted:
            return
        now = np.asarray(self._layer.data)
        differs = now != grains
        touched = np.union1d(now[differs], grains[differs])
        for label in np.intersect1d(accepted, touched).tolist():
            raise EditError(
                f"Grain {label} is accepted in the Correct dock, so the slider does not change it: "
                "unlock it there first."
            )


def _history(layer: Labels, name: str) -> list[Any]:
    """Return the steps that can be undone or redone; napari has no public way to ask."""
    return list(getattr(layer, name, ()))


def _parts(history: list[Any]) -> set[int]:
    return {id(part) for step in history for part in step}
