from __future__ import annotations

import csv
import json
import os
import shutil
import sys
import unicodedata

import h5py
import numpy as np
import pytest
import tifffile
from skimage.io import imsave
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.corrections import Journal
from napari_etch.counting import count_map
from napari_etch.labels import read_annotations
from napari_etch.micrograph import read_micrograph, write_tiff
from napari_etch.results import write_counts
from napari_etch.training.folder import read_training_folder

SQUARE = {"name": "polygon", "all_points_x": [2, 9, 9, 2], "all_points_y": [1, 1, 6, 6]}


def write_via(path, *names, word="i"):
    regions = [{"shape_attributes": SQUARE, "region_attributes": {"name": word}}]
    value = {name: {"filename": name, "size": -1, "regions": regions} for name in names}
    path.write_text(json.dumps(value))


def write_image(path, shape=(20, 30)):
    path.parent.mkdir(exist_ok=True)
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    imsave(path, picture, check_contrast=False)
    return picture


@pytest.fixture
def results(etch, micrograph_file):
    """Return the folder with the results of two micrographs."""
    paths = [micrograph_file("one.tif"), micrograph_file("two.tif")]
    assert etch("segment", *paths, "--out", "results", "--pixel-size", 0.5).exit_code == 0
    return paths[0].parent / "results"


# -- export ----------------------------------------------------------------------------------------


def test_results_become_a_training_folder(etch, results, tmp_path):
    done = etch("export", results, "--out", "set", "--split", "1,1")
    assert done.exit_code == 0, done.output
    assert "2 pairs images (1 train, 1 val), grains -> set" in done.stdout
    found = read_annotations(tmp_path / "set")
    for name in ("one", "two"):
        grains = tifffile.imread(results / name / "grains.tif")
        assert np.array_equal(found[name].grains, grains)
        assert found[name].pixel_size_um == 0.5
        assert found[name].made["weights_hash"]
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert {entry["source"]["of"] for entry in manifest["images"]} == {"file"}


@pytest.mark.parametrize("form", ["coco", "yolo", "zarr"])
def test_a_training_folder_is_exported_on(etch, results, form, tmp_path):
    assert etch("export", results / "one", "--out", "set").exit_code == 0
    done = etch("export", "set", "--out", "other", "--format", form, "--tiles", 64)
    assert done.exit_code == 0, done.output
    assert len(read_annotations(tmp_path / "other")) == 4


def test_boundaries_are_drawn(etch, results, tmp_path):
    done = etch("export", results, "--out", "set", "--labels", "boundary", "--line-width", 4)
    assert done.exit_code == 0, done.output
    assert "boundary -> set" in done.stdout
    found = read_annotations(tmp_path / "set")["one"]
    assert found.boundary.any() and not found.boundary.all()


def test_an_export_is_not_replaced_unasked(etch, results):
    assert etch("export", results, "--out", "set").exit_code == 0
    done = etch("export", results, "--out", "set")
    assert done.exit_code == 2
    assert "add --overwrite" in done.stderr
    assert etch("export", results, "--out", "set", "--overwrite").exit_code == 0


def test_the_folder_one_is_in_becomes_no_set(etch, results):
    done = etch("export", results, "--out", ".")
    assert done.exit_code == 2 and "is the folder that you are in" in done.stderr


def test_a_micrograph_that_moved_is_asked_for(etch, results, tmp_path):
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "one.tif", tmp_path / "moved" / "one.tif")
    done = etch("export", results, "--out", "set")
    assert done.exit_code == 2
    assert "one: skipped" in done.stderr and "say with --images where it is" in done.stderr
    assert "1 of 2 images could not be exported" in done.stderr
    done = etch("export", results, "--out", "set", "--overwrite", "--images", "moved")
    assert done.exit_code == 0, done.output


