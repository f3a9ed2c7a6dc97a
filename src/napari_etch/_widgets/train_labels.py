"""Which images and labels of the viewer a training learns from, and the request it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes

from napari_etch._widgets.correct_sessions import reviewed_of
from napari_etch._widgets.correct_target import window_under
from napari_etch._widgets.import_layers import ignored_of, is_ignore, shared_ignore_text
from napari_etch._widgets.job import Source
from napari_etch._widgets.layer_choice import WATCHED
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import axes_of, is_micrograph, kind_of, source_id_of, source_of
from napari_etch._widgets.made_from import can_be_of, likeliest_first
from napari_etch._widgets.recut_layers import can_recut, is_as_made, is_edited
from napari_etch._widgets.repair_layers import ADDED
from napari_etch._widgets.train_classes import (
    CLASS_MODEL,
    class_options,
    class_trouble,
    classes_in,
    holds_classes,
    is_only_an_answer,
    judged_in,
    table_of,
)
from napari_etch._widgets.train_labels_form import LabelRows
from napari_etch.models.library import is_free, list_library, plain_name

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_etch.grains.class_table import ClassTable
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
    judged : bool, of the labels' size, or None
        Where a class map was looked at; None where all of it counts.
    ignore : ndarray of bool or None
        True is not learnt from.
    """

    source: Source
    labels: npt.NDArray[np.integer]
    reviewed: list[int] | None = None
    judged: npt.NDArray[np.bool_] | None = None
    ignore: npt.NDArray[np.bool_] | None = None


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
    options: dict[str, Any] = field(default_factory=dict)


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

    def pairs(self) -> list[tuple[Image, Layer]]:
        """Return the images with labels or outlined areas, topmost first."""
        images = [layer for layer in reversed(self._viewer.layers) if is_micrograph(layer)]
        found: list[tuple[Image, Layer]] = []
        for layer in reversed(self._viewer.layers):
            if is_ignore(layer) or kind_of(layer) == ADDED:
                continue
            image = _image_of(layer, [each for each in images if self._can_be_of(layer, each)])
            if image is not None:
                found.append((image, layer))
        return found

    def _can_be_of(self, labels: Layer, image: Image) -> bool:
        return isinstance(labels, Shapes) or can_be_of(self._viewer.layers, labels, image)

    def chosen(self) -> list[tuple[Image, Layer]]:
        """Return the ticked pairs."""
        ticked = set(self._rows.ticked())
        return [pair for pair in self.pairs() if str(pair[1].unique_id) in ticked]

    def tick_only(self, layers: Sequence[Layer]) -> None:
        """Tick these layers and no others."""
        self.refresh()
        self._rows.tick_only([str(layer.unique_id) for layer in layers])
        self.refresh()

    def refresh(self) -> None:
        """Fill the lists anew; what was chosen stays chosen where it still exists."""
        if not self.is_held:
            pairs = self.pairs()
            listed = [
                (f"{labels.name} ← {image.name}{_how_much(image, labels)}", _key((image, labels)))
                for image, labels in pairs
            ]
            ticked = [key for key in map(_key, pairs) if key in self._rows.ticked()]
            # what a network said is no label, unless somebody corrected it
            # and in an empty layer somebody is about to draw
            fresh = [
                pair for pair in pairs if _key(pair) not in self._known and not is_blank(pair[1])
            ]
            self._known.update(map(_key, fresh))
            fresh = [pair for pair in fresh if not is_only_an_answer(pair[1])]
            stay = [pair for pair in pairs if _key(pair) in ticked]
            stay = [pair for pair in stay if not is_succeeded(pair, fresh)]
            ticked = [_key(pair) for pair in (*stay, *without_rivals(fresh, stay))]
            self._rows.set_pairs(listed, ticked)
            own = [(model.title, model.name) for model in list_library() if not model.trouble]
            self._rows.set_starts(own, self._rows.start.currentData())
            self._offer_reviewed()
        self.changed.emit()

    def settings(self, **common: Any) -> LabelSettings:
        """Return what is chosen; the labels are copied, so that the user may go on correcting."""
        rows = self._rows
        from_layers = rows.source.currentData() == "layers"
        chosen = self.chosen() if from_layers else []
        only_reviewed = rows.reviewed.isChecked() and rows.reviewed.isEnabled()
        table = table_of([labels for _, labels in chosen if holds_classes(labels)])
        copies = [
            (
                image,
                _copy_of(
                    image, labels, table, only_reviewed, ignored_of(self._viewer.layers, image)
                ),
            )
            for image, labels in chosen
        ]
        kind = str(rows.kind.currentData())
        if from_layers:
            kind = "classes" if all(holds_classes(labels) for _, labels in chosen) else "grains"
        pairs = together(copies) if kind == "classes" else [each for _, each in copies]
        return LabelSettings(
            model=str(rows.model.currentData()),
            pairs=tuple(pairs),
            folder=None if from_layers else Path(rows.folder.text()).expanduser(),
            kind=kind,
            start=rows.start.currentData(),
            options=rows.options()
            | (class_options([labels for _, labels in chosen]) if kind == "classes" else {}),
            **common,
        )

    def _offer_reviewed(self) -> None:
        chosen = [labels for _, labels in self.chosen()]
        if chosen and all(holds_classes(labels) for labels in chosen):
            self._rows.offer_judged(any(judged_in(labels) is not None for labels in chosen))
        else:
            grains = [labels for labels in chosen if isinstance(labels, Labels)]
            self._rows.offer_reviewed(sum(len(reviewed_of(each)) for each in grains))

    def why_not(self, title: str) -> str:
        """Return why no training can be started now, as one sentence; empty when it can."""
        rows = self._rows
        if rows.source.currentData() == "folder":
            text = rows.folder.text().strip()
            if not text:
                return "Choose a training folder first."
            if not Path(text).expanduser().is_dir():
                return f"There is no folder {text}."
            is_modes = rows.model.currentData() == CLASS_MODEL
            if is_modes and rows.kind.currentData() != "classes":
                return "Fracture modes are learnt from class maps: choose “Class maps” below."
        elif not self.pairs():
            return "Segment an image and correct its grains first, or open labels of its size."
        elif not self.chosen():
            return "Tick the labels to learn from first."
        else:
            trouble = class_trouble(str(rows.model.currentData()), self.chosen())
            blank = next((labels.name for _, labels in self.chosen() if is_blank(labels)), None)
            if not trouble and blank is not None:
                trouble = f"“{blank}” is empty: draw grains in it, or untick it."
            trouble = trouble or rivals_text(self.chosen())
            if trouble:
                return trouble
        if title and not is_free(plain_name(title)):
            return f"There is a model “{title}” already: choose another name."
        return ""

    def remark(self) -> str:
        """Return what should be known of the labels before they are learnt; empty for nothing."""
        if self._rows.source.currentData() == "folder":
            return ""
        shared = shared_ignore_text(self._viewer.layers, self._images())
        if shared:
            return shared
        untouched = [
            labels.name
            for _, labels in self.chosen()
            if isinstance(labels, Labels)
            and can_recut(labels)
            and not is_edited(labels)
            and not reviewed_of(labels)
        ]
        if not untouched:
            return ""
        return (
            f"Nothing in “{untouched[0]}” was corrected or accepted yet: a model learns little "
            "from what it has said itself."
        )

    def _images(self) -> list[Image]:
        """Return the images that are learnt from, each once."""
        found: list[Image] = []
        for image, _labels in self.chosen():
            found += [image] if image not in found else []
        return found

    def names(self) -> list[str]:
        """Return the names of what is learnt from."""
        if self._rows.source.currentData() == "folder":
            return [Path(self._rows.folder.text()).name or "folder"]
        return [image.name for image, _ in self.chosen()]


