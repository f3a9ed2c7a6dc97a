"""A measurement on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.measure.report_excel import excel_bytes
from napari_etch.measure.report_files import (
    csv_bytes,
    fields_bytes,
    html_bytes,
    json_bytes,
    pdf_bytes,
)
from napari_etch.results.about import plain
from napari_etch.results.files import (
    EXCEL_FILE,
    FIELDS_FILE,
    HTML_FILE,
    JSON_FILE,
    MEASURE_FILES,
    PDF_FILE,
    TABLE_FILE,
    PathLike,
    check_free,
    write_whole,
)

if TYPE_CHECKING:
    from napari_etch.measure.report import Report


def write_report(
    report: Report,
    folder: PathLike,
    *,
    excel: bool = False,
    pdf: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a measurement into a folder, all files or none.

    Parameters
    ----------
    report : Report
        What to write.
    folder : str or path
        Is made, with its parents. Other files in it stay.
    excel, pdf : bool
        Write ``measure.xlsx`` and ``report.pdf``, too.
    overwrite : bool
        Replace an earlier measurement.

    Raises
    ------
    ResultExistsError
        When there is an earlier one and `overwrite` is not set.
    OSError
        When the disk does not take it.
    """
    folder = Path(folder)
    if not overwrite:
        check_free(folder, MEASURE_FILES)

    def write(unfinished: Path) -> None:
        for name in MEASURE_FILES:
            if (name != EXCEL_FILE or excel) and (name != PDF_FILE or pdf):
                (unfinished / name).write_bytes(report_file(report, name))

    write_whole(folder, write, MEASURE_FILES, overwrite=overwrite)


def report_file(report: Report, name: str) -> bytes:
    """Return one of the files of a measurement.

    Parameters
    ----------
    report : Report
    name : str
        One of `MEASURE_FILES`.
    """
    if name == JSON_FILE:
        return json_bytes(report, plain)
    makers = {
        TABLE_FILE: csv_bytes,
        FIELDS_FILE: fields_bytes,
        HTML_FILE: html_bytes,
        EXCEL_FILE: excel_bytes,
        PDF_FILE: pdf_bytes,
    }
    return makers[name](report)
