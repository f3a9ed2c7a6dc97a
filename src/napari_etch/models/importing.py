"""Taking a model of someone else's into the library, after a check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_etch.models.library import LibraryModel, Notes, add_model
from napari_etch.models.registry import load_path
from napari_etch.models.weights_file import read_card


def import_model(path: Path, title: str | None = None) -> LibraryModel:
    """Copy an `.etch` file or a model's folder into the library, after it was loaded once.

    Weights are read as safetensors and the card as JSON, nothing else: no code of the file runs.

    Parameters
    ----------
    path : pathlib.Path
        What `library.export_model` wrote, or a model's folder.
    title : str, optional
        Another name than the one in its card.

    Raises
    ------
    ModelError
        When it is incomplete, damaged, of an unknown architecture, or from a newer version.
    OSError
        When the library cannot be written.
    """
    load_path(path)
    notes = Notes.of_card(read_card(path), path.stem)
    return add_model(path, replace(notes, title=title or notes.title))
