"""The Measure dock: grain size by the standards, every number linked to the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.correct_line import StatusLine
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.layers import pixel_size_um, section_distance_um
from napari_etch._widgets.measure_export import Exporter, FieldParts, image_of
from napari_etch._widgets.measure_form import OWN_COLOURS, MeasureForm
from napari_etch._widgets.measure_fractions import FractionPanel, remove_points
from napari_etch._widgets.measure_job import LayerRange, LayerResult
from napari_etch._widgets.measure_layers import MeasureLayers, provenance
from napari_etch._widgets.measure_look import Flash, Shading
from napari_etch._widgets.measure_marks import Marks, count_text
from napari_etch._widgets.measure_picture import PictureRemarks
from napari_etch._widgets.measure_plot import whole_grains
from napari_etch._widgets.measure_results import MEASURING, NO_GRAINS, MeasureResults
from napari_etch._widgets.measure_runner import MeasureRunner
from napari_etch._widgets.measure_table import COLUMNS, shown_columns
from napari_etch._widgets.measure_volume import VolumePanel
from napari_etch._widgets.measure_words import about_text, size_rows, spread_text
from napari_etch._widgets.pixel_size import PixelSizeSetter, set_pixel_size, set_section_distance
from napari_etch._widgets.scroll import UprightScroll
from napari_etch.measure import count_pattern

if TYPE_CHECKING:
    import napari


class MeasureDock(Dock):
    """Measures grain layers, again after every correction, and shows where each number is from.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose grain layers are measured.
    ask_path : callable, optional
        Asks the user where to save a file; returns None when they cancel.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        *,
        ask_path: Callable[[QWidget, str], Path | None] | None = None,
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._watched: Labels | None = None
        self._count_shown: Any = None
        self._drawn: Any = None
        self._sized: Any = None
        self.trouble = StatusLine(napari_viewer)
        self.trouble.setToolTip("What has to be settled before there are numbers.")
        self.form = MeasureForm(napari_viewer.theme, self.trouble)
        self.line = StatusLine(napari_viewer)
        self.marks = Marks(napari_viewer)
        self.flash = Flash(napari_viewer, self)
        self.shading = Shading()
        self.pictures = PictureRemarks(napari_viewer.layers)
        self.runner = MeasureRunner(self)
        self.exporter = Exporter(self, ask_path)
        self.volume = VolumePanel(self.exporter.ask_path)
        self.areas = FractionPanel(napari_viewer, self.exporter.ask_path)
        self.form.tabs.addTab(self.volume, "3D")
        self.form.tabs.addTab(self.areas, "Areas")
        self._lay_out()
        self.layers = MeasureLayers(napari_viewer, self.form)
        self.results = MeasureResults(self.layers)
        self.pixel_size = PixelSizeSetter(napari_viewer, self.form.pixel_size, self.layers.image)
        self._connect()
        self._on_choice()

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addWidget(self.form, 1)
        column.addWidget(self.line)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        form = self.form
        self.layers.changed.connect(self._on_choice)
        self.layers.edited.connect(self._on_edited)
        self.pixel_size.said.connect(self._on_pixel_size)
        self.runner.measured.connect(self._on_measured)
        self.runner.ranged.connect(self._on_ranged)
        self.runner.ended.connect(self._on_ended)
        self.exporter.said.connect(self._say)
        form.placements_chosen.connect(self._measure)
        form.pattern_chosen.connect(self._show_pattern)
        self.volume.said.connect(self._say)
        self.areas.said.connect(self._say)
        self.volume.chosen.connect(self.flash_in_space)
        self.volume.distance_typed.connect(self._on_distance)
        form.colour_chosen.connect(self._colour)
        form.plot_chosen.connect(self._show_plot)
        form.plot.range_moved.connect(lambda _low, _high: self._say_range())
        form.table.chosen.connect(self.flash_grain)
        form.export_wanted.connect(self.save)
        form.tabs.currentChanged.connect(self._show_trouble)
        self._viewer.dims.events.current_step.connect(self._on_section)
        self._viewer.events.theme.connect(self._on_theme)
        # `self` is half gone when Qt says destroyed: only what was captured here may be used.
        viewer, watched = self._viewer, self.__dict__
        choices = (self.layers, self.areas.layers)
        on_section, on_theme, on_click = self._on_section, self._on_theme, self._on_click
        marks, shading, preview = self.marks, self.shading, self.flash.preview

        def end() -> None:
            for choice in choices:
                choice.disconnect_viewer()
            viewer.dims.events.current_step.disconnect(on_section)
            viewer.events.theme.disconnect(on_theme)
            layer = watched.get("_watched")
            if layer is not None:
                if on_click in layer.mouse_drag_callbacks:
                    layer.mouse_drag_callbacks.remove(on_click)
                shading.restore(layer)  # nobody else knows the colours it had
            marks.remove()
            preview.remove()
            remove_points(viewer)

        self.destroyed.connect(end)

    # -- what is measured ------------------------------------------------------------------------

    def _on_choice(self) -> None:
        """Another layer was chosen, added, removed or ticked."""
        layer = self.layers.grains()
        self._watch(layer)
        self._refresh_pixel_size()
        self.volume.watch(layer)
        self.results.keep_only({str(each.unique_id) for each in self._viewer.layers})
        if layer is None:
            self.marks.remove()
        self._measure()
        self._show()

    def _on_edited(self) -> None:
        self._refresh_pixel_size()
        self.volume.watch(self.layers.grains())
        self._measure()
        self._show_sizes()

    def _on_section(self, _event: Any = None) -> None:
        layer = self.layers.grains()
        self.areas.count()
        if layer is not None and layer.ndim == 3:
            self.flash.stop()
            self._measure()

    def _measure(self) -> None:
        """Measure the chosen layers that are not what they were when they were measured."""
        wanted, unranged = self.results.lacking()
        if wanted or (unranged and not self.runner.is_running):
            said = self.results.trouble() == MEASURING  # above, where the numbers will be
            self._say("" if said else MEASURING, False)
            self.runner.ask([self.layers.snapshot(each) for each in (*wanted, *unranged)])

    def _refresh_pixel_size(self) -> None:
        self.pixel_size.refresh()
        target = self._sized = self.layers.image()
        if target is None:
            self.form.pixel_size.show_size(None, NO_GRAINS)
            return
        if not isinstance(target, Image):
            self.form.pixel_size.line.setEnabled(False)
            self.form.pixel_size.line.setToolTip("Open the micrograph to read its scale bar.")

    def _on_pixel_size(self, text: str, trouble: bool) -> None:
        """Give the grains that are measured the size of their micrograph, also where others lie."""
        target, grains = self._sized, self.layers.grains()
        found = None if target is None or trouble else pixel_size_um(target)
        if found is not None and grains is not None and pixel_size_um(grains) != found:
            set_pixel_size(self._viewer, grains, found)
        self._say(text, trouble)
        self._on_edited()

    def _on_distance(self, distance_um: float) -> None:
        """Give the stack that is measured sections so far apart, in all its layers."""
        grains, target = self.layers.grains(), self.layers.image()
        if grains is None or target is None:
            return
        for layer in (target, grains):  # grains that lie elsewhere are measured all the same
            if section_distance_um(layer) != distance_um:
                set_section_distance(self._viewer, layer, distance_um)
        self._say(f"“{target.name}”: sections {distance_um:.5g} µm apart, as typed.", False)

    # -- what came out ---------------------------------------------------------------------------

    def _on_measured(self, result: LayerResult) -> None:
        self.results.take(result)
        self._show()

    def _on_ranged(self, found: LayerRange) -> None:
        self.results.take_range(found)
        self._show_sizes()

    def _on_ended(self, trouble: str) -> None:
        if trouble:
            self._say(trouble, True)
        elif self.line.text() == MEASURING:
            self._say("", False)

    def _show(self) -> None:
        found = self.results.of_first()
        self.form.table.show_table(None if found is None else found.table)
        self._fill_columns(found)
        self._show_sizes()
        self._show_plot()
        self._show_pattern()
        self._colour()

    def _fill_columns(self, found: LayerResult | None) -> None:
        form = self.form
        names = [] if found is None else shown_columns(found.table)[1:]
        rows = [(COLUMNS[name][0], name) for name in names]
        set_choices(form.colour, [(OWN_COLOURS, ""), *rows], form.colour.currentData())
        plotted = [row for row in rows if row[1] != "touches_border"]
        usual = "ecd_um" if "ecd_um" in names else "ecd_px"
        before = form.column.currentData()
        set_choices(form.column, plotted, before if before in names else usual)

    def _show_sizes(self) -> None:
        found = self.results.of_chosen()
        alone = [each.alone for each in found]
        together = self.results.together()
        self.form.show_sizes(*size_rows(alone, together))
        self.form.number_layers([each.source.layer_id for each in found])
        ranged = self.results.uncertainty()
        self.form.about.setText(about_text(together, ranged, self._remarks()))
        trouble = self.results.trouble()
        self.trouble.say_trouble(trouble)
        self._show_trouble()
        self.form.allow_exports(trouble if together is None else "")

    def _show_trouble(self, _index: int = 0) -> None:
        """Say what is wrong with the grains, unless areas are looked at, which need none."""
        areas = self.form.tabs.currentWidget() is self.areas
        self.trouble.setVisible(bool(self.trouble.text()) and not areas)

    def _remarks(self) -> list[str]:
        """Return what a reader should know of the layers and of their pictures."""
        return [*self.pictures.of(self.results.measured_layers()), *self.results.same_fields()]

    # -- the picture -----------------------------------------------------------------------------

    def _show_pattern(self) -> None:
        layer, found = self.layers.grains(), self.results.of_first()
        key = self.form.pattern.currentData()
        if not key or layer is None or found is None or found.field is None:
            self.marks.remove()
            self.form.counted.setText("")
            self.form.show_placements([])
            return
        count = found.field.patterns[key]
        several = count.pattern.placements > 1
        self.form.show_placements(count.by_placement.tolist() if several else [])
        at = self.form.placement.currentData()
        if self._count_shown != (count, at) or not self.marks.layers():
            self._count_shown = (count, at)
            one = several and at >= 0
            pattern = count.pattern.placement(at) if one else count.pattern
            self._drawn = count_pattern(found.grains, pattern) if one else count
            self.marks.show(layer, self._drawn)
        self.form.counted.setText(count_text(self._drawn, found.field.pixel_size_um))

    def _colour(self) -> None:
        layer, found = self.layers.grains(), self.results.of_first()
        column = self.form.colour.currentData()
        if layer is None or found is None:
            return
        if not column:
            self.shading.restore(layer)
            return
        low, high = self.shading.colour(layer, found.table, column)
        title = COLUMNS[column][0]
        self.form.colour.setToolTip(
            f"{title}: dark is {low:.4g} and less, light {high:.4g} and more, "
            "pink not measured yet."
        )

    def _show_plot(self) -> None:
        column = self.form.column.currentData()
        if not column:
            return
        tables = [
            (each.source.name, each.table)
            for each in self.results.of_chosen()
            if column in each.table.columns
        ]
        by_area = self.form.by_area.isChecked()
        self.form.plot.show_values(tables, column, COLUMNS[column][0], by_area=by_area)
        self._say_range()

    def _say_range(self) -> None:
        found, column = self.results.of_first(), self.form.column.currentData()
        if found is None or not column or column not in found.table.columns:
            self.form.range_text.setText("")
            return
        low, high = self.form.plot.range()
        values, areas = whole_grains(found.table, column, by_area=True)
        inside = (values >= low) & (values <= high)
        share = 100 * areas[inside].sum() / areas.sum() if areas.size else 0.0
        said = (
            f"{low:.4g} … {high:.4g}: {int(inside.sum())} of {values.size} whole grains, "
            f"{share:.0f} % of their area."
        )
        if column != "orientation_deg":  # a direction has no mean: 1° and 179° are all but one
            weights = areas if self.form.by_area.isChecked() else np.ones_like(areas)
            said = f"{said} {spread_text(values[inside], weights[inside])}"
        self.form.range_text.setText(said.strip())

    def flash_grain(self, label: int) -> None:
        """Flash the grain of a row."""
        layer, found = self.layers.grains(), self.results.of_first()
        if layer is None or found is None:
            return
        rows = found.table[found.table["label"] == label]
        if len(rows):
            self.flash.start(layer, self.layers.plane(layer), next(rows.itertuples()))

    def flash_in_space(self, label: int) -> None:
        """Show the section in the middle of a grain of the 3D table, and flash it there."""
        layer, table = self.layers.grains(), self.volume.table
        if layer is None or layer.ndim != 3 or table is None:
            return
        row = next(table[table["label"] == label].itertuples(), None)
        if row is None:
            return
        there = np.flatnonzero((np.asarray(layer.data) == label).any(axis=(1, 2)))
        if not there.size:
            self._say(f"Grain {label} is not there any more: measure again.", True)
            return
        section = int(there[np.abs(there - row.centroid_z_px).argmin()])
        world = layer.data_to_world((section, 0, 0))
        self._viewer.dims.set_point(self._viewer.dims.ndim - 3, float(world[-3]))
        plane = np.asarray(layer.data[section])
        y, x = np.nonzero(plane == label)
        reach = float(max(np.ptp(y), np.ptp(x)) + 1)
        place = SimpleNamespace(
            label=label, centroid_y_px=y.mean(), centroid_x_px=x.mean(), feret_max_px=reach
        )
        self.flash.start(layer, plane, place)

    def _watch(self, layer: Labels | None) -> None:
        """Listen to clicks on the chosen layer."""
        before = self._watched
        if layer is before:
            return
        if before is not None:
            if self._on_click in before.mouse_drag_callbacks:
                before.mouse_drag_callbacks.remove(self._on_click)
            self.shading.restore(before)
        self._watched = layer
        if layer is not None:
            layer.mouse_drag_callbacks.append(self._on_click)

    def _on_click(self, layer: Any, event: Any) -> Any:
        """Show the row of the grain under the mouse, when it was clicked and not dragged."""
        if layer.mode not in ("pan_zoom", "pick"):
            return
        yield
        if event.type == "mouse_move":
            return
        value = layer.get_value(event.position, world=True)
        label = int(value) if value else 0
        if label and self.form.table.show_label(label):
            self.form.tabs.setCurrentIndex(1)

    # -- saving ----------------------------------------------------------------------------------

    def save(self, name: str) -> None:
        """Save a kind of file of what is measured now."""
        found = self.results.of_chosen()
        if self.results.together() is None:
            self._say(self.results.trouble(), True)
            return
        changed, _unranged = self.results.lacking()
        if changed:  # a file of what was, beside the picture of what is
            self._measure()
            said = f"“{changed[0].name}” is being measured: save when its numbers are there."
            self._say(said, True)
            return
        parts, layers = [], []
        for result in found:
            layer = next(
                each
                for each in self._viewer.layers
                if str(each.unique_id) == result.source.layer_id
            )
            layers.append(layer)
            made, image = provenance(self._viewer, layer)
            pixels, image_name, rgb = image_of(image, layer, result.source.section)
            parts.append(FieldParts(result, made, pixels, image_name, rgb))
        fractions = self.areas.of_grains(layers)
        remarks = dict.fromkeys([*self._remarks(), *(self.areas.remarks() if fractions else [])])
        uncertainty = self.results.uncertainty()
        self.exporter.save(name, parts, uncertainty, fractions, tuple(remarks))

    def _on_theme(self, _event: Any = None) -> None:
        self.form.plot.set_theme(self._viewer.theme)

    def _say(self, text: str, trouble: bool) -> None:
        if trouble:
            self.line.say_trouble(text)
        else:
            self.line.say(text)
