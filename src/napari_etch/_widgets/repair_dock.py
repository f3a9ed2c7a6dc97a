"""The Repair dock: from a broken boundary network to a closed one, bridge by bridge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_etch._widgets.controller import RunController
from napari_etch._widgets.correct_preview import Preview
from napari_etch._widgets.correct_review_box import ReviewBox
from napari_etch._widgets.correct_walk import Walk
from napari_etch._widgets.device_box import offer_devices
from napari_etch._widgets.devices import device_troubles
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.keys import REPAIR_BINDINGS, UNDO_BRIDGE, lend_keys, tip
from napari_etch._widgets.layer_watch import selected
from napari_etch._widgets.layers import Origin, gone_words, source_layer
from napari_etch._widgets.placement import steps_of
from napari_etch._widgets.preferences import load_preferences
from napari_etch._widgets.repair_form import RepairForm
from napari_etch._widgets.repair_journal import repairs_folder
from napari_etch._widgets.repair_keeping import RepairKeeping
from napari_etch._widgets.repair_layers import (
    RepairChoice,
    Result,
    about_layer,
    find_results,
    is_copy,
    kind_of_layer,
    make_way,
    mended_layers,
    repair_origin,
    repair_source,
    section_shown,
)
from napari_etch._widgets.repair_outside import source_within
from napari_etch._widgets.repair_run import (
    Mended,
    RepairEngine,
    RepairSettings,
    default_repair,
    mend,
    repair_refusal,
)
from napari_etch._widgets.repair_tour import BridgeSession
from napari_etch._widgets.run import Failed, Note, Stopped
from napari_etch._widgets.scroll import UprightScroll
from napari_etch._widgets.sentences import sentence
from napari_etch._widgets.status import RunBar, duration
from napari_etch._widgets.trouble_colour import trouble_colour
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    import napari

#: A press and release within so many px on the screen is a click, and so near a bridge hits it.
CLICK_REACH, CLICK_TARGET = 4.0, 6.0
#: Milliseconds from moving the slider to the new cut.
LEAST_WAIT = 30
BRIDGE_SHOWN = "bridge shown"
HIDDEN = " The earlier result, which was judged or edited, is hidden in the layer list."


class RepairDock(Dock):
    """Choose a layer, close its gaps, and judge the bridges one by one.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are offered and which gets the results.
    engine : callable, optional
        `napari_etch.repairing.repair`, or a stand-in.
    folder : pathlib.Path, optional
        Where journals of verdicts go.
    probe_devices : callable, optional
        Returns the devices that cannot be used with the reason; runs in a worker thread.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        *,
        engine: RepairEngine = default_repair,
        folder: Path | None = None,
        probe_devices: Callable[[], dict[str, str]] = device_troubles,
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._origin: Origin | None = None
        self._lent: Callable[[], None] | None = None
        self.is_gone = self._is_judging = False
        self.session: BridgeSession | None = None
        self._said_of: BridgeSession | None = None
        self.keeping = RepairKeeping(napari_viewer, folder or repairs_folder(), self)
        self.form = RepairForm()
        self.run_bar = RunBar()
        self.review_box = ReviewBox()
        self.undo_button = QPushButton("Undo")
        self.preview = Preview(napari_viewer, BRIDGE_SHOWN)
        self.walk = Walk(napari_viewer, self.preview, self)
        self.controller = RunController(engine, self, run=mend)
        self.least_soon = QTimer(self)  # the last of the places that the slider passes counts
        self.least_soon.setSingleShot(True)
        self.least_soon.setInterval(LEAST_WAIT)
        self._lay_out()
        self.form.device.setCurrentIndex(
            max(0, self.form.device.findData(load_preferences().device))
        )
        self.layers = RepairChoice(napari_viewer, self.form)
        self._connect()
        self._refresh()
        offer_devices(self.form.device, probe_devices)

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.review_box.setTitle("Bridges")
        self.review_box.name_verdicts("Accept", "Reject")
        self.review_box.bar.setToolTip("Share of the bridges that were judged.")
        self.review_box.about_accept.hide()  # here a grain is not accepted, but a bridge
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addWidget(self.keeping.box)
        column.addWidget(self.form)
        column.addSpacing(6)
        column.addWidget(self.run_bar)
        column.addWidget(self.review_box)
        column.addWidget(self.undo_button)
        column.addWidget(self.keeping.saved)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        box, viewer = self.review_box, self._viewer
        self.form.changed.connect(self._refresh)
        self.form.least_moved.connect(lambda _value: self.least_soon.start())
        self.least_soon.timeout.connect(self._on_least)
        self.layers.changed.connect(self._refresh)
        self.run_bar.button.clicked.connect(self.toggle_run)
        box.next.clicked.connect(self.walk_on)
        box.back.clicked.connect(self.walk_back)
        box.good.clicked.connect(self.say_right)
        box.remove.clicked.connect(self.say_wrong)
        self.undo_button.clicked.connect(self.undo)
        self.walk.said.connect(self._on_walk)
        self.controller.progressed.connect(self.run_bar.show_progress)
        self.controller.noted.connect(lambda note: self._on_note(note))
        self.controller.ended.connect(self._on_ended)
        self.keeping.said.connect(lambda text, trouble: self._say(text, trouble=trouble))
        self.keeping.restored.connect(self._on_restored)
        viewer.mouse_drag_callbacks.append(self._on_mouse)
        viewer.dims.events.ndisplay.connect(self._refresh)
        # `self` is half gone when Qt says destroyed: only what was captured here may be used.
        layers, gone, callback = self.layers, self.__dict__, self._on_mouse
        refresh, journals = self._refresh, self.keeping.journals

        def end() -> None:
            gone.update(is_gone=True)
            layers.disconnect_viewer()
            viewer.dims.events.ndisplay.disconnect(refresh)
            viewer.mouse_drag_callbacks.remove(callback)
            session = gone.get("session")
            if session is not None:
                session.close()
            for journal in journals.values():
                journal.close()

        self.destroyed.connect(end)

    def come_to_front(self, front: bool) -> None:
        """Take the keys that other docks use too while this one is in front."""
        if front and self._lent is None:
            self._lent = lend_keys(self._viewer, self, REPAIR_BINDINGS | UNDO_BRIDGE)
        elif not front and self._lent is not None:
            self._lent()
            self._lent = None

    # -- what can be done now --------------------------------------------------------------------

    def settings(self) -> RepairSettings:
        """Return what is chosen in the form."""
        form, layer = self.form, self.layers.layer()
        kind = form.kind.currentData()
        return RepairSettings(
            kind=kind if layer is None else kind_of_layer(layer, kind),
            polarity=form.polarity.currentData(),
            device=form.device.currentData(),
            least=round(form.least.value(), 4),
        )

    def why_not(self) -> str:
        """Return why no run can be started now, as one sentence; empty when it can."""
        layer = self.layers.layer()
        if layer is None:
            return "Open a boundary map, a micrograph or grains first."
        source = repair_source(layer, section_shown(self._viewer, layer))
        if len(source.axes) == 3 and self._viewer.dims.ndisplay == 3:
            return "Switch to the flat (2D) view: of a stack the section that is shown is repaired."
        return repair_refusal(source, self.settings())

    def _refresh(self, _event: object = None) -> None:
        layer, form = self.layers.layer(), self.form
        form.show_kinds(
            grains=isinstance(layer, Labels),
            polarity=form.kind.currentData() in ("auto", "map"),
        )
        text = "No layer is open." if layer is None else about_layer(layer)
        form.about.setText(text)
        form.about.setToolTip(text)
        if not self.controller.is_running:
            self._show_ready()
        self._watch()

    def _show_ready(self) -> None:
        trouble = self.why_not()
        self.run_bar.show_ready(trouble)
        self.run_bar.button.setToolTip(
            trouble or tip("Close the gaps of the network, in new layers.", "run_repair")
        )

    def _watch(self) -> None:
        """Review the repair that is selected, that of the chosen layer, or the latest."""
        self.keeping.close_gone(self._viewer.layers)
        result = self._result()
        if self.session is not None and self.session.result is not result:
            if self._said_of is self.session:
                self._say("")  # what was said of these bridges
            self.preview.remove()
            self.walk.watch(None)
            self.session.close()
            self.session = None
            self.keeping.saved.watch(None)
        if result is not None and self.session is None:
            journal = self.keeping.of(result)
            self.session = BridgeSession(result, self, journal=journal)
            self.keeping.saved.watch(journal)
            self.session.followed.connect(self._on_followed)
            self.session.looked.connect(self._allow_undo)
            self.session.turned.connect(self._on_turned)
            self.walk.watch(cast("Any", self.session))  # a walk asks for layer, section and tour
        self._allow()

    def _result(self) -> Result | None:
        found = find_results(self._viewer.layers)
        active = self._viewer.layers.selection.active
        layer = self.layers.layer()
        for each in found:
            if active in (each.added, each.grains, each.boundary):
                return each
        copied = is_copy(active, found)
        of = active if copied else layer
        for each in found:
            made = each.added.metadata["napari_etch"]
            if of is not None and made["source_id"] == str(of.unique_id):
                return each
        # a key must not change another layer than the one that is selected
        return found[0] if found and not copied else None

    def _allow(self) -> None:
        session = self.session
        trouble = "" if session is not None else self._no_session()
        if session is not None and not len(session.result.bridges):
            trouble = "Nothing was bridged."
        there = "" if self.walk.pair is not None else "Go to a bridge first, or click on one."
        self.review_box.allow(trouble, there)
        self._allow_undo()
        progress = (0.0, trouble) if session is None else session.tour.progress()
        self.review_box.show_progress(*progress)
        self.keeping.saved.look()
        self._hint()

    def _no_session(self) -> str:
        """Return why no bridges are reviewed."""
        active = selected(self._viewer.layers)
        if is_copy(active, find_results(self._viewer.layers)):
            return (
                f"“{active.name}” is a copy, which has no bridges: select the layer that the "
                "repair made to judge them, or edit the copy in the Correct dock."
            )
        return "Run a repair first: there are no bridges yet."

    def _why_no_undo(self) -> str:
        if self.session is None:
            return self._no_session()
        some = getattr(self.session.layer, "_undo_history", True)
        return "" if some else "No change of the grains can be taken back."

    def _allow_undo(self) -> None:
        trouble = self._why_no_undo()
        self.undo_button.setEnabled(not trouble)
        self.undo_button.setToolTip(trouble or "Take the last change of the grains back (Ctrl+Z).")

    def _hint(self) -> None:
        session, least = self.session, self.form.least.value()
        made = 1.0
        if session is not None:
            made = float(session.result.grains.metadata["napari_etch"]["parameters"]["least"])
        said = f"Run again for bridges less sure than {made:.2f}." if least < made - 1e-6 else ""
        if session is None:
            said = ""
        elif not said and abs((cut := session.result.bridges.least or made) - least) > 1e-6:
            said = f"The bridges are those from {cut:.2f} on; the slider is for the next run."
        self.form.hint.setText(said)
        self.form.hint.setVisible(bool(said))

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
        if self.controller.is_running:
            self._say("A repair is under way: cancel it first, or wait for its end.", trouble=True)
            return
        trouble, layer = self.why_not(), self.layers.layer()
        if trouble or layer is None:
            self._say(trouble, trouble=True)
            return
        section = section_shown(self._viewer, layer)
        self._origin = repair_origin(layer, section)
        self.run_bar.show_running()
        self._say("")
        source, left_out = source_within(self._viewer.layers, layer, section)
        self.controller.start(source, replace(self.settings(), left_out=left_out))

    def run_on(self, layer: Any) -> None:
        """Choose a layer and start; the command of the Layers ▸ Segment menu."""
        if layer is not None and not self.controller.is_running:
            self.layers.choose(layer)
        self.start()

    def _on_note(self, note: Note) -> None:
        self._say(note.message)

    def _on_ended(self, outcome: Mended | Stopped | Failed) -> None:
        origin, self._origin = self._origin, None
        if isinstance(outcome, Mended) and origin is not None:
            self._add_result(outcome, origin)
        elif isinstance(outcome, Failed):
            self._say(outcome.message, trouble=True)
        elif isinstance(outcome, Stopped):
            self._say("Cancelled; nothing was added.")
        self._refresh()

    def _add_result(self, mended: Mended, origin: Origin) -> None:
        layers = self._viewer.layers
        layer = source_layer(layers, origin)
        if layer is None:
            self._say(gone_words(origin), trouble=True)
            return
        # it may have been renamed, moved or given a pixel size meanwhile
        origin = repair_origin(layer, origin.section)
        mended = replace(mended, source=repair_source(layer, origin.section))
        active = layers.selection.active
        kept = make_way(layers, origin)
        result = mended_layers(mended, origin)
        for layer in result.layers:
            layers.append(layer)
        hidden = [layer for old in kept for layer in old.layers]
        there = active in layers and active not in hidden
        layers.selection.active = active if there else result.grains
        self._say(_outcome_text(mended) + (HIDDEN if kept else ""))

    def _on_restored(self, result: Result, said: str) -> None:
        for layer in result.layers:
            self._viewer.layers.append(layer)
        self._viewer.layers.selection.active = result.grains
        self._say(said)
        self._refresh()

    # -- the bridges -----------------------------------------------------------------------------

    def _on_least(self) -> None:
        value = self.form.least.value()
        if self.session is None or self.controller.is_running:
            self._hint()
            return
        made = float(self.session.result.grains.metadata["napari_etch"]["parameters"]["least"])
        # A bridge may be less sure than the run's least value: with that, all of them stand.
        self._try(lambda: self._set_least(0.0 if value <= made + 1e-6 else value))
        self._allow()

    def _set_least(self, least: float) -> None:
        assert self.session is not None
        if least != self.session.result.bridges.least:
            self._say(self.session.set_least(least), of=self.session)

    def walk_on(self) -> None:
        """Show the least sure bridge that nobody judged."""
        self._try(self.walk.go)

    def walk_back(self) -> None:
        """Show the bridge that was shown before."""
        self._try(lambda: self.walk.go(back=True))

    def say_right(self) -> None:
        """Accept the bridge that is shown."""
        self._judge(self.walk.right)

    def say_wrong(self) -> None:
        """Reject the bridge that is shown."""
        self._judge(self.walk.wrong)

    def undo(self) -> None:
        """Take back the last change of the grains, or say that there is none."""
        trouble = self._why_no_undo()  # the key is there when the button is not
        if trouble or self.session is None:
            self._say(trouble, trouble=True, of=self.session)
            return
        self.session.layer.undo()
        self.session.follow()
        self._say("Undone.", of=self.session)
        self._allow()

    def _judge(self, verdict: Callable[[], None]) -> None:
        """Judge and walk on: the next bridge is drawn then, so the last one is not drawn again."""
        self._is_judging = True
        try:
            self._try(verdict)
        finally:
            self._is_judging = False

    def _try(self, act: Callable[[], None]) -> None:
        try:
            if self.session is None:
                raise EditError(self._no_session())
            act()
        except EditError as error:
            self.walk.refresh()  # a verdict that failed may have changed something all the same
            self._allow()
            self._say(str(error), trouble=True, of=self.session)

    def _on_walk(self, text: str) -> None:
        self._say(text, of=self.session)
        self._allow()

    def _on_followed(self) -> None:
        if self._is_judging:
            return
        self.walk.refresh()
        if self.session is not None and self.session.news:
            # or a rejection that Ctrl+Z took back would stay there as if it stood
            there = f" {self.walk.view.text}" if self.walk.view is not None else ""
            self._say(f"{self.session.news}{there}", of=self.session)
        self._allow()

    def _on_turned(self) -> None:
        """Bring the slider to the place that undo or redo went to."""
        assert self.session is not None
        result = self.session.result
        made = float(result.grains.metadata["napari_etch"]["parameters"]["least"])
        self.least_soon.stop()
        self.form.least.blockSignals(True)
        self.form.least.setValue(max(made, result.bridges.least))
        self.form.least.blockSignals(False)
        self._hint()

    def _on_mouse(self, _viewer: Any, event: Any) -> Iterator[None]:
        """Show the bridge that is clicked on, while no tool of napari or of ours is in use."""
        session, active = self.session, self._viewer.layers.selection.active
        mode = str(getattr(active, "mode", "pan_zoom"))
        if session is None or event.button != 1 or mode != "pan_zoom" or not self.isVisible():
            return
        pressed, moved = np.asarray(event.pos, float), False
        yield
        while event.type == "mouse_move":
            moved |= float(np.hypot(*(np.asarray(event.pos, float) - pressed))) > CLICK_REACH
            yield
        if not moved:
            self.show_bridge_at(np.asarray(session.result.added.world_to_data(event.position)))

    def show_bridge_at(self, point: Any) -> bool:
        """Show the bridge nearest to a pixel of the layer; return whether one is near."""
        session = self.session
        if session is None or not session.result.added.visible:
            return False
        reach = CLICK_TARGET / (self.preview.zoom() * float(steps_of(session.layer)[-1]))
        bridge = session.result.bridges.nearest(np.asarray(point, float)[-2:], max(1.5, reach))
        if bridge:
            self._try(lambda: self.walk.show((bridge, 0)))
        return bool(bridge)

    def _say(self, text: str, *, trouble: bool = False, of: BridgeSession | None = None) -> None:
        """Say something, perhaps of the bridges of a repair: then it goes with them."""
        self._said_of = of
        colour = trouble_colour(self._viewer.theme) if trouble else None
        self.run_bar.say(text, trouble_colour=colour)


def _outcome_text(mended: Mended) -> str:
    """Return what a run made and in what time, with what the user should know."""
    repaired = mended.repaired
    bridges, grains = len(repaired.bridges), len(np.unique(repaired.grains[repaired.grains > 0]))
    what = "nothing to bridge" if not bridges else f"{bridges} bridge{'s' * (bridges > 1)} added"
    said = [
        f"“{mended.source.name}”: {what}, {grains} grain{'s' * (grains != 1)}, "
        f"{duration(mended.provenance['seconds'])}."
    ]
    said += [sentence(notice) for notice in mended.notices]
    return " ".join(said)
