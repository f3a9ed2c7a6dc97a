"""From a micrograph to its grains: prediction and partition, section by section."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.micrograph.large import let_go, room_for
from napari_etch.propagation.done import SectionDone

if TYPE_CHECKING:
    import threading

    from napari_etch.inference import Notice, Prediction, TileDone
    from napari_etch.micrograph import Micrograph
    from napari_etch.propagation.held import Settled

    # Place, section and answer, until the section is cut for good.
    _Found = tuple[int, Micrograph, Prediction]

__all__ = ["SectionDone", "Segmentation", "check_options", "segment", "segment_sections"]

# Share of a section's progress that is the network's; the rest is finding the grains.
NETWORK_SHARE = 0.9
_LEAVE_OUT = (
    "if that is the mount or the background, leave it out by a region around the specimen "
    "(in napari) or by cropping the image."
)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a model found in a micrograph.

    Attributes
    ----------
    micrograph : Micrograph
        The image or stack it was found in.
    boundary : np.ndarray
        Boundary map, float32 in [0, 1], (y, x) or (z, y, x).
    grains : np.ndarray
        Grain map, int32, of the same shape; 0 off the specimen. In a stack each section has
        numbers of its own, so none occurs in two of them. Both lie in a temporary file where they
        are large.
    model : str
        Name of the model.
    weights_hash : str or None
        Hash of its weights.
    parameters : dict
        What it ran with, granularity included; of a stack, that of the first section.
    device : str
        Where the last section ran.
    seconds : float
        Duration, s.
    notices : tuple of str
        Everything the user should know, each once.
    """

    micrograph: Micrograph
    boundary: np.ndarray
    grains: np.ndarray
    model: str
    weights_hash: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


def segment(
    model: Any,
    micrograph: Micrograph,
    *,
    device: str = "auto",
    granularity: float = 0.5,
    cancel: threading.Event | None = None,
    **options: Any,
) -> Iterator[TileDone | Notice | Segmentation]:
    """Find the boundaries and grains of a micrograph or of every section of a stack.

    Parameters
    ----------
    model : Model
        From `napari_etch.models.load_model`.
    micrograph : Micrograph
        Image or stack.
    device : str
        "auto", "cpu", "cuda" or "mps".
    granularity : float
        From 0, fewest grains, to 1, most.
    cancel : threading.Event, optional
        Set it to stop within one batch.
    **options
        The model's own options, such as ``grain_size`` and ``quality``.

    Yields
    ------
    TileDone, Notice or Segmentation
        Progress of the whole run after every tile; notices; the result as the last item.

    Raises
    ------
    ValueError
        When the granularity is outside [0, 1] or the model lacks one of the options.
    napari_etch.inference.Cancelled
        When `cancel` was set.
    """
    from napari_etch.inference import Notice

    check_options(model, granularity, options)
    started = time.monotonic()
    sections = list(micrograph.sections())
    boundary = room_for((len(sections), micrograph.height, micrograph.width), np.float32)
    grains = room_for(boundary.shape, np.int32)
    predictions: list[Prediction] = []
    said: list[str] = []
    last_label = 0
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
            if isinstance(event, Notice):
                said.append(event.message)
            yield event
            continue
        index, found = event.index, event.partition.grains
        boundary[index] = event.prediction.boundary
        np.add(found, last_label, out=grains[index], where=found > 0)
        last_label = max(last_label, int(grains[index].max(initial=0)))
        let_go(boundary)
        let_go(grains)
        # fields are as large as the section, and would pile up
        predictions.append(replace(event.prediction, boundary=boundary[index], fields={}))
    notices = dict.fromkeys(said)
    notices |= dict.fromkeys(text for prediction in predictions for text in prediction.notices)
    yield Segmentation(
        micrograph=micrograph,
        boundary=boundary if micrograph.is_stack else boundary[0],
        grains=grains if micrograph.is_stack else grains[0],
        model=model.name,
        weights_hash=getattr(model, "weights_hash", None),
        parameters={
            "granularity": granularity,
            **getattr(model, "segment_options", {}),
            **options,
            **_of_the_run(predictions),
        },
        device=predictions[-1].device,
        seconds=time.monotonic() - started,
        notices=tuple(notices),
    )


def _of_the_run(predictions: list[Prediction]) -> dict[str, Any]:
    """Return the parameters of the first section that was looked at, without what is only its."""
    looked = [each.parameters for each in predictions if "drawn" not in each.parameters]
    first = looked[0] if looked else predictions[0].parameters
    return {name: value for name, value in first.items() if name not in ("told", "agreement")}


def check_options(model: Any, granularity: float, options: dict[str, Any]) -> None:
    """Raise ValueError when a model cannot run with these settings.

    Parameters
    ----------
    model : Model
        The model.
    granularity : float
        Must be within [0, 1].
    options : dict
        Must be among the model's own options.
    """
    if not 0 <= granularity <= 1:
        raise ValueError(f"the granularity must be between 0 and 1, not {granularity}")
    known = getattr(model, "segment_options", {})
    for name in options:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"the model {model.name} has no option {name}: {has}")


