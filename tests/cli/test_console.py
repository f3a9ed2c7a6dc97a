"""How an error becomes one line that names what it is about."""

from __future__ import annotations

import pytest

from napari_etch.cli.console import sentence


@pytest.mark.parametrize(
    ("subject", "text", "said"),
    [
        ("a/frame.tif", "frame.tif is empty.", "a/frame.tif is empty."),
        ("a/frame.tif", "in frame.tif, nothing", "in a/frame.tif, nothing"),
        ("a/frame.tif", "a/frame.tif does not exist", "a/frame.tif does not exist"),
        ("frame.tif", "it is empty", "frame.tif: it is empty"),
        ("out", "out/frame already holds grains.tif", "out/frame already holds grains.tif"),
        # the name is a part of another path, or of a word
        ("b/frame.tif", "a/frame.tif is empty", "b/frame.tif: a/frame.tif is empty"),
        ("b/f", "its image was not found", "b/f: its image was not found"),
        ("b/at", "segmentation.tif is missing", "b/at: segmentation.tif is missing"),
        ("at", "segmentation.tif is missing", "at: segmentation.tif is missing"),
        ("b/frame", "frame.tif is empty", "b/frame: frame.tif is empty"),
        # a file may be called as a word of the sentence
        ("b/image", "one image is wanted", "b/image: one image is wanted"),
        ("image", "one image is wanted", "image: one image is wanted"),
        ("b/image", "image holds 3 images", "b/image holds 3 images"),
        # an option and its path
        ("--masks a/b.png", "a/b.png is no mask", "--masks a/b.png is no mask"),
        ("--masks a/b.png", "b.png is no mask", "--masks a/b.png is no mask"),
        ("--masks a/b.png", "no mask", "--masks a/b.png: no mask"),
        ("--model x", "there is no model x", "--model x: there is no model x"),
    ],
)
def test_an_error_names_its_subject_once(subject, text, said):
    assert sentence(ValueError(text), subject) == said


def test_a_result_that_is_being_written_goes_by_its_name():
    hidden = "out/.Stahl 1.unfinished.09c3563d/boundary.tif"
    full = OSError(28, "No space left", hidden)
    assert sentence(full) == "out/Stahl 1/boundary.tif: No space left"
    error = ValueError(f"{hidden} could not be written")
    assert sentence(error, "out/Stahl 1") == "out/Stahl 1/boundary.tif could not be written"
