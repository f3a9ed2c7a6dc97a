from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from napari_etch.cli import demo
from napari_etch.results import RESULT_FILES


@pytest.fixture
def no_display(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture
def windows(monkeypatch):
    """Pretend that there is a display, and collect the commands that would open a window."""
    opened = []

    def run(command, check):
        opened.append(command)
        return subprocess.CompletedProcess(command, returncode=len(opened) - 1)

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(demo.subprocess, "run", run)
    return opened


def test_the_bundled_steel_is_segmented_and_counted(etch, no_display, tmp_path):
    done = etch("demo", "--out", "here")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "here" / "nist_steel"
    assert {path.name for path in folder.iterdir()} == set(RESULT_FILES)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["pixel_size_um"] == pytest.approx(50 / 222)
    assert f"{summary['grain_count']} grains, ASTM G {summary['astm_g']:.1f}" in done.stdout
    assert f"The files are in {folder} (there is no display" in done.stdout


def test_a_second_demo_replaces_the_first(etch, no_display):
    assert etch("demo").exit_code == 0
    assert etch("demo").exit_code == 0


def test_napari_opens_with_the_result(etch, windows, tmp_path):
    done = etch("demo")
    assert done.exit_code == 0, done.output
    (command,) = windows
    assert command[1:3] == ["-m", demo.WINDOW_MODULE]
    assert (tmp_path / command[3] / "grains.tif").is_file()
    assert importlib.util.find_spec(demo.WINDOW_MODULE)


def test_a_window_that_fails_does_not_cost_the_result(etch, windows, tmp_path):
    etch("demo")
    done = etch("demo")  # the second window ends with an error
    assert done.exit_code == 0
    assert "napari could not be opened" in done.stderr
    assert (tmp_path / "etch-demo" / "nist_steel" / "grains.tif").is_file()


def test_no_window_when_none_is_wanted(etch, windows):
    done = etch("demo", "--no-gui")
    assert done.exit_code == 0
    assert "The files are in" in done.stdout
    assert not windows


def test_without_qt_it_says_what_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        demo.importlib.util,
        "find_spec",
        lambda name: None if name in demo.QT_BINDINGS else found(name),
    )
    assert "napari-etch[all]" in demo.why_no_window()
