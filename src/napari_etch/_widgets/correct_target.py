"""Which layers can be corrected, what lies under them, and copies of those that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels

from napari_etch._widgets.class_tables import stored_table
from napari_etch._widgets.layers import (
    BOUNDARY,
    GRAINS,
    are_of_one_run,
    axes_of,
    finest,
    is_micrograph,
    kind_of,
    layer_name,
    pixel_size_um,
    source_id_of,
)
from napari_etch._widgets.made_from import can_be_of, image_id_of, likeliest_first, origin_id_of
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTableError
from napari_etch.grains.editing import is_tiling
from napari_etch.micrograph.luminance import grey_values

if TYPE_CHECKING:
    from napari.components import Dims, LayerList
    from napari.layers import Layer

CLASSES = "fracture"
#: Labels lie in regions: so large a share of neighbouring pixels at least is equal, where grains
#: are as small as 4 px. In micrographs, with their noise, it is some per cent.
_LEAST_EQUAL = 0.75
#: Edge of the window, px, that is looked at for that.
_LOOK = 512
#: Two places are the same within so much of a pixel.
_SAME_PLACE = 1e-3
#: A map of more values than this is one of grains.
MOST_CLASSES = 10
#: Name that marks a boundary map of another program.
_BOUNDARY_WORDS = ("boundary", "boundaries", "membrane")
#: … and one that marks the probability of a class.
_PROBABILITY_WORDS = ("probability", "probabilities")


def refusal(layer: Layer | None) -> str:
    """Return why a layer cannot be corrected, as one sentence; empty when it can."""
    if layer is None:
        return "Open or segment an image first: there is no grains layer to correct."
    name = f"“{layer.name}”"
    if not isinstance(layer, Labels):
        return f"{name} is an image that may hold labels: make an editable copy of them."
    if layer.multiscale:
        return f"{name} is multiscale, which napari cannot edit: make an editable copy."
    data = layer.data
    if not isinstance(data, np.ndarray):
        return f"{name} is a {type(data).__name__}, read piece by piece: make an editable copy."
    if data.ndim not in (2, 3):
        return f"{name} has {data.ndim} axes: choose one image (y, x) or one stack (z, y, x)."
    if not data.size:
        return f"{name} is empty: choose another layer."
    if not data.flags.writeable:
        return f"{name} is read-only, such as a memory map: make an editable copy."
    if not layer.editable:
        return f"{name} is not editable: switch its editing on first, or make an editable copy."
    return ""


def nothing_open(layers: LayerList) -> str:
    """Return what to do first where no layer holds grains, as one sentence."""
    image = next((layer for layer in reversed(layers) if is_micrograph(layer)), None)
    if image is None:
        return refusal(None)
    return f"Segment “{image.name}” first: an image is no grain map, and no layer holds grains."


def can_copy(layer: Layer | None) -> bool:
    """Return whether `editable_copy` may help with a layer."""
    return isinstance(layer, Labels) or may_hold_labels(layer)


def may_hold_labels(layer: Layer | None) -> bool:
    """Return whether an image looks like labels, which napari opens as one when they are decimals.

    Grey levels are whole numbers too; but labels lie in regions. One window tells.
    """
    if not isinstance(layer, Image) or layer.rgb or kind_of(layer):
        return False
    data = finest(layer)
    if len(data.shape) not in (2, 3) or np.dtype(data.dtype).kind not in "uif":
        return False
    section = data[data.shape[0] // 2] if len(data.shape) == 3 else data
    starts = [max(0, (edge - _LOOK) // 2) for edge in section.shape]
    part = np.asarray(section[tuple(slice(start, start + _LOOK) for start in starts)])
    if min(part.shape) < 2 or not (part == np.floor(part)).all() or part.min() < 0:
        return False
    equal = [(part[1:] == part[:-1]).mean(), (part[:, 1:] == part[:, :-1]).mean()]
    return bool(min(equal) >= _LEAST_EQUAL)


def is_classes(layer: Layer | None) -> bool:
    """Return whether a layer is a map of classes, such as fracture modes, not of grains."""
    if layer is None:
        return False
    if kind_of(layer) == CLASSES or layer.name.endswith(layer_name("", CLASSES).strip()):
        return True
    return isinstance(layer, Labels) and _has_few_values_in_pieces(layer.data)


def classes_of(layer: Layer | None) -> dict[int, str]:
    """Return the names of the classes that a layer may have, 0 among them, by their numbers.

    A map of somebody else, without a class table, may have any small number.
    """
    with suppress(ClassTableError):  # its classes can still be corrected by number
        table = None if layer is None else stored_table(layer)
        if table is not None:
            return dict(table.names)
    return {value: FRACTURE_MODES.names.get(value, "class") for value in range(MOST_CLASSES)}


def names_of_classes(layer: Layer) -> dict[int, str]:
    """Return what to call the classes of a layer in a sentence; one without a name by number."""
    unnamed = ("", "class")
    return {
        value: f"class {value}" if name in unnamed else name
        for value, name in classes_of(layer).items()
    }


def _has_few_values_in_pieces(data: Any) -> bool:
    """Return whether an array looks like a map of classes: small numbers that occur all over."""
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim not in (2, 3):
        return False
    if data.max(initial=0) >= MOST_CLASSES:
        return False
    section = data[0] if data.ndim == 3 and len(data) else data
    return section.ndim == 2 and section.size > 0 and not is_tiling(section)


def boundary_layers(layers: LayerList, grains: Labels, *, whole: bool = True) -> list[Image]:
    """Return the layers that can be the boundary map of a grain map, the likeliest first.

    For a map of classes these are layers with the probability of a class. `whole` is that of
    `fits`.
    """
    found = [layer for layer in reversed(layers) if isinstance(layer, Image) and not layer.rgb]
    fitting = [layer for layer in found if fits(layer, grains, whole=whole)]
    if is_classes(grains):
        named = [layer for layer in fitting if _is_named(layer, _PROBABILITY_WORDS)]
        return sorted(named, key=lambda layer: not are_of_one_run(layer, grains))
    likely = [
        layer
        for layer in fitting
        if _likeness(layer, grains) and not _is_of_another_image(layers, layer, grains)
    ]
    likely.sort(key=lambda layer: (-_likeness(layer, grains), not fits(layer, grains)))
    return likely


def grains_of(layers: LayerList, boundary: Image) -> Labels | None:
    """Return the grains that were made with a boundary map, by what they say or are called."""
    found = [
        layer
        for layer in reversed(layers)
        if isinstance(layer, Labels)
        and not is_classes(layer)
        and _likeness(boundary, layer) >= (2 if source_id_of(boundary) else 3)
        and fits(boundary, layer)
    ]
    return max(found, key=lambda layer: _likeness(boundary, layer), default=None)


def lost_boundary_text(layers: LayerList, grains: Labels) -> str:
    """Return how to have the boundary map of restored grains again; journals do not keep it."""
    if kind_of(grains) != GRAINS or boundary_layers(layers, grains, whole=False):
        return ""
    return (
        " Their boundary map was not kept: run the model again for it, which hides these grains, "
        "and choose them above."
    )


def unfit_boundary(layers: LayerList, grains: Labels) -> str:
    """Return why the layer that is meant to be the boundary map is not used; or nothing."""
    meant = [
        layer
        for layer in reversed(layers)
        if isinstance(layer, Image) and _likeness(layer, grains) > 1
    ]
    if not meant or any(fits(layer, grains, whole=False) for layer in meant):
        return ""
    sizes = [" × ".join(map(str, axes_of(each))) for each in (meant[0], grains)]
    return (
        f"“{meant[0].name}” ({sizes[0]}) and “{grains.name}” ({sizes[1]}) "
        f"{'differ in size' if sizes[0] != sizes[1] else 'lie in different places'}, so cuts "
        "follow your stroke alone."
    )


def micrograph_of(layers: LayerList, grains: Labels, *, whole: bool = True) -> Image | None:
    """Return the image that a grain map lies over, if it fits pixel by pixel; see `fits`."""
    images = [layer for layer in layers if isinstance(layer, Image) and not _is_boundary(layer)]
    likely = likeliest_first([each for each in images if can_be_of(layers, grains, each)], grains)
    return next((image for image in likely if fits(image, grains, whole=whole)), None)


def own_micrograph(layers: LayerList, grains: Labels) -> Image | None:
    """Return the image that a grain map lies over, also where it is a part of it that says so.

    A small map of another image lies at the corner of any large one.
    """
    image = micrograph_of(layers, grains) or micrograph_of(layers, grains, whole=False)
    if image is None or fits(image, grains) or str(image.unique_id) == source_id_of(grains):
        return image
    return None


def unsized_text(layers: LayerList, grains: Labels) -> str:
    """Return what to do when a micrograph does not lie under grains for want of a pixel size.

    The size was typed, and the micrograph is opened anew: its file does not know it.
    """
    size = pixel_size_um(grains)
    if size is None or micrograph_of(layers, grains, whole=False) is not None:
        return ""
    for layer in layers:
        if (
            is_micrograph(layer)
            and pixel_size_um(layer) is None
            and axes_of(layer) == axes_of(grains)
        ):
            return (
                f" The grains have pixels of {size:.5g} µm, “{layer.name}” has no pixel size: type "
                "it in the Segment dock, and the image lies under them."
            )
    return ""


def fits(image: Image, grains: Labels, *, whole: bool = True) -> bool:
    """Return whether an image and a grain map have the same pixels in the same place.

    Parameters
    ----------
    whole : bool
        False: the grain map may lie over a part of the image, see `window_under`.
    """
    window = window_under(image, grains)
    if window is None or not whole:
        return window is not None
    return window == tuple(slice(0, edge) for edge in axes_of(image))


def window_under(image: Image, grains: Labels) -> tuple[slice, ...] | None:
    """Return the part of an image that lies under a grain map; None where it does not fit.

    Grains of one section, or of a region, lie in their place of the stack, or of the image, that
    they were made from. The part is one of the finest level of a multi-scale image.
    """
    if grains.multiscale:
        return None
    shape, wanted = axes_of(image), axes_of(grains)
    if len(shape) != len(wanted) or not _lie_alike(image, grains):
        return None
    begin = np.asarray(image.world_to_data(grains.data_to_world((0,) * len(wanted))), float)
    start = np.rint(begin)
    if np.abs(begin - start).max() > _SAME_PLACE:
        return None
    if (start < 0).any() or (start + wanted > shape).any():
        return None
    return tuple(slice(int(at), int(at) + edge) for at, edge in zip(start, wanted, strict=True))


def _lie_alike(image: Image, grains: Labels) -> bool:
    """Return whether the pixels of two layers are of one size and lie in the same directions."""
    pairs = (
        (image.scale, grains.scale),
        (image.rotate, grains.rotate),
        (image.shear, grains.shear),
        (image.affine.affine_matrix, grains.affine.affine_matrix),
    )
    return all(np.allclose(one, other) for one, other in pairs)


def section_at(layer: Labels, dims: Dims) -> tuple[int, bool]:
    """Return the section of a stack at the slider, the nearest one, and whether it is there."""
    at = round(float(layer.world_to_data(dims.point[-layer.ndim :])[0]))
    nearest = min(max(at, 0), layer.data.shape[0] - 1)
    return nearest, at == nearest


def no_section(layer: Labels, dims: Dims) -> str:
    """Return where the sections of a stack are when the slider is beside them; otherwise nothing.

    Grains of one section lie in their place of the micrograph's stack, which has more of them.
    """
    if layer.ndim != 3 or section_at(layer, dims)[1]:
        return ""
    axis, last = dims.ndim - layer.ndim, layer.data.shape[0] - 1
    start, _, step = dims.range[axis]
    first, end = (
        round((float(layer.data_to_world((at, 0, 0))[0]) - start) / step) for at in (0, last)
    )
    where = f"to {first}" if first == end else f"between {first} and {end}"
    return f"“{layer.name}” has no grains in this section: move the slider {where}."


def journal_folders(layer: Labels, user_folder: Path) -> list[Path]:
    """Return where to keep the journal: beside the layer's file, otherwise with the user."""
    path = layer.source.path
    beside = [Path(path).parent] if path and Path(path).exists() else []
    return [*beside, user_folder]


