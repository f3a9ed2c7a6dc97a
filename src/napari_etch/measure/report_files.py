"""The files of a report, as bytes: JSON, CSV, HTML, and on request Excel and PDF."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_etch.measure.methods import Method
from napari_etch.measure.report import (
    Report,
    as_dict,
    four_digits,
    headline,
    interval_text,
    more_fields_text,
    range_text,
)
from napari_etch.measure.report_figure import draw_directions, draw_distribution, shrunk
from napari_etch.measure.report_html import details, html_report

if TYPE_CHECKING:
    import pandas as pd

# Units of `Method.scale` as columns of a table have them.
_UNITS = {"density": "_per_mm2", "area": "_um2", "intercepts": "_per_mm", "iso": "_per_mm2"}

JSON_FILE = "measure.json"
TABLE_FILE = "grains.csv"
FIELDS_FILE = "fields.csv"
HTML_FILE = "report.html"
EXCEL_FILE = "measure.xlsx"
PDF_FILE = "report.pdf"


def json_bytes(report: Report, plain: Callable[[Any], Any]) -> bytes:
    """Return ``measure.json``; `plain` turns numpy's numbers and NaN into what JSON knows."""
    text = json.dumps(plain(as_dict(report)), indent=1, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode("utf-8")


def csv_bytes(report: Report) -> bytes:
    """Return ``grains.csv``, a row a grain."""
    return report.table.to_csv(index=False, float_format="%.6g").encode("utf-8")


def fields_bytes(report: Report) -> bytes:
    """Return ``fields.csv``, a row a field."""
    return field_table(report).to_csv(index=False, float_format="%.6g").encode("utf-8")


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


def html_bytes(report: Report) -> bytes:
    """Return ``report.html``."""
    return html_report(report).encode("utf-8")


def excel_bytes(report: Report) -> bytes:
    """Return ``measure.xlsx``: grain size, fields and grains, a sheet each."""
    import pandas as pd

    results = pd.DataFrame(
        {
            "method": each.method.title,
            "rule of": each.method.standard,
            "measured": each.mean.value,
            "unit": each.method.unit,
            "G": round(each.grain_number, 3),
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
    file = io.BytesIO()
    with pd.ExcelWriter(file, engine="openpyxl") as writer:
        for name, table in (
            ("grain size", results),
            ("fields", field_table(report)),
            ("grains", report.table),
            ("remarks", pd.DataFrame({"remark": list(report.all_remarks)})),
        ):
            table.to_excel(writer, sheet_name=name, index=False)
            sheet = writer.sheets[name]
            sheet.freeze_panes = "A2"
            for cell in sheet["A"]:
                if cell.data_type == "f":  # a file may be called =1+1
                    cell.data_type = "s"
            for column in sheet.iter_cols(min_row=1, max_row=min(sheet.max_row, 20)):
                widest = max(len(str(cell.value or "")) for cell in column)
                sheet.column_dimensions[column[0].column_letter].width = min(widest + 2, 60)
    return file.getvalue()


def pdf_bytes(report: Report) -> bytes:
    """Return ``report.pdf``, one A4 page."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.27, 11.69))
    FigureCanvasPdf(figure)
    _write_head(figure, report)
    _write_table(figure.add_axes((0.06, 0.59, 0.88, 0.25)), report)
    source = report.sources[0]
    for left, picture in ((0.06, source.picture), (0.52, source.overlay)):
        if picture is not None:
            axes = figure.add_axes((left, 0.335, 0.42, 0.235))
            axes.imshow(shrunk(picture, 1000))
            axes.set_axis_off()
    draw_distribution(figure.add_axes((0.1, 0.205, 0.42, 0.115)), report.measurement)
    draw_directions(
        figure.add_axes((0.68, 0.185, 0.22, 0.115), projection="polar"), report.measurement
    )
    rows = [f"{name}: {text}" for name, text in details(report)]
    rows += [
        f"{each.name}: {each.image}, model {each.model or 'not known'}" for each in report.sources
    ]
    figure.text(0.06, 0.16, _lines(rows, 130, 13), fontsize=6.5, va="top")
    file = io.BytesIO()
    with warnings.catch_warnings():
        # a file may be called by signs that the font lacks; a box stands for them
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="pdf")
    return file.getvalue()


def _write_head(figure: Any, report: Report) -> None:
    from napari_etch import __version__

    figure.text(0.06, 0.965, "Grain size", fontsize=16, weight="bold", va="top")
    figure.text(0.06, 0.94, headline(report.measurement), fontsize=11, va="top")
    about = (
        f"{report.made} · napari-etch {__version__} · "
        f"{report.measurement.pixel_size_um:g} µm a pixel · {report.sources[0].name}"
    )
    figure.text(0.06, 0.92, about, fontsize=7, color="#555555", va="top")
    remarks = list(report.all_remarks)
    ranged = range_text(report.uncertainty)
    if ranged:
        remarks.insert(0, ranged)
    figure.text(0.06, 0.9, _lines(remarks, 130, 5), fontsize=6.5, color="#a02030", va="top")


def _lines(texts: list[str], width: int, most: int) -> str:
    from textwrap import wrap

    lines = [line for text in texts for line in wrap(text, width)]
    if len(lines) > most:
        lines = [*lines[: most - 1], "… more in measure.json"]
    return "\n".join(lines)


def _write_table(axes: Any, report: Report) -> None:
    axes.set_axis_off()
    cells = []
    for each in report.measurement.results:
        accuracy = each.mean.relative_accuracy
        cells.append(
            [
                each.method.title,
                each.method.standard + (" *" if each.method.recalled else ""),
                f"{four_digits(each.mean.value)} {each.method.unit}",
                f"{each.grain_number:.1f}",
                interval_text(each),
                "" if accuracy is None else f"{accuracy:.0f}",
                more_fields_text(each),
            ]
        )
    table = axes.table(
        cells,
        colLabels=[
            "Method",
            "Rule of (* recalled)",
            "Measured",
            "G",
            "95 %",
            "% RA",
            "Still needed",
        ],
        colWidths=[0.22, 0.25, 0.21, 0.05, 0.11, 0.06, 0.1],
        cellLoc="left",
        bbox=(0, 0, 1, 1),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(6.5)
    for cell in table.get_celld().values():
        cell.set_linewidth(0.3)
