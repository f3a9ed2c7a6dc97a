"""A run on every image that has no grains yet, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QPushButton, QWidget

from napari_etch._widgets.job import Settings, refusal
from napari_etch._widgets.layers import GRAINS, is_micrograph, kind_of, source_id_of, source_of
from napari_etch._widgets.made_from import is_named_after
from napari_etch._widgets.recut import count_grains
from napari_etch._widgets.run import Failed, Segmented, Stopped
from napari_etch._widgets.words import grains_text

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image


def images_without_grains(layers: LayerList) -> list[Image]:
    """Return the micrographs of which no grains are open, in the order of the layer list."""
    maps = [layer for layer in layers if kind_of(layer) == GRAINS or layer.name.endswith(GRAINS)]

    def has_grains(image: Image) -> bool:
        return any(
            source_id_of(each) == str(image.unique_id) or is_named_after(each, image)
            for each in maps
        )

    return [layer for layer in layers if is_micrograph(layer) and not has_grains(layer)]


class RunAll(QPushButton):
    """Starts a run on all images without grains; keeps which are left, and what came of the others.

    Images that have grains are left alone: these may have been corrected.

    Parameters
    ----------
    layers : napari.components.LayerList
    parent : QWidget, optional

    Attributes
    ----------
    settings : Settings or None
        Those of the runs that are under way, on whole images; None while there are none.
    """

    def __init__(self, layers: LayerList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._waiting: list[str] = []
        self._total = 0
        self._said: list[str] = []
        self.settings: Settings | None = None

    def offer(self, why_not: str) -> None:
        """Offer the runs where two or more images are open that have no grains."""
        count = len(images_without_grains(self._layers))
        self.setVisible(count > 1)
        self.setText(f"Run on the {count} images without grains")
        self.setEnabled(not why_not)
        self.setToolTip(
            why_not
            or "One after the other, each as a whole and with these settings. Images that have "
            "grains are left as they are."
        )

    def begin(self, settings: Settings) -> None:
        """Take the images that have no grains now."""
        self._waiting = [str(each.unique_id) for each in images_without_grains(self._layers)]
        self._total, self._said, self.settings = len(self._waiting), [], settings

    def next_image(self) -> Image | None:
        """Return the next image that is still there and can be segmented; None at the end."""
        while self._waiting and self.settings is not None:
            image_id = self._waiting.pop(0)
            image: Any = next(
                (each for each in self._layers if str(each.unique_id) == image_id), None
            )
            trouble = "" if image is None else refusal(source_of(image), self.settings)
            if trouble:
                self._said.append(trouble)
            elif image is not None:
                return image  # type: ignore[no-any-return]
        self.settings = None
        return None

    def take(self, name: str, outcome: object) -> None:
        """Keep what came of an image, or a sentence of it; nothing more is run after a cancel."""
        if isinstance(outcome, Segmented):
            self._said.append(f"“{name}”: {grains_text(count_grains(outcome.partitions))}.")
        elif isinstance(outcome, Failed):
            self._said.append(outcome.message)
        elif isinstance(outcome, str):
            self._said.append(outcome)
        elif isinstance(outcome, Stopped):
            self._said.append(f"Cancelled at “{name}”.")
            self._waiting = []

    def where(self) -> str:
        """Return which of the images is being run, such as ``image 2 of 3``; or nothing."""
        if self.settings is None:
            return ""
        return f"image {self._total - len(self._waiting)} of {self._total}"

    def outcome(self) -> str:
        """Return what came of all images."""
        return " ".join(self._said)
