from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.cli.track_files import TRACK_FILES
from napari_etch.corrections import Journal
from napari_etch.micrograph import write_tiff

pytestmark = pytest.mark.usefixtures("quick_measuring")


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


def test_a_pixel_size_that_the_file_contradicts_is_told(etch, maps):
    done = etch("track", "stack.tif", "--out", "out", "--voxel-size", 1.8, 0.5, 0.25)
    assert done.exit_code == 0, done.output
    said = "stack.tif: the file states 0.5 µm a pixel (its tags); 0.25 as typed was used\n"
    assert said in done.stderr


def test_a_section_distance_that_a_stack_contradicts_is_told(etch, maps):
    assert etch("track", "stack.tif", "--out", "out", "--voxel-size", 2, 0.5, 0.5).exit_code == 0
    for typed, told in ((2, False), (3, True)):
        done = etch("measure", "out", "--out", f"m{typed}", "--section-distance", typed)
        said = "out: the file states 2 µm from section to section; 3 as typed was used"
        assert done.exit_code == 0 and (said in done.stderr) == told
    about = {"axes": "ZYX", "unit": "micron", "spacing": 0.9}
    tifffile.imwrite("fiji.tif", maps.astype(np.uint16), imagej=True, metadata=about)
    done = etch("track", "fiji.tif", "--out", "fiji", "--voxel-size", 2, 0.5, 0.5)
    said = "fiji.tif: the file states 0.9 µm from section to section; 2 as typed was used"
    assert said in done.stderr


def test_what_was_corrected_beside_a_result_is_tracked(etch, tmp_path, maps):
    (tmp_path / "result").mkdir()
    path = tmp_path / "result" / "grains.tif"
    write_tiff(path, maps)
    corrected = maps.copy()
    journal = Journal(corrected, "grains", [path.parent], about={"source_path": str(path)})
    joined = slice(0, 6), slice(0, 20), slice(0, 60)  # the upper row of grains, one in each section
    corrected[joined] = maps[:, :1, :1]
    journal.record(joined, maps[joined], corrected[joined])
    journal.close()
    for more, grains in (((), 7), (("--no-corrections",), 9)):
        done = etch("track", "result", "--out", "tracked", "--overwrite", *more)
        assert done.exit_code == 0, done.output
        assert f"result: {grains} grains through 6 sections" in done.stdout
        told = "result: 1 edit of the Correct dock beside the result was taken along"
        assert (told in done.stderr) == (not more)
        summary = json.loads((tmp_path / "tracked" / "summary.json").read_text())
        assert summary["corrections_taken"] == (0 if more else 1)
        assert summary["grain_maps"]["path"] == str(path)


def test_what_is_no_stack_of_grain_maps_is_told_by_what_it_is(etch, tmp_path, maps):
    for at, name in enumerate(("one", "two")):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        write_tiff(folder / "grains.tif", maps[at])
        (folder / "summary.json").write_text("{}")
    done = etch("track", "results", "--out", "tracked")
    assert done.exit_code == 2
    assert "results holds 2 results: name that of one stack" in done.stderr
    assert etch("track", "stack.tif", "--out", "tracked").exit_code == 0
    done = etch("track", "tracked", "--out", "again")
    assert done.exit_code == 2
    assert "tracked was tracked already: name the grain maps that went into it" in done.stderr


