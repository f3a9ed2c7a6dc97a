"""Between napari's layers and a run: what a layer says about itself, and layers from a result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Shapes
from napari.utils import Colormap
from napari.utils.transforms import Affine

from napari_etch._widgets.job import Region, Source
from napari_etch._widgets.judged import is_judged
from napari_etch._widgets.recut import (
    count_grains,
    edited_by_hand,
    recut,
    stack_grains,
)
from napari_etch._widgets.run import Segmented
from napari_etch._widgets.stated_size import conflict_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList
    from napari.layers import Layer

METADATA_KEY = "napari_etch"
BOUNDARY = "boundary"
GRAINS = "grains"
SCALE_BAR = "scale bar"
REGION = "region"
FIT_PREVIEW = "fit preview"
OUTLINES = "outlines"
PROBABILITY = "probability"
CONFIDENCE = "confidence"

#: The step of sections that napari gives a stack of which it knows none. One that is typed is made
#: to differ from it by more than this.
NO_DISTANCE, NO_DISTANCE_WITHIN = 1.0, 1e-10

#: Additive over a dark or grey image: nothing where there is no boundary, then red, orange, yellow.
BOUNDARY_LOOK: dict[str, Any] = {
    "colormap": "inferno",
    "blending": "additive",
    "contrast_limits": (0.0, 1.0),
}
#: Adding to white leaves white: over a bright-field image the boundary takes light away instead.
BOUNDARY_LOOK_ON_BRIGHT: dict[str, Any] = {
    "colormap": Colormap([[1.0, 1.0, 1.0, 1.0], [0.9, 0.0, 0.25, 1.0]], name="white to red"),
    "blending": "multiplicative",
    "contrast_limits": (0.0, 1.0),
}
#: The image has to stay readable under the grains.
GRAINS_LOOK: dict[str, Any] = {"opacity": 0.35}


@dataclass(frozen=True)
class Placement:
    """Where a layer lies in the world, captured when a run starts."""

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: np.ndarray
    shear: np.ndarray
    affine: np.ndarray
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]

    @classmethod
    def of(cls, layer: Layer) -> Placement:
        """Return the placement of a layer."""
        return cls(
            scale=tuple(float(step) for step in layer.scale),
            translate=tuple(float(shift) for shift in layer.translate),
            rotate=np.array(layer.rotate),
            shear=np.array(layer.shear),
            affine=np.array(layer.affine.affine_matrix),
            units=tuple(layer.units),
            axis_labels=tuple(layer.axis_labels),
        )

    def keywords(self) -> dict[str, Any]:
        """Return the keywords with which a layer is made that lies in the same place."""
        return {
            "scale": self.scale,
            "translate": self.translate,
            "rotate": self.rotate,
            "shear": self.shear,
            "affine": self.affine,
            "units": self.units,
            "axis_labels": self.axis_labels,
        }

    def as_json(self) -> dict[str, Any]:
        """Return the placement as what JSON can hold."""
        return {
            "scale": list(self.scale),
            "translate": list(self.translate),
            "rotate": self.rotate.tolist(),
            "shear": self.shear.tolist(),
            "affine": self.affine.tolist(),
            "units": [str(unit) for unit in self.units],
            "axis_labels": list(self.axis_labels),
        }

    def plane(self) -> Placement:
        """Return the placement of a 2D layer over the sections of a stack.

        A stack may be turned in its plane. Of one that is turned out of it only scale and shift
        carry over: no 2D layer lies over all of its sections.
        """
        linear = Affine(rotate=self.rotate, shear=self.shear, ndim=len(self.scale)).linear_matrix
        turned = _is_apart(linear) and _is_apart(self.affine[:-1, :-1])
        flat = np.eye(3)
        if turned:
            flat[:2] = np.concatenate([self.affine[-3:-1, -3:-1], self.affine[-3:-1, -1:]], axis=1)
        return Placement(
            scale=self.scale[-2:],
            translate=self.translate[-2:],
            rotate=self.rotate[-2:, -2:] if turned else np.eye(2),
            shear=self.shear[-1:] if turned else np.zeros(1),
            affine=flat,
            units=self.units[-2:],
            axis_labels=self.axis_labels[-2:],
        )

    def shifted(self, offset: Sequence[float]) -> Placement:
        """Return the placement of a part of the layer that starts `offset` pixels in."""
        own = Affine(
            scale=self.scale, translate=self.translate, rotate=self.rotate, shear=self.shear
        )
        shift = own(np.asarray(offset, dtype=float))
        return replace(self, translate=tuple(float(value) for value in shift))


def _is_apart(linear: np.ndarray) -> bool:
    """Return whether a transform leaves the last two axes to themselves."""
    return bool(np.allclose(linear[:-2, -2:], 0) and np.allclose(linear[-2:, :-2], 0))


@dataclass(frozen=True)
class Origin:
    """The layer a run belongs to, by identity: it may be renamed, moved or deleted meanwhile."""

    layer_id: str
    name: str
    placement: Placement


def origin_of(layer: Image) -> Origin:
    """Return what a result needs to know about its source layer."""
    return Origin(str(layer.unique_id), layer.name, Placement.of(layer))


def source_of(layer: Image) -> Source:
    """Return an image layer as the source of a run; the finest level of a multi-scale one."""
    made = layer.metadata.get(METADATA_KEY, {})
    made = made if isinstance(made, dict) else {}
    edge = pixel_size_um(layer)
    return Source(
        data=layer.data[0] if layer.multiscale else layer.data,
        name=layer.name,
        rgb=bool(layer.rgb),
        pixel_size_um=edge,
        info_bar_row=made.get("info_bar_row"),
        size_conflict=conflict_of(made, edge),
    )


def axes_of(layer: Image | Labels) -> tuple[int, ...]:
    """Return the sizes of a layer's axes without colour; of a multi-scale one at its finest."""
    shape = np.shape(layer.data[0] if layer.multiscale else layer.data)
    return shape[:-1] if getattr(layer, "rgb", False) else shape


