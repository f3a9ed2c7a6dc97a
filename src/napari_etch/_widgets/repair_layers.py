"""Between napari's layers and a repair: what can be repaired, and the layers that come of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.correct_preview import NAME as PREVIEW
from napari_etch._widgets.earlier_results import is_called
from napari_etch._widgets.job import Source
from napari_etch._widgets.layer_choice import about
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import (
    BOUNDARY,
    FIT_PREVIEW,
    GRAINS,
    GRAINS_LOOK,
    METADATA_KEY,
    Origin,
    boundary_look,
    kind_of,
    layer_name,
    pixel_size_um,
    source_of,
)
from napari_etch._widgets.placement import Placement
from napari_etch._widgets.repair_bridges import Bridges
from napari_etch._widgets.repair_form import RepairForm
from napari_etch._widgets.repair_pack import RepairPack
from napari_etch.results import bridge_colours

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.components import LayerList, ViewerModel
    from napari.layers import Layer

    from napari_etch._widgets.repair_run import Mended

ADDED = "added"
#: Of a bridge that was accepted, and of one that does not stand.
ACCEPTED_COLOUR, FALLEN_COLOUR = (0.0, 0.62, 0.45, 1.0), (0.5, 0.5, 0.5, 0.45)


@dataclass(eq=False)
class Result:
    """The layers of a repair, the bridges in them, and what it was at first."""

    boundary: Image
    grains: Labels
    added: Labels
    bridges: Bridges
    pack: RepairPack

    @property
    def layers(self) -> tuple[Labels, Image, Labels]:
        """Its layers, the lowest first."""
        return self.grains, self.boundary, self.added

    def is_in(self, layers: LayerList) -> bool:
        """Return whether its grains and its bridges are still in a viewer."""
        return self.grains in layers and self.added in layers

    @property
    def fits(self) -> bool:
        """Whether the grains still have the size of the repair."""
        return bool(np.shape(self.grains.data) == self.bridges.numbers.shape)


class RepairChoice(LayerWatch):
    """Which layer the dock repairs; see `LayerWatch`."""

    WATCHED = frozenset({"inserted", "removed", "reordered", "name", "scale", "units"})

    def __init__(self, viewer: ViewerModel, form: RepairForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        self._listen()
        self._on_active()

    def layer(self) -> Image | Labels | None:
        """Return the chosen layer."""
        found = self._find(self._form.layer.currentData())
        return found if isinstance(found, Image | Labels) else None

    def choose(self, layer: Layer) -> None:
        """Choose a layer, if it can be repaired."""
        self.refresh(wanted=str(layer.unique_id))

    def refresh(self, *, wanted: str | None = None) -> None:
        """Fill the box anew; what was chosen stays chosen where it still exists."""
        form = self._form
        offered = [
            (layer.name, str(layer.unique_id))
            for layer in reversed(self._viewer.layers)
            if can_repair(layer)
        ]
        set_choices(form.layer, offered, wanted or form.layer.currentData())
        self.changed.emit()

    def _on_active(self, _event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        wanted = active is not None and can_repair(active)
        self.refresh(wanted=str(active.unique_id) if wanted and active is not None else None)


def can_repair(layer: Layer) -> bool:
    """Return whether a layer can be chosen; whether it then fits, `repair_refusal` says."""
    if kind_of(layer) in (ADDED, FIT_PREVIEW) or layer.name == PREVIEW:
        return False
    return isinstance(layer, Image | Labels)


def repair_source(layer: Image | Labels, section: int | None = None) -> Source:
    """Return a layer, or a section of it, as the source of a repair."""
    if isinstance(layer, Image):
        source = source_of(layer)
    else:
        data = layer.data[0] if layer.multiscale else layer.data
        source = Source(data=data, name=layer.name, pixel_size_um=pixel_size_um(layer))
    if section is None or not source.is_stack:
        return source
    name = f"{layer.name} · section {section}"
    return replace(source, data=source.data[section], name=name)


def repair_origin(layer: Image | Labels, section: int | None = None) -> Origin:
    """Return where the result of a repair belongs; that of a section is flat."""
    place, name = Placement.of(layer), repair_source(layer, section).name
    place = place if section is None else place.plane()
    return Origin(str(layer.unique_id), name, place, section)


def section_shown(viewer: ViewerModel, layer: Image | Labels) -> int | None:
    """Return which section of a stack is shown; None for a single picture."""
    axes = repair_source(layer).axes
    if len(axes) != 3 or viewer.dims.ndisplay != 2 or not axes[0]:
        return None
    at = float(layer.world_to_data(viewer.dims.point[-3:])[0])
    return int(min(max(round(at), 0), axes[0] - 1))


def about_layer(layer: Image | Labels) -> str:
    """Return size and pixel size of a layer in a few words."""
    axes = repair_source(layer).axes
    one = "; the one shown is repaired" if len(axes) == 3 else ""
    if isinstance(layer, Image):
        return about(layer).replace(" sections", f" sections{one}", 1)
    sections = f" · {axes[0]} sections{one}" if one else ""
    return f"{axes[-1]} × {axes[-2]} px of grains{sections}" if len(axes) >= 2 else "one axis"


def kind_of_layer(layer: Image | Labels, chosen: str) -> str:
    """Return what a layer is, where that is known without looking at its pixels."""
    if isinstance(layer, Labels):
        return "grains"
    return "map" if chosen == "auto" and kind_of(layer) == BOUNDARY else chosen


def mended_layers(mended: Mended, origin: Origin) -> Result:
    """Return the closed boundary, the grains and the bridges of a repair as layers.

    Parameters
    ----------
    mended : Mended
        What the run made.
    origin : Origin
        The source layer as it was when the run started.
    """
    made = {
        **mended.provenance,
        "source": origin.name,
        "source_id": origin.layer_id,
        "pixel_size_um": mended.source.pixel_size_um,
        "notices": mended.notices,
    }
    place = origin.placement
    pack = RepairPack(mended.repaired, origin.name, made, place.as_json(), mended.bright)
    return result_layers(pack, mended.bridges, place.keywords())


def result_layers(pack: RepairPack, bridges: Bridges, place: dict[str, Any]) -> Result:
    """Return a repair as layers.

    Parameters
    ----------
    pack : RepairPack
    bridges : Bridges
        Those of its repair.
    place : dict
        Where the layers lie, as keywords.
    """
    repaired, made = pack.repaired, pack.made
    base = plain_name(pack.name)
    boundary = Image(
        repaired.boundary.copy(),
        name=layer_name(base, f"closed {BOUNDARY}"),
        metadata={METADATA_KEY: {**made, "kind": BOUNDARY}},
        **place,
        **boundary_look(pack.bright),
    )
    grains = Labels(
        repaired.grains.copy(),
        name=layer_name(base, f"closed {GRAINS}"),
        metadata={METADATA_KEY: {**made, "kind": GRAINS}},
        **place,
        **GRAINS_LOOK,
    )
    added = Labels(
        repaired.numbers,
        name=layer_name(base, ADDED),
        metadata={METADATA_KEY: {**made, "kind": ADDED}},
        opacity=1.0,
        **place,
        **_bridge_look(bridges, np.ones(len(bridges), bool)),
    )
    added.editable = False
    result = Result(boundary, grains, added, bridges, pack)
    added.metadata[METADATA_KEY]["result"] = result
    return result


def plain_name(name: str) -> str:
    """Return the name of the picture that a result layer belongs to."""
    for kind in (BOUNDARY, GRAINS):
        for suffix in (layer_name("", f"closed {kind}"), layer_name("", kind)):
            name = name.removesuffix(suffix)
    return name


def show_bridges(result: Result, standing: npt.NDArray[np.bool_]) -> None:
    """Colour the bridges by what became of them, and tell it to who points at one."""
    for name, value in _bridge_look(result.bridges, standing).items():
        setattr(result.added, name, value)


def _bridge_look(bridges: Bridges, standing: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return the features and the colours of a layer of bridges."""
    import pandas as pd

    colours = np.ones((len(bridges), 4), np.float32)
    colours[:, :3] = bridge_colours(bridges.confidence) / 255
    colours[bridges.accepted] = ACCEPTED_COLOUR
    colours[~standing] = FALLEN_COLOUR
    table: dict[int | None, Any] = {0: np.zeros(4), None: np.zeros(4)}
    table.update(enumerate(colours, 1))
    state = np.where(~standing, "not there", np.where(bridges.accepted, "accepted", "added"))
    percent = [f"{100 * sure:.0f} %" for sure in bridges.confidence]
    features = pd.DataFrame(
        {
            "index": np.arange(len(bridges) + 1),
            "bridge": ["no bridge", *state],
            "sure": ["", *percent],
            "length_px": [0.0, *bridges.length.round(1)],
        }
    )
    return {"features": features, "colormap": DirectLabelColormap(color_dict=table)}


