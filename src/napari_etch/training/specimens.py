"""Tables of specimens, `specimens.csv`: which image shows which specimen."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

COLUMNS = ("image", "specimen")
PIXEL_SIZE = "pixel_size_um"


class SpecimenTableError(ValueError):
    """A table that does not say which image is of which specimen; one sentence for the user."""


def read_specimen_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table of specimens, all without blanks around their words.

    A table that cannot be used is refused: passed over in silence, images of one specimen would
    come to lie on both sides of a split.

    Parameters
    ----------
    path : Path
        CSV with the columns image and specimen, and perhaps pixel_size_um; others may be there.
        Words are parted by commas, or by semicolons or tabs, as Excel has it in many countries.

    Returns
    -------
    list of dict
        The words by column; "" where a row is too short.

    Raises
    ------
    SpecimenTableError
        When it is no such table, or a pixel size is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            mark = _parting(file.readline())
            file.seek(0)
            rows = list(csv.reader(file, delimiter=mark))
    except OSError as error:
        raise SpecimenTableError(
            f"{path} cannot be read ({error.strerror or error}): close it in the program that has "
            "it open, or check its permissions."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SpecimenTableError(
            f"{path} cannot be read as a table ({error}): save it as CSV in UTF-8."
        ) from error
    heads = [head.strip() for head in rows[0]] if rows else []
    if not set(COLUMNS) <= set(heads):
        raise SpecimenTableError(
            f"{path} has the columns {', '.join(heads) or 'none'}: it needs image and specimen."
        )
    found = [
        dict.fromkeys(heads, "")
        | {head: word.strip() for head, word in zip(heads, row, strict=False)}
        for row in rows[1:]
        if row
    ]
    for row in found:
        if mark != "," and PIXEL_SIZE in row:  # where it parts no words it may be a decimal comma
            row[PIXEL_SIZE] = row[PIXEL_SIZE].replace(",", ".")
        _check_pixel_size(path, row)
    return found


def _parting(heads: str) -> str:
    """Return what parts the words of a table, by the line of its columns."""
    for mark in (";", "\t"):
        if set(COLUMNS) <= {word.strip().strip('"') for word in heads.split(mark)}:
            return mark
    return ","


def _check_pixel_size(path: Path, row: Mapping[str, str]) -> None:
    """Refuse a pixel size that is none, in whose place that of the image would be taken."""
    word = row.get(PIXEL_SIZE, "")
    with suppress(ValueError):
        if not word or 0 < float(word) < math.inf:
            return
    raise SpecimenTableError(
        f"{path} gives {row[COLUMNS[0]] or 'an image'} the pixel size {word!r}: write the µm of a "
        "pixel, such as 0.225, or nothing."
    )