def pixel_size_um(layer: Layer) -> float | None:
    """Return the pixel edge in µm, None when the layer has no length unit or oblong pixels."""
    if layer.ndim < 2:
        return None
    edges = []
    for step, unit in zip(layer.scale[-2:], layer.units[-2:], strict=True):
        if not unit.is_compatible_with("um"):
            return None
        edges.append(abs(float((float(step) * unit).to("um").magnitude)))
    if edges[0] == 0 or abs(edges[0] - edges[1]) > 0.01 * edges[1]:
        return None
    return edges[1]


def section_distance_um(layer: Layer) -> float | None:
    """Return how far the sections of a stack are apart in µm, None when that is not known.

    A step of 1 beside pixels of another size is napari's own, and says nothing.
    """
    edge = pixel_size_um(layer)
    if layer.ndim != 3 or edge is None:
        return None
    down, across = abs(float(layer.scale[-3])), abs(float(layer.scale[-1]))
    if abs(down - NO_DISTANCE) < NO_DISTANCE_WITHIN and across != 1:
        return None
    unit = layer.units[-3]
    # a step without a length unit is in that of the pixels
    return (
        float((down * unit).to("um").magnitude)
        if unit.is_compatible_with("um")
        else (edge * down / across)
    )


def is_micrograph(layer: Layer) -> bool:
    """Return whether a layer can be the source of a run: an image that is not a result of one."""
    results = (BOUNDARY, FIT_PREVIEW, PROBABILITY, CONFIDENCE)
    return isinstance(layer, Image) and kind_of(layer) not in results


def kind_of(layer: Layer) -> str:
    """Return what a layer of ours is, such as ``boundary``; an empty string for any other."""
    made = layer.metadata.get(METADATA_KEY)
    return str(made.get("kind", "")) if isinstance(made, dict) else ""


def source_id_of(layer: Layer) -> str:
    """Return the identity of the layer that a result was made from, or an empty string."""
    made = layer.metadata.get(METADATA_KEY)
    return str(made.get("source_id", "")) if isinstance(made, dict) else ""


