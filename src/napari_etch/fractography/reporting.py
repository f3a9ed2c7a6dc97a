"""What is said and shown of a fracture map: the table of areas, the overlay, the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.fractography.areas import ClassArea

if TYPE_CHECKING:
    import pandas as pd

    from napari_etch.fractography.mapping import FractureMap

#: Share of the class's colour in the overlay.
TINT = 0.35


def area_table(areas: Sequence[ClassArea]) -> pd.DataFrame:
    """Return a row for each class: its area, and its shares with their 95 % intervals.

    Parameters
    ----------
    areas : sequence of ClassArea
    """
    import pandas as pd

    table = pd.DataFrame([asdict(area) for area in areas])
    table = table.rename(columns={"id": "class", "name": "mode"})
    return table.drop(columns="area_um2") if table["area_um2"].isna().all() else table


def area_summary(areas: Sequence[ClassArea]) -> dict[str, Any]:
    """Return the areas by name, ready for JSON."""
    return {
        area.name: {
            "class": area.id,
            "area_px": area.area_px,
            "area_um2": area.area_um2,
            "of_labelled": area.of_labelled,
            "of_labelled_95": [area.of_labelled_low, area.of_labelled_high],
            "of_field": area.of_field,
            "of_field_95": [area.of_field_low, area.of_field_high],
        }
        for area in areas
    }


def map_summary(found: FractureMap, areas: Sequence[ClassArea]) -> dict[str, Any]:
    """Return what ``summary.json`` says of a map, besides of the image.

    Parameters
    ----------
    found : FractureMap
    areas : sequence of ClassArea
    """
    specimen = found.field
    labelled = (found.classes > 0) & specimen
    return {
        "modes": area_summary(areas),
        "field_px": int(specimen.sum()),
        "labelled_share": float(labelled.sum() / max(1, specimen.sum())),
        "mean_confidence": float(found.probability.max(0)[specimen].mean()),
        "class_table": found.table.as_json(),
        "model": found.model,
        "weights_hash": found.weights_hash,
        "parameters": found.parameters,
        "device": found.device,
        "seconds": round(found.seconds, 3),
        "notices": found.notices,
    }


def mode_rgb(found: FractureMap) -> npt.NDArray[np.uint8]:
    """Tint a micrograph by its classes, uint8 (y, x, 3); what has none stays grey.

    Parameters
    ----------
    found : FractureMap
    """
    grey = (255 * found.micrograph.grey()).astype(np.float32)
    picture = np.repeat(grey[..., None], 3, axis=-1)
    palette = np.zeros((256, 3), np.float32)
    for number, colour in found.table.colours.items():
        palette[number] = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    tinted = (1 - TINT) * picture + TINT * palette[found.classes]
    picture = np.where((found.classes > 0)[..., None], tinted, picture)
    return np.asarray(picture.round(), np.uint8)
