"""Tables of specimens, `specimens.csv`: which image shows which specimen."""

from __future__ import annotations

import csv
from pathlib import Path

COLUMNS = ("image", "specimen")


class SpecimenTableError(ValueError):
    """A table that does not say which image is of which specimen; one sentence for the user."""


def read_specimen_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table of specimens, all without blanks around their words.

    A table that cannot be used is refused: passed over in silence, images of one specimen would
    come to lie on both sides of a split.

    Parameters
    ----------
    path : Path
        CSV with the columns image and specimen; others may be there.

    Returns
    -------
    list of dict
        The words by column; "" where a row is too short.

    Raises
    ------
    SpecimenTableError
        When it is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecimenTableError(
            f"{path} cannot be read as a table ({error}): save it as CSV in UTF-8."
        ) from error
    heads = [head.strip() for head in rows[0]] if rows else []
    if not set(COLUMNS) <= set(heads):
        raise SpecimenTableError(
            f"{path} has the columns {', '.join(heads) or 'none'}: it needs image and specimen, "
            "with a comma between them."
        )
    return [
        dict.fromkeys(heads, "")
        | {head: word.strip() for head, word in zip(heads, row, strict=False)}
        for row in rows[1:]
        if row
    ]