def region_from_shapes(shapes: Shapes, image: Image) -> Region | None:
    """Return the drawn rectangle in pixels of the image, None when nothing is drawn.

    The selected shape counts, otherwise the last one; of any shape its bounding box. The part
    outside the image is cut off; what then is empty gives a region without pixels.
    """
    if not shapes.nshapes:
        return None
    index = max(shapes.selected_data) if shapes.selected_data else shapes.nshapes - 1
    corners = np.array([drawn_in_image(vertex, shapes, image) for vertex in shapes.data[index]])
    limits = np.array(source_of(image).axes[-2:])
    # Pixel i covers i - 0.5 to i + 0.5.
    low = np.clip(np.floor(corners.min(0) + 0.5), 0, limits).astype(int)
    high = np.clip(np.ceil(corners.max(0) + 0.5), 0, limits).astype(int)
    return Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def region_layer(image: Image) -> Shapes:
    """Return a Shapes layer that lies over an image, for drawing the part that is worked on."""
    place = Placement.of(image)
    return Shapes(
        ndim=2,  # one rectangle for all sections of a stack, and seen in each
        name=layer_name(image.name, REGION),
        edge_color="#ffd23f",
        face_color="transparent",
        edge_width=max(1.0, max(source_of(image).axes[-2:]) / 300),
        metadata={METADATA_KEY: {"kind": REGION, "source_id": str(image.unique_id)}},
        **(place if image.ndim == 2 else place.plane()).keywords(),
    )


def drawn_in_image(vertex: np.ndarray, shapes: Shapes, image: Image) -> np.ndarray:
    """Return a vertex of a shape as (y, x) in pixels of the image."""
    world = np.asarray(shapes.data_to_world(vertex), dtype=float)[-2:]
    for axis, (drawn, wanted) in enumerate(zip(shapes.units[-2:], image.units[-2:], strict=True)):
        # A layer without a length unit is drawn by napari as if it had the image's.
        if drawn != wanted and drawn.is_compatible_with(wanted):
            world[axis] = (world[axis] * drawn).to(wanted).magnitude
    place = np.array(image.data_to_world(np.zeros(image.ndim)), dtype=float)
    place[-2:] = world
    return np.asarray(image.world_to_data(place), dtype=float)[-2:]


def result_layers(result: Segmented, origin: Origin) -> tuple[Image, Labels]:
    """Return the boundary and the grains of a run as layers over its source.

    Parameters
    ----------
    result : Segmented
        What the run made.
    origin : Origin
        The source layer as it was when the run started.

    Returns
    -------
    boundary : napari.layers.Image
        float32 in [0, 1].
    grains : napari.layers.Labels
        int32; its metadata keeps the partitions for cutting again.
    """
    is_stack = result.source.is_stack
    offset = [result.region.top, result.region.left]
    if is_stack:
        offset = [result.sections[0], *offset]
    place = origin.placement.shifted(offset).keywords()
    made = _provenance(result, origin)
    boundary = Image(
        result.boundary,
        name=layer_name(origin.name, BOUNDARY),
        metadata={METADATA_KEY: {**made, "kind": BOUNDARY}},
        **place,
        **boundary_look(result.bright),
    )
    grains = Labels(
        stack_grains(result.partitions, is_stack=is_stack),
        name=layer_name(origin.name, GRAINS),
        metadata={METADATA_KEY: {**made, "kind": GRAINS, "partitions": result.partitions}},
        **place,
        **GRAINS_LOOK,
    )
    return boundary, grains


def boundary_look(bright: bool) -> dict[str, Any]:
    """Return the look of a boundary layer; `bright` tells whether most of the image is white."""
    return BOUNDARY_LOOK_ON_BRIGHT if bright else BOUNDARY_LOOK


def layer_name(image: str, kind: str) -> str:
    """Return the name of a result layer."""
    return f"{image} · {kind}"


def _provenance(result: Segmented, origin: Origin) -> dict[str, Any]:
    region = result.region
    return {
        **result.provenance,
        "granularity": result.settings.granularity,
        "source": origin.name,
        "source_id": origin.layer_id,
        "region": (region.top, region.left, region.bottom, region.right),
        "sections": result.sections,
        "pixel_size_um": result.source.pixel_size_um,
        "grain_number": result.grain_number,
        "notices": result.notices,
    }


def earlier_result(layers: LayerList, new: Layer) -> Layer | None:
    """Return the layer that a new result takes the place of, if there is one.

    That is a result of the same kind, from the same source, model and region, that nobody edited or
    reviewed: a second run with another setting should not pile up layers, and must not destroy
    corrections.
    """
    made = new.metadata[METADATA_KEY]
    for layer in reversed(layers):
        if type(layer) is not type(new):
            continue
        old = layer.metadata.get(METADATA_KEY)
        if not isinstance(old, dict):
            continue
        same = all(
            old.get(key) == made[key]
            for key in ("kind", "source_id", "model", "region", "sections")
        )
        if same and not (isinstance(layer, Labels) and (is_edited(layer) or is_judged(layer))):
            return layer
    return None


