from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes import DarkIsBoundary, grid_of_grains
from typer.testing import CliRunner

from napari_etch import models
from napari_etch.cli.app import app


@pytest.fixture
def etch(monkeypatch, tmp_path):
    """Return a function that runs ``etch`` with the fake model for every name but "missing"."""

    def load_model(name):
        if name == "missing":
            raise ValueError("there is no model missing: see etch models list")
        return DarkIsBoundary()

    monkeypatch.setattr(models, "load_model", load_model, raising=False)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(item) for item in arguments])


@pytest.fixture
def closed(monkeypatch, tmp_path):
    """Make a folder ``closed`` that may not be written to, whoever runs the test."""
    folder = tmp_path / "closed"
    folder.mkdir()

    def mkdir(path, *given, **options):
        if path.parent.resolve() == folder:
            raise PermissionError(13, "Permission denied")
        make(path, *given, **options)

    make = Path.mkdir
    monkeypatch.setattr(Path, "mkdir", mkdir)
    return folder


@pytest.fixture
def micrograph_file(tmp_path):
    """Return a function that writes a micrograph of 16 square grains."""

    def write(name="steel.tif", **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image, _ = grid_of_grains()
        # noise, so that no two rows are alike and none passes for an information bar
        image = image + np.random.default_rng(0).integers(0, 9, image.shape).astype(np.uint8)
        tifffile.imwrite(path, image, **options)
        return path

    return write
