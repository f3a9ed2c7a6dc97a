"""How an error becomes one line that names what it is about."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer
from fakes import grid_of_grains

from napari_etch.cli.console import bad_input, sentence


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
    full = OSError(28, "No space left", "out/.mine.etch.part-4711")
    assert sentence(full) == "out/mine.etch: No space left"


FULL = Path("/dev/full")  # writing to it fails as on a full disk
there_is_one = pytest.mark.skipif(not FULL.exists(), reason="there is no full disk to print to")


@there_is_one
@pytest.mark.parametrize(
    "command",
    ["--version", "--help", "segment --help", "models list", "models list --json"],
)
def test_what_is_printed_to_a_full_disk_is_told_in_a_sentence(command):
    done = _etch(command, "stdout")
    assert done.returncode == 2
    assert done.stderr.startswith("etch: what is printed could not be written (")
    assert done.stderr.count("\n") == 1


@there_is_one
def test_remarks_that_find_no_place_do_not_stop_a_command():
    done = _etch("evaluate --pred none.tif --truth none.tif", "stderr")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.skipif(os.name == "nt", reason="a pipe of POSIX")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_is_not_read_ends_no_batch(tmp_path, stream):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, grid_of_grains()[1].astype(np.uint8))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        command = ["count", "a.tif", "b.tif", "--out", "n.csv", "--pixel-size", "1"]
        code = "from napari_etch.cli import main; main()"
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: pipe}
        done = subprocess.run(
            [sys.executable, "-c", code, *command], check=False, cwd=tmp_path, **streams
        )
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "n.csv").read_text().splitlines()) == 3


def _etch(command, full):
    code = "from napari_etch.cli import main; main()"
    with FULL.open("w") as disk:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, full: disk}
        words = [sys.executable, "-c", code, *command.split()]
        return subprocess.run(words, text=True, check=False, **streams)


@pytest.mark.skipif(os.name == "nt", reason="links need rights of their own")
def test_links_that_go_in_circles_are_bad_input(tmp_path, capsys):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(typer.Exit), bad_input():
        loop.resolve()
        raise OSError(errno.ELOOP, "Too many levels of symbolic links", str(loop))
    assert str(loop) in capsys.readouterr().err


def test_a_copy_that_finds_no_place_is_about_where_it_was_to_go():
    full = OSError(errno.ENOSPC, "No space left on device", "in/a.png", None, "out/a.png")
    assert sentence(full, "in/a.png") == "out/a.png: No space left on device"
    gone = OSError(errno.ENOENT, "No such file or directory", "in/a.png", None, "out/a.png")
    assert sentence(gone) == "in/a.png: No such file or directory"
