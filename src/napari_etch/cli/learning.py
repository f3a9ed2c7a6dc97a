"""What ``etch fit`` and ``etch train`` share: follow what is learnt, keep it, tell how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from napari_etch.cli.console import ExitCode, fail, fail_inside, note, say, sentence
from napari_etch.cli.interrupts import first_interrupt
from napari_etch.cli.progress import learning_bar

#: Takes what says when to stop and gives the events of a fit or a training.
Begin = Callable[[Callable[[], bool]], Iterator[Any]]
#: Writes what was learnt, with the last values of its losses, and returns where it is.
Keep = Callable[[Any, dict[str, float]], str]


def learn(
    name: str, begin: Begin, keep: Keep, about: Callable[[Any], str] = lambda _end: ""
) -> ExitCode:
    """Learn to the end, or until Ctrl-C, and keep what was learnt; every outcome is told.

    Parameters
    ----------
    name : str
        Of what is learnt from, for every line.
    begin : callable
    keep : callable
    about : callable, optional
        Returns a line to say of what was learnt, before the last one.
    """
    with first_interrupt() as stopped:
        try:
            end, losses, seconds = _follow(name, begin(stopped.is_set))
            where = keep(end, losses)
        except KeyboardInterrupt:
            fail("stopped; no model was written")
            return ExitCode.STOPPED
        except (OSError, ValueError) as error:
            if stopped.is_set():
                fail(f"stopped; no model was written: {sentence(error)}")
                return ExitCode.STOPPED
            fail(sentence(error, name))
            return ExitCode.BAD_INPUT
        except Exception as error:
            fail_inside(error, name)
            return ExitCode.INTERNAL
    if stopped.is_set():
        fail(f"stopped; the best so far, of step {end.step}, was kept")
    said = about(end)
    if said:
        say(f"{name}: {said}")
    say(f"{name}: {end.why.rstrip('.')}, step {end.step}, {seconds:.0f} s -> {where}")
    return ExitCode.STOPPED if stopped.is_set() else ExitCode.DONE


def _follow(name: str, events: Iterator[Any]) -> tuple[Any, dict[str, float], float]:
    """Go to the end with a line on the terminal that shows loss and time left.

    Returns
    -------
    end, losses, seconds
        The last event, the last losses, and how long it took.
    """
    from napari_etch.training.fitted import total_loss
    from napari_etch.training.labelfree import FitNotice, FitStep, Fitted
    from napari_etch.training.trainers import Trained, TrainNotice, TrainStep

    losses: dict[str, float] = {}
    elapsed = 0.0
    with learning_bar(name) as show:
        for event in events:
            if isinstance(event, FitStep | TrainStep):
                losses, elapsed = event.losses or losses, event.elapsed
                loss = f"{total_loss(event.losses):.3f}" if event.losses else "-"
                show(event.step, event.steps, loss, event.left)
            elif isinstance(event, FitNotice | TrainNotice):
                note(f"{name}: {event.message}")
            elif isinstance(event, Fitted | Trained):
                return event, losses, elapsed
    raise RuntimeError(f"what was learnt from {name} ended without a result")
