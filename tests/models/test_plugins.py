"""Models of other packages: listed without importing, loaded when used, a broken one said so."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import ModelError, list_models, load_model

CODE = """
import torch
from napari_etch.inference.events import Pass

class Dark:
    stride, margin, channels_out = 1, 1, 1
    network = torch.nn.Identity()
    def passes(self, micrograph, **options):
        raw = yield Pass(1 - micrograph.grey()[None], "looking", 1.0)
        return {"boundary": raw[0]}

def whole():
    return Dark()

def half():
    return object()

def broken():
    raise RuntimeError("no GPU\\nhere")

def ends():
    raise SystemExit(3)
"""
ENTRIES = """[napari_etch.models]
dark = etch_outside_test:whole
half = etch_outside_test:half
broken = etch_outside_test:broken
ends = etch_outside_test:ends
gone = etch_outside_gone:make
generalist = etch_outside_test:whole
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a tiny distribution beside the others."""
    about = tmp_path / "etch_outside-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: etch-outside\nVersion: 1.2\nLicense: MIT\n"
    )
    (about / "entry_points.txt").write_text(ENTRIES)
    (tmp_path / "etch_outside_test.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("etch_outside_test", None)


def test_they_are_in_the_list_without_being_imported(installed):
    found = {info.name: info for info in list_models() if info.kind == "other"}
    assert set(found) == {"dark", "half", "broken", "ends", "gone", "etch-outside:generalist"}
    assert found["dark"].ready and found["dark"].licence == "MIT"
    assert found["dark"].description == "Of the package etch-outside 1.2."
    assert "etch_outside_test" not in sys.modules


def test_one_runs_and_cuts_grains_like_any_other(installed):
    model = load_model("dark")
    assert (model.name, model.weights_hash) == ("dark", "1.2")
    image = np.full((64, 64), 200, np.uint8)
    image[:, 31:33] = 0
    micrograph = micrograph_from_array(image, "two")
    *_, prediction = predict(model, micrograph, device="cpu")
    assert isinstance(prediction, Prediction)
    assert model.partition(prediction.fields, mask=micrograph.mask).n_grains == 2


def test_a_name_that_is_taken_stays_ours(installed):
    assert load_model("generalist").card["architecture"] == "etchnet"
    assert load_model("etch-outside:generalist").card["package"] == "etch-outside"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("half", "etch-outside has no network"),
        ("broken", r"failed \(RuntimeError: no GPU here\): update or uninstall etch-outside"),
        ("gone", "failed .*etch_outside_gone"),
        ("ends", r"failed \(SystemExit: 3\)"),
    ],
)
def test_a_broken_one_is_one_sentence(installed, name, said):
    with pytest.raises(ModelError, match=said) as caught:
        load_model(name)
    assert "\n" not in str(caught.value)


def test_a_name_that_nobody_has_lists_them(installed):
    with pytest.raises(ModelError, match="dark"):
        load_model("nothing")
