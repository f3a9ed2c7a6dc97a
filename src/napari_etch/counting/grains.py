"""How many grains there are, between which limits, and how many to a square millimetre."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.counting.interval import Calibration, Links, calibration_of

if TYPE_CHECKING:
    import threading

    from napari_etch.grains import Partition
    from napari_etch.inference import Notice, TileDone
    from napari_etch.micrograph import Micrograph

__all__ = [
    "CORNER",
    "COUNT_MODEL",
    "EDGE",
    "INSIDE",
    "GrainCount",
    "count_grains",
    "count_map",
    "count_partition",
]

#: The model with the smallest count error, see docs/counting.md.
COUNT_MODEL = "dinov2"
#: Where a grain lies: wholly inside, cut by the edge of the field, at a corner of it.
INSIDE, EDGE, CORNER = "inside", "edge", "corner"
#: What each counts for the density (Saltykov's rectangle, `measure.astm.astm_planimetric`).
WEIGHTS = {INSIDE: 1.0, EDGE: 0.5, CORNER: 0.25}


@dataclass(frozen=True, eq=False)
class GrainCount:
    """The grains of a field, counted.

    Attributes
    ----------
    name : str
        Of the micrograph.
    grains : ndarray of int32, (y, x)
        The grains that were counted.
    count : int
        How many there are in the field, each once, however little of it the field shows.
    low, high : int or None
        Limits of the 95 % interval; None where nothing is known of how sure the boundaries are.
    n_inside, n_edge, n_corner : int
        Grains wholly inside, cut by the edge, covering a corner.
    equivalent : float
        Whole grains that the field is worth: inside 1, edge ½, corner ¼.
    area_px : int
        Pixels of the field that are grains.
    density_per_mm2, density_low, density_high : float or None
        `equivalent`, and its limits, over the area; None without a pixel size.
    points : ndarray of int32, (n, 2)
        Row and column of a pixel deep inside each grain, in the order of their labels.
    places : ndarray of str, (n,)
        `INSIDE`, `EDGE` or `CORNER`.
    model : str
        Name of the model that found them.
    notices : tuple of str
        What the user should know.
    """

    name: str
    grains: npt.NDArray[np.int32] = field(repr=False)
    count: int
    low: int | None
    high: int | None
    n_inside: int
    n_edge: int
    n_corner: int
    equivalent: float
    area_px: int
    density_per_mm2: float | None
    density_low: float | None
    density_high: float | None
    points: npt.NDArray[np.int32] = field(repr=False)
    places: npt.NDArray[np.str_] = field(repr=False)
    model: str = ""
    notices: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Count and interval, and the density where it is known, in one line."""
        grains = "1 grain" if self.count == 1 else f"{self.count} grains"
        text = grains
        if self.low is not None:
            text += f" (95 %: {self.low} to {self.high})"
        where = [f"{self.n_inside} inside", f"{self.n_edge + self.n_corner} cut by the border"]
        text += ", " + ", ".join(where)
        if self.density_per_mm2 is None:
            return text + "; no pixel size, so no density"
        return f"{text}; {self.density_per_mm2:.4g} per mm²"

    def sized(self, pixel_size_um: float | None) -> GrainCount:
        """Return the same count with the density that another pixel size gives."""
        if pixel_size_um is None:
            return replace(self, density_per_mm2=None, density_low=None, density_high=None)
        density = self.equivalent / (self.area_px * pixel_size_um**2 * 1e-6)
        each = density / self.count
        return replace(
            self,
            density_per_mm2=density,
            density_low=None if self.low is None else self.low * each,
            density_high=None if self.high is None else self.high * each,
        )


def count_grains(
    model: Any,
    micrograph: Micrograph,
    *,
    device: str = "auto",
    granularity: float = 0.5,
    calibration: Calibration | None = None,
    cancel: threading.Event | None = None,
    **options: Any,
) -> Iterator[TileDone | Notice | GrainCount]:
    """Count the grains of a micrograph, or of every section of a stack.

    Parameters
    ----------
    model : Model
        From `napari_etch.models.load_model`.
    micrograph : Micrograph
    device : str
        "auto", "cpu", "cuda" or "mps".
    granularity : float
        From 0, fewest grains, to 1, most.
    calibration : Calibration, optional
        What the model's card states as "count", or the default, when not given.
    cancel : threading.Event, optional
        Set it to stop within one batch.
    **options
        The model's own.

    Yields
    ------
    TileDone, Notice or GrainCount
        Progress; a count for each section.

    Raises
    ------
    ValueError
        When the granularity is outside [0, 1], the model lacks one of the options, or there is
        nothing but masked pixels.
    napari_etch.inference.Cancelled
        When `cancel` was set.
    """
    from napari_etch.segmentation import SectionDone, check_options, segment_sections

    check_options(model, granularity, options)
    sections = list(micrograph.sections())
    for event in segment_sections(
        model,
        sections,
        len(sections),
        granularity=granularity,
        device=device,
        cancel=cancel,
        **options,
    ):
        if not isinstance(event, SectionDone):
            yield event
            continue
        yield count_partition(
            event.partition,
            pixel_size_um=event.micrograph.pixel_size_um,
            calibration=calibration or calibration_of(model),
            name=event.micrograph.name,
            model=model.name,
            notices=event.prediction.notices,
            cancel=cancel,
        )


