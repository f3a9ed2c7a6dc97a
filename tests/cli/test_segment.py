from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from fakes import DarkIsBoundary, grid_of_grains
from skimage.io import imread, imsave

import napari_etch
from napari_etch.cli import jobs
from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.measure import mean_intercept_px, summarise_sizes
from napari_etch.results import RESULT_FILES


def test_an_image_becomes_a_folder_of_results(etch, micrograph_file, tmp_path):
    image = micrograph_file()
    done = etch("segment", image, "--out", tmp_path / "out", "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "out" / "steel"
    assert sorted(path.name for path in folder.iterdir()) == sorted(RESULT_FILES)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["steel"]
    boundary = tifffile.imread(folder / "boundary.tif")
    grains = tifffile.imread(folder / "grains.tif")
    assert (boundary.dtype, grains.dtype) == (np.float32, np.int32)
    assert boundary.shape == grains.shape == (96, 96)
    assert set(np.unique(grains)) == set(range(1, 17))
    assert len(pd.read_csv(folder / "grains.csv")) == 16
    assert "16 grains, ASTM G" in done.stdout


def test_the_summary_says_what_was_made_from_what(etch, micrograph_file, tmp_path):
    image = micrograph_file()
    etch("segment", image, "--out", "out", "--pixel-size", 0.5, "--quality", "fast")
    summary = json.loads((tmp_path / "out" / "steel" / "summary.json").read_text())
    assert summary["model"] == "dark"
    assert summary["weights_hash"] == "0123abcd"
    assert summary["napari_etch"] == napari_etch.__version__
    assert summary["pixel_size_um"] == 0.5
    assert summary["pixel_size_source"] == "typed"
    assert summary["grain_count"] == 16
    assert summary["parameters"]["quality"] == "fast"
    assert summary["parameters"]["granularity"] == 0.5
    assert summary["device"] == "cpu"
    # 4 inside + 8/2 + 1 = 9 grains on (48 µm)²
    assert summary["astm_g"] == pytest.approx(np.log2(9 / 48**2 * 1e6 / 15.500031) + 1, abs=1e-6)


@pytest.mark.parametrize("out", ["closed", "closed/deep"])
def test_a_folder_that_may_not_be_written_to_is_refused_before_any_work(
    etch, micrograph_file, closed, monkeypatch, out
):
    """It was told after the run, and the result was lost."""
    monkeypatch.setattr(jobs, "segment", None)  # calling it would be an error of ours
    done = etch("segment", micrograph_file(), "--out", out)
    assert done.exit_code == 2
    assert "closed may not be written to (Permission denied): choose another place" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not any(closed.iterdir())


@pytest.mark.parametrize(
    "call",
    [
        ("track", "stack.tif", "--out", "closed"),
        ("measure", "stack.tif", "--out", "closed"),
        ("repair", "stack.tif", "--out", "closed"),
        ("count", "steel.tif", "--out", "closed/counts.csv"),
        ("export", "results", "--out", "closed"),
        ("pseudo-label", "steel.tif", "--out", "closed"),
        ("demo", "--no-gui", "--out", "closed"),
    ],
)
def test_no_command_works_for_a_folder_that_may_not_be_written_to(
    etch, micrograph_file, closed, call
):
    done = etch(*call)
    assert done.exit_code == 2
    assert "closed may not be written to (Permission denied)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_one_grain_has_no_astm_number(etch, tmp_path):
    slope = np.add.outer(np.arange(96), np.arange(96)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "one.tif", slope)
    done = etch("segment", "one.tif", "--out", "out", "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    assert "one.tif: 1 grain, too few for a grain size -> " in done.stdout
    summary = json.loads((tmp_path / "out" / "one" / "summary.json").read_text())
    assert summary["grain_count"] == 1
    assert [summary[key] for key in ("astm_g", "astm_g_intercept", "grains_per_mm2")] == [None] * 3


@pytest.mark.parametrize(("side", "said"), [(3, " (of few grains: E112 asks for 50)"), (4, "")])
def test_the_size_of_a_few_grains_is_told_to_be_one(side, said):
    sizes = summarise_sizes(grid_of_grains(side)[1], 0.5)
    line = jobs.result_line("a.tif", sizes, Path("out"))
    assert line == f"a.tif: {side**2} grains, ASTM G {sizes.astm_g:.1f}{said} -> out"


def test_without_pixel_size_there_is_no_astm_number(etch, micrograph_file, tmp_path):
    done = etch("segment", micrograph_file(), "--out", "out")
    assert "no pixel size" in done.stdout
    folder = tmp_path / "out" / "steel"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["astm_g"] is None
    intercept = mean_intercept_px(tifffile.imread(folder / "grains.tif"))
    assert summary["mean_intercept_px"] == pytest.approx(intercept)


def test_the_overlay_is_the_image_with_thin_coloured_lines(etch, micrograph_file, tmp_path):
    etch("segment", micrograph_file(), "--out", "out")
    overlay = imread(tmp_path / "out" / "steel" / "overlay.png")
    assert overlay.shape == (96, 96, 3)
    coloured = (overlay.max(-1).astype(int) - overlay.min(-1)) > 100
    assert coloured[:, 40].sum() == 3  # three lines are crossed, each one pixel thick
    assert not coloured[12, 12]


def test_results_are_not_overwritten_unless_told(etch, micrograph_file, tmp_path):
    image = micrograph_file()
    etch("segment", image, "--out", "out")
    kept = tmp_path / "out" / "steel" / "grains.csv"
    kept.write_text("corrected by hand")
    refused = etch("segment", image, "--out", "out")
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert kept.read_text() == "corrected by hand"
    (kept.parent / "notes.txt").write_text("mine")
    assert etch("segment", image, "--out", "out", "--overwrite").exit_code == 0
    assert len(pd.read_csv(kept)) == 16
    assert (kept.parent / "notes.txt").read_text() == "mine"


def test_two_images_of_one_name_are_refused_before_any_work(etch, micrograph_file, tmp_path):
    one, two = micrograph_file("a/steel.tif"), micrograph_file("b/STEEL.tif")
    done = etch("segment", one, two, "--out", "out")
    assert done.exit_code == 2
    assert str(one) in done.stderr
    assert str(two) in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_image_that_is_given_twice_is_told_to_be_that(etch, micrograph_file):
    path = micrograph_file("a/steel.tif")
    result = etch("segment", path, path.parent / ".." / "a" / "steel.tif", "--out", "out")
    assert result.exit_code == 2 and "is given twice: name it once" in result.output


def test_one_bad_file_does_not_stop_the_others(etch, micrograph_file, tmp_path):
    good, later = micrograph_file("good.tif"), micrograph_file("later.tif")
    bad = tmp_path / "bad.tif"
    bad.write_bytes(good.read_bytes()[:100])
    done = etch("segment", good, bad, later, "--out", "out")
    assert done.exit_code == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good", "later"]
    sentence, last = done.stderr.splitlines()
    assert sentence.startswith(f"etch: {bad} ")
    assert last == f"etch: 1 of 3 images failed: {bad}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.tif", "--out", "out"), "nowhere.tif"),
        (("steel.tif", "--out", "out", "--model", "missing"), "no model missing"),
        (("steel.tif", "--out", "out", "--device", "abacus"), "abacus"),
        (("steel.tif", "--out", "out", "--pixel-size", "-1"), "ixel size"),
        (("steel.tif", "--out", "steel.tif"), "is a file"),
        (("steel.tif", "--out", "out", "--granularity", "2"), "granularity"),
        (("steel.tif",), "--out"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(etch, micrograph_file, arguments, message):
    micrograph_file()
    done = etch("segment", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_an_option_that_the_model_lacks_is_refused(etch, micrograph_file, monkeypatch):
    monkeypatch.setattr(DarkIsBoundary, "segment_options", {"quality": "best"})
    done = etch("segment", micrograph_file(), "--out", "out", "--grain-size", 30)
    assert done.exit_code == 2
    assert "no option grain_size" in done.stderr
    done = etch("segment", micrograph_file(), "--out", "out", "--close-gaps")
    assert done.exit_code == 2
    assert "no option close_gaps" in done.stderr
    done = etch("segment", micrograph_file(), "--out", "out", "--keep-scratches")
    assert done.exit_code == 2
    assert "no option fill_scratches" in done.stderr


def test_a_stack_keeps_its_sections_apart(etch, micrograph_file, tmp_path):
    page = tifffile.imread(micrograph_file())
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([page, page[::-1]]), photometric="minisblack")
    ambiguous = etch("segment", "pages.tif", "--out", "out")
    assert ambiguous.exit_code == 2
    assert "--stack" in ambiguous.stderr
    done = etch("segment", "pages.tif", "--out", "out", "--stack", "--pixel-size", 1)
    assert done.exit_code == 0, done.output
    grains = tifffile.imread(tmp_path / "out" / "pages" / "grains.tif")
    assert grains.shape == (2, 96, 96)
    assert not set(np.unique(grains[0])) & set(np.unique(grains[1]))
    table = pd.read_csv(tmp_path / "out" / "pages" / "grains.csv")
    assert table.groupby("section").size().tolist() == [16, 16]
    summary = json.loads((tmp_path / "out" / "pages" / "summary.json").read_text())
    assert (summary["image"]["sections"], summary["grain_count"]) == (2, 32)


def test_slices_are_images_of_their_own(etch, micrograph_file, tmp_path):
    page = tifffile.imread(micrograph_file())
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([page, page[::-1]]), photometric="minisblack")
    done = etch("segment", "pages.tif", "steel.tif", "--out", "out", "--slices")
    assert done.exit_code == 0, done.output
    written = sorted(
        str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("grains.tif")
    )
    assert written == ["out/pages/pages_0000", "out/pages/pages_0001", "out/steel"]


