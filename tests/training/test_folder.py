"""Training folders: read whole or refused in a sentence; crops at many grain sizes."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_etch.training.folder import (
    INTERCEPTS,
    RealCrops,
    TrainingDataError,
    read_training_folder,
)
from napari_etch.training.generalist import Settings, train
from napari_etch.training.specimens import SpecimenTableError, read_specimen_rows


def checkers(size=160, pitch=40):
    row, column = np.indices((size, size)) // pitch
    return (row * (size // pitch) + column + 1).astype(np.int32)


def write_folder(folder, labels=None, name="a"):
    labels = checkers() if labels is None else labels
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    image = (255 * np.random.default_rng(0).random(labels.shape)).astype(np.uint8)
    tifffile.imwrite(folder / "images" / f"{name}.tif", image)
    tifffile.imwrite(folder / "labels" / f"{name}.tif", labels)
    return folder


def test_a_folder_is_read_and_lines_go_to_the_nearest_grain(tmp_path):
    labels = checkers()
    labels[39:41] = 0
    (pair,) = read_training_folder(str(write_folder(tmp_path, labels)))
    assert pair.labels.min() == 1
    assert np.array_equal(pair.labels, checkers())
    assert pair.intercept == pytest.approx(53, abs=1)  # 159 steps, 3 crossings
    assert pair.image.dtype == np.float32


def test_labels_with_a_palette_are_numbers_not_colours(tmp_path):
    """Annotation tools save masks so; they were taken for colours of another size."""
    write_folder(tmp_path)
    (tmp_path / "labels" / "a.tif").unlink()
    picture = Image.fromarray(checkers().astype(np.uint8), mode="P")
    picture.putpalette(np.random.default_rng(1).integers(0, 256, 768).tolist())
    picture.save(tmp_path / "labels" / "a.png")
    (pair,) = read_training_folder(tmp_path)
    np.testing.assert_array_equal(pair.labels, checkers())


def test_crops_have_the_feeds_form_and_whole_numbers_from_zero(tmp_path):
    crops = RealCrops(read_training_folder(write_folder(tmp_path)), 64, seed=1)
    images, labels = crops.draw(12)
    assert images.shape == labels.shape == (12, 64, 64)
    assert images.dtype == np.uint8 and labels.dtype == np.int16
    assert all(label.min() == 0 for label in labels)


def test_crops_come_at_many_grain_sizes(tmp_path):
    pairs = read_training_folder(write_folder(tmp_path, checkers(400, 40)))
    _, labels = RealCrops(pairs, 128, seed=2).draw(30)
    runs = []
    for label in labels:
        crossings = (label[:, 1:] != label[:, :-1]).sum(1).mean()
        runs.append(128 / (crossings + 1))
    assert min(runs) < 1.6 * INTERCEPTS[0]
    assert max(runs) > 0.6 * INTERCEPTS[1]


def test_same_seed_gives_the_same_crops(tmp_path):
    pairs = read_training_folder(write_folder(tmp_path))
    first, second = (RealCrops(pairs, 48, seed=3).draw(3) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_a_picture_smaller_than_the_crop_is_enlarged(tmp_path):
    pairs = read_training_folder(write_folder(tmp_path, checkers(30, 10)))
    images, _ = RealCrops(pairs, 64, seed=4).draw(2)
    assert images.shape == (2, 64, 64)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "labels" / "a.tif").unlink(), "a.tif has no grain map"),
        (lambda folder: (folder / "images" / "a.tif").unlink(), "is empty"),
        (
            lambda folder: tifffile.imwrite(folder / "labels" / "a.tif", checkers(80)),
            "needs the size of its micrograph",
        ),
        (
            lambda folder: tifffile.imwrite(folder / "labels" / "a.tif", np.zeros((160, 160))),
            "is no grain map",
        ),
    ],
)
def test_an_unusable_folder_is_refused_in_a_sentence(tmp_path, spoil, said):
    folder = write_folder(tmp_path)
    spoil(folder)
    with pytest.raises(TrainingDataError, match=said):
        read_training_folder(folder)


def drawn_lines(value=255):
    lines = np.zeros((160, 160), np.uint8)
    for at in (39, 79, 119):
        lines[at : at + 3] = lines[:, at : at + 3] = value
    return lines


@pytest.mark.parametrize("value", [1, 255])
def test_lines_are_not_learnt_from_as_grains(tmp_path, value):
    """All of them were one grain, and what lies between nobody's: the training went on."""
    write_folder(tmp_path, drawn_lines(value))
    with pytest.raises(TrainingDataError, match="drawn lines or a mask and no grain map: give --l"):
        read_training_folder(tmp_path)
    assert len(np.unique(read_training_folder(tmp_path, "boundary")[0].labels)) == 16


