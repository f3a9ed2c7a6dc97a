"""When a training ends and when it is saved; what trainers with early stopping share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from napari_etch.training.trainers import TrainRequest
    from napari_etch.training.tuning import Tuning


class _Patient(Protocol):
    @property
    def patience(self) -> int: ...


class Paced:
    """Base of a training under way: its clock, its end, its checkpoints.

    Attributes
    ----------
    request : TrainRequest
    recipe : dataclass
        Of it `patience`: so many looks without a better one end the training.
    tuning : Tuning
    about : dict
        What a checkpoint must fit.
    begun, saved : float
        When this process began and saved last, s, monotonic.
    limit : float
        Longest time, s.
    why : str
        Why it ended, one sentence.
    save_seconds : float
        Between two checkpoints.
    """

    request: TrainRequest
    recipe: _Patient
    tuning: Tuning
    about: dict[str, Any]
    begun: float
    saved: float
    limit: float
    why: str
    save_seconds = 20.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start, those before a resume counted in."""
        return self.tuning.elapsed + time.monotonic() - self.begun

    def _ends(self, stop: Callable[[], bool]) -> bool:
        best, step = self.tuning.best, self.tuning.step
        if stop():
            self.why = f"Stopped by hand after {step} steps."
        elif self.elapsed > self.limit:
            self.why = f"The time was over after {step} steps."
        elif best is not None and best.looks >= self.recipe.patience:
            self.why = f"Nothing got better any more after {step} steps."
        else:
            return False
        return True

    def _checkpoint(self, *, now: bool = False) -> None:
        folder = self.request.checkpoint
        if folder is None or not (now or time.monotonic() - self.saved > self.save_seconds):
            return
        self.saved = time.monotonic()
        self.tuning.save(folder, self.about, self.elapsed)
