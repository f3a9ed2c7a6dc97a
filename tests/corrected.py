"""What the Correct dock leaves beside a grain map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_etch.corrections import Journal


def correct(path: Path, old: int, new: int, source: str = "") -> np.ndarray:
    """Join a grain to another one in a journal beside a map; return the map as corrected.

    `source` is what the map was called where that was done; its path when not given.
    """
    journal, grains = correcting(path, old, new, source)
    journal.close()
    return grains


def correcting(path: Path, old: int, new: int, source: str = "") -> tuple[Journal, np.ndarray]:
    """Do as `correct`; the journal stays open, as that of a running napari."""
    before = tifffile.imread(path)
    grains = before.copy()
    journal = Journal(grains, "grains", [path.parent], about={"source_path": source or str(path)})
    grains[before == old] = new
    journal.record(tuple(slice(0, length) for length in grains.shape), before, grains)
    return journal, grains