def test_a_mask_of_all_grains_is_no_grain_map(tmp_path):
    write_folder(tmp_path, 1 - drawn_lines(1))
    with pytest.raises(TrainingDataError, match="number the grains of a mask"):
        read_training_folder(tmp_path)


def test_one_labelled_grain_alone_is_learnt_from(tmp_path):
    labels = np.where(checkers() == 6, 6, 0).astype(np.int32)
    (pair,) = read_training_folder(write_folder(tmp_path, labels))
    assert 0 < pair.learnt.sum() < 2 * (labels > 0).sum()


def test_grains_are_not_learnt_from_as_lines(tmp_path):
    with pytest.raises(TrainingDataError, match="no boundary mask: give --labels grains"):
        read_training_folder(write_folder(tmp_path), "boundary")


@pytest.mark.parametrize("part", ["", "train"])
def test_classes_are_not_learnt_from_as_grains(tmp_path, part):
    """All pixels of a fracture mode were one grain, and the training went on."""
    folder = write_folder(tmp_path / part, (checkers() % 2 + 1).astype(np.int32))
    (tmp_path / "manifest.json").write_text('{"labels": "classes"}')
    with pytest.raises(TrainingDataError, match=r"holds class maps, as .* give --labels classes"):
        read_training_folder(folder)
    assert len(read_training_folder(folder, "classes")) == 1
    (tmp_path / "manifest.json").write_text("[]")  # of some other program
    assert len(read_training_folder(folder)) == 1


def test_a_set_in_parts_is_told_from_no_set(tmp_path):
    write_folder(tmp_path / "train")
    with pytest.raises(TrainingDataError, match="is a set in parts: train on one, such as"):
        read_training_folder(tmp_path)


def test_a_folder_without_the_two_parts_is_refused(tmp_path):
    with pytest.raises(TrainingDataError, match="is no training folder"):
        read_training_folder(tmp_path)


def test_training_takes_real_crops_along(tmp_path):
    quick = {"widths": (4, 6, 8, 8), "size": 64, "batch": 2, "replay": 80, "minutes": 5.0}
    folder = write_folder(tmp_path / "data")
    path = train(Settings(steps=1, share=0.5, **quick), tmp_path / "run", data=folder)
    assert torch.load(path, weights_only=False)["step"] == 1


def test_ignored_places_and_lines_as_labels(tmp_path):
    lines = np.zeros((160, 160), np.uint8)
    lines[40::40] = lines[:, 40::40] = 255
    folder = write_folder(tmp_path, lines)
    (folder / "ignore").mkdir()
    ignore = np.zeros((160, 160), np.uint8)
    ignore[:80] = 1
    tifffile.imwrite(folder / "ignore" / "a.tif", ignore)
    (pair,) = read_training_folder(folder, "boundary")
    assert len(np.unique(pair.labels)) == 16
    assert not pair.learnt[:80].any() and pair.learnt[80:].all()


