from __future__ import annotations

import numpy as np

from napari_etch.evaluation import evaluate_grains
from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import Micrograph
from napari_etch.models import load_model
from napari_etch.models.backbones import load_backbone
from napari_etch.virtual.sample import sample_micrograph


def test_the_shipped_transformer_finds_the_grains_of_a_virtual_micrograph():
    image, truth = sample_micrograph(3, 256)
    model = load_model("dinov2")
    micrograph = Micrograph(image, "virtual")
    prediction = next(
        event
        for event in predict(model, micrograph, grain_size=45.0, quality="fast")
        if isinstance(event, Prediction)
    )
    grains = model.partition(prediction.fields).grains
    scores = evaluate_grains(grains, truth)
    assert scores.ap50 > 0.7
    assert abs(scores.count_pred / scores.count_true - 1) < 0.15


def test_the_bundled_backbone_is_that_of_the_shipped_model():
    backbone, weights_hash = load_backbone("compact")
    model = load_model("dinov2")
    assert weights_hash == model.weights_hash
    mine, theirs = backbone.state_dict(), model.network.backbone.state_dict()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    assert not any(item.requires_grad for item in backbone.parameters())