def test_a_micrograph_that_is_named_is_told_by_its_pixels(etch, micrograph_file, tmp_path):
    """Another one of the same name and size was taken without a word."""
    image = micrograph_file("one.tif")
    etch("segment", image, "--out", "results")
    shutil.move(image, tmp_path / "renamed.tif")
    done = etch("export", "results", "--out", "set", "--images", "renamed.tif")
    assert done.exit_code == 0 and "other pixels" not in done.stderr, done.output
    (tmp_path / "others").mkdir()
    pixels = tifffile.imread(tmp_path / "renamed.tif")
    tifffile.imwrite(tmp_path / "others" / "one.tif", pixels[::-1].copy())
    done = etch("export", "results", "--out", "other", "--images", "others")
    assert done.exit_code == 0
    assert "one: one.tif has other pixels than the micrograph that was segmented" in done.stderr


def test_a_result_is_never_paired_with_another_micrograph_of_its_name(
    etch, micrograph_file, tmp_path, monkeypatch
):
    image = tifffile.imread(micrograph_file("a/field.tif"))
    (tmp_path / "b").mkdir()
    tifffile.imwrite(tmp_path / "b" / "field.tif", image[::-1])
    monkeypatch.chdir(tmp_path / "a")
    assert etch("segment", "field.tif", "--out", "results").exit_code == 0
    monkeypatch.chdir(tmp_path / "b")  # where a file of that name lies, too
    assert etch("export", "../a/results", "--out", "set").exit_code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "b" / "set/images/field.tif"), image)
    shutil.copy(tmp_path / "b" / "field.tif", tmp_path / "a" / "field.tif")
    done = etch("export", "../a/results", "--out", "other")
    assert done.exit_code == 2 and "is not the micrograph that" in done.stderr


def test_a_result_that_moved_with_its_micrograph_is_exported(etch, results, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for name in ("one.tif", "two.tif", "results"):
        shutil.move(tmp_path / name, tmp_path / "elsewhere" / name)
    done = etch("export", "elsewhere/results", "--out", "set")
    assert done.exit_code == 0, done.output


def test_sections_that_were_aligned_are_exported_as_they_were_segmented(etch, tmp_path):
    from napari_etch.micrograph.align import moved

    random = np.random.default_rng(1)
    blocks = np.kron(random.integers(60, 250, (16, 16)), np.ones((8, 8))).astype(np.uint8)
    stack = np.stack([blocks, moved(blocks, 5, -3), blocks])
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    assert etch("segment", "stack.tif", "--stack", "--align", "--out", "results").exit_code == 0
    assert (tmp_path / "results/stack/shifts.csv").exists()
    assert etch("export", "results", "--out", "set").exit_code == 0
    first, second, _ = (
        tifffile.imread(tmp_path / f"set/images/stack_{at:04d}.tif") for at in range(3)
    )
    assert first.dtype == second.dtype == np.uint8
    assert np.array_equal(first[8:-8, 8:-8], second[8:-8, 8:-8])
    again = etch("segment", "stack.tif", "--stack", "--out", "results", "--overwrite")
    assert again.exit_code == 0
    assert not (tmp_path / "results/stack/shifts.csv").exists()  # it was not aligned this time


def test_slices_of_a_file_are_exported(etch, micrograph_file, tmp_path):
    image = tifffile.imread(micrograph_file("one.tif"))
    stack = np.stack([image, image[::-1]])
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="minisblack")
    assert etch("segment", "pages.tif", "--slices", "--out", "results").exit_code == 0
    done = etch("export", "results", "--out", "set")
    assert done.exit_code == 0, done.output
    found = [tifffile.imread(tmp_path / f"set/images/pages_{at:04d}.tif") for at in (0, 1)]
    assert np.array_equal(np.stack(found), stack)


