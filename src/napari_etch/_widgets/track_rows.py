"""What napari's table and the status line say of 3D grains, kept as the grains are corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.layers import METADATA_KEY, kind_of
from napari_etch._widgets.track_layers import GRAINS_3D, ROW_COLUMNS

if TYPE_CHECKING:
    from napari.layers import Labels

_NO_ROW: dict[str, Any] = {"sections": 0, "voxels": 0}


@dataclass(frozen=True)
class AreaChange:
    """The pixels of a grain in a section, before and after a step."""

    section: int
    grain: int
    before: int
    after: int


class GrainRows:
    """Keeps the rows of a layer of tracked grains.

    Only what a step changes is counted: counting a grain in all sections takes 0.2 s where they
    hold 200 million pixels.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of any kind; one that was not tracked has no rows, and gets none.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer = layer
        self._words: dict[tuple[str, int, int], str] = {}  # what the run said, for an undo

    def note(self, changes: Sequence[AreaChange]) -> None:
        """Bring the rows of some grains to what the layer holds now."""
        import pandas as pd

        layer, table = self._layer, self._layer.features
        if kind_of(layer) != GRAINS_3D or not {"index", *ROW_COLUMNS} <= set(table):
            return
        skipped = {int(each[0]) for each in layer.metadata[METADATA_KEY].get("skipped", ())}
        there = [at for at in range(len(layer.data)) if at not in skipped]
        rows: dict[int, dict[str, Any]] = table.set_index("index").to_dict("index")
        of_grain: dict[int, list[AreaChange]] = {}
        for change in changes:
            if change.before != change.after and change.section not in skipped:
                of_grain.setdefault(change.grain, []).append(change)
        for grain, its in of_grain.items():
            row = self._changed(grain, rows.get(grain, _NO_ROW), its, there)
            if row is None:
                rows.pop(grain, None)
            else:
                rows[grain] = row
        if of_grain:
            columns = [name for name in table if name != "index"]
            new = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
            layer.features = new.rename_axis("index").reset_index()

    def _changed(
        self, grain: int, row: dict[str, Any], changes: list[AreaChange], there: list[int]
    ) -> dict[str, Any] | None:
        """Return the row of a grain after some changes; None when it is in no section."""
        at = [change.section for change in changes]
        first, last = row.get("first_section", min(at)), row.get("last_section", max(at))
        if row is not _NO_ROW:
            self._words.setdefault(("began", grain, first), row["began"])
            self._words.setdefault(("ended", grain, last), row["ended"])
        low, high = min(first, *at), max(last, *at)
        within = [z for z in there if low <= z <= high]
        found = next((z for z in within if self._holds(z, grain)), None)
        if found is None:
            return None
        first, last = found, next(z for z in reversed(within) if self._holds(z, grain))
        began = "first section" if first == there[0] else "appears"
        ended = "last section" if last == there[-1] else "disappears"
        return {
            **row,
            "sections": row["sections"]
            + sum((change.after > 0) - (change.before > 0) for change in changes),
            "first_section": first,
            "last_section": last,
            "began": self._words.get(("began", grain, first), began),
            "ended": self._words.get(("ended", grain, last), ended),
            "voxels": row["voxels"] + sum(change.after - change.before for change in changes),
        }

    def _holds(self, section: int, grain: int) -> bool:
        return bool(np.any(self._layer.data[section] == grain))
