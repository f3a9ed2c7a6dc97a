"""A fit in a process of its own: it reports, stops, is killed, crashes, and leaves nothing."""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import alive

from napari_etch.micrograph import Calibration, Micrograph
from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar import KnownBar, ScaleBar
from napari_etch.models import load_model, write_model
from napari_etch.models.library import Notes, add_model
from napari_etch.models.weights_file import read_card
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training import job_child
from napari_etch.training.fit_request import FitRequest
from napari_etch.training.jobs import FitJob, JobCancelled, JobDone, JobFailed
from napari_etch.training.labelfree.events import FitNotice, FitPreview, FitStep

FAKE = Path(__file__).with_name("fake_fit.py")
WINDOW = (slice(8, 24), slice(16, 48))
CARD = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}


def steel() -> Micrograph:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 80), np.uint8)
    return Micrograph(pixels, "steel", Calibration(0.25, "typed"))


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def ready(tmp_path):
    """Return a folder that is no loadable model, so that no picture is made, which needs torch."""
    folder = tmp_path / "ready"
    write_model(folder, {"weight": torch.zeros(3)}, {"architecture": "of another world"})
    return folder


@pytest.fixture
def begin(ready):
    """Return a function that starts a job with the stand-in for the fit."""
    jobs: list[FitJob] = []

    def begin_(scenario="short", request=None, model=ready):
        def command(folder):
            return [sys.executable, str(FAKE), str(folder), scenario, str(model)]

        job = FitJob(request or FitRequest([steel()]), command=command)
        jobs.append(job)
        return job

    yield begin_
    for job in jobs:
        job.close()


def until(job, kind):
    """Read events up to the first of a kind."""
    for event in job:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


# -- a fit that goes well ------------------------------------------------------------------------


def test_the_events_come_in_order_and_the_last_is_the_model(begin):
    job = begin(request=FitRequest([steel(), steel()], start="generalist", seed=7))
    events = list(job)
    assert events[0] == FitNotice("2 images, generalist, seed 7.")
    steps = [event for event in events if isinstance(event, FitStep)]
    assert [step.step for step in steps] == list(range(1, 41))
    assert steps[9].quality == pytest.approx(0.1) and steps[8].quality is None
    assert steps[-1].losses == {"total": 1 / 40} and steps[-1].left == 0
    done = events[-1]
    assert isinstance(done, JobDone) and (done.step, done.why) == (40, "All steps were taken.")
    assert not job.is_running and job.poll() == []


def test_the_card_tells_what_was_fitted(begin):
    job = begin(request=FitRequest([steel()], start="generalist"))
    notes = Notes.of_card(read_card(until(job, JobDone).model), "?")
    assert (notes.title, notes.sources, notes.start) == ("steel", ("steel",), "generalist")
    assert notes.losses == {"total": 1 / 40} and notes.made.startswith("20")


def test_a_fitted_model_gets_a_picture_and_moves_into_the_library(begin, tmp_path):
    torch.manual_seed(0)
    write_model(tmp_path / "sound", EtchNet((4, 6, 8, 8)).state_dict(), CARD)
    job = begin(model=tmp_path / "sound")
    model = add_model(until(job, JobDone).model, Notes.now("My steel"))
    job.close()
    assert load_model("My-steel").title == "My steel"
    assert model.thumbnail.read_bytes().startswith(b"\x89PNG")


def test_the_request_arrives_as_it_was_made(tmp_path):
    bar = KnownBar(ScaleBar(Box(1, 2, 3, 8), Box(1, 2, 4, 8)))
    request = FitRequest(
        [
            steel(),
            Micrograph(np.zeros((8, 9, 3), np.uint16), "colour", info_bar_row=7, bars=(bar,)),
        ],
        regions=[WINDOW, None],
        minutes=2.5,
        device="cpu",
    )
    request.write(tmp_path)
    back = FitRequest.read(tmp_path)
    assert back.options == request.options
    for sent, come in zip(request.micrographs, back.micrographs, strict=True):
        np.testing.assert_array_equal(come.data, sent.data)
        assert come.data.dtype == sent.data.dtype
        assert (come.name, come.pixel_size_um) == (sent.name, sent.pixel_size_um)
        assert come.info_bar_row == sent.info_bar_row
        assert come.scale_bars == sent.scale_bars


