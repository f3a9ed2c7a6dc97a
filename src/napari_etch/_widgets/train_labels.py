"""Which images and labels of the viewer a training learns from, and the request it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels

from napari_etch._widgets.correct_sessions import reviewed_of
from napari_etch._widgets.correct_target import is_classes
from napari_etch._widgets.job import Source
from napari_etch._widgets.layer_choice import WATCHED
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import is_micrograph, source_id_of, source_of
from napari_etch._widgets.train_labels_form import LabelRows
from napari_etch.models.library import is_free, list_library, plain_name

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_etch.training.labelled_request import Labelled, LabelledRequest


@dataclass(frozen=True, eq=False)
class LabelledLayers:
    """An image and its labels, as they are when the training starts.

    Attributes
    ----------
    source : Source
    labels : whole numbers, a copy
    reviewed : list of int or None
        Grains that were looked at; None where all count.
    """

    source: Source
    labels: npt.NDArray[np.integer]
    reviewed: list[int] | None


@dataclass(frozen=True, eq=False)
class LabelSettings:
    """What the user chose in the dock for a training on labels."""

    model: str
    pairs: tuple[LabelledLayers, ...]
    folder: Path | None
    kind: str
    start: str | None
    title: str
    seed: int
    minutes: float | None
    device: str
    skip_info_bar: bool


class LabelChoice(LayerWatch):
    """Keeps the pairs of the Train dock in step with the layers of the viewer."""

    WATCHED = WATCHED

    def __init__(self, viewer: ViewerModel, rows: LabelRows) -> None:
        super().__init__(viewer, rows)
        self._rows = rows
        #: While something is learnt, the list stays as it was.
        self.is_held = False
        self._known: set[str] = set()
        self._listen()
        self.refresh()

    def _on_active(self, _event: Any = None) -> None:
        self._soon.start()

    def pairs(self) -> list[tuple[Image, Labels]]:
        """Return the images with labels, topmost first."""
        images = [layer for layer in reversed(self._viewer.layers) if is_micrograph(layer)]
        found = []
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Labels) and not layer.multiscale:
                image = _image_of(layer, images)
                if image is not None:
                    found.append((image, layer))
        return found

    def chosen(self) -> list[tuple[Image, Labels]]:
        """Return the ticked pairs."""
        ticked = set(self._rows.ticked())
        return [pair for pair in self.pairs() if str(pair[1].unique_id) in ticked]

    def refresh(self) -> None:
        """Fill the lists anew; what was chosen stays chosen where it still exists."""
        if not self.is_held:
            pairs = self.pairs()
            listed = [
                (f"{image.name} ← {grains.name}", str(grains.unique_id)) for image, grains in pairs
            ]
            ticked = [
                key for _, key in listed if key in self._rows.ticked() or key not in self._known
            ]
            self._known.update(key for _, key in listed)
            self._rows.set_pairs(listed, ticked)
            own = [(model.title, model.name) for model in list_library() if not model.trouble]
            self._rows.set_starts(own, self._rows.start.currentData())
            self._rows.offer_reviewed(sum(len(reviewed_of(grains)) for _, grains in self.chosen()))
        self.changed.emit()

    def settings(self, **common: Any) -> LabelSettings:
        """Return what is chosen; the labels are copied, so that the user may go on correcting."""
        rows = self._rows
        from_layers = rows.source.currentData() == "layers"
        chosen = self.chosen() if from_layers else []
        only_reviewed = rows.reviewed.isChecked() and rows.reviewed.isEnabled()
        pairs = tuple(
            LabelledLayers(
                source_of(image),
                np.array(grains.data),
                reviewed_of(grains) if only_reviewed else None,
            )
            for image, grains in chosen
        )
        kind = str(rows.kind.currentData())
        if from_layers:
            kind = "classes" if all(is_classes(grains) for _, grains in chosen) else "grains"
        return LabelSettings(
            model=str(rows.model.currentData()),
            pairs=pairs,
            folder=None if from_layers else Path(rows.folder.text()).expanduser(),
            kind=kind,
            start=rows.start.currentData(),
            **common,
        )

    def why_not(self, title: str) -> str:
        """Return why no training can be started now, as one sentence; empty when it can."""
        rows = self._rows
        if rows.source.currentData() == "folder":
            text = rows.folder.text().strip()
            if not text:
                return "Choose a training folder first."
            if not Path(text).expanduser().is_dir():
                return f"There is no folder {text}."
        elif not self.pairs():
            return "Segment an image and correct its grains first, or open labels of its size."
        elif not self.chosen():
            return "Tick the labels to learn from first."
        elif len(self.chosen()) > 1 and len({is_classes(g) for _, g in self.chosen()}) > 1:
            return "Grain maps and class maps are ticked: tick maps of one kind."
        if title and not is_free(plain_name(title)):
            return f"There is a model “{title}” already: choose another name."
        return ""

    def names(self) -> list[str]:
        """Return the names of what is learnt from."""
        if self._rows.source.currentData() == "folder":
            return [Path(self._rows.folder.text()).name or "folder"]
        return [image.name for image, _ in self.chosen()]


def _image_of(labels: Labels, images: list[Image]) -> Image | None:
    """Return the image that labels were made from, or else one of their size."""
    made_from = source_id_of(labels)
    fitting = [image for image in images if _size(image) == tuple(labels.data.shape)]
    own = [image for image in fitting if str(image.unique_id) == made_from]
    return next(iter(own or fitting), None)


def _size(image: Image) -> tuple[int, ...]:
    data = image.data[0] if image.multiscale else image.data
    return tuple(data.shape[:-1] if image.rgb else data.shape)


def labelled_request_maker(
    settings: LabelSettings, kept: Path | None = None
) -> Callable[[], LabelledRequest]:
    """Return what reads the images and makes the request; called in a thread, it takes time.

    Parameters
    ----------
    settings : LabelSettings
    kept : pathlib.Path, optional
        Folder from which the training can be gone on with.
    """

    def make() -> LabelledRequest:
        from napari_etch.training.labelled_request import LabelledRequest
        from napari_etch.training.trainers import TrainRequest

        request = TrainRequest(
            settings.model,
            settings.folder or Path(),
            labels=settings.kind,
            start=settings.start,
            minutes=settings.minutes,
            seed=settings.seed,
            device=settings.device,
        )
        images = [_labelled(pair, settings.skip_info_bar) for pair in settings.pairs]
        return LabelledRequest(request, images, kept)

    return make


def _labelled(pair: LabelledLayers, skip_info_bar: bool) -> Labelled:
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.training.labelled_request import Labelled
    from napari_etch.training.truth import unreviewed

    source = pair.source
    micrograph = micrograph_from_array(
        np.asarray(source.data),
        source.name,
        pixel_size_um=source.pixel_size_um,
        rgb=source.rgb,
        keep_info_bar=not skip_info_bar or source.info_bar_row is not None,
    )
    if skip_info_bar and source.info_bar_row is not None:
        micrograph = replace(micrograph, info_bar_row=source.info_bar_row)
    ignore = None
    if pair.reviewed is not None:
        seen = np.array(pair.reviewed, np.int64)
        sections = pair.labels if pair.labels.ndim == 3 else pair.labels[None]
        ignore = np.stack([unreviewed(section, seen) for section in sections])
        ignore = ignore if pair.labels.ndim == 3 else ignore[0]
    return Labelled(micrograph, pair.labels, ignore)
