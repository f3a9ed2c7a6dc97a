from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from napari_etch.counting import count_map
from napari_etch.micrograph import micrograph_from_array, moving
from napari_etch.results import (
    ResultExistsError,
    check_free,
    check_replaceable,
    check_writable,
    files,
    read_summary,
    whole_file,
    write_counts,
    write_segmentation,
    write_whole,
)
from napari_etch.results.file_names import file_name
from napari_etch.results.source_image import likely_paths
from napari_etch.segmentation import Segmentation


def test_a_file_is_there_once_it_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    with whole_file(path) as unfinished:
        unfinished.write_text("a,b\n")
        assert not path.exists()
    assert path.read_text() == "a,b\n"
    assert list(tmp_path.iterdir()) == [path]


def test_when_writing_fails_the_earlier_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("earlier\n")
    with pytest.raises(OSError, match="full"), whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise OSError("the disk is full")
    assert path.read_text() == "earlier\n"
    assert list(tmp_path.iterdir()) == [path]


def test_two_runs_into_one_folder_do_not_mix_their_files(tmp_path):
    folder, names = tmp_path / "result", ("a.txt", "b.txt")

    def first(unfinished):
        (unfinished / "a.txt").write_text("first")
        write_whole(folder, second, names, overwrite=False)  # another run, meanwhile
        (unfinished / "b.txt").write_text("first")

    def second(unfinished):
        for name in names:
            (unfinished / name).write_text("second")

    with pytest.raises(ResultExistsError, match=r"already holds a\.txt"):
        write_whole(folder, first, names, overwrite=False)
    assert [(folder / name).read_text() for name in names] == ["second", "second"]
    assert list(tmp_path.iterdir()) == [folder]
    write_whole(folder, lambda unfinished: (unfinished / "a.txt").write_text("third"), names)
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt"]


def test_what_a_killed_run_left_is_cleared_away_a_day_later(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.1)
    old, fresh = (tmp_path / f".result.unfinished.{name}" for name in ("old", "fresh"))
    for left in (old, fresh, tmp_path / ".result.moving"):
        left.mkdir()
    os.utime(old, (time.time() - 100_000,) * 2)
    write_whole(tmp_path / "result", lambda unfinished: (unfinished / "a").touch(), ("a",))
    assert not old.exists() and fresh.exists()  # that may be a run that goes on
    assert (tmp_path / "result" / "a").exists()


def windows_has_open(monkeypatch, name):
    """Let no file of a name be renamed or replaced, as where Excel has it open on Windows."""

    def guarded(move):
        def instead(path, target):
            if name in (path.name, Path(target).name):
                raise PermissionError(13, "it is being used by another process", str(path))
            return move(path, target)

        return instead

    monkeypatch.setattr(Path, "rename", guarded(Path.rename))
    monkeypatch.setattr(Path, "replace", guarded(Path.replace))


def test_a_result_of_which_a_file_is_open_is_replaced_as_a_whole_or_not_at_all(
    tmp_path, monkeypatch
):
    """On Windows the files before it in the list were new, those behind it old."""
    folder, names = tmp_path / "result", ("grains.tif", "grains.csv", "summary.json")

    def write(what):
        return lambda unfinished: [(unfinished / name).write_text(what) for name in names]

    write_whole(folder, write("earlier"), names)
    with monkeypatch.context() as patch:
        windows_has_open(patch, "grains.csv")
        said = r"grains\.csv cannot be replaced \(it is being used .*close it in the program"
        with pytest.raises(ResultExistsError, match=said):
            write_whole(folder, write("new"), names)
        with pytest.raises(ResultExistsError, match=said):  # before any work
            check_free(folder, names, overwrite=True)
    assert [(folder / name).read_text() for name in names] == ["earlier"] * 3
    assert list(tmp_path.iterdir()) == [folder]
    write_whole(folder, write("new"), names)
    assert [(folder / name).read_text() for name in names] == ["new"] * 3