def segment_sections(
    model: Any,
    sections: Iterable[Micrograph],
    count: int,
    *,
    granularity: float = 0.5,
    predict: Callable[..., Generator[Any, None, None]] | None = None,
    **options: Any,
) -> Iterator[TileDone | Notice | SectionDone]:
    """Predict and cut one section after the other; each is read when its turn comes.

    A section is cut by its own boundaries and by the grains of those beside it, as far as these lie
    over each other (`napari_etch.propagation.beside`), so it comes out when the next is cut. A
    model that is told what was found in the section before (`Model.carries`) goes through them by
    `napari_etch.propagation`, which reads a block ahead.

    Parameters
    ----------
    model : Model
    sections : iterable of Micrograph
        2D; from a generator, only two are held at a time.
    count : int
        How many there are, for the progress.
    granularity : float
        From 0, fewest grains, to 1, most.
    predict : callable, optional
        `napari_etch.inference.predict` when not given.
    **options
        For `predict`: device, cancel, tile and the model's own.

    Yields
    ------
    TileDone, Notice or SectionDone
        `TileDone.fraction` and ``seconds_left`` are of the whole run. When it is cancelled, the
        section that was finished last comes out first.

    Raises
    ------
    napari_etch.inference.Cancelled
        When the options hold a `cancel` that was set.
    """
    from napari_etch.grains.wide_grain import wide_grain_words
    from napari_etch.inference import Cancelled, Notice
    from napari_etch.inference import predict as of_the_package
    from napari_etch.propagation import HeldBack, propagate

    predict = predict or of_the_package
    if count > 1 and getattr(model, "carries", False):
        yield from propagate(
            model, sections, count, granularity=granularity, predict=predict, **options
        )
        return
    started = time.monotonic()
    held: HeldBack[_Found] = HeldBack()
    told, scratched = False, []
    taken_out: list[str] = []
    try:
        for index, section in enumerate(sections):
            place = index, count, started
            prediction = yield from _predicted(predict(model, section, **options), section, place)
            if scratches := prediction.parameters.get("scratches", 0):
                scratched.append(scratches)
            if taken := prediction.parameters.get("taken_out", ""):
                taken_out.append(taken)
            yield _finding_grains(NETWORK_SHARE, place)
            mask = section.mask
            partition = model.partition(prediction.fields, mask=mask, granularity=granularity)
            if not told and (wide := wide_grain_words(partition.grains)):
                told = True  # of a stack once: the next sections show the same
                said = f"{wide[0].upper()}{wide[1:]}" if count == 1 else f"Section {index}: {wide}"
                yield Notice(f"{said}: {_LEAVE_OUT}")
            size = prediction.fields.get("grain_size_px")
            found = index, section, prediction
            settled = held.push(index, partition, found, None if size is None else float(size))
            yield _finding_grains(1.0, place)
            yield from _done(settled)
    except Cancelled:
        yield from _done(held.finish())
        raise
    if taken_out:
        yield Notice(_taken_out_words(taken_out, count))
    if scratched:
        yield Notice(_scratch_words(scratched, count))
    yield from _done(held.finish())


def _taken_out_words(taken_out: list[str], count: int) -> str:
    """Return what was taken out of how many sections; the sections' lists are one for each."""
    *rest, last = dict.fromkeys(name for each in taken_out for name in each.split(", "))
    names = f"{', '.join(rest)} and {last}" if rest else last
    where = f" of {len(taken_out)} of {count} sections" if count > 1 else ""
    return f"{names[0].upper()}{names[1:]} were taken out{where} for the network."


def _scratch_words(scratched: list[int], count: int) -> str:
    """Return that scratches were filled in; how many there are in each section that has any."""
    one = count == 1 and scratched[0] == 1
    lines = "A straight line" if one else "Straight lines"
    verb = "was taken for a scratch" if one else "were taken for scratches"
    if count > 1:
        where = f" in {len(scratched)} of {count} sections"
    else:
        where = "" if one else f" ({scratched[0]} of them)"
    return f"{lines} across the grains{where} {verb} and filled in."


def _predicted(
    events: Generator[Any, None, None], section: Micrograph, place: tuple[int, int, float]
) -> Generator[TileDone | Notice, None, Prediction]:
    """Return what is found in a section; its progress is that of the run."""
    from napari_etch.inference import prediction_of

    def of_the_run(tile: TileDone) -> TileDone:
        return _of_all_sections(replace(tile, fraction=NETWORK_SHARE * tile.fraction), *place)

    return (yield from prediction_of(events, section.name, of_the_run))


def _finding_grains(fraction: float, place: tuple[int, int, float]) -> TileDone:
    from napari_etch.inference import TileDone

    return _of_all_sections(TileDone(1, 1, fraction, "finding the grains", None), *place)


def _done(settled: Settled[_Found] | None) -> Iterator[SectionDone]:
    if settled is not None:
        yield SectionDone(*settled.what, settled.partition)


def _of_all_sections(tile: TileDone, index: int, count: int, started: float) -> TileDone:
    """Return the progress of the whole run from that of one section."""
    fraction = (index + tile.fraction) / count
    if count == 1:
        return replace(tile, fraction=fraction)
    spent = time.monotonic() - started
    return replace(
        tile,
        fraction=fraction,
        what=f"{index + 1} of {count} sections: {tile.what}",
        seconds_left=spent * (1 - fraction) / fraction if index and fraction else None,
    )
