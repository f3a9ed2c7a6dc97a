"""Bars on the terminal that move while something runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from napari_etch.cli.console import note

if TYPE_CHECKING:
    from rich.progress import Progress

    from napari_etch.segmentation import Segmentation

Result = TypeVar("Result")


def follow(name: str, events: Iterable[Any]) -> Segmentation:
    """Run a segmentation to its end, with a bar on the terminal that moves after every tile.

    Parameters
    ----------
    name : str
        What the bar is for.
    events : iterable
        From `napari_etch.segmentation.segment`.

    Returns
    -------
    Segmentation
        The last event.
    """
    from napari_etch.segmentation import Segmentation

    return follow_to(Segmentation, name, events)


def follow_to(result: type[Result], name: str, events: Iterable[Any]) -> Result:
    """Run to the event that is of the type of the result, with a bar that moves after every tile.

    Parameters
    ----------
    result : type
        What the last event is.
    name : str
        What the bar is for.
    events : iterable
        `TileDone` and `Notice` of `napari_etch.inference`, the result last.

    Returns
    -------
    object
        The last event.
    """
    from napari_etch.inference import Notice, TileDone

    with progress_bar(name) as show:
        for event in events:
            if isinstance(event, TileDone):
                show(event.fraction, event.seconds_left, event.what)
            elif isinstance(event, Notice):
                note(f"{name}: {event.message}")
            elif isinstance(event, result):
                return event
    raise RuntimeError(f"the run on {name} ended without a result")


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[float, float | None, str], None]]:
    """Give a function that shows the part that is done, the seconds left and what is being done.

    It says nothing where the terminal is none.

    Parameters
    ----------
    name : str
        What the bar is for.
    """
    words = "{task.percentage:>3.0f} %  {task.fields[left]}  {task.fields[what]}"
    with _bar(words) as bar:
        task = bar.add_task(name, total=1.0, what="", left="")

        def show(fraction: float, seconds_left: float | None = None, what: str = "") -> None:
            bar.update(task, completed=fraction, left=time_left(seconds_left), what=what)

        yield show


@contextmanager
def learning_bar(name: str) -> Iterator[Callable[[int, int, str, float], None]]:
    """Give a function that shows step, steps, loss in words and the seconds left.

    It says nothing where the terminal is none.

    Parameters
    ----------
    name : str
        What the bar is for.
    """
    words = "step {task.completed:.0f}  loss {task.fields[loss]}  {task.fields[left]}"
    with _bar(words) as bar:
        task = bar.add_task(name, total=None, loss="-", left="")

        def show(step: int, steps: int, loss: str, left: float) -> None:
            bar.update(task, completed=step, total=steps, loss=loss, left=time_left(left))

        yield show


def time_left(seconds: float | None) -> str:
    """Return a time to go as a person says it; empty when it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min left"
    return f"{seconds / 3600:.1f} h left"


def _bar(words: str) -> Progress:
    """Return a bar with a name before it and words behind it, hidden where no terminal is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(words, markup=False),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
