"""The colour in which trouble is said: the theme's warning colour where it can be read."""

from __future__ import annotations

from functools import cache

from napari.utils.theme import get_theme

#: WCAG 2.1, criterion 1.4.3, for text of usual size. napari's warning yellow has 8.1 in its dark
#: theme and 1.6 in its light one.
LEAST_CONTRAST = 4.5
_STEPS = 50

Colour = tuple[float, float, float]


def trouble_colour(theme: str) -> str:
    """Return the colour of trouble in a theme of napari's, such as ``#e3b617``."""
    found = get_theme(theme)
    colours = (found.warning, found.text, found.background, found.foreground)
    return _readable(*(each.as_hex(format="long") for each in colours))


@cache
def _readable(warning: str, text: str, *grounds: str) -> str:
    """Return a colour between warning and text, as near to warning as can be read."""
    under = [_channels(each) for each in grounds]
    for step in range(_STEPS + 1):
        share = step / _STEPS
        pairs = zip(_channels(warning), _channels(text), strict=True)
        mixed = tuple(round(255 * ((1 - share) * one + share * two)) for one, two in pairs)
        colour = f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"
        if all(contrast(_channels(colour), each) >= LEAST_CONTRAST for each in under):
            return colour
    return text


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of two colours in [0, 1] by WCAG 2.1: from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> Colour:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue
