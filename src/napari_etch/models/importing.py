"""Taking a model of someone else's into the library, after a check."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from napari_etch.models.checkpoint import SUFFIXES, convert_checkpoint
from napari_etch.models.library import LibraryModel, Notes, add_model
from napari_etch.models.registry import load_path
from napari_etch.models.weights_file import read_card


def import_model(path: Path, title: str | None = None) -> LibraryModel:
    """Copy an `.etch` file or a model's folder into the library, after it was loaded once.

    Weights are read as safetensors and the card as JSON, nothing else: no code of the file runs.
    A checkpoint of the published DINOv2 grain counter (safetensors, or torch's file of a state
    dict) is converted first.

    Parameters
    ----------
    path : pathlib.Path
        What `library.export_model` wrote, a model's folder, or such a checkpoint.
    title : str, optional
        Another name than the one in its card.

    Raises
    ------
    ModelError
        When it is incomplete, damaged, of an unknown architecture, or from a newer version.
    OSError
        When the library cannot be written.
    """
    if path.is_file() and path.suffix in SUFFIXES:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / path.stem
            convert_checkpoint(path, made)
            return import_model(made, title)
    load_path(path)
    notes = Notes.of_card(read_card(path), path.stem)
    return add_model(path, replace(notes, title=title or notes.title))
