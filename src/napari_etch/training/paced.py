"""A training step by step, when it ends and when it is saved; for trainers with early stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from napari_etch.training.trainers import TrainEvent, TrainNotice, TrainStep

if TYPE_CHECKING:
    from napari_etch.training.trainers import TrainRequest
    from napari_etch.training.tuning import Loss, Tuning


class _Patient(Protocol):
    @property
    def looks(self) -> int: ...

    @property
    def patience(self) -> int: ...


class Keeping:
    """Base of a training that is kept now and then, so that it can be gone on with.

    Attributes
    ----------
    saved : float
        When this process began or saved last, s, monotonic.
    save_seconds : float
        Between two checkpoints.
    untold : bool
        Whether nothing was said yet of a checkpoint that could not be written.
    """

    saved: float
    save_seconds = 20.0
    untold = True

    @property
    def _is_late(self) -> bool:
        return time.monotonic() - self.saved > self.save_seconds

    def _kept(self, save: Callable[[], None]) -> str:
        """Write a checkpoint; return why it could not be written, once."""
        self.saved = time.monotonic()
        try:
            save()
        except OSError as error:  # no reason to lose what is learnt
            told, self.untold = self.untold, False
            return f"{error}; the training goes on without being kept." if told else ""
        return ""


class Paced(Keeping):
    """Base of a training under way: its clock, its end, its checkpoints.

    Attributes
    ----------
    request : TrainRequest
    recipe : dataclass
        Of it `looks` at what is held back, and `patience`: so many without a better one end it.
    tuning : Tuning
    about : dict
        What a checkpoint must fit.
    begun : float
        When this process began, s, monotonic.
    limit : float
        Longest time, s.
    looked_at : int
        The step of the last look.
    why : str
        Why it ended, one sentence.
    """

    request: TrainRequest
    recipe: _Patient
    tuning: Tuning
    about: dict[str, Any]
    begun: float
    limit: float
    why: str
    looked_at = -1

    @property
    def elapsed(self) -> float:
        """Seconds since the start, those before a resume counted in."""
        return self.tuning.elapsed + time.monotonic() - self.begun

    def _take_steps(
        self, stop: Callable[[], bool], loss: Loss, look: Callable[[], dict[str, float]] | None
    ) -> Iterator[TrainEvent]:
        """Take the steps that are left, look now and then, keep checkpoints.

        Parameters
        ----------
        stop : callable
            Whether to end with the best so far.
        loss : callable
            See `tuning.Loss`.
        look : callable or None
            Scores the weights on what is held back and keeps the best; None where nothing is.
        """
        tuning, steps = self.tuning, self.tuning.steps
        every = max(1, steps // self.recipe.looks)
        first, started = tuning.step, time.monotonic()
        while tuning.step < steps:
            losses, said = tuning.learn(loss, min(1.0, self.elapsed / self.limit))
            if said:
                yield TrainNotice(said)
            looked = None
            if look is not None and (tuning.step % every == 0 or tuning.step == steps):
                looked, self.looked_at = look(), tuning.step
            a_step = (time.monotonic() - started) / (tuning.step - first)
            left = min(a_step * (steps - tuning.step), self.limit - self.elapsed)
            yield TrainStep(tuning.step, steps, self.elapsed, max(0.0, left), losses, looked)
            said = self._checkpoint()
            if said:
                yield TrainNotice(said)
            if self._ends(stop):
                break

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

    def _checkpoint(self, *, now: bool = False) -> str:
        """Keep the training where it is time to; return why it could not be, once."""
        folder = self.request.checkpoint
        if folder is None or not (now or self._is_late):
            return ""
        return self._kept(lambda: self.tuning.save(folder, self.about, self.elapsed))
