"""Driving a segmentation with a progress bar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from napari_etch.cli.console import note

if TYPE_CHECKING:
    from napari_etch.segmentation import Segmentation


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
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from napari_etch.inference import Notice, TileDone
    from napari_etch.segmentation import Segmentation

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[left]}  {task.fields[what]}"),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(name, total=1.0, what="", left="")
        for event in events:
            if isinstance(event, TileDone):
                bar.update(
                    task,
                    completed=event.fraction,
                    left=time_left(event.seconds_left),
                    what=event.what,
                )
            elif isinstance(event, Notice):
                note(f"{name}: {event.message}")
            elif isinstance(event, Segmentation):
                return event
    raise RuntimeError(f"the segmentation of {name} ended without a result")


def time_left(seconds: float | None) -> str:
    """Return a time to go as a person says it; empty when it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min left"
    return f"{seconds / 3600:.1f} h left"
