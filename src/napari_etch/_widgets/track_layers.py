"""Between napari's layers and tracking: what can be tracked, and the layers that come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Surface

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.earlier_results import crc, is_called
from napari_etch._widgets.job import Source
from napari_etch._widgets.judged import is_judged
from napari_etch._widgets.layer_watch import LayerWatch, selected
from napari_etch._widgets.layers import (
    GRAINS,
    GRAINS_LOOK,
    METADATA_KEY,
    Origin,
    kind_of,
    layer_name,
    pixel_size_um,
    section_distance_um,
)
from napari_etch._widgets.placement import Placement, steps_of
from napari_etch._widgets.repair_layers import plain_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList, ViewerModel

    from napari_etch._widgets.track_form import TrackForm
    from napari_etch._widgets.track_run import Tracked

GRAINS_3D = "3D grains"
SURFACES = "surfaces"
#: What is said of each grain; `track_rows.GrainRows` keeps it as grains are corrected.
ROW_COLUMNS = ("sections", "first_section", "last_section", "began", "ended", "voxels")
NO_DISTANCE_KNOWN = "section distance unknown: type it in Measure ▸ 3D"
#: Numbers of a stack go through its sections where such a share of the pixels has the number of the
#: one above, on average of so many pairs of sections, looked at in every so many px.
_LEAST_SAME, _LOOKS, _EVERY = 0.3, 5, 4


class TrackChoice(LayerWatch):
    """Which grains the dock tracks; see `LayerWatch`."""

    WATCHED = frozenset({"inserted", "removed", "reordered", "name", "scale", "units"})

    def __init__(self, viewer: ViewerModel, form: TrackForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        self._listen()
        self._on_active()

    def layer(self) -> Labels | None:
        """Return the chosen layer."""
        found = self._find(self._form.layer.currentData())
        return found if isinstance(found, Labels) else None

    def refresh(self, *, wanted: str | None = None) -> None:
        """Fill the box anew; what was chosen stays chosen where it still exists."""
        form = self._form
        offered = [
            (layer.name, str(layer.unique_id))
            for layer in reversed(self._viewer.layers)
            if can_track(layer)
        ]
        set_choices(form.layer, offered, wanted or form.layer.currentData())
        self.changed.emit()

    def _on_active(self, _event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        wanted = active is not None and can_track(active)
        self.refresh(wanted=str(active.unique_id) if wanted and active is not None else None)


def can_track(layer: Any) -> bool:
    """Return whether a layer can be chosen: grains that were not tracked yet."""
    return isinstance(layer, Labels) and layer.ndim >= 3 and kind_of(layer) != GRAINS_3D


def track_source(layer: Labels) -> Source:
    """Return a grains layer as the source of a run."""
    data = layer.data[0] if layer.multiscale else layer.data
    return Source(data=data, name=layer.name, pixel_size_um=pixel_size_um(layer))


def track_origin(layer: Labels) -> Origin:
    """Return where the 3D grains of a layer belong."""
    return Origin(str(layer.unique_id), layer.name, Placement.of(layer))


def voxel_words(layer: Labels) -> str:
    """Return size and voxel size of a stack in a few words."""
    shape = np.shape(layer.data[0] if layer.multiscale else layer.data)
    words = [f"{shape[-1]} × {shape[-2]} px", f"{shape[-3]} sections"]
    edge = pixel_size_um(layer)
    if edge is None:
        return " · ".join([*words, "no pixel size"])
    apart = section_distance_um(layer)
    words.append(f"{edge:.4g} µm/px")
    words.append(NO_DISTANCE_KNOWN if apart is None else f"{apart:.4g} µm apart")
    return " · ".join(words)


def grains_layer(tracked: Tracked, origin: Origin) -> Labels:
    """Return the 3D grains of a run as a layer over its source."""
    made = {
        "kind": GRAINS_3D,
        "source": origin.name,
        "source_id": origin.layer_id,
        "method": tracked.settings.method,
        "aligned": bool(tracked.shifts),
        "skipped": tuple((each.section, each.why) for each in tracked.tracks.skipped),
        "seconds": round(tracked.seconds, 3),
        "crc": crc(tracked.grains),
    }
    return Labels(
        tracked.grains,
        name=layer_name(plain_name(origin.name), GRAINS_3D),
        features=_features(tracked),
        metadata={METADATA_KEY: made},
        **origin.placement.keywords(),
        **GRAINS_LOOK,
    )


def _features(tracked: Tracked) -> Any:
    """Return what napari's table and the status line say of each grain."""
    table = tracked.tracks.table()
    return table[["grain", *ROW_COLUMNS]].rename(columns={"grain": "index"})


