"""``etch train`` with a stand-in for the learning."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.models import load_model
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training import trainers
from napari_etch.training.trainers import Trained, TrainError, TrainNotice, TrainStep

CARD = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}


class FakeTraining:
    """Takes three steps and remembers what it was asked."""

    def __init__(self):
        self.asked = self.error = None
        self.interrupts = 0

    def __call__(self, request, stop):
        self.asked = request
        yield TrainNotice("Held back: the left 20 % of a.")
        if self.error:
            raise self.error
        yield TrainStep(0, 3, 0.0, 0.0, {}, {"loss": 1.0})
        for step in range(1, 4):
            yield TrainStep(step, 3, step, 3 - step, {"total": 1 / step})
            for _ in range(self.interrupts):
                signal.raise_signal(signal.SIGINT)
            if stop():
                break
        torch.manual_seed(0)
        tensors = EtchNet((4, 6, 8, 8)).state_dict()
        scores = {"ap50": 0.5, "vi": 1.25}, {"ap50": 0.625, "vi": 1.0}
        yield Trained(tensors, CARD, step, "All steps were taken.", *scores)


@pytest.fixture
def learning(monkeypatch):
    fake = FakeTraining()
    monkeypatch.setattr(trainers, "find_trainer", lambda name: fake)
    return fake


@pytest.fixture
def etch(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
        pixels = np.random.default_rng(0).integers(1, 255, (64, 80), np.uint8)
        tifffile.imwrite(tmp_path / "data" / name / "a.tif", pixels)
    return lambda *more: CliRunner().invoke(
        app, ["train", "--model", "generalist", "--data", "data", *map(str, more)]
    )


def test_a_folder_becomes_a_model_and_the_scores_are_said(learning, etch):
    done = etch("--out", "mine", "--seed", 3, "--resume", "state")
    assert done.exit_code == 0, done.output
    said = done.stdout.splitlines()
    assert said[0] == "data: on what was held back AP50 0.5, VI 1.25 -> AP50 0.625, VI 1"
    assert said[1] == "data: All steps were taken, step 3, 3 s -> mine"
    assert "Held back" in done.stderr
    assert load_model("mine").card["library"]["sources"] == ["a.tif"]
    assert learning.asked.seed == 3 and learning.asked.checkpoint.name == "state"


def test_it_goes_into_the_library(learning, etch, monkeypatch, tmp_path):
    monkeypatch.setenv("ETCH_MODELS", str(tmp_path / "library"))
    done = etch("--out", "My steel", "--library")
    assert done.exit_code == 0, done.output
    assert load_model("My-steel").title == "My steel"
    assert etch("--out", "My steel", "--library").exit_code == 2


def test_ctrl_c_keeps_the_best_and_a_second_one_drops_it(learning, etch, tmp_path):
    learning.interrupts = 1
    done = etch("--out", "mine")
    assert done.exit_code == 130 and (tmp_path / "mine").exists()
    assert "the best so far, of step 1, was kept" in done.stderr
    learning.interrupts = 2
    done = etch("--out", "other")
    assert done.exit_code == 130 and not (tmp_path / "other").exists()


def test_the_folder_one_is_in_becomes_no_model(learning, etch, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = etch("--model", "generalist", "--data", "../data", "--out", ".", "--overwrite")
    assert done.exit_code == 2
    assert done.stderr == "etch: . is the folder that you are in: choose another one\n"
    assert learning.asked is None  # the training would have been lost at its end


def test_what_cannot_be_trained_is_one_sentence_and_code_2(learning, etch, monkeypatch):
    learning.error = TrainError("These labels are classes: give grains.")
    done = etch("--out", "mine")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == "etch: data: These labels are classes: give grains."
    assert etch("--out", "mine", "--labels", "dots").exit_code == 2
    assert etch("--out", "mine", "--minutes", 0).exit_code == 2
    assert etch("--out", "mine", "--data", "nowhere").exit_code == 2
    monkeypatch.undo()
    done = CliRunner().invoke(app, ["train", "--model", "nothing", "--data", ".", "--out", "mine"])
    assert done.exit_code == 2 and "cannot be trained" in done.stderr
