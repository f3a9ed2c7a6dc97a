"""Which layers can be exported together, and copies of them for the thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.correct_facets import FacetTour
from napari_etch._widgets.correct_sessions import known_of
from napari_etch._widgets.correct_target import fits, is_classes, own_micrograph, window_under
from napari_etch._widgets.export_run import LayerJob, Plane
from napari_etch._widgets.import_layers import ignored_of, is_ignore
from napari_etch._widgets.layers import (
    METADATA_KEY,
    is_micrograph,
    kind_of,
    pixel_size_um,
    source_of,
)
from napari_etch._widgets.recut_layers import can_recut, is_edited
from napari_etch._widgets.repair_layers import ADDED
from napari_etch.results.file_names import file_name

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_etch._widgets.correct_session import CorrectSession

#: What a layer says of its making and the manifest repeats.
_MADE = ("model", "title", "weights_hash", "version", "parameters", "granularity", "labels")


@dataclass(frozen=True, eq=False)
class Group:
    """Label layers that lie over one image, or over one part of it.

    Attributes
    ----------
    image : napari.layers.Image
    window : tuple of slice
        The part of it under the labels, (y, x) or (z, y, x); mostly all of it.
    labels : list of napari.layers.Labels
        One of grains at most, and one of classes.
    """

    image: Image
    window: tuple[slice, ...]
    labels: list[Labels] = field(default_factory=list)


def can_export(layer: Any) -> bool:
    """Return whether a layer holds labels, (y, x) or (z, y, x).

    What is to be ignored goes with the labels of its image, and bridges of a repair are no grains.
    """
    return (
        isinstance(layer, Labels)
        and not is_ignore(layer)
        and kind_of(layer) != ADDED
        and not layer.multiscale
        and layer.ndim in (2, 3)
        and all(layer.data.shape)
    )


def groups_of(layers: LayerList, chosen: Sequence[Labels]) -> tuple[list[Group], str]:
    """Return the chosen label layers by image, and what is wrong with them, in a sentence."""
    groups: dict[tuple[str, str], Group] = {}
    for layer in chosen:
        image = own_micrograph(layers, layer)
        window = None if image is None else window_under(image, layer)
        if image is None or window is None:
            return [], (
                f"“{layer.name}” lies over no image of its size and place: open its micrograph, "
                "or untick it."
            )
        group = groups.setdefault((str(image.unique_id), str(window)), Group(image, window))
        twin = next((each for each in group.labels if is_classes(each) == is_classes(layer)), None)
        if twin is not None:
            what = "classes" if is_classes(layer) else "grains"
            return [], (
                f"“{twin.name}” and “{layer.name}” are both {what} of “{image.name}”: tick one of "
                "them."
            )
        group.labels.append(layer)
    return list(groups.values()), ""


def correct_docks(viewer: Any) -> list[CorrectDock]:
    """Return the Correct docks of a viewer."""
    window = getattr(viewer, "window", None)
    docks = [] if window is None else list(window.dock_widgets.values())
    return [dock for dock in docks if isinstance(dock, CorrectDock)]


def sessions_of(viewer: Any) -> list[CorrectSession]:
    """Return what is being corrected in a viewer."""
    return [session for dock in correct_docks(viewer) for session in dock.sessions.all()]


def is_reviewed(viewer: Any, layers: Sequence[Labels]) -> bool:
    """Return whether something of the layers was reviewed in the Correct dock."""
    for session in sessions_of(viewer):
        if session.layer not in layers:
            continue
        if isinstance(session.tour, FacetTour):
            if session.tour.progress()[0] > 0:
                return True
        elif session.review.known:
            return True
    return any(known_of(layer) for layer in layers if not is_classes(layer))


def jobs_of(viewer: Any, groups: Sequence[Group], specimen: str) -> list[LayerJob]:
    """Return copies of layers, as they are now.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    groups : sequence of Group
    specimen : str
        Of all images; empty where it is not known.
    """
    names = _names([group.image.name for group in groups])
    sessions = {str(each.layer.unique_id): each for each in sessions_of(viewer)}
    jobs = []
    for group, name in zip(groups, names, strict=True):
        ignore = ignored_of(viewer.layers, group.image)
        # parts of one image look alike, so they stay together in a split
        is_shared = sum(each.image is group.image for each in groups) > 1
        of = specimen or (group.image.name if is_shared else "")
        job = _job(group, name, of, sessions)
        jobs.append(replace(job, ignore=None if ignore is None else ignore[group.window]))
    return jobs


def _job(group: Group, name: str, specimen: str, sessions: dict[str, CorrectSession]) -> LayerJob:
    image = group.image
    source = source_of(image).part(group.window)
    made: dict[str, Any] = {}
    planes: dict[str, Any] = {}
    reviewed: dict[str, Any] = {}
    for layer in group.labels:
        kind = "classes" if is_classes(layer) else "grains"
        # The user goes on editing while the thread writes; what is read piece by piece stays.
        data = layer.data
        planes[kind] = data.copy() if isinstance(data, np.ndarray) else data
        made |= _made(layer)
        session = sessions.get(str(layer.unique_id))
        if session is not None:
            reviewed[kind] = _reviewed(session, data)
        elif kind == "grains" and (known := known_of(layer)):  # the dock was closed since
            reviewed[kind] = known
    path = image.source.path
    is_part = not fits(image, group.labels[0])
    if is_part:
        rows, columns = group.window[-2:]
        made["region"] = [rows.start, columns.start, rows.stop, columns.stop]
    return LayerJob(
        name=name,
        image=Plane(source.data, bool(source.rgb)),
        maps=planes,
        sections=len(source.data) if image.ndim == 3 else None,
        first=group.window[0].start if image.ndim == 3 else 0,
        pixel_size_um=pixel_size_um(image),
        info_bar_row=source.info_bar_row,
        # a file is named as the image of a whole only
        image_path=Path(path) if path and not is_part and Path(path).is_file() else None,
        specimen=specimen,
        made=made,
        reviewed=reviewed,
    )


def _reviewed(session: CorrectSession, data: Any) -> Any:
    """Return the states of grains, or where each section of a class map was judged."""
    if not isinstance(session.tour, FacetTour):
        return dict(session.review.known)
    sections = range(len(data)) if session.is_stack else range(1)
    return [session.tour.judged(at) for at in sections]


def _made(layer: Labels) -> dict[str, Any]:
    told = layer.metadata.get(METADATA_KEY)
    made = {key: told[key] for key in _MADE if key in told} if isinstance(told, dict) else {}
    if can_recut(layer):
        made["corrected"] = is_edited(layer)
    return {**made, "layer": layer.name}


def _names(names: Sequence[str]) -> list[str]:
    """Return names that files can have, each once."""
    found: list[str] = []
    for name in names:
        plain = file_name(name).strip(" .-") or "image"
        at, unique = 2, plain
        while unique.casefold() in (each.casefold() for each in found):
            unique, at = f"{plain} {at}", at + 1
        found.append(unique)
    return found


def images_of(layers: LayerList) -> Iterator[Image]:
    """Iterate over the images onto which labels can be imported, topmost first."""
    for layer in reversed(layers):
        if is_micrograph(layer) and len(source_of(layer).axes) in (2, 3):
            yield layer
