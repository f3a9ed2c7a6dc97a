"""The table of an alignment: where each section of a stack was moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_etch.micrograph.align import SectionShift


def write_shifts(path: Path, shifts: Sequence[SectionShift]) -> None:
    """Write where each section was moved, a row a section."""
    import pandas as pd

    names = {"y": "y_px", "x": "x_px", "step_y": "step_y_px", "step_x": "step_x_px"}
    table = pd.DataFrame([asdict(each) for each in shifts]).rename(columns=names)
    table.to_csv(path, index=False, float_format="%.4g")
