"""How many grains there are, between which limits, and how many to a square millimetre."""

from napari_etch.counting.grains import (
    CORNER,
    COUNT_MODEL,
    EDGE,
    INSIDE,
    GrainCount,
    count_grains,
    count_map,
    count_partition,
)
from napari_etch.counting.interval import (
    Calibration,
    Links,
    calibration_of,
    calibration_of_card,
)

__all__ = [
    "CORNER",
    "COUNT_MODEL",
    "EDGE",
    "INSIDE",
    "Calibration",
    "GrainCount",
    "Links",
    "calibration_of",
    "calibration_of_card",
    "count_grains",
    "count_map",
    "count_partition",
]
