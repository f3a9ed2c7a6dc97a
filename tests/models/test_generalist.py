"""The generalist's passes: any size, any scale, averaged views that fit together."""

import numpy as np
import pytest
import torch

from napari_etch.inference import Prediction, TileDone, predict
from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import StoredModel, load_model, write_model
from napari_etch.models.generalist import QUALITIES, TARGET, Generalist
from napari_etch.models.heads import MAPS
from napari_etch.models.resize import resize
from napari_etch.networks.etchnet import EtchNet

WIDTHS = (4, 6, 8, 8)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model")
    card = {"architecture": "etchnet", "parameters": {"widths": WIDTHS, "margin": 112}}
    write_model(path, EtchNet(WIDTHS).state_dict(), card)
    return load_model(str(path))


def last(model, image, **options):
    events = list(predict(model, micrograph_from_array(image), device="cpu", **options))
    assert isinstance(events[-1], Prediction)
    tiles = [event for event in events if isinstance(event, TileDone)]
    assert tiles[-1].fraction == pytest.approx(1)
    return events[-1]


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (64, 64), (101, 77, 3)])
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_any_shape_gives_maps_of_the_images_shape(tiny, shape, quality):
    found = last(tiny, noise(*shape), quality=quality)
    assert found.boundary.shape == shape[:2] and found.boundary.dtype == np.float32
    for name in MAPS:
        assert 0 <= found.fields[name].min() <= found.fields[name].max() <= 1
    grains = tiny.partition(found.fields).grains
    assert grains.shape == shape[:2] and grains.min() >= 1


def test_a_constant_image_is_not_an_error(tiny):
    assert np.isfinite(last(tiny, np.full((40, 50), 7, np.uint8)).boundary).all()


def test_the_given_grain_size_sets_the_scale(tiny):
    found = last(tiny, noise(96, 96), grain_size=80.0, quality="fast")
    assert found.parameters["grain_size_px"] == 80 and found.parameters["scale"] == TARGET / 80


@pytest.mark.parametrize("options", [{"quality": "superb"}, {"grain_size": -1.0}])
def test_wrong_options_are_refused(tiny, options):
    with pytest.raises(ValueError, match=r"quality|grain size"):
        last(tiny, noise(32, 32), **options)


def test_weights_that_lack_a_layer_are_refused():
    from safetensors.torch import save

    tensors = {
        k: v.contiguous() for k, v in EtchNet(WIDTHS).state_dict().items() if "head" not in k
    }
    stored = StoredModel(save(tensors), {"parameters": {"widths": WIDTHS}})
    with pytest.raises(ValueError, match="missing or not expected"):
        Generalist(stored)


def test_resize_keeps_the_mean_and_the_shape():
    image = np.random.default_rng(1).random((60, 90), np.float32)
    small = resize(image, 0.5)
    assert small.shape == (30, 45) and abs(small.mean() - image.mean()) < 0.01
    assert resize(small, image.shape).shape == image.shape
    assert resize(image, 1.0) is image


def test_the_shipped_model_finds_the_grains_of_a_virtual_micrograph():
    from napari_etch.evaluation import evaluate_grains
    from napari_etch.virtual import sample_micrograph

    image, truth = sample_micrograph(seed=3, size=256, style="ferrite")
    model = load_model("generalist")
    found = last(model, image, quality="fast")
    scores = evaluate_grains(model.partition(found.fields).grains, truth)
    assert scores.ap50 > 0.6


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_progress_goes_by_the_work_of_each_pass(tiny, quality):
    """Looking for the grain size was a tenth of any run: of a fast one a minute seemed left."""
    shares, areas = [], []
    passes = tiny.passes(micrograph_from_array(noise(300, 400)), quality=quality, close_gaps=False)
    step = next(passes)
    try:
        while True:
            if step.what == "finding the grain size":
                shares.append(step.share)
                areas.append(step.image[0].size)
            step = passes.send(np.zeros((tiny.channels_out, *step.image.shape[-2:]), np.float32))
    except StopIteration:
        pass
    then = 0.5 * 300 * 400 * sum(size**2 for size, _, _ in QUALITIES[quality])
    wanted = np.array(areas) / (sum(areas) + then)
    np.testing.assert_allclose(shares, wanted, rtol=0.02)


def test_what_is_taken_out_of_a_picture_is_logged(tiny):
    rng = np.random.default_rng(3)
    grey = rng.normal(120, 6, (96, 128)) + rng.normal(0, 20, (96, 1))
    scanned = np.clip(grey, 0, 255).astype(np.uint8)
    assert last(tiny, scanned, quality="fast").parameters["taken_out"] == "scan lines"
    assert "taken_out" not in last(tiny, noise(96, 128), quality="fast").parameters