def is_blank(layer: Layer) -> bool:
    """Return whether no pixel of a Labels layer is labelled."""
    if not isinstance(layer, Labels) or layer.multiscale:
        return False
    data = layer.data
    return not any(bool(np.any(section)) for section in (data if data.ndim == 3 else [data]))


def rivals_text(pairs: Sequence[tuple[Image, Layer]]) -> str:
    """Return what to do where two grain maps are ticked of which one can be right alone.

    What is held back of one would be learnt from the other, too.
    """
    for at, pair in enumerate(pairs):
        for other in pairs[:at]:
            if are_rivals(pair, other):
                return (
                    f"“{other[1].name}” and “{pair[1].name}” are both the grains of "
                    f"“{pair[0].name}”: untick one of them."
                )
    return ""


def are_rivals(one: tuple[Image, Layer], other: tuple[Image, Layer]) -> bool:
    """Return whether two pairs are grain maps of the same pixels of one image."""
    image = one[0]
    if image is not other[0] or holds_classes(one[1]) or holds_classes(other[1]):
        return False
    whole = tuple(slice(0, length) for length in axes_of(image))
    windows = [_part_of(image, labels) or whole for _, labels in (one, other)]
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(*windows, strict=True))


def is_succeeded(pair: tuple[Image, Layer], fresh: Sequence[tuple[Image, Layer]]) -> bool:
    """Return whether a fresh grain map stands for another, as a restored one, which is hidden."""
    return not pair[1].visible and any(
        are_rivals(pair, each) and each[1].visible and is_as_made(each[1]) <= is_as_made(pair[1])
        for each in fresh
    )


