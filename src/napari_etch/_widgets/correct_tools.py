"""The tools of the Correct dock: what each is called, how it is used, what a gesture does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing import Change, EditError

if TYPE_CHECKING:
    from napari_etch._widgets.correct_session import CorrectSession
    from napari_etch.grains.editing import GrainEditor

Path2 = npt.NDArray[np.float64]

GRAINS, CLASSES = "grains", "classes"


@dataclass(frozen=True)
class Options:
    """What is chosen in the dock.

    Attributes
    ----------
    snap : bool
        Cuts follow the boundary map.
    absorb : bool
        Neighbours take the place of a deleted grain; otherwise it becomes 0.
    tolerance : float
        Of the magic wand, grey value from 0 to 1.
    radius : float
        Of smoothing, px.
    granularity : float
        Of cutting again, from 0, fewest grains, to 1.
    value : int
        Class to set.
    through : bool
        Join 3D grains in all sections of a stack.
    """

    snap: bool = True
    absorb: bool = True
    tolerance: float = 0.1
    radius: float = 2.0
    granularity: float = 0.5
    value: int = 1
    through: bool = False


@dataclass(frozen=True, eq=False)
class Gesture:
    """What the mouse did, in pixels of the map.

    Attributes
    ----------
    path : ndarray of float, shape (n, 2)
        Row and column; one row is a click.
    literal : bool
        The modifier was held: the stroke is meant as it was drawn.
    seeds : bool
        The points are clicks, one in each part, not a stroke.
    reach : float
        How far from a click its target may lie; more when the view is zoomed out.
    """

    path: Path2
    literal: bool = False
    seeds: bool = False
    reach: float = 6.0

    @property
    def is_click(self) -> bool:
        """Whether the mouse stayed where it was pressed."""
        return len(self.path) == 1


Act = Callable[["GrainEditor", Gesture, Options], Change]


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes
    ----------
    name : str
        Also its action in the table of keys.
    title : str
        On its button.
    tip : str
        What it does, for the tooltip.
    hint : str
        How to use it, for the status line.
    act : callable
        Returns the change that a gesture would make.
    closed : bool
        The stroke is the outline of a region.
    clicks : bool
        Clicks are collected until the user says that they are all.
    previews : bool
        What it would do is cheap enough to show while the mouse moves.
    draws : bool
        The user draws the boundaries that it makes, so they are right.
    on : str
        Kind of map that it works on.
    """

    name: str
    title: str
    tip: str
    hint: str
    act: Act
    closed: bool = False
    clicks: bool = False
    previews: bool = True
    draws: bool = False
    on: str = GRAINS


