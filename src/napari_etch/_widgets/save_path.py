"""Where to save: a file that is there is never replaced without a question."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget


def ask_save_path(
    parent: QWidget, title: str, name: str, kinds: str, *, only: bool = False
) -> Path | None:
    """Ask where to save a file.

    Parameters
    ----------
    parent : QWidget
    title : str
        Of the dialog.
    name : str
        What is offered; its suffix is added to what is typed without one.
    kinds : str
        The dialog's filter, such as ``Tables (*.csv)``.
    only : bool
        Whether the file has to have this suffix and no other.

    Returns
    -------
    pathlib.Path or None
        None when the user cancelled.
    """
    offered = name
    while True:
        chosen = str(QFileDialog.getSaveFileName(parent, title, offered, kinds)[0])
        if not chosen:
            return None
        path = with_suffix(Path(chosen), Path(name).suffix, only=only)
        # the dialog has asked about the name as it was typed, and about no other
        if path == Path(chosen) or not path.exists() or _may_replace(parent, title, path):
            return path
        offered = str(path)


def with_suffix(path: Path, suffix: str, *, only: bool = False) -> Path:
    """Return a path with a suffix; one of digits, as in ``steel 9.7``, is none."""
    own = path.suffix
    fits = own.lower() == suffix if only else any(each.isalpha() for each in own)
    return path if fits else path.with_name(path.name.rstrip(".") + suffix)


def _may_replace(parent: QWidget, title: str, path: Path) -> bool:
    answer = QMessageBox.question(
        parent, title, f"{path.name} is there already. Replace it?\n{path}"
    )
    return bool(answer == QMessageBox.StandardButton.Yes)
