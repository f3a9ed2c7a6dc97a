"""Trainings on labels that were stopped or killed, kept so that they can be gone on with.

Each is a folder of its own in the user's data folder: the request, a copy of the labelled layers
(so that it can be gone on with when they are closed or were corrected further), the checkpoint of
its trainer, and how far that is. The process that trains holds a lock on it, so a folder without
one was left behind.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from napari_etch.corrections.places import is_in_use, lock_path, take_lock
from napari_etch.models.library import LibraryModel, find_model
from napari_etch.training.labelled_request import REQUEST, STATE, LabelledRequest
from napari_etch.training.trainers import TrainRequest

#: Environment variable that names another folder.
ENVIRONMENT = "ETCH_TRAININGS"
ABOUT = "about.json"
PROGRESS = "progress.json"
#: A training that nobody went on with is forgotten after so many days.
KEEP_DAYS = 60
#: One that was killed before its first checkpoint is of no use; it may just be beginning.
_BEGINS_SECONDS = 3600.0


@dataclass(frozen=True)
class Unfinished:
    """A training that can be gone on with.

    Attributes
    ----------
    folder : pathlib.Path
    title : str
        Name of the model to be.
    model : str
        What is trained.
    step, steps : int
        Of its checkpoint, and the most there will be.
    elapsed : float
        Seconds it has learnt for.
    saved : float
        When the checkpoint was written, as `time.time` has it.
    made : tuple of str
        Name, title and date of the model of the library that it made when it was stopped; empty
        where it made none.
    """

    folder: Path
    title: str
    model: str
    step: int
    steps: int
    elapsed: float
    saved: float
    made: tuple[str, ...] = ()


class KeptFolder:
    """The folder of a training that runs in this process, or in a child of it; locked.

    Parameters
    ----------
    folder : pathlib.Path
        It is made.
    title : str, optional
        Name of the model to be; that of a training that is gone on with stays.

    Raises
    ------
    OSError
        When it cannot be made, or another process trains there.
    """

    def __init__(self, folder: Path, title: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder
        self._lock: IO[bytes] | None = take_lock(folder)
        if self._lock is None:
            raise BlockingIOError(f"{folder} is in use")
        if title is not None:
            _write_json(folder / ABOUT, {"title": title})

    def note_model(self, model: LibraryModel) -> None:
        """Note which model of the library came of the training: to go on with it replaces that."""
        about = json.loads((self.path / ABOUT).read_text("utf-8"))
        _write_json(self.path / ABOUT, {**about, "made": _identity(model)})

    def close(self, *, keep: bool) -> None:
        """Let go of the folder; delete it unless it is to be kept."""
        if self._lock is None:
            return
        self._lock.close()
        self._lock = None
        if keep:
            _unlock(self.path)
        else:
            forget(self.path)


class ProgressNote:
    """Notes beside a checkpoint at which step it was written.

    A trainer writes its checkpoint after it has told of a step. So when the next event comes and
    the checkpoint is a newer one, it is of the step that was told before.

    Parameters
    ----------
    folder : pathlib.Path or None
        Of the checkpoint; None takes no notes.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen = _newest(folder)
        self._told: dict[str, float] | None = None

    def tell(self, step: int | None = None, steps: int = 0, elapsed: float = 0.0) -> None:
        """Take down an event: a step, or, without one, the end."""
        newest = _newest(self._folder)
        if self._folder is not None and self._told is not None and newest > self._seen:
            self._seen = newest
            _write_json(self._folder / PROGRESS, self._told)
        if step is not None:
            self._told = {"step": step, "steps": steps, "elapsed": elapsed}


def trainings_folder() -> Path:
    """Return the folder of unfinished trainings; it need not exist."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_data_path("napari-etch", appauthor=False) / "trainings"


def new_folder(title: str) -> KeptFolder:
    """Make the folder of a training that begins.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    return KeptFolder(trainings_folder() / uuid.uuid4().hex[:12], title)


def list_unfinished() -> list[Unfinished]:
    """Return the trainings that can be gone on with, the newest first; old ones are swept away."""
    try:
        folders = [path for path in trainings_folder().iterdir() if path.is_dir()]
    except OSError:
        return []
    found = []
    for folder in folders:
        if is_in_use(folder):
            continue
        training = _described(folder)
        age = time.time() - (_made(folder) if training is None else training.saved)
        if age > (_BEGINS_SECONDS if training is None else 86400 * KEEP_DAYS):
            forget(folder)
        elif training is not None:
            found.append(training)
    return sorted(found, key=lambda training: training.saved, reverse=True)


def forget(folder: Path) -> None:
    """Delete an unfinished training."""
    shutil.rmtree(folder, ignore_errors=True)
    _unlock(folder)


def _unlock(folder: Path) -> None:
    with suppress(OSError):  # on Windows another process may be looking at it
        lock_path(folder).unlink(missing_ok=True)


def request_to_go_on(training: Unfinished, minutes: float | None, device: str) -> LabelledRequest:
    """Return the request that goes on with a training.

    Parameters
    ----------
    training : Unfinished
    minutes : float or None
        How long it may go on for.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises
    ------
    OSError, ValueError
        When the request cannot be read any more.
    """
    asked: TrainRequest = LabelledRequest.read(training.folder)
    together = None if minutes is None else minutes + training.elapsed / 60
    return LabelledRequest(replace(asked, minutes=together, device=device), kept=training.folder)


def model_to_replace(training: Unfinished) -> LibraryModel | None:
    """Return the model that the training made when it was stopped.

    None where it made none, or where the user has renamed or deleted it meanwhile: what was given
    a name of its own is to stay.
    """
    model = find_model(training.made[0]) if training.made else None
    return model if model is not None and _identity(model) == training.made else None


def _identity(model: LibraryModel) -> tuple[str, str, str]:
    return model.name, model.title, model.notes.made


def _described(folder: Path) -> Unfinished | None:
    """Return what can be gone on with in a folder; None where there is no checkpoint."""
    state = folder / STATE
    try:
        asked = json.loads((folder / REQUEST).read_text("utf-8"))
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        progress = json.loads((state / PROGRESS).read_text("utf-8"))
        saved = _newest(state)
        if not saved:
            return None
        return Unfinished(
            folder,
            str(about["title"]),
            str(asked["model"]),
            int(progress["step"]),
            int(progress["steps"]),
            float(progress["elapsed"]),
            saved,
            tuple(map(str, about.get("made", ()))),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _newest(state: Path | None) -> float:
    """Return when the newest whole file of a checkpoint was written; 0 where there is none."""
    if state is None:
        return 0.0
    try:
        files = [path for path in state.iterdir() if path.suffix not in (".json", ".jsonl")]
        times = [path.stat().st_mtime for path in files if path.suffix != ".part"]
    except OSError:
        return 0.0
    return max(times, default=0.0)


def _made(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another process has just deleted it
        return time.time()


def _write_json(path: Path, value: dict[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(value), "utf-8")
    part.replace(path)
