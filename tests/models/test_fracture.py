"""The fracture model: probabilities of its class table, tiled as untiled."""

import numpy as np
import pytest
import torch

from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import ModelError, list_models, load_model, write_model
from napari_etch.models.importing import import_model
from napari_etch.networks.etchnet import receptive_radius
from napari_etch.networks.fracture_net import FractureNet


def card(classes=2, table=FRACTURE_MODES):
    parameters = {"widths": [4, 6, 8, 8], "classes": classes, "hidden": 8, "margin": 160}
    return {
        "architecture": "fracture-net",
        "parameters": parameters,
        "class_table": table.as_json(),
    }


@pytest.fixture
def small(tmp_path):
    torch.manual_seed(0)
    network = FractureNet((4, 6, 8, 8), hidden=8).eval()
    write_model(tmp_path / "modes", network.state_dict(), card())
    return load_model(str(tmp_path / "modes"))


def test_margin_is_the_receptive_field():
    network = FractureNet((4, 6, 8, 8), hidden=8)
    assert receptive_radius(network, network.stride) == 160


def test_a_users_own_fracture_model_is_listed_as_one_of_classes(small, tmp_path, monkeypatch):
    monkeypatch.setenv("ETCH_MODELS", str(tmp_path / "library"))
    added = import_model(tmp_path / "modes", "My spinel")
    kinds = {entry.name: entry.kind for entry in list_models()}
    assert kinds[added.name] == "classes" and kinds["generalist"] == "boundaries"


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_probabilities_sum_to_one_at_the_size_of_the_image(small, quality):
    image = np.random.default_rng(0).integers(0, 255, (150, 97)).astype(np.uint8)
    *_, found = predict(small, micrograph_from_array(image), device="cpu", quality=quality)
    assert isinstance(found, Prediction)
    probability = found.fields["probability"]
    assert probability.shape == (2, 150, 97) and probability.dtype == np.float32
    np.testing.assert_allclose(probability.sum(0), 1, atol=1e-5)
    assert set(np.unique(found.boundary)) <= {0, 1}


def test_tiled_equals_untiled(small):
    image = np.random.default_rng(1).integers(0, 255, (500, 420)).astype(np.uint8)
    micrograph = micrograph_from_array(image)
    maps = [
        list(predict(small, micrograph, device="cpu", quality="fast", scale=1.0, **tile))[-1]
        for tile in ({"tile": 2048}, {"tile": 384, "batch": 1})
    ]
    np.testing.assert_allclose(
        maps[0].fields["probability"], maps[1].fields["probability"], atol=1e-4
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [({"quality": "superb"}, "choose fast or best"), ({"scale": 0}, "a factor above 0")],
)
def test_wrong_options_are_refused(small, options, message):
    with pytest.raises(ValueError, match=message):
        list(predict(small, micrograph_from_array(np.zeros((64, 64), np.uint8)), **options))


@pytest.mark.parametrize(
    ("side", "scale", "seen"),
    [(1280, None, [1278, 900, 639, 450]), (400, None, [400, 284, 200]), (200, 2, [400, 284, 200])],
)
def test_finer_views_are_seen_only_where_the_image_has_them(small, side, scale, seen):
    micrograph = micrograph_from_array(np.random.default_rng(1).random((side, side // 2)))
    run, sides = small.passes(micrograph, scale=scale), []
    step = next(run)
    with pytest.raises(StopIteration):
        while True:
            sides.append(step.image.shape[1])
            step = run.send(np.zeros((2, *step.image.shape[1:]), np.float32))
    assert sides == seen


def test_a_table_that_does_not_fit_the_weights_is_refused(tmp_path):
    network = FractureNet((4, 6, 8, 8), hidden=8)
    table = FRACTURE_MODES.with_class("dimple")
    write_model(tmp_path / "modes", network.state_dict(), card(table=table))
    with pytest.raises(ModelError, match="2 channels for 3 classes"):
        load_model(str(tmp_path / "modes"))


def test_the_shipped_model_knows_smooth_facets_from_virtual_surfaces():
    # fresh ones, of another seed than the training's; chance is a half
    from napari_etch.virtual.fields import Range
    from napari_etch.virtual.fracture import Layout, render_surfaces

    model = load_model("fracture")
    layout = Layout(crushed=Range(0, 0, chance=0))
    generator = torch.Generator().manual_seed(77)
    surface = render_surfaces(2, 224, generator=generator, layout=layout)
    right = 0
    for image, classes in zip(surface.image.numpy(), surface.classes.numpy(), strict=True):
        micrograph = micrograph_from_array(image)
        *_, found = predict(model, micrograph, device="cpu", quality="fast", scale=1.4)
        labelled = classes > 0
        right += (found.fields["probability"].argmax(0) + 1 == classes)[labelled].mean() / 2
    assert right > 0.8
