"""LabelMe: a JSON file beside each image; polygons, rectangles, circles and masks."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.finding import stem_of
from napari_etch.labels.outlined import outlined
from napari_etch.labels.polygons import Part, Ring
from napari_etch.labels.regions import ImageRegions, Region
from napari_etch.labels.report import Notes
from napari_etch.labels.values import about_from, about_values, number_or_none, numbers

_CIRCLE = 64
_VERSION = "5.5.0"


def is_labelme(value: Any) -> bool:
    """Return whether a JSON value is a file of LabelMe."""
    return isinstance(value, Mapping) and "shapes" in value and "imagePath" in value


def read_labelme(value: Mapping[str, Any], notes: Notes) -> ImageRegions:
    """Return the regions of a LabelMe file."""
    name = str(value.get("imagePath") or "")
    sizes = numbers([value.get("imageHeight"), value.get("imageWidth")])
    known = bool(np.isfinite(sizes).all() and (sizes >= 1).all())
    shape = (int(sizes[0]), int(sizes[1])) if known else None
    found = []
    for number, each in enumerate(value.get("shapes") or [], 1):
        if not isinstance(each, Mapping):
            notes.skip(stem_of(name), f"shape {number}", "it is no shape of LabelMe")
            continue
        word = str(each.get("label") or "")
        what = f"shape {number} ({word})" if word else f"shape {number}"
        region = _region(what, word, each, notes, stem_of(name))
        found += [] if region is None else [region]
    return ImageRegions(name, found, shape, about_from(value))


def _region(
    what: str, word: str, each: Mapping[str, Any], notes: Notes, image: str
) -> Region | None:
    kind = str(each.get("shape_type") or "polygon")
    listed = each.get("points") or []
    points = np.array([numbers(point)[:2] for point in listed if len(numbers(point)) >= 2], float)
    points = points.reshape(-1, 2)
    number = number_or_none(each.get("group_id"))
    if kind == "mask":
        mask = _mask(each.get("mask"), points)
        if mask is None:
            notes.skip(image, what, "its mask cannot be read")
            return None
        return Region(what, word, (), mask, number)
    ring = _ring(kind, points)
    if ring is None:
        notes.skip(image, what, f"a {kind} has no area")
        return None
    return Region(what, word, (ring,), None, number)


def _ring(kind: str, points: Ring) -> Ring | None:
    if kind == "polygon":
        return points
    if kind == "rectangle" and len(points) == 2:
        (x, y), (right, bottom) = points
        return np.array([(x, y), (right, y), (right, bottom), (x, bottom)], float)
    if kind == "circle" and len(points) == 2:
        radius = float(np.hypot(*(points[1] - points[0])))
        at = np.linspace(0, 2 * np.pi, _CIRCLE, endpoint=False)
        return points[0] + radius * np.stack([np.cos(at), np.sin(at)], axis=1)
    return None


def _mask(text: Any, points: Ring) -> Part | None:
    """Return a mask shape: a PNG of its box, whose corners are the middles of pixels."""
    from PIL import Image

    if not isinstance(text, str) or not len(points) or not np.isfinite(points).all():
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as image:
            mask = np.asarray(image.convert("1"))
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None
    left, top = np.rint(points.min(axis=0)).astype(int).tolist()
    if left < 0 or top < 0:
        return None
    return (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])), mask


def labelme_value(file_name: str, each: Annotated, table: ClassTable) -> dict[str, Any]:
    """Return an annotated image as the value of a LabelMe file.

    Parameters
    ----------
    file_name : str
        Of the image, relative to the JSON file.
    each : Annotated
    table : ClassTable
    """
    shapes = [
        {
            "label": region.word,
            "points": ring.tolist(),
            "group_id": region.number,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for region in outlined(each, table)
        for ring in region.rings
    ]
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": file_name,
        "imageData": None,
        "imageHeight": each.shape[0],
        "imageWidth": each.shape[1],
        **about_values(each),
    }