def count_partition(
    partition: Partition,
    *,
    pixel_size_um: float | None = None,
    calibration: Calibration | None = None,
    name: str = "",
    model: str = "",
    notices: tuple[str, ...] = (),
    cancel: threading.Event | None = None,
) -> GrainCount:
    """Count the grains of a partition, as it is cut.

    Every link of its merge tree is a boundary with a probability, so the number of grains has a
    distribution; the interval holds its middle 95 %, and the count itself.

    Parameters
    ----------
    partition : Partition
        Its granularity shifts the log-odds of every link, by nothing at 0.5.
    pixel_size_um : float, optional
        Edge of a pixel, µm.
    calibration : Calibration, optional
    name, model, notices
        Handed on.
    cancel : threading.Event, optional
        Set it to stop before the next step of the work.

    Raises
    ------
    ValueError
        When there is nothing but masked pixels.
    napari_etch.inference.Cancelled
        When `cancel` was set.
    """
    counted = count_map(partition.grains, pixel_size_um=pixel_size_um, name=name, cancel=cancel)
    links = Links.of(partition, calibration or Calibration())
    low, high = links.interval()
    low, high = min(low, counted.count), max(high, counted.count)
    found = replace(counted, low=low, high=high, model=model, notices=notices)
    return found.sized(pixel_size_um)


def count_map(
    grains: npt.NDArray[np.int32],
    *,
    pixel_size_um: float | None = None,
    name: str = "",
    cancel: threading.Event | None = None,
) -> GrainCount:
    """Count the grains of a grain map of any origin; without an interval, for nothing is unsure.

    Parameters
    ----------
    grains : whole numbers (y, x)
        0 is no grain; lines of 0 between grains belong to the nearest one, or each grain would lie
        at the border of the field.
    pixel_size_um : float, optional
        Edge of a pixel, µm.
    name : str
        Of the micrograph.
    cancel : threading.Event, optional
        Set it to stop before the next step of the work.

    Raises
    ------
    ValueError
        When there is no grain.
    napari_etch.inference.Cancelled
        When `cancel` was set.
    """
    from napari_etch.measure.astm import astm_planimetric
    from napari_etch.measure.parting_lines import without_parting_lines

    if not np.any(np.ma.filled(grains, 0)):
        raise ValueError(f"{name or 'the field'} has no grain: there is nothing to count")
    closed = without_parting_lines(grains)
    _go_on(cancel)
    labels = np.unique(closed)
    numbered = np.searchsorted(labels[labels > 0], closed).astype(np.int32) + 1
    numbered[closed == 0] = 0
    _go_on(cancel)
    places = _places(numbered)
    _go_on(cancel)
    found = astm_planimetric(numbered, pixel_size_um or 1.0)
    _go_on(cancel)
    points = _deep_points(numbered)
    _go_on(cancel)
    return GrainCount(
        name=name,
        grains=grains,
        count=len(places),
        low=None,
        high=None,
        n_inside=int((places == INSIDE).sum()),
        n_edge=int((places == EDGE).sum()),
        n_corner=int((places == CORNER).sum()),
        equivalent=found.equivalent_count,
        area_px=int(np.count_nonzero(numbered)),
        density_per_mm2=found.grains_per_mm2 if pixel_size_um else None,
        density_low=None,
        density_high=None,
        points=points,
        places=places,
    )


def _go_on(cancel: threading.Event | None) -> None:
    """Raise Cancelled when that was asked for."""
    if cancel is not None and cancel.is_set():
        from napari_etch.inference import Cancelled

        raise Cancelled


def _places(grains: npt.NDArray[np.int32]) -> npt.NDArray[np.str_]:
    """Return where each grain lies, in the order of the labels 1 … n."""
    from napari_etch.measure.planimetric import specimen_frame
    from napari_etch.measure.shape import grains_at_edge

    places = np.full(int(grains.max(initial=0)), INSIDE)
    places[grains_at_edge(grains) - 1] = EDGE
    top, left, bottom, right = specimen_frame(grains)
    corners = grains[[top, top, bottom - 1, bottom - 1], [left, right - 1, left, right - 1]]
    places[corners[corners > 0] - 1] = CORNER
    return places


def _deep_points(grains: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return row and column of the pixel of each grain that is farthest from any other."""
    import edt

    # the frame is a border too, or the marks of the grains that it cuts would lie on it
    numbers = np.ascontiguousarray(grains.astype(np.uint32))
    deep = edt.edt(numbers, black_border=True, parallel=1).ravel()
    labels = grains.ravel()
    order = np.lexsort((-deep, labels))
    first = order[np.flatnonzero(np.diff(labels[order], prepend=-1))]
    first = first[labels[first] > 0]
    return np.stack(np.divmod(first, grains.shape[1]), axis=1).astype(np.int32)
