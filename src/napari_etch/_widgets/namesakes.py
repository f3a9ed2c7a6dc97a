"""Results keep the name of their image when the user gives it another one.

Once they are saved and opened again, nothing but the name tells which image they are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_etch._widgets.layers import METADATA_KEY, is_micrograph, layer_name, source_id_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer


class Namesakes:
    """Renames what is named after an image together with it.

    Several of them on one viewer do no harm: the first has done it all.

    Parameters
    ----------
    layers : napari.components.LayerList
        Of a viewer.
    """

    def __init__(self, layers: LayerList) -> None:
        self._layers = layers
        self._names = self._look()

    def hear(self, event: Any) -> None:
        """Take note of an event of the layers."""
        if event.type not in ("name", "inserted", "removed"):
            return
        before, self._names = self._names, self._look()
        if event.type != "name":
            return
        for image in list(self._layers):
            old = before.get(str(image.unique_id))
            if old not in (None, image.name) and is_micrograph(image):
                self._follow(image, str(old))

    def _look(self) -> dict[str, str]:
        return {str(layer.unique_id): layer.name for layer in self._layers}

    def _follow(self, image: Layer, old: str) -> None:
        for layer in list(self._layers):
            if layer == image or not self._is_after(layer, image, old):
                continue
            layer.name = _renamed(layer.name, old, image.name)
            made = layer.metadata.get(METADATA_KEY)
            if isinstance(made, dict) and "source" in made:
                made["source"] = _renamed(str(made["source"]), old, image.name)

    def _is_after(self, layer: Layer, image: Layer, old: str) -> bool:
        """Return whether a layer has its name from an image that was called otherwise."""
        if not layer.name.startswith(layer_name(old, "")):
            return False
        there = {str(each.unique_id): each for each in self._layers}
        made_from, seen = source_id_of(layer), {str(layer.unique_id)}
        while made_from in there and made_from not in seen and made_from != str(image.unique_id):
            seen.add(made_from)  # the repair of a boundary map, say
            made_from = source_id_of(there[made_from])
        if made_from:
            return made_from == str(image.unique_id)
        if is_micrograph(layer):
            return False  # another image of the user's
        nearer = [
            each
            for each in self._layers
            if is_micrograph(each) and layer.name.startswith(layer_name(each.name, ""))
        ]
        return all(len(each.name) <= len(old) for each in nearer)


def _renamed(name: str, old: str, new: str) -> str:
    is_after = name == old or name.startswith(layer_name(old, ""))
    return f"{new}{name.removeprefix(old)}" if is_after else name
