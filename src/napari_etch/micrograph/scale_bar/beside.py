"""Where the text of a scale bar is printed: above or below it, or at its side."""

from __future__ import annotations

from napari_etch.micrograph.box import Box

MOST_GAP = 2.0
"""From the bar to the text, of the text's height."""

_OFF_MIDDLE = 0.15  # of the bar's length: as far the text's middle may be off that of the bar


def is_beside(line: Box, bar: Box) -> bool:
    """Whether text lies above or below a bar as it is printed there, or goes on from it."""
    if line.left < bar.right and bar.left < line.right:
        gap = max(line.top - bar.bottom, bar.top - line.bottom)
        middles = abs(line.left + line.right - bar.left - bar.right) / 2
        ends = min(abs(line.left - bar.left), abs(line.right - bar.right))
        aligned = middles <= _OFF_MIDDLE * bar.width + line.height or ends <= line.height
        return aligned and 0 <= gap <= MOST_GAP * line.height
    gap = max(line.left - bar.right, bar.left - line.right)
    level = line.top <= bar.bottom and bar.top <= line.bottom
    return level and gap <= MOST_GAP * line.height
