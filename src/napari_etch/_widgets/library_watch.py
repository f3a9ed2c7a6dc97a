"""Tells the docks when the model library has changed, here or in another process."""

from __future__ import annotations

from qtpy.QtCore import QFileSystemWatcher, QObject, Signal

from napari_etch.models.library import library_folder


class LibraryWatch(QObject):
    """Watches the folder of the library; one that does not exist yet is watched once it does.

    Signals
    -------
    changed
        A model was added, renamed or removed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(lambda _path: self.changed.emit())
        _HUB.told.connect(self._on_told)
        self._watch()

    def _watch(self) -> None:
        folder = library_folder()
        if folder.is_dir() and str(folder) not in self._watcher.directories():
            self._watcher.addPath(str(folder))

    def _on_told(self) -> None:
        self._watch()
        self.changed.emit()


class _Hub(QObject):
    told = Signal()


#: The first model makes the folder, so its watch cannot tell of it: the dock that adds one does.
_HUB = _Hub()


def tell_library_changed() -> None:
    """Tell every dock of this process that the library has changed."""
    _HUB.told.emit()
