"""Keeping what a training made: the model's folder with notes and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.micrograph.reading import is_hidden
from napari_etch.models.library import Notes
from napari_etch.training.fitted import picture_of, save_with_notes
from napari_etch.training.folder import IMAGES

if TYPE_CHECKING:
    from napari_etch.training.trainers import Trained, TrainRequest


def save_trained(
    trained: Trained, folder: Path, request: TrainRequest, losses: dict[str, float]
) -> None:
    """Write a trained model with what the library wants to know about it.

    Parameters
    ----------
    trained : Trained
        The last event of a training.
    folder : pathlib.Path
        Where to; a model that is there is replaced, by a rename.
    request : TrainRequest
        What was asked.
    losses : dict
        The last values of the terms.
    """
    files = sorted(path for path in (request.data / IMAGES).iterdir() if not is_hidden(path.name))
    notes = Notes.now(
        str(trained.card.get("title", f"{request.model}, trained on {request.data.name}")),
        sources=tuple(request.choice.of(path.name) for path in files),
        start=f"trained from {request.start or request.model}",
        losses={name: float(value) for name, value in losses.items()},
    )
    save_with_notes(
        trained,
        folder,
        notes,
        lambda model: _picture(model, files[0], request) if files else None,
    )


def _picture(model: Path, image: Path, request: TrainRequest) -> bytes | None:
    from napari_etch.micrograph import MicrographError, read_micrograph

    try:
        micrograph = next(read_micrograph(image, stack=True, **request.choice.asked).sections())
    except MicrographError:
        return None
    return picture_of(model, micrograph, None, request.device)


def in_words(scores: dict[str, float]) -> str:
    """Return scores as a person reads them: ``AP50 0.55, VI 1.24``."""
    return ", ".join(f"{_NAMES.get(name, name)} {value:.3g}" for name, value in scores.items())


_NAMES = {"ap50": "AP50", "vi": "VI", "loss": "loss", "iou": "IoU", "miou": "mIoU", "f1": "F1"}
