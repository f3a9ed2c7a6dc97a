"""A report as an Excel workbook: a sheet for each kind of numbers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from napari_etch.measure.report import Report, headline, mean_area_um2, mean_intercept_um
from napari_etch.measure.report_html import details
from napari_etch.measure.report_table import field_table
from napari_etch.measure.statistics import fields_needed

if TYPE_CHECKING:
    import pandas as pd

_WIDEST = 60
_LOOKED_AT = 20  # rows whose texts a column is made wide enough for


def excel_bytes(report: Report) -> bytes:
    """Return ``measure.xlsx``: all numbers in full, so that a spreadsheet can go on with them."""
    import pandas as pd

    file = io.BytesIO()
    with pd.ExcelWriter(file, engine="openpyxl") as writer:
        for name, table in _sheets(report).items():
            _as_text(table).to_excel(writer, sheet_name=name, index=False)
            _dress(writer.sheets[name])
    return file.getvalue()


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a question mark for each sign that no cell may hold."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    def plain(value: Any) -> Any:
        return ILLEGAL_CHARACTERS_RE.sub("?", value) if isinstance(value, str) else value

    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    return table.assign(**{name: table[name].map(plain) for name in texts})


def _sheets(report: Report) -> dict[str, pd.DataFrame]:
    import pandas as pd

    sheets = {
        "grain size": _results(report),
        "fields": field_table(report),
        "grains": report.table,
        "structure": pd.DataFrame(details(report), columns=["what", "found"]),
        "distribution": _distribution(report),
        "directions": _directions(report),
        "area fractions": _fractions(report),
        "segmentation": _segmentation(report),
        "remarks": pd.DataFrame({"remark": list(report.all_remarks)}),
        "about": _about(report),
    }
    always = ("remarks",)
    return {name: each for name, each in sheets.items() if name in always or not each.empty}


def _results(report: Report) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "method": each.method.title,
            "rule of": each.method.standard,
            "measured": each.mean.value,
            "unit": each.method.unit,
            "mean intercept, µm": mean_intercept_um(each),
            "mean area, µm²": mean_area_um2(each),
            "G": each.grain_number,
            "G low": each.g_low,
            "G high": each.g_high,
            "% RA": each.mean.relative_accuracy,
            "interval from": each.mean.source,
            "fields": each.fields,
            "fields still needed": each.more_fields,
            "recalled from memory": each.method.recalled,
        }
        for each in report.measurement.results
    )


def _distribution(report: Report) -> pd.DataFrame:
    import pandas as pd

    found = report.measurement.distribution
    if found is None:
        return pd.DataFrame()
    both = {"by number": found.by_number, "by area": found.by_area}
    columns = {
        name: {
            **{f"D{percent}, µm": size for percent, size in shares.percentiles_um.items()},
            "mean, µm": shares.mean_um,
            "standard deviation, µm": shares.deviation_um,
            "log-normal median, µm": shares.log_mean_um,
            "log-normal deviation of ln(diameter)": shares.log_deviation,
        }
        for name, shares in both.items()
    }
    table = pd.DataFrame(columns)
    table.loc["Kolmogorov-Smirnov distance to the log-normal fit", "by number"] = found.fit_distance
    table.loc["whole grains", "by number"] = found.n
    return table.rename_axis("diameters").reset_index()


def _directions(report: Report) -> pd.DataFrame:
    import pandas as pd

    found = report.measurement.anisotropy
    return pd.DataFrame(
        {
            "angle, °": each.angle_deg,
            "intersections per mm": each.per_mm,
            "mean intercept, µm": each.mean_intercept_um if each.per_mm else None,
        }
        for each in (() if found is None else found.directions)
    )


def _fractions(report: Report) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for name, each in report.fractions.items():
        mean = each.point_fraction
        rows.append(
            {
                "class": name,
                "% by points (E562)": 100 * mean.value,
                "± 95 %": None if mean.half_width is None else 100 * mean.half_width,
                "% RA": mean.relative_accuracy,
                "points": each.points,
                "fields": mean.n,
                "fields still needed": fields_needed(mean),
                "% by pixels": 100 * each.pixel_fraction,
            }
        )
    return pd.DataFrame(rows)


def _segmentation(report: Report) -> pd.DataFrame:
    import pandas as pd

    found = report.uncertainty
    if found is None:
        return pd.DataFrame()
    titles = {each.method.key: each.method.title for each in report.measurement.results}
    numbers = {f"G, {titles.get(key, key)}": values for key, values in found.grain_numbers.items()}
    return pd.DataFrame({"granularity": found.granularities, **numbers})


def _about(report: Report) -> pd.DataFrame:
    import pandas as pd

    from napari_etch import __version__

    rows = [
        ("grain size", headline(report.measurement)),
        ("made", report.made),
        ("napari-etch", __version__),
        ("pixel size, µm", report.measurement.pixel_size_um),
    ]
    return pd.DataFrame(rows, columns=["about", "is"])


def _dress(sheet: Any) -> None:
    sheet.freeze_panes = "A2"
    for cell in sheet["A"]:
        if cell.data_type == "f":  # a file may be called =1+1
            cell.data_type = "s"
    for column in sheet.iter_cols(min_row=1, max_row=min(sheet.max_row, _LOOKED_AT)):
        widest = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[column[0].column_letter].width = min(widest + 2, _WIDEST)
