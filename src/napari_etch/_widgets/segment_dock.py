"""The Segment dock: from the selected image to boundary and grains layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from napari.layers import Image, Labels
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.choices import chosen_instead
from napari_etch._widgets.controller import RunController
from napari_etch._widgets.count_box import CountBox
from napari_etch._widgets.counter import LayerCounter
from napari_etch._widgets.cut_box import CutBox
from napari_etch._widgets.device_box import offer_devices
from napari_etch._widgets.devices import device_troubles
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.earlier_results import earlier_result, hide_covered, replace_result
from napari_etch._widgets.form import ModelEntry, SettingsForm
from napari_etch._widgets.job import Settings, refusal
from napari_etch._widgets.keys import bind_keys
from napari_etch._widgets.last_said import LastSaid
from napari_etch._widgets.layer_choice import LayerChoice
from napari_etch._widgets.layers import (
    BOUNDARY,
    GRAINS,
    Origin,
    gone_words,
    origin_of,
    replaced_words,
    source_id_of,
    source_layer,
    source_of,
    sourced_now,
)
from napari_etch._widgets.layers_ahead import LayersAhead
from napari_etch._widgets.library_watch import LibraryWatch
from napari_etch._widgets.pixel_size import PixelSizeSetter
from napari_etch._widgets.preferences import load_preferences, tile_edge
from napari_etch._widgets.run import (
    Engine,
    Failed,
    Note,
    Outcome,
    Progress,
    Segmented,
    Stopped,
    default_engine,
    sized,
)
from napari_etch._widgets.run_all import RunAll
from napari_etch._widgets.scroll import UprightScroll
from napari_etch._widgets.status import RunBar
from napari_etch._widgets.trouble_colour import trouble_colour
from napari_etch._widgets.words import (
    hidden_text,
    outcome_text,
)
from napari_etch.counting import COUNT_MODEL

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

STEP = 0.05


def installed_models() -> Sequence[ModelEntry]:
    """Return the models of the package and of the user."""
    from napari_etch.models import list_models

    return [entry for entry in list_models() if entry.kind not in ("repair", "classes")]


class SegmentDock(Dock):
    """Choose an image and a model, run, and cut the grains finer or coarser.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are offered and which gets the results.
    engine : Engine, optional
        What loads and runs models.
    models : callable, optional
        Returns the models to offer.
    probe_devices : callable, optional
        Returns the devices that cannot be used with the reason; runs in a worker thread.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        *,
        engine: Engine | None = None,
        models: Callable[[], Sequence[ModelEntry]] = installed_models,
        probe_devices: Callable[[], dict[str, str]] = device_troubles,
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._preferences = load_preferences()
        self._list_models = models
        self._models: dict[str, ModelEntry] = {}
        self._origin: Origin | None = None
        self.is_gone = False
        self.form = SettingsForm()
        self.run_bar = RunBar()
        self.run_all = RunAll(napari_viewer.layers)
        self.cuts = CutBox(self.form.granularity, napari_viewer.add_layer)
        self.counts = CountBox()
        self._count_next = self._model_by_hand = False
        self._counted_of: str | None = None
        self._last_said = LastSaid()
        self._lay_out()
        self._ahead = LayersAhead()
        self.controller = RunController(engine or default_engine(), self, run=self._ahead.run)
        self.counter = LayerCounter(napari_viewer, self)
        self.library = LibraryWatch(self)
        self._read_models(self._preferences.model)
        self.form.choose_device(self._preferences.device)
        self.layers = LayerChoice(napari_viewer, self.form)
        self.pixel_size = PixelSizeSetter(napari_viewer, self.form.pixel_size, self.layers.image)
        self._connect()
        bind_keys(napari_viewer, self)
        self._refresh()
        self._probe(probe_devices)

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addWidget(self.form)
        column.addWidget(self.cuts)
        column.addSpacing(6)
        column.addWidget(self.run_bar)
        column.addWidget(self.run_all)
        column.addSpacing(6)
        column.addWidget(self.counts)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        self.form.changed.connect(self._refresh)
        self.form.draw.clicked.connect(self.layers.draw)
        self.form.granularity_moved.connect(self.cuts.ask)
        self.cuts.said.connect(lambda text, trouble: self._say(text, trouble=trouble))
        self.layers.changed.connect(self._refresh)
        self.library.changed.connect(self._on_library)
        self.pixel_size.said.connect(lambda text, trouble: self._say(text, trouble=trouble))
        self.run_bar.button.clicked.connect(self.toggle_run)
        self.run_all.clicked.connect(self.start_all)
        self.counts.count.clicked.connect(lambda: self.count_selected(None))
        self.counts.said.connect(lambda text, trouble: self._say(text, trouble=trouble))
        self.counter.progressed.connect(self.run_bar.show_progress)
        self.counter.counted.connect(self.counts.add)
        self.counter.ended.connect(self._on_counted)
        # a model that the user chose is not changed for the count
        self.form.model.activated.connect(lambda _row: setattr(self, "_model_by_hand", True))
        self.controller.progressed.connect(self._on_progress)
        self.controller.noted.connect(self._on_note)
        self.controller.ended.connect(self._on_ended)
        # `self` is half gone when Qt says destroyed: only what was captured here may be used.
        layers, gone = self.layers, self.__dict__
        self.destroyed.connect(lambda: gone.update(is_gone=True))
        self.destroyed.connect(layers.disconnect_viewer)

    def _read_models(self, chosen: str) -> None:
        self._models = {entry.name: entry for entry in self._list_models()}
        self.form.set_models(list(self._models.values()), chosen)

    def _on_library(self) -> None:
        """Offer what the library holds now; the chosen model stays chosen while it is there."""
        model = self.form.model
        before, text = model.currentData(), model.currentText()
        self._read_models(before or self._preferences.model)
        self._refresh()
        instead = chosen_instead(model, before, text)
        if instead:
            self._say(instead, trouble=True)

    def _probe(self, probe_devices: Callable[[], dict[str, str]]) -> None:
        offer_devices(self.form.device, probe_devices)

    # -- what can be done now --------------------------------------------------------------------

    def settings(self) -> Settings:
        """Return what is chosen in the form."""
        form = self.form
        return Settings(
            model=form.model.currentData() or "",
            device=form.device.currentData(),
            granularity=round(form.granularity.value(), 4),
            grain_size=float(form.grain_size.value()) or None,
            quality=form.quality.currentData(),
            close_gaps=form.close_gaps.currentData() if form.close_gaps.isEnabled() else None,
            fill_scratches=form.fill_scratches.isChecked(),
            region=self.layers.region(),
            section=self.layers.section(),
            skip_info_bar=form.skip_info_bar.isChecked(),
            tile=tile_edge(self._preferences.tile_memory_mb),
        )

    def come_to_front(self, front: bool) -> None:
        """Look whether the slider may cut: what it cuts was perhaps corrected in another dock."""
        if front:
            self.cuts.look_again()

    def why_not(self) -> str:
        """Return why no run can be started now, as one sentence; empty when it can."""
        image = self.layers.image()
        if image is None:
            return "Open an image first."
        trouble = self._model_trouble()
        if trouble:
            return trouble
        shapes = self.layers.shapes()
        if shapes is not None and self.layers.region() is None:
            return f"Draw a rectangle in “{shapes.name}” first, or choose the whole image."
        return refusal(source_of(image), self.settings())

    def _model_trouble(self) -> str:
        entry = self._models.get(self.form.model.currentData() or "")
        if entry is None:
            return "There is no model to choose: see “etch models list”."
        return "" if entry.ready else entry.why_not

    def _refresh(self) -> None:
        entry = self._models.get(self.form.model.currentData() or "")
        options = getattr(entry, "segment_options", None)
        self.form.set_offered(None if options is None else frozenset(options))
        # A result takes the place its image had when the run began.
        busy = "Wait for the run to end." if self.is_busy else ""
        self.pixel_size.refresh(busy)
        self.cuts.show_target(self.layers.grains())
        self._offer_count(self.layers.countable(), busy)
        self.counts.look(self._viewer.layers)
        self.run_all.offer(busy or self._model_trouble())
        if not self.is_busy:
            self.run_bar.show_ready(self.why_not())
        line = self._last_said.turn(self._image_id())
        if line is not None:
            self._show_line(*line)

    def _offer_count(self, grains: Labels | None, busy: str) -> None:
        trouble = busy or ("" if grains is not None else self.why_not())
        name = grains.name if grains is not None else self.form.image.currentText()
        self.counts.offer(
            trouble,
            f"Count the grains of “{name}” and put a mark on each."
            if grains is not None
            else f"Run the model on “{name}”, then count its grains and put a mark on each.",
        )

    # -- running ---------------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether a run or a count is under way."""
        return self.controller.is_running or self.counter.is_running

    def toggle_run(self) -> None:
        """Start a run, or cancel the run or count that is under way."""
        if self.is_busy:
            (self.controller if self.controller.is_running else self.counter).cancel()
            self.run_bar.show_cancelling()
            return
        self.start()

    def start(self) -> None:
        """Start a run, or say why that cannot be done."""
        if self.is_busy:
            self._say("A run is under way: cancel it first, or wait for its end.", trouble=True)
            return
        trouble = self.why_not()
        if trouble:
            self._say(trouble, trouble=True)
            return
        image = self.layers.image()
        assert image is not None
        self._run_on(image, self.settings())

    def _run_on(self, image: Image, settings: Settings) -> None:
        self._origin = self._ahead.origin = origin_of(image)
        self.run_bar.show_running()
        self._say("")
        self.controller.start(source_of(image), settings)
        self._refresh()

    def start_all(self) -> None:
        """Start a run on all images that have no grains, one after the other."""
        if self.is_busy:
            self._say("A run is under way: cancel it first, or wait for its end.", trouble=True)
            return
        self.run_all.begin(replace(self.settings(), region=None, section=None))
        self._run_next()

    def _run_next(self) -> None:
        settings, image = self.run_all.settings, self.run_all.next_image()
        if image is not None and settings is not None:
            self._run_on(image, settings)
            return
        self._say(self.run_all.outcome())

    def _on_progress(self, progress: Progress) -> None:
        where = self.run_all.where()
        if where:
            progress = replace(progress, message=f"{where} · {progress.message}")
        self.run_bar.show_progress(progress)

    def run_model(self, name: str) -> None:
        """Choose a model and start a run; the command of the Layers ▸ Segment menu."""
        row = self.form.model.findData(name)
        if row < 0:
            self._say(f"There is no model “{name}”.", trouble=True)
            return
        if not self.is_busy:
            self.form.model.setCurrentIndex(row)
            self._model_by_hand = True
        self.start()

    def _on_note(self, note: Note) -> None:
        self._say(note.message, of=None if self._origin is None else self._origin.layer_id)

    def _on_ended(self, outcome: Outcome) -> None:
        origin, self._origin = self._origin, None
        image_id = None if origin is None else origin.layer_id
        count_next, self._count_next = self._count_next, False
        came: Outcome | str = outcome
        if isinstance(outcome, Segmented) and origin is not None:
            grains = self._add_result(outcome, origin)
            if grains is None:
                came = gone_words(origin)
            elif count_next:
                self.count_grains(grains)
        elif isinstance(outcome, Failed):
            self._say(outcome.message, trouble=True, of=image_id)
        elif isinstance(outcome, Stopped):
            self._say("Cancelled; nothing was added.", of=image_id)
        self._refresh()
        if self.run_all.settings is not None and origin is not None:
            self.run_all.take(origin.name, came)
            self._run_next()

    def _add_result(self, result: Segmented, origin: Origin) -> Labels | None:
        """Put a result into the viewer and return its grains; None where its image is gone."""
        viewer = self._viewer
        image = source_layer(viewer.layers, origin)
        if image is None:
            self._ahead.forget()
            self._say(gone_words(origin), trouble=True)
            return None
        # it may have been renamed, moved or given a pixel size while the model ran
        replaced = replaced_words(result.source, image)
        origin, result = origin_of(image), sized(result, sourced_now(result.source, image))
        boundary, grains = self._ahead.take(result, origin)
        active = viewer.layers.selection.active
        there: list[Layer] = []
        for new in (grains, boundary):  # the boundary on top: it is thin
            old = earlier_result(viewer.layers, new)
            if old is None:
                viewer.add_layer(new)
            else:
                replace_result(old, new)
            there.append(new if old is None else old)
        hidden = hide_covered(viewer.layers, there)
        if active in hidden:
            active = there[0]
        if active is not None and active in viewer.layers:
            viewer.layers.selection.active = active
        self._say(outcome_text(result) + hidden_text(hidden) + replaced, of=origin.layer_id)
        return cast("Labels", there[0])

    # -- counting --------------------------------------------------------------------------------

    def count_grains(self, layer: Labels | None = None) -> None:
        """Count the grains of a layer, or those selected, and put a mark on each."""
        grains = self.layers.countable() if layer is None else layer
        if self.is_busy or grains is None:
            busy = "A run is under way: cancel it first, or wait for its end."
            self._say(busy if self.is_busy else "There are no grains to count yet.", trouble=True)
            return
        self._counted_of = source_id_of(grains) or self._image_id()
        self.counter.start(grains)
        self.run_bar.show_running("Stop counting; no marks are added.")
        self._refresh()

    def count_selected(self, layer: Layer | None) -> None:
        """Count what is selected: grains as they are, an image after a run where it needs one.

        With no layer, the grain map that is selected, or else that of the chosen image.
        """
        if isinstance(layer, Labels) or self.layers.countable() is not None:
            self.count_grains(layer if isinstance(layer, Labels) else None)
            return
        row = self.form.model.findData(COUNT_MODEL)
        # from the menu nobody looked at the model: take that of etch count
        if layer is not None and row >= 0 and not self._model_by_hand and not self.is_busy:
            self.form.model.setCurrentIndex(row)
        self.start()
        self._count_next = self.controller.is_running

    def _on_counted(self, text: str, trouble: bool) -> None:
        self._say(text, trouble=trouble, of=self._counted_of)
        self._refresh()

    def fewer_grains(self) -> None:
        """Move the slider one step towards fewer grains."""
        self.form.granularity.setValue(max(0.0, self.form.granularity.value() - STEP))

    def more_grains(self) -> None:
        """Move the slider one step towards more grains."""
        self.form.granularity.setValue(min(1.0, self.form.granularity.value() + STEP))

    # -- looking ---------------------------------------------------------------------------------

    def toggle_boundary(self) -> None:
        """Show or hide the boundary of the chosen image."""
        self._toggle(BOUNDARY)

    def toggle_grains(self) -> None:
        """Show or hide the grains of the chosen image."""
        self._toggle(GRAINS)

    def _toggle(self, kind: str) -> None:
        layer = self.layers.latest(kind)
        if layer is not None:
            layer.visible = not layer.visible

    def _image_id(self) -> str | None:
        """Return the identity of the chosen image."""
        found: str | None = self.form.image.currentData()
        return found

    def _say(self, text: str, *, trouble: bool = False, of: str | None = None) -> None:
        """Say something of an image, the chosen one if no other is named by its identity.

        It is shown at once; it goes when another image is chosen, and comes back with its own.
        """
        self._last_said.take(of or self._image_id(), (text, trouble))
        self._show_line(text, trouble)

    def _show_line(self, text: str, trouble: bool) -> None:
        colour = trouble_colour(self._viewer.theme) if trouble else None
        self.run_bar.say(text, trouble_colour=colour)
