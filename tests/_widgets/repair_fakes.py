"""A broken network of nine grains, and a stand-in for the repair that closes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_etch.inference import Cancelled, Notice, TileDone
from napari_etch.repairing import Bridge, Repaired

SIDE, PITCH = 90, 30
#: Rows and columns of the gaps, and how sure their bridges are. The second and third are in one
#: boundary; the last is less sure than usual.
GAPS: tuple[tuple[slice, slice, float], ...] = (
    (slice(29, 32), slice(12, 18), 0.9),
    (slice(29, 32), slice(40, 46), 0.6),
    (slice(29, 32), slice(50, 54), 0.95),
    (slice(70, 77), slice(59, 62), 0.3),
)
#: A pixel in the middle of each.
MIDDLES = ((30, 15), (30, 43), (30, 52), (73, 60))


def nine_grains() -> np.ndarray:
    """Return nine square grains, numbered by rows from 1, int32."""
    row, column = np.indices((SIDE, SIDE)) // PITCH
    return (3 * row + column + 1).astype(np.int32)


def broken_lines() -> np.ndarray:
    """Return the lines between them, three px wide, with gaps, bool."""
    lines = np.zeros((SIDE, SIDE), bool)
    for cut in (PITCH, 2 * PITCH):
        lines[cut - 1 : cut + 2] = lines[:, cut - 1 : cut + 2] = True
    for rows, columns, _ in GAPS:
        lines[rows, columns] = False
    return lines


def repaired(least: float = 0.0, soft: float = 0.0) -> Repaired:
    """Return the closed network; what was given is `soft` beside the lines."""
    lines, grains = broken_lines(), nine_grains()
    numbers = np.zeros(lines.shape, np.int32)
    added = np.zeros(lines.shape, np.float32)
    bridges: list[Bridge] = []
    for rows, columns, sure in GAPS:
        if sure < least:
            continue
        number = len(bridges) + 1
        numbers[rows, columns], added[rows, columns] = number, sure
        level = rows.stop - rows.start < columns.stop - columns.start
        line = (slice(rows.start + 1, rows.start + 2), columns) if level else (rows, slice(59, 60))
        mask = np.zeros(lines.shape, bool)
        mask[line] = True
        path = np.argwhere(mask)
        bridges.append(Bridge(number, sure, float(len(path)), path))
    if least > 0.3:  # without the last bridge grains 8 and 9 are one
        grains[grains == 9] = 8
    strength = np.where(lines, 1, soft).astype(np.float32)
    return Repaired(
        boundary=np.maximum(strength, added),
        grains=grains,
        added=added,
        bridges=tuple(bridges),
        numbers=numbers,
        strength=strength,
        kind="map",
        polarity="dark",
        parameters={"least": least},
    )


@dataclass
class FakeRepair:
    """Behaves as `repairing.repair` does; with `hold` it works on until that is set."""

    tiles: int = 3
    hold: threading.Event | None = None
    error: Exception | None = None
    notice: str = ""
    started: threading.Event = field(default_factory=threading.Event)
    calls: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)

    def __call__(
        self, picture: np.ndarray, *, cancel: threading.Event, least: float, **options: Any
    ) -> Iterator[Any]:
        self.pictures.append(picture)
        self.calls.append({"least": least, **options})
        if self.notice:
            yield Notice(self.notice)
        for done in range(1, self.tiles + 1):
            self.started.set()
            while self.hold is not None and not self.hold.wait(0.01):
                if cancel.is_set():
                    raise Cancelled
            if self.error is not None:
                raise self.error
            yield TileDone(done, self.tiles, done / self.tiles, "closing gaps", 1.0)
        yield repaired(least)