def test_a_preview_shows_the_window_that_was_asked_for(begin):
    job = begin("endless")
    job.look_at(0, WINDOW)
    preview = until(job, FitPreview)
    assert (preview.index, preview.window) == (0, WINDOW)
    assert preview.boundary.shape == (16, 32) and preview.boundary.dtype == np.float32
    other = (slice(0, 4), slice(0, 5))
    job.look_at(0, other)
    assert next(e for e in job if isinstance(e, FitPreview) and e.window == other) is not None


def test_previews_take_a_fifth_of_the_time_at_most(monkeypatch, tmp_path):
    clock = [0.0]
    monkeypatch.setattr(job_child.time, "monotonic", lambda: clock[0])
    orders = job_child.Orders(tmp_path)
    orders._obey({"look": {"index": 0, "window": [8, 24, 16, 48]}})
    assert orders.preview() == (0, WINDOW)
    clock[0] = 3.0
    orders.preview_came()
    clock[0] = 14.9
    assert orders.preview() is None
    clock[0] = 15.0
    assert orders.preview() == (0, WINDOW)


def test_no_preview_comes_when_nobody_looks(begin):
    assert not any(isinstance(event, FitPreview) for event in begin())


# -- ending it -----------------------------------------------------------------------------------


def test_stop_keeps_the_best_so_far(begin):
    job = begin("endless")
    until(job, FitStep)
    job.stop()
    done = until(job, JobDone)
    assert (done.step, done.why) == (5, "Stopped.")
    assert (done.model / "model.json").is_file()


def test_a_stop_before_the_process_is_there_is_not_forgotten(begin):
    job = begin("endless")
    job.stop()
    assert isinstance(until(job, JobDone), JobDone)


def test_cancel_kills_the_process_and_leaves_nothing(begin, own_temporary_folder):
    job = begin("stubborn")
    until(job, FitStep)
    process = job.process_id
    assert alive(process)
    job.cancel()
    assert until(job, JobCancelled) == JobCancelled()
    job.close()
    assert not alive(process)
    assert list(own_temporary_folder.iterdir()) == []


def test_a_job_cancelled_at_once_never_starts_or_is_killed(begin, own_temporary_folder):
    job = begin("stubborn")
    job.cancel()
    assert list(job) == [JobCancelled()]
    job.close()
    assert list(own_temporary_folder.iterdir()) == []


def test_closing_without_waiting_for_the_end_kills(begin, own_temporary_folder):
    job = begin("stubborn")
    until(job, FitStep)
    process = job.process_id
    job.close()
    assert not alive(process)
    assert list(own_temporary_folder.iterdir()) == []


def test_a_job_that_is_forgotten_ends_its_process(ready):
    job = FitJob(
        FitRequest([steel()]),
        command=lambda folder: [sys.executable, str(FAKE), str(folder), "stubborn", str(ready)],
    )
    until(job, FitStep)
    process, thread = job.process_id, job._thread
    del job
    gc.collect()
    thread.join(60)
    assert not alive(process)


PARENT = """
import sys, numpy as np
from napari_etch.micrograph import Micrograph
from napari_etch.training import job_child
from napari_etch.training.fit_request import FitRequest
from napari_etch.training.jobs import FitJob
fake, model, how, scenario = sys.argv[1:]
job = FitJob(
    FitRequest([Micrograph(np.zeros((32, 32), np.uint8), "steel")]),
    command=lambda folder: [sys.executable, fake, str(folder), scenario, model],
)
next(iter(job))
print(job.process_id, flush=True)
if how == "killed":
    sys.stdin.read()
"""


