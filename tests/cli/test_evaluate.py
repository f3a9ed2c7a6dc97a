from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import tifffile
from corrected import correct
from skimage.io import imsave


@pytest.fixture
def halves():
    truth = np.ones((40, 80), np.int32)
    truth[:, 40:] = 2
    return truth


def test_scores_are_printed_and_written(etch, halves, tmp_path):
    tifffile.imwrite("truth.tif", halves)
    np.save("pred.npy", np.ones_like(halves))
    done = etch("evaluate", "--pred", "pred.npy", "--truth", "truth.tif", "--out", "s.json")
    assert done.exit_code == 0, done.output
    scores = json.loads(done.stdout)
    assert scores == json.loads((tmp_path / "s.json").read_text())
    assert (scores["vi_merge"], scores["delta_g"]) == (1, -1)
    assert scores["boundary_precision"] is None


def test_drawn_boundaries_are_told_from_labels(etch, halves):
    lines = np.zeros(halves.shape, np.uint8)
    lines[:, 38:43] = 255
    imsave("lines.png", lines)
    tifffile.imwrite("pred.tif", halves)
    pair = ("--pred", "pred.tif", "--truth", "lines.png")
    assert json.loads(etch("evaluate", *pair).stdout)["ap50"] == 1
    as_labels = json.loads(etch("evaluate", *pair, "--truth-kind", "labels").stdout)
    assert as_labels["count_true"] == 1


def test_tolerance_and_ignore_are_used(etch, halves):
    tifffile.imwrite("truth.tif", halves)
    tifffile.imwrite("pred.tif", np.roll(halves, 4, 1))
    imsave("ignore.png", np.repeat(np.arange(80)[None] < 10, 40, 0).astype(np.uint8) * 255)
    pair = ("--pred", "pred.tif", "--truth", "truth.tif", "--ignore", "ignore.png")
    strict = json.loads(etch("evaluate", *pair).stdout)
    loose = json.loads(etch("evaluate", *pair, "--tolerance", 4).stdout)
    assert (strict["boundary_recall"], loose["boundary_recall"]) == (0, 1)


def test_scores_replace_no_file_unasked(etch, halves, tmp_path):
    """A micrograph that was named by mistake was written over."""
    tifffile.imwrite("truth.tif", halves)
    before = (tmp_path / "truth.tif").read_bytes()
    pair = ("evaluate", "--pred", "truth.tif", "--truth", "truth.tif", "--out")
    done = etch(*pair, "truth.tif")
    assert done.exit_code == 2 and not done.stdout
    assert "truth.tif exists: choose another name, or add --overwrite" in done.stderr
    assert (tmp_path / "truth.tif").read_bytes() == before
    (tmp_path / "s.json").write_text("earlier")
    assert etch(*pair, "s.json", "--overwrite").exit_code == 0
    assert json.loads((tmp_path / "s.json").read_text())["ap50"] == 1
    assert etch(*pair, ".").exit_code == 2


def test_scores_that_no_disk_takes_are_shown(etch, halves, monkeypatch):
    def full(path, text, **options):
        raise OSError(28, "No space left on device")

    tifffile.imwrite("truth.tif", halves)
    monkeypatch.setattr("pathlib.Path.write_text", full)
    done = etch("evaluate", "--pred", "truth.tif", "--truth", "truth.tif", "--out", "s.json")
    assert done.exit_code == 2 and "No space left on device" in done.stderr
    assert json.loads(done.stdout)["ap50"] == 1


def test_a_result_is_scored_as_it_was_corrected(etch, halves, tmp_path):
    """`etch measure` and `etch export` took the corrections along, the scores did not."""
    tifffile.imwrite("truth.tif", halves)
    path = tmp_path / "result" / "grains.tif"
    path.parent.mkdir()
    too_many = halves.copy()
    too_many[:20, :40] = 3
    tifffile.imwrite(path, too_many)
    correct(path, 3, 1)
    for pred in ("result", path):
        done = etch("evaluate", "--pred", pred, "--truth", "truth.tif")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["ap50"] == 1
        assert (
            done.stderr == f"{pred}: 1 edit of the Correct dock beside the result was taken along\n"
        )
    plain = etch("evaluate", "--pred", "result", "--truth", "truth.tif", "--no-corrections")
    assert json.loads(plain.stdout)["count_pred"] == 3 and not plain.stderr


