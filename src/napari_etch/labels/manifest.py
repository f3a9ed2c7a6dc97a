"""The manifest of an export: what each image is, where from, and who or what labelled it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.labels.annotated import Annotated
from napari_etch.labels.names import PROGRAM
from napari_etch.results.source_image import pixel_hash

_CHUNK = 1 << 20


def source_of(each: Annotated) -> dict[str, Any]:
    """Return where an image is from, with a hash of its file, or else of its pixels."""
    path = each.image_path
    if path is not None and path.is_file():
        return {"path": str(path.resolve()), "sha256": file_hash(path), "of": "file"}
    if each.image is None:
        return {"path": None if path is None else str(path), "sha256": None, "of": None}
    known = None if path is None or not path.is_dir() else str(path.resolve())  # of Zarr
    return {"path": known, "sha256": pixel_hash(each.image), "of": "pixels"}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def entry_of(each: Annotated, source: dict[str, Any], part: str) -> dict[str, Any]:
    """Return what the manifest says of an image.

    Parameters
    ----------
    each : Annotated
    source : dict
        Of `source_of`.
    part : str
        Of the split; empty without one.
    """
    labelled: dict[str, Any] = {}
    if each.grains is not None:
        labelled["grains"] = int(np.count_nonzero(np.unique(each.grains)))
    if each.classes is not None:
        values, counts = np.unique(each.classes, return_counts=True)
        labelled["class_px"] = {str(v): int(n) for v, n in zip(values, counts, strict=True)}
    ignored = 0.0 if each.ignore is None else float(each.ignore.mean())
    return {
        "name": each.name,
        "part": part or None,
        "height_px": each.shape[0],
        "width_px": each.shape[1],
        "pixel_size_um": each.pixel_size_um,
        "specimen": each.specimen or None,
        "source": source,
        "made": each.made,
        "reviewed_share": each.made.get("reviewed_share"),
        "ignored_share": round(ignored, 6),
        **labelled,
    }


def manifest_of(images: list[dict[str, Any]], **about: Any) -> dict[str, Any]:
    """Return a manifest."""
    from napari_etch import __version__

    return {
        "program": PROGRAM,
        "version": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
        "images": images,
    }
