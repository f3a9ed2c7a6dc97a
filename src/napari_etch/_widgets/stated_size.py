"""The pixel size that the file of an image states, kept beside the one that was typed since."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_etch.micrograph import MicrographError
from napari_etch.micrograph.calibration import Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPED, FROM_LINE = "typed", "scale bar line"


def stated_by(calibration: Calibration | None) -> dict[str, Any] | None:
    """Return what a layer keeps of the pixel size of its file."""
    if calibration is None:
        return None
    return {"pixel_size_um": calibration.pixel_size_um, "source": calibration.source}


def conflict_of(made: Mapping[str, Any], pixel_size_um: float | None) -> str:
    """Return what is wrong where the file states another pixel size than an image has now.

    Parameters
    ----------
    made : mapping
        What the layer of the image says of itself.
    pixel_size_um : float or None
        That of the image, µm.

    Returns
    -------
    str
        A clause; empty where nothing is wrong, or the file says nothing.
    """
    stated = made.get("stated")
    if not isinstance(stated, dict) or pixel_size_um is None:
        return ""
    with suppress(KeyError, TypeError, MicrographError):  # the metadata of somebody else
        file = Calibration(stated["pixel_size_um"], str(stated["source"]))
        how = str(made.get("sized") or TYPED)
        return Calibration(pixel_size_um, how, file).conflict
    return ""
