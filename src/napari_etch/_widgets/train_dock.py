"""The Train dock: learn from an image alone, without labels, or from corrected labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.commands import map_modes_with, segment_with
from napari_etch._widgets.device_box import offer_devices
from napari_etch._widgets.devices import device_troubles
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.form import item_ready
from napari_etch._widgets.library_watch import tell_library_changed
from napari_etch._widgets.preferences import load_preferences
from napari_etch._widgets.scroll import UprightScroll
from napari_etch._widgets.status import duration
from napari_etch._widgets.train_bar import FitBar
from napari_etch._widgets.train_choice import TrainChoice
from napari_etch._widgets.train_classes import CLASS_MODEL
from napari_etch._widgets.train_form import TrainForm
from napari_etch._widgets.train_job import FitSettings, default_title, fit_refusal, request_maker
from napari_etch._widgets.train_labels import LabelChoice, labelled_request_maker
from napari_etch._widgets.train_library import LibraryBox
from napari_etch._widgets.train_plot import LossPlot
from napari_etch._widgets.train_preview import PreviewLayer
from napari_etch._widgets.train_run import BeginJob, FitRunner
from napari_etch._widgets.train_unfinished import UnfinishedBox
from napari_etch._widgets.trouble_colour import trouble_colour
from napari_etch.models import ModelError, list_models
from napari_etch.models.library import (
    LibraryModel,
    Notes,
    add_model,
    free_title,
    is_free,
    plain_name,
    replace_model,
)
from napari_etch.models.weights_file import read_card
from napari_etch.training.jobs import FitJob, JobCancelled, JobDone, JobEnd, JobFailed
from napari_etch.training.kept import in_words
from napari_etch.training.unfinished import (
    KeptFolder,
    Unfinished,
    model_to_replace,
    new_folder,
    request_to_go_on,
)

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from napari_etch.training.jobs import Request
    from napari_etch.training.labelfree.events import FitPreview, FitStep
    from napari_etch.training.trainers import TrainStep

#: How often the dock tells the fit which part of the image is in view, ms.
LOOK_MS = 250


class TrainDock(Dock):
    """Choose images or labels, press Fit or Train, and get a model of your own.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose images are offered.
    begin_job : callable, optional
        Starts the process that fits.
    probe_devices : callable, optional
        Returns the devices that cannot be used with the reason; runs in a thread.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        *,
        begin_job: BeginJob = FitJob,
        probe_devices: Callable[[], dict[str, str]] = device_troubles,
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._title: str | None = None
        self._trouble_of: tuple[str, ...] | None = None
        self._seconds = 0.0
        self._notices: list[str] = []
        #: Of a training on labels: where it is kept, and whether more could be learnt.
        self._kept: list[KeptFolder] = []
        self._steps_left = False
        self._passing: str | None = None  # what was said of preparations
        #: The one that is gone on with.
        self._training: Unfinished | None = None
        self._until = math.inf
        self.form = TrainForm()
        self.fit_bar = FitBar()
        self.plot = LossPlot(napari_viewer.theme)
        self.unfinished = UnfinishedBox()
        self.library = LibraryBox()
        self._lay_out()
        self.runner = FitRunner(begin_job, self)
        self.choice = TrainChoice(napari_viewer, self.form)
        self.label_choice = LabelChoice(napari_viewer, self.form.labels)
        self.preview = PreviewLayer(napari_viewer)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._connect()
        self._offer_starts()
        device = self.form.device.findData(load_preferences().device)
        self.form.device.setCurrentIndex(max(0, device))
        self._refresh()
        offer_devices(self.form.device, probe_devices)

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        for widget in (self.form, self.fit_bar, self.plot, self.unfinished, self.library):
            column.addWidget(widget)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        self.form.changed.connect(self._refresh)
        self.form.draw.clicked.connect(self.choice.draw)
        self.choice.changed.connect(self._refresh)
        self.label_choice.changed.connect(self._refresh)
        self.fit_bar.button.clicked.connect(self.toggle_fit)
        self.fit_bar.cancel.clicked.connect(self.runner.cancel)
        self.runner.stepped.connect(self._on_steps)
        self.runner.previewed.connect(self._on_preview)
        self.runner.noted.connect(self._on_note)
        self.runner.ended.connect(self._on_ended)
        self._look.timeout.connect(self._look_around)
        self.library.said.connect(lambda text, trouble: self._say(text, trouble=trouble))
        self.library.wanted.connect(self.segment_with)
        self.unfinished.said.connect(lambda text, trouble: self._say(text, trouble=trouble))
        self.unfinished.wanted.connect(self.go_on)
        self.library.watch.changed.connect(self._refresh)
        self.library.watch.changed.connect(self.label_choice.refresh)
        viewer, plot, kept_folders = self._viewer, self.plot, self._kept
        choices = (self.choice, self.label_choice)
        on_theme = viewer.events.theme.connect(lambda event: plot.set_theme(event.value))

        def let_go() -> None:
            # `self` is half gone when Qt says destroyed: only what was captured may be used.
            for choice in choices:
                choice.disconnect_viewer()
            viewer.events.theme.disconnect(on_theme)
            for kept in kept_folders:  # its process ends with the dock
                kept.close(keep=True)

        self.destroyed.connect(let_go)

    def _offer_starts(self) -> None:
        generalist = next(entry for entry in list_models() if entry.name == "generalist")
        for start in ("both", "generalist"):
            row = self.form.start.findData(start)
            item_ready(self.form.start, row, generalist.ready, generalist.why_not)

    # -- what can be done now --------------------------------------------------------------------

    def settings(self) -> FitSettings:
        """Return what is chosen in the form."""
        form = self.form
        return FitSettings(
            parts=self.choice.parts(),
            start=form.start.currentData(),
            title=form.name.text().strip(),
            seed=form.seed.value(),
            minutes=form.minutes.value() or None,
            device=form.device.currentData(),
            skip_info_bar=form.skip_info_bar.isChecked(),
        )

    def why_not(self) -> str:
        """Return why nothing can be learnt now, as one sentence; empty when it can."""
        if self.form.from_labels:
            return self.label_choice.why_not(self.form.name.text().strip())
        if not self.choice.all_images():
            return "Open an image first."
        if not self.choice.images():
            return "Tick the image to learn from first."
        settings = self.settings()
        shapes = self.choice.shapes()
        if shapes is not None and any(part.region is None for part in settings.parts):
            return f"Draw a rectangle in “{shapes.name}” first, or choose the whole image."
        return fit_refusal(settings)

    def _refresh(self) -> None:
        running = self.runner.is_running
        if not running and self._trouble_of is not None and self._trouble_of != self._learnt_from():
            self._say("")  # it was of other layers
        images = self.choice.images()
        draw = "Wait for the end, or stop it." if running else ""
        draw = draw or ("" if images else "Open an image first.")
        self.form.draw.setEnabled(not draw)
        self.form.draw.setToolTip(draw or "Draw a rectangle over the part to learn from.")
        if not running:
            names = [image.name for image in images]
            if self.form.from_labels:
                names = self.label_choice.names()
            self.form.name.setPlaceholderText(default_title(names))
            self.fit_bar.show_ready(self.why_not(), from_labels=self.form.from_labels)

    def enterEvent(self, event: Any) -> None:  # Qt's name
        """Look anew how many grains were reviewed: the Correct dock does not tell."""
        super().enterEvent(event)
        self.unfinished.refresh(busy=self.runner.is_running)
        if self.form.from_labels:
            self.label_choice.refresh()

    # -- the fit ---------------------------------------------------------------------------------

    def toggle_fit(self) -> None:
        """Start a fit, or stop the one that is under way and keep the best so far."""
        if self.runner.is_running:
            self.runner.stop()
            self.fit_bar.show_stopping()
            return
        self.start()

    def start(self) -> None:
        """Start a fit, or say why that cannot be done."""
        trouble = "A fit is under way." if self.runner.is_running else self.why_not()
        if trouble:
            self._say(trouble, trouble=True)
            return
        if self.form.from_labels:
            self._start_training()
        else:
            self._start_fit()
        self._show_started()
        remark = self.label_choice.remark() if self.form.from_labels else ""
        if remark:
            self._on_note(remark)

    def _show_started(self) -> None:
        self._seconds, self._notices = 0.0, []
        self._say("")
        self.plot.begin()
        self.fit_bar.show_running()
        self.form.set_busy(True)
        self.unfinished.refresh(busy=True)
        self.choice.is_held = self.label_choice.is_held = True
        self._refresh()

    def _start_fit(self) -> None:
        settings = self.settings()
        names = [part.source.name for part in settings.parts]
        self._title = settings.title or default_title(names)
        self.preview.begin(settings.parts)
        self.runner.start(request_maker(settings))
        self._look.start()

    def _start_training(self) -> None:
        form = self.form
        settings = self.label_choice.settings(
            title=form.name.text().strip(),
            seed=form.seed.value(),
            minutes=form.minutes.value() or None,
            device=form.device.currentData(),
            skip_info_bar=form.skip_info_bar.isChecked(),
        )
        title = settings.title or default_title(self.label_choice.names())
        try:
            kept = new_folder(title)
        except OSError:  # a full disk, say: it can be trained all the same, but not gone on with
            kept = None
        maker = labelled_request_maker(settings, None if kept is None else kept.path)
        self._begin_training(maker, title, kept)

    def go_on(self, training: Unfinished) -> None:
        """Go on with a training that was stopped or killed, or say why that cannot be done."""
        if self.runner.is_running:
            self._say("A fit is under way.", trouble=True)
            return
        minutes, device = self.form.minutes.value() or None, self.form.device.currentData()
        try:
            kept = KeptFolder(training.folder)
            request = request_to_go_on(training, minutes, device)
        except (OSError, ValueError) as error:
            self._say(f"“{training.title}” cannot be gone on with: {error}", trouble=True)
            self.unfinished.refresh()
            return
        title = training.title
        title = title if is_free(plain_name(title)) else free_title(title)
        self._begin_training(lambda: request, title, kept, training)
        self._show_started()

    def _begin_training(
        self,
        maker: Callable[[], Request],
        title: str,
        kept: KeptFolder | None,
        training: Unfinished | None = None,
    ) -> None:
        self._title, self._steps_left, self._training = title, False, training
        before = 0.0 if training is None else training.elapsed
        self._kept[:] = [] if kept is None else [kept]
        minutes = self.form.minutes.value()
        self._until = before + 60 * minutes if minutes else math.inf
        self.runner.start(maker)

    def _look_around(self) -> None:
        self.runner.look_at(*self.preview.wanted())

    def _on_steps(self, steps: list[FitStep | TrainStep]) -> None:
        self.plot.add(steps)
        self._seconds = steps[-1].elapsed
        self._steps_left = steps[-1].step < steps[-1].steps
        if self.fit_bar.line.text() == self._passing:
            self._say("")  # what was said of the preparations, which are over
        if not self.runner.is_stopping:
            self.fit_bar.show_step(steps[-1])

    def _on_preview(self, preview: FitPreview) -> None:
        self.preview.show(preview)

    def _on_note(self, message: str, passing: bool = False) -> None:
        if not passing:
            self._notices.append(message)
        self._passing = message if passing else None
        self._say(message)

    def _on_ended(self, end: JobEnd) -> None:
        title, self._title = self._title, None
        self._look.stop()
        self.preview.end()
        self.form.set_busy(False)
        self.choice.is_held = self.label_choice.is_held = False
        model = None
        if isinstance(end, JobDone) and title is not None:
            model = self._keep(end, title)
        elif isinstance(end, JobFailed):
            self._say(end.message, trouble=True)
        elif isinstance(end, JobCancelled):
            self._say("Cancelled; no model was kept.")
        self._let_go(end, model)
        self.choice.refresh()
        self.label_choice.refresh()
        self.unfinished.refresh()

    def _let_go(self, end: JobEnd, model: LibraryModel | None) -> None:
        """Keep what a training could go on from, unless it came to its end or was cancelled.

        One that was gone on with outlives a cancel: what it had learnt before is not in question.
        One whose model could not be kept, for want of space, say, can be gone on with as well.
        """
        stopped = self.runner.is_stopping or self._seconds >= 0.95 * self._until
        done = model is not None and not (stopped and self._steps_left)
        for kept in self._kept:
            unwanted = isinstance(end, JobCancelled) and self._training is None
            if model is not None and not done:
                with suppress(OSError, ValueError):  # it then makes a model of its own
                    kept.note_model(model)
            kept.close(keep=not done and not unwanted)
        self._kept.clear()
        self._training = None

    def _keep(self, done: JobDone, title: str) -> LibraryModel | None:
        """Take the model into the library; one that was gone on with replaces what it was."""
        earlier = None if self._training is None else model_to_replace(self._training)
        try:
            notes = replace(Notes.of_card(read_card(done.model), title), title=title)
            if earlier is None:
                model = add_model(done.model, notes)
            else:
                model = replace_model(earlier.name, done.model, notes)
        except (ModelError, OSError) as error:
            self._say(f"The model could not be kept: {error}", trouble=True)
            return None
        self.form.name.clear()
        tell_library_changed()
        self.library.choose(model.name)
        said = [f"“{model.title}” was learnt in {duration(self._seconds)}."]
        if earlier is not None:
            said.append("It replaces the model that was kept when the training was stopped.")
        said += self._notices
        if done.after:
            before, after = in_words(done.before), in_words(done.after)
            said.append(f"On what was held back: {before or 'no score'} before, {after} now.")
        self._say(" ".join([*said, done.why, "Press “Segment with it” to use it."]))
        return model

    # -- afterwards ------------------------------------------------------------------------------

    def segment_with(self, name: str) -> None:
        """Run a model on the image that is ticked, in the dock that shows what it finds."""
        images = self.choice.images()
        if self.form.from_labels:
            images = [image for image, _ in self.label_choice.chosen()]
        if images:
            self._viewer.layers.selection.active = images[0]
        kinds = {entry.name: entry.kind for entry in list_models()}
        run = map_modes_with if kinds.get(name) == "classes" else segment_with
        run(self._viewer, name)

    def learn_classes_from(self, layers: Sequence[Layer], model: str) -> None:
        """Get ready to train a fracture model on class maps or outlined areas.

        Parameters
        ----------
        layers : sequence of Layer
            The ones that are ticked.
        model : str
            What is gone on from: a model of the library, or ``fracture``.
        """
        if self.runner.is_running:
            self._say("Wait for the end of what is learnt now, or stop it.", trouble=True)
            return
        form = self.form
        form.learn_from.setCurrentIndex(form.learn_from.findData("labels"))
        form.labels.source.setCurrentIndex(form.labels.source.findData("layers"))
        form.labels.model.setCurrentIndex(form.labels.model.findData(CLASS_MODEL))
        self.label_choice.tick_only(layers)
        form.labels.start.setCurrentIndex(max(0, form.labels.start.findData(model)))

    def _learnt_from(self) -> tuple[str, ...]:
        """Return what is chosen to learn from, to compare with."""
        rows = self.form.labels
        if not self.form.from_labels:
            return ("images", *self.form.ticked())
        if rows.source.currentData() == "folder":
            return ("folder", rows.folder.text())
        return ("layers", *rows.ticked())

    def _say(self, text: str, *, trouble: bool = False) -> None:
        self._trouble_of = self._learnt_from() if trouble else None
        colour = trouble_colour(self._viewer.theme) if trouble else None
        self.fit_bar.say(text, trouble_colour=colour)
