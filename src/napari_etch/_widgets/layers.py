"""Between napari's layers and a run: what a layer says about itself, and layers from a result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from napari.layers import Image, Labels, Shapes
from napari.utils import Colormap

from napari_etch._widgets.job import Region, Source
from napari_etch._widgets.placement import Placement, steps_of
from napari_etch._widgets.recut import stack_grains
from napari_etch._widgets.run import Segmented
from napari_etch._widgets.stated_size import conflict_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer

METADATA_KEY = "napari_etch"
#: What the layers of one run have in common, in their metadata.
RUN = "run"
BOUNDARY = "boundary"
GRAINS = "grains"
SCALE_BAR = "scale bar"
REGION = "region"
#: Corners of the polygon that stands for an ellipse.
ELLIPSE_CORNERS = 180
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
class Origin:
    """The layer a run belongs to, by identity: it may be renamed, moved or deleted meanwhile."""

    layer_id: str
    name: str
    placement: Placement
    section: int | None = None  # of a stack, where one was worked on alone


def origin_of(layer: Image) -> Origin:
    """Return what a result needs to know about its source layer."""
    return Origin(str(layer.unique_id), layer.name, Placement.of(layer))


def source_layer(layers: LayerList, origin: Origin) -> Any:
    """Return the layer a run was started from; None when it was removed meanwhile.

    What it is called, and where its pixels lie, may have changed: a result belongs over them.
    """
    return next((layer for layer in layers if str(layer.unique_id) == origin.layer_id), None)


def gone_words(origin: Origin) -> str:
    """Return that the source of a run was removed meanwhile."""
    return f"“{origin.name}” was removed during the run, so its result was dropped."


def replaced_words(source: Source, layer: Image) -> str:
    """Return that the layer of a run has other pixels by now, to be added to what is said."""
    if finest(layer) is source.data:
        return ""
    return " Its pixels were replaced during the run: the result is of those before, so run again."


def sourced_now(source: Source, layer: Image) -> Source:
    """Return the source of a run with the name and the pixel size that its image has by now."""
    now = source_of(layer)
    return replace(
        source, name=now.name, pixel_size_um=now.pixel_size_um, size_conflict=now.size_conflict
    )


def source_of(layer: Image) -> Source:
    """Return an image layer as the source of a run; the finest level of a multi-scale one."""
    made = layer.metadata.get(METADATA_KEY, {})
    made = made if isinstance(made, dict) else {}
    edge = pixel_size_um(layer)
    return Source(
        data=finest(layer),
        name=layer.name,
        rgb=bool(layer.rgb),
        pixel_size_um=edge,
        info_bar_row=made.get("info_bar_row"),
        size_conflict=conflict_of(made, edge),
    )


def finest(layer: Image | Labels) -> Any:
    """Return the pixels of a layer; of a multi-scale one those of its finest level."""
    return layer.data[0] if layer.multiscale else layer.data


def axes_of(layer: Image | Labels) -> tuple[int, ...]:
    """Return the sizes of a layer's axes without colour; of a multi-scale one at its finest."""
    shape = np.shape(finest(layer))
    return shape[:-1] if getattr(layer, "rgb", False) else shape


def pixel_size_um(layer: Layer) -> float | None:
    """Return the pixel edge in µm, None when the layer has no length unit or oblong pixels."""
    if layer.ndim < 2:
        return None
    edges = []
    for step, unit in zip(steps_of(layer)[-2:], layer.units[-2:], strict=True):
        if not unit.is_compatible_with("um"):
            return None
        edges.append(float((float(step) * unit).to("um").magnitude))
    if edges[0] == 0 or abs(edges[0] - edges[1]) > 0.01 * edges[1]:
        return None
    return edges[1]


def oblong_text(layer: Layer) -> str:
    """Return width × height of pixels that are not square, such as ``0.2 × 0.4``; else nothing."""
    down, right = steps_of(layer)[-2:]
    return "" if abs(down - right) <= 0.01 * max(down, right) else f"{right:g} × {down:g}"


