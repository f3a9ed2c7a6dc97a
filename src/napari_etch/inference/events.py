"""What a run takes and what it yields: plain frozen data, safe to send between threads."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from napari_etch.micrograph import Micrograph


@dataclass(frozen=True, eq=False)
class Pass:
    """One image that a model wants its network run on.

    Attributes
    ----------
    image : numpy.ndarray
        float32 (c, h, w), prepared for the network.
    what : str
        A few words for the progress line, such as "finding the scale".
    share : float
        Fraction of the whole run's work that this pass is expected to be; a run's passes sum to
        about 1.
    model : Predictor, optional
        Another model whose network it is for; the one that runs when None.
    """

    image: np.ndarray
    what: str = ""
    share: float = 1.0
    model: Predictor | None = None


class Predictor(Protocol):
    """What a model gives to `predict`.

    Attributes
    ----------
    name : str
        Names the model in messages, and under it the memory settings that worked are remembered.
    network : torch.nn.Module
        (b, c, h, w) float32 to (b, k, h, w), fully convolutional, without statistics over the
        whole image. It is copied for each run and never changed.
    stride : int
        Total downsampling in px; tile origins and sizes are multiples of it.
    margin : int
        Receptive-field radius in px: the context a pixel needs on each side.
    channels_out : int
        k, the number of channels that the network returns.
    """

    name: str
    network: nn.Module
    stride: int
    margin: int
    channels_out: int

    def passes(
        self, micrograph: Micrograph, **options: Any
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        """Yield each `Pass`, be sent its raw float32 (k, h, w) output, return the fields.

        The fields hold at least ``"boundary"``, float32 (y, x) in [0, 1]; a ``"log"`` dict, when
        there is one, becomes part of `Prediction.parameters`.
        """
        ...


@dataclass(frozen=True)
class TileDone:
    """Progress after a tile.

    Attributes
    ----------
    done, total : int
        Tiles finished and tiles planned in this pass.
    fraction : float
        Work finished of the whole run, 0 to 1; never falls, and is 1 in the last one.
    what : str
        What the pass is for.
    seconds_left : float or None
        Estimate for the whole run in s; None while there is nothing to judge by.
    """

    done: int
    total: int
    fraction: float
    what: str
    seconds_left: float | None = None


@dataclass(frozen=True)
class Notice:
    """One sentence that the user should read, such as a step down after memory ran out."""

    message: str


@dataclass(frozen=True, eq=False)
class Prediction:
    """The result of a run.

    Attributes
    ----------
    boundary : numpy.ndarray
        float32 (y, x) in [0, 1], high on grain boundaries.
    fields : dict of str to numpy.ndarray
        All fields the model returned, ``"boundary"`` included.
    parameters : dict
        The options of the run, the model's log, and under ``"engine"`` the window (height, width),
        batch and precision of the last pass.
    device : str
        Where the last batch ran, such as "cpu" or "cuda".
    seconds : float
        Duration of the run in s.
    notices : tuple of str
        Every notice of the run, in order.
    """

    boundary: np.ndarray
    fields: dict[str, np.ndarray]
    parameters: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


Progress = TileDone | Notice
"""What comes out of a run before its result."""
