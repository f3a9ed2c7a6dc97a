"""What a result says of itself, as JSON holds it."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch import __version__
from napari_etch.results.files import SUMMARY_FILE
from napari_etch.results.source_image import said_of_image

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph


def made_now() -> dict[str, str]:
    """Return the version and the time, as every result states them."""
    return {"napari_etch": __version__, "made": datetime.now(UTC).isoformat(timespec="seconds")}


def about_image(micrograph: Micrograph) -> dict[str, Any]:
    """Return name, size and pixel size of the image that a result was made from."""
    calibration = micrograph.calibration
    return {
        "image": said_of_image(micrograph),
        "pixel_size_um": micrograph.pixel_size_um,
        "pixel_size_source": calibration.source if calibration else None,
        "section_distance_um": micrograph.distance_um if micrograph.is_stack else None,
    }


def write_summary(folder: Path, said: dict[str, Any]) -> None:
    """Write what a result says of itself; it holds nothing but what JSON does (`plain`)."""
    text = json.dumps(said, indent=1, allow_nan=False)
    (folder / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")


def read_summary(folder: Path) -> dict[str, Any]:
    """Return what the summary in a folder of results says; empty where there is none.

    A damaged one is no missing one: without it the pixel size would be lost, and corrections of an
    earlier map taken for those of this one.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    path = folder / SUMMARY_FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error})") from None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise ValueError(
            f"{path} is damaged: copy it again from its source, or make this result anew"
        )
    return said


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: numpy numbers become Python's, NaN None, the rest text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
