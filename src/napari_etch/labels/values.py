"""Small values in foreign files: numbers that may be words, and what an image says of itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.labels.annotated import Annotated

PIXEL_SIZE, SPECIMEN = "pixel_size_um", "specimen"
# In `Annotated.made`: that the image states another pixel size than was typed.
PIXEL_SIZE_CONFLICT = "pixel_size_conflict"
# In `Annotated.made`: that an image, as it was named, is not the one that the labels are of.
IMAGE_CONFLICT = "image_conflict"
_MOST = np.iinfo(np.int32).max


def numbers(given: Any) -> npt.NDArray[np.float64]:
    """Return a list of numbers, float64 (n,), NaN where one is none; empty for what is no list."""
    if given is None or isinstance(given, str) or not isinstance(given, Iterable):
        return np.zeros(0)
    return np.array([_number(value) for value in given], float)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def number_or_none(value: Any) -> int | None:
    """Return a grain number, 1 … 2147483647; None when it is no such number."""
    if isinstance(value, bool):
        return None
    found = _number(value)
    if not math.isfinite(found) or found != int(found) or not 1 <= found <= _MOST:
        return None
    return int(found)


def about_words(each: Annotated) -> dict[str, str]:
    """Return what an image says of itself as words."""
    found = {}
    if each.pixel_size_um is not None:
        found[PIXEL_SIZE] = repr(float(each.pixel_size_um))
    if each.specimen:
        found[SPECIMEN] = each.specimen
    return found


def about_values(each: Annotated) -> dict[str, Any]:
    """Return what an image says of itself, for formats that hold numbers."""
    words: dict[str, Any] = dict(about_words(each))
    if each.pixel_size_um is not None:
        words[PIXEL_SIZE] = float(each.pixel_size_um)
    return words


def about_from(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `Annotated` that `about_words` wrote, as far as they can be read."""
    found: dict[str, Any] = {}
    size = _number(words.get(PIXEL_SIZE))
    if math.isfinite(size) and size > 0:
        found["pixel_size_um"] = size
    if words.get(SPECIMEN):
        found["specimen"] = str(words[SPECIMEN])
    return found


def made_from(value: Any) -> dict[str, Any]:
    """Return the field ``made`` of `Annotated` of what a file says of it; nothing of rubbish."""
    return {"made": dict(value)} if value and isinstance(value, Mapping) else {}
