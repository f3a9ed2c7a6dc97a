from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import binary_opening
from skimage.io import imread, imsave

from napari_etch.training.folder import read_training_folder
from napari_etch.training.pseudo import (
    Recipe,
    count_components,
    ellipse,
    pseudo_mask,
    write_pseudo_labels,
)


@pytest.fixture
def grains_image():
    """Return bright grains of 40 px with dark lines of 5 px between them, and some noise."""
    image = np.full((200, 240), 180, np.uint8)
    for shift in range(5):
        image[shift::40], image[:, shift::40] = 40, 40
    noise = np.random.default_rng(0).integers(-15, 15, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_the_ellipse_of_the_published_masks_has_89_px():
    assert ellipse(11).sum() == 89
    assert ellipse(3).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert ellipse(5).sum() == 17


def test_grains_are_found_and_the_mask_is_unchanged_by_the_last_opening(grains_image):
    mask = pseudo_mask(grains_image / 255)
    assert mask[20, 20] and not mask[2, 20]
    inner = np.s_[12:-12, 12:-12]
    assert np.array_equal(binary_opening(mask, ellipse(11))[inner], mask[inner])


def test_every_step_can_be_left_out(grains_image):
    image = grains_image / 255
    bare = pseudo_mask(image, Recipe(0, 8, 0, False, 0, 0, 0, 0))
    assert np.array_equal(bare, image > image[~bare].max())
    dark = pseudo_mask(image, Recipe(0, 8, 0, True, 0, 0, 0, 0))
    assert np.array_equal(dark, ~bare)
    rough = image + np.random.default_rng(1).normal(0, 0.15, image.shape)
    for changed in ({"blur": 0}, {"close": 0}, {"dilate": 0}, {"open": 0}, {"clip": 0}):
        assert not np.array_equal(pseudo_mask(rough, Recipe(**changed)), pseudo_mask(rough))


def test_an_even_diameter_is_refused():
    with pytest.raises(ValueError, match="close is 4: give an odd number"):
        Recipe(close=4)
    with pytest.raises(ValueError, match="min_area is -1"):
        Recipe(min_area=-1)


def test_a_training_folder_is_written_with_every_parameter(grains_image, tmp_path):
    path = tmp_path / "steel.png"
    imsave(path, grains_image, check_contrast=False)
    found = write_pseudo_labels([path], tmp_path / "out", Recipe(open=9))
    record = json.loads((tmp_path / "out" / "pseudo-labels.json").read_text())
    assert record["recipe"]["open"] == 9 and record["recipe"]["min_area"] == 89
    assert "not truth" in record["warning"]
    labels = tifffile.imread(tmp_path / "out" / "labels" / "steel.tif")
    mask = imread(tmp_path / "out" / "masks" / "steel.png")
    assert np.array_equal(labels > 0, mask == 255)
    assert found["steel.png"]["count"] == count_components(labels, 500) >= 20
    assert len(read_training_folder(tmp_path / "out")) == 1
    with pytest.raises(ValueError, match="--overwrite"):
        write_pseudo_labels([path], tmp_path / "out", Recipe())
    with pytest.raises(ValueError, match="share one label file"):
        write_pseudo_labels([path, tmp_path / "x" / "steel.tif"], tmp_path / "new", Recipe())


def test_nothing_of_half_a_set_is_left(grains_image, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    imsave(good, grains_image, check_contrast=False)
    bad.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"bad\.png"):
        write_pseudo_labels([good, bad], tmp_path / "out", Recipe())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.png", "good.png"]
    with pytest.raises(ValueError, match="none of the images can be used"):
        write_pseudo_labels([bad], tmp_path / "out", Recipe(), skip=lambda path, error: None)
    assert not (tmp_path / "out").exists()


def test_a_set_of_another_run_is_not_replaced(grains_image, tmp_path, monkeypatch):
    imsave(tmp_path / "a.png", grains_image)

    @contextmanager
    def rival(_folder):
        monkeypatch.undo()
        write_pseudo_labels([tmp_path / "a.png"], tmp_path / "set", Recipe())
        yield

    monkeypatch.setattr("napari_etch.results.one_at_a_time", rival)
    with pytest.raises(ValueError, match="already holds pseudo labels"):
        write_pseudo_labels([tmp_path / "a.png"], tmp_path / "set", Recipe())


def test_an_earlier_set_is_replaced_as_a_whole(grains_image, tmp_path):
    one, two, out = tmp_path / "one.png", tmp_path / "two.png", tmp_path / "out"
    for path in (one, two):
        imsave(path, grains_image, check_contrast=False)
    write_pseudo_labels([one], out, Recipe())
    (out / "specimens.csv").write_text("image,specimen\ntwo,A\n")
    write_pseudo_labels([two], out, Recipe(), overwrite=True)
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == [
        "counts.csv",
        "images/two.png",
        "labels/two.tif",
        "masks/two.png",
        "pseudo-labels.json",
        "specimens.csv",
    ]
    (pair,) = read_training_folder(out)
    assert pair.specimen == "A"
    assert [path for path in tmp_path.iterdir() if path.name[0] == "."] == []


def test_the_images_of_a_set_can_be_labelled_anew_but_not_some_of_them(grains_image, tmp_path):
    paths = [tmp_path / name for name in ("one.png", "two.png")]
    for path in paths:
        imsave(path, grains_image, check_contrast=False)
    out = tmp_path / "out"
    write_pseudo_labels(paths, out, Recipe())
    inside = sorted((out / "images").iterdir())
    with pytest.raises(ValueError, match="they would be lost: give all of them"):
        write_pseudo_labels(inside[:1], out, Recipe(), overwrite=True)
    assert len(write_pseudo_labels(inside, out, Recipe(open=9), overwrite=True)) == 2
    assert json.loads((out / "pseudo-labels.json").read_text())["recipe"]["open"] == 9


def test_a_folder_of_something_else_is_never_replaced(grains_image, tmp_path, monkeypatch):
    path = tmp_path / "one.png"
    imsave(path, grains_image, check_contrast=False)
    (tmp_path / "drawn" / "labels").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds other files"):
        write_pseudo_labels([path], tmp_path / "drawn", Recipe(), overwrite=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match="the folder that you are in"):
        write_pseudo_labels([path], Path(), Recipe())