def _split(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    if gesture.seeds:
        return editor.split_seeds(gesture.path)
    return editor.split_along(gesture.path, snap=options.snap and not gesture.literal)


def _join(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    if gesture.is_click:
        return editor.remove_boundary(gesture.path[0], reach=gesture.reach)
    return editor.merge_along(gesture.path)


def _redraw(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    if gesture.is_click:
        raise EditError("Draw the right course of the boundary: a click is not enough.")
    return editor.redraw(gesture.path, snap=options.snap and not gesture.literal)


def _add(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    return editor.add(_outline(gesture))


def _delete(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    return editor.delete(_under(editor, gesture), absorb=options.absorb)


def _holes(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    return editor.fill_holes(_under(editor, gesture))


def _smooth(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    return editor.smooth(_under(editor, gesture), radius=options.radius)


def _wand(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    return editor.wand(gesture.path[-1], tolerance=options.tolerance)


def _reassign(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    label = editor.label_at(gesture.path[0])
    if label == 0:
        raise EditError("Start the stroke inside the grain that is to get the region.")
    return editor.reassign(_outline(gesture), label)


def _recut(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    return editor.recut(_outline(gesture), options.granularity)


def _classify(editor: GrainEditor, gesture: Gesture, options: Options) -> Change:
    where = gesture.path[0] if gesture.is_click else gesture.path
    return editor.set_class(where, options.value)


def _outline(gesture: Gesture) -> Path2:
    if len(gesture.path) < 3:
        raise EditError("Draw around the region: a click is not enough.")
    return gesture.path


def _under(editor: GrainEditor, gesture: Gesture) -> list[int]:
    """Return the grains under a click or a stroke, in its order."""
    found: dict[int, None] = {}
    for point in along(gesture.path):
        label = editor.label_at(point)
        if label:
            found[label] = None
    if not found:
        raise EditError("There is no grain here: click inside one.")
    return list(found)


def unusable(tool: Tool, session: CorrectSession | None) -> str:
    """Return why a tool cannot be used on a map, as one sentence; empty when it can."""
    if session is None:
        return "Open or segment an image first: there is no grains layer to correct."
    if not session.layer.visible:  # napari gives a hidden layer no mouse
        return f"“{session.layer.name}” is hidden: show the layer first."
    if session.is_classes != (tool.on == CLASSES):
        wanted = "a map of classes" if tool.on == CLASSES else "a grain map"
        return f"“{tool.title}” works on {wanted}: choose one."
    if tool.name == "recut" and session.boundary is None:
        return "Cutting again needs a boundary map: choose one above."
    if tool.name == "wand" and session.image is None:
        return "The wand needs the micrograph, of the same size and in the same place."
    return ""


def along(path: Path2) -> Path2:
    """Return the points of a stroke at most a pixel apart, inside and outside the map alike."""
    if len(path) < 2:
        return path
    steps = np.hypot(*np.diff(path, axis=0).T)
    far = np.concatenate([[0.0], np.cumsum(steps)])
    places = np.linspace(0, far[-1], max(2, int(np.ceil(far[-1])) + 1))
    return np.stack([np.interp(places, far, axis) for axis in path.T], axis=1)


_LITERAL = "Shift: exactly along the stroke."

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "split",
            "Split",
            "Cut grains where a boundary is missing. The cut follows the most probable course in "
            f"the boundary map. {_LITERAL}",
            "Draw along or across the missing boundary, or click once in each part and press "
            "Enter.",
            _split,
            clicks=True,
            draws=True,
        ),
        Tool(
            "join",
            "Join",
            "Remove a boundary that should not be there.",
            "Click a boundary, or draw through all grains that are one.",
            _join,
        ),
        Tool(
            "redraw",
            "Redraw",
            "Give a boundary another course; the strip between old and new changes owner. "
            f"{_LITERAL}",
            "Draw the right course, from one end on the old boundary to the other.",
            _redraw,
            draws=True,
        ),
        Tool(
            "add",
            "Add",
            "Make a drawn region a grain of its own.",
            "Draw around the new grain.",
            _add,
            closed=True,
            draws=True,
        ),
        Tool(
            "delete",
            "Delete",
            "Delete grains: their neighbours take the place, or it becomes 0.",
            "Click a grain, or draw through several.",
            _delete,
        ),
        Tool(
            "holes",
            "Fill holes",
            "Give the holes of a grain, and the grains enclosed by it, to it.",
            "Click a grain, or draw through several.",
            _holes,
        ),
        Tool(
            "smooth",
            "Smooth",
            "Take the jags off a grain's outline.",
            "Click a grain, or draw through several.",
            _smooth,
        ),
        Tool(
            "wand",
            "Wand",
            "Make the region that is as bright as the clicked place one grain.",
            "Click into the region.",
            _wand,
        ),
        Tool(
            "reassign",
            "Reassign",
            "Give a drawn region to a grain.",
            "Start inside the grain and draw around what belongs to it.",
            _reassign,
            closed=True,
            draws=True,
        ),
        Tool(
            "recut",
            "Cut again",
            "Cut a drawn region anew from the boundary map, with fewer or more grains.",
            "Draw around the region; then move the slider until it is right.",
            _recut,
            closed=True,
            previews=False,
        ),
        Tool(
            "classify",
            "Set class",
            "Set the class of a region, such as the fracture mode of a facet.",
            "Click a region, or draw around one.",
            _classify,
            closed=True,
            on=CLASSES,
        ),
    )
}
