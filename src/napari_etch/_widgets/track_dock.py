"""The Track dock: from grains of single sections to grains through the stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Surface
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.controller import RunController
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.earlier_results import replace_result
from napari_etch._widgets.layers import METADATA_KEY, Origin, gone_words, kind_of, source_layer
from napari_etch._widgets.run import Failed, Note, Stopped
from napari_etch._widgets.scroll import UprightScroll
from napari_etch._widgets.sentences import sentence
from napari_etch._widgets.status import RunBar, duration
from napari_etch._widgets.track_form import GrainBox, TrackForm, numbers_in
from napari_etch._widgets.track_layers import (
    SURFACES,
    TrackChoice,
    earlier_grains,
    grains_layer,
    middle_of,
    surface_layer,
    track_origin,
    track_source,
    tracked_layer,
    voxel_words,
)
from napari_etch._widgets.track_run import (
    Tracked,
    TrackEngine,
    TrackSettings,
    default_track,
    follow_grains,
    track_refusal,
)
from napari_etch._widgets.trouble_colour import trouble_colour
from napari_etch._widgets.view import camera_of, centre_on

if TYPE_CHECKING:
    import napari

#: Where the camera looks (z, y, x): from above a corner of the first section, which stays upright.
OBLIQUE, UP = (1.0, 0.6, -0.5), (0.0, -1.0, 0.0)
#: Seen over its corner a stack is so much wider than from the front, for which napari fits it.
OBLIQUE_ZOOM = 0.6

TIP = "Give every grain one number through all sections, in a new layer."


class TrackDock(Dock):
    """Choose the grains of a stack, track them, and look at single grains.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are offered and which gets the result.
    engine : callable, optional
        `napari_etch.grains.tracking.track_steps`, or a stand-in.
    """

    def __init__(
        self, napari_viewer: napari.viewer.Viewer, *, engine: TrackEngine = default_track
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._origin: Origin | None = None
        self._watched: Labels | None = None
        self._said_of: Labels | None = None
        self._shown_in_2d: set[str] | None = None  # layers, by identity; None outside of 3D
        self.is_gone = False
        self.form = TrackForm()
        self.run_bar = RunBar()
        self.box = GrainBox()
        self.controller = RunController(engine, self, run=follow_grains)
        self._lay_out()
        self.layers = TrackChoice(napari_viewer, self.form)
        self._connect()
        self._refresh()

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        for widget in (self.form, self.run_bar, self.box):
            column.addWidget(widget)
            column.addSpacing(6)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        viewer = self._viewer
        self.form.changed.connect(self._refresh)
        self.layers.changed.connect(self._refresh)
        self.run_bar.button.clicked.connect(self.toggle_run)
        self.box.first.clicked.connect(lambda: self.go_to_end(first=True))
        self.box.last.clicked.connect(lambda: self.go_to_end(first=False))
        self.box.show_3d.clicked.connect(self.toggle_3d)
        self.box.follow.toggled.connect(lambda _on: self._on_slider())
        self.box.chosen.returnPressed.connect(self.show_3d)
        self.controller.progressed.connect(self.run_bar.show_progress)
        self.controller.noted.connect(lambda note: self._on_note(note))
        self.controller.ended.connect(self._on_ended)
        viewer.dims.events.current_step.connect(self._on_slider)
        viewer.dims.events.ndisplay.connect(self._on_display)
        # `self` is half gone when Qt says destroyed: only what was captured here may be used.
        layers, gone = self.layers, self.__dict__
        slider, display, selected = self._on_slider, self._on_display, self._on_selected
        rows = self._on_rows

        def end() -> None:
            gone.update(is_gone=True)
            layers.disconnect_viewer()
            viewer.dims.events.current_step.disconnect(slider)
            viewer.dims.events.ndisplay.disconnect(display)
            watched = gone.get("_watched")
            if watched is not None:
                watched.events.selected_label.disconnect(selected)
                watched.events.features.disconnect(rows)

        self.destroyed.connect(end)

    # -- what can be done now --------------------------------------------------------------------

    def settings(self) -> TrackSettings:
        """Return what is chosen in the form."""
        return TrackSettings(
            method=self.form.method.currentData(),
            align=self.form.align.isChecked(),
            absorb_single=self.form.absorb.isChecked(),
            fill=self.form.fill.isChecked(),
        )

    def why_not(self) -> str:
        """Return why no run can be started now, as one sentence; empty when it can."""
        layer = self.layers.layer()
        if layer is None:
            return "Open the grains of a stack first, or segment one."
        return track_refusal(track_source(layer))

    def _refresh(self, _event: object = None) -> None:
        layer = self.layers.layer()
        text = "No grains of a stack are open." if layer is None else voxel_words(layer)
        self.form.about.setText(text)
        self.form.about.setToolTip(text)
        if not self.controller.is_running:
            trouble = self.why_not()
            self.run_bar.show_ready(trouble)
            self.run_bar.button.setToolTip(trouble or TIP)
        self._watch(tracked_layer(self._viewer.layers))
        self._tell_grain()

    def _watch(self, layer: Labels | None) -> None:
        if layer is self._watched:
            return
        if self._watched is not None:
            self._watched.events.selected_label.disconnect(self._on_selected)
            self._watched.events.features.disconnect(self._on_rows)
        if self._said_of is not None:
            self._say("")  # it was said of the grains of another layer
        self._watched = layer
        if layer is not None:
            layer.events.selected_label.connect(self._on_selected)
            layer.events.features.connect(self._on_rows)

    def _tell_grain(self) -> None:
        layer = self._watched
        trouble = "" if layer is not None else "Track the grains of a stack first."
        self.box.allow(trouble, in_3d=self._viewer.dims.ndisplay == 3)
        if layer is None:
            self.box.about.setText(trouble)
            return
        row = self._row(layer)
        label = int(layer.selected_label)
        if row is None:
            self.box.about.setText(f"“{layer.name}”: pick a grain (L, then click) to follow it.")
            return
        self.box.about.setText(
            f"Grain {label}: sections {row['first_section']} to {row['last_section']}, "
            f"{row['voxels']} voxels."
        )

    def _row(self, layer: Labels) -> dict[str, int] | None:
        """Return where the selected grain begins and ends, and its voxels, as it is now."""
        label = int(layer.selected_label)
        data = np.asarray(layer.data)
        if label == 0 or data.ndim != 3:
            return None
        number = np.array([int(np.count_nonzero(part == label)) for part in data])
        there = np.flatnonzero(number)
        if there.size == 0:
            return None
        return {
            "first_section": int(there[0]),
            "last_section": int(there[-1]),
            "voxels": int(number.sum()),
        }

    # -- running ---------------------------------------------------------------------------------

    def toggle_run(self) -> None:
        """Start a run, or cancel the one that is under way."""
        if self.controller.is_running:
            self.controller.cancel()
            self.run_bar.show_cancelling()
            self.run_bar.button.setToolTip("The run stops after the section that is read.")
            return
        self.start()

    def start(self) -> None:
        """Start a run, or say why that cannot be done."""
        if self.controller.is_running:
            self._say("A run is under way: cancel it first, or wait for its end.", trouble=True)
            return
        trouble, layer = self.why_not(), self.layers.layer()
        if trouble or layer is None:
            self._say(trouble, trouble=True)
            return
        self._origin = track_origin(layer)
        self.run_bar.show_running()
        self._say("")
        self.controller.start(track_source(layer), self.settings())

    def run_on(self, layer: Any) -> None:
        """Choose a layer and start; the command of the Layers ▸ Segment menu."""
        if layer is not None and not self.controller.is_running:
            self.layers.refresh(wanted=str(layer.unique_id))
        self.start()

    def _on_note(self, note: Note) -> None:
        self._say(note.message)

    def _on_ended(self, outcome: Tracked | Stopped | Failed) -> None:
        origin, self._origin = self._origin, None
        if isinstance(outcome, Tracked) and origin is not None:
            self._add_result(outcome, origin)
        elif isinstance(outcome, Failed):
            self._say(outcome.message, trouble=True)
        elif isinstance(outcome, Stopped):
            self._say("Cancelled; nothing was added.")
        self._refresh()

    def _add_result(self, tracked: Tracked, origin: Origin) -> None:
        layers = self._viewer.layers
        layer = source_layer(layers, origin)
        if layer is None:
            self._say(gone_words(origin), trouble=True)
            return
        origin = track_origin(layer)  # it may have been renamed, moved or sized meanwhile
        tracked = replace(tracked, source=track_source(layer))
        new, old = grains_layer(tracked, origin), earlier_grains(layers, origin)
        if old is None:
            layers.append(new)
        else:  # nobody worked on it: a second run takes its place
            replace_result(old, new)
            old.features = new.features
            new = old
        layer.visible = False  # two maps of the same grains over each other cannot be read
        layers.selection.active = new
        self._say(outcome_text(tracked))

    # -- single grains ---------------------------------------------------------------------------

    def _on_selected(self, _event: object = None) -> None:
        self._tell_grain()
        self._on_slider()

    def _on_rows(self, _event: object = None) -> None:
        self._tell_grain()  # it was corrected

    def _on_slider(self, _event: object = None) -> None:
        layer = self._watched
        if layer is None or not self.box.follow.isChecked() or self._viewer.dims.ndisplay != 2:
            return
        section = self._section(layer)
        place = middle_of(layer, int(layer.selected_label), section)
        if place is not None:
            centre_on(self._viewer, layer.data_to_world((section, *place)))

    def _section(self, layer: Labels) -> int:
        at = float(layer.world_to_data(self._viewer.dims.point[-3:])[0])
        return int(min(max(round(at), 0), layer.data.shape[0] - 1))

    def go_to_end(self, *, first: bool) -> None:
        """Show the section where the selected grain begins, or ends."""
        layer = self._watched
        row = None if layer is None else self._row(layer)
        if layer is None or row is None:
            self._say("No grain is selected: pick one with L and a click.", trouble=True, of=layer)
            return
        section = row["first_section" if first else "last_section"]
        axis = self._viewer.dims.ndim - layer.ndim
        self._viewer.dims.set_point(axis, layer.data_to_world((section, 0, 0))[0])
        ends = "begins" if first else "ends"
        self._say(f"Grain {layer.selected_label} {ends} here.", of=layer)

    def toggle_3d(self) -> None:
        """Show the chosen grains in 3D, or return to the sections."""
        if self._viewer.dims.ndisplay == 3:
            self._viewer.dims.ndisplay = 2
            return
        self.show_3d()

    def _on_display(self, _event: object = None) -> None:
        """Show again in 2D what 3D had hidden, whoever turned the view."""
        if self._viewer.dims.ndisplay == 2 and self._shown_in_2d is not None:
            shown, self._shown_in_2d = self._shown_in_2d, None
            for layer in self._surfaces():
                layer.visible = False
            for layer in self._viewer.layers:
                if str(layer.unique_id) in shown:
                    layer.visible = True
        self._refresh()

    def show_3d(self) -> None:
        """Show the surfaces of the chosen grains in 3D."""
        layer = self._watched
        if layer is None:
            return
        try:
            chosen = numbers_in(self.box.chosen.text()) or [int(layer.selected_label)]
            surfaces = surface_layer(layer, chosen)
        except ValueError as error:
            self._say(sentence(str(error)), trouble=True, of=layer)
            return
        for old in self._surfaces():
            if old.metadata[METADATA_KEY]["source_id"] == str(layer.unique_id):
                self._viewer.layers.remove(old)
        if self._shown_in_2d is None:
            visible = {str(each.unique_id) for each in self._viewer.layers if each.visible}
            self._shown_in_2d = visible | {str(layer.unique_id)}
        self._viewer.layers.append(surfaces)
        self._viewer.layers.selection.active = layer
        for each in self._viewer.layers:  # sections and other grains would hide them
            each.visible = each is surfaces
        self._viewer.dims.ndisplay = 3
        self._look_at(surfaces)
        count = "1 grain" if len(chosen) == 1 else f"{len(chosen)} grains"
        self._say(f"{count} in 3D.", of=layer)

    def _look_at(self, surfaces: Surface) -> None:
        """Look at surfaces obliquely, from so far that they fill the view."""
        self._viewer.reset_view()  # this one fits all layers, hidden ones too
        every, own = self._viewer.layers.extent.world[:, -3:], surfaces.extent.world[:, -3:]
        nearer = np.linalg.norm(np.diff(every, axis=0)) / np.linalg.norm(np.diff(own, axis=0))
        camera = camera_of(self._viewer)
        camera.set_view_direction(OBLIQUE, UP)
        camera.center = tuple(float(value) for value in own.mean(axis=0))
        camera.zoom *= OBLIQUE_ZOOM * max(1.0, float(nearer))

    def _surfaces(self) -> list[Surface]:
        found = [layer for layer in self._viewer.layers if kind_of(layer) == SURFACES]
        return [layer for layer in found if isinstance(layer, Surface)]

    def _say(self, text: str, *, trouble: bool = False, of: Labels | None = None) -> None:
        """Say something, perhaps of the grains of a layer: then it goes with the layer."""
        self._said_of = of
        colour = trouble_colour(self._viewer.theme) if trouble else None
        self.run_bar.say(text, trouble_colour=colour)


def outcome_text(tracked: Tracked) -> str:
    """Return how a run ended, in one line and what the user should know after it."""
    from napari_etch.grains.tracking.alignment import misfits

    tracks = tracked.tracks
    grains = "1 grain" if len(tracks.grains) == 1 else f"{len(tracks.grains)} grains"
    sections = f"{tracks.shape[0]} sections"
    text = f"“{tracked.source.name}”: {grains} through {sections}, {duration(tracked.seconds)}."
    words = [f"section {each.section} is {each.why}" for each in tracks.skipped]
    words += [each.sentence() for each in misfits(tracks.graph)]
    if tracked.shifts:
        furthest = max(max(abs(each.y), abs(each.x)) for each in tracked.shifts)
        words.append(f"sections were moved by {furthest} px at most")
    if not words:
        return text
    shown = "; ".join(words[:4]) + (f" and {len(words) - 4} more" if len(words) > 4 else "")
    remedy = "" if tracked.shifts or not misfits(tracks.graph) else " Align the sections, perhaps."
    return f"{text} {sentence(shown)}{remedy}"
