"""Pictures of results: lines, grains and bridges over the micrograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_etch.grains import boundary_lines

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.repairing import Repaired

# Vermilion: far from every grey in hue, and told from it by colour-blind readers too.
LINE_COLOUR = (255, 80, 0)
# Of the line of a bridge, from one as sure as not to a certain one: far from the lines' own colour,
# and light over black lines, dark over white grains.
UNSURE_COLOUR, SURE_COLOUR = (215, 0, 215), (0, 165, 255)


def repair_rgb(repaired: Repaired, micrograph: Micrograph) -> np.ndarray:
    """Draw the bridges over what they close, each in the colour of its confidence.

    Over a micrograph the lines that were found are drawn too.

    Parameters
    ----------
    repaired : Repaired
    micrograph : Micrograph
        What was repaired, (y, x) or (y, x, 3).

    Returns
    -------
    np.ndarray
        uint8, (y, x, 3).
    """
    if repaired.kind == "grains":
        lines = np.where(repaired.boundary >= 0.5, np.uint8(0), np.uint8(255))
        image = np.repeat(lines[..., None], 3, axis=-1)
    else:
        image = _rgb(micrograph)
    if repaired.kind == "micrograph":
        image[boundary_lines(repaired.grains)] = LINE_COLOUR
    bridged = repaired.added > 0
    image[bridged] = bridge_colours(repaired.added[bridged])
    return image


def bridge_colours(confidence: np.ndarray) -> np.ndarray:
    """Return the colours of bridges, uint8 (n, 3), of their confidence, (n,) in [0, 1].

    At a half and below it is `UNSURE_COLOUR`, at 1 `SURE_COLOUR`.
    """
    share = np.clip(2 * confidence[:, None] - 1, 0, 1)
    colours = (1 - share) * np.array(UNSURE_COLOUR) + share * np.array(SURE_COLOUR)
    return np.asarray(colours.round(), np.uint8)


def overlay_rgb(micrograph: Micrograph | None, grains: np.ndarray) -> np.ndarray:
    """Draw the outlines of grains over their micrograph.

    Parameters
    ----------
    micrograph : Micrograph or None
        One image, (y, x) or (y, x, 3); None is white paper.
    grains : np.ndarray
        Grain map, int, (y, x).

    Returns
    -------
    np.ndarray
        uint8, (y, x, 3), lines one pixel wide.
    """
    paper = (*grains.shape, 3)
    image = np.full(paper, 255, np.uint8) if micrograph is None else _rgb(micrograph)
    image[boundary_lines(grains)] = LINE_COLOUR
    return image


def _rgb(micrograph: Micrograph) -> np.ndarray:
    """Return a micrograph as a new picture to draw on, uint8 (y, x, 3)."""
    if micrograph.is_rgb and micrograph.data.dtype == np.uint8:
        return micrograph.data.copy()
    grey = (255 * micrograph.grey()).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def png(picture: np.ndarray) -> bytes:
    """Return a picture, uint8 (y, x, 3), as a PNG file."""
    import imagecodecs

    # higher levels take three times as long for files as large
    return bytes(imagecodecs.png_encode(picture, level=3))
