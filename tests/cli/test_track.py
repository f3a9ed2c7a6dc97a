from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.cli.track import TRACK_FILES
from napari_etch.micrograph import write_tiff


@pytest.fixture
def etch(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(item) for item in arguments])


@pytest.fixture
def maps(tmp_path):
    """Write a stack of nine square grains that drift, numbered anew in each section."""
    y, x = np.indices((60, 60))
    sections = [
        y // 20 * 3 + np.clip((x - index) // 20, 0, 2) + 1 + 9 * index for index in range(6)
    ]
    stack = np.stack(sections).astype(np.int32)
    write_tiff(tmp_path / "stack.tif", stack, pixel_size_um=0.5)
    return stack


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_stack_becomes_a_3d_grain_map_a_table_and_a_summary(etch, tmp_path, maps):
    done = etch("track", "stack.tif", "--out", "tracked", "--voxel-size", 1.8, 0.5, 0.5)
    assert done.exit_code == 0, done.output
    assert "stack.tif: 9 grains through 6 sections -> tracked" in done.stdout
    folder = tmp_path / "tracked"
    assert {path.name for path in folder.iterdir()} == set(TRACK_FILES)
    grains = tifffile.imread(folder / "grains3d.tif")
    assert grains.dtype == np.int32 and grains.shape == maps.shape
    np.testing.assert_array_equal(grains, maps - 9 * np.arange(6)[:, None, None])
    table = rows(folder / "tracks.csv")
    assert [int(row["grain"]) for row in table] == list(range(1, 10))
    assert sum(float(row["volume_um3"]) for row in table) == pytest.approx(maps.size * 0.45)
    assert {row["began"] for row in table} == {"first section"}
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["grain_count"] == summary["through_all_sections"] == 9
    assert summary["voxel_size_um"] == [1.8, 0.5, 0.5]
    assert summary["skipped_sections"] == [] and summary["method"] == "global"


def test_without_a_voxel_size_the_pixel_size_of_the_file_is_kept(etch, tmp_path, maps):
    assert etch("track", "stack.tif", "--out", "out").exit_code == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["voxel_size_um"] == [None, 0.5, 0.5]
    assert "volume_um3" not in rows(tmp_path / "out" / "tracks.csv")[0]


def test_a_blank_section_is_reported_and_drawn(etch, tmp_path, maps):
    maps[2] = 0
    write_tiff("stack.tif", maps)
    done = etch("track", "stack.tif", "--out", "out")
    assert done.exit_code == 0, done.output
    assert "section 2 is blank" in done.stderr and "1 section skipped" in done.stdout
    assert tifffile.imread("out/grains3d.tif")[2].all()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["skipped_sections"] == [{"section": 2, "why": "blank"}]
    done = etch("track", "stack.tif", "--out", "bare", "--no-fill")
    assert done.exit_code == 0 and not tifffile.imread("bare/grains3d.tif")[2].any()


def test_a_grain_of_one_section_is_absorbed_on_request(etch, tmp_path, maps):
    maps[3, 5:9, 5:9] = 500
    write_tiff("stack.tif", maps)
    assert "10 grains" in etch("track", "stack.tif", "--out", "all").stdout
    assert "9 grains" in etch("track", "stack.tif", "--out", "tidy", "--absorb-single").stdout


def test_the_result_of_a_segmentation_is_tracked(etch, tmp_path, maps):
    (tmp_path / "steel").mkdir()
    write_tiff(tmp_path / "steel" / "grains.tif", maps)
    write_tiff(tmp_path / "steel" / "boundary.tif", maps.astype(np.float32))
    done = etch("track", "steel", "--out", "tracked")
    assert done.exit_code == 0 and "steel: 9 grains" in done.stdout


def test_the_folder_of_a_segmentation_keeps_its_summary(etch, tmp_path, maps):
    (tmp_path / "steel").mkdir()
    write_tiff(tmp_path / "steel" / "grains.tif", maps)
    done = etch("track", "steel", "--out", "steel", "--overwrite")
    assert done.exit_code == 2 and "choose another output folder" in done.stderr
    assert [path.name for path in (tmp_path / "steel").iterdir()] == ["grains.tif"]


def test_an_earlier_result_is_replaced_only_on_request(etch, tmp_path, maps):
    assert etch("track", "stack.tif", "--out", "out").exit_code == 0
    (tmp_path / "out" / "notes.txt").write_text("mine")
    refused = etch("track", "stack.tif", "--out", "out", "--method", "overlap")
    assert refused.exit_code == 2 and "--overwrite" in refused.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["method"] == "global"
    done = etch("track", "stack.tif", "--out", "out", "--method", "overlap", "--overwrite")
    assert done.exit_code == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["method"] == "overlap"
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.tif"], "nothing.tif does not exist"),
        (["stack.tif", "--voxel-size", 1, 0, 1], "three lengths in µm, above 0"),
        (["stack.tif", "--voxel-size", 1, 1, "nan"], "three lengths in µm, above 0"),
        (["picture.tif"], "make grain maps with etch segment"),
        (["odd"], "equal size"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(etch, tmp_path, maps, arguments, words):
    picture = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
    tifffile.imwrite("picture.tif", picture, photometric="minisblack")
    (tmp_path / "odd").mkdir()
    for index, part in enumerate((maps[0], maps[1], maps[2][:-1])):
        tifffile.imwrite(tmp_path / "odd" / f"{index}.tif", part)
    done = etch("track", *arguments, "--out", "out")
    assert done.exit_code == 2
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if "unfinished" in path.name]


def test_a_file_where_the_folder_should_be_is_refused(etch, maps):
    done = etch("track", "stack.tif", "--out", "stack.tif")
    assert done.exit_code == 2 and "is a file" in done.stderr
