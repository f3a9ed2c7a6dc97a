"""The table of fields, which CSV and Excel share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_etch.measure.methods import Method
from napari_etch.measure.report import Report

if TYPE_CHECKING:
    import pandas as pd

# Units of `Method.scale` as columns of a table have them.
_UNITS = {"density": "_per_mm2", "area": "_um2", "intercepts": "_per_mm", "iso": "_per_mm2"}


def field_table(report: Report) -> pd.DataFrame:
    """Return a row a field: what it is, its grains, what each method measured, and G of that.

    The columns of a method are its key with the unit, and the key with ``_G``; they are empty where
    it could not be used.
    """
    import pandas as pd

    used = [each.method for each in report.measurement.results]
    return pd.DataFrame(
        {
            "field": source.name,
            "image": source.image,
            "model": source.model,
            "weights_hash": source.weights_hash,
            "granularity": source.granularity,
            "pixel_size_um": measured.pixel_size_um,
            "area_mm2": measured.area_mm2,
            "grains": measured.grain_count,
            "whole_grains": measured.interior_count,
            **{each.key + _UNITS[each.scale]: measured.values.get(each.key) for each in used},
            **{f"{each.key}_G": _number(each, measured.values.get(each.key)) for each in used},
        }
        for measured, source in zip(report.measurement.fields, report.sources, strict=True)
    )


def _number(method: Method, value: float | None) -> float | None:
    return None if value is None else method.grain_number(value)