def test_what_was_corrected_and_reviewed_beside_a_result_counts(etch, results, tmp_path):
    path = results / "one" / "grains.tif"
    grains = tifffile.imread(path)
    with_journal = grains.copy()
    window = (slice(0, 8), slice(0, 8))
    about = {"source_path": str(path), "kind": "grains"}
    journal = Journal(with_journal, "grains", [path.parent], about=about)
    before = with_journal[window].copy()
    with_journal[window] = 2
    journal.record(window, before, with_journal[window])
    journal.note(**{"grain 2": "edited", "grain 3": "accepted"})
    journal.close()
    done = etch("export", results / "one", "--out", "set", "--only-reviewed")
    assert done.exit_code == 0, done.output
    found = read_annotations(tmp_path / "set")["one"]
    assert np.array_equal(found.grains, with_journal)
    assert np.array_equal(found.ignore, ~np.isin(with_journal, [0, 2, 3]))
    assert found.made["reviewed_share"] == pytest.approx(np.isin(with_journal, [2, 3]).mean(), 0.01)
    assert found.made["edits"] == 1
    summary = results / "one" / "summary.json"
    said = json.loads(summary.read_text())
    said["made"] = "2999-01-01T00:00:00+00:00"  # it was made anew since
    summary.write_text(json.dumps(said))
    assert etch("export", results / "one", "--out", "anew").exit_code == 0
    assert np.array_equal(read_annotations(tmp_path / "anew")["one"].grains, grains)
    assert etch("export", results / "one", "--out", "b", "--no-corrections").exit_code == 0
    assert np.array_equal(read_annotations(tmp_path / "b")["one"].grains, grains)


def test_fracture_maps_go_with_the_class_table_of_their_result(etch, results, tmp_path):
    folder = tmp_path / "fractures" / "one"
    folder.mkdir(parents=True)
    summary = json.loads((results / "one" / "summary.json").read_text())
    table = {"classes": [{"id": 7, "name": "dimple"}]}
    (folder / "summary.json").write_text(json.dumps({**summary, "class_table": table}))
    modes = np.where(tifffile.imread(results / "one" / "grains.tif") % 2, 7, 0).astype(np.uint8)
    tifffile.imwrite(folder / "fracture.tif", modes)
    done = etch("export", folder, "--out", "set", "--format", "via")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "set" / "via_project.json").read_text()
    assert '"name": "dimple"' in text
    done = etch("export", folder, "--out", "pairs")
    assert np.array_equal(read_annotations(tmp_path / "pairs")["one"].classes, modes)


def test_sections_of_a_stack_are_images_of_one_specimen(etch, micrograph_file, tmp_path):
    pages = np.stack([tifffile.imread(micrograph_file())] * 2)
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    assert etch("segment", "stack.tif", "--stack", "--out", "results").exit_code == 0
    done = etch("export", "results", "--out", "set", "--split", "50,50")
    assert done.exit_code == 0, done.output
    assert "2 pairs images (2 train), grains -> set" in done.stdout
    grains = tifffile.imread(tmp_path / "results" / "stack" / "grains.tif")
    found = read_annotations(tmp_path / "set")
    for at in range(2):
        assert np.array_equal(found[f"stack_{at:04d}"].grains, grains[at])
        assert found[f"stack_{at:04d}"].specimen == "stack"


def test_without_a_review_there_is_nothing_reviewed_to_export(etch, results):
    done = etch("export", results, "--out", "set", "--only-reviewed")
    assert done.exit_code == 2
    assert "nothing of one was reviewed" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--split", "a"], "no split"),
        (["--tiles", 8], "too small"),
        (["--format", "yolo", "--labels", "boundary"], "holds grains and classes"),
        (["--classes", "none.json"], "no class table"),
        (["--specimens", "none.csv"], "check --specimens"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(etch, results, options, says):
    done = etch("export", results, "--out", "set", *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_specimens_keep_images_together(etch, results, tmp_path):
    (tmp_path / "groups.csv").write_text("image,specimen\none.tif,A\ntwo.tif,A\n")
    done = etch("export", results, "--out", "s", "--split", "1,1", "--specimens", "groups.csv")
    assert done.exit_code == 0, done.output
    assert "(2 train)" in done.stdout
    assert "too few of them, so val has no image" in done.stderr


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("image specimen\none A\ntwo A\n", "columns image specimen: it needs image and specimen"),
        ("file,specimen\none,A\n", "columns file, specimen: it needs image and specimen"),
        ("", "columns none"),
        ("image,specimen\nOne.tif,A\n3,A\n", "none of the images: it has One, 3 in its column"),
        ("image,specimen\n", "it has no name in its column image, they are called one, two"),
    ],
)
def test_a_table_of_specimens_that_cannot_be_used_is_refused(etch, results, tmp_path, table, says):
    (tmp_path / "groups.csv").write_text(table)
    done = etch("export", results, "--out", "s", "--split", "1,1", "--specimens", "groups.csv")
    assert done.exit_code == 2
    assert f"groups.csv {'has the ' if says.startswith('col') else ''}" in done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "s").exists()


