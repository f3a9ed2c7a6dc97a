"""A training on labels in a process of its own, and what travels to it."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from surfaces import half_lined

from napari_etch.micrograph import micrograph_from_array
from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar import KnownBar, ScaleBar
from napari_etch.models import write_model
from napari_etch.training.folder import read_training_folder
from napari_etch.training.jobs import FitJob, JobDone, JobFailed
from napari_etch.training.labelfree.events import FitNotice
from napari_etch.training.labelled_request import (
    Labelled,
    LabelledRequest,
    write_training_folder,
)
from napari_etch.training.trainers import TrainRequest, TrainStep

FAKE = Path(__file__).with_name("fake_train.py")


def labelled(name="a b/c", shape=(40, 60), **others):
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    labels = np.ones(shape[-2:], np.int32)
    labels[:, 30:] = 2
    return Labelled(micrograph_from_array(pixels, name), labels, **others)


def test_smooth_facets_travel_with_their_classes_and_a_mount_does_not_with_grains(tmp_path):
    image, classes = half_lined(256)
    micrograph = micrograph_from_array(image, "half", keep_info_bar=False)
    assert micrograph.surroundings is not None
    for labels, masked in (("classes", False), ("grains", True)):
        request = TrainRequest("fracture", Path("nowhere"), labels=labels)
        (tmp_path / labels).mkdir()
        asked = LabelledRequest(request, [Labelled(micrograph, classes)])
        asked.write(tmp_path / labels)
        written = tifffile.imread(LabelledRequest.read(tmp_path / labels).data / "images/half.tif")
        assert np.isnan(written.astype(float)).any() == masked


@pytest.fixture
def begin(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write_model(tmp_path / "ready", {"w": torch.zeros(3)}, {"architecture": "of another world"})
    jobs = []

    def begin_(scenario, images):
        request = LabelledRequest(TrainRequest("generalist", Path("nowhere")), images)
        command = [sys.executable, str(FAKE)]
        more = [scenario, str(tmp_path / "ready")]
        jobs.append(FitJob(request, command=lambda folder: [*command, str(folder), *more]))
        return jobs[-1]

    yield begin_
    for job in jobs:
        job.close()


def test_a_training_reports_and_ends_in_a_model_with_scores(begin):
    *events, done = begin("short", [labelled(), labelled()])
    assert isinstance(done, JobDone), done
    steps = [event for event in events if isinstance(event, TrainStep)]
    assert [event.step for event in steps] == list(range(11))
    assert steps[0].validation == {"loss": 1.5, "ap50": 0.5} and steps[1].validation is None
    assert (done.before, done.after) == ({"ap50": 0.5}, {"ap50": 0.75})
    assert (done.model / "model.json").exists()
    (notice,) = [event.message for event in events if isinstance(event, FitNotice)]
    assert notice.startswith("grains: a b-c (2).tif, a b-c.tif")


def test_stop_keeps_the_best(begin):
    job = begin("endless", [labelled()])
    for event in job:
        if isinstance(event, TrainStep) and event.step == 5:
            job.stop()
    assert isinstance(event, JobDone)
    assert event.step == 5 and event.why == "Stopped by hand."


def test_what_cannot_be_learnt_from_is_one_sentence(begin):
    *_, end = begin("nothing", [labelled()])
    assert end == JobFailed("Nothing of a is left to learn from.")


def test_layers_become_a_training_folder_that_is_read_back(tmp_path):
    ignore = np.zeros((40, 60), bool)
    ignore[:10] = True
    one, two = labelled("x", ignore=ignore, specimen="s"), labelled("x")
    write_training_folder([one, two], tmp_path)
    second, first = read_training_folder(tmp_path)
    assert (first.name, second.name) == ("x", "x (2)")
    assert (first.specimen, second.specimen) == ("s", "")
    assert np.array_equal(first.labels, one.labels)
    assert not first.learnt[:10].any() and first.learnt[10:].all() and second.learnt.all()


def test_an_information_bar_that_is_known_is_not_learnt_from(tmp_path):
    item = labelled("sem")
    item = replace(item, micrograph=replace(item.micrograph, info_bar_row=32))
    write_training_folder([item], tmp_path)
    (pair,) = read_training_folder(tmp_path)
    assert pair.learnt[:32].all() and not pair.learnt[32:].any()


def test_a_coloured_micrograph_with_a_scale_bar_is_learnt_from_with_its_colour(tmp_path):
    pixels = np.full((40, 60, 3), (140, 60, 83), np.uint8)
    pixels[:20, 30:] = pixels[20:, :30] = (60, 110, 65)  # as bright
    bar = KnownBar(ScaleBar(Box(30, 38, 2, 20), Box(35, 36, 2, 20)))
    micrograph = replace(micrograph_from_array(pixels, "a"), bars=(bar,))
    write_training_folder([Labelled(micrograph, labelled().labels)], tmp_path)
    (pair,) = read_training_folder(tmp_path)
    assert not pair.learnt[30:38, 2:20].any() and pair.learnt[:30].all()
    assert pair.image[:10, 29:31].max() < 0.5 < pair.image[:10, [15, 45]].min()


def test_a_scale_bar_that_is_left_out_is_not_learnt_from(tmp_path):
    item = labelled("sem")
    bar = KnownBar(ScaleBar(Box(30, 38, 10, 50), Box(35, 36, 12, 48)))
    item = replace(item, micrograph=replace(item.micrograph, bars=(bar,)))
    write_training_folder([item], tmp_path)
    (pair,) = read_training_folder(tmp_path)
    assert not pair.learnt[30:38, 10:50].any() and pair.learnt.sum() == pair.learnt.size - 8 * 40
