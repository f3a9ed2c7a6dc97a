from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from micrograph.scenes import specimen
from printing import print_of, printed

from napari_etch.results.source_image import is_source, read_source


@pytest.mark.parametrize("command", ["segment", "count"])
def test_a_file_that_contradicts_the_typed_pixel_size_is_told(etch, micrograph_file, command):
    calibrated = micrograph_file(resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER")
    silent = micrograph_file("silent.tif")
    out = "out" if command == "segment" else "counts.csv"
    done = etch(command, calibrated, silent, "--out", out, "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "steel.tif: the file states 0.1 µm a pixel (TIFF resolution tags); 0.5 as typed was used"
    ]


@pytest.mark.parametrize("command", ["segment", "count"])
def test_a_blank_margin_is_told(etch, micrograph_file, command, tmp_path):
    page = np.pad(tifffile.imread(micrograph_file()), ((0, 0), (20, 0)), constant_values=255)
    tifffile.imwrite(tmp_path / "page.tif", page)
    out = "out" if command == "segment" else "counts.csv"
    told = "the blank margin (20 px on the left) is left out, {:.2g} % of the image"
    done = etch(command, "page.tif", "steel.tif", "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [f"page.tif: {told.format(100 * 20 / page.shape[1])}"]
    done = etch(command, "page.tif", "--out", out, "--keep-info-bar", "--overwrite")
    assert done.exit_code == 0, done.output
    assert (
        "page.tif: a blank margin (20 px on the left) is taken for specimen, which makes the "
        "grains too large: cut it off first"
    ) in done.stderr.splitlines()


@pytest.mark.parametrize("command", ["segment", "count"])
def test_a_margin_in_a_stack_is_left_out_and_told(etch, micrograph_file, command, tmp_path):
    grey = tifffile.imread(micrograph_file())
    page = grey.copy()
    page[:, :20] = 255
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([page, grey]), photometric="minisblack")
    out = "out" if command == "segment" else "counts.csv"
    done = etch(command, "stack.tif", "--stack", "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "stack.tif: what lies around the specimen is left out of 1 of 2 sections"
    ]
    if command == "segment":
        off = tifffile.imread(tmp_path / "out" / "stack" / "grains.tif") == 0
        assert off[0, :, :20].all() and not off[0, :, 20:].any() and not off[1].any()


@pytest.mark.parametrize("command", ["segment", "count"])
def test_a_pixel_size_in_another_unit_is_suspected(etch, micrograph_file, command):
    """The steel had an ASTM G of −10."""
    out = "out" if command == "segment" else "counts.csv"
    done = etch(command, micrograph_file(), "--out", out, "--pixel-size", 225)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "steel.tif: 0.0193 grains per mm² are unusual: check that the pixel size, 225, is in µm"
    ]


def test_a_grain_map_in_place_of_a_micrograph_is_told(etch, micrograph_file, tmp_path):
    grains = np.arange(1, 17, dtype=np.uint16).reshape(4, 4).repeat(24, 0).repeat(24, 1)
    tifffile.imwrite(tmp_path / "mine.tif", grains)
    done = etch("segment", "mine.tif", micrograph_file(), "--out", "out")
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "mine.tif: it looks like a grain map and no micrograph; etch measure, count and repair "
        "take one as it is"
    ]


@pytest.mark.parametrize("command", ["segment", "count"])
def test_a_scale_bar_that_is_left_out_is_told(etch, tmp_path, command):
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    tifffile.imwrite(tmp_path / "sem.tif", made.image)
    out = "out" if command == "segment" else "counts.csv"
    done = etch(command, "sem.tif", "--out", out)
    assert done.exit_code == 0, done.output
    size = f"{50 / made.length:.3g}"
    assert done.stderr.splitlines() == [
        "sem.tif: the scale bar at the lower right is left out",
        f"sem.tif: the scale bar says 50 µm over {made.length} px, {size} µm a pixel: "
        f"if that is right, --pixel-size {size}",
    ]
    kept = etch(command, "sem.tif", "--out", out, "--keep-info-bar", "--overwrite")
    assert kept.exit_code == 0 and not kept.stderr


