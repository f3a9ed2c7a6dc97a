"""Which layers hold verdicts of the Correct dock, for those who would replace their data.

Verdicts change no pixel, so the data do not tell. New data make them void.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Layer

#: By the unique id of the layer.
_ASKED: dict[str, Callable[[], bool]] = {}


def answer_for(layer: Layer, has_verdicts: Callable[[], bool]) -> None:
    """Let others ask from now on whether a layer holds verdicts."""
    _ASKED[str(layer.unique_id)] = has_verdicts


def is_judged(layer: Layer) -> bool:
    """Return whether somebody has given a verdict on something of a layer."""
    has_verdicts = _ASKED.get(str(layer.unique_id))
    return has_verdicts is not None and has_verdicts()