def test_a_table_names_a_stack_for_all_its_sections(etch, micrograph_file, tmp_path):
    page = tifffile.imread(micrograph_file("page.tif"))
    tifffile.imwrite(tmp_path / "pile.tif", np.stack([page] * 3), photometric="minisblack")
    assert etch("segment", "pile.tif", "--stack", "--out", "stacks").exit_code == 0
    (tmp_path / "groups.csv").write_text("image,specimen\npile.tif,A\npile_0002,B\n")
    done = etch("export", "stacks", "--out", "s", "--specimens", "groups.csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "s" / "specimens.csv").open(newline="") as file:
        table = {row["image"]: row["specimen"] for row in csv.DictReader(file)}
    assert table == {"pile_0000.tif": "A", "pile_0001.tif": "A", "pile_0002.tif": "B"}


def test_an_image_that_contradicts_the_typed_pixel_size_is_told(etch, micrograph_file):
    micrograph_file(resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER")
    assert etch("segment", "steel.tif", "--out", "calibrated").exit_code == 0
    done = etch("export", "calibrated", "--out", "s", "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    said = "steel: the file states 0.1 µm a pixel (TIFF resolution tags); 0.5 as typed was used"
    assert said in done.stderr
    assert "typed" not in etch("export", "calibrated", "--out", "t").stderr


def test_images_without_a_specimen_are_told(etch, results, tmp_path):
    (tmp_path / "groups.csv").write_text("image, specimen\none.tif, A\n")
    done = etch("export", results, "--out", "s", "--specimens", "groups.csv")
    assert done.exit_code == 0, done.output
    assert "1 image has no specimen, so each is taken for one of its own: two" in done.stderr
    assert "0 regions" not in done.stderr
    found = read_annotations(tmp_path / "s")
    assert [found[name].specimen for name in ("one", "two")] == ["A", ""]


def test_a_set_whose_table_of_specimens_cannot_be_used_is_refused(etch, results, tmp_path):
    assert etch("export", results, "--out", "set").exit_code == 0
    (tmp_path / "set" / "specimens.csv").write_text("image specimen\none A\n")
    done = etch("export", "set", "--out", "again", "--format", "coco")
    assert done.exit_code == 2
    assert "it needs image and specimen" in done.stderr


def test_the_one_image_that_is_named_is_that_of_the_one_mask(etch, tmp_path):
    """It asked for the image that had been named, for the mask has another name."""
    write_image(tmp_path / "frames" / "steel.png")
    tifffile.imwrite("corrected.tif", np.arange(1, 601, dtype=np.int32).reshape(20, 30) // 100)
    done = etch("export", "corrected.tif", "--images", "frames/steel.png", "--out", "set")
    assert done.exit_code == 0, done.output
    assert "no image has its name; steel.png has its size" in done.stderr
    assert (tmp_path / "set" / "images" / "steel.tif").is_file()


# -- import ----------------------------------------------------------------------------------------


def test_via_becomes_a_training_folder(etch, tmp_path):
    picture = write_image(tmp_path / "frames" / "a.png")
    write_via(tmp_path / "via.json", "a.png", "gone.png")
    done = etch("import", "via.json", "--images", "frames", "--out", "set", "--pixel-size", 0.1)
    assert done.exit_code == 0, done.output
    assert "1 region on 1 image, 1 skipped." in done.stderr
    assert "gone: skipped: the image gone.png was not found" in done.stderr
    assert "1 pairs image, classes -> set" in done.stdout
    found = read_annotations(tmp_path / "set")["a"]
    assert found.classes[3, 4] == 1 and found.pixel_size_um == 0.1
    assert np.array_equal(tifffile.imread(tmp_path / "set" / "images" / "a.tif"), picture)


def test_maps_are_written_without_images(etch, tmp_path):
    write_image(tmp_path / "frames" / "a.png")
    write_via(tmp_path / "via.json", "a.png")
    arguments = ("import", "via.json", "--images", "frames", "--out", "maps", "--as", "maps")
    assert etch(*arguments).exit_code == 0
    classes = tifffile.imread(tmp_path / "maps" / "a_classes.tif")
    assert (classes.dtype, classes[3, 4], classes.shape) == (np.uint8, 1, (20, 30))
    (tmp_path / "maps" / "mine.txt").write_text("")
    done = etch(*arguments)
    assert done.exit_code == 2 and "already holds a_classes.tif" in done.stderr
    assert etch(*arguments, "--overwrite").exit_code == 0
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {"a_classes.tif", "mine.txt"}


@pytest.mark.parametrize(("form", "path"), [("maps", "a_classes.tif"), ("pairs", "labels/a.tif")])
def test_labels_have_the_pixel_size_of_their_image(etch, tmp_path, form, path):
    """They had none, and `etch measure` asked for what the image states."""
    pixels = np.arange(600).astype(np.uint8).reshape(20, 30)
    write_tiff(tmp_path / "a.tif", pixels, pixel_size_um=0.25)
    write_via(tmp_path / "via.json", "a.tif")
    given = ("import", "via.json", "--images", "a.tif", "--as", form)
    assert etch(*given, "--out", "stated").exit_code == 0
    assert read_micrograph(tmp_path / "stated" / path).pixel_size_um == pytest.approx(0.25)
    done = etch(*given, "--out", "typed", "--pixel-size", 0.5)
    assert read_micrograph(tmp_path / "typed" / path).pixel_size_um == pytest.approx(0.5)
    assert "a: the file states 0.25 µm a pixel (ImageJ); 0.5 as typed was used" in done.stderr


def test_one_image_is_matched_by_its_size(etch, tmp_path):
    write_image(tmp_path / "frames" / "renamed.png")
    write_via(tmp_path / "via.json", "a.png")
    done = etch("import", "via.json", "--images", "frames/renamed.png", "--out", "set")
    assert done.exit_code == 0, done.output
    assert "no image has its name; renamed.png has its size" in done.stderr


def test_published_masks_are_imported(etch, tmp_path):
    write_image(tmp_path / "images" / "a.png", (2, 3))
    (tmp_path / "masks").mkdir()
    mask = np.array([[0, 1, 2], [0, 0, 0]], np.uint8)
    imsave(tmp_path / "masks" / "a.png", mask, check_contrast=False)
    done = etch("import", "masks", "--out", "set", "--convention", "published")
    assert done.exit_code == 0, done.output
    assert tifffile.imread(tmp_path / "set" / "labels" / "a.tif")[0].tolist() == [0, 2, 1]


def test_images_that_are_nowhere_are_asked_for(etch, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 4), np.int32))
    done = etch("import", "a.npy", "--out", "set")
    assert done.exit_code == 2
    assert "say with --images where they are" in done.stderr
    assert not (tmp_path / "set").exists()


def test_a_pickle_is_refused(etch, tmp_path):
    np.save(tmp_path / "a_seg.npy", {"masks": 1}, allow_pickle=True)
    done = etch("import", "a_seg.npy", "--out", "set")
    assert done.exit_code == 2
    assert "is a pickle" in done.stderr


def test_help_names_every_format():
    from napari_etch.labels import FORMATS

    done = CliRunner().invoke(app, ["export", "--help"], env={"COLUMNS": "200"})
    for name in FORMATS:
        assert name in done.stdout


@pytest.mark.parametrize("form", ["via", "hdf5"])
@pytest.mark.parametrize("more", [(), ("--as", "maps")])
def test_a_pixel_size_that_annotations_contradict_is_told(etch, tmp_path, form, more):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "set" / "labels").mkdir()
    tifffile.imwrite(tmp_path / "set" / "images" / "a.tif", np.zeros((40, 40), np.uint8))
    grains = np.arange(1, 5, dtype=np.int32).reshape(2, 2).repeat(20, 0).repeat(20, 1)
    tifffile.imwrite(tmp_path / "set" / "labels" / "a.tif", grains)
    assert (
        etch("export", "set", "--out", "x", "--format", form, "--pixel-size", 0.25).exit_code == 0
    )
    done = etch("import", "x", "--out", "y", "--pixel-size", 0.5, *more)
    assert done.exit_code == 0, done.output
    assert "a: its labels state 0.25 µm a pixel; 0.5 as typed was used" in done.stderr
    if not more:
        assert "as typed" not in etch("export", "y", "--out", "z", "--format", "hdf5").stderr
        assert "as typed" not in etch("export", "z", "--out", "zz").stderr


def test_regions_of_words_that_nobody_knows_may_be_grains(etch, tmp_path):
    write_image(tmp_path / "a.png")
    write_via(tmp_path / "via.json", "a.png", word="Korn")
    call = ("import", "via.json", "--images", "a.png", "--out")
    done = etch(*call, "out")
    assert done.exit_code == 2
    assert "if the regions are grains, --labels grains takes each of them" in done.stderr
    assert etch(*call, "grains", "--labels", "grains").exit_code == 0


def test_umlauts_of_macos_are_those_of_tables_and_annotations(etch, tmp_path, micrograph_file):
    """File names from there have them in two signs, and were not found."""
    taken_apart = unicodedata.normalize("NFD", "Stähle.tif")
    etch("segment", micrograph_file(taken_apart), micrograph_file("b.tif"), "--out", "results")
    (tmp_path / "s.csv").write_text("image,specimen\nStähle.tif,A\nb.tif,A\n", encoding="utf-8")
    done = etch("export", "results", "--out", "set", "--specimens", "s.csv")
    assert done.exit_code == 0 and "no specimen" not in done.stderr
    assert {pair.specimen for pair in read_training_folder(tmp_path / "set")} == {"A"}
    write_via(tmp_path / "via.json", "Stähle.tif")
    done = etch("import", "via.json", "--images", taken_apart, "--out", "imported")
    assert done.exit_code == 0, done.output
    done = etch("fracture", taken_apart, "b.tif", "--outlines", "via.json", "--out", "f")
    assert "none of the images is outlined" not in done.stderr


@pytest.mark.parametrize("more", [(), ("--labels", "grains")])
@pytest.mark.parametrize("mapped", [False, True])
def test_a_set_of_grains_alone_has_one_class(etch, results, tmp_path, more, mapped):
    """Fracture modes came before it, which no grain has."""
    if mapped:  # one of the images has fracture modes, too
        modes = np.ones_like(tifffile.imread(tmp_path / "results/two/grains.tif"), np.uint8)
        tifffile.imwrite(tmp_path / "results/two/fracture.tif", modes)
    alone = bool(more) or not mapped
    assert etch("export", results, "--out", "coco", "--format", "coco", *more).exit_code == 0
    value = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    number = next(each["id"] for each in value["categories"] if each["name"] == "grain")
    assert number == (1 if alone else 3)
    listed = [each["name"] for each in value["categories"]]
    names = [] if alone else ["intergranular", "transgranular"]
    assert listed == [*names, "grain", "ignore"]
    assert etch("export", results, "--out", "yolo", "--format", "yolo", *more).exit_code == 0
    lines = (tmp_path / "yolo" / "labels" / "one.txt").read_text().splitlines()
    assert {line.split()[0] for line in lines} == {"0" if alone else "2"}
    for name in ("coco", "yolo"):
        found = read_annotations(tmp_path / name)["one"]
        assert found.classes is None and found.grains.max() == 16


@pytest.fixture
def channels(tmp_path):
    """Return the planes of frame.tif, an image of two channels, with its mask in masks/."""
    planes = np.random.default_rng(0).integers(0, 255, (2, 20, 30), np.uint8)
    names = {"axes": "CYX", "Labels": ["SE", "BSE"]}
    tifffile.imwrite(tmp_path / "frame.tif", planes, imagej=True, metadata=names)
    (tmp_path / "masks").mkdir()
    grains = np.ones((20, 30), np.int32)
    grains[:, 15:] = 2
    write_tiff(tmp_path / "masks" / "frame.tif", grains)
    return planes


@pytest.mark.parametrize(
    "command", [("import", "masks"), ("export", "masks", "--labels", "grains")]
)
def test_a_channel_of_the_image_is_chosen(etch, channels, tmp_path, command):
    """There was no way to say which: such images could be segmented and not exported."""
    given = (*command, "--images", "frame.tif", "--out", "set")
    done = etch(*given)
    assert done.exit_code == 2 and "--channel" in done.stderr, done.output
    done = etch(*given, "--channel", "BSE")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "set/images/frame.tif"), channels[1])
    (entry,) = json.loads((tmp_path / "set" / "manifest.json").read_text())["images"]
    assert (entry["made"]["channel"], entry["grains"]) == (1, 2)