def test_a_full_disk_is_told_by_the_folder_of_the_results(etch, maps, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_etch.cli.track_files.write_tracks", full)
    done = etch("track", "stack.tif", "--out", "tracked")
    assert done.exit_code == 2
    assert done.stderr == "etch: tracked: No space left on device\n"


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
    assert "--overwrite" not in done.stderr
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
        (["stack.tif", "--voxel-size", 1, 0, 1], "lengths in µm, between 1e-06 and 10000"),
        (["stack.tif", "--voxel-size", 1, 1, "nan"], "lengths in µm, between 1e-06 and 10000"),
        (["stack.tif", "--voxel-size", 1e6, 0.5, 0.5], "lengths in µm, between 1e-06 and 10000"),
        (["stack.tif", "--voxel-size", "1,8", 0.5, 0.5], "1,8 is no number: write 1.8"),
        (["stack.tif", "--voxel-size", 1800, 0.5, 0.5], "is 3600 times as long as wide"),
        (["picture.tif"], "make grain maps with etch segment"),
        (["odd"], "equal size"),
        (["lines.tif"], "lines.tif shows no grains in any section"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(etch, tmp_path, maps, arguments, words):
    picture = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
    tifffile.imwrite("picture.tif", picture, photometric="minisblack")
    lines = np.pad(np.zeros((3, 62, 62), np.uint8), ((0, 0), (1, 1), (1, 1)))
    tifffile.imwrite("lines.tif", lines, photometric="minisblack")
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


def test_the_3d_measures_of_each_grain_are_written_in_um(etch, tmp_path, maps):
    assert etch("track", "stack.tif", "--out", "out", "--voxel-size", 2, 0.5, 0.5).exit_code == 0
    table = rows(tmp_path / "out" / "grains3d.csv")
    assert [int(row["label"]) for row in table] == list(range(1, 10))
    middle = table[4]
    assert float(middle["volume_um3"]) == pytest.approx(20 * 20 * 6 * 0.5)
    box = 2 * (10 * 12 + 10 * 12 + 10 * 10)  # µm²; the steps of its drift lie within the error
    assert float(middle["surface_um2"]) == pytest.approx(box, rel=0.2)
    assert 0.7 < float(middle["sphericity"]) < 1  # Crofton is at its worst with boxes
    assert int(middle["faces"]) == 4
    assert middle["touches_border"] == "True"  # it goes through all sections
    assert etch("track", "stack.tif", "--out", "bare").exit_code == 0
    assert {"volume_voxels", "surface_voxel_faces"} <= set(rows(tmp_path / "bare/grains3d.csv")[0])


def test_the_table_in_space_is_that_of_a_measurement(etch, tmp_path, maps):
    """One script reads both: their columns had different names."""
    assert etch("track", "stack.tif", "--out", "out", "--voxel-size", 2, 0.5, 0.5).exit_code == 0
    size = ("--pixel-size", 0.5, "--section-distance", 2)
    assert etch("measure", "out", "--out", "measured", *size).exit_code == 0
    tracked, measured = (rows(tmp_path / name / "grains3d.csv") for name in ("out", "measured"))
    assert [{"stack": "out"} | row for row in tracked] == measured


def test_a_stack_that_states_its_distance_is_told_how_to_measure_in_um(etch, tmp_path, maps):
    write_tiff(tmp_path / "apart.tif", maps, pixel_size_um=0.5, distance_um=2)
    done = etch("track", "apart.tif", "--out", "out")
    assert "--voxel-size 2 0.5 0.5 measures in µm" in done.stderr
    done = etch("track", "apart.tif", "--out", "typed", "--voxel-size", 2, 0.5, 0.5)
    assert "from section to section" not in done.stderr


def test_a_grain_beside_lines_of_0_has_one_volume_in_both_tables(etch, tmp_path, maps):
    """Volumes of the two tables differed by the lines."""
    lines = maps.copy()
    lines[:, ::20] = lines[:, :, ::20] = 0
    write_tiff(tmp_path / "lines.tif", lines, pixel_size_um=0.5)
    done = etch("track", "lines.tif", "--out", "out", "--voxel-size", 2, 0.5, 0.5)
    said = "of the stack, were given to the nearest grain in grains3d.csv and the volumes of "
    assert done.exit_code == 0 and said in done.stderr
    measured, tracked = (rows(tmp_path / "out" / name) for name in ("grains3d.csv", "tracks.csv"))
    drawn = np.bincount(tifffile.imread(tmp_path / "out" / "grains3d.tif").ravel())
    for row, track in zip(measured, tracked, strict=True):
        assert row["label"] == track["grain"] and track["began"] == "first section"
        assert (row["voxels"], row["volume_um3"]) == (track["voxels"], track["volume_um3"])
        assert int(row["voxels"]) >= drawn[int(row["label"])]
        assert row["centroid_y_px"] == track["centroid_y_px"]
    assert sum(int(row["voxels"]) for row in measured) > drawn[1:].sum()
    assert "lines of 0" not in etch("track", "stack.tif", "--out", "none").stderr


def test_surfaces_are_written_on_request(etch, tmp_path, maps):
    chosen = ("--mesh", "stl", "--mesh-grain", 2, "--mesh-grain", 5)
    assert etch("track", "stack.tif", "--out", "out", *chosen).exit_code == 0
    folder = tmp_path / "out"
    assert {path.name for path in (folder / "meshes").iterdir()} == {
        "grain_0002.stl",
        "grain_0005.stl",
    }
    again = etch("track", "stack.tif", "--out", "out", "--mesh", "vtk", "--overwrite")
    assert again.exit_code == 0
    assert {path.name for path in folder.iterdir()} == {*TRACK_FILES, "grains3d.vtk"}
    assert (folder / "grains3d.vtk").read_bytes().startswith(b"# vtk DataFile Version 3.0")


def test_sections_out_of_place_are_named_and_aligned_on_request(etch, tmp_path, maps):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 120, (70, 2))
    y, x = np.indices((120, 120))
    cells = ((y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2).argmin(-1) + 1
    stack = np.stack([cells] * 5).astype(np.int32)
    stack[3:, :, 9:] = cells[:, :-9]
    stack[3:, :, :9] = 0
    write_tiff("shaken.tif", stack)
    done = etch("track", "shaken.tif", "--out", "out")
    assert "sections 2 and 3 are shifted by +0 px down and +9 px to the right" in done.stderr
    assert "--align" in done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [(each["before"], each["why"]) for each in summary["misfits"]] == [(2, "shifted")]
    done = etch("track", "shaken.tif", "--out", "even", "--align")
    assert done.exit_code == 0, done.output
    assert "2 of 5 sections were moved, 9 px at most" in done.stderr
    assert "shifted by" not in done.stderr
    shifts = rows(tmp_path / "even" / "shifts.csv")
    assert [int(row["x_px"]) for row in shifts] == [0, 0, 0, -9, -9]
    grains = tifffile.imread("even/grains3d.tif")
    assert np.mean(grains[4][:, :-9] == grains[0][:, :-9]) > 0.99  # less what the edge cut off
    assert json.loads((tmp_path / "even" / "summary.json").read_text())["aligned"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mesh-grain", 3], "add --mesh stl or --mesh vtk"),
        (["--mesh", "stl", "--mesh-grain", 99], "there are grains 1 to 9 in this stack"),
        (["--classifier", "x"], "--classifier is for --method pairs, not for global"),
        (["--method", "pairs", "--classifier", "nowhere"], "There is no model at nowhere"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(etch, tmp_path, maps, arguments, words):
    done = etch("track", "stack.tif", "--out", "out", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
