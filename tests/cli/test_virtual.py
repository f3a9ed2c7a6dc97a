from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from skimage.io import imread

from napari_etch.cli import virtual
from napari_etch.micrograph import MicrographError, write_tiff


def test_micrographs_and_their_truth_go_into_a_training_folder(etch, tmp_path):
    done = etch("virtual", "--out", "set", "--count", 2, "--size", 64, "--seed", 3)
    assert done.exit_code == 0, done.output
    images = sorted((tmp_path / "set" / "images").iterdir())
    labels = sorted((tmp_path / "set" / "labels").iterdir())
    assert [path.name for path in images] == [path.name for path in labels]
    for image, label in zip(images, labels, strict=True):
        image, grains = tifffile.imread(image), tifffile.imread(label)
        assert (image.dtype, image.shape) == (np.uint8, (64, 64))
        assert (grains.dtype, grains.shape) == (np.int32, (64, 64))
        assert grains.min() == 1


def test_a_seed_gives_the_same_images(etch, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        etch("virtual", "--out", name, "--count", 1, "--size", 64, "--seed", seed)
    a, b, c = (tifffile.imread(tmp_path / n / "images" / "virtual_00000.tif") for n in "abc")
    assert (a == b).all()
    assert (a != c).any()


def test_a_seed_that_no_generator_takes_is_refused(etch):
    done = etch("virtual", "--out", "set", "--count", 1, "--seed", 2**70)
    assert done.exit_code == 2
    assert "4294967295" in done.output


def test_a_full_disk_leaves_no_image_without_its_truth(etch, tmp_path, monkeypatch):
    def full(path, array):
        if path.parent.name == "labels" and path.stem.endswith("1"):
            raise MicrographError(f"{path} could not be written (No space left on device).")
        write_tiff(path, array)

    monkeypatch.setattr("napari_etch.cli.virtual.write_tiff", full)
    done = etch("virtual", "--out", "set", "--count", 3, "--size", 64)
    assert done.exit_code == 2
    for folder in ("images", "labels"):
        assert [path.name for path in (tmp_path / "set" / folder).iterdir()] == [
            "virtual_00000.tif"
        ]


def test_nothing_is_overwritten(etch):
    call = ("virtual", "--out", "set", "--count", 1, "--size", 64)
    assert etch(*call).exit_code == 0
    refused = etch(*call)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert etch(*call, "--overwrite").exit_code == 0


def test_a_size_that_no_memory_holds_is_refused(etch, tmp_path):
    """It ended with an internal error of torch's."""
    done = etch("virtual", "--out", "set", "--count", 1, "--size", 1_000_000)
    assert done.exit_code == 2
    assert "--size" in done.stderr and "8192" in done.stderr
    assert not (tmp_path / "set").exists()


def test_a_shorter_set_leaves_none_of_an_earlier_one(etch, tmp_path):
    """What was left had another size, and was learnt from with the new ones."""
    call = ("virtual", "--out", "set", "--size")
    assert etch(*call, 96, "--count", 3).exit_code == 0
    (tmp_path / "set" / "labels" / "virtual_mine.tif").write_text("mine")
    assert etch(*call, 64, "--count", 1, "--overwrite").exit_code == 0
    folders = (tmp_path / "set" / name for name in ("images", "labels"))
    images, labels = ({path.name for path in folder.iterdir()} for folder in folders)
    assert images == {"virtual_00000.tif"}
    assert labels == {"virtual_00000.tif", "virtual_mine.tif"}


def test_the_gallery_is_a_picture(etch, tmp_path):
    done = etch("virtual", "--gallery", "sheet.png", "--size", 64)
    assert done.exit_code == 0, done.output
    assert imread(tmp_path / "sheet.png").std() > 0


def test_the_gallery_replaces_another_only_when_it_is_whole(etch, tmp_path, monkeypatch):
    (tmp_path / "sheet.png").write_text("mine")
    call = ("virtual", "--gallery", "sheet.png", "--size", 64)
    assert etch(*call).exit_code == 2

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    done = etch(*call, "--overwrite")
    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    assert (tmp_path / "sheet.png").read_text() == "mine"


def test_the_folder_of_a_gallery_is_made(etch, tmp_path):
    assert etch("virtual", "--gallery", "new/sheet.png", "--size", 64).exit_code == 0
    assert (tmp_path / "new" / "sheet.png").is_file()


def test_it_wants_to_know_where_to_write(etch):
    assert etch("virtual").exit_code == 2
    wrong = etch("virtual", "--gallery", "sheet.jpg")
    assert wrong.exit_code == 2
    assert ".png" in wrong.stderr


def test_ctrl_c_keeps_whole_pairs_alone_and_says_how_many(etch, monkeypatch, tmp_path):
    written = []
    write_tiff = virtual.write_tiff

    def interrupted(path, array):
        written.append(path)
        if len(written) == 4:
            raise KeyboardInterrupt
        write_tiff(path, array)

    monkeypatch.setattr(virtual, "write_tiff", interrupted)
    done = etch("virtual", "--out", "set", "--count", 3, "--size", 64)
    assert done.exit_code == 130
    assert "stopped with 1 of 3 micrographs in set" in done.stderr
    for folder in ("images", "labels"):
        assert [path.name for path in (tmp_path / "set" / folder).iterdir()] == [
            "virtual_00000.tif"
        ]
