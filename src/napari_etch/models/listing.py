"""What is known of every model without loading it, for programs that choose among them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_etch.models.errors import ModelError
from napari_etch.models.library import ENTRY, LibraryModel, list_library
from napari_etch.models.registry import ModelInfo, list_models
from napari_etch.models.weights_file import SHIPPED, read_card


def describe_models() -> list[dict[str, Any]]:
    """Return a row a model, as `list_models` has them.

    Returns
    -------
    list of dict
        ``name``, ``title``, ``kind``, ``architecture``, ``description``, ``usable``, ``why_not``;
        ``place`` ("package", "library", or "other package"), ``path`` and ``bytes`` of its folder;
        ``date``, ISO 8601; ``licence``; and ``origin``, what the card says of where it comes from.
        What is not known is None, of a model of another package all that its card would say.
    """
    own = {model.name: model for model in list_library()}
    return [_described(info, own.get(info.name)) for info in list_models()]


def _described(info: ModelInfo, own: LibraryModel | None) -> dict[str, Any]:
    path = SHIPPED / info.name if own is None else own.path
    known = own is not None or path.is_dir()
    card: dict[str, Any] = {}
    with suppress(ModelError):
        card = read_card(path) if known else {}
    return {
        "name": info.name,
        "title": info.title,
        "kind": info.kind,
        "architecture": card.get("architecture"),
        "description": info.description,
        "usable": info.ready,
        "why_not": info.why_not or None,
        "place": "library" if own else "package" if known else "other package",
        "path": str(path) if known else None,
        "bytes": _size(path) if known else None,
        "date": own.notes.made or None if own else card.get("date"),
        "licence": info.licence,
        "origin": _origin(card),
    }


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _origin(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card says of data, method and start; the entries are those that it has."""
    notes, training, specimen = (_entry(card, name) for name in (ENTRY, "training", "specimen"))
    found = {
        "data": card.get("data"),
        "data_licence": card.get("data_licence"),
        "images": notes.get("sources") or specimen.get("images"),
        "method": training.get("method") or card.get("method"),
        "started_from": training.get("started_from") or notes.get("start"),
        "averaged_with": card.get("averaged_with"),
        "command": training.get("command") or card.get("command"),
        "history": card.get("history"),
    }
    return {name: value for name, value in found.items() if value}


def _entry(card: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an entry that should hold entries; a card that was made elsewhere may have others."""
    value = card.get(name)
    return value if isinstance(value, Mapping) else {}