def stated_step(distance_um: float | None) -> float:
    """Return the step of a stack from section to section; see `section_distance_um`."""
    if distance_um is None:
        return NO_DISTANCE
    if abs(distance_um - NO_DISTANCE) < NO_DISTANCE_WITHIN:
        return NO_DISTANCE + 10 * NO_DISTANCE_WITHIN
    return distance_um


def section_distance_um(layer: Layer) -> float | None:
    """Return how far the sections of a stack are apart in µm, None when that is not known.

    A step of 1 beside pixels of another size is napari's own, and says nothing.
    """
    edge = pixel_size_um(layer)
    if layer.ndim != 3 or edge is None:
        return None
    down, _, across = (float(step) for step in steps_of(layer))
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
    """Return whether a layer can be the source of a run: an image that is not a result of one.

    A result that was saved and opened again is told by its name.
    """
    results = (BOUNDARY, FIT_PREVIEW, PROBABILITY, CONFIDENCE)
    words = (*results, f"closed {BOUNDARY}")
    is_named = any(layer_name("", word) in layer.name for word in words)
    return isinstance(layer, Image) and kind_of(layer) not in results and not is_named


def kind_of(layer: Layer) -> str:
    """Return what a layer of ours is, such as ``boundary``; an empty string for any other."""
    made = layer.metadata.get(METADATA_KEY)
    return str(made.get("kind", "")) if isinstance(made, dict) else ""


def are_of_one_run(one: Layer, two: Layer) -> bool:
    """Return whether one run made two layers."""
    runs = [
        made.get(RUN) if isinstance(made := layer.metadata.get(METADATA_KEY), dict) else None
        for layer in (one, two)
    ]
    return runs[0] is not None and runs[0] == runs[1]


def source_id_of(layer: Layer) -> str:
    """Return the identity of the layer that a result was made from, or an empty string."""
    made = layer.metadata.get(METADATA_KEY)
    return str(made.get("source_id", "")) if isinstance(made, dict) else ""


def region_from_shapes(shapes: Shapes, image: Image) -> Region | None:
    """Return what is drawn in pixels of the image, None when nothing is.

    The selected shape counts, otherwise the last one; of a line or path its bounding box. The part
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
    outline = _outline(corners, shapes.shape_type[index])
    return Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]), outline)


def _outline(corners: np.ndarray, kind: str) -> tuple[tuple[float, float], ...]:
    """Return the corners of a shape (n, 2) as those of a polygon; none for an upright rectangle."""
    if kind == "ellipse":
        corners = on_ellipse(corners)
    elif kind not in ("polygon", "rectangle") or _is_upright(corners):
        return ()
    return tuple((float(y), float(x)) for y, x in corners)


def on_ellipse(corners: np.ndarray) -> np.ndarray:
    """Return points (n, 2) on the ellipse of which napari keeps the corners of the box (4, 2)."""
    middle = corners.mean(axis=0)
    across, down = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)[:, None]
    return np.asarray(middle + np.cos(turn) * across + np.sin(turn) * down)


def _is_upright(corners: np.ndarray) -> bool:
    """Return whether the sides of a polygon (n, 2) are those of its bounding box."""
    sides = np.diff(corners, axis=0, append=corners[:1])
    return len(corners) == 4 and bool((np.abs(sides).min(axis=1) < 0.5).all())


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
        RUN: uuid4().hex,
        "granularity": result.settings.granularity,
        "source": origin.name,
        "source_id": origin.layer_id,
        "region": (region.top, region.left, region.bottom, region.right),
        "outline": region.outline,
        "sections": result.sections,
        "pixel_size_um": result.source.pixel_size_um,
        "grain_number": result.grain_number,
        "notices": result.notices,
    }


def set_labels(layer: Labels, data: np.ndarray) -> None:
    """Replace a grain map by a copy of another, and forget its undo steps.

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
        layer.data = np.array(data)
    layer.editable = False
    layer.editable = editable
    if editable:
        layer.mode = mode
