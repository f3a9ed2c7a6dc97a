"""Options that are typed become a recipe, or a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from napari_etch.training.recipes import chosen
from napari_etch.training.trainers import TrainError


@dataclass(frozen=True)
class Recipe:
    """One option of each kind."""

    steps: int = 10
    rate: float = 0.1
    plain: bool = False
    folder: str = ""
    widths: tuple[int, ...] = (16, 24)


def test_values_are_of_the_kind_of_the_recipes_own():
    """A command line gives what JSON reads: a folder called 2024 is a number, 1e-3 may be 1."""
    given = {"steps": 3.0, "rate": 1, "plain": True, "folder": 2024, "widths": [8, 16]}
    assert chosen(Recipe(), given) == Recipe(3, 1.0, True, "2024", (8, 16))
    assert chosen(Recipe(), {"folder": Path("a")}).folder == "a"
    assert chosen(Recipe(), {}) == Recipe()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("plain", 1, "plain is 1: give true or false"),
        ("plain", "yes", "plain is 'yes'"),
        ("steps", 0, "steps is 0: give a whole number from 1 on"),
        ("steps", "ten", "steps is 'ten'"),
        ("rate", None, "rate is None: give a number from 0 on"),
        ("folder", [1], r"folder is \[1\]: give a word"),
        ("widths", "16,24", "widths is '16,24': give whole numbers such as"),
        ("widths", [16, 0], r"widths is \[16, 0\]"),
        ("width", 3, "width is no option of it: choose folder, more, plain, rate, steps, widths"),
    ],
)
def test_what_is_of_another_kind_is_refused(name, value, said):
    with pytest.raises(TrainError, match=said):
        chosen(Recipe(), {name: value}, also=["more"])