@pytest.mark.parametrize(
    ("pred", "message"),
    [
        (None, "pred.tif"),
        (np.ones((4, 4), np.int32), "one image"),
        (np.full((40, 80), 0.5, np.float32), "fractions"),
        (np.random.default_rng(0).integers(0, 255, (40, 80), np.uint8), "is a picture or drawn"),
        (np.random.default_rng(0).integers(0, 255, (3, 40, 80), np.uint8), "is a picture or drawn"),
    ],
)
def test_bad_input_is_named(etch, halves, pred, message):
    tifffile.imwrite("truth.tif", halves)
    if pred is not None:
        tifffile.imwrite("pred.tif", pred, photometric="minisblack")
    done = etch("evaluate", "--pred", "pred.tif", "--truth", "truth.tif")
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_colour_image_is_not_a_map(etch, halves):
    tifffile.imwrite("truth.tif", halves)
    imsave("pred.png", np.random.default_rng(0).integers(0, 255, (40, 80, 3), np.uint8))
    done = etch("evaluate", "--pred", "pred.png", "--truth", "truth.tif")
    assert done.exit_code == 2
    assert "colour image" in done.stderr


def test_fracture_modes_are_scored_by_classes(etch, tmp_path):
    """They were two grains, with a G."""
    truth = np.ones((40, 80), np.uint8)
    truth[:, 40:] = 2
    imsave("truth.png", truth, check_contrast=False)
    folder = tmp_path / "modes"
    folder.mkdir()
    tifffile.imwrite(folder / "fracture.tif", np.roll(truth, 8, axis=1))
    tifffile.imwrite("mine.tif", np.roll(truth, 8, axis=1))
    for pred, more in (("modes", ()), ("modes/fracture.tif", ()), ("mine.tif", ("classes",))):
        more = ("--truth-kind", *more) if more else ()
        done = etch("evaluate", "--pred", pred, "--truth", "truth.png", *more)
        assert done.exit_code == 0, done.output
        scores = json.loads(done.stdout)
        assert scores["accuracy"] == 0.8 and scores["iou"] == {"1": 0.666667, "2": 0.666667}
        assert scores["share_pred"] == {"1": 0.5, "2": 0.5}
    done = etch("evaluate", "--pred", "modes", "--truth", "truth.png", "--tolerance", 2)
    assert done.exit_code == 2 and "classes are scored pixel by pixel" in done.stderr


def test_a_stack_is_scored_in_space_and_by_section(etch, halves):
    tifffile.imwrite("truth.tif", np.stack([halves] * 3), photometric="minisblack")
    np.save("pred.npy", np.stack([halves, halves + 2, halves]))
    done = etch("evaluate", "--pred", "pred.npy", "--truth", "truth.tif")
    assert done.exit_code == 0, done.output
    scores = json.loads(done.stdout)
    assert scores["sections"]["vi"] == 0 < scores["tracking_vi"] == scores["vi"]
    tifffile.imwrite("one.tif", halves)
    done = etch("evaluate", "--pred", "pred.npy", "--truth", "one.tif")
    assert done.exit_code == 2 and "give two maps of one image" in done.stderr


def test_the_truth_may_be_a_data_set_of_hdf5(etch, halves, tmp_path):
    tifffile.imwrite("pred.tif", halves)
    with h5py.File("truth.h5", "w") as file:
        file["real/label"] = halves.astype(np.int64)
        file["real/image"] = np.zeros(halves.shape, np.uint8)
        file["other/label"] = np.ones_like(halves)
    pair = ("--pred", "pred.tif", "--truth", "truth.h5", "--truth-kind", "labels")
    scores = json.loads(etch("evaluate", *pair, "--dataset", "real/label").stdout)
    assert (scores["ap50"], scores["count_true"]) == (1, 2)
    assert (
        json.loads(etch("evaluate", *pair, "--dataset", "/other/label").stdout)["count_true"] == 1
    )
    done = etch("evaluate", *pair, "--dataset", "label")
    assert done.exit_code == 2
    assert "truth.h5 has several of the data set 'label': give its number" in done.stderr
    done = etch("evaluate", *pair)
    assert done.exit_code == 2 and "truth.h5 holds 3 data sets" in done.stderr
    (tmp_path / "result").mkdir()
    done = etch("evaluate", "--pred", "pred.tif", "--truth", "result", "--dataset", "label")
    assert done.exit_code == 2
    assert "--truth result is a folder of files: leave series label out" in done.stderr


def test_large_numbers_of_a_data_set_stay_apart(etch, halves):
    """As a micrograph they are float32, in which 16777216 and 16777217 are one."""
    tifffile.imwrite("pred.tif", halves)
    with h5py.File("truth.h5", "w") as file:
        file["label"] = halves.astype(np.int64) + 2**24 - 1
    done = etch("evaluate", "--pred", "pred.tif", "--truth", "truth.h5", "--dataset", "label")
    assert json.loads(done.stdout)["ap50"] == 1, done.output