def hide_covered(layers: LayerList, new: Sequence[Layer]) -> list[Layer]:
    """Hide earlier results that lie under new ones: two of a kind over each other cannot be read.

    Parameters
    ----------
    layers : napari.components.LayerList
    new : sequence of napari.layers.Layer
        The results of a run, as they are in the viewer.

    Returns
    -------
    list of napari.layers.Layer
        Those of the same image and kind, of a part of it that the run took in, and visible so far.
    """
    hidden = [
        layer
        for layer in layers
        if layer.visible and layer not in new and any(_covers(each, layer) for each in new)
    ]
    for layer in hidden:
        layer.visible = False
    return hidden


def _covers(new: Layer, old: Layer) -> bool:
    if not source_id_of(new) or type(old) is not type(new):
        return False
    if (kind_of(old), source_id_of(old)) != (kind_of(new), source_id_of(new)):
        return False
    made, was = new.metadata[METADATA_KEY], old.metadata[METADATA_KEY]
    if not was.get("model"):
        return False  # it was imported or drawn
    if not set(was.get("sections", ())) <= set(made.get("sections", ())):
        return False
    part, whole = was.get("region"), made.get("region")
    if part is None or whole is None:
        return part is whole
    return bool(
        part[0] >= whole[0] and part[1] >= whole[1] and part[2] <= whole[2] and part[3] <= whole[3]
    )


def replace_result(old: Layer, new: Layer) -> None:
    """Give an earlier result layer the data, place and provenance of a new one; its look stays."""
    if isinstance(old, Labels):
        set_labels(old, new.data)
    else:
        old.data = new.data
    old.metadata = dict(new.metadata)
    for name, value in Placement.of(new).keywords().items():
        setattr(old, name, value)


def set_labels(layer: Labels, data: np.ndarray) -> None:
    """Replace a grain map and forget its undo steps.

    napari keeps the undo steps when the data are replaced, and undoing one then writes pixels of
    the old map into the new one. Switching `editable` off is the public way to empty the history.
    """
    mode = layer.mode
    editable = layer.editable
    if isinstance(layer.data, np.ndarray) and layer.data.shape == data.shape:
        # Assigning `data` makes napari colour all pixels one time more: 0.3 s at 4096 × 4096.
        layer.data[...] = data
        layer.refresh(extent=False)
        layer.events.data(value=layer.data)
    else:
        layer.data = data
    layer.editable = False
    layer.editable = editable
    if editable:
        layer.mode = mode


def can_recut(layer: Layer | None) -> bool:
    """Return whether a layer is a grain map with the partitions that made it."""
    return (
        isinstance(layer, Labels)
        and kind_of(layer) == GRAINS
        and bool(layer.metadata[METADATA_KEY].get("partitions"))
    )


def granularity_of(layer: Labels | None) -> float | None:
    """Return what a grain map was cut at; None when it is not known."""
    if layer is None or not can_recut(layer):
        return None
    cut = layer.metadata[METADATA_KEY].get("granularity")
    return None if cut is None else float(cut)


def is_edited(layer: Labels) -> bool:
    """Return whether a grain map differs from the cut that made it."""
    if not can_recut(layer):
        return True  # nothing to compare with: take it for the user's work
    partitions = layer.metadata[METADATA_KEY]["partitions"]
    return edited_by_hand(np.asarray(layer.data), partitions, is_stack=layer.ndim == 3)


def recut_layer(layer: Labels, granularity: float) -> int:
    """Cut a grain map again, in place, and return the number of grains.

    The caller has made sure with `is_edited` that no corrections are lost.
    """
    made = layer.metadata[METADATA_KEY]
    partitions = recut(made["partitions"], granularity)
    set_labels(layer, stack_grains(partitions, is_stack=layer.ndim == 3))
    layer.metadata[METADATA_KEY] = {**made, "partitions": partitions, "granularity": granularity}
    return count_grains(partitions)


def recut_copy(layer: Labels, granularity: float) -> Labels:
    """Return a new grain layer cut at another granularity; the given one stays as it is."""
    made = layer.metadata[METADATA_KEY]
    partitions = recut(made["partitions"], granularity)
    return Labels(
        stack_grains(partitions, is_stack=layer.ndim == 3),
        name=layer_name(made["source"], GRAINS),
        opacity=layer.opacity,
        metadata={METADATA_KEY: {**made, "partitions": partitions, "granularity": granularity}},
        **Placement.of(layer).keywords(),
    )
