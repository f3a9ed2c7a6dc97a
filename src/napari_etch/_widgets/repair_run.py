"""What a run of the Repair dock does, free of Qt and napari: a picture in, a network out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.job import MAX_SECTION_PIXELS, Source
from napari_etch._widgets.repair_bridges import Bridges
from napari_etch._widgets.run import (
    PROGRESS_INTERVAL,
    Failed,
    Note,
    Progress,
    Stopped,
    is_bright,
    left_out,
)
from napari_etch._widgets.sentences import error_sentence, sentence

if TYPE_CHECKING:
    import threading

    from napari_etch.micrograph import Micrograph
    from napari_etch.repairing import Repaired

log = logging.getLogger("napari_etch")

RepairEngine = Callable[..., Iterator[Any]]


@dataclass(frozen=True)
class RepairSettings:
    """What the user chose.

    Attributes
    ----------
    kind : str
        ``auto``, ``map``, ``micrograph`` or ``grains``.
    polarity : str
        ``auto``, ``dark`` or ``bright`` lines of a map.
    device : str
    least : float
        Bridges less sure than this are not made.
    left_out : str
        A clause on what is NaN in the picture; empty for nothing.
    """

    kind: str = "auto"
    polarity: str = "auto"
    device: str = "auto"
    least: float = 0.5
    left_out: str = ""


@dataclass(frozen=True, eq=False)
class Mended:
    """What a run made.

    Attributes
    ----------
    bridges : Bridges
        Those of `repaired`, for the review.
    bright : bool
        Whether most of the picture is nearly white.
    provenance : dict
        Model, version, parameters, duration.
    notices : tuple of str
        What the user should know.
    """

    source: Source
    settings: RepairSettings
    repaired: Repaired
    bridges: Bridges
    bright: bool
    provenance: dict[str, Any]
    notices: tuple[str, ...] = ()


def default_repair(*args: Any, **kwargs: Any) -> Iterator[Any]:
    """Run `napari_etch.repairing.repair`, which is loaded when it is called."""
    from napari_etch.repairing import repair

    return repair(*args, **kwargs)


def repair_refusal(source: Source, settings: RepairSettings) -> str:
    """Return why a picture cannot be repaired, as one sentence; empty when it can."""
    name, axes = f"“{source.name}”", source.axes
    if len(axes) != 2:
        return (
            f"{name} has {len(axes)} axes: repair one picture (y, x), such as a section by itself."
        )
    if np.dtype(source.data.dtype).kind == "c":
        return f"{name} holds complex numbers: choose its magnitude."
    if not all(axes):
        return f"{name} is empty: choose another layer."
    if axes[0] * axes[1] > MAX_SECTION_PIXELS:
        most = MAX_SECTION_PIXELS // 1_000_000
        return f"{name} is too large for one run: cut out at most {most} megapixels."
    if settings.kind == "grains" and (np.dtype(source.data.dtype).kind not in "iu" or source.rgb):
        return f"{name} holds no whole numbers, so no grains: choose another kind."
    return ""


def mend(
    source: Source, settings: RepairSettings, cancel: threading.Event, engine: RepairEngine
) -> Generator[Progress | Note, None, Mended | Stopped | Failed]:
    """Close the gaps of a boundary network; nothing is raised.

    Parameters
    ----------
    source : Source
        The picture; it is only read.
    settings : RepairSettings
    cancel : threading.Event
        Set it to stop the run within one batch.
    engine : callable
        `napari_etch.repairing.repair`, or a stand-in.

    Yields
    ------
    Progress or Note
        At most ten `Progress` a second.

    Returns
    -------
    Mended, Stopped or Failed
    """
    from napari_etch.inference import Cancelled

    try:
        return (yield from _mend(source, settings, cancel, engine))
    except Cancelled:
        return Stopped()
    except Exception as error:
        if cancel.is_set():
            log.info("Repairing “%s” ended with an error while cancelled: %r", source.name, error)
            return Stopped()
        log.exception("Repairing “%s” failed", source.name)
        return Failed(error_sentence(error, source.name, "repaired"), error)


def _mend(
    source: Source, settings: RepairSettings, cancel: threading.Event, engine: RepairEngine
) -> Generator[Progress | Note, None, Mended | Stopped]:
    from napari_etch.inference import Notice, TileDone
    from napari_etch.repairing import Repaired, picture_of

    began, shown = time.monotonic(), 0.0
    yield Progress(0, "loading the model")
    micrograph, kind = _read(source, settings)
    picture = np.asarray(source.data) if kind == "grains" else picture_of(micrograph, kind)
    notices = list(left_out(micrograph))
    if settings.left_out:
        notices.append(sentence(settings.left_out))
    events = engine(
        picture,
        polarity=settings.polarity,
        kind=kind,
        device=settings.device,
        cancel=cancel,
        least=settings.least,
    )
    for event in events:
        if cancel.is_set():
            return Stopped()
        if isinstance(event, Repaired):
            bright = kind != "grains" and is_bright(micrograph)
            made = _provenance(event, time.monotonic() - began)
            return Mended(source, settings, event, Bridges(event), bright, made, tuple(notices))
        if isinstance(event, TileDone) and time.monotonic() - shown >= PROGRESS_INTERVAL:
            shown = time.monotonic()
            yield Progress(min(event.fraction, 1.0), event.what, event.seconds_left)
        elif isinstance(event, Notice):
            notices.append(event.message)
            yield Note(event.message)
    raise RuntimeError("the repair ended without a result")


def _read(source: Source, settings: RepairSettings) -> tuple[Micrograph, str]:
    """Return the picture and what it is; only a micrograph has an information bar."""
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.micrograph.line_map import kind_of_picture

    data, kind = source.plane(0, source.whole), settings.kind
    if kind == "auto":
        kind = kind_of_picture(data)
    micrograph = micrograph_from_array(
        data,
        source.name,
        pixel_size_um=source.pixel_size_um,
        rgb=source.rgb,
        keep_info_bar=kind != "micrograph",
        info_bar_row=source.info_bar_row,
    )
    return micrograph, kind


def _provenance(repaired: Repaired, seconds: float) -> dict[str, Any]:
    from napari_etch import __version__

    return {
        "model": "repair",
        "version": __version__,
        "given": repaired.kind,
        "polarity": repaired.polarity,
        "parameters": repaired.parameters,
        "seconds": round(seconds, 3),
    }
