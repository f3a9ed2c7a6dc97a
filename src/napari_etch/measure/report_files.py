"""The files of a report, as bytes: JSON, CSV, HTML, and on request PDF."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from typing import Any

from napari_etch.measure.fields import MethodResult
from napari_etch.measure.report import (
    Report,
    as_dict,
    four_digits,
    headline,
    interval_text,
    mean_intercept_um,
    more_fields_text,
    range_text,
)
from napari_etch.measure.report_figure import draw_directions, draw_distribution, shrunk
from napari_etch.measure.report_html import details, html_report, model_text
from napari_etch.measure.report_table import field_table

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


def html_bytes(report: Report) -> bytes:
    """Return ``report.html``."""
    return html_report(report).encode("utf-8")


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
        f"{each.name}: {each.image or 'image not known'}, model {model_text(each)}"
        for each in report.sources
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
    first = report.sources[0].name
    about = (
        f"{report.made} · napari-etch {__version__} · "
        f"{report.measurement.pixel_size_um:g} µm a pixel · "
        f"{first if len(report.sources) == 1 else f'pictures of {first}'}"
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
                _measured(each),
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
        colWidths=[0.2, 0.24, 0.25, 0.05, 0.1, 0.06, 0.1],
        cellLoc="left",
        bbox=(0, 0, 1, 1),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(6.5)
    for cell in table.get_celld().values():
        cell.set_linewidth(0.3)


def _measured(result: MethodResult) -> str:
    """Return what a method measured, shorter than `measured_text` says it."""
    intercept = mean_intercept_um(result)
    if intercept is None:
        return f"{four_digits(result.mean.value)} {result.method.unit}"
    return f"{four_digits(result.mean.value)} per mm, intercept {four_digits(intercept)} µm"
