"""``etch demo``: the main job on the micrograph in the package."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_etch.cli.console import ExitCode, bad_input, fail, note, say

WINDOW_MODULE = "napari_etch._widgets.show"
QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")] = Path(
        "etch-demo"
    ),
    no_gui: Annotated[
        bool, typer.Option("--no-gui", help="Do not open napari with the result.")
    ] = False,
) -> None:
    """Segment the bundled micrograph of an etched steel and show the result.

    The results of an earlier demo are replaced.
    """
    from napari_etch.cli.jobs import check_target, result_line
    from napari_etch.cli.progress import follow
    from napari_etch.models import load_model
    from napari_etch.results import write_segmentation
    from napari_etch.samples import sample_steel
    from napari_etch.segmentation import segment

    micrograph = sample_steel()
    folder = out / micrograph.name
    with bad_input(str(folder)):
        check_target(folder, overwrite=True)
    with bad_input("the model generalist"):
        model = load_model("generalist")
    try:
        segmentation = follow(micrograph.name, segment(model, micrograph))
        with bad_input(str(folder)):
            sizes = write_segmentation(segmentation, folder, overwrite=True)
    except KeyboardInterrupt:
        fail("stopped; no result is half written")
        raise typer.Exit(ExitCode.STOPPED) from None
    say(result_line(micrograph.name, sizes, folder.resolve()))
    reason = "" if no_gui else why_no_window()
    if no_gui or reason:
        say(f"The files are in {folder.resolve()}{reason and f' ({reason})'}.")
        return
    note("Opening napari; close its window to end the demo.")
    show(folder)


def why_no_window() -> str:
    """Return why napari cannot be opened here; empty when nothing speaks against it."""
    if importlib.util.find_spec("napari") is None:
        return "napari is not installed"
    if not any(importlib.util.find_spec(binding) for binding in QT_BINDINGS):
        return 'no Qt is installed; python -m pip install "napari-etch[all]" adds it'
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "there is no display to open napari on"
    return ""


def show(folder: Path) -> None:
    """Open a folder of results in napari and wait for its window to close.

    napari runs in a process of its own: a Qt that finds no usable display ends its process, and the
    result must not go down with it.

    Parameters
    ----------
    folder : Path
        Made by `napari_etch.results.write_segmentation`.
    """
    try:
        window = subprocess.run([sys.executable, "-m", WINDOW_MODULE, str(folder)], check=False)
    except KeyboardInterrupt:
        return
    if window.returncode:
        note(f"napari could not be opened; the files are in {folder.resolve()}")