def test_an_image_in_hdf5_goes_with_annotations(etch, channels, tmp_path):
    with h5py.File(tmp_path / "frame.h5", "w") as file:
        file["entry/a"], file["entry/b"] = channels
    write_via(tmp_path / "via.json", "frame.png")
    given = ("import", "via.json", "--images", "frame.h5", "--labels", "classes", "--out", "set")
    done = etch(*given)
    assert done.exit_code == 2 and "choose one with --dataset" in done.stderr
    done = etch(*given, "--dataset", "entry/b")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "set/images/frame.tif"), channels[1])
    with h5py.File(tmp_path / "frame.h5", "w") as file:
        file["only"] = channels[0]
    assert etch(*given, "--overwrite").exit_code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "set/images/frame.tif"), channels[0])


def test_a_result_says_itself_which_channel_it_is_of(etch, results):
    done = etch("export", results, "--out", "set", "--channel", 1)
    assert done.exit_code == 2
    assert (
        "is a result, which says itself what it was made from: leave channel 1 out" in done.stderr
    )


def test_an_image_is_called_as_files_can_be_everywhere(etch, tmp_path):
    """On Windows a:b.tif is a part of a, and aux.tif a device."""
    write_image(tmp_path / "images" / "500x: a.png")
    write_via(tmp_path / "via.json", "500x: a.png")
    done = etch("import", "via.json", "--images", "images", "--out", "set", "--labels", "classes")
    assert done.exit_code == 0, done.output
    assert "500x: a: files cannot be called so, so it is 500x- a" in done.stderr
    assert (tmp_path / "set" / "labels" / "500x- a.tif").is_file()
    etch("import", "via.json", "--images", "images", "--out", "maps", "--as", "maps")
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["500x- a_classes.tif"]