def earlier_grains(layers: LayerList, origin: Origin) -> Labels | None:
    """Return the 3D grains of an earlier run on the same layer that a new one takes the place of.

    Nobody edited, reviewed, renamed or duplicated them. A duplicate has no undo steps: only the
    pixels tell.
    """
    for layer in reversed(layers):
        made = layer.metadata.get(METADATA_KEY, {}) if kind_of(layer) == GRAINS_3D else {}
        if made.get("source_id") == origin.layer_id and isinstance(layer, Labels):
            given = layer_name(plain_name(str(made.get("source", ""))), GRAINS_3D)
            is_as_made = is_called(layer, given) and crc(layer.data) == made.get("crc")
            if is_as_made and not is_judged(layer):
                return layer
    return None


def tracked_layer(layers: LayerList) -> Labels | None:
    """Return the 3D grains that are worked on: the selected ones, else the topmost."""
    active = selected(layers)
    if isinstance(active, Labels) and is_volume(active):
        return active
    return next(
        (layer for layer in reversed(layers) if kind_of(layer) == GRAINS_3D),
        None,  # type: ignore[misc]
    )


def is_volume(layer: Labels) -> bool:
    """Return whether grains have one number through the sections."""
    if kind_of(layer) in (GRAINS, GRAINS_3D):
        return kind_of(layer) == GRAINS_3D
    return layer.ndim == 3 and not layer.multiscale and _numbers_go_on(layer.data)


def _numbers_go_on(data: Any) -> bool:
    """Return whether pixels often have the number of the one above, in a stack of unknown origin.

    Where grains are numbered section by section, the same number is hardly ever the same place.
    """
    shares = []
    for at in np.unique(np.linspace(0, len(data) - 2, _LOOKS).astype(int)) if len(data) > 1 else ():
        one, next_ = (np.asarray(data[z][::_EVERY, ::_EVERY]) for z in (at, at + 1))
        there = (one > 0) & (next_ > 0)
        if there.any():
            shares.append(np.mean(one[there] == next_[there]))
    return not shares or float(np.mean(shares)) >= _LEAST_SAME


def surface_layer(layer: Labels, chosen: Sequence[int]) -> Surface:
    """Return the surfaces of some grains, in their colours, as one layer.

    Raises
    ------
    ValueError
        When one of them is not in the layer.
    """
    from napari_etch.measure.meshes import grain_meshes

    size = steps_of(layer)[-3:]
    vertices, faces, colours, first = [], [], [], 0
    # smoothed as it is seen, drawn in the layer's own voxels
    for mesh in grain_meshes(np.asarray(layer.data), chosen, voxel_size_um=tuple(size.tolist())):
        vertices.append(mesh.points / size)
        faces.append(mesh.triangles + first)
        colours.append(np.tile(layer.get_color(mesh.grain), (len(mesh.points), 1)))
        first += len(mesh.points)
    # What reached half a section beyond the first one had napari count the sections from there.
    inside = np.clip(np.concatenate(vertices), 0, np.array(layer.data.shape) - 1)
    return Surface(
        (inside, np.concatenate(faces)),
        vertex_colors=np.concatenate(colours),
        shading="smooth",
        name=layer_name(layer.name.removesuffix(f" · {GRAINS_3D}"), SURFACES),
        metadata={METADATA_KEY: {"kind": SURFACES, "source_id": str(layer.unique_id)}},
        **Placement.of(layer).keywords(),
    )


def middle_of(layer: Labels, grain: int, section: int) -> tuple[float, float] | None:
    """Return a place in the middle of a grain in a section (y, x), None when it is not there.

    It is the pixel of the grain nearest to its centre of gravity, which may lie outside of it.
    """
    rows, columns = np.nonzero(np.asarray(layer.data[section]) == grain)
    if rows.size == 0:
        return None
    middle = rows.mean(), columns.mean()
    nearest = int(np.argmin((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2))
    return float(rows[nearest]), float(columns[nearest])
