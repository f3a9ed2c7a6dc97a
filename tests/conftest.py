"""What all tests share: the display that window tests need, and the development data."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from remembering import remembering

ROOT = Path(__file__).resolve().parents[1]
WINDOW_TESTS = ROOT / "tests" / "_widgets"

try:
    importlib.import_module("qtpy.QtWidgets")
except Exception as error:  # missing binding, or missing libEGL and the like
    QT_TROUBLE = f"Qt cannot be imported: {error}"
    pytest_plugins: list[str] = []
else:
    QT_TROUBLE = ""
    pytest_plugins = ["pytestqt.plugin"]

# A platform plugin that cannot load ends the process, so the first window is tried in another one.
PROBE = """
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QApplication
app = QApplication([])
raise SystemExit(0 if QOpenGLContext().create() else "no OpenGL context")
"""


@cache
def display_trouble() -> str:
    """Return why no window can be opened here; empty when one can."""
    if QT_TROUBLE:
        return QT_TROUBLE
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "no display, and no Xvfb to make one (install the package xvfb)"
    probe = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=120, check=False
    )
    if probe.returncode == 0:
        return ""
    last = (probe.stderr.strip().splitlines() or ["no message"])[-1]
    return f"Qt cannot open a window here: {last}"


def pytest_sessionstart(session):
    """Load triton before any window does.

    torch imports triton when the first optimiser is made. Where Mesa draws OpenGL with an LLVM of
    its own, that import ends the process with a segmentation fault unless triton was there first.
    """
    with suppress(ImportError):
        importlib.import_module("triton")


def refuse_or_skip(reason: str, **kwargs: bool) -> None:
    """Skip a test that needs a window, or fail it where windows are required."""
    if os.environ.get("ETCH_REQUIRE_GUI") == "1":
        pytest.fail(f"ETCH_REQUIRE_GUI=1, but {reason}", pytrace=False)
    pytest.skip(f"window test: {reason}", **kwargs)


class FolderWithoutDisplay(pytest.Dir):
    """Stands for the folder of window tests where no window can be opened: nothing is imported."""

    def collect(self):
        refuse_or_skip(display_trouble(), allow_module_level=True)


def pytest_collect_directory(path, parent):
    if path == WINDOW_TESTS and display_trouble():
        return FolderWithoutDisplay.from_parent(parent, path=path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.get_closest_marker("gui") and display_trouble():
        refuse_or_skip(display_trouble())


@pytest.fixture(scope="module", autouse=True)
def old_objects_are_left_alone() -> None:
    """Spare collections what is there when a file begins, such as what the files before it left.

    napari leaves the actions of its menus, five thousand objects a window, and every window test
    collects several times: after a hundred windows each test took three times as long.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session):
    """Let the interpreter end as usual."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def temporary_files(tmp_path_factory, monkeypatch) -> Path:
    """Give every test, and the processes it starts, a folder of its own for temporary files.

    What a command keeps there on purpose, such as a model that could not be written, would else
    stay on the machine for good.
    """
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def model_library(tmp_path_factory, monkeypatch) -> Path:
    """Give every test an empty model library of its own: the user's is not for tests."""
    folder = tmp_path_factory.mktemp("library") / "models"
    monkeypatch.setenv("ETCH_MODELS", str(folder))
    monkeypatch.setenv("ETCH_TRAININGS", str(folder.parent / "trainings"))
    return folder


@pytest.fixture(scope="session")
def dev_data() -> Path:
    """Return the folder of development data; the test skips where there is none."""
    folder = Path(os.environ.get("ETCH_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no development data: set ETCH_DATA ({folder} is not a folder)")
    return folder


@pytest.fixture(scope="session")
def counts_of_lines() -> dict[str, Callable[..., Any]]:
    """Return the slow functions of a measurement, each with a memory."""
    from napari_etch.measure import field

    return {name: remembering(getattr(field, name)) for name in ("count_pattern", "anisotropy")}


@pytest.fixture
def quick_measuring(
    counts_of_lines: dict[str, Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let what was counted on a grain map be counted once: many tests measure the same few."""
    for name, function in counts_of_lines.items():
        monkeypatch.setattr(f"napari_etch.measure.field.{name}", function)