def test_a_mask_of_another_size_than_the_one_image_is_told(etch, tmp_path):
    write_image(tmp_path / "frame.png", (18, 25))
    write_tiff(tmp_path / "mine.tif", np.ones((20, 30), np.int32))
    done = etch("import", "mine.tif", "--images", "frame.png", "--out", "set")
    assert done.exit_code == 2
    assert "frame.png has 18 rows and 25 columns, its labels 20 and 30" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_stops_nothing(etch, micrograph_file, tmp_path):
    """Unpacked from an old archive, an umlaut is Latin-1: tables, reports and sets were refused."""
    name = os.fsdecode(b"K\xf6rner")
    etch("segment", micrograph_file(f"{name}.tif"), "--out", "results", "--pixel-size", 0.5)
    grains = tifffile.imread(tmp_path / "results" / name / "grains.tif")
    write_counts("counts.csv", [(name, count_map(grains))])
    assert "\nK?rner,16," in (tmp_path / "counts.csv").read_text("utf-8")
    done = etch("measure", "results", "--out", "measured", "--excel", "--pdf")
    assert done.exit_code == 0, done.output
    fields = (tmp_path / "measured" / "fields.csv").read_text("utf-8")
    assert "\nK?rner," in fields
    for form in ("pairs", "coco"):
        done = etch("export", "results", "--out", form, "--format", form)
        assert done.exit_code == 0, done.output
    (entry,) = json.loads((tmp_path / "pairs" / "manifest.json").read_text("utf-8"))["images"]
    assert entry["name"] == "K-rner"
    assert entry["source"]["path"] == str(tmp_path / f"{name}.tif")
