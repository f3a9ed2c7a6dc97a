from __future__ import annotations

import json

import h5py
import numpy as np
import tifffile
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.models.weights_file import write_model
from napari_etch.networks.wpunet import WPUNet
from napari_etch.virtual.serial import Flaws, serial_sections


def test_an_hdf5_stack_is_led_through_wpunet_and_bad_sections_are_reported(tmp_path):
    network = WPUNet((4, 4, 4), 8)
    about = {"widths": [4, 4, 4], "channels_out": 8, "margin": 32, "coding": "probability"}
    tensors = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    write_model(tmp_path / "model", tensors, {"architecture": "wpunet", "parameters": about})
    made = serial_sections(5, 64, intercept=20.0, flaws=Flaws(0, 0, 0))
    images = made.images.copy()
    images[2] = 0
    with h5py.File(tmp_path / "iron.hdf5", "w") as file:
        file["image"] = np.moveaxis(images, 0, -1)
    arguments = ["segment", "iron.hdf5", "--stack", "--model", "model", "--out", "out"]
    arguments = [str(tmp_path / a) if a in ("iron.hdf5", "model", "out") else a for a in arguments]
    done = CliRunner().invoke(app, [*arguments, "--grain-size", "20", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    grains = tifffile.imread(tmp_path / "out" / "iron" / "grains.tif")
    assert grains.shape == images.shape
    assert grains.min() > 0
    summary = json.loads((tmp_path / "out" / "iron" / "summary.json").read_text())
    assert summary["model"] == "model"
    assert any("Section 2 shows nothing" in notice for notice in summary["notices"])


def test_the_direction_is_one_of_three_and_only_for_models_that_have_one(tmp_path):
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, np.zeros((32, 32), np.uint8))
    arguments = ["segment", str(image), "--out", str(tmp_path / "out"), "--device", "cpu"]
    wrong = CliRunner().invoke(app, [*arguments, "--model", "wpunet", "--direction", "up"])
    assert wrong.exit_code == 2
    assert "both, forward or backward" in wrong.output
    other = CliRunner().invoke(app, [*arguments, "--direction", "forward"])
    assert other.exit_code == 2
    assert "has no option direction" in other.output
