"""What a scale bar says: a length such as "50 µm"."""

from __future__ import annotations

import re

from napari_etch.micrograph.calibration import micrometres_per

# As read: without spaces, and with "um" where a font or a program has no µ.
_LENGTH = re.compile(r"(0|[1-9]\d{0,3})(?:[.,](\d{1,2}|\d{3}(?<!000)))?(nm|µm|um|mm|cm)")
# Thousands parted by a comma look like a decimal one with three figures.
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")


def length_text(read: str) -> str | None:
    """Return a length in the form "50 µm"; None for what is none.

    Parameters
    ----------
    read : str
        Characters without spaces.
    """
    match = _LENGTH.fullmatch(read)
    if match is None or _THOUSANDS.match(read):
        return None
    whole, part, unit = match.groups()
    number = whole if part is None else f"{whole}.{part}"
    return f"{number} {unit.replace('u', 'µ')}" if float(number) > 0 else None


def micrometres_of(text: str) -> float:
    """Return the length that `length_text` gave, µm."""
    number, unit = text.split()
    per = micrometres_per(unit)
    assert per is not None
    return float(number) * per