def test_a_result_says_where_the_scale_bar_is_and_finds_it_again(etch, tmp_path):
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    tifffile.imwrite(tmp_path / "sem.tif", made.image)
    assert etch("segment", "sem.tif", "--out", "out").exit_code == 0
    folder = tmp_path / "out" / "sem"
    assert made.covered(tifffile.imread(folder / "grains.tif") > 0) == 1
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    said = summary["image"]["scale_bar"]
    assert said["bar"]["right"] - said["bar"]["left"] == pytest.approx(made.length, abs=2)
    back = read_source(tmp_path / "sem.tif", summary, None)
    assert is_source(back, summary)
    mask = np.ones(made.image.shape, bool)
    mask[said["top"] : said["bottom"], said["left"] : said["right"]] = False
    assert (back.mask == mask).all()


def test_a_pixel_size_that_the_scale_bar_contradicts_is_told(etch, tmp_path):
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    tifffile.imwrite(tmp_path / "sem.tif", made.image)
    right = 50 / made.length
    agrees = etch("segment", "sem.tif", "--out", "one", "--pixel-size", f"{right:.3g}")
    assert "the scale bar says" not in agrees.stderr
    differs = etch("segment", "sem.tif", "--out", "two", "--pixel-size", 0.1)
    assert differs.stderr.splitlines()[-1].endswith(f"{right:.3g} µm a pixel, but 0.1 µm was used")


def test_the_pixel_size_is_taken_from_the_scale_bar_where_that_is_asked_for(etch, tmp_path):
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    tifffile.imwrite(tmp_path / "sem.tif", made.image)
    tifffile.imwrite(tmp_path / "plain.tif", specimen(200, 256))
    done = etch("segment", "sem.tif", "plain.tif", "--out", "out", "--scale-bar")
    assert done.exit_code == 0
    size = 50 / made.length
    told = f"sem.tif: {size:.3g} µm a pixel by the scale bar of 50 µm, {made.length} px"
    assert told in done.stderr.splitlines()
    assert "plain.tif: no scale bar could be read, so the pixel size is not known" in done.stderr
    summary = json.loads((tmp_path / "out" / "sem" / "summary.json").read_text("utf-8"))
    assert summary["pixel_size_um"] == pytest.approx(size)
    assert summary["pixel_size_source"] == f"scale bar of 50 µm, {made.length} px"
    kept = etch("count", "sem.tif", "--out", "k.csv", "--scale-bar", "--keep-info-bar")
    assert "sem.tif: --keep-info-bar looks for no scale bar, so the pixel" in kept.stderr
    typed = etch("count", "sem.tif", "--out", "n.csv", "--scale-bar", "--pixel-size", size)
    assert typed.exit_code == 0 and "by the scale bar" not in typed.stderr


def test_measuring_without_a_pixel_size_tells_what_the_scale_bar_says(etch, tmp_path):
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    tifffile.imwrite(tmp_path / "sem.tif", made.image)
    assert etch("segment", "sem.tif", "--out", "out").exit_code == 0
    done = etch("measure", "out/sem", "--out", "sizes")
    assert done.exit_code == 2
    assert "the scale bar says 50 µm over" in " ".join(done.stderr.split())
    summary = tmp_path / "out" / "sem" / "summary.json"
    said = json.loads(summary.read_text("utf-8"))
    for damaged in (None, "50 µm", {"text": "50 µm"}, {"text": 1, "pixel_size_um": "?"}):
        said["image"]["printed_scale"] = damaged
        summary.write_text(json.dumps(said), "utf-8")
        done = etch("measure", "out/sem", "--out", "sizes")
        assert done.exit_code == 2
        assert "give it with --pixel-size" in " ".join(done.stderr.split())
        assert "scale bar" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("measure", "one", "--pixel-size", 1, "--out", "out"),
        ("export", "one", "--out", "out"),
        ("evaluate", "--pred", "one", "--truth", "one/grains.tif"),
    ],
)
def test_a_damaged_summary_is_a_sentence_whoever_reads_it(etch, tmp_path, command):
    """Measuring and scoring went on, without the time that tells which corrections are newer."""
    (tmp_path / "one").mkdir()
    grains = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((30, 30))).astype(np.int32)
    tifffile.imwrite(tmp_path / "one" / "grains.tif", grains)
    (tmp_path / "one" / "summary.json").write_text('{"image')
    done = etch(*command)
    assert done.exit_code == 2, done.output
    assert "summary.json is damaged: copy it again from its source" in done.stderr
    assert not (tmp_path / "out").exists()
