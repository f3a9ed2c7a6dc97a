"""VGG Image Annotator: files of versions 1, 2 and 3 are read, version 2 is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.finding import stem_of
from napari_etch.labels.outlined import outlined
from napari_etch.labels.polygons import Ring
from napari_etch.labels.regions import GRAIN, ImageRegions, Region
from napari_etch.labels.report import LabelsError, Notes
from napari_etch.labels.values import about_from, about_words, number_or_none, numbers

NUMBER = "grain"
_CIRCLE = 64  # sides of the polygon that stands for a circle
#: Version 3 tells shapes by number.
_SHAPES = {
    1: "point",
    2: "rect",
    3: "circle",
    4: "ellipse",
    5: "line",
    6: "polyline",
    7: "polygon",
    8: "extreme_rect",
    9: "extreme_circle",
}


def is_via(value: Any) -> bool:
    """Return whether a JSON value is a VIA file of any version."""
    if not isinstance(value, Mapping) or not value:
        return False
    if "_via_img_metadata" in value or {"file", "metadata", "view"} <= set(value):
        return True
    entries = value.values()
    return all(isinstance(entry, Mapping) and "regions" in entry for entry in entries)


def read_via(value: Mapping[str, Any], table: ClassTable, notes: Notes) -> list[ImageRegions]:
    """Return the regions of a VIA file, as a project or as exported annotations."""
    if {"file", "metadata", "view"} <= set(value):
        return list(_images_3(value, table, notes))
    entries = value.get("_via_img_metadata", value)
    if not isinstance(entries, Mapping):
        raise LabelsError("The list of images of this VIA file cannot be read: save it anew.")
    return [_image(key, entry, table, notes) for key, entry in entries.items()]


def _image(key: str, entry: Any, table: ClassTable, notes: Notes) -> ImageRegions:
    """Return an image of versions 1 and 2, which differ in how regions are listed."""
    if not isinstance(entry, Mapping):
        notes.skip(key, "", "it is no image of VIA")
        return ImageRegions(key, ())
    name = str(entry.get("filename") or key)
    listed = entry.get("regions") or []
    regions = list(listed.values()) if isinstance(listed, Mapping) else listed
    found = []
    for number, region in enumerate(regions, 1):
        if not isinstance(region, Mapping):
            notes.skip(stem_of(name), f"region {number}", "it is no region of VIA")
            continue
        attributes = region.get("region_attributes") or {}
        shape = region.get("shape_attributes") or {}
        kind = str(shape.get("name", ""))
        ring = _ring_of(kind, shape)
        made = _region(number, kind, ring, attributes, table, stem_of(name), notes)
        found += [] if made is None else [made]
    about = entry.get("file_attributes")
    return ImageRegions(name, found, None, about_from(about if isinstance(about, Mapping) else {}))


def _images_3(value: Mapping[str, Any], table: ClassTable, notes: Notes) -> Iterator[ImageRegions]:
    files, views, names = value["file"], value["view"], value.get("attribute", {})
    regions: dict[str, list[Region]] = {fid: [] for fid in files}
    counts = dict.fromkeys(files, 0)
    for key, each in value["metadata"].items():
        xy = each.get("xy") or []
        if not xy:
            continue  # an attribute of the whole file, or a stretch of time
        listed = (views.get(str(each.get("vid"))) or {}).get("fid_list") or []
        if len(listed) != 1 or str(listed[0]) not in files:
            notes.skip("", f"region {key}", "it belongs to no single image")
            continue
        fid = str(listed[0])
        counts[fid] += 1
        name = stem_of(str(files[fid].get("fname", fid)))
        kind = _SHAPES.get(int(xy[0]), f"shape {xy[0]}")
        attributes = _attributes_3(each.get("av") or {}, names)
        ring = _ring_of_numbers(kind, xy[1:])
        made = _region(counts[fid], kind, ring, attributes, table, name, notes)
        regions[fid] += [] if made is None else [made]
    for fid, entry in files.items():
        yield ImageRegions(str(entry.get("fname", fid)), regions[fid])


def _attributes_3(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes by name; what was chosen from a list is given by number."""
    found = {}
    for key, value in values.items():
        about = names.get(key) or {}
        options = about.get("options") or {}
        chosen = str(value).split(",") if options else [str(value)]
        words = [str(options.get(each, each)) for each in chosen]
        found[str(about.get("aname", key))] = ",".join(words)
    return found


def _region(
    number: int,
    kind: str,
    ring: Ring | None,
    attributes: Mapping[str, Any],
    table: ClassTable,
    image: str,
    notes: Notes,
) -> Region | None:
    what = f"region {number}"
    if ring is None:
        notes.skip(image, what, f"a {kind or 'shape without a name'} has no area")
        return None
    word = class_word(attributes, table)
    shown = f"{what} ({word})" if word else what
    return Region(shown, word, (ring,), None, number_or_none(attributes.get(NUMBER)))


