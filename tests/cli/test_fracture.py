"""``etch fracture``: files, outlines, facets, and what is refused."""

import csv
import json
import shutil

import numpy as np
import pytest
import tifffile
from corrected import correct
from skimage.io import imread, imsave
from surfaces import half_lined, two_patches
from typer.testing import CliRunner

from napari_etch.cli import fracture
from napari_etch.cli.app import app
from napari_etch.results import FACETS_FILE, FRACTURE_FILES


@pytest.fixture
def etch(monkeypatch, tmp_path):
    """Return a function that runs ``etch`` with the network that is shipped."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(item) for item in arguments])


@pytest.fixture
def surface(tmp_path):
    """Write `half_lined` as half.png; return its classes."""
    image, classes = half_lined(128)
    imsave(tmp_path / "half.png", image, check_contrast=False)
    return classes


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_map_and_its_areas_are_written(etch, surface, tmp_path):
    ran = etch("fracture", "half.png", "--out", "out", "--quality", "fast", "--pixel-size", 0.5)
    assert ran.exit_code == 0, ran.output
    folder = tmp_path / "out" / "half"
    assert {path.name for path in folder.iterdir()} == set(FRACTURE_FILES) - {FACETS_FILE}
    found = tifffile.imread(folder / "fracture.tif")
    assert found.dtype == np.uint8 and found.shape == surface.shape
    rows = rows_of(folder / "fracture.csv")
    assert [row["mode"] for row in rows] == ["intergranular", "transgranular"]
    assert sum(int(row["area_px"]) for row in rows) == np.count_nonzero(found)
    assert float(rows[0]["area_um2"]) == 0.25 * int(rows[0]["area_px"])
    summary = json.loads((folder / "summary.json").read_text())
    share = summary["modes"]["intergranular"]
    assert share["of_field_95"][0] <= share["of_field"] <= share["of_field_95"][1]
    assert summary["model"] == "fracture" and summary["pixel_size_um"] == 0.5
    assert imread(folder / "overlay.png").shape == (*surface.shape, 3)
    assert not list(tmp_path.glob("out/.*"))


def test_outlines_of_via_rule_the_map(etch, surface, tmp_path):
    regions = [
        {
            "shape_attributes": {
                "name": "polygon",
                "all_points_x": [x, x + 18, x + 18, x],
                "all_points_y": [30, 30, 64, 64],
            },
            "region_attributes": {"name": word},
        }
        for x, word in ((16, "i"), (96, "t"))
    ]
    via = {"half.png1": {"filename": "half.png", "size": 1, "regions": regions}}
    (tmp_path / "via.json").write_text(json.dumps(via))
    ran = etch("fracture", "half.png", "--out", "out", "--model", "none", "--outlines", "via.json")
    assert ran.exit_code == 0, ran.output
    found = tifffile.imread(tmp_path / "out/half/fracture.tif")
    assert (found == surface).mean() > 0.9


def test_outlines_of_a_mask_and_facets_of_grains(etch, surface, tmp_path):
    (tmp_path / "outlined").mkdir()
    imsave(tmp_path / "outlined" / "half.png", two_patches(surface), check_contrast=False)
    tifffile.imwrite(tmp_path / "grains.tif", surface.astype(np.int32))
    ran = etch(
        *("fracture", "half.png", "--out", "out", "--model", "none"),
        *("--outlines", "outlined/half.png", "--grains", "grains.tif"),
    )
    assert ran.exit_code == 0, ran.output
    rows = rows_of(tmp_path / "out/half/facets.csv")
    assert [row["mode"] for row in rows] == ["intergranular", "transgranular"]
    assert float(rows[0]["share"]) > 0.9


def test_facets_are_of_the_grains_as_they_were_corrected(etch, surface, tmp_path):
    (tmp_path / "outlined").mkdir()
    imsave(tmp_path / "outlined" / "half.png", two_patches(surface), check_contrast=False)
    (tmp_path / "results" / "half").mkdir(parents=True)
    path = tmp_path / "results" / "half" / "grains.tif"
    grains = surface.astype(np.int32)
    grains[:4, :4] = 3
    tifffile.imwrite(path, grains)
    correct(path, 3, int(grains[5, 5]))
    given = ("--model", "none", "--outlines", "outlined/half.png", "--grains")
    for place in ("results", "results/half"):
        ran = etch("fracture", "half.png", "--out", f"to {place[-4:]}", *given, place)
        assert ran.exit_code == 0, ran.output
        assert "1 edit of the Correct dock beside the result was taken along" in ran.output
        assert len(rows_of(tmp_path / f"to {place[-4:]}" / "half" / "facets.csv")) == 2
    plain = etch("fracture", "half.png", "--out", "p", *given, "results", "--no-corrections")
    assert plain.exit_code == 0 and len(rows_of(tmp_path / "p" / "half" / "facets.csv")) == 3


def test_grains_that_do_not_fit_are_refused_before_any_work(etch, surface, tmp_path, monkeypatch):
    """They were looked at after the network had run."""
    monkeypatch.setattr(fracture, "_events", None)  # calling it would be an error of ours
    tifffile.imwrite("small.tif", surface.astype(np.int32)[:-1])
    tifffile.imwrite("whole.tif", surface.astype(np.int32), compression="zlib")
    whole = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[:-40])
    for name, words in (
        ("small.tif", "give the grain map of this image"),
        ("cut.tif", "cut.tif is truncated"),
        ("none.tif", "run etch segment first"),
    ):
        ran = etch("fracture", "half.png", "--out", "out", "--grains", name)
        assert ran.exit_code == 2 and words in ran.output, ran.output
        assert len(ran.stderr.splitlines()) == 1


def test_segment_with_a_fracture_model_writes_fracture_modes(etch, surface, tmp_path):
    ran = etch("segment", "half.png", "--out", "out", "--model", "fracture", "--quality", "fast")
    assert ran.exit_code == 0, ran.output
    assert (tmp_path / "out/half/fracture.tif").exists()


def test_nothing_is_overwritten_unasked(etch, surface, tmp_path):
    (tmp_path / "out/half").mkdir(parents=True)
    (tmp_path / "out/half/fracture.tif").write_bytes(b"mine")
    ran = etch("fracture", "half.png", "--out", "out", "--quality", "fast")
    assert ran.exit_code == 2 and "--overwrite" in ran.output
    assert (tmp_path / "out/half/fracture.tif").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "none"], "give --outlines"),
        (["--model", "generalist"], "finds grains, not fracture modes"),
        (["--outlines", "missing.json"], "missing.json does not exist"),
        (["--quality", "superb"], "fast or best"),
        (["--classes", "missing.json"], "is no class table"),
        (["--grains", "missing.tif", "--quality", "fast"], "run etch segment first"),
    ],
)
def test_wrong_calls_end_in_a_sentence(etch, surface, arguments, message):
    ran = etch("fracture", "half.png", "--out", "out", *arguments)
    assert ran.exit_code == 2, ran.output
    assert message in ran.output


def test_outlines_of_other_images_are_refused(etch, surface, tmp_path):
    imsave(tmp_path / "other.png", two_patches(surface), check_contrast=False)
    shutil.copy(tmp_path / "half.png", tmp_path / "too.png")
    ran = etch("fracture", "half.png", "too.png", "--out", "out", "--outlines", "other.png")
    assert ran.exit_code == 2 and "none of the images is outlined there: it has other" in ran.output
    assert "rename a mask like its image" in ran.output


def test_the_only_mask_goes_to_the_only_image_of_its_size(etch, surface, tmp_path):
    imsave(tmp_path / "mask.png", two_patches(surface), check_contrast=False)
    call = ("fracture", "half.png", "--out", "out", "--model", "none", "--outlines", "mask.png")
    ran = etch(*call)
    assert ran.exit_code == 0, ran.output
    found = tifffile.imread(tmp_path / "out/half/fracture.tif")
    assert (found == surface).mean() > 0.9
    imsave(tmp_path / "mask.png", two_patches(surface)[:-8], check_contrast=False)
    ran = etch(*call, "--overwrite")
    assert ran.exit_code == 2
    assert "mask.png has 120 rows and 128 columns, half.png another size" in ran.output


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_a_segmentation_is_never_taken_the_place_of(etch, surface, tmp_path, options):
    folder = tmp_path / "frg" / "half"
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "grains.tif", surface.astype(np.int32))
    (folder / "grains.csv").write_text("mine")
    ran = etch("fracture", "half.png", "--out", "frg", "--grains", "frg", *options)
    assert ran.exit_code == 2
    assert "holds a segmentation (grains.tif), which is kept: choose another" in ran.output
    assert "--overwrite" not in ran.output
    assert {path.name for path in folder.iterdir()} == {"grains.tif", "grains.csv"}


def test_a_blank_image_is_told(etch, tmp_path):
    """All of it is of one mode, with an interval of no width."""
    imsave(tmp_path / "blank.png", np.full((96, 96), 7, np.uint8), check_contrast=False)
    done = etch("fracture", "blank.png", "--out", "out", "--quality", "fast")
    assert done.exit_code == 0, done.output
    assert "blank.png: it is blank, so what is found in it means nothing" in done.stderr


def test_the_convention_of_the_published_code_is_given_as_to_other_commands(
    etch, surface, tmp_path
):
    imsave(tmp_path / "mask.png", surface.astype(np.uint8), check_contrast=False)
    maps = []
    for out, more in (("a", ()), ("b", ("--convention", "published")), ("c", ("--published",))):
        done = etch(
            "fracture", "half.png", "--outlines", "mask.png", "--model", "none", "--out", out, *more
        )
        assert done.exit_code == 0, done.output
        maps.append(tifffile.imread(tmp_path / out / "half" / "fracture.tif"))
    assert np.array_equal(maps[1], maps[2]) and np.array_equal(maps[1], 3 - maps[0])
