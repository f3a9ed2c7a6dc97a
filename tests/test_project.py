"""The project as a whole: its version, its rooms and what importing them costs."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import napari_etch

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "napari_etch"
ROOMS = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if (path.is_dir() or path.suffix == ".py")
    and path.stem not in {"__init__", "__pycache__", "_version", "_widgets", "py", "sample_data"}
    and (path.suffix == ".py" or (path / "__init__.py").exists())
)
HEAVY = ("torch", "napari", "qtpy", "PyQt6", "PySide6", "matplotlib", "pandas", "skimage")


def modules_after_import(name: str) -> set[str]:
    code = f"import {name}, sys; print(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_a_room_imports_without_napari_qt_and_torch(room):
    name = f"napari_etch.{room}" if room else "napari_etch"
    assert not modules_after_import(name).intersection(HEAVY)


def test_the_rooms_are_found():
    assert {"micrograph", "measure", "grains", "inference", "models", "cli"} <= set(ROOMS)


def test_the_version_is_that_of_the_installed_distribution():
    assert napari_etch.__version__ == importlib.metadata.version("napari-etch")


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_the_manifest_at_the_top_is_the_one_in_the_package():
    assert (ROOT / "napari.yaml").resolve() == (PACKAGE / "napari.yaml").resolve()