def class_word(attributes: Mapping[str, Any], table: ClassTable) -> str:
    """Return what the attributes of a region say that it is; empty when nothing.

    The table's attribute counts; without it, or where a region lacks it, any attribute whose value
    is in the table. Of several words that are ticked in a checkbox the first known one counts.
    """
    told = [(key, word) for key, value in attributes.items() for word in _words(value)]
    if table.attribute is not None:
        own = [word for key, word in told if key == table.attribute]
        known = [word for word in own if table.find(word) is not None]
        if own:
            return (known or own)[0]
    known = [word for key, word in told if key != NUMBER and table.find(word) is not None]
    if known:
        return known[0]
    if number_or_none(attributes.get(NUMBER)) is not None:
        return GRAIN
    return next((word for _key, word in told), "")


def _words(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [str(key) for key, on in value.items() if on]
    return [word.strip() for word in str(value).split(",") if word.strip()]


def _ring_of(kind: str, shape: Mapping[str, Any]) -> Ring | None:
    """Return the outline of a shape of versions 1 and 2; None of one without area."""
    if kind in ("polygon", "polyline"):
        if kind == "polyline":
            return None
        return _zipped(shape.get("all_points_x"), shape.get("all_points_y"))
    keys = {
        "rect": ("x", "y", "width", "height"),
        "circle": ("cx", "cy", "r"),
        "ellipse": ("cx", "cy", "rx", "ry", "theta"),
    }.get(kind)
    if keys is None:
        return None
    return _ring_of_numbers(kind, [shape.get(key, 0) for key in keys])


def _zipped(x: Any, y: Any) -> Ring:
    one, two = numbers(x), numbers(y)
    n = min(len(one), len(two))
    return np.stack([one[:n], two[:n]], axis=1)


def _ring_of_numbers(kind: str, given: Iterable[Any]) -> Ring | None:
    values = numbers(given)
    if kind == "polygon":
        return values[: len(values) // 2 * 2].reshape(-1, 2)
    if kind == "rect" and len(values) >= 4:
        x, y, width, height = values[:4]
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        return np.array(corners, float)
    if kind == "extreme_rect" and len(values) >= 8:
        points = values.reshape(-1, 2)
        (x, y), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return np.array([(x, y), (right, y), (right, bottom), (x, bottom)], float)
    if kind == "circle" and len(values) >= 3:
        return _ellipse(values[0], values[1], values[2], values[2], 0.0)
    if kind == "ellipse" and len(values) >= 4:
        theta = values[4] if len(values) > 4 else 0.0
        return _ellipse(values[0], values[1], values[2], values[3], theta)
    return None


def _ellipse(x: float, y: float, rx: float, ry: float, theta: float) -> Ring:
    at = np.linspace(0, 2 * np.pi, _CIRCLE, endpoint=False)
    along, across = rx * np.cos(at), ry * np.sin(at)
    turned = (
        x + along * np.cos(theta) - across * np.sin(theta),
        y + along * np.sin(theta) + across * np.cos(theta),
    )
    return np.stack(turned, axis=1)


def via_value(images: Iterable[tuple[str, int, Annotated]], table: ClassTable) -> dict[str, Any]:
    """Return annotated images as a VIA 2 project.

    Parameters
    ----------
    images : iterable of (file name, bytes of the file, Annotated)
    table : ClassTable
    """
    attribute = table.attribute or "name"
    entries = {}
    for file_name, size, each in images:
        regions = [_entry(region, attribute) for region in outlined(each, table)]
        entries[f"{file_name}{size}"] = {
            "filename": file_name,
            "size": size,
            "regions": [entry for several in regions for entry in several],
            "file_attributes": about_words(each),
        }
    options = {entry.name: "" for entry in table.classes} | {GRAIN: "", "ignore": ""}
    choice = {"type": "dropdown", "description": "", "options": options, "default_options": {}}
    number = {"type": "text", "description": "Grain number", "default_value": ""}
    return {
        "_via_settings": {
            "ui": {
                "annotation_editor_height": 25,
                "annotation_editor_fontsize": 0.8,
                "leftsidebar_width": 18,
                "image_grid": {
                    "img_height": 80,
                    "rshape_fill": "none",
                    "rshape_fill_opacity": 0.3,
                    "rshape_stroke": "yellow",
                    "rshape_stroke_width": 2,
                    "show_region_shape": True,
                    "show_image_policy": "all",
                },
                "image": {
                    "region_label": attribute,
                    "region_color": attribute,
                    "region_label_font": "10px Sans",
                    "on_image_annotation_editor_placement": "NEAR_REGION",
                },
            },
            "core": {"buffer_size": 18, "filepath": {}, "default_filepath": "images/"},
            "project": {"name": "napari-etch"},
        },
        "_via_img_metadata": entries,
        "_via_attributes": {"region": {attribute: choice, NUMBER: number}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(entries),
    }


def _entry(region: Region, attribute: str) -> list[dict[str, Any]]:
    """Return a region of several pieces as several regions of VIA with one number."""
    words = {attribute: region.word}
    if region.number is not None:
        words[NUMBER] = str(region.number)
    return [
        {
            "shape_attributes": {
                "name": "polygon",
                "all_points_x": ring[:, 0].astype(int).tolist(),
                "all_points_y": ring[:, 1].astype(int).tolist(),
            },
            "region_attributes": words,
        }
        for ring in region.rings
    ]