def test_the_slices_of_a_folder_are_its_files_each_by_itself(etch, micrograph_file, tmp_path):
    page = tifffile.imread(micrograph_file("fields/a.tif"))
    tifffile.imwrite(tmp_path / "fields" / "b.tif", page[:64])  # of another size
    imsave(tmp_path / "fields" / "a.png", page)
    (tmp_path / "fields" / "bad.tif").write_bytes(b"")
    done = etch("segment", "fields", "--out", "out", "--slices")
    assert done.exit_code == 2
    assert done.stderr == (
        "etch: fields/bad.tif is empty (0 bytes); copy it again from its source.\n"
    )
    written = {path.name for path in (tmp_path / "out" / "fields").iterdir()}
    assert written == {"a.png", "a.tif", "b"}  # two of one stem are told apart


def test_a_result_is_no_stack_of_images(etch, micrograph_file):
    etch("segment", micrograph_file(), "--out", "out")
    done = etch("segment", "out/steel", "--stack", "--out", "again")
    assert done.exit_code == 2
    assert done.stderr.startswith("etch: out/steel is a result, no folder of images: name the im")


@pytest.mark.parametrize("command", ["segment", "fit"])
@pytest.mark.parametrize("name", ["grains.tif", "boundary.tif", "overlay.png"])
def test_a_map_of_a_result_is_no_micrograph(etch, micrograph_file, command, name):
    """A network finds grains in each, but others."""
    etch("segment", micrograph_file(), "--out", "out")
    done = etch(command, f"out/steel/{name}", "--out", "again")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"etch: out/steel/{name} is part of a result, no micrograph")
    assert done.stderr.count("\n") == 1


