"""A napari that is killed in the middle of the work: the map last on the screen comes back."""

from __future__ import annotations

import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from napari_etch._widgets.correct_restore import left_behind, read_back, restored_layer
from napari_etch.grains.editing import is_tiling

pytestmark = pytest.mark.gui

# A viewer with the dock in a process of its own: gestures, strokes, undo and redo at random. After
# every tenth it says the checksum of its map, and waits.
WORKER = """
import sys, zlib
from pathlib import Path
import numpy as np
import napari
from qtpy.QtWidgets import QApplication
from napari_etch._widgets.correct_dock import CorrectDock

viewer = napari.Viewer(show=False)
rows, columns = np.indices((160, 160)) // 20
layer = viewer.add_labels((1 + 8 * rows + columns).astype(np.int32), name="killed")
dock = CorrectDock(viewer, folder=Path(sys.argv[1]))
random = np.random.default_rng(0)
session = dock.session
for step in range(10_000):
    start, stop = random.integers(0, 160, (2, 2))
    what = random.choice(["split", "join", "delete", "paint", "undo", "redo"])
    if what == "paint":
        layer.brush_size = 6
        with layer.block_history():
            for part in np.linspace(0, 1, 9):
                layer.paint(start + part * (stop - start), int(random.integers(1, 64)))
    elif what in ("undo", "redo"):
        getattr(layer, what)()
    else:
        dock.gestures.make(what, [tuple(map(float, start)), tuple(map(float, stop))])
    QApplication.processEvents()
    if step % 10 == 9 and session.journal.flush():
        print(session.journal.edits, zlib.crc32(layer.data), flush=True)
        sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_napari_comes_back_with_its_last_map(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as napari:
        assert napari.stdin is not None
        assert napari.stdout is not None
        told = napari.stdout.readline()
        for _ in range(5):
            assert left_behind([tmp_path]) == []  # in use
            napari.stdin.write("go on\n")
            napari.stdin.flush()
            told = napari.stdout.readline()
        napari.send_signal(signal.SIGKILL)
    edits, checksum = map(int, told.split())
    [summary] = left_behind([tmp_path])
    assert summary.edits == edits
    layer = restored_layer(summary, read_back(summary))
    assert zlib.crc32(np.ascontiguousarray(layer.data)) == checksum
    assert is_tiling(layer.data)
    assert layer.name == "killed"
