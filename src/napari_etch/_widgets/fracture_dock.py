"""The Fracture dock: from an SEM image, and a few outlined areas, to a map of fracture modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_etch._widgets.choices import chosen_instead, set_choices
from napari_etch._widgets.class_tables import stored_table
from napari_etch._widgets.commands import train_on_classes
from napari_etch._widgets.controller import RunController
from napari_etch._widgets.device_box import offer_devices
from napari_etch._widgets.devices import device_troubles
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.fracture_areas import MapAreas
from napari_etch._widgets.fracture_form import NO_OUTLINES, FractureForm
from napari_etch._widgets.fracture_layers import (
    MAP,
    give_classes,
    holds_shape_classes,
    is_untouched_map,
    map_layers,
    outline_layer,
    outline_layers,
    read_outlines,
    set_shape_class,
    show_map,
)
from napari_etch._widgets.fracture_run import (
    OUTLINES_ALONE,
    FractureEngine,
    FractureSettings,
    Mapped,
    fracture_refusal,
    map_modes,
)
from napari_etch._widgets.layer_choice import about
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import (
    Origin,
    gone_words,
    is_micrograph,
    kind_of,
    origin_of,
    replaced_words,
    source_id_of,
    source_layer,
    source_of,
    sourced_now,
)
from napari_etch._widgets.library_watch import LibraryWatch
from napari_etch._widgets.made_from import image_id_of
from napari_etch._widgets.preferences import load_preferences
from napari_etch._widgets.run import Failed, Note, Stopped
from napari_etch._widgets.scroll import UprightScroll
from napari_etch._widgets.status import RunBar, duration
from napari_etch._widgets.trouble_colour import trouble_colour
from napari_etch._widgets.words import DEVICE_WORDS, hidden_text
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable, ClassTableError

if TYPE_CHECKING:
    import napari

ALONE = "None: the outlines alone"
#: Goes without saying in this dock, where a box has no room for it.
OF_FRACTURES = " (SEM fracture surfaces)"


def fracture_models() -> list[Any]:
    """Return the models that map classes and can be used."""
    from napari_etch.models import list_models

    return [entry for entry in list_models() if entry.ready and entry.kind == "classes"]


class FractureChoice(LayerWatch):
    """Keeps the image and outline boxes in step with the layers of the viewer."""

    WATCHED = frozenset(
        {"inserted", "removed", "reordered", "name", "data", "set_data", "paint", "labels_update"}
    )

    def __init__(self, viewer: Any, form: FractureForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        self._listen()
        self._on_active()
        self.refresh()

    def image(self) -> Image | None:
        """Return the chosen image."""
        found: Image | None = self._find(self._form.image.currentData())
        return found

    def outlines(self) -> Layer | None:
        """Return the chosen layer of outlines."""
        found: Layer | None = self._find(self._form.outlines.currentData())
        return found

    def refresh(self, image_id: str | None = None, outlines_id: str | None = None) -> None:
        """Fill the boxes anew; what was chosen stays chosen where it still exists."""
        form = self._form
        images = [layer for layer in reversed(self._viewer.layers) if is_micrograph(layer)]
        names = [(layer.name, str(layer.unique_id)) for layer in images]
        set_choices(form.image, names, image_id or form.image.currentData())
        image = self.image()
        found = [] if image is None else outline_layers(self._viewer.layers, image)
        drawn = [(layer.name, str(layer.unique_id)) for layer in found]
        chosen = outlines_id or form.outlines.currentData()
        if chosen not in [value for _text, value in drawn]:
            chosen = None
        set_choices(form.outlines, [(NO_OUTLINES, None), *drawn], chosen)
        form.about.setText("No image is open." if image is None else about(image))
        self.changed.emit()

    def _on_active(self, _event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if active is None:
            return
        images = [layer for layer in self._viewer.layers if is_micrograph(layer)]
        wanted = image_id_of(active, images)
        if wanted:
            self.refresh(image_id=wanted)


class FractureDock(Dock):
    """Choose an image, outline areas or not, and map its fracture modes.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are offered and which gets the results.
    engine : FractureEngine, optional
    models : callable, optional
        Returns the models that are offered.
    probe_devices : callable, optional
        Returns the devices that cannot be used with the reason; runs in a worker thread.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        *,
        engine: FractureEngine | None = None,
        models: Callable[[], Sequence[Any]] = fracture_models,
        probe_devices: Callable[[], dict[str, str]] = device_troubles,
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._origin: Origin | None = None
        self.table: ClassTable = FRACTURE_MODES
        self.form, self.run_bar, self.areas = FractureForm(), RunBar(), MapAreas()
        self.controller = RunController(engine or FractureEngine(), self, run=map_modes)
        self._models = models
        self._offer_models("fracture")
        self.form.device.setCurrentIndex(
            max(0, self.form.device.findData(load_preferences().device))
        )
        self.form.show_classes(self.table)
        self._lay_out()
        self.layers = FractureChoice(napari_viewer, self.form)
        self._connect()
        self._refresh()
        offer_devices(self.form.device, probe_devices)

    def _offer_models(self, chosen: str | None) -> None:
        entries = [(entry.title.removesuffix(OF_FRACTURES), entry.name) for entry in self._models()]
        names = [name for _title, name in entries]
        if chosen not in (*names, OUTLINES_ALONE):
            chosen = names[0] if names else OUTLINES_ALONE
        set_choices(self.form.model, [*entries, (ALONE, OUTLINES_ALONE)], chosen)

    def _on_library(self) -> None:
        model = self.form.model
        before, text = model.currentData(), model.currentText()
        self._offer_models(before)
        self._refresh()
        instead = chosen_instead(model, before, text)
        if instead:
            self._say(instead, trouble=True)

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addWidget(self.form)
        column.addSpacing(6)
        column.addWidget(self.run_bar)
        column.addWidget(self.form.areas)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        self.form.changed.connect(self._on_choice)
        self.form.draw.clicked.connect(self.draw)
        self.form.class_chosen.connect(self._on_class)
        self.form.train.clicked.connect(self.train)
        self.form.table.clicked.connect(self._choose_classes)
        self._library = LibraryWatch(self)
        self._library.changed.connect(self._on_library)
        self.layers.changed.connect(self._refresh)
        self.run_bar.button.clicked.connect(self.toggle_run)
        self.controller.progressed.connect(self.run_bar.show_progress)
        self.controller.noted.connect(self._on_note)
        self.controller.ended.connect(self._on_ended)
        layers = self.layers
        self.destroyed.connect(lambda: layers.disconnect_viewer())

    # -- what can be done now --------------------------------------------------------------------

    def settings(self) -> FractureSettings:
        """Return what is chosen; raises ValueError for outlines that cannot be read."""
        image, layer = self.layers.image(), self.layers.outlines()
        outlines = None
        if image is not None and layer is not None:
            outlines = read_outlines(layer, image, self.table)
        return FractureSettings(
            model=self.form.model.currentData() or OUTLINES_ALONE,
            outlines=outlines,
            table=self.table,
            device=self.form.device.currentData(),
            least=round(self.form.least.value(), 4),
        )

    def why_not(self) -> str:
        """Return why no run can be started now, as one sentence; empty when it can."""
        image = self.layers.image()
        if image is None:
            return "Open an SEM image of a fracture surface first."
        try:
            return fracture_refusal(source_of(image), self.settings())
        except ValueError as error:
            return str(error)

    def _on_choice(self) -> None:
        self._on_outlines()
        self.layers.refresh()

    def _refresh(self) -> None:
        layer = self.layers.outlines()
        try:
            table = None if layer is None else stored_table(layer)
        except ClassTableError as error:
            self.run_bar.show_ready(str(error))
            return
        if table is not None and table != self.table:
            self.table = table
            self.form.show_classes(table)
        self._offer_drawing(self.layers.image())
        self._offer_training()
        self.form.areas.setText(self.areas.text(self._viewer.layers))
        if not self.controller.is_running:
            trouble = self.why_not()
            self.run_bar.show_ready(trouble)
            self.run_bar.button.setText("Map")
            self.run_bar.button.setToolTip(
                trouble or "Map the fracture modes of the whole image, in new layers."
            )

    # -- outlining -------------------------------------------------------------------------------

    def _offer_drawing(self, image: Image | None) -> None:
        self.form.draw.setEnabled(image is not None and image.ndim == 2)
        self.form.draw.setToolTip(
            "Outline areas of the chosen class with the polygon tool: click its corners, "
            "double-click to end."
            if image is not None
            else "Open an image first."
        )

    def draw(self) -> None:
        """Go on outlining, in the layer of outlines that is chosen or a new one."""
        image, layer = self.layers.image(), self.layers.outlines()
        if image is None:
            return
        if layer is None:
            layer = outline_layer(image, self.table)
            self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = layer
        if isinstance(layer, Shapes):
            layer.mode = "add_polygon"
        elif isinstance(layer, Labels):
            layer.mode = "polygon"
        self.layers.refresh(image_id=str(image.unique_id), outlines_id=str(layer.unique_id))
        self._on_class(int(self.form.classes.currentData()))

    def _on_outlines(self) -> None:
        """Make a Shapes layer that was chosen ready to hold classes."""
        layer = self.layers.outlines()
        if isinstance(layer, Shapes) and not holds_shape_classes(layer):
            self._on_class(int(self.form.classes.currentData()))

    def _on_class(self, number: int) -> None:
        layer = self.layers.outlines()
        if isinstance(layer, Labels):
            layer.selected_label = number
        elif isinstance(layer, Shapes):
            set_shape_class(layer, self.table, number)
            self._refresh()
        if layer is not None and str(layer.mode) in ("add_polygon", "polygon"):
            self._say(
                f"Click the corners of an area that is {self.form.classes.currentText()}, "
                "double-click to end it; then the next one."
            )

    def _choose_classes(self) -> None:
        path, _kind = QFileDialog.getOpenFileName(self, "Class table", "", "Class table (*.json)")
        if path:
            self.read_classes(path)

    def read_classes(self, path: str) -> None:
        """Take the classes of a file, also for the outlines that are there."""
        try:
            self.table = ClassTable.read(path)
        except ClassTableError as error:
            self._say(str(error), trouble=True)
            return
        self.form.show_classes(self.table)
        layer = self.layers.outlines()
        if layer is not None:
            give_classes(layer, self.table)
        self._say("")
        self._refresh()

    # -- training --------------------------------------------------------------------------------

    def labels_to_learn(self) -> list[Layer]:
        """Return what a network can learn of the chosen image: outlines and corrected maps."""
        image, drawn = self.layers.image(), self.layers.outlines()
        if image is None:
            return []
        corrected = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and kind_of(layer) == MAP
            and source_id_of(layer) == str(image.unique_id)
            and not is_untouched_map(layer)
        ]
        return corrected if drawn is None else [*corrected, drawn]

    def _offer_training(self) -> None:
        some = bool(self.labels_to_learn())
        self.form.train.setEnabled(some)
        self.form.train.setToolTip(
            "Open the Train dock, ready to train the network in the background on what you "
            "outlined and corrected."
            if some
            else "Outline areas first, or correct the map in the Correct dock."
        )

    def train(self) -> None:
        """Open the Train dock with what was outlined and corrected."""
        model = self.form.model.currentData() or "fracture"
        train_on_classes(self._viewer, self.labels_to_learn(), model)

    # -- running ---------------------------------------------------------------------------------

    def toggle_run(self) -> None:
        """Start a run, or cancel the one that is under way."""
        if self.controller.is_running:
            self.controller.cancel()
            self.run_bar.show_cancelling()
            return
        self.start()

    def start(self) -> None:
        """Start a run, or say why that cannot be done."""
        trouble, image = self.why_not(), self.layers.image()
        if trouble or image is None:
            self._say(trouble, trouble=True)
            return
        self._origin = origin_of(image)
        settings = self.settings()
        self.run_bar.show_running()
        self._say("")
        self.controller.start(source_of(image), settings)

    def run_on(self, layer: Any, model: str | None = None) -> None:
        """Choose an image, perhaps a model, and start; the command of the Layers ▸ Segment menu."""
        row = -1 if model is None else self.form.model.findData(model)
        if row >= 0 and not self.controller.is_running:
            self.form.model.setCurrentIndex(row)
        if layer is not None and is_micrograph(layer) and not self.controller.is_running:
            self.layers.refresh(image_id=str(layer.unique_id))
        if not self.controller.is_running:
            self.start()

    def _on_note(self, note: Note) -> None:
        self._say(note.message)

    def _on_ended(self, outcome: Mapped | Stopped | Failed) -> None:
        origin, self._origin = self._origin, None
        if isinstance(outcome, Mapped) and origin is not None:
            self._add(outcome, origin)
        elif isinstance(outcome, Failed):
            self._say(outcome.message, trouble=True)
        else:
            self._say("Cancelled; nothing was added.")
        self._refresh()

    def _add(self, mapped: Mapped, origin: Origin) -> None:
        layers = self._viewer.layers
        image = source_layer(layers, origin)
        if image is None:
            self._say(gone_words(origin), trouble=True)
            return
        # it may have been renamed, moved or given a pixel size while the model ran
        replaced = replaced_words(mapped.source, image)
        origin, mapped = origin_of(image), replace(mapped, source=sourced_now(mapped.source, image))
        active = layers.selection.active
        hidden = show_map(layers, map_layers(mapped, origin))
        drawn = self.layers.outlines()
        if drawn is not None and drawn in layers:  # outlines stay on top, to go on with
            layers.move(layers.index(drawn), len(layers))
        if active in layers and active not in hidden:
            layers.selection.active = active
        self.areas.take(mapped, origin.layer_id, layers)
        self._say(_outcome(mapped) + hidden_text(hidden) + replaced)

    def _say(self, text: str, *, trouble: bool = False) -> None:
        colour = trouble_colour(self._viewer.theme) if trouble else None
        self.run_bar.say(text, trouble_colour=colour)


def _outcome(mapped: Mapped) -> str:
    found = mapped.found
    device = DEVICE_WORDS.get(found.device, found.device)
    said = f"“{mapped.source.name}”: mapped in {duration(found.seconds)} on {device}"
    return " ".join([f"{said}, by {found.model}.", *mapped.notices])
