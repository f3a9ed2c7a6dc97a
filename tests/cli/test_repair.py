from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from corrected import correct
from fakes import grid_of_grains
from skimage.io import imread, imsave
from typer.testing import CliRunner

from napari_etch import repairing
from napari_etch.cli.app import app
from napari_etch.results import REPAIR_FILES, bridge_colours
from napari_etch.results.pictures import LINE_COLOUR, SURE_COLOUR, UNSURE_COLOUR


@pytest.fixture
def etch(monkeypatch, tmp_path):
    """Return a function that runs ``etch`` with the network that is shipped."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(item) for item in arguments])


def broken_lines():
    """Return a network of nine grains with two gaps, bool."""
    lines = np.zeros((120, 120), bool)
    for cut in (40, 80):
        lines[cut - 1 : cut + 2] = lines[:, cut - 1 : cut + 2] = True
    lines[38:43, 56:63] = False
    lines[96:103, 78:83] = False
    return lines


def black_on_white():
    return np.where(broken_lines(), 0, 255).astype(np.uint8)


def test_a_broken_map_becomes_a_closed_one_with_all_that_belongs_to_it(etch, tmp_path):
    imsave("broken.png", black_on_white(), check_contrast=False)
    done = etch("repair", "broken.png", "--out", "fixed", "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    assert "broken.png: 9 grains, 2 bridges added" in done.stdout
    folder = tmp_path / "fixed" / "broken"
    assert {path.name for path in folder.iterdir()} == set(REPAIR_FILES)
    grains = tifffile.imread(folder / "grains.tif")
    assert grains.dtype == np.int32 and set(np.unique(grains)) == set(range(1, 10))
    boundary, added = (tifffile.imread(folder / f"{name}.tif") for name in ("boundary", "added"))
    assert boundary.dtype == added.dtype == np.float32
    assert boundary[broken_lines()].min() == 1
    assert added[broken_lines()].max() == 0  # what was given is not added
    assert added[40, 59] > 0.5 and added[99, 80] > 0.5
    np.testing.assert_allclose(boundary[added > 0], added[added > 0])


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
def test_no_two_grains_of_large_numbers_become_one(etch, tmp_path, dtype):
    _, labels = grid_of_grains()
    numbers = np.arange(labels.max() + 1, dtype=dtype) + np.dtype(dtype).type(2**31)
    tifffile.imwrite("many.tif", np.where(labels, numbers[labels], 0).astype(dtype))
    done = etch("repair", "many.tif", "--out", "fixed")
    assert done.exit_code == 0, done.output
    grains = tifffile.imread(tmp_path / "fixed" / "many" / "grains.tif")
    assert len(np.unique(grains[labels > 0])) == 16
    tifffile.imwrite(
        "pages.tif", np.stack([np.where(labels, numbers[labels], 0)] * 4), photometric="minisblack"
    )
    assert etch("repair", "pages.tif", "--out", "fixed").exit_code == 0
    grains = tifffile.imread(tmp_path / "fixed" / "pages" / "pages_0002" / "grains.tif")
    assert len(np.unique(grains[labels > 0])) == 16


def test_bridges_are_listed_with_length_and_place(etch, tmp_path):
    imsave("broken.png", black_on_white(), check_contrast=False)
    etch("repair", "broken.png", "--out", "fixed", "--pixel-size", 0.5)
    text = (tmp_path / "fixed" / "broken" / "bridges.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    summary = json.loads((tmp_path / "fixed" / "broken" / "summary.json").read_text())
    assert len(rows) == summary["bridges"] == 2
    added = tifffile.imread(tmp_path / "fixed" / "broken" / "added.tif")
    for row in rows:
        middle = added[int(row["middle_y_px"]), int(row["middle_x_px"])]
        assert middle == pytest.approx(float(row["confidence"]), abs=1e-5)
        assert float(row["length_um"]) == pytest.approx(0.5 * float(row["length_px"]), rel=1e-4)
    assert summary["kind"] == "map" and summary["polarity"] == "dark"
    assert summary["grain_count"] == 9 and summary["added_px"] == np.count_nonzero(added)
    assert summary["parameters"]["least"] == 0.5


def test_the_overlay_shows_bridges_in_the_colour_of_their_confidence(etch, tmp_path):
    imsave("broken.png", black_on_white(), check_contrast=False)
    etch("repair", "broken.png", "--out", "fixed")
    overlay = imread(tmp_path / "fixed" / "broken" / "overlay.png")
    added = tifffile.imread(tmp_path / "fixed" / "broken" / "added.tif")
    np.testing.assert_array_equal(overlay[added > 0], bridge_colours(added[added > 0]))
    given = np.repeat(black_on_white()[..., None], 3, axis=-1)
    np.testing.assert_array_equal(overlay[added == 0], given[added == 0])


def test_colours_go_from_unsure_to_sure():
    np.testing.assert_array_equal(
        bridge_colours(np.array([0.0, 0.5, 1.0])), [UNSURE_COLOUR, UNSURE_COLOUR, SURE_COLOUR]
    )


@pytest.mark.parametrize("least", [0.0, 1.0])
def test_only_bridges_that_are_sure_enough_are_made(etch, least):
    imsave("broken.png", black_on_white(), check_contrast=False)
    done = etch("repair", "broken.png", "--out", "fixed", "--least", least)
    assert ("nothing to bridge" in done.stdout) == (least == 1.0)


@pytest.mark.parametrize(("polarity", "grey"), [("dark", 0), ("bright", 255)])
def test_lines_of_either_polarity_are_closed(etch, polarity, grey):
    lines = np.where(broken_lines(), grey, 255 - grey).astype(np.uint8)
    imsave("lines.png", lines, check_contrast=False)
    for said in (polarity, "auto"):
        done = etch("repair", "lines.png", "--out", said, "--polarity", said)
        assert "9 grains, 2 bridges" in done.stdout


def test_gaps_of_a_grain_map_are_closed_and_its_type_tells_what_it_is(etch, tmp_path):
    from skimage.measure import label

    tifffile.imwrite("grains.tif", label(~broken_lines(), connectivity=1).astype(np.int32))
    done = etch("repair", "grains.tif", "--out", "fixed")
    assert "9 grains, 2 bridges" in done.stdout
    assert json.loads((tmp_path / "fixed/grains/summary.json").read_text())["kind"] == "grains"


def test_a_grain_map_of_any_type_is_one_and_a_picture_of_32_bits_is_none(etch, tmp_path):
    from skimage.measure import label

    grains = label(~broken_lines(), connectivity=1)
    tifffile.imwrite("decimals.tif", grains.astype(np.float32))
    noisy = np.where(broken_lines(), 60, 170) + np.random.default_rng(0).normal(0, 12, (120, 120))
    tifffile.imwrite("wide.tif", noisy.astype(np.int32))
    etch("repair", "decimals.tif", "wide.tif", "--out", "fixed")
    for name, kind in (("decimals", "grains"), ("wide", "micrograph")):
        summary = json.loads((tmp_path / "fixed" / name / "summary.json").read_text())
        assert summary["kind"] == kind


@pytest.mark.parametrize(
    ("kind", "first", "given"),
    [
        ("i4", 2**24, "auto"),
        ("u4", 2**31, "grains"),
        ("f4", 0, "auto"),
        ("f4", 0, "grains"),
        ("f8", 2**24, "grains"),
    ],
)
def test_large_numbers_and_pixels_without_a_value_are_kept_apart(
    etch, tmp_path, kind, first, given
):
    """As float32 16777217 is its neighbour, and NaN in a grain map made a micrograph of it."""
    from skimage.measure import label

    grains = label(~broken_lines(), connectivity=1)
    numbers = np.where(grains > 0, grains + float(first), 0).astype(kind)
    if kind[0] == "f":
        numbers[:8, :8] = np.nan
    tifffile.imwrite("mine.tif", numbers)
    tifffile.imwrite("plain.tif", np.where(np.isnan(numbers), 0, grains).astype(np.int32))
    done = etch("repair", "mine.tif", "plain.tif", "--out", "fixed", "--kind", given)
    assert done.exit_code == 0, done.output
    mine, plain = (tifffile.imread(f"fixed/{name}/grains.tif") for name in ("mine", "plain"))
    np.testing.assert_array_equal(mine, plain)
    assert json.loads((tmp_path / "fixed/mine/summary.json").read_text())["kind"] == "grains"


def test_a_micrograph_is_segmented_first(etch, tmp_path):
    rng = np.random.default_rng(0)
    image = np.where(broken_lines(), 60, 170) + rng.normal(0, 12, (120, 120))
    image = image.clip(0, 255).astype(np.uint8)
    imsave("steel.png", image)
    done = etch("repair", "steel.png", "--out", "fixed", "--kind", "micrograph")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "fixed/steel/summary.json").read_text())["kind"] == "micrograph"
    overlay = imread(tmp_path / "fixed" / "steel" / "overlay.png")
    assert (overlay == LINE_COLOUR).all(axis=-1).any()


def test_nothing_is_overwritten_unasked(etch, tmp_path):
    imsave("broken.png", black_on_white(), check_contrast=False)
    call = ("repair", "broken.png", "--out", "fixed")
    assert etch(*call).exit_code == 0
    (tmp_path / "fixed" / "broken" / "grains.csv").write_text("of an earlier segmentation")
    refused = etch(*call)
    assert refused.exit_code == 2 and "--overwrite" in refused.stderr
    assert etch(*call, "--overwrite").exit_code == 0
    assert {path.name for path in (tmp_path / "fixed" / "broken").iterdir()} == set(REPAIR_FILES)


def test_each_map_has_its_turn_and_the_worst_code_is_the_code_of_the_call(etch, tmp_path):
    imsave("good.png", black_on_white(), check_contrast=False)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    done = etch("repair", "bad.png", "missing.png", "good.png", "--out", "fixed")
    assert done.exit_code == 2
    assert "bad.png" in done.stderr and "missing.png does not exist" in done.stderr
    assert "2 of 3 maps failed: bad.png, missing.png" in done.stderr
    assert (tmp_path / "fixed" / "good" / "grains.tif").exists()
    assert not (tmp_path / "fixed" / "bad").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "grains"), "no grain map"),
        (("--kind", "other"), "other"),
        (("--polarity", "grey"), "grey"),
        (("--least", 1.5), "--least"),
        (("--device", "abacus"), "abacus"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(etch, tmp_path, arguments, said):
    tifffile.imwrite("soft.tif", np.random.default_rng(0).random((64, 64)).astype(np.float32))
    refused = etch("repair", "soft.tif", "--out", "fixed", *arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr and "Traceback" not in refused.output
    assert not (tmp_path / "fixed").exists()


def test_the_pages_of_a_file_are_repaired_one_by_one(etch, tmp_path):
    pages = np.stack([black_on_white(), 255 - black_on_white()])
    tifffile.imwrite("pages.tif", pages, photometric="minisblack")
    done = etch("repair", "pages.tif", "--out", "fixed")
    assert done.exit_code == 0, done.output
    for page in ("pages_0000", "pages_0001"):
        assert f"{page}: 9 grains, 2 bridges" in done.stdout
        assert (tmp_path / "fixed" / "pages" / page / "grains.tif").exists()
    assert etch("repair", "pages.tif", "--out", "fixed").exit_code == 2


def test_an_empty_picture_stays_empty(etch):
    imsave("white.png", np.full((64, 64), 255, np.uint8), check_contrast=False)
    done = etch("repair", "white.png", "--out", "fixed")
    assert done.exit_code == 0, done.output
    assert "1 grain, nothing to bridge" in done.stdout


def test_an_error_of_ours_is_one_line_and_code_1(etch, monkeypatch, tmp_path):
    def fails(*_, **__):
        yield from ()
        raise RuntimeError("the network melted")

    monkeypatch.setattr(repairing, "repair", fails)
    imsave("broken.png", black_on_white(), check_contrast=False)
    done = etch("repair", "broken.png", "--out", "fixed")
    assert done.exit_code == 1
    assert "internal error in broken.png: RuntimeError: the network melted" in done.stderr
    assert not (tmp_path / "fixed" / "broken").exists()


def test_ctrl_c_leaves_nothing_half_written(etch, monkeypatch, tmp_path):
    def stopped(*_, **__):
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr(repairing, "repair", stopped)
    imsave("broken.png", black_on_white(), check_contrast=False)
    done = etch("repair", "broken.png", "--out", "fixed")
    assert done.exit_code == 130
    assert "stopped after 0 of 1 maps" in done.stderr
    assert not (tmp_path / "fixed").exists()


def test_a_repair_model_of_ones_own_is_used_and_another_refused(etch):
    from napari_etch.models.weights_file import SHIPPED

    imsave("broken.png", black_on_white(), check_contrast=False)
    done = etch("repair", "broken.png", "--out", "fixed", "--model", SHIPPED / "repair")
    assert done.exit_code == 0, done.output
    done = etch("repair", "broken.png", "--out", "other", "--model", "generalist")
    assert done.exit_code == 2
    assert "--model generalist is no repair model" in done.stderr


def test_a_folder_of_results_is_one_map_and_no_stack(etch, tmp_path):
    folder = tmp_path / "made" / "steel"
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "boundary.tif", broken_lines().astype(np.float32))
    tifffile.imwrite(folder / "grains.tif", np.ones((120, 120), np.int32))
    imsave(folder / "overlay.png", black_on_white(), check_contrast=False)
    done = etch("repair", folder, "--out", "fixed")
    assert done.exit_code == 0, done.output
    assert "steel: 9 grains, 2 bridges added" in done.stdout
    assert (tmp_path / "fixed" / "steel" / "boundary.tif").is_file()


def test_a_result_without_a_boundary_map_is_repaired_by_its_grains(etch, tmp_path):
    from skimage.measure import label

    (tmp_path / "steel").mkdir()
    grains = label(~broken_lines(), connectivity=1).astype(np.int32)
    tifffile.imwrite(tmp_path / "steel" / "grains.tif", grains)
    (tmp_path / "steel" / "summary.json").write_text("{}")
    done = etch("repair", "steel", "--out", "fixed")
    assert done.exit_code == 0, done.output
    assert "steel: 9 grains, 2 bridges added" in done.stdout
    assert json.loads((tmp_path / "fixed/steel/summary.json").read_text())["kind"] == "grains"


@pytest.mark.parametrize("kind", ["auto", "grains"])
def test_what_a_result_leaves_out_is_left_out_of_its_repair(etch, tmp_path, kind):
    folder = tmp_path / "made" / "steel"
    folder.mkdir(parents=True)
    lines = np.pad(broken_lines(), ((0, 40), (0, 0))).astype(np.float32)
    grains = np.arange(1, 10, dtype=np.int32).reshape(3, 3).repeat(40, 0).repeat(40, 1)
    tifffile.imwrite(folder / "boundary.tif", lines)
    tifffile.imwrite(folder / "grains.tif", np.pad(grains, ((0, 40), (0, 0))))
    done = etch("repair", folder, "--out", "fixed", "--kind", kind)
    assert done.exit_code == 0, done.output
    assert "steel: 9 grains" in done.stdout
    told = "what has no grains in grains.tif is left out, 25 % of the image"
    assert (told in done.stderr) == (kind == "auto")
    repaired = tifffile.imread(tmp_path / "fixed/steel/grains.tif")
    assert not repaired[120:].any() and repaired[:120].all()


@pytest.mark.parametrize("given", ["made/steel", "made/steel/grains.tif"])
def test_a_result_is_not_replaced_by_its_own_repair(etch, tmp_path, given):
    """It was proposed, and with --overwrite the segmentation was gone."""
    folder = tmp_path / "made" / ("steel" if given.endswith("steel") else "grains")
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "boundary.tif", broken_lines().astype(np.float32))
    tifffile.imwrite(folder / "grains.tif", np.ones((120, 120), np.int32))
    path = folder if given.endswith("steel") else folder / "grains.tif"
    for more in ((), ("--overwrite",)):
        done = etch("repair", path, "--out", "made", *more)
        assert done.exit_code == 2
        assert "would be replaced by its repair: choose another output folder" in done.stderr
    assert len(list(folder.iterdir())) == 2


def test_grains_of_a_result_are_repaired_as_they_were_corrected(etch, tmp_path):
    folder = tmp_path / "made" / "steel"
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "boundary.tif", broken_lines().astype(np.float32))
    grains = np.arange(1, 10, dtype=np.int32).reshape(3, 3).repeat(40, 0).repeat(40, 1)
    tifffile.imwrite(folder / "grains.tif", grains)
    correct(folder / "grains.tif", 9, 8)
    done = etch("repair", folder, "--out", "fixed", "--kind", "grains")
    assert "steel: 8 grains, nothing to bridge" in done.stdout, done.output
    assert "1 edit of the Correct dock beside the result was taken along" in done.stderr
    done = etch("repair", folder, "--out", "lines")
    assert "9 grains, 2 bridges" in done.stdout
    assert "--kind grains repairs the corrected grains" in done.stderr
    plain = ("--kind", "grains", "--no-corrections")
    done = etch("repair", folder, "--out", "plain", *plain)
    assert "steel: 9 grains, nothing to bridge" in done.stdout and not done.stderr


def test_the_pages_of_a_result_are_repaired_as_they_were_corrected(etch, tmp_path):
    (tmp_path / "made").mkdir()
    grains = np.arange(1, 10, dtype=np.int32).reshape(3, 3).repeat(40, 0).repeat(40, 1)
    path = tmp_path / "made" / "grains.tif"
    tifffile.imwrite(path, np.stack([grains, grains + 9]), photometric="minisblack")
    correct(path, 18, 17)
    done = etch("repair", path, "--out", "fixed")
    assert done.exit_code == 0, done.output
    assert [line.split(": ")[1][:8] for line in done.stdout.splitlines()] == [
        "9 grains",
        "8 grains",
    ]


def test_the_pages_that_are_there_cost_no_work_again(etch, monkeypatch, tmp_path):
    pages = np.stack([black_on_white(), 255 - black_on_white()])
    tifffile.imwrite("pages.tif", pages, photometric="minisblack")
    for page in ("pages_0000", "pages_0001"):
        (tmp_path / "fixed" / "pages" / page).mkdir(parents=True)
        (tmp_path / "fixed" / "pages" / page / "grains.tif").write_bytes(b"mine")
    monkeypatch.setattr(repairing, "repair", None)  # calling it would be an error of ours
    done = etch("repair", "pages.tif", "--out", "fixed")
    assert done.exit_code == 2
    assert "pages_0001 already holds grains.tif" in done.stderr


def test_a_map_of_fracture_modes_has_no_lines(etch, tmp_path):
    (tmp_path / "modes").mkdir()
    (tmp_path / "modes" / "summary.json").write_text("{}")
    for name in ("fracture.tif", "confidence.tif"):
        tifffile.imwrite(tmp_path / "modes" / name, np.ones((40, 40), np.uint8))
    done = etch("repair", "modes", "--out", "out")
    assert done.exit_code == 2
    assert done.stderr.startswith("etch: modes is a result, no folder of images")


def test_the_maps_of_two_results_are_named_by_their_folders(etch, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "boundary.tif", np.zeros((40, 40), np.float32))
    done = etch("repair", "a/boundary.tif", "b/boundary.tif", "--out", "out")
    assert done.exit_code == 2
    assert "to out/boundary: name their folders, a and b, or write" in done.stderr
