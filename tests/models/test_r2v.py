"""A fitted network as a model, by itself and as one half of a committee with the generalist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_etch.inference import Prediction, TileDone, predict
from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import ModelError, load_model
from napari_etch.models.r2v import R2V, mean_of_strengths
from napari_etch.models.weights_file import StoredModel
from napari_etch.virtual import sample_micrograph

torch = pytest.importorskip("torch")

SHAPE = {"channels": 8, "classes": 3, "dilation": [1, 2, 4, 8], "fold": 2}


def fitted(**more: Any) -> R2V:
    """A network of random weights, as a fit leaves it."""
    from safetensors.torch import save

    from napari_etch.networks.r2v import R2VNet

    torch.manual_seed(0)
    network = R2VNet(**{**SHAPE, "dilation": (1, 2, 4, 8)}).eval()
    tensors = {name: value for name, value in network.state_dict().items() if value.ndim}
    card = {"architecture": "r2v", "parameters": SHAPE, "specimen": {"intercept_px": 30}, **more}
    return R2V(StoredModel(save(tensors), card))


@pytest.fixture(scope="module")
def micrograph():
    return micrograph_from_array(sample_micrograph(seed=1, size=128)[0], "virtual")


def run(model: Any, micrograph: Any, **options: Any) -> tuple[list[TileDone], Prediction]:
    *events, found = predict(model, micrograph, device="cpu", **options)
    assert isinstance(found, Prediction)
    return [event for event in events if isinstance(event, TileDone)], found


def test_the_committee_is_cut_by_the_mean_of_both(micrograph):
    options = {"quality": "fast", "grain_size": 30.0}
    _, alone = run(fitted(), micrograph, **options)
    _, known = run(load_model("generalist"), micrograph, **options)
    tiles, both = run(fitted(averaged_with="generalist"), micrograph, **options)
    np.testing.assert_allclose(both.boundary, (alone.boundary + known.boundary) / 2, atol=1e-6)
    strength = np.sqrt(both.fields["boundary"] * both.fields["separation"])
    parts = np.sqrt(known.fields["boundary"] * known.fields["separation"]), alone.boundary
    free = both.fields["separation"] < 1  # beyond 1 nothing is separated any more
    assert free.mean() > 0.9
    np.testing.assert_allclose(strength[free], ((parts[0] + parts[1]) / 2)[free], atol=1e-3)
    fractions = [tile.fraction for tile in tiles]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1, abs=0.01)
    assert both.parameters["averaged_with"] == "generalist"


def test_the_mean_intercept_and_the_gaps_are_the_generalists(micrograph):
    _, known = run(load_model("generalist"), micrograph)
    _, both = run(fitted(averaged_with="generalist"), micrograph)
    assert both.fields["grain_size_px"] == known.fields["grain_size_px"]
    assert both.parameters["close_gaps"] == known.parameters["close_gaps"]
    assert both.parameters["own_scale"] != both.parameters["scale"]
    assert fitted(averaged_with="generalist").segment_options["close_gaps"] is None
    assert fitted().segment_options["close_gaps"] is False


def test_of_two_sure_answers_one_is_a_doubt():
    one, none = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    for known, own, wanted in ((one, one, 1), (none, none, 0), (one, none, 0.5), (none, one, 0.5)):
        found = mean_of_strengths({"boundary": known, "separation": known}, own)
        assert np.sqrt(found[0] * found[1]).item() == pytest.approx(wanted)


def test_an_unknown_companion_is_named():
    with pytest.raises(ModelError, match="averaged with 'oracle', which this version"):
        fitted(averaged_with="oracle")
