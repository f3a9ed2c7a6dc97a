"""Sample data for napari's File ▸ Open Sample menu."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_etch._widgets.layers import stated_step
from napari_etch._widgets.stated_size import stated_by

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

LayerData = tuple[Any, dict[str, Any], str]


def image_layer_data(micrograph: Micrograph) -> LayerData:
    """Return a micrograph as layer data for napari, in µm when it is calibrated."""
    keywords: dict[str, Any] = {
        "name": micrograph.name,
        "rgb": micrograph.data.ndim == 3 and not micrograph.is_stack,
        "metadata": {
            "napari_etch": {
                "kind": "micrograph",
                "calibration": micrograph.calibration and micrograph.calibration.source,
                "stated": stated_by(micrograph.calibration),
                "info_bar_row": micrograph.info_bar_row,
                **micrograph.choice.asked,
            }
        },
    }
    if micrograph.pixel_size_um:
        keywords["scale"] = (micrograph.pixel_size_um,) * 2
        keywords["units"] = ("µm", "µm")
        if micrograph.is_stack:
            keywords["scale"] = (stated_step(micrograph.distance_um), *keywords["scale"])
            keywords["units"] = ("µm", *keywords["units"])
    return micrograph.data, keywords, "image"


def steel() -> list[LayerData]:
    """Return the NIST steel micrograph."""
    from napari_etch.samples import sample_steel

    data, keywords, kind = image_layer_data(sample_steel())
    return [(data, {**keywords, "name": "NIST steel"}, kind)]


def virtual() -> list[LayerData]:
    """Return a rendered virtual micrograph and, hidden, the grains it was rendered from."""
    from napari_etch.virtual import sample_micrograph

    image, labels = sample_micrograph(seed=0, size=512)
    return [
        (image, {"name": "virtual micrograph"}, "image"),
        (labels, {"name": "virtual micrograph · truth", "visible": False}, "labels"),
    ]
