from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_etch.inference import predict
from napari_etch.micrograph import Micrograph
from napari_etch.models import ModelError, load_model
from napari_etch.models.weights_file import write_model
from napari_etch.models.wpunet import directions_of
from napari_etch.networks.wpunet import WPUNet


def stored(path, coding="probability", specimen=None, **parameters):
    torch.manual_seed(0)
    about = {"widths": [4, 6, 8], "channels_out": 8, "pooling": "average", **parameters}
    network = WPUNet(**about)
    tensors = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    card = {
        "architecture": "wpunet",
        "parameters": {**about, "coding": coding, "margin": 32},
        "specimen": specimen or {},
    }
    write_model(path, tensors, card)
    return str(path)


@pytest.fixture
def model(tmp_path):
    return load_model(stored(tmp_path / "tiny"))


def section(side=64, seed=0):
    data = np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)
    return Micrograph(data, "section")


def found(model, micrograph, **options):
    *_, result = predict(model, micrograph, device="cpu", **options)
    return result


def test_a_section_gives_maps_of_its_size_and_what_is_told_on(model):
    result = found(model, section(), grain_size=25.0)
    assert result.boundary.shape == result.fields["carried"].shape == (64, 64)
    assert result.boundary.dtype == np.float32
    assert result.parameters["scale"] == 1
    assert model.partition(result.fields).grains.min() > 0


def test_what_it_is_told_changes_what_it_finds_and_nothing_is_no_boundary(model):
    alone = found(model, section(), grain_size=25.0).boundary
    nothing = np.zeros((64, 64), np.float32)
    lines = nothing.copy()
    lines[:, ::8] = 1
    same = found(model.told(nothing), section(), grain_size=25.0).boundary
    other = found(model.told(lines), section(), grain_size=25.0).boundary
    np.testing.assert_array_equal(same, alone)
    assert np.abs(other - alone).max() > 1e-3


def test_a_mirrored_look_is_another_opinion_of_the_same_place(model):
    lines = np.zeros((64, 64), np.float32)
    lines[:, 10] = 1
    turned = Micrograph(section().data[::-1, ::-1].copy(), "turned")
    one = found(model.told(lines, mirrored=True), section(), grain_size=25.0)
    two = found(model.told(lines[::-1, ::-1].copy()), turned, grain_size=25.0)
    # the two short affinities look down and right, so only the boundary turns exactly
    np.testing.assert_allclose(one.fields["carried"], two.fields["carried"][::-1, ::-1], atol=1e-5)


def test_it_works_in_its_own_scale_and_answers_in_the_images(model):
    result = found(model, section(100), grain_size=50.0)
    assert result.fields["carried"].shape == (50, 50)
    assert result.boundary.shape == (100, 100)
    with pytest.raises(ValueError, match="the section before is"):
        found(model.told(np.zeros((64, 64), np.float32)), section(100), grain_size=50.0)


def test_a_model_of_one_specimen_knows_its_grain_size(tmp_path):
    specimen = {"intercept_px": 40.0, "pixel_size_um": None}
    model = load_model(stored(tmp_path / "own", specimen=specimen))
    assert found(model, section()).parameters["grain_size_px"] == 40


def test_two_channels_are_the_published_head(tmp_path):
    model = load_model(stored(tmp_path / "two", channels_out=2, coding="mask", pooling="min"))
    result = found(model, section(), grain_size=25.0)
    np.testing.assert_array_equal(result.fields["separation"], result.boundary)


def test_the_grain_size_of_a_section_can_be_found_alone(model):
    result = found(model.sizing(), section(128))
    assert result.fields["grain_size_px"] > 0


def test_a_plain_network_is_a_model_that_carries_nothing(tmp_path):
    model = load_model(stored(tmp_path / "plain", previous=False))
    assert not model.carries
    assert found(model, section(), grain_size=25.0).boundary.shape == (64, 64)


def test_an_unknown_coding_or_option_is_one_sentence(tmp_path, model):
    with pytest.raises(ModelError, match="the coding 'signs' is unknown"):
        load_model(stored(tmp_path / "odd", coding="signs"))
    with pytest.raises(ValueError, match="choose both, forward, backward"):
        found(model, section(), direction="up")
    with pytest.raises(ValueError, match="choose fast or best"):
        found(model, section(), quality="good")
    with pytest.raises(ValueError, match="give the mean intercept"):
        found(model, section(), grain_size=-3.0)


def test_the_quality_says_the_direction_where_none_is_given():
    assert directions_of("best", None) == "both"
    assert directions_of("fast", None) == "forward"
    assert directions_of("fast", "backward") == "backward"