def test_specimens_are_told_by_stem_or_file_name(tmp_path):
    for name in ("a", "b", "c"):
        write_folder(tmp_path, name=name)
    (tmp_path / "specimens.csv").write_text("image,specimen\na.tif,one\nb,two\n")
    found = {pair.name: pair.specimen for pair in read_training_folder(tmp_path)}
    assert found == {"a": "one", "b": "two", "c": ""}
    (tmp_path / "specimens.csv").write_text("image,specimen\nd.tif,one\ne,two\n")
    with pytest.raises(TrainingDataError, match="names none of the images: it has d and others"):
        read_training_folder(tmp_path)
    (tmp_path / "specimens.csv").write_text("file;specimen\na;one\n")
    with pytest.raises(TrainingDataError, match="it needs image and specimen"):
        read_training_folder(tmp_path)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_of_excel_in_other_countries_is_read(tmp_path, mark):
    for name in ("a", "b"):
        write_folder(tmp_path, name=name)
    rows = (("image", '"specimen"', "pixel_size_um"), ("a.tif", "one, left", "0,225"), ("b", "two"))
    text = "\r\n".join(mark.join(row) for row in rows)
    (tmp_path / "specimens.csv").write_text(text, encoding="utf-8-sig")
    found = {pair.name: pair.specimen for pair in read_training_folder(tmp_path)}
    assert found == {"a": "one, left", "b": "two"}
    assert read_specimen_rows(tmp_path / "specimens.csv")[0]["pixel_size_um"] == "0.225"


def test_a_table_that_cannot_be_read_is_told_why(tmp_path, monkeypatch):
    """One that Excel has open on Windows was to be saved in UTF-8."""
    table = tmp_path / "specimens.csv"
    table.write_bytes("image,specimen\na,Prüfling\n".encode("cp1252"))
    with pytest.raises(SpecimenTableError, match="save it as CSV in UTF-8"):
        read_specimen_rows(table)

    def is_open(*_, **_options):
        raise PermissionError(13, "it is being used by another process")

    monkeypatch.setattr(Path, "open", is_open)
    with pytest.raises(SpecimenTableError, match=r"another process\): close it in the program"):
        read_specimen_rows(table)


@pytest.mark.parametrize("word", ["0,5", "-1", "abc", "nan"])
def test_a_pixel_size_that_is_none_is_refused(tmp_path, word):
    """That of the image was taken in its place."""
    write_folder(tmp_path, name="a")
    table = tmp_path / "specimens.csv"
    for given in (word, "0.5", ""):
        table.write_text(f'image,specimen,pixel_size_um\na,one,"{given}"\n')
        if given == word:
            with pytest.raises(TrainingDataError, match=f"gives a the pixel size '{word}'"):
                read_training_folder(tmp_path)
        else:
            assert read_training_folder(tmp_path)[0].specimen == "one"


def test_a_stack_gives_its_sections(tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    image = np.random.default_rng(0).integers(0, 255, (3, 160, 160)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "images" / "s.tif", image, photometric="minisblack")
    tifffile.imwrite(
        tmp_path / "labels" / "s.tif", np.stack([checkers()] * 3), photometric="minisblack"
    )
    pairs = read_training_folder(tmp_path)
    assert [(pair.source, pair.section) for pair in pairs] == [("s", 0), ("s", 1), ("s", 2)]


def test_a_folder_of_classes_keeps_their_numbers(tmp_path):
    classes = np.full((160, 160), 2, np.uint8)
    classes[:, :80] = 0
    (pair,) = read_training_folder(write_folder(tmp_path, classes), "classes")
    assert pair.learnt.sum() == 160 * 80 and pair.labels.max() == 2


@pytest.mark.parametrize("kind", ["grains", "classes"])
def test_what_lies_around_the_specimen_is_not_learnt_from(tmp_path, kind):
    """A smooth facet of a fracture surface is learnt from."""
    size = 240
    folder = write_folder(tmp_path, checkers(size))
    image = tifffile.imread(folder / "images" / "a.tif")
    image[:, :80] = 20 + image[:, :80] % 8
    image[:20] = 255
    tifffile.imwrite(folder / "images" / "a.tif", image)
    (pair,) = read_training_folder(folder, kind)
    assert not pair.learnt[:20].any() and pair.learnt[20:, 90:].all()
    assert pair.learnt[20:, :70].all() == (kind == "classes")
    assert pair.learnt[20:, :70].any() == (kind == "classes")


def test_nothing_left_to_learn_from_is_said(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "ignore").mkdir()
    tifffile.imwrite(folder / "ignore" / "a.tif", np.ones((160, 160), np.uint8))
    with pytest.raises(TrainingDataError, match="Nothing of a is left"):
        read_training_folder(folder)
    with pytest.raises(TrainingDataError, match="choose grains, boundary, classes"):
        read_training_folder(folder, "outlines")
