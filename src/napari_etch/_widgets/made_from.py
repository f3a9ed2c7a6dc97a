"""Which image a result belongs to that was saved and opened again: only its name tells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_etch._widgets.layers import METADATA_KEY, layer_name, source_id_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer


def is_named_after(layer: Layer, image: Image) -> bool:
    """Return whether a layer has the name of a result of an image."""
    return bool(layer.name.startswith(layer_name(image.name, "")))


def origin_id_of(layers: Iterable[Layer], result: Layer) -> str:
    """Return the identity of the image a result was made from, through what it was made of.

    That image may be closed by now. Nothing where the result does not say it.
    """
    there = {str(each.unique_id): each for each in layers}
    made_from, seen = source_id_of(result), set[str]()
    while made_from in there and made_from not in seen and source_id_of(there[made_from]):
        seen.add(made_from)  # the repair of a boundary map, say
        made_from = source_id_of(there[made_from])
    return made_from


def can_be_of(layers: Iterable[Layer], result: Layer, image: Image) -> bool:
    """Return whether a result may be of an image that has its size: not where it is of another.

    Once its own image is closed, it may be of one of the same name, which was opened again.
    """
    origin = origin_id_of(layers, result)
    if origin in ("", str(image.unique_id)) or is_named_after(result, image):
        return True
    source = str(result.metadata[METADATA_KEY].get("source", ""))
    return source == image.name or source.startswith(layer_name(image.name, ""))


def likeliest_first(images: Iterable[Image], result: Layer) -> list[Image]:
    """Return images in another order: the one that a layer says it was made from comes first.

    Then come those whose name begins that of the layer, the longest name first; the others stay in
    their order.
    """
    made_from = source_id_of(result)

    def unlikeness(image: Image) -> tuple[bool, int]:
        is_in_name = result.name.startswith(image.name)
        return str(image.unique_id) != made_from, -len(image.name) if is_in_name else 0

    return sorted(images, key=unlikeness)


def image_id_of(selected: Layer, images: Iterable[Image]) -> str:
    """Return the identity of that of some images which a layer is, or belongs to; or nothing.

    Of several whose name begins that of the layer, it is the one with the longest.
    """
    there = {str(image.unique_id): image for image in images}
    own = source_id_of(selected)
    for identity in (str(selected.unique_id), own):
        if identity in there:
            return identity
    named = {key: image for key, image in there.items() if is_named_after(selected, image)}
    if own or not named:
        return ""
    return max(named, key=lambda key: len(named[key].name))
