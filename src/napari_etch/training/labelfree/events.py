"""What a label-free fit tells its caller while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor


class FitError(ValueError):
    """A fit that cannot give a model; one sentence for the user."""


@dataclass(frozen=True)
class FitStep:
    """One step of learning.

    Attributes
    ----------
    step, steps : int
        Steps taken, and the most there will be.
    elapsed, left : float
        Seconds since the start, and until the end at the latest.
    losses : dict
        The terms' values, by name.
    quality : float, optional
        How little the found network looks like grains (lower is better); the best iterate
        is kept by it. Given at checks only.
    """

    step: int
    steps: int
    elapsed: float
    left: float
    losses: dict[str, float]
    quality: float | None = None


@dataclass(frozen=True, eq=False)
class FitPreview:
    """The boundary map as it is now, in a window of one of the micrographs.

    Attributes
    ----------
    index : int
        Which micrograph.
    window : (slice, slice)
        Rows and columns.
    boundary : float32 (h, w), in [0, 1]
    """

    index: int
    window: tuple[slice, slice]
    boundary: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FitNotice:
    """Something the user should know, in one sentence.

    Attributes
    ----------
    message : str
    passing : bool
        It says what is being done, and means nothing once that is over.
    """

    message: str
    passing: bool = False


@dataclass(frozen=True, eq=False)
class Fitted:
    """The end of a fit: the model.

    Attributes
    ----------
    tensors : dict of Tensor
        The network's weights by name.
    card : dict
        What `model.json` holds.
    step : int
        The step whose weights were kept.
    why : str
        Why the fit ended, one sentence.
    """

    tensors: dict[str, Tensor] = field(repr=False)
    card: dict[str, Any]
    step: int
    why: str

    def save(self, path: Path) -> None:
        """Write the model's folder (float16); each file is renamed into place."""
        from napari_etch.models.weights_file import write_model

        write_model(path, self.tensors, self.card)