def find_results(layers: LayerList) -> list[Result]:
    """Return the repairs whose layers are in a viewer, the topmost first."""
    found = []
    for layer in reversed(layers):
        result = layer.metadata.get(METADATA_KEY, {}) if kind_of(layer) == ADDED else {}
        result = result.get("result")
        if isinstance(result, Result) and result.added is layer and result.is_in(layers):
            found.append(result)
    return found


def is_copy(layer: Layer | None, results: list[Result]) -> bool:
    """Return whether a layer is a copy of one of a repair, whose bridges are not in it."""
    made = {} if layer is None else layer.metadata.get(METADATA_KEY, {})
    own = [each for result in results for each in result.layers]
    if not made or layer in own:
        return False
    return any(each.metadata[METADATA_KEY] == made for each in own)


def make_way(layers: LayerList, origin: Origin) -> list[Result]:
    """Clear the place of earlier repairs of the same layer for a new one.

    One that nobody judged, edited or renamed is removed. Others are hidden, for else they would
    show through the new one; they are returned, the topmost first.
    """
    kept = []
    for result in find_results(layers):
        made = result.added.metadata[METADATA_KEY]
        if (made["source_id"], made["source"]) != (origin.layer_id, origin.name):
            continue
        there = [layer for layer in result.layers if layer in layers]
        if _is_untouched(result) and _has_its_names(result):
            for layer in there:
                layers.remove(layer)
            continue
        kept.append(result)
        for layer in there:
            layer.visible = False
    return kept


def _is_untouched(result: Result) -> bool:
    """Return whether nobody judged or edited a repair."""
    bridges = result.bridges
    if not result.fits or bridges.accepted.any() or bridges.rejected.any():
        return False
    return bridges.is_cut(np.asarray(result.grains.data))


def _has_its_names(result: Result) -> bool:
    """Return whether nobody keeps a layer of a repair under a name of their own."""
    base = plain_name(str(result.added.metadata[METADATA_KEY]["source"]))
    names = (f"closed {GRAINS}", f"closed {BOUNDARY}", ADDED)
    return all(
        is_called(layer, layer_name(base, name))
        for layer, name in zip(result.layers, names, strict=True)
    )