def without_rivals(
    fresh: Sequence[tuple[Image, Layer]], ticked: Sequence[tuple[Image, Layer]]
) -> list[tuple[Image, Layer]]:
    """Return the fresh pairs that can be ticked beside the others: those worked on go first."""
    taken: list[tuple[Image, Layer]] = []
    # the others stay in their order, topmost first
    for pair in sorted(fresh, key=lambda each: is_as_made(each[1])):
        if not any(are_rivals(pair, each) for each in (*ticked, *taken)):
            taken.append(pair)
    return taken


def together(copies: Sequence[tuple[Image, LabelledLayers]]) -> list[LabelledLayers]:
    """Return class maps and outlines with those of one image as one map, the topmost on top.

    As maps of their own what is held back of one would be learnt from the other.

    Parameters
    ----------
    copies : sequence of (Image, LabelledLayers)
        Topmost first.
    """
    found: list[LabelledLayers] = []
    of_image: dict[str, list[LabelledLayers]] = {}
    for image, copy in copies:
        if copy.labels.shape == axes_of(image):
            of_image.setdefault(str(image.unique_id), []).append(copy)
        else:
            found.append(copy)
    for several in of_image.values():
        first = several[0]
        if len(several) > 1:
            classes = np.zeros_like(first.labels)
            for each in several:
                counts = (each.labels != 0) & (classes == 0)
                counts &= True if each.judged is None else each.judged
                classes[counts] = each.labels[counts]
            first = replace(first, labels=classes, judged=None)
        found.append(first)
    return found


def _key(pair: tuple[Image, Layer]) -> str:
    return str(pair[1].unique_id)


def _copy_of(
    image: Image,
    labels: Layer,
    table: ClassTable | None,
    only_reviewed: bool,
    ignore: npt.NDArray[np.bool_] | None,
) -> LabelledLayers:
    """Return an image, or the part of it that is labelled, and its labels as they are now."""
    source, window = source_of(image), _part_of(image, labels)
    if window is not None:
        source = source.part(window)
        ignore = None if ignore is None else ignore[window]
    if not holds_classes(labels):
        reviewed = reviewed_of(labels) if only_reviewed and isinstance(labels, Labels) else None
        return LabelledLayers(source, np.array(labels.data), reviewed, ignore=ignore)
    classes = classes_in(labels, image, table)
    judged = judged_in(labels) if only_reviewed else None
    return LabelledLayers(source, classes, judged=judged, ignore=ignore)


def _image_of(labels: Layer, images: list[Image]) -> Image | None:
    """Return the image that labels were made from, all or a part of it, or one of their size."""
    made_from = source_id_of(labels)
    own = [image for image in images if str(image.unique_id) == made_from]
    if isinstance(labels, Shapes):
        flat = [image for image in images if image.ndim == 2]
        fits = holds_classes(labels) and labels.nshapes
        return (
            next(iter([*(image for image in own if image in flat), *flat]), None) if fits else None
        )
    if not isinstance(labels, Labels) or labels.multiscale:
        return None
    alike = [image for image in images if axes_of(image) == axes_of(labels)]
    fitting = likeliest_first(alike, labels)
    parts = [image for image in own if window_under(image, labels) is not None]
    return next(iter([image for image in own if image in fitting] or parts or fitting), None)


def _part_of(image: Image, labels: Layer) -> tuple[slice, ...] | None:
    """Return the window of an image that is labelled where that is not all of it."""
    if not isinstance(labels, Labels) or axes_of(image) == axes_of(labels):
        return None
    return window_under(image, labels)


def _how_much(image: Image, labels: Layer) -> str:
    return "" if _part_of(image, labels) is None else ", a part of it"


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
            options=settings.options,
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
        keep_info_bar=not skip_info_bar,
        info_bar_row=source.info_bar_row,
    )
    ignore = pair.ignore
    if pair.reviewed is not None:
        seen = np.array(pair.reviewed, np.int64)
        sections = pair.labels if pair.labels.ndim == 3 else pair.labels[None]
        unseen = np.stack([unreviewed(section, seen) for section in sections])
        unseen = unseen if pair.labels.ndim == 3 else unseen[0]
        ignore = unseen if ignore is None else ignore | unseen
    elif pair.judged is not None:
        ignore = ~pair.judged if ignore is None else ignore | ~pair.judged
    return Labelled(micrograph, pair.labels, ignore)
