"""What the Repair dock keeps on disk: a journal for each repair, also those left behind."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.correct_restore import (
    RestoreBox,
    Restorer,
    held,
    latest_place,
    place_of,
)
from napari_etch._widgets.correct_saved import SavedLine
from napari_etch._widgets.repair_bridges import Bridges
from napari_etch._widgets.repair_journal import (
    RepairJournal,
    RestoredRepair,
    read_repair,
    repairs_left_behind,
    take_notes,
)
from napari_etch._widgets.repair_layers import Result, result_layers, show_bridges

if TYPE_CHECKING:
    from napari.components import LayerList, ViewerModel

    from napari_etch.corrections import Summary


class RepairKeeping(QObject):
    """Keeps journals of the repairs in a viewer, and brings back those of a napari that crashed.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    folder : pathlib.Path
        Where journals go.
    parent : QObject, optional

    Signals
    -------
    restored : Result, str
        A repair was read back; its layers are in no viewer yet. A line for the user.
    said : str, bool
        A line for the user, and whether it is trouble.
    """

    restored = Signal(object, str)
    said = Signal(str, bool)

    def __init__(self, viewer: ViewerModel, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.box = RestoreBox()
        self.box.restore.setToolTip("Add the repair as it was last on the screen, as new layers.")
        self.box.discard.setToolTip("Delete these verdicts for good.")
        self.saved = SavedLine(viewer)
        #: By the unique id of the layer of bridges.
        self.journals: dict[str, RepairJournal] = {}
        self._arrived: set[str] = set()
        self._restorer = Restorer(self, read_repair)
        self._restorer.restored.connect(self._on_restored)
        self._restorer.failed.connect(self._on_failed)
        self.box.wanted.connect(self.restore)
        self.box.offer(repairs_left_behind(folder))

    def of(self, result: Result, *, written: str = "") -> RepairJournal:
        """Return the journal of a repair, a new one where there is none.

        Parameters
        ----------
        result : Result
        written : str, optional
            See `RepairJournal`.
        """
        key = str(result.added.unique_id)
        if key not in self.journals:
            self.journals[key] = RepairJournal(
                result, self._folder, written=written, on_news=self._on_news
            )
        return self.journals[key]

    def close_gone(self, layers: LayerList) -> None:
        """End the journals of repairs whose layers are no more in the viewer."""
        there = {str(layer.unique_id) for layer in layers}
        for key in self._arrived - there:
            self.journals.pop(key).close()
        self._arrived = there & set(self.journals)

    def restore(self, summary: Summary) -> None:
        """Read a repair that was left behind; its layers come when that is done."""
        self.box.set_busy(True)
        self._restorer.ask(summary, None)

    def _on_restored(self, summary: Summary, back: RestoredRepair) -> None:
        self.box.set_busy(False)
        bridges = Bridges(back.pack.repaired)
        take_notes(bridges, back.notes)
        place = place_of(latest_place(back.notes, back.pack.place), 2)
        result = result_layers(back.pack, bridges, place)
        result.grains.data[...] = back.grains
        standing = bridges.standing(back.grains)
        bridges.draw(result.boundary.data, standing)
        show_bridges(result, standing)
        # The old journal goes once the new one holds all of it.
        self.box.drop(summary, delete=self.of(result, written=back.file).flush())
        what = held(summary.edits, summary.verdicts)
        self.restored.emit(result, f"Restored the repair of “{back.pack.name}” with {what}.")

    def _on_failed(self, why: str) -> None:
        self.box.set_busy(False)
        self.said.emit(why, True)

    def _on_news(self, text: str) -> None:
        """Called from a journal's thread; the dock may be gone by then."""
        with suppress(RuntimeError):
            self.said.emit(text, "again" not in text)