def test_an_error_of_ours_is_exit_code_1_and_leaves_nothing_half_written(
    etch, micrograph_file, monkeypatch, tmp_path
):
    def broken(self, fields, *, mask, granularity):
        raise AssertionError("a bug")

    monkeypatch.setattr(DarkIsBoundary, "partition", broken)
    done = etch("segment", micrograph_file(), "--out", "out")
    assert done.exit_code == 1
    assert "internal error in steel.tif: AssertionError: a bug" in done.stderr
    assert not list(tmp_path.rglob("*.csv"))


def test_ctrl_c_stops_with_130_and_keeps_what_is_done(etch, micrograph_file, monkeypatch, tmp_path):
    from napari_etch.results import segmented

    first, second = micrograph_file("first.tif"), micrograph_file("second.tif")
    real = segmented._overlay_png

    def interrupted(segmentation):
        if segmentation.micrograph.name == "second":
            raise KeyboardInterrupt
        return real(segmentation)

    monkeypatch.setattr(segmented, "_overlay_png", interrupted)
    done = etch("segment", first, second, "--out", "out")
    assert done.exit_code == 130
    assert "stopped after 1 of 2" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["first"]


def test_the_sections_of_a_stack_are_aligned_on_request(etch, tmp_path):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 128, (40, 2))
    y, x = np.indices((128, 128))
    cells = ((y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2).argmin(-1)
    lines = np.zeros(cells.shape, bool)
    lines[1:] |= cells[1:] != cells[:-1]
    lines[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    page = np.where(lines, 20, 200) + rng.integers(0, 9, lines.shape)
    stack = np.stack([page, page, np.roll(page, 7, axis=1)]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "shaken.tif", stack, photometric="minisblack")
    done = etch("segment", "shaken.tif", "--out", "out", "--stack", "--align")
    assert done.exit_code == 0, done.output
    assert "1 of 3 sections were moved, 7 px at most" in done.stderr
    boundary = tifffile.imread(tmp_path / "out" / "shaken" / "boundary.tif")
    np.testing.assert_allclose(boundary[2, 8:-8, 8:-16], boundary[0, 8:-8, 8:-16], atol=0.2)
    grains = tifffile.imread(tmp_path / "out" / "shaken" / "grains.tif")
    assert not grains[2, :, -7:].any() and grains[0, :, -7:].any()
    shifts = (tmp_path / "out" / "shaken" / "shifts.csv").read_text().splitlines()
    assert shifts[0].startswith("section,y_px,x_px") and shifts[3].startswith("2,0,-7")


def test_one_image_has_no_sections_to_align(etch, micrograph_file):
    done = etch("segment", micrograph_file(), "--out", "out", "--align")
    assert done.exit_code == 2 and "only a stack has sections to align" in done.stderr


@pytest.mark.parametrize("option", ["--stack", "--slices", "--align", "--granularity=0.9"])
def test_a_fracture_model_drops_no_option_silently(etch, micrograph_file, monkeypatch, option):
    monkeypatch.delattr(DarkIsBoundary, "partition")
    monkeypatch.setattr(DarkIsBoundary, "table", FRACTURE_MODES, raising=False)
    done = etch("segment", micrograph_file(), "--out", "out", option)
    assert done.exit_code == 2
    assert f"leave out {option.partition('=')[0]}" in done.stderr


def test_several_images_are_one_stack_or_images_of_their_own(etch, tmp_path):
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((2, 40, 40), np.uint8))
    done = etch("segment", "pages.tif", "--out", "out")
    assert done.exit_code == 2
    assert "use --stack to read them as a stack or --slices" in done.stderr


@pytest.mark.parametrize("command", ["fracture", "pseudo-label"])
def test_no_command_advises_an_option_that_it_lacks(etch, tmp_path, monkeypatch, command):
    monkeypatch.setattr(DarkIsBoundary, "table", FRACTURE_MODES, raising=False)
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((2, 40, 40), np.uint8))
    done = etch(command, "pages.tif", "--out", "out")
    assert done.exit_code == 2
    assert "pages.tif has 2 pages where one image is wanted" in done.stderr
    assert "--" not in done.stderr