def test_a_folder_that_is_scanned_is_moved_a_moment_later(tmp_path, monkeypatch):
    """The virus scanner of Windows looks into new files: the result of a long run was lost."""
    tries, rename = [], Path.rename

    def scanned(path, target):
        tries.append(path)
        if len(tries) < 3:
            raise PermissionError(13, "Access is denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", scanned)
    monkeypatch.setattr(moving, "_SCANNED_SECONDS", (0.0, 0.0, 0.0))
    write_whole(tmp_path / "result", lambda unfinished: (unfinished / "a").touch(), ("a",))
    assert (tmp_path / "result" / "a").exists() and len(tries) == 3
    tries.clear()
    monkeypatch.setattr(moving, "_SCANNED_SECONDS", ())  # as everywhere else
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "other", lambda unfinished: (unfinished / "a").touch(), ("a",))
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_a_file_that_is_open_is_told_by_the_name_that_it_has(tmp_path, monkeypatch):
    path = tmp_path / "counts.csv"
    path.write_text("earlier")
    windows_has_open(monkeypatch, "counts.csv")
    with pytest.raises(PermissionError) as told, whole_file(path) as unfinished:
        unfinished.write_text("new")
    assert told.value.filename == str(path)
    assert path.read_text() == "earlier" and list(tmp_path.iterdir()) == [path]


def test_a_folder_of_windows_own_is_tried_once(tmp_path, monkeypatch):
    """There mkdtemp goes through ten thousand names before it gives up."""
    tried = []

    def mkdir(path, *_given, **_options):
        tried.append(path)
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(ResultExistsError, match=r"may not be written to \(Access is denied\)"):
        check_writable(tmp_path)
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("steel 1", "steel 1"),
        ("Übersicht.x", "Übersicht.x"),
        ("500x: etched", "500x- etched"),
        ("a/b\\c", "a-b-c"),
        ("AUX", "AUX-image"),
        ("con.1", "con.1-image"),
        ("end. ", "end"),
        (".hidden", "hidden"),
        ("..", "image"),
        ("console", "console"),
    ],
)
def test_a_name_is_one_that_files_have_everywhere(name, becomes):
    assert file_name(name) == becomes


@pytest.mark.parametrize(
    "stated", ["C:\\data\\steel.tif", "/data/steel.tif", "\\\\lab\\x\\steel.tif"]
)
def test_an_image_is_looked_for_beside_a_result_that_another_system_has_made(tmp_path, stated):
    """On Linux all of a Windows path is a file's name."""
    summary = {"image": {"path": stated}}
    assert tmp_path / "steel.tif" in likely_paths(tmp_path / "results" / "steel", summary)


def test_a_folder_that_a_shell_is_in_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path / "set")
    with pytest.raises(ResultExistsError, match="is the folder that you are in"):
        check_replaceable(tmp_path / "set")
    with pytest.raises(ResultExistsError, match="is a file"):
        check_replaceable(tmp_path / "file")
    monkeypatch.chdir(tmp_path / "set" / "images")
    with pytest.raises(ResultExistsError, match="you are in a folder inside"):
        check_replaceable(tmp_path / "set")
    check_replaceable(tmp_path / "set" / "images" / "new")


def test_a_notebook_may_name_the_places_by_strings(tmp_path):
    """It failed on a folder that was no path after all the work."""
    micrograph = micrograph_from_array(np.arange(1600, dtype=np.uint16).reshape(40, 40))
    grains = np.repeat(np.arange(1, 5, dtype=np.int32), 400).reshape(40, 40)
    found = Segmentation(micrograph, np.zeros((40, 40), np.float32), grains, "mine")
    assert write_segmentation(found, str(tmp_path / "result")).grain_count == 4
    write_counts(str(tmp_path / "counts.csv"), [("mine", count_map(grains))])
    assert (tmp_path / "result" / "grains.tif").is_file()
    assert (tmp_path / "counts.csv").is_file()


def test_a_result_without_a_summary_says_nothing_of_itself(tmp_path):
    assert read_summary(tmp_path) == {}
    (tmp_path / "summary.json").write_text('{"model": "generalist"}')
    assert read_summary(tmp_path) == {"model": "generalist"}


@pytest.mark.parametrize("damaged", [b"", b'{"image', b"[1]", b'{"a": "\xff"}'])
def test_a_damaged_summary_is_no_missing_one(tmp_path, damaged):
    (tmp_path / "summary.json").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"summary\.json is damaged: copy it again"):
        read_summary(tmp_path)
