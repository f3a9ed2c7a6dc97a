"""Saving what was measured: the report is put together and written in a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_etch._widgets.correct_target import window_under
from napari_etch._widgets.layers import finest
from napari_etch._widgets.measure_job import LayerResult
from napari_etch._widgets.save_path import ask_save_path
from napari_etch.measure import AreaFraction, combine_fields
from napari_etch.measure.network import measure_network
from napari_etch.measure.report import FieldSource, Report
from napari_etch.measure.segmentation_range import SegmentationRange
from napari_etch.micrograph import micrograph_from_array
from napari_etch.results import overlay_rgb, report_file, whole_file

if TYPE_CHECKING:
    from napari.layers import Image, Labels


_NONE: Mapping[str, AreaFraction] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class FieldParts:
    """A measured layer with what the report says of it.

    Attributes
    ----------
    result : LayerResult
    made : dict
        What the layer says of its making.
    image : ndarray or None
        The micrograph, (y, x) or (y, x, 3).
    image_name : str
    rgb : bool
        Whether the last axis of the image is colour.
    """

    result: LayerResult
    made: dict[str, Any]
    image: np.ndarray | None = None
    image_name: str = ""
    rgb: bool = False


def image_of(
    image: Image | None, grains: Labels, section: int | None
) -> tuple[np.ndarray | None, str, bool]:
    """Return what lies under grains, or a section of them: pixels, name, whether in colour."""
    window = None if image is None else window_under(image, grains)
    if image is None or window is None:
        return None, "", False
    at = window if section is None else (window[0].start + section, *window[1:])
    data, path = np.asarray(finest(image)[at]), image.source.path
    return data[..., :3] if image.rgb else data, str(path or image.name), bool(image.rgb)


def report_of(
    parts: Sequence[FieldParts],
    uncertainty: SegmentationRange | None,
    fractions: Mapping[str, AreaFraction] = _NONE,
    remarks: Sequence[str] = (),
) -> Report:
    """Return the report of measured layers.

    Parameters
    ----------
    parts : sequence of FieldParts
        All with a measurement.
    uncertainty : SegmentationRange or None
    fractions : mapping of str to AreaFraction
        Of classes, by their names.
    remarks : sequence of str
        What a reader should know beside what the measurement says itself.

    Raises
    ------
    ValueError
        When the fields cannot be taken together.
    """
    import pandas as pd

    fields, tables = [], []
    for part in parts:
        assert part.result.field is not None
        fields.append(part.result.field)
        table = part.result.table.copy()
        table.insert(0, "field", part.result.source.name)
        tables.append(table)
    return Report(
        measurement=combine_fields(fields),
        sources=tuple(_source(part) for part in parts),
        table=pd.concat(tables, ignore_index=True),
        networks=tuple(measure_network(part.result.grains) for part in parts),
        uncertainty=uncertainty,
        fractions=dict(fractions),
        remarks=tuple(remarks),
    )


def _source(part: FieldParts) -> FieldSource:
    grains = part.result.grains
    image = None if part.image is None else micrograph_from_array(part.image, rgb=part.rgb)
    made = part.made
    return FieldSource(
        name=part.result.source.name,
        grains=part.result.source.name,
        image=part.image_name,
        model=str(made.get("model") or ""),
        weights_hash=str(made.get("weights_hash") or ""),
        granularity=made.get("granularity"),
        corrected=made.get("corrected"),
        pixel_size_from="as shown in napari",
        picture=None if image is None else overlay_rgb(image, np.ones_like(grains)),
        overlay=overlay_rgb(image, grains),
    )


def save_file(
    parts: Sequence[FieldParts],
    uncertainty: SegmentationRange | None,
    path: Path,
    name: str,
    fractions: Mapping[str, AreaFraction] = _NONE,
    remarks: Sequence[str] = (),
) -> tuple[str, bool]:
    """Write one kind of file; it appears whole.

    Parameters
    ----------
    parts : sequence of FieldParts
    uncertainty : SegmentationRange or None
    path : Path
        Where to.
    name : str
        Which kind, one of `napari_etch.results.MEASURE_FILES`.
    fractions : mapping of str to AreaFraction
    remarks : sequence of str

    Returns
    -------
    str, bool
        What to tell the user, and whether it is trouble.
    """
    try:
        with whole_file(path) as unfinished:
            report = report_of(parts, uncertainty, fractions, remarks)
            unfinished.write_bytes(report_file(report, name))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"{path} could not be saved: {reason}.", True
    return f"Saved {path}.", False


class Exporter(QObject):
    """Asks where to, and writes in a thread.

    Signals
    -------
    said : str, bool
        A line for the user, and whether it is trouble.
    """

    said = Signal(str, bool)

    def __init__(
        self,
        parent: QWidget,
        ask_path: Callable[[QWidget, str], Path | None] | None = None,
    ) -> None:
        super().__init__(parent)
        self._parent = parent
        self.ask_path = ask_path or _ask_path
        self._worker: Any = None

    @property
    def is_running(self) -> bool:
        """Whether a file is being written."""
        return self._worker is not None

    def save(
        self,
        name: str,
        parts: Sequence[FieldParts],
        uncertainty: SegmentationRange | None,
        fractions: Mapping[str, AreaFraction] = _NONE,
        remarks: Sequence[str] = (),
    ) -> None:
        """Ask for a path and write a kind of file there."""
        if self.is_running:
            self.said.emit("A file is being written: wait for its end.", True)
            return
        path = self.ask_path(self._parent, name)
        if path is None:
            return
        self.said.emit(f"Writing {path.name}…", False)
        job = partial(save_file, parts, uncertainty, path, name, dict(fractions), tuple(remarks))
        worker = create_worker(job, _start_thread=False)
        worker.returned.connect(lambda said: self.said.emit(*said))
        worker.finished.connect(self._on_finished)
        self._worker = worker
        worker.start()

    def _on_finished(self) -> None:
        self._worker = None


def _ask_path(parent: QWidget, name: str) -> Path | None:
    return ask_save_path(parent, "Save", name, f"*{Path(name).suffix}")