@pytest.mark.parametrize("scenario", ["stubborn", "talkative"])  # the latter hears it first
@pytest.mark.parametrize("how", ["ends", "killed"])
def test_when_the_parent_is_gone_the_child_ends_and_cleans_up(
    how, scenario, ready, own_temporary_folder
):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(FAKE), str(ready), how, scenario],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(own_temporary_folder)},
    )
    with parent:
        child = int(parent.stdout.readline())
        if how == "killed":
            assert alive(child)
            parent.kill()
        parent.wait(60)
    wait_until(lambda: not alive(child))
    wait_until(lambda: list(own_temporary_folder.iterdir()) == [])


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


# -- what goes wrong -----------------------------------------------------------------------------


def test_what_the_fit_refuses_is_its_own_sentence(begin):
    [*_, end] = begin("no grains")
    assert end == JobFailed("“steel” shows no grains: choose another image.", None)


def test_the_real_fit_answers_through_its_own_process(own_temporary_folder):
    blank = Micrograph(np.full((128, 128), 90, np.uint8), "blank")
    with FitJob(FitRequest([blank], device="cpu")) as job:
        [*_, end] = job
    assert isinstance(end, JobFailed) and end.log is None
    assert "blank" in end.message and "no grains" in end.message
    assert list(own_temporary_folder.iterdir()) == []


def test_a_crash_is_one_sentence_and_the_log_is_kept(begin):
    job = begin("crash")
    [*_, end] = job
    job.close()
    assert "ended without a word (exit code -6)" in end.message and "\n" not in end.message
    assert str(end.log) in end.message
    assert "a library that prints" in end.log.read_text()


def test_a_bug_is_one_sentence_and_the_log_has_the_rest(begin):
    job = begin("bug")
    [*_, end] = job
    job.close()
    assert end.message == "The fit failed (RuntimeError: tensors of 3 and 4)."
    assert "Traceback" in end.log.read_text() and "second line" in end.log.read_text()


@pytest.mark.parametrize("scenario", ["memory", "killed"])
def test_too_little_memory_is_said(begin, scenario):
    [*_, end] = begin(scenario)
    assert "memory" in end.message and "rectangle" in end.message


def test_images_that_cannot_be_read_are_one_sentence(begin, own_temporary_folder):
    def request():
        raise OSError("the drive is gone")

    job = begin(request=request)
    assert list(job) == [JobFailed("The fit failed (OSError: the drive is gone).")]
    job.close()
    assert list(own_temporary_folder.iterdir()) == []


def test_a_command_that_does_not_exist_is_one_sentence():
    job = FitJob(FitRequest([steel()]), command=lambda _: ["/no/such/python"])
    [end] = list(job)
    assert isinstance(end, JobFailed) and "\n" not in end.message
    job.close()


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EINVAL])
def test_a_parent_that_is_gone_is_noticed_on_every_system(number):
    """Windows calls a pipe that nobody reads an invalid argument, and the child went on."""

    class Pipe:
        def write(self, _text):
            raise OSError(number, os.strerror(number))

    report = object.__new__(job_child.Report)
    report._out = Pipe()
    with pytest.raises(job_child.ParentGoneError):
        report.send("step", step=1)


def test_what_libraries_print_ends_no_training_where_the_code_page_lacks_it(tmp_path, monkeypatch):
    printed = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(os, "dup", lambda _: os.open(tmp_path / "events", os.O_CREAT | os.O_RDWR))
    report = job_child.Report()
    sys.stdout.write("50 µm → 2\n")
    report.send("step", step=1)
    report._out.close()
    assert printed.buffer.getvalue() == "50 µm ? 2\n".encode("cp1252")
    assert json.loads((tmp_path / "events").read_text()) == {"event": "step", "step": 1}
