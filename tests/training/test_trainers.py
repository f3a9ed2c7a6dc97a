from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from napari_etch.training import trainers
from napari_etch.training.trainers import (
    TRAINERS,
    Trained,
    TrainError,
    TrainNotice,
    TrainRequest,
    find_trainer,
)

RECORD = {"recipe": {"open": 11}, "warning": "no truth", "images": {}}


@pytest.fixture(params=sorted(TRAINERS))
def train(request, monkeypatch):
    """Return a function that runs the trainer of each model, which learns nothing."""

    def learn(request, stop):
        yield TrainNotice("learning")
        yield Trained({}, {"title": "a model"}, 1, "done")

    monkeypatch.setitem(sys.modules, "no_training", SimpleNamespace(learn=learn))
    monkeypatch.setitem(trainers.TRAINERS, request.param, "no_training:learn")
    model = request.param
    return lambda data: list(find_trainer(model)(TrainRequest(model, data), lambda: False))


def test_every_model_says_that_it_learnt_from_pseudo_labels(train, tmp_path):
    (tmp_path / "pseudo-labels.json").write_text(json.dumps(RECORD))
    notice, trained = train(tmp_path)
    assert notice == TrainNotice("learning")
    told = {"recipe": RECORD["recipe"], "warning": RECORD["warning"]}
    assert trained.card == {"title": "a model", "pseudo_labels": told}


def test_of_drawn_labels_nothing_is_said(train, tmp_path):
    assert train(tmp_path)[-1].card == {"title": "a model"}


def test_a_damaged_record_of_pseudo_labels_is_refused_before_the_training(train, tmp_path):
    for text in ("{", "[]", "{}"):
        (tmp_path / "pseudo-labels.json").write_text(text)
        with pytest.raises(TrainError, match=r"pseudo-labels\.json is damaged"):
            train(tmp_path)
