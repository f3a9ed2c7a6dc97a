"""The repair network trains end to end, resumes, and exports a model that loads."""

import numpy as np
import pytest
import torch

from napari_etch.grains.lines import enclosed_grains
from napari_etch.models import load_model
from napari_etch.models.repair import Repair
from napari_etch.training.export import export
from napari_etch.training.repair import (
    BROKEN,
    COMPLETE,
    RECIPES,
    Recipe,
    broken_crops,
    repair_loss,
    train,
)
from napari_etch.training.run import Schedule

TINY = {"widths": (4, 6, 8), "kernel": 3, "fold": 2, "channels_out": 8}
QUICK = Schedule(size=64, batch=2, replay=80, minutes=5.0, steps=2)


@pytest.mark.parametrize("name", RECIPES)
def test_crops_hold_the_broken_and_the_complete_network(name):
    images, labels = next(broken_crops(3, 64, RECIPES[name].presets))
    assert images.shape == labels.shape == (64, 64, 64)
    assert images.dtype == np.uint8 and labels.dtype == np.int16
    broken, complete = images & BROKEN > 0, images & COMPLETE > 0
    assert (complete & ~broken).any() and labels.max() > 10
    # on both sides of a line that is missing lie two grains
    assert not np.array_equal(broken, complete)


def test_each_line_pixel_goes_to_the_nearest_grain():
    interior = np.ones((9, 9), bool)
    interior[:, 4] = False
    grains = enclosed_grains(~interior)
    assert set(np.unique(grains)) == {1, 2} and (grains[:, :4] == 1).all()
    assert (enclosed_grains(np.ones((4, 4), bool)) == 1).all()


def test_known_lines_teach_little_and_missing_ones_much():
    complete = torch.zeros(1, 32, 32)
    complete[:, 16] = 1
    labels = (torch.arange(32)[None, :, None] > 16).long().expand(1, 32, 32)

    def push(broken):
        logits = torch.full((1, 8, 32, 32), -3.0, requires_grad=True)
        loss, _ = repair_loss(logits, broken, complete, labels)
        loss.backward()
        return float(-logits.grad[0, 0, 16].mean())

    assert push(torch.zeros_like(complete)) > 5 * push(complete) > 0


def test_training_resumes_and_exports_a_model_that_loads(tmp_path):
    recipe = Recipe(TINY, {"published": 1.0})
    path = train(recipe, QUICK, tmp_path / "run")
    assert torch.load(path, weights_only=False)["step"] == 2
    train(recipe, Schedule(**{**vars(QUICK), "steps": 3}), tmp_path / "run")
    export(path, tmp_path / "model", {"title": "tiny"})
    model = load_model(str(tmp_path / "model"))
    assert isinstance(model, Repair) and model.card["training"]["steps"] == 3
    assert model.margin > 0 and model.stride == 8


def test_the_published_recipe_learns_by_cross_entropy_alone(tmp_path):
    recipe = Recipe({"widths": (4, 6), "kernel": 3}, {"published": 1.0}, plain=True)
    path = train(recipe, QUICK, tmp_path / "run")
    export(path, tmp_path / "model")
    assert load_model(str(tmp_path / "model")).channels_out == 1
