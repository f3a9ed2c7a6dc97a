"""A napari that is killed while bridges are judged: layers and verdicts come back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _widgets.fakes import PATIENCE
from _widgets.repair_fakes import FakeRepair

from napari_etch._widgets.repair_dock import RepairDock
from napari_etch._widgets.repair_journal import read_repair, repairs_left_behind
from napari_etch._widgets.repair_layers import ACCEPTED_COLOUR, FALLEN_COLOUR
from napari_etch.corrections import JournalError
from napari_etch.corrections.verdicts import is_verdict

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("calm_threads")]

# A viewer with the dock in a process of its own: it runs, judges and paints, says how it stands
# when that is on disk, and waits to be killed.
WORKER = """
import json, sys, zlib
from pathlib import Path
import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from _widgets.repair_fakes import MIDDLES, FakeRepair, broken_lines
from napari_etch._widgets.pixel_size import set_pixel_size
from napari_etch._widgets.repair_dock import RepairDock

viewer = napari.Viewer(show=False)
picture = np.where(broken_lines(), 0, 255).astype(np.uint8)
viewer.add_image(picture, name="net", scale=(0.5, 0.5), units=("um", "um"))
dock = RepairDock(viewer, engine=FakeRepair(), folder=Path(sys.argv[1]), probe_devices=dict)
dock.form.least.setValue(0.0)
dock.start()
while dock.controller.is_running:
    QApplication.processEvents()
(journal,) = dock.keeping.journals.values()
result = dock.session.result

def show(point):
    dock.walk.show((int(result.bridges.numbers[point]), 0))

def say():
    assert journal.flush()
    bridges = result.bridges
    told = {"accepted": bridges.accepted.tolist(), "rejected": bridges.rejected.tolist(),
            "grains": zlib.crc32(result.grains.data), "boundary": zlib.crc32(result.boundary.data)}
    print(json.dumps(told), flush=True)
    sys.stdin.readline()

show(MIDDLES[0])
dock.say_right()
show(MIDDLES[3])
dock.say_wrong()
say()
result.grains.brush_size = 5
with result.grains.block_history():
    result.grains.paint((10, 10), 5)
dock.session.follow()
show(MIDDLES[2])
dock.say_right()
set_pixel_size(viewer, viewer.layers["net"], 0.4)  # typed after all has begun
say()
"""


def killed(folder: Path, *, stops: int) -> dict[str, Any]:
    """Run the worker up to a stop, kill it there, and return what it said last."""
    command = [sys.executable, "-c", WORKER, str(folder)]
    stand_ins = str(Path(__file__).parents[1])  # where the worker, too, finds `_widgets`
    paths = [stand_ins, *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    ) as napari:
        assert napari.stdin is not None and napari.stdout is not None
        told = napari.stdout.readline()
        for _ in range(stops - 1):
            assert repairs_left_behind(folder) == []  # in use
            napari.stdin.write("go on\n")
            napari.stdin.flush()
            told = napari.stdout.readline()
        napari.send_signal(signal.SIGKILL)
    return dict(json.loads(told))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_verdicts_and_edits_survive_a_kill(
    make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    told = killed(tmp_path, stops=2)
    viewer = make_napari_viewer()
    dock = RepairDock(viewer, engine=FakeRepair(), folder=tmp_path, probe_devices=dict)
    viewer.window.add_dock_widget(dock, name="Repair")
    box = dock.keeping.box
    assert not box.isHidden() and "net · closed grains: 2 steps and 3 verdicts" in (
        box.choice.currentText()
    )
    box.restore.click()
    qtbot.waitUntil(lambda: dock.session is not None, timeout=PATIENCE)
    assert "Restored the repair of “net” with 2 steps and 3 verdicts." in (dock.run_bar.line.text())
    result = dock.session.result
    assert result.bridges.accepted.tolist() == told["accepted"] == [True, False, True, False]
    assert result.bridges.rejected.tolist() == told["rejected"] == [False, False, False, True]
    assert zlib.crc32(result.grains.data) == told["grains"]
    assert zlib.crc32(result.boundary.data) == told["boundary"]
    names = [layer.name for layer in viewer.layers]
    assert names == ["net · closed grains", "net · closed boundary", "net · added"]
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, (0.4, 0.4))
    colour = viewer.layers["net · added"].get_color
    np.testing.assert_allclose(colour(1), ACCEPTED_COLOUR, atol=1e-6)
    np.testing.assert_allclose(colour(4), FALLEN_COLOUR, atol=1e-6)
    assert "2 accepted, 1 rejected, 1 left" in dock.review_box.left.text()
    # it goes on being kept, and is offered no more
    assert box.isHidden()
    dock.walk_on()
    dock.say_right()
    (journal,) = dock.keeping.journals.values()
    assert journal.flush()
    journal.close()
    (again,) = repairs_left_behind(tmp_path)
    assert sum(map(is_verdict, read_repair(again).notes.values())) == 4


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_repair_without_its_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    killed(tmp_path, stops=1)
    (summary,) = repairs_left_behind(tmp_path)
    assert (summary.edits, summary.verdicts) == (1, 2)
    (file,) = tmp_path.glob("*.etch-repair")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(JournalError, match="is damaged"):
        read_repair(summary)
    file.unlink()
    with pytest.raises(JournalError, match="is missing, without which the bridges"):
        read_repair(summary)