def _likeness(layer: Image, grains: Labels) -> int:
    """Return how much speaks for a layer as the boundary map of these grains; 0 is nothing."""
    if are_of_one_run(layer, grains):
        return 4
    base = grains.name.removesuffix(" (copy)").removesuffix(layer_name("", GRAINS))
    if layer.name == layer_name(base, BOUNDARY):
        return 3
    if kind_of(layer) == BOUNDARY and source_id_of(layer) == source_id_of(grains):
        return 2
    return int(_is_boundary(layer))


def _is_of_another_image(layers: LayerList, boundary: Image, grains: Labels) -> bool:
    """Return whether a boundary map and grains say, or are called, that they are of two images.

    Fields of a specimen have one size, and lie over each other.
    """
    if _likeness(boundary, grains) > 1 or boundary.name.startswith(_field_of(grains)):
        return False
    images = [each for each in layers if is_micrograph(each)]
    own = [origin_id_of(layers, each) or image_id_of(each, images) for each in (boundary, grains)]
    return all(own) and own[0] != own[1]


def _field_of(grains: Labels) -> str:
    """Return how the names of all results begin that are of the same image as some grains."""
    return layer_name(grains.name.split(layer_name("", ""))[0], "")


def _is_boundary(layer: Image) -> bool:
    return kind_of(layer) == BOUNDARY or _is_named(layer, _BOUNDARY_WORDS)


def _is_named(layer: Image, words: Sequence[str]) -> bool:
    return any(word in layer.name.lower() for word in words)


class GreyView:
    """An image read as grey in [0, 1] window by window: nothing is converted before it is needed.

    Parameters
    ----------
    data : array, shape (y, x) or (y, x, 3 or 4)
        The image.
    rgb : bool
        Whether the last axis is colour.
    """

    def __init__(self, data: Any, *, rgb: bool) -> None:
        self._data = data
        self._rgb = rgb
        self.shape = tuple(data.shape[:2])
        self.ndim = 2
        self.dtype = np.dtype(np.float32)
        kind = np.dtype(data.dtype)
        self._top = float(np.iinfo(kind).max) if np.issubdtype(kind, np.integer) else 1.0

    def __getitem__(self, window: Any) -> npt.NDArray[np.float32]:
        values = np.asarray(self._data[window], np.float32) / self._top
        return np.asarray(grey_values(values, is_rgb=self._rgb), np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all of it."""
        return np.asarray(self[:, :], dtype)
