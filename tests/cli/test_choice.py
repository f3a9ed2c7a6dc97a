"""One series and channel, in every command that reads a micrograph."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import tifffile
from fakes import grid_of_grains
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.micrograph import MicrographError
from napari_etch.micrograph.choice import Choice
from napari_etch.training.folder import read_training_folder
from napari_etch.training.labelled_request import LabelledRequest
from napari_etch.training.trainers import TrainRequest

pytestmark = pytest.mark.usefixtures("quick_measuring")

SE, BSE = 0, 1


@pytest.fixture
def both(tmp_path):
    """An image of two channels: without grains, and with 16 of them."""
    image, _ = grid_of_grains()
    noise = np.random.default_rng(0).integers(0, 9, image.shape).astype(np.uint8)
    path = tmp_path / "both.ome.tif"
    tifffile.imwrite(
        path,
        np.stack([200 + noise, image + noise]),
        metadata={"axes": "CYX", "Channel": {"Name": ["SE", "BSE"]}, "PhysicalSizeX": 0.5},
    )
    return path


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """Return a function that runs ``etch`` with the networks that are shipped."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(item) for item in arguments])


def words(result):
    return " ".join(result.output.split())


def image_of(folder):
    return json.loads((folder / "summary.json").read_text())["image"]


def test_segment_and_count_take_the_channel(etch, both, tmp_path):
    result = etch("segment", both, "--out", "r", "--channel", "bse")
    assert result.exit_code == 0, result.output
    assert "16 grains" in result.output
    about = image_of(tmp_path / "r" / "both.ome")
    assert (about["channel"], about["channel_name"]) == (BSE, "BSE")
    result = etch("count", both, "--out", "n.csv", "--channel", "1")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "n.csv").read_text().splitlines()[1].startswith("both.ome.tif,16,")


@pytest.mark.parametrize("command", ["repair", "fracture"])
def test_repair_and_fracture_take_the_channel(shipped, both, tmp_path, command):
    result = shipped(command, both, "--out", "p")
    assert result.exit_code == 2
    assert "has 2 channels (0 SE, 1 BSE); choose one with --channel" in words(result)
    result = shipped(command, both, "--out", "p", "--channel", "BSE")
    assert result.exit_code == 0, result.output
    assert image_of(tmp_path / "p" / "both.ome")["channel"] == BSE


@pytest.mark.parametrize("command", ["segment", "count", "fit"])
def test_without_a_choice_the_channels_are_listed(etch, both, command):
    result = etch(command, both, "--out", "r.csv")
    assert result.exit_code == 2
    assert "has 2 channels (0 SE, 1 BSE); choose one with --channel" in words(result)


def test_measure_finds_the_channel_that_was_segmented(etch, both, tmp_path):
    assert etch("segment", both, "--out", "r", "--channel", "BSE").exit_code == 0
    for more in ((), ("--image", both), ("--image", both, "--channel", "1")):
        result = etch("measure", "r/both.ome", "--out", "m", "--overwrite", *more)
        assert result.exit_code == 0, result.output
        assert "other pixels" not in result.output
    report = json.loads((tmp_path / "m" / "measure.json").read_text())
    assert f"{both.name}, channel BSE" in json.dumps(report)
    result = etch(
        "measure", "r/both.ome", "--out", "m", "--overwrite", "--image", both, "--channel", 0
    )
    assert "other pixels than the micrograph that was segmented" in words(result)
    result = etch("measure", "r/both.ome", "--out", "m2", "--channel", "0")
    assert result.exit_code == 2
    assert "give these with --image" in result.output


def test_an_export_says_which_channel_its_images_are(etch, both, tmp_path):
    assert etch("segment", both, "--out", "r", "--channel", "BSE").exit_code == 0
    assert etch("export", "r", "--out", "set").exit_code == 0
    (image,) = json.loads((tmp_path / "set" / "manifest.json").read_text())["images"]
    assert image["made"]["channel"] == BSE
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "set/images/both.ome.tif"), tifffile.imread(both)[BSE]
    )


def test_a_data_set_of_hdf5_is_segmented(etch, tmp_path):
    image, _ = grid_of_grains()
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["entry/image"] = image
        file["entry/other"] = image // 2
    result = etch("segment", "scan.h5", "--out", "r")
    assert result.exit_code == 2
    assert "choose one with --dataset" in words(result)
    result = etch("segment", "scan.h5", "--out", "r", "--dataset", "/entry/image")
    assert result.exit_code == 0, result.output
    assert image_of(tmp_path / "r" / "scan")["series"] == "/entry/image"


def test_one_file_without_the_channel_does_not_stop_the_others(
    etch, both, micrograph_file, tmp_path
):
    plain = micrograph_file()
    result = etch("segment", plain, both, "--out", "r", "--channel", "1")
    assert result.exit_code == 2
    assert "steel.tif has no channel 1; it has 1 channel" in words(result)
    assert (tmp_path / "r" / "both.ome" / "grains.tif").exists()


def test_training_reads_the_channel(both, tmp_path):
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    _, labels = grid_of_grains()
    both.rename(tmp_path / "data" / "images" / "a.tif")
    tifffile.imwrite(tmp_path / "data" / "labels" / "a.tif", labels.astype(np.int32))
    with pytest.raises(MicrographError, match="2 channels"):
        read_training_folder(tmp_path / "data")
    (pair,) = read_training_folder(tmp_path / "data", choice=Choice(channel="BSE"))
    np.testing.assert_array_equal(
        pair.micrograph.data, tifffile.imread(tmp_path / "data" / "images" / "a.tif")[BSE]
    )


def test_a_request_keeps_the_channel_on_its_way_to_another_process(tmp_path):
    request = TrainRequest("generalist", tmp_path, choice=Choice(channel=1))
    LabelledRequest(request).write(tmp_path)
    assert LabelledRequest.read(tmp_path).choice == Choice(channel=1)


def test_pseudo_labels_are_of_the_channel(etch, both, tmp_path):
    plain = [
        word for step in ("clip", "blur", "close", "dilate", "open") for word in (f"--{step}", 0)
    ]
    result = etch("pseudo-label", both, "--out", "set", "--channel", "1", *plain)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "set" / "pseudo-labels.json").read_text())["channel"] == 1
    assert tifffile.imread(tmp_path / "set" / "labels" / "both.ome.tif").max() > 3
