from __future__ import annotations

import threading

import pytest

from napari_etch.models import backbones
from napari_etch.models.errors import ModelError
from napari_etch.training.fetching import fetch_backbone
from napari_etch.training.trainers import TrainError


def drain(events):
    """Return what was told, and what was returned."""
    said = []
    while True:
        try:
            said.append(next(events).message)
        except StopIteration as end:
            return said, end.value


def downloader(monkeypatch, parts, waiting=None):
    """Stand in for the download: so many parts of 10 MB, perhaps waiting before the second."""

    def load(name, *, show, tell):
        tell(f"Downloading {name}.")
        for part in range(parts + 1):
            show(part * 10_000_000, parts * 10_000_000)
            if waiting is not None:
                assert waiting.wait(30)
        return "backbone", "hash"

    monkeypatch.setattr(backbones, "load_backbone", load)


def test_a_download_is_told_before_and_while_it_comes(monkeypatch):
    downloader(monkeypatch, 100)
    said, found = drain(fetch_backbone("small", lambda: False))
    assert found == ("backbone", "hash")
    assert said[0] == "Downloading small." and said[-1] == "small: 1000 of 1000 MB."
    assert len(said) == 11


def test_the_first_notice_comes_while_the_download_still_runs(monkeypatch):
    go = threading.Event()
    downloader(monkeypatch, 3, go)
    events = fetch_backbone("small", lambda: False)
    assert next(events).message == "Downloading small."
    go.set()
    drain(events)


def test_a_download_can_be_stopped(monkeypatch):
    stopping, go = threading.Event(), threading.Event()
    downloader(monkeypatch, 3, go)
    events = fetch_backbone("small", stopping.is_set)
    next(events)
    stopping.set()
    threading.Timer(0.5, go.set).start()
    with pytest.raises(TrainError, match="stopped during the download"):
        drain(events)


def test_what_cannot_be_had_is_said_as_the_library_says_it(monkeypatch):
    def load(name, **_):
        raise ModelError("no connection")

    monkeypatch.setattr(backbones, "load_backbone", load)
    with pytest.raises(ModelError, match="no connection"):
        drain(fetch_backbone("small", lambda: False))


def test_the_bundled_backbone_needs_no_words():
    said, (backbone, weights_hash) = drain(fetch_backbone("compact", lambda: False))
    assert said == [] and backbone.patch == 8 and len(weights_hash) == 12
