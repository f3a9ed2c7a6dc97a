"""COCO instance annotations: run lengths and polygons, with pycocotools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.finding import stem_of
from napari_etch.labels.outlined import pieces_of
from napari_etch.labels.polygons import Mask, Ring, Window, outlines
from napari_etch.labels.regions import GRAIN, IGNORE, ImageRegions, Region
from napari_etch.labels.report import LabelsError, Notes
from napari_etch.labels.run_lengths import mask_of_runs, runs_of_mask
from napari_etch.labels.values import about_from, about_values, number_or_none, numbers

_NUMBER = "grain"


def is_coco(value: Any) -> bool:
    """Return whether a JSON value is a COCO data set."""
    return isinstance(value, Mapping) and {"images", "annotations"} <= set(value)


def read_coco(value: Mapping[str, Any], notes: Notes) -> list[ImageRegions]:
    """Return the regions of a COCO data set.

    Raises
    ------
    LabelsError
        When its list of images cannot be read.
    """
    names = {
        each.get("id"): str(each.get("name", ""))
        for each in value.get("categories") or []
        if isinstance(each, Mapping)
    }
    images: dict[Any, Mapping[str, Any]] = {}
    for each in value["images"]:
        if not isinstance(each, Mapping) or "file_name" not in each:
            raise LabelsError("An image of this COCO file has no file_name: write it anew.")
        images[each.get("id")] = each
    regions: dict[Any, list[Region]] = {key: [] for key in images}
    counts: Counter[Any] = Counter()
    for each in value["annotations"]:
        key = each.get("image_id") if isinstance(each, Mapping) else None
        if key not in images:
            notes.skip("", f"annotation {_id(each)}", f"there is no image {key!r} in the file")
            continue
        counts[key] += 1
        image = images[key]
        region = _region(each, names, _shape(image), notes, stem_of(str(image["file_name"])))
        regions[key] += [] if region is None else [region]
    return [
        ImageRegions(str(image["file_name"]), regions[key], _shape(image), about_from(image))
        for key, image in images.items()
    ]


def _id(each: Any) -> Any:
    return each.get("id", "?") if isinstance(each, Mapping) else "?"


def _shape(image: Mapping[str, Any]) -> tuple[int, int] | None:
    sizes = numbers([image.get("height"), image.get("width")])
    if not np.isfinite(sizes).all() or (sizes < 1).any():
        return None
    return int(sizes[0]), int(sizes[1])


def _region(
    each: Mapping[str, Any],
    names: Mapping[Any, str],
    shape: tuple[int, int] | None,
    notes: Notes,
    image: str,
) -> Region | None:
    category = each.get("category_id")
    word = names.get(category, "" if category is None else str(category))
    what = f"annotation {_id(each)}" + (f" ({word})" if word else "")
    number = number_or_none(each.get(_NUMBER))
    outline = each.get("segmentation")
    if isinstance(outline, Mapping):
        mask = mask_of_runs(outline, shape)
        if mask is None:
            notes.skip(image, what, "its run lengths are damaged or do not fit the image")
            return None
        return Region(what, word, (), mask, number)
    if not outline or not isinstance(outline, list):
        notes.skip(
            image, what, "it has a box and no outline" if each.get("bbox") else "it is empty"
        )
        return None
    flat = outline if isinstance(outline[0], list) else [outline]
    rings = tuple(_ring(numbers(values)) for values in flat)
    return Region(what, word, rings, None, number)


def _ring(values: Ring) -> Ring:
    return values[: len(values) // 2 * 2].reshape(-1, 2)


def coco_value(
    images: Iterable[tuple[str, Annotated]],
    table: ClassTable,
    *,
    polygons: bool = False,
    grains_only: bool = False,
) -> dict[str, Any]:
    """Return annotated images as a COCO data set.

    Parameters
    ----------
    images : iterable of (file name, Annotated)
    table : ClassTable
        Categories beside ``grain`` (after its last number) and ``ignore``.
    polygons : bool
        Outlines in place of run lengths; what has holes stays run lengths, for COCO adds polygons
        up.
    grains_only : bool
        No categories of the table; ``grain`` is the first.
    """
    names = {} if grains_only else table.names
    top = max(names, default=0)
    categories = {**names, top + 1: GRAIN, top + 2: IGNORE}
    ids = {name: key for key, name in categories.items() if key}
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for at, (file_name, each) in enumerate(images, 1):
        height, width = each.shape
        listed.append(
            {
                "id": at,
                "file_name": file_name,
                "width": width,
                "height": height,
                **about_values(each),
            }
        )
        for word, number, window, mask in _parts(each, table):
            entry = _annotation(window, mask, each.shape, polygons)
            key = ids.setdefault(word, max(ids.values()) + 1)
            entry |= {"id": len(annotations) + 1, "image_id": at, "category_id": key}
            entry["iscrowd"] = int(word == IGNORE)
            if number is not None:
                entry[_NUMBER] = number
            annotations.append(entry)
    return {
        "info": {"description": "napari-etch"},
        "images": listed,
        "annotations": annotations,
        "categories": [
            {"id": key, "name": name, "supercategory": ""}
            for name, key in sorted(ids.items(), key=lambda item: item[1])
        ],
    }


def _parts(each: Annotated, table: ClassTable) -> Iterable[tuple[str, int | None, Window, Mask]]:
    """Iterate over grains, pieces of classes and ignored parts: word, number, window and mask."""
    from scipy import ndimage as ndi

    if each.grains is not None:
        for number, mask, corner in pieces_of(each.grains):
            yield GRAIN, number, _window(mask, corner), mask
    maps = [] if each.classes is None else [(each.classes, table.names)]
    if each.ignore is not None:
        maps.append((each.ignore.astype(np.uint8), {1: IGNORE}))
    for values, names in maps:
        for value, mask, corner in pieces_of(values):
            pieces, _n = ndi.label(mask)
            for piece, part, shift in pieces_of(pieces):
                del piece
                yield names.get(value, str(value)), None, _window(part, corner + shift), part


def _window(mask: Mask, corner: Ring) -> Window:
    x, y = (int(value) for value in corner)
    return slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1])


def _annotation(
    window: Window, mask: Mask, shape: tuple[int, int], polygons: bool
) -> dict[str, Any]:
    top, left = window[0].start, window[1].start
    parts = outlines(mask) if polygons else []
    if polygons and all(len(part) == 1 for part in parts):
        outline: Any = [(part[0] + (left, top)).ravel().tolist() for part in parts]
    else:
        outline = runs_of_mask(window, mask, shape)
    return {
        "segmentation": outline,
        "area": int(mask.sum()),
        "bbox": [left, top, mask.shape[1], mask.shape[0]],
    }