def test_the_slices_that_are_there_cost_no_work_again(etch, monkeypatch, tmp_path):
    tifffile.imwrite(
        tmp_path / "pages.tif", np.zeros((3, 96, 96), np.uint8), photometric="minisblack"
    )
    (tmp_path / "out/pages/pages_0001").mkdir(parents=True)
    (tmp_path / "out/pages/pages_0001/grains.tif").write_bytes(b"mine")
    looked_at = []
    segment = jobs.segment

    def counted(model, micrograph, **options):
        looked_at.append(micrograph.name)
        return segment(model, micrograph, **options)

    monkeypatch.setattr(jobs, "segment", counted)
    done = etch("segment", "pages.tif", "--out", "out", "--slices")
    assert done.exit_code == 2
    assert "pages_0001 already holds grains.tif" in done.stderr
    assert looked_at == ["pages_0000", "pages_0002"]


def test_a_stack_in_the_folder_one_is_in_has_its_name(etch, micrograph_file, monkeypatch, tmp_path):
    for index in range(2):
        micrograph_file(f"infold/{index}.tif")
    monkeypatch.chdir(tmp_path / "infold")
    done = etch("segment", ".", "--stack", "--out", "out")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("infold: 32 grains")
    summary = json.loads((tmp_path / "infold/out/infold/summary.json").read_text())
    assert summary["image"]["name"] == "infold"


def test_what_is_wrong_with_an_image_names_the_image(etch, micrograph_file):
    done = etch("segment", micrograph_file("odd/rgb.tif"), "--out", "r5", "--align")
    assert done.exit_code == 2
    assert "odd/rgb.tif: rgb is one image" in done.stderr
    assert "r5" not in done.stderr


def test_the_image_itself_is_no_place_for_its_result(etch, micrograph_file, tmp_path):
    image = micrograph_file("odd/field.tif").rename(tmp_path / "odd/field")
    done = etch("segment", image, "--out", "odd", "--overwrite")
    assert done.exit_code == 2
    assert "odd/field is a file: choose another output folder" in done.stderr
    assert image.is_file()


def test_an_image_of_a_long_name_gets_its_result(etch, micrograph_file, tmp_path):
    """The hidden folder that it was written into had too long a name, after the run."""
    for name in ("x" * 240, "ü" * 120):
        done = etch("segment", micrograph_file(f"{name}.tif"), "--out", "out")
        assert done.exit_code == 0, done.output
        assert (tmp_path / "out" / name / "grains.tif").is_file()


def test_a_result_has_a_name_that_windows_keeps(etch, micrograph_file, tmp_path):
    """It leaves out dots and spaces at the end of a folder's name, and then does not find it."""
    done = etch("segment", micrograph_file("steel .tif"), micrograph_file("2..tif"), "--out", "out")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2", "steel"]
    done = etch("segment", "steel .tif", micrograph_file("Steel.tif"), "--out", "again")
    assert done.exit_code == 2 and "would both be written" in done.stderr
