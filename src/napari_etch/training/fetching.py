"""Loading a backbone in a training: what is downloaded is told before and while it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from napari_etch.models.errors import ModelError
from napari_etch.training.trainers import TrainError, TrainNotice

if TYPE_CHECKING:
    from napari_etch.networks.vit import Backbone

#: Seconds between two questions whether the training was stopped.
_ASKING = 0.2
#: Parts of a download, each of which is told.
_PARTS = 10


class _Stopped(ModelError):
    """Ends the download from within."""


def fetch_backbone(
    name: str, stop: Callable[[], bool]
) -> Generator[TrainNotice, None, tuple[Backbone, str]]:
    """Load a backbone, and download it where it is not here yet.

    Parameters
    ----------
    name : str
        One of `models.backbones.NAMES`.
    stop : callable
        Says when to give up.

    Yields
    ------
    TrainNotice
        What is downloaded, from where and under which licence; then each tenth of it.

    Returns
    -------
    backbone, weights_hash
        As `models.backbones.load_backbone`.

    Raises
    ------
    TrainError
        When it was stopped.
    napari_etch.models.ModelError
        When it cannot be had.
    """
    from napari_etch.models.backbones import load_backbone

    said: SimpleQueue[str] = SimpleQueue()
    stopped, told = threading.Event(), 0

    def show(received: int, size: int | None) -> None:
        nonlocal told
        if stopped.is_set():
            raise _Stopped("stopped")
        if size and _PARTS * received // size > told:
            told = _PARTS * received // size
            said.put(f"{name}: {received / 1e6:.0f} of {size / 1e6:.0f} MB.")

    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(load_backbone, name, show=show, tell=said.put)
        while not (task.done() and said.empty()):
            try:
                yield TrainNotice(said.get(timeout=_ASKING))
            except Empty:
                if stop():
                    stopped.set()
    try:
        return task.result()
    except _Stopped:
        raise TrainError(
            "The training was stopped during the download; there is no model."
        ) from None
