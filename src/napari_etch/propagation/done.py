"""The last word on a section of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_etch.grains import Partition
    from napari_etch.inference import Prediction
    from napari_etch.micrograph import Micrograph


@dataclass(frozen=True, eq=False)
class SectionDone:
    """What was found in one section: the last word on it in `segment_sections`.

    Attributes
    ----------
    index : int
        Its place among the sections.
    micrograph : Micrograph
    prediction : Prediction
    partition : Partition
    """

    index: int
    micrograph: Micrograph
    prediction: Prediction
    partition: Partition
