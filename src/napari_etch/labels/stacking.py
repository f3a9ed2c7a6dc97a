"""Annotations of sections as the maps of a stack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels.annotated import Annotated, AnnotationSet
from napari_etch.labels.mask_files import as_labels, read_volume
from napari_etch.labels.report import LabelsError, Remark, Report

StackShape = tuple[int, int, int]
_KINDS: dict[str, Any] = {
    "grains": np.int32,
    "classes": np.uint8,
    "boundary": np.bool_,
    "ignore": np.bool_,
}
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True, eq=False)
class AnnotatedStack:
    """What is known about the pixels of a stack; the maps are those of `Annotated`, (z, y, x).

    Attributes
    ----------
    name : str
    shape : tuple of int
        Sections, rows and columns.
    grains, classes, boundary, ignore : ndarray or None
    sections : tuple of int
        Those that have labels, counted from 0.
    made : dict
    """

    name: str
    shape: StackShape
    grains: npt.NDArray[np.int32] | None = None
    classes: npt.NDArray[np.uint8] | None = None
    boundary: npt.NDArray[np.bool_] | None = None
    ignore: npt.NDArray[np.bool_] | None = None
    sections: tuple[int, ...] = ()
    made: dict[str, Any] = field(default_factory=dict)


def read_mask_stack(
    path: Path,
    shape: StackShape,
    *,
    classes: ClassTable | None = None,
    convention: str = "project",
    kind: str = "auto",
) -> AnnotatedStack | None:
    """Read a mask of all sections, such as `grains.tif` of a stack.

    Parameters
    ----------
    path : pathlib.Path
        TIFF or NPY.
    shape : (sections, rows, columns)
        Of the stack.
    classes, convention, kind
        As `napari_etch.labels.read_annotations` has them.

    Returns
    -------
    AnnotatedStack or None
        None for anything but a mask of several sections.

    Raises
    ------
    LabelsError
        When its size is another, or its numbers are no labels.
    """
    volume = read_volume(path)
    if volume is None:
        return None
    if volume.shape != shape:
        raise LabelsError(
            f"{path.name} is a mask of {_size(volume.shape)}, the stack has {_size(shape)}: choose "
            "the stack that it was drawn on."
        )
    labels = as_labels(volume, classes or FRACTURE_MODES, kind, convention, path.name)
    return AnnotatedStack(path.stem, shape, sections=tuple(range(shape[0])), **labels)


def onto_stack(
    found: AnnotationSet,
    names: Sequence[str],
    shape: StackShape,
    *,
    shown: int = 0,
    anew: bool = False,
) -> tuple[AnnotatedStack, Report]:
    """Put annotated images in their places in a stack.

    Which section an image is of is told by the number at the end of its name, counted from 0 as
    the exports of this project do, or from 1 where they run from 1 to the last section. A single
    image without such a number belongs to the section that is shown.

    Parameters
    ----------
    found : AnnotationSet
    names : sequence of str
        What the stack may be called.
    shape : (sections, rows, columns)
    shown : int
        The section that is shown.
    anew : bool
        Number the grains of each section anew, so that none is in two sections; else a number that
        is in two sections is one grain.

    Returns
    -------
    AnnotatedStack
    Report
        That of the annotations, and what was decided here.

    Raises
    ------
    LabelsError
        When it is not clear where they belong, or one is of another size.
    """
    places, remarks = _places(found, names, shape[0], shown)
    for each in places.values():
        if each.shape != shape[1:]:
            raise LabelsError(
                f"The labels of {each.name} are {each.shape[1]} × {each.shape[0]} px, the sections "
                f"of “{names[0]}” {shape[2]} × {shape[1]} px: choose the stack that they were "
                "drawn on."
            )
    maps = {kind: _stacked(kind, places, shape) for kind in _KINDS}
    grains = maps["grains"]
    if grains is not None:
        if anew:
            _number_anew(grains)
        elif shared := _shared(grains):
            what = f"{shared} grain numbers" if shared > 1 else "1 grain number"
            why = "in several sections, taken for one grain each; “Anew” numbers each section apart"
            remarks.append(Remark("", what, why, is_skipped=False))
    made: dict[str, Any] = {}
    for each in places.values():
        made |= each.made
    stack = AnnotatedStack(names[0], shape, **maps, sections=tuple(sorted(places)), made=made)
    return stack, found.report + Report(remarks=tuple(remarks))


def _places(
    found: AnnotationSet, names: Sequence[str], count: int, shown: int
) -> tuple[dict[int, Annotated], list[Remark]]:
    """Return the images by section, and what there is to remark."""
    numbered = _numbered(found, names)
    if numbered:
        return _counted(numbered, names[0], count)
    if len(found) == 1:
        (each,) = found.values()
        why = f"it has no number, so it was put on the section that is shown ({shown})"
        return {shown: each}, [Remark(each.name, "", why, is_skipped=False)]
    listed = ", ".join(list(found)[:3]) + (" …" if len(found) > 3 else "")
    raise LabelsError(
        f"There are labels of {len(found)} images ({listed}), and their names do not say which "
        f"section of “{names[0]}” each is of: name them {names[0]}_0000 and so on."
    )


def _numbered(found: AnnotationSet, names: Sequence[str]) -> dict[int, Annotated]:
    """Return the images by the number at the end of their names.

    Those that are called as the stack is come first; else all have to be numbered.
    """
    named = [
        each
        for each in found.values()
        if any(re.fullmatch(rf"{re.escape(name)}\D?\d+", each.name) for name in names)
    ]
    listed = named or list(found.values())
    numbers = [_LAST_NUMBER.search(each.name) for each in listed]
    if len(listed) == 1 and not named:
        return {}  # the 7 of "frame 7" may mean anything
    by_number = {int(n.group(1)): each for n, each in zip(numbers, listed, strict=True) if n}
    return by_number if len(by_number) == len(listed) else {}


def _counted(
    numbered: dict[int, Annotated], name: str, count: int
) -> tuple[dict[int, Annotated], list[Remark]]:
    remarks = []
    if sorted(numbered) == list(range(1, count + 1)):
        numbered = {number - 1: each for number, each in numbered.items()}
        remarks.append(Remark("", "numbers", "they count from 1", is_skipped=False))
    last = max(numbered)
    if last >= count:
        raise LabelsError(
            f"There are labels of section {last}, counted from 0, and “{name}” has {count} "
            "sections: choose the stack that they were drawn on."
        )
    return numbered, remarks


def _stacked(kind: str, places: Mapping[int, Annotated], shape: StackShape) -> Any:
    planes = {at: getattr(each, kind) for at, each in places.items()}
    if all(plane is None for plane in planes.values()):
        return None
    stacked = np.zeros(shape, _KINDS[kind])
    for at, plane in planes.items():
        if plane is not None:
            stacked[at] = plane
    return stacked


def _number_anew(grains: npt.NDArray[np.int32]) -> None:
    """Shift the numbers of each section past those of the sections before, in place."""
    most = 0
    for section in grains:
        section[section > 0] += most
        most = max(most, int(section.max(initial=0)))


def _shared(grains: npt.NDArray[np.int32]) -> int:
    """Return how many numbers are in more than one section."""
    each = [np.unique(section) for section in grains]
    numbers, counts = np.unique(np.concatenate(each), return_counts=True)
    return int((counts[numbers > 0] > 1).sum())


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} sections of {shape[2]} × {shape[1]} px"
