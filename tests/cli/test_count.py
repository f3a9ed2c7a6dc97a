from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
from corrected import correct
from fakes import DarkIsBoundary, grid_of_grains
from skimage.io import imsave

from napari_etch.cli import count, maps
from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.micrograph import reading


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_table_has_the_columns_that_were_promised(etch, micrograph_file, tmp_path):
    done = etch("count", micrograph_file(), "--out", "counts.csv", "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    head, row = rows_of(tmp_path / "counts.csv")
    assert head[:5] == ["image", "count", "low", "high", "density_per_mm2"]
    assert head[5:] == ["inside", "at_edge", "at_corner"]
    assert row[5:] == ["4", "8", "4"]  # 4 + 8/2 + 4/4 = 9 grains in the field
    assert row[:2] == ["steel.tif", "16"]
    assert int(row[2]) <= 16 <= int(row[3])
    assert float(row[4]) == pytest.approx(9 / 0.048**2, rel=1e-4)
    assert "steel.tif" in done.stdout and "16" in done.stdout
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_without_pixel_size_the_density_is_left_empty(etch, micrograph_file, tmp_path):
    etch("count", micrograph_file(), "--out", "counts.csv")
    assert rows_of(tmp_path / "counts.csv")[1][4] == ""


def test_a_bad_image_leaves_the_others_their_rows(etch, micrograph_file, tmp_path):
    done = etch("count", micrograph_file(), "none.tif", "--out", "counts.csv")
    assert done.exit_code == 2
    assert "none.tif" in done.output and "1 of 2 images failed" in done.output
    assert len(rows_of(tmp_path / "counts.csv")) == 2


def test_a_grain_map_with_negative_numbers_is_not_counted_by_a_network(etch, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", grid_of_grains()[1].astype(np.int32) - 2)
    done = etch("count", "a.tif", "--out", "counts.csv")
    assert done.exit_code == 2
    assert "a.tif has the negative label -1: labels start at 1" in done.output


def test_images_of_one_name_are_told_apart(etch, micrograph_file, tmp_path):
    first, second = micrograph_file("a/x.tif"), micrograph_file("b/x.tif")
    etch("count", first, second, "--out", "counts.csv")
    assert [row[0] for row in rows_of(tmp_path / "counts.csv")[1:]] == [str(first), str(second)]


def test_a_name_in_brackets_is_shown(etch, micrograph_file):
    done = etch("count", micrograph_file("steel [a].tif"), "--out", "counts.csv")
    assert "steel [a].tif" in done.stdout


def test_the_slices_of_a_folder_are_its_files_by_name(etch, micrograph_file, tmp_path):
    page = tifffile.imread(micrograph_file("fields/a.tif"))
    tifffile.imwrite(tmp_path / "fields" / "b.tif", page[:64])
    done = etch("count", "fields", "--slices", "--out", "counts.csv")
    assert done.exit_code == 0, done.output
    assert [row[0] for row in rows_of(tmp_path / "counts.csv")[1:]] == ["a.tif", "b.tif"]


def test_counts_that_no_disk_takes_are_shown(etch, micrograph_file, monkeypatch):
    """Of many images they took long."""

    def full(out, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_etch.results.write_counts", full)
    done = etch("count", micrograph_file(), "--out", "counts.csv")
    assert done.exit_code == 2
    assert "counts.csv: No space left on device" in done.stderr
    assert "steel.tif" in done.stdout and "16" in done.stdout


def test_a_grain_map_is_counted_as_it_is(etch, micrograph_file, tmp_path):
    """A network found 161 of its 212 grains, and an interval around them."""
    image = micrograph_file()
    etch("segment", image, "--out", "results", "--pixel-size", 0.5)
    grains = tifffile.imread(tmp_path / "results" / "steel" / "grains.tif")
    grains[grains == 2] = 1
    tifffile.imwrite(tmp_path / "mine.tif", grains)
    np.save(tmp_path / "mine.npy", np.stack([grains, grains * 0, grains]))
    inputs = ("results/steel", "results/steel/grains.tif", "mine.tif", "mine.npy")
    done = etch("count", *inputs, "--out", "counts.csv")
    assert done.exit_code == 0, done.output
    assert "mine.tif: a grain map, counted as it is, so without an interval" in done.stderr
    assert "mine_0001 shows no grain" in done.stderr
    rows = [row[:4] for row in rows_of(tmp_path / "counts.csv")[1:]]
    assert rows == [
        ["steel", "16", "", ""],
        ["grains.tif", "16", "", ""],
        ["mine.tif", "15", "", ""],
        ["mine.npy mine_0000", "15", "", ""],
        ["mine.npy mine_0002", "15", "", ""],
    ]
    assert float(rows_of(tmp_path / "counts.csv")[1][4]) == pytest.approx(9 / 0.048**2, rel=1e-4)


def test_what_is_left_of_a_result_is_no_stack_of_images(etch, micrograph_file, tmp_path):
    """Its boundary map and its overlay were counted."""
    etch("segment", micrograph_file(), "--out", "results")
    (tmp_path / "results" / "steel" / "grains.tif").unlink()
    done = etch("count", "results/steel", "--out", "counts.csv")
    assert done.exit_code == 2
    assert done.stderr.startswith("etch: results/steel is a result, no folder of images")


@pytest.mark.parametrize("source", ["", "D:\\results\\steel\\grains.tif"])
def test_a_grain_map_is_counted_as_it_was_corrected(etch, micrograph_file, tmp_path, source):
    """What was corrected on Windows was left out on other systems, without a word."""
    etch("segment", micrograph_file(), "--out", "results")
    correct(tmp_path / "results" / "steel" / "grains.tif", 2, 1, source)
    done = etch("count", "results/steel", "--out", "counts.csv")
    assert "1 edit of the Correct dock" in done.stderr
    assert rows_of(tmp_path / "counts.csv")[1][1] == "15"


@pytest.mark.parametrize(
    ("suffix", "kind"), [("tif", "u1"), ("tif", "u2"), ("tif", "f4"), ("png", "u1"), ("png", "u2")]
)
def test_a_grain_map_of_any_type_is_counted_as_it_is(etch, micrograph_file, tmp_path, kind, suffix):
    """A network found 42 of the 52 grains in one."""
    micrograph_file()
    grains = np.arange(1, 13).reshape(3, 4).repeat(20, 0).repeat(30, 1)
    grains[:20, :60] = 1
    if suffix == "tif":
        tifffile.imwrite(tmp_path / "mine.tif", grains.astype(kind))
    else:
        imsave(tmp_path / "mine.png", grains.astype(kind), check_contrast=False)
    done = etch("count", f"mine.{suffix}", "steel.tif", "--out", "counts.csv")
    assert f"mine.{suffix}: a grain map, counted as it is" in done.stderr
    rows = [row[1:3] for row in rows_of(tmp_path / "counts.csv")[1:]]
    assert rows[0] == ["11", ""] and rows[1][1] != ""


@pytest.mark.parametrize("kind", ["i4", "u2"])
def test_a_grain_map_is_read_once(etch, micrograph_file, tmp_path, monkeypatch, kind):
    """Its pixels were read to tell what it is, to count it, and for its pixel size."""
    read, decode = [], maps._decoded

    def decoded(path):
        read.append(path.name)
        return decode(path)

    def again(path, *_):
        raise AssertionError(f"{path} is read as a micrograph, too")

    monkeypatch.setattr(maps, "_decoded", decoded)
    monkeypatch.setattr(reading, "_decode", again)
    grains = np.arange(1, 13).reshape(3, 4).repeat(20, 0).repeat(30, 1)
    stated = {"resolution": (20, 20), "metadata": {"unit": "um"}, "imagej": kind == "u2"}
    tifffile.imwrite(tmp_path / "mine.tif", grains.astype(kind), **stated)
    done = etch("count", "mine.tif", "--out", "counts.csv")
    assert done.exit_code == 0, done.output
    row = rows_of(tmp_path / "counts.csv")[1]
    assert row[1] == "12" and row[4] != ""
    assert read == ["mine.tif"]


def test_a_picture_of_32_bits_is_no_grain_map(etch, micrograph_file, tmp_path):
    picture = tifffile.imread(micrograph_file()).astype(np.int32)
    tifffile.imwrite(tmp_path / "wide.tif", picture)
    done = etch("count", "wide.tif", "--out", "counts.csv")
    assert "grain map" not in done.stderr
    assert rows_of(tmp_path / "counts.csv")[1][2] != ""


def test_what_was_counted_before_ctrl_c_is_shown(etch, micrograph_file, monkeypatch, tmp_path):
    count_image = count._count_image

    def interrupted(job, image, counted):
        if image.name == "b.tif":
            raise KeyboardInterrupt
        return count_image(job, image, counted)

    monkeypatch.setattr(count, "_count_image", interrupted)
    done = etch("count", micrograph_file("a.tif"), micrograph_file("b.tif"), "--out", "counts.csv")
    assert done.exit_code == 130
    assert "stopped after 1 of 2 images; no table was written" in done.stderr
    assert "a.tif" in done.stdout and "16" in done.stdout
    assert not (tmp_path / "counts.csv").exists()


def test_a_table_is_not_overwritten_unasked(etch, micrograph_file, tmp_path):
    image = micrograph_file()
    (tmp_path / "counts.csv").write_text("mine")
    done = etch("count", image, "--out", "counts.csv")
    assert done.exit_code == 2 and "--overwrite" in done.output
    assert (tmp_path / "counts.csv").read_text() == "mine"
    assert etch("count", image, "--out", "counts.csv", "--overwrite").exit_code == 0
    assert etch("count", image, "--out", tmp_path).exit_code == 2


def test_a_model_of_fracture_modes_counts_nothing(etch, micrograph_file, monkeypatch):
    monkeypatch.delattr(DarkIsBoundary, "partition")
    monkeypatch.setattr(DarkIsBoundary, "table", FRACTURE_MODES, raising=False)
    done = etch("count", micrograph_file(), "--out", "counts.csv", "--model", "fracture")
    assert done.exit_code == 2
    assert "use etch fracture" in done.stderr
