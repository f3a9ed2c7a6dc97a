"""Trainings that were stopped or killed are kept, listed and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import write_model
from napari_etch.training.jobs import FitJob, JobDone
from napari_etch.training.labelfree.events import FitNotice
from napari_etch.training.labelled_request import Labelled, LabelledRequest
from napari_etch.training.trainers import TrainRequest, TrainStep
from napari_etch.training.unfinished import (
    KEEP_DAYS,
    KeptFolder,
    ProgressNote,
    forget,
    list_unfinished,
    new_folder,
    request_to_go_on,
    trainings_folder,
)

FAKE = Path(__file__).with_name("fake_train.py")

# Trains in a child as the dock does, says which step was told last, and waits to be killed.
PARENT = """
import sys
from pathlib import Path
import numpy as np
from napari_etch.micrograph import micrograph_from_array
from napari_etch.training.jobs import FitJob
from napari_etch.training.labelled_request import Labelled, LabelledRequest
from napari_etch.training.trainers import TrainRequest, TrainStep
from napari_etch.training.unfinished import new_folder

kept = new_folder("my steel")
pixels, labels = np.zeros((40, 60), np.uint8), np.ones((40, 60), np.int32)
images = [Labelled(micrograph_from_array(pixels, "a"), labels)]
request = LabelledRequest(TrainRequest("generalist", Path(), seed=3), images, kept.path)
command = lambda folder: [sys.executable, sys.argv[1], str(folder), "endless", sys.argv[2]]
for event in FitJob(request, command=command):
    if isinstance(event, TrainStep) and event.step == 5:
        print("5", flush=True)
"""


@pytest.fixture
def ready(tmp_path):
    write_model(tmp_path / "ready", {"w": torch.zeros(3)}, {"architecture": "of another world"})
    return tmp_path / "ready"


def go_on(training, ready, scenario="short"):
    request = request_to_go_on(training, None, "cpu")
    command = [sys.executable, str(FAKE)]
    with FitJob(request, command=lambda at: [*command, str(at), scenario, str(ready)]) as job:
        return list(job)


def a_training(title="steel", step=4):
    """Make a training that was left behind."""
    kept = new_folder(title)
    pixels, labels = np.zeros((40, 60), np.uint8), np.ones((40, 60), np.int32)
    images = [Labelled(micrograph_from_array(pixels, "a"), labels)]
    job = kept.path.parent.parent / "job"
    job.mkdir(exist_ok=True)
    LabelledRequest(TrainRequest("generalist", Path()), images, kept.path).write(job)
    state = kept.path / "state"
    note = ProgressNote(state)
    note.tell(step, 10, 1.5)
    state.mkdir()
    (state / "state.pt").write_text(str(step))
    note.tell()
    return kept


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_whose_parent_was_killed_is_gone_on_with(ready, tmp_path):
    command = [sys.executable, "-c", PARENT, str(FAKE), str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline().strip() == "5"
        assert list_unfinished() == []  # in use
        (state,) = trainings_folder().glob("*/state/state.pt")
        while state.read_text() != "5":  # it is written after the step was told
            time.sleep(0.01)
        parent.send_signal(signal.SIGKILL)
    (training,) = list_unfinished()
    assert (training.title, training.model, training.steps) == ("my steel", "generalist", 10)
    assert training.step == 4  # of the checkpoint before the last step that was told
    *events, done = go_on(training, ready)
    assert isinstance(done, JobDone), done
    notices = [event.message for event in events if isinstance(event, FitNotice)]
    assert notices == ["grains: a.tif; ignored [].", "Going on from step 5."]
    assert [e.step for e in events if isinstance(e, TrainStep)] == [0, 6, 7, 8, 9, 10]


def test_what_is_in_use_is_not_offered():
    kept = a_training()
    assert list_unfinished() == []
    with pytest.raises(BlockingIOError, match="in use"):
        KeptFolder(kept.path)
    kept.close(keep=True)
    (training,) = list_unfinished()
    assert (training.step, training.elapsed) == (4, 1.5)
    kept.close(keep=False)  # twice does nothing
    assert list_unfinished() == [training]
    forget(training.folder)
    assert list_unfinished() == [] and list(trainings_folder().iterdir()) == []


def test_the_time_limit_counts_from_where_it_goes_on():
    kept = a_training()
    kept.close(keep=True)
    (training,) = list_unfinished()
    asked = request_to_go_on(training, 2.0, "cpu")
    assert asked.request.minutes == pytest.approx(2.0 + 1.5 / 60)
    assert asked.request.device == "cpu" and asked.kept == training.folder
    assert request_to_go_on(training, None, "cpu").request.minutes is None


def test_one_without_a_checkpoint_and_an_old_one_are_swept_away():
    begun = new_folder("begun")
    begun.close(keep=True)
    assert list_unfinished() == [] and begun.path.exists()  # it may be beginning
    long_ago = time.time() - 7200
    os.utime(begun.path, (long_ago, long_ago))
    old = a_training("old")
    old.close(keep=True)
    ancient = time.time() - 86400 * (KEEP_DAYS + 1)
    os.utime(old.path / "state" / "state.pt", (ancient, ancient))
    assert list_unfinished() == []
    assert not begun.path.exists() and not old.path.exists()


def test_a_damaged_one_is_not_offered():
    kept = a_training()
    kept.close(keep=True)
    (kept.path / "training.json").write_text("{")
    assert list_unfinished() == []
