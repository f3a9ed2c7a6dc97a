"""What a fit from the dock is asked to do, and its previews back in pixels of the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_etch._widgets.job import Region, Settings, Source, refusal
from napari_etch._widgets.run import micrograph_of
from napari_etch.models.library import free_title, is_free, plain_name

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.training.fit_request import FitRequest, Window

#: Most pixels of a preview: the network has to learn meanwhile.
MOST_PREVIEW = 1_000_000


@dataclass(frozen=True)
class Part:
    """An image, and which of it is learnt from.

    Attributes
    ----------
    source : Source
    layer_id : str
        Identity of the layer.
    region : Region or None
        In pixels; None is the whole section.
    section : int or None
        Of a stack.
    """

    source: Source
    layer_id: str
    region: Region | None = None
    section: int | None = None

    @property
    def learnt(self) -> Region:
        """The region that is learnt from."""
        return self.region or self.source.whole


@dataclass(frozen=True)
class FitSettings:
    """What the user chose in the dock.

    Attributes
    ----------
    parts : tuple of Part
        Images of one specimen.
    start : str
        ``scratch``, ``generalist`` or ``both``.
    title : str
        Name of the model to be.
    seed : int
    minutes : float or None
        None lets the fit end by itself.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    skip_info_bar : bool
        Leave out the information bar of an SEM frame and a burned-in scale bar.
    """

    parts: tuple[Part, ...]
    start: str = "scratch"
    title: str = ""
    seed: int = 0
    minutes: float | None = None
    device: str = "auto"
    skip_info_bar: bool = True


def fit_refusal(settings: FitSettings) -> str:
    """Return why this fit cannot be started, as one sentence, or an empty string."""
    for part in settings.parts:
        trouble = refusal(part.source, Settings(region=part.region, section=part.section))
        if trouble:
            return trouble
    if settings.title and not is_free(plain_name(settings.title)):
        return f"There is a model “{settings.title}” already: choose another name."
    return ""


def request_maker(settings: FitSettings) -> Callable[[], FitRequest]:
    """Return what reads the images and makes the request; called in a thread, it takes time."""

    def make() -> FitRequest:
        from napari_etch.training.fit_request import FitRequest

        micrographs = [_micrograph(part, settings) for part in settings.parts]
        return FitRequest(
            micrographs,
            start=settings.start,
            seed=settings.seed,
            minutes=settings.minutes,
            device=settings.device,
        )

    return make


def _micrograph(part: Part, settings: FitSettings) -> Micrograph:
    found = micrograph_of(
        part.source,
        Settings(region=part.region, skip_info_bar=settings.skip_info_bar),
        part.section or 0,
        part.learnt,
    )
    of_section = sum(other.layer_id == part.layer_id for other in settings.parts) > 1
    return replace(found, name=f"{found.name} [{part.section}]") if of_section else found


def window_in_part(part: Part, seen: Region) -> Window | None:
    """Return the visible part of an image as a window of what is learnt from.

    Parameters
    ----------
    part : Part
    seen : Region
        What is visible, in pixels of the image.

    Returns
    -------
    (slice, slice) or None
        At most `MOST_PREVIEW` px around the middle of the view; None when nothing is visible.
    """
    learnt = part.learnt
    top, bottom = max(seen.top, learnt.top), min(seen.bottom, learnt.bottom)
    left, right = max(seen.left, learnt.left), min(seen.right, learnt.right)
    if bottom - top < 1 or right - left < 1:
        return None
    shrink = min(1.0, (MOST_PREVIEW / ((bottom - top) * (right - left))) ** 0.5)
    rows = _middle(top - learnt.top, bottom - learnt.top, shrink)
    return rows, _middle(left - learnt.left, right - learnt.left, shrink)


def _middle(start: int, stop: int, share: float) -> slice:
    size = max(1, int((stop - start) * share))
    first = start + (stop - start - size) // 2
    return slice(first, first + size)


def window_in_image(part: Part, window: Window) -> Region:
    """Return a window of what is learnt from in pixels of the image."""
    rows, columns = window
    top, left = part.learnt.top, part.learnt.left
    return Region(top + rows.start, left + columns.start, top + rows.stop, left + columns.stop)


def default_title(names: Sequence[str]) -> str:
    """Return the name of a model that was learnt from these images, not taken yet."""
    return free_title(names[0]) if names else ""
