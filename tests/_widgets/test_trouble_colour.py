"""What is said in a warning colour can be read in every theme."""

from __future__ import annotations

import pytest
from napari.utils.theme import available_themes, get_theme

from napari_etch._widgets.trouble_colour import contrast, trouble_colour


def channels(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))


@pytest.mark.parametrize("theme", available_themes())
def test_trouble_can_be_read(theme):
    colours = get_theme(theme)
    for ground in (colours.background, colours.foreground):
        under = channels(ground.as_hex(format="long"))
        assert contrast(channels(trouble_colour(theme)), under) >= 4.5


def test_a_colour_that_can_be_read_is_napari_s_own():
    assert trouble_colour("dark") == get_theme("dark").warning.as_hex()
    assert trouble_colour("light") != trouble_colour("dark")


def test_contrast_is_that_of_wcag():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert contrast((1, 1, 1), (1, 1, 1)) == pytest.approx(1)
