"""The layers of a result, made in the thread of its run: napari colours a map when it is made.

At 16 million pixels that stood in the way of the window for half a second.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from napari_etch._widgets.layers import Origin, result_layers
from napari_etch._widgets.run import Engine, Note, Outcome, Progress, Segmented, segment

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    from napari.layers import Image, Labels

    from napari_etch._widgets.job import Settings, Source

log = logging.getLogger("napari_etch")


class LayersAhead:
    """Runs a segmentation, and makes the layers of what it found where the image is by then.

    Attributes
    ----------
    origin : Origin or None
        The image of the run that is started next, as it is now.
    """

    def __init__(self) -> None:
        self.origin: Origin | None = None
        self._made: tuple[Segmented, Origin, tuple[Image, Labels]] | None = None

    def run(
        self, source: Source, settings: Settings, cancel: threading.Event, engine: Engine
    ) -> Generator[Progress | Note, None, Outcome]:
        """See `run.segment`; called in a thread."""
        origin, self._made = self.origin, None
        outcome = yield from segment(source, settings, cancel, engine)
        if isinstance(outcome, Segmented) and origin is not None:
            try:
                self._made = (outcome, origin, result_layers(outcome, origin))
            except Exception:  # whoever takes them makes them again, and there it is told
                log.exception("The layers of “%s” were not made ahead", source.name)
        return outcome

    def forget(self) -> None:
        """Let go of the layers, which nobody will take."""
        self._made = None

    def take(self, result: Segmented, origin: Origin) -> tuple[Image, Labels]:
        """Return the boundary and the grains of a result as layers; see `result_layers`.

        Parameters
        ----------
        result : Segmented
            Of the last run, perhaps with another source: see `run.sized`.
        origin : Origin
            The image as it is now: it may have been renamed, moved or given a pixel size.
        """
        made, self._made = self._made, None
        if made is not None and _says(made[0], made[1]) == _says(result, origin):
            return made[2]
        return result_layers(result, origin)


def _says(result: Segmented, origin: Origin) -> tuple[Any, ...]:
    """Return all that the layers of a result tell of it and of its image."""
    place = origin.placement.as_json()
    size = result.source.pixel_size_um
    return id(result.boundary), origin.layer_id, origin.name, place, size
