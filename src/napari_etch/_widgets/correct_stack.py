"""Corrections through the sections of a stack: repeated in the next one, or of a whole 3D grain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch._widgets.correct_parts import (
    Parts,
    carried_on,
    continued,
    parts_of,
    refuse_other_parts,
)
from napari_etch.grains.editing import Change, EditError

if TYPE_CHECKING:
    from napari_etch._widgets.correct_history import Indices
    from napari_etch._widgets.correct_session import CorrectSession
    from napari_etch._widgets.correct_tools import Gesture, Options, Tool
    from napari_etch.grains.editing import GrainEditor

#: Least overlap (intersection over union) of the grains concerned for a gesture to be repeated.
LEAST_OVERLAP = 0.4


def next_section(
    session: CorrectSession, tool: Tool, gesture: Gesture, options: Options
) -> tuple[int, Change]:
    """Return the section in which a gesture can be repeated, and what it does there.

    What is new there goes on with the number of what it lies over, if that was new as well.

    Raises
    ------
    EditError
        When there is no further section, or the gesture cannot be made in it, or parts the grains
        otherwise than in the section before.
    """
    if not session.is_stack:
        raise EditError("There is no next section: this is one image.")
    section = session.section + 1
    if section >= session.layer.data.shape[0]:
        raise EditError("This is the last section.")
    editor = session.editor(section)
    change = tool.act(editor, gesture, options)
    _refuse_other_grains(session, change, section)
    if session.last_parts is not None and (change.created or session.last_parts.created):
        parts = parts_of(editor, change)
        if tool.draws:
            refuse_other_parts(session.last_parts, parts, section)
        numbers = carried_on(session.last_parts, parts, editor)
        if numbers:
            change = editor.renumber(change, numbers)
    return section, change


@dataclass(frozen=True, eq=False)
class OpenEnd:
    """A gesture that could not be repeated: what is cut by hand there may go on from it.

    Attributes
    ----------
    section : int
        Where it was refused; it was made in the one before.
    parts : Parts
        What it left in the section before.
    """

    section: int
    parts: Parts


def open_end(session: CorrectSession) -> OpenEnd | None:
    """Return what a refused repeat leaves to go on from by hand; None where that is nothing."""
    parts, section = session.last_parts, session.section + 1
    if parts is None or not parts.created or section >= session.layer.data.shape[0]:
        return None
    return OpenEnd(section, parts)


def gone_on(session: CorrectSession, change: Change, end: OpenEnd) -> tuple[Change, str]:
    """Return a cut by hand, with the numbers of the section before where it goes on from there.

    Returns
    -------
    Change
        As it was, where other grains are cut.
    str
        What to say of it; empty where it is as it was.
    """
    editor = session.editor()
    if end.section != session.section or not change.created or _cuts_others(editor, change, end):
        return change, ""
    parts = parts_of(editor, change)
    numbers = carried_on(end.parts, parts, editor)
    found = continued(end.parts, parts, numbers)
    if not found:
        return change, ""
    try:
        change = editor.renumber(change, numbers)
    except EditError:  # an accepted grain would change its number
        return change, ""
    go = "goes" if len(found) == 1 else "go"
    grains = f"Grain{'s' * (len(found) > 1)} {' and '.join(map(str, sorted(found)))}"
    return change, f" {grains} {go} on from section {end.section - 1}."


def _cuts_others(editor: GrainEditor, change: Change, end: OpenEnd) -> bool:
    """Return whether a cut is of other 3D grains than those that were cut in the section before."""
    there = set(end.parts.numbers()) - set(end.parts.created)
    here = {label for label in there if editor.area(label)}
    return bool(here) and here.isdisjoint((*change.removed, *change.touched))


def _refuse_other_grains(session: CorrectSession, change: Change, section: int) -> None:
    """Refuse to repeat a correction where the grains of the other section are not the same.

    Parameters
    ----------
    session : CorrectSession
        The gesture was made in another section than `section`.
    change : Change
        What the gesture would do in `section`.
    section : int
        Where it would be repeated.

    Raises
    ------
    EditError
        When the grains that it would change overlap too little with those that it changed.
    """
    there = session.editor(section)
    labels = [label for label in (*change.removed, *change.touched) if there.area(label)]
    if not labels or session.last_region is None:
        return
    window, was = session.last_region
    boxes = [there.bounding_box(label) for label in labels]
    low = [min(window[a].start, *(box[a].start for box in boxes)) for a in (0, 1)]
    high = [max(window[a].stop, *(box[a].stop for box in boxes)) for a in (0, 1)]
    outer = (slice(low[0], high[0]), slice(low[1], high[1]))
    now = np.isin(session.section_map(section)[outer], labels)
    before = np.zeros(now.shape, bool)
    before[
        window[0].start - low[0] : window[0].stop - low[0],
        window[1].start - low[1] : window[1].stop - low[1],
    ] = was
    overlap = (now & before).sum() / max(1, (now | before).sum())
    if overlap < LEAST_OVERLAP:
        raise EditError(
            f"The grains in section {section} are others: they overlap with those corrected by "
            f"{100 * overlap:.0f} % only, so correct them by hand."
        )


def region_of(session: CorrectSession, change: Change) -> tuple[tuple[slice, slice], npt.NDArray]:
    """Return where the grains that a change concerns are, before it is made: window and mask."""
    editor = session.editor()
    labels = [label for label in (*change.removed, *change.touched) if editor.area(label)]
    if not labels:
        return change.window, np.ones(change.before.shape, bool)
    boxes = [editor.bounding_box(label) for label in labels]
    window = (
        slice(min(box[0].start for box in boxes), max(box[0].stop for box in boxes)),
        slice(min(box[1].start for box in boxes), max(box[1].stop for box in boxes)),
    )
    return window, np.isin(editor.grains[window], labels)


def join_through(session: CorrectSession, keep: int, drop: int) -> str:
    """Join two 3D grains in every section where they lie side by side, as one undo step.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    EditError
        When there is no such section, or one of the grains is accepted.
    """
    _refuse_accepted(session, (keep, drop))
    found, meetings, others = [], 0, 0
    for section in range(session.layer.data.shape[0]):
        editor = session.editor(section)
        if not editor.area(drop):
            continue
        if editor.area(keep) and keep not in editor.neighbours(drop):
            others += 1  # they would be one label in two pieces there
            continue
        meetings += editor.area(keep) > 0
        found.append(_pixels(session, section, drop))
    if not meetings:
        raise EditError(f"Grains {keep} and {drop} lie side by side in no section.")
    _write(session, found, keep, f"Joined grains {keep} and {drop} in {len(found)} sections.")
    apart = f" In {others} sections they lie apart and stay two." if others else ""
    return f"Joined grains {keep} and {drop} in {len(found)} sections.{apart}"


def part_from_here(session: CorrectSession, label: int) -> str:
    """Give a 3D grain a new number from the section shown on, as one undo step.

    Raises
    ------
    EditError
        When there is no such grain, it only begins here, or it is accepted.
    """
    if not session.is_stack:
        raise EditError("This is one image: only in a stack does a grain go on.")
    if label == 0:
        raise EditError("There is no grain under the mouse: point at one.")
    _refuse_accepted(session, (label,))
    if not any(session.editor(section).area(label) for section in range(session.section)):
        raise EditError(f"Grain {label} begins in this section: there is nothing to part it from.")
    new = session.new_label()
    sections = range(session.section, session.layer.data.shape[0])
    found = [
        _pixels(session, section, label)
        for section in sections
        if session.editor(section).area(label)
    ]
    did = f"Grain {label} is {new} from section {session.section} on."
    _write(session, found, new, did)
    return did


def _refuse_accepted(session: CorrectSession, labels: tuple[int, ...]) -> None:
    for label in labels:
        if label in session.review.accepted:
            raise EditError(f"Grain {label} is accepted: unlock it first.")


def _pixels(session: CorrectSession, section: int, label: int) -> Indices:
    editor = session.editor(section)
    window = editor.bounding_box(label)
    rows, columns = np.nonzero(editor.grains[window] == label)
    return (
        np.full(rows.shape, section, np.intp),
        rows + window[0].start,
        columns + window[1].start,
    )


def _write(session: CorrectSession, found: list[Indices], label: int, did: str) -> None:
    indices = tuple(np.concatenate(axis) for axis in zip(*found, strict=True))
    values = np.full(indices[0].shape, label, session.layer.data.dtype)
    session.write(indices, values, did)
