"""Clauses become sentences in one way."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_etch._widgets.sentences import capital, error_sentence, sentence


@pytest.mark.parametrize(
    ("clause", "wanted"),
    [
        ("the scale bar says 200 µm", "The scale bar says 200 µm."),
        (
            "a blank margin of SEM images was left out.",
            "A blank margin of SEM images was left out.",
        ),
        ("“a.tif” has no grains", "“a.tif” has no grains."),
        ("", ""),
    ],
)
def test_a_clause_becomes_a_sentence(clause: str, wanted: str) -> None:
    assert sentence(clause) == wanted


def test_only_the_first_letter_changes() -> None:
    assert capital("edge of an EBSD map") == "Edge of an EBSD map"


def test_an_error_says_what_was_not_done_and_what_helps_there() -> None:
    said = error_sentence(RuntimeError("boom"), "a.etch", "imported")
    assert said.startswith("“a.etch” could not be imported (RuntimeError: boom)")
    assert "rectangle" in error_sentence(MemoryError(), "steel")
    tracked = error_sentence(MemoryError(), "steel", "tracked")
    assert "not enough memory for “steel”" in tracked and "rectangle" not in tracked


def test_a_model_that_is_no_model_was_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_etch._widgets import train_library
    from napari_etch.models import importing

    def fail(_path: Path) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(importing, "import_model", fail)
    assert "“a.etch” could not be imported" in train_library._import(Path("a.etch"))
