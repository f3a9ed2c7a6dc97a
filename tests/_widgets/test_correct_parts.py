"""With which numbers the grains of a repeated gesture go on."""

from __future__ import annotations

import numpy as np

from napari_etch._widgets.correct_parts import carried_on, parts_of
from napari_etch.grains.editing import GrainEditor

CUT = [(0, 10), (19, 10)]


def split(section: np.ndarray, above: int = 9) -> tuple[GrainEditor, dict[str, np.ndarray]]:
    editor = GrainEditor(section)
    editor.reserve(above)
    change = editor.split_along(CUT, snap=False)
    return editor, {"change": change, "parts": parts_of(editor, change)}


def test_a_new_grain_goes_on_with_the_number_of_the_section_before() -> None:
    _, before = split(np.ones((20, 24), np.int32), 4)
    editor, now = split(np.ones((20, 24), np.int32))
    assert before["change"].created == (5,)
    assert carried_on(before["parts"], now["parts"], editor) == {10: 5}
    change = editor.renumber(now["change"], {10: 5})
    assert (change.created, change.message) == ((5,), "Split grain 1 into 1 and 5.")


def test_numbers_are_swapped_where_the_other_part_is_the_larger_one() -> None:
    wide, narrow = np.ones((20, 24), np.int32), np.ones((20, 24), np.int32)
    narrow[:, 16:] = 3
    _, before = split(wide, 4)  # 1 keeps the right part
    editor, now = split(narrow)  # 1 keeps the left part
    numbers = carried_on(before["parts"], now["parts"], editor)
    assert numbers == {1: 5, 10: 1}
    editor.apply(editor.renumber(now["change"], numbers))
    assert narrow[0].tolist() == [5] * 11 + [1] * 5 + [3] * 8


def test_a_grain_of_another_number_is_not_lost() -> None:
    """Where the 3D grain has another number in the next section, what is old goes on as that."""
    other = np.full((20, 24), 7, np.int32)
    other[:, 16:] = 3
    _, before = split(np.ones((20, 24), np.int32), 4)
    editor, now = split(other)
    numbers = carried_on(before["parts"], now["parts"], editor)
    assert numbers == {7: 5, 10: 7}


def test_a_number_that_the_section_has_elsewhere_is_not_taken() -> None:
    there = np.ones((20, 24), np.int32)
    there[15:, 20:] = 5
    _, before = split(np.ones((20, 24), np.int32), 4)
    editor, now = split(there)
    assert carried_on(before["parts"], now["parts"], editor) == {}
