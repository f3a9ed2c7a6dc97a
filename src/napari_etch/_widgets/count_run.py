"""What counting a layer does, free of Qt and napari: a map in, the grains of each section out.

Like `_widgets.run.segment`, the generator is driven by a worker thread and never raises.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.recut import edited_by_hand
from napari_etch._widgets.run import Failed, Progress, Stopped
from napari_etch._widgets.sentences import error_sentence

if TYPE_CHECKING:
    import threading

    from napari_etch.counting import GrainCount
    from napari_etch.grains import Partition

log = logging.getLogger("napari_etch")


@dataclass(frozen=True, eq=False)
class CountSource:
    """A grain map as it was when the count was started.

    Attributes
    ----------
    data : array-like of whole numbers, (y, x) or (z, y, x)
        Nobody else writes into it.
    name : str
        Of the layer.
    image : str
        Of the image that the grains were found in; the layer's own where that is not known.
    model : str
        That found them; "" where that is not known.
    pixel_size_um : float or None
    partitions : tuple of Partition
        One a section, where the layer was cut from them; empty for a map of any other origin.
    card : dict
        What the layer says of its making; "count" in it is the model's calibration.
    layer_id, image_id : str
        Identity of the layer, and of the image that it was made from; "" where that is not known.
    """

    data: Any
    name: str
    image: str = ""
    model: str = ""
    pixel_size_um: float | None = None
    partitions: tuple[Partition, ...] = ()
    card: dict[str, Any] | None = None
    layer_id: str = ""
    image_id: str = ""

    def is_again(self, other: CountSource) -> bool:
        """Return whether this is the layer of an earlier count, or one that took its place."""
        if self.layer_id == other.layer_id:
            return True
        return bool(self.image_id) and (self.image_id, self.name) == (other.image_id, other.name)


@dataclass(frozen=True, eq=False)
class LayerCount:
    """The grains of a layer, section by section.

    Attributes
    ----------
    source : CountSource
    sections : tuple of GrainCount
    edited : bool
        Whether it was corrected by hand or is of another origin: there is no interval then.
    """

    source: CountSource
    sections: tuple[GrainCount, ...]
    edited: bool

    def of(self, source: CountSource) -> LayerCount:
        """Return the count as one of the layer as it is by now: its name, its pixel size."""
        sections = self.sections
        if source.pixel_size_um != self.source.pixel_size_um:
            sections = tuple(each.sized(source.pixel_size_um) for each in sections)
        return replace(self, source=source, sections=sections)

    @property
    def sentence(self) -> str:
        """Count and interval in one line."""
        name = self.source.name
        if len(self.sections) == 1:
            return f"“{name}”: {self.sections[0].sentence}{self._why}."
        counts = [found.count for found in self.sections]
        first = self.sections[0]
        between = f" (95 % of the first: {first.low} to {first.high})" if not self.edited else ""
        return (
            f"“{name}”: {sum(counts)} grains in {len(counts)} sections, "
            f"{min(counts)} to {max(counts)} in each{between}{self._why}."
        )

    @property
    def _why(self) -> str:
        return (
            "; no interval, for the map was edited or is of another origin" if self.edited else ""
        )


def count_source(
    source: CountSource, _settings: None, cancel: threading.Event, _engine: None = None
) -> Generator[Progress, None, LayerCount | Stopped | Failed]:
    """Count the grains of a layer as they are shown; nothing is raised.

    Parameters
    ----------
    source : CountSource
    cancel : threading.Event
        Set it to stop before the next step of the work, a part of a second later.

    Yields
    ------
    Progress
        One a section.

    Returns
    -------
    LayerCount, Stopped or Failed
    """
    from napari_etch.inference import Cancelled

    try:
        return (yield from _count(source, cancel))
    except Cancelled:
        return Stopped()
    except Exception as error:
        if cancel.is_set():
            return Stopped()
        if isinstance(error, ValueError) and "no grain" in str(error):
            return Failed(f"{error}.", error)
        log.exception("Counting “%s” failed", source.name)
        return Failed(error_sentence(error, source.name, "counted"), error)


def _count(
    source: CountSource, cancel: threading.Event
) -> Generator[Progress, None, LayerCount | Stopped]:
    from napari_etch.counting import calibration_of_card, count_map, count_partition

    yield Progress(0.0, f"counting “{source.name}”")
    data = np.asarray(source.data)  # a lazy layer is read here, in the thread
    is_stack = data.ndim == 3
    edited = not source.partitions or edited_by_hand(data, source.partitions, is_stack=is_stack)
    sections = data if is_stack else data[None]
    found = []
    for index, section in enumerate(sections):
        if cancel.is_set():
            return Stopped()
        if edited:
            counted = count_map(
                section,
                pixel_size_um=source.pixel_size_um,
                name=f"“{source.name}”",
                cancel=cancel,
            )
        else:
            counted = count_partition(
                source.partitions[index],
                pixel_size_um=source.pixel_size_um,
                calibration=calibration_of_card(source.card or {}),
                name=source.name,
                cancel=cancel,
            )
        found.append(counted)
        yield Progress((index + 1) / len(sections), f"section {index + 1} of {len(sections)}")
    return LayerCount(source, tuple(found), edited=edited)
