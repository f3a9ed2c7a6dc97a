"""How long the Correct dock takes, and how long it holds up the window, at any size.

From a gesture to the request for a repaint, in a real window; opening the dock; measuring the
doubts, which a thread does, with the longest time for which the window did not answer meanwhile;
and the walk, from key to request for a repaint.

    python benchmarks/correct_latency.py [--size 8192] [--gestures 60]

Needs a display, such as `xvfb-run`. The last line is what
napari's own undo does besides: it repaints the whole layer.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_etch._widgets.correct_dock import CorrectDock

PITCH = 41
WHOLE = "whole repaint"


def squares(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return grains of 41 px and a boundary map with walls every 20 px."""
    cell = np.arange(size) // PITCH
    grains = (cell[:, None] * (cell[-1] + 1) + cell[None] + 1).astype(np.int32)
    wall = (np.arange(size) % 20 < 2).astype(np.float32)
    return grains, np.maximum(wall[:, None], wall[None])


def timed(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    spent = 1000 * (time.perf_counter() - started)
    QApplication.processEvents()
    return spent


class Stalls(QTimer):
    """Notes for how long the window did not answer; it should come every 5 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0
        self._last = time.perf_counter()
        self.timeout.connect(self._tick)
        self.start(5)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, 1000 * (now - self._last) - 5)
        self._last = now


def wait_for(done: Callable[[], bool]) -> tuple[float, float]:
    """Wait; return the seconds it took and the longest stall, ms."""
    begun, stalls = time.perf_counter(), Stalls()
    while not done():
        QApplication.processEvents()
        time.sleep(0.001)
    stalls.stop()
    return time.perf_counter() - begun, stalls.longest


def walked(dock: CorrectDock, count: int) -> dict[str, list[float]]:
    """Measure the doubts, then walk; return the times of the keys."""
    begun = timed(dock.reviewing.walk_on)
    seconds, stall = wait_for(lambda: dock.walk.pair is not None)
    print(f"doubts: {seconds:.1f} s in a thread; first key {begun:.0f} ms", end="; ")
    print(f"longest stall {stall:.0f} ms", flush=True)
    keys = {
        "next": dock.reviewing.walk_on,
        "right": dock.reviewing.say_right,
        "wrong": dock.reviewing.say_wrong,
    }
    times: dict[str, list[float]] = {name: [] for name in keys}
    stalls = Stalls()
    for _ in range(count):
        for name, press in keys.items():
            if dock.walk.pair is not None:
                times[name].append(timed(press))
    wait_for(lambda: not dock.session._grains._soon.isActive())
    print(f"longest stall of the walk {stalls.longest:.0f} ms", flush=True)
    stalls.stop()
    return times


def report(name: str, times: list[float]) -> None:
    median, late = np.percentile(times, (50, 95))
    print(f"{name:24s} median {median:7.1f} ms   95 % {late:7.1f} ms   n {len(times)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--gestures", type=int, default=60)
    chosen = parser.parse_args()
    grains, boundary = squares(chosen.size)
    viewer = napari.Viewer()
    viewer.add_image(boundary, name="grid · boundary", visible=False)
    layer = viewer.add_labels(grains, name="grid · grains")
    begun = time.perf_counter()
    dock = CorrectDock(viewer, folder=Path(tempfile.mkdtemp()))
    opened = 1000 * (time.perf_counter() - begun)
    seconds, stall = wait_for(lambda: dock.session is not None)
    print(
        f"opening the dock: {opened:.0f} ms; reading the map: {seconds:.1f} s in a thread,", end=" "
    )
    print(f"longest stall {stall:.0f} ms", flush=True)
    viewer.window.add_dock_widget(dock, name="Correct")
    print(f"{chosen.size}², {int(grains[-1, -1])} grains")
    times: dict[str, list[float]] = {name: [] for name in ("split", "join", "redraw", "undo")}
    random = np.random.default_rng(0)
    for row, column in random.integers(0, chosen.size // PITCH - 2, (chosen.gestures, 2)) * PITCH:
        strokes = {
            "split": [(19, 2), (21, 20), (20, 39)],
            "join": [(20, 20), (20, 60)],
            "redraw": [(4, 41), (20, 50), (38, 41)],
        }
        for name, stroke in strokes.items():
            path = [(float(row + y), float(column + x)) for y, x in stroke]
            times[name].append(timed(lambda name=name, path=path: dock.gestures.make(name, path)))
            times["undo"].append(timed(layer.undo))
    times[WHOLE] = [timed(lambda: layer.refresh(extent=False)) for _ in range(5)]
    times |= walked(dock, chosen.gestures)
    for name, spent in times.items():
        report(name, spent)
    viewer.close()


if __name__ == "__main__":
    main()
